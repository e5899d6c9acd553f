"""Early systemic sclerosis, LeRoy and Medsger 2001 (J Rheumatol 2001;28:1573-6): logic, no score.

Sources differ on whether Raynaud's phenomenon seen by a physician is objective, so that is a
setting; the default takes observed and measured as objective.
"""

from __future__ import annotations

from collections.abc import Collection

from itc_analysis.cohort.classification.engine import (
    Items,
    Result,
    Truth,
    all_of,
    any_of,
    as_verdict,
    at_least,
    every,
    some,
    yes,
)

NAME = "ssc_early_2001"
TITLE = "Early systemic sclerosis, LeRoy and Medsger 2001"
#: Reciprocal of the lowest titre that counts, 1:100.
LOWEST_TITRE = 100
SELECTIVE_ANTIBODIES = (
    "anticentromere",
    "antitopoisomerase",
    "anti_fibrillarin",
    "anti_pmscl",
    "anti_fibrillin",
    "anti_rnap1",
    "anti_rnap3",
)
ANTIBODY = all_of(
    any_of(*(yes(name) for name in SELECTIVE_ANTIBODIES)),
    at_least("ssc_antibody_titre", LOWEST_TITRE),
)
CAPILLARIES = yes("ssc_abnormal_capillaries")
ITEMS = ("ssc_raynaud", *CAPILLARIES.items, *ANTIBODY.items)
SKIN = ("ssc_distal_skin", "ssc_proximal_skin")


def assess(items: Items, *, objective: Collection[str] = ("observed", "measured")) -> Result:
    """Judge one person.

    Parameters
    ----------
    items : mapping of str to object
        values by column.
    objective : collection of str
        evidence of Raynaud's phenomenon that counts as objective.

    Returns
    -------
    Result
        `Result` without a score; `category` is lSSc, lcSSc or dcSSc, and None while the skin is
        open.
    """
    evidence = items.get("ssc_raynaud")
    is_objective: Truth = None if evidence is None else evidence in objective
    is_subjective: Truth = (
        None if evidence is None else evidence not in objective and evidence != "none"
    )
    capillaries, antibody = CAPILLARIES.answer(items), ANTIBODY.answer(items)
    met = some(
        [
            every([is_objective, some([capillaries, antibody])]),
            every([is_subjective, capillaries, antibody]),
        ]
    )
    distal, proximal = (yes(name).answer(items) for name in SKIN)
    flags = []
    if met is False and proximal:
        flags.append("proximal skin changes without the criteria: consider eosinophilic fasciitis")
    open_items = ITEMS if met is None else SKIN if met else ()
    return Result(
        criteria=NAME,
        verdict=as_verdict(met),
        low=None,
        high=None,
        cut_off=None,
        missing=tuple(name for name in open_items if items.get(name) is None),
        category=_category(distal, proximal) if met else None,
        flags=tuple(flags),
    )


def _category(distal: Truth, proximal: Truth) -> str | None:
    if proximal:
        return "dcSSc"
    if proximal is None or distal is None:
        return None
    return "lcSSc" if distal else "lSSc"
