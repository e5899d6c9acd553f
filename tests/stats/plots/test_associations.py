from __future__ import annotations

import pytest

from itc_analysis.stats.plots.associations import plot_association_map, plot_associations


def texts(labels) -> list[str]:
    return [label.get_text() for label in labels]


def test_associations_have_a_line_each_with_n_and_the_one_without_says_so(study):
    mait = study["associations"].query("population == 'mait'")
    ax = plot_associations(mait)
    n_yes, n_no = mait.iloc[1][["n_level", "n_reference"]]
    expected = ["mrss per 5 points (n = 30)", f"ild yes vs no (n = {n_yes} / {n_no})"]
    # ticks are given from the top down
    assert texts(ax.get_yticklabels()) == [*expected, "calcinosis yes vs no (n = 0)"]
    assert any("not estimable" in text for text in texts(ax.texts))
    assert ax.get_xscale() == "log"
    assert ax.get_title() == "SSc: mait share of T cells"
    with pytest.raises(ValueError, match="the rows hold 2 endpoints"):
        plot_associations(study["associations"])


def test_map_has_a_square_per_association_and_a_dot_where_found(study):
    ax = plot_association_map(study["associations"])
    square = ax.images[0].get_array()
    assert square.shape == (3, 2)
    assert square.mask[2].all()  # calcinosis is known for nobody
    assert square[0, 0] < -0.5  # MAIT cells fall with the skin score
    assert ax.collections[0].get_offsets().tolist() == [[0, 0]]
    assert "n = 30 analysed" in ax.get_title()
