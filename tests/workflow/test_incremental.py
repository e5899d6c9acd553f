"""A participant who is added to a finished study: which jobs run again, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from cluster.large_study import draw_again
from itc_analysis.cli import main
from workflow.running import snakemake

pytestmark = pytest.mark.workflow


def jobs_to_run(study: Path, root: Path) -> list[str]:
    """Return the message of every job of a dry run."""
    done = snakemake(study, "--dry-run", root=root)
    said = done.stdout + done.stderr
    return sorted(re.findall(r"^Job \d+: (.+)$", said, flags=re.MULTILINE))


def add_participant(study: Path) -> None:
    """Enter a participant with one tube, in an old batch of panel_a."""
    config = study / "config"
    people = (config / "participants.tsv").read_text().splitlines()
    newcomer = "\t".join(["P900", *people[1].split("\t")[1:]])
    (config / "participants.tsv").write_text("\n".join([*people, newcomer]) + "\n")
    samples = (config / "samples.tsv").read_text().splitlines()
    sample = "\t".join(["S900", "P900", *samples[1].split("\t")[2:]])
    (config / "samples.tsv").write_text("\n".join([*samples, sample]) + "\n")
    tubes = (config / "fcs_files.tsv").read_text().splitlines()
    like = next(row for row in tubes[1:] if "\tpanel_a\tbatch2\tstained" in row).split("\t")
    copied = study / "data" / "flow" / "S900_panel_a.fcs"
    draw_again(study / "data" / like[2], copied, np.random.default_rng(16))
    row = "\t".join(["S900_panel_a", "S900", "flow/S900_panel_a.fcs", *like[3:]])
    (config / "fcs_files.tsv").write_text("\n".join([*tubes, row]) + "\n")


def freeze(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Freeze a release, and let the study keep it."""
    monkeypatch.chdir(study)
    assert main(["freeze"]) == 0
    config = study / "config" / "config.yaml"
    text = config.read_text().replace("study:\n", "study:\n  frozen_folder: config/frozen\n", 1)
    config.write_text(text)


def test_a_new_participant_reruns_their_panel_and_what_follows_it(
    study_copy: Path, root: Path
) -> None:
    """Without a release: everything is learned on all tubes."""
    add_participant(study_copy)
    jobs = jobs_to_run(study_copy, root)
    # nothing of panel_b, and no single-cell library
    assert jobs == sorted(
        [
            "Checking sheets and eligibility",
            # up to 24 tubes of a panel teach its scales, so that another one may change them
            "Learning scales: panel_a",
            "Learning gates: panel_a, batch batch1",
            "Learning gates: panel_a, batch batch2",
            "Pooling gates: panel_a",
            # pooled gates may move every tube of the panel
            "Counting populations: panel_a, batch batch1",
            "Counting populations: panel_a, batch batch2",
            "Drawing every gate: panel_a",
            "Scoring exhaustion and activation",
            "Measuring responses to stimulation",
            "Collecting measurements",
            "Naming what may be said of each participant",
            "Comparing groups",
            "Comparing genes",
            "Writing the report",
            "Writing the manifest",
        ]
    )


def test_a_release_keeps_everything_but_the_newcomers_batch(
    study_copy: Path,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    freeze(study_copy, monkeypatch)
    # nothing that has run runs again for a release; the manifest lists its files
    assert jobs_to_run(study_copy, root) == ["Writing the manifest"]
    add_participant(study_copy)
    jobs = jobs_to_run(study_copy, root)
    assert jobs == sorted(
        [
            "Checking sheets and eligibility",
            "Learning gates: panel_a, batch batch2",
            "Pooling gates: panel_a",
            "Counting populations: panel_a, batch batch2",
            "Drawing every gate: panel_a",
            "Scoring exhaustion and activation",
            "Measuring responses to stimulation",
            "Collecting measurements",
            "Naming what may be said of each participant",
            "Comparing groups",
            "Comparing genes",
            "Writing the report",
            "Writing the manifest",
        ]
    )
    capsys.readouterr()
    assert main(["status", "--plan", "--snakefile", str(root / "workflow" / "Snakefile")]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "1 tube new, 1 batch to gate, comparisons to repeat; nothing else changes ("
    )
    assert "  1 batch to gate: panel_a batch2\n" in said
    counts = "results/flow/panel_a/{}/counts.parquet"
    before = {batch: (study_copy / counts.format(batch)) for batch in ("batch1", "batch2")}
    bytes_before = before["batch1"].read_bytes()
    old = parquet.read_table(before["batch2"]).to_pandas()
    snakemake(study_copy, "--until", "overview", "measure", root=root)
    # the older batch was not touched, and in the newcomer's no older tube's count moved
    assert before["batch1"].read_bytes() == bytes_before
    new = parquet.read_table(before["batch2"]).to_pandas()
    is_new = new["source_id"] == "S900_panel_a"
    assert is_new.any()
    assert new[~is_new].reset_index(drop=True).equals(old)
    moved = parquet.read_table(study_copy / "results/flow/panel_a/moved_gates.parquet").to_pandas()
    assert moved["n_tubes"].sum() > 0
    assert set(moved["batch"]) == {"batch1", "batch2"}
    # and the chain of what was made from what ends at the files of record
    capsys.readouterr()
    assert main(["trace", "mait", "P001", "--json"]) == 0
    assert "config/frozen/flow/panel_a/pooled_gates.parquet" in capsys.readouterr().out


def test_what_decides_on_frozen_gates_must_not_change_under_them(
    study_copy: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    freeze(study_copy, monkeypatch)
    setting = ("--config", "flow={outlier_mads: 7}")
    done = snakemake(study_copy, "--dry-run", *setting, root=root, check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "changed since its gates were frozen: settings of gating (flow, function)" in said
    assert "set study.frozen_folder to null, run the workflow, and call `itc freeze` again" in said
    record = study_copy / "config" / "frozen" / "flow" / "panel_a" / "scales.parquet"
    record.write_bytes(record.read_bytes() + b"x")
    done = snakemake(study_copy, "--dry-run", root=root, check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "the file of record was altered; take it from your archive, or freeze again" in said


def test_only_a_finished_run_is_frozen(
    study_copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(study_copy)
    template = study_copy / "config" / "gating" / "panel_a.yaml"
    template.write_text(template.read_text() + "# changed\n")
    assert main(["freeze"]) == 2
    said = capsys.readouterr().err
    assert "config/gating/panel_a.yaml, has changed since the last finished run" in said
    assert "nothing was frozen" in said
    assert not (study_copy / "config" / "frozen").exists()
