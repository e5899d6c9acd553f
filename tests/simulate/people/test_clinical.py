"""The simulated participants' sheet."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.cohort.eligibility.windows import WINDOWS
from itc_analysis.simulate.people import cohort
from itc_analysis.simulate.people.clinical import draw_participants
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.sheets import ParticipantSheet

EXCLUDING = (
    "overlap_syndrome",
    "infection_or_antibiotics_2_weeks",
    "chronic_infection",
    "vaccination_4_weeks",
    "systemic_retinoids",
    "stem_cell_transplantation",
    "chemotherapy_or_checkpoint_12_months",
    "primary_cellular_immunodeficiency",
    "refuses_genetic_analysis",
)
ASKED_OF_ALL = (*EXCLUDING, "malignancy_ever")


def draw(per_group: int, seed: int = 1) -> pd.DataFrame:
    people = cohort.simulate_measurement_truth("effect", per_group, seed)
    return draw_participants(people, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def sheet() -> pd.DataFrame:
    return draw(60)


def breaks_a_rule(sheet: pd.DataFrame) -> pd.Series:
    broken = sheet[list(EXCLUDING)].fillna(value=False).any(axis=1)
    broken |= sheet["weight_kg"] < 55
    broken |= sheet["malignancy_remission_months"] < 12
    is_initial = sheet["protocol_version"] == "initial"
    for item in ("immunosuppressant_3_months", "biologic_6_months"):
        broken |= is_initial & sheet[item].fillna(value=False).astype(bool)
    return broken


def lacks_an_item(sheet: pd.DataFrame) -> pd.Series:
    lacking = sheet[list(ASKED_OF_ALL)].isna().any(axis=1)
    is_patient = sheet["group"] != "healthy"
    lacking |= is_patient & sheet["classification_met"].isna()
    return lacking | (~is_patient & sheet["autoimmune_disease_known"].isna())


@pytest.mark.parametrize(("per_group", "expected"), [(2, 1), (6, 1), (60, 12)])
def test_one_in_fifteen_is_excluded_or_lacks_an_item(per_group: int, expected: int) -> None:
    sheet = draw(per_group)
    excluded, lacking = breaks_a_rule(sheet), lacks_an_item(sheet)
    assert excluded.sum() == expected
    assert lacking.sum() == expected
    assert not (excluded & lacking).any()


def test_sheet_keeps_its_contract_and_everybody(sheet: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(contract.check(sheet, ParticipantSheet), sheet)
    assert len(sheet) == 360
    assert sheet["group"].value_counts().eq(60).all()


def test_items_are_asked_of_those_they_concern(sheet: pd.DataFrame) -> None:
    healthy, men = sheet["group"] == "healthy", sheet["sex"] == "M"
    assert sheet.loc[healthy, "classification_met"].isna().all()
    assert sheet.loc[~healthy, "autoimmune_disease_known"].isna().all()
    assert sheet.loc[men, "pregnant_or_breastfeeding"].isna().all()
    assert sheet.loc[~men, "pregnant_or_breastfeeding"].notna().all()
    not_ssc = sheet["group"] != "SSc"
    for column in ("ssc_subset", "mrss", "ild", "fvc_percent", "dlco_percent", "anticentromere"):
        assert sheet.loc[not_ssc, column].isna().all(), column
    assert sheet.loc[healthy, "disease_duration_years"].isna().all()


def test_disease_variables_lie_around_published_medians() -> None:
    ssc = draw(400, seed=2).query("group == 'SSc'")
    # n = 467: mRSS 4 (0-8), FVC 95 (82-108), DLCO 69 (55-81), ILD 43 %, duration 9 (4.7-15) years
    assert ssc["mrss"].median() == pytest.approx(4.5, abs=2)
    assert ssc["fvc_percent"].median() == pytest.approx(95, abs=4)
    assert ssc["dlco_percent"].median() == pytest.approx(69, abs=4)
    assert ssc["ild"].mean() == pytest.approx(0.43, abs=0.07)
    assert ssc["disease_duration_years"].median() == pytest.approx(9, abs=1.5)
    assert not (
        ssc["anticentromere"].fillna(value=False) & ssc["antitopoisomerase"].fillna(value=False)
    ).any()
    assert 0.05 < ssc["fvc_percent"].isna().mean() < 0.25  # missing at random


def test_half_of_the_windows_are_dated_and_no_date_contradicts_its_answer(
    sheet: pd.DataFrame,
) -> None:
    for window in WINDOWS:
        since, asked = sheet[window.dated], sheet[window.asked]
        assert 0.3 < since.notna().mean() < 0.7
        both = since.notna()
        assert not asked[both].isna().any()
        assert ((since[both] < window.limit) == asked[both].astype(bool)).all()
