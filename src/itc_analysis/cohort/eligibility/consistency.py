"""Items of one person that contradict one another: told as queries, never repaired.

A check reads the items of both sheets (participants and classification) and says nothing while one
of them is missing. To add one: a line in `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Person = dict[str, Any]


@dataclass(frozen=True)
class Check:
    """Two or more items that cannot both be right.

    Parameters
    ----------
    items : columns that it reads; the check is silent unless all are known.
    what : the contradiction in words.
    contradicts : takes a person's items, all known.
    """

    items: tuple[str, ...]
    what: str
    contradicts: Callable[[Person], bool]


#: The lowest mean pulmonary artery pressure of any definition in use (ESC/ERS 2022: above 20 mmHg).
PH_MMHG = 20
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
        "the first symptom lies after the blood draw",
        lambda p: p["iim_onset_age_years"] > p["age_years"],
    ),
    Check(
        ("sex", "menopause"),
        "menopause of a man",
        lambda p: p["sex"] == "M" and p["menopause"],
    ),
    Check(
        ("anticentromere", "antitopoisomerase"),
        "both anticentromere and anti-topoisomerase I antibodies, which normally exclude each other",
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
    ),
    Check(
        ("ild", "ild_extent_percent"),
        "an extent of interstitial lung disease without the disease",
        lambda p: not p["ild"] and p["ild_extent_percent"] > 0,
    ),
    Check(
        ("capillaroscopy", "ssc_abnormal_capillaries"),
        "the capillaroscopy pattern and the classification item disagree",
        lambda p: (
            p["capillaroscopy"] == "normal"
            if p["ssc_abnormal_capillaries"]
            else p["capillaroscopy"] in _ABNORMAL_PATTERNS
        ),
    ),
    Check(
        ("ssc_subset", "ssc_proximal_skin"),
        "the subset and the extent of skin changes disagree",
        lambda p: (p["ssc_subset"] == "dcSSc") != p["ssc_proximal_skin"],
    ),
    Check(
        ("ssc_skin_proximal_to_mcp", "ssc_fingers_spared"),
        "skin thickening of the fingers that spares the fingers",
        lambda p: p["ssc_skin_proximal_to_mcp"] and p["ssc_fingers_spared"],
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
