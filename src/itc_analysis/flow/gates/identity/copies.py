"""One file under two names: two tubes that hold the same events, all of them or a part.

Part of another tube's events shows in the sketches that are handed over with the gates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import pandas as pd

from itc_analysis.flow.fcs.sketch import LARGEST, SKETCH
from itc_analysis.flow.gates.negatives import MIN_EVENTS

#: So many different numbers of events in parent gates, all the same in two tubes, are no chance.
TELLING = 4
#: So many events that are the same to the bit, and this share of the lesser tube's, are no chance:
#: two measurements of 18 bits or more in several detectors do not agree in all of them.
_FEWEST_SHARED, _LEAST_SHARE = 8, 0.05


def partial_copies(sketches: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """Return tubes that share many of their events with another one.

    Parameters
    ----------
    sketches : mapping of str to sequence of int
        what `sketch_of` returned, by file id; an empty one is compared with nobody.

    Returns
    -------
    dict of str to str
        What is odd, by file id.
    """
    holders: dict[int, list[str]] = {}
    for name in sorted(sketches):
        for one in sketches[name]:
            holders.setdefault(one, []).append(name)
    together = {pair for names in holders.values() for pair in combinations(names, 2)}
    told: dict[str, list[str]] = {}
    for first, second in sorted(together):
        shares = _shared(sketches[first], sketches[second])
        if shares is None:
            continue
        for name, other, share in ((first, second, shares[0]), (second, first, shares[1])):
            what = f"about {share:.0%} of its events are those of {other}"
            told.setdefault(name, []).append(what)
    return {name: f"{'; '.join(what)}; one file under two names" for name, what in told.items()}


def copies(fits: pd.DataFrame) -> dict[str, str]:
    """Return stained tubes that hold the same events as another one: one file under two names.

    Two tubes with the same number of events in every parent gate are no coincidence.

    Parameters
    ----------
    fits : pandas.DataFrame
        rows of `GateFits` of all populations and batches.

    Returns
    -------
    dict of str to str
        What is odd, by file id; which of the two names is the right one cannot be told.
    """
    stained = fits[(fits["tube"] == "stained") & fits["n_parent"].notna()]
    alike: dict[tuple[tuple[str, int], ...], list[str]] = {}
    for file_id, own in stained.groupby("file_id", sort=True):
        pairs = zip(own["population"].astype(str), own["n_parent"].astype(int), strict=True)
        counts = tuple(sorted(pairs))
        if len({n for _, n in counts if n >= MIN_EVENTS}) >= TELLING:
            alike.setdefault(counts, []).append(str(file_id))
    return {
        file_id: (
            f"its events are those of {', '.join(name for name in names if name != file_id)}: "
            "one file under two names"
        )
        for names in alike.values()
        if len(names) > 1
        for file_id in names
    }


def _shared(first: Sequence[int], second: Sequence[int]) -> tuple[float, float] | None:
    """Return which part of the events of each tube are in the other; None where it may be chance.

    Below the end of the shorter sketch both hold all hashes of their events.
    """
    end = min(_end(first), _end(second))
    one, two = ({value for value in sketch if value <= end} for sketch in (first, second))
    n = len(one & two)
    if n < _FEWEST_SHARED or n < _LEAST_SHARE * min(len(one), len(two)):
        return None
    return n / len(one), n / len(two)


def _end(sketch: Sequence[int]) -> int:
    """Return up to which hash a sketch is complete: to its last, if there were more events."""
    return sketch[-1] if len(sketch) >= SKETCH else LARGEST
