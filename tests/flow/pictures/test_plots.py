"""Gate plots show what the tables say."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import five_tubes, gate_tubes
from itc_analysis.flow.pictures import plots
from itc_analysis.flow.pictures.gate_drawing import read_density

Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    mpl.use("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def tables() -> Tables:
    """Return histograms, gates and counts of five tubes, one of which has no iNKT cells."""
    gates, made = gate_tubes(five_tubes())
    return made.histograms, gates, made.counts


def test_the_cut_is_drawn_where_it_is(tables: Tables) -> None:
    histograms, gates, counts = tables
    ax = plots.plot_gate(histograms, gates, counts, file_id="A", population="inkt")
    row = gates.set_index(["file_id", "population"]).loc[("A", "inkt")]
    drawn = [line.get_xdata()[0] for line in ax.lines]
    assert row["cut"] in drawn
    assert row["cut_tube"] in drawn
    low, high = ax.get_xlim()
    assert low < row["cut"] < high


def test_the_title_tells_state_and_counts(tables: Tables) -> None:
    histograms, gates, counts = tables
    title = plots.plot_gate(histograms, gates, counts, file_id="A", population="inkt").get_title()
    row = counts.set_index(["source_id", "population"]).loc[("A", "inkt")]
    assert f"n = {row['n_events']} of {row['n_parent']:,}" in title
    assert "inkt: " in title


def test_a_one_dimensional_view_is_a_histogram(tables: Tables) -> None:
    histograms, gates, counts = tables
    flat = histograms[histograms["population"] == "t_cells"]
    assert flat["marker_y"].isna().all()
    ax = plots.plot_gate(flat, gates, counts, file_id="A", population="t_cells")
    assert ax.get_ylabel() == "events"
    assert ax.get_xlabel() == "CD3"


def test_the_worst_tube_is_looked_at_first(tables: Tables) -> None:
    _, gates, _ = tables
    order = plots.worst_first(gates[gates["population"] == "inkt"])
    assert sorted(order) == list("ABCDE")
    states = gates[gates["population"] == "inkt"].set_index("file_id")["state"]
    ranks = [plots.STATE_ORDER.index(states[file_id]) for file_id in order]
    assert ranks == sorted(ranks)
    assert order[0] == "D"  # nobody stands out there


def test_a_combination_is_drawn_where_its_part_was_cut(tables: Tables) -> None:
    histograms, gates, counts = tables
    ax = plots.plot_gate(histograms, gates, counts, file_id="A", population="not_inkt")
    cut = gates.set_index(["file_id", "population"]).loc[("A", "inkt"), "cut"]
    assert cut in [line.get_xdata()[0] for line in ax.lines]


def test_events_inside_the_gate_are_coloured_and_all_others_grey(tables: Tables) -> None:
    histograms, gates, counts = tables
    ax = plots.plot_gate(histograms, gates, counts, file_id="A", population="inkt")
    inside, outside = (np.ma.getmaskarray(image.get_array()) for image in ax.images)
    density = read_density(
        histograms.set_index(["source_id", "population"]).loc[("A", "inkt")].to_dict()
    )
    drawn = ~inside | ~outside
    assert ((density.counts > 0) == drawn.T).all()
    assert not (~inside & ~outside).any()


def test_a_gate_without_view_is_refused(tables: Tables) -> None:
    with pytest.raises(ValueError, match="no view of 'mait' in tube 'A'"):
        plots.plot_gate(*tables, file_id="A", population="mait")
