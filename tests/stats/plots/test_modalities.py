from __future__ import annotations

from itc_analysis.stats.plots.modalities import plot_modalities


def test_every_participant_with_both_methods_is_a_point(study):
    rows = study["modalities"].query("population == 'mait'")
    ax = plot_modalities(rows)
    n_drawn = sum(len(points.get_offsets()) for points in ax.collections)
    assert n_drawn == rows["status"].isin(["both", "one_below_lod"]).sum() > 50
    n_both = int((rows["status"] == "both").sum())
    assert f"n = {n_both} by both" in ax.get_title()
    low = study["modalities"].query("population == 'inkt'")
    assert (low["status"] == "one_below_lod").any()
    triangles = plot_modalities(low).collections[2].get_offsets()
    assert len(triangles) == int(
        ((low["status"] == "one_below_lod") & low["cell_limit"].notna()).sum()
    )


def test_discordant_participants_are_named_in_the_picture(study):
    rows = study["modalities"].query("population == 'mait'").copy()
    rows["is_discordant"] = (rows["participant_id"] == "P003").astype("boolean")
    assert "P003" in [text.get_text() for text in plot_modalities(rows).texts]


def test_a_population_that_one_method_lacks_is_an_empty_picture(study):
    ax = plot_modalities(study["modalities"].query("population == 'vd1'"))
    assert ax.get_title() == "vd1: n = 0 by both, 0 below detection by one"
