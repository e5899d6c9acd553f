"""Gating method `mixture`: normal populations of one or two markers, told apart by their
likelihood.

Where populations overlap so much that no valley shows, and are near to normal on the transformed
scale. One marker gives a cut where an event belongs as likely to the population as to its
neighbour, two markers an ellipse.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating import density as densities
from itc_analysis.flow.gating.fitted import Card, Fitted, refuse
from itc_analysis.flow.gating.gaussians import Gaussians, bayes_information, fit_gaussians, refit
from itc_analysis.flow.gating.geometry import Ellipse, Threshold
from itc_analysis.flow.gating.shape_error import numbers_of_ellipses, one_error_away
from itc_analysis.statistics.arrays import FloatArray

#: Bins of two markers, transformed units: a seventh of the width of a typical peak.
BIN_WIDTH_2D = 0.01
#: Fewer events are no population.
MIN_EVENTS = 20
#: Components nearer than this are one population with a tail: Ashman, Bird and Zepf 1994
#: (doi:10.1086/117248), D = sqrt(2) |difference of means| / sqrt(sum of variances).
ASHMANS_D = 2.0
#: Very strong evidence for the further component, on the scale of twice a log likelihood: Kass and
#: Raftery 1995 (doi:10.1080/01621459.1995.10476572).
BIC_GAIN = 10.0
#: Where more than a fifth of the smaller population lies on the wrong side, the gate is not trusted
#: alone.
CLEAR_SEPARATION = 0.8


def fit(
    values: npt.NDArray[np.float32],
    *,
    markers: tuple[str, ...],
    side: Literal["above", "below"],
    n_bootstrap: int,
    seed: int,
    n_populations: Literal[2, 3, 4] = 2,
    coverage: float = 0.99,
) -> Fitted:
    """Fit normal populations and gate the highest or the lowest.

    Parameters
    ----------
    values : numpy.ndarray
        transformed units, shape (1 or 2, n_events).
    side : {"above", "below"}
        above for the population with the highest values (of two markers: of their sum), below for
        the lowest.
    n_populations : {2, 3, 4}
        how many populations the parent holds.
    coverage : float
        share of the population inside the ellipse, for two markers.

    Notes
    -----
    The error is the scatter over bootstrap replicates of the histogram, of the cut or of the
    ellipse's centre and covariance. The quality is 1 minus the share of the
    smaller side (population or all others) that would be on the wrong side by likelihood.
    """
    points, weights = _histogram(values)
    n = float(weights.sum())
    if n < MIN_EVENTS * n_populations:
        return refuse(f"{n:.0f} events are too few for {n_populations} populations")
    narrowest = densities.BIN_WIDTH if len(values) == 1 else BIN_WIDTH_2D
    fitted = fit_gaussians(points, weights, n_populations, narrowest)
    fewer = fit_gaussians(points, weights, n_populations - 1, narrowest)
    if bayes_information(fewer, n) - bayes_information(fitted, n) < BIC_GAIN:
        return refuse(f"{n_populations} normal populations describe it no better than fewer")
    order = np.argsort(fitted.means[0].sum(axis=1))
    own, other = (order[-1], order[-2]) if side == "above" else (order[0], order[1])
    if len(values) > 1:
        other = _nearest(fitted, int(own))
    for one in (own, other):
        if fitted.shares[0, one] * n < MIN_EVENTS:
            return refuse(
                f"one of {n_populations} populations would hold fewer than {MIN_EVENTS} events"
            )
    apart = _ashmans_d(fitted, int(own), int(other))
    if apart < ASHMANS_D:
        return refuse(f"two normal populations are not separable (Ashman's D {apart:.1f})")
    rng = np.random.default_rng(seed)
    replicates = rng.multinomial(int(n), weights / n, size=n_bootstrap).astype(float)
    drawn = refit(points, replicates, fitted, narrowest)
    quality = _separation(fitted, points, weights, int(own))
    is_clear = quality >= CLEAR_SEPARATION
    reason = None if is_clear else f"the populations overlap (separation {quality:.2f})"
    if len(values) == 1:
        cut = float(_crossings(fitted, int(own), int(other))[0])
        cuts = _crossings(drawn, int(own), int(other))
        if not np.isfinite(cut) or not np.all(np.isfinite(cuts)):
            return refuse("one population is as likely as the other nowhere between them")
        return Fitted(
            geometry=Threshold(markers, side, cut),
            cut=cut,
            cut_se=float(np.std(cuts, ddof=1)),
            quality=quality,
            status="ok" if is_clear else "weak",
            reason=reason,
        )
    (a, b), (_, c) = fitted.covariances[0, own]
    x, y = fitted.means[0, own]
    ellipse = Ellipse(
        markers,
        centre=(float(x), float(y)),
        covariance=((float(a), float(b)), (float(b), float(c))),
        distance_square=_distance_square(coverage),
    )
    ellipses = numbers_of_ellipses(drawn.means[:, own], drawn.covariances[:, own])
    return Fitted(
        geometry=ellipse,
        cut=None,
        cut_se=None,
        quality=quality,
        status="ok" if is_clear else "weak",
        reason=reason,
        shape_errors=one_error_away(ellipse, ellipses),
    )


def _histogram(values: npt.NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
    """Return centres of the filled bins, shape (n_bins, n_markers), and their events."""
    width = densities.BIN_WIDTH if len(values) == 1 else BIN_WIDTH_2D
    clipped = np.clip(values, densities.LOWEST, densities.HIGHEST).astype(np.float64)
    bins = np.floor((clipped - densities.LOWEST) / width).astype(np.int64)
    per_axis = int((densities.HIGHEST - densities.LOWEST) / width) + 2
    code = bins[0]
    for row in bins[1:]:
        code = code * per_axis + row
    counts = np.bincount(code) if code.size else np.zeros(0, dtype=np.int64)
    filled = np.flatnonzero(counts)
    places = np.array(np.unravel_index(filled, (per_axis,) * len(values)), dtype=float).T
    return densities.LOWEST + (places + 0.5) * width, counts[filled].astype(float)


def _nearest(fitted: Gaussians, own: int) -> int:
    """Return the component that lies nearest to another by Ashman's D."""
    others = [k for k in range(fitted.shares.shape[1]) if k != own]
    return min(others, key=lambda k: _ashmans_d(fitted, own, k))


def _ashmans_d(fitted: Gaussians, one: int, other: int) -> float:
    """Return the distance of two components along the line that parts them best."""
    means, covariances = fitted.means[0], fitted.covariances[0]
    both = covariances[one] + covariances[other]
    off = means[one] - means[other]
    return float(np.sqrt(2 * off @ np.linalg.solve(both, off)))


def _separation(fitted: Gaussians, points: FloatArray, weights: FloatArray, own: int) -> float:
    belongs = fitted.posteriors(points)[0, own]
    wrong = float(np.sum(weights * np.minimum(belongs, 1 - belongs)))
    size = float(np.sum(weights * belongs))
    return float(np.clip(1 - wrong / min(size, weights.sum() - size), 0, 1))


def _crossings(drawn: Gaussians, own: int, other: int) -> FloatArray:
    """Return where two components are equally likely between their means, NaN where nowhere; shape
    (R,).
    """
    a, b = drawn.means[:, own, 0], drawn.means[:, other, 0]
    u, v = drawn.covariances[:, own, 0, 0], drawn.covariances[:, other, 0, 0]
    p, q = drawn.shares[:, own], drawn.shares[:, other]
    # log p - log(u)/2 - (x-a)^2/2u = log q - log(v)/2 - (x-b)^2/2v, in x from b
    second = (1 / v - 1 / u) / 2
    first = (a - b) / u
    level = np.log(p / q) + np.log(v / u) / 2 - (a - b) ** 2 / (2 * u)
    root = np.sqrt(np.maximum(first**2 - 4 * second * level, 0))
    # the stable form of the root that goes to -level/first as the variances become equal
    with np.errstate(divide="ignore", invalid="ignore"):
        x = -2 * level / (first + np.sign(first) * root)
    inside = (first**2 >= 4 * second * level) & (x / (a - b) > 0) & (x / (a - b) < 1)
    return np.where(inside, b + x, np.nan)


def _distance_square(coverage: float) -> float:
    """Return the squared Mahalanobis distance within which a normal population of two markers
    lies.
    """
    return float(-2 * np.log1p(-coverage))


def card() -> Card:
    """Return the method's card."""
    return Card(
        name="mixture",
        fit=fit,
        n_markers=(1, 2),
        takes_side=True,
        reads_as=(
            "separates overlapping normal populations by likelihood: a cut for one marker, an "
            "ellipse for two"
        ),
        source="10.1002/cyto.a.20531",
    )
