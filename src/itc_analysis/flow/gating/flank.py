"""The right flank of a negative peak, continued: how many negatives lie beyond a cut.

The outermost negatives below an end point are fitted by Poisson regression of their histogram with
a log-quadratic curve (that of a normal tail), or an exponential where the flank bends outwards.
Only the outermost ones: the core of a peak says little about its tail, and of a flank with
shoulders only the last one leads into the gate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating import density as densities
from itc_analysis.flow.gating.density import Density
from itc_analysis.statistics.arrays import FloatArray

#: The flank holds this many events, and spans at least so many standard deviations of the peak...
NEAREST = 150
SPAN = 1.0
#: ...but begins no nearer to the mode than this many standard deviations.
BEGIN = 1.0
#: A flank with fewer bins or events cannot be continued.
_MIN_BINS = 5
_MIN_EVENTS = 20
#: The curve is followed this many standard deviations of the peak beyond the end of the flank.
_FOLLOWED = 12.0
#: A continued tail may be wrong by its form, not only by its counts: relative standard error added,
#: by the degree of the curve. An exponential is the cruder one.
FORM_ERROR = {2: 0.25, 1: 0.5}
_N_ITERATIONS = 25
_CONVERGED = 1e-8


@dataclass(frozen=True)
class Flank:
    """A fitted flank.

    Parameters
    ----------
    centre : float
        mode of the peak, transformed units.
    width : float
        its standard deviation, transformed units.
    end : float
        end of the flank, transformed units.
    coefficients, covariance : FloatArray
        of the logarithm of the events per bin, as a polynomial in standard deviations from the
        mode.
    """

    centre: float
    width: float
    end: float
    coefficients: FloatArray
    covariance: FloatArray

    @property
    def degree(self) -> int:
        """2 for a log-quadratic curve, 1 for an exponential."""
        return self.coefficients.size - 1

    def per_bin(self, x: npt.ArrayLike) -> FloatArray:
        """Return the expected events per bin at places in transformed units."""
        place = (np.atleast_1d(np.asarray(x, dtype=float)) - self.centre) / self.width
        return np.asarray(np.exp(_powers(place, self.degree) @ self.coefficients))

    def beyond(self, cut: float, *, highest: float = np.inf) -> tuple[float, float]:
        """Return the negatives expected beyond a cut and their standard error.

        Parameters
        ----------
        cut : float
            transformed units.
        highest : float
            events per bin that the curve may not exceed at the cut; it is lowered to that.
        """
        step = densities.BIN_WIDTH / self.width
        start = (cut - self.centre) / self.width
        place = np.arange(start + step / 2, start + _FOLLOWED, step)
        design = _powers(place, self.degree)
        expected = np.exp(design @ self.coefficients)
        if expected[0] > highest:
            expected *= highest / expected[0]
        n = float(expected.sum())
        gradient = design.T @ expected
        variance = float(gradient @ self.covariance @ gradient)
        return n, float(np.sqrt(variance + (FORM_ERROR[self.degree] * n) ** 2))


def fit_flank(density: Density, peak: int, end: int, counts: FloatArray) -> Flank | None:
    """Fit the flank of a peak up to, and without, bin `end`.

    Parameters
    ----------
    density : Density
        gives the places of the bins.
    peak : int
        bin of the peak's mode, left of `end`.
    counts : FloatArray
        events per bin, freed of other populations where these are known.

    Returns
    -------
    Flank or None
        None when there are too few bins or events, or the flank does not fall towards its end.
    """
    width = densities.narrower_width(density.counts, peak)
    per_width = width / densities.BIN_WIDTH
    first = peak + max(round(BEGIN * per_width), 1)
    enough = np.flatnonzero(np.cumsum(counts[:end][::-1]) >= NEAREST)
    if enough.size:
        n_bins = max(int(enough[0]) + 1, round(SPAN * per_width), _MIN_BINS)
        first = max(first, end - n_bins)
    flank = counts[first:end]
    if flank.size < _MIN_BINS or flank.sum() < _MIN_EVENTS:
        return None
    centre = float(density.centres[peak])
    place = (density.centres[first:end] - centre) / width
    for degree in (2, 1):
        fitted = _fit_poisson(_powers(place, degree), flank)
        if fitted is None:
            continue
        coefficients, covariance = fitted
        curvature = coefficients[2] if degree > 1 else 0.0
        slope = coefficients[1] + 2 * curvature * place[-1]
        if curvature <= 0 and slope < 0:
            edge = float(density.centres[end - 1]) + densities.BIN_WIDTH / 2
            return Flank(centre, width, edge, coefficients, covariance)
    return None


def where_flank_ends(density: Density, peak: int) -> int:
    """Return the first bin right of a peak that is not `density.CROWDED`.

    Further out a few dim positives would pass for a long tail.
    """
    sparse = np.flatnonzero(density.smooth[peak:] < densities.CROWDED * density.height[peak:])
    return peak + int(sparse[0]) if sparse.size else density.centres.size


def _powers(x: FloatArray, degree: int) -> FloatArray:
    return np.vander(x, degree + 1, increasing=True)


def _fit_poisson(design: FloatArray, counts: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Fit log(expected) = design @ coefficients by Newton's method; None when it does not settle.

    The covariance is scaled by the Pearson dispersion when that exceeds 1.
    """
    start = np.log(np.maximum(counts, 0.5))
    coefficients = np.asarray(np.linalg.lstsq(design, start, rcond=None)[0], dtype=np.float64)
    for _ in range(_N_ITERATIONS):
        # no overflow on the way
        expected = np.exp(np.minimum(np.maximum(design @ coefficients, -50), 50))
        information = design.T @ (design * expected[:, None])
        try:
            step = np.linalg.solve(information, design.T @ (counts - expected))
        except np.linalg.LinAlgError:
            return None
        coefficients = coefficients + step
        if np.max(np.abs(step)) < _CONVERGED * (1 + np.max(np.abs(coefficients))):
            break
    else:
        return None
    expected = np.exp(design @ coefficients)
    freedom = max(counts.size - design.shape[1], 1)
    # where less than one event is expected, Pearson's statistic is not chi-squared
    seen = expected >= 1
    pearson = float(np.sum((counts[seen] - expected[seen]) ** 2 / expected[seen]))
    covariance: FloatArray = np.linalg.inv(information) * max(pearson / freedom, 1.0)
    return coefficients, covariance
