"""What is odd in the sheets of a study but stops nothing: told in the report.

Each function returns rows of `Problems`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from itc_analysis.cohort.conditions import tubes_without_control
from itc_analysis.cohort.eligibility.criteria import RULES
from itc_analysis.cohort.sheets.personal_data import may_identify
from itc_analysis.config.sections import CheckedCohort, Conditions
from itc_analysis.tables.conditions import conditions_of

Problem = dict[str, str]

#: An item that fewer people lack is told person by person.
FEWEST_FOR_A_COLUMN = 3
#: A volume or dilution that differs more from the usual one may be a slip of a digit.
MOST_TIMES_USUAL = 2.0
#: Measured at a visit: two people do not share them all. Fewer known ones may agree by chance.
NUMBERS_OF_A_PERSON = (
    "age_years", "weight_kg", "bmi", "disease_duration_years", "raynaud_duration_years",
    "crp_mg_per_l", "esr_mm_per_h", "ck_u_per_l", "fvc_percent", "dlco_percent", "mrss",
)  # fmt: skip
FEWEST_NUMBERS = 4
_ITEMS = {rule.name: rule.items for rule in RULES}


def find_oddities(
    participants: pd.DataFrame,
    eligibility: pd.DataFrame,
    samples: pd.DataFrame,
    tubes: pd.DataFrame,
    libraries: pd.DataFrame,
    *,
    cohort: CheckedCohort,
) -> list[Problem]:
    """Return everything below, as rows of `Problems`."""
    return [
        *_never_answered(participants, eligibility),
        *_queries(participants, eligibility),
        *_empty_groups(participants, cohort),
        *_unknown_cmv(participants),
        *_same_person(participants),
        *_without_sample(participants, samples),
        *_unused_samples(samples, tubes, libraries),
        *_repeated_tubes(samples, tubes),
        *_incomplete_beads(tubes),
        *_odd_counting(tubes),
        *_batches_without_bridge(samples, tubes),
        *_identifying_ids(participants, samples, tubes, libraries),
    ]


def _never_answered(participants: pd.DataFrame, eligibility: pd.DataFrame) -> list[Problem]:
    """Find items that a rule needs and nobody has: a column that was deleted or never exported."""
    problems = []
    for rule_name in unanswered_rules(participants, eligibility):
        items = _ITEMS[rule_name]
        empty = [item for item in items if participants[item].isna().all()]
        n = int((eligibility["rule"] == rule_name).sum())
        what = f"the column is empty or not in the sheet, and rule '{rule_name}' needs it"
        remedy = f"add the column: none of {n} people can be decided without it"
        problems += [_problem(item, what, remedy) for item in empty]
    return problems


def unanswered_rules(participants: pd.DataFrame, eligibility: pd.DataFrame) -> list[str]:
    """Return the rules that are open for everybody they apply to, for want of a whole column."""
    asked = eligibility[eligibility["outcome"] != "not_applicable"]
    return [
        str(rule)
        for rule, rows in asked.groupby("rule", sort=False)
        if (rows["outcome"] == "missing").all()
        and len(rows) >= FEWEST_FOR_A_COLUMN
        and any(participants[item].isna().all() for item in _ITEMS[str(rule)])
    ]


def _queries(participants: pd.DataFrame, eligibility: pd.DataFrame) -> list[Problem]:
    """Name everybody to be queried, unless it is only for a column that nobody has."""
    told = unanswered_rules(participants, eligibility)
    is_open = (eligibility["outcome"] == "missing") & ~eligibility["rule"].isin(told)
    own = set(eligibility.loc[is_open, "participant_id"])
    queried = participants[
        (participants["decision"] == "query") & participants["participant_id"].isin(own)
    ]
    return [
        _problem(
            name, f"eligibility cannot be decided: {reasons}", "complete the participant sheet"
        )
        for name, reasons in zip(queried["participant_id"], queried["reasons"], strict=True)
    ]


def _empty_groups(participants: pd.DataFrame, cohort: CheckedCohort) -> list[Problem]:
    analysed = set(participants.loc[participants["is_analysed"], "group"])
    return [
        _problem(
            f"group {group}", "no member of this group is analysed", "its comparisons are left out"
        )
        for group in cohort.groups
        if group not in analysed
    ]


def _unknown_cmv(participants: pd.DataFrame) -> list[Problem]:
    analysed = participants[participants["is_analysed"]]
    unknown = int(analysed["cmv_igg"].isna().sum())
    if not unknown:
        return []
    what = f"CMV serology is unknown for {unknown} of {len(analysed)} analysed participants"
    remedy = "CMV changes gamma-delta and KIR+ CD8 T cells: ask for it, or name the limitation"
    return [_problem("cmv_igg", what, remedy)]


def _same_person(participants: pd.DataFrame) -> list[Problem]:
    """Find people who share every number that is known of them: one person under two ids?"""
    numbers = participants[[c for c in NUMBERS_OF_A_PERSON if c in participants.columns]]
    known = numbers[numbers.notna().sum(axis=1) >= FEWEST_NUMBERS]
    problems = []
    for _, rows in known.groupby(list(known.columns), dropna=False, sort=False):
        names = [str(name) for name in participants.loc[rows.index, "participant_id"]]
        problems += [
            _problem(
                name,
                f"every number is that of {names[0]}: one person under two ids?",
                "a person counts once: take one of the rows out, or correct it",
            )
            for name in names[1:]
        ]
    return problems


def _without_sample(participants: pd.DataFrame, samples: pd.DataFrame) -> list[Problem]:
    sampled = set(samples["participant_id"].dropna())
    return [
        _problem(
            name, "the participant has no sample", "add it to the sample sheet if there is one"
        )
        for name in participants["participant_id"]
        if name not in sampled
    ]


def _unused_samples(
    samples: pd.DataFrame, tubes: pd.DataFrame, libraries: pd.DataFrame
) -> list[Problem]:
    used = set(tubes["sample_id"]) | set(libraries["sample_id"])
    return [
        _problem(name, "the sample has neither tube nor library", "add its files if there are any")
        for name in samples["sample_id"]
        if name not in used
    ]


def _repeated_tubes(samples: pd.DataFrame, tubes: pd.DataFrame) -> list[Problem]:
    """Find people's samples with several stained tubes of one panel; bridges are meant to have
    them.
    """
    people = samples.loc[samples["sample_type"] == "participant", "sample_id"]
    stained = tubes[(tubes["tube"] == "stained") & tubes["sample_id"].isin(people)]
    condition = conditions_of(stained).rename("condition")
    n_tubes = stained.groupby([stained["sample_id"], stained["panel"], condition]).size()
    n_tubes = n_tubes.droplevel("condition")
    repeated = n_tubes[n_tubes > 1].reset_index(name="n")
    return [
        _problem(
            sample,
            f"the sample has {n} stained tubes of {panel}",
            "replicates of one person are not several people",
        )
        for sample, panel, n in repeated.itertuples(index=False)
    ]


def find_uncontrolled(tubes: Sequence[Mapping[str, Any]], conditions: Conditions) -> list[Problem]:
    """Find stimulated tubes without the unstimulated control of the same sample.

    Parameters
    ----------
    tubes : sequence of mapping of str to object
        rows of the tube sheet as they were read.
    conditions : Conditions
        which condition is the control of which.
    """
    return [
        _problem(file_id, what, "no response can be measured: add the control, or say why not")
        for file_id, what in tubes_without_control(tubes, conditions)
    ]


def _incomplete_beads(tubes: pd.DataFrame) -> list[Problem]:
    incomplete = tubes[tubes["beads_per_tube"].notna() & tubes["blood_volume_ul"].isna()]
    return [
        _problem(name, "beads_per_tube without blood_volume_ul", "no absolute count from this tube")
        for name in incomplete["file_id"]
    ]


def _odd_counting(tubes: pd.DataFrame) -> list[Problem]:
    """Find tubes whose beads are not those of their lot, or whose volume or dilution is far from
    that of most tubes of their panel: counts per microlitre follow them.
    """
    problems = []
    for column, by, tolerance in (
        ("beads_per_tube", "bead_lot", 1.0),
        ("blood_volume_ul", "panel", MOST_TIMES_USUAL),
        ("dilution", "panel", MOST_TIMES_USUAL),
    ):
        known = tubes[tubes[column].notna() & tubes[by].notna()]
        for of, rows in known.groupby(by):
            counted = rows[column].value_counts()
            usual, n = float(counted.index[0]), int(counted.iloc[0])
            if 2 * n <= len(rows):
                continue  # there is no usual value
            times = rows[column] / usual
            odd = rows[(times > tolerance) | (times < 1 / tolerance)]
            problems += [
                _problem(
                    name,
                    f"{column} is {value:g}, in {n} other tubes of {of} {usual:g}",
                    "counts per microlitre follow it: correct it if it is a slip",
                )
                for name, value in zip(odd["file_id"], odd[column], strict=True)
            ]
    return problems


def _batches_without_bridge(samples: pd.DataFrame, tubes: pd.DataFrame) -> list[Problem]:
    """Find panels stained in several batches of which some lack the bridge control."""
    bridges = set(samples.loc[samples["sample_type"] == "bridge_control", "sample_id"])
    problems = []
    for panel, rows in tubes[tubes["tube"] == "stained"].groupby("panel"):
        batches = sorted(rows["batch"].unique())
        bridged = set(rows.loc[rows["sample_id"].isin(bridges), "batch"])
        bare = [batch for batch in batches if batch not in bridged]
        if bare and len(batches) > 1:
            what = f"no bridge control in {len(bare)} of {len(batches)} batches: {', '.join(bare)}"
            remedy = "batch effects can then only be judged by the participants themselves"
            problems.append(_problem(f"panel {panel}", what, remedy))
    return problems


def _identifying_ids(*sheets: pd.DataFrame) -> list[Problem]:
    """Count ids that may be names or hold a day, without repeating them."""
    problems = []
    columns = ("participant_id", "sample_id", "file_id", "library_id")
    for column, sheet in zip(columns, sheets, strict=True):
        n = sum(may_identify(str(name)) for name in sheet[column])
        if n:
            what = f"{n} of {len(sheet)} ids may hold a person's name or a date"
            remedy = "results and report show ids: use random study codes if they do"
            problems.append(_problem(column, what, remedy))
    return problems


def _problem(item: str, what: str, remedy: str) -> Problem:
    return {"room": "cohort", "item": item, "what": what, "remedy": remedy}
