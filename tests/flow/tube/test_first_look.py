"""The tubes of a study looked at before anything runs: the one that is compensated otherwise is
named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from itc_analysis.cohort.listing import list_tubes
from itc_analysis.config.loading import load_settings
from itc_analysis.config.sections import Flow
from itc_analysis.errors import UnreadableFile
from itc_analysis.flow.fcs.read import FcsFile, read_fcs
from itc_analysis.flow.gates.fit import fit_batch
from itc_analysis.flow.gates.identity.judge import identify
from itc_analysis.flow.gating.template import load_template
from itc_analysis.flow.panel.markers import read_panel
from itc_analysis.flow.scale.scales import Scale, TransformSettings
from itc_analysis.flow.spillover.compensation import compensate, find_spillover
from itc_analysis.flow.tube.first_look import FirstLook, describe_states, look_at_tubes
from itc_analysis.flow.tube.load import load_tube
from itc_analysis.flow.tube.scale_ends import find_odd_tops, read_tops
from itc_analysis.simulate.instrument.fcs import write_fcs as write
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import TubeEvidence

Rows = list[dict[str, Any]]


def rewritten(
    path: Path,
    *,
    events: Callable[[FcsFile], np.ndarray] = lambda file: file.events,
    matrix: Callable[[np.ndarray], np.ndarray] = lambda matrix: matrix,
    prefix: str = "",
    times_range: float = 1.0,
) -> None:
    """Write a simulated tube again with other events, another matrix, other names or ranges."""
    file = read_fcs(path)
    _, spillover = find_spillover(file)
    assert spillover is not None
    values = events(file) / np.array([[0.01] if n == "Time" else [1] for n in file.channel_names])
    write(
        path,
        np.ascontiguousarray(values.T, dtype=np.float32),
        channels=[prefix + n if n in spillover.channels else n for n in file.channel_names],
        labels=file.channel_labels,
        ranges=[channel.channel_range * times_range for channel in file.channels],
        spillover=matrix(spillover.matrix),
        spillover_channels=[prefix + name for name in spillover.channels],
        keywords={"$TIMESTEP": "0.01"},
    )


def compensated(file: FcsFile) -> np.ndarray:
    spillover = find_spillover(file)[1]
    assert spillover is not None
    return compensate(file.events, file.channel_names, spillover, source=file.name)


@pytest.fixture
def tubes(simulated_study: Path, tmp_path: Path) -> tuple[Rows, pd.DataFrame]:
    """Return the stained tubes of panel_a, copied, and the panel."""
    study = load_settings(simulated_study / "config" / "config.yaml").study
    names = ("data_folder", "fcs_files")
    study = study.model_copy(update={n: str(simulated_study / getattr(study, n)) for n in names})
    rows = [r for r in list_tubes(study) if r["panel"] == "panel_a" and r["tube"] == "stained"]
    for row in rows:
        row["path"] = shutil.copy(row["path"], tmp_path)
    return rows, read_panel(simulated_study / "config" / "panels" / "panel_a.tsv")


def look(tubes: tuple[Rows, pd.DataFrame], transform: TransformSettings | None = None) -> FirstLook:
    transforms = None if transform is None else {"panel_a": transform}
    return look_at_tubes(tubes[0], {"panel_a": tubes[1]}, Flow(), transforms)


def test_sound_tubes_have_neither_errors_nor_remarks(tubes: tuple[Rows, pd.DataFrame]) -> None:
    found = look(tubes)
    assert found.errors == []
    assert found.remarks == {}
    assert describe_states(found.states) == [f"compensation, panel_a: file {len(tubes[0])}"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"matrix": np.zeros_like}, "is not compensated, unlike"),
        ({"matrix": lambda m: np.eye(len(m))}, "placeholder (identity), so it is not compensated"),
        ({"events": compensated}, "over-compensated: about 1"),
        ({"matrix": lambda m: 0.4 * m + 0.6 * np.eye(len(m))}, "with another matrix: 0."),
        ({"matrix": lambda m: m[::-1, ::-1]}, "with another matrix: 0"),
    ],
    ids=["no matrix", "placeholder", "compensated twice", "too little", "another matrix"],
)
def test_a_tube_that_stands_against_its_panel_stops_the_check_in_one_sentence(
    tubes: tuple[Rows, pd.DataFrame], spoil: dict[str, Any], words: str
) -> None:
    path = Path(tubes[0][2]["path"])
    if spoil.get("matrix") is np.zeros_like:  # no matrix at all
        rewritten(path)
        path.write_bytes(path.read_bytes().replace(b"$SPILLOVER", b"UNREADABLE"))
    else:
        rewritten(path, **spoil)
    found = look(tubes)
    assert [error.source for error in found.errors] == [path.name]
    assert len(found.errors[0].faults) == 1
    assert words in str(found.errors[0])


def test_tubes_that_were_compensated_on_export_are_as_good_and_named(
    tubes: tuple[Rows, pd.DataFrame],
) -> None:
    row = tubes[0][1]
    rewritten(Path(row["path"]), events=compensated, prefix="FJComp-")
    found = look(tubes)
    assert found.errors == []
    told = f"already_compensated 1 ({row['file_id']})"
    assert told in describe_states(found.states)[0]


def test_a_tube_with_another_range_is_named_once_and_harms_nobody_else(
    tubes: tuple[Rows, pd.DataFrame],
) -> None:
    rows, panel = tubes
    odd = rows[0]["file_id"]
    rewritten(Path(rows[0]["path"]), times_range=16)
    found = look(tubes, TransformSettings())
    assert [error.source for error in found.errors] == [Path(rows[0]["path"]).name]
    told = str(found.errors[0])
    assert "ends at 4.1943e+06, that of the other tubes at 262144 ($PnR, $PnG or $PnE" in told
    assert len(found.errors[0].faults) == 1
    of_batch = [row for row in rows if row["batch"] == rows[0]["batch"]]
    batch_of = {row["file_id"]: row["batch"] for row in of_batch}
    tops = read_tops(of_batch, panel, TransformSettings())
    assert set(find_odd_tops(tops, batch_of, {})) == {odd}
    # a top that the template states is that of every tube
    stated = TransformSettings(
        fluorescence=Scale(kind="logicle", t=262144), scatter=Scale(kind="linear", t=262144)
    )
    assert look(tubes, stated).errors == []


def test_the_panel_decides_in_a_batch_of_two_tubes() -> None:
    tops = {"a": {"CD3": 1024.0}, "b": {"CD3": 262144.0}}
    batches = dict.fromkeys(tops, "b1")
    assert set(find_odd_tops(tops, batches, {"CD3": 262144.0})) == {"a"}
    assert find_odd_tops(tops, batches, {}) == {}


def test_batches_of_two_cytometers_are_refused_in_one_sentence(
    tubes: tuple[Rows, pd.DataFrame],
) -> None:
    rows, _ = tubes
    for row in rows[-3:]:
        row["batch"] = "another"
        rewritten(Path(row["path"]), times_range=16)
    errors = look(tubes, TransformSettings()).errors
    assert [error.source for error in errors if "scale" in str(error)] == ["panel_a"]
    told = str(errors[-1])
    assert "1 fault" in told
    assert "batch another, the scale of FSC-A" in told
    assert "set t under transform in the gating template" in told


def test_two_halves_that_differ_are_both_named(tubes: tuple[Rows, pd.DataFrame]) -> None:
    rows = tubes[0][:4]
    for row in rows[:2]:
        rewritten(Path(row["path"]), matrix=lambda m: np.eye(len(m)))
    errors = [e for e in look((rows, tubes[1])).errors if e.source.startswith("panel")]
    told = str(errors[0])
    assert all(str(row["file_id"]) in told for row in rows)
    assert "there is no telling which are right" in told


def test_the_job_holds_the_tube_that_the_check_would_refuse(
    tubes: tuple[Rows, pd.DataFrame], simulated_study: Path
) -> None:
    rows, panel = tubes
    rewritten(Path(rows[0]["path"]), events=compensated)
    template = load_template(
        simulated_study / "config" / "gating" / "panel_a.yaml", panel_markers=set(panel["marker"])
    )
    evidence: list[dict[str, Any]] = []
    fits, _, _ = fit_batch(rows, panel, template, Flow(n_bootstrap=10), evidence=evidence)
    identity = identify(contract.make(evidence, TubeEvidence), fits, template)
    held = identity[identity["is_held"]]
    assert list(held["file_id"]) == [rows[0]["file_id"]]
    assert "over-compensated" in held["reason"].iloc[0]


def test_a_tube_that_a_person_confirmed_passes(tubes: tuple[Rows, pd.DataFrame]) -> None:
    path = Path(tubes[0][2]["path"])
    rewritten(path, events=compensated)
    tubes[0][2]["confirmed"] = True
    assert look(tubes).errors == []


def test_a_tube_that_quality_control_will_leave_out_is_told_before(
    tubes: tuple[Rows, pd.DataFrame],
) -> None:
    def spoilt(file: FcsFile) -> np.ndarray:
        events = file.events.copy()
        events[file.channel_names.index("PE-Cy7-A")] = np.nan
        return events

    rewritten(Path(tubes[0][1]["path"]), events=spoilt)
    found = look(tubes)
    assert found.errors == []
    assert list(found.remarks.values()) == [[tubes[0][1]["file_id"]]] * 2
    said = " and ".join(found.remarks)
    assert "PE-Cy7-A: 15,000 of 15,000 events are no numbers" in said
    assert "will be left out: 0 clean events, fewer than min_events = 1000" in said


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("copied", "channels 'BUV496-A' and 'BUV805-A' hold the same values"),
        ("beyond", "events of channel 'PE-Cy7-A' lie above its range, 262144"),
        ("twice", "about 50% of the events stand in the file more than once"),
    ],
)
def test_events_that_no_cytometer_writes_are_refused(
    tubes: tuple[Rows, pd.DataFrame], spoil: str, words: str
) -> None:
    def spoilt(file: FcsFile) -> np.ndarray:
        events = file.events.copy()
        names = file.channel_names
        if spoil == "copied":
            events[names.index("BUV805-A")] = events[names.index("BUV496-A")]
        elif spoil == "beyond":
            events[names.index("PE-Cy7-A")] *= 50
        else:
            events = np.repeat(events, 2, axis=1)
        return events

    rewritten(Path(tubes[0][1]["path"]), events=spoilt)
    found = look(tubes)
    assert words in str(found.errors[0])
    with pytest.raises(UnreadableFile, match=words.split("'")[0]):
        load_tube(tubes[0][1], tubes[1], TransformSettings(), Flow())
