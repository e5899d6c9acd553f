"""Systemic sclerosis, 2013 ACR/EULAR criteria.

van den Hoogen et al. 2013, doi:10.1136/annrheumdis-2013-204424.
"""

from __future__ import annotations

from itc_analysis.cohort.classification.engine import (
    Condition,
    Criteria,
    Domain,
    Finding,
    Items,
    Result,
    Test,
    Truth,
    any_of,
    finding,
    judge,
    no,
    yes,
)


def has_raynaud(items: Items) -> Truth:
    """Say whether there is a Raynaud phenomenon, self-reported or reported by a physician."""
    evidence = items.get("ssc_raynaud")
    return None if evidence is None else bool(evidence != "none")


SSC_2013 = Criteria(
    name="ssc_2013",
    title="Systemic sclerosis, ACR/EULAR 2013",
    source="10.1136/annrheumdis-2013-204424",
    cut_off=9,
    domains=(
        # Items 1 and 2 of the publication are one skin ladder: proximal skin is sufficient alone.
        Domain(
            "skin of the fingers",
            (
                finding("ssc_skin_proximal_to_mcp", 9, "proximal to the MCP joints"),
                finding("ssc_sclerodactyly", 4, "sclerodactyly"),
                finding("ssc_puffy_fingers", 2, "puffy fingers"),
            ),
        ),
        Domain(
            "fingertip lesions",
            (
                finding("ssc_pitting_scars", 3, "pitting scars"),
                finding("ssc_digital_tip_ulcers", 2, "digital tip ulcers"),
            ),
        ),
        Domain("telangiectasia", (finding("ssc_telangiectasia", 2, "telangiectasia"),)),
        Domain(
            "nailfold capillaries",
            (finding("ssc_abnormal_capillaries", 2, "abnormal capillaries"),),
        ),
        # An echocardiographic estimate does not score: `pah` is by right heart catheterisation.
        Domain("PAH or ILD", (finding("pah", 2, "PAH"), finding("ssc_lung", 2, "ILD"))),
        Domain("Raynaud", (Finding("Raynaud", 3, Test(("ssc_raynaud",), has_raynaud)),)),
        # U3-RNP, PM-Scl, Th/To and Ku do not score here.
        Domain(
            "SSc-related antibodies",
            (
                Finding(
                    "anticentromere, anti-topoisomerase I or anti-RNA polymerase III",
                    3,
                    any_of(yes("anticentromere"), yes("antitopoisomerase"), yes("anti_rnap3")),
                ),
            ),
        ),
    ),
    conditions=(
        Condition(no("ssc_fingers_spared"), "skin thickening spares the fingers"),
        Condition(no("ssc_like_disorder"), "a scleroderma-like disorder explains the findings"),
    ),
)


def assess(items: Items) -> Result:
    """Judge one person; fulfilled from 9 of 24 points on."""
    return judge(SSC_2013, items)
