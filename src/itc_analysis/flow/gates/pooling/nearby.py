"""By which cuts a batch is judged: its own, those of its one or two tubes that know, or the
study's.

What comes from other batches is the distance from their negatives, put to the batch's own: an
absolute cut would be wrong where a batch is stained or set otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd

from itc_analysis.flow.batch_tolerance import MIN_TUBES
from itc_analysis.flow.gates.pooling.agreement import BatchEvidence
from itc_analysis.flow.gates.pooling.reference import (
    UNKNOWN_SPREAD,
    CutReference,
    decided,
    few_tubes,
    reference,
    usual_spread,
)
from itc_analysis.flow.gating.methods.density_minimum import CLEAR_DEPTH

__all__ = ["CutReference", "agreed_peaks", "nearby_cuts", "usual_spread"]


def nearby_cuts(
    fits: pd.DataFrame, evidence: Mapping[str, BatchEvidence], usual: float
) -> dict[str, tuple[CutReference | None, CutReference | None]]:
    """Return what judges the cuts of each batch, and what lends where nothing judges.

    Parameters
    ----------
    fits : pandas.DataFrame
        rows of `GateFits` of one population, all batches.
    evidence : mapping of str to BatchEvidence
        what each batch shows; tubes that stand against their batch teach nothing.
    usual : float
        how far cuts of one batch lie apart, see `usual_spread`.

    Returns
    -------
    judge : CutReference or None
        of three tubes or more: the batch's decided cuts, else its shallow valleys where they agree,
        else the study's; None without.
    lender : CutReference or None
        of the batch's one or two decided tubes; None without, or where three or more judge. Both
        by batch.
    """
    odd = {file_id for batch in evidence.values() for file_id in batch.odd}
    study = _Study(fits[~fits["file_id"].isin(odd)], evidence)
    found = {}
    for name, rows in fits.groupby("batch", sort=True):
        batch = rows[~rows["file_id"].isin(odd)]
        few = few_tubes(batch, "its batch", usual)
        judge = reference(batch, "its batch") or _shallow(batch)
        if judge is None and few is None:  # its own tubes know more than another batch does
            judge = study.moved_to(str(name))
        found[str(name)] = judge, few
    return found


def agreed_peaks(batch: pd.DataFrame) -> CutReference | None:
    """Return where the single peaks of a batch end, where the tubes agree; None where they do not.

    Parameters
    ----------
    batch : pandas.DataFrame
        rows of `GateFits` of one batch and of a population that is the peak itself, without the
        tubes that teach nothing.
    """
    is_peak = batch["status"].eq("weak") & batch["quality"].eq(0)
    ends = batch[is_peak & batch["cut"].notna()].assign(status="ok")
    if len(ends) < _FEWEST_PEAKS:
        return None
    source = "the single peaks of its batch"
    found = reference(ends, source) or few_tubes(ends, source, UNKNOWN_SPREAD)
    return found if found is not None and found.spread <= _CONCORDANT else None


def _shallow(batch: pd.DataFrame) -> CutReference | None:
    """Return the shallow valleys of a batch where they agree with one another."""
    # deep but sparse ones are what single events make in a tail
    is_shallow = batch["status"].eq("weak") & batch["quality"].between(0, CLEAR_DEPTH, "neither")
    valleys = batch[(is_shallow | batch["status"].eq("ok")) & batch["cut"].notna()]
    if len(valleys) < MIN_TUBES:
        return None
    found = reference(valleys.assign(status="ok"), "the shallow valleys of its batch")
    return found if found is not None and found.spread <= _CONCORDANT else None


#: As many single peaks as contradict a cut.
_FEWEST_PEAKS = 2
#: Shallow valleys, or ends of peaks, that lie further apart are not one, transformed units: a fifth
#: of a decade.
_CONCORDANT = 0.045


class _Study:
    """The study's cuts, as places and as distances from the negatives of their batches."""

    def __init__(self, fits: pd.DataFrame, evidence: Mapping[str, BatchEvidence]) -> None:
        self._fits = fits
        self._negatives = {batch: one.negative for batch, one in evidence.items()}

    def moved_to(self, name: str) -> CutReference | None:
        """Return the study's cuts, moved to a batch's negatives where all are known."""
        here = self._negatives.get(name, float("nan"))
        if not (np.isfinite(here) and self._are_negatives_known):
            return self._places
        found = self._distances
        return None if found is None else replace(found, centre=found.centre + here)

    @cached_property
    def _of_batches(self) -> pd.Series:
        return self._fits["batch"].map(self._negatives).astype(float)

    @cached_property
    def _are_negatives_known(self) -> bool:
        teaching = decided(self._fits.assign(negative=self._of_batches))
        return bool(np.isfinite(teaching["negative"]).all())

    @cached_property
    def _places(self) -> CutReference | None:
        return reference(self._fits, "the study")

    @cached_property
    def _distances(self) -> CutReference | None:
        return reference(self._fits.assign(cut=self._fits["cut"] - self._of_batches), "the study")
