"""Fitting tube by tube: what is learned, and what is said where nothing can be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import fit_tube, t_cell_template, t_cell_tube
from itc_analysis.config.sections import Flow
from itc_analysis.errors import ItcError, UnreadableFile
from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.flow.gates.fit import fit_batch
from itc_analysis.flow.gating.fitted import NO_CHANNEL, NO_TUBE
from itc_analysis.flow.gating.methods.control_quantile import NAME as CONTROL
from itc_analysis.flow.scale.scales import check_same_scales
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits


def fitted(**given: Any) -> pd.DataFrame:
    rows = fit_tube(t_cell_tube(**given), t_cell_template(), n_bootstrap=20)
    return contract.make(rows, GateFits).set_index("population")


def test_every_population_has_a_row_with_its_parents_events() -> None:
    table = fitted()
    assert list(table.index) == ["t_cells", "inkt", "not_inkt", "positive: PD-1", "positive: TIGIT"]
    assert table.loc["t_cells", "n_parent"] == 20_000
    # 60 % of the events are T cells; the two populations hardly overlap
    assert table.loc["inkt", "n_parent"] == pytest.approx(12_000, abs=5)
    assert (table["status"] == "ok").all()


def test_gates_are_learned_on_the_parents_events_only() -> None:
    tube = t_cell_tube(seed=3)
    table = fitted(seed=3)
    crowd = tube.events.copy()
    not_t = tube.values("CD3") < 0.4
    crowd[1, not_t] = 0.45  # in the middle of the valley of 6B11, but not on T cells
    moved = type(tube)(**{**tube.__dict__, "events": crowd})
    rows = fit_tube(moved, t_cell_template(), n_bootstrap=20)
    assert rows[1]["cut"] == table.loc["inkt", "cut"]


def test_order_of_events_changes_nothing() -> None:
    tube = t_cell_tube(seed=4)
    order = np.random.default_rng(0).permutation(tube.n_events)
    shuffled = type(tube)(**{**tube.__dict__, "events": tube.events[:, order]})
    template = t_cell_template()
    assert fit_tube(tube, template, n_bootstrap=20) == fit_tube(shuffled, template, n_bootstrap=20)


def test_a_marker_left_out_gives_the_controls_cut_and_never_its_own() -> None:
    table = fitted(kind="fmo", fmo_markers=("6B11",))
    assert table.loc["inkt", "method"] == CONTROL
    assert table.loc["inkt", "status"] == "weak"
    assert "left out" in table.loc["inkt", "reason"]
    assert table.loc["t_cells", "status"] == "ok"


def test_an_unstained_tube_shows_no_cells() -> None:
    table = fitted(kind="unstained")
    assert table.loc["t_cells", "status"] == "not_estimable"
    assert "unstained control" in table.loc["t_cells", "reason"]


def test_a_missing_channel_is_named() -> None:
    tube = t_cell_tube()
    keep = [i for i, marker in enumerate(tube.markers) if marker != "6B11"]
    without = type(tube)(
        **{
            **tube.__dict__,
            "markers": tuple(tube.markers[i] for i in keep),
            "events": tube.events[keep],
        }
    )
    row = fit_tube(without, t_cell_template(), n_bootstrap=20)[1]
    assert (row["method"], row["status"]) == (NO_CHANNEL, "not_estimable")
    assert row["reason"] == "the file has no channel for 6B11"


def test_a_small_parent_does_not_decide() -> None:
    row = fit_tube(t_cell_tube(n=300), t_cell_template(), n_bootstrap=20)[1]
    assert row["status"] == "not_estimable"
    assert row["reason"] == "180 events in the parent, 200 are needed"


def test_empty_population_is_weak() -> None:
    assert fitted(rare=0).loc["inkt", "status"] == "weak"


@pytest.fixture
def batch(
    write_fcs: Callable[..., Path], tmp_path: Path
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Return the rows of a good and of a broken tube, and their panel."""
    rng = np.random.default_rng(1)
    n = 5000
    is_t = rng.random(n) < 0.5
    events = np.array([
        np.where(is_t, rng.lognormal(9.5, 0.2, n), rng.normal(100, 80, n)),
        np.where(rng.random(n) < 0.01, 9000.0, rng.normal(100, 80, n)),
        rng.normal(100, 80, n),
        rng.normal(100, 80, n),
    ])  # fmt: skip
    good = write_fcs(events, ["A", "B", "C", "D"], file_name="good.fcs")
    broken = tmp_path / "broken.fcs"
    broken.write_bytes(good.read_bytes()[:500])
    panel = pd.DataFrame(
        {
            "channel": ["A", "B", "C", "D"],
            "marker": ["CD3", "6B11", "PD-1", "TIGIT"],
            "fluorochrome": "",
            "role": "lineage",
        }
    )
    usual = {"sample_id": "S1", "panel": "made", "batch": "b1", "tube": "stained"}
    rows = [
        {**usual, "file_id": "good", "path": str(good)},
        {**usual, "file_id": "broken", "path": str(broken)},
    ]
    return rows, panel


def test_a_broken_tube_is_recorded_and_the_others_are_fitted(
    batch: tuple[list[dict[str, Any]], pd.DataFrame],
) -> None:
    rows, panel = batch
    fits, quality, axes = fit_batch(rows, panel, t_cell_template(), Flow())
    quality = quality.set_index("file_id")
    assert quality["status"].to_dict() == {"good": "ok", "broken": "unreadable"}
    of_broken = fits[fits["file_id"] == "broken"]
    assert len(of_broken) == 3
    assert (of_broken["status"] == "not_estimable").all()
    assert (of_broken["method"] == NO_TUBE).all()
    assert of_broken["reason"].str.contains("tube unreadable").all()
    assert (fits[fits["file_id"] == "good"]["status"] == "ok").all()
    assert set(axes) == {"good"}
    assert axes["good"]["channels"]["6B11"] == "B"
    assert axes["good"]["transforms"]["CD3"]["kind"] == "logicle"


def test_a_tube_whose_scale_ends_elsewhere_is_recorded_and_the_others_are_fitted(
    batch: tuple[list[dict[str, Any]], pd.DataFrame], write_fcs: Callable[..., Path]
) -> None:
    rows, panel = batch
    good, _ = rows
    events = read_fcs(good["path"]).events
    ranges = {f"p{i}r": "4194304" for i in range(1, 5)}
    path = write_fcs(events, ["A", "B", "C", "D"], keywords=ranges, file_name="odd.fcs")
    names = ("good", "second", "odd")
    rows = [{**good, "file_id": name} for name in names]
    rows[-1]["path"] = str(path)
    fits, quality, axes = fit_batch(rows, panel, t_cell_template(), Flow())
    status = quality.set_index("file_id")["status"].to_dict()
    assert status == {"good": "ok", "second": "ok", "odd": "unreadable"}
    assert "ends at 4.1943e+06" in quality["reason"].iloc[-1]
    assert (fits[fits["file_id"] == "odd"]["method"] == NO_TUBE).all()
    check_same_scales(axes, "template")  # what pooling asks of the others
    with pytest.raises(UnreadableFile, match="odd: 1 fault"):
        fit_batch(rows, panel, t_cell_template(), Flow(on_bad_tube="stop"))


def test_a_broken_tube_stops_the_run_when_asked(
    batch: tuple[list[dict[str, Any]], pd.DataFrame],
) -> None:
    rows, panel = batch
    with pytest.raises(UnreadableFile, match=r"broken: 1 fault"):
        fit_batch(rows, panel, t_cell_template(), Flow(on_bad_tube="stop"))


def test_a_tube_that_fails_quality_stops_the_run_when_asked(
    batch: tuple[list[dict[str, Any]], pd.DataFrame],
) -> None:
    rows, panel = batch
    settings = Flow(on_bad_tube="stop", min_events=10_000)
    with pytest.raises(ItcError, match="failed_quality"):
        fit_batch(rows[:1], panel, t_cell_template(), settings)
