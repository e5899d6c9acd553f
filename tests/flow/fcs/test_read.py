"""FCS files read as the standard says, and refused in words when they contradict themselves."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import flowio
import numpy as np
import pytest

from itc_analysis.errors import UnreadableFile
from itc_analysis.flow.fcs.read import read_fcs

TWO_FLOATS = {
    "$BYTEORD": "1,2,3,4", "$DATATYPE": "F", "$PAR": "2", "$TOT": "3", "$NEXTDATA": "0",
    "$P1N": "FSC-A", "$P1B": "32", "$P1R": "262144", "$P1E": "0,0",
    "$P2N": "B525-A", "$P2B": "32", "$P2R": "262144", "$P2E": "0,0",
}  # fmt: skip
VALUES = np.array([[1, 2], [3, 4], [5, 6]], dtype="<f4")


def test_what_flowio_writes_is_read_back(write_fcs: Callable[..., Path]) -> None:
    events = np.random.default_rng(5).normal(0, 1e4, (3, 300_000)).astype(np.float32)
    path = write_fcs(events, ["FSC-A", "B525-A", "Time"], labels=["", "CD3 FITC", ""])
    file = read_fcs(path)  # longer than one piece of reading
    np.testing.assert_array_equal(file.events, events)
    assert file.events.flags.c_contiguous
    assert file.channel_names == ("FSC-A", "B525-A", "Time")
    assert file.channel_labels == ("", "CD3 FITC", "")
    assert (file.n_events, file.remarks) == (300_000, ())


@pytest.mark.parametrize(
    ("byte_order", "data_type", "bits", "stored"),
    [
        ("1,2,3,4", "F", 32, "<f4"),
        ("4,3,2,1", "F", 32, ">f4"),
        ("1,2,3,4", "D", 64, "<f8"),
        ("2,1", "I", 16, ">u2"),
        ("1,2,3,4", "I", 32, "<u4"),
        ("1,2,3,4", "I", 8, "u1"),
    ],
)
def test_every_data_type_and_byte_order(
    build_fcs: Callable[..., Path], byte_order: str, data_type: str, bits: int, stored: str
) -> None:
    keywords = TWO_FLOATS | {"$BYTEORD": byte_order, "$DATATYPE": data_type}
    keywords |= {
        f"$P{i}{letter}": v for i in (1, 2) for letter, v in (("B", str(bits)), ("R", "256"))
    }
    file = read_fcs(build_fcs(keywords, VALUES.astype(stored).tobytes()))
    np.testing.assert_array_equal(file.events, VALUES.T)


def test_bits_above_the_range_are_masked(build_fcs: Callable[..., Path]) -> None:
    keywords = TWO_FLOATS | {
        "$DATATYPE": "I", "$BYTEORD": "1,2", "$P1B": "16", "$P1R": "1024", "$P2B": "16", "$P2R": "1000",  # noqa: E501
    }  # fmt: skip
    data = np.array([[1023 + 4096, 999], [1024, 1001], [5, 2**15 + 7]], dtype="<u2")
    file = read_fcs(build_fcs(keywords, data.tobytes()))
    # 1000 is no power of two: the next one, 1024, gives the mask
    np.testing.assert_array_equal(file.events, [[1023, 0, 5], [999, 1001, 7]])


def test_widths_may_differ_between_channels(build_fcs: Callable[..., Path]) -> None:
    keywords = TWO_FLOATS | {"$DATATYPE": "I", "$P1B": "8", "$P1R": "256", "$P2B": "32"}
    stored = np.dtype([("a", "u1"), ("b", "<u4")])
    data = np.array([(200, 70_000), (0, 1), (255, 262_143)], dtype=stored)
    file = read_fcs(build_fcs(keywords, data.tobytes()))
    np.testing.assert_array_equal(file.events, [[200, 0, 255], [70_000, 1, 262_143]])


def test_amplifiers_gain_and_clock_are_applied(build_fcs: Callable[..., Path]) -> None:
    keywords = TWO_FLOATS | {
        "$DATATYPE": "I", "$PAR": "3", "$TIMESTEP": "0.01",
        "$P1N": "FL1-H", "$P1R": "1024", "$P1E": "4,1", "$P2G": "8",
        "$P3N": "Time", "$P3B": "32", "$P3R": "262144", "$P3E": "0,0", "$P3G": "8",
    }  # fmt: skip
    data = np.array([[0, 80, 100], [512, 8, 200], [1023, 0, 300]], dtype="<u4")
    file = read_fcs(build_fcs(keywords, data.tobytes()))
    expected = [[1, 100, 10 ** (4 * 1023 / 1024)], [10, 1, 0], [1, 2, 3]]
    np.testing.assert_allclose(file.events, expected, rtol=1e-6)  # float32
    assert [channel.scaled_range for channel in file.channels[:2]] == [10_000, 32_768]


def test_floating_point_data_are_linear_whatever_the_amplifier_says(
    build_fcs: Callable[..., Path],
) -> None:
    file = read_fcs(build_fcs(TWO_FLOATS | {"$P2E": "4,1"}, VALUES.tobytes()))
    np.testing.assert_array_equal(file.events, VALUES.T)
    assert "ignored: B525-A" in file.remarks[0]


def test_an_escaped_delimiter_belongs_to_the_name(build_fcs: Callable[..., Path]) -> None:
    path = build_fcs(TWO_FLOATS | {"$P2N": "730//45Red-A"}, VALUES.tobytes())
    assert read_fcs(path).channel_names == ("FSC-A", "730/45Red-A")


@pytest.mark.parametrize("delimiter", ["/", "|", "\\", "*", ".", "^", "\f", "!"])
def test_any_delimiter_will_do(build_fcs: Callable[..., Path], delimiter: str) -> None:
    path = build_fcs(TWO_FLOATS, VALUES.tobytes(), delimiter=delimiter)
    np.testing.assert_array_equal(read_fcs(path).events, VALUES.T)


def test_empty_values_do_not_swallow_the_next_keyword(build_fcs: Callable[..., Path]) -> None:
    keywords = {"$P1S": "", "$P2S": ""} | TWO_FLOATS | {"$CYT": "", "$P2N": "730//45Red-A"}
    file = read_fcs(build_fcs(keywords, VALUES.tobytes()))
    assert file.channel_names == ("FSC-A", "730/45Red-A")
    assert file.keywords["CYT"] == file.keywords["P1S"] == ""
    assert file.remarks == ("keywords with empty values, against the standard, were read as empty",)
    np.testing.assert_array_equal(file.events, VALUES.T)


def test_supplemental_text_is_read(build_fcs: Callable[..., Path]) -> None:
    supplement = "/$P2S/CD3 FITC/$P1N/not this one/"
    begin = 4096 + VALUES.nbytes
    keywords = {
        "$BEGINSTEXT": str(begin), "$ENDSTEXT": str(begin + len(supplement) - 1)
    } | TWO_FLOATS  # fmt: skip
    path = build_fcs(keywords, VALUES.tobytes())
    path.write_bytes(path.read_bytes() + supplement.encode())
    file = read_fcs(path)
    assert file.channel_labels == ("", "CD3 FITC")
    assert file.channel_names == ("FSC-A", "B525-A")


def test_one_byte_too_far_is_remarked(build_fcs: Callable[..., Path]) -> None:
    path = build_fcs(TWO_FLOATS, VALUES.tobytes(), end_shift=1)
    file = read_fcs(path)
    np.testing.assert_array_equal(file.events, VALUES.T)
    assert "one byte too far" in file.remarks[0]


def test_offsets_of_large_files_are_taken_from_text(build_fcs: Callable[..., Path]) -> None:
    file = read_fcs(build_fcs(TWO_FLOATS, VALUES.tobytes(), header_data=(0, 0)))
    np.testing.assert_array_equal(file.events, VALUES.T)


def test_a_next_data_set_that_is_not_there_changes_nothing(build_fcs: Callable[..., Path]) -> None:
    file = read_fcs(build_fcs(TWO_FLOATS | {"$NEXTDATA": "9000"}, VALUES.tobytes()))
    np.testing.assert_array_equal(file.events, VALUES.T)
    assert "names another data set, which is not there" in file.remarks[0]


def test_a_file_joined_behind_the_events_is_remarked(build_fcs: Callable[..., Path]) -> None:
    path = build_fcs(TWO_FLOATS, VALUES.tobytes())
    whole = path.read_bytes()
    path.write_bytes(whole + b"00000000")  # the checksum of the standard
    assert read_fcs(path).remarks == ()
    path.write_bytes(whole + whole)
    file = read_fcs(path)
    np.testing.assert_array_equal(file.events, VALUES.T)
    assert file.remarks == (
        "another file was joined behind the events, and was not read: $NEXTDATA does not name it",
    )


@pytest.mark.parametrize("version", ["FCS2.0", "FCS3.0", "FCS3.1", "FCS3.2"])
def test_every_version_is_read(build_fcs: Callable[..., Path], version: str) -> None:
    newer = {"$BEGINDATETIME": "2026-01-01T08:00:00", "$P1TYPE": "Forward Scatter", "$CYT": "x"}
    path = build_fcs(TWO_FLOATS | newer, VALUES.tobytes(), version=version)
    if version == "FCS3.2":  # has no $MODE: list mode is implied
        path.write_bytes(path.read_bytes().replace(b"$MODE/", b"$NONE/"))
    file = read_fcs(path)
    np.testing.assert_array_equal(file.events, VALUES.T)
    assert file.channel_names == ("FSC-A", "B525-A")


def test_a_second_data_set_behind_the_first_changes_nothing(
    build_fcs: Callable[..., Path],
) -> None:
    # as Beckman's .lmd: the same events once more, in another form
    first = build_fcs(TWO_FLOATS, VALUES.tobytes()).read_bytes()
    offset = len(first) + 16
    keywords = TWO_FLOATS | {"$NEXTDATA": str(offset)}
    path = build_fcs(keywords, VALUES.tobytes(), file_name="two.fcs")
    other = build_fcs(TWO_FLOATS, (VALUES * 2).tobytes(), file_name="other.fcs").read_bytes()
    path.write_bytes(path.read_bytes().ljust(offset) + other)
    file = read_fcs(path)
    np.testing.assert_array_equal(file.events, VALUES.T)
    assert any("several data sets" in remark for remark in file.remarks)


def test_names_that_stand_twice_and_a_broken_clock_are_remarked(
    build_fcs: Callable[..., Path],
) -> None:
    keywords = TWO_FLOATS | {"$P2N": "FSC-A", "$TIMESTEP": "xxxxxxxxx"}
    remarks = read_fcs(build_fcs(keywords, VALUES.tobytes())).remarks
    assert remarks == (
        "channel name 'FSC-A' stands 2 times",
        "$TIMESTEP is 'xxxxxxxxx', not a number: Time is in ticks, not seconds",
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"$P2N": "  "}, r"channel 2 of 2 has no name \(\$P2N\)"),
        ({"$P2R": "", "$DATATYPE": "I", "$P2E": "4,1"}, r"\$P2R is missing"),
        ({"$P2B": "many"}, r"\$P2B is 'many', which is not a number"),
        ({"$P2B": "16"}, "data of type F need 32 bits"),
        ({"$DATATYPE": "D"}, r"1 fault\n.*need 64 bits, but 2 channels, from 1 on, say 32"),
        ({"$P2E": "4"}, r"the amplifier \$P2E is '4'"),
        ({"$P3N": "R670-A"}, "there are 2 columns"),
        ({"$PAR": "0"}, r"number of channels \(\$PAR\) is '0'"),
        ({"$PAR": "99999999"}, r"number of channels \(\$PAR\) is '99999999'"),
        ({"$TOT": ""}, r"\$TOT is missing"),
        ({"$TOT": "0"}, "holds no events"),
        ({"$TOT": "2"}, "need 16 bytes, the segment has 24"),
        (
            {"$TOT": "30"},
            "the events need bytes 4096 to 4335, the file has 4120: 10% of the events",
        ),
        ({"$MODE": "C"}, "not a list of events"),
        ({"$DATATYPE": "A"}, "data type 'A'"),
        ({"$BYTEORD": "3,4,1,2"}, "byte order '3,4,1,2'"),
        ({"$DATATYPE": "I", "$P1B": "10"}, "has 10 bits"),
        (
            {"$BEGINDATA": "4000", "$TOT": "2"},
            "HEADER says the events are at bytes 4096 to 4119, TEXT says 4000",
        ),
        ({"$NEXTDATA": "soon"}, r"offset \$NEXTDATA is 'soon'"),
    ],
)
def test_contradictions_are_refused_in_words(
    build_fcs: Callable[..., Path], changes: dict[str, str], words: str
) -> None:
    with pytest.raises(UnreadableFile, match=words) as caught:
        read_fcs(build_fcs(TWO_FLOATS | changes, VALUES.tobytes()))
    assert caught.value.source == "built.fcs"


def test_all_faults_of_a_file_are_told_at_once(build_fcs: Callable[..., Path]) -> None:
    keywords = TWO_FLOATS | {"$P1R": "x", "$P2R": "y", "$P2E": "z"}
    with pytest.raises(UnreadableFile) as caught:
        read_fcs(build_fcs(keywords, VALUES.tobytes()))
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"<html>not found</html>", "not an FCS file"),
        (b"FCS1.0    " + b"0" * 60, "FCS version '1.0' is not known"),
        (b"FCS3.1    ", "the file ends after 10 bytes"),
        (b"FCS3.1    " + b"      xx" * 6, "offset 'xx' is not a number"),
        (b"FCS3.1    " + b"      58    9999       0       0       0       0", "ends at byte 9999"),
        (
            b"FCS3.1    " + b"      58      40       0       0       0       0".ljust(80),
            "cannot be at bytes",
        ),
    ],
)
def test_other_files_are_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "other.fcs"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=words):
        read_fcs(path)


def test_a_missing_file_and_a_folder_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"is not there; check the path"):
        read_fcs(tmp_path / "absent.fcs")
    with pytest.raises(UnreadableFile, match="this is a folder"):
        read_fcs(tmp_path)


def test_a_file_cut_short_says_how_much_is_left(
    write_fcs: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_fcs(np.ones((4, 1000)), ["a", "b", "c", "d"])
    path.write_bytes(path.read_bytes()[:-8000])
    with pytest.raises(UnreadableFile, match="50% of the events are there; the copy is probably"):
        read_fcs(path)


#: Files of public test suites: how many channels and events, or the words of the refusal.
ODD_FILES: dict[str, tuple[int, int] | str] = {
    "0877408774.B08": (8, 10000),
    "AriaFile1.fcs": "the events end at byte .*, the file has 293161",
    "Data002.fcs": (9, 20000),
    "EY_2013-07-19_PBS_FCS_3.1_Well_A1.001.fcs": (19, 10000),
    "G11.fcs": (12, 5785),
    "HTS_BD_LSR_II_Mixed_Specimen_001_D6_D06.fcs": (11, 14945),
    "SG_2014-09-26_Duplicate_Names.fcs": (9, 8129),
    "Sample_Well_A02.fcs": (8, 37395),
    "cyflow_cube_8.fcs": (10, 725),
    "data_start_offset_discrepancy_example.fcs": (26, 2),
    "example_Out.fcs": "59 columns .*, but a name for channel 60 too",
    "fake_large_fcs.fcs": (11, 11585),
    "fcs1_cleaned.lmd": (7, 50000),
    "float-1_event.fcs": (10, 1),
    "int-multiple_datasets.fcs": r"channel 1 of 2 has no name \(\$P1N\)",
}


@pytest.mark.real_data
def test_every_odd_file_has_its_expectation(real_data: Path) -> None:
    folder = real_data / "flow" / "odd_files"
    assert {path.name for path in folder.iterdir()} - {"SOURCE.md"} == set(ODD_FILES)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ODD_FILES)
def test_odd_files_are_read_right_or_refused_in_words(real_data: Path, name: str) -> None:
    path, expected = real_data / "flow" / "odd_files" / name, ODD_FILES[name]
    if isinstance(expected, str):
        with pytest.raises(UnreadableFile, match=expected):
            read_fcs(path)
        return
    file = read_fcs(path)
    assert file.events.shape == expected
    assert np.isfinite(file.events).all()
    if name == "fake_large_fcs.fcs":  # flowio cannot read it: blank offsets in HEADER
        raw = path.read_bytes()[2462 : 512201 + 1]
        truth = np.frombuffer(raw, dtype=">f4").reshape(-1, 11)
        np.testing.assert_array_equal(file.events[:10], truth.T[:10])
        return
    if name == "data_start_offset_discrepancy_example.fcs":  # flowio refuses it; $TOT fits TEXT
        raw = np.frombuffer(path.read_bytes()[6081 : 6188 + 1], dtype="<u2").reshape(2, 27)
        np.testing.assert_allclose(file.events[2], raw[:, 2] / 6.5536, rtol=1e-6)
        np.testing.assert_allclose(file.events[0], 10 ** (raw[:, 0] * 4.0 / 65536), rtol=1e-6)
        assert any("read by TEXT, which $TOT" in remark for remark in file.remarks)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # flowio warns of the offset that is one too far
        truth = flowio.FlowData(path, ignore_offset_error=True, nextdata_offset=0).as_array().T
    np.testing.assert_allclose(file.events, truth, rtol=1e-6)  # float32


@pytest.mark.real_data
def test_the_mislabelled_calibur_file_gives_the_true_fl4(real_data: Path) -> None:
    """flowio loses $P6N behind an empty value and returns the unnamed column for FL4-H."""
    file = read_fcs(real_data / "flow" / "odd_files" / "0877408774.B08")
    assert file.channel_names == (
        "FSC-H", "SSC-H", "FL1-H", "FL2-H", "FL3-H", "FL1-A", "FL4-H", "Time",
    )  # fmt: skip
    fl4 = file.events[file.channel_names.index("FL4-H")]
    assert fl4.max() == pytest.approx(9821.7, abs=0.05)
    assert "keywords with empty values" in file.remarks[0]


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name",
    [
        "omip021/Donor1.fcs",
        "cytof_pbmc/130515_C2_stim_CD19-.fcs",
        "gatingml_reference/data1.fcs",
        "tcell_100715/100715.fcs",
        "whole_blood_15/sample01.fcs",
        "single_stains/data/060909.001",
    ],
)
def test_events_equal_flowio(real_data: Path, name: str) -> None:
    path = real_data / "flow" / name
    if not path.exists():  # the single stains are in a folder that differs between copies
        path = next((real_data / "flow" / name.split("/")[0]).rglob(path.name))
    truth = flowio.FlowData(path).as_array().T
    np.testing.assert_allclose(read_fcs(path).events, truth, rtol=1e-6)  # float32
