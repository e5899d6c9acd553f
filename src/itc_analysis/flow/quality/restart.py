"""A clock that starts again: two acquisitions in one file, and whether they show the same cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from itc_analysis.statistics.arrays import BoolArray, FloatArray

#: The clock starts again where it loses at least this part of the time that had gone by.
_LOST = 0.5
#: More steps back than this share of the events are a clock that was shuffled.
MAX_STEPS_BACK = 0.001
#: A part is at least so much of the file: the first events often carry a stale time.
_LEAST_PART = 0.02
#: Events of a part that are looked at, and fewer that show nothing.
_LOOKED_AT, _FEWEST = 20_000, 200
#: Parts that differ by less are alike, as a share of the events past one place; a drift explains no
#: more than the second.
_ALIKE, _MOST_BY_DRIFT = 0.05, 0.15
#: Chance explains so many standard errors on top, in the oddest of some twenty channels.
_CHANCE = 2.0


@dataclass(frozen=True)
class Restart:
    """Where the clock starts again.

    Parameters
    ----------
    n_before, n_events : int
        events before it starts again (the first time), and of the file.
    channel : str or None
        the channel that differs most before and after; None where that was not looked at.
    apart : float
        the largest part of the events, 0-1, by which this channel differs (Kolmogorov-Smirnov).
    by_chance : float
        by how much chance alone makes them differ.
    """

    n_before: int
    n_events: int
    channel: str | None = None
    apart: float = 0.0
    by_chance: float = 0.0

    @property
    def is_other(self) -> bool:
        """The parts differ by more than a drift and chance: other cells, or other settings."""
        return self.apart > _MOST_BY_DRIFT + self.by_chance

    def told(self) -> str:
        """Return it in words."""
        what = (
            f"Time starts again after {self.n_before:,} of {self.n_events:,} events: two "
            "acquisitions in one file, or the clock ran over"
        )
        if self.channel is None:
            return what
        if self.apart <= _ALIKE + self.by_chance:
            return f"{what}; the signals before and after are alike"
        cause = "two tubes, or other settings" if self.is_other else "a drift, or two tubes"
        return (
            f"{what}; {self.channel} of {self.apart:.0%} of the events differs before and after: "
            f"{cause}?"
        )


def find_restart(clock: npt.NDArray[np.float32]) -> Restart | None:
    """Return where a clock starts again; None where it does not.

    Parameters
    ----------
    clock : numpy.ndarray
        Time of all events, in the order of the file.
    """
    back = np.flatnonzero(clock[1:] < clock[:-1])
    if not back.size or back.size > max(1, MAX_STEPS_BACK * len(clock)):
        return None
    if not np.isfinite(clock).all():
        return None
    gone_by = clock[back] - clock.min()
    lost = clock[back] - clock[back + 1]
    is_part = np.minimum(back + 1, len(clock) - back - 1) >= _LEAST_PART * len(clock)
    starts = back[(lost >= _LOST * gone_by) & is_part]
    return Restart(int(starts[0]) + 1, len(clock)) if starts.size else None


def parts_apart(
    restart: Restart,
    signals: npt.NDArray[np.float32],
    is_before: BoolArray,
    names: Sequence[str],
) -> Restart:
    """Return a restart with what differs most between the two parts.

    Parameters
    ----------
    restart : Restart
        what `find_restart` returned.
    signals : numpy.ndarray
        channels on their scale, shape (n_channels, n_looked_at).
    is_before : numpy.ndarray
        which of these events come before the restart, shape (n_looked_at,).
    names : sequence of str
        of the channels.
    """
    parts = [_some(np.flatnonzero(mask)) for mask in (is_before, ~is_before)]
    if min(part.size for part in parts) < _FEWEST or not len(signals):
        return restart
    apart = [_distance(*(np.sort(row[part]) for part in parts)) for row in signals]
    worst = int(np.argmax(apart))
    by_chance = _CHANCE * float(np.sqrt(sum(1 / part.size for part in parts)))
    return replace(restart, channel=names[worst], apart=apart[worst], by_chance=by_chance)


def _some(index: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    return index[:: max(1, -(-index.size // _LOOKED_AT))]


def _distance(one: npt.NDArray[np.float32], two: npt.NDArray[np.float32]) -> float:
    """Return the largest difference of two cumulative shares; both sorted."""
    every = np.concatenate([one, two])
    shares: list[FloatArray] = [
        np.searchsorted(part, every, side="right") / part.size for part in (one, two)
    ]
    return float(np.abs(shares[0] - shares[1]).max())
