"""Fixtures that every room uses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from made_once import made_once

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent

# a busy machine is no fault of an example
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that run the workflow first: what takes minutes must not be left for the end."""
    slow = {item.path for item in items if item.get_closest_marker("workflow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of the public data sets, or skip and say so."""
    folder = Path(os.environ.get("ITC_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "flow").is_dir():
        pytest.skip("public data sets are absent: set ITC_REAL_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulate a small study and run the workflow on it once; read it, do not edit it."""
    return made_once(tmp_path_factory, "finished", _finish_a_study)


def _finish_a_study(study: Path) -> None:
    from itc_analysis.simulate.study import simulate_study

    simulate_study(study, scenario="effect", seed=7, per_group=3, events=15_000, cells=120)
    subprocess.run(
        [
            sys.executable, "-m", "snakemake", "-s", str(ROOT / "workflow" / "Snakefile"),
            "--workflow-profile", str(ROOT / "workflow" / "profiles" / "default"),
            "--configfile", str(study / "config" / "config.yaml"), "--directory", str(study),
            "--quiet", "all",
        ],
        check=True,
    )  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return Debian's chromium, driven by playwright: one for all tests, as it allows but one."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no browser: install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()
