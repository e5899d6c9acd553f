"""Settings: read, checked, frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from itc_analysis.config.frozen import freeze, freeze_step, read_settings
from itc_analysis.config.loading import load_settings, read_yaml
from itc_analysis.config.sections import Flow, Settings
from itc_analysis.config.steps import ApplyGatesSettings, CompareSettings, FitGatesSettings
from itc_analysis.errors import SettingsError


def test_every_misspelt_setting_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"flow": {"min_event": 5, "on_bad_tube": "ignore"}, "statz": {}})
    said = str(caught.value)
    assert "3 faults" in said
    assert "flow.min_event, unknown setting 'min_event'; did you mean 'min_events'?" in said
    assert "flow.on_bad_tube, input should be 'record' or 'stop' (found 'ignore')" in said
    assert "statz, unknown setting 'statz'; did you mean 'stats'?" in said


@pytest.mark.parametrize(
    ("section", "given", "words"),
    [
        (
            "cohort",
            {"disease_groups": ["SLE", "SSc"]},
            "disease_groups holds the index_group 'SSc'",
        ),
        ("cohort", {"disease_groups": ["SLE", "RA", "SLE"]}, "disease_groups names 'SLE' twice"),
        ("cohort", {"disease_groups": ["SLE", "sle"]}, "groups 'SLE' and 'sle' differ in"),
        ("cohort", {"disease_groups": ["healthy"]}, "disease_groups holds the healthy_group"),
        ("cohort", {"index_group": "healthy"}, "index_group and healthy_group are both 'healthy'"),
        ("cohort", {"pooled_name": "RA"}, "pooled_name 'RA' is the name of a group"),
        (
            "cohort",
            {"classification_criteria": {"Ssc": ["ssc_2013"], "sle": ["sle_2019"]}},
            "classification_criteria names no group of the study: 'Ssc' (did you mean 'SSc'?), "
            "'sle' (did you mean 'SLE'?)",
        ),
        ("flow", {"lod_events": 60, "loq_events": 20}, "lod_events (60) is above loq_events (20)"),
        ("singlecell", {"lod_cells": 60}, "lod_cells (60) is above loq_cells (20)"),
    ],
)
def test_settings_that_contradict_one_another_are_refused_in_one_sentence(
    section: str, given: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({section: given})
    assert len(caught.value.faults) == 1
    assert f"{section}, {words}" in str(caught.value)


def test_a_study_with_fewer_groups_keeps_the_default_criteria() -> None:
    settings = load_settings({"cohort": {"index_group": "RA", "disease_groups": []}})
    assert settings.cohort.groups == ("RA", "healthy")


def test_an_empty_section_is_as_if_it_were_left_out(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("flow:\nstats:\n  seed: 3\n")
    assert load_settings(path).flow == Flow()
    with pytest.raises(SettingsError, match="flow, this is a section, and has settings below it"):
        load_settings({"flow": "record"})


def test_a_key_that_stands_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "study:\n  name: one\n  name: two\nflow:\n  min_events: 10\nstudy:\n  simulated: x\n"
    )
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    told = str(caught.value)
    assert "config.yaml: 2 faults" in told
    assert "lines 1 and 6, 'study' stands there 2 times, and only the last would count" in told
    assert "lines 2 and 3, 'name' stands there 2 times" in told


@pytest.mark.parametrize(
    ("written", "read"), [("01000", 512), ("10:00", 600), ("0x10", 16), ("-010", -8)]
)
def test_a_number_that_yaml_takes_for_another_is_refused(
    tmp_path: Path, written: str, read: int
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"flow:\n  min_events: {written}\n")
    with pytest.raises(SettingsError) as told:
        load_settings(path)
    assert f"line 2, {written} is another number in YAML ({read})" in str(told.value)
    path.write_text("flow: {min_events: 1000, max_share_removed: 0.3, time_outlier_mads: 6}\n")
    assert load_settings(path).flow.min_events == 1000


def test_the_same_key_in_two_places_and_an_alias_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("a: &both {x: 1}\nb: *both\nc:\n  - {x: 1}\n  - {x: 2}\n")
    assert read_yaml(path) == {"a": {"x": 1}, "b": {"x": 1}, "c": [{"x": 1}, {"x": 2}]}


def test_a_file_in_another_encoding_is_to_be_saved_as_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes("study:\n  name: Sclérodermie\n".encode("cp1252"))
    with pytest.raises(SettingsError, match="line 2, not written in UTF-8; save the file as UTF-8"):
        load_settings(path)


def test_a_line_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("flow:\n  min_events: 10\n   max: 3\n")
    with pytest.raises(SettingsError, match="line 3, not valid YAML"):
        load_settings(path)


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the file is not there"):
        load_settings(tmp_path / "config.yaml")


def test_frozen_sections_change_name_only_with_their_content(tmp_path: Path) -> None:
    first = freeze(Flow(), tmp_path, "flow")
    assert freeze(Flow(), tmp_path, "flow") == first
    assert freeze(Flow(min_events=7), tmp_path, "flow") != first
    assert Flow.model_validate_json(Path(first).read_text()) == Flow()


def test_a_steps_settings_are_read_from_a_whole_config_file_as_well(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("stats:\n  min_per_group: 5\n")
    assert read_settings(path, CompareSettings).stats.min_per_group == 5


def test_a_step_is_given_the_settings_that_it_reads_and_no_others(tmp_path: Path) -> None:
    settings = Settings(flow=Flow(lod_events=7, outlier_mads=5))
    frozen = freeze_step(settings, "apply_gates", tmp_path)
    flow = read_settings(frozen, ApplyGatesSettings).flow
    assert flow.lod_events == 7
    with pytest.raises(AttributeError):
        flow.outlier_mads  # noqa: B018
    assert "outlier_mads" not in Path(frozen).read_text()


def test_every_setting_has_a_sentence() -> None:
    for name, section in Settings.model_fields.items():
        for key, field in section.annotation.model_fields.items():
            assert field.description, f"{name}.{key} has no description"


def test_every_setting_is_read_somewhere(root: Path) -> None:
    sources = [
        path.read_text()
        for path in (root / "src").rglob("*.py")
        if path != root / "src/itc_analysis/config/steps.py"
    ]
    sources += [path.read_text() for path in (root / "workflow").rglob("*") if path.is_file()]
    code = "\n".join(sources)
    unused = [
        f"{name}.{key}"
        for name, section in Settings.model_fields.items()
        for key in section.annotation.model_fields
        if f".{key}" not in code and f'"{key}"' not in code
    ]
    assert unused == []


def test_a_frozen_section_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not there"):
        read_settings(tmp_path / "flow.json", FitGatesSettings)
    (tmp_path / "flow.json").write_text("flow:")
    with pytest.raises(SettingsError, match="not valid JSON"):
        read_settings(tmp_path / "flow.json", FitGatesSettings)


@pytest.mark.parametrize(
    ("section", "given", "words"),
    [
        ("flow", {"min_events": True}, "flow.min_events, give a number, not yes or no"),
        ("flow", {"outlier_mads": float("inf")}, "flow.outlier_mads, input should be a finite"),
        ("cohort", {"planned_sizes": {"SSc": -3}}, "planned_sizes.SSc, input should be greater"),
        ("cohort", {"index_group": "SSc "}, "group 'SSc ' has no name, or a blank before or beh"),
        ("cohort", {"disease_groups": ["SLE", ""]}, "group '' has no name"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(
    section: str, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({section: given})
    assert words in str(caught.value)
