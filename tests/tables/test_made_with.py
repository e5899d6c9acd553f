"""Settings of an earlier step are those its tables were made with."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from itc_analysis import provenance
from itc_analysis.config.sections import Flow
from itc_analysis.errors import ItcError
from itc_analysis.tables import contract
from itc_analysis.tables.made_with import setting_of
from itc_analysis.tables.measured import Counts


def write(path: Path, parameters: dict[str, Any]) -> Path:
    stored = provenance.describe("itc apply-gates", parameters=parameters)
    contract.write(contract.empty(Counts), path, Counts, provenance=stored)
    return path


def test_setting_is_that_of_the_tables(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{i}.parquet", {"lod_events": 35}) for i in range(2)]
    assert setting_of(paths, "lod_events", Flow) == 35


def test_setting_is_found_within_a_named_section(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"flow": {"lod_events": 35}, "panel": "panel_a"})
    assert setting_of([path], "lod_events", Flow) == 35


def test_default_stands_without_tables() -> None:
    assert setting_of([], "lod_events", Flow) == Flow().lod_events


def test_default_is_announced_when_a_table_does_not_say(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "a.parquet", {})
    with caplog.at_level(logging.WARNING):
        assert setting_of([path], "lod_events", Flow) == Flow().lod_events
    assert "a.parquet does not say its lod_events" in caplog.text


def test_tables_that_disagree_are_refused_naming_both(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{n}.parquet", {"lod_events": n}) for n in (20, 35)]
    with pytest.raises(ItcError) as caught:
        setting_of(paths, "lod_events", Flow)
    words = str(caught.value)
    assert "20.parquet, made with lod_events = 20" in words
    assert "35.parquet, made with lod_events = 35" in words
