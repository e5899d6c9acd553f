"""Collect every number of a study in one narrow table; whoever has none says why."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from itc_analysis.config.sections import Measure
from itc_analysis.errors import Fault, ItcError, did_you_mean
from itc_analysis.measurements.absolute import count_t_cells, lymphocytes_per_ul
from itc_analysis.measurements.abundance import (
    count_rows,
    expected_counts,
    share_rows,
    t_cell_rows,
)
from itc_analysis.measurements.acceptance import flag_unaccepted
from itc_analysis.measurements.bridge_check import withhold_contradicted
from itc_analysis.measurements.columns import NUMBERS, join_reasons, whole
from itc_analysis.measurements.common_depth import count_at_one_depth
from itc_analysis.measurements.function.rows import functionality_rows, response_rows
from itc_analysis.measurements.phenotype import phenotype_rows
from itc_analysis.measurements.plausibility import flag_implausible, hold_impossible
from itc_analysis.measurements.same_person import find_other_people
from itc_analysis.measurements.shares import share_interval
from itc_analysis.measurements.sources import flow_sources, library_sources, with_held
from itc_analysis.statistics.binomial import Z
from itc_analysis.tables import contract
from itc_analysis.tables.columns import floats
from itc_analysis.tables.conditions import RESTING
from itc_analysis.tables.held import HELD_UNTIL, confirmed_tubes, held_tubes
from itc_analysis.tables.measured import Measurements

logger = logging.getLogger(__name__)

#: Scoring method that gives a share of cells: it is compared as the count that it is.
SHARE_METHOD = "share_two_or_more"
#: Scoring method whose scores are named by the signature alone; others carry their own name.
MAIN_METHODS = ("mean_logit_z", "standardised_logit_z", "pseudobulk_z")


@dataclass(frozen=True)
class Tables:
    """The tables that measurements are made of, as their contracts say; without rows when absent.

    Parameters
    ----------
    tubes, libraries : pandas.DataFrame or None
        Tubes and Libraries, or None when not given.
    """

    participants: pd.DataFrame
    samples: pd.DataFrame
    tubes: pd.DataFrame | None
    libraries: pd.DataFrame | None
    tube_quality: pd.DataFrame
    identity: pd.DataFrame
    counts: pd.DataFrame
    intensity: pd.DataFrame
    library_quality: pd.DataFrame
    cell_counts: pd.DataFrame
    thinned_counts: pd.DataFrame
    scores: pd.DataFrame
    responses: pd.DataFrame
    response_combinations: pd.DataFrame


@dataclass(frozen=True)
class Limits:
    """What the counts were made with.

    Parameters
    ----------
    lod_events, lod_cells : int
        limit of detection in tubes and libraries.
    min_phenotype_events : int
        fewest events of a population with a phenotype.
    """

    lod_events: int
    lod_cells: int
    min_phenotype_events: int


def measure_study(
    tables: Tables,
    settings: Measure,
    *,
    limits: Limits,
    groups: Sequence[str] | None = None,
    resting: str = RESTING,
) -> pd.DataFrame:
    """Return the Measurements table.

    Every stained tube of resting cells has a row for each population, marker and measure of its
    panel, every library for each population, and every score and response its row; a
    participant who may not be compared has status
    excluded and no value.

    Parameters
    ----------
    tables, settings, limits : Tables or Measure or Limits
        see each.
    groups : sequence of str, optional
        the groups of the settings, to refuse tables made with others; None: not checked.
    resting : str
        condition of the tubes that everything but responses comes from.

    Raises
    ------
    ItcError
        a tube or library names a sample that is not in the samples table, or a sample a participant
        who is not in the participants table, or a participant has an unknown group.
    """
    held = held_tubes(tables.identity, tables.tubes)
    tubes = flow_sources(tables.tubes, tables.tube_quality, resting=resting)
    confirmed = confirmed_tubes(tables.tubes)
    strangers = find_other_people(tubes, tables.counts, held.keys() | confirmed)
    held |= {name: f"{HELD_UNTIL}: {why}" for name, why in strangers.items()}
    tubes = with_held(tubes, held)
    # a response is held with either of its tubes
    pairs = tables.responses[["source_id", "control_id"]].drop_duplicates().dropna()
    held |= {str(own): held[str(other)] for own, other in pairs.to_numpy() if str(other) in held}
    libraries = library_sources(tables.libraries, tables.library_quality, tables.cell_counts)
    used = [tubes["sample_id"], libraries["sample_id"], tables.responses["sample_id"]]
    _check_known(tables, pd.concat(used), groups)
    parts = [
        *_flow_rows(tables, tubes, settings, limits),
        *_single_cell_rows(tables, libraries, limits),
        _score_rows(tables.scores, _batches(tubes) | _batches(libraries)),
        response_rows(tables.responses, _groups_of(tables)).assign(assay="flow"),
        functionality_rows(tables.response_combinations, tables.responses).assign(assay="flow"),
    ]
    # the contract's types first: pandas guesses those of a column that is missing in one part
    types = contract.empty(Measurements).dtypes.to_dict()
    columns = list(types)
    shaped = [part.reindex(columns=columns).astype(types) for part in parts]
    by_analyser = lymphocytes_per_ul(tables.samples)
    # the scores of a tube that another panel of its sample contradicts are held here
    rows = without_held_numbers(with_held(pd.concat(shaped, ignore_index=True), held))
    rows = without_held_numbers(hold_impossible(rows, confirmed))
    # stimulated cells lose CD3, and an FMO tube is gated with a marker missing
    of_resting = tables.counts[tables.counts["source_id"].isin(tubes["source_id"])]
    rows = flag_unaccepted(flag_implausible(rows, by_analyser), of_resting)
    rows = _join_people(rows.drop(columns=["participant_id", "group"]), tables)
    if tables.tubes is not None:
        panel_of = tables.tubes.set_index("file_id")["panel"]
        rows["panel"] = rows["source_id"].map(panel_of).astype("string")
    return contract.make(rows.reindex(columns=columns), Measurements)


def without_held_numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return `rows` without the numbers of those that are held."""
    is_held = rows["status"] == "held"
    return rows.assign(**{column: rows[column].mask(is_held) for column in NUMBERS})


def _flow_rows(
    tables: Tables, tubes: pd.DataFrame, settings: Measure, limits: Limits
) -> list[pd.DataFrame]:
    if tubes.empty:
        return []
    grid = expected_counts(tubes, tables.counts)
    t_counts = count_t_cells(tubes, tables.counts, tables.samples, settings)
    shares = share_rows(grid, lod=limits.lod_events)
    absolute = [count_rows(shares, t_counts), t_cell_rows(grid, t_counts)]
    shares = shares.assign(reason=_with_delay(shares, tables.samples, settings))
    phenotype = phenotype_rows(
        tubes, tables.intensity, tables.counts, min_events=limits.min_phenotype_events
    )
    is_bridge = tables.samples["sample_type"] == "bridge_control"
    bridges = set(tables.samples.loc[is_bridge.fillna(value=False), "sample_id"])
    phenotype = withhold_contradicted(phenotype, bridges)
    return [part.assign(assay="flow") for part in (shares, *absolute, phenotype)]


def _single_cell_rows(
    tables: Tables, libraries: pd.DataFrame, limits: Limits
) -> list[pd.DataFrame]:
    if libraries.empty:
        return []
    people = dict(zip(tables.samples["sample_id"], tables.samples["participant_id"], strict=True))
    groups = dict(
        zip(tables.participants["participant_id"], tables.participants["group"], strict=True)
    )
    group_of = {str(sample): groups.get(person) for sample, person in people.items()}
    counts = count_at_one_depth(tables.cell_counts, tables.thinned_counts, group_of)
    rows = share_rows(expected_counts(libraries, counts), lod=limits.lod_cells)
    own = rows["molecules_per_t_cell"].where(rows["called_by"].str.startswith("rna").eq(other=True))
    counted_at = floats(own) if "counted_at" not in rows else floats(rows["counted_at"].fillna(own))
    return [rows.assign(assay="singlecell", counted_at=counted_at)]


def _batches(sources: pd.DataFrame) -> dict[str, str]:
    return dict(zip(sources["source_id"], sources["batch"], strict=True))


def _score_rows(scores: pd.DataFrame, batch_of: dict[str, str]) -> pd.DataFrame:
    """Return the scores; a secondary method is part of the feature's name, e.g. 'x:method'.

    A person's interval holds the error of its batch's healthy centre as well. The standard error
    does not: it weighs people, and what a whole batch shares is the model's to adjust for.
    """
    is_main = scores["method"].isin(MAIN_METHODS)
    named = scores["signature"].where(is_main, scores["signature"] + ":" + scores["method"])
    spread = Z * np.hypot(scores["standard_error"], scores["anchor_error"].fillna(0.0))
    rows = scores.assign(
        measure="score",
        feature=named,
        batch=[_batch_of(source, batch_of) for source in scores["source_id"]],
        lower=scores["value"] - spread,
        upper=scores["value"] + spread,
        n_denominator=pd.array([pd.NA] * len(scores), dtype="Int64"),
        count_method=None,
    )
    is_share = scores["method"] == SHARE_METHOD
    return pd.concat(
        [rows[~is_share], _as_counts(rows[is_share].reset_index(drop=True))], ignore_index=True
    )


def _as_counts(rows: pd.DataFrame) -> pd.DataFrame:
    """Return scores that are shares of cells as share_positive, with the cells behind them."""
    n = floats(rows["n_cells"])
    k = np.round(floats(rows["value"]) * n)
    shares = share_interval(k, n)
    return rows.assign(
        measure="share_positive",
        standard_error=shares.standard_error,
        lower=shares.lower,
        upper=shares.upper,
        n_cells=whole(k),
        n_events=whole(k),
        n_denominator=rows["n_cells"],
        error_log=np.where(np.isfinite(k), 0.0, np.nan),
    )


def _batch_of(source: str, batch_of: dict[str, str]) -> str:
    """Return the batch of a source, or the batches of libraries scored together."""
    names = [source] if source in batch_of else source.split("+")
    return "+".join(sorted({batch_of.get(name, "-") for name in names}))


def _with_delay(rows: pd.DataFrame, samples: pd.DataFrame, settings: Measure) -> pd.Series:
    """Return the reasons, with a remark where the sample was too old for an absolute count."""
    hours = floats(rows["sample_id"].map(samples.set_index("sample_id")["draw_to_stain_hours"]))
    late = (hours > settings.max_draw_to_stain_hours) & (rows["status"] == "ok").to_numpy()
    remark = f"stained more than {settings.max_draw_to_stain_hours:g} h after the draw"
    joined = [
        join_reasons(reason, remark if is_late else None)
        for reason, is_late in zip(rows["reason"], late, strict=True)
    ]
    return pd.Series(joined, index=rows.index, dtype="string")


def _groups_of(tables: Tables) -> list[object]:
    """Return the group of each response; missing where its sample is of no participant."""
    people = dict(zip(tables.samples["sample_id"], tables.samples["participant_id"], strict=True))
    participants = tables.participants
    groups = dict(zip(participants["participant_id"], participants["group"], strict=True))
    return [groups.get(people.get(sample)) for sample in tables.responses["sample_id"]]


def _join_people(rows: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """Add participant and group; take the number away from whoever may not be compared."""
    people = tables.samples[["sample_id", "participant_id"]].merge(
        tables.participants[["participant_id", "group", "decision", "reasons", "is_analysed"]],
        on="participant_id",
        how="left",
        validate="many_to_one",
    )
    joined = rows.merge(people, on="sample_id", how="left", validate="many_to_one")
    is_out = joined["participant_id"].notna() & (joined["is_analysed"] == False)  # noqa: E712
    is_out = is_out.fillna(value=False).astype(bool)
    why = [
        join_reasons(f"not analysed, {decision}", reason) if out else None
        for out, decision, reason in zip(is_out, joined["decision"], joined["reasons"], strict=True)
    ]
    joined["status"] = joined["status"].mask(is_out, "excluded")
    joined["reason"] = joined["reason"].mask(is_out, pd.Series(why, dtype="string"))
    for column in NUMBERS:
        joined[column] = joined[column].mask(is_out)
    return joined


def _check_known(tables: Tables, used: pd.Series, groups: Sequence[str] | None) -> None:
    known = set(tables.samples["sample_id"])
    faults = [
        Fault(f"sample '{name}'", "is not in the samples table", "run itc check again")
        for name in sorted(set(used) - known)
    ]
    people = set(tables.participants["participant_id"])
    named = set(tables.samples["participant_id"].dropna())
    faults += [
        Fault(f"participant '{name}'", "is not in the participants table", "run itc check again")
        for name in sorted(named - people)
    ]
    found = sorted(set(tables.participants["group"]))
    faults += [
        Fault(f"group '{name}'", "is not in the settings", did_you_mean(name, groups))
        for name in found
        if groups is not None and name not in groups
    ]
    if faults:
        source = "measurements"
        raise ItcError(source, faults)
    for name in sorted(known - set(used)):
        logger.warning("sample %s has neither a stained tube nor a library: no measurement", name)
