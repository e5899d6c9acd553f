from __future__ import annotations

from itc_analysis.stats.plots.associations import plot_association_map


def test_map_has_a_square_per_association_and_a_dot_where_found(study):
    ax = plot_association_map(study["associations"])
    square = ax.images[0].get_array()
    assert square.shape == (3, 2)
    assert square.mask[2].all()  # calcinosis is known for nobody
    assert square[0, 0] < -0.5  # MAIT cells fall with the skin score
    assert ax.collections[0].get_offsets().tolist() == [[0, 0]]
    assert "n = 30 analysed" in ax.get_title()
