"""Which stain is in which channel: two that are swapped, and one that was left out.

Every channel of a tube is held against every stain of its batch. Two stains are swapped when each
explains the other's channel far better than its own. A stain is missing when its positives are
gone beyond what any person could lack: where a population can be depleted, another stain that it
always goes with, or negatives that lie lower than any other tube's, must say so as well.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection

import numpy as np

from itc_analysis.flow.gates.identity import features as f
from itc_analysis.flow.gates.identity.evidence import CELLS, DENOMINATOR
from itc_analysis.flow.gates.identity.features import Panel, Usual
from itc_analysis.statistics.arrays import BoolArray, FloatArray
from itc_analysis.statistics.robust import middle

#: What one number can say, squared SD: one that is far off does not outvote the others.
_MOST, _MOST_OF_CORRELATION = 25.0, 9.0
#: Correlations with the other stains say much the same.
_WEIGHT_OF_CORRELATIONS = 0.5
#: Swapped stains explain their channels by so much better than as labelled; untouched tubes reach
#: less than 0, and pairs that are not the swapped ones less than half as much.
_SWAPPED = 120.0
_CLEAREST = 2.0
#: How many rare cells a person has differs a hundredfold and shows in several numbers at once, so
#: the correlations must say so as well, by so much; or everything together beyond any person.
_LEAST_TOGETHER, _BEYOND_PEOPLE = 10.0, 300.0
#: So much is odd about the middle stain of a tube whose stains are all elsewhere.
_ALL_ODD = 140.0
#: A person lacks at most this part of a population, against the tube that has the fewest.
_MOST_DEPLETED = 10.0
#: Positive events that even such a person would show.
_EXPECTED = 10.0
#: Gone: fewer than this part of the fewest of another tube.
_GONE = 10.0
#: Negatives of a stain that was left out lie so many SD below the others', transformed units.
_LOWER = 5.0
#: Of the cells with another stain so many carry this one as well in every other tube, and at most
#: so many in this one; of so many cells. Then few others carry it either, against these cells.
_TOGETHER, _APART, _FEWEST_WITH, _ELSEWHERE = 0.65, 0.1, 20, 0.5
#: The cells with the other stain are more than so many times what negatives can make.
_TIMES_BACKGROUND = 3.0


def find_swap(panel: Panel, tube: int) -> tuple[str, str] | None:
    """Return the two stains of a tube that are swapped; None where none are."""
    own = np.diag(_explain(panel, tube, only_own=True))
    # no swap explains more than is odd about the two stains
    if len(own) < 2 or float(np.sort(own)[-2:].sum()) < _SWAPPED:
        return None
    if float(np.median(own)) > _ALL_ODD:
        return None
    cost, together = _explain(panel, tube), _explain_correlations(panel, tube)
    gains = sorted(
        (
            (own[a] + own[b] - cost[a, b] - cost[b, a], a, b)
            for a, b in itertools.combinations(range(len(own)), 2)
        ),
        reverse=True,
    )
    gain, a, b = gains[0]
    second = gains[1][0] if len(gains) > 1 else 0.0
    if gain < _SWAPPED or gain < _CLEAREST * second:
        return None
    gained = together[a, a] + together[b, b] - together[a, b] - together[b, a]
    if gained < _LEAST_TOGETHER and gain < _BEYOND_PEOPLE:
        return None
    return panel.markers[a], panel.markers[b]


def find_missing(
    panel: Panel, tube: int, *, gated_out: Collection[str] = ()
) -> tuple[dict[str, str], dict[str, str]]:
    """Return stains that were left out of a tube, and stains of which it cannot be told.

    Parameters
    ----------
    panel : Panel
        what is usual among the tubes.
    tube : int
        its place.
    gated_out : collection of str
        stains of cells that are gated out: the dump channel, the dye of dead cells.

    Returns
    -------
    missing, untold : dict of str to str
        what speaks for it, by marker.
    """
    missing: dict[str, str] = {}
    untold: dict[str, str] = {}
    others = panel.others(tube)
    for row, marker in enumerate(panel.markers):
        for population in (DENOMINATOR, CELLS):
            usual = panel.usual.get(population)
            if usual is None or panel.histograms(tube, population) is None:
                continue
            # dead and sticky cells among all cells carry everything: they show nothing of a stain
            is_clean = population == DENOMINATOR
            partner = _without_partner(usual, tube, row, others) if is_clean else None
            if partner is not None:
                other, n_with, n_left = partner
                missing[marker] = (
                    f"{n_with:,} cells with {panel.markers[other]}, which carry it in every other "
                    f"tube, and {n_left:,} of them with it"
                )
                break
            is_bright = marker in gated_out and not is_clean
            found = _gone(usual, tube, row, others, is_bright=is_bright)
            if found is None:
                continue
            n_positive, n_expected = found
            told = (
                f"{n_positive:,.0f} positive events where every other tube would have "
                f"{n_expected:,.0f}"
            )
            if n_expected >= _EXPECTED * _MOST_DEPLETED:
                missing[marker] = told
            elif _is_lower(usual, tube, row, others):
                missing[marker] = f"{told}, and its negatives lie lower than theirs"
            else:
                untold.setdefault(marker, told)
    return missing, {marker: told for marker, told in untold.items() if marker not in missing}


def _explain(panel: Panel, tube: int, *, only_own: bool = False) -> FloatArray:
    """Return how badly each stain explains each channel of a tube, squared SD.

    Shape (n_markers, n_markers): the channel that carries the label of the row as the stain of
    the column. With `only_own` the diagonal alone is right.
    """
    n = len(panel.markers)
    cost = _explain_correlations(panel, tube)
    others = panel.others(tube)
    for population, usual in panel.usual.items():
        histograms = panel.histograms(tube, population)
        if histograms is None:
            continue
        centre = middle(usual.features[others])
        for stain in range(n):
            seen = usual.features[tube]
            if not only_own:
                seen = f.measure(histograms, np.full(n, usual.thresholds[stain]))
            off = ((seen - centre[stain]) / usual.spread[stain]) ** 2
            cost[:, stain] += np.nansum(np.minimum(off, _MOST), axis=1)
    return cost


def _explain_correlations(panel: Panel, tube: int) -> FloatArray:
    """Return how badly each stain explains with what each channel goes; shape as `_explain`."""
    n = len(panel.markers)
    cost = np.zeros((n, n))
    others = panel.others(tube)
    for population, usual in panel.usual.items():
        if panel.histograms(tube, population) is None:
            continue
        centre = middle(usual.correlations[others])
        for stain in range(n):
            off = _off_correlations(usual, usual.correlations[tube], centre, stain)
            cost[:, stain] += _WEIGHT_OF_CORRELATIONS * off
    return cost


def _off_correlations(usual: Usual, own: FloatArray, centre: FloatArray, stain: int) -> FloatArray:
    """Return how far the correlations of each channel are from a stain's, summed over the rest."""
    off = ((own - centre[stain]) / usual.spread_of_correlation[stain]) ** 2
    off = np.minimum(off, _MOST_OF_CORRELATION)
    off[:, stain] = 0
    np.fill_diagonal(off, 0)
    return np.asarray(np.nansum(off, axis=1), dtype=np.float64)


def _gone(
    usual: Usual, tube: int, row: int, others: BoolArray, *, is_bright: bool
) -> tuple[float, float] | None:
    """Return a tube's positive events and those it would have with the fewest of the others.

    Of cells that are gated out only those are counted that are at least halfway up from the
    negatives to the usual positives (`is_bright`): what is dead or sticky, or glows, lies a little
    above the negatives in every channel. None where its positives are not gone, or the others have
    none.
    """
    shares = usual.bright if is_bright else 1 / (1 + np.exp(-usual.features[:, :, f.SHARE]))
    rest = shares[others, row]
    rest = rest[np.isfinite(rest)]
    if len(rest) < f.MIN_OTHERS or not np.isfinite(shares[tube, row]):
        return None
    n_positive, expected = (
        float(n * usual.n_events[tube]) for n in (shares[tube, row], rest.min())
    )
    is_gone = expected >= _EXPECTED and (n_positive + 1) * _GONE <= expected
    return (n_positive, expected) if is_gone else None


def _without_partner(
    usual: Usual, tube: int, row: int, others: BoolArray
) -> tuple[int, int, int] | None:
    """Return a stain that always goes with this one and does not here, and the cells with either.

    Where all cells with the other stain carry this one, depletion takes both.
    """
    for other in range(usual.positive.shape[1]):
        n_with, n_both = (usual.positive[tube, other, place] for place in (other, row))
        least = _FEWEST_WITH + _TIMES_BACKGROUND * usual.background[tube, other]
        if other == row or not n_with >= least or n_both > _APART * n_with:
            continue
        if usual.positive[tube, row, row] > _ELSEWHERE * n_with:
            continue
        there = usual.positive[others]
        enough = there[:, other, other] >= _FEWEST_WITH
        share = there[enough, other, row] / there[enough, other, other]
        if share.size >= f.MIN_OTHERS and share.min() >= _TOGETHER:
            return other, int(n_with), int(n_both)
    return None


def _is_lower(usual: Usual, tube: int, row: int, others: BoolArray) -> bool:
    """Return whether a tube's negatives lie lower than those of all other tubes."""
    own = usual.features[tube, row, f.NEGATIVE]
    there = usual.features[others, row, f.NEGATIVE]
    there = there[np.isfinite(there)]
    if not np.isfinite(own) or not there.size:
        return False
    step = float(np.median(there)) - own
    return bool(own < there.min() and step > _LOWER * usual.spread[row, f.NEGATIVE])
