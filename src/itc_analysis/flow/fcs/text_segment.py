"""The HEADER and TEXT segments of an FCS file: where things lie, and keywords.

Written here because flowio 1.4 reads an empty value as an escaped delimiter, which swallows the
keyword after it (a missing $P6N then shifts every label by one), and drops '$' inside values.
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from typing import BinaryIO

from itc_analysis.errors import Fault, UnreadableFile

#: HEADER: version in bytes 0..5, then six offsets of eight characters from byte 10.
_HEADER_BYTES = 58
_FIRST_OFFSET = 10
_OFFSET_WIDTH = 8

#: Versions of the standard that are read (doi:10.1002/cyto.a.20825 for 3.1); 3.2 only adds
#: keywords.
VERSIONS = ("FCS2.0", "FCS3.0", "FCS3.1", "FCS3.2")

#: First bytes of packed files.
_PACKED = {b"\x1f\x8b": "a compressed file (gzip)", b"PK\x03\x04": "an archive or a workbook (zip)"}
#: Keywords that decide what a number of the file means. Never twice with two values.
_DECISIVE = re.compile(
    r"P\d+[BDEGNRS]|P\d+DATATYPE|BYTEORD|DATATYPE|MODE|PAR|TOT|TIMESTEP|SPILL|SPILLOVER"
)
#: Keywords of the standard that every file has, and those of a channel. Never the value of another.
_STANDARD = re.compile(
    r"\$(P\d+[A-Z]+|(BEGIN|END)(DATA|STEXT|ANALYSIS)|BYTEORD|DATATYPE|MODE|NEXTDATA|PAR|TOT"
    r"|TIMESTEP|SPILLOVER|FIL|CYT|SRC|SYS|DATE|[BE]TIM)",
    re.IGNORECASE,
)
#: Letters of a value that a message shows.
_MAX_SHOWN = 30
#: Letters of the longest keyword of the standard, and some of the digits of a channel's number.
_LONGEST_STANDARD = 24
_LABEL = re.compile(r"\$P\d+S", re.IGNORECASE)
_NEXT_CHANNEL = re.compile(r"\$P\d+[A-Z]+", re.IGNORECASE)
#: What cytometers write of their own about a channel, or with a blank: no half of a label.
_OF_A_VENDOR = re.compile(r"[#@]?P\d+\w+|.* .*|[A-Z_]{6,}.*", re.IGNORECASE)


@dataclass(frozen=True)
class Header:
    """Version and segment offsets (first and last byte, inclusive; 0 when not given)."""

    version: str
    text: tuple[int, int]
    data: tuple[int, int]


def read_header(stream: BinaryIO, source: str, base: int = 0) -> Header:
    """Read the HEADER segment of the data set that begins at byte `base`; its offsets count from
    there.

    Raises
    ------
    UnreadableFile
        not an FCS file, an unknown version, or offsets that are not numbers.
    """
    stream.seek(base)
    raw = stream.read(_HEADER_BYTES)
    if not raw:
        raise UnreadableFile(source, "the file is empty; export it again from the cytometer")
    version = raw[:6].decode("latin-1")
    if not version.startswith("FCS"):
        what = "this is not an FCS file: it does not begin with 'FCS'"
        remedy = "export the tube as FCS 3.1"
        for first, kind in _PACKED.items():
            if raw.startswith(first):
                what = f"this is {kind}, not an FCS file"
                remedy = "unpack it, and name the FCS file"
        raise UnreadableFile(source, [Fault("", what, remedy)])
    if version not in VERSIONS:
        what = f"FCS version '{version[3:]}' is not known"
        remedy = f"export the tube as one of {', '.join(VERSIONS)}"
        raise UnreadableFile(source, [Fault("HEADER", what, remedy)])
    if len(raw) < _HEADER_BYTES:
        raise truncated(source, "HEADER", f"the file ends after {len(raw)} bytes")
    offsets = []
    for i in range(4):
        begin = _FIRST_OFFSET + i * _OFFSET_WIDTH
        field = raw[begin : begin + _OFFSET_WIDTH].decode("latin-1").strip(" \0")
        # Some programs leave the offsets of large files blank where the standard asks for 0.
        if field and not field.isdecimal():
            what = f"offset '{field}' is not a number"
            raise UnreadableFile(source, [Fault("HEADER", what, "export the tube again")])
        offsets.append(int(field or 0))
    return Header(version, (offsets[0], offsets[1]), (offsets[2], offsets[3]))


def read_keywords(
    stream: BinaryIO, header: Header, source: str, base: int = 0
) -> tuple[dict[str, str], list[str]]:
    """Read the TEXT segment and, when there is one, the supplemental TEXT segment.

    Parameters
    ----------
    base : int
        byte of the file where the data set begins.

    Returns
    -------
    keywords : dict of str to str
        upper case without the leading '$', as in ``{"P1N": "FSC-A"}``.
    remarks : list of str
        what was read against the letter of the standard.

    Raises
    ------
    UnreadableFile
        the segment lies outside the file, holds no keywords, or has a delimiter inside a value that
        was not doubled, so that keywords and values change places.
    """
    segment = _read_segment(stream, header.text, source, base)
    pairs = _pairs(segment)
    _refuse_shifted(pairs, segment[0], source)
    _refuse_contradictions(pairs, source)
    keywords = _as_keywords(pairs)
    remarks = _remarks_on_labels(pairs, segment[0])
    if any(not value for _, value in pairs):
        remarks.append("keywords with empty values, against the standard, were read as empty")
    if not keywords:
        raise UnreadableFile(source, [Fault("TEXT", "no keywords found", "export the tube again")])
    begin, end = (_whole(keywords.get(key, "")) for key in ("BEGINSTEXT", "ENDSTEXT"))
    if begin and end and (begin, end) != header.text:
        supplement = _read_segment(stream, (begin, end), source, base)
        if supplement[0] == segment[0]:  # by the standard the same delimiter
            keywords = {**_as_keywords(_pairs(supplement)), **keywords}
        else:
            remarks.append("the supplemental TEXT holds no keywords, and was passed over")
    return keywords, remarks


def truncated(source: str, where: str, what: str) -> UnreadableFile:
    """Return the error for a file that is shorter than it says."""
    remedy = "the copy is probably incomplete: copy or export it again"
    return UnreadableFile(source, [Fault(where, what, remedy)])


def _read_segment(stream: BinaryIO, span: tuple[int, int], source: str, base: int) -> str:
    begin, end = span
    size = stream.seek(0, os.SEEK_END) - base
    if end >= size:
        raise truncated(source, "TEXT", f"the segment ends at byte {end}, the file has {size}")
    if begin < _HEADER_BYTES or end <= begin:
        what = f"the segment cannot be at bytes {begin} to {end}"
        raise UnreadableFile(source, [Fault("TEXT", what, "export the tube again")])
    stream.seek(base + begin)
    raw = stream.read(end - begin + 1)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _pairs(segment: str) -> list[tuple[str, str]]:
    """Return keywords and values as they stand, in their order.

    A doubled delimiter inside a value is an escaped one by the standard, but many programs write an
    empty value so. The delimiter behind a keyword always ends it: one that follows at once begins
    the next keyword, unless it is doubled itself and so the first letter of a value. Before a
    keyword of the standard a doubled delimiter is a stray one: no value goes on with the next
    keyword.
    """
    delimiter, body = segment[0], segment[1:].rstrip(" \0")
    body = body.removesuffix(delimiter)
    found = []
    place, end = 0, len(body)
    while place < end:
        key_end = body.find(delimiter, place)
        if key_end < 0:
            break  # a keyword without value
        key = body[place:key_end]
        value, place = _value(body, delimiter, key_end + 1)
        found.append((key.strip(), value))
    return found


def _value(body: str, delimiter: str, start: int) -> tuple[str, int]:
    """Return the value that begins at a place, and where the next keyword begins."""
    parts: list[str] = []
    while True:
        stop = body.find(delimiter, start)
        if stop < 0:
            return "".join([*parts, body[start:]]), len(body)
        parts.append(body[start:stop])
        if not body.startswith(delimiter, stop + 1):
            return "".join(parts), stop + 1
        rest = body[stop + 2 : stop + 2 + _LONGEST_STANDARD]
        is_stray = _STANDARD.fullmatch(rest.split(delimiter)[0]) is not None
        if is_stray:
            return "".join(parts), stop + 2
        parts.append(delimiter)
        start = stop + 2


def _as_keywords(pairs: list[tuple[str, str]]) -> dict[str, str]:
    keywords: dict[str, str] = {}
    for key, value in pairs:
        # composed as the sheets are: the same letters may be written in two ways
        composed = unicodedata.normalize("NFC", value.strip())
        keywords.setdefault(key.removeprefix("$").upper(), composed)
    return keywords


def _refuse_contradictions(pairs: list[tuple[str, str]], source: str) -> None:
    """Refuse decisive keywords that stand twice with two values: nobody knows which is right."""
    values: dict[str, list[str]] = {}
    for key, value in pairs:
        own = values.setdefault(key.removeprefix("$").upper(), [])
        if value.strip() not in own:
            own.append(value.strip())
    faults = []
    for key, own in values.items():
        if len(own) > 1 and _DECISIVE.fullmatch(key):
            what = f"${key} stands twice in the file, with two values"
            if max(map(len, own)) <= _MAX_SHOWN:
                what += f", '{own[0]}' and '{own[1]}'"
            faults.append(Fault("TEXT", what, "export the tube again"))
    if faults:
        raise UnreadableFile(source, faults)


def _refuse_shifted(pairs: list[tuple[str, str]], delimiter: str, source: str) -> None:
    """Refuse keywords that stand where values should: a delimiter inside a value was not
    doubled.
    """
    for number, (key, value) in enumerate(pairs):
        if key.startswith("$") or not _STANDARD.fullmatch(value.strip()):
            continue
        before, begun = pairs[number - 1] if number else ("", "")
        what = (
            f"the value of {before} seems to be '{begun}{_shown(delimiter)}{key}', with the "
            f"delimiter '{_shown(delimiter)}' inside that was not doubled: all keywords behind it "
            "change places with their values"
        )
        remedy = "take the delimiter out of the label on the cytometer, or export the tube again"
        raise UnreadableFile(source, [Fault("TEXT", what, remedy)])


def _remarks_on_labels(pairs: list[tuple[str, str]], delimiter: str) -> list[str]:
    """Return a remark on every label that may go on in the keyword behind it."""
    following = zip(pairs, pairs[1:], pairs[2:], strict=False)
    return [
        f"the label {label} is '{text.strip()}', and '{key}{_shown(delimiter)}{value.strip()}' "
        "behind it is no "
        f"keyword that is known: a '{_shown(delimiter)}' inside the label may not have been doubled"
        for (label, text), (key, value), (behind, _) in following
        if _LABEL.fullmatch(label) and _NEXT_CHANNEL.fullmatch(behind)
        and not key.startswith("$") and not _OF_A_VENDOR.fullmatch(key)
    ]  # fmt: skip


def _shown(delimiter: str) -> str:
    return delimiter if delimiter.isprintable() else repr(delimiter).strip("'")


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() else 0
