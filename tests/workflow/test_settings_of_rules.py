"""A changed setting reruns exactly the rules whose command reads it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, get_args

import pytest

from itc_analysis import cli
from itc_analysis.config.frozen import freeze_step
from itc_analysis.config.sections import Section, Settings
from itc_analysis.config.steps import STEPS
from workflow.running import rules_to_run, snakemake

pytestmark = pytest.mark.workflow

#: Read only where the run takes a branch that a small clean study does not take.
NOT_TAKEN = {
    "check": {
        "manual_gates",  # looked at with --headers
        "protocol_version",  # for rows that name no version
    },
    "annotate": {"seed"},  # doublets are simulated on request
    "learn_alignment": {
        "align_reference",  # asked for after the conditions are met
        "outlier_mads",  # a batch's only bridge control is judged by no other tube
    },
    "respond": {"min_recovery"},  # of cultured tubes with a recovered_share
}


def everything() -> list[tuple[str, str]]:
    """Return section and name of every setting."""
    return [
        (section, setting)
        for section, field in Settings.model_fields.items()
        for setting in type(field.default).model_fields
    ]


def given_to(rule: str) -> set[tuple[str, str]]:
    return {
        (section, setting)
        for section, field in STEPS[rule].model_fields.items()
        for setting in type(field.default).model_fields
    }


def other(value: Any, annotation: Any) -> Any:
    """Return another value that the setting may have."""
    words = [word for word in get_args(annotation) if isinstance(word, str)]
    if words:
        return next(word for word in words if word != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * 0.99
    if isinstance(value, tuple):
        return value[:-1]
    if isinstance(value, dict):
        example = "unstimulated" if get_args(annotation)[1] is str else 60
        return {} if value else {"SSc": example}
    return f"{value} and more"


def changed(setting: str, section: str) -> Settings:
    settings = Settings()
    part = getattr(settings, section)
    field = type(part).model_fields[setting]
    part = part.model_copy(update={setting: other(getattr(part, setting), field.annotation)})
    return settings.model_copy(update={section: part})


def commands(study: Path, root: Path) -> dict[str, list[str]]:
    """Return one command of every rule, as Snakemake would run it, in the order of the workflow."""
    wanted = ("--forceall", "--dry-run", "--printshellcmds", "--config", "flow={align: true}")
    said = snakemake(study, *wanted, root=root).stdout
    found: dict[str, list[str]] = {}
    for line in said.splitlines():
        command = line.partition("Shell command: itc ")[2]
        # one batch of one panel throughout: what a command reads, an earlier one of these has made
        batches = re.findall(r"panel_\w[/-](batch\d+)", command)
        if (
            command
            and ("panel_" not in command or "panel_a" in command)
            and (not batches or "batch1" in batches)
        ):
            argv = shlex.split(command.split(" > ")[0])
            found.setdefault(argv[0].replace("-", "_"), argv)
    return found


@pytest.fixture(scope="module")
def reads(
    finished_study: Path, tmp_path_factory: pytest.TempPathFactory, root: Path
) -> dict[str, set[str]]:
    """Run one job of every rule in this process, and note which settings it looks at."""
    import shutil

    study = tmp_path_factory.mktemp("reads") / "study"
    shutil.copytree(finished_study, study)
    noted: set[str] = set()

    def noting(self: Section, name: str) -> Any:
        kind = type(self)
        if kind.__module__.startswith("itc_analysis.config") and name in kind.model_fields:
            noted.add(name)
        return object.__getattribute__(self, name)

    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(study)
        lines = commands(study, root)
        patch.setattr(Section, "__getattribute__", noting)
        for rule in [rule for rule in STEPS if rule in lines]:
            noted.clear()
            assert cli.main(lines[rule]) == 0, lines[rule]
            found[rule] = noted - set(Settings.model_fields)
    return found


def test_every_rule_reads_all_the_settings_that_it_is_given(reads: dict[str, set[str]]) -> None:
    assert set(reads) == set(STEPS)
    unread = {
        rule: {name for _, name in given_to(rule)} - reads[rule] - NOT_TAKEN.get(rule, set())
        for rule in STEPS
    }
    assert {rule: names for rule, names in unread.items() if names} == {}
    for rule in STEPS:
        assert reads[rule] <= {name for _, name in given_to(rule)}, rule


def test_a_changed_setting_changes_the_parameters_of_the_rules_that_read_it_and_no_others(
    reads: dict[str, set[str]], tmp_path: Path
) -> None:
    before = {rule: freeze_step(Settings(), rule, tmp_path) for rule in STEPS}
    for section, setting in everything():
        after = {rule: freeze_step(changed(setting, section), rule, tmp_path) for rule in STEPS}
        moved = {rule for rule in STEPS if after[rule] != before[rule]}
        reading = {
            rule
            for rule in STEPS
            if section in STEPS[rule].model_fields
            and setting in reads[rule] | NOT_TAKEN.get(rule, set())
        }
        assert moved == reading, setting


def test_a_limit_of_detection_plans_no_learning(study_copy: Path, root: Path) -> None:
    rules = rules_to_run(study_copy, "--config", "flow={lod_events: 21}", root=root)
    assert "apply_gates" in rules
    assert not rules & {"learn_scales", "fit_gates", "pool_gates", "annotate", "check"}
