"""How many cells are positive, where positives and negatives overlap.

Above any threshold lie some negatives, and below it some positives: of an FMO tube's 99.5 %
quantile half a per cent of the negatives by definition, and more where stained negatives bind
unspecifically or a bright dye spreads. Among cells of which 2 % are positive that is a quarter too
many. What lies on the wrong sides is told by the population's own histogram (`background`): its
negatives' flank is continued beyond the threshold, and the positives' bell below it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.counting.background import Tail
from itc_analysis.flow.gating import density as densities

#: The part of the negatives beyond a threshold differs between populations by as much as itself;
#: a flank's own estimate is never taken to be better than by this part of it.
_BEST = 0.3
#: Fewer events show no flank.
_MIN_EVENTS = 100


@dataclass(frozen=True)
class WrongSides:
    """Cells on the wrong sides of a threshold.

    Parameters
    ----------
    n_background, background_se : float
        negatives expected above it.
    n_missed, missed_se : float
        positives expected below it.
    net_low, net_high : float
        positive cells by a threshold one standard error higher, and one lower.
    n_above : tuple of int
        events at or above the threshold, one a standard error higher, and one lower.
    """

    n_background: float
    background_se: float
    n_missed: float
    missed_se: float
    net_low: float
    net_high: float
    n_above: tuple[int, int, int]


def part_beyond(values: npt.NDArray[np.float32], threshold: float, least: float) -> float:
    """Return the part of the negatives that lies beyond a threshold.

    Parameters
    ----------
    values : numpy.ndarray
        the marker in a large population, transformed units.
    threshold : float
        transformed units.
    least : float
        what lies beyond by definition, taken where the population shows less or no flank.
    """
    n = int(values.size)
    if n < _MIN_EVENTS or values.min() >= threshold:
        return least
    found = Tail(densities.estimate(values, is_adaptive=False), threshold).beyond(threshold)
    below = int(np.count_nonzero(values < np.float32(threshold)))
    if found.n_events is None:
        return least
    return float(np.clip(found.n_events / max(below, 1), least, 1.0))


def wrong_sides(
    values: npt.NDArray[np.float32], threshold: float, threshold_se: float, expected: float
) -> WrongSides:
    """Return what lies on the wrong sides of a threshold in a population.

    Parameters
    ----------
    values : numpy.ndarray
        the marker in the population, transformed units.
    threshold, threshold_se : float
        transformed units.
    expected : float
        part of the negatives beyond the threshold in a larger population, see `part_beyond`.

    Notes
    -----
    What the population's own flank says and what the larger population lets expect, with an error
    as large as itself, are averaged by their precision. The threshold one standard error higher and
    lower is read by the same curve: where two populations are well described, the positive cells
    hardly change; where a continuum is divided, they change as the events above it do.
    """
    cuts = [threshold + by * threshold_se for by in (0.0, 1.0, -1.0)]
    highest = values.compress(values >= np.float32(cuts[2]))
    at, higher = (int(np.count_nonzero(highest >= np.float32(cut))) for cut in cuts[:2])
    above = (at, higher, int(highest.size))
    n_negative = values.size - at
    prior = max(expected * n_negative, 0.0)
    own = None
    if values.size >= _MIN_EVENTS and n_negative:
        tail = Tail(densities.estimate(values, is_adaptive=False), threshold)
        sides = [tail.beyond(cut) for cut in cuts]
        own = [(s.n_events or 0.0, s.standard_error or 0.0, s.n_missed, s.missed_se) for s in sides]
        if sides[0].n_events is None:
            own = None
    if own is None:
        return WrongSides(prior, prior, 0.0, 0.0, above[1] - prior, above[2] - prior, above)
    background, error, missed, missed_se = own[0]
    error = float(np.hypot(error, _BEST * prior))
    if prior > 0:
        precision = 1 / max(error, 1e-9) ** 2, 1 / prior**2
        background = (precision[0] * background + precision[1] * prior) / sum(precision)
        error = float(1 / np.sqrt(sum(precision)))
    scale = background / own[0][0] if own[0][0] > 0 else 1.0
    low, high = (
        n - min(scale * side[0], n) + side[2] for n, side in zip(above[1:], own[1:], strict=True)
    )
    return WrongSides(background, error, missed, missed_se, low, high, above)
