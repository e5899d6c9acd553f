"""What difference the groups at hand could show: power of the two-sample t test on the log scale.

A guide for planning and for reading a negative result; the comparisons themselves adjust for
covariates and censoring, which this does not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import optimize, stats

from itc_analysis.cohort.description.groups import members
from itc_analysis.config.sections import ShownCohort

ALPHA = 0.05
POWER = 0.8
#: Standard deviation of the logarithm of innate T cell frequencies between healthy people.
SIGMA_LN = 1.0
#: No group is too small to be told; beyond this many SDs the answer is "nothing that exists".
_MAX_SD = 20.0
COLUMNS = [
    "sizes",
    "group",
    "n_index",
    "n_group",
    "alpha",
    "detectable_sd",
    "detectable_ratio",
    "power_of_medium",
]
#: Cohen's medium effect (Cohen 1988, chapter 2).
MEDIUM_SD = 0.5


def make_power_table(
    participants: pd.DataFrame, *, cohort: ShownCohort, n_primary: int
) -> pd.DataFrame:
    """Tell what the index group against each control could show, at hand and as planned.

    Parameters
    ----------
    participants : pandas.DataFrame
        `Participants`; the analysed are counted.
    cohort : ShownCohort
        groups and planned sizes.
    n_primary : int
        comparisons of the primary family, at least 1.

    Returns
    -------
    pandas.DataFrame
        One row per kind of `sizes` (at hand, planned), control `group` (pooled controls included)
        and `alpha` (0.05, and 0.05 over the primary family): `detectable_sd`, the difference in
        standard deviations found with 80 % power; `detectable_ratio`, the same as a ratio below 1
        of geometric means at SD(ln) = 1; `power_of_medium`, the power for half a standard
        deviation. NaN for groups with fewer than two people. Controls without a planned size have
        no planned row.
    """
    sets = members(participants, cohort=cohort)
    at_hand = {name: len(people) for name, people in sets.items()}
    rows = []
    for sizes, counts in (("at hand", at_hand), ("planned", _planned(cohort))):
        n_index = counts.get(cohort.index_group, 0)
        for group in (*cohort.groups, cohort.pooled_name):
            if group == cohort.index_group or group not in counts or not n_index:
                continue
            for alpha in (ALPHA, ALPHA / n_primary):
                sd = detectable_difference(n_index, counts[group], alpha=alpha, power=POWER)
                ratio = float(np.exp(-sd * SIGMA_LN))
                medium = power_of(n_index, counts[group], MEDIUM_SD, alpha=alpha)
                rows.append([sizes, group, n_index, counts[group], alpha, sd, ratio, medium])
    return pd.DataFrame(rows, columns=COLUMNS)


def power_of(n_one: int, n_two: int, difference_sd: float, *, alpha: float) -> float:
    """Return the power of a two-sided, two-sample t test.

    Parameters
    ----------
    n_one, n_two : int
        people in each group.
    difference_sd : float
        true difference in standard deviations, at least 0.
    alpha : float
        level of the test.

    Returns
    -------
    float
        0 to 1, the chance to find the difference in its own direction; NaN when a group has fewer
        than two people.
    """
    if min(n_one, n_two) < 2:  # a variance needs two numbers
        return float("nan")
    degrees = n_one + n_two - 2
    shift = difference_sd / np.sqrt(1 / n_one + 1 / n_two)
    bound = stats.t.isf(alpha / 2, degrees)
    return float(stats.nct.sf(bound, degrees, shift))


def detectable_difference(n_one: int, n_two: int, *, alpha: float, power: float) -> float:
    """Return the difference in standard deviations that is found with this power; NaN as
    `power_of`.
    """
    if min(n_one, n_two) < 2:  # a variance needs two numbers
        return float("nan")

    def lacking(difference: float) -> float:
        return power_of(n_one, n_two, difference, alpha=alpha) - power

    if lacking(_MAX_SD) < 0:
        return float("inf")
    return float(optimize.brentq(lacking, 0, _MAX_SD))


def _planned(cohort: ShownCohort) -> dict[str, int]:
    planned = dict(cohort.planned_sizes)
    controls = [planned.get(group) for group in cohort.disease_groups]
    known = [n for n in controls if n is not None]
    if known and len(known) == len(controls):
        planned[cohort.pooled_name] = sum(known)
    return planned
