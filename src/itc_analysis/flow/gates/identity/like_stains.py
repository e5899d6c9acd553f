"""Two stains that look alike and are swapped: functional ones, which gate nothing.

PD-1 and TIM-3 differ less than CD4 and CD8 do, so each is looked at more closely: how bright its
positive cells are, how much these differ, how many they are, and which other stains they go with.
Light is a product: an antibody brings as many fluorochromes as the cell has molecules, a detector
sees each of them as brightly. So two stains in one another's place leave a mark that no person
does: on the logarithmic scale one channel gains in brightness what the other one loses.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from itc_analysis.flow.gates.identity.evidence import BIN_WIDTH, bin_centres, places_of_shares
from itc_analysis.flow.gates.identity.features import (
    MIN_OTHERS,
    Panel,
    Usual,
    others_of,
    spread_of,
)
from itc_analysis.flow.gates.negatives import negative_places
from itc_analysis.statistics.arrays import BoolArray, FloatArray
from itc_analysis.statistics.robust import middle

#: Columns of a stain's positives: log odds, how bright the brightest quarter is, and how far above
#: the middle one.
_SHARE, _BRIGHT, _WIDTH = range(3)
#: No number is taken to agree better between people: log odds, then transformed units.
_FLOORS = np.array([0.15, 0.004, 0.004])
#: How well a stain's place in one channel tells its place in another one: log odds; brightness of
#: the fluorochromes and gain of the detectors, not known (a tenth of the scale); width.
_ELSEWHERE = np.array([0.6, 0.12, 0.01])
#: The same for correlations: other dyes spill into another channel.
_CORRELATION_ELSEWHERE = 0.1
#: What one number can say, squared SD, and the weight of correlations: many say the same.
_MOST, _MOST_OF_CORRELATION, _WEIGHT_OF_CORRELATIONS = 25.0, 9.0, 0.3
#: What is looked at twice, in all cells and in the denominator, counts half each.
_WEIGHT = 0.5
#: Correlations come from the dyes that spill into a channel as well, and these stay: they speak
#: against a swap by so much at most.
_AGAINST = 20.0
#: So much likelier swapped than not: said; and beyond doubt. Twice the difference of the log
#: likelihoods; the best of all pairs reached 0.6 in 480 untouched tubes.
_SAID, _PROVEN = 5.0, 20.0
#: Fewer positive cells have no place.
_FEWEST = 30
#: Positives begin in the valley above the negatives, or where these fell to this part of their
#: height; a valley has a hill behind it, so much higher.
_FOOT, _HILL, _LEAST_HILL = 0.1, 1.15, 0.003
#: A valley is at most half as high as the negatives; below the least there is nothing.
_DEEP, _NOTHING = 0.5, 0.02
#: A pooled histogram, whose tubes count alike, is taken for so many events a tube.
_AS_MANY = 10_000
#: SD of the bell that smooths it, bins.
_BELL = 2.0


@dataclass(frozen=True)
class LikelySwap:
    """Two stains of a tube that are likelier swapped than not.

    Parameters
    ----------
    stains : tuple of (str, str)
        the markers.
    is_proven : bool
        no person looks like this; else it can be a person who is unlike the others.
    """

    stains: tuple[str, str]
    is_proven: bool


def find_like_swaps(panel: Panel, stains: Collection[str]) -> dict[str, LikelySwap]:
    """Return the tubes of a panel in which two of some stains are likelier swapped than not.

    Parameters
    ----------
    panel : Panel
        what is usual among the tubes.
    stains : collection of str
        the functional ones; a swap of others is found by `find_swap`.
    """
    rows = [row for row, marker in enumerate(panel.markers) if marker in stains]
    compared = [_Compared.of(panel, name) for name in panel.usual]
    found: dict[str, LikelySwap] = {}
    pairs = list(itertools.combinations(rows, 2))
    if not pairs or not compared:
        return found
    gains = np.stack([_gain(compared, *pair) for pair in pairs])
    best = np.argmax(gains, axis=0)
    for tube, name in enumerate(panel.names):
        gain = float(gains[best[tube], tube])
        # stains differ less than batches do: a tube is judged within its own
        if panel.batches.count(panel.batches[tube]) > MIN_OTHERS and gain > _SAID:
            one, two = pairs[best[tube]]
            found[name] = LikelySwap((panel.markers[one], panel.markers[two]), gain > _PROVEN)
    return found


@dataclass(frozen=True)
class _Compared:
    """The tubes of a panel in one population; the first axis is the tube, the second the stain."""

    own: FloatArray
    centre: FloatArray
    spread: FloatArray
    correlation: FloatArray
    centre_of_correlation: FloatArray
    spread_of_correlation: FloatArray

    @staticmethod
    def of(panel: Panel, population: str) -> _Compared:
        usual: Usual = panel.usual[population]
        own = _positives(panel, population)
        n = range(len(panel.names))
        others = [others_of(panel.batches, tube) for tube in n]
        return _Compared(
            own,
            np.stack([middle(own[others[tube]]) for tube in n]),
            np.hypot(np.nan_to_num(spread_of(own, panel.batches)), _FLOORS),
            usual.correlations,
            np.stack([middle(usual.correlations[others[tube]]) for tube in n]),
            usual.spread_of_correlation,
        )


def _gain(compared: list[_Compared], one: int, two: int) -> FloatArray:
    """Return how much likelier two stains are swapped than not, by tube."""
    n_tubes = len(compared[0].own)
    bright, width, share, together = np.zeros((4, n_tubes))
    for shown in compared:
        bright += _WEIGHT * _brightness(shown, one, two)
        width += _WEIGHT * _exchanged(shown, one, two, _WIDTH)
        share += _WEIGHT * _exchanged(shown, one, two, _SHARE)
        together += _WEIGHT_OF_CORRELATIONS * _correlated(shown, one, two)
    # how many cells lie beyond a channel's cut, and how far apart, depends on the channel as well:
    # it speaks for a swap, never against one
    told = bright + np.maximum(width, 0) + np.maximum(share, 0) + np.maximum(together, -_AGAINST)
    return np.asarray(told, dtype=np.float64)


def _brightness(shown: _Compared, one: int, two: int) -> FloatArray:
    """Return by how much a tube's brightness is likelier of swapped stains.

    One channel gains what the other one loses; by how much is told by the stains only roughly.
    """
    off = [shown.own[:, row, _BRIGHT] - shown.centre[:, row, _BRIGHT] for row in (one, two)]
    spread = [float(shown.spread[row, _BRIGHT]) for row in (one, two)]
    untouched = _unlikely(off[0], spread[0], _MOST) + _unlikely(off[1], spread[1], _MOST)
    both = float(np.hypot(spread[0], spread[1]))
    centres = shown.centre[:, one, _BRIGHT] - shown.centre[:, two, _BRIGHT]
    crossed = off[0] - off[1] + 2 * centres
    wide = float(np.hypot(_ELSEWHERE[_BRIGHT], both))
    # sum and difference of two numbers, each root two times as wide as one
    swapped = _unlikely(off[0] + off[1], both, _MOST) + _unlikely(crossed, wide, _MOST)
    return np.asarray(np.nan_to_num(untouched - swapped + 2 * np.log(2)), dtype=np.float64)


def _exchanged(shown: _Compared, one: int, two: int, column: int) -> FloatArray:
    """Return by how much likelier a number of each of two channels is the other stain's."""
    gain = np.zeros(len(shown.own))
    for row, other in ((one, two), (two, one)):
        seen = shown.own[:, row, column]
        spread = float(shown.spread[row, column])
        wide = float(np.hypot(shown.spread[other, column], _ELSEWHERE[column]))
        gain += _unlikely(seen - shown.centre[:, row, column], spread, _MOST)
        gain -= _unlikely(seen - shown.centre[:, other, column], wide, _MOST)
    return np.asarray(np.nan_to_num(gain), dtype=np.float64)


def _correlated(shown: _Compared, one: int, two: int) -> FloatArray:
    """Return by how much likelier each of two channels goes with the rest as the other stain."""
    rest = np.ones(shown.correlation.shape[-1], dtype=np.bool_)
    rest[[one, two]] = False
    gain = np.zeros(len(shown.own))
    for row, other in ((one, two), (two, one)):
        seen = shown.correlation[:, row, rest]
        spread = shown.spread_of_correlation[row, rest]
        wide = np.hypot(shown.spread_of_correlation[other, rest], _CORRELATION_ELSEWHERE)
        centre, crossed = (shown.centre_of_correlation[:, r][:, rest] for r in (row, other))
        told = _unlikely(seen - centre, spread, _MOST_OF_CORRELATION)
        told -= _unlikely(seen - crossed, wide, _MOST_OF_CORRELATION)
        gain += np.nansum(told, axis=1)
    return gain


def _unlikely(off: FloatArray, spread: FloatArray | float, most: float) -> FloatArray:
    """Return minus twice the log likelihood of a normal number, but for a constant."""
    return np.asarray(np.minimum((off / spread) ** 2, most) + 2 * np.log(spread), dtype=np.float64)


def _positives(panel: Panel, population: str) -> FloatArray:
    """Return share, brightness and width of the positives, shape (n_tubes, n_markers, 3).

    Where they begin is the channel's: the same in all tubes of a batch. Small batches show nothing.
    """
    shown = [panel.histograms(tube, population) for tube in range(len(panel.names))]
    own = np.full((len(shown), len(panel.markers), 3), np.nan)
    for batch in dict.fromkeys(panel.batches):
        is_own = np.array(panel.batches) == batch
        if np.count_nonzero(is_own) <= MIN_OTHERS:
            continue
        cuts = _begins(shown, is_own)
        for tube in np.flatnonzero(is_own):
            histograms = shown[tube]
            if histograms is None or cuts is None:
                continue
            for row, (counts, cut) in enumerate(zip(histograms, cuts, strict=True)):
                own[tube, row] = _told(counts, cut)
    return own


def _told(counts: FloatArray, cut: float) -> tuple[float, float, float]:
    above = np.where(bin_centres() > cut, counts, 0.0)
    n, n_all = float(above.sum()), float(counts.sum())
    odds = float(np.log((n + 0.5) / (n_all - n + 0.5)))
    if n < _FEWEST:
        return odds, np.nan, np.nan
    half, upper, tenth = places_of_shares(above, (0.5, 0.75, 0.9))
    return odds, float((upper + tenth) / 2), float(tenth - half)


def _begins(shown: list[FloatArray | None], is_own: BoolArray) -> FloatArray | None:
    """Return where the positives of each channel begin, in some tubes together."""
    shares = [
        own / np.maximum(own.sum(axis=1, keepdims=True), 1)
        for own, is_one in zip(shown, is_own, strict=True)
        if is_one and own is not None
    ]
    if not shares:
        return None
    pooled = np.sum(shares, axis=0)
    return np.array([_begin(row) for row in pooled])


def _begin(pooled: FloatArray) -> float:
    reach = np.arange(-6, 7)
    bell = np.exp(-0.5 * (reach / _BELL) ** 2)
    density = np.convolve(pooled, bell / bell.sum(), "same")
    x = bin_centres()
    place = float(negative_places(_AS_MANY * pooled[None], x)[0])
    peak = int(np.argmax(density)) if np.isnan(place) else int(np.searchsorted(x, place))
    height = float(density[peak])
    right = density[peak:]
    foot = float(x[peak + int(np.argmax(right < _FOOT * height))])
    lowest = np.minimum.accumulate(right)
    is_hill = (right > _HILL * lowest) & (right - lowest > _LEAST_HILL * height)
    is_hill &= lowest < _DEEP * height
    ends = np.flatnonzero(is_hill | (right < _NOTHING * height))
    if not ends.size or not is_hill[ends[0]]:
        return foot
    return float(x[peak + int(np.argmin(right[: ends[0] + 1]))]) + BIN_WIDTH / 2
