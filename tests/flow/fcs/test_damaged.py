"""Damaged files end in data or in a sentence, never in another error."""

from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc

import flowio
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from itc_analysis.config.sections import Flow
from itc_analysis.errors import ItcError, UnreadableFile
from itc_analysis.flow.fcs import read as fcs
from itc_analysis.flow.fcs.layout import without_range
from itc_analysis.flow.quality.judge import find_clean_events
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.spillover.compensation import compensate, find_spillover

NAMES = ["FSC-A", "B525-A", "V450-A", "Time"]
N_EVENTS = 40
#: Enough for the memory of the events to outweigh that of Python's own objects.
N_MANY = 8_000
KEYWORDS = ("PAR", "TOT", "BYTEORD", "DATATYPE", "MODE", "NEXTDATA", "P2N", "P2B", "P2R", "P2E",
            "P2G", "BEGINDATA", "ENDDATA", "TIMESTEP", "BEGINSTEXT", "ENDSTEXT", "SPILLOVER")  # fmt: skip  # noqa: E501
VALUES = ("", "0", "-1", "1", "3", "8", "16", "32", "64", "1e308", "nan", "inf", "9" * 30, "x", "4,1",  # noqa: E501
          "0,0", "1,2,3,4", "4,3,2,1", "I", "D", "F", "A", "L", "C", "2,B525-A,V450-A,1,1,1,1",
          "9999,A", "1,B525-A,1", "/", "²", "٣")  # fmt: skip


def _original(n_events: int = N_EVENTS) -> bytes:
    events = np.random.default_rng(6).normal(500, 100, (n_events, len(NAMES))).astype(np.float32)
    stream = io.BytesIO()
    flowio.create_fcs(
        stream,
        events.ravel(),
        NAMES,
        metadata_dict={"spillover": "2,B525-A,V450-A,1,0.1,0.2,1", "timestep": "0.01"},
    )
    return stream.getvalue()


ORIGINAL, LARGE = _original(), _original(N_MANY)

#: What happens to a file: bytes overwritten anywhere, an offset or a keyword replaced, an end cut
#: off.
overwritten = st.tuples(st.just("bytes"), st.integers(0, len(ORIGINAL) - 1), st.binary(max_size=8))
offset = st.tuples(
    st.just("offset"), st.integers(0, 5), st.text("0123456789 -x", min_size=8, max_size=8)
)
keyword = st.tuples(st.just("keyword"), st.sampled_from(KEYWORDS), st.sampled_from(VALUES))
cut = st.tuples(st.just("cut"), st.integers(0, len(ORIGINAL)), st.just(b""))
damages = st.lists(st.one_of(overwritten, offset, keyword, cut), min_size=1, max_size=3)


def damaged(original: bytes, kind: str, where: int | str, value: bytes | str) -> bytes:
    if kind == "bytes":
        return original[:where] + value + original[where + len(value) :]
    if kind == "offset":
        begin = 10 + where * 8
        return original[:begin] + value.encode() + original[begin + 8 :]
    if kind == "cut":
        return original[:where]
    # A keyword is replaced without moving the data: TEXT is padded or its end is overwritten.
    found = original.find(f"${where}/".encode())
    if found < 0:
        return original
    begin = found + len(where) + 2
    text = value.encode()
    return original[:begin] + text + original[begin + len(text) :]


def read_and_analyse(content: bytes) -> None:
    """Walk through the steps that a file meets."""
    file = fcs._read(io.BytesIO(content), "damaged.fcs")
    assert file.events.shape == (len(file.channel_names), file.n_events)
    assert file.events.dtype == np.float32
    rows = range(len(file.channels))
    clean = find_clean_events(
        file.events, file.channels, scatter=[0], fluorescence=[*rows][1:], time=0,
        time_outlier_mads=Flow().time_outlier_mads,
    )  # fmt: skip
    assert clean.keep.shape == (file.n_events,)
    events = file.events[:, clean.keep]
    _, spillover = find_spillover(file)
    if spillover is not None:
        events = compensate(events, file.channel_names, spillover, source=file.name)
    if file.channels[0].scaled_range <= 0:  # as `tube.load` refuses a channel that is used
        raise UnreadableFile(file.name, [without_range(1, file.channels[0].name, {})])
    scaled = Transform("logicle", t=file.channels[0].scaled_range).apply(events)
    assert scaled.shape == events.shape


def test_the_undamaged_file_is_read() -> None:
    read_and_analyse(ORIGINAL)


@settings(max_examples=150)
@given(damages)
def test_damaged_files_end_in_data_or_in_a_sentence(
    changes: list[tuple[str, int | str, bytes | str]],
) -> None:
    content = ORIGINAL
    for kind, where, value in changes:
        content = damaged(content, kind, where, value)
    with contextlib.suppress(ItcError):
        read_and_analyse(content)


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from(KEYWORDS), st.sampled_from(VALUES), min_size=1, max_size=3),
    st.sampled_from(["F", "I", "D"]),
)
def test_keywords_of_any_length_end_in_data_or_in_a_sentence(
    changes: dict[str, str], data_type: str
) -> None:
    bits = {"F": "32", "I": "16", "D": "64"}[data_type]
    keywords = {"BYTEORD": "1,2,3,4", "DATATYPE": data_type, "MODE": "L", "PAR": "2", "TOT": "5"}
    for i in (1, 2):
        keywords |= {f"P{i}N": NAMES[i], f"P{i}B": bits, f"P{i}R": "1024", f"P{i}E": "0,0"}
    text = ("/" + "".join(f"${k}/{v}/" for k, v in (keywords | changes).items())).encode()
    data = struct.pack("<10d", *range(10))[: 10 * int(bits) // 8]
    begin = 58 + len(text)
    offsets = (58, begin - 1, begin, begin + len(data) - 1, 0, 0)
    header = "FCS3.0    " + "".join(f"{value:8d}" for value in offsets)
    with contextlib.suppress(ItcError):
        read_and_analyse(header.encode() + text + data)


large_bytes = st.tuples(st.just("bytes"), st.integers(0, 2_000), st.binary(max_size=8))
large_cut = st.tuples(st.just("cut"), st.integers(0, len(LARGE)), st.just(b""))


@settings(max_examples=500, deadline=2_000)  # milliseconds: a file that hangs fails
@given(st.lists(st.one_of(large_bytes, offset, keyword, large_cut), min_size=1, max_size=3))
def test_reading_a_damaged_file_takes_at_most_twice_its_size_in_memory(
    changes: list[tuple[str, int | str, bytes | str]],
) -> None:
    content = LARGE
    for kind, where, value in changes:
        content = damaged(content, kind, where, value)
    stream = io.BytesIO(content)
    tracemalloc.start()
    try:
        with contextlib.suppress(ItcError):
            fcs._read(stream, "damaged.fcs")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Python's own objects (keywords, messages) beside: 64 KiB.
    assert peak < 2 * len(LARGE) + (1 << 16)
