"""The participants' sheet: eligibility items, treatment and disease, with realistic gaps.

Disease variables follow published SSc cohorts (medians and quartiles of n = 467) and influence no
T cell. Most people are eligible; about one in fifteen is not, or has an item missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import special

from itc_analysis.cohort.eligibility.windows import WINDOWS
from itc_analysis.config.sections import Cohort
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.sheets import ParticipantSheet

#: One person fails a rule, and one has an item missing, among this many (at least one of each from
#: six people on).
ONE_EXCEPTION_IN = 30
SMALLEST_STUDY_WITH_EXCEPTIONS = 6
#: Share enrolled under the first version of the protocol, which excluded immunosuppressants.
SHARE_INITIAL_PROTOCOL = 0.35
#: A little above the trial's 55 kg, so that rounding excludes nobody.
SMALLEST_WEIGHT_KG = 55.1
#: Share whose study nurse wrote how long ago it was next to yes or no.
SHARE_DATED = 0.5
#: Shares missing at random; published gaps are larger (26-61 %).
MISSING_SHARES = {
    "mrss": 0.10,
    "ild": 0.10,
    "fvc_percent": 0.15,
    "dlco_percent": 0.20,
    "crp_mg_per_l": 0.08,
    "bmi": 0.05,
    "disease_duration_years": 0.05,
}
_HEALTHY = Cohort().healthy_group
_INDEX = Cohort().index_group

#: Items that exclude when "yes"; drawn "no" for everybody, and "yes" for the exceptions only.
_EXCLUDING_ITEMS = (
    "primary_cellular_immunodeficiency",
    "stem_cell_transplantation",
    "chemotherapy_or_checkpoint_12_months",
    "systemic_retinoids",
    "infection_or_antibiotics_2_weeks",
    "chronic_infection",
    "vaccination_4_weeks",
    "refuses_genetic_analysis",
)
#: How the excluded come to be excluded, in turn.
_EXCLUSIONS: tuple[dict[str, float | bool], ...] = (
    {"infection_or_antibiotics_2_weeks": True},
    {"vaccination_4_weeks": True},
    {"weight_kg": 51.0},
    {"malignancy_ever": True, "malignancy_remission_months": 6.0},
    {"chronic_infection": True},
)
#: Which item is missing, in turn.
_QUERIES = ("infection_or_antibiotics_2_weeks", "chronic_infection", "vaccination_4_weeks")


def draw_participants(people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the participants' sheet of `people` (participant_id, group, age, sex, CMV).

    Columns and types of `tables.sheets.ParticipantSheet`; no truth is in it.
    """
    n = len(people)
    is_patient = (people["group"] != _HEALTHY).to_numpy()
    is_woman = (people["sex"] == "F").to_numpy()

    def yes(share: float | np.ndarray, among: np.ndarray | None = None) -> pd.Series:
        """Yes with this probability; missing outside `among`."""
        drawn = pd.Series(rng.random(n) < share, dtype="boolean")
        return drawn if among is None else drawn.mask(~among)

    sheet = people[["participant_id", "group", "age_years", "sex", "cmv_igg"]].copy()
    metres = np.where(is_woman, 1.63, 1.76) + 0.06 * rng.standard_normal(n)
    # the trial asks for 55 kg or more: normal, cut off there
    mean, sd = np.where(is_woman, 68.0, 80.0), 10.0
    lowest = special.ndtr((SMALLEST_WEIGHT_KG - mean) / sd)
    weight = mean + sd * special.ndtri(lowest + (1 - lowest) * rng.random(n))
    sheet["weight_kg"] = np.round(weight, 1)
    sheet["bmi"] = np.round(weight / metres**2, 1)
    is_initial = rng.random(n) < SHARE_INITIAL_PROTOCOL
    sheet["protocol_version"] = np.where(is_initial, "initial", "current")
    sheet["classification_met"] = yes(1.0, is_patient)
    sheet["autoimmune_disease_known"] = yes(0.0, ~is_patient)
    for item in ("overlap_syndrome", *_EXCLUDING_ITEMS):
        sheet[item] = yes(0.0)
    sheet["malignancy_ever"] = yes(0.05)
    sheet["malignancy_remission_months"] = np.where(
        sheet["malignancy_ever"], np.round(rng.uniform(24, 200, n)), np.nan
    )
    sheet["pregnant_or_breastfeeding"] = yes(0.0, is_woman)
    # 21 % of people with SSc take immunosuppressants; the first protocol did not enrol them
    sheet["immunosuppressant_3_months"] = yes(0.25 * is_patient * ~is_initial)
    sheet["biologic_6_months"] = yes(0.10 * is_patient * ~is_initial)
    hydroxychloroquine = {"SLE": 0.75, "pSS": 0.35, "RA": 0.10, _HEALTHY: 0.0}
    sheet["hydroxychloroquine"] = yes(
        np.array([hydroxychloroquine.get(group, 0.02) for group in people["group"]])
    )
    takes_steroid = is_patient & (rng.random(n) < 0.35)
    dose = rng.choice([2.5, 5.0, 7.5], n)
    sheet["glucocorticoid_mg_per_day"] = np.where(takes_steroid, dose, 0.0)
    _add_disease(sheet, rng, is_patient=is_patient, yes=yes)
    _leave_gaps(sheet, rng)
    _make_exceptions(sheet, rng, is_patient=is_patient)
    # a stream of its own: what else is drawn for these people stays as it was
    _date_windows(sheet, rng.spawn(1)[0])
    return contract.make(sheet, ParticipantSheet)


def _add_disease(
    sheet: pd.DataFrame,
    rng: np.random.Generator,
    *,
    is_patient: np.ndarray,
    yes: Callable[..., pd.Series],
) -> None:
    """Add disease variables, in place: medians and quartiles of SSc cohorts [S]."""
    n = len(sheet)
    is_ssc = (sheet["group"] == _INDEX).to_numpy()
    subsets = rng.choice(["lcSSc", "dcSSc", "sine", "early"], n, p=[0.58, 0.34, 0.04, 0.04])
    sheet["ssc_subset"] = pd.Series(subsets, dtype="string").mask(~is_ssc)
    is_diffuse = subsets == "dcSSc"
    # 9 (4.7-15) years: ln SD 0.86
    years = np.exp(math.log(9) + 0.86 * rng.standard_normal(n))
    longest = np.maximum(sheet["age_years"].to_numpy() - 16, 1)
    sheet["disease_duration_years"] = np.where(
        is_patient, np.round(np.minimum(years, longest), 1), np.nan
    )
    skin = np.where(is_diffuse, 15, 4) * np.exp(0.5 * rng.standard_normal(n))
    skin[np.isin(subsets, ["sine", "early"])] = 0
    sheet["mrss"] = np.where(is_ssc, np.minimum(np.round(skin), 51), np.nan)
    ild = yes(np.where(is_diffuse, 0.57, 0.34), is_ssc)
    sheet["ild"] = ild
    has_ild = ild.fillna(value=False).to_numpy(bool)
    fvc = np.where(has_ild, 87, 101) + 16 * rng.standard_normal(n)
    dlco = np.where(has_ild, 61, 74) + 15 * rng.standard_normal(n)
    sheet["fvc_percent"] = np.where(is_ssc, np.round(np.clip(fvc, 35, 140)), np.nan)
    sheet["dlco_percent"] = np.where(is_ssc, np.round(np.clip(dlco, 20, 120)), np.nan)
    # anticentromere and anti-Scl-70 exclude each other
    antibody = rng.random(n)
    centromere = antibody < np.where(is_diffuse, 0.087, 0.52)
    topoisomerase = antibody > 1 - np.where(is_diffuse, 0.59, 0.22)
    sheet["anticentromere"] = pd.Series(centromere, dtype="boolean").mask(~is_ssc)
    sheet["antitopoisomerase"] = pd.Series(topoisomerase, dtype="boolean").mask(~is_ssc)
    # CRP 2 (0.9-5) mg/L: ln SD 1.27; healthy about half
    crp = np.exp(math.log(2) + 1.27 * rng.standard_normal(n)) * np.where(is_patient, 1, 0.5)
    sheet["crp_mg_per_l"] = np.round(np.clip(crp, 0.1, 80), 1)


def _leave_gaps(sheet: pd.DataFrame, rng: np.random.Generator) -> None:
    for column, share in MISSING_SHARES.items():
        sheet[column] = sheet[column].mask(rng.random(len(sheet)) < share)


def _date_windows(sheet: pd.DataFrame, rng: np.random.Generator) -> None:
    """Say how long ago it was for a part of the answers, in place; never against yes or no."""
    n = len(sheet)
    is_dated = rng.random(n) < SHARE_DATED
    for window in WINDOWS:
        within = np.floor(rng.uniform(0, window.limit, n))
        outside = np.ceil(rng.uniform(window.limit, 12 * window.limit, n))
        asked = sheet[window.asked]
        happened = asked.fillna(value=False).to_numpy(bool)
        known = asked.notna().to_numpy(bool)
        since = np.where(happened, within, outside)
        sheet[window.dated] = np.where(is_dated & known, since, np.nan)


def _make_exceptions(
    sheet: pd.DataFrame, rng: np.random.Generator, *, is_patient: np.ndarray
) -> None:
    """Let a few people fail a rule or miss an item, in place."""
    n = len(sheet)
    order = rng.permutation(n)
    if n < SMALLEST_STUDY_WITH_EXCEPTIONS:
        return
    count = max(1, round(n / ONE_EXCEPTION_IN))
    for turn, row in enumerate(order[:count]):
        for column, value in _EXCLUSIONS[turn % len(_EXCLUSIONS)].items():
            sheet.loc[row, column] = value
    for turn, row in enumerate(order[count : 2 * count]):
        missing = "classification_met" if is_patient[row] and turn % 2 else None
        sheet.loc[row, missing or _QUERIES[turn % len(_QUERIES)]] = pd.NA
