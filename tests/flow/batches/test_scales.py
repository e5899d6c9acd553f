"""Widths of logicle scales from the events below zero, one for the study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from itc_analysis.cli import main
from itc_analysis.config.sections import Flow
from itc_analysis.flow.batches.scales import STEP, estimate_width, learn_scales
from itc_analysis.flow.scale.scales import Scale, TransformSettings, with_scales
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.tube.batch import read_batch
from itc_analysis.flow.tube.choice import MAX_TUBES, choose_tubes
from itc_analysis.tables import contract
from itc_analysis.tables.flow.panelwide import Scales

PANEL = pd.DataFrame(
    {
        "channel": ["FSC-A", "Time", "A-A", "B-A"],
        "marker": ["FSC-A", "Time", "CD3", "CD4"],
        "role": ["scatter", "time", "lineage", "lineage"],
    },
    dtype="string",
)
NOISE = {"CD3": 100.0, "CD4": 400.0}


def rows_of(paths: dict[str, Path], **more: Any) -> list[dict[str, Any]]:
    return [
        {"file_id": name, "sample_id": name, "path": str(path), "panel": "p", "batch": "b1",
         "tube": "stained", **more}
        for name, path in paths.items()
    ]  # fmt: skip


@pytest.fixture
def write_tube(write_fcs: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function that writes a tube whose negatives scatter around zero by `NOISE`."""

    def write(name: str, *, factor: float = 1.0, lowest: float = -np.inf, n: int = 6_000) -> Path:
        rng = np.random.default_rng(len(name))
        colours = [
            np.where(rng.random(n) < 0.3, rng.lognormal(9, 0.3, n), rng.normal(0, factor * sd, n))
            for sd in NOISE.values()
        ]
        events = [rng.normal(9e4, 9e3, n), np.arange(n) / 100, *np.maximum(colours, lowest)]
        return write_fcs(np.array(events), list(PANEL["channel"]), file_name=f"{name}.fcs")

    return write


def test_the_width_is_that_of_flowcores_estimatelogicle() -> None:
    # flowCore (R/transform_gate-functions.R): r <- .Machine$double.eps + quantile(dat[dat < 0], q =
    # 0.05), w <- (m - log10(t / abs(r))) / 2; t = 262144, m = 4.5, r = -100 gives 0.5407
    negative = np.full(1_000, -100.0)
    expected = (4.5 - np.log10(2.62144) - 3) / 2
    assert estimate_width(negative, t=262144, m=4.5) == pytest.approx(expected, abs=1e-12)
    assert expected == pytest.approx(0.5407, abs=1e-4)


@pytest.mark.parametrize("noise", [30, 100, 300, 1_000, 3_000])
def test_the_reference_lies_just_above_the_lower_end_of_its_scale(noise: float) -> None:
    # what the width is for (Parks 2006): no event far below the scale, no scale wasted below the
    # events
    negative = -np.abs(np.random.default_rng(1).normal(0, noise, 20_000))
    width = estimate_width(negative, t=262144, m=4.5)
    place = Transform("logicle", w=width).apply(np.quantile(negative, 0.05))
    assert 0 <= place < 0.1  # the closed form leaves out the smaller terms of the biexponential


def test_widths_stay_within_a_third_of_the_scale() -> None:
    assert estimate_width(np.full(200, -1e-3), t=262144, m=4.5) == 0
    assert estimate_width(np.full(200, -1e9), t=262144, m=4.5) == 4.5 / 3


def test_the_study_gets_the_median_of_its_tubes(write_tube: Callable[..., Path]) -> None:
    factors = {"t1": 1.0, "t22": 1.2, "t333": 30.0}  # one tube is badly compensated
    paths = {name: write_tube(name, factor=factor) for name, factor in factors.items()}
    scales = learn_scales(rows_of(paths), PANEL, TransformSettings(), Flow())[0].set_index("marker")
    assert set(scales["state"]) == {"given", "estimated"}
    assert scales.loc["FSC-A", "kind"] == "linear"
    assert "Time" not in scales.index
    for marker, noise in NOISE.items():
        # half a normal distribution: its lower 5 % lie beyond 1.96 standard deviations
        expected = (4.5 - np.log10(262144 / (1.96 * 1.2 * noise))) / 2
        row = scales.loc[marker]
        assert row["w"] == pytest.approx(expected, abs=STEP)
        assert row["w"] / STEP == pytest.approx(round(row["w"] / STEP))
        assert row["w_lowest"] < row["w"] < row["w_highest"]
        assert (row["n_tubes"], row["t"]) == (3, 262144)


def test_a_channel_without_events_below_zero_has_the_default_and_says_why(
    write_tube: Callable[..., Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.fcs"
    broken.write_bytes(b"FCS3.0 nothing else")
    rows = rows_of({"t1": write_tube("t1", lowest=0), "broken": broken})
    scales = learn_scales(rows, PANEL, TransformSettings(), Flow())[0].set_index("marker")
    for marker in NOISE:
        assert (scales.loc[marker, "state"], scales.loc[marker, "w"]) == ("default", 0.5)
        assert "no tube has 100 events below zero" in scales.loc[marker, "reason"]
    only_broken, spill = learn_scales(rows[1:], PANEL, TransformSettings(), Flow())
    assert spill.empty
    assert set(only_broken["reason"].dropna()) == {"no tube with this channel could be read"}


def test_the_top_of_a_scale_is_that_of_most_tubes(write_fcs: Callable[..., Path]) -> None:
    rng = np.random.default_rng(0)
    paths = {}
    for name, top in (("t1", 262144), ("t2", 4194304), ("t3", 262144)):
        ranges = {f"p{i}r": str(top) for i in range(1, 5)}
        events = np.abs(rng.normal(9e4, 9e3, (4, 500)))
        channels = list(PANEL["channel"])
        paths[name] = write_fcs(events, channels, keywords=ranges, file_name=f"{name}.fcs")
    scales = learn_scales(rows_of(paths), PANEL, TransformSettings(), Flow())[0]
    assert set(scales.loc[scales["kind"] == "logicle", "t"]) == {262144}


def test_what_the_template_states_wins() -> None:
    stated = TransformSettings(
        fluorescence=Scale(kind="logicle", w=0.8), markers={"CD4": Scale(kind="asinh", cofactor=5)}
    )
    rows = rows_of({"t1": Path("nowhere.fcs")})
    scales, _ = learn_scales(rows, PANEL, stated, Flow())
    assert set(scales["state"]) == {"given"}
    assert scales["reason"].isna().all()
    assert with_scales(stated, scales) == stated


def test_learned_widths_reach_the_transforms(write_tube: Callable[..., Path]) -> None:
    block = TransformSettings(markers={"CD4": Scale(kind="logicle", w=1.0)})
    scales, _ = learn_scales(rows_of({"t1": write_tube("t1")}), PANEL, block, Flow())
    frozen = with_scales(block, scales)
    learned = scales.set_index("marker").loc["CD3", "w"]
    assert frozen.scale_of("CD3", "lineage").w == learned
    assert frozen.scale_of("CD4", "lineage").w == 1.0
    assert frozen.scale_of("FSC-A", "scatter").kind == "linear"


def test_few_tubes_are_read_from_all_batches_whatever_the_order_of_rows() -> None:
    rows = [
        {"file_id": f"t{i:03d}", "batch": f"b{i // 10}", "tube": "stained"} for i in range(200)
    ] + [{"file_id": "f", "batch": "b1", "tube": "fmo"}]
    chosen = choose_tubes(rows)
    assert len(chosen) == MAX_TUBES
    assert {row["batch"] for row in chosen} == {f"b{i}" for i in range(20)}
    assert choose_tubes(rows[::-1]) == chosen == choose_tubes(chosen)
    assert choose_tubes(rows[-1:]) == rows[-1:]


def test_the_command_writes_what_fitting_reads(
    write_tube: Callable[..., Path], tmp_path: Path
) -> None:
    import json

    PANEL.to_csv(tmp_path / "p.tsv", sep="\t", index=False)
    (tmp_path / "p.yaml").write_text(
        "panel: p\npopulations:\n"
        "- {name: a, parent: all, markers: [CD3], method: density_minimum, side: above}\n"
    )
    (tmp_path / "flow.json").write_text("{}")
    (tmp_path / "tubes.json").write_text(json.dumps(rows_of({"t1": write_tube("t1")})))
    inputs = [str(tmp_path / name) for name in ("tubes.json", "p.tsv", "p.yaml")]
    output = tmp_path / "scales.parquet"
    assert main(["learn-scales", "--config", str(tmp_path / "flow.json"), "--tubes", inputs[0],
                 "--panel", inputs[1], "--template", inputs[2], "--output-folder", str(tmp_path)]) == 0  # fmt: skip  # noqa: E501
    scales = contract.read(output, Scales).set_index("marker")
    batch = read_batch(*inputs, output)
    assert batch.template.transform.markers["CD3"].w == scales.loc["CD3", "w"]
    assert read_batch(*inputs).template.transform.markers == {}
    assert "5th percentile" in contract.read_provenance(output)["methods"]


def test_over_compensation_is_found_over_all_tubes(
    write_fcs: Callable[..., Path],
) -> None:
    paths = {}
    for name in ("t1", "t2", "t3"):
        rng = np.random.default_rng(len(paths))
        n = 20_000
        a = np.where(rng.random(n) < 0.3, rng.lognormal(9, 0.3, n), rng.normal(0, 100, n))
        b = rng.normal(20, 100, n) - 0.05 * np.maximum(a, 0)
        events = [rng.normal(9e4, 9e3, n), np.arange(n) / 100, a, b]
        paths[name] = write_fcs(np.array(events), list(PANEL["channel"]), file_name=f"{name}.fcs")
    _, spill = learn_scales(rows_of(paths), PANEL, TransformSettings(), Flow())
    rows = spill.set_index(["source", "detector"])
    found = rows.loc[("CD3", "CD4")]
    assert found["slope"] == pytest.approx(-0.05, abs=0.01)
    assert (found["n_tubes"], found["n_over"], found["n_above"]) == (3, 3, 0)
    other = rows.loc[("CD4", "CD3")]
    assert (other["n_tubes"], other["reason"]) == (0, "no bright events of the source")


def test_a_tube_without_events_or_without_the_panels_colours_says_nothing(
    write_tube: Callable[..., Path], write_fcs: Callable[..., Path]
) -> None:
    scatter = np.random.default_rng(2).normal(9e4, 9e3, (2, 500))
    paths = {
        "t1": write_tube("t1"),
        "empty": write_fcs(np.zeros((4, 0)), list(PANEL["channel"]), file_name="empty.fcs"),
        "grey": write_fcs(scatter, ["FSC-A", "SSC-A"], file_name="grey.fcs"),
    }
    scales, spill = learn_scales(rows_of(paths), PANEL, TransformSettings(), Flow())
    alone, _ = learn_scales(rows_of({"t1": paths["t1"]}), PANEL, TransformSettings(), Flow())
    pd.testing.assert_frame_equal(scales, alone)
    assert len(spill) == 2


def test_without_tubes_the_command_says_so(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tubes.json").write_text("[]")
    (tmp_path / "flow.json").write_text("{}")
    given = {"panel": root / "src/itc_analysis/resources/panels/panel_a.tsv",
             "template": root / "src/itc_analysis/resources/gating/panel_a.yaml",
             "tubes": tmp_path / "tubes.json", "config": tmp_path / "flow.json",
             "output-folder": tmp_path}  # fmt: skip
    status = main(
        [
            "learn-scales",
            *(str(part) for pair in given.items() for part in (f"--{pair[0]}", pair[1])),
        ]
    )
    assert status == 2
    assert "no tube is listed" in capsys.readouterr().err
