"""FCS files as instruments and export programs write them: each kind of oddity, read right or
named."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from itc_analysis.errors import UnreadableFile
from itc_analysis.flow.fcs.read import read_fcs, refuse_without_range

TWO = {
    "$BYTEORD": "1,2,3,4", "$DATATYPE": "F", "$PAR": "2", "$TOT": "3", "$NEXTDATA": "0",
    "$P1N": "FSC-A", "$P1B": "32", "$P1R": "262144", "$P1E": "0,0",
    "$P2N": "B525-A", "$P2B": "32", "$P2R": "262144", "$P2E": "0,0",
}  # fmt: skip
VALUES = np.array([[1, 2], [3, 4], [5, 6]], dtype="<f4")
Build = Callable[..., Path]


# keywords


@pytest.mark.parametrize("delimiter", ["/", "|", "\f", "\\"])
@pytest.mark.parametrize("empty", ["EXPORT USER NAME", "$CYT", "@SAMPLEID1"])
@pytest.mark.parametrize("following", ["SPILL", "$SPILLOVER", "APPLY COMPENSATION", "#LASER"])
def test_an_empty_value_never_swallows_the_keyword_behind_it(
    build_fcs: Build, delimiter: str, empty: str, following: str
) -> None:
    keywords = TWO | {empty: "", following: "what it says"}
    file = read_fcs(build_fcs(keywords, VALUES.tobytes(), delimiter=delimiter))
    assert file.keywords[following.removeprefix("$")] == "what it says"
    assert file.keywords[empty.removeprefix("$")] == ""
    assert file.remarks == ("keywords with empty values, against the standard, were read as empty",)


def test_labels_are_composed_as_the_sheets_are(build_fcs: Build) -> None:
    name, label = "FITC \u00e9-A", "V\u03b17.2 \u00e9t\u00e9"
    keywords = TWO | {"$P2N": unicodedata.normalize("NFD", name),
                      "$P2S": unicodedata.normalize("NFD", label)}  # fmt: skip
    file = read_fcs(build_fcs(keywords, VALUES.tobytes()))
    assert file.channel_names[1] == name
    assert file.channel_labels[1] == label


def test_several_empty_values_in_a_row_and_at_the_end_are_empty(build_fcs: Build) -> None:
    file = read_fcs(build_fcs(TWO | {"A": "", "B": "", "C": "x", "D": ""}, VALUES.tobytes()))
    assert [file.keywords[key] for key in "ABCD"] == ["", "", "x", ""]


@pytest.mark.parametrize(("written", "meant"), [("//CD3", "/CD3"), ("CD3//", "CD3/"), ("a//b", "a/b")])  # fmt: skip  # noqa: E501
def test_an_escaped_delimiter_stands_anywhere_in_a_value(
    build_fcs: Build, written: str, meant: str
) -> None:
    file = read_fcs(build_fcs(TWO | {"$P2S": written}, VALUES.tobytes()))
    assert file.channel_labels == ("", meant)


@pytest.mark.parametrize("at", ["first", "last"])
def test_a_delimiter_in_a_label_that_was_not_doubled_is_named(build_fcs: Build, at: str) -> None:
    label = {"$P1S": "CD3/CD19"}
    keywords = (label | TWO) if at == "first" else (TWO | label | {"$P2S": "x", "$TIMESTEP": "1"})
    with pytest.raises(UnreadableFile, match=r"the value of \$P1S seems to be 'CD3/CD19'") as told:
        read_fcs(build_fcs(keywords, VALUES.tobytes()))
    assert len(told.value.faults) == 1
    assert "take the delimiter out of the label" in str(told.value)


def test_a_label_that_may_have_been_cut_by_its_own_delimiters_is_remarked(build_fcs: Build) -> None:
    first = {key: value for key, value in TWO.items() if not key.startswith("$P2")}
    keywords = first | {"$P1S": "CD3/CD14/CD19"} | TWO
    file = read_fcs(build_fcs(keywords, VALUES.tobytes()))
    np.testing.assert_array_equal(file.events, VALUES.T)
    assert "the label $P1S is 'CD3', and 'CD14/CD19' behind it is no keyword" in file.remarks[0]


def test_the_last_delimiter_may_be_missing(build_fcs: Build) -> None:
    path = build_fcs(TWO | {"$P2S": "CD3"}, VALUES.tobytes())
    raw = path.read_bytes()
    end = int(raw[18:26])
    path.write_bytes(raw[:18] + b"%8d" % (end - 1) + raw[26:])
    assert read_fcs(path).channel_labels == ("", "CD3")


@pytest.mark.parametrize("key", ["$P2S", "$SPILLOVER", "$P2G"])
def test_a_decisive_keyword_that_stands_twice_with_two_values_is_refused(
    build_fcs: Build, key: str
) -> None:
    # a blank behind the name makes it another key of the dict, and the same of the file
    same = TWO | {key: "1", f"{key} ": "1", "$CYT": "a", "$CYT ": "b"}
    assert read_fcs(build_fcs(same, VALUES.tobytes())).remarks == ()
    words = rf"\{key} stands twice in the file, with two values, '1' and '2'"
    with pytest.raises(UnreadableFile, match=words):
        read_fcs(build_fcs(TWO | {key: "1", f"{key} ": "2"}, VALUES.tobytes()))


def test_offsets_of_the_header_may_be_padded_with_zero_bytes(build_fcs: Build) -> None:
    path = build_fcs(TWO, VALUES.tobytes())
    raw = path.read_bytes()
    path.write_bytes(raw[:10] + raw[10:58].replace(b" ", b"\0") + raw[58:])
    np.testing.assert_array_equal(read_fcs(path).events, VALUES.T)


@pytest.mark.parametrize(("first", "words"), [(b"\x1f\x8b\x08", "gzip"), (b"PK\x03\x04", "zip")])
def test_a_packed_file_is_to_be_unpacked(tmp_path: Path, first: bytes, words: str) -> None:
    path = tmp_path / "tube.fcs"
    path.write_bytes(first + b"x" * 100)
    with pytest.raises(UnreadableFile, match=rf"\({words}\), not an FCS file; unpack it"):
        read_fcs(path)


# $PnR


@pytest.mark.parametrize("data_type", ["F", "I"])
@pytest.mark.parametrize("channel_range", ["0", ""])
def test_a_clock_needs_no_range(build_fcs: Build, data_type: str, channel_range: str) -> None:
    keywords = TWO | {"$P2N": "Time", "$P2R": channel_range, "$DATATYPE": data_type}
    stored = VALUES.astype("<u4") if data_type == "I" else VALUES
    file = read_fcs(build_fcs(keywords, stored.tobytes()))
    np.testing.assert_array_equal(file.events, VALUES.T)
    refuse_without_range(file, [0, 1])


@pytest.mark.parametrize(
    ("channel_range", "words"),
    [("", r"\$P2R is missing"), ("0", r"range of channel 2 'B525-A' \(\$P2R\) is not above 0")],
)
def test_a_range_is_asked_for_where_it_is_used(
    build_fcs: Build, channel_range: str, words: str
) -> None:
    file = read_fcs(build_fcs(TWO | {"$P2R": channel_range}, VALUES.tobytes()))
    refuse_without_range(file, [0])
    with pytest.raises(UnreadableFile, match=words):
        refuse_without_range(file, [0, 1])


def test_a_few_integers_above_the_range_are_saturated_and_counted(build_fcs: Build) -> None:
    values = np.arange(200, dtype="<u4").reshape(100, 2)
    values[:3, 1] = (1024, 5000, 70_000)
    keywords = TWO | {"$DATATYPE": "I", "$TOT": "100", "$P1R": "1024", "$P2R": "1024"}
    file = read_fcs(build_fcs(keywords, values.tobytes()))
    assert list(file.events[1, :3]) == [1023, 1023, 1023]
    assert file.remarks == (
        "integers above the range ($PnR), read as the top of the range (saturated): 3 of B525-A",
    )


def test_many_integers_above_the_range_are_masked_and_counted(build_fcs: Build) -> None:
    values = np.arange(200, dtype="<u4").reshape(100, 2)
    values[:, 1] |= 1 << 12  # another channel's bit, as in old instruments
    keywords = TWO | {"$DATATYPE": "I", "$TOT": "100", "$P1R": "1024", "$P2R": "1024"}
    file = read_fcs(build_fcs(keywords, values.tobytes()))
    np.testing.assert_array_equal(file.events[1], np.arange(1, 200, 2))
    assert file.remarks == (
        "integers above the range ($PnR), the bits above it were masked, as the standard says: "
        "100 of B525-A",
    )


def test_a_clock_runs_on_beyond_its_range(build_fcs: Build) -> None:
    values = np.arange(200, dtype="<u4").reshape(100, 2)
    keywords = TWO | {"$DATATYPE": "I", "$TOT": "100", "$P1R": "1024", "$P2R": "64", "$P2N": "Time"}
    file = read_fcs(build_fcs(keywords, values.tobytes()))
    np.testing.assert_array_equal(file.events[1], np.arange(1, 200, 2))
    assert "the clock runs on" in file.remarks[0]


# types and widths


@pytest.mark.parametrize(("order", "sign"), [("1,2,3,4", "<"), ("4,3,2,1", ">")])
def test_types_may_differ_between_channels_in_fcs_3_2(
    build_fcs: Build, order: str, sign: str
) -> None:
    stored = np.dtype([("a", f"{sign}f4"), ("b", f"{sign}u2"), ("c", f"{sign}f8")])
    data = np.array([(1.5, 70, 1e6), (-2.5, 1023, 2e6), (0, 3, -7.25)], dtype=stored)
    keywords = TWO | {
        "$BYTEORD": order, "$PAR": "3", "$P2B": "16", "$P2R": "1024", "$P2DATATYPE": "I",
        "$P3N": "V450-A", "$P3B": "64", "$P3R": "262144", "$P3E": "0,0", "$P3DATATYPE": "D",
    }  # fmt: skip
    file = read_fcs(build_fcs(keywords, data.tobytes(), version="FCS3.2"))
    np.testing.assert_array_equal(file.events, [[1.5, -2.5, 0], [70, 1023, 3], [1e6, 2e6, -7.25]])


@pytest.mark.parametrize("bits", [24, 40, 48, 56])
@pytest.mark.parametrize("order", ["little", "big"])
def test_odd_widths_of_whole_bytes_are_read(build_fcs: Build, bits: int, order: str) -> None:
    values = [[1, 70_000], [2, 255], [16_777_215, 65_536]]
    data = b"".join(v.to_bytes(bits // 8, order) for row in values for v in row)  # type: ignore[arg-type]
    keywords = TWO | {"$DATATYPE": "I", "$P1B": str(bits), "$P2B": str(bits)}
    keywords |= {"$P1R": str(1 << 24), "$P2R": str(1 << 24)}
    keywords["$BYTEORD"] = "1,2,3,4" if order == "little" else "4,3,2,1"
    file = read_fcs(build_fcs(keywords, data))
    np.testing.assert_array_equal(file.events, np.array(values, dtype=np.float32).T)


@pytest.mark.parametrize("bits", ["10", "12", "0", "72"])
def test_widths_that_are_no_whole_bytes_are_refused(build_fcs: Build, bits: str) -> None:
    keywords = TWO | {"$DATATYPE": "I", "$P1B": bits, "$P2B": bits}
    with pytest.raises(UnreadableFile, match=f"has {bits} bits"):
        read_fcs(build_fcs(keywords, VALUES.tobytes()))


# offsets


@pytest.mark.parametrize(
    "header", [(0, 0), (4096, 99_999_999), (99_999_999, 99_999_999), (4096, 4096), (4096, 0)]
)
def test_offsets_too_large_for_the_header_are_read_by_text(
    build_fcs: Build, header: tuple[int, int]
) -> None:
    file = read_fcs(build_fcs(TWO, VALUES.tobytes(), header_data=header))
    np.testing.assert_array_equal(file.events, VALUES.T)


@pytest.mark.parametrize("end", ["4096", "0", "99999999"])
def test_an_end_that_text_does_not_give_is_no_fault_where_tot_fits(
    build_fcs: Build, end: str
) -> None:
    keywords = TWO | {"$ENDDATA": end}
    file = read_fcs(build_fcs(keywords, VALUES.tobytes(), header_data=(0, 0)))
    np.testing.assert_array_equal(file.events, VALUES.T)


@pytest.mark.parametrize(
    ("header", "text", "by"),
    [((4096, 4119), ("4000", "4119"), "HEADER"), ((4000, 4119), ("4096", "4119"), "TEXT")],
)
def test_of_two_places_the_one_that_tot_fits_is_read_with_a_remark(
    build_fcs: Build, header: tuple[int, int], text: tuple[str, str], by: str
) -> None:
    keywords = TWO | {"$BEGINDATA": text[0], "$ENDDATA": text[1]}
    file = read_fcs(build_fcs(keywords, VALUES.tobytes(), header_data=header))
    np.testing.assert_array_equal(file.events, VALUES.T)
    assert f"read by {by}, which $TOT and the size of the file fit" in file.remarks[0]


def test_two_places_that_both_fit_are_refused(build_fcs: Build) -> None:
    path = build_fcs(TWO, VALUES.tobytes() * 2, header_data=(4096, 4119))
    path.write_bytes(path.read_bytes().replace(b"$BEGINDATA/4096", b"$BEGINDATA/4120"))
    with pytest.raises(UnreadableFile, match="HEADER says the events are at bytes 4096 to 4119"):
        read_fcs(path)


# several data sets


def two_sets(build: Build, second: np.ndarray, keywords: dict[str, str]) -> Path:
    """Write 10-bit events, and behind them a second data set of 20 bits."""
    rng = np.random.default_rng(3)
    fine = rng.integers(0, 1 << 20, (500, 2)).astype("<u4")
    coarse = {
        "$DATATYPE": "I", "$BYTEORD": "1,2", "$TOT": "500",
        "$P1B": "16", "$P2B": "16", "$P1R": "1024", "$P2R": "1024",
    }  # fmt: skip
    other = TWO | {"$DATATYPE": "I", "$TOT": "500", "$P1R": "1048576", "$P2R": "1048576"}
    data = (fine >> 10).astype("<u2").tobytes()
    offset = 4096 + len(data) + 64
    path = build(TWO | coarse | {"$NEXTDATA": str(offset)}, data, file_name="two.fcs")
    events = fine if second.size == 0 else second
    behind = build(other | keywords, events.tobytes(), file_name="behind.fcs").read_bytes()
    path.write_bytes(path.read_bytes().ljust(offset) + behind)
    return path


def test_the_finer_of_two_data_sets_with_the_same_events_is_read(build_fcs: Build) -> None:
    file = read_fcs(two_sets(build_fcs, np.empty(0), {}))
    assert file.channels[0].channel_range == 1 << 20
    assert file.events.shape == (2, 500)
    assert len(np.unique(file.events[0])) > 490
    told = "data set 2 was read, which has the finer resolution (20 bits; the first has 10)"
    assert any(told in remark for remark in file.remarks)


def test_of_two_tubes_in_one_file_the_first_is_read_however_fine_the_second(
    build_fcs: Build,
) -> None:
    other = np.random.default_rng(9).integers(0, 1 << 20, (500, 2)).astype("<u4")
    file = read_fcs(two_sets(build_fcs, other, {}))
    assert file.channels[0].channel_range == 1024
    assert any("several data sets; the first was read" in remark for remark in file.remarks)


@pytest.mark.real_data
def test_beckmans_file_is_read_by_its_finer_data_set(real_data: Path) -> None:
    file = read_fcs(real_data / "flow" / "odd_files" / "fcs1_cleaned.lmd")
    assert file.n_events == 50_000
