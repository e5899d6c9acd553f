"""A finished run is traced to its bytes, verified byte by byte, and described."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cluster.identities import contents_of
from itc_analysis import open_results
from itc_analysis.cli import main
from itc_analysis.config.loading import load_settings
from itc_analysis.provenance import sha256
from itc_analysis.runs.contents import contents
from itc_analysis.tracing.inputs import list_inputs

pytestmark = pytest.mark.workflow


@pytest.fixture
def here(study_copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(study_copy)
    return study_copy


def traced(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["trace", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def somebody(study: Path, measure: str, feature: str = "-") -> tuple[str, str]:
    """Return a participant with a MAIT number in panel_a, and what results call the tube's file."""
    rows = open_results(study / "results").measurements
    rows = rows[
        (rows["population"] == "mait") & (rows["measure"] == measure)
        & (rows["feature"] == feature) & (rows["assay"] == "flow")
        & rows["participant_id"].notna() & rows["source_id"].str.endswith("panel_a")
    ]  # fmt: skip
    row = rows.sort_values("status").iloc[-1]
    return str(row["participant_id"]), f"data/tubes/{row['source_id']}"


def inputs_of(study: Path) -> dict[str, Path]:
    """Return the files that the study was made from, by what results call them."""
    settings = load_settings("config/config.yaml")
    return {name: study / path for name, path in list_inputs(settings.study, settings.flow).items()}


def test_a_share_ends_at_the_bytes_of_its_tube(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whom, tube = somebody(here, "share_of_t")
    found = traced(capsys, "mait", whom)
    assert found["breaks"] == []
    assert found["inputs"][tube] == sha256(inputs_of(here)[tube])
    assert {"config/panels/panel_a.tsv", "config/gating/panel_a.yaml"} <= set(found["inputs"])
    assert [name for name in found["inputs"] if name.startswith("data/")] == [tube]
    steps = [step["what"] for step in found["steps"]]
    assert {"gate mait", "gate t_cells", "counted", "settings", "made by"} <= set(steps)
    assert main(["trace", "mait", whom]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) <= 50
    file = inputs_of(here)[tube].relative_to(here)
    assert any(line.endswith(f"{tube} ({file})") for line in said)
    assert said[-1] == "every file on the way has the bytes that were read"


def test_a_score_names_its_markers_and_ends_at_bytes(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whom, tube = somebody(here, "score", "exhaustion")
    found = traced(capsys, "mait", whom, "--measure", "score", "--feature", "exhaustion")
    assert found["breaks"] == []
    assert found["inputs"][tube] == sha256(inputs_of(here)[tube])
    assert "config/signatures.tsv" in found["inputs"]
    steps = [step["what"] for step in found["steps"]]
    assert "scored" in steps
    assert "positive: PD-1" in steps


def test_a_comparison_ends_at_every_tube_and_its_plan(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = traced(capsys, "mait", "SSc vs healthy")
    assert found["breaks"] == []
    tubes = {f"data/tubes/{tube}" for tube in open_results(here / "results").tubes["file_id"]}
    assert tubes <= set(found["inputs"])
    assert found["inputs"]["config/analysis_plan.yaml"] == sha256(
        here / "config/analysis_plan.yaml"
    )
    files = inputs_of(here)
    assert all(sha256(files[name]) == digest for name, digest in found["inputs"].items())


def test_where_the_chain_breaks_it_says_so(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whom, tube = somebody(here, "share_of_t")
    file = inputs_of(here)[tube]
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.chmod(0o644)
    file.write_bytes(bytes(data))
    (said,) = traced(capsys, "mait", whom)["breaks"]
    assert said.startswith(f"the chain breaks at {tube}")


def test_an_unknown_name_is_refused_with_the_nearest(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whom, _ = somebody(here, "share_of_t")
    assert main(["trace", "mait", f"{whom}x"]) == 2
    assert f"did you mean '{whom}" in capsys.readouterr().err
    assert main(["trace", "maitt", whom]) == 2
    assert "did you mean 'mait'?" in capsys.readouterr().err


def test_verify_names_the_one_file_with_an_altered_byte(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "results"]) == 0
    assert "as in the manifest" in capsys.readouterr().out
    _, tube = somebody(here, "share_of_t")
    file = inputs_of(here)[tube].relative_to(here).as_posix()
    for name, told in (
        (
            "results/flow/panel_a/batch1/gates.parquet",
            "results flow/panel_a/batch1/gates.parquet, altered",
        ),
        (file, f"inputs {tube} ({file}), altered"),
        ("config/participants.tsv", "inputs config/participants.tsv, altered"),
        ("results/ro-crate-metadata.json", "results ro-crate-metadata.json, altered"),
    ):
        path = here / name
        before = path.read_bytes()
        data = bytearray(before)
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))
        assert main(["verify", "results"]) == 2
        said = capsys.readouterr().err
        assert told in said
        assert "1 fault" in said
        path.write_bytes(before)
    assert main(["verify", "results"]) == 0


def test_manifest_and_crate_are_the_same_for_the_same_study(here: Path, root: Path) -> None:
    before = {name: (here / "results" / name).read_bytes()
              for name in ("manifest.json", "ro-crate-metadata.json")}  # fmt: skip
    again = ("manifest", "--config", "config/config.yaml", "--results", "results",
             "--snakefile", str(root / "workflow" / "Snakefile"))  # fmt: skip
    assert main([*again]) == 0
    for name, data in before.items():
        assert (here / "results" / name).read_bytes() == data
        assert str(root).encode() not in data
        assert str(here).encode() not in data


def test_there_is_no_manifest_of_inputs_that_changed_during_the_run(
    here: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings("config/config.yaml")
    inputs = list_inputs(settings.study, settings.flow)
    began = ("manifest", "--config", "config/config.yaml", "--results", "results",
             "--snakefile", str(root / "workflow" / "Snakefile"),
             "--content", contents(inputs.values()))  # fmt: skip
    assert main([*began]) == 0
    tube = next(path for path in inputs.values() if path.suffix == ".fcs")
    data = bytearray(tube.read_bytes())
    data[-1] ^= 1
    tube.unlink()
    tube.write_bytes(data)
    assert main([*began]) == 2
    assert "inputs changed after the run began" in capsys.readouterr().err
    assert not (here / "results" / "manifest.json").exists()
    assert not (here / "results" / "ro-crate-metadata.json").exists()


def test_the_crate_holds_every_file_and_every_reference(here: Path) -> None:
    results = here / "results"
    crate = json.loads((results / "ro-crate-metadata.json").read_text())
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    files = [e for e in crate["@graph"] if "File" in e["@type"]]
    assert files
    for entity in files:
        assert sha256(results / entity["@id"]) == entity["sha256"]
    root = entities["./"]
    assert {part["@id"] for part in root["hasPart"]} == {entity["@id"] for entity in files}
    workflow = entities[root["mainEntity"]["@id"]]
    assert "ComputationalWorkflow" in workflow["@type"]
    run = entities[root["mentions"]["@id"]]
    named = [*run["object"], *run["result"], run["instrument"], *root["conformsTo"]]
    assert all(reference["@id"] in entities for reference in named)
    tubes = open_results(results).tubes["file_id"]
    assert {f"#input/data/tubes/{tube}" for tube in tubes} <= {
        item["@id"] for item in run["object"]
    }


def test_no_output_says_what_a_data_file_is_called(
    finished_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of people are looked for in `cluster.test_reproducible`, in a study without cells."""
    monkeypatch.chdir(finished_study)
    settings = load_settings("config/config.yaml")
    inputs = list_inputs(settings.study, settings.flow)
    called = {path.name for name, path in inputs.items() if name.startswith("data/")}
    assert len(called) > 50
    found = {
        (path.as_posix(), word)
        for path in sorted(Path("results").rglob("*"))
        if path.is_file()
        for content in contents_of(path)
        for word in set(re.findall(r"(?<![\w-])[\w-]{1,90}\.(?:fcs|h5|csv)\b", content)) & called
    }
    assert found == set()


def test_status_counts_what_is_done_failed_and_to_do(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 0
    said = capsys.readouterr().out
    assert "failed" not in said
    assert "to do" not in said
    (here / "results" / "report.html").unlink()
    (here / "results" / "logs" / "report.log").write_text(
        "drew 2 gates\nitc report: Comparisons: 1 fault\n  the reason\n"
    )
    (here / "results" / "genes.parquet").unlink()
    (here / "results" / "logs" / "compare_genes.log").unlink()
    assert main(["status"]) == 0
    said = capsys.readouterr().out
    assert "failed: report: Comparisons: 1 fault; the reason (logs/report.log)" in said
    assert "compare-genes" in said
    assert "1 to do" in said
    assert len(said.splitlines()) < 40
