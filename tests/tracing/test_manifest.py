"""The manifest names every byte, and is the same for the same study."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from itc_analysis.errors import ItcError
from itc_analysis.tracing.manifest import (
    MANIFEST,
    Finding,
    make_manifest,
    read_manifest,
    to_text,
    verify,
)


@pytest.fixture
def study(tmp_path: Path) -> tuple[Path, dict[str, Path]]:
    results = tmp_path / "results"
    for name in ("scores.parquet", "flow/a/gates.parquet", "logs/score.log",
                 "flow/a/overview/.snakemake_timestamp"):  # fmt: skip
        path = results / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    tube = tmp_path / "tube.fcs"
    tube.write_bytes(b"FCS3.1 bytes")
    return results, {"data/tube.fcs": tube}


def written(results: Path, inputs: dict[str, Path]) -> None:
    settings = {"study": {"data_folder": "/elsewhere/data", "name": "x"}}
    manifest = make_manifest(inputs, results, settings=settings, software="1")
    (results / MANIFEST).write_text(to_text(manifest))


def test_digests_are_those_of_the_bytes(study: tuple[Path, dict[str, Path]]) -> None:
    results, inputs = study
    written(results, inputs)
    manifest = read_manifest(results)
    assert manifest["inputs"] == {"data/tube.fcs": hashlib.sha256(b"FCS3.1 bytes").hexdigest()}
    assert set(manifest["results"]) == {"scores.parquet", "flow/a/gates.parquet"}
    assert "/home" not in (results / MANIFEST).read_text()
    before = (results / MANIFEST).read_bytes()
    written(results, inputs)
    assert (results / MANIFEST).read_bytes() == before


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("results/scores.parquet", Finding("results", "scores.parquet", "altered")),
        ("tube.fcs", Finding("inputs", "data/tube.fcs", "altered")),
    ],
)
def test_one_altered_byte_is_noticed(
    study: tuple[Path, dict[str, Path]], name: str, finding: Finding
) -> None:
    results, inputs = study
    written(results, inputs)
    assert verify(read_manifest(results), results, inputs) == []
    path = results.parent / name
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(bytes(data))
    assert verify(read_manifest(results), results, inputs) == [finding]


def test_missing_and_new_files_are_named(study: tuple[Path, dict[str, Path]]) -> None:
    results, inputs = study
    written(results, inputs)
    (results / "scores.parquet").rename(results / "scores_old.parquet")
    inputs["data/tube.fcs"].unlink()
    assert verify(read_manifest(results), results, inputs) == [
        Finding("results", "scores.parquet", "missing"),
        Finding("results", "scores_old.parquet", "not in the manifest"),
        Finding("inputs", "data/tube.fcs", "missing"),
    ]
    assert len(verify(read_manifest(results), results, None)) == 2


@pytest.mark.parametrize("edit", ["digest", "space", "cut"])
def test_an_edited_manifest_is_refused(study: tuple[Path, dict[str, Path]], edit: str) -> None:
    results, inputs = study
    written(results, inputs)
    path = results / MANIFEST
    text = path.read_text()
    if edit == "digest":
        stored = json.loads(text)
        stored["results"]["scores.parquet"] = "0" * 64
        text = json.dumps(stored, indent=1, sort_keys=True) + "\n"
    path.write_text({"digest": text, "space": text + " ", "cut": text[:-20]}[edit])
    with pytest.raises(ItcError, match="the manifest itself was altered"):
        read_manifest(results)


def test_a_run_without_manifest_says_so(tmp_path: Path) -> None:
    with pytest.raises(ItcError, match="no manifest here"):
        read_manifest(tmp_path)
