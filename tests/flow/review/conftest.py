"""A browser for the pages; tests that need one are skipped, and counted, where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return Debian's chromium, driven by playwright."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no browser: install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()
