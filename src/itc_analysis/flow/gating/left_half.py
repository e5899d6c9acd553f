"""Where negatives end, told by their left half: a positivity threshold without a control tube.

Dim positives lie on the right of the negatives only. In instrument units noise, glow and what
compensation leaves spread both ways alike, so the negatives' right half is the mirror of their
left half about the mode. On a logicle scale it is not: there the part around zero is stretched,
and dim positives draw the mode to the right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from itc_analysis.statistics.arrays import FloatArray

#: Events left of the mode that a threshold needs.
MIN_LEFT = 60
#: Relative standard error of the distance from mode to threshold: the right half is not exactly the
#: mirror of the left one (glow is skewed, bright dyes spread).
FORM_ERROR = 0.1
#: Negatives whose mode lies this many of their standard deviations above zero may all be dim.
FAR_FROM_ZERO = 2.0
#: Bins per standard deviation while the mode is sought, and the bell that smooths them.
_PER_SD, _BELL = 20, 10
_SMOOTHING = np.exp(-0.5 * (np.arange(-3 * _BELL, 3 * _BELL + 1) / _BELL) ** 2)
_SMOOTHING /= _SMOOTHING.sum()
#: Standard deviation of a normal distribution by its quartile distance from the median.
_NORMAL_MEDIAN = 0.6744897501960817


@dataclass(frozen=True)
class LeftHalf:
    """Negatives by their left half, instrument units.

    Parameters
    ----------
    mode : float
        of the negatives.
    sd : float
        their standard deviation.
    threshold : float
        mirror image of the quantile of the left half.
    standard_error : float
        of the threshold.
    n_left : float
        events left of the mode.
    """

    mode: float
    sd: float
    threshold: float
    standard_error: float
    n_left: float

    @property
    def is_near_zero(self) -> bool:
        """Whether the mode lies where cells without the antigen can lie."""
        return self.mode <= FAR_FROM_ZERO * self.sd


def left_half(
    counts: FloatArray, edges: FloatArray, *, quantile: float, n_bootstrap: int, seed: int
) -> LeftHalf | None:
    """Return the negatives of a histogram; None when too few events lie left of the mode.

    Parameters
    ----------
    counts : FloatArray
        events per bin.
    edges : FloatArray
        of the bins, instrument units, one more than bins; not evenly spaced.
    quantile : float
        of the negatives, below the threshold (that of an FMO tube).
    """
    found = _mirror(counts, edges, quantile)
    if found is None:
        return None
    mode, sd, threshold, n_left = found
    rng = np.random.default_rng(seed)
    total = int(counts.sum())
    drawn = rng.multinomial(total, counts / total, size=n_bootstrap).astype(float)
    again = [_mirror(one, edges, quantile) for one in drawn]
    thresholds = [one[2] for one in again if one is not None]
    if len(thresholds) < 2:
        return None
    error = np.hypot(np.std(thresholds, ddof=1), FORM_ERROR * (threshold - mode))
    return LeftHalf(mode, sd, threshold, float(error), n_left)


def left_of_mode(counts: FloatArray, edges: FloatArray) -> tuple[float, float] | None:
    """Return the mode of the negatives and how many events lie left of it; None when too few do.

    Parameters
    ----------
    counts, edges : FloatArray
        as for `left_half`.
    """
    cumulative = np.concatenate([[0.0], np.cumsum(counts)])
    total = cumulative[-1]
    if total < MIN_LEFT:
        return None
    low, middle = np.interp([0.02 * total, 0.5 * total], cumulative, edges)
    sd = (middle - low) / 2
    if sd <= 0:
        return None
    grid = np.arange(low - 3 * sd, middle + 4 * sd, sd / _PER_SD)
    density = np.diff(np.interp(grid, edges, cumulative))
    smooth = np.convolve(density, _SMOOTHING, mode="same")
    mode = float(grid[int(np.argmax(smooth))] + sd / _PER_SD / 2)
    n_left = float(np.interp(mode, edges, cumulative))
    return None if n_left < MIN_LEFT else (mode, n_left)


def _mirror(
    counts: FloatArray, edges: FloatArray, quantile: float
) -> tuple[float, float, float, float] | None:
    """Return mode, standard deviation, threshold and events left of the mode."""
    found = left_of_mode(counts, edges)
    if found is None:
        return None
    mode, n_left = found
    cumulative = np.concatenate([[0.0], np.cumsum(counts)])
    # both halves together hold 2 n_left events; the threshold has 1 - quantile of them beyond
    beyond = 2 * n_left * (1 - quantile)
    mirrored, half = np.interp([beyond, n_left / 2], cumulative, edges)
    return mode, (mode - half) / _NORMAL_MEDIAN, 2 * mode - float(mirrored), n_left
