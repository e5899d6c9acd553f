"""Primary Sjögren syndrome, 2016 ACR/EULAR criteria.

Shiboski et al. 2017, doi:10.1136/annrheumdis-2016-210571.
"""

from __future__ import annotations

from itc_analysis.cohort.classification.engine import (
    Condition,
    Criteria,
    Domain,
    Finding,
    Items,
    Result,
    any_of,
    at_least,
    at_most,
    finding,
    judge,
    no,
    yes,
)

#: Foci of lymphocytes per 4 mm2; "more than 1" in some secondary sources is a misprint.
FOCUS_SCORE = 1
#: Schirmer in mm/5 min, 5 included; "below 5" in some secondary sources is a misprint.
SCHIRMER_MM = 5
SALIVA_ML_PER_MIN = 0.1

SJOGREN_2016 = Criteria(
    name="sjogren_2016",
    title="Primary Sjögren syndrome, ACR/EULAR 2016",
    source="10.1136/annrheumdis-2016-210571",
    cut_off=4,
    domains=(
        Domain(
            "salivary gland",
            (Finding("focus score", 3, at_least("pss_focus_score", FOCUS_SCORE)),),
        ),
        Domain("anti-SSA", (finding("pss_anti_ssa", 3, "anti-SSA/Ro60"),)),
        Domain("ocular staining", (finding("pss_ocular_staining", 1, "ocular staining"),)),
        Domain("Schirmer", (Finding("Schirmer", 1, at_most("pss_schirmer_mm", SCHIRMER_MM)),)),
        Domain(
            "saliva flow",
            (Finding("saliva flow", 1, at_most("pss_saliva_ml_per_min", SALIVA_ML_PER_MIN)),),
        ),
    ),
    conditions=(
        Condition(
            any_of(
                yes("pss_dry_eyes"),
                yes("pss_sand_or_gravel"),
                yes("pss_tear_substitutes"),
                yes("pss_dry_mouth"),
                yes("pss_drinks_to_swallow"),
                yes("pss_essdai"),
            ),
            "neither symptoms of dryness nor a positive ESSDAI domain (inclusion)",
        ),
        Condition(no("pss_head_neck_radiation"), "excluded: head and neck radiation"),
        Condition(no("pss_hepatitis_c"), "excluded: active hepatitis C"),
        Condition(no("pss_aids"), "excluded: AIDS"),
        Condition(no("pss_sarcoidosis"), "excluded: sarcoidosis"),
        Condition(no("pss_amyloidosis"), "excluded: amyloidosis"),
        Condition(no("pss_gvhd"), "excluded: graft-versus-host disease"),
        Condition(no("pss_igg4"), "excluded: IgG4-related disease"),
    ),
)


def assess(items: Items) -> Result:
    """Judge one person; fulfilled from 4 of 9 points on, when included and not excluded."""
    return judge(SJOGREN_2016, items)
