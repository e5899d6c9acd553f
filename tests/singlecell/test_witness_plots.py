from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from statsmodels.stats.proportion import proportion_confint

from itc_analysis.singlecell.witness_plots import (
    DOT,
    plot_cell_quality,
    plot_receptors,
    plot_reliability,
    plot_witnesses,
)


@pytest.fixture
def cells() -> pd.DataFrame:
    """Three libraries of 200 cells; a third of the cells lacks its alpha chain."""
    rng = np.random.default_rng(3)
    n = 600
    chance = rng.choice([0.01, 0.2, 0.6, 0.95], n)
    is_mait = rng.random(n) < chance
    has_alpha = np.arange(n) % 3 > 0
    kind = np.where(is_mait, "mait", "ab").astype(object)
    return pd.DataFrame(
        {
            "library_id": np.repeat(["a", "b", "c"], 200),
            "n_counts": np.exp(8 + 0.4 * rng.normal(size=n)),
            "n_genes": np.round(np.exp(6.8 + 0.3 * rng.normal(size=n))).astype(int),
            "share_mito": rng.beta(4, 90, n),
            "mait_by_rna": chance,
            "has_alpha": has_alpha,
            "receptor": pd.array(np.where(has_alpha, kind, None), dtype="string"),
        }
    )


def axes() -> object:
    return Figure().subplots()


def test_every_library_has_its_violins_medians_and_ranks(cells: pd.DataFrame) -> None:
    drawn = Figure().subplots(2, 2).ravel()
    plot_cell_quality(cells, drawn)
    assert [len(ax.collections) for ax in drawn[:3]] == [3, 3, 3]
    shown = [float(line.get_ydata()[0]) for line in drawn[0].lines]
    slow = [np.log10(cells.loc[cells["library_id"] == one, "n_counts"].median()) for one in "abc"]
    assert shown == pytest.approx(slow, abs=1e-3)
    for line in drawn[3].lines:
        assert len(line.get_xdata()) == 200
        assert (np.diff(line.get_ydata()) <= 0).all()


def test_reliability_is_the_share_of_chains_in_each_bin_with_exact_limits(
    cells: pd.DataFrame,
) -> None:
    ax = plot_reliability(cells, ax=axes())
    points = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(points) == 4
    judged = cells[cells["has_alpha"]]
    for line, chance in zip(points, (0.01, 0.2, 0.6, 0.95), strict=True):
        own = judged[judged["mait_by_rna"] == chance]["receptor"] == "mait"
        assert line.get_xdata()[0] == pytest.approx(chance)
        assert line.get_ydata()[0] == pytest.approx(own.mean())
    bars = [line for line in ax.lines if len(line.get_xdata()) == 2][1:]
    own = judged[judged["mait_by_rna"] == 0.2]["receptor"] == "mait"
    expected = proportion_confint(own.sum(), len(own), method="beta")
    assert bars[1].get_ydata().tolist() == pytest.approx(expected, abs=1e-6)
    assert [int(text.get_text()) for text in ax.texts] == [
        int((judged["mait_by_rna"] == chance).sum()) for chance in (0.01, 0.2, 0.6, 0.95)
    ]


def test_each_library_is_a_point_in_the_column_of_its_group(cells: pd.DataFrame) -> None:
    cells.loc[cells["library_id"] == "c", "has_alpha"] = False
    ax = plot_receptors(cells, pd.Series({"a": "SSc", "b": "SSc"}, dtype=object), ax=axes())
    labels = [text.get_text() for text in ax.get_xticklabels()]
    assert labels == ["SSc\nn = 2", "no group\nn = 1"]
    points = [line for line in ax.lines if line.get_marker() == "o"]
    slow = sorted(cells[cells["library_id"] == one]["has_alpha"].mean() for one in "ab")
    assert points[0].get_ydata().tolist() == pytest.approx(slow)
    assert points[1].get_ydata().tolist() == [0]


def test_the_largest_dot_of_a_gene_is_that_of_the_population_with_most_per_molecule() -> None:
    profiles = pd.DataFrame(
        [
            ("s1", "mait", "SLC4A10", 30.0),
            ("s2", "mait", "SLC4A10", 10.0),
            ("s1", "cd4_t_cells", "SLC4A10", 40.0),
            ("s1", "cd4_t_cells", "CD4", 5.0),
            ("s1", "t_cells", "CD4", 5.0),
        ],
        columns=["sample_id", "population", "gene", "n_counts"],
    )
    depth = pd.DataFrame(
        [("mait", 500.0), ("mait", 500.0), ("cd4_t_cells", 4000.0), ("inkt", 0.0)],
        columns=["population", "n_counts"],
    )
    ax = plot_witnesses(profiles, depth, ax=axes())
    assert [text.get_text() for text in ax.get_yticklabels()] == ["mait", "cd4 t cells"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["SLC4A10", "CD4"]
    mait, cd4 = (drawn.get_sizes() for drawn in ax.collections)
    assert mait.tolist() == pytest.approx([DOT, 0])
    # 0.01 against 0.04 per molecule
    assert cd4.tolist() == pytest.approx([DOT / 4, DOT])
