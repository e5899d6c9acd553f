"""Score every expected sample, subset and signature: the one runner behind all methods."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from itc_analysis.config.sections import Scores
from itc_analysis.plural import plural
from itc_analysis.scores.cards import circular
from itc_analysis.scores.cards.signatures import MIN_FEATURES, Signature
from itc_analysis.scores.samples.profiles import (
    NOT_POPULATIONS,
    FlowTables,
    Profiles,
    SingleCellTables,
    flow_populations,
    flow_profiles,
    single_cell_profiles,
)
from itc_analysis.scores.scoring.brightness import imfi_rows
from itc_analysis.scores.scoring.coexpression import marker_correlation, score_coexpression
from itc_analysis.scores.scoring.composition import standardised_logit_z, with_rest
from itc_analysis.scores.scoring.methods import MEDIANS, METHODS, Method, Reference, Scored
from itc_analysis.tables import contract
from itc_analysis.tables.measured import ScoreTable

#: Methods of scores next to the main one.
STANDARDISED, UNSTANDARDISED = "standardised_logit_z", "unstandardised_logit_z"
COMPOSITION = "composition"
#: Added to the method's name where markers that rise with innateness or define a gate are left out.
WITHOUT_FLAGGED = "without_innate_markers"
#: An error of a batch's centre above this, in healthy SD, is said with the score.
SAID_FROM = 0.1


@dataclass(frozen=True)
class _People:
    """Who the samples are from, and what the study asks of a reference."""

    table: pd.DataFrame
    healthy_group: str | None
    settings: Scores
    min_cells: int

    def reference(self, rows: pd.DataFrame) -> Reference:
        """Return who is healthy among the rows of a profile."""
        who = self.table.reindex(rows["sample_id"])
        return Reference(
            # a bridge control is nobody; pandas' own missing value cannot be compared
            participants=who["participant_id"].astype("string").fillna("").to_numpy(dtype=object),
            batches=rows["batch"].to_numpy(dtype=object),
            is_reference=who["is_reference"].eq(other=True).to_numpy(dtype=bool),
            min_reference=self.settings.min_reference,
            is_bridge=who["is_bridge"].eq(other=True).to_numpy(dtype=bool),
            max_anchor_error=self.settings.max_anchor_error,
            parts=rows["parts"].to_numpy(dtype=object) if "parts" in rows else np.zeros(0, object),
        )


def score_study(
    signatures: list[Signature],
    participants: pd.DataFrame,
    samples: pd.DataFrame,
    *,
    flow: FlowTables | None,
    single_cell: SingleCellTables | None,
    healthy_group: str | None,
    settings: Scores,
    min_cells: int,
) -> pd.DataFrame:
    """Score a study.

    Parameters
    ----------
    signatures : list of Signature
        cards of both assays.
    participants, samples : pandas.DataFrame
        Participants and SampleSheet tables.
    flow, single_cell : FlowTables or None or SingleCellTables or None
        the tables of each arm; None for a study without it.
    healthy_group : str or None
        group of the reference; None when the study has no healthy people, and then every
        standardised score says so.
    settings : Scores
        what a score needs.
    min_cells : int
        fewest cells of a subset in a pseudobulk profile.

    Returns
    -------
    pandas.DataFrame
        ScoreTable: one row per source, population and signature that could be expected, whatever
        happened to it. Participants who are not analysed are scored, but are never part of the
        reference; bridge controls show how batches are shifted and nothing else.
    """
    table = _people(participants, samples, healthy_group)
    people = _People(table, healthy_group, settings, min_cells)
    parts = []
    for signature in signatures:
        if signature.assay == "flow" and flow is not None:
            for name, panels in sorted(flow_populations(flow).items()):
                parts += _score_flow(signature, name, panels, flow, people)
        if signature.assay == "singlecell" and single_cell is not None:
            for name in sorted(set(single_cell.depth["population"]) - set(NOT_POPULATIONS)):
                parts += _score_single_cell(signature, name, single_cell, people)
    if flow is not None:
        parts += [score_coexpression(flow), imfi_rows(flow)]
    # the contract's types first: pandas guesses those of a column that is missing in one part
    none = contract.empty(ScoreTable)
    shaped = [part.reindex(columns=none.columns).astype(none.dtypes.to_dict()) for part in parts]
    return contract.check(pd.concat([none, *shaped], ignore_index=True), ScoreTable)


def n_features_needed(
    signature: Signature, min_features_found: float, n_available: int | None = None
) -> int:
    """Return how many features a score needs; never fewer than `MIN_FEATURES`.

    Parameters
    ----------
    n_available : int, optional
        Features of the signature that any panel of the study has in the subset; a panel of two
        receptors gives a score of two receptors. None: all that the signature names.
    """
    of = len(signature.features) if n_available is None else n_available
    return max(MIN_FEATURES, math.ceil(min_features_found * of))


def _people(
    participants: pd.DataFrame, samples: pd.DataFrame, healthy_group: str | None
) -> pd.DataFrame:
    """Return participant, and whether part of the reference or a bridge control, by sample_id."""
    joined = samples[["sample_id", "participant_id", "sample_type"]].merge(
        participants[["participant_id", "group", "is_analysed"]],
        on="participant_id",
        how="left",
        validate="many_to_one",
    )
    is_healthy = (joined["group"] == healthy_group).fillna(value=False)
    is_analysed = joined["is_analysed"].astype("boolean").fillna(value=False)
    joined["is_reference"] = (is_healthy & is_analysed).astype(bool)
    joined["is_bridge"] = (
        (joined["sample_type"] == "bridge_control").fillna(value=False).astype(bool)
    )
    return joined.set_index("sample_id")[["participant_id", "is_reference", "is_bridge"]]


def _score_flow(
    signature: Signature, population: str, panels: set[str], flow: FlowTables, people: _People
) -> list[pd.DataFrame]:
    """Return the main score of a population, and what stands next to it."""
    features = signature.features
    weights = np.array(signature.weights)
    profiles = flow_profiles(flow, population, features, panels=panels)
    together = marker_correlation(flow, population, features)
    main = METHODS["flow"]

    def score(method: Method, profile: Profiles, keep: Sequence[int]) -> pd.DataFrame:
        chosen = list(keep)
        return _score(
            signature,
            population,
            _only(profile, chosen),
            people,
            method=method,
            weights=weights[chosen],
            correlation=together[np.ix_(chosen, chosen)],
        )

    everything = range(len(features))
    found = [score(main, profiles, everything)]
    subsets = _subset_profiles(flow, population, features, profiles, people)
    if subsets:
        found = _standardise(signature, population, found[0], profiles, subsets, together, people)
    flags = circular.flagged(features, "flow")
    rest = [at for at in everything if features[at] not in flags]
    measured = [features[at] for at in np.flatnonzero(np.isfinite(profiles.counts).any(axis=0))]
    n_plain = len([name for name in measured if name not in flags])
    if MIN_FEATURES <= n_plain < len(measured):
        plain = score(main, profiles, rest)
        found.append(plain.assign(method=f"{main.name}_{WITHOUT_FLAGGED}"))
    medians = flow_profiles(flow, population, features, panels=panels, column="median_transformed")
    if np.isfinite(medians.counts).any():
        found.append(score(MEDIANS, medians, everything))
    return found


def _score_single_cell(
    signature: Signature, population: str, tables: SingleCellTables, people: _People
) -> list[pd.DataFrame]:
    profiles = single_cell_profiles(
        tables, population, signature.features, min_cells=people.min_cells
    )
    weights = np.array(signature.weights)
    return [
        _score(
            signature, population, profiles, people, method=METHODS["singlecell"], weights=weights
        )
    ]


def _subset_profiles(
    flow: FlowTables, population: str, features: Sequence[str], whole: Profiles, people: _People
) -> list[Profiles]:
    """Return the profiles of the gated subsets, row for row those of the whole."""
    held = flow_populations(flow)
    names = [name for name in people.settings.subsets.get(population, ()) if name in held]
    found = []
    for name in names:
        profile = flow_profiles(flow, name, features, panels=held[name])
        at = pd.Index(profile.rows["source_id"]).get_indexer(pd.Index(whole.rows["source_id"]))
        here = at >= 0
        counts = np.where(here[:, None], profile.counts[at], np.nan)
        totals = np.where(here, profile.totals[at], np.nan)
        # nobody of the subset is a count of none
        counts[totals == 0] = np.nan
        found.append(Profiles(whole.rows, tuple(features), counts, totals, whole.why_absent))
    return [one for one in found if np.isfinite(one.totals).any()]


def _standardise(
    signature: Signature,
    population: str,
    plain: pd.DataFrame,
    whole: Profiles,
    subsets: list[Profiles],
    together: np.ndarray,
    people: _People,
) -> list[pd.DataFrame]:
    """Return the standardised score, the unstandardised, and their difference."""
    reference = people.reference(whole.rows)
    pairs = with_rest(
        (whole.counts, whole.totals), [(one.counts, one.totals) for one in subsets], reference
    )

    def at_composition(
        counts: np.ndarray,  # noqa: ARG001
        totals: np.ndarray,  # noqa: ARG001
        weights: np.ndarray,
        eligible: Reference,
        *,
        correlation: np.ndarray,
    ) -> Scored:
        rows = np.flatnonzero(is_eligible)
        return standardised_logit_z(
            [(k[rows], n[rows]) for k, n in pairs], weights, eligible, correlation=correlation
        )

    is_eligible = (plain_status(whole, signature, people.settings) == "ok").to_numpy(dtype=bool)
    method = Method(STANDARDISED, at_composition, METHODS["flow"].unit)
    main = _score(
        signature,
        population,
        whole,
        people,
        method=method,
        weights=np.array(signature.weights),
        correlation=together,
    )
    both = (main["status"] == "ok") & (plain["status"] == "ok")
    is_not = ~both & (plain["status"] == "ok")
    difference = plain.assign(
        method=COMPOSITION,
        value=(plain["value"] - main["value"]).where(both),
        standard_error=np.nan,
        posterior=np.nan,
        posterior_error=np.nan,
        anchor_error=np.nan,
        status=plain["status"].mask(is_not, main["status"]),
        reason=plain["reason"].mask(is_not, main["reason"]),
    )
    return [main, plain.assign(method=UNSTANDARDISED), difference]


def plain_status(profiles: Profiles, signature: Signature, settings: Scores) -> pd.Series:
    """Return the status of each row before anything is estimated: enough cells, enough features."""
    return _judged(profiles, signature, settings)["status"]


def _judged(profiles: Profiles, signature: Signature, settings: Scores) -> pd.DataFrame:
    """Return the rows with the features found; few features make a status of their own."""
    rows = profiles.rows.copy()
    found = np.isfinite(profiles.counts)
    rows["n_features_found"] = found.sum(axis=1)
    needed = _needed(profiles, signature, settings)
    few = np.flatnonzero((rows["status"] == "ok").to_numpy() & (found.sum(axis=1) < needed))
    _write(rows, {int(at): _explain_absence(profiles, int(at), needed) for at in few})
    return rows


def _write(rows: pd.DataFrame, verdicts: dict[int, tuple[str, str]]) -> None:
    """Write status and reason of the rows at some positions."""
    if verdicts:
        at = list(verdicts)
        rows.loc[at, "status"] = [status for status, _ in verdicts.values()]
        rows.loc[at, "reason"] = [reason for _, reason in verdicts.values()]


def _needed(profiles: Profiles, signature: Signature, settings: Scores) -> int:
    available = int(np.isfinite(profiles.counts).any(axis=0).sum())
    is_flow = signature.assay == "flow"
    return n_features_needed(signature, settings.min_features_found, available if is_flow else None)


def _only(profiles: Profiles, keep: list[int]) -> Profiles:
    features = tuple(profiles.features[at] for at in keep)
    return Profiles(
        profiles.rows,
        features,
        profiles.counts[:, keep],
        profiles.totals,
        profiles.why_absent[:, keep],
    )


def _score(
    signature: Signature,
    population: str,
    profiles: Profiles,
    people: _People,
    *,
    method: Method,
    weights: np.ndarray,
    correlation: np.ndarray | None = None,
) -> pd.DataFrame:
    """Score one signature in one population by one method; ScoreTable rows."""
    settings = people.settings
    rows = _judged(profiles, signature, settings)
    needed = _needed(profiles, signature, settings)
    found = np.isfinite(profiles.counts)
    columns = {
        name: np.full(len(rows), np.nan)
        for name in ("value", "standard_error", "posterior", "posterior_error", "anchor_error")
    }
    eligible = np.flatnonzero(rows["status"] == "ok")
    used = found.copy()
    if len(eligible):
        reference = people.reference(rows.iloc[eligible])
        scored = method.function(
            profiles.counts[eligible],
            profiles.totals[eligible],
            weights,
            reference,
            correlation=correlation,
        )
        for name, column in columns.items():
            column[eligible] = getattr(scored, name)
        used[eligible] = found[eligible] & ~scored.is_thin
        _explain_unscored(rows, eligible, scored, found, needed, population, people)
        lost = eligible[(rows["status"].iloc[eligible] != "ok").to_numpy()]
        for column in columns.values():
            column[lost] = np.nan
    verdicts = {}
    for position in np.flatnonzero(rows["status"] == "ok"):
        missing = [
            f for f, is_here in zip(profiles.features, used[position], strict=True) if not is_here
        ]
        said = [f"without {', '.join(missing)}"] if missing else []
        apart = columns["anchor_error"][position]
        if apart > SAID_FROM:
            said.append(
                f"healthy centre of its batch uncertain by {apart:.2f} SD, shared by the batch"
            )
        if said:
            verdicts[int(position)] = ("ok", "; ".join(said))
    _write(rows, verdicts)
    return rows.drop(columns=["batch", "parts"], errors="ignore").assign(
        assay=signature.assay,
        population=population,
        signature=signature.name,
        method=method.name,
        unit=method.unit,
        n_features=len(signature.features),
        **columns,
    )


def _explain_unscored(
    rows: pd.DataFrame,
    eligible: np.ndarray,
    scored: Scored,
    found: np.ndarray,
    needed: int,
    population: str,
    people: _People,
) -> None:
    """Write status and reason of eligible rows without a score."""
    # features that some sample has; a feature of none has no reference either
    least = int(scored.n_reference[found[eligible].any(axis=0)].min())
    verdicts = {}
    for place, position in enumerate(eligible):
        thin = int((scored.is_thin[place] & found[position]).sum())
        if scored.n_used[place] < needed and thin:
            cells = plural(int(rows["n_cells"].iloc[position]), "cell")
            n = int(found[position].sum())
            verdict = (
                "few_cells",
                (
                    f"{cells}, too few for {thin} of {plural(n, 'feature')}: so rare a feature "
                    f"cannot be told from its absence"
                ),
            )
        elif scored.n_used[place] < needed:
            verdict = (
                "not_estimable",
                _explain_reference(
                    least, population, people.healthy_group, people.settings.min_reference
                ),
            )
        elif not scored.is_anchored[place]:
            verdict = (
                "not_anchored",
                (
                    f"the healthy centre of batch '{rows['batch'].iloc[position]}' is uncertain by "
                    f"{scored.anchor_error[place]:.2f} SD, more than "
                    f"{people.settings.max_anchor_error:g}: too few healthy "
                    "people or bridge controls in it"
                ),
            )
        else:
            continue
        verdicts[int(position)] = verdict
    _write(rows, verdicts)


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
    if (why == "not_evaluated").any():
        parts.append(
            f"in the panel, but not evaluated on this population: "
            f"{', '.join(names[why == 'not_evaluated'])}"
        )
    if n_found + int((why == "no_control").sum()) >= needed:
        return "no_control", "; ".join(parts)
    in_panel = n_found + int(np.isin(why, ["no_control", "not_evaluated"]).sum())
    return ("not_estimable" if in_panel >= needed else "no_panel"), "; ".join(parts)


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
