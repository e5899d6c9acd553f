"""The HEADER and TEXT segments of an FCS file: where things lie, and keywords.

Written here because flowio 1.4 reads an empty value as an escaped delimiter, which swallows the
keyword after it (a missing $P6N then shifts every label by one), and drops '$' inside values.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

from itc_analysis.errors import Fault, UnreadableFile

#: HEADER: version in bytes 0..5, then six offsets of eight characters from byte 10.
_HEADER_BYTES = 58
_FIRST_OFFSET = 10
_OFFSET_WIDTH = 8

#: Versions of the standard that are read (doi:10.1002/cyto.a.20825 for 3.1); 3.2 only adds keywords.
VERSIONS = ("FCS2.0", "FCS3.0", "FCS3.1", "FCS3.2")


@dataclass(frozen=True)
class Header:
    """Version and segment offsets (first and last byte, inclusive; 0 when not given)."""

    version: str
    text: tuple[int, int]
    data: tuple[int, int]


def read_header(stream: BinaryIO, source: str) -> Header:
    """Read the HEADER segment.

    Raises
    ------
    UnreadableFile : not an FCS file, an unknown version, or offsets that are not numbers.
    """
    stream.seek(0)
    raw = stream.read(_HEADER_BYTES)
    if not raw:
        raise UnreadableFile(source, "the file is empty; export it again from the cytometer")
    version = raw[:6].decode("latin-1")
    if not version.startswith("FCS"):
        what = "this is not an FCS file: it does not begin with 'FCS'"
        raise UnreadableFile(source, [Fault("", what, "export the tube as FCS 3.1")])
    if version not in VERSIONS:
        what = f"FCS version '{version[3:]}' is not known"
        remedy = f"export the tube as one of {', '.join(VERSIONS)}"
        raise UnreadableFile(source, [Fault("HEADER", what, remedy)])
    if len(raw) < _HEADER_BYTES:
        raise truncated(source, "HEADER", f"the file ends after {len(raw)} bytes")
    offsets = []
    for i in range(4):
        begin = _FIRST_OFFSET + i * _OFFSET_WIDTH
        field = raw[begin : begin + _OFFSET_WIDTH].decode("latin-1").strip()
        # Some programs leave the offsets of large files blank where the standard asks for 0.
        if field and not field.isdecimal():
            what = f"offset '{field}' is not a number"
            raise UnreadableFile(source, [Fault("HEADER", what, "export the tube again")])
        offsets.append(int(field or 0))
    return Header(version, (offsets[0], offsets[1]), (offsets[2], offsets[3]))


def read_keywords(
    stream: BinaryIO, header: Header, source: str
) -> tuple[dict[str, str], list[str]]:
    """Read the TEXT segment and, when there is one, the supplemental TEXT segment.

    Returns
    -------
    keywords : upper case without the leading '$', as in ``{"P1N": "FSC-A"}``.
    remarks : what was read against the letter of the standard.

    Raises
    ------
    UnreadableFile : the segment lies outside the file or holds no keywords.
    """
    keywords, has_empty = _parse(_read_segment(stream, header.text, "TEXT", source))
    remarks = []
    if has_empty:
        remarks.append("keywords with empty values, against the standard, were read as empty")
    if not keywords:
        raise UnreadableFile(source, [Fault("TEXT", "no keywords found", "export the tube again")])
    begin, end = (_whole(keywords.get(key, "")) for key in ("BEGINSTEXT", "ENDSTEXT"))
    if begin and end and (begin, end) != header.text:
        supplement, _ = _parse(_read_segment(stream, (begin, end), "TEXT", source))
        keywords = {**supplement, **keywords}
    return keywords, remarks


def truncated(source: str, where: str, what: str) -> UnreadableFile:
    """Return the error for a file that is shorter than it says."""
    remedy = "the copy is probably incomplete: copy or export it again"
    return UnreadableFile(source, [Fault(where, what, remedy)])


def _read_segment(stream: BinaryIO, span: tuple[int, int], name: str, source: str) -> str:
    begin, end = span
    size = stream.seek(0, os.SEEK_END)
    if end >= size:
        raise truncated(source, name, f"the segment ends at byte {end}, the file has {size}")
    if begin < _HEADER_BYTES or end <= begin:
        what = f"the segment cannot lie at bytes {begin} to {end}"
        raise UnreadableFile(source, [Fault(name, what, "export the tube again")])
    stream.seek(begin)
    raw = stream.read(end - begin + 1)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _parse(segment: str) -> tuple[dict[str, str], bool]:
    """Return the keywords, and whether some had empty values.

    A doubled delimiter is an escaped one by the standard, but some programs write empty values so.
    Before a '$' it is taken for an empty value: no value goes on with the next standard keyword.
    """
    delimiter, body = segment[0], segment[1:].rstrip(" \0")
    body = body.removesuffix(delimiter)
    escaped, empty = "\ufffe", "\uffff"  # not characters, so they are in no keyword
    body = body.replace(f"{delimiter * 2}$", f"{delimiter}{empty}{delimiter}$")
    parts = [
        part.replace(escaped, delimiter).replace(empty, "").strip()
        for part in body.replace(delimiter * 2, escaped).split(delimiter)
    ]
    keywords: dict[str, str] = {}
    for key, value in zip(parts[::2], parts[1::2], strict=False):
        keywords.setdefault(key.removeprefix("$").upper(), value)
    return keywords, empty in body


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() else 0
