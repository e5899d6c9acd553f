"""Copies of FCS files without what identifies a person: only named keywords and the events go over.

By whitelist, because every program writes keywords of its own. The copy is built anew from HEADER,
TEXT and DATA of the data set that is read: supplemental TEXT, ANALYSIS, other segments, further
data sets and trailing bytes stay behind; the bytes of the events are the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from itc_analysis.errors import Fault, ItcError, UnreadableFile
from itc_analysis.flow.fcs.layout import EventLayout, locate_events
from itc_analysis.whole_files import written_whole

#: Keywords that go over as they are: how to read the events, and the instrument's settings.
_KEPT = re.compile(
    r"\$(BYTEORD|DATATYPE|MODE|PAR|TOT|TIMESTEP|SPILLOVER|COMP|DFC\d+TO\d+|UNICODE|CYT|ABRT|LOST|VOL"
    r"|TR|P\d+[BDEFGLNOPRSTV])"
    r"|SPILL|CREATOR|FCSVERSION|THRESHOLD|APPLY COMPENSATION|LASER\d+(ASF|DELAY|NAME)|P\d+(DISPLAY|BS|MS)"  # noqa: E501
)
#: Serial numbers of the instrument: batch effects follow it, so it is coded and not dropped.
_CODED = ("CYTSN", "CYTNUM", "@CYTOMETERID")
#: Keywords of the standard that never identify anybody and are written anew or not needed.
_HARMLESS = re.compile(
    r"(BEGIN|END)(DATA|STEXT|ANALYSIS)|NEXTDATA|AUTOBS|FSC ASF|WINDOW EXTENSION|SYS|TRANSFORMATION|CST (BEADS LOT ID|SETUP STATUS)|FLOWCORE_.*|P\d+.*"  # noqa: E501
)
#: The standard's delimiter of our choice: form feed stands in no value.
_DELIMITER = "\x0c"
_HEADER_BYTES = 58
#: Offsets of more than eight digits do not fit the HEADER; the standard wants 0 there.
_LARGEST_IN_HEADER = 99_999_999
#: A shorter string is found in random bytes by chance.
_SHORTEST_IDENTITY = 4
#: Bytes per piece when copying and searching.
_PIECE = 1 << 20


def identifying_keywords(
    keywords: Mapping[str, str], *, study_codes: Collection[str] = ()
) -> list[str]:
    """Return the names of keywords with a value that may identify a person, sorted; never the
    values.

    Parameters
    ----------
    keywords : mapping of str to str
        of `FcsFile`: upper case, without the leading '$'.
    study_codes : collection of str
        values that are codes of the study and identify nobody outside it.
    """
    return sorted(
        name
        for name, value in keywords.items()
        if value.strip() and value.removesuffix(".fcs") not in study_codes
        and name not in _CODED and not _HARMLESS.fullmatch(name)
        and not _KEPT.fullmatch(f"${name}") and not _KEPT.fullmatch(name)
    )  # fmt: skip


def deidentify(
    path: str | Path,
    output: str | Path,
    *,
    code: str,
    sample_code: str = "",
    cytometer_codes: dict[str, str] | None = None,
    identities: Iterable[str] = (),
) -> list[str]:
    """Write a copy without identifying keywords; returns the names of those left behind.

    Parameters
    ----------
    path : str or Path
        the FCS file.
    output : str or Path
        the copy; its name should be made of the code as well.
    code, sample_code : str
        study codes for $FIL and $SMNO.
    cytometer_codes : dict of str to str, optional
        code of each serial number met so far, kept from file to file; gains new ones.
    identities : iterable of str
        names, numbers and dates that must stand nowhere in the copy, in any case of letters.

    Raises
    ------
    UnreadableFile
        the file cannot be read.
    ItcError
        a keyword that must go over, or the events, hold one of the identities; no copy then.
    """
    path, output = Path(path), Path(output)
    wanted = [text for text in map(str.strip, identities) if text]
    short = [text for text in wanted if len(text) < _SHORTEST_IDENTITY]
    if short:
        what = f"{len(short)} entries have fewer than {_SHORTEST_IDENTITY} characters"
        source = "identities"
        raise ItcError(source, f"{what}; they would be found by chance")
    codes = {} if cytometer_codes is None else cytometer_codes
    tube = f"tube {code}"
    try:
        with path.open("rb") as stream:
            layout = locate_events(stream, path.name)
            keywords = _clean_keywords(layout, code, sample_code, codes)
            faults = [
                Fault(key, "the value holds an entry of the identity list", "mend it at the source")
                for key, value in keywords.items()
                if any(text.casefold() in value.casefold() for text in wanted)
            ]
            if faults:
                raise ItcError(tube, faults)
            head = _head(layout, keywords)
            with written_whole(output) as partial:
                with partial.open("wb") as copy:
                    copy.write(head)
                    stream.seek(layout.begin)
                    _copy_exactly(stream, copy, layout.n_bytes)
                if any(contains(partial, text) for text in wanted):
                    what = "the bytes of the events hold an entry of the identity list"
                    raise ItcError(tube, [Fault("DATA", what, "look at the file by hand")])
    except FileNotFoundError:
        raise UnreadableFile(path.name, "the file is not there; check its path") from None
    return identifying_keywords(layout.keywords)


def contains(path: str | Path, text: str) -> bool:
    """Return whether a file holds a text, in any case of letters, as UTF-8, Latin-1 or UTF-16."""
    forms = {
        form.encode(encoding, errors="ignore")
        for form in (text, text.lower(), text.upper(), text.title())
        for encoding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be")
    }
    folded = {form.lower() for form in forms if len(form) >= _SHORTEST_IDENTITY}
    overlap = max((len(form) for form in folded), default=0)
    tail = b""
    with Path(path).open("rb") as stream:
        while piece := stream.read(_PIECE):
            window = (tail + piece).lower()
            if any(form in window for form in folded):
                return True
            tail = piece[-overlap:]
    return False


def _clean_keywords(
    layout: EventLayout, code: str, sample_code: str, codes: dict[str, str]
) -> dict[str, str]:
    kept = {"$FIL": code}
    if sample_code:
        kept["$SMNO"] = sample_code
    for name, value in layout.keywords.items():
        for key in (f"${name}", name):
            if value and _KEPT.fullmatch(key):
                kept[key] = value.replace(_DELIMITER, " ")
                break
    for name in _CODED:
        serial = layout.keywords.get(name, "").strip()
        if serial:
            kept["$CYTSN"] = codes.setdefault(serial, f"cytometer-{len(codes) + 1}")
    return kept


def _head(layout: EventLayout, keywords: Mapping[str, str]) -> bytes:
    """Return HEADER and TEXT of the copy; the events follow at once."""

    def text(begin: int) -> bytes:
        end = begin + layout.n_bytes - 1
        offsets = {
            "BEGINANALYSIS": 0,
            "ENDANALYSIS": 0,
            "BEGINSTEXT": 0,
            "ENDSTEXT": 0,
            "NEXTDATA": 0,
        }
        offsets |= {"BEGINDATA": begin, "ENDDATA": end}
        # Offsets of fixed width: the length of TEXT does not depend on them.
        pairs = {f"${name}": f"{value:020d}" if value else "0" for name, value in offsets.items()}
        parts = [f"{k}{_DELIMITER}{v}{_DELIMITER}" for k, v in (pairs | dict(keywords)).items()]
        return (_DELIMITER + "".join(parts)).encode()

    begin = _HEADER_BYTES + len(text(1))
    end = begin + layout.n_bytes - 1
    in_header = (begin, end) if end <= _LARGEST_IN_HEADER else (0, 0)
    numbers = (_HEADER_BYTES, begin - 1, *in_header, 0, 0)
    header = f"{layout.version}    " + "".join(f"{number:8d}" for number in numbers)
    return header.encode("ascii") + text(begin)


def _copy_exactly(stream: BinaryIO, copy: BinaryIO, n_bytes: int) -> None:
    left = n_bytes
    while left:
        piece = stream.read(min(_PIECE, left))
        copy.write(piece)
        left -= len(piece)
