"""Cuts with two valleys: the tubes of a batch use the same one, and the gate says that there is
another.

Which valley is deeper is settled by chance where both are clear. What decides is what the
population means, and the template can say it (`level`); else counts carry both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from itc_analysis.flow.gating.fitted import WEAK
from itc_analysis.flow.gating.geometry import Threshold, from_json, to_json
from itc_analysis.flow.gating.template import Population

#: A borrowed cut has a rival where at least this part of its batch's tubes have one.
_COMMON = 0.5


def one_valley(
    fits: pd.DataFrame, population: Population, odd: Collection[str] = ()
) -> pd.DataFrame:
    """Return the fits with the same of two valleys taken in all tubes of a batch.

    Parameters
    ----------
    fits : pandas.DataFrame
        rows of `GateFits` of one population, all batches.
    population : Population
        with ``level: positive`` the lower valley is taken and none is a rival.
    odd : collection of str
        tubes that stand against their batch: they have no vote.

    Notes
    -----
    The tubes' bootstrap replicates vote; each tube has one vote, whatever its size.
    """
    if fits["rival_cut"].isna().all():
        return fits
    fits = fits.copy()
    for _, batch in fits[fits["rival_cut"].notna()].groupby("batch"):
        is_lower = batch["cut"] < batch["rival_cut"]
        votes = (1 - batch["rival_share"]).where(is_lower, batch["rival_share"])
        votes = votes[~batch["file_id"].isin(list(odd))]
        if votes.empty and population.level != "positive":
            continue
        wants_lower = population.level == "positive" or votes.mean() >= 0.5
        swapped = batch.index[is_lower != wants_lower]
        cuts = fits.loc[swapped, "cut"].copy()
        fits.loc[swapped, "cut"] = fits.loc[swapped, "rival_cut"]
        fits.loc[swapped, "rival_cut"] = cuts
        fits.loc[swapped, "rival_share"] = 1 - fits.loc[swapped, "rival_share"]
        fits.loc[swapped, "geometry"] = [
            _moved(str(text), float(cut))
            for text, cut in zip(
                fits.loc[swapped, "geometry"], fits.loc[swapped, "cut"], strict=True
            )
        ]
    if population.level == "positive":
        fits[["rival_cut", "rival_share"]] = float("nan")
    return fits


def with_rival(row: dict[str, Any], fit: Mapping[Any, Any], batch: pd.DataFrame) -> dict[str, Any]:
    """Return a gate as ambiguous where its tube, or its batch that lent the cut, has two valleys.

    Parameters
    ----------
    row : dict of str to object
        columns of `Gates`.
    fit : mapping of str to object
        the tube's row of `GateFits`.
    batch : pandas.DataFrame
        those of its batch that teach the others.
    """
    if row["state"] in ("ok", "pooled") and not pd.isna(fit["rival_cut"]):
        rival = float(fit["rival_cut"]) + row["cut"] - float(fit["cut"])
        share = f"{100 * float(fit['rival_share']):.0f} % of bootstrap replicates chose the other"
        return _ambiguous(row, rival, share)
    if row["state"] == "borrowed":
        decided = batch[(batch["status"] == "ok") & (batch["tube"] == "stained")]
        rivals = decided["rival_cut"].dropna()
        if len(decided) and len(rivals) >= _COMMON * len(decided):
            return _ambiguous(row, float(rivals.median()), "as in the tubes that lent the cut")
    return row


def _ambiguous(row: dict[str, Any], rival: float, why: str) -> dict[str, Any]:
    said = f"two valleys, at {row['cut']:.3f} and {rival:.3f} ({why})"
    reason = said if not row["reason"] else f"{said}; {row['reason']}"
    state = row["state"] if row["state"] == WEAK else "ambiguous"
    return {**row, "rival_cut": rival, "state": state, "reason": reason}


def _moved(text: str, cut: float) -> str:
    geometry = from_json(text)
    assert isinstance(geometry, Threshold)  # only these have two valleys
    return to_json(Threshold(geometry.markers, geometry.side, cut))
