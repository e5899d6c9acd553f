"""FlowKit counts the same events in every exported gate; those that differ lie on an edge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flowkit
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from itc_analysis.config.sections import Flow
from itc_analysis.flow.counting.apply import gate_tube
from itc_analysis.flow.fcs.read import FcsFile, read_fcs
from itc_analysis.flow.gates.final import FinalGate, final_gates
from itc_analysis.flow.gates.fit import fit_batch, load_checked
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.geometry import (
    AllAbove,
    Combination,
    Ellipse,
    Polygon,
    Rectangle,
    Threshold,
    to_json,
)
from itc_analysis.flow.gating.template import Template, check_template, load_template
from itc_analysis.flow.manual import gatingml
from itc_analysis.flow.panel.markers import read_panel
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.spillover.compensation import find_spillover
from itc_analysis.flow.tube.axes import axes_of
from itc_analysis.flow.tube.tube import Tube

#: Of all memberships (events x gates), so many may differ (Done when of the gating issue).
ALLOWED = 1e-5
#: Relative rounding of a float32.
UNIT = float(np.finfo(np.float32).eps) / 2
#: Roundings on the way over the scale: table, two products, a sum, and the edge itself; values are
#: at most about 1. `transform` promises 5e-7, which is 8 of them.
ON_SCALE = 8 * UNIT
#: Cuts that are laid between the float32 and the float64 value of an event.
N_LAID = 8
FloatArray = npt.NDArray[np.float64]


@dataclass
class Difference:
    """Events of one gate that lie inside for one program only.

    Parameters
    ----------
    distance, rounding : from the gate's nearest edge, and what float32 may move the event; on the
        scale. Shape (n_events,).
    """

    population: str
    distance: FloatArray
    rounding: FloatArray


@dataclass
class Agreement:
    """Memberships of one tube, ours against FlowKit's."""

    n_memberships: int
    n_differ: int
    differences: list[Difference]
    populations: set[str]

    def check(self) -> None:
        """Assert that few differ, each within the rounding of float32 of an edge."""
        assert self.n_differ <= ALLOWED * self.n_memberships
        for found in self.differences:
            assert np.all(found.distance <= found.rounding), found


def test_panel_a_agrees(simulated_study: Path, root: Path, tmp_path: Path) -> None:
    fcs = simulated_study / "data" / "flow" / "S001_panel_a.fcs"
    shipped = root / "src" / "itc_analysis" / "resources"
    found = gate_both(
        fcs, shipped / "panels/panel_a.tsv", shipped / "gating/panel_a.yaml", tmp_path
    )
    found.check()
    assert {"beads", "singlets", "mait", "inkt", "dp_t_cells"} <= found.populations


def test_panel_b_agrees(simulated_study: Path, root: Path, tmp_path: Path) -> None:
    shipped = root / "src" / "itc_analysis" / "resources"
    fcs = simulated_study / "data" / "flow" / "S001_panel_b.fcs"
    found = gate_both(
        fcs, shipped / "panels/panel_b.tsv", shipped / "gating/panel_b.yaml", tmp_path
    )
    found.check()
    assert {"cd8_t_cells", "conventional_ab", "innate_cd8_all"} <= found.populations


def test_tetramers_and_chains_agree(
    write_fcs: Callable[..., Path], root: Path, tmp_path: Path
) -> None:
    folder = root / "config" / "examples" / "other_panels"
    panel = folder / "panels" / "innate_tetramers.tsv"
    found = gate_both(
        draw_tetramer_tube(write_fcs, panel),
        panel,
        folder / "gating" / "innate_tetramers.yaml",
        tmp_path,
    )
    found.check()
    assert {"mait", "inkt", "vd1_gd", "other_gd", "cd8_t_cells"} <= found.populations


def test_events_that_differ_lie_on_an_edge(write_fcs: Callable[..., Path]) -> None:
    # A large tube with cuts through its densest regions, and cuts that are laid, on purpose,
    # between what an event is in float64 and what it is in float32: those events must change side.
    n, names = 400_000, list("ABCD")
    rng = np.random.default_rng(12)
    spill = np.eye(4) + 0.1 * rng.random((4, 4)) * (1 - np.eye(4))
    light = np.exp(rng.normal(7, 1.5, (n, 4))) - rng.exponential(200, (n, 4))
    text = ",".join(["4", *names, *(f"{v:.6g}" for v in spill.ravel())])
    path = write_fcs((light @ spill).T, names, keywords={"SPILLOVER": text})
    panel = pd.DataFrame({"channel": names, "marker": names, "role": "lineage"}, dtype="string")
    tube, _ = load_checked(row_of(path), panel, template_of(["any"]), Flow())
    assert tube is not None
    single = tube.values("A").astype(float)
    double, _ = Exact(read_fcs(path), tube).values("A", np.arange(tube.n_events))
    # 0.6 of a unit in the last place: the middle of the two is rounded to the float32 value
    is_higher = single - double > 0.6 * np.spacing(single.astype(np.float32))
    between = ((single + double) / 2)[np.flatnonzero(is_higher)[:N_LAID]]
    assert between.size == N_LAID
    shapes: dict[str, Any] = {
        f"laid_{i}": Threshold(("A",), "above", float(cut)) for i, cut in enumerate(between)
    }
    for name in names:
        for i, cut in enumerate(np.linspace(0.4, 0.7, 4)):
            shapes[f"above_{name.lower()}{i}"] = Threshold((name,), "above", float(cut))
            shapes[f"below_{name.lower()}{i}"] = Threshold((name,), "below", float(cut))
    shapes |= {
        "corner": AllAbove(("A", "B"), 0.55),
        "box": Rectangle(("A", "B"), (0.4, None), (0.7, 0.6)),
        "outline": Polygon(("C", "D"), ((0.3, 0.3), (0.7, 0.4), (0.6, 0.7), (0.4, 0.6))),
        "oval": Ellipse(("B", "C"), (0.55, 0.55), ((0.02, 0.01), (0.01, 0.02)), 1.0),
        "both": Combination(all_of=("above_a1", "outline"), none_of=("oval",)),
    }
    gates = pd.DataFrame(
        {"population": list(shapes), "geometry": [to_json(shape) for shape in shapes.values()]}
    )
    template = template_of(list(shapes))
    exported = path.with_suffix(".xml")
    exported.write_text(gatingml.to_gatingml(gates, template, axes_of(tube)), encoding="utf-8")
    final = {name: FinalGate(shape, None, "ok", None) for name, shape in shapes.items()}
    found = compare(tube, template, final, path, exported)
    assert found.n_memberships > 15_000_000
    assert found.n_differ >= N_LAID
    assert {f"laid_{i}" for i in range(N_LAID)} <= {each.population for each in found.differences}
    found.check()


def template_of(names: list[str]) -> Template:
    """Return a template of gates that are given, each on all events."""
    populations = [
        {"name": name, "parent": "all", "markers": ["A"], "method": "fixed", "side": "above",
         "arguments": {"cut": 0.5}} for name in names
    ]  # fmt: skip
    return check_template({"panel": "p", "populations": populations}, "p")


def test_the_matrix_of_the_study_travels_with_the_gates(
    write_fcs: Callable[..., Path], root: Path, tmp_path: Path
) -> None:
    panel = root / "config" / "examples" / "other_panels" / "panels" / "innate_tetramers.tsv"
    fcs = draw_tetramer_tube(write_fcs, panel, has_matrix=False)
    sheet = read_panel(panel)
    colours = sheet.loc[~sheet["role"].isin(["scatter", "time"]), "channel"]
    (tmp_path / "matrices").mkdir()
    pd.DataFrame(neighbours(len(colours)), columns=colours).to_csv(
        tmp_path / "matrices" / "innate_tetramers.csv", index=False
    )
    found = gate_both(
        fcs,
        panel,
        panel.parent.parent / "gating" / "innate_tetramers.yaml",
        tmp_path,
        settings=Flow(matrices_folder=str(tmp_path / "matrices")),
    )
    found.check()
    assert {"mait", "inkt", "gd_t_cells"} <= found.populations


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "file", "null_channels"),
    [
        ("omip021", "omip021/Donor1.fcs", ["Original_ID"]),
        ("mouse_spleen", "mouse_spleen_flowjo/68983.fcs", None),
    ],
)
def test_real_tubes_agree(
    name: str,
    file: str,
    null_channels: list[str] | None,
    real_data: Path,
    root: Path,
    tmp_path: Path,
) -> None:
    example = root / "config" / "examples" / name
    found = gate_both(
        real_data / "flow" / file,
        example / "panels" / f"{name}.tsv",
        example / "gating" / f"{name}.yaml",
        tmp_path,
        null_channels=null_channels,
    )
    found.check()
    assert len(found.populations) >= 13


@pytest.mark.real_data
def test_every_coereba_tube_agrees(real_data: Path, root: Path, tmp_path: Path) -> None:
    example = root / "config" / "examples" / "coereba"
    files = sorted((real_data / "flow" / "coereba").glob("*.fcs"))
    assert len(files) == 16
    for path in files:
        found = gate_both(
            path, example / "panels/coereba.tsv", example / "gating/coereba.yaml", tmp_path
        )
        found.check()
        assert "vd2_gd" in found.populations


def gate_both(
    fcs: Path,
    panel: Path,
    template: Path,
    folder: Path,
    *,
    null_channels: list[str] | None = None,
    settings: Flow | None = None,
) -> Agreement:
    """Gate one tube by itself, export its gates, and compare with FlowKit."""
    settings = settings or Flow()
    sheet, loaded = read_panel(panel), load_template(template)
    row = row_of(fcs)
    fits, _, axes = fit_batch([row], sheet, loaded, settings)
    gates = pool_gates(fits, loaded, settings)
    (exported,) = gatingml.write_gates(gates, loaded, axes, ["T1"], folder / "gatingml")
    tube, _ = load_checked(row, sheet, loaded, settings)
    assert tube is not None
    final = final_gates(gates, "T1", loaded)
    return compare(tube, loaded, final, fcs, exported, null_channels=null_channels)


def row_of(fcs: Path) -> dict[str, Any]:
    """Return a row of the tube sheet."""
    return {"file_id": "T1", "sample_id": "S1", "path": str(fcs), "panel": "innate_tetramers",
            "batch": "b1", "tube": "stained"}  # fmt: skip


def compare(
    tube: Tube,
    template: Template,
    final: dict[str, FinalGate],
    fcs: Path,
    exported: Path,
    *,
    null_channels: list[str] | None = None,
) -> Agreement:
    """Compare memberships event by event, on the events that passed margins and time."""
    strategy = flowkit.parse_gating_xml(str(exported))
    sample = flowkit.Sample(str(fcs), sample_id="T1", null_channel_list=null_channels)
    result = strategy.gate_sample(sample)
    members = gate_tube(tube, template, final)
    assert tube.keep is not None
    theirs = {
        name: result.get_gate_membership(name, route)[tube.keep]
        for name, route in strategy.get_gate_ids()
    }
    # any-of beside other conditions is exported as a gate of its own
    own = {name for name in theirs if name in template.by_name}
    assert own == set(members) - {"all"}
    exact = Exact(read_fcs(fcs), tube)
    differences, n_differ = [], 0
    for name in sorted(own):
        ours = np.zeros(tube.n_events, dtype=bool)
        ours[members[name]] = True
        index = np.flatnonzero(ours != theirs[name])
        n_differ += index.size
        if index.size:
            differences += list(exact.distances(name, index, template, final))
    return Agreement(tube.n_events * len(own), n_differ, differences, own)


class Exact:
    """Events in double precision, and how far float32 may move each."""

    def __init__(self, file: FcsFile, tube: Tube) -> None:
        self._file, self._tube = file, tube
        _, self._spillover = find_spillover(file)
        if tube.spillover is not None:
            self._spillover = tube.spillover

    def distances(
        self,
        name: str,
        index: npt.NDArray[np.int64],
        template: Template,
        final: dict[str, FinalGate],
    ) -> Iterator[Difference]:
        """Give the distance of events from the nearest edge of a gate or of those it rests on."""
        nearest = np.full(index.size, np.inf)
        rounding = np.zeros(index.size)
        for gate in edges_behind(name, template, final):
            values, moved = zip(*(self.values(m, index) for m in gate.markers), strict=True)
            distance = distance_to_edge(gate, np.stack(values))
            allowed = np.hypot.reduce(np.stack(moved), axis=0)
            is_nearer = distance - allowed < nearest - rounding
            nearest = np.where(is_nearer, distance, nearest)
            rounding = np.where(is_nearer, allowed, rounding)
        yield Difference(name, nearest, rounding)

    def values(self, marker: str, index: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Return events on the scale in float64, and the bound of their rounding in float32.

        A sum of n products is off by at most n units of the sum of their sizes (Higham 2002, 3.1).
        """
        assert self._tube.keep is not None
        events = np.flatnonzero(self._tube.keep)[index]
        channel = self._tube.channels[marker]
        raw = self._file.events[:, events].astype(float)
        names = self._file.channel_names
        own = raw[names.index(channel)]
        size = np.abs(own) * UNIT
        if self._spillover is not None and channel in self._spillover.channels:
            places = [names.index(c) for c in self._spillover.channels]
            column = np.linalg.inv(self._spillover.matrix)[
                :, self._spillover.channels.index(channel)
            ]
            own = column @ raw[places]
            size = (len(places) + 1) * UNIT * (np.abs(column) @ np.abs(raw[places]))
        scale = self._tube.transforms[marker]
        ends = np.stack([exactly(scale, own + step) for step in (-size, size)])
        return exactly(scale, own), np.ptp(ends, axis=0) / 2 + ON_SCALE


def exactly(scale: Transform, values: FloatArray) -> FloatArray:
    """Return values on a scale by FlowKit's own formulas, float64."""
    kinds = {
        "logicle": lambda: flowkit.transforms.LogicleTransform(scale.t, scale.w, scale.m, scale.a),
        "linear": lambda: flowkit.transforms.LinearTransform(scale.t, 0),
    }
    return np.asarray(kinds[scale.kind]().apply(np.ascontiguousarray(values)), dtype=float)


def edges_behind(
    name: str, template: Template, final: dict[str, FinalGate]
) -> list[Threshold | AllAbove | Rectangle | Polygon | Ellipse]:
    """Return the drawn gates that decide whether an event is in a population: its own, its
    parents'.
    """
    found: list[Any] = []
    waiting = [name]
    seen: set[str] = set()
    while waiting:
        each = waiting.pop()
        if each in seen or each == "all":
            continue
        seen.add(each)
        shape = final[each].geometry
        waiting.append(template.by_name[each].parent)
        if isinstance(shape, Combination):
            waiting += shape.populations
        else:
            found.append(shape)
    return found


def distance_to_edge(shape: Any, values: FloatArray) -> FloatArray:
    """Return the distance of points, shape (n_markers, n), from a gate's nearest edge."""
    if isinstance(shape, Threshold):
        return np.abs(values[0] - shape.cut)
    if isinstance(shape, AllAbove):
        return np.min(np.abs(values - shape.cut), axis=0)
    if isinstance(shape, Rectangle):
        bounds = [
            np.abs(row - bound)
            for row, *ends in zip(values, shape.lowest, shape.highest, strict=True)
            for bound in ends
            if bound is not None
        ]
        return np.min(bounds, axis=0)
    if isinstance(shape, Ellipse):
        away = values - np.array(shape.centre)[:, None]
        covariance = np.array(shape.covariance)
        far = np.sqrt(np.sum(away * np.linalg.solve(covariance, away), axis=0))
        # along the longest axis, so never too small
        return np.abs(far - np.sqrt(shape.distance_square)) * np.sqrt(
            np.linalg.eigvalsh(covariance)[-1]
        )
    corners = np.array(shape.vertices)
    sides = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = end - start
        place = np.clip((values.T - start) @ along / (along @ along), 0, 1)
        sides.append(np.linalg.norm(values.T - start - place[:, None] * along, axis=1))
    return np.min(sides, axis=0)


def neighbours(n: int) -> FloatArray:
    """Return a matrix in which every fluorochrome spills 5 % into the next detector."""
    return np.eye(n) + 0.05 * np.eye(n, k=1)


def draw_tetramer_tube(
    write_fcs: Callable[..., Path], panel: Path, *, has_matrix: bool = True
) -> Path:
    """Write a tube of the panel with MR1 tetramer, Va24, Vb11, Vd1 and Vd2."""
    sheet = read_panel(panel)
    n = 40_000
    rng = np.random.default_rng(5)
    kind = rng.choice(
        ["b", "vd2", "vd1", "gd", "inkt", "mait", "va24", "vb11", "cd4", "cd8"], n,
        p=[0.3, 0.02, 0.01, 0.005, 0.002, 0.02, 0.01, 0.03, 0.4, 0.203],
    )  # fmt: skip
    is_gd = np.isin(kind, ["vd2", "vd1", "gd"])
    carried = {
        "CD3": kind != "b", "Dump": kind == "b", "TCRgd": is_gd, "Vd2": kind == "vd2",
        "Vd1": kind == "vd1", "Va24": np.isin(kind, ["inkt", "va24"]),
        "Vb11": np.isin(kind, ["inkt", "vb11"]), "MR1-tetramer": kind == "mait",
        "CD161": kind == "mait", "CD4": kind == "cd4",
        "CD8": np.isin(kind, ["cd8", "mait", "va24", "vb11"]), "PD-1": rng.random(n) < 0.3,
        "Viability": rng.random(n) < 0.05,
    }  # fmt: skip
    area = rng.normal(80_000, 8000, n)
    light = {
        "FSC-A": area,
        "FSC-H": area * rng.normal(0.8, 0.02, n),
        "SSC-A": rng.normal(30_000, 4000, n),
        "Time": np.sort(rng.uniform(0, 60, n)),
    }
    for marker, is_positive in carried.items():
        light[marker] = np.where(
            is_positive, np.exp(rng.normal(9.5, 0.3, n)), rng.normal(0, 150, n)
        )
    columns = np.stack([light[marker] for marker in sheet["marker"]], axis=1)
    is_colour = ~sheet["role"].isin(["scatter", "time"]).to_numpy()
    channels = sheet["channel"].to_numpy()[is_colour]
    spill = neighbours(len(channels))
    columns[:, is_colour] = columns[:, is_colour] @ spill
    text = ",".join([str(len(channels)), *channels, *(f"{v:g}" for v in spill.ravel())])
    return write_fcs(
        columns.T, list(sheet["channel"]), keywords={"SPILLOVER": text} if has_matrix else {}
    )
