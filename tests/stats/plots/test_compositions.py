from __future__ import annotations

import pytest

from itc_analysis.stats.plots.compositions import plot_composition


def test_composition_shows_parts_and_the_joint_p(study):
    rows = study["compositions"].query("comparison == 'SSc vs healthy'")
    ax = plot_composition(rows)
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "mait (n = 30 / 25)",
        "inkt (n = 30 / 25)",
    ]
    assert "joint p" in ax.get_title()
    ax = plot_composition(study["compositions"].query("comparison == 'SSc vs CTD'"))
    assert ax.get_title().endswith("no joint test")
    with pytest.raises(ValueError, match="the rows hold 2 compositions"):
        plot_composition(study["compositions"])
