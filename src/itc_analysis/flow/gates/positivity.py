"""Positivity without a control tube: one threshold per marker and batch, learned like a gate.

Every tube shows where its negatives end (`gating.left_half`); the batch's threshold is the median
of its tubes', shrunk towards the study's where it is imprecise. Bright dyes spread into a marker
unequally: negatives of a population with such a dye are wider than those of all T cells, so each
population has its own threshold, shrunk to that of the T cells by what its tubes show. The rows
stand among the gates, named by `positive_of`.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.flow.batch_tolerance import MIN_TUBES
from itc_analysis.flow.gates.histogram import BIN_WIDTH, bin_counts
from itc_analysis.flow.gating.fitted import NO_CHANNEL, NO_TUBE, WEAK
from itc_analysis.flow.gating.geometry import Threshold, to_json
from itc_analysis.flow.gating.left_half import LeftHalf, left_half
from itc_analysis.flow.gating.template import ROOT, Template
from itc_analysis.flow.tube.membership import Membership
from itc_analysis.plural import plural
from itc_analysis.statistics.robust import robust_sd
from itc_analysis.tables.quantities import positive_of

METHOD = "left_half"
#: How far thresholds of a marker usually lie apart between populations, transformed units [P]: a
#: seventh of a decade.
_BETWEEN_POPULATIONS = 0.03
#: A population's own threshold that differs by less has no row: the T cells' serves, transformed
#: units.
_SAME = 0.002
#: Events left of the mode that a population's own threshold needs: one or two lie beyond.
_MIN_LEFT = 200
#: Bootstrap replicates of populations within the T cells: their error is judged between tubes.
_FEW_REPLICATES = 8
#: What a stimulated tube says of a marker of function.
_NOT_TAUGHT: dict[str, Any] = {
    "cut": None,
    "cut_se": None,
    "geometry": None,
    "status": "not_estimable",
    "reason": "stimulated: read at the threshold of the unstimulated tubes",
}
#: Bins are half as wide as those of gates' histograms: thresholds are read between their edges.
_BIN = BIN_WIDTH / 2


def fit_positivity(
    membership: Membership,
    template: Template,
    *,
    quantile: float,
    n_bootstrap: int,
    is_stimulated: bool = False,
) -> list[dict[str, Any]]:
    """Return the part of `GateFits` that says where each functional marker's negatives end.

    Parameters
    ----------
    membership : Membership
        a stained tube with the populations of its own gates.
    quantile : float
        of the negatives that lies below the threshold.
    is_stimulated : bool
        the cells were stimulated: they teach no threshold of a marker of function, so that both
        tubes of a response are read at that of the unstimulated ones.
    """
    within = [name for name in _within(template) if name in membership]
    rows = []
    for positivity in template.positivity:
        marker = positivity.marker
        own = [_fit(membership, marker, template.denominator, quantile, n_bootstrap)]
        few = min(n_bootstrap, _FEW_REPLICATES)
        each = [_fit(membership, marker, name, quantile, few, within=name) for name in within]
        own += [row for row in each if row["status"] == "ok"]
        is_taught = not (is_stimulated and positivity.role == "function")
        rows += own if is_taught else [{**row, **_NOT_TAUGHT} for row in own]
    return rows


def pool_positivity(
    fits: pd.DataFrame, template: Template, odd: Collection[str]
) -> list[dict[str, Any]]:
    """Return rows of `Gates`: the threshold of each marker in each tube.

    Parameters
    ----------
    fits : pandas.DataFrame
        rows of `GateFits` named by `positive_of`, all batches.
    odd : collection of str
        tubes that stand against their batch, and teach nothing.
    """
    rows: list[dict[str, Any]] = []
    within = _within(template)
    by_name = dict(iter(fits.groupby("population", sort=False)))
    for positivity in template.positivity:
        marker = positivity.marker
        own = by_name.get(positive_of(marker), fits.iloc[:0])
        batches = {str(name): part for name, part in own.groupby("batch", sort=True)}
        learned = {
            name: found
            for name, part in batches.items()
            if (found := _of_batch(part[~part["file_id"].isin(odd)])) is not None
        }
        study = _of_study(learned)
        of_batch = {name: _decide(learned.get(name), study) for name in batches}
        for name, part in batches.items():
            rows += [_row(fit, marker, *of_batch[name]) for fit in part.to_dict("records")]
        for population in within:
            narrower = by_name.get(positive_of(marker, population))
            if narrower is not None:
                rows += _of_population(narrower, own, marker, of_batch, odd)
    return rows


def _within(template: Template) -> list[str]:
    """Return the populations within the denominator whose markers are read."""
    return [p.name for p in template.populations if p.phenotype and p.name != template.denominator]


def _of_population(
    fits: pd.DataFrame,
    whole: pd.DataFrame,
    marker: str,
    of_batch: Mapping[str, tuple[float | None, float | None, str, str | None]],
    odd: Collection[str],
) -> list[dict[str, Any]]:
    """Return rows of `Gates` of a population whose negatives end elsewhere than the T cells'.

    The distance between the two is measured within each tube, where drift is the same.
    """
    rows: list[dict[str, Any]] = []
    there = whole.drop_duplicates("file_id").set_index("file_id")["cut"]
    for name, part in fits.groupby("batch", sort=True):
        cut, cut_se, state, reason = of_batch[str(name)]
        teaching = part[(part["status"] == "ok") & ~part["file_id"].isin(odd)]
        apart = (teaching["cut"] - teaching["file_id"].map(there)).dropna().to_numpy(dtype=float)
        if cut is None or not apart.size:
            continue
        off = float(np.median(apart))
        scatter = robust_sd(apart)
        usual = float(teaching["cut_se"].median())
        # too few tubes do not show how far they lie apart, and some lie close by chance
        scatter = max(scatter, usual if apart.size < MIN_TUBES else usual / 2)
        error = scatter * float(np.sqrt(np.pi / 2 / apart.size))
        weight = _BETWEEN_POPULATIONS**2 / (_BETWEEN_POPULATIONS**2 + error**2)
        if abs(weight * off) < _SAME:
            continue
        why = f"{reason}; moved by {weight * off:+.3f} to where the negatives of the population end"
        joint = float(np.hypot(cut_se or 0.0, np.sqrt(weight) * error))
        everybody = whole[whole["batch"] == name].assign(population=part["population"].iloc[0])
        rows += [
            _row(fit, marker, cut + weight * off, joint, state, why)
            for fit in everybody.to_dict("records")
        ]
    return rows


def end_of_negatives(
    membership: Membership,
    marker: str,
    population: str,
    *,
    quantile: float,
    n_bootstrap: int = _FEW_REPLICATES,
    seed: int = 0,
) -> LeftHalf | None:
    """Return where a population's negatives end, by their left half; None where it holds too few.

    Parameters
    ----------
    quantile : float
        of the negatives that lies below the threshold.
    """
    values = membership.values_of(marker, population)
    if values.size == 0:
        return None
    first, events = bin_counts(values, _BIN)
    counts = events.astype(float)
    edges = membership.tube.transforms[marker].inverse((first + np.arange(counts.size + 1)) * _BIN)
    return left_half(
        counts,
        np.asarray(edges, dtype=np.float64),
        quantile=quantile,
        n_bootstrap=n_bootstrap,
        seed=seed,
    )


def _fit(
    membership: Membership,
    marker: str,
    denominator: str,
    quantile: float,
    n_bootstrap: int,
    within: str | None = None,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "population": positive_of(marker, within),
        "parent": denominator,
        "method": METHOD,
        "status": "not_estimable",
        "n_parent": membership[denominator].size,
    }
    if marker not in membership.tube.markers:
        return {**row, "method": NO_CHANNEL, "reason": f"the file has no channel for {marker}"}
    n = int(membership[denominator].size)
    if n == 0:
        return {**row, "reason": f"no {denominator}"}
    transform = membership.tube.transforms[marker]
    seed = zlib.crc32(f"{membership.tube.file_id}/{row['population']}".encode())
    found = end_of_negatives(
        membership, marker, denominator, quantile=quantile, n_bootstrap=n_bootstrap, seed=seed
    )
    if found is None or (within is not None and found.n_left < _MIN_LEFT):
        who = "events" if denominator == ROOT else denominator
        return {**row, "reason": f"{plural(n, 'event')}: too few negative {who}"}
    cut, low, high = (
        float(transform.apply(np.array([found.threshold + by * found.standard_error]))[0])
        for by in (0.0, -1.0, 1.0)
    )
    is_clear = found.is_near_zero
    return {
        **row,
        "cut": cut,
        "cut_se": max((high - low) / 2, 0.0),
        "geometry": to_json(Threshold((marker,), "above", cut)),
        "quality": float(np.clip(1 - found.mode / (4 * found.sd), 0, 1)),
        "status": "ok" if is_clear else "weak",
        "reason": None if is_clear else "its lowest peak lies far above zero: all may be dim",
    }


def _of_batch(fits: pd.DataFrame) -> tuple[float, float, int, bool] | None:
    """Return a batch's threshold, its error, how many tubes, and whether they are clear."""
    known = fits[fits["cut"].notna() & (fits["tube"] == "stained")]
    clear = known[known["status"] == "ok"]
    used = clear if len(clear) else known
    if used.empty:
        return None
    cuts = used["cut"].to_numpy(dtype=float)
    usual = float(used["cut_se"].median())
    centre = float(np.median(cuts))
    scatter = robust_sd(cuts)
    # the form error is the same in all tubes, so that more tubes do not lower it
    error = float(np.hypot(usual, scatter * np.sqrt(np.pi / 2 / len(cuts))))
    return centre, error, len(cuts), len(clear) > len(known) / 2


def _of_study(learned: Mapping[str, tuple[float, float, int, bool]]) -> tuple[float, float] | None:
    """Return the median of the batches' thresholds and their spread, freed of their own errors."""
    clear = [one for one in learned.values() if one[3]]
    if len(clear) < MIN_TUBES:
        return None
    cuts = np.array([one[0] for one in clear])
    centre = float(np.median(cuts))
    scatter = robust_sd(cuts)
    own = float(np.median([one[1] for one in clear]))
    return centre, max(float(np.sqrt(max(scatter**2 - own**2, 0.0))), own / 2)


def _decide(
    own: tuple[float, float, int, bool] | None, study: tuple[float, float] | None
) -> tuple[float | None, float | None, str, str | None]:
    """Return threshold, error, state and reason of a batch."""
    if own is None and study is None:
        return None, None, "not_estimable", "no tube of the batch shows negatives"
    if own is None:
        assert study is not None
        return study[0], study[1], "borrowed", "threshold of the other batches"
    cut, error, n, is_clear = own
    tubes = f"its batch ({n} tube{'s' * (n > 1)})"
    if not is_clear:
        return cut, error, WEAK, f"no negatives near zero in {tubes}: all may be dim"
    if study is None:
        return cut, error, "ok", f"left half of the negatives of {tubes}"
    centre, spread = study
    weight = spread**2 / (spread**2 + error**2)
    shrunk = weight * cut + (1 - weight) * centre
    return shrunk, error, "pooled", f"left half of the negatives of {tubes}, shrunk to the study"


def _row(
    fit: Mapping[Any, Any],
    marker: str,
    cut: float | None,
    cut_se: float | None,
    state: str,
    reason: str | None,
) -> dict[str, Any]:
    is_there = cut is not None and fit["method"] not in (NO_TUBE, NO_CHANNEL)
    row = {name: fit[name] for name in ("file_id", "panel", "batch", "population", "parent")}
    row |= {"method": METHOD, "n_parent": fit["n_parent"], "quality": fit["quality"]}
    if not is_there:
        why = fit["reason"] if fit["method"] in (NO_TUBE, NO_CHANNEL) else reason
        return {**row, "state": "not_estimable", "reason": why}
    assert cut is not None
    return {
        **row,
        "geometry": to_json(Threshold((marker,), "above", cut)),
        "cut": cut,
        "cut_se": cut_se,
        "cut_tube": None if pd.isna(fit["cut"]) else float(fit["cut"]),
        "weight": 0.0,
        "state": state,
        "reason": reason,
    }
