"""Provenance holds what can be recomputed, and nothing of the machine."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

from itc_analysis import __version__, provenance


def test_inputs_are_named_without_their_folder_and_with_their_digest(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("a: 1\n")
    made = provenance.describe("itc compare", inputs=[file], methods="A sentence.")
    assert made["inputs"] == {"plan.yaml": hashlib.sha256(b"a: 1\n").hexdigest()[:16]}
    assert made["itc_analysis"] == __version__


def test_nothing_of_the_machine_or_the_clock_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("a: 1\n")
    first = provenance.describe("itc compare", inputs=[file])
    text = json.dumps(first)
    assert str(tmp_path) not in text
    assert socket.gethostname() not in text
    assert provenance.describe("itc compare", inputs=[file]) == first


def test_files_of_one_name_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    files = [tmp_path / name / "matrix.h5" for name in ("L1", "L2")]
    for file in files:
        file.parent.mkdir()
        file.write_text(file.parent.name)
    assert set(provenance.describe("itc annotate", inputs=files)["inputs"]) == {
        "L1/matrix.h5",
        "L2/matrix.h5",
    }
