"""How many cells, how sure: interval and detection."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import special  # scipy.stats has the same quantiles and takes 0.4 s longer to import

from itc_analysis.flow.counting.background import Background
from itc_analysis.statistics.binomial import CONFIDENCE, Z, count_limits


def net_interval(n_events: int, n_parent: int, background: Background) -> tuple[float, float]:
    """Return the 95 % interval of the background-subtracted count.

    Clopper-Pearson limits of the count and normal limits of the background are joined by MOVER
    (Zou and Donner 2008, doi:10.1002/sim.3095): lower = net - sqrt((n - lower of n)² +
    (upper of background - background)²), and the same upwards; events missed below the cut are
    added with their own limits, and what may be hidden is added to the upper limit. Without
    background these are the exact limits.

    Returns
    -------
    lower, upper : float
        events, 0 <= lower <= upper <= n_parent.
    """
    low, high = count_limits(n_events, n_parent)
    if background.n_events is None or background.standard_error is None:
        return low, min(high + background.n_hidden, n_parent)
    expected, missed = background.n_events, background.n_missed
    least = max(expected - Z * background.standard_error, 0.0)
    most = expected + Z * background.standard_error
    least_missed = max(missed - Z * background.missed_se, 0.0)
    net = n_events - expected + missed
    lower = net - float(
        np.sqrt((n_events - low) ** 2 + (most - expected) ** 2 + (missed - least_missed) ** 2)
    )
    upper = net + float(
        np.sqrt((high - n_events) ** 2 + (expected - least) ** 2 + (Z * background.missed_se) ** 2)
    )
    upper = float(np.clip(upper + background.n_hidden, 0.0, n_parent))
    return float(np.clip(lower, 0.0, upper)), upper


def detection_limits(background: Background) -> tuple[float | None, float | None]:
    """Return limit of blank and limit of detection of a gate in one tube.

    Currie 1968 (doi:10.1021/ac60259a007) and CLSI EP17, for counts: the limit of blank is the 95 %
    quantile of the events in the gate when the population is empty (Poisson about a background that
    is itself uncertain: a gamma, so together negative binomial); the limit of detection is the
    smallest true number of cells of which 95 % of tubes show more events than the limit of blank.

    Returns
    -------
    tuple of (float or None, float or None)
        limit of blank : events in the gate, background included; None where the background is
        unknown. limit of detection : cells of the population, background not included, those that
        the tail may
            hide added; None likewise.
    """
    if background.n_events is None or background.standard_error is None:
        return None, None
    expected, error = background.n_events, background.standard_error
    blank = float(np.ceil(special.pdtrik(CONFIDENCE, expected)))
    if error > 0:
        # nothing seen in the control: Jeffreys' prior, half an event
        shape = (expected / error) ** 2 if expected > 0 else 0.5
        scale = error**2 / expected if expected > 0 else error
        # a background known worse than by its own size is a gamma with most of its mass near 0
        blank = max(blank, float(np.ceil(special.nbdtrik(CONFIDENCE, shape, 1 / (1 + scale)))))
    # P(Poisson(m) <= blank) = 5 %
    gross = float(special.gammaincinv(blank + 1, CONFIDENCE))
    return blank, gross - expected + background.n_hidden


def detect(
    n_events: int, background: Background, lower: float, *, lod_events: int, loq_events: int
) -> Literal["quantified", "detected", "below_lod"]:
    """Return whether the background-subtracted count is quantified, detected or below the limit.

    The limit of detection is the configured number of events or that of the tube's own background
    (`detection_limits`), whichever is higher. A count whose interval reaches down to its background
    is below it whatever its size, and one whose interval reaches below `lod_events` is detected and
    not quantified.
    """
    net = n_events - (background.n_events or 0.0) + background.n_missed
    _, own_limit = detection_limits(background)
    if net < max(lod_events, own_limit or 0.0) or lower <= 0:
        return "below_lod"
    return "quantified" if net >= loq_events and lower >= lod_events else "detected"
