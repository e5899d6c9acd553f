"""Evaluate final gates on each tube and count: populations, background, positivity, histograms."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np
import pandas as pd

from itc_analysis.config.sections import Counting
from itc_analysis.flow.counting import background as backgrounds_of
from itc_analysis.flow.counting import counts as counting
from itc_analysis.flow.counting.background import NO_BACKGROUND, Background
from itc_analysis.flow.counting.histograms import view_row
from itc_analysis.flow.counting.intensity import (
    Controls,
)
from itc_analysis.flow.counting.phenotype import measure_phenotype
from itc_analysis.flow.gates.corrected import with_corrections
from itc_analysis.flow.gates.error import gate_errors, rival_sizes
from itc_analysis.flow.gates.final import FinalGate, gates_of_rows
from itc_analysis.flow.gates.positivity import end_of_negatives
from itc_analysis.flow.gates.switching import switching_events
from itc_analysis.flow.gating.density import HIGHEST
from itc_analysis.flow.gating.fitted import WEAK
from itc_analysis.flow.gating.geometry import (
    Combination,
    Geometry,
    Threshold,
)
from itc_analysis.flow.gating.template import Population, Template
from itc_analysis.flow.tube.axes import axes_of
from itc_analysis.flow.tube.load import load_tube
from itc_analysis.flow.tube.membership import Events, Membership, no_channel
from itc_analysis.flow.tube.quality_mask import Judged
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.statistics.binomial import count_limits
from itc_analysis.statistics.half_cell import log_ratio
from itc_analysis.tables import contract
from itc_analysis.tables.columns import plain_rows
from itc_analysis.tables.flow.tubes import Combinations, Gates, Histograms, Intensity
from itc_analysis.tables.measured import Counts

log = logging.getLogger(__name__)

METHODS_TEXT = (
    "Gates were applied to the events of their parent population. Events expected in a gate "
    "without the population were estimated from the fluorescence-minus-one tube of the same batch "
    "or, where there was none, by continuing the right flank of the negative peak beyond the cut; "
    "counts are given with 95 % limits that join the exact limits of the count with the error of "
    "the background; the errors of all cuts and learned shapes that decide on a population or on "
    "the T cells were carried into the standard error of its share. Cells were called positive for "
    "a functional marker above a high quantile of the fluorescence-minus-one tube of their batch, "
    "moved to where the negative T cells of the batch's stained tubes end."
)
CITATIONS = ("clopper1934", "zou2008", "roederer2001")


@dataclass(frozen=True)
class Applied:
    """The tables of a batch.

    Parameters
    ----------
    gates, counts, intensity, combinations, histograms : pandas.DataFrame
        tables of the contracts of the same names; the gates as they were applied.
    axes : dict of str to object
        channels and scales of each stained tube that could be used, see `tube.axes`.
    """

    gates: pd.DataFrame
    counts: pd.DataFrame
    intensity: pd.DataFrame
    combinations: pd.DataFrame
    histograms: pd.DataFrame
    axes: dict[str, Any]


@dataclass
class _Rows:
    gates: list[dict[str, Any]] = field(default_factory=list)
    counts: list[dict[str, Any]] = field(default_factory=list)
    intensity: list[dict[str, Any]] = field(default_factory=list)
    combinations: list[dict[str, Any]] = field(default_factory=list)
    histograms: list[dict[str, Any]] = field(default_factory=list)


def apply_batch(
    rows: Iterable[Mapping[str, Any]],
    panel: pd.DataFrame,
    template: Template,
    gates: pd.DataFrame,
    judged: Judged,
    settings: Counting,
    reviews: Iterable[Mapping[str, Any]] = (),
) -> Applied:
    """Gate and count all tubes of a batch, one tube in memory at a time, controls first.

    Parameters
    ----------
    rows : iterable of mapping of str to object
        rows of the checked tube sheet; `path` can be opened as it stands.
    panel, template : pandas.DataFrame or Template
        the panel sheet and its gating template.
    gates : pandas.DataFrame
        `Gates` of the panel, as pooled.
    judged : Judged
        which tubes can be used and which of their events, of `fit.fit_batch`.
    settings : Counting
        the flow section.
    reviews : iterable of mapping of str to object
        rows of `ReviewSheet`; those that correct a gate of one of the tubes are heeded.

    Returns
    -------
    Applied
        Counts for every tube and population, also where nothing could be counted; positivity for
        stained tubes; histograms of stained tubes that could be used.

    Raises
    ------
    ItcError
        a tube was not judged, has another number of events than when it was, or cannot be read any
        more; a correction does not fit the template.
    """
    made = _Rows()
    axes: dict[str, Any] = {}
    by_tube: dict[str, list[dict[str, Any]]] = {}
    for gate in plain_rows(gates):
        by_tube.setdefault(str(gate["file_id"]), []).append(gate)
    corrections = [review for review in reviews if review["decision"] == "correct"]
    controls = Controls()
    ordered = sorted(rows, key=lambda row: (row["tube"] == "stained", str(row["file_id"])))
    judged.refuse_others(ordered)
    for row in ordered:
        file_id = str(row["file_id"])
        verdict = judged.verdict(file_id)
        rows_of_tube = by_tube.get(file_id, [])
        if verdict["status"] != "ok":
            made.gates += rows_of_tube
            _record_unusable(row, verdict, template, made)
        else:
            tube = load_tube(row, panel, template.transform, settings, keep=judged.keep(file_id))
            own = [review for review in corrections if review["tube"] == file_id]
            rows_of_tube = with_corrections(
                rows_of_tube, own, template, tube.transforms, tube.alignment
            )
            made.gates += rows_of_tube
            final = gates_of_rows(rows_of_tube, template)
            _apply_to_tube(tube, template, final, controls, settings, made)
            if tube.kind == "stained":
                axes[file_id] = axes_of(tube)
            del tube  # before the next one is read
        log.info("counted %s: %s", row["file_id"], verdict["status"])
    return Applied(
        contract.make(made.gates, Gates),
        contract.make(made.counts, Counts),
        contract.make(made.intensity, Intensity),
        contract.make(made.combinations, Combinations),
        contract.make(made.histograms, Histograms),
        axes,
    )


def gate_tube(tube: Tube, template: Template, gates: Mapping[str, FinalGate]) -> Membership:
    """Return the events of every population that has a gate.

    Populations without a gate, and those within them, are left out.
    """
    membership = Membership(tube)
    for population in template.populations:
        _add(membership, population, gates[population.name].geometry)
    return membership


def _add(membership: Membership, population: Population, gate: Geometry | None) -> None:
    """Add a population, if its gate can be applied."""
    if gate is None or population.parent not in membership:
        return
    if isinstance(gate, Combination):
        is_possible = all(name in membership for name in gate.populations)
    else:
        is_possible = all(marker in membership.tube.markers for marker in gate.markers)
    if is_possible:
        membership.add(
            population.name, population.parent, membership.inside(gate, population.parent)
        )


def _apply_to_tube(
    tube: Tube,
    template: Template,
    gates: Mapping[str, FinalGate],
    controls: Controls,
    settings: Counting,
    made: _Rows,
) -> None:
    """Count one tube; adds its rows to `made`, and to `controls` when it is a control."""
    membership = Membership(tube)
    backgrounds: dict[str, Background] = {}
    switching: dict[str, Events] = {}
    counts: list[dict[str, Any]] = []
    within = {
        p.name
        for p in template.populations
        if template.denominator in template.ancestors(p.name)[1:]
    }
    for population in template.populations:
        name, parent, gate = population.name, population.parent, gates[population.name]
        _add(membership, population, gate.geometry)
        row = {
            "source_id": tube.file_id,
            "sample_id": tube.sample_id,
            "population": name,
            "parent": parent,
            "n_total": tube.n_events,
            "n_parent": membership[parent].size if parent in membership else None,
            "gate_state": gate.state,
            "is_measured": population.measured,
        }
        if parent in membership and tube.kind == "stained":
            # also where there is no gate: to see why, and to draw one by hand
            view = view_row(membership, population, gate.geometry)
            made.histograms += [] if view is None else [view]
        if name not in membership:
            counts.append(row | _why_not(tube, population, gate))
            continue
        backgrounds[name] = _background(membership, population, gate, backgrounds, controls)
        background = backgrounds[name]
        if parent in within:
            background = _with_parent(membership, population, template, gates, backgrounds)
        n, n_parent = (int(membership[one].size) for one in (name, parent))
        counts.append(row | _counted(n, n_parent, background, settings))
        switching[name] = switching_events(membership, gate.geometry, gate.moves, parent)
    made.counts += _with_gate_errors(counts, membership, template, gates, switching, settings)
    if tube.kind == "stained":
        phenotype, combinations = measure_phenotype(membership, template, controls, gates, settings)
        made.intensity += phenotype
        made.combinations += combinations
    else:
        functional = [positivity.marker for positivity in template.positivity]
        controls.add(tube, membership, functional, _ends(membership, template, settings))


def _counted(n: int, n_parent: int, background: Background, settings: Counting) -> dict[str, Any]:
    """Return what a row of `Counts` says of the cells of a population, and how sure that is."""
    lower, upper = counting.net_interval(n, n_parent, background)
    limit_of_blank, limit_of_detection = counting.detection_limits(background)
    is_known = background.n_events is not None
    return {
        "n_events": n,
        "n_background": background.n_events,
        "background_se": background.standard_error,
        "background_source": background.source,
        "n_missed": background.n_missed if is_known else None,
        "missed_se": background.missed_se if is_known else None,
        "n_lob": limit_of_blank,
        "n_lod": limit_of_detection,
        "n_lower": lower,
        "n_upper": upper,
        "detection": counting.detect(
            n, background, lower, lod_events=settings.lod_events, loq_events=settings.loq_events
        ),
        "status": "ok",
    }


def _with_gate_errors(
    counts: list[dict[str, Any]],
    membership: Membership,
    template: Template,
    gates: Mapping[str, FinalGate],
    switching: Mapping[str, Events],
    settings: Counting,
) -> list[dict[str, Any]]:
    """Return rows of `Counts` with what the places of all gates, and other places of ambiguous
    ones, do to them.
    """
    geometries = {name: gate.geometry for name, gate in gates.items()}
    moves = {name: gates[name].moves for name in switching}
    errors = gate_errors(membership, template, geometries, moves, switching)
    other_places = {name: gate.rival_cut for name, gate in gates.items()}
    rivals = rival_sizes(membership, template, geometries, other_places)
    return [
        with_rival(
            {**row, "gate_se_log": errors.get(row["population"])},
            rivals,
            loq_events=settings.loq_events,
        )
        for row in counts
    ]


def _ends(membership: Membership, template: Template, settings: Counting) -> dict[str, float]:
    """Return where the negatives of an FMO tube end, by marker left out, instrument units."""
    ends = {}
    for marker in membership.tube.fmo_markers:
        if marker in membership.tube.markers and template.denominator in membership:
            found = end_of_negatives(
                membership, marker, template.denominator, quantile=settings.fmo_quantile
            )
            if found is not None:
                ends[marker] = found.threshold
    return ends


def with_rival(
    row: dict[str, Any], rivals: Mapping[str, tuple[int, int]], *, loq_events: int
) -> dict[str, Any]:
    """Return a row of `Counts` whose limits hold the count with an ambiguous cut at its other
    place.

    Half of the logarithm of the two counts' ratio joins the error of the gate: the standard
    deviation of two equally likely values. What would be too few to quantify at the other place is
    not quantified.

    Parameters
    ----------
    rivals : mapping of str to tuple of (int, int)
        of `rival_sizes`: events of the population and of its parent with the cut at its other
        place.
    loq_events : int
        fewer events are not quantified.
    """
    if row["population"] not in rivals or row.get("n_events") is None:
        return row
    other, of = rivals[row["population"]]
    lower, upper = count_limits(other, of)
    spread = abs(float(log_ratio(other, row["n_events"]))) / 2
    return {
        **row,
        "n_rival": other,
        "n_lower": min(row["n_lower"], lower),
        "n_upper": max(row["n_upper"], upper),
        "gate_se_log": float(np.hypot(row["gate_se_log"] or 0.0, spread)),
        "detection": (
            "detected"
            if row["detection"] == "quantified" and other < loq_events
            else row["detection"]
        ),
    }


def _background(
    membership: Membership,
    population: Population,
    final: FinalGate,
    backgrounds: Mapping[str, Background],
    controls: Controls,
) -> Background:
    """Return the background of a gate that asks for a signal above a cut; of others none is known.

    Events that are in any of several such populations by background are those of each together.
    """
    gate = final.geometry
    if final.expected is not None:
        n = membership[population.parent].size
        background, error, missed, missed_error = (n * part for part in final.expected)
        return Background(background, error, "levels", n_missed=missed, missed_se=missed_error)
    if isinstance(gate, Combination):
        if not gate.any_of or gate.all_of or gate.none_of:
            return NO_BACKGROUND
        return backgrounds_of.joined_background([backgrounds[name] for name in gate.any_of])
    if not _is_above(gate):
        return NO_BACKGROUND
    n_parent = int(membership[population.parent].size)
    if final.state == WEAK and gate.cut >= HIGHEST:
        return Background(0.0, 0.0, "none", n_hidden=float(n_parent))
    marker = gate.markers[0]
    if marker in membership.tube.fmo_markers:
        return NO_BACKGROUND  # all of it is background
    values = membership.values_of(marker, population.parent)
    control = controls.values(marker, population.parent)
    if control is not None and control.size >= population.min_parent:
        found = backgrounds_of.control_background(control, values, gate.cut)
        found = backgrounds_of.with_missed(found, values, gate.cut)
    else:
        found = backgrounds_of.tail_background(values, gate.cut, final.cut_se)
    return backgrounds_of.with_hidden(found, values, gate.cut) if final.state == WEAK else found


def _with_parent(
    membership: Membership,
    population: Population,
    template: Template,
    gates: Mapping[str, FinalGate],
    backgrounds: Mapping[str, Background],
) -> Background:
    """Return a background with what the parent's cut leaves on the wrong sides, where the parent
    lies above a cut, and the population above one or in the rest beside such a one.
    """
    background = backgrounds[population.name]
    parent, own = template.by_name[population.parent], gates[population.name].geometry
    above = gates[parent.name].geometry
    if not _is_above(above):
        return background
    if _is_above(own):
        n, n_parent = (int(membership[name].size) for name in (population.name, parent.name))
        return backgrounds_of.with_missed_by_parent(
            background, n, backgrounds[parent.name], n_parent
        )
    if isinstance(own, Combination) and len(own.populations) == len(own.none_of) == 1:
        other = gates[own.none_of[0]].geometry
        if _is_above(other):
            values = membership.values_of(above.markers[0], parent.parent)
            left = ~membership.inside(other, parent.parent)
            return backgrounds_of.background_of_rest(values.compress(left), above.cut)
    return background


def _is_above(gate: Geometry | None) -> TypeGuard[Threshold]:
    return isinstance(gate, Threshold) and gate.side == "above"


def _why_not(tube: Tube, population: Population, gate: FinalGate) -> dict[str, Any]:
    missing = no_channel(tube, population)
    if missing is not None:
        return {"status": "no_panel", "reason": missing}
    return {
        "status": "not_estimable",
        "reason": gate.reason or f"'{population.parent}' was not counted",
    }


def _record_unusable(
    row: Mapping[str, Any], verdict: Mapping[str, Any], template: Template, made: _Rows
) -> None:
    """Give a tube that cannot be used its rows, with the reason."""
    known = {"source_id": row["file_id"], "sample_id": row["sample_id"]}
    for population in template.populations:
        made.counts.append(
            {
                **known,
                "population": population.name,
                "parent": population.parent,
                "n_total": int(verdict["n_clean"]),
                "is_measured": population.measured,
                "status": verdict["status"],
                "reason": verdict["reason"],
            }
        )
        if population.phenotype and row["tube"] == "stained":
            made.intensity += [
                {
                    **known,
                    "population": population.name,
                    "marker": positivity.marker,
                    "role": positivity.role,
                    "threshold_source": "none",
                    "reason": f"tube {verdict['status'].replace('_', ' ')}: {verdict['reason']}",
                }
                for positivity in template.positivity
            ]
