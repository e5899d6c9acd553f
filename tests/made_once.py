"""A study that takes minutes is made once, whichever of several test processes asks first."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that `make` filled; the other processes of the run wait for it and read it.

    Parameters
    ----------
    factory : pytest.TempPathFactory
        its base folder, or that of all processes, holds the folder.
    name : str
        of the folder.
    make : callable
        fills the folder, which is not there yet.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    made, done = base / name, base / f"{name}.done"
    with FileLock(base / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(made, ignore_errors=True)
            make(made)
            done.touch()
    return made
