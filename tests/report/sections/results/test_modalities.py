from __future__ import annotations

import pandas as pd
from lxml import html

from itc_analysis.report.html.blocks import Gallery
from itc_analysis.report.html.material import Material
from itc_analysis.report.sections.results import modalities
from report.reading import tables_of, text, with_tables


def test_who_disagrees_is_named(material: Material) -> None:
    agreement, discordant = tables_of(modalities.section(material))
    assert [text(cell) for cell in agreement.rows[0]][:2] == ["MAIT", "8 / 1 / 0"]
    assert text(agreement.rows[1][2]) == "not estimable"
    first = material.modalities.query("is_discordant").iloc[0]
    (row,) = discordant.rows
    assert text(row[0]) == first["participant_id"]
    assert "of which 1 disagrees." in str(discordant.caption)


def test_everybody_with_both_numbers_is_a_point_that_can_be_highlighted(material: Material) -> None:
    page = modalities.section(material)
    assert page is not None
    (gallery,) = (block for block in page.blocks if isinstance(block, Gallery))
    people = material.participants.set_index("participant_id")["group"]
    for drawn, (_, own) in zip(
        gallery.figures,
        modalities.in_order(
            material.modalities.query("status in ['both', 'one_below_lod']")
        ).groupby("population", sort=False),
        strict=True,
    ):
        tree = html.fromstring(f"<div>{drawn.picture}</div>")
        points = tree.xpath("//svg[@class='points']//*[contains(@class, 'p') and @data-p]")
        assert sorted(point.get("data-p") for point in points) == sorted(own["participant_id"])
        for point in points:
            person = point.get("data-p")
            row = own[own["participant_id"] == person].iloc[0]
            assert point.getparent().get("data-g") == people[person]
            assert point.get("data-b") == "b1"
            is_low = pd.isna(row["flow_share"]) or pd.isna(row["cell_share"])
            assert ("low" in point.get("class")) == is_low
            assert ("odd" in point.get("class")) == bool(row["is_discordant"])
        exact = own.dropna(subset=["flow_share", "cell_share"])
        places = {point.get("data-p"): point for point in points}
        for axis, share, sign in (("cx", "flow_share", 1), ("cy", "cell_share", -1)):
            at = [
                sign * float(places[who].get(axis))
                for who in exact.sort_values(share)["participant_id"]
            ]
            assert at == sorted(at)


def test_an_empty_table_is_no_section(material: Material) -> None:
    names = ("associations", "compositions", "modalities", "modality_agreement")
    empty = with_tables(material, **{name: getattr(material, name).iloc[:0] for name in names})
    assert modalities.section(empty) is None
