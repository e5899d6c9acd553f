"""What was acquired: how many events, of which cells, and whether the clock ran on.

A tube that ended early has fewer events, and whole blood has granulocytes that mononuclear cells
lack. Neither changes the shares of T cells: it is said with its numbers, and nothing is held.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from itc_analysis.flow.gates.identity.evidence import Evidence
from itc_analysis.flow.gates.identity.features import MIN_OTHERS, others_of
from itc_analysis.statistics.arrays import FloatArray

#: Ended early: fewer events than this part of the others' median, and than this of their least.
_OF_MEDIAN, _OF_LEAST = 0.2, 0.5
#: Another kind of sample: the odds of granulocytes so many times the others' median, and so many
#: times beyond the last of them; where granulocytes are at least this share of either.
_ODDS, _BEYOND, _LEAST = 6.0, 2.0, 0.25
#: Shares are taken to lie at least so far from 0 and 1.
_END = 0.005


def find_early_ends(evidence: Mapping[str, Evidence], batches: Mapping[str, str]) -> dict[str, str]:
    """Return what is said of tubes with far fewer events than the others, by tube.

    Parameters
    ----------
    evidence : mapping of str to Evidence
        of the stained tubes of a panel, by name.
    batches : mapping of str to str
        their batches.
    """
    own_batches = [batches[name] for name in evidence]
    n_events = np.array([tube.n_events for tube in evidence.values()], dtype=np.float64)
    found = {}
    for place, name in enumerate(evidence):
        told = _ended_early(n_events[place], n_events[others_of(own_batches, place)])
        if told is not None:
            found[name] = told
    return found


def find_odd_acquisitions(
    evidence: Mapping[str, Evidence], batches: Mapping[str, str]
) -> dict[str, str]:
    """Return what is odd about how tubes were acquired, by tube: their end, cells and clock.

    Parameters
    ----------
    evidence : mapping of str to Evidence
        of the stained tubes of a panel, by name.
    batches : mapping of str to str
        their batches.
    """
    own_batches = [batches[name] for name in evidence]
    early = find_early_ends(evidence, batches)
    granular = np.array([tube.granular for tube in evidence.values()], dtype=np.float64)
    found: dict[str, list[str]] = {}
    for place, (name, tube) in enumerate(evidence.items()):
        others = others_of(own_batches, place)
        told = [
            None if tube.restart is None else tube.restart.told(),
            early.get(name),
            _other_cells(granular[place], granular[others]),
        ]
        said = [what for what in told if what is not None]
        if said:
            found[name] = said
    return {name: "; ".join(said) for name, said in found.items()}


def _ended_early(own: float, others: FloatArray) -> str | None:
    others = others[np.isfinite(others)]
    if others.size < MIN_OTHERS or not np.isfinite(own):
        return None
    usual = float(np.median(others))
    if own >= _OF_MEDIAN * usual or own >= _OF_LEAST * float(others.min()):
        return None
    return (
        f"{own:,.0f} events where the other tubes have {usual:,.0f} (median): acquisition ended "
        "early?; its numbers stand, with fewer cells and higher limits of detection"
    )


def _other_cells(own: float, others: FloatArray) -> str | None:
    others = others[np.isfinite(others)]
    if others.size < MIN_OTHERS or not np.isfinite(own):
        return None
    usual = float(np.median(others))
    odds = _log_odds(np.append(others, [own, usual]))
    rest, off = odds[:-2], odds[-2] - odds[-1]
    is_far = abs(off) >= np.log(_ODDS) and max(own, usual) >= _LEAST
    beyond = odds[-2] - rest.max() if off > 0 else rest.min() - odds[-2]
    if not is_far or beyond < np.log(_BEYOND):
        return None
    cause = "whole blood among separated cells" if off > 0 else "separated cells among whole blood"
    return (
        f"granulocytes are {own:.0%} of its cells and {usual:.0%} of those of the other tubes "
        f"(median): {cause}?; shares of T cells stand, cells per microlitre may not"
    )


def _log_odds(shares: FloatArray) -> FloatArray:
    clipped = np.clip(shares, _END, 1 - _END)
    return np.asarray(np.log(clipped / (1 - clipped)), dtype=np.float64)
