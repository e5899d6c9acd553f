"""Batches moved onto the bridge control's peaks: maps, refusals, and what it does to rare gates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc_analysis.cli import main
from itc_analysis.config.sections import Flow
from itc_analysis.errors import ItcError
from itc_analysis.flow.batches.alignment import MIN_EVENTS, learn_landmarks
from itc_analysis.flow.batches.alignment_check import align_bridge, variation_between_batches
from itc_analysis.flow.batches.alignment_conditions import read_people, refuse_unfit
from itc_analysis.flow.gates.fit import load_checked
from itc_analysis.flow.gating.geometry import AllAbove, Ellipse, Polygon, Rectangle, Threshold
from itc_analysis.flow.gating.template import Template, check_template
from itc_analysis.flow.manual.gatingml import to_gatingml
from itc_analysis.flow.tube.batch import read_batch
from itc_analysis.flow.tube.warp import Warp, read_alignment, unaligned, warps_of
from itc_analysis.tables import contract
from itc_analysis.tables.flow.panelwide import AlignmentCheck, Landmarks
from itc_analysis.tables.flow.tubes import Gates

MARKERS = ("CD3", "6B11", "PD-1")
#: Detector gains of the batches, per marker; the first is the middle one.
GAINS = {"b1": (1.0, 1.0, 1.0), "b2": (1.6, 1.5, 1.4), "b3": (0.65, 0.7, 0.75)}
N, SHARE_T, SHARE_INKT = 40_000, 0.6, 0.004

PANEL = pd.DataFrame(
    {
        "channel": ["FSC-A", *(f"{m}-A" for m in MARKERS)],
        "marker": ["FSC-A", *MARKERS],
        "role": ["scatter", "lineage", "lineage", "inhibitory"],
    },
    dtype="string",
)
TEMPLATE = {
    "panel": "p",
    "denominator": "t_cells",
    "transform": {"fluorescence": {"kind": "logicle", "w": 0.6}},
    "populations": [
        {"name": "t_cells", "parent": "all", "markers": ["CD3"], "side": "above",
         "method": "density_minimum", "measured": True, "phenotype": True},
        {"name": "inkt", "parent": "t_cells", "markers": ["6B11"], "method": "rare_positive",
         "measured": True, "phenotype": True},
    ],
    "positivity": [{"marker": "PD-1", "role": "inhibitory"}],
}  # fmt: skip


@pytest.fixture
def template() -> Template:
    return check_template(TEMPLATE, "p.yaml")


@pytest.fixture
def bridge(write_fcs: Callable[..., Path]) -> list[dict[str, Any]]:
    """Write the same material in three batches of different gain; rows of the tube sheet."""
    rows = []
    for number, (batch, gains) in enumerate(GAINS.items()):
        rng = np.random.default_rng(number)
        is_t = rng.random(N) < SHARE_T
        is_inkt = is_t & (rng.random(N) < SHARE_INKT / SHARE_T)
        light = [
            np.where(is_t, rng.lognormal(8.5, 0.3, N), 60.0),
            np.where(is_inkt, rng.lognormal(9, 0.4, N), 80.0),
            np.where(is_t, rng.lognormal(6, 1.0, N), 60.0),
        ]
        seen = [gain * x + rng.normal(0, 60, N) for gain, x in zip(gains, light, strict=True)]
        path = write_fcs(
            np.array([rng.normal(9e4, 9e3, N), *seen]),
            list(PANEL["channel"]),
            file_name=f"{batch}.fcs",
        )
        rows.append(
            {"file_id": f"bridge_{batch}", "sample_id": "B", "path": str(path), "panel": "p",
             "batch": batch, "tube": "stained"}
        )  # fmt: skip
    return rows


warps = st.lists(st.tuples(st.floats(0.05, 0.3), st.floats(0.05, 0.3)), min_size=1, max_size=4).map(
    lambda steps: Warp(
        tuple(np.cumsum([a for a, _ in steps])), tuple(np.cumsum([b for _, b in steps]))
    )
)


@given(warps)
def test_a_map_hits_its_targets_keeps_order_and_can_be_undone(warp: Warp) -> None:
    values = np.linspace(-0.5, 1.5, 301)
    moved = warp.apply(values)
    np.testing.assert_allclose(warp.apply(np.array(warp.places)), warp.targets, atol=1e-12)
    assert np.all(np.diff(moved) > 0)
    np.testing.assert_allclose(warp.inverse(moved), values, atol=1e-9)
    # beyond the outermost peaks the map is a shift
    assert moved[0] - values[0] == pytest.approx(warp.targets[0] - warp.places[0])
    assert moved[-1] - values[-1] == pytest.approx(warp.targets[-1] - warp.places[-1])


def test_float32_events_stay_float32() -> None:
    assert Warp((0.2,), (0.3,)).apply(np.zeros(3, dtype=np.float32)).dtype == np.float32


def landmark(peak: str, place: float, target: float, state: str = "moved") -> dict[str, Any]:
    return {"panel": "p", "batch": "b2", "marker": "CD3", "peak": peak, "population": "all",
            "place": place, "target": target, "reference": "b1", "state": state}  # fmt: skip


def test_the_shift_of_a_single_peak_fades_towards_the_other_end() -> None:
    def warp(*rows: dict[str, Any]) -> Warp:
        return read_alignment(contract.make(rows, Landmarks))["b2"]["CD3"]

    negative = warp(landmark("negative", 0.2, 0.25), landmark("positive", 0.8, 0.7, "left_out"))
    assert negative.apply(np.array([0.1, 0.2, 0.6, 1.0])) == pytest.approx([0.15, 0.25, 0.625, 1.0])
    positive = warp(landmark("positive", 0.8, 0.7))
    assert positive.apply(np.array([0.0, 0.4, 0.8, 1.0])) == pytest.approx([0.0, 0.35, 0.7, 0.9])
    both = warp(landmark("negative", 0.2, 0.25), landmark("positive", 0.8, 0.7))
    assert both.apply(np.array([0.5])) == pytest.approx([0.475])
    held = [landmark("negative", 0.2, 0.201, "held"), landmark("positive", 0.8, 0.8, "held")]
    assert read_alignment(contract.make(held, Landmarks)) == {"b2": {}}


def test_a_gate_of_moved_events_is_the_gate_of_the_file() -> None:
    rng = np.random.default_rng(4)
    raw = rng.uniform(0, 1, (2, 20_000))
    maps = {"a": Warp((0.2, 0.7), (0.3, 0.6)), "b": Warp((0.5,), (0.45,))}
    moved = np.stack([maps[m].apply(row) for m, row in zip("ab", raw, strict=True)])
    corners = ((0.2, 0.2), (0.8, 0.3), (0.6, 0.9))
    for gate in (
        AllAbove(("a", "b"), 0.5),
        Rectangle(("a", "b"), (0.3, None), (0.5, 0.7)),
        Polygon(("a", "b"), corners),
        Ellipse(("a", "b"), (0.5, 0.5), ((0.02, 0.005), (0.005, 0.01)), 4.0),
    ):
        there, here = gate.contains(moved), unaligned(gate, maps).contains(raw)
        # bounds are exact; pieces follow a bent edge to 0.001 of the scale
        is_exact = isinstance(gate, (AllAbove, Rectangle))
        assert np.count_nonzero(there != here) <= (0 if is_exact else 20)
        assert unaligned(gate, {}) == gate
    cut = Threshold(("b",), "below", 0.45)
    assert unaligned(cut, maps).contains(raw[1:]).sum() == cut.contains(moved[1:]).sum()
    unit = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    ellipse = Ellipse(("a", "b", "c"), (0.5, 0.5, 0.5), unit, 0.1)
    with pytest.raises(ValueError, match="cannot follow the alignment"):
        unaligned(ellipse, maps)


def test_alignment_brings_marker_levels_together_and_leaves_rare_shares_alone(
    bridge: list[dict[str, Any]], template: Template
) -> None:
    landmarks, check = align_bridge(bridge, PANEL, template, Flow(n_bootstrap=10))
    assert set(landmarks["reference"]) == {"b1"}
    spread = variation_between_batches(check).set_index(["gates", "population", "marker"])
    for gates in ("own", "reference"):
        level = spread.loc[(gates, "t_cells", "PD-1")]
        # gains of 0.75 to 1.4 lie log10(1.4 / 0.75) / 4.5 = 0.06 of the scale apart
        assert level["before"] > 0.03
        assert level["after"] < level["before"] / 10
        rare = spread.loc[(gates, "inkt", "-")]
        assert rare["n_outside"] == 0
        assert rare["fewest"] < MIN_EVENTS
    shares = check[(check["marker"] == "-") & (check["gates"] == "own")]
    assert shares["is_within"].all()
    inkt = shares[shares["population"] == "inkt"]
    # 160 iNKT cells of 24,000 T cells: counting alone gives 8 %
    assert inkt["after"].to_numpy() == pytest.approx(SHARE_INKT / SHARE_T, rel=0.3)
    # reference gates: where alignment matters for a share, it puts it back
    reference = check[(check["marker"] == "-") & (check["gates"] == "reference")]
    t_cells = reference[reference["population"] == "t_cells"].set_index("batch")
    assert (t_cells["n_after"] - N * SHARE_T).abs().max() < 4 * np.sqrt(N * SHARE_T)


def test_a_rare_population_does_not_stretch_the_scale(
    bridge: list[dict[str, Any]], template: Template
) -> None:
    landmarks, _ = align_bridge(bridge, PANEL, template, Flow(n_bootstrap=10))
    rows = landmarks.set_index(["batch", "marker", "peak"])
    for batch in ("b2", "b3"):
        rare = rows.loc[(batch, "6B11", "positive")]
        assert rare["state"] == "left_out"
        assert f"fewer than {MIN_EVENTS}" in rare["reason"]
        assert rows.loc[(batch, "CD3", "positive"), "state"] == "moved"
    # a batch is not moved onto itself
    assert "b1" in read_alignment(landmarks)
    assert read_alignment(landmarks)["b1"] == {}


def test_another_reference_can_be_asked_for(
    bridge: list[dict[str, Any]], template: Template
) -> None:
    settings = Flow(n_bootstrap=10, align_reference="b3")
    landmarks, _ = align_bridge(bridge, PANEL, template, settings)
    assert set(landmarks["reference"]) == {"b3"}
    with pytest.raises(ItcError, match="is no batch with a bridge control"):
        align_bridge(bridge, PANEL, template, Flow(n_bootstrap=10, align_reference="b9"))


def test_a_batch_whose_tube_cannot_be_used_is_named(
    bridge: list[dict[str, Any]], template: Template
) -> None:
    Path(bridge[1]["path"]).write_bytes(b"nothing")
    with pytest.raises(ItcError, match="batch 'b2', no bridge tube of it can be used"):
        align_bridge(bridge, PANEL, template, Flow(n_bootstrap=10))


def test_unfit_batches_are_refused_with_all_reasons() -> None:
    people = pd.DataFrame({"SSc": [9, 9, 0], "healthy": [8, 9, 9]}, index=["b1", "b2", "b3"])
    rows = [{"batch": "b1"}, {"batch": "b3"}]
    with pytest.raises(ItcError) as caught:
        refuse_unfit(people, rows, "panel_a")
    told = str(caught.value)
    assert "alignment of panel_a" in told
    assert "batch 'b2', it has no bridge control" in told
    assert "batch 'b3', it holds only the group 'healthy'" in told
    refuse_unfit(people.drop("b3"), [*rows, {"batch": "b2"}], "panel_a")
    with pytest.raises(ItcError, match="no bridge control"):
        refuse_unfit(pd.DataFrame(), [], "panel_a")


def test_the_whole_way_by_commands(bridge: list[dict[str, Any]], tmp_path: Path) -> None:
    PANEL.to_csv(tmp_path / "p.tsv", sep="\t", index=False)
    (tmp_path / "p.yaml").write_text(json.dumps(TEMPLATE))
    settings = {"flow": {"n_bootstrap": 10, "align": True}}
    (tmp_path / "config.yaml").write_text(json.dumps(settings))
    (tmp_path / "bridge.json").write_text(json.dumps(bridge))
    people = [
        {"batch": batch, "group": group, "n_people": 5}
        for batch in GAINS
        for group in ("SSc", "healthy")
    ]
    (tmp_path / "people.json").write_text(json.dumps(people))
    common = ["--config", str(tmp_path / "config.yaml"), "--panel", str(tmp_path / "p.tsv"),
              "--template", str(tmp_path / "p.yaml")]  # fmt: skip
    learn = ["learn-alignment", *common, "--bridge", str(tmp_path / "bridge.json"),
             "--people", str(tmp_path / "people.json"), "--output-folder", str(tmp_path)]  # fmt: skip  # noqa: E501
    assert main(learn) == 0
    landmarks = tmp_path / "landmarks.parquet"
    assert set(contract.read(tmp_path / "alignment.parquet", AlignmentCheck)["gates"]) == {
        "own", "reference",
    }  # fmt: skip
    fit = ["fit-gates", *common, "--tubes", str(tmp_path / "bridge.json"), "--landmarks",
           str(landmarks), "--output-folder", str(tmp_path / "b")]  # fmt: skip
    assert main(fit) == 0
    stored = contract.read_provenance(tmp_path / "b" / "gate_fits.parquet")["parameters"]["axes"]
    assert set(warps_of(stored["bridge_b2"])) >= {"CD3", "PD-1"}
    assert warps_of(stored["bridge_b1"]) == {}
    # what another program reads is the gate of the file as it is
    gates = contract.make(
        [{"file_id": "bridge_b2", "panel": "p", "batch": "b2", "population": "t_cells", "parent": "all",  # noqa: E501
          "method": "density_minimum", "n_parent": 1, "state": "ok",
          "geometry": '{"kind": "threshold", "markers": ["CD3"], "side": "above", "cut": 0.5}'}],
        Gates,
    )  # fmt: skip
    text = to_gatingml(gates, check_template(TEMPLATE, "p.yaml"), stored["bridge_b2"])
    expected = float(warps_of(stored["bridge_b2"])["CD3"].inverse(0.5))
    assert f'gating:min="{expected!r}"' in text
    # and the events are those that the landmarks promise
    batch = read_batch(tmp_path / "bridge.json", tmp_path / "p.tsv", tmp_path / "p.yaml",
                       landmarks=landmarks)  # fmt: skip
    tubes = [load_checked(row, batch.panel, batch.template, Flow())[0] for row in batch.rows]
    medians = [np.median(tube.values("PD-1")) for tube in tubes if tube is not None]
    assert np.ptp(medians) < 0.02
    bridge[0]["batch"] = "b7"
    (tmp_path / "bridge.json").write_text(json.dumps(bridge))
    with pytest.raises(ItcError, match="batch 'b7', it has no landmarks"):
        read_batch(tmp_path / "bridge.json", tmp_path / "p.tsv", tmp_path / "p.yaml",
                   landmarks=landmarks)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "not there"),
        ("no list", "not valid JSON"),
        ("{}", "a list of rows with batch, group, n_people is wanted"),
        ('[{"batch": "b1"}]', "a list of rows with batch, group, n_people is wanted"),
    ],
)
def test_a_list_of_people_that_is_none_is_refused(
    text: str | None, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "people.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ItcError) as caught:
        read_people(path)
    assert told in str(caught.value)


def test_people_are_counted_by_batch_and_group(tmp_path: Path) -> None:
    path = tmp_path / "people.json"
    path.write_text('[{"batch": "b1", "group": "SSc", "n_people": 3}, '
                    '{"batch": "b2", "group": "RA", "n_people": 2}]')  # fmt: skip
    assert read_people(path).to_dict() == {"RA": {"b1": 0, "b2": 2}, "SSc": {"b1": 3, "b2": 0}}
    path.write_text("[]")
    assert read_people(path).empty


def test_a_template_without_a_marker_to_look_at_is_refused() -> None:
    shape = {
        "name": "cells",
        "parent": "all",
        "markers": ["FSC-A", "SSC-A"],
        "method": "scatter_ellipse",
    }
    plain = check_template({"panel": "p", "populations": [shape]}, "p.yaml")
    with pytest.raises(ItcError, match="no gate looks at a single marker"):
        learn_landmarks([], pd.DataFrame(), plain, pd.DataFrame(), Flow())
