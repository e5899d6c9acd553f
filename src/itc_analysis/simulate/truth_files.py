"""Sheets that the pipeline reads, and truth tables that it never reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from itc_analysis.simulate import parameters as p
from itc_analysis.simulate.cells.kinds import LEAVES
from itc_analysis.simulate.cells.subsets import response_of
from itc_analysis.simulate.instrument.libraries import SimulatedLibrary
from itc_analysis.simulate.instrument.tubes import BLOOD_VOLUME_UL, SimulatedTube, TubePlan
from itc_analysis.simulate.people import cohort
from itc_analysis.simulate.people.design import BRIDGE, LibraryPlan, sample_of
from itc_analysis.tables import contract
from itc_analysis.tables.cohort import sheets
from itc_analysis.tables.cohort.classification import ClassificationSheet
from itc_analysis.whole_files import write_text, written_whole

#: Hours in culture with IL-12 and IL-18, or without [S Ussher 2014: overnight].
CULTURE_HOURS = 20.0


def write_sheets(
    folder: Path,
    participants: pd.DataFrame,
    classification: pd.DataFrame,
    truth: pd.DataFrame,
    tubes: list[TubePlan],
    libraries: list[LibraryPlan],
) -> None:
    """Write participants, classification, samples, fcs_files and (if any) libraries as TSV."""
    samples = [
        {
            "sample_id": sample_of(row["participant_id"]),
            "participant_id": row["participant_id"],
            "sample_type": "participant",
            "draw_to_stain_hours": row["draw_to_stain_hours"],
            "wbc_10e9_per_l": row["wbc_10e9_per_l"],
            "lymphocyte_share": row["lymphocyte_share"],
        }
        for row in truth.to_dict("records")
    ]
    samples.append({"sample_id": BRIDGE, "sample_type": "bridge_control"})
    files = [
        {
            "file_id": tube.file_id,
            "sample_id": tube.sample_id,
            "path": f"flow/{tube.file_id}.fcs",
            "panel": tube.panel,
            "batch": tube.batch,
            "tube": "stained" if tube.fmo_marker is None else "fmo",
            "fmo_markers": tube.fmo_marker,
            "beads_per_tube": tube.beads_per_tube,
            "condition": tube.condition,
            "culture_hours": None if tube.condition is None else CULTURE_HOURS,
            "bead_lot": tube.bead_lot,
            "blood_volume_ul": None if tube.beads_per_tube is None else BLOOD_VOLUME_UL,
            "dilution": None if tube.beads_per_tube is None else 1.0,
        }
        for tube in tubes
    ]
    _write_sheet(participants, folder / "participants.tsv", sheets.ParticipantSheet)
    _write_sheet(classification, folder / "classification.tsv", ClassificationSheet)
    _write_sheet(pd.DataFrame(samples), folder / "samples.tsv", sheets.SampleSheet)
    _write_sheet(pd.DataFrame(files), folder / "fcs_files.tsv", sheets.TubeSheet)
    if libraries:
        rows = [
            {
                "library_id": plan.library_id,
                "sample_id": plan.sample_id,
                "path": f"singlecell/{plan.library_id}/filtered_feature_bc_matrix.h5",
                "format": "10x_h5",
                "contigs_path": f"singlecell/{plan.library_id}/filtered_contig_annotations.csv",
                "has_gamma_delta_receptors": False,
                "batch": plan.batch,
            }
            for plan in libraries
        ]
        _write_sheet(pd.DataFrame(rows), folder / "libraries.tsv", sheets.LibrarySheet)


def write_truth(
    folder: Path,
    truth: pd.DataFrame,
    bridge: Mapping[str, Any],
    *,
    scenario: p.Scenario,
    note: str,
) -> None:
    """Write frequencies, markers, effects and the key from leaves to populations."""
    everybody: list[Mapping[Any, Any]] = [*truth.to_dict("records"), bridge]
    frequencies = pd.DataFrame(
        [
            {
                "participant_id": row["participant_id"],
                "group": row["group"],
                "population": name,
                "share_of_t": row[f"share_{name}"],
                "cells_per_ul": row[f"cells_per_ul_{name}"],
            }
            for row in everybody
            for name in cohort.POPULATIONS
        ]
    )
    markers = pd.DataFrame(
        [
            {
                "participant_id": row["participant_id"],
                "group": row["group"],
                "population": name,
                "marker": marker,
                "share_positive": cohort.share_positive(row, name, marker),
            }
            for row in everybody
            for name in p.HEALTHY_POSITIVITY
            for marker in p.PHENOTYPE_MARKERS
        ]
    )
    leaves = pd.DataFrame(
        [
            {"leaf": leaf, "population": population}
            for leaf, others in LEAVES.items()
            for population in dict.fromkeys(
                ("t_cells", *others, *([leaf] if leaf in cohort.POPULATIONS else []))
            )
        ]
    )
    responses = pd.DataFrame(
        [
            {
                "participant_id": row["participant_id"],
                "group": row["group"],
                "population": name,
                "stimulation": stimulation,
                "marker": marker,
                "background": row[f"background_{name}_{marker}"],
                "response": response_of(row, name, stimulation, marker),
            }
            for row in everybody
            for name in p.HEALTHY_POSITIVITY
            for stimulation in p.HEALTHY_RESPONSES
            for marker in p.FUNCTION_MARKERS
        ]
    )
    people = pd.DataFrame(
        [{name: row[name] for name in ("participant_id", "group", *PERSONAL)} for row in everybody]
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in {
        "frequencies": frequencies,
        "markers": markers,
        "responses": responses,
        "people": people,
        "effects": cohort.true_effects(scenario),
        "leaves": leaves,
    }.items():
        text = table.to_csv(sep="\t", index=False, float_format="%.8g", lineterminator="\n")
        write_text(folder / f"{name}.tsv", f"# {note}\n{text}")


#: What scenarios change of a person as a whole.
PERSONAL = (
    *("mait_dn_share", "subsets_differ", "cd161_log10", "cd161_intermediate", "is_treated"),
)


def write_events(path: Path, tube: SimulatedTube, *, note: str) -> None:
    """Write one row per event in file order, with the expected shares in the file's metadata."""
    _write_parquet(path, tube.truth, {"note": note, "shares": tube.shares})


def write_cells(path: Path, library: SimulatedLibrary, *, note: str) -> None:
    """Write one row per barcode: its population, doublet or low_quality."""
    frame = pd.DataFrame({"barcode": library.barcodes, "population": library.labels})
    _write_parquet(path, frame, {"note": note})


def _write_parquet(path: Path, frame: pd.DataFrame, extra: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = arrow.Table.from_pandas(frame, preserve_index=False)
    metadata = dict(table.schema.metadata or {}) | {
        b"simulated": json.dumps(extra, sort_keys=True).encode()
    }
    with written_whole(path) as partial:
        parquet.write_table(table.replace_schema_metadata(metadata), partial, compression="zstd")


def _write_sheet(rows: pd.DataFrame, path: Path, sheet: type[contract.Contract]) -> None:
    """Write a sheet as people do: yes, no, or an empty cell."""
    table = contract.make(rows, sheet)
    for name in table.columns[table.dtypes == "boolean"]:
        table[name] = table[name].map({True: "yes", False: "no"}, na_action="ignore")
    write_text(path, table.to_csv(sep="\t", index=False, float_format="%.10g", lineterminator="\n"))
