"""Spillover matrices read, refused and applied; flowutils and flowkit as authorities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from flowutils import compensate as flowutils_compensate

from itc_analysis.errors import UnreadableFile
from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.spillover.compensation import (
    compensate,
    find_spillover,
    looks_transformed,
)
from itc_analysis.flow.spillover.matrix_text import Spillover, parse_spillover, read_spillover_csv

NAMES = ["FSC-A", "B525-A", "V450-A", "Time"]


def some_events(n_events: int = 500) -> np.ndarray:
    return np.random.default_rng(4).lognormal(6, 2, (4, n_events)).astype(np.float32)


def test_compensation_equals_flowutils_and_leaves_other_channels_alone() -> None:
    events = some_events(100_000)  # more than one pass
    spillover = Spillover(("V450-A", "B525-A"), np.array([[1, 0.3], [0.12, 1]]))
    expected = flowutils_compensate.compensate(
        events.T.astype(np.float64), spillover.matrix, fluoro_indices=[2, 1]
    ).T
    before = events.copy()
    result = compensate(events, tuple(NAMES), spillover, source="tube.fcs")
    # float32 has 7 digits; a difference of large numbers loses one or two of them
    scale = np.abs(expected).max(axis=0)
    assert np.all(np.abs(result - expected) <= 1e-6 * scale)
    np.testing.assert_array_equal(result[[0, 3]], events[[0, 3]])
    np.testing.assert_array_equal(events, before)


def test_compensation_can_write_in_place() -> None:
    events = some_events()
    spillover = Spillover(("B525-A", "V450-A"), np.array([[1, 0.3], [0.12, 1]]))
    expected = compensate(events, tuple(NAMES), spillover, source="tube.fcs")
    assert compensate(events, tuple(NAMES), spillover, source="tube.fcs", out=events) is events
    np.testing.assert_array_equal(events, expected)


def test_pure_fluorochromes_come_back_pure() -> None:
    spillover = Spillover(("B525-A", "V450-A"), np.array([[1, 0.25], [0.1, 1]]))
    true = np.zeros((4, 2), dtype=np.float32)
    true[1, 0], true[2, 1] = 1000, 1000
    measured = true.copy()
    measured[1:3] = (true[1:3].T @ spillover.matrix).T
    result = compensate(measured, tuple(NAMES), spillover, source="tube.fcs")
    np.testing.assert_allclose(result, true, atol=1e-3)


def test_spillover_text_is_read_in_its_order() -> None:
    found = parse_spillover("2,V450-A,B525-A,1,0.3,0.12,1", "tube.fcs")
    assert found.channels == ("V450-A", "B525-A")
    assert found.matrix.tolist() == [[1, 0.3], [0.12, 1]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2,A,B,1,0.3,0.12", "holds 5 entries, not 6"),
        ("x,A,B,1,0.3,0.12,1", "begins with 'x', not the number of its channels"),
        ("2,A,A,1,0.3,0.12,1", "channels appear twice: A"),
        ("2,A,B,1,0.3,zero,1", "not a number"),
        ("2,A,B,1,nan,0,1", "not finite"),
        ("2,A,B,1,1,1,1", "cannot be inverted"),
        ("2,A,B,100,30,12,100", "shares, not per cent"),
    ],
)
def test_unusable_matrices_are_refused(text: str, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words):
        parse_spillover(text, "tube.fcs")


@pytest.mark.parametrize(
    "text", ["2\tA\tB\t1\t0,3\t0,12\t1", "2,A,B,1,0.3,0.12,1,", "2;A;B;1;0,3;0,12;1;"]
)
def test_separators_and_a_stray_one_at_the_end_change_nothing(text: str) -> None:
    plain = parse_spillover("2,A,B,1,0.3,0.12,1", "tube.fcs")
    assert parse_spillover(text, "tube.fcs").is_same(plain)


def test_the_order_of_the_channels_makes_no_other_matrix() -> None:
    one, other = (
        parse_spillover(text, "tube.fcs") for text in ("2,A,B,1,0.3,0.12,1", "2,B,A,1,0.12,0.3,1")
    )
    assert one.is_same(other)
    assert not one.is_same(parse_spillover("2,B,A,1,0.3,0.12,1", "tube.fcs"))
    assert not one.is_same(parse_spillover("2,B,C,1,0.3,0.12,1", "tube.fcs"))


def test_a_channel_that_the_file_lacks_is_named_with_those_it_has() -> None:
    spillover = parse_spillover("2,B525-A,R670-A,1,0,0,1", "tube.fcs")
    with pytest.raises(UnreadableFile, match="'R670-A', which the file lacks; channels of the f"):
        compensate(some_events(), tuple(NAMES), spillover, source="tube.fcs")


def test_a_doubled_slash_in_a_name_finds_the_single_one() -> None:
    spillover = parse_spillover("2,730//45Red-A,780/60Red-A,1,0.5,0,1", "tube.fcs")
    events = np.array([[10, 20], [30, 40]], dtype=np.float32)
    result = compensate(events, ("730/45Red-A", "780/60Red-A"), spillover, source="tube.fcs")
    np.testing.assert_allclose(result, [[10, 20], [25, 30]], rtol=1e-6)


@pytest.mark.parametrize(
    ("keywords", "prefix", "state"),
    [
        ({}, "", "none"),
        ({"spillover": "2,B525-A,V450-A,1,0.3,0,1"}, "", "file"),
        ({"spill": "2,B525-A,V450-A,1,0.3,0,1"}, "", "file"),
        ({"spillover": "2,B525-A,V450-A,1,0,0,1"}, "", "identity"),
        ({"spillover": "2,B525-A,V450-A,1,0.3,0,1"}, "Comp-", "already_compensated"),
        ({"spillover": "0"}, "", "none"),
    ],
)
def test_how_a_file_is_compensated_is_recognised(
    write_fcs: Callable[..., Path], keywords: dict[str, str], prefix: str, state: str
) -> None:
    names = ["FSC-A", f"{prefix}B525-A", f"{prefix}V450-A", "Time"]
    found, spillover = find_spillover(read_fcs(write_fcs(some_events(), names, keywords=keywords)))
    assert found == state
    assert (spillover is not None) == (state == "file")


def test_two_matrices_that_differ_are_refused(write_fcs: Callable[..., Path]) -> None:
    keywords = {
        "spillover": "2,B525-A,V450-A,1,0.3,0,1",
        "spill": "2,B525-A,V450-A,1,0.2,0,1",
    }
    file = read_fcs(write_fcs(some_events(), NAMES, keywords=keywords))
    with pytest.raises(UnreadableFile, match="two spillover matrices that differ"):
        find_spillover(file)


@pytest.mark.parametrize(
    "text",
    ["B525-A,V450-A\n1,0.3\n0.12,1\n", ",B525-A,V450-A\nB525-A,1,0.3\nV450-A,0.12,1\n",
     "B525-A\tV450-A\n1\t0.3\n0.12\t1\n"],
)  # fmt: skip
def test_matrix_is_read_from_csv_with_and_without_row_names(tmp_path: Path, text: str) -> None:
    path = tmp_path / "spill.csv"
    path.write_text(text, encoding="utf-8")
    found = read_spillover_csv(path)
    assert found.channels == ("B525-A", "V450-A")
    assert found.matrix.tolist() == [[1, 0.3], [0.12, 1]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "0 channels need 0 rows"),
        ("A,B\n1,0\n", "2 channels need 2 rows of 2 numbers"),
        (",A,B\nB,1,0\nA,0,1\n", "do not name the same channels"),
    ],
)
def test_a_csv_that_is_no_matrix_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "spill.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableFile, match=words):
        read_spillover_csv(path)


def test_data_on_a_logicle_scale_are_recognised(write_fcs: Callable[..., Path]) -> None:
    raw = some_events()
    transformed = raw.copy()
    transformed[1:3] = Transform("logicle").apply(raw[1:3]) * 4.5
    for events, expected in ((raw, False), (transformed, True)):
        file = read_fcs(write_fcs(events, NAMES))
        assert looks_transformed(file, [1, 2]) is expected


@pytest.mark.real_data
def test_omip021_equals_flowkit_with_the_matrix_of_the_file(real_data: Path) -> None:
    import flowkit

    path = real_data / "flow" / "omip021" / "Donor1.fcs"
    file = read_fcs(path)
    state, spillover = find_spillover(file)
    assert (state, len(spillover.channels)) == ("file", 16)
    result = compensate(file.events, file.channel_names, spillover, source=file.name)

    sample = flowkit.Sample(path, null_channel_list=["Original_ID"])
    sample.apply_compensation(flowkit.Matrix(sample.metadata["spill"], sample.pnn_labels[4:20]))
    expected = sample.get_events(source="comp").T
    # float32: 1e-6 of the largest signal of an event, as the inverse mixes all of them
    assert np.all(np.abs(result - expected) <= 1e-6 * np.abs(expected).max(axis=0) + 1e-2)


@pytest.mark.real_data
def test_coereba_files_carry_a_placeholder(real_data: Path) -> None:
    paths = sorted((real_data / "flow" / "coereba").glob("*.fcs"))
    assert len(paths) == 16
    for path in paths:
        file = read_fcs(path)
        assert file.events.shape == (43, 1000)
        assert find_spillover(file) == ("identity", None)


@pytest.mark.real_data
def test_a_transformed_export_that_still_carries_its_matrix_is_recognised(real_data: Path) -> None:
    folder = real_data / "flow" / "acquisition_anomaly"
    for name, expected in (("111.fcs", False), ("111_Comp_Trans.fcs", True)):
        file = read_fcs(folder / name)
        rows = [i for i, n in enumerate(file.channel_names) if n[0] in "BGRV"]
        assert looks_transformed(file, rows) is expected


@pytest.mark.real_data
def test_compensated_logicle_events_fall_into_the_gate_of_the_gatingml_set(
    real_data: Path,
) -> None:
    """ScaleRect1 of the compliance set: spectrum matrix, logicle, a rectangle, a truth per
    event.
    """
    folder = real_data / "flow" / "gatingml_reference"
    file = read_fcs(folder / "data1.fcs")
    matrix = np.array([[1, 0.02, 0.06], [0.11, 1, 0.07], [0.09, 0.01, 1]])
    spillover = Spillover(("FL1-H", "FL2-H", "FL3-H"), matrix)
    events = compensate(file.events, file.channel_names, spillover, source=file.name)
    scale = Transform("logicle", t=10000, w=0.5, m=4.5, a=0)
    pe, percp = (scale.apply(events[file.channel_names.index(n)]) for n in ("FL2-H", "FL3-H"))
    inside = (pe >= 0.31) & (pe < 0.69) & (percp >= 0.27) & (percp < 0.73)
    truth = np.loadtxt(folder / "truth" / "Results_ScaleRect1.txt", dtype=bool)
    np.testing.assert_array_equal(inside, truth)
