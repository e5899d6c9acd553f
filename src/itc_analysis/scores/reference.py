"""Standardise numbers against healthy participants: z = (x - healthy centre) / healthy SD.

Only the healthy, analysed participants of the same subset set centre and scale; a z score on the
pooled cohort would move when the patients move (study/domain.md 5.1).

The centre is that of the sample's own batch where the batch holds enough healthy participants,
because reagents and instrument shift a batch as a whole; the scale is one for the study, from the
healthy participants' deviations from the centre they are given, because four to ten people estimate
an SD badly. Mean and SD rather than median and MAD: inputs are logits or logs, without the long
tail of raw shares, and the MAD of a normal sample has 37 % of the SD's efficiency, which a
reference of a dozen people cannot spare.

A healthy participant's own number is part of the centre, so healthy z scores vary a little too
little, by sqrt(1 - 1/n) for a centre of n people (0.87 for n = 4, 0.97 for n = 20). Their mean, and
so the difference between groups, is not affected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Standardised:
    """Numbers in SD of healthy.

    Parameters
    ----------
    z : shape (n,); NaN where the number is missing or the reference too small.
    scale : SD of healthy, in the units of the numbers; NaN without a reference.
    n_reference : healthy participants in the whole reference.
    """

    z: Floats
    scale: float
    n_reference: int


def standardise(
    values: Floats,
    *,
    participants: npt.NDArray[np.object_],
    batches: npt.NDArray[np.object_],
    is_reference: npt.NDArray[np.bool_],
    min_reference: int,
) -> Standardised:
    """Standardise `values` of one marker, or one index, in one subset.

    Parameters
    ----------
    values : one number per sample, any scale where differences mean something; NaN for missing.
    participants : who the sample is from; several samples of one person count as one.
    batches : staining or library batch of each sample.
    is_reference : the person is healthy and analysed.
    min_reference : fewest healthy participants that make a reference, and that give a batch a
        centre of its own.
    """
    people, places, means = _reference_means(values, participants, batches, is_reference)
    n_reference = len(set(people))
    missing = np.full(len(values), np.nan)
    if n_reference < min_reference:
        return Standardised(missing, np.nan, n_reference)
    overall = float(np.mean(means))
    centre = {}
    for place in set(places):
        inside = [mean for mean, at in zip(means, places, strict=True) if at == place]
        if len(inside) >= min_reference:
            centre[place] = float(np.mean(inside))
    residuals = np.array(
        [mean - centre.get(at, overall) for mean, at in zip(means, places, strict=True)]
    )
    n_centres = len(centre) + (len(set(places)) > len(centre))
    n_free = len(means) - n_centres
    scale = float(np.sqrt(np.sum(residuals**2) / n_free)) if n_free > 0 else 0.0
    if scale <= np.finfo(float).eps * max(1.0, abs(overall)):  # healthy people do not differ at all
        return Standardised(missing, np.nan, n_reference)
    centres = np.array([centre.get(batch, overall) for batch in batches])
    return Standardised((values - centres) / scale, scale, n_reference)


def _reference_means(
    values: Floats,
    participants: npt.NDArray[np.object_],
    batches: npt.NDArray[np.object_],
    is_reference: npt.NDArray[np.bool_],
) -> tuple[list[object], list[object], Floats]:
    """Return person, batch and mean of each healthy person in each batch, in a fixed order."""
    usable = np.flatnonzero(is_reference & np.isfinite(values))
    gathered: dict[tuple[object, object], list[float]] = {}
    for index in usable:
        gathered.setdefault((participants[index], batches[index]), []).append(float(values[index]))
    # sorted, so that the order of the rows cannot change the last digit
    units = sorted(gathered, key=str)
    means = np.array([np.mean(sorted(gathered[unit])) for unit in units], dtype=float)
    return [unit[0] for unit in units], [unit[1] for unit in units], means
