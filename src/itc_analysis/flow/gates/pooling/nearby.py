"""By which cuts a batch is judged: its own, those of its one or two tubes that know, or the
study's.

What comes from other batches is the distance from their negatives, put to the batch's own: an
absolute cut would be wrong where a batch is stained or set otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from itc_analysis.flow.batch_tolerance import MIN_TUBES
from itc_analysis.flow.gates.pooling.agreement import BatchEvidence
from itc_analysis.flow.gates.pooling.reference import (
    CutReference,
    few_tubes,
    reference,
    usual_spread,
)
from itc_analysis.flow.gating.methods.density_minimum import CLEAR_DEPTH

__all__ = ["CutReference", "nearby_cuts", "usual_spread"]


def nearby_cuts(
    fits: pd.DataFrame, name: str, evidence: Mapping[str, BatchEvidence], usual: float
) -> tuple[CutReference | None, CutReference | None]:
    """Return what judges the cuts of a batch, and what lends where nothing judges.

    Parameters
    ----------
    fits : pandas.DataFrame
        rows of `GateFits` of one population, all batches.
    name : str
        the batch.
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
        of the batch's one or two decided tubes; None without, or where three or more judge.
    """
    odd = {file_id for batch in evidence.values() for file_id in batch.odd}
    teaching = fits[~fits["file_id"].isin(odd)]
    batch = teaching[teaching["batch"] == name]
    few = few_tubes(batch, "its batch", usual)
    judge = reference(batch, "its batch") or _shallow(batch)
    if judge is not None:
        return judge, few
    if few is not None:
        # its own tubes know more than another batch does
        return None, few
    return _of_study(teaching, name, evidence), None


def _shallow(batch: pd.DataFrame) -> CutReference | None:
    """Return the shallow valleys of a batch where they agree with one another."""
    # deep but sparse ones are what single events make in a tail
    is_shallow = batch["status"].eq("weak") & batch["quality"].between(0, CLEAR_DEPTH, "neither")
    valleys = batch[(is_shallow | batch["status"].eq("ok")) & batch["cut"].notna()]
    if len(valleys) < MIN_TUBES:
        return None
    found = reference(valleys.assign(status="ok"), "the shallow valleys of its batch")
    return found if found is not None and found.spread <= _CONCORDANT else None


#: Shallow valleys that lie further apart are not one, transformed units: a fifth of a decade.
_CONCORDANT = 0.045


def _of_study(
    fits: pd.DataFrame, name: str, evidence: Mapping[str, BatchEvidence]
) -> CutReference | None:
    """Return the study's cuts, moved to the batch's negatives where all are known."""
    here = evidence[name].negative if name in evidence else float("nan")
    negatives = fits["batch"].map({b: one.negative for b, one in evidence.items()}).astype(float)
    decided = fits[(fits["tube"] == "stained") & (fits["status"] == "ok") & fits["cut"].notna()]
    is_known = np.isfinite(here) and bool(np.isfinite(negatives.loc[decided.index]).all())
    if not is_known:
        return reference(fits, "the study")
    found = reference(fits.assign(cut=fits["cut"] - negatives), "the study")
    return None if found is None else replace(found, centre=found.centre + here)
