"""How likely is it that a person's true share lies beyond those of healthy people?

The likelihood of the person's counts, background and all, on a grid of true shares; the healthy
people's distribution with its own errors. A person with few cells has a likelihood that reaches
far to both sides, and so a probability that says nothing: no number of cells is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special, stats

from itc_analysis.scores.healthy.reference import NOT_ANCHORED, Healthy, Reference, learn_reference
from itc_analysis.scores.healthy.spread import Spreads, share_spread
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.count_likelihood import Counted, log_likelihood
from itc_analysis.statistics.half_cell import HALF_CELL

#: True shares that are weighed, on the logit scale: one cell in 60,000 to all but one in 1,100.
GRID = np.arange(-11.0, 7.01, 0.1)
#: Tail of healthy people that counts as beyond: one in a hundred on either side.
TAIL = 0.01
#: A person may be anybody: the prior is this many times as wide as healthy people are.
WIDE = 3.0
#: Where learning the SD of people begins, and the least that two healthy people differ by.
FIRST_SD, LEAST_SD = 0.5, 0.1


@dataclass(frozen=True)
class Marker:
    """Counts of one marker in one population, a row per person and batch.

    Parameters
    ----------
    counted : Counted
        Positive cells, cells, and what is positive without the population's doing.
    reference : Reference
        Who is healthy, and where.
    """

    counted: Counted
    reference: Reference


@dataclass(frozen=True)
class Beyond:
    """Where each row stands against healthy people.

    Parameters
    ----------
    above, below : FloatArray
        Shape (n_rows,), probability that the true share lies beyond all but `TAIL` of healthy
        people, wherever a reference of so few lets that limit be; NaN where the batch has none.
    maybe_below : FloatArray
        Shape (n_rows,), probability that it lies below that limit as it is estimated: larger than
        `below` where healthy people are few.
    n_reference : int
        Healthy people behind it.
    """

    above: FloatArray
    below: FloatArray
    maybe_below: FloatArray
    n_reference: int


def stand_beyond(markers: Sequence[Marker]) -> list[Beyond]:
    """Return where every row of every marker stands; the healthy SD of the markers is shared.

    Parameters
    ----------
    markers : sequence of Marker
        Markers of one kind (inhibitory receptors, or functions) in one population.
    """
    kept = [log_likelihood(one.counted, _everywhere(one.counted)) for one in markers]
    people = [_learn(one, by_share) for one, by_share in zip(markers, kept, strict=True)]
    if not people:
        return []
    shared = share_spread(Spreads.of(people))
    return [
        _stand(by_share, replace(one, sd=max(float(sd), LEAST_SD) if sd >= 0 else np.nan))
        for by_share, one, sd in zip(kept, people, shared, strict=True)
    ]


def at_least(chances: FloatArray, needed: int) -> float:
    """Return the probability that at least `needed` of independent events come true.

    Examples
    --------
    >>> round(at_least(np.array([0.9, 0.9, 0.1]), 2), 4)
    0.828
    """
    of_number = np.array([1.0])
    for chance in chances:
        of_number = np.append(of_number, 0) * (1 - chance) + np.append(0, of_number) * chance
    return min(float(of_number[needed:].sum()), 1.0)  # certain but for rounding


def _everywhere(counted: Counted) -> FloatArray:
    return np.broadcast_to(GRID, (len(counted.k), len(GRID)))


def _learn(marker: Marker, by_share: FloatArray) -> Healthy:
    """Learn healthy people's centre and SD from their counts."""
    counted = marker.counted
    is_known = marker.reference.is_reference | marker.reference.bridge
    background = np.zeros(len(counted.k)) if counted.background is None else counted.background
    doubt = np.zeros(len(counted.k)) if counted.background_se is None else counted.background_se

    def measure(centre: FloatArray, sd: float) -> tuple[FloatArray, FloatArray]:
        sd = max(sd, LEAST_SD)
        share = special.expit(centre)
        in_all = np.clip(share + background / counted.n, 1e-9, 1 - 1e-9)
        # of the share of positive cells, at the healthy centre: never of what was counted
        error = in_all * (1 - in_all) / counted.n + (doubt / counted.n) ** 2
        variance = error / (share * (1 - share)) ** 2
        mean, _ = _posterior(by_share, centre, sd)
        value = centre + (mean - centre) * (sd**2 + variance) / sd**2
        return np.where(is_known, value, np.nan), variance

    mine = marker.reference.is_reference
    net = float(np.sum(np.maximum(counted.k - background, 0)[mine])) + HALF_CELL
    start = float(special.logit(min(net / (float(np.sum(counted.n[mine])) + 1), 0.99)))
    return learn_reference(measure, marker.reference, centre=start, sd=FIRST_SD)


def _stand(by_share: FloatArray, healthy: Healthy) -> Beyond:
    n = healthy.n_reference
    is_out = (healthy.anchor == NOT_ANCHORED) | ~np.isfinite(healthy.centre)
    if n < 2 or not healthy.sd > 0:
        nothing = np.full(len(by_share), np.nan)
        return Beyond(nothing, nothing, nothing, n)
    centre = np.where(is_out, 0.0, healthy.centre)
    apart = np.where(is_out, 0.0, healthy.anchor_error)
    # healthy people are a sample: where the next one may lie, not where these did
    reach = float(stats.t.isf(TAIL, n - 1)) * np.sqrt(1 + 1 / n + np.nan_to_num(apart) ** 2)
    weight = _weights(by_share, centre, WIDE * healthy.sd)
    above = _beyond(weight, centre + reach * healthy.sd)
    below = 1 - _beyond(weight, centre - reach * healthy.sd)
    maybe = 1 - _beyond(weight, centre - float(stats.norm.isf(TAIL)) * healthy.sd)
    above, below, maybe = (np.where(is_out, np.nan, one) for one in (above, below, maybe))
    return Beyond(above, below, maybe, n)


def _weights(by_share: FloatArray, centre: FloatArray, sd: float) -> FloatArray:
    height = by_share - 0.5 * ((GRID - centre[:, None]) / sd) ** 2
    weight = np.exp(height - height.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _posterior(
    by_share: FloatArray, centre: FloatArray, sd: float
) -> tuple[FloatArray, FloatArray]:
    weight = _weights(by_share, centre, sd)
    mean = weight @ GRID
    return mean, weight @ GRID**2 - mean**2


def _beyond(weight: FloatArray, place: FloatArray) -> FloatArray:
    """Return the weight above a place, read between the points of the grid."""
    step = GRID[1] - GRID[0]
    inside = np.clip((GRID + step / 2 - place[:, None]) / step, 0, 1)
    # rounding must not lead beyond 0 and 1
    chance: FloatArray = np.clip(np.sum(weight * inside, axis=1), 0.0, 1.0)
    return chance
