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
