"""A release knows its tubes, lays out its files, and is read only whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from itc_analysis.config.sections import Flow, Settings, Study
from itc_analysis.errors import ItcError
from itc_analysis.provenance import sha256
from itc_analysis.tracing import release as releases


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of a study whose only panel is frozen."""
    monkeypatch.chdir(tmp_path)
    for name in ("config/gating/p.yaml", "config/panels/p.tsv", "data/old.fcs", "data/new.fcs"):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    settings = Settings(study=Study(frozen_folder="config/frozen"))
    files = {}
    for name in releases.frozen_files("p", is_aligned=False):
        path = Path("config/frozen") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"frozen {name}".encode())
        files[name] = sha256(path)
    panel = {
        "files": files,
        "decided_by": releases.decided_by(settings, "p"),
        "tubes": {"old": releases.told_of(row("old"))},
    }
    Path("config/frozen/release.json").write_text(releases.to_text("1", "0", {"p": panel}))
    return settings


def row(name: str, **other: Any) -> dict[str, Any]:
    return {
        "file_id": name, "panel": "p", "batch": "b1", "tube": "stained", "fmo_markers": None,
        "condition": None, "path": f"data/{name}.fcs", **other,
    }  # fmt: skip


def read(settings: Settings) -> releases.Release:
    found = releases.read_release(settings)
    assert found is not None
    return found


def test_the_files_of_record_are_scales_gates_and_identities() -> None:
    assert releases.frozen_files("p", is_aligned=False) == [
        "flow/p/scales.parquet", "flow/p/spill.parquet", "flow/p/identity.parquet",
        "flow/p/pooled_gates.parquet",
    ]  # fmt: skip
    assert "flow/p/landmarks.parquet" in releases.frozen_files("p", is_aligned=True)


def test_later_tubes_are_those_with_other_events_or_another_row(study: Settings) -> None:
    release = read(study)
    assert release.later_tubes([row("old")]) == []
    assert [r["file_id"] for r in release.later_tubes([row("old"), row("new")])] == ["new"]
    assert release.later_tubes([row("old", batch="b2")]) != []
    # the sheet's other columns change no gate
    assert release.later_tubes([row("old", sample_id="S2", bead_lot="L2")]) == []
    assert release.later_tubes([row("new", panel="another")]) == []
    Path("data/old.fcs").write_text("other events")
    assert [r["file_id"] for r in read(study).later_tubes([row("old")])] == ["old"]


def test_files_of_record_are_taken_over_where_the_results_hold_others(study: Settings) -> None:
    release, gates = read(study), "flow/p/pooled_gates.parquet"
    names = release.missing_in("results")
    assert gates in names
    for name in names:
        Path("results", name).parent.mkdir(parents=True, exist_ok=True)
        Path("results", name).write_bytes(Path(release.folder, name).read_bytes())
    assert release.missing_in("results") == []
    Path("results", gates).write_bytes(b"something else")
    assert release.missing_in("results") == [gates]


def test_what_earlier_sheets_and_releases_made_is_not_left_over(tmp_path: Path) -> None:
    names = [
        "flow/a/added_gates.parquet", "flow/a/moved_gates.parquet", "flow/a/scales.parquet",
        "flow/a/b1/counts.parquet", "flow/a/b1/gatingml/x.xml", "flow/a/overview/index.html",
        "flow/b/added_gates.parquet", "flow/b/scales.parquet", "flow/b/b1/counts.parquet",
        "flow/b/b2/counts.parquet", "flow/b/b2/gatingml/x.xml", "flow/b/b2/mine.txt",
        "flow/c/scales.parquet", "flow/c/b1/counts.parquet", "flow/c/overview/index.html",
        "singlecell/l1/cells.parquet", "singlecell/l1/x.h5ad", "singlecell/l2/cells.parquet",
        "singlecell/l2/x.h5ad", "measurements.parquet",
    ]  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    batches = {("a", "b1"), ("b", "b1")}
    releases.drop_left_over(tmp_path, batches=batches, library_batches={"l1"}, grown=["a"])
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert set(names) - left == {
        "flow/b/added_gates.parquet", "flow/b/b2/counts.parquet", "flow/b/b2/gatingml/x.xml",
        "flow/c/scales.parquet", "flow/c/b1/counts.parquet", "flow/c/overview/index.html",
        "singlecell/l2/cells.parquet", "singlecell/l2/x.h5ad",
    }  # fmt: skip
    assert not (tmp_path / "flow" / "c").exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            "config/gating/p.yaml",
            "changed since its gates were frozen: config/gating/p.yaml; take the",
        ),
        ("config/panels/p.tsv", "changed since its gates were frozen: config/panels/p.tsv"),
        ("config/frozen/flow/p/scales.parquet", "the file of record was altered"),
        ("config/frozen/release.json", "it cannot be read as a release"),
    ],
)
def test_a_release_that_does_not_hold_any_more_is_refused(
    study: Settings, changed: str, words: str
) -> None:
    Path(changed).write_text("changed")
    with pytest.raises(ItcError) as caught:
        read(study)
    assert words in str(caught.value)


def test_a_changed_setting_of_gating_is_refused_and_another_one_is_not(study: Settings) -> None:
    plain = study.model_dump()
    read(Settings.model_validate(plain | {"stats": {"n_permutations": 199}}))
    with pytest.raises(ItcError, match="settings of gating"):
        read(Settings.model_validate(plain | {"flow": {"outlier_mads": 9.0}}))


def test_an_edited_compensation_matrix_is_refused_and_one_of_a_new_batch_is_not(
    study: Settings,
) -> None:
    folder = Path("config/matrices")
    folder.mkdir()
    (folder / "p-b1.csv").write_text("a matrix")
    settings = study.model_copy(update={"flow": Flow(matrices_folder=str(folder))})
    record = Path("config/frozen/release.json")
    stored = json.loads(record.read_text())
    panel = stored["panels"]["p"]
    panel["decided_by"] = releases.decided_by(settings, "p", ["b1"])
    record.write_text(json.dumps(stored))
    (folder / "p-b2.csv").write_text("the matrix of a later batch")
    read(settings)
    (folder / "p-b1.csv").write_text("an edited matrix")
    with pytest.raises(ItcError, match="changed since its gates were frozen: compensation matri"):
        read(settings)
    (folder / "p-b1.csv").unlink()
    with pytest.raises(ItcError, match="changed since its gates were frozen: compensation matri"):
        read(settings)


def test_a_folder_without_release_says_what_to_do(study: Settings) -> None:
    Path("config/frozen/release.json").unlink()
    with pytest.raises(ItcError, match="call `itc freeze` after a finished run"):
        read(study)
    assert releases.read_release(Settings()) is None


def test_a_new_batch_is_refused_where_batches_are_aligned(study: Settings) -> None:
    release = read(study)
    later = [row("old"), row("new", batch="b2")]
    releases.refuse_new_batches(release, later, is_aligned=False)
    releases.refuse_new_batches(release, [row("old"), row("new")], is_aligned=True)
    with pytest.raises(ItcError, match=r"p, batch 'b2', its alignment is not part of the release"):
        releases.refuse_new_batches(release, later, is_aligned=True)
    assert json.loads(Path("config/frozen/release.json").read_text())["name"] == "1"
