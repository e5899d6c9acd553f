"""The sheet of classification items: each patient a plain case of the own disease, healthy people
none.

Items follow the group and subset only and influence no T cell. Where the sheet of participants does
not say whether the criteria are met, the deciding items are missing here as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.cohort.sheets.columns import sheet_forms
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.classification import ClassificationSheet
from itc_analysis.tables.cohort.sheets import ParticipantSheet
from itc_analysis.tables.columns import plain_rows

Row = dict[str, Any]

#: Findings of a plain case by group.
PROFILES: dict[str, Row] = {
    "SLE": {
        "sle_joints": True,
        "sle_leukopenia": True,
        "sle_low_c3": True,
        "sle_anti_dsdna": True,
    },
    "pSS": {
        "pss_dry_eyes": True,
        "pss_dry_mouth": True,
        "pss_anti_ssa": True,
        "pss_schirmer_mm": 3.0,
    },
    "RA": {
        "ra_synovitis": True,
        "ra_small_joints": 6.0,
        "ra_acpa_times_uln": 8.0,
        "ra_crp_abnormal": True,
        "ra_duration_weeks": 104.0,
    },
    "IIM": {
        "iim_weak_upper_limbs": True,
        "iim_weak_lower_limbs": True,
        "iim_heliotrope_rash": True,
        "iim_gottron_sign": True,
        "iim_enzymes": True,
    },
}
#: The same for the subsets of SSc.
SSC_PROFILES: dict[str, Row] = {
    "lcSSc": {"ssc_sclerodactyly": True, "ssc_telangiectasia": True, "ssc_distal_skin": True},
    "dcSSc": {
        "ssc_skin_proximal_to_mcp": True,
        "ssc_sclerodactyly": True,
        "ssc_distal_skin": True,
        "ssc_proximal_skin": True,
    },
    "sine": {
        "ssc_pitting_scars": True,
        "ssc_telangiectasia": True,
        "ssc_abnormal_capillaries": True,
    },
    "early": {"ssc_abnormal_capillaries": True},
}
#: What an absent finding looks like where absence is neither "no" nor 0.
ABSENT = {"ssc_raynaud": "none", "pss_schirmer_mm": 18.0, "pss_saliva_ml_per_min": 0.6}
#: Above the upper limit of any laboratory.
RAISED_CRP_MG_PER_L = 10.0
#: Items that decide for nobody here, and the share of them that is missing.
FORGETTABLE = ("ssc_puffy_fingers", "sle_fever", "pss_sand_or_gravel", "iim_dysphagia")
SHARE_FORGOTTEN = 0.05
#: Reciprocal titres of ANA: most patients are positive, few healthy people are.
SHARE_ANA_PATIENTS, SHARE_ANA_HEALTHY = 0.9, 0.1
ANA_TITRES = (160.0, 320.0, 640.0, 1280.0)


def draw_classification(
    participants: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw the items of the criteria for everybody.

    Parameters
    ----------
    participants : pandas.DataFrame
        `ParticipantSheet`, as `clinical.draw_participants` makes it.
    rng : numpy.random.Generator
        source of the random numbers.

    Returns
    -------
    tuple of (pandas.DataFrame, pandas.DataFrame)
        `participants` with the ANA titre added, and a `ClassificationSheet` with a row for
        everybody.
    """
    n = len(participants)
    is_positive, titres = rng.random(n), rng.choice(ANA_TITRES, n)
    forgotten = rng.random((n, len(FORGETTABLE))) < SHARE_FORGOTTEN
    rows, ana = [], []
    for place, person in enumerate(plain_rows(participants)):
        profile = _profile(person)
        share = SHARE_ANA_PATIENTS if profile else SHARE_ANA_HEALTHY
        # the entry criterion of SLE: without ANA nobody is classified
        has_ana = person["group"] == "SLE" or is_positive[place] < share
        ana.append(float(titres[place]) if has_ana else 0.0)
        if profile and person["classification_met"] is None:
            profile = dict.fromkeys(profile)
        # a raised CRP is abnormal whatever the disease
        measured = {"ra_crp_abnormal": (person["crp_mg_per_l"] or 0) > RAISED_CRP_MG_PER_L}
        named = {"participant_id": person["participant_id"]}
        row = _nothing_found() | measured | named | profile
        for item, is_forgotten in zip(FORGETTABLE, forgotten[place], strict=True):
            row[item] = None if is_forgotten else row[item]
        rows.append(row)
    sheet = contract.make(participants.assign(ana_titre=ana), ParticipantSheet)
    return sheet, contract.make(rows, ClassificationSheet)


def _profile(person: Row) -> Row:
    if person["ssc_subset"] is None:
        profile = dict(PROFILES.get(person["group"], {}))
        if person["group"] == "IIM" and person["disease_duration_years"] is not None:
            profile["iim_onset_age_years"] = person["age_years"] - person["disease_duration_years"]
        return profile
    has_antibody = person["anticentromere"] or person["antitopoisomerase"]
    return SSC_PROFILES[person["ssc_subset"]] | {
        "ssc_raynaud": "observed",
        "ssc_antibody_titre": 640.0 if has_antibody else 0.0,
        "ssc_lung": person["ild"],
    }


def _nothing_found() -> Row:
    row: Row = {}
    for column in sheet_forms()["ClassificationSheet"].columns:
        row[column.name] = ABSENT.get(column.name, False if column.kind == "yes_no" else 0.0)
    return row | {"participant_id": None, "better_explained": None, "iim_onset_age_years": None}
