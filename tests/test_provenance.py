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
