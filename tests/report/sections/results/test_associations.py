from __future__ import annotations

from itc_analysis.report.html.blocks import Details, Figure, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.html.pictures import drawing
from itc_analysis.report.sections.results import associations
from report.reading import tables_of, text, with_tables


def test_a_number_falls_and_a_category_is_lower(material: Material) -> None:
    section = associations.section(material)
    (shown,) = tables_of(section)
    assert [text(cell) for cell in shown.rows[0][:3]] == [
        "MAIT, cells/µL",
        "Modified Rodnan skin score, per 5 points",
        "falls",
    ]
    rows = material.associations.assign(p_value=0.001, p_adjusted=0.002)
    both = tables_of(associations.section(with_tables(material, associations=rows)))[0]
    assert [text(row[2]) for row in both.rows] == ["higher", "falls"]  # ties by name
    assert [text(row[7]) for row in both.rows] == ["1 / 2", "3"]


def test_where_nothing_is_shown_the_nearest_are_named_as_chance(material: Material) -> None:
    rows = material.associations.assign(p_adjusted=0.9)
    (shown,) = tables_of(associations.section(with_tables(material, associations=rows)))
    assert "None is shown after adjustment" in str(shown.caption)
    assert len(shown.rows) == 2


def test_every_association_is_in_one_of_the_two_lists(material: Material) -> None:
    folded = [b for b in associations.section(material).blocks if isinstance(b, Details)]
    everything, unknown = (next(t for t in b.blocks if isinstance(t, Table)) for b in folded)
    assert len(everything.rows) == int((material.associations["status"] == "ok").sum())
    assert [list(map(text, row)) for row in unknown.rows] == [
        ["Capillaroscopy pattern", "capillaroscopy is known for nobody in SSc", "1"]
    ]


def test_a_limit_with_its_p_is_told_and_not_called_inestimable(material: Material) -> None:
    rows = material.associations.copy()
    bound = rows["status"] == "ok"
    rows.loc[bound, ["estimate", "lower"]] = float("nan")
    rows.loc[bound, "status"] = "not_estimable"
    rows.loc[bound, "upper"] = 0.5
    section = associations.section(with_tables(material, associations=rows))
    assert f"{bound.sum()} of them estimable" in str(getattr(section.blocks[0], "text", ""))
    assert text(tables_of(section)[0].rows[0][3]) == "at most 0.50"


def test_the_role_is_that_of_the_plan(material: Material) -> None:
    rows = material.associations.assign(role="secondary")
    section = associations.section(with_tables(material, associations=rows))
    told = str(getattr(section.blocks[0], "text", ""))
    assert "Secondary: with so many questions" in told
    assert "xploratory" not in told


def test_the_map_leaves_out_what_nobody_has(material: Material) -> None:
    with drawing():  # words stay words
        section = associations.section(material)
    (figure,) = [b for b in section.blocks if isinstance(b, Figure)]
    assert "Modified Rodnan skin score" in str(figure.picture)
    assert "Capillaroscopy" not in str(figure.picture)


def test_an_empty_table_is_no_section(material: Material) -> None:
    names = ("associations", "compositions", "modalities", "modality_agreement")
    empty = with_tables(material, **{name: getattr(material, name).iloc[:0] for name in names})
    assert associations.section(empty) is None
