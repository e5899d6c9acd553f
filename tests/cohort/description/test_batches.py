"""Who was stained in which batch, read without pandas."""

from __future__ import annotations

from pathlib import Path

import pytest

from itc_analysis.cohort.description.batches import count_people, list_bridge_samples
from itc_analysis.config.sections import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    (tmp_path / "participants.tsv").write_text(
        "participant_id\tgroup\nP1\tSSc\nP2\tSSc\nP3\thealthy\nP4\thealthy\n"
    )
    (tmp_path / "samples.tsv").write_text(
        "sample_id\tparticipant_id\tsample_type\nS1\tP1\tparticipant\nS2\tP2\tparticipant\n"
        "S3\tP3\tparticipant\nS4\tP4\tparticipant\nBRIDGE\t\tbridge_control\n"
    )
    return Study(
        participants=str(tmp_path / "participants.tsv"), samples=str(tmp_path / "samples.tsv")
    )


def tube(sample: str, batch: str, kind: str = "stained") -> dict[str, str]:
    return {"sample_id": sample, "batch": batch, "tube": kind}


def test_bridge_samples_are_those_of_the_sheet(study: Study) -> None:
    assert list_bridge_samples(study) == {"BRIDGE"}


def test_people_are_counted_once_per_batch_without_controls(study: Study) -> None:
    tubes = [
        tube("S1", "b1"), tube("S1", "b1"), tube("S2", "b1"), tube("S3", "b1"), tube("S4", "b2"),
        tube("S3", "b2", "fmo"), tube("BRIDGE", "b1"), tube("BRIDGE", "b2"),
    ]  # fmt: skip
    assert count_people(study, tubes) == [
        {"batch": "b1", "group": "SSc", "n_people": 2},
        {"batch": "b1", "group": "healthy", "n_people": 1},
        {"batch": "b2", "group": "healthy", "n_people": 1},
    ]
    assert count_people(study, []) == []
