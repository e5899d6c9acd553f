"""Shares from counts, with interval and standard error: arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.binomial import Z, clopper_pearson
from itc_analysis.statistics.half_cell import HALF_CELL

#: A gate that seems to hold less of its population than this is no gate of it.
LEAST_CAPTURE = 0.05
#: Log error of the part missed at most: a cell or two that were counted say no more.
MOST_CAPTURE_ERROR = 1.0


@dataclass(frozen=True)
class Shares:
    """Shares with their uncertainty; every field of shape (n,), NaN where there is no share.

    Parameters
    ----------
    value : FloatArray
        share, 0 to 1.
    lower, upper : FloatArray
        95 % limits; 0 <= lower <= value <= upper <= 1.
    standard_error : FloatArray
        on the logit scale.
    standard_error_log : FloatArray
        of the logarithm of the share.
    """

    value: FloatArray
    lower: FloatArray
    upper: FloatArray
    standard_error: FloatArray
    standard_error_log: FloatArray


def share_interval(
    n: npt.ArrayLike,
    total: npt.ArrayLike,
    *,
    background: npt.ArrayLike = 0.0,
    background_se: npt.ArrayLike = 0.0,
    n_lower: npt.ArrayLike = np.nan,
    n_upper: npt.ArrayLike = np.nan,
    n_parent: npt.ArrayLike = np.nan,
    gate_se_log: npt.ArrayLike = 0.0,
    missed: npt.ArrayLike = 0.0,
    missed_se: npt.ArrayLike = 0.0,
) -> Shares:
    """Return the share (n - background + missed) / total with its uncertainty.

    Parameters
    ----------
    n : array_like
        events in the gate; NaN when not counted.
    total : array_like
        events of the denominator; no share where it is 0.
    background : array_like
        events expected in the gate without the population; the net count never falls below 0. NaN
        counts as none.
    background_se : array_like
        standard error of the background.
    n_lower, n_upper : array_like
        95 % limits of the net count; where NaN, those of Clopper and Pearson (1934,
        doi:10.1093/biomet/26.4.404) less the background.
    n_parent : array_like
        events that `n_lower` and `n_upper` take as given: those of the gate's own parent. How many
        of the denominator these are was drawn as well, and widens the limits. NaN: the denominator.
    gate_se_log : array_like
        standard error of the log count due to the position of the cut.
    missed, missed_se : array_like
        events of the population expected on the other side of the cut, and their standard error.
        NaN counts as none.

    Notes
    -----
    The limits of counting and those of the cut are joined on the logit scale by square-and-add
    (Zou and Donner 2008, doi:10.1002/sim.3095). The logit's variance is (n + 1/2 + se_b^2 + se_m^2)
    / (net + 1/2)^2 + 1/(total - net + 1/2) + (gate_se_log / (1 - share))^2; without background and
    gate error that is Haldane's 1/(n + 1/2) + 1/(total - n + 1/2).
    """
    n, total, background, background_se, n_lower, n_upper, n_parent, gate, missed, missed_se = (
        _same_length(
            *(n, total, background, background_se, n_lower, n_upper, n_parent, gate_se_log),
            *(missed, missed_se),
        )
    )
    background, background_se, gate, missed, missed_se = (
        np.nan_to_num(column) for column in (background, background_se, gate, missed, missed_se)
    )
    background, background_se = background - missed, np.hypot(background_se, missed_se)
    total = np.where(total > 0, total, np.nan)
    net = np.minimum(np.maximum(n - background, 0), total)
    value = net / total
    exact_lower, exact_upper = clopper_pearson(n, total)
    parent = np.fmin(np.where(np.isnan(n_parent), total, np.maximum(n_parent, n)), total)
    parent_lower, parent_upper = clopper_pearson(n, parent)
    # squares of how much further the limits lie when the parent's events are drawn as well
    with np.errstate(invalid="ignore"):
        below = (n - exact_lower * total) ** 2 - (n - parent_lower * parent) ** 2
        above = (exact_upper * total - n) ** 2 - (parent_upper * parent - n) ** 2
    low, high = net - n_lower, n_upper - net
    low = net - np.where(low > 0, np.sqrt(low**2 + np.maximum(below, 0)), low)
    high = net + np.where(high > 0, np.sqrt(high**2 + np.maximum(above, 0)), high)
    low = np.where(np.isnan(n_lower), exact_lower * total - background, low) / total
    high = np.where(np.isnan(n_upper), exact_upper * total - background, high) / total
    # limits that came with the count may miss the share by rounding
    low, high = np.clip(np.minimum(low, value), 0, 1), np.clip(np.maximum(high, value), 0, 1)
    others = total - net + HALF_CELL
    rest = others / (total + 1)  # 1 - share, never 0
    counting = (n + HALF_CELL + background_se**2) / (net + HALF_CELL) ** 2 + 1 / others
    error = np.sqrt(counting + (gate / rest) ** 2)
    lower, upper = widen(special.logit(value), special.logit(low), special.logit(high), gate / rest)
    return Shares(
        value=value,
        lower=np.minimum(special.expit(lower), value),
        upper=np.maximum(special.expit(upper), value),
        standard_error=error,
        standard_error_log=rest * error,
    )


def capture_of(
    n: npt.ArrayLike,
    *,
    background: npt.ArrayLike,
    missed: npt.ArrayLike,
    missed_se: npt.ArrayLike,
    gate_se_log: npt.ArrayLike,
) -> tuple[FloatArray, FloatArray]:
    """Return what part of a population its gate holds, and the log error of gate and part.

    Parameters
    ----------
    n, background, missed, missed_se, gate_se_log : array_like
        As in `share_interval`.

    Returns
    -------
    capture : FloatArray
        `LEAST_CAPTURE` to 1; 1 where nothing is missed.
    error_log : FloatArray
        Standard error of the log of the population's size that is not counting.
    """
    n, background, missed, missed_se, gate = (
        np.nan_to_num(column)
        for column in _same_length(n, background, missed, missed_se, gate_se_log)
    )
    net = np.maximum(n - background, 0)
    whole = np.where(net + missed > 0, net + missed, 1.0)
    capture = np.where(missed > 0, np.clip(net / whole, LEAST_CAPTURE, 1.0), 1.0)
    error = np.where(missed > 0, np.minimum(missed_se / whole, MOST_CAPTURE_ERROR), 0.0)
    return capture, np.hypot(gate, error)


def widen(
    value: FloatArray, lower: FloatArray, upper: FloatArray, standard_error: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Add an independent error to an interval by square-and-add, all on a scale where errors add.

    An infinite limit (logit or log of 0) stays where it is.
    """
    extra = Z * standard_error
    with np.errstate(invalid="ignore"):  # inf - inf, where the value itself is at the edge
        low = value - np.hypot(value - lower, extra)
        high = value + np.hypot(upper - value, extra)
    return np.where(np.isinf(value), lower, low), np.where(np.isinf(value), upper, high)


def _same_length(*columns: npt.ArrayLike) -> tuple[FloatArray, ...]:
    arrays = [np.atleast_1d(np.asarray(column, dtype=float)) for column in columns]
    return tuple(np.broadcast_arrays(*arrays))
