"""Rheumatoid arthritis, 2010 ACR/EULAR criteria.

Aletaha et al. 2010, doi:10.1136/ard.2010.138461.
"""

from __future__ import annotations

from dataclasses import replace

from itc_analysis.cohort.classification.engine import (
    Condition,
    Criteria,
    Domain,
    Finding,
    Items,
    Result,
    Test,
    Truth,
    all_of,
    any_assessed,
    any_of,
    at_least,
    judge,
    more_than,
    yes,
)

#: High positive is above 3 times the upper limit of normal, low positive above 1 time.
HIGH_TIMES_ULN, LOW_TIMES_ULN = 3, 1
DURATION_WEEKS = 6
MANY_JOINTS = 10
#: How many of each kind a body has, which bounds a count that is missing.
JOINTS = {"ra_large_joints": 10, "ra_small_joints": 30, "ra_other_joints": 6}


def has_many_joints(items: Items) -> Truth:
    """Say whether more than 10 joints of any kind are involved."""
    known = sum(items[name] for name in JOINTS if items.get(name) is not None)
    unknown = sum(most for name, most in JOINTS.items() if items.get(name) is None)
    if known > MANY_JOINTS:
        return True
    return None if known + unknown > MANY_JOINTS else False


MORE_THAN_10_JOINTS = all_of(at_least("ra_small_joints", 1), Test(tuple(JOINTS), has_many_joints))
RA_2010 = Criteria(
    name="ra_2010",
    title="Rheumatoid arthritis, ACR/EULAR 2010",
    source="10.1136/ard.2010.138461",
    cut_off=6,
    domains=(
        # Each person stands in the highest possible category; 1 large joint scores nothing.
        Domain(
            "joints",
            (
                Finding("more than 10 joints, one of them small", 5, MORE_THAN_10_JOINTS),
                Finding("4-10 small joints", 3, at_least("ra_small_joints", 4)),
                # 2, not 3 as a widely copied figure has it
                Finding("1-3 small joints", 2, at_least("ra_small_joints", 1)),
                Finding("2-10 large joints", 1, at_least("ra_large_joints", 2)),
            ),
        ),
        Domain(
            "serology",
            (
                Finding(
                    "high-positive RF or ACPA",
                    3,
                    any_of(
                        more_than("ra_rf_times_uln", HIGH_TIMES_ULN),
                        more_than("ra_acpa_times_uln", HIGH_TIMES_ULN),
                    ),
                ),
                Finding(
                    "low-positive RF or ACPA",
                    2,
                    any_of(
                        more_than("ra_rf_times_uln", LOW_TIMES_ULN),
                        more_than("ra_acpa_times_uln", LOW_TIMES_ULN),
                    ),
                ),
            ),
        ),
        # "abnormal CRP or normal ESR" in the journal's HTML table is a misprint
        Domain(
            "acute phase",
            (
                Finding(
                    "abnormal CRP or ESR",
                    1,
                    any_of(yes("ra_crp_abnormal"), yes("ra_esr_abnormal")),
                ),
            ),
        ),
        Domain(
            "duration",
            (Finding("6 weeks or more", 1, at_least("ra_duration_weeks", DURATION_WEEKS)),),
        ),
    ),
    conditions=(
        Condition(yes("ra_synovitis"), "no joint with definite synovitis (target population)"),
        Condition(any_assessed("ra_rf_times_uln", "ra_acpa_times_uln"), "no serology"),
        Condition(any_assessed("ra_crp_abnormal", "ra_esr_abnormal"), "no acute-phase reactant"),
    ),
    sufficient=Finding("by history", 0, yes("ra_by_history")),
)


def assess(items: Items) -> Result:
    """Judge one person; fulfilled from 6 of 10 points on, or by history."""
    result = judge(RA_2010, items)
    flags = list(result.flags)
    if items.get("ra_small_joints") == 0 and has_many_joints(items):
        flags.append("more than 10 joints without a small one: counted as 2-10 large joints")
    if items.get("ra_synovitis") and all(items.get(name) == 0 for name in JOINTS):
        flags.append("synovitis is stated, but no joint is counted")
    return replace(result, flags=tuple(flags))
