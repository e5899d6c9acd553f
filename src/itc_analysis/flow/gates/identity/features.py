"""Tubes in numbers that can be compared, and what is usual in their batch and panel.

Of every stain: where its negatives lie and how wide they are, how many events are positive, where
these lie, and how it goes with the other stains. Every number is judged by the spread between the
tubes of the panel, each taken from the middle of its own batch; of a small batch, from the
panel's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gates.identity.evidence import (
    CELLS,
    DENOMINATOR,
    Evidence,
    bin_centres,
    mirrored,
    negatives_and_ends,
    places_of_shares,
)
from itc_analysis.statistics.arrays import BoolArray, FloatArray
from itc_analysis.statistics.robust import MAD_TO_SD, middle

#: A batch with so many other tubes is compared within itself, else with the panel.
MIN_OTHERS = 4
#: Fewer events of a kind have no place.
_FEWEST = 20
#: Shares that hold the middle and a standard deviation below it, of the negatives.
_MIDDLE, _BELOW = 0.5, 0.159
#: Where the brightest events of all lie.
_TOP_SHARES = (0.95, 0.99, 0.998)
#: Columns of a stain's features.
NEGATIVE, WIDTH, SHARE, POSITIVE, BRIGHTEST = range(5)
N_FEATURES = 5 + len(_TOP_SHARES)
#: No number is taken to agree better between tubes: places in transformed units, share as a log
#: odds, correlation as its z transform.
_FLOORS = np.array([0.01, 0.01, 0.5, 0.02, 0.02, 0.03, 0.03, 0.03])
_FLOOR_OF_CORRELATION = 0.04
_MOST_CORRELATED = 0.98


@dataclass(frozen=True)
class Usual:
    """What is usual in a panel, for one population.

    Parameters
    ----------
    thresholds : FloatArray
        where positive begins, by marker.
    features, correlations, positive : FloatArray
        of every tube, shape (n_tubes, n_markers, N_FEATURES) and twice (n_tubes, n_markers,
        n_markers), the last in events; nan where a tube shows nothing.
    background : FloatArray
        negatives among the positive events of a marker, at most; shape (n_tubes, n_markers).
    bright : FloatArray
        share of the events at the place of a marker's positives, at least halfway there from where
        positive begins, 0-1; shape (n_tubes, n_markers).
    n_events : FloatArray
        events of the histograms, shape (n_tubes,).
    spread, spread_of_correlation : FloatArray
        between tubes, by marker.
    """

    thresholds: FloatArray
    features: FloatArray
    correlations: FloatArray
    positive: FloatArray
    background: FloatArray
    bright: FloatArray
    n_events: FloatArray
    spread: FloatArray
    spread_of_correlation: FloatArray


@dataclass(frozen=True)
class Panel:
    """The tubes of a panel.

    Parameters
    ----------
    names, batches : tuple of str
        of the tubes.
    markers : tuple of str
        stains that all of them have.
    evidence : tuple of Evidence
        of the tubes, their own order of markers.
    usual : dict of str to Usual
        by population.
    """

    names: tuple[str, ...]
    batches: tuple[str, ...]
    markers: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    usual: dict[str, Usual]

    def others(self, tube: int) -> BoolArray:
        """Return the tubes that one is compared with: its batch's, or the panel's."""
        return others_of(self.batches, tube)

    def histograms(self, tube: int, population: str) -> FloatArray | None:
        """Return a tube's histograms, by `markers`; None where it shows nothing."""
        evidence = self.evidence[tube]
        if population not in evidence.shown:
            return None
        rows = [evidence.markers.index(marker) for marker in self.markers]
        return evidence.shown[population].histograms[rows]


def others_of(batches: Sequence[str], tube: int) -> BoolArray:
    """Return the tubes that one is compared with: of its batch when they are many enough, else all.

    Parameters
    ----------
    batches : sequence of str
        of every tube.
    tube : int
        its place.
    """
    codes = _codes(tuple(batches))
    is_other = np.ones(codes.size, dtype=np.bool_)
    is_other[tube] = False
    own = is_other & (codes == codes[tube])
    return own if np.count_nonzero(own) >= MIN_OTHERS else is_other


@lru_cache(maxsize=8)
def _codes(batches: tuple[str, ...]) -> npt.NDArray[np.intp]:
    """Return a number for each tube's batch; every tube of a panel asks with the same batches."""
    return np.unique(np.array(batches, dtype=np.str_), return_inverse=True)[1]


def compare_tubes(evidence: Mapping[str, Evidence], batches: Mapping[str, str]) -> Panel:
    """Return the tubes of a panel with what is usual among them.

    Parameters
    ----------
    evidence : mapping of str to Evidence
        of the stained tubes, by name.
    batches : mapping of str to str
        their batches.
    """
    names = tuple(evidence)
    tubes = tuple(evidence.values())
    markers = tuple(
        marker
        for marker in (tubes[0].markers if tubes else ())
        if all(marker in tube.markers for tube in tubes)
    )
    own_batches = tuple(batches[name] for name in names)
    usual = {
        population: _usual(tubes, own_batches, markers, population)
        for population in (CELLS, DENOMINATOR)
        if sum(population in tube.shown for tube in tubes) > MIN_OTHERS
    }
    return Panel(names, own_batches, markers, tubes, usual)


def measure(histograms: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Return the features of histograms, shape (n, N_FEATURES); nan where too few events tell.

    Parameters
    ----------
    histograms : FloatArray
        shape (n, n_bins).
    thresholds : FloatArray
        where positive begins, shape (n,).
    """
    edges = bin_centres()
    is_negative = edges[None, :] <= thresholds[:, None]
    found = np.full((len(histograms), N_FEATURES), np.nan)
    for row, (all_events, below) in enumerate(
        zip(histograms, histograms * is_negative, strict=True)
    ):
        above = all_events - below
        n_below, n_above = float(below.sum()), float(above.sum())
        if n_below >= _FEWEST:
            middle, low = places_of_shares(below, (_MIDDLE, _BELOW))
            found[row, [NEGATIVE, WIDTH]] = middle, middle - low
        if n_below + n_above >= _FEWEST:
            found[row, SHARE] = np.log((n_above + 0.5) / (n_below + 0.5))
            found[row, N_FEATURES - len(_TOP_SHARES) :] = places_of_shares(all_events, _TOP_SHARES)
        if n_above >= _FEWEST:
            found[row, [POSITIVE, BRIGHTEST]] = places_of_shares(above, (_MIDDLE, 0.9))
    return found


def transformed(correlation: FloatArray) -> FloatArray:
    """Return correlations on the scale on which their errors are alike."""
    clipped = np.clip(correlation, -_MOST_CORRELATED, _MOST_CORRELATED)
    return np.asarray(np.arctanh(clipped), dtype=np.float64)


def spread_of(values: FloatArray, batches: Sequence[str]) -> FloatArray:
    """Return the robust SD between tubes, each taken from what it is compared with."""
    off = np.stack([values[i] - middle(values[others_of(batches, i)]) for i in range(len(values))])
    return MAD_TO_SD * middle(np.abs(off))


def _usual(
    tubes: Sequence[Evidence], batches: Sequence[str], markers: Sequence[str], population: str
) -> Usual:
    n = len(markers)
    shown = [
        None if population not in tube.shown else tube.shown[population].histograms[
            [tube.markers.index(marker) for marker in markers]
        ]
        for tube in tubes
    ]  # fmt: skip
    negatives = [None if own is None else negatives_and_ends(own) for own in shown]
    ends = np.array([known[1] for known in negatives if known is not None])
    thresholds = np.asarray(np.nan_to_num(middle(ends), nan=np.inf), dtype=np.float64)
    features = np.full((len(tubes), n, N_FEATURES), np.nan)
    correlations = np.full((len(tubes), n, n), np.nan)
    positive = np.full((len(tubes), n, n), np.nan)
    background = np.full((len(tubes), n), np.nan)
    for place, (tube, histograms, found) in enumerate(zip(tubes, shown, negatives, strict=True)):
        if histograms is None or found is None:
            continue
        features[place] = measure(histograms, thresholds)
        background[place] = mirrored(histograms, *found)
        rows = [tube.markers.index(marker) for marker in markers]
        own = tube.shown[population]
        correlations[place] = transformed(own.correlation[np.ix_(rows, rows)])
        positive[place] = own.positive[np.ix_(rows, rows)]
    spread = np.hypot(np.nan_to_num(spread_of(features, batches)), _FLOORS)
    of_correlation = np.hypot(
        np.nan_to_num(spread_of(correlations, batches)), _FLOOR_OF_CORRELATION
    )
    bright, n_events = _bright(shown, thresholds, middle(features[:, :, POSITIVE]))
    return Usual(
        thresholds, features, correlations, positive, background, bright, n_events, spread,
        of_correlation,
    )  # fmt: skip


def _bright(
    shown: Sequence[FloatArray | None], thresholds: FloatArray, positives: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the share of each tube's events at the place of each stain's positives, and events."""
    halfway = (thresholds + np.where(np.isfinite(positives), positives, thresholds)) / 2
    is_bright = bin_centres()[None, :] > halfway[:, None]
    share = np.full((len(shown), len(thresholds)), np.nan)
    n_events = np.zeros(len(shown))
    for place, histograms in enumerate(shown):
        if histograms is not None:
            n_events[place] = float(histograms[0].sum())
            share[place] = (histograms * is_bright).sum(axis=1) / max(n_events[place], 1)
    return share, n_events
