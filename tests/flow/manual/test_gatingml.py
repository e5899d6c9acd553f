"""GatingML: every kind of gate is written; whole templates: `test_flowkit_agreement`."""

from __future__ import annotations

from pathlib import Path

import flowkit
import numpy as np
import pandas as pd

from itc_analysis.flow.gating.geometry import AllAbove, Combination, Threshold, to_json
from itc_analysis.flow.gating.template import check_template
from itc_analysis.flow.manual import gatingml
from itc_analysis.flow.scale.transform import Transform


def test_every_kind_of_gate_and_scale_is_exported(tmp_path: Path) -> None:
    populations = [
        {"name": "a", "parent": "all", "markers": ["A"], "method": "fixed", "side": "above",
         "arguments": {"cut": 0.5}},
        {"name": "b", "parent": "all", "markers": ["B"], "method": "fixed", "side": "below",
         "arguments": {"cut": 0.5}},
        {"name": "beads", "parent": "all", "markers": ["A", "B"], "method": "bright_in_all"},
        {"name": "mixed", "parent": "all", "method": "boolean",
         "arguments": {"any_of": ["a", "b"], "none_of": ["beads"]}},
        {"name": "rest", "parent": "all", "method": "complement", "arguments": {"of": ["a"]}},
    ]  # fmt: skip
    template = check_template({"panel": "p", "populations": populations}, "p")
    shapes = {
        "a": Threshold(("A",), "above", 0.5),
        "b": Threshold(("B",), "below", 0.5),
        "beads": AllAbove(("A", "B"), 0.6),
        "mixed": Combination(any_of=("a", "b"), none_of=("beads",)),
        "rest": Combination(none_of=("a",)),
    }
    gates = pd.DataFrame(
        {"population": list(shapes), "geometry": [to_json(shape) for shape in shapes.values()]}
    )
    scales = {"A": Transform("asinh", t=1000, cofactor=5), "B": Transform("linear", t=1000)}
    axes = {
        "channels": {"A": "Er 167/Di", "B": "B-A"},
        "transforms": {marker: scale.to_dict() for marker, scale in scales.items()},
        "compensation": "none",
    }
    path = tmp_path / "gates.xml"
    path.write_text(gatingml.to_gatingml(gates, template, axes), encoding="utf-8")
    events = np.random.default_rng(1).uniform(-50, 1000, (2000, 2))
    sample = flowkit.Sample(events, sample_id="x", channel_labels=["Er 167/Di", "B-A"])
    strategy = flowkit.parse_gating_xml(str(path))
    result = strategy.gate_sample(sample)
    a, b = scales["A"].apply(events[:, 0]), scales["B"].apply(events[:, 1])
    beads = (a >= 0.6) & (b >= 0.6)
    expected = {
        "a": a >= 0.5, "b": b < 0.5, "beads": beads, "mixed": ((a >= 0.5) | (b < 0.5)) & ~beads,
        "rest": a < 0.5, "mixed_any": (a >= 0.5) | (b < 0.5),
    }  # fmt: skip
    found = {name: result.get_gate_membership(name, p) for name, p in strategy.get_gate_ids()}
    assert set(found) == set(expected)
    for name, mask in expected.items():
        assert np.count_nonzero(found[name] != mask) <= 1, name  # float32 at an edge


def test_tubes_without_gates_get_no_file_and_old_files_go(tmp_path: Path) -> None:
    (tmp_path / "old.xml").write_text("<old/>", encoding="utf-8")
    empty = pd.DataFrame({"file_id": [], "population": [], "geometry": []})
    template = check_template(
        {"panel": "p", "populations": [{"name": "a", "parent": "all", "markers": ["A"],
         "method": "tail", "side": "above"}]}, "p",
    )  # fmt: skip
    assert gatingml.write_gates(empty, template, {}, ["T1"], tmp_path) == []
    assert list(tmp_path.iterdir()) == []
