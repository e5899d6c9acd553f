"""From shares of one whole to log ratios of its parts to a reference part, one row per participant.

A share moves when any other part moves; the ratio of a part to the reference does not (Aitchison
1982, doi:10.1111/j.2517-6161.1982.tb01195.x, the additive log ratio). A part below the limit of
detection is an upper bound, and a count like any other where the cells are known. Populations of
the same tube are compared within it; one that another panel shows is taken from all tubes of the
sample together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from itc_analysis.statistics.arrays import Matrix
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.people.counts import Count, counts_of
from itc_analysis.stats.people.responses import CENSORED, HALF_CELL, OK, limits_of, per_participant
from itc_analysis.stats.plan.compositions import REST

SHARE = "share_of_t"
REFERENCE_LOW = "reference below the limit of detection"


@dataclass(frozen=True)
class LogRatios:
    """Log ratios of all parts, of every analysed participant.

    Parameters
    ----------
    parts : dict of str to pandas.DataFrame
        per part, one row per analysed participant as from `responses.respond`: state, y (ratio or
        upper bound), batch.
    counted : Matrix
        shape (n_participants, n_parts), log ratios of the counted cells with half a cell added,
        whether or not they reach the limit of detection; NaN where a part is missing. Rows as in
        `parts`.
    """

    parts: dict[str, pd.DataFrame]
    counted: Matrix

    @property
    def has_all(self) -> pd.Series:
        """Who has a ratio or an upper bound for every part."""
        usable = [rows["state"].isin([OK, CENSORED]) for rows in self.parts.values()]
        return pd.concat(usable, axis=1).all(axis=1)


def log_ratios(
    measurements: pd.DataFrame,
    participants: pd.DataFrame,
    *,
    assay: str,
    parts: Sequence[str],
    reference: str,
) -> LogRatios:
    """Return the log ratios of `parts` to `reference`.

    Parameters
    ----------
    measurements : pandas.DataFrame
        a `Measurements` table.
    participants : pandas.DataFrame
        a `Participants` table; those with `is_analysed` have a row.
    parts : sequence of str
        populations that share no cell.
    reference : str
        a population that is none of them, or rest: what the parts leave of the T cells.

    Raises
    ------
    NotEstimable
        a population has no share of T in this assay.
    """
    is_share = (measurements["assay"] == assay) & (measurements["measure"] == SHARE)
    shares = measurements[is_share & measurements["participant_id"].notna()]
    wanted = list(parts) if reference == REST else [*parts, reference]
    absent = [name for name in wanted if not (shares["population"] == name).any()]
    if absent:
        msg = f"no share of T was measured of {', '.join(absent)}"
        raise NotEstimable(msg)
    tubes = {name: _tubes(shares, name) for name in wanted}
    below = _rest(tubes, parts) if reference == REST else tubes[reference]
    found, counted = {}, []
    for part in parts:
        scaled = _ratio(tubes[part], below)
        found[part] = per_participant(scaled, participants)
        people = scaled[scaled["is_usable"]].groupby("participant_id")["counted"].mean()
        counted.append(people.reindex(found[part].index).to_numpy(dtype=float))
    return LogRatios(found, np.column_stack(counted))


def _tubes(shares: pd.DataFrame, population: str) -> pd.DataFrame:
    """One row per tube or library: state, share or upper bound, counted share, cells of the
    denominator.
    """
    rows = shares[shares["population"] == population].set_index("source_id")
    total = rows["n_denominator"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    cells = rows["n_cells"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    value = rows["value"].to_numpy(dtype=float)
    low = (rows["status"] == CENSORED).to_numpy(dtype=bool)
    known = (rows["status"] == OK).to_numpy(dtype=bool) | low
    state = rows["status"].astype(object).to_numpy(copy=True)
    state[known & ~(total > 0)] = "cells of the denominator unknown"
    share = np.where(low, limits_of(rows), value)
    # below the limit no share is given, but the cells were counted
    observed = np.where(low, np.maximum(np.nan_to_num(cells), 0) / total, value)
    return pd.DataFrame(
        {
            "participant_id": rows["participant_id"],
            "sample_id": rows["sample_id"],
            "batch": rows["batch"].astype(str),
            "state": state,
            "share": np.where(known, share, np.nan),
            "observed": np.where(known, observed, np.nan),
            "total": total,
            "cell_count": counts_of(rows, SHARE),
        },
        index=rows.index,
    )


def _of_same(other: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the row of `other` from the same tube as each row of `rows`; else that of the sample,
    all its tubes together; else nothing but NaN.
    """
    is_alone = ~other["sample_id"].duplicated(keep=False)
    together = [_together(own) for _, own in other[~is_alone].groupby("sample_id")]
    samples = pd.concat([other[is_alone], *together])
    both = pd.concat({"tube": other, "sample": samples.set_index("sample_id", drop=False)})
    wanted = [
        ("tube", source) if source in other.index else ("sample", sample)
        for source, sample in zip(rows.index, rows["sample_id"], strict=True)
    ]
    return both.reindex(pd.MultiIndex.from_tuples(wanted)).set_axis(rows.index)


def _together(tubes: pd.DataFrame) -> pd.DataFrame:
    """Return the usable tubes of a sample as if they were one, in one row; without any, the
    first.
    """
    usable = tubes[tubes["state"].isin([OK, CENSORED])]
    if len(usable) <= 1:
        return (usable if len(usable) else tubes).iloc[[0]]
    total = usable["total"].to_numpy(dtype=float)
    count = _sum(usable["cell_count"].tolist())
    return usable.iloc[[0]].assign(
        state=OK if (usable["state"] == OK).any() else CENSORED,
        share=float(np.average(usable["share"], weights=total)),
        observed=float(np.average(usable["observed"], weights=total)),
        total=float(total.sum()),
        cell_count=pd.Series([count], index=usable.index[:1], dtype=object),
    )


def _sum(counts: Sequence[Count | None]) -> Count | None:
    """Return the counts of several tubes as of one, None when one is not known."""
    known = [count for count in counts if isinstance(count, Count)]
    if len(known) < len(counts):
        return None
    k, n, background, background_se, capture, error_log, _ = np.array(known, dtype=float).T
    return Count(
        float(k.sum()),
        float(n.sum()),
        float(background.sum()),
        float(np.hypot.reduce(background_se)),
        float(np.average(capture, weights=n)),
        float(np.hypot.reduce(n * error_log) / n.sum()),
    )


def _rest(tubes: dict[str, pd.DataFrame], parts: Sequence[str]) -> pd.DataFrame:
    """What the parts leave of the T cells, in the tubes of the first that have every part."""
    joined = tubes[parts[0]].copy()
    mine = [_of_same(tubes[part], joined) for part in parts]
    joined["share"] = joined["observed"] = 1 - sum(part["observed"] for part in mine)
    left = np.full(len(joined), None, dtype=object)
    for place, counts in enumerate(zip(*(part["cell_count"] for part in mine), strict=True)):
        left[place] = _left(counts)
    joined["cell_count"] = left
    has_all = pd.concat([part["state"].isin([OK, CENSORED]) for part in mine], axis=1).all(axis=1)
    joined["state"] = np.where(has_all, OK, "a part is missing")
    joined.loc[has_all & ~(joined["share"] > 0), "state"] = "the parts hold all T cells"
    return joined


def _ratio(part: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """One row per tube on the scale that is compared, with the columns of `responses.on_scale`."""
    below = _of_same(reference, part)
    state = part["state"].to_numpy(dtype=object, copy=True)
    said = below["state"].astype(object).fillna("reference not measured").to_numpy()
    is_known = np.isin(state, [OK, CENSORED])
    broken = is_known & (said != OK)
    state[broken] = np.where(said[broken] == CENSORED, REFERENCE_LOW, said[broken])
    usable = np.isin(state, [OK, CENSORED])
    with np.errstate(divide="ignore", invalid="ignore"):
        under = _log_share(below["observed"], below["total"])
        counted = _log_share(part["observed"], part["total"]) - under
        # as in `responses.on_scale`: fewer cells than the limit are at most the limit less half a
        # cell
        limit = np.maximum(part["share"] * part["total"], HALF_CELL) / part["total"]
        bound = np.log(limit.to_numpy(dtype=float)) - under
        y = np.where(state == CENSORED, bound, counted)
    among = np.full(len(part), None, dtype=object)
    for place, pair in enumerate(zip(part["cell_count"], below["cell_count"], strict=True)):
        among[place] = _among(*pair)
    missing = np.full(len(part), np.nan)
    return part.assign(
        state=state,
        is_usable=usable,
        y=np.where(usable, y, np.nan),
        counted=np.where(usable, counted, np.nan),
        cell_count=among,
        value=np.where(state == CENSORED, -np.inf, np.exp(y)),
        standard_error=missing,
        n_found=missing,
        n_total=missing,
        log_t_per_ul=missing,
    )


def _left(counts: tuple[Count | None, ...]) -> Count | None:
    """Return what the parts leave of the denominator."""
    if not all(isinstance(count, Count) for count in counts):
        return None
    known = [count for count in counts if count is not None]
    n = known[0].n  # a part of another tube is taken as a share of its own T cells
    left = n - sum(max(count.k - count.background, 0.0) * n / count.n for count in known)
    return Count(left, n, 0.0, 0.0, 1.0, 0.0) if left > 0 else None


def _among(part: Count | None, reference: Count | None) -> Count | None:
    """Return the cells of a part among those of the part and the reference: the logit of this share
    is the logarithm of their ratio. Those of another tube are as many as there would be among as
    many T cells.
    """
    if not isinstance(part, Count) or not isinstance(reference, Count):
        return None
    beside = (reference.k - reference.background) / reference.capture * part.n / reference.n
    if not beside > 0:
        return None
    return part._replace(
        n=part.k + beside,
        error_log=float(np.hypot(part.error_log, reference.error_log)),
        soft=np.nan,
    )


def _log_share(share: pd.Series, total: pd.Series) -> Matrix:
    """Logarithm of (k + 1/2) / N."""
    n = total.to_numpy(dtype=float)
    found: Matrix = np.log((share.to_numpy(dtype=float) * n + HALF_CELL) / n)
    return found
