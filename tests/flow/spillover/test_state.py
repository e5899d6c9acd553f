"""Whether the columns that a panel uses are compensated: by their names, the matrix and its
form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from itc_analysis.errors import UnreadableFile
from itc_analysis.flow.fcs.channel_names import detector_of, is_compensated
from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.flow.spillover.compensation import compensate, find_compensation, rows_of
from itc_analysis.flow.spillover.matrix_text import parse_spillover, read_spillover_csv
from itc_analysis.flow.tube.columns import choose_columns

MATRIX = [[1.0, 0.25], [0.125, 1.0]]
TEXT = "2,B525-A,V450-A,1,0.25,0.125,1"
EVENTS = np.random.default_rng(8).uniform(1e2, 1e5, (4, 400)).astype(np.float32)
Write = Callable[..., Path]
PANEL = pd.DataFrame(
    {
        "channel": ["FSC-A", "B525-A", "V450-A"],
        "marker": ["FSC-A", "CD3", "CD4"],
        "role": ["scatter", "lineage", "lineage"],
    },
    dtype="string",
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PE-A", ("PE-A", False)),
        ("FJComp-PE-A", ("PE-A", True)),
        ("Comp-PE-A", ("PE-A", True)),
        ("comp_PE-A", ("PE-A", True)),
        ("Compensated PE-A", ("PE-A", True)),
        ("<PE-A>", ("PE-A", True)),
        ("PE-A :: CD3", ("PE-A", False)),
        ("FJComp-PE-A :: CD3 PE", ("PE-A", True)),
        ("Comp-PE-A  ::  CD3", ("PE-A", True)),
        ("730//45Red-A", ("730/45Red-A", False)),
        ("Component-A", ("Component-A", False)),
        ("Comp-", ("Comp-", False)),
    ],
)
def test_the_detector_behind_a_name(name: str, expected: tuple[str, bool]) -> None:
    assert (detector_of(name), is_compensated(name)) == expected


@pytest.mark.parametrize("form", ["FJComp-{}", "Comp-{}", "<{}>", "Comp-{} :: CD3"])
@pytest.mark.parametrize("matrix", ["none", "raw names", "their own names", "numbers"])
def test_compensated_columns_are_never_compensated_again(
    write_fcs: Write, form: str, matrix: str
) -> None:
    names = ["FSC-A", form.format("B525-A"), form.format("V450-A"), "Time"]
    value = {
        "none": "0", "raw names": TEXT, "numbers": "2,2,3,1,0.25,0.125,1",
        "their own names": f"2,{names[1]},{names[2]},1,0.25,0.125,1",
    }[matrix]  # fmt: skip
    file = read_fcs(write_fcs(EVENTS, names, keywords={"spillover": value}))
    chosen = choose_columns(file, PANEL)
    assert (chosen.state, chosen.spillover) == ("already_compensated", None)
    assert chosen.columns == {"FSC-A": 0, "CD3": 1, "CD4": 2}
    assert "compensated already on export" in chosen.remarks[0]
    assert ("the file's matrix was not applied again" in chosen.remarks) == (matrix != "none")


def test_other_columns_do_not_decide(write_fcs: Write) -> None:
    events = np.vstack([EVENTS, EVENTS[1:2]])
    names = ["FSC-A", "B525-A", "V450-A", "Time", "Comp-R670-A"]
    file = read_fcs(write_fcs(events, names, keywords={"spillover": TEXT}))
    assert find_compensation(file, [1, 2]).state == "file"


@pytest.mark.parametrize("order", ["raw first", "compensated first"])
@pytest.mark.parametrize(
    ("keyword", "state", "used"),
    [(TEXT, "file", "raw"), ("0", "already_compensated", "compensated"),
     ("2,B525-A,V450-A,1,0,0,1", "already_compensated", "compensated")],
)  # fmt: skip
def test_of_raw_and_compensated_columns_one_is_used_and_it_is_said_which(
    write_fcs: Write, order: str, keyword: str, state: str, used: str
) -> None:
    raw, compensated = ["B525-A", "V450-A"], ["FJComp-B525-A", "FJComp-V450-A"]
    pair = [*raw, *compensated] if order == "raw first" else [*compensated, *raw]
    events = np.vstack([EVENTS, EVENTS[1:2]])
    labels = ["", *(2 * ["CD3", "CD4"])]
    file = read_fcs(
        write_fcs(events, ["FSC-A", *pair], labels=labels, keywords={"spillover": keyword})
    )
    by_label = PANEL.assign(channel=["FSC-A", "not there", "nor this"])
    for panel in (PANEL, by_label):
        chosen = choose_columns(file, panel)
        names = [file.channel_names[chosen.columns[marker]] for marker in ("CD3", "CD4")]
        assert chosen.state == state
        assert names == (raw if used == "raw" else compensated)
        assert any(name in chosen.remarks[0] for name in raw)
        assert any(name in chosen.remarks[0] for name in compensated)
    # a marker that was found by its label is said too
    assert "CD4: no channel 'nor this', taken from" in chosen.remarks[-1]


def test_columns_of_both_kinds_without_twins_are_refused(write_fcs: Write) -> None:
    names = ["FSC-A", "Comp-B525-A", "V450-A", "Time"]
    file = read_fcs(write_fcs(EVENTS, names, keywords={"spillover": TEXT}))
    words = "'Comp-B525-A' is compensated already, but 'V450-A' is not, though the matrix names"
    with pytest.raises(UnreadableFile, match=words):
        find_compensation(file, [1, 2])


def test_a_column_outside_the_matrix_may_stay_raw(write_fcs: Write) -> None:
    names = ["FSC-A", "B525-A", "V450-A", "R670-A"]
    file = read_fcs(write_fcs(EVENTS, names, keywords={"spillover": TEXT}))
    panel = pd.DataFrame(
        {"channel": names[1:], "marker": ["CD3", "CD4", "CD8"], "role": ["lineage"] * 3}
    )
    chosen = choose_columns(file, panel)
    assert chosen.remarks == ("not in the spillover matrix, left as measured: CD8",)


# the matrix as text


@pytest.mark.parametrize(
    "text",
    [
        "2,B525-A,V450-A,1,0,0,25,0,125,1,0",  # n x n pairs: every number has its comma
        "2;B525-A;V450-A;1;0,25;0,125;1",
        " 2, B525-A ,V450-A, 1, 0.25, 0.125, 1 ",
    ],
)
def test_matrices_with_decimal_commas_are_read(text: str) -> None:
    spillover = parse_spillover(text, "tube.fcs")
    assert spillover.channels == ("B525-A", "V450-A")
    np.testing.assert_array_equal(spillover.matrix, MATRIX)


@pytest.mark.parametrize("text", [(
    "2,B525-A,V450-A,1,0,25,0,125,1"
), "2,B525-A,V450-A", "2,a,b,1,0,0"])  # fmt: skip
def test_numbers_that_cannot_be_told_apart_are_refused(text: str) -> None:
    with pytest.raises(UnreadableFile, match=r"\$SPILLOVER says 2 channels and holds"):
        parse_spillover(text, "tube.fcs")


def test_a_matrix_by_channel_numbers_is_the_one_by_names(write_fcs: Write) -> None:
    names = ["FSC-A", "B525-A", "V450-A", "Time"]
    by_number = read_fcs(write_fcs(EVENTS, names, keywords={"spillover": "2,2,3,1,0.25,0.125,1"}))
    by_name = read_fcs(write_fcs(EVENTS, names, keywords={"spillover": TEXT}, file_name="b.fcs"))
    found = [choose_columns(file, PANEL).spillover for file in (by_number, by_name)]
    assert found[0] is not None
    assert found[1] is not None
    results = [
        compensate(EVENTS, by_name.channel_names, spillover, source="x") for spillover in found
    ]
    np.testing.assert_array_equal(*results)


def test_numbers_beyond_the_channels_are_names_that_the_file_lacks() -> None:
    spillover = parse_spillover("2,2,9,1,0.25,0.125,1", "tube.fcs")
    with pytest.raises(UnreadableFile, match="names 2 channels that the file lacks: '2', '9'"):
        rows_of(spillover, ("FSC-A", "B525-A", "V450-A"), "tube.fcs")


def test_all_channels_that_a_file_lacks_are_one_fault() -> None:
    spillover = parse_spillover(TEXT, "tube.fcs")
    with pytest.raises(UnreadableFile) as told:
        rows_of(spillover, ("FSC-A", "R670-A"), "tube.fcs")
    assert len(told.value.faults) == 1
    assert "names 2 channels that the file lacks: 'B525-A', 'V450-A'" in str(told.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize(
    "text",
    [
        "B525-A,V450-A\n1,0.25\n0.125,1\n",
        "B525-A;V450-A\r\n1;0,25\r\n0,125;1\r\n",
        "sep=;\nB525-A;V450-A\n1;0,25\n0,125;1\n",
        ";B525-A;V450-A\nB525-A;1;0,25\nV450-A;0,125;1\n;;\n",
        "B525-A\tV450-A\n1\t0,25\n0,125\t1\n",
        '"B525-A","V450-A"\n"1","0.25"\n"0.125","1"\n',
    ],
)
def test_a_matrix_is_read_as_spreadsheets_of_any_country_save_it(
    tmp_path: Path, text: str, encoding: str
) -> None:
    path = tmp_path / "matrix.csv"
    path.write_bytes(text.encode(encoding))
    spillover = read_spillover_csv(path)
    assert spillover.channels == ("B525-A", "V450-A")
    np.testing.assert_array_equal(spillover.matrix, MATRIX)
