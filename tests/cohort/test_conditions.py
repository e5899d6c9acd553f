"""Conditions of tubes: named in the settings, and each stimulation with its control."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cohort.cohort_examples import two_groups, write_study
from itc_analysis.cohort.conditions import condition_faults, tubes_without_control
from itc_analysis.cohort.study import read_cohort
from itc_analysis.config.sections import Conditions, Study
from itc_analysis.errors import ItcError

CONDITIONS = Conditions(controls={"il12": "unstimulated"})


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_study(tmp_path)


def with_conditions(study: Study, **conditions: str) -> None:
    path = Path(str(study.fcs_files))
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    named = [f"{line}\t{conditions.get(line.split(chr(9))[0], '')}" for line in lines]
    path.write_text("\n".join([f"{header}\tcondition", *named]) + "\n", encoding="utf-8")


def test_a_condition_that_the_settings_lack_says_which_was_meant(study: Study) -> None:
    with_conditions(study, S001_a="il21", S002_a="unstimulated")
    with pytest.raises(ItcError, match="condition 'il21' is not in the settings") as caught:
        read_cohort(study, two_groups(), CONDITIONS)
    assert "did you mean 'il12'" in str(caught.value)


def test_a_stimulation_without_any_control_is_refused_in_one_sentence(study: Study) -> None:
    with_conditions(study, S001_a="il12", S002_a="il12")
    with pytest.raises(ItcError) as caught:
        read_cohort(study, two_groups(), CONDITIONS)
    (fault,) = caught.value.faults
    assert "no stained tube is of condition 'unstimulated', the control of 'il12'" in str(fault)


def test_one_person_without_control_is_named_and_stops_nothing(study: Study) -> None:
    with_conditions(study, S001_a="il12", S002_a="unstimulated")
    tables = read_cohort(study, two_groups(), CONDITIONS)
    found = tables.problems.set_index("item")["what"]
    assert "no tube of condition 'unstimulated' of sample 'S001'" in found["S001_a"]


def test_an_empty_condition_is_resting() -> None:
    rows: list[tuple[int, dict[str, Any]]] = [(2, {"condition": None, "tube": "stained"})]
    assert condition_faults(rows, Conditions()) == []


def test_a_control_is_of_the_same_sample_panel_and_batch() -> None:
    tube = {"tube": "stained", "sample_id": "S1", "panel": "f", "batch": "b1"}
    rows = [
        {**tube, "file_id": "i", "condition": "il12"},
        {**tube, "file_id": "u", "condition": "unstimulated", "batch": "b2"},
    ]
    assert [name for name, _ in tubes_without_control(rows, CONDITIONS)] == ["i"]
    rows[1]["batch"] = "b1"
    assert list(tubes_without_control(rows, CONDITIONS)) == []


def test_a_stimulation_cannot_be_its_own_control() -> None:
    with pytest.raises(ValidationError, match="a stimulation and a control"):
        Conditions(controls={"il12": "pma", "pma": "unstimulated"})
    with pytest.raises(ValidationError, match="resting"):
        Conditions(controls={"resting": "unstimulated"})
