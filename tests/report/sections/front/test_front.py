"""The first screen says what the tables say, whatever a study lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from itc_analysis.config.steps import ReportSettings
from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Outcome
from itc_analysis.report.html.material import Material, collect
from itc_analysis.report.sections.front import caveats, headline, outcomes, sentences
from itc_analysis.report.sections.results import answer
from report.reading import with_tables


def with_comparisons(material: Material, **changes: object) -> Material:
    return with_tables(material, comparisons=material.comparisons.assign(**changes))


def test_the_title_answers_with_the_first_control(material: Material) -> None:
    told = headline.headline(material)
    assert told.startswith("In ")
    assert " people with SSc compared with 4 healthy: " in told
    for row in headline.answer_rows(material).itertuples():
        assert words.population(row.population) in told
        if row.status == "ok":
            assert words.ratio(row.estimate) in told


def test_comparisons_of_one_subset_of_ssc_are_no_answer(material: Material) -> None:
    """They stand among the other comparisons: on the first screen they read as if of all SSc."""
    rows = material.comparisons
    few = rows.assign(
        comparison=rows["comparison"].str.replace("SSc", "SSc (dcSSc)", n=1),
        family="diffuse SSc",
        role="exploratory",
        estimate=rows["estimate"] * 7,
    )
    both = with_tables(material, comparisons=pd.concat([few, rows], ignore_index=True))
    shown, alone = answer.abundance_rows(both), answer.abundance_rows(material)
    columns = ["population", "measure", "reference_group", "estimate"]
    left, right = (table[columns].reset_index(drop=True) for table in (shown, alone))
    pd.testing.assert_frame_equal(left, right)
    assert headline.headline(both) == headline.headline(material)


@pytest.mark.parametrize(
    ("kind", "median", "told"),
    [
        ("odds_ratio", 0.02, "0.18 times as frequent (0.09 to 0.37)"),
        ("odds_ratio", 0.3, "0.18 times the odds (0.09 to 0.37)"),
        ("ratio", 0.02, "0.18 times as many per µL (0.09 to 0.37)"),
    ],
)
def test_an_odds_ratio_is_a_frequency_only_where_the_population_is_rare(
    material: Material, kind: str, median: float, told: str
) -> None:
    row = material.comparisons.head(1).assign(
        estimate=0.18, lower=0.0901, upper=0.37, estimate_kind=kind,
        median_index=median, median_reference=median,
    )  # fmt: skip
    assert headline.times(next(row.itertuples())).replace("0.090", "0.09") == told


def test_no_difference_is_said_with_what_remains_possible(material: Material) -> None:
    open_ones = with_comparisons(material, p_value=0.6, p_adjusted=0.9)
    rows = answer.abundance_rows(open_ones)
    rows = rows[rows["population"] == "gd_t_cells"]
    told = sentences.not_shown(rows, open_ones)
    first = next(rows.itertuples())
    assert told.startswith("Does not show that the groups are alike: ")
    assert f"{words.ratio(first.lower)} to {words.ratio(first.upper)} times" in told
    assert "No difference shown from healthy" in sentences.found(rows, open_ones)


def test_what_is_shown_before_the_adjustment_only_is_said_so(material: Material) -> None:
    alone = with_comparisons(
        material, estimate=0.14, lower=0.022, upper=0.84, p_value=0.03, p_adjusted=0.09
    )
    rows = answer.abundance_rows(alone)
    rows = rows[rows["population"] == "mait"]
    told = sentences.not_shown(rows, alone)
    assert "remains possible" not in told
    assert "before adjustment for the number of comparisons, the interval is 0.022 to" in told
    assert "No difference from healthy, pooled CTD" in sentences.found(rows, alone)
    assert "no difference shown after adjustment for MAIT" in headline.headline(alone)


def test_a_pool_of_one_disease_is_not_said_twice(material: Material) -> None:
    pooled = material.comparisons["reference_group"].str.contains("+", regex=False)
    reference = material.comparisons["reference_group"].where(~pooled, "SLE")
    single = with_comparisons(material, reference_group=reference)
    rows = answer.abundance_rows(single)
    rows = rows[rows["population"] == "mait"]
    assert not rows.duplicated(["assay", "measure", "reference_group"]).any()
    assert set(rows.loc[rows["reference_group"] == "SLE", "role"]) == {"primary"}
    told = sentences.found(rows, single)
    assert told.count(words.measure("share_of_t")) < 2


def test_controls_of_which_the_same_is_said_share_a_bracket(material: Material) -> None:
    is_share = material.comparisons["measure"] == "share_of_t"
    changes = {
        name: material.comparisons[name].where(is_share) for name in ("estimate", "lower", "upper")
    }
    status = material.comparisons["status"].where(is_share, "not_estimable")
    p = pd.Series(0.9, index=status.index).where(is_share)
    open_ones = with_comparisons(material, **changes, status=status, p_value=p, p_adjusted=p)
    rows = answer.abundance_rows(open_ones)
    told = sentences.found(rows[rows["population"] == "mait"], open_ones)
    assert told == (
        "No difference shown from healthy, pooled CTD, SLE, pSS, RA and IIM (% of T cells); "
        "not estimable against healthy, pooled CTD, SLE, pSS, RA and IIM (cells/µL)."
    )


def test_what_cannot_be_estimated_says_why(material: Material) -> None:
    nothing = dict.fromkeys(("estimate", "lower", "upper", "p_value", "p_adjusted"), float("nan"))
    lost = with_comparisons(material, **nothing, status="not_estimable", reason="2 people; so")
    rows = answer.abundance_rows(lost)
    rows = rows[rows["population"] == "mait"]
    assert sentences.not_shown(rows, lost) == "Nothing can be said about the groups: 2 people."
    assert headline.headline(lost).endswith("analysed participants: no comparison of groups")


def test_a_difference_that_rests_on_one_person_says_so(material: Material) -> None:
    shown = with_comparisons(material, p_adjusted=0.001)
    rows = answer.abundance_rows(shown)
    told = sentences.not_shown(rows[rows["population"] == "mait"], shown)
    person = material.diagnostics["most_influential"].dropna().iloc[0]
    assert f"that it holds without {person}" in told
    items = " ".join(str(item) for item in caveats.section(shown).blocks[0].items)  # type: ignore[union-attr]
    assert f"rests on one person, {person}" in items


@pytest.mark.parametrize(
    ("parts", "n_figures"),
    [
        ({"groups": ("SSc",)}, 2),  # nobody to compare with: the people alone
        ({"groups": ("RA", "healthy")}, 3),  # nobody in the index group: asked for, not estimable
        ({"groups": ("SSc", "healthy")}, 3),
    ],
)
def test_a_study_shows_the_people_it_has(
    make_results: Callable[..., Path],
    settings: ReportSettings,
    parts: dict[str, object],
    n_figures: int,
) -> None:
    few = collect(make_results(**parts, with_single_cell=False), settings)
    lines = [block for block in outcomes.section(few).blocks if isinstance(block, Outcome)]
    assert len(lines) == 4
    assert {len(line.figures) for line in lines} == {n_figures}
    is_compared = parts["groups"] == ("SSc", "healthy")
    assert headline.headline(few).startswith("In ") == is_compared
    assert caveats.section(few).blocks


def test_what_only_other_families_compare_is_not_called_uncompared(material: Material) -> None:
    """A study without flow cytometry: the plan's primary comparisons are of it."""
    cells = material.measurements.query("assay == 'flow'").assign(assay="singlecell")
    asked = material.comparisons.query("assay == 'flow'")
    further = asked.query("population == 'mait'").assign(assay="singlecell", role="exploratory")
    lines = outcomes.outcomes(
        with_tables(material, measurements=cells, comparisons=pd.concat([asked, further]))
    )
    limits = {line.title: line.not_shown for line in lines}
    assert limits["MAIT (single cell)"].startswith("Its comparisons are not primary ones")
    assert limits["iNKT (single cell)"] == "Not compared between groups."


def test_other_populations_than_the_trials_are_shown_as_they_are(material: Material) -> None:
    tables = {}
    for name in ("measurements", "comparisons", "verdicts"):
        table = getattr(material, name)
        renamed = table["population"].replace({"mait": "t_cells", "inkt": "cd4_t_cells"})
        tables[name] = table.assign(population=renamed)[renamed.isin(["t_cells", "cd4_t_cells"])]
    lines = outcomes.outcomes(with_tables(material, **tables))
    assert [line.title for line in lines] == ["T cells", "CD4 T"]


@pytest.mark.parametrize(("p", "is_said"), [(None, True), (0.3, True), (0.001, False)])
def test_what_a_limit_shows_without_the_one_person_holds(
    material: Material,
    p: float | None,
    is_said: bool,  # noqa: FBT001
) -> None:
    shown = with_comparisons(material, p_adjusted=0.001)
    beside = shown.diagnostics.assign(
        is_carried_by_one=True, one_out_lowest=None, p_without_most_influential=p
    )
    shown = with_tables(shown, diagnostics=beside)
    rows = answer.abundance_rows(shown)
    told = sentences.not_shown(rows[rows["population"] == "mait"], shown)
    assert ("that it holds without" in told) is is_said


def test_how_many_are_below_the_limit_names_the_two_sides(material: Material) -> None:
    """Another screen gives the number of another comparison: bare, they contradict each other."""
    row = material.comparisons.assign(n_below_lod=5).iloc[0]
    (told,) = sentences._size([row], material)
    assert f"people in {row['index_group']} and " in told
