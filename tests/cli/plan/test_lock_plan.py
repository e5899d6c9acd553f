"""`itc lock-plan`, and what `itc check` says of the lock afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from itc_analysis.cli import main
from itc_analysis.simulate.study import simulate_study

LOCK = ("lock-plan", "--config", "config/config.yaml", "--date")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    simulate_study(folder, scenario="null", seed=3, per_group=1, events=1000, cells=0)
    return folder


@pytest.fixture
def study(simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "study"
    shutil.copytree(simulated, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def check(study: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    def run() -> str:
        capsys.readouterr()
        assert main(["check", "--config", "config/config.yaml"]) == 0
        return capsys.readouterr().out

    return run


def test_a_plan_is_locked_once_and_its_changes_are_listed(
    study: Path, check: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "the plan was not locked" in check()
    assert main([*LOCK, "2026-11-29"]) == 0
    lock = study / "config" / "analysis_plan.lock.json"
    before = lock.read_bytes()
    assert "locked on 2026-11-29" in check()
    assert "nothing was changed since" in check()

    plan = study / "config" / "analysis_plan.yaml"
    text = plan.read_text().replace(
        "core_covariates: age_years + sex", "core_covariates: age_years"
    )
    plan.write_text("# a comment\n" + text)
    template = study / "config" / "gating" / "panel_b.yaml"
    template.write_text(template.read_text().replace("min_parent: 100", "min_parent: 150"))
    said = check()
    assert 'plan.core_covariates: "age_years + sex" is now "age_years"' in said
    assert "affects the table of diagnostics" in said

    assert main([*LOCK, "2026-11-30"]) == 2
    assert "the plan was locked on 2026-11-29" in capsys.readouterr().err
    assert lock.read_bytes() == before
    assert main([*LOCK, "2026-11-30", "--amend", "fewer core covariates"]) == 0
    assert "locked on 2026-11-30" in check()
    assert "nothing was changed since" in check()


def test_the_same_study_and_date_give_the_same_lock(study: Path) -> None:
    lock = study / "config" / "analysis_plan.lock.json"
    texts = []
    for _ in range(2):
        assert main([*LOCK, "2026-11-29"]) == 0
        texts.append(lock.read_bytes())
        lock.unlink()
    assert texts[0] == texts[1]
    assert str(study).encode() not in texts[0]


def test_a_plan_with_faults_is_not_locked(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = study / "config" / "analysis_plan.yaml"
    plan.write_text(plan.read_text().replace("adjustment: holm", "adjustment: holmes"))
    assert main([*LOCK, "2026-11-29"]) == 2
    assert "holmes" in capsys.readouterr().err
    assert not list((study / "config").glob("*.lock.json"))


def test_what_is_decided_by_hand_after_the_lock_is_listed(
    study: Path, check: Callable[[], str]
) -> None:
    drawn = study / "config" / "manual_gates" / "panel_a"
    drawn.mkdir(parents=True)
    config = study / "config" / "config.yaml"
    config.write_text(
        config.read_text().replace(
            "study:\n",
            "study:\n  decisions: config/decisions.tsv\n  manual_gates: config/manual_gates\n",
        )
    )
    decisions = study / "config" / "decisions.tsv"
    decisions.write_text("participant_id\tdecision\tdecided_by\twhy\n")
    assert main([*LOCK, "2026-11-29"]) == 0
    assert "by hand" not in check()

    people = (study / "config" / "participants.tsv").read_text().splitlines()
    person = people[1].split("\t")[people[0].split("\t").index("participant_id")]
    with decisions.open("a") as sheet:
        sheet.write(f"{person}\texcluded\tKD\toutlier\n")
    (drawn / "panel_a.xml").write_text("<gates/>")
    said = check()
    assert "nothing was changed since" in said
    assert "by hand: 1 manual decision on a participant, 1 file of hand-drawn gates" in said
    assert f'decisions.{person}: (none) is now "excluded (' in said
    assert "drawn.panel_a/panel_a.xml: (none) is now" in said
    assert "outlier" not in said
