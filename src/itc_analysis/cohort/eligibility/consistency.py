"""Items of one person that contradict one another: told as queries, never repaired.

A check reads the items of both sheets (participants and classification) and says nothing while one
of them is missing. What the two sheets say twice is doubted where they differ: until somebody has
looked, neither a score nor a rule takes either side. Findings of the classification sheet count
when present at any time, so what is measured today may be normal; but what is abnormal today cannot
have been absent ever. To add a check: a line in `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from itc_analysis.config.sections import CheckedCohort

Person = dict[str, Any]


@dataclass(frozen=True)
class Check:
    """Two or more items that cannot both be right.

    Parameters
    ----------
    items : tuple of str
        columns that it reads; the check is silent unless all are known.
    what : str
        the contradiction in words.
    contradicts : callable
        takes a person's items, all known.
    doubted : tuple of str
        items that decide on classification or eligibility, and count as unknown meanwhile.
    """

    items: tuple[str, ...]
    what: str
    contradicts: Callable[[Person], bool]
    doubted: tuple[str, ...] = ()


#: Of adults, of short and of tall stature too.
ADULT_YEARS = 18
LEAST_HEIGHT_M, GREATEST_HEIGHT_M = 1.0, 2.4
#: The lowest mean pulmonary artery pressure of any definition in use (ESC/ERS 2022: above 20 mmHg).
PH_MMHG = 20
#: Definitions before 2018 asked for 25 mmHg (6th World Symposium, doi:10.1183/13993003.01913-2018).
PH_MMHG_BEFORE_2018 = 25
#: Precapillary: a wedge pressure of at most 15 mmHg and a resistance above 2 WU (ESC/ERS 2022).
PAWP_MMHG, PVR_WU = 15, 2
#: Above the upper limit of normal of any laboratory and either sex.
CK_ABNORMAL, CRP_ABNORMAL, ESR_ABNORMAL = 400, 10, 50
#: Symptoms of so many weeks score in the RA criteria.
RA_WEEKS = 6
WEEKS_PER_YEAR = 52.18
#: Ages and durations are rounded to years on either side.
YEARS_OF_ROUNDING = 2
_ABNORMAL_PATTERNS = ("early", "active", "late")

CHECKS: tuple[Check, ...] = (
    Check(
        ("age_years", "disease_duration_years"),
        "the disease is older than the person",
        lambda p: p["disease_duration_years"] > p["age_years"],
    ),
    Check(
        ("age_years", "raynaud_duration_years"),
        "Raynaud's phenomenon is older than the person",
        lambda p: p["raynaud_duration_years"] > p["age_years"],
    ),
    Check(
        ("age_years", "iim_onset_age_years"),
        "the first symptom is dated after the blood draw",
        lambda p: p["iim_onset_age_years"] > p["age_years"],
    ),
    Check(
        ("age_years", "weight_kg", "bmi"),
        "weight and body mass index give a height that no adult has",
        lambda p: (
            p["age_years"] >= ADULT_YEARS
            and not LEAST_HEIGHT_M <= (p["weight_kg"] / p["bmi"]) ** 0.5 <= GREATEST_HEIGHT_M
        ),
        doubted=("weight_kg",),
    ),
    *(
        Check(
            ("age_years", ago),
            "longer ago than the person's birth",
            lambda p, ago=ago, per_year=per_year: p[ago] > (p["age_years"] + 1) * per_year,  # type: ignore[misc]
            doubted=(ago,),
        )
        for ago, per_year in (
            ("malignancy_remission_months", 12),
            ("chemotherapy_or_checkpoint_months_ago", 12),
            ("immunosuppressant_months_ago", 12),
            ("biologic_months_ago", 12),
            ("infection_or_antibiotics_days_ago", 366),
            ("vaccination_days_ago", 366),
        )
    ),
    Check(
        ("sex", "menopause"),
        "menopause of a man",
        lambda p: p["sex"] == "M" and p["menopause"],
    ),
    Check(
        ("anticentromere", "antitopoisomerase"),
        "both anticentromere and anti-topoisomerase I antibodies, which normally exclude each "
        "other",
        lambda p: p["anticentromere"] and p["antitopoisomerase"],
    ),
    Check(
        ("digital_ulcers_current", "digital_ulcers_ever"),
        "digital ulcers now, but none ever",
        lambda p: p["digital_ulcers_current"] > 0 and not p["digital_ulcers_ever"],
    ),
    Check(
        ("pah", "mpap_mmhg"),
        "PAH at a normal mean pulmonary artery pressure",
        lambda p: p["pah"] and p["mpap_mmhg"] <= PH_MMHG,
        doubted=("pah",),
    ),
    Check(
        ("ild", "ild_extent_percent"),
        "an extent of interstitial lung disease without the disease",
        lambda p: not p["ild"] and p["ild_extent_percent"] > 0,
    ),
    Check(
        ("ild", "ssc_lung"),
        "interstitial lung disease in one sheet and not in the other",
        lambda p: p["ild"] != p["ssc_lung"],
        doubted=("ssc_lung",),
    ),
    Check(
        ("digital_ulcers_ever", "ssc_digital_tip_ulcers"),
        "digital ulcers in one sheet and not in the other",
        lambda p: p["digital_ulcers_ever"] != p["ssc_digital_tip_ulcers"],
        doubted=("ssc_digital_tip_ulcers",),
    ),
    Check(
        ("digital_ulcers_current", "ssc_digital_tip_ulcers"),
        "digital ulcers now, but no fingertip ulcers ever",
        lambda p: p["digital_ulcers_current"] > 0 and not p["ssc_digital_tip_ulcers"],
        doubted=("ssc_digital_tip_ulcers",),
    ),
    Check(
        ("raynaud_duration_years", "ssc_raynaud"),
        "a duration of Raynaud's phenomenon, which there is none of",
        lambda p: p["raynaud_duration_years"] > 0 and p["ssc_raynaud"] == "none",
        doubted=("ssc_raynaud",),
    ),
    Check(
        ("mrss", "ssc_distal_skin", "ssc_proximal_skin"),
        "a skin score above 0, but no skin changes anywhere",
        lambda p: p["mrss"] > 0 and not (p["ssc_distal_skin"] or p["ssc_proximal_skin"]),
        doubted=("ssc_distal_skin", "ssc_proximal_skin", "ssc_skin_proximal_to_mcp"),
    ),
    Check(
        ("ssc_subset", "ssc_skin_proximal_to_mcp"),
        "systemic sclerosis without scleroderma, but skin thickening proximal to the MCP joints",
        lambda p: p["ssc_subset"] == "sine" and p["ssc_skin_proximal_to_mcp"],
        doubted=("ssc_skin_proximal_to_mcp",),
    ),
    Check(
        ("ssc_skin_proximal_to_mcp", "ssc_distal_skin"),
        "skin thickening of fingers and hands by one set of criteria, none by the other",
        lambda p: p["ssc_skin_proximal_to_mcp"] and not p["ssc_distal_skin"],
        doubted=("ssc_distal_skin",),
    ),
    Check(
        ("ssc_sclerodactyly", "ssc_distal_skin"),
        "sclerodactyly by one set of criteria, no skin changes of the fingers by the other",
        lambda p: p["ssc_sclerodactyly"] and not p["ssc_distal_skin"],
        doubted=("ssc_distal_skin",),
    ),
    *(
        Check(
            (antibody, "ssc_antibody_titre"),
            "an antibody of systemic sclerosis whose titre is 0",
            lambda p, antibody=antibody: p[antibody] and p[("ssc_antibody_titre")] == 0,  # type: ignore[misc]
            doubted=("ssc_antibody_titre",),
        )
        for antibody in ("anticentromere", "antitopoisomerase", "anti_rnap3", "anti_pmscl")
    ),
    Check(
        ("pah", "pawp_mmhg"),
        "PAH at a wedge pressure of the left heart's disease",
        lambda p: p["pah"] and p["pawp_mmhg"] > PAWP_MMHG,
        doubted=("pah",),
    ),
    Check(
        ("pah", "pvr_wu"),
        "PAH at a normal pulmonary vascular resistance",
        lambda p: p["pah"] and p["pvr_wu"] <= PVR_WU,
        doubted=("pah",),
    ),
    Check(
        ("pah", "mpap_mmhg", "pah_definition_year"),
        "PAH at a pressure below that of the definition of its year",
        lambda p: (
            p["pah"]
            and p["pah_definition_year"] < 2018
            and PH_MMHG < p["mpap_mmhg"] < PH_MMHG_BEFORE_2018
        ),
        doubted=("pah",),
    ),
    Check(
        ("ck_u_per_l", "iim_enzymes"),
        "a raised creatine kinase, but no raised muscle enzymes ever",
        lambda p: p["ck_u_per_l"] > CK_ABNORMAL and not p["iim_enzymes"],
        doubted=("iim_enzymes",),
    ),
    Check(
        ("crp_mg_per_l", "ra_crp_abnormal"),
        "a raised CRP, but no abnormal CRP ever",
        lambda p: p["crp_mg_per_l"] > CRP_ABNORMAL and not p["ra_crp_abnormal"],
        doubted=("ra_crp_abnormal",),
    ),
    Check(
        ("esr_mm_per_h", "ra_esr_abnormal"),
        "a raised ESR, but no abnormal ESR ever",
        lambda p: p["esr_mm_per_h"] > ESR_ABNORMAL and not p["ra_esr_abnormal"],
        doubted=("ra_esr_abnormal",),
    ),
    Check(
        ("synovitis", "ra_synovitis"),
        "synovitis now, but no joint with synovitis ever",
        lambda p: p["synovitis"] and not p["ra_synovitis"],
        doubted=("ra_synovitis",),
    ),
    Check(
        ("ra_synovitis", "ra_large_joints", "ra_small_joints", "ra_other_joints"),
        "a joint with synovitis, but no joint swollen or tender",
        lambda p: (
            p["ra_synovitis"]
            and p["ra_large_joints"] + p["ra_small_joints"] + p["ra_other_joints"] == 0
        ),
        doubted=("ra_synovitis", "ra_large_joints", "ra_small_joints"),
    ),
    Check(
        ("disease_duration_years", "ra_duration_weeks"),
        "rheumatoid arthritis of six weeks or more by one duration, and of less by the other",
        lambda p: (
            p.get("is_ra_group", False)
            and (p["disease_duration_years"] * WEEKS_PER_YEAR >= RA_WEEKS)
            != (p["ra_duration_weeks"] >= RA_WEEKS)
        ),
        doubted=("ra_duration_weeks",),
    ),
    Check(
        ("age_years", "disease_duration_years", "iim_onset_age_years"),
        "age at the first symptom and duration of the myositis do not add up to the age",
        lambda p: (
            p.get("is_iim_group", False)
            and abs(p["age_years"] - p["disease_duration_years"] - p["iim_onset_age_years"])
            > YEARS_OF_ROUNDING
        ),
        doubted=("iim_onset_age_years",),
    ),
    *(
        Check(
            ("iim_biopsy", finding),
            "a finding of a muscle biopsy that was never read",
            lambda p, finding=finding: p[finding] and not p["iim_biopsy"],  # type: ignore[misc]
            doubted=("iim_biopsy", finding),
        )
        for finding in (
            "iim_biopsy_endomysial",
            "iim_biopsy_perimysial",
            "iim_biopsy_perifascicular",
            "iim_biopsy_rimmed_vacuoles",
        )
    ),
    Check(
        ("essdai", "pss_essdai"),
        "an ESSDAI above 0, but no positive domain ever",
        lambda p: p["essdai"] > 0 and not p["pss_essdai"],
        doubted=("pss_essdai",),
    ),
    Check(
        ("chronic_infection", "pss_hepatitis_c"),
        "active hepatitis C, but no chronic infection",
        lambda p: p["pss_hepatitis_c"] and not p["chronic_infection"],
        doubted=("chronic_infection", "pss_hepatitis_c"),
    ),
    Check(
        ("chronic_infection", "pss_aids"),
        "AIDS, but no chronic infection",
        lambda p: p["pss_aids"] and not p["chronic_infection"],
        doubted=("chronic_infection", "pss_aids"),
    ),
    Check(
        ("stem_cell_transplantation", "pss_gvhd"),
        "graft-versus-host disease, but no stem cell transplantation ever",
        lambda p: p["pss_gvhd"] and not p["stem_cell_transplantation"],
        doubted=("stem_cell_transplantation", "pss_gvhd"),
    ),
    Check(
        ("pregnant_or_breastfeeding", "menopause"),
        "pregnant or breastfeeding after the menopause",
        lambda p: p["pregnant_or_breastfeeding"] and p["menopause"],
        doubted=("pregnant_or_breastfeeding",),
    ),
    Check(
        ("capillaroscopy", "ssc_abnormal_capillaries"),
        "the capillaroscopy pattern and the classification item disagree",
        lambda p: (
            p["capillaroscopy"] == "normal"
            if p["ssc_abnormal_capillaries"]
            else p["capillaroscopy"] in _ABNORMAL_PATTERNS
        ),
        doubted=("ssc_abnormal_capillaries",),
    ),
    Check(
        ("ssc_subset", "ssc_proximal_skin"),
        "the subset and the extent of skin changes disagree",
        lambda p: (p["ssc_subset"] == "dcSSc") != p["ssc_proximal_skin"],
        doubted=("ssc_proximal_skin",),
    ),
    Check(
        ("ssc_skin_proximal_to_mcp", "ssc_fingers_spared"),
        "skin thickening of the fingers that spares the fingers",
        lambda p: p["ssc_skin_proximal_to_mcp"] and p["ssc_fingers_spared"],
        doubted=("ssc_skin_proximal_to_mcp", "ssc_fingers_spared"),
    ),
    Check(
        ("hydroxychloroquine", "group"),
        "hydroxychloroquine in a healthy person",
        lambda p: p["hydroxychloroquine"] and p["group"] == p.get("healthy_group"),
    ),
    Check(
        ("ssc_subset", "group"),
        "a subset of systemic sclerosis in another group: have two labels been swapped?",
        lambda p: not p.get("is_ssc_group", True),
    ),
)


def find_contradictions(person: Person) -> list[Check]:
    """Return the checks that a person's items contradict, in the order of `CHECKS`."""
    return [
        check
        for check in CHECKS
        if all(person.get(item) is not None for item in check.items) and check.contradicts(person)
    ]


def with_groups(items: Person, cohort: CheckedCohort) -> Person:
    """Return a person's items with what the checks ask of the group."""
    own = cohort.classification_criteria.get(items["group"], ())
    return items | {
        "healthy_group": cohort.healthy_group,
        "is_ssc_group": any(name.startswith("ssc_") for name in own),
        "is_ra_group": "ra_2010" in own,
        "is_iim_group": "iim_2017" in own,
    }


def doubted_items(person: Person) -> frozenset[str]:
    """Return the items that count as unknown, because something else that is stated denies them."""
    return frozenset(item for check in find_contradictions(person) for item in check.doubted)
