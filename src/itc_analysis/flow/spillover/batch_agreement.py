"""Is a tube compensated as the others of its panel are? Judged by its events, against the other
tubes.

The bright events of a fluorochrome carry what its spill leaves in every other detector. What they
carry besides (cells that have both markers) is much the same in all tubes of a panel, so the
difference from the other tubes is compared with the matrix itself: a tube that was not compensated
carries it once more, one that was compensated twice once less, one whose matrix is a third too
strong a third less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.spillover.matrix_text import Spillover
from itc_analysis.plural import first_names, plural
from itc_analysis.statistics.arrays import BoolArray, FloatArray
from itc_analysis.statistics.robust import MAD_TO_SD, middle, quantiles

#: States in which the events that are gated are free from spill.
_COMPENSATED = frozenset({"file", "matrix", "already_compensated"})
#: How a state is called in a sentence.
_WORDS = {
    "none": "the file has no spillover matrix and is not compensated",
    "identity": "the file's spillover matrix is a placeholder (identity), so it is not compensated",
    "file": "the file is compensated with the matrix it carries",
    "matrix": "the file is compensated with the study's matrix",
    "already_compensated": "the file was compensated on export",
}
#: Events that are looked at, evenly spread over the acquisition.
_EVENTS = 20_000
#: Bright events of a fluorochrome, and dim ones, as shares of all events.
_BRIGHT, _DIM = 0.98, 0.3
#: Bright events lie so far above the dim ones at least, instrument units (as in `residual_spill`).
_LEAST_STEP = 1500.0
#: Of the bright events the lower quarter is taken to be without the other marker.
_WITHOUT = 0.25
#: An event as bright in most colours is a bead: no cell carries every antibody.
_FEWEST_COLOURS_OF_A_BEAD = 3
#: Spill below this cannot be told from noise.
_LEAST_SPILL = 0.02
#: Fewer pairs of channels, or tubes to compare with, do not tell.
_FEWEST_PAIRS = 4
FEWEST_TUBES = 4
#: A part of the matrix, too much or too little, that is named: beyond it, and so many robust SDs
#: of the other tubes' own.
LEAST_PART, _CLEAR = 0.1, 6.0
#: The regression on the matrix: pairs further off than so many SDs pull no more; rounds.
_HUBER, _ROUNDS = 2.0, 20
#: A pair differs when it lies so many robust SDs from the other tubes, and by a spill that can be
#: told.
_FAR = 6.0
#: As many of the pairs as this: the matrix belongs to another day or instrument, or channels are
#: not what they are called.
_MOST_PAIRS = 1 / 10
#: The sources with the most such pairs are left out first: where few cells carry a marker, its
#: brightest events are sticky or dead and bright everywhere. A wrong matrix is wrong in all.
_FEW_SOURCES = 2
#: In so many pairs with spill a batch lies below zero, and lower than other batches: no cell emits
#: negative light, so its matrix takes off too much there.
_FEWEST_BELOW = 3


@dataclass(frozen=True)
class SpillLeft:
    """What the bright events of each fluorochrome carry in the other detectors.

    Parameters
    ----------
    channels : tuple of str
        markers, or any names that are the same in every tube.
    left : FloatArray
        shape (n, n), units in the detector (column) per unit of the source (row); nan where untold.
    matrix : FloatArray or None
        the matrix that was applied, shape (n, n), nan where it has no entry; None without.
    """

    channels: tuple[str, ...]
    left: FloatArray
    matrix: FloatArray | None


def measure_spill_left(
    events: npt.NDArray[np.float32],
    channels: tuple[str, ...],
    *,
    spillover: Spillover | None,
    detectors: tuple[str, ...],
) -> SpillLeft:
    """Return what is left of the spill in one tube.

    Parameters
    ----------
    events : numpy.ndarray
        compensated as the tube is, instrument units, shape (n, n_events).
    channels : tuple of str
        name of each row in all tubes, such as the marker.
    spillover : Spillover or None
        the matrix that was applied.
    detectors : tuple of str
        $PnN of each row, as `spillover` names it.
    """
    step = max(1, events.shape[1] // _EVENTS)
    values = np.asarray(events[:, ::step], dtype=np.float64)
    is_bright = np.sum(values > _LEAST_STEP, axis=0)
    is_bead = (2 * is_bright > len(channels)) & (is_bright >= _FEWEST_COLOURS_OF_A_BEAD)
    values = values[:, ~is_bead & np.isfinite(values).all(axis=0)]
    n = len(channels)
    left = np.full((n, n), np.nan)
    if values.shape[1]:
        low, high = quantiles(values, [_DIM, _BRIGHT])
        for i in range(n):
            dim = values.compress(values[i] <= low[i], axis=1)
            bright = values.compress(values[i] >= high[i], axis=1)
            distance = np.median(bright[i]) - np.median(dim[i])
            if distance >= _LEAST_STEP:
                places = [quantiles(group, [_WITHOUT])[0] for group in (dim, bright)]
                left[i] = (places[1] - places[0]) / distance
        np.fill_diagonal(left, np.nan)
    matrix = None
    if spillover is not None:
        matrix = np.full((n, n), np.nan)
        places_of = {name: place for place, name in enumerate(spillover.channels)}
        rows = [(row, places_of[name]) for row, name in enumerate(detectors) if name in places_of]
        for row, a in rows:
            for column, b in rows:
                matrix[row, column] = spillover.matrix[a, b]
    return SpillLeft(channels, left, matrix)


def find_odd_tubes(
    tubes: Mapping[str, SpillLeft], batches: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return what is wrong with the compensation of each tube that stands against the others.

    Parameters
    ----------
    tubes : mapping of str to SpillLeft
        by name; of one panel, stained alike. Fewer than `FEWEST_TUBES` are not judged.
    batches : mapping of str to str, optional
        their batches: a tube is compared with its own where that has enough; None for one batch.

    Returns
    -------
    dict of str to str
        A sentence for each odd tube, without the name.

    Notes
    -----
    What a tube's bright events carry beyond those of the others is regressed on the matrix, pair
    by pair with the spread between tubes as error: the slope is the part of the matrix that was
    applied too much or too little. Pairs that are far off pull no more than others (Huber).
    """
    names = list(tubes)
    if len(names) < FEWEST_TUBES:
        return {}
    shared, left = _stacked(tubes)
    matrices = {
        name: _arranged(tubes[name].channels, shared, matrix)
        for name in names
        if (matrix := tubes[name].matrix) is not None
    }
    if not matrices or len(shared) < 2:
        return {}
    of_batch = [None if batches is None else batches[name] for name in names]
    unknown = np.full((len(shared), len(shared)), np.nan)
    applied = np.array([matrices.get(name, unknown) for name in names])
    usual_matrices = [_usual(applied, of_batch, i) for i in range(len(names))]
    differences = np.array([left[i] - _usual(left, of_batch, i) for i in range(len(names))])
    told = {}
    spread = MAD_TO_SD * middle(np.abs(differences))  # pairs that no tube tells are nan
    spread = np.hypot(spread, np.nanmedian(spread)) if np.isfinite(spread).any() else spread
    parts = np.array([_part_left(*one) for one in zip(differences, repeat(spread), usual_matrices)])
    for place, name in enumerate(names):
        rest = np.delete(parts, place)
        rest = rest[np.isfinite(rest)]
        usual_part = MAD_TO_SD * float(np.median(np.abs(rest))) if rest.size else np.inf
        what = _judge(float(parts[place]), usual_part, differences[place], spread)
        if what and name in matrices:
            what += _unlike(matrices[name], usual_matrices[place], shared)
        if what:
            told[name] = f"{what}, compared with the other tubes of its panel"
    return told


def find_odd_batches(tubes: Mapping[str, SpillLeft], batches: Mapping[str, str]) -> dict[str, str]:
    """Return what is odd about each batch whose matrix seems to be of other detector voltages.

    Other voltages raise some entries of a matrix and lower others, alike in all tubes of the batch,
    so that no tube stands out. Batches with fewer than `FEWEST_TUBES` tubes with a matrix are not
    compared.

    Parameters
    ----------
    tubes : mapping of str to SpillLeft
        by name; of one panel, stained alike, none of them odd by itself.
    batches : mapping of str to str
        their batches.

    Returns
    -------
    dict of str to str
        A sentence for each odd batch.
    """
    tubes = {name: one for name, one in tubes.items() if one.matrix is not None}
    of_batch = np.array([batches[name] for name in tubes], dtype=object)
    known = [str(b) for b in dict.fromkeys(of_batch) if np.sum(of_batch == b) >= FEWEST_TUBES]
    if len(known) < 2:
        return {}
    shared, left = _stacked(tubes)
    applied = np.array([_arranged(t.channels, shared, m) for t in tubes.values()
                        if (m := t.matrix) is not None])  # fmt: skip
    usual = {batch: _told_by_many(left[of_batch == batch]) for batch in known}
    told = {}
    for batch, own in usual.items():
        others = middle(np.array([other for name, other in usual.items() if name != batch]))
        has_spill = middle(applied[of_batch == batch]) >= _LEAST_SPILL
        lowered = np.where(has_spill, np.maximum(own, own - others), np.nan)
        below = lowered < -_LEAST_SPILL
        n_below, n_known = int(below.sum()), int(np.isfinite(lowered).sum())
        if n_below >= _FEWEST_BELOW:
            at = np.unravel_index(int(np.nanargmin(lowered)), lowered.shape)
            source, detector = shared[int(at[0])], shared[int(at[1])]
            told[batch] = (
                f"the matrix of batch {batch} takes off too much in {n_below} of {n_known} pairs "
                f"of channels ({source} into {detector} most): is it of other detector voltages?"
            )
    return told


def find_odd_states(states: Mapping[str, str], *, panel: str) -> dict[str, str]:
    """Return what is odd about every tube that is compensated when the others are not, or the
    reverse.

    Parameters
    ----------
    states : mapping of str to str
        state of compensation by name; of tubes of one panel.
    panel : str
        its name, for the sentence; it stands for the tubes where none of two halves is the odd one.
    """
    free = [name for name, state in states.items() if state in _COMPENSATED]
    raw = [name for name in states if name not in free]
    if not free or not raw:
        return {}
    if len(free) == len(raw):
        what = (
            f"{first_names(free)} are compensated and {first_names(raw)} are not; there is "
            "no telling which are right"
        )
        return {f"panel '{panel}'": what}
    odd, others = (raw, free) if len(raw) < len(free) else (free, raw)
    usual = Counter(states[name] for name in others).most_common(1)[0][0]
    return {
        name: f"{_WORDS[states[name]]}, unlike {plural(len(others), 'other tube')} of panel "
        f"'{panel}' ({usual})"
        for name in odd
    }


def _usual(left: FloatArray, batches: Sequence[str | None], place: int) -> FloatArray:
    """Return the middle of the tubes that one is compared with: its batch's, or all others."""
    is_other = np.arange(len(left)) != place
    own = is_other & np.array([batch == batches[place] for batch in batches])
    chosen = own if np.count_nonzero(own) >= FEWEST_TUBES - 1 else is_other
    return middle(left[chosen])


def _told_by_many(left: FloatArray) -> FloatArray:
    """Return the middle of a batch's tubes; nan where fewer than `FEWEST_TUBES` tell the pair."""
    n_told = np.isfinite(left).sum(axis=0)
    return np.where(n_told >= FEWEST_TUBES, middle(left), np.nan)


def _part_left(difference: FloatArray, spread: FloatArray, matrix: FloatArray) -> float:
    """Return the part of the matrix that a tube carries too much of; nan where too few pairs
    tell.
    """
    is_told = np.isfinite(difference) & np.isfinite(spread) & (matrix >= _LEAST_SPILL)
    if np.count_nonzero(is_told) < _FEWEST_PAIRS:
        return float("nan")
    y, x, error = difference[is_told], matrix[is_told], spread[is_told]
    trust, part = np.ones_like(x), 0.0
    for _ in range(_ROUNDS):
        weight = trust / error**2
        part = float(np.sum(weight * x * y) / np.sum(weight * x * x))
        far = np.abs(y - part * x) / error
        trust = np.minimum(1.0, _HUBER / np.maximum(far, _HUBER))
    return part


def _judge(
    part: float, usual_part: float, difference: FloatArray, spread: FloatArray
) -> str | None:
    """Return what is wrong with a tube, from how the spill left differs from the other tubes'."""
    if abs(part) >= max(LEAST_PART, _CLEAR * usual_part):
        if part < 0:
            return f"over-compensated: about {-part:.0%} of the spill was taken off too much"
        return f"under-compensated: about {part:.0%} of the spill is left"
    known = np.isfinite(difference) & np.isfinite(spread)
    is_far = known & (np.abs(difference) > np.maximum(_FAR * spread, _LEAST_SPILL))
    n_known, n_far = int(np.count_nonzero(known)), int(np.count_nonzero(is_far))
    if _is_far_in_many(known, is_far):
        return f"{n_far} of {n_known} pairs of channels carry another spill"
    return None


def _is_far_in_many(known: BoolArray, is_far: BoolArray) -> bool:
    """Return whether many pairs are far off, those of the few worst sources left out."""
    others = np.argsort(-is_far.sum(axis=1), kind="stable")[_FEW_SOURCES:]
    n_known, n_far = int(known[others].sum()), int(is_far[others].sum())
    return n_far > max(_MOST_PAIRS * n_known, _FEWEST_PAIRS)


def _unlike(own: FloatArray, usual: FloatArray, channels: list[str]) -> str:
    """Return in which entry a tube's matrix is most unlike the others'; empty when it is as
    theirs.
    """
    distance = np.nan_to_num(np.abs(own - usual))
    source, detector = np.unravel_index(int(np.argmax(distance)), distance.shape)
    if distance[source, detector] < _LEAST_SPILL:
        return " (with the same matrix; was it compensated before it was exported?)"
    return (
        f" (with another matrix: {own[source, detector]:.2g} of {channels[int(source)]} into "
        f"{channels[int(detector)]}, the others {usual[source, detector]:.2g})"
    )


def _stacked(tubes: Mapping[str, SpillLeft]) -> tuple[list[str], FloatArray]:
    """Return the channels that all tubes have, and what is left in each tube, in this order."""
    all_channels = [one.channels for one in tubes.values()]
    shared = [channel for channel in all_channels[0] if all(channel in own for own in all_channels)]
    return shared, np.array([_arranged(one.channels, shared, one.left) for one in tubes.values()])


def _arranged(own: tuple[str, ...], shared: list[str], square: FloatArray) -> FloatArray:
    places = [own.index(channel) for channel in shared]
    return square[np.ix_(places, places)]
