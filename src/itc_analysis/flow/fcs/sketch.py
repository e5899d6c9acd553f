"""A sketch of a file's events, by which two files that share events are known without them.

Every event is hashed, and the smallest hashes are kept: of two files, the part of the kept hashes
that they share is the part of their events (bottom-k sketch).
"""

from __future__ import annotations

import numpy as np

from itc_analysis.errors import Fault, UnreadableFile
from itc_analysis.flow.fcs.read import FcsFile

#: Hashes of a sketch.
SKETCH = 256
#: The largest hash there can be.
LARGEST = (1 << 64) - 1
#: Of the events of a few channels of low resolution some are equal by chance, never so many.
_MANY_EQUAL, _FEWEST_EVENTS = 0.25, 1000
#: More channels tell events apart no better.
_CHANNELS = 8
#: Multipliers that mix the bits of a number (splitmix64).
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def sketch_of(file: FcsFile) -> tuple[int, ...]:
    """Return the smallest hashes of a file's events, ascending; all of them where they are few.

    Parameters
    ----------
    file : FcsFile
        its events as they were read, not compensated. The time, which a new export may begin anew,
        is left out; channels are taken by name, in whatever order the file has them.
    """
    names = {channel.name: row for row, channel in enumerate(file.channels) if not channel.is_time}
    hashes = np.zeros(file.n_events, dtype=np.uint64)
    for name in sorted(names)[:_CHANNELS]:
        hashes ^= np.ascontiguousarray(file.events[names[name]], dtype=np.float32).view(np.uint32)
        hashes *= _MIX[0]
        hashes ^= hashes >> np.uint64(29)
        hashes *= _MIX[1]
        hashes ^= hashes >> np.uint64(32)
    if hashes.size > SKETCH:
        end = np.partition(hashes, SKETCH - 1)[SKETCH - 1]
        hashes = hashes[hashes <= end]  # fewer than SKETCH where events are equal
    return tuple(map(int, np.unique(hashes)))


def refuse_repeats(sketch: tuple[int, ...], n_events: int, source: str) -> None:
    """Refuse a file in which many events stand more than once: every count would be too high.

    Parameters
    ----------
    sketch : tuple of int
        what `sketch_of` returned.
    n_events : int
        events of the file.
    source : str
        its name, for messages.

    Raises
    ------
    UnreadableFile
        more events are equal than may be by chance.
    """
    share = 1 - len(sketch) / SKETCH
    if n_events < _FEWEST_EVENTS or share <= _MANY_EQUAL:
        return
    what = f"about {share:.0%} of the events stand in the file more than once"
    remedy = "it was joined with itself, or saved twice: take the file of the cytometer"
    raise UnreadableFile(source, [Fault("DATA", what, remedy)])
