"""The whole way, from files to the report, and what reruns when something is edited."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from itc_analysis import open_results
from itc_analysis.tables import contract
from itc_analysis.tables.flow.panelwide import AlignmentCheck
from workflow.running import rules_to_run, snakemake

pytestmark = pytest.mark.workflow


def test_a_finished_study_reruns_nothing(finished_study: Path, root: Path) -> None:
    assert rules_to_run(finished_study, root=root) == set()


def test_every_participant_of_the_sheet_is_in_the_results(finished_study: Path) -> None:
    study = open_results(finished_study / "results")
    sheet = (finished_study / "config" / "participants.tsv").read_text().splitlines()
    written = {line.split("\t")[0] for line in sheet[1:]}
    assert set(study.participants["participant_id"]) == written
    analysed = study.participants.query("is_analysed")["participant_id"]
    measured = study.measurements.query("measure == 'share_of_t' and population == 'mait'")
    assert set(analysed) <= set(measured["participant_id"].dropna())


def test_every_planned_comparison_has_its_row(finished_study: Path) -> None:
    study = open_results(finished_study / "results")
    primary = study.comparisons.query("family == 'primary'")
    assert set(primary["population"]) == {"mait", "inkt", "gd_t_cells", "innate_cd8"}
    assert set(primary["measure"]) == {"share_of_t", "cells_per_ul"}
    assert primary["reason"].notna()[primary["status"] == "not_estimable"].all()


def test_a_simulated_study_says_so_in_the_report(finished_study: Path) -> None:
    page = (finished_study / "results" / "report.html").read_text(encoding="utf-8")
    assert "simulated" in page.lower()


def test_an_edited_statistics_setting_reruns_only_what_follows_it(
    study_copy: Path, root: Path
) -> None:
    rules = rules_to_run(study_copy, "--config", "stats={min_per_group: 2}", root=root)
    assert rules == {"all", "plan_changes", "compare", "compare_genes", "report", "manifest"}


def test_a_corrected_age_does_not_regate(study_copy: Path, root: Path) -> None:
    sheet = study_copy / "config" / "participants.tsv"
    lines = sheet.read_text().splitlines()
    column = lines[0].split("\t").index("age_years")
    cells = lines[1].split("\t")
    cells[column] = str(float(cells[column]) + 1)
    lines[1] = "\t".join(cells)
    sheet.write_text("\n".join(lines) + "\n")
    rules = rules_to_run(study_copy, root=root)
    assert "check" in rules
    assert not rules & {"fit_gates", "pool_gates", "apply_gates", "annotate"}


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("participants.tsv", "check"),
        ("analysis_plan.yaml", "compare"),
        ("signatures.tsv", "score"),
        ("panels/panel_b.tsv", "fit_gates"),
        ("gating/panel_b.yaml", "fit_gates"),
    ],
)
def test_a_file_that_was_edited_and_bears_its_old_time_runs_its_steps(
    study_copy: Path, root: Path, name: str, rule: str
) -> None:
    file = study_copy / "config" / name
    times = file.stat()
    mark = "\n" if file.suffix == ".tsv" else "# looked at\n"
    file.write_text(file.read_text() + mark)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert rule in rules_to_run(study_copy, root=root)


def test_results_whose_making_is_not_known_are_refused(study_copy: Path, root: Path) -> None:
    page = study_copy / "results" / "review" / "panel_a.html"  # made on request, by itc review
    page.parent.mkdir()
    page.touch()
    assert rules_to_run(study_copy, root=root) == set()
    (study_copy / ".snakemake").rename(study_copy / "elsewhere")
    done = snakemake(study_copy, "--dry-run", root=root, check=False)
    assert done.returncode != 0
    assert "what made" in done.stdout + done.stderr
    assert snakemake(study_copy, "--dry-run", "--forceall", root=root).returncode == 0


def test_a_comment_in_the_settings_reruns_nothing(study_copy: Path, root: Path) -> None:
    config = study_copy / "config" / "config.yaml"
    config.write_text("# looked at\n" + config.read_text())
    assert rules_to_run(study_copy, root=root) == set()


def test_an_edited_compensation_matrix_gates_its_panel_again(study_copy: Path, root: Path) -> None:
    folder = study_copy / "matrices"
    folder.mkdir()
    for panel in ("panel_a", "panel_b"):
        (folder / f"{panel}.csv").write_text(",A,B\nA,1,0\nB,0,1\n")
    wanted = ("--config", "flow={matrices_folder: matrices}")
    snakemake(study_copy, "--touch", *wanted, root=root)
    assert rules_to_run(study_copy, *wanted, root=root) == set()
    (folder / "panel_a.csv").write_text(",A,B\nA,1,0.1\nB,0,1\n")
    done = snakemake(study_copy, "--dry-run", *wanted, root=root)
    said = done.stdout + done.stderr
    assert {"learn_scales", "fit_gates", "pool_gates", "apply_gates"} <= rules_to_run(
        study_copy, *wanted, root=root
    )
    assert "Learning gates: panel_a" in said
    assert "Learning gates: panel_b" not in said
    # a batch's own matrix takes the place of the panel's for this batch
    (folder / "panel_a.csv").write_text(",A,B\nA,1,0\nB,0,1\n")
    (folder / "panel_b-batch1.csv").write_text(",A,B\nA,1,0\nB,0,1\n")
    said = snakemake(study_copy, "--dry-run", *wanted, root=root).stdout
    assert "Learning gates: panel_b, batch batch1" in said


def test_a_folder_of_matrices_that_is_not_there_stops_before_any_job(
    study_copy: Path, root: Path
) -> None:
    wanted = ("--dry-run", "--config", "flow={matrices_folder: nowhere}")
    done = snakemake(study_copy, *wanted, root=root, check=False)
    assert done.returncode != 0
    assert "no folder 'nowhere'" in done.stdout + done.stderr


def test_batches_are_aligned_only_when_asked(study_copy: Path, root: Path) -> None:
    rules = rules_to_run(study_copy, "--config", "flow={align: true}", root=root)
    assert {"learn_alignment", "fit_gates", "apply_gates", "report"} <= rules
    wanted = ("--config", "flow={align: true}", "--until", "learn_alignment")
    snakemake(study_copy, *wanted, root=root)
    for panel, rare in (("panel_a", {"mait", "inkt"}), ("panel_b", {"innate_cd8"})):
        folder = study_copy / "results" / "flow" / panel
        check = contract.read(folder / "alignment.parquet", AlignmentCheck)
        assert set(check["batch"]) == {"batch1", "batch2"}
        assert rare <= set(check["population"])


def test_a_misspelt_setting_stops_before_any_job(study_copy: Path, root: Path) -> None:
    done = snakemake(
        study_copy, "--dry-run", "--config", "flow={min_evnts: 2}", root=root, check=False
    )
    assert done.returncode != 0
    assert "unknown setting 'min_evnts'; did you mean 'min_events'?" in done.stdout + done.stderr


@pytest.mark.parametrize("more", [(), ("--config", "flow={min_events: 500}")])
def test_settings_that_were_not_named_are_not_passed_over(
    tmp_path: Path, root: Path, more: tuple[str, ...]
) -> None:
    settings = tmp_path / "config" / "config.yaml"
    settings.parent.mkdir()
    settings.write_text("study:\n  results_folder: mine\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "-s", str(root / "workflow" / "Snakefile")),
            *("--directory", str(tmp_path), "--dry-run", *more),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "add --configfile config/config.yaml" in done.stdout + done.stderr


def test_a_truncated_tube_is_recorded_and_the_others_are_unharmed(
    study_copy: Path, root: Path
) -> None:
    before = open_results(study_copy / "results").counts.query("status == 'ok'")
    tube = before.query("source_id.str.endswith('panel_b')", engine="python")["source_id"].iloc[0]
    path = next((study_copy / "data" / "flow").glob(f"{tube}.fcs"))
    path.write_bytes(path.read_bytes()[:5000])
    snakemake(study_copy, root=root)
    study = open_results(study_copy / "results")
    rows = study.measurements[study.measurements["source_id"] == tube]
    assert len(rows)
    assert set(rows["status"]) <= {"unreadable", "excluded"}
    after = study.counts.query("status == 'ok'")
    others = before[before["source_id"] != tube]
    assert set(others["source_id"]) <= set(after["source_id"])
    page = (study_copy / "results" / "report.html").read_text(encoding="utf-8")
    assert tube in page


def test_the_workflow_lints_clean(finished_study: Path, root: Path) -> None:
    done = snakemake(finished_study, "--lint", root=root, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("gating/panel_a.yaml", "markers: [CD3]", "markers: [CD33]", "marker 'CD33' is not in"),
        ("analysis_plan.yaml", "adjustment: holm", "adjustment: homl", "homl"),
    ],
    ids=["gating template", "plan"],
)
def test_what_the_check_refuses_the_workflow_refuses_before_its_first_job(
    study_copy: Path, root: Path, file: str, old: str, new: str, words: str
) -> None:
    path = study_copy / "config" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    done = snakemake(study_copy, "--dry-run", root=root, check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert words in said
    assert "Job stats" not in said
