"""The criteria of the trial record (NCT04995588), each a named rule that reads a few items.

A rule says passes, fails or, when an item it needs is empty or two items contradict one another,
missing. Empty never means no. To add a criterion: write its function and its card in `RULES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from itc_analysis.cohort.eligibility.windows import (
    BIOLOGIC,
    CHEMOTHERAPY,
    IMMUNOSUPPRESSANT,
    INFECTION,
    VACCINATION,
    Window,
    happened_within,
)
from itc_analysis.config.sections import CheckedCohort

#: Items of one person by column; None where the cell is empty.
Person = dict[str, Any]
#: True passes, False fails, None cannot be told.
Verdict = bool | None

MIN_AGE_YEARS = 18
MIN_WEIGHT_KG = 55
MIN_REMISSION_MONTHS = 12
#: Glucocorticoids up to this dose did not count as immunosuppressant in the initial protocol.
MAX_GLUCOCORTICOID_MG_PER_DAY = 7.5

BOTH = ("initial", "current")
INITIAL = ("initial",)


@dataclass(frozen=True)
class Rule:
    """One criterion.

    Parameters
    ----------
    name : str
        used in tables.
    who_fails : str
        the people it keeps out, in the words of a flow chart.
    criterion : str
        the words of the trial record; inclusion criteria come first.
    versions : tuple of str
        versions of the protocol that hold it.
    items : tuple of str
        columns of the participant sheet that it reads.
    judge : callable
        takes a person's items; returns whether the person may take part.
    applies : callable
        takes a person's items and the cohort settings.
    findings : tuple of str
        what the classification criteria found (see `classification.run.Facts`) that it reads.
    window : Window, optional
        time window; its yes/no item is among `items`, its number is not.
    """

    name: str
    who_fails: str
    criterion: str
    versions: tuple[str, ...]
    items: tuple[str, ...]
    judge: Callable[[Person], Verdict]
    applies: Callable[[Person, CheckedCohort], bool]
    findings: tuple[str, ...] = ()
    window: Window | None = None


def must_not_be(item: str) -> Callable[[Person], Verdict]:
    """Return a judge for an item that must be no."""

    def judge(person: Person) -> Verdict:
        return None if person[item] is None else not person[item]

    return judge


def at_least(item: str, limit: float) -> Callable[[Person], Verdict]:
    """Return a judge for a number that must reach `limit`."""

    def judge(person: Person) -> Verdict:
        return None if person[item] is None else bool(person[item] >= limit)

    return judge


def judge_classification(person: Person) -> Verdict:
    """Items decide where they can, else what is declared; a contradiction is a query.

    That is, of items and declaration, or of items that the verdict turns on with what is stated
    elsewhere.
    """
    by_items, declared = person["classified_by_items"], person["classification_met"]
    if by_items is None and person["criteria_doubted"]:
        return None
    if by_items is None:
        return None if declared is None else bool(declared)
    if declared is not None and bool(declared) != by_items:
        return None
    return bool(by_items)


def judge_absence(item: str) -> Callable[[Person], Verdict]:
    """Return a judge for a disease that must be absent by the item and by all criteria.

    A fulfilled set of criteria makes a query, not an exclusion: sets overlap by design (Raynaud's
    phenomenon, ANA), so a person decides.
    """

    def judge(person: Person) -> Verdict:
        if person[item]:
            return False
        if person["criteria_elsewhere"]:
            return None
        return must_not_be(item)(person)

    return judge


def judge_malignancy(person: Person) -> Verdict:
    """Remission must have lasted long enough; remission of a malignancy that never was is a
    query.
    """
    ever, months = person["malignancy_ever"], person["malignancy_remission_months"]
    if ever is False:
        return True if months is None else None
    if months is None:
        return None
    return bool(months >= MIN_REMISSION_MONTHS)


def judge_pregnancy(person: Person) -> Verdict:
    """Neither pregnant nor breastfeeding; a pregnant man is a query, not an exclusion."""
    pregnant = person["pregnant_or_breastfeeding"]
    if pregnant is None or (pregnant and person["sex"] == "M"):
        return None
    return not pregnant


def not_within(window: Window) -> Callable[[Person], Verdict]:
    """Return a judge for what must not have happened within a time window."""

    def judge(person: Person) -> Verdict:
        happened = happened_within(person, window)
        return None if happened is None else not happened

    return judge


def judge_immunosuppressant(person: Person) -> Verdict:
    """No immunosuppressant; the item's wording covers glucocorticoids, but a stated dose counts
    too.
    """
    dose = person["glucocorticoid_mg_per_day"]
    if dose is not None and dose > MAX_GLUCOCORTICOID_MG_PER_DAY:
        return False
    return not_within(IMMUNOSUPPRESSANT)(person)


def everybody(person: Person, cohort: CheckedCohort) -> bool:  # noqa: ARG001
    """Apply to every participant."""
    return True


def patients(person: Person, cohort: CheckedCohort) -> bool:
    """Apply to the index group and the disease controls."""
    return bool(person["group"] != cohort.healthy_group)


def healthy_people(person: Person, cohort: CheckedCohort) -> bool:
    """Apply to the healthy group."""
    return not patients(person, cohort)


def who_may_overlap(person: Person, cohort: CheckedCohort) -> bool:
    """Apply to patients; to healthy people only when the item says yes, which is then a finding."""
    return patients(person, cohort) or person["overlap_syndrome"] is True


def who_may_be_pregnant(person: Person, cohort: CheckedCohort) -> bool:  # noqa: ARG001
    """Apply to women and to people of unknown sex; to men only when the item says yes."""
    return bool(person["sex"] != "M") or person["pregnant_or_breastfeeding"] is True


def _exclusion(name: str, who_fails: str, criterion: str, item: str) -> Rule:
    return Rule(name, who_fails, criterion, BOTH, (item,), must_not_be(item), everybody)


def _recent(
    name: str, who_fails: str, criterion: str, window: Window, versions: tuple[str, ...] = BOTH
) -> Rule:
    items, judge = (window.asked,), not_within(window)
    return Rule(name, who_fails, criterion, versions, items, judge, everybody, window=window)


#: In the order of the record: a person is counted in the flow chart under the first that fails.
RULES: tuple[Rule, ...] = (
    Rule(
        "age",
        "younger than 18 years",
        "≥18 years-old",
        BOTH,
        ("age_years",),
        at_least("age_years", MIN_AGE_YEARS),
        everybody,
    ),
    Rule(
        "classification",
        "classification criteria not met",
        "SSc according to the 2013 ACR/EULAR criteria (or the 2001 LeRoy criteria for early SSc); "
        "SLE 2019; pSS 2016; RA 2010; IIM 2017 (ACR/EULAR)",
        BOTH,
        ("classification_met",),
        judge_classification,
        patients,
        findings=("criteria_of_group",),
    ),
    Rule(
        "no_autoimmune_disease",
        "autoimmune disease known",
        "Healthy subjects from general population without known autoimmune disease or connective "
        "tissue disease",
        BOTH,
        ("autoimmune_disease_known",),
        judge_absence("autoimmune_disease_known"),
        healthy_people,
        findings=("criteria_elsewhere",),
    ),
    Rule(
        "overlap_syndrome",
        "overlap syndrome",
        "Overlap syndrome (including secondary Sjögren syndrome)",
        BOTH,
        ("overlap_syndrome",),
        judge_absence("overlap_syndrome"),
        who_may_overlap,
        findings=("criteria_elsewhere",),
    ),
    Rule(
        "weight",
        "weight below 55 kg",
        "Weight <55 kg",
        BOTH,
        ("weight_kg",),
        at_least("weight_kg", MIN_WEIGHT_KG),
        everybody,
    ),
    _exclusion(
        "immunodeficiency",
        "primary cellular immunodeficiency",
        "Known primary cell immunodeficiency",
        "primary_cellular_immunodeficiency",
    ),
    _exclusion(
        "stem_cell_transplantation",
        "stem cell transplantation",
        "Past of autologous or allogenic hematopoietic stem cell transplantation",
        "stem_cell_transplantation",
    ),
    Rule(
        "malignancy",
        "malignancy in remission for less than 12 months",
        "Solid neoplasia or malignant hemopathy in remission for less than 12 months",
        BOTH,
        ("malignancy_ever", "malignancy_remission_months"),
        judge_malignancy,
        everybody,
    ),
    _recent(
        "chemotherapy_or_checkpoint",
        "chemotherapy or checkpoint inhibitor",
        "Chemotherapy and/or immune checkpoint inhibitors in the last 12 months",
        CHEMOTHERAPY,
    ),
    _exclusion("retinoids", "systemic retinoids", "Systemic retinoids", "systemic_retinoids"),
    _recent(
        "infection_or_antibiotics",
        "infection or antibiotics",
        "Active infection and/or antibiotics in the last 2 weeks",
        INFECTION,
    ),
    _exclusion(
        "chronic_infection",
        "chronic infection",
        "Known active chronic infection among HIV, HTLV, viral hepatitis, syphilis",
        "chronic_infection",
    ),
    _recent(
        "vaccination",
        "recent vaccination",
        "Vaccination in the last 4 weeks",
        VACCINATION,
    ),
    _exclusion(
        "genetic_analysis",
        "refuses genetic analysis",
        "Subject refusing genetic analysis for the present study",
        "refuses_genetic_analysis",
    ),
    Rule(
        "pregnancy",
        "pregnant or breastfeeding",
        "Pregnancy or breastfeeding",
        BOTH,
        ("sex", "pregnant_or_breastfeeding"),
        judge_pregnancy,
        who_may_be_pregnant,
    ),
    Rule(
        "immunosuppressant",
        "immunosuppressant within 3 months",
        "Immunosuppressive drug in the last 3 months (hydroxychloroquine and glucocorticoids "
        "≤ 7.5 mg/d allowed)",
        INITIAL,
        ("immunosuppressant_3_months", "glucocorticoid_mg_per_day"),
        judge_immunosuppressant,
        everybody,
        window=IMMUNOSUPPRESSANT,
    ),
    _recent(
        "biologic",
        "biologic within 6 months",
        "Biotherapy in the last 6 months",
        BIOLOGIC,
        INITIAL,
    ),
)
