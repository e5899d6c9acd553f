"""Judge every cut against its batch and its study; final gates for every tube and population.

Works on the table of fits alone, without events. A cut of low precision is shrunk towards its batch
(empirical Bayes), one that the tube cannot decide is borrowed, and one that stands out is named.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from itc_analysis.config.sections import GatePooling
from itc_analysis.errors import Fault, ItcError
from itc_analysis.flow.gates.by_level.cuts import LevelCut, level_cuts
from itc_analysis.flow.gates.histogram import has_cut as is_cut
from itc_analysis.flow.gates.identity.copies import copies
from itc_analysis.flow.gates.pooling.agreement import (
    BatchEvidence,
    evidence_by_population,
    odd_in_many,
)
from itc_analysis.flow.gates.pooling.decision import decide_cut, holds_its_peak, with_cut
from itc_analysis.flow.gates.pooling.nearby import agreed_peaks, nearby_cuts, usual_spread
from itc_analysis.flow.gates.pooling.rivals import one_valley, with_rival
from itc_analysis.flow.gates.pooling.settle import settle
from itc_analysis.flow.gates.positivity import pool_positivity
from itc_analysis.flow.gates.shapes import collect_shapes, decide_shape
from itc_analysis.flow.gating.fitted import NO_CHANNEL, NO_TUBE, WEAK
from itc_analysis.flow.gating.geometry import to_json
from itc_analysis.flow.gating.methods import control_quantile
from itc_analysis.flow.gating.template import Population, Template
from itc_analysis.flow.manual.adopt import ManualGates, with_manual
from itc_analysis.flow.manual.samples import FileIdentity
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import Gates
from itc_analysis.tables.quantities import POSITIVE_OF, STANDS_AGAINST

log = logging.getLogger(__name__)

_SOURCE = "gates"

METHODS_TEXT = (
    "Cuts were then judged against the stained tubes of the same staining batch: imprecise cuts "
    "were shrunk towards the batch's median by empirical Bayes with the weight of the between-tube"
    " variance over its sum with the squared standard error, and cuts that a tube could not decide"
    " and outliers were borrowed: from the batch's decided tubes, else from its one or two that "
    "decided where the others' own cuts did not contradict them, else from the study, at the same "
    "distance from the batch's negatives. A cut that the single peaks of the other tubes "
    "contradicted was borrowed from these. Tubes that lacked the negatives of their batch lent "
    "their cuts to no other tube. Markers with several levels were gated where the highest begins:"
    " levels were fitted to all tubes of a batch together as two-piece Student distributions "
    "(penalised Poisson likelihood of their histograms), and events that overlap the cut were "
    "subtracted or added with their error. Where two valleys were clear and would change the "
    "count, limits hold both. Without a control tube, cells were called positive for a functional "
    "marker above the end of the T cells' negative peak: its left half, mirrored at the mode in "
    "instrument units, at the quantile of FMO tubes; one threshold per marker and batch, with its "
    "error in every share. The final gates of every stained tube were written as Gating-ML 2.0."
)
CITATIONS = ("efron1975", "finak2014", "spidlen2015")


def pool_gates(
    fits: pd.DataFrame,
    template: Template,
    settings: GatePooling,
    *,
    manual: ManualGates | None = None,
    axes: Mapping[str, Mapping[str, Any]] | None = None,
    files: Mapping[str, FileIdentity] | None = None,
    suspects: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the final gates (`Gates`), one row per tube and population of `fits`.

    Parameters
    ----------
    fits : pandas.DataFrame
        `GateFits` of one panel, all batches.
    template : Template
        the panel's gating template.
    settings : GatePooling
        the flow section: `outlier_mads`.
    manual : ManualGates, optional
        gates that a person drew, which take the place of the learned ones; None for none.
    axes : mapping of str to mapping of str to object, optional
        channels and scales of each tube, to bring them onto; see `gatingml.read_axes`.
    files : mapping of str to FileIdentity, optional
        the FCS file of each tube by file_id, by which samples of a workspace find their tubes.
    suspects : mapping of str to str, optional
        tubes that are not what the sheet says, with what is odd; they teach the others nothing.

    Raises
    ------
    ItcError
        the table holds populations that the template lacks or the reverse, or a population with
        ``on_failure: stop`` has no gate.
    """
    is_positivity = fits["population"].str.startswith(POSITIVE_OF)
    positivity, fits = fits[is_positivity], fits[~is_positivity]
    _check_populations(fits, template)
    by_name = {p.name: fits[fits["population"] == p.name] for p in template.populations}
    evidence = evidence_by_population(fits, template)
    markers = {name: ", ".join(template.by_name[name].markers) for name in evidence}
    odd = odd_in_many(evidence, markers) | copies(fits) | dict(suspects or {})
    usual = usual_spread(fits[~fits["file_id"].isin(odd)])
    batches = sorted(set(fits["batch"].astype(str)))
    rows: list[dict[str, Any]] = []
    for population in template.populations:
        # shapes and beads have no histogram: who stands out elsewhere teaches them nothing either
        known = evidence.get(population.name, {})
        by_batch = {batch: known.get(batch, BatchEvidence({}, {})) for batch in batches}
        shown = {batch: replace(one, odd=odd | one.odd) for batch, one in by_batch.items()}
        rows += _pool_population(by_name[population.name], population, settings, usual, shown)
    if manual is not None:
        rows = with_manual(rows, axes or {}, manual, files=files)
    rows = settle(rows, template)
    faults = [
        Fault(
            f"tube '{row['file_id']}'",
            f"no gate for '{row['population']}': {row['reason']}",
            "draw it by hand, or set on_failure: not_estimable",
        )
        for row in rows
        if row["state"] == "not_estimable"
        and template.by_name[row["population"]].on_failure == "stop"
    ]
    if faults:
        raise ItcError(_SOURCE, faults)
    gates = contract.make([*rows, *pool_positivity(positivity, template, odd)], Gates)
    counted = gates["state"].value_counts().to_dict()
    log.info("gates: %s", ", ".join(f"{n} {state}" for state, n in sorted(counted.items())))
    return gates


def _pool_population(
    fits: pd.DataFrame,
    population: Population,
    settings: GatePooling,
    usual: float,
    evidence: Mapping[str, BatchEvidence],
) -> list[dict[str, Any]]:
    has_cut = is_cut(population) or bool(fits["cut"].notna().any())
    odd = {file_id for one in evidence.values() for file_id in one.odd}
    by_level = level_cuts(fits, odd) if population.level == "bright" else {}
    fits = one_valley(fits, population, odd)
    teaching = fits[~fits["file_id"].isin(odd)]
    rows = []
    nearby = nearby_cuts(fits, evidence, usual)
    for name, batch in fits.groupby("batch", sort=True):
        known = evidence[str(name)]
        teachers = batch[~batch["file_id"].isin(odd)]
        controls = batch[
            (batch["method"] == control_quantile.NAME) & (batch["status"] != "not_estimable")
        ]
        peaks = None
        if known.contradicted and holds_its_peak(population):
            peaks = agreed_peaks(teachers)
        shapes = None
        if not has_cut and not population.is_combination:
            shapes = collect_shapes(teachers, "its batch") or collect_shapes(teaching, "the study")
        for fit in batch.to_dict("records"):
            row = _own(fit)
            if fit["method"] in (NO_TUBE, NO_CHANNEL):
                method, reason = population.method, fit["reason"]
                rows.append({**row, "method": method, "state": "not_estimable", "reason": reason})
            elif population.follows is not None:
                rows.append({**row, "state": "ok"})  # settled when the other one's gate is final
            elif population.is_combination:
                rows.append({**row, "geometry": to_json(population.combination), "state": "ok"})
            elif str(fit["file_id"]) in by_level:
                found = _by_level(row, fit, population, by_level[str(fit["file_id"])])
                rows.append(_named(found, known.odd.get(str(fit["file_id"]))))
            elif has_cut:
                if peaks is not None and str(fit["file_id"]) in known.contradicted:
                    found = decide_cut(
                        row, _unused(fit), population, (peaks, None), controls, settings
                    )
                else:
                    references = nearby[str(name)]
                    found = decide_cut(row, fit, population, references, controls, settings)
                found = with_rival(found, fit, teachers)
                rows.append(_named(found, known.odd.get(str(fit["file_id"]))))
            else:
                rows.append(decide_shape(row, fit, population, shapes, settings))
    return rows


def _own(fit: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "file_id": fit["file_id"],
        "panel": fit["panel"],
        "batch": fit["batch"],
        "population": fit["population"],
        "parent": fit["parent"],
        "method": fit["method"],
        "n_parent": fit["n_parent"],
        "quality": fit["quality"],
    }


def _unused(fit: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a fit whose cut the other tubes contradict, as one that could not decide."""
    return {**fit, "status": WEAK, "reason": "its own cut is not used"}


def _named(row: dict[str, Any], odd: str | None) -> dict[str, Any]:
    """Return the gate of a tube that stands against its batch, with what is odd."""
    if odd is None or row["state"] in ("not_estimable", "manual"):
        return row
    # a cut of its own is not to be trusted; one that the batch lent it says where it comes from
    state = WEAK if row["state"] in ("ok", "pooled") else row["state"]
    own = row["reason"] if row["reason"] != odd else None
    told = [part for part in (f"{STANDS_AGAINST}: {odd}", own) if part]
    return {**row, "state": state, "reason": "; ".join(told)}


def _by_level(
    row: dict[str, Any], fit: Mapping[Any, Any], population: Population, level: LevelCut
) -> dict[str, Any]:
    """Return the gate of a tube whose cut was placed by the levels of its batch."""
    own = None if pd.isna(fit["cut"]) else float(fit["cut"])
    return {
        **row,
        "method": population.method,
        "geometry": to_json(with_cut(fit, population, level.cut)),
        "cut": level.cut,
        "cut_se": level.cut_se,
        "cut_tube": own,
        "weight": 1.0 if level.state == "ok" else 0.0,
        "rival_cut": level.rival_cut,
        "n_background": level.n_background,
        "background_se": level.background_se,
        "n_missed": level.n_missed,
        "missed_se": level.missed_se,
        "state": level.state,
        "reason": level.reason,
    }


def _check_populations(fits: pd.DataFrame, template: Template) -> None:
    found, wanted = set(fits["population"]), set(template.by_name)
    faults = [
        Fault(f"population '{name}'", "it is in the fits but not in the template", "fit again")
        for name in sorted(found - wanted)
    ]
    if not fits.empty:
        faults += [
            Fault(f"population '{name}'", "it is in the template but not in the fits", "fit again")
            for name in sorted(wanted - found)
        ]
    if faults:
        raise ItcError(_SOURCE, faults)
