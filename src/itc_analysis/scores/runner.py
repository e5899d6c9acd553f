"""Score every expected sample, subset and signature: the one runner behind all methods."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from itc_analysis.plural import plural
from itc_analysis.scores.coexpression import score_coexpression
from itc_analysis.scores.methods import METHODS, Method, Reference
from itc_analysis.scores.profiles import (
    NOT_POPULATIONS,
    FlowTables,
    Profiles,
    SingleCellTables,
    flow_populations,
    flow_profiles,
    single_cell_profiles,
)
from itc_analysis.scores.signatures import MIN_FEATURES, Signature
from itc_analysis.tables import contract, made


@dataclass(frozen=True)
class Limits:
    """What a score needs.

    Parameters
    ----------
    min_features_found : share of a signature's features that must be found, 0 to 1.
    min_reference : fewest healthy participants.
    min_events : fewest events of a subset in a tube.
    min_cells : fewest cells of a subset in a pseudobulk profile.
    """

    min_features_found: float
    min_reference: int
    min_events: int
    min_cells: int


def score_study(
    signatures: list[Signature],
    participants: pd.DataFrame,
    samples: pd.DataFrame,
    *,
    flow: FlowTables | None,
    single_cell: SingleCellTables | None,
    healthy_group: str | None,
    limits: Limits,
) -> pd.DataFrame:
    """Score a study.

    Parameters
    ----------
    signatures : cards of both assays.
    participants, samples : Participants and SampleSheet tables.
    flow, single_cell : the tables of each arm; None for a study without it.
    healthy_group : group of the reference; None when the study has no healthy people, and then
        every standardised score says so.
    limits : what a score needs.

    Returns
    -------
    ScoreTable: one row per source, population and signature that could be expected, whatever
    happened to it. Bridge controls and participants who are not analysed are scored, but are
    never part of the reference.
    """
    people = _people(participants, samples, healthy_group)
    parts = []
    for signature in signatures:
        for population, profiles in _profiles_of(signature, flow, single_cell, limits):
            parts.append(
                _score(
                    signature,
                    population,
                    profiles,
                    people,
                    method=METHODS[signature.assay],
                    healthy_group=healthy_group,
                    limits=limits,
                )
            )
    if flow is not None:
        parts.append(score_coexpression(flow, min_events=limits.min_events))
    # the contract's types first: pandas guesses those of a column that is missing in one part
    none = contract.empty(made.ScoreTable)
    shaped = [part.reindex(columns=none.columns).astype(none.dtypes.to_dict()) for part in parts]
    return contract.check(pd.concat([none, *shaped], ignore_index=True), made.ScoreTable)


def n_features_needed(signature: Signature, min_features_found: float) -> int:
    """Return how many features a score needs; never fewer than `MIN_FEATURES`."""
    return max(MIN_FEATURES, math.ceil(min_features_found * len(signature.features)))


def _people(
    participants: pd.DataFrame, samples: pd.DataFrame, healthy_group: str | None
) -> pd.DataFrame:
    """Return participant and whether it is part of the reference, by sample_id."""
    joined = samples[["sample_id", "participant_id"]].merge(
        participants[["participant_id", "group", "is_analysed"]], on="participant_id", how="left"
    )
    is_healthy = (joined["group"] == healthy_group).fillna(value=False)
    is_analysed = joined["is_analysed"].astype("boolean").fillna(value=False)
    joined["is_reference"] = (is_healthy & is_analysed).astype(bool)
    return joined.set_index("sample_id")[["participant_id", "is_reference"]]


def _profiles_of(
    signature: Signature,
    flow: FlowTables | None,
    single_cell: SingleCellTables | None,
    limits: Limits,
) -> list[tuple[str, Profiles]]:
    if signature.assay == "flow":
        if flow is None:
            return []
        return [
            (
                name,
                flow_profiles(
                    flow, name, signature.features, panels=panels, min_cells=limits.min_events
                ),
            )
            for name, panels in sorted(flow_populations(flow).items())
        ]
    if single_cell is None:
        return []
    names = sorted(set(single_cell.depth["population"]) - set(NOT_POPULATIONS))
    return [
        (
            name,
            single_cell_profiles(single_cell, name, signature.features, min_cells=limits.min_cells),
        )
        for name in names
    ]


def _score(
    signature: Signature,
    population: str,
    profiles: Profiles,
    people: pd.DataFrame,
    *,
    method: Method,
    healthy_group: str | None,
    limits: Limits,
) -> pd.DataFrame:
    """Score one signature in one population; ScoreTable rows."""
    rows = profiles.rows.copy()
    needed = n_features_needed(signature, limits.min_features_found)
    found = np.isfinite(profiles.counts)
    rows["n_features_found"] = found.sum(axis=1)
    for position in np.flatnonzero(rows["status"] == "ok"):
        if found[position].sum() < needed:
            status, reason = _explain_absence(profiles, int(position), needed)
            rows.loc[position, ["status", "reason"]] = [status, reason]
    value, error = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    eligible = np.flatnonzero(rows["status"] == "ok")
    if len(eligible):
        who = people.reindex(rows["sample_id"].iloc[eligible])
        scored = method.function(
            profiles.counts[eligible],
            profiles.totals[eligible],
            np.array(signature.weights),
            Reference(
                participants=who["participant_id"].to_numpy(dtype=object),
                batches=rows["batch"].to_numpy(dtype=object)[eligible],
                is_reference=who["is_reference"].eq(other=True).to_numpy(dtype=bool),
                min_reference=limits.min_reference,
            ),
        )
        value[eligible], error[eligible] = scored.value, scored.standard_error
        # features that some sample has; a feature of none has no reference either
        least = int(scored.n_reference[found[eligible].any(axis=0)].min())
        for position in eligible[scored.n_used < needed]:
            value[position] = error[position] = np.nan
            reason = _explain_reference(least, population, healthy_group, limits.min_reference)
            rows.loc[position, ["status", "reason"]] = ["not_estimable", reason]
    for position in np.flatnonzero(rows["status"] == "ok"):
        missing = [
            f for f, is_here in zip(profiles.features, found[position], strict=True) if not is_here
        ]
        if missing:
            rows.loc[position, "reason"] = f"without {', '.join(missing)}"
    return rows.drop(columns="batch").assign(
        assay=signature.assay,
        population=population,
        signature=signature.name,
        method=method.name,
        value=value,
        unit=method.unit,
        standard_error=error,
        n_features=len(signature.features),
    )


def _explain_absence(profiles: Profiles, position: int, needed: int) -> tuple[str, str]:
    """Return status and reason of a row that lacks too many features, naming each."""
    why = profiles.why_absent[position]
    names = np.array(profiles.features, dtype=object)
    n_found = int((why == "").sum())
    parts = [f"{n_found} of {len(names)} features found, {needed} needed"]
    if (why == "no_panel").any():
        parts.append(f"not measured: {', '.join(names[why == 'no_panel'])}")
    if (why == "no_control").any():
        parts.append(f"without a threshold: {', '.join(names[why == 'no_control'])}")
    only_control = n_found + int((why == "no_control").sum()) >= needed
    return ("no_control" if only_control else "no_panel"), "; ".join(parts)


def _explain_reference(
    n_reference: int, population: str, healthy_group: str | None, min_reference: int
) -> str:
    if healthy_group is None:
        return "the study has no healthy group to read the score against"
    if n_reference < min_reference:
        return (
            f"{plural(n_reference, 'analysed participant')} of group '{healthy_group}' with enough "
            f"{population}, {min_reference} needed"
        )
    return f"the {n_reference} healthy participants do not differ at all, so there is no SD"
