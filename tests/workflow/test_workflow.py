"""The whole way, from files to the report, and what reruns when something is edited."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from itc_analysis import open_results

pytestmark = pytest.mark.workflow


def snakemake(
    study: Path, *arguments: str, root: Path, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run the workflow with the study's folder as working directory, as the README says."""
    done = subprocess.run(
        [
            sys.executable, "-m", "snakemake", "-s", str(root / "workflow" / "Snakefile"),
            "--workflow-profile", str(root / "workflow" / "profiles" / "default"),
            "--configfile", str(study / "config" / "config.yaml"), "--directory", str(study),
            *arguments,
        ],
        capture_output=True, text=True, check=False,
        env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip
    if check and done.returncode != 0:
        pytest.fail(f"snakemake exited with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def rules_to_run(study: Path, *arguments: str, root: Path) -> set[str]:
    """Return the names of the rules that a dry run would execute, from its table of jobs."""
    done = snakemake(study, "--dry-run", *arguments, root=root)
    said = done.stdout + done.stderr
    if "Job stats:" not in said:
        assert "Nothing to be done" in said
        return set()
    table = said.split("Job stats:")[-1].split("total")[0]
    return set(re.findall(r"^(\w+) +\d+$", table, flags=re.M))


@pytest.fixture
def study_copy(finished_study: Path, tmp_path: Path) -> Path:
    """Return a copy of the finished study that a test may edit; file times are kept."""
    copy = tmp_path / "study"
    shutil.copytree(finished_study, copy, symlinks=True)
    return copy


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
    assert rules == {"all", "compare", "report"}


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


def test_a_comment_in_the_settings_reruns_nothing(study_copy: Path, root: Path) -> None:
    config = study_copy / "config" / "config.yaml"
    config.write_text("# looked at\n" + config.read_text())
    assert rules_to_run(study_copy, root=root) == set()


def test_a_misspelt_setting_stops_before_any_job(study_copy: Path, root: Path) -> None:
    done = snakemake(
        study_copy, "--dry-run", "--config", "flow={min_evnts: 2}", root=root, check=False
    )
    assert done.returncode != 0
    assert "unknown setting 'min_evnts'; did you mean 'min_events'?" in done.stdout + done.stderr


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
