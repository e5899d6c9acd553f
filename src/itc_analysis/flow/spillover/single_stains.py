"""Spillover from single stains, and how much spreading is left after compensation.

Each fluorochrome by a line through the medians of its negative and its positive events, which is
the resistant line of robust regression (Wald 1940, Tukey 1977) and what Bagwell and Adams proposed
for compensation (1993, doi:10.1111/j.1749-6632.1993.tb38775.x). Half of the events may be anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from itc_analysis.errors import Fault, UnreadableFile
from itc_analysis.flow.fcs.read import FcsFile
from itc_analysis.flow.spillover.compensation import compensate
from itc_analysis.flow.spillover.matrix_text import Spillover
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.whole_files import write_text

#: Whose faults these are, in messages.
_SOURCE = "single stains"
#: Positive is what lies above this quantile of the unstained events: as for FMO controls.
_POSITIVE_QUANTILE = 0.995
#: Fewer positive events give no median worth having (standard error above a tenth of their SD).
_MIN_POSITIVE = 100
#: Dim and bright positives whose slopes differ by more than this are not on one line.
_LARGEST_BEND = 0.02
#: A standard deviation above the median: the quantile that spreading is measured with.
_UPPER_SD = 0.8413


@dataclass(frozen=True)
class SingleStains:
    """Result of `compute_spillover`.

    Parameters
    ----------
    spillover : Spillover
        the matrix.
    standard_error : FloatArray
        of each entry, by bootstrap; shape (n, n).
    n_positive : tuple of int
        positive events behind each row.
    remarks : tuple of str
        rows to look at: spillover that changes with brightness has no single number.
    """

    spillover: Spillover
    standard_error: FloatArray
    n_positive: tuple[int, ...]
    remarks: tuple[str, ...]


def compute_spillover(
    stains: Mapping[str, FcsFile],
    unstained: FcsFile,
    *,
    n_bootstrap: int = 100,
    seed: int = 1,
) -> SingleStains:
    """Compute the spillover matrix of single stains.

    Parameters
    ----------
    stains : mapping of str to FcsFile
        the file of each stain by the channel ($PnN) it is measured in; their order is the matrix's.
    unstained : FcsFile
        the same cells or beads without stain.
    n_bootstrap : int
        resamples behind the standard errors.
    seed : int
        of the bootstrap.

    Raises
    ------
    UnreadableFile
        a file lacks a channel, or a stain has too few positive events.
    """
    channels = tuple(stains)
    faults = [
        Fault(file.name, f"the file has no channel '{channel}'", "check the stain's channel")
        for file in (unstained, *stains.values())
        for channel in channels
        if channel not in file.channel_names
    ]
    if faults:
        raise UnreadableFile(_SOURCE, faults)
    rng = np.random.default_rng(seed)
    negative = _rows(unstained, channels)
    centre = np.median(negative, axis=1)
    matrix, error = np.eye(len(channels)), np.zeros((len(channels), len(channels)))
    n_positive, remarks = [], []
    for own, (channel, file) in enumerate(stains.items()):
        events = _rows(file, channels)
        tops = np.array([_highest(file, name) for name in channels])
        inside = (events < tops[:, None]).all(axis=0)  # a saturated event has no known signal
        limit = np.quantile(negative[own], _POSITIVE_QUANTILE)
        positive = events[:, inside & (events[own] > limit)]
        n = positive.shape[1]
        n_positive.append(n)
        if n < _MIN_POSITIVE:
            what = f"stain '{channel}' has {n} events above the unstained ones"
            faults.append(Fault(file.name, what, f"{_MIN_POSITIVE} are needed; check the file"))
            continue
        matrix[own] = _slopes(positive, centre, own)
        draws = rng.integers(0, n, (n_bootstrap, n))
        error[own] = np.std([_slopes(positive[:, draw], centre, own) for draw in draws], axis=0)
        remarks += _bends(positive, centre, own, channels)
    if faults:
        raise UnreadableFile(_SOURCE, faults)
    return SingleStains(Spillover(channels, matrix), error, tuple(n_positive), tuple(remarks))


def spreading_matrix(
    stains: Mapping[str, FcsFile], unstained: FcsFile, spillover: Spillover
) -> FloatArray:
    """Return the spillover spreading matrix, shape (n, n), 0 on the diagonal.

    Entry (i, j): how much the spread of detector j grows per square root of the brightness of stain
    i (Nguyen 2013, doi:10.1002/cyto.a.22251); 0 where it does not grow.
    """
    channels = spillover.channels
    negative = _compensated(unstained, spillover)
    result = np.zeros((len(channels), len(channels)))
    for own, channel in enumerate(channels):
        events = _compensated(stains[channel], spillover)
        positive = events[:, events[own] > np.quantile(negative[own], _POSITIVE_QUANTILE)]
        brightness = np.median(positive[own]) - np.median(negative[own])
        growth = _spread(positive) ** 2 - _spread(negative) ** 2
        result[own] = np.sqrt(np.maximum(growth, 0) / max(brightness, 1.0))
        result[own, own] = 0
    return result


def write_spillover_csv(spillover: Spillover, path: str | Path) -> None:
    """Write a matrix as `compensation.read_spillover_csv` reads it."""
    _write_csv(spillover.channels, spillover.matrix, path)


def write_spreading_csv(channels: tuple[str, ...], spreading: FloatArray, path: str | Path) -> None:
    """Write the spreading matrix beside the spillover's; stains in rows, detectors in columns."""
    _write_csv(channels, spreading, path)


def _write_csv(channels: tuple[str, ...], matrix: FloatArray, path: str | Path) -> None:
    lines = [",".join(("", *channels))]
    for name, row in zip(channels, matrix, strict=True):
        lines.append(",".join((name, *(f"{value:.6g}" for value in row))))
    write_text(path, "\n".join(lines) + "\n")


def _slopes(positive: FloatArray, centre: FloatArray, own: int) -> FloatArray:
    rise = np.median(positive, axis=1) - centre
    return np.asarray(rise / rise[own])


def _bends(
    positive: FloatArray, centre: FloatArray, own: int, channels: tuple[str, ...]
) -> list[str]:
    """Return remarks on detectors whose spillover differs between dim and bright positives."""
    middle = np.median(positive[own])
    dim, bright = positive[:, positive[own] <= middle], positive[:, positive[own] > middle]
    slopes = np.stack([_slopes(part, centre, own) for part in (dim, bright)])
    return [
        f"{channels[own]} into {channels[j]}: {slopes[0, j]:.3f} where dim, {slopes[1, j]:.3f} "
        "where bright; one number cannot compensate both"
        for j in np.flatnonzero(np.abs(slopes[1] - slopes[0]) > _LARGEST_BEND)
    ]


def _spread(events: FloatArray) -> FloatArray:
    middle, upper = np.quantile(events, [0.5, _UPPER_SD], axis=1)
    return np.asarray(upper - middle)


def _rows(file: FcsFile, channels: tuple[str, ...]) -> FloatArray:
    rows = [file.channel_names.index(name) for name in channels]
    return file.events[rows].astype(np.float64)


def _compensated(file: FcsFile, spillover: Spillover) -> FloatArray:
    events = compensate(file.events, file.channel_names, spillover, source=file.name)
    rows = [file.channel_names.index(name) for name in spillover.channels]
    return events[rows].astype(np.float64)


def _highest(file: FcsFile, channel: str) -> float:
    return file.channels[file.channel_names.index(channel)].highest_value
