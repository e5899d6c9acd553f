"""Which level of a batch is bright: by its own tubes, and by the batches that show all levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from itc_analysis.flow.gates.by_level import shapes as level_shapes
from itc_analysis.flow.gates.by_level.mixture import LevelFit
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.half_cell import HALF_CELL

#: Events of a level in a batch, below which it says nothing about where the level lies.
FEW = 15
#: Depth of a gap between two levels, of the lower one's height.
_GAP = 0.2
#: Two levels are one population where nothing parts them, unless their modes lie so many of their
#: spreads from one another; negatives around zero are often described by two.
_ONE, _TWO = 2.0, 3.0
#: Standard deviation of the log ratio of two levels of one population, which drift makes.
DRIFT_OF_RATIO = 0.4
#: Log likelihood from which it is doubtful, and from which it is decided, that a level is a bright
#: one by how it differs between tubes; degrees of freedom from which other batches show that.
_DOUBTFUL, _DECISIVE = 2.0, 5.0
_LEAST_FREEDOM = 5


@dataclass(frozen=True)
class BatchLevels:
    """Levels of a batch; `first_bright` is the first of its levels that is bright."""

    name: str
    file_ids: tuple[str, ...]
    fit: LevelFit
    first_bright: int
    is_clear: bool
    odd: Mapping[str, str]

    @property
    def negative(self) -> float:
        """Mean of the modes of the negatives, transformed units."""
        end = self._end_of_negatives
        return float(
            np.average(self.fit.shapes[:end, 0], weights=self.fit.sizes[:, :end].sum(axis=0) + 1e-9)
        )

    @property
    def bright(self) -> float:
        """Mode of the bright cells, transformed units."""
        return _mode(self.fit, self.first_bright)

    @property
    def shows_intermediate(self) -> bool:
        """Whether another level stands clear of the negatives below the bright one."""
        size = float(self.fit.sizes[:, self.first_bright - 1].sum())
        is_own = self._end_of_negatives < self.first_bright
        return self.is_clear and is_own and size >= FEW

    @property
    def _end_of_negatives(self) -> int:
        """The first level that is apart from the one below."""
        shapes = self.fit.shapes
        for level in range(1, self.first_bright):
            spread = float(np.exp(max(shapes[level - 1, 2], shapes[level, 1])))
            apart = float(shapes[level, 0] - shapes[level - 1, 0]) / spread
            if apart > _TWO or (apart > _ONE and is_parted(self.fit, level)):
                return level
        return self.first_bright


@dataclass(frozen=True)
class Identity:
    """Whether a batch's highest level is bright.

    Parameters
    ----------
    kind : {"own", "borrowed", "ambiguous"}
        it is, it is not, or cannot be told.
    first : int
        the first of the levels above the cut.
    reason : str, optional
        why it cannot be told.
    rival : float, optional
        the other place of an ambiguous cut, transformed units.
    """

    kind: Literal["own", "borrowed", "ambiguous"]
    first: int
    reason: str | None = None
    rival: float | None = None


def identify(own: BatchLevels, others: list[BatchLevels]) -> Identity:
    """Return whether a batch's highest level is bright, by its own tubes and other batches.

    A batch that shows one level above its negatives is asked where that lies, and how much it
    differs between tubes: MAIT cells are a hundredth of one person's V-alpha-7.2+ cells and nearly
    all of another's, while intermediate cells differ little. So the bright cells of a dimly stained
    batch are not taken for the intermediate ones of the others, nor the reverse.
    """
    if own.shows_intermediate:
        return Identity("own", own.first_bright)
    showing = [other for other in others if other.shows_intermediate]
    first = own.first_bright
    if not showing:
        if own.is_clear or first == 1:
            return Identity("own", first)
        reason = "bright cells and the level below them are hardly separable in its batch"
        return Identity("ambiguous", first, reason, crossing(own.fit, first - 1))
    bright = float(np.median([other.bright - other.negative for other in showing]))
    between = float(np.median([o.fit.shapes[o.first_bright - 1, 0] - o.negative for o in showing]))
    near = (bright - between) / 3  # nearer than this to one of two places: it is that one
    if not own.is_clear and first > 1:
        above = abs(own.bright - own.negative - bright)
        below = abs(own.fit.shapes[first - 1, 0] - own.negative - between)
        if max(above, below) < near:
            return Identity("own", first)
        first -= 1
    here = _mode(own.fit, first) - own.negative
    is_bright = abs(here - bright) < near or here > bright
    is_between = abs(here - between) < near or here < between
    varied = _varies_as_bright(own.fit, first, showing)
    if varied > _DECISIVE or (is_bright and varied > -_DECISIVE):
        return Identity("own", first)
    if not is_bright and (varied < -_DECISIVE or (is_between and varied < _DOUBTFUL)):
        return Identity("borrowed", first)
    reason = (
        f"its batch shows one level above the negatives, {here:.2f} from them; in the other "
        f"batches intermediate lies at {between:.2f} and bright at {bright:.2f}"
    )
    if is_bright:
        reason += ", but this level differs as little between tubes as intermediate ones do"
    donor = donor_of(showing)
    rival = crossing(donor.fit, donor.first_bright) - donor.negative + own.negative
    # if the level is not bright, bright begins where it ends
    end = float(own.fit.shapes[-1, 0] + _TWO * np.exp(own.fit.shapes[-1, 2]))
    return Identity("ambiguous", first, reason, max(rival, end))


def _varies_as_bright(fit: LevelFit, first: int, showing: list[BatchLevels]) -> float:
    """Return the log likelihood that a level differs between tubes as bright ones do in other
    batches, over that of intermediate ones; 0 where these batches do not show how both differ.
    """
    spreads = []
    for step in (0, 1):
        ratios = [
            _log_ratios(o.fit, o.first_bright - step, (o.fit.n_levels, o.first_bright)[step])
            for o in showing
        ]
        ratios = [(ratio, error) for ratio, error in ratios if ratio.size]
        freedom = sum(ratio.size - 1 for ratio, _ in ratios)
        if freedom < _LEAST_FREEDOM:
            return 0.0
        squares = sum(float(np.sum((ratio - ratio.mean()) ** 2 - error)) for ratio, error in ratios)
        spreads.append(max(squares / freedom, DRIFT_OF_RATIO**2))
    ratio, error = _log_ratios(fit, first, fit.n_levels)
    if ratio.size < 2:
        return 0.0
    likelihoods = []
    for spread in spreads:
        weight = 1 / (error + spread)
        centre = np.average(ratio, weights=weight)
        squared = float(weight @ (ratio - centre) ** 2)
        likelihoods.append(
            (float(np.log(weight).sum()) - float(np.log(weight.sum())) - squared) / 2
        )
    return likelihoods[0] - likelihoods[1]


def _log_ratios(fit: LevelFit, begin: int, end: int) -> tuple[FloatArray, FloatArray]:
    """Return log ratios of levels to all below them, and their variances by counting."""
    high, low = (
        fit.sizes[:, begin:end].sum(axis=1) + HALF_CELL,
        fit.sizes[:, :begin].sum(axis=1) + HALF_CELL,
    )
    seen = high + low > 2 * FEW
    return np.log(high / low)[seen], (1 / high + 1 / low)[seen]


def donor_of(others: list[BatchLevels]) -> BatchLevels:
    """Return the batch in the middle of those that show all levels."""
    return sorted(others, key=lambda other: other.bright - other.negative)[(len(others) - 1) // 2]


def is_parted(fit: LevelFit, first: int) -> bool:
    """Return whether there is a gap between a level and the one below, in all tubes together."""
    size = fit.sizes[:, first - 1 : first + 1].sum(axis=0)
    density = size @ level_shapes.per_bin(fit.x, fit.shapes[first - 1 : first + 1])
    begin, end = np.searchsorted(fit.x, fit.shapes[first - 1 : first + 1, 0])
    between = density[begin : end + 1]
    lowest = int(np.argmin(between))
    top = min(between[: lowest + 1].max(), between[lowest:].max())
    return bool(between[lowest] < (1 - _GAP) * top)


def _mode(fit: LevelFit, first_bright: int) -> float:
    sizes = fit.sizes[:, first_bright:].sum(axis=0)
    return float(np.average(fit.shapes[first_bright:, 0], weights=sizes + 1e-9))


def crossing(fit: LevelFit, first: int) -> float:
    """Return where bright becomes likelier than what is below it, at the tubes' mean shares."""
    shares = (fit.sizes / np.maximum(fit.sizes.sum(axis=1, keepdims=True), 1e-9)).mean(axis=0)
    density = shares[:, None] * level_shapes.per_bin(fit.x, fit.shapes)
    low, high = density[:first].sum(axis=0), density[first:].sum(axis=0)
    begin = int(np.searchsorted(fit.x, fit.shapes[first - 1, 0]))
    end = int(np.searchsorted(fit.x, _mode(fit, first))) + 1
    ratio = np.log(high[begin:end] + 1e-300) - np.log(low[begin:end] + 1e-300)
    below = np.flatnonzero(ratio <= 0)
    if below.size == 0 or below[-1] == ratio.size - 1:
        return float((fit.shapes[first - 1, 0] + _mode(fit, first)) / 2)
    i = int(below[-1])
    step = fit.x[1] - fit.x[0]
    return float(fit.x[begin + i] + step * (-ratio[i]) / (ratio[i + 1] - ratio[i]))
