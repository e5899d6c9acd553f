"""Detector voltages that differ from those of the other tubes of a batch.

A tube measured at other voltages has its negatives and positives elsewhere and a matrix that does
not fit, so it looks wrongly compensated. Where the files tell their voltages the cause is known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

#: Voltages of fewer other tubes are no reference.
MIN_OTHERS = 2
#: Voltages that differ by less are the same: gain goes with about the seventh power of the voltage,
#: so this changes an intensity by a seventh.
_SAME = 0.02


def voltages_of(detectors: str | None) -> dict[str, float]:
    """Return the voltage of each marker's detector, as far as the file tells it.

    Parameters
    ----------
    detectors : str or None
        the column of `TubeQuality`, JSON; None where the file tells nothing.
    """
    found = {}
    for marker, told in json.loads(detectors or "{}").items():
        try:
            value = float(str(told.get("voltage", "")).replace(",", "."))
        except ValueError:
            continue
        if value > 0:
            found[marker] = value
    return found


def find_other_voltages(
    voltages: Mapping[str, Mapping[str, float]], batches: Mapping[str, str]
) -> dict[str, str]:
    """Return what differs, by tube, for tubes whose voltages are not those of their batch.

    Parameters
    ----------
    voltages : mapping of str to mapping of str to float
        by tube and marker.
    batches : mapping of str to str
        the batch of each tube.
    """
    found = {}
    for name, own in voltages.items():
        others = [v for n, v in voltages.items() if n != name and batches[n] == batches[name]]
        differ = []
        for marker, volts in own.items():
            known = [other[marker] for other in others if marker in other]
            if len(known) < MIN_OTHERS:
                continue
            usual = float(np.median(known))
            if abs(volts / usual - 1) > _SAME:
                differ.append(f"{marker} {volts:g} instead of {usual:g} V")
        if differ:
            found[name] = f"measured at other detector voltages than its batch: {_few(differ)}"
    return found


def _few(differ: list[str]) -> str:
    shown = ", ".join(differ[:3])
    return shown if len(differ) <= 3 else f"{shown} and {len(differ) - 3} more"
