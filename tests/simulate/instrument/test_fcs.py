"""The FCS writer, read back by flowio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flowio
import numpy as np
import pytest

from itc_analysis.simulate.instrument.fcs import write_fcs

SPILLOVER = np.array([[1, 0.125], [0.0625, 1]])


def write(path: Path, events: np.ndarray, **changes: Any) -> Path:
    arguments = {
        "channels": ["FSC-A", "BV421-A", "PE-A"],
        "labels": ["", "TCRgd", "6B11"],
        "ranges": [262144, 262144, 262144],
        "spillover": SPILLOVER,
        "spillover_channels": ["BV421-A", "PE-A"],
        "keywords": {"$COM": "SIMULATED null seed 1"},
    }
    write_fcs(path, events, **(arguments | changes))
    return path


def test_flowio_reads_events_channels_and_spillover(tmp_path: Path) -> None:
    events = np.random.default_rng(1).normal(0, 1e4, (123, 3)).astype(np.float32)
    data = flowio.FlowData(write(tmp_path / "a.fcs", events))
    assert data.version == "3.1"
    assert data.event_count == 123
    np.testing.assert_array_equal(np.reshape(data.events, (-1, 3)), events)
    assert data.pnn_labels == ["FSC-A", "BV421-A", "PE-A"]
    assert data.pns_labels == ["", "TCRgd", "6B11"]
    assert data.text["spillover"] == "2,BV421-A,PE-A,1,0.125,0.0625,1"
    assert data.text["com"] == "SIMULATED null seed 1"


@pytest.mark.parametrize("value", ["a\x0cb", ""])
def test_values_that_fcs_cannot_hold_are_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(ValueError, match="keyword \\$COM has a value"):
        write(tmp_path / "a.fcs", np.zeros((1, 3), dtype=np.float32), keywords={"$COM": value})


def test_offsets_in_header_and_text_agree_with_the_bytes(tmp_path: Path) -> None:
    # the standard: header of 58 bytes, six right-justified offsets of 8, both ends inclusive
    events = np.arange(30, dtype=np.float32).reshape(10, 3)
    path = write(tmp_path / "a.fcs", events)
    raw = path.read_bytes()
    assert raw[:10] == b"FCS3.1    "
    text_begin, text_end, data_begin, data_end = (
        int(raw[10 + 8 * i : 18 + 8 * i]) for i in range(4)
    )
    assert raw[text_begin : text_begin + 1] == raw[text_end : text_end + 1] == b"\x0c"
    assert data_end == len(raw) - 1
    np.testing.assert_array_equal(
        np.frombuffer(raw[data_begin : data_end + 1], "<f4"), events.ravel()
    )
    assert int(flowio.FlowData(path).text["begindata"]) == data_begin


def test_columns_without_a_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="4 columns, but 3 channels"):
        write(tmp_path / "a.fcs", np.zeros((1, 4), dtype=np.float32))
