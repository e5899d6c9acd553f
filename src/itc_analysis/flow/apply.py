"""Evaluate final gates on each tube and count: populations, background, positivity, views."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.config import Flow
from itc_analysis.flow import counts as counting
from itc_analysis.flow.counts import NO_BACKGROUND, Background
from itc_analysis.flow.fit import Members, inside, load_checked, no_channel, select
from itc_analysis.flow.gating.geometry import (
    AllAbove,
    Combination,
    Geometry,
    Threshold,
    from_json,
)
from itc_analysis.flow.gating.template import ROOT, Population, Template
from itc_analysis.flow.intensity import (
    Controls,
    combination_rows,
    intensity_row,
    negative_threshold,
)
from itc_analysis.flow.intensity import Threshold as Positive
from itc_analysis.flow.tube import Tube
from itc_analysis.flow.views import view_row
from itc_analysis.tables import contract
from itc_analysis.tables.flow import Combinations, Intensity, Views
from itc_analysis.tables.measured import Counts

log = logging.getLogger(__name__)

METHODS_TEXT = (
    "Gates were applied to the events of their parent population. Events expected in a gate without "
    "the population were estimated from the fluorescence-minus-one tube of the same batch or, where "
    "there was none, by continuing the right flank of the negative peak beyond the cut; counts are "
    "given with 95 % limits that join the exact limits of the count with the error of the "
    "background. Cells were called positive for a functional marker above a high quantile of the "
    "fluorescence-minus-one tube of their batch."
)
CITATIONS = ("clopper1934", "zou2008", "roederer2001")


@dataclass(frozen=True)
class Applied:
    """The tables of a batch.

    Parameters
    ----------
    counts, intensity, combinations, views : tables of the contracts of the same names.
    """

    counts: pd.DataFrame
    intensity: pd.DataFrame
    combinations: pd.DataFrame
    views: pd.DataFrame


@dataclass(frozen=True)
class FinalGate:
    """A population's gate in one tube, after pooling.

    Parameters
    ----------
    geometry : the gate; None when not estimable.
    cut_se : standard error of its cut, transformed units; None for gates without one.
    state, reason : as in `Gates`.
    """

    geometry: Geometry | None
    cut_se: float | None
    state: str
    reason: str | None


@dataclass
class _Rows:
    counts: list[dict[str, Any]] = field(default_factory=list)
    intensity: list[dict[str, Any]] = field(default_factory=list)
    combinations: list[dict[str, Any]] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)


def apply_batch(
    rows: Iterable[Mapping[str, Any]],
    panel: pd.DataFrame,
    template: Template,
    gates: pd.DataFrame,
    settings: Flow,
) -> Applied:
    """Gate and count all tubes of a batch, one tube in memory at a time, controls first.

    Parameters
    ----------
    rows : rows of the checked tube sheet; `path` can be opened as it stands.
    panel, template : the panel sheet and its gating template.
    gates : `Gates` of the panel.
    settings : the flow section.

    Returns
    -------
    Counts for every tube and population, also where nothing could be counted; positivity for
    stained tubes; views of stained tubes that could be used.
    """
    made = _Rows()
    controls = Controls()
    ordered = sorted(rows, key=lambda row: (row["tube"] == "stained", str(row["file_id"])))
    for row in ordered:
        tube, quality = load_checked(row, panel, template, settings)
        if tube is None:
            _record_unusable(row, quality, template, made)
        else:
            own = final_gates(gates, tube.file_id, template)
            _apply_to_tube(tube, template, own, controls, settings, made)
        log.info("counted %s: %s", row["file_id"], quality["status"])
    return Applied(
        contract.make(made.counts, Counts),
        contract.make(made.intensity, Intensity),
        contract.make(made.combinations, Combinations),
        contract.make(made.views, Views),
    )


def final_gates(gates: pd.DataFrame, file_id: str, template: Template) -> dict[str, FinalGate]:
    """Return a tube's gates by population; one that the table lacks is not estimable."""
    lacking = FinalGate(None, None, "not_estimable", "the tube has no gates; pool the gates again")
    found = dict.fromkeys(template.by_name, lacking)
    columns = ("population", "geometry", "cut_se", "state", "reason")
    own = gates.loc[gates["file_id"] == file_id, list(columns)]
    for population, geometry, cut_se, state, reason in own.itertuples(index=False, name=None):
        found[population] = FinalGate(
            geometry=None if pd.isna(geometry) else from_json(geometry),
            cut_se=None if pd.isna(cut_se) else float(cut_se),
            state=state,
            reason=None if pd.isna(reason) else reason,
        )
    return found


def gate_tube(tube: Tube, template: Template, gates: Mapping[str, FinalGate]) -> Members:
    """Return the events of every population that has a gate, by index into the tube.

    Populations without a gate, and those within them, are left out.
    """
    members: Members = {ROOT: np.arange(tube.n_events, dtype=np.int64)}
    for population in template.populations:
        gate = gates[population.name].geometry
        parent = members.get(population.parent)
        if gate is None or parent is None:
            continue
        if isinstance(gate, Combination):
            if all(name in members for name in gate.populations):
                members[population.name] = gate.of_parent(parent, members)
        elif all(marker in tube.markers for marker in gate.markers):
            members[population.name] = inside(tube, gate, parent)
    return members


def _apply_to_tube(
    tube: Tube,
    template: Template,
    gates: Mapping[str, FinalGate],
    controls: Controls,
    settings: Flow,
    made: _Rows,
) -> None:
    """Count one tube; adds its rows to `made`, and to `controls` when it is a control."""
    members = gate_tube(tube, template, gates)
    backgrounds: dict[str, Background] = {}
    for population in template.populations:
        name, gate = population.name, gates[population.name]
        parent = members.get(population.parent)
        row: dict[str, Any] = {
            "source_id": tube.file_id,
            "sample_id": tube.sample_id,
            "population": name,
            "parent": population.parent,
            "n_total": tube.n_events,
            "n_parent": None if parent is None else int(parent.size),
            "gate_state": gate.state,
            "is_measured": population.measured,
        }
        if name not in members or parent is None:
            made.counts.append({**row, **_why_not(tube, population, gate)})
            continue
        background = _background(tube, population, gate.geometry, parent, backgrounds, controls)
        backgrounds[name] = background
        n = int(members[name].size)
        lower, upper = counting.net_interval(n, int(parent.size), background)
        limit_of_blank, limit_of_detection = counting.detection_limits(background)
        is_known = background.n_events is not None
        made.counts.append(
            {
                **row,
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
                "gate_se_log": _gate_se_log(tube, population, template, gates, members),
                "detection": counting.detect(
                    n,
                    background,
                    lower,
                    lod_events=settings.lod_events,
                    loq_events=settings.loq_events,
                ),
                "status": "ok",
            }
        )
        if tube.kind == "stained":
            view = view_row(tube, population, parent, getattr(gate.geometry, "cut", None))
            made.views += [] if view is None else [view]
    if tube.kind == "stained":
        _measure_phenotype(tube, template, members, controls, settings, made)
    else:
        controls.add(tube, members, [positivity.marker for positivity in template.positivity])


def _background(
    tube: Tube,
    population: Population,
    gate: Geometry | None,
    parent: npt.NDArray[np.int64],
    backgrounds: Mapping[str, Background],
    controls: Controls,
) -> Background:
    """Return the background of a gate that asks for a signal above a cut; of others none is known.

    Events that are in any of several such populations by background are those of each together.
    """
    if isinstance(gate, Combination):
        if not gate.any_of or gate.all_of or gate.none_of:
            return NO_BACKGROUND
        return counting.joined_background([backgrounds[name] for name in gate.any_of])
    if not isinstance(gate, Threshold) or gate.side != "above":
        return NO_BACKGROUND
    marker = gate.markers[0]
    if marker in tube.fmo_markers:
        return NO_BACKGROUND  # all of it is background
    control = controls.values(marker, population.parent)
    if control is not None and control.size >= population.min_parent:
        found = counting.control_background(control, gate.cut, int(parent.size))
        return counting.with_missed(found, tube.values(marker)[parent], gate.cut)
    return counting.tail_background(tube.values(marker)[parent], gate.cut)


def _gate_se_log(
    tube: Tube,
    population: Population,
    template: Template,
    gates: Mapping[str, FinalGate],
    members: Members,
) -> float | None:
    """Return the standard error of the log count that comes from the population's own cuts.

    For a combination, the cuts of its members one after the other. The cuts of the ancestors are
    not in it.
    """
    whole = gates[population.name].geometry
    moved = whole.populations if isinstance(whole, Combination) else (population.name,)
    squares = []
    for name in moved:
        gate, cut_se = gates[name].geometry, gates[name].cut_se
        if not isinstance(gate, (Threshold, AllAbove)) or cut_se is None:
            continue
        parent = members[template.by_name[name].parent]
        values = select(tube, gate.markers, parent)
        sizes = []
        for by in (-cut_se, cut_se):
            if not isinstance(whole, Combination):
                sizes.append(int(np.count_nonzero(counting.shifted(gate, by).contains(values))))
                continue
            within = parent[counting.shifted(gate, by).contains(values)]
            within = whole.of_parent(members[population.parent], {**members, name: within})
            sizes.append(int(within.size))
        squares.append(counting.log_change(*sizes) ** 2)
    return float(np.sqrt(sum(squares))) if squares else None


def _why_not(tube: Tube, population: Population, gate: FinalGate) -> dict[str, Any]:
    missing = no_channel(tube, population)
    if missing is not None:
        return {"status": "no_panel", "reason": missing}
    return {
        "status": "not_estimable",
        "reason": gate.reason or f"'{population.parent}' was not counted",
    }


def _record_unusable(
    row: Mapping[str, Any], quality: Mapping[str, Any], template: Template, made: _Rows
) -> None:
    """Give a tube that cannot be used its rows, with the reason."""
    known = {"source_id": row["file_id"], "sample_id": row["sample_id"]}
    for population in template.populations:
        made.counts.append(
            {
                **known,
                "population": population.name,
                "parent": population.parent,
                "n_total": int(quality["n_clean"]),
                "is_measured": population.measured,
                "status": quality["status"],
                "reason": quality["reason"],
            }
        )
        if population.phenotype and row["tube"] == "stained":
            made.intensity += [
                {
                    **known,
                    "population": population.name,
                    "marker": positivity.marker,
                    "threshold_source": "none",
                    "reason": f"tube {quality['status'].replace('_', ' ')}: {quality['reason']}",
                }
                for positivity in template.positivity
            ]


def _measure_phenotype(
    tube: Tube,
    template: Template,
    members: Members,
    controls: Controls,
    settings: Flow,
    made: _Rows,
) -> None:
    without_control: dict[str, Positive] = {}
    for population in (p for p in template.populations if p.phenotype):
        index = members.get(population.name)
        thresholds: dict[str, float] = {}
        for positivity in template.positivity:
            marker = positivity.marker
            found = controls.threshold(
                marker, population.name, template, quantile=settings.fmo_quantile
            )
            if found is None:
                if marker not in without_control:
                    without_control[marker] = negative_threshold(tube, marker, members, template)
                found = without_control[marker]
            made.intensity.append(
                intensity_row(
                    tube,
                    population.name,
                    marker,
                    index,
                    found,
                    min_events=settings.min_phenotype_events,
                )
            )
            if positivity.role == "inhibitory" and found.value is not None:
                thresholds[marker] = found.value
        if index is not None and index.size >= settings.min_phenotype_events:
            made.combinations += combination_rows(tube, population.name, index, thresholds)
