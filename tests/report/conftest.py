"""A small results folder with everything a report shows: made up, written through the contracts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from itc_analysis.cohort.description.disclosure import count_cells
from itc_analysis.config.frozen import cut
from itc_analysis.config.sections import Settings, Study
from itc_analysis.config.steps import ReportSettings
from itc_analysis.provenance import describe
from itc_analysis.report.html.material import Material, collect
from itc_analysis.report.page import build_page
from itc_analysis.results import Layout
from itc_analysis.stats.endpoint.counted import COUNTS_OF_CELLS
from itc_analysis.tables import contract
from itc_analysis.tables.cohort import sheets
from itc_analysis.tables.cohort.decisions import Classification, Disclosure, Queries
from itc_analysis.tables.cohort.participants import Eligibility, Participants, Problems
from itc_analysis.tables.flow.panelwide import ResidualSpill, Scales
from itc_analysis.tables.flow.tubes import (
    Acquisitions,
    GateFits,
    Gates,
    Histograms,
    Intensity,
    TubeIdentity,
    TubeQuality,
)
from itc_analysis.tables.function import Labels, ResponseCombinations, Responses
from itc_analysis.tables.measured import Counts, Measurements, ScoreTable
from itc_analysis.tables.singlecell import (
    Cells,
    LibraryQuality,
    Pseudobulk,
    PseudobulkDepth,
    Receptors,
)
from itc_analysis.tables.stats.comparisons import Comparisons, Diagnostics, Verdicts
from itc_analysis.tables.stats.genes import Genes
from report import made_up_answers

GROUPS = ("SSc", "SLE", "pSS", "RA", "IIM", "healthy")
POOLED = "SLE+pSS+RA+IIM"
PRIMARY = ("mait", "inkt", "gd_t_cells", "innate_cd8")
TYPICAL_SHARE = {"mait": 0.03, "inkt": 0.001, "gd_t_cells": 0.022, "innate_cd8": 0.015}
EFFECT = {"mait": 0.31, "inkt": 0.23, "gd_t_cells": 0.7, "innate_cd8": 1.0}
HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="session")
def settings() -> ReportSettings:
    """Return the settings of the made-up study."""
    everything = Settings(study=Study(name="Made-up study", libraries="config/libraries.tsv"))
    return cut(everything, ReportSettings)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the results of the made-up study; read it, do not edit it."""
    folder = tmp_path_factory.mktemp("report") / "results"
    write_results(folder)
    return folder


@pytest.fixture(scope="session")
def material(results: Path, settings: ReportSettings) -> Material:
    """Return what the page is made of, read from `results`; do not edit it."""
    return collect(results, settings)


@pytest.fixture(scope="session")
def page(material: Material) -> str:
    """Return the report of the made-up study."""
    return build_page(material)


@pytest.fixture
def make_results(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a results folder of one's own."""

    def make(**parts: Any) -> Path:
        parts.setdefault("groups", ("SSc", "healthy"))
        parts.setdefault("per_group", 3)
        write_results(tmp_path / "results", **parts)
        return tmp_path / "results"

    return make


def write_results(
    folder: Path,
    *,
    per_group: int = 4,
    groups: tuple[str, ...] = GROUPS,
    with_flow: bool = True,
    with_single_cell: bool = True,
    hostile_text: str = HOSTILE,
) -> None:
    """Write all tables of a study that ended well, with one bad tube and a few missing numbers."""
    at = Layout(str(folder))
    rng = np.random.default_rng(5)
    people = _people(per_group, groups, rng)
    told = {"packages": ["numpy"], "citations": ["parks2006"]}
    cohort = describe("itc check", methods="Participants were checked.", citations=["vonelm2007"])
    contract.write(people, at.participants, Participants, cohort)
    eligibility = [
        {
            "participant_id": person,
            "rule": rule,
            "protocol_version": "current",
            "outcome": "passes" if decision == "eligible" or rule == "adult" else "fails",
            "evidence": "age_years 57" if rule == "adult" else "chronic_infection yes",
        }
        for person, decision in zip(people["participant_id"], people["decision"], strict=True)
        for rule in ("adult", "no_chronic_infection")
    ]
    _write(eligibility, at.eligibility, Eligibility, cohort)
    _write_checks(at, people, hostile_text, cohort)
    samples = [
        {
            "sample_id": f"S-{person}",
            "participant_id": person,
            "sample_type": "participant",
            "draw_to_stain_hours": 4.0,
        }
        for person in people["participant_id"]
    ]
    samples.append({"sample_id": "S-bridge", "sample_type": "bridge_control"})
    _write(samples, at.samples, sheets.SampleSheet, cohort)
    tubes = [
        {
            "file_id": f"{sample['sample_id']}_{panel}",
            "sample_id": sample["sample_id"],
            "panel": panel,
            "batch": "b1",
            "tube": "stained",
        }
        for sample in samples
        for panel in ("panel_a", "panel_b")
        if with_flow
    ]
    _write(tubes, at.tubes, sheets.Tubes, cohort)
    libraries = [
        {
            "library_id": f"L{number}",
            "sample_id": samples[number]["sample_id"],
            "format": "10x_h5",
            "batch": "x1",
        }
        for number in range(min(4, len(people)))
        if with_single_cell
    ]
    _write(libraries, at.libraries, sheets.Libraries, cohort)
    problems = [
        {
            "room": "cohort",
            "item": people["participant_id"].iloc[0],
            "what": f"CMV serology is missing {hostile_text}",
            "remedy": "ask the laboratory",
        }
    ]
    _write(problems, at.problems, Problems, cohort)
    bad_tube = f"{samples[1]['sample_id']}_panel_a"
    if with_flow:
        _write_flow(at, tubes, bad_tube, hostile_text, told, rng)
    if with_single_cell:
        _write_single_cell(at, libraries, rng)
    measurements = _measurements(people, bad_tube, hostile_text, rng) if with_flow else []
    measurements += _score_measurements(
        people, rng, with_flow=with_flow, with_single_cell=with_single_cell
    )
    _write(
        measurements,
        at.measurements,
        Measurements,
        describe("itc measure", methods="Counts became shares of T cells."),
    )
    _write(
        _scores(measurements),
        at.scores,
        ScoreTable,
        describe("itc score", methods="Scores were read against healthy participants."),
    )
    responded = describe("itc respond", methods="")
    _write([], at.responses, Responses, responded)
    _write([], at.response_combinations, ResponseCombinations, responded)
    _write([], at.labels, Labels, describe("itc label", methods=""))
    compared = _comparisons(measurements, groups)
    made_by = describe(
        "itc compare",
        methods="Groups were compared by regression with robust errors.",
        citations=["mackinnon1985", "holm1979"],
    )
    _write(compared, at.comparisons, Comparisons, made_by)
    _write(_verdicts(compared, groups), at.verdicts, Verdicts, made_by)
    _write(_diagnostics(compared, people), at.diagnostics, Diagnostics, made_by)
    is_compared = with_flow and len(groups) > 1 and groups[0] == "SSc"
    made_up_answers.write(
        at, people, groups=groups if is_compared else (), with_single_cell=with_single_cell
    )
    _write(
        _genes(groups, rng) if with_single_cell else [],
        at.genes,
        Genes,
        describe("itc compare-genes", methods="Genes were compared.", citations=["love2014"]),
    )


def _write(
    rows: list[dict[str, Any]], path: str, model: type[contract.Contract], made_by: dict[str, Any]
) -> None:
    table = contract.make(rows, model) if rows else contract.empty(model)
    contract.write(table, path, model, made_by)


def _people(per_group: int, groups: tuple[str, ...], rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for group in groups:
        for number in range(per_group):
            is_out = group == groups[0] and number == per_group - 1
            rows.append(
                {
                    "participant_id": f"{group}{number + 1:02d}",
                    "group": group,
                    "age_years": float(rng.integers(30, 75)),
                    "sex": "F" if rng.random() < 0.8 else "M",
                    "cmv_igg": None if number == 0 else bool(rng.random() < 0.5),
                    "decision": "excluded" if is_out else "eligible",
                    "reasons": "chronic infection" if is_out else None,
                    "decided_by": "rules",
                    "is_analysed": not is_out,
                }
            )
    return contract.make(rows, Participants)


def _write_flow(
    at: Layout,
    tubes: list[dict[str, Any]],
    bad_tube: str,
    hostile_text: str,
    told: dict[str, Any],
    rng: np.random.Generator,
) -> None:
    for panel in ("panel_a", "panel_b"):
        rows = [tube for tube in tubes if tube["panel"] == panel]
        quality = [
            {
                "file_id": tube["file_id"],
                "sample_id": tube["sample_id"],
                "panel": panel,
                "batch": "b1",
                "tube": "stained",
                "status": "unreadable" if tube["file_id"] == bad_tube else "ok",
                "reason": f"truncated {hostile_text}" if tube["file_id"] == bad_tube else None,
                "n_events": 20_000,
                "n_clean": 19_500,
                "compensation": "file",
                **(
                    {"dead_reason": "tube unreadable", "debris_reason": "tube unreadable"}
                    if tube["file_id"] == bad_tube
                    else {"share_dead": 0.02 + 0.001 * place, "debris_reason": "no scatter gate"}
                ),
                "cytometer": "made-up cytometer",
                "detectors": json.dumps({"CD3": {"voltage": str(450 + place % 2)}}),
            }
            for place, tube in enumerate(rows)
        ]
        made_by = describe("itc fit-gates", methods="Events were logicle transformed.", **told)
        _write(quality, at.tube_quality(panel, "b1"), TubeQuality, made_by)
        _write(_scales(panel), at.scales(panel), Scales, made_by)
        spill = [
            {"panel": panel, "source": source, "detector": "CD4", "slope": slope, "n_tubes": n,
             "n_over": n_over, "n_above": 0, "reason": None if n else (
                 "no bright events of the source"
             )}
            for source, slope, n, n_over in (("CD3", -0.08, 9, 7), ("CD8", -0.01, 9, 2), ("PD-1", None, 0, 0))  # noqa: E501
        ]  # fmt: skip
        _write(spill, at.spill(panel), ResidualSpill, made_by)
        steps = [
            step
            for place, row in enumerate(quality)
            if row["status"] == "ok"
            for step in _acquisition(str(row["file_id"]), unsteady=(place == 2), rng=rng)
        ]
        _write(steps, at.acquisitions(panel, "b1"), Acquisitions, made_by)
        _write([], at.fits(panel, "b1"), GateFits, made_by)
        names = ["t_cells", "mait", "inkt", "gd_t_cells"]
        names = ["t_cells", "cd8_t_cells", "innate_cd8"] if panel == "panel_b" else names
        usable = [tube for tube in rows if tube["file_id"] != bad_tube]
        gates = [_gate(tube, name, place) for place, tube in enumerate(usable) for name in names]
        _write(
            gates,
            at.gates(panel, "b1"),
            Gates,
            describe("itc pool-gates", methods="Cuts were pooled."),
        )
        _write([], at.pooled_gates(panel), Gates, made_by)
        identity = [
            {
                "file_id": tube["file_id"],
                "panel": panel,
                "batch": tube["batch"],
                "finding": "cannot_be_told" if place == 4 else "ok",
                "is_held": False,
                "reason": "depleted, or stain left out, cannot be told" if place == 4 else None,
            }
            for place, tube in enumerate(usable)
        ]
        _write(identity, at.identity(panel), TubeIdentity, describe("itc pool-gates"))
        counts = [
            _count(tube, name, n)
            for tube in usable
            for name, n in zip(names, _sizes(names, rng), strict=True)
        ]
        made_by = describe("itc apply-gates", methods="Cells were counted.", inputs=[])
        _write(counts, at.counts(panel, "b1"), Counts, made_by)
        _write([], at.intensity(panel, "b1"), Intensity, made_by)
        _write([_view(tube, name, rng) for tube in usable[:3] for name in names],
               at.histograms(panel, "b1"), Histograms, made_by)  # fmt: skip


def _scales(panel: str) -> list[dict[str, Any]]:
    """Return a scale of each state, and a linear one."""
    logicle = {
        "panel": panel,
        "role": "lineage",
        "kind": "logicle",
        "t": 262144.0,
        "m": 4.5,
        "a": 0.0,
    }
    few = "no tube has 100 events below zero in this channel"
    return [
        {"panel": panel, "marker": "FSC-A", "role": "scatter", "kind": "linear", "state": "given"},
        {**logicle, "marker": "CD3", "w": 0.65, "state": "estimated", "n_tubes": 9, "w_lowest": 0.6,
         "w_highest": 0.83},
        {**logicle, "marker": "CD4", "w": 0.5, "state": "default", "n_tubes": 0, "reason": few},
        {**logicle, "marker": "CD8", "w": 0.8, "state": "given"},
    ]  # fmt: skip


def _acquisition(file_id: str, *, unsteady: bool, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return 24 stretches of 800 events; of an unsteady tube the last two were left out."""
    return [
        {
            "file_id": file_id,
            "step": step,
            "start": 0.5 * step,
            "n_events": 800,
            "events_per_second": float(1600 + rng.normal(0, 40)),
            "share_removed": 1.0 if unsteady and step >= 22 else 0.0,
            "deviation": 9.0 if unsteady and step >= 22 else 2.0,
            "channel": "CD3",
        }
        for step in range(24)
    ]


def _write_checks(
    at: Layout, people: pd.DataFrame, hostile_text: str, made_by: dict[str, Any]
) -> None:
    """Write what the check of the cohort found beside eligibility."""
    own_sets = {"SSc": "ssc_2013", "RA": "ra_2010"}
    classification = [
        {
            "participant_id": person.participant_id,
            "group": person.group,
            "criteria": criteria,
            "is_of_group": own_sets.get(person.group) == criteria,
            "verdict": "fulfils" if own_sets.get(person.group) == criteria else "does_not_fulfil",
        }
        for person in people.itertuples()
        for criteria in ("ssc_2013", "ra_2010")
    ]
    # the first person of the index group: by the items nobody can tell, the clinician declared it
    classification[0] |= {"verdict": "not_assessable", "declared": True}
    _write(classification, at.classification, Classification, made_by)
    first = people.iloc[0]
    queries = [
        {
            "participant_id": first["participant_id"],
            "group": first["group"],
            "kind": "missing",
            "item": "cmv_igg",
            "what": f"the cell is empty {hostile_text}",
            "what_to_do": "ask and fill in: CMV serology",
            "blocks": False,
        }
    ]
    queries.append(queries[0] | {"item": "pregnant_or_breastfeeding", "blocks": True})
    _write(queries, at.queries, Queries, made_by)
    cells = count_cells(people, min_cell_size=Settings().cohort.min_cell_size)
    contract.write(cells, at.disclosure, Disclosure, made_by)


def _sizes(names: list[str], rng: np.random.Generator) -> list[int]:
    return [10_000 if name == "t_cells" else int(rng.integers(5, 400)) for name in names]


def _gate(tube: dict[str, Any], name: str, place: int) -> dict[str, Any]:
    # the second tube is the worst judged one: iNKT borrowed and gamma-delta not estimable
    state = "ok"
    if place == 1 and name == "inkt":
        state = "borrowed"
    if place == 1 and name in ("gd_t_cells", "innate_cd8"):
        state = "not_estimable"
    return {
        "file_id": tube["file_id"],
        "panel": tube["panel"],
        "batch": "b1",
        "population": name,
        "parent": "live" if name == "t_cells" else "t_cells",
        "method": "valley",
        "geometry": None if state == "not_estimable" else json.dumps(GEOMETRY),
        "cut": 0.5,
        "cut_se": 0.01,
        "cut_tube": 0.5,
        "weight": 0.0 if state == "borrowed" else 1.0,
        "quality": 0.9,
        "n_parent": 10_000,
        "state": state,
        "reason": "no valley between the two peaks" if state != "ok" else None,
    }


GEOMETRY = {"kind": "threshold", "markers": ["CD3"], "side": "above", "cut": 0.5}


def _count(tube: dict[str, Any], name: str, n: int) -> dict[str, Any]:
    detection = "quantified" if n >= 50 else "detected" if n >= 20 else "below_lod"
    return {
        "source_id": tube["file_id"],
        "sample_id": tube["sample_id"],
        "population": name,
        "parent": "live" if name == "t_cells" else "t_cells",
        "n_events": n,
        "n_parent": 12_000 if name == "t_cells" else 10_000,
        "n_total": 19_500,
        "n_background": 0.0,
        "background_se": 0.0,
        "background_source": "none",
        "n_lower": 0.8 * n,
        "n_upper": 1.2 * n,
        "gate_se_log": 0.02,
        "gate_state": "ok",
        "detection": detection,
        "is_measured": True,
        "status": "ok",
    }


def _view(tube: dict[str, Any], name: str, rng: np.random.Generator) -> dict[str, Any]:
    n = 32
    x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n))
    low = 300 * np.exp(-((x - 0.3) ** 2 + (y - 0.3) ** 2) / 0.01)
    high = 60 * np.exp(-((x - 0.7) ** 2 + (y - 0.7) ** 2) / 0.004)
    counts = rng.poisson(low + high).ravel().tolist()
    ticks = [[0.3, 0.0], [0.7, 10_000.0]]
    view = {"x_edges": [0, 1], "y_edges": [0, 1], "n_x": n, "n_y": n, "counts": counts}
    view |= {"x_ticks": ticks, "y_ticks": ticks}
    return {
        "source_id": tube["file_id"],
        "population": name,
        "marker_x": "CD3",
        "marker_y": "TCRgd",
        "histogram": json.dumps(view),
    }


def _write_single_cell(
    at: Layout, libraries: list[dict[str, Any]], rng: np.random.Generator
) -> None:
    calls = ["mait", "inkt", "gd_t_cells", "cd4_t_cells", "cd8_t_cells", "doublet", "indeterminate"]
    quality, cells, counts, receptors = [], [], [], []
    for library in libraries:
        is_bad = library["library_id"] == "L3"
        quality.append(
            {
                "library_id": library["library_id"],
                "sample_id": library["sample_id"],
                "batch": "x1",
                "status": "failed_quality" if is_bad else "ok",
                "reason": "12 cells, fewer than 50" if is_bad else None,
                "n_barcodes": 150,
                "n_cells": 12 if is_bad else 60,
                "n_with_receptor": 40,
                "has_contigs": True,
                "has_delta_contigs": False,
            }
        )
        if is_bad:
            continue
        for number in range(60):
            call = str(rng.choice(calls))
            is_t = call != "doublet"
            cells.append(
                {
                    "library_id": library["library_id"],
                    "sample_id": library["sample_id"],
                    "barcode": f"cell{number}",
                    "n_genes": 900 + number,
                    "n_counts": 2500.0 + number,
                    "share_mito": 0.04 + number / 10_000,
                    "call": call,
                    "mait_by_rna": 0.9 if call == "mait" else 0.05,
                    "has_alpha": is_t and number % 3 > 0,
                    "receptor": ("mait" if call == "mait" else "ab") if number % 3 > 0 else None,
                    "posterior": 0.95,
                    "posterior_t": 0.99,
                    "decided_by": "rna",
                    "is_conflict": False,
                }
            )
        receptors += _receptors(cells[-60:])
        counts.append(
            _count(
                {"file_id": library["library_id"], "sample_id": library["sample_id"]}, "mait", 30
            )
        )
    made_by = describe("itc annotate", methods="Cells were called.", citations=[])
    _write(quality, at.library_quality("x1"), LibraryQuality, made_by)
    _write(cells, at.cells("x1"), Cells, made_by)
    _write(receptors, at.receptors("x1"), Receptors, made_by)
    _write(counts, at.cell_counts("x1"), Counts, made_by)
    levels = [("mait", "SLC4A10", 40.0), ("mait", "CD3D", 90.0), ("cd4_t_cells", "CD3D", 80.0)]
    profiles, depth = [], []
    for sample in sorted({row["sample_id"] for row in cells}):
        keys = ("sample_id", "population", "gene", "n_counts")
        profiles += [dict(zip(keys, (sample, *level), strict=True)) for level in levels]
        depth += [
            {
                "sample_id": sample,
                "population": name,
                "n_cells": 20,
                "n_counts": 5e4,
                "n_genes_measured": 9,
            }
            for name in ("mait", "cd4_t_cells")
        ]
    _write(profiles, at.pseudobulk("x1"), Pseudobulk, made_by)
    _write(depth, at.pseudobulk_depth("x1"), PseudobulkDepth, made_by)


def _receptors(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return an alpha chain of every cell that has one, with TRAJ33 or TRAJ12."""
    return [
        {
            **{key: cell[key] for key in ("library_id", "sample_id", "barcode", "call")},
            "chain": "alpha",
            "number": 1,
            "v_gene": "TRAV1-2" if cell["call"] == "mait" else "TRAV21",
            "j_gene": ("TRAJ33", "TRAJ12")[place % 2],
            "n_umis": 3,
        }
        for place, cell in enumerate(cells)
        if cell["has_alpha"]
    ]


def _measurements(
    people: pd.DataFrame, bad_tube: str, hostile_text: str, rng: np.random.Generator
) -> list[dict[str, Any]]:
    rows = []
    for person in people.itertuples():
        for population in PRIMARY:
            share = TYPICAL_SHARE[population] * np.exp(rng.normal(0, 0.9))
            share *= EFFECT[population] if person.group == "SSc" else 1.0
            panel = "panel_b" if population == "innate_cd8" else "panel_a"
            source = f"S-{person.participant_id}_{panel}"
            status, reason = "ok", None
            if source == bad_tube:
                status, reason = "unreadable", f"truncated {hostile_text}"
            elif not person.is_analysed:
                status, reason = "excluded", "chronic infection"
            elif population == "inkt" and share < 0.0003:
                status, reason = "below_lod", f"{int(share * 20_000)} events, fewer than 20"
            for measure, value, unit in (
                ("share_of_t", share, "share"),
                ("cells_per_ul", 1150 * share, "cells/uL"),
            ):
                limit = 0.001 if measure == "share_of_t" else 1.15
                rows.append(
                    {
                        "sample_id": f"S-{person.participant_id}",
                        "participant_id": person.participant_id,
                        "group": person.group,
                        "assay": "flow",
                        "source_id": source,
                        "batch": "b1",
                        "population": population,
                        "measure": measure,
                        "feature": "-",
                        "value": value if status == "ok" else None,
                        "unit": unit,
                        "standard_error": 0.1 if status == "ok" else None,
                        "lower": 0.8 * value if status == "ok" else None,
                        "upper": 1.2 * value
                        if status == "ok"
                        else limit
                        if status == "below_lod"
                        else None,
                        "n_cells": int(share * 20_000) if status in ("ok", "below_lod") else None,
                        "n_denominator": 20_000 if status in ("ok", "below_lod") else None,
                        "count_method": "beads" if measure == "cells_per_ul" else None,
                        "status": status,
                        "reason": reason,
                    }
                )
    return rows


def _score_measurements(
    people: pd.DataFrame, rng: np.random.Generator, *, with_flow: bool, with_single_cell: bool
) -> list[dict[str, Any]]:
    assays = [
        name for name, there in (("flow", with_flow), ("singlecell", with_single_cell)) if there
    ]
    signatures = {
        "flow": ("exhaustion", "activation"),
        "singlecell": ("exhaustion", "activation", "interferon"),
    }
    rows = []
    for person in people.itertuples():
        for assay in assays:
            for population in PRIMARY[:3]:
                for signature in signatures[assay]:
                    is_few = population == "inkt" and person.group == "SSc"
                    shift = 1.2 if person.group == "SSc" and signature != "interferon" else 0.0
                    rows.append(
                        {
                            "sample_id": f"S-{person.participant_id}",
                            "participant_id": person.participant_id,
                            "group": person.group,
                            "assay": assay,
                            "source_id": f"S-{person.participant_id}_{assay}_{signature}",
                            "batch": "b1",
                            "population": population,
                            "measure": "score",
                            "feature": signature,
                            "value": None if is_few else float(rng.normal(shift, 1)),
                            "unit": "healthy SD",
                            "n_cells": 12 if is_few else 200,
                            "status": "few_cells" if is_few else "ok",
                            "reason": "12 events, fewer than 50" if is_few else None,
                        }
                    )
    return rows


def _scores(measurements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "assay": row["assay"],
            "source_id": row["source_id"],
            "sample_id": row["sample_id"],
            "population": row["population"],
            "signature": row["feature"],
            "method": "composite_z",
            "value": row["value"],
            "unit": row["unit"],
            "standard_error": 0.2 if row["status"] == "ok" else None,
            "n_cells": row["n_cells"],
            "n_features_found": 4,
            "n_features": 4,
            "status": row["status"],
            "reason": row["reason"],
        }
        for row in measurements
        if row["measure"] == "score"
    ]


def _comparisons(
    measurements: list[dict[str, Any]], groups: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Compare by Welch's test on the log: rough, but the numbers hang together."""
    from scipy.stats import t as student

    table = pd.DataFrame(measurements)
    diseases = [group for group in groups if group not in ("SSc", "healthy")]
    references = {group: [group] for group in groups if group != "SSc"}
    if len(diseases) > 1:
        references["+".join(diseases)] = diseases
    rows = []
    for key, chosen in table.groupby(["assay", "population", "measure", "feature"]):
        is_score = key[2] == "score"
        for reference, members in references.items():
            values = chosen.assign(value=chosen["value"].astype(float)).dropna(subset=["value"])
            a = values.loc[values["group"] == "SSc", "value"].to_numpy()
            b = values.loc[values["group"].isin(members), "value"].to_numpy()
            is_declared = not is_score and (reference == "healthy" or "+" in reference)
            role = "primary" if is_declared else "exploratory" if is_score else "secondary"
            row = {
                "comparison": f"SSc vs {reference}",
                "index_group": "SSc",
                "reference_group": reference,
                **dict(zip(("assay", "population", "measure", "feature"), key, strict=True)),
                "family": role,
                "role": role,
                "estimate_kind": "difference"
                if is_score
                else "odds_ratio"
                if key[2] == "share_of_t"
                else "ratio",
                "adjustment": {"primary": "holm", "secondary": "bh", "exploratory": "none"}[role],
                "n_index": len(a),
                "n_reference": len(b),
                "n_below_lod": 1 if key[1] == "inkt" and not is_score else 0,
                "n_missing": 1,
                "model": "least squares with HC3 errors"
                if is_score
                else f"{COUNTS_OF_CELLS} (binomial), participants on the logit scale with an SD "
                "per group, restricted likelihood, Satterthwaite degrees of freedom",
                "covariates": "age, sex",
                "estimand": "typical participant",
                "status": "ok",
                "plan_digest": "0123456789ab",
            }
            if min(len(a), len(b)) < 2:
                row |= {"status": "not_estimable", "reason": f"{len(a)} participants, fewer than 3"}
                rows.append(row)
                continue
            if not is_score:
                a, b = np.log(a), np.log(b)
            difference = a.mean() - b.mean()
            error = float(np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))
            df = len(a) + len(b) - 2
            reach = student.ppf(0.975, df) * error
            back = (lambda x: float(x)) if is_score else (lambda x: float(np.exp(x)))
            rows.append(
                row
                | {
                    "estimate": back(difference),
                    "lower": back(difference - reach),
                    "upper": back(difference + reach),
                    "standard_error": error,
                    "effect_size": difference / error,
                    "p_value": float(2 * student.sf(abs(difference) / error, df)),
                    "median_index": back(np.median(a)),
                    "median_reference": back(np.median(b)),
                    "lower_quartile_index": back(np.quantile(a, 0.25)),
                    "upper_quartile_index": back(np.quantile(a, 0.75)),
                    "lower_quartile_reference": back(np.quantile(b, 0.25)),
                    "upper_quartile_reference": back(np.quantile(b, 0.75)),
                    "estimate_unadjusted": back(difference),
                }
            )
    return _adjust(rows)


def _adjust(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for family in sorted({row["family"] for row in rows}):
        own = [row for row in rows if row["family"] == family and "p_value" in row]
        own.sort(key=lambda row: row["p_value"])
        reached = 0.0
        for place, row in enumerate(own):
            factor = 1 if row["adjustment"] == "none" else len(own) - place
            reached = min(1.0, max(reached, factor * row["p_value"]))
            row["p_adjusted"] = reached
    return rows


def _verdicts(compared: list[dict[str, Any]], groups: tuple[str, ...]) -> list[dict[str, Any]]:
    """Give MAIT a specific, iNKT a shared and the others an inconclusive verdict; γδ counts have
    none.
    """
    told = {"mait": "specific", "inkt": "shared"}
    keys = ("assay", "population", "measure", "feature")
    endpoints = {tuple(row[k] for k in keys): None for row in compared if row["role"] == "primary"}
    rows = []
    for key in endpoints:
        verdict = told.get(str(key[1]), "inconclusive")
        row = {
            **dict(zip(keys, key, strict=True)),
            "index_group": "SSc",
            "verdict": verdict,
            "words": f"{verdict}: as made up",
            "direction": None if verdict == "inconclusive" else "lower",
            "n_controls": len(groups) - 1,
            "p_specific": 0.01 if verdict == "specific" else 0.4,
            "p_shared": 0.02 if verdict == "shared" else 0.7,
            "equivalent_to": "SLE+RA" if verdict == "shared" else None,
            "margin": 1.5,
            "spread_ratio": 1.8,
            "spread_lower": 1.2,
            "spread_upper": 2.7,
            "spread_p_value": 0.004 if verdict == "specific" else 0.3,
            "plan_digest": "0123456789ab",
        }
        if key[1:3] == ("gd_t_cells", "cells_per_ul"):
            numbers = ("p_specific", "p_shared", "spread_ratio", "spread_lower", "spread_upper")
            row |= dict.fromkeys((*numbers, "spread_p_value", "direction"))
            row |= {"verdict": "not_estimable", "reason": "too few participants; and so on"}
        rows.append(row)
    return rows


def _genes(groups: tuple[str, ...], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Make 40 genes of CD4 T cells, of which six differ and two were not tested; MAIT cells are too
    few.
    """
    shared = {
        "comparison": f"{groups[0]} vs {groups[-1]}",
        "index_group": groups[0],
        "reference_group": groups[-1],
        "n_index": 4,
        "n_reference": 5,
        "covariates": "none",
        "plan_digest": "abc",
    }
    reason = "fewer than two groups have 3 participants with a number"
    few = {"population": "mait", "gene": "-", "status": "not_estimable", "reason": reason}
    rows = [shared | few]
    for number in range(40):
        row = shared | {"population": "cd4_t_cells", "gene": f"GENE{number}", "status": "ok"}
        if number >= 38:
            rows.append(row | {"status": "low_expression", "reason": "too few molecules"})
            continue
        p = 1e-6 * (number + 1) if number < 6 else float(rng.uniform(0.2, 1))
        fold = 1.0 if number < 4 else -1.0
        numbers = {"log2_fold_change": fold, "standard_error": 0.3, "mean_count": 50.0}
        rows.append(row | numbers | {"p_value": p, "p_adjusted": min(38 * p, 1.0)})
    return rows


def _diagnostics(compared: list[dict[str, Any]], people: pd.DataFrame) -> list[dict[str, Any]]:
    """Put diagnostics beside primary and secondary comparisons; MAIT against healthy rests on one
    person.
    """
    rows = []
    for row in compared:
        if row["role"] not in ("primary", "secondary"):
            continue
        keys = ("comparison", "assay", "population", "measure", "feature", "plan_digest")
        beside = {key: row[key] for key in keys}
        if "estimate" not in row:
            rows.append(beside | {"reason": "no estimate: a group lies wholly below the limit"})
            continue
        is_carried = row["population"] == "mait" and row["reference_group"] == "healthy"
        rows.append(
            beside
            | {
                "estimate_unadjusted": 1.2 * row["estimate"],
                "estimate_core": 1.1 * row["estimate"],
                "estimate_full": row["estimate"],
                "one_out_lowest": 0.9 * row["estimate"],
                "one_out_highest": 1.2 * row["estimate"],
                "most_influential": people["participant_id"].iloc[0],
                "influence": 0.5,
                "p_without_most_influential": 0.2 if is_carried else 0.001,
                "is_carried_by_one": is_carried,
                "e_value": 3.0,
                "e_value_limit": 1.4,
                "second_model": "beta-binomial" if row["measure"] == "share_of_t" else None,
                "second_estimate": row["estimate"] if row["measure"] == "share_of_t" else None,
                "second_p_value": 0.03 if row["measure"] == "share_of_t" else None,
            }
        )
    return rows
