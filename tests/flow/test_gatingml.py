"""GatingML: FlowKit reads the exported gates and counts the same events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flowkit
import numpy as np
import pandas as pd
import pytest

from itc_analysis.config import Flow
from itc_analysis.flow import gatingml
from itc_analysis.flow.apply import apply_batch
from itc_analysis.flow.fit import fit_batch
from itc_analysis.flow.gating.geometry import AllAbove, Combination, Threshold, to_json
from itc_analysis.flow.gating.template import Template, check_template, load_template
from itc_analysis.flow.panel import read_panel
from itc_analysis.flow.pool import pool_gates
from itc_analysis.flow.transform import Transform


def gate_alone(
    row: dict[str, Any], panel: Path, template: Path, folder: Path
) -> tuple[Template, pd.Series, Path]:
    """Gate one tube by itself; its template, counts by population and GatingML file."""
    sheet, loaded = read_panel(panel), load_template(template)
    fits, _, axes = fit_batch([row], sheet, loaded, Flow())
    gates = pool_gates(fits, loaded, Flow())
    counts = apply_batch([row], sheet, loaded, gates, Flow()).counts
    (path,) = gatingml.write_gates(gates, loaded, axes, [row["file_id"]], folder)
    return loaded, counts.set_index("population")["n_events"], path


def flowkit_counts(
    path: Path, fcs: str, *, null_channels: list[str] | None = None
) -> dict[str, int]:
    strategy = flowkit.parse_gating_xml(str(path))
    sample = flowkit.Sample(fcs, sample_id="tube", null_channel_list=null_channels)
    result = strategy.gate_sample(sample)
    return {
        name: int(result.get_gate_membership(name, route).sum())
        for name, route in strategy.get_gate_ids()
    }


def test_flowkit_counts_the_same_on_a_simulated_tube(
    simulated_study: Path, root: Path, tmp_path: Path
) -> None:
    file_id = "S001_panel_a"
    fcs = simulated_study / "data" / "flow" / f"{file_id}.fcs"
    row = {
        "file_id": file_id, "sample_id": "S001", "path": str(fcs), "panel": "panel_a",
        "batch": "batch1", "tube": "stained",
    }  # fmt: skip
    resources = root / "src" / "itc_analysis" / "resources"
    template, own, path = gate_alone(
        row, resources / "panels/panel_a.tsv", resources / "gating/panel_a.yaml", tmp_path
    )
    counted = flowkit_counts(path, str(fcs))
    # gates that this tube alone cannot decide are left out, everything else is there
    assert set(counted) == set(own.dropna().index)
    assert {"beads", "mait", "inkt", "cd8_t_cells"} <= set(counted) <= set(template.by_name)
    # float32 here, float64 there: an event on an edge may change side
    assert max(abs(counted[name] - own[name]) for name in counted) <= 1


@pytest.mark.real_data
def test_flowkit_counts_the_same_on_omip_021(real_data: Path, root: Path, tmp_path: Path) -> None:
    fcs = real_data / "flow" / "omip021" / "Donor1.fcs"
    row = {
        "file_id": "donor1", "sample_id": "donor1", "path": str(fcs), "panel": "omip021",
        "batch": "run1", "tube": "stained",
    }  # fmt: skip
    conf = root / "config" / "examples" / "omip021"
    _, own, path = gate_alone(
        row, conf / "panels/omip021.tsv", conf / "gating/omip021.yaml", tmp_path
    )
    counted = flowkit_counts(path, str(fcs), null_channels=["Original_ID"])
    # FlowKit sees the events at the detectors' margins too: 2 of them lie in the lymphocyte gate
    assert max(abs(counted[name] - own[name]) for name in own.index) <= 2


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
