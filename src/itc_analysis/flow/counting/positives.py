"""How many cells are positive, where positives and negatives overlap.

Above any threshold lie some negatives, and below it some positives: of an FMO tube's 99.5 %
quantile half a per cent of the negatives by definition, and more where stained negatives bind
unspecifically or a bright dye spreads. Among cells of which 2 % are positive that is a quarter too
many. Where negatives and positives show a peak each, what lies on the wrong sides is told by the
population's own histogram (`gating.overlap`). Where positives are but a shoulder of the negatives,
the slope at the threshold is theirs as much as the negatives': then little more than the definition
lies above it, and how many lie below it is not known, but at most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.counting.background import Tail
from itc_analysis.flow.gating import density as densities
from itc_analysis.flow.gating.density import BIN_WIDTH, Density
from itc_analysis.flow.gating.left_half import left_of_mode

#: The part of the negatives beyond a threshold differs between populations by as much as itself;
#: a population's own estimate is never taken to be better than by this part of it.
_BEST = 0.3
#: Fewer events show no two populations.
_MIN_EVENTS = 100
#: A flank that shows no positives' peak may be their own slope: it speaks for at most so many times
#: the negatives that lie beyond a threshold by definition.
_MOST_OF_FLANK = 2.0

Values = npt.NDArray[np.float32]
#: Transformed to instrument units, in which negatives spread both ways alike.
Inverse = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class WrongSides:
    """Cells on the wrong sides of a threshold.

    Parameters
    ----------
    n_background, background_se : float
        negatives expected above it.
    n_missed, missed_se : float
        positives expected below it.
    n_hidden : float
        further cells below it that may be positive at most, where positives show no peak: those
        that are too many for a mirror image of the negatives' left half.
    net_low, net_high : float
        positive cells by a threshold one standard error higher, and one lower.
    n_above : tuple of int
        events at or above the threshold, one a standard error higher, and one lower.
    """

    n_background: float
    background_se: float
    n_missed: float
    missed_se: float
    n_hidden: float
    net_low: float
    net_high: float
    n_above: tuple[int, int, int]


def part_beyond(values: Values, threshold: float, least: float) -> float:
    """Return the part of the negatives that lies beyond a threshold.

    Parameters
    ----------
    values : numpy.ndarray
        the marker in a large population, transformed units, ascending.
    threshold : float
        transformed units.
    least : float
        what lies beyond by definition, taken where the population shows less.
    """
    below = int(np.searchsorted(values, np.float32(threshold)))
    return _part(_tail(_density(values), values, threshold), threshold, below, least)


def wrong_sides(
    values: Values,
    threshold: float,
    threshold_se: float,
    expected: float,
    inverse: Inverse,
) -> WrongSides:
    """Return what lies on the wrong sides of a threshold in a population.

    Parameters
    ----------
    values : numpy.ndarray
        the marker in the population, transformed units, ascending.
    threshold, threshold_se : float
        transformed units.
    expected : float
        part of the negatives beyond the threshold in a larger population, see `part_beyond`.
    inverse : callable
        transformed to instrument units.

    Notes
    -----
    What two populations fitted together say and what the larger population lets expect, with an
    error as large as itself, are averaged by their precision. The threshold one standard error
    higher and lower is read by the same curve: where two populations are well described, the
    positive cells hardly change; where a continuum is divided, they change as the events above it
    do.
    """
    cuts = [threshold + by * threshold_se for by in (0.0, 1.0, -1.0)]
    at, higher, lower = (
        values.size - int(np.searchsorted(values, np.float32(cut))) for cut in cuts
    )
    above = (at, higher, lower)
    n_negative = values.size - at
    density = _density(values)
    tail = _tail(density, values, threshold)
    own = [] if tail is None or not tail.shows_positives else [tail.beyond(cut) for cut in cuts]
    sides = [(s.n_events or 0.0, s.standard_error or 0.0, s.n_missed, s.missed_se) for s in own]
    if not own or own[0].n_events is None:
        background = _part(tail, threshold, n_negative, expected) * n_negative
        low, high = (max(n - background, 0.0) for n in above[1:])
        hidden = max(n_negative - _mirrored(density, values.size, inverse), 0.0)
        return WrongSides(background, background, 0.0, 0.0, hidden, low, high, above)
    prior = expected * n_negative
    background, error, missed, missed_se = sides[0]
    error = float(np.hypot(error, _BEST * prior))
    if prior > 0:
        precision = 1 / max(error, 1e-9) ** 2, 1 / prior**2
        background = (precision[0] * background + precision[1] * prior) / sum(precision)
        error = float(1 / np.sqrt(sum(precision)))
    scale = background / sides[0][0] if sides[0][0] > 0 else 1.0
    low, high = (
        n - min(scale * side[0], n) + side[2] for n, side in zip(above[1:], sides[1:], strict=True)
    )
    return WrongSides(background, error, missed, missed_se, 0.0, low, high, above)


def _part(tail: Tail | None, threshold: float, n_below: int, least: float) -> float:
    """Return the part of the negatives beyond a threshold, of which so many lie below it."""
    found = None if tail is None else tail.beyond(threshold).n_events
    if tail is None or found is None:
        return least
    most = 1.0 if tail.shows_positives else _MOST_OF_FLANK * least
    return float(np.clip(found / n_below, least, most))


def _density(values: Values) -> Density | None:
    """Return the density of ascending values; None where they are too few to show anything."""
    if values.size < _MIN_EVENTS:
        return None
    return densities.estimate(values, is_adaptive=False, is_sorted=True)


def _tail(density: Density | None, values: Values, threshold: float) -> Tail | None:
    """Return the negatives' flank; None where too few events, or none below, show one."""
    return None if density is None or values[0] >= threshold else Tail(density, threshold)


def _mirrored(density: Density | None, n_events: int, inverse: Inverse) -> float:
    """Return how many events their left half and its mirror image hold together; all of them where
    too few lie left of the mode.
    """
    if density is None:
        return float(n_events)
    first = round(density.centres[0] / BIN_WIDTH - 0.5)
    edges = inverse(BIN_WIDTH * np.arange(first, first + density.counts.size + 1))
    found = left_of_mode(density.counts, np.asarray(edges, dtype=np.float64))
    return float(n_events) if found is None else 2 * found[1]
