"""What a file tells about its cytometer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from itc_analysis.flow.fcs.instrument import describe_instrument
from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.simulate.instrument.fcs import write_fcs


def written(path: Path, keywords: dict[str, str]) -> Path:
    events = np.ones((3, 2), dtype=np.float32)
    write_fcs(path, events, channels=["FSC-A", "PE-A"], labels=["", "CD3"], ranges=[1e5, 1e5],
              spillover=np.eye(1), spillover_channels=["PE-A"], keywords=keywords)  # fmt: skip
    return path


def test_cytometer_and_voltages_go_to_their_markers(tmp_path: Path) -> None:
    keywords = {"$CYT": " Fortessa ", "$P1V": "300", "$P2V": "451", "$P2F": "585/42"}
    file = read_fcs(written(tmp_path / "a.fcs", keywords))
    told = describe_instrument(file, {"FSC-A": 0, "CD3": 1})
    assert told["cytometer"] == "Fortessa"
    assert json.loads(told["detectors"]) == {
        "FSC-A": {"voltage": "300"},
        "CD3": {"voltage": "451", "filter": "585/42"},
    }


def test_what_the_file_does_not_say_is_left_out(tmp_path: Path) -> None:
    file = read_fcs(written(tmp_path / "a.fcs", {}))
    assert describe_instrument(file, {"CD3": 1}) == {}
