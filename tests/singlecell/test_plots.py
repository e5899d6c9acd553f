from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from itc_analysis.singlecell.plots import SHOWN, plot_evidence, plot_quality


def table() -> pd.DataFrame:
    rows = []
    for library, n in (("a", 10), ("b", 4)):
        rows += [(library, "mait", "both")] * n + [(library, "cd4_t_cells", "rna")] * 10
    rows += [("c", "not_t", "rna")] * 5
    return pd.DataFrame(rows, columns=["library_id", "call", "decided_by"]).astype("string")


def test_every_library_with_t_cells_is_a_point_in_every_row() -> None:
    ax = plot_evidence(table())
    assert len(ax.lines) == 2 * len(SHOWN)
    shares = sorted(float(line.get_xdata()[0]) for line in ax.lines if line.get_xdata()[0] > 0)
    assert shares == sorted([10 / 20, 10 / 20, 4 / 14, 10 / 14])
    assert "n = 34 cells, 3 libraries" in ax.get_xlabel()


def test_points_are_filled_where_the_receptor_had_a_part() -> None:
    filled = [
        line.get_markerfacecolor() != "none"
        for line in plot_evidence(table()).lines
        if line.get_xdata()[0] > 0
    ]
    assert filled == [True, True, False, False]  # MAIT of a and b, CD4 of a and b


def test_unused_libraries_are_crosses_and_n_is_told() -> None:
    quality = pd.DataFrame(
        {
            "library_id": ["b", "a"],
            "status": ["unreadable", "ok"],
            "n_barcodes": [0, 100],
            "n_cells": [0, 90],
        }
    )
    axes = Figure().subplots()
    assert plot_quality(quality, ax=axes) is axes
    assert "1 of 2 libraries used, n = 90 cells" in axes.get_title()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]
    assert axes.lines[-1].get_marker() == "x"
    assert list(axes.lines[-1].get_xdata()) == [1]
