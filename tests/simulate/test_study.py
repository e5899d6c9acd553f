"""A whole small study on disk."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import flowio
import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest
import yaml

from itc_analysis.config.loading import load_settings
from itc_analysis.errors import ItcError
from itc_analysis.simulate import study
from itc_analysis.simulate.instrument import panels
from itc_analysis.simulate.people import cohort
from itc_analysis.simulate.people.design import assign_batches, default_batches
from itc_analysis.tables import contract
from itc_analysis.tables.cohort import sheets

MINI = {"scenario": "effect", "per_group": 2, "events": 2_000, "cells": 60}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simulated") / "study"
    study.simulate_study(path, seed=4, **MINI)
    return path


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def sheet(folder: Path, name: str) -> pd.DataFrame:
    path = folder / "config" / f"{name}.tsv"
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)


def truth(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "truth" / f"{name}.tsv", sep="\t", comment="#")


@pytest.mark.parametrize("processes", [1, 2])
def test_two_runs_are_byte_identical(
    processes: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "_LARGE", 0)
    study.simulate_study(tmp_path / "again", seed=4, processes=processes, **MINI)
    first, second = digests(folder), digests(tmp_path / "again")
    assert len(first) > 100
    assert first == second


def test_another_seed_gives_other_people_and_files(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    study.simulate_study(other, seed=5, scenario="effect", per_group=2, events=1_000, cells=0)
    first, second = digests(folder), digests(other)
    for name in ("config/participants.tsv", "truth/frequencies.tsv"):
        assert first[name] != second[name]
    assert not (other / "data" / "singlecell").exists()
    assert load_settings(other / "config" / "config.yaml").study.libraries is None
    assert not (other / "config" / "libraries.tsv").exists()


def test_sheets_have_the_contracts_columns_and_yes_no_items(folder: Path) -> None:
    for name, model in {
        "participants": sheets.ParticipantSheet,
        "samples": sheets.SampleSheet,
        "fcs_files": sheets.TubeSheet,
        "libraries": sheets.LibrarySheet,
    }.items():
        table = sheet(folder, name)
        assert list(table.columns) == list(contract.columns_of(model)), name
        for column, field in contract.columns_of(model).items():
            if (field.metadata or {}).get("unit") == "yes/no":
                assert set(table[column]) <= {"yes", "no", ""}, column
    assert len(sheet(folder, "participants")) == 12


def test_every_named_file_exists_and_no_other_data(folder: Path) -> None:
    tubes, libraries = sheet(folder, "fcs_files"), sheet(folder, "libraries")
    named = {*tubes["path"], *libraries["path"], *libraries["contigs_path"]}
    data = folder / "data"
    found = {p.relative_to(data).as_posix() for p in data.rglob("*") if p.is_file()}
    assert named == found
    assert {p.stem for p in (folder / "truth" / "events").iterdir()} == set(tubes["file_id"])
    for name in ("panels/panel_a.tsv", "gating/panel_b.yaml", "signatures.tsv"):
        assert (folder / "config" / name).is_file()


def test_every_batch_holds_every_group_a_bridge_control_and_its_fmo_tubes(folder: Path) -> None:
    tubes = sheet(folder, "fcs_files").merge(sheet(folder, "samples"), on="sample_id")
    tubes = tubes.merge(
        sheet(folder, "participants")[["participant_id", "group"]], on="participant_id", how="left"
    )
    for (panel, _batch), rows in tubes.groupby(["panel", "batch"]):
        stained = rows[rows["tube"] == "stained"]
        assert set(stained["group"].dropna()) == set(cohort.GROUPS)
        assert (stained["sample_type"] == "bridge_control").sum() == 1
        fmo = rows[rows["tube"] == "fmo"]
        assert set(fmo["sample_type"]) == {"bridge_control"}
        assert sorted(fmo["fmo_markers"]) == sorted(panels.FMO_MARKERS[panel])
        has_beads = rows["beads_per_tube"] != ""
        counted = (rows["sample_type"] == "participant") & (panel == "panel_a")
        assert (has_beads == counted).all()


def test_everything_says_that_it_is_simulated(folder: Path) -> None:
    note = "SIMULATED effect seed 4"
    assert load_settings(folder / "config" / "config.yaml").study.simulated == "effect"
    for path in (folder / "data" / "flow").glob("*.fcs"):
        assert flowio.FlowData(path, only_text=True).text["com"] == note
    for path in (folder / "data").rglob("*.h5"):
        with h5py.File(path) as file:
            assert file.attrs["simulated"] == note
    for path in (folder / "truth").glob("*.tsv"):
        assert path.read_text(encoding="utf-8").startswith(f"# {note}\n")
    for path in (folder / "truth").rglob("*.parquet"):
        stored = json.loads(parquet.read_schema(path).metadata[b"simulated"])
        assert stored["note"] == note


def test_config_names_only_what_differs_from_the_defaults(folder: Path) -> None:
    written = yaml.safe_load((folder / "config" / "config.yaml").read_text(encoding="utf-8"))
    assert set(written) == {"study"}
    expected = {"name", "simulated", "data_folder", "classification", "libraries"}
    assert set(written["study"]) == expected


def test_event_truth_is_in_the_order_of_the_file(folder: Path) -> None:
    tube = next(t for t in sheet(folder, "fcs_files").itertuples() if t.panel == "panel_a")
    data = flowio.FlowData(folder / "data" / tube.path)
    events = pd.DataFrame(
        np.reshape(data.events, (-1, data.channel_count)), columns=data.pnn_labels
    )
    events_truth = parquet.read_table(
        folder / "truth" / "events" / f"{tube.file_id}.parquet"
    ).to_pandas()
    assert len(events) == len(events_truth) == 2_000
    side = events["SSC-A"].groupby(events_truth["population"].astype(str)).median()
    assert side["bead"] > 100_000
    assert side["cd4_t_cells"] < 40_000
    assert side["monocytes"] > 50_000


def test_truth_tables_agree_with_the_drawing_function(folder: Path) -> None:
    drawn = cohort.simulate_measurement_truth("effect", 2, 4).set_index("participant_id")
    frequencies = truth(folder, "frequencies")
    mait = frequencies[frequencies["population"] == "mait"].set_index("participant_id")
    assert set(mait.index) == {*drawn.index, "BRIDGE"}
    np.testing.assert_allclose(mait.loc[drawn.index, "share_of_t"], drawn["share_mait"], rtol=1e-6)
    np.testing.assert_allclose(
        mait.loc[drawn.index, "cells_per_ul"], drawn["cells_per_ul_mait"], rtol=1e-6
    )
    pd.testing.assert_frame_equal(truth(folder, "effects"), cohort.true_effects("effect"))
    assert truth(folder, "markers")["share_positive"].between(0, 1).all()


def test_leaves_add_up_to_the_populations(folder: Path) -> None:
    key = truth(folder, "leaves")
    tube = next(t for t in sheet(folder, "fcs_files").itertuples() if t.tube == "stained")
    path = folder / "truth" / "events" / f"{tube.file_id}.parquet"
    shares = json.loads(parquet.read_schema(path).metadata[b"simulated"])["shares"]
    by_population = key.assign(share=key["leaf"].map(shares)).groupby("population")["share"].sum()
    participant = sheet(folder, "samples").set_index("sample_id").loc[tube.sample_id]
    expected = truth(folder, "frequencies").set_index(["participant_id", "population"])
    for name in by_population.index.drop(["va72_pos"]):
        assert by_population[name] / by_population["t_cells"] == pytest.approx(
            expected.loc[(participant["participant_id"], name), "share_of_t"], rel=1e-5
        ), name


def test_a_real_study_is_not_overwritten(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "config.yaml").write_text("study: {name: mine}\n", encoding="utf-8")
    with pytest.raises(ItcError, match="not simulated; choose another folder"):
        study.simulate_study(tmp_path, seed=1, **MINI)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["config.yaml"]


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ItcError, match="the folder is not empty"):
        study.simulate_study(tmp_path, seed=1, **MINI)


def test_a_simulated_study_is_written_anew_without_leftovers(tmp_path: Path) -> None:
    small = {"scenario": "null", "events": 1_000, "cells": 0}
    study.simulate_study(tmp_path, seed=1, per_group=2, **small)
    study.simulate_study(tmp_path, seed=1, per_group=1, **small)
    left = {p.stem for p in (tmp_path / "data" / "flow").iterdir()}
    assert left == set(sheet(tmp_path, "fcs_files")["file_id"])


def test_all_wrong_arguments_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ItcError) as caught:
        study.simulate_study(
            tmp_path / "x",
            scenario="efect",  # type: ignore[arg-type]
            seed=-1,
            per_group=2,
            events=10,
            cells=3,
            batches=5,
        )
    words = str(caught.value)
    assert "arguments: 5 faults" in words
    assert "--scenario, unknown scenario 'efect'; did you mean 'effect'?" in words
    assert "5 batches cannot each hold every group; take 1 to 2" in words
    assert not (tmp_path / "x").exists()


def test_missing_packaged_file_is_named() -> None:
    with pytest.raises(ItcError, match=r"resources/gating/panel_z\.yaml"):
        panels.resource_path("gating/panel_z.yaml")


@pytest.mark.parametrize("n_batches", [1, 2, 4])
def test_groups_are_dealt_evenly_over_batches(n_batches: int) -> None:
    sizes = {"SSc": 9, "SLE": 5, "healthy": 4}
    people = cohort.simulate_measurement_truth("null", sizes, 1)
    batch_of = assign_batches(people, n_batches, np.random.default_rng(1))
    table = pd.crosstab(people["group"], people["participant_id"].map(batch_of))
    assert (table > 0).all(axis=None)
    assert ((table.max(axis=1) - table.min(axis=1)) <= 1).all()
    assert table.sum().max() - table.sum().min() <= 1


def test_default_batches_hold_about_twelve_and_every_group() -> None:
    assert default_batches(dict.fromkeys(cohort.GROUPS, 6)) == 3
    assert default_batches(dict.fromkeys(cohort.GROUPS, 2)) == 2
    assert default_batches(dict.fromkeys(cohort.GROUPS, 1)) == 1
    assert default_batches({**dict.fromkeys(cohort.GROUPS, 6), "SSc": 60}) == 6
