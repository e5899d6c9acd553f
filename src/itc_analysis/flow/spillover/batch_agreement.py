"""Is a tube compensated as the others of its panel are? Judged by its events, against the other
tubes.

The bright events of a fluorochrome carry what its spill leaves in every other detector. What they
carry besides (cells that have both markers) is much the same in all tubes of a panel, so the
difference from the other tubes is compared with the matrix itself: a tube that was not compensated
carries it once more, one that was compensated twice once less.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.spillover.matrix_text import Spillover
from itc_analysis.plural import plural
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.robust import MAD_TO_SD

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
#: More tubes than this in a sentence: the first, and how many there are.
_MOST_NAMES = 3
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
#: Half the matrix too much or too little: nearer to "twice" or "not at all" than to right.
HALF = 0.5
#: A pair differs when it lies so many robust SDs from the other tubes, and by a spill that can be
#: told.
_FAR = 6.0
#: As many of the pairs as this: the matrix belongs to another day or instrument.
_MOST_PAIRS = 1 / 3


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
        low, high = np.quantile(values, [_DIM, _BRIGHT], axis=1)
        for i in range(n):
            dim, bright = values[:, values[i] <= low[i]], values[:, values[i] >= high[i]]
            distance = np.median(bright[i]) - np.median(dim[i])
            if distance >= _LEAST_STEP:
                places = [np.quantile(group, _WITHOUT, axis=1) for group in (dim, bright)]
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


def find_odd_tubes(tubes: Mapping[str, SpillLeft]) -> dict[str, str]:
    """Return what is wrong with the compensation of each tube that stands against the others.

    Parameters
    ----------
    tubes : mapping of str to SpillLeft
        by name; of one panel, stained alike. Fewer than `FEWEST_TUBES` are not judged.

    Returns
    -------
    dict of str to str
        A sentence for each odd tube, without the name.
    """
    names = list(tubes)
    if len(names) < FEWEST_TUBES:
        return {}
    own_channels = [tubes[name].channels for name in names]
    shared = [channel for channel in own_channels[0] if all(channel in own for own in own_channels)]
    left = np.array([_arranged(tubes[name].channels, shared, tubes[name].left) for name in names])
    matrices = {
        name: _arranged(tubes[name].channels, shared, matrix)
        for name in names
        if (matrix := tubes[name].matrix) is not None
    }
    if not matrices or len(shared) < 2:
        return {}
    told = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # pairs that no tube tells are nan
        usual_matrix = np.nanmedian(list(matrices.values()), axis=0)
        for place, name in enumerate(names):
            others = np.delete(left, place, axis=0)
            usual = np.nanmedian(others, axis=0)
            spread = MAD_TO_SD * np.nanmedian(np.abs(others - usual), axis=0)
            what = _judge(left[place] - usual, spread, usual_matrix)
            if what and name in matrices:
                what += _unlike(matrices[name], usual_matrix, shared)
            if what:
                told[name] = f"{what}, compared with the other tubes of its panel"
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
            f"{_named(free)} are compensated and {_named(raw)} are not; which are right cannot "
            "be told"
        )
        return {f"panel '{panel}'": what}
    odd, others = (raw, free) if len(raw) < len(free) else (free, raw)
    usual = Counter(states[name] for name in others).most_common(1)[0][0]
    return {
        name: f"{_WORDS[states[name]]}, unlike {plural(len(others), 'other tube')} of panel "
        f"'{panel}' ({usual})"
        for name in odd
    }


def _judge(difference: FloatArray, spread: FloatArray, matrix: FloatArray) -> str | None:
    """Return what is wrong with a tube, from how the spill left differs from the other tubes'."""
    is_told = np.isfinite(difference) & (matrix >= _LEAST_SPILL)
    if np.count_nonzero(is_told) >= _FEWEST_PAIRS:
        share = float(np.median(difference[is_told] / matrix[is_told]))
        if share <= -HALF:
            return f"over-compensated: about {-share:.0%} of the spill was taken off once too often"
        if share >= HALF:
            return f"under-compensated: about {share:.0%} of the spill is left"
    known = np.isfinite(difference) & np.isfinite(spread)
    is_far = known & (np.abs(difference) > np.maximum(_FAR * spread, _LEAST_SPILL))
    n_known, n_far = int(np.count_nonzero(known)), int(np.count_nonzero(is_far))
    if n_known >= _FEWEST_PAIRS and n_far > _MOST_PAIRS * n_known:
        return f"{n_far} of {n_known} pairs of channels carry another spill"
    return None


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


def _arranged(own: tuple[str, ...], shared: list[str], square: FloatArray) -> FloatArray:
    places = [own.index(channel) for channel in shared]
    return square[np.ix_(places, places)]


def _named(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"
