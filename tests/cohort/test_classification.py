"""The scoring tables, against vectors worked out by hand from the published tables."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cohort.cohort_examples import (
    PARTICIPANT_ITEMS,
    absent,
    items_from_text,
    no_findings,
    participant_table,
    spotless,
)
from itc_analysis.cohort.classification import (
    iim_2017,
    ra_2010,
    sjogren_2016,
    sle_2019,
    ssc_2013,
    ssc_early_2001,
)
from itc_analysis.cohort.classification.engine import Result, Truth
from itc_analysis.cohort.classification.run import (
    TITLES,
    classify,
    describe_contributions,
    facts_of,
    run_all,
)
from itc_analysis.cohort.sheets.columns import sheet_forms
from itc_analysis.config.sections import Cohort
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.classification import ClassificationSheet

VECTORS = Path(__file__).with_name("classification_vectors.tsv")
_FORMS = sheet_forms()
COLUMNS = {
    column.name: column
    for sheet in ("ParticipantSheet", "ClassificationSheet")
    for column in _FORMS[sheet].columns
}
ITEMS = [
    name
    for name in (*(c.name for c in _FORMS["ClassificationSheet"].columns), *PARTICIPANT_ITEMS)
    if name not in ("participant_id", "better_explained")
]


def read_vectors() -> list[dict[str, str]]:
    with VECTORS.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def present(name: str) -> Any:
    """Return a value that scores wherever the item scores at all."""
    values = {"ssc_raynaud": "measured", "iim_onset_age_years": 50.0}
    lowest = ("pss_schirmer_mm", "pss_saliva_ml_per_min")
    if name in values or COLUMNS[name].kind == "yes_no":
        return values.get(name, True)
    return 0.0 if name in lowest else 1000.0 if "titre" in name or "uln" in name else 30.0


def items_of(vector: dict[str, str]) -> dict[str, Any]:
    rest = {"no": absent, "yes": present, "?": {}.get}[vector["rest"]]
    return {name: rest(name) for name in ITEMS} | items_from_text(vector["given"])


def result_of(criteria: str, items: dict[str, Any]) -> Result:
    return {result.criteria: result for result in run_all(items)}[criteria]


@pytest.mark.parametrize(
    "vector",
    read_vectors(),
    ids=[f"{number}-{v['criteria']}-{v['origin']}" for number, v in enumerate(read_vectors(), 2)],
)
def test_every_vector_gets_its_range_verdict_and_remark(vector: dict[str, str]) -> None:
    result = result_of(vector["criteria"], items_of(vector))
    assert result.verdict == vector["verdict"]
    for score, expected in ((result.low, "score_min"), (result.high, "score_max")):
        # compared as integers: 9.8 is 98 tenths
        told = None if vector[expected] == "" else round(float(vector[expected]) * result.scale)
        assert score == told
    said = " ".join([result.category or "", *result.flags])
    assert vector["says"] in said
    # with two tables applied, a domain's range spans both, and need not add up to that of the sums
    if result.low is not None and "both tables applied" not in said:
        assert sum(part.low for part in result.contributions) == result.low
        assert sum(part.high for part in result.contributions) == result.high
    if result.verdict == "not_assessable":
        assert result.missing
        assert all(items_of(vector).get(name) is None for name in result.missing)


def test_the_document_gives_16_vectors_and_each_set_has_10_more() -> None:
    vectors = read_vectors()
    # the LeRoy half of a 2013 vector and the second half of an IIM vector are rows of their own
    assert sum(v["origin"].startswith("document, section 7") for v in vectors) == 16 + 2
    for criteria in TITLES:
        own = [v for v in vectors if v["criteria"] == criteria]
        assert sum(not v["origin"].startswith("document") for v in own) >= 10


def test_highest_scores_are_the_published_ones() -> None:
    assert ssc_2013.SSC_2013.highest == 24
    assert sle_2019.SLE_2019.highest == 51
    assert sjogren_2016.SJOGREN_2016.highest == 9
    assert ra_2010.RA_2010.highest == 10
    assert iim_2017.WITHOUT_BIOPSY.highest == 208
    assert iim_2017.WITH_BIOPSY.highest == 295


def test_every_item_that_is_read_is_a_column_of_a_sheet() -> None:
    read = {
        *ssc_2013.SSC_2013.items,
        *ssc_early_2001.ITEMS,
        *ssc_early_2001.SKIN,
        *sle_2019.SLE_2019.items,
        *sjogren_2016.SJOGREN_2016.items,
        *ra_2010.RA_2010.items,
        *iim_2017.WITH_BIOPSY.items,
    }
    assert read <= set(ITEMS)
    named_only = {"iim_biopsy", "iim_weak_finger_flexors", "iim_responds_to_treatment"}
    assert set(ITEMS) - read == named_only


def test_whether_seen_raynaud_is_objective_is_a_setting() -> None:
    items = {name: absent(name) for name in ITEMS}
    items |= {"ssc_raynaud": "observed", "ssc_abnormal_capillaries": True}
    by_default = {result.criteria: result.verdict for result in run_all(items)}
    strict = {
        result.criteria: result.verdict for result in run_all(items, objective_raynaud=["measured"])
    }
    assert by_default["ssc_early_2001"] == "fulfils"
    assert strict["ssc_early_2001"] == "does_not_fulfil"


#: Values from absent to present, so that a later one never takes a finding away.
LADDERS: dict[str, list[Any]] = {
    "ssc_raynaud": ["none", "reported", "observed", "measured"],
    "ssc_antibody_titre": [0.0, 80.0, 100.0, 640.0],
    "ana_titre": [0.0, 79.0, 80.0, 640.0],
    "pss_focus_score": [0.0, 0.9, 1.0, 4.0],
    "pss_schirmer_mm": [20.0, 6.0, 5.0, 0.0],
    "pss_saliva_ml_per_min": [1.0, 0.2, 0.1, 0.0],
    "ra_large_joints": [0.0, 1.0, 2.0, 10.0],
    "ra_small_joints": [0.0, 1.0, 4.0, 11.0, 30.0],
    "ra_other_joints": [0.0, 3.0, 6.0],
    "ra_rf_times_uln": [0.0, 1.0, 2.0, 3.5],
    "ra_acpa_times_uln": [0.0, 1.0, 2.0, 3.5],
    "ra_duration_weeks": [0.0, 5.0, 6.0, 100.0],
    "iim_onset_age_years": [10.0, 18.0, 40.0, 80.0],
}
#: Items that bar a set, which score nothing.
BARS = [
    "ssc_fingers_spared",
    "ssc_like_disorder",
    "pss_head_neck_radiation",
    "pss_hepatitis_c",
    "pss_aids",
    "pss_sarcoidosis",
    "pss_amyloidosis",
    "pss_gvhd",
    "pss_igg4",
]
#: Chooses between the two tables of IIM, whose points differ: no finding.
CHOOSES = ["iim_biopsy", *iim_2017.BIOPSY_WEIGHTS]


def ladder(name: str) -> list[Any]:
    return LADDERS.get(name, [False, True])


PEOPLE = st.fixed_dictionaries(
    {name: st.one_of(st.none(), st.sampled_from(ladder(name))) for name in ITEMS}
)


@settings(max_examples=150)
@given(items=PEOPLE, name=st.sampled_from([n for n in ITEMS if n not in CHOOSES]))
def test_a_more_positive_item_never_lowers_a_score(items: dict[str, Any], name: str) -> None:
    previous: dict[str, Result] | None = None
    for value in ladder(name):
        now = {result.criteria: result for result in run_all(items | {name: value})}
        for criteria, before in (previous or {}).items():
            after = now[criteria]
            if before.low is not None and before.high is not None:
                assert (after.low or 0) >= before.low
                assert (after.high or 0) >= before.high
            if before.verdict == "fulfils" and name not in BARS:
                assert after.verdict == "fulfils"
        previous = now


@settings(max_examples=150)
@given(items=PEOPLE, biopsy=st.booleans(), name=st.sampled_from(sorted(iim_2017.BIOPSY_WEIGHTS)))
def test_a_positive_biopsy_finding_never_lowers_the_score_of_its_table(
    *, items: dict[str, Any], biopsy: bool, name: str
) -> None:
    items = items | {"iim_biopsy": biopsy}
    without, with_ = (result_of("iim_2017", items | {name: v}) for v in (False, True))
    assert (with_.low or 0) >= (without.low or 0)
    assert (with_.high or 0) >= (without.high or 0)


@settings(max_examples=150)
@given(items=PEOPLE, data=st.data())
def test_resolving_a_missing_item_never_widens_a_range_nor_changes_a_verdict(
    items: dict[str, Any], data: st.DataObject
) -> None:
    missing = [name for name in ITEMS if items[name] is None]
    if not missing:
        return
    name = data.draw(st.sampled_from(missing))
    value = data.draw(st.sampled_from(ladder(name)))
    # a stated finding already says that a biopsy was read: 'no biopsy' then contradicts, it does
    # not resolve
    has_finding = any(items[finding] is not None for finding in iim_2017.BIOPSY_WEIGHTS)
    assume(not (name == "iim_biopsy" and value is False and has_finding))
    before = {result.criteria: result for result in run_all(items)}
    for after in run_all(items | {name: value}):
        then = before[after.criteria]
        if then.low is not None and then.high is not None:
            assert (after.low or 0) >= then.low
            assert (after.high or 0) <= then.high
        if then.verdict != "not_assessable":
            assert after.verdict == then.verdict


@settings(max_examples=100)
@given(items=PEOPLE)
def test_the_range_is_that_of_all_ways_to_fill_one_domain(items: dict[str, Any]) -> None:
    """The slow way: try every completion of the complement items, the only coupled domain."""
    low_high = [
        next(
            (part.low, part.high)
            for part in [
                *(
                    p
                    for p in result_of(
                        "sle_2019", items | {"sle_low_c3": c3, "sle_low_c4": c4}
                    ).contributions
                    if p.domain == "complement"
                ),
                _NOTHING,
            ]
        )
        for c3 in _ways(items["sle_low_c3"])
        for c4 in _ways(items["sle_low_c4"])
    ]
    found = [p for p in result_of("sle_2019", items).contributions if p.domain == "complement"]
    low, high = (found[0].low, found[0].high) if found else (0, 0)
    assert low == min(one for one, _ in low_high)
    assert high == max(one for _, one in low_high)


class _Nothing:
    low = high = 0


_NOTHING = _Nothing()


def _ways(value: Truth) -> list[bool]:
    return [False, True] if value is None else [value]


@settings(max_examples=50)
@given(items=PEOPLE)
def test_a_healthy_person_without_findings_fulfils_nothing(items: dict[str, Any]) -> None:
    nothing = {name: None if items[name] is None else absent(name) for name in ITEMS}
    assert {result.verdict for result in run_all(nothing)} <= {"does_not_fulfil", "not_assessable"}
    known = {name: absent(name) for name in ITEMS}
    assert {result.verdict for result in run_all(known)} == {"does_not_fulfil"}


def test_items_of_no_row_are_missing_and_ranges_are_whole() -> None:
    table = classify(
        participant_table(spotless("P1")), contract.empty(ClassificationSheet), cohort=Cohort()
    )
    assert list(table["criteria"]) == list(TITLES)
    assert set(table["verdict"]) == {"not_assessable"}
    assert table.set_index("criteria").loc["ssc_2013", "score_max"] == 24
    assert table.set_index("criteria")["declared"].notna().sum() == 2  # both sets of SSc


def test_the_table_tells_score_class_contributions_and_what_is_missing() -> None:
    people = participant_table(spotless("P1", "IIM", anticentromere=False))
    row = no_findings("P1", iim_onset_age_years=45.0, iim_gottron_sign=True, iim_enzymes=None)
    table = classify(people, contract.make([row], ClassificationSheet), cohort=Cohort())
    found = table.set_index("criteria").loc["iim_2017"]
    assert (found["score_min"], found["score_max"], found["cut_off"]) == (5.4, 6.7, 5.5)
    assert found["verdict"] == "not_assessable"
    assert found["missing_items"] == "iim_enzymes"
    assert found["contributions"] == (
        "age at onset 2.1 (40 years or more); gottron sign 3.3; enzymes 0 to 1.3"
    )
    assert found["declared"]


def test_facts_name_the_own_sets_and_those_of_other_diseases() -> None:
    people = participant_table(spotless("P1", "SLE", anticentromere=True, ana_titre=0.0))
    row = no_findings("P1", ssc_skin_proximal_to_mcp=True)
    table = classify(people, contract.make([row], ClassificationSheet), cohort=Cohort())
    facts = facts_of(table)["P1"]
    assert facts.by_items is False
    assert facts.told == "sle_2019 does not fulfil (0, cut-off 10)"
    # anti-RNA polymerase III and PAH are open, but the score is already there
    assert facts.elsewhere == "ssc_2013 fulfils (12 to 14, cut-off 9)"


def test_a_condition_that_is_not_met_is_named_where_the_score_would_do() -> None:
    people = participant_table(spotless("P1", "SLE", ana_titre=0.0))
    row = no_findings("P1", sle_nephritis_3_or_4=True, sle_joints=True, sle_alopecia=True)
    table = classify(people, contract.make([row], ClassificationSheet), cohort=Cohort())
    assert facts_of(table)["P1"].told == (
        "sle_2019 does not fulfil (18, cut-off 10): ANA never reached 1:80 (entry criterion)"
    )


def test_contributions_are_told_with_the_finding_behind_them() -> None:
    items = {name: absent(name) for name in ITEMS} | {"ssc_raynaud": "reported", "pah": None}
    told = describe_contributions(result_of("ssc_2013", items))
    assert told == "PAH or ILD 0 to 2; Raynaud 3"


def test_the_names_in_the_settings_are_those_of_the_sets() -> None:
    from typing import get_args

    from itc_analysis.config.sections import CriteriaName

    assert set(get_args(CriteriaName)) == set(TITLES)
    named = [name for sets in Cohort().classification_criteria.values() for name in sets]
    assert sorted(named) == sorted(TITLES)
