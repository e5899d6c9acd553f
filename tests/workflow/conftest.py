"""A finished study that a test may edit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def study_copy(finished_study: Path, tmp_path: Path) -> Path:
    """Return a copy of the finished study that a test may edit; file times are kept."""
    copy = tmp_path / "study"
    shutil.copytree(finished_study, copy, symlinks=True)
    return copy
