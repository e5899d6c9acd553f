"""A row of the sheet becomes a tube, or a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import Flow
from itc_analysis.errors import PanelError, UnreadableFile
from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.flow.panel.markers import read_panel
from itc_analysis.flow.scale.scales import Scale, TransformSettings
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.spillover.compensation import looks_transformed
from itc_analysis.flow.tube.load import load_tube, tube_quality_row
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import TubeQuality

NAMES = ["FSC-A", "SSC-A", "Time", "B525-A", "V450-A"]
SPILL = {"spillover": "2,B525-A,V450-A,1,0.2,0.1,1"}


def row_of(path: Path, **changes: Any) -> dict[str, Any]:
    return {
        "file_id": "t1", "sample_id": "s1", "path": str(path), "panel": "innate",
        "batch": "b1", "tube": "stained", "fmo_markers": None,
    } | changes  # fmt: skip


def test_a_tube_is_compensated_and_transformed_in_the_panels_order(
    write_fcs: Callable[..., Path],
    clean_events: Callable[..., np.ndarray],
    small_panel: pd.DataFrame,
) -> None:
    true = clean_events()
    measured = true.copy()
    measured[3:] = np.array([[1, 0.2], [0.1, 1]]).T @ true[3:]
    path = write_fcs(measured, NAMES, keywords=SPILL)
    tube = load_tube(row_of(path), small_panel.iloc[::-1], TransformSettings(), Flow())

    assert tube.markers == ("TCRgd", "CD3", "Time", "SSC-A", "FSC-A")
    assert tube.events.dtype == np.float32
    assert tube.events.shape == (5, tube.n_events)
    assert all(row.flags.c_contiguous for row in tube.events)
    assert (tube.n_events_file, tube.compensation) == (20_000, "file")
    assert tube.missing_markers == ()
    assert tube.n_events == 20_000  # nothing to clean away
    # 1e-4 of the scale: float32 noise of compensation is largest where logicle is steepest
    expected = Transform("logicle", t=262144).apply(true[3:])
    np.testing.assert_allclose([tube.values("CD3"), tube.values("TCRgd")], expected, atol=1e-4)
    np.testing.assert_allclose(tube.values("FSC-A"), true[0] / 262144, rtol=1e-6)
    np.testing.assert_array_equal(tube.values("Time"), true[2])  # seconds


def test_a_matrix_of_the_study_replaces_the_files_own(
    write_fcs: Callable[..., Path],
    clean_events: Callable[..., np.ndarray],
    small_panel: pd.DataFrame,
    tmp_path: Path,
) -> None:
    true = clean_events()
    measured = true.copy()
    measured[3:] = np.array([[1, 0.3], [0.05, 1]]).T @ true[3:]
    path = write_fcs(measured, NAMES, keywords=SPILL)
    folder = tmp_path / "matrices"
    folder.mkdir()
    (folder / "innate.csv").write_text("B525-A,V450-A\n1,0.9\n0,1\n", encoding="utf-8")
    (folder / "innate-b1.csv").write_text("B525-A,V450-A\n1,0.3\n0.05,1\n", encoding="utf-8")
    settings = Flow(matrices_folder=str(folder))
    tube = load_tube(row_of(path), small_panel, TransformSettings(), settings)
    assert tube.compensation == "matrix"  # the batch's own before the panel's
    expected = Transform("logicle", t=262144).apply(true[3])
    # as above, 1e-4 of the scale
    np.testing.assert_allclose(tube.values("CD3"), expected, atol=1e-4)
    other = load_tube(row_of(path, batch="b2"), small_panel, TransformSettings(), settings)
    assert not np.allclose(other.values("TCRgd"), tube.values("TCRgd"), atol=0.01)
    elsewhere = row_of(path, panel="other")
    assert load_tube(elsewhere, small_panel, TransformSettings(), settings).compensation == "file"


def test_a_marker_without_channel_is_remembered(
    write_fcs: Callable[..., Path],
    clean_events: Callable[..., np.ndarray],
    small_panel: pd.DataFrame,
) -> None:
    path = write_fcs(clean_events(), NAMES)
    panel = pd.concat(
        [small_panel, pd.DataFrame({"channel": ["R670-A"], "marker": ["CD8"], "role": ["lineage"]})]
    )
    tube = load_tube(row_of(path), panel, TransformSettings(), Flow())
    assert tube.missing_markers == ("CD8",)
    assert "CD8" not in tube.markers
    with pytest.raises(KeyError):
        tube.values("CD8")


def test_a_channel_found_by_its_label_is_remarked(
    write_fcs: Callable[..., Path],
    clean_events: Callable[..., np.ndarray],
    small_panel: pd.DataFrame,
) -> None:
    labels = ["", "", "", "CD3 FITC", ""]
    path = write_fcs(clean_events(), ["FSC-A", "SSC-A", "Time", "FL1-A", "V450-A"], labels=labels)
    tube = load_tube(row_of(path), small_panel, TransformSettings(), Flow())
    assert "CD3: no channel 'B525-A', taken from 'FL1-A'" in tube.remarks


def test_a_matrix_without_channel_names_is_remarked(
    write_fcs: Callable[..., Path],
    clean_events: Callable[..., np.ndarray],
    small_panel: pd.DataFrame,
) -> None:
    path = write_fcs(clean_events(), NAMES, keywords={"comp": "2,1,0.1,0.2,1"})
    tube = load_tube(row_of(path), small_panel, TransformSettings(), Flow())
    assert tube.compensation == "none"
    assert "the matrix in $COMP names no channels and was not applied" in tube.remarks


def test_a_file_of_another_panel_is_a_fault_of_the_panel(
    write_fcs: Callable[..., Path], clean_events: Callable[..., np.ndarray]
) -> None:
    path = write_fcs(clean_events(), NAMES)
    panel = pd.DataFrame({"channel": ["R670-A"], "marker": ["CD8"], "role": ["lineage"]})
    with pytest.raises(PanelError) as caught:
        load_tube(row_of(path), panel, TransformSettings(), Flow())
    row = tube_quality_row(row_of(path), caught.value, Flow())
    assert row["status"] == "no_panel"
    assert "channels of the file: FSC-A" in row["reason"]


def test_transformed_data_are_refused(
    write_fcs: Callable[..., Path],
    clean_events: Callable[..., np.ndarray],
    small_panel: pd.DataFrame,
) -> None:
    events = clean_events()
    events[3:] = Transform("logicle").apply(events[3:])
    with pytest.raises(UnreadableFile, match="already on a logarithmic or logicle scale"):
        load_tube(row_of(write_fcs(events, NAMES)), small_panel, TransformSettings(), Flow())


AS_IT_IS = TransformSettings(fluorescence=Scale(kind="linear", t=8))


def test_transformed_data_are_gated_as_they_are_when_the_template_says_so(
    write_fcs: Callable[..., Path],
    clean_events: Callable[..., np.ndarray],
    small_panel: pd.DataFrame,
) -> None:
    events = clean_events()
    events[3:] = 8 * Transform("logicle").apply(events[3:])
    path = write_fcs(events, NAMES, keywords=SPILL)
    tube = load_tube(row_of(path), small_panel, AS_IT_IS, Flow())
    assert tube.compensation == "already_compensated"
    assert any("gated as it is" in remark for remark in tube.remarks)
    row = NAMES.index(tube.channels["CD3"])
    np.testing.assert_allclose(tube.values("CD3"), events[row][tube.keep] / 8, rtol=1e-5)


def test_instrument_units_are_refused_where_the_template_expects_a_display_scale(
    write_fcs: Callable[..., Path],
    clean_events: Callable[..., np.ndarray],
    small_panel: pd.DataFrame,
) -> None:
    with pytest.raises(UnreadableFile, match="in instrument units, and the template gates"):
        load_tube(row_of(write_fcs(clean_events(), NAMES)), small_panel, AS_IT_IS, Flow())


@pytest.mark.parametrize(("is_raw", "expected"), [(True, False), (False, True)])
def test_asinh_of_mass_cytometry_is_noticed_although_its_ranges_are_small(
    write_fcs: Callable[..., Path], *, is_raw: bool, expected: bool
) -> None:
    rng = np.random.default_rng(4)
    counts = rng.poisson(np.exp(rng.normal([[0.5], [3.0], [1.0], [4.5]], 1.0, (4, 3000))))
    values = counts.astype(float) if is_raw else np.arcsinh(counts / 5.0)
    names = ["Yb171Di", "Yb172Di", "Yb173Di", "Yb174Di"]
    ranges = {f"p{i}r": str(max(2, int(np.ceil(row.max())))) for i, row in enumerate(values, 1)}
    path = write_fcs(values, names, keywords=ranges)
    assert looks_transformed(read_fcs(path), [0, 1, 2, 3]) is expected


def test_fmo_markers_are_read_from_the_sheet(
    write_fcs: Callable[..., Path],
    clean_events: Callable[..., np.ndarray],
    small_panel: pd.DataFrame,
) -> None:
    row = row_of(write_fcs(clean_events(), NAMES), tube="fmo", fmo_markers="PD-1, TIM-3")
    tube = load_tube(row, small_panel, TransformSettings(), Flow())
    assert (tube.kind, tube.fmo_markers) == ("fmo", ("PD-1", "TIM-3"))


def test_quality_rows_of_every_status_fit_the_contract(
    write_fcs: Callable[..., Path],
    clean_events: Callable[..., np.ndarray],
    small_panel: pd.DataFrame,
    tmp_path: Path,
) -> None:
    margins = clean_events()
    margins[0, :9_000] = 262143
    tubes = {
        "good": clean_events(),
        "short": clean_events(900),
        "margins": margins,
    }
    rows = []
    for name, events in tubes.items():
        row = row_of(write_fcs(events, NAMES, file_name=f"{name}.fcs"), file_id=name)
        tube = load_tube(row, small_panel, TransformSettings(), Flow())
        rows.append(tube_quality_row(row, tube, Flow()))
    missing = row_of(tmp_path / "secret" / "absent.fcs", file_id="absent")
    with pytest.raises(UnreadableFile) as caught:
        load_tube(missing, small_panel, TransformSettings(), Flow())
    rows.append(tube_quality_row(missing, caught.value, Flow()))

    table = contract.make(rows, TubeQuality).set_index("file_id")
    assert table["status"].to_dict() == {
        "good": "ok",
        "short": "failed_quality",
        "margins": "failed_quality",
        "absent": "unreadable",
    }
    assert "fewer than min_events = 1000" in table.loc["short", "reason"]
    assert "45% of the events removed" in table.loc["margins", "reason"]
    assert "the file is not there" in table.loc["absent", "reason"]
    assert "secret" not in table.loc["absent", "reason"]  # no folders in tables
    assert pd.isna(table.loc["good", "reason"])


@pytest.mark.real_data
def test_omip021_is_loaded_whole(real_data: Path, root: Path) -> None:
    panel = read_panel(root / "config" / "examples" / "omip021" / "panels" / "omip021.tsv")
    row = row_of(real_data / "flow" / "omip021" / "Donor1.fcs")
    tube = load_tube(row, panel, TransformSettings(), Flow())
    assert tube.compensation == "file"
    assert tube.missing_markers == ()
    assert any("Time does not increase" in remark for remark in tube.remarks)
    assert tube_quality_row(row, tube, Flow())["status"] == "ok"


@pytest.mark.real_data
def test_coereba_is_loaded_whole(real_data: Path, root: Path) -> None:
    folder = root / "config" / "examples" / "coereba"
    panel = read_panel(folder / "panels" / "coereba.tsv")
    sheet = pd.read_csv(folder / "fcs_files.tsv", sep="\t", dtype="string")
    assert len(sheet) == 16
    for row in sheet.to_dict("records"):
        row["path"] = real_data / "flow" / "coereba" / row["path"]
        tube = load_tube(row, panel, TransformSettings(), Flow(min_events=500))
        assert tube.compensation == "already_compensated"  # by the names of its columns
        assert tube.missing_markers == ()
        assert tube_quality_row(row, tube, Flow(min_events=500))["status"] == "ok"
