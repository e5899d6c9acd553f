"""Ids that look like names or dates are refused or remarked on; usual ids are neither."""

from __future__ import annotations

import pytest

from itc_analysis.cohort.sheets.personal_data import PERSONAL_IDS, find_identity, may_identify

REFUSED = (
    *("Jean_Dupont", "Dupont-Jean_panel_a", "DUPONT_Jean_1961", "DUPONT-MARTIN", "a_Jean_Dupont"),
    *("1961-03-12_a", "19610312_a", "12-03-1961_b", "S001_1961.03.12"),
)
REMARKED = (
    "jean_dupont_a",
    "ROUX_Jean",
    "Jean_ROUX_2",
    "Poitiers_Rheuma_012",
    "Jean_Dupont_01",
    "2024-03-12_S001",
    "20240312_b",
)
USUAL = (
    *(
        "Panel_A",
        "HC_001",
        "Batch_1",
        "S001_panel_a",
        "Tube_FMO_CD69",
        "SSc_Visit_2",
        "P014",
        "001",
    ),
    *("Healthy_Control_3", "Bridge_Control_b1", "Specimen_001_Tube_003", "SSC_LYON_01", "HC-12_V1"),
    *("Batch_Reference", "FMO_PD-1", "S001_unstained", "MAIT_panel", "PBMC_donor_1", "Day_0_Rest"),
    *("Export_S001_Unmixed", "Cytek_Aurora_7", "Donor_A_Full_Stain", "pbmc_1k_v2", "B0_fmo_b1"),
)


@pytest.mark.parametrize("column", sorted(PERSONAL_IDS))
@pytest.mark.parametrize("cell", REFUSED)
def test_names_and_birthdays_are_refused_in_every_id(cell: str, column: str) -> None:
    found = find_identity(cell, column)
    assert found is not None
    assert cell not in found[0]


@pytest.mark.parametrize("cell", REMARKED)
def test_what_may_be_a_name_or_a_visit_is_remarked_on(cell: str) -> None:
    assert find_identity(cell, "file_id") is None
    assert may_identify(cell)


@pytest.mark.parametrize("cell", USUAL)
def test_usual_ids_are_accepted_without_remark(cell: str) -> None:
    assert find_identity(cell, "file_id") is None
    assert not may_identify(cell)
