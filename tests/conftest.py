"""Fixtures that every room uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


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
