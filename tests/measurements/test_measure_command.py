"""`itc measure`, run as the workflow runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from itc_analysis import provenance
from itc_analysis.cli.numbers import measure
from itc_analysis.config.frozen import freeze_step
from itc_analysis.config.sections import Flow, Settings
from itc_analysis.errors import ItcError
from itc_analysis.tables import contract
from itc_analysis.tables.cohort import sheets
from itc_analysis.tables.cohort.participants import Participants
from itc_analysis.tables.flow.tubes import Intensity, TubeQuality
from itc_analysis.tables.measured import Counts, Measurements


def write_inputs(study: Any, folder: Path, *, lod_events: int = 20) -> list[str]:
    """Write the tables of the study; return the arguments that name them."""
    tables, flow = study.tables, Flow(lod_events=lod_events)
    origin = provenance.describe("itc apply-gates", parameters=flow.model_dump(mode="json"))
    named = {
        "participants": (tables.participants, Participants),
        "samples": (tables.samples, sheets.SampleSheet),
        "tubes": (tables.tubes, sheets.Tubes),
        "tube-quality": (tables.tube_quality, TubeQuality),
        "counts": (tables.counts, Counts),
        "intensity": (tables.intensity, Intensity),
    }
    arguments = []
    for name, (table, kind) in named.items():
        path = folder / f"{name}.parquet"
        contract.write(table, path, kind, provenance=origin)
        arguments += [f"--{name}", str(path)]
    return [
        *arguments,
        *("--config", freeze_step(Settings(), "measure", folder)),
        *("--output", str(folder / "measurements.parquet")),
    ]


def run(arguments: list[str]) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    measure.add_arguments(parser)
    measure.run(parser.parse_args(arguments))


def test_command_writes_the_table_with_its_methods(study: Any, tmp_path: Path) -> None:
    run(write_inputs(study, tmp_path))
    path = tmp_path / "measurements.parquet"
    table = contract.read(path, Measurements)
    assert len(table) == len(study.measure())
    stored = contract.read_provenance(path)
    assert stored["methods"].startswith("Populations were measured")
    assert set(stored["citations"]) == {"clopper1934", "haldane1956", "zou2008"}


def test_second_run_gives_the_same_bytes(study: Any, tmp_path: Path) -> None:
    arguments = write_inputs(study, tmp_path)
    run(arguments)
    first = (tmp_path / "measurements.parquet").read_bytes()
    run(arguments)
    assert (tmp_path / "measurements.parquet").read_bytes() == first


def test_limit_of_detection_is_the_one_the_counts_were_made_with(
    study: Any, tmp_path: Path
) -> None:
    study.change("counts", {"population": "inkt"}, n_upper=5.0, detection="below_lod")
    run(write_inputs(study, tmp_path, lod_events=35))
    table = contract.read(tmp_path / "measurements.parquet", Measurements)
    rows = table[(table["population"] == "inkt") & (table["measure"] == "share_of_t")]
    analysed = rows[rows["status"] == "below_lod"]
    assert set(analysed["upper"]) == {35 / 10_000}


def test_group_unknown_to_the_settings_is_refused(study: Any, tmp_path: Path) -> None:
    study.change("participants", {"participant_id": "P1"}, group="SScc")
    with pytest.raises(ItcError, match="did you mean 'SSc'"):
        run(write_inputs(study, tmp_path))
