"""A participant who is added to a finished study: which jobs run again, and no others."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from workflow.running import snakemake

pytestmark = pytest.mark.workflow


def jobs_to_run(study: Path, root: Path) -> list[str]:
    """Return the message of every job of a dry run."""
    done = snakemake(study, "--dry-run", root=root)
    said = done.stdout + done.stderr
    return sorted(re.findall(r"^Job \d+: (.+)$", said, flags=re.MULTILINE))


def test_a_new_participant_reruns_their_panel_and_what_follows_it(
    study_copy: Path, root: Path
) -> None:
    config = study_copy / "config"
    people = (config / "participants.tsv").read_text().splitlines()
    newcomer = "\t".join(["P900", *people[1].split("\t")[1:]])
    (config / "participants.tsv").write_text("\n".join([*people, newcomer]) + "\n")
    samples = (config / "samples.tsv").read_text().splitlines()
    sample = "\t".join(["S900", "P900", *samples[1].split("\t")[2:]])
    (config / "samples.tsv").write_text("\n".join([*samples, sample]) + "\n")
    tubes = (config / "fcs_files.tsv").read_text().splitlines()
    like = next(row for row in tubes[1:] if "\tpanel_a\tbatch2\tstained" in row).split("\t")
    copied = study_copy / "data" / "flow" / "S900_panel_a.fcs"
    shutil.copy(study_copy / "data" / like[2], copied)
    row = "\t".join(["S900_panel_a", "S900", "flow/S900_panel_a.fcs", *like[3:]])
    (config / "fcs_files.tsv").write_text("\n".join([*tubes, row]) + "\n")
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
