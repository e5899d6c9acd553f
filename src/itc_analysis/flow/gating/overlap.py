"""Two overlapping populations of one marker: how many of either lie on the wrong side of a cut.

The right flank of the negatives (log-quadratic, as in `flank`) and the positives (normal on the
transformed scale) are fitted together to the histogram around the cut by Poisson likelihood. The
positives are fitted up to a little beyond their mode: what bends further right says nothing about
the overlap. Gives the negatives expected beyond the cut and the positives expected below it, with
standard errors from the curvature of the likelihood.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from itc_analysis.flow.gating import density as densities
from itc_analysis.flow.gating.density import Density
from itc_analysis.flow.gating.flank import BEGIN, FORM_ERROR, NEAREST, SPAN
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.half_cell import HALF_CELL

#: Fewer events beyond the cut do not show where their own peak lies.
MIN_POSITIVES = 50
#: Bins up to so many standard deviations of the positives right of their mode are fitted.
_BEYOND_MODE = 1.0
#: The left half of a population is not exactly the mirror of its right half: relative standard
#: error added to the positives expected below the cut.
MISSED_FORM_ERROR = 0.5
#: A fit that leaves more scatter than this many times Poisson's does not describe the histogram.
_WORST_DISPERSION = 2.0
#: Positives whose mode lies less than this many of their standard deviations beyond the cut are not
#: told apart by it.
_CLEAR_OF_CUT = 0.5
_N_ITERATIONS = 60
_CONVERGED = 1e-7
#: Fitted and measured width of the positives must not differ by more than these factors.
_NARROWER, _WIDER = 0.4, 2.5
#: The flank is followed this many standard deviations of the negatives beyond the cut.
_FOLLOWED = 12.0
#: Place of the flank's curvature among the parameters.
_CURVATURE = 2
#: Place of the logarithm of the positives' width, and how extreme it may become on the way.
_LOG_WIDTH, _EXTREME = 5, 10.0
_N_PARAMETERS = 6
#: Expected events per bin never fall below this, so that their logarithm is finite.
_FEWEST = 1e-9
#: Damping of a step: at the start, when hopeless; a covariance from worse conditioned equations is
#: noise.
_DAMPING, _HOPELESS, _WORST_CONDITION = 1e-3, 1e6, 1e12


@dataclass(frozen=True)
class Overlap:
    """Both sides of a cut.

    Parameters
    ----------
    n_background, background_se : float
        negatives expected at or above the cut.
    n_missed, missed_se : float
        positives expected below it.
    """

    n_background: float
    background_se: float
    n_missed: float
    missed_se: float


@dataclass(frozen=True)
class _Bins:
    """Expected events of each bin: negatives, positives (at `z` of their bell), and both."""

    negative: FloatArray
    positive: FloatArray
    z: FloatArray
    expected: FloatArray

    def log_likelihood(self, counts: FloatArray) -> float:
        """Return Poisson's, but for its constant."""
        return float(counts @ np.log(self.expected) - self.expected.sum())


def _bounded_exp(exponent: FloatArray) -> FloatArray:
    """Return the exponential function, of steps that go astray on the way as well."""
    return np.asarray(np.exp(np.minimum(np.maximum(exponent, -50), 50)))


class _Curve:
    """Expected events per bin: exp(a + b x + c x²) + N phi((x - m) / s) step / s."""

    def __init__(self, x: FloatArray, step: float) -> None:
        self.x, self.step = x, step
        self.powers = np.stack([np.ones_like(x), x, x**2])

    def negatives(self, parameters: FloatArray, powers: FloatArray) -> FloatArray:
        """Return negatives per bin at places of which the powers 0 to 2 are given."""
        return _bounded_exp(parameters[: _CURVATURE + 1] @ powers)

    def bins(self, parameters: FloatArray) -> _Bins:
        """Return what is expected of each bin of the histogram."""
        _, _, _, log_n, middle, log_s = parameters.tolist()
        z = (self.x - middle) * math.exp(-log_s)
        bell = _bounded_exp(log_n - log_s - z**2 / 2)
        positive = bell * (self.step / math.sqrt(2 * math.pi))
        negative = self.negatives(parameters, self.powers)
        return _Bins(negative, positive, z, np.maximum(negative + positive, _FEWEST))

    def gradient(self, at: _Bins, parameters: FloatArray) -> FloatArray:
        """Return the gradient of the expected events by the parameters, shape (6, n_bins)."""
        rows = np.empty((_N_PARAMETERS, self.x.size))
        np.multiply(self.powers, at.negative, out=rows[: _CURVATURE + 1])
        rows[3] = at.positive
        rows[4] = at.positive * at.z * math.exp(-parameters[_LOG_WIDTH])
        rows[5] = at.positive * (at.z**2 - 1)
        return rows


@dataclass(frozen=True)
class TwoPopulations:
    """Negatives and positives as fitted together.

    Parameters
    ----------
    centre, width : float
        mode and standard deviation of the negatives, transformed units.
    parameters, covariance : FloatArray
        of the curve.
    curve : _Curve
        expected events per bin.
    """

    centre: float
    width: float
    parameters: FloatArray
    covariance: FloatArray
    curve: _Curve

    def beside(self, cut: float) -> Overlap:
        """Return what lies on the wrong sides of a cut, transformed units."""
        at = (cut - self.centre) / self.width
        return _sides(self.curve, self.parameters, self.covariance, at)


def fit_overlap(density: Density, cut: float) -> Overlap | None:
    """Fit negatives and positives around a cut and return what lies on its wrong sides.

    Parameters
    ----------
    density : Density
        of the parent population.
    cut : float
        transformed units, between the modes of the two.

    Returns
    -------
    Overlap or None
        None where `fit_two` gives None.
    """
    fitted = fit_two(density, cut)
    return None if fitted is None else fitted.beside(cut)


def fit_two(density: Density, cut: float) -> TwoPopulations | None:
    """Fit negatives and positives around a cut.

    Parameters
    ----------
    density : Density
        of the parent population.
    cut : float
        transformed units, between the modes of the two.

    Returns
    -------
    TwoPopulations or None
        None when there are too few positives, their mode does not lie clearly beyond the cut, or
        the fitted curve does not describe the histogram.
    """
    end = int(np.searchsorted(density.centres, cut - densities.BIN_WIDTH / 2))
    if end == 0 or density.counts[end:].sum() < MIN_POSITIVES:
        return None
    peak = int(np.argmax(density.smooth[:end]))
    mode = end + int(np.argmax(density.smooth[end:]))
    sigma = densities.right_width(density.counts, mode)
    if mode == end:  # falls all the way from the cut: no peak
        return None
    width = densities.narrower_width(density.counts, peak)
    last = min(mode + round(_BEYOND_MODE * sigma / densities.BIN_WIDTH), density.counts.size - 1)
    first = _first_bin(density.counts, peak, end, width)
    x = (density.centres[first : last + 1] - density.centres[peak]) / width
    counts = density.counts[first : last + 1]
    curve = _Curve(x, densities.BIN_WIDTH / width)
    start = np.array(
        [
            *_start_of_flank(x, counts, (cut - density.centres[peak]) / width),
            np.log(density.counts[end:].sum()),
            (density.centres[mode] - density.centres[peak]) / width,
            np.log(sigma / width),
        ]
    )
    fitted = _fit(curve, counts, start)
    if fitted is None:
        return None
    parameters, covariance = fitted
    at = (cut - density.centres[peak]) / width
    spread = float(np.exp(parameters[5]))
    is_clear = parameters[4] - at > _CLEAR_OF_CUT * spread
    if not is_clear or not _NARROWER < spread * width / sigma < _WIDER:
        return None
    slope_at_cut = parameters[1] + 2 * parameters[2] * at
    if slope_at_cut >= 0:
        return None
    return TwoPopulations(float(density.centres[peak]), width, parameters, covariance, curve)


def _first_bin(counts: FloatArray, peak: int, end: int, width: float) -> int:
    """Return where the flank begins: near enough to the cut to be its continuation."""
    per_width = width / densities.BIN_WIDTH
    first = peak + max(round(BEGIN * per_width), 1)
    enough = np.flatnonzero(np.cumsum(counts[:end][::-1]) >= NEAREST)
    if enough.size:
        first = max(first, end - max(int(enough[0]) + 1, round(2 * SPAN * per_width)))
    return min(first, end - 1)


def _start_of_flank(x: FloatArray, counts: FloatArray, cut: float) -> tuple[float, float, float]:
    """Return a line through the logarithms of the events below the cut, its curvature 0."""
    x, weights = x[x < cut], counts[x < cut] + HALF_CELL
    logs = np.log(weights)
    if x.size < 3:  # too few bins for a line; the fit finds its own
        return float(logs.mean()), -1.0, 0.0
    middle, level = (np.average(own, weights=weights) for own in (x, logs))
    off = weights * (x - middle)
    slope = float(off @ logs / (off @ x))
    return float(level) - slope * float(middle), min(slope, -0.1), 0.0


def _fit(
    curve: _Curve, counts: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Maximise the Poisson likelihood by damped scoring; parameters and covariance, or None.

    The flank's curvature is held at 0 where it would bend outwards.
    """
    parameters, damping = start.copy(), _DAMPING
    free = np.ones(_N_PARAMETERS, dtype=bool)
    at = curve.bins(parameters)
    best = at.log_likelihood(counts)
    for _ in range(_N_ITERATIONS):
        gradient = curve.gradient(at, parameters)[free]
        score = gradient @ (counts / at.expected - 1)
        information = (gradient / at.expected) @ gradient.T
        diagonal = information.reshape(-1)[:: len(information) + 1]
        diagonal += damping * (diagonal + _FEWEST)
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            return None
        proposed = parameters.copy()
        proposed[free] += step
        is_outwards = proposed[_CURVATURE] > 0
        proposed[_CURVATURE] = min(proposed[_CURVATURE], 0.0)
        proposed[_LOG_WIDTH] = min(max(proposed[_LOG_WIDTH], -_EXTREME), _EXTREME)
        there = curve.bins(proposed)
        likelihood = there.log_likelihood(counts)
        if likelihood >= best:
            gain, best, parameters, at = likelihood - best, likelihood, proposed, there
            damping = max(damping / 10, _FEWEST)
            free[_CURVATURE] &= not is_outwards
            if gain < _CONVERGED * (1 + abs(best)):
                break
        else:
            damping *= 10
            if damping > _HOPELESS:  # no step helps any more
                break
    gradient = curve.gradient(at, parameters)[free]
    information = (gradient / at.expected) @ gradient.T
    if not np.all(np.isfinite(information)) or np.linalg.cond(information) > _WORST_CONDITION:
        return None
    seen = at.expected >= 1  # below, Pearson's statistic is not chi-squared
    freedom = max(int(seen.sum()) - int(free.sum()), 1)
    dispersion = float(np.sum((counts - at.expected)[seen] ** 2 / at.expected[seen])) / freedom
    if dispersion > _WORST_DISPERSION:
        return None
    covariance = np.zeros((_N_PARAMETERS, _N_PARAMETERS))
    covariance[np.ix_(free, free)] = np.linalg.inv(information) * max(dispersion, 1.0)
    return parameters, covariance


def _sides(curve: _Curve, parameters: FloatArray, covariance: FloatArray, at: float) -> Overlap:
    """Return both sides of the cut with standard errors by the delta method."""
    degree = 1 if parameters[_CURVATURE] == 0 else 2

    beyond = np.arange(at + curve.step / 2, at + _FOLLOWED, curve.step)
    powers = np.stack([np.ones_like(beyond), beyond, beyond**2])
    negative = curve.negatives(parameters, powers)
    n, scale = float(np.exp(parameters[3])), float(np.exp(-parameters[5]))
    z = (at - parameters[4]) * scale
    height = n * float(np.exp(-(z**2) / 2)) / np.sqrt(2 * np.pi)
    middle = np.array([negative.sum(), n * ndtr(z)])
    jacobian = np.zeros((2, _N_PARAMETERS))
    jacobian[0, : _CURVATURE + 1] = powers @ negative
    jacobian[1, 3:] = [middle[1], -height * scale, -height * z]
    joint = jacobian @ covariance @ jacobian.T
    form = np.array([FORM_ERROR[degree] * middle[0], MISSED_FORM_ERROR * middle[1]])
    errors = np.sqrt(np.diag(joint) + form**2)
    return Overlap(
        n_background=float(middle[0]),
        background_se=float(errors[0]),
        n_missed=float(middle[1]),
        missed_se=float(errors[1]),
    )
