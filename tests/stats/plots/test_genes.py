"""The volcano: which genes are drawn, coloured and named."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.colors import to_hex

from itc_analysis.stats.plots.genes import GREY, plot_volcano
from itc_analysis.tables import contract
from itc_analysis.tables.stats.genes import Genes


def table(**columns):
    n = 4
    rows = {
        "comparison": "SSc vs healthy",
        "index_group": "SSc",
        "reference_group": "healthy",
        "population": "mait",
        "gene": ["UP", "DOWN", "SAME", "RARE"],
        "log2_fold_change": [2.0, -1.0, 0.1, None],
        "p_value": [1e-6, 1e-3, 0.5, None],
        "p_adjusted": [3e-6, 1.5e-3, 0.5, None],
        "n_index": 8,
        "n_reference": 7,
        "covariates": "none",
        "status": ["ok", "ok", "ok", "low_expression"],
        "reason": [None, None, None, "too few molecules"],
        "plan_digest": "abc",
    }
    return contract.make(pd.DataFrame(rows | columns, index=range(n)), Genes)


def test_tested_genes_are_points_and_found_ones_are_coloured_by_direction_and_named():
    ax = plot_volcano(table())
    rest, found = ax.collections
    assert found.get_offsets().tolist() == [[2.0, 6.0], [-1.0, 3.0]]
    assert rest.get_offsets().tolist() == [[0.1, pytest.approx(0.30103)]]
    assert len({to_hex(colour) for colour in found.get_facecolors()}) == 2
    assert to_hex(rest.get_facecolors()[0]) == to_hex(GREY)
    assert [text.get_text() for text in ax.texts] == ["UP", "DOWN"]
    assert "n = 8 / 7" in ax.get_title()
    assert "2 of 3 genes" in ax.get_title()


def test_only_so_many_genes_are_named():
    assert [text.get_text() for text in plot_volcano(table(), n_named=1).texts] == ["UP"]


def test_names_of_points_on_one_spot_do_not_run_into_one_another():
    genes = table(log2_fold_change=1.0, p_value=1e-4, p_adjusted=2e-4, status="ok")
    ax = plot_volcano(genes)
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == len(genes)
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_a_p_that_rounds_to_zero_is_drawn():
    genes = table(p_value=[0.0, 1e-3, 0.5, None], p_adjusted=[0.0, 1.5e-3, 0.5, None])
    assert plot_volcano(genes).collections[1].get_offsets()[0, 1] == 300


def test_a_comparison_without_a_test_says_so():
    genes = table(
        p_value=None, p_adjusted=None, log2_fold_change=None, status="low_expression", reason="few"
    )
    assert "no gene tested" in plot_volcano(genes).get_title()


def test_two_comparisons_are_not_drawn_together():
    with pytest.raises(ValueError, match="2 comparisons"):
        plot_volcano(table(comparison=["a", "a", "b", "b"]))
