"""A sheet as text: encoding, separator, header and rows, before any cell is interpreted.

Sheets come out of spreadsheets and exports, so this module recognises what those programs write
and refuses, in one sentence, what could only be guessed. Nothing here imports pandas.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from itc_analysis.errors import Fault, SheetError, did_you_mean

#: In the order of preference: TSV is the format of the sheets, the others are what Excel exports.
SEPARATORS = ("\t", ";", ",")
#: Column names that announce what must not be in a pseudonymised sheet.
IDENTIFYING_COLUMNS = frozenset(
    [
        "name",
        "surname",
        "first_name",
        "last_name",
        "firstname",
        "lastname",
        "patient_name",
        "nom",
        "prenom",
        "prénom",
        "initials",
        "date_of_birth",
        "birth_date",
        "birthdate",
        "dob",
        "date_naissance",
        "date_de_naissance",
        "ddn",
        "ipp",
        "nip",
        "ipe",
        "nir",
        "mrn",
        "hospital_number",
        "ssn",
        "address",
        "adresse",
        "phone",
        "telephone",
        "email",
    ]
)
_ZIP_MAGIC = b"PK\x03\x04"  # .xlsx and .ods are zip archives
_OLE_MAGIC = b"\xd0\xcf\x11\xe0"  # .xls


@dataclass(frozen=True)
class SheetText:
    """The cells of a sheet as they are written, stripped of surrounding blanks.

    Parameters
    ----------
    path : the sheet.
    columns : names in the header, in their order.
    rows : (row number, cells by column); the header is row 1, as a spreadsheet shows it.
    faults : what is wrong with header and shape.
    """

    path: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    faults: tuple[Fault, ...]


class Translation(Protocol):
    """How an export's column names and codes become ours; see `column_mapping.Mapping`."""

    def name(self, theirs: str) -> str | None:
        """Return our name of a column; None when it is not read."""

    def value(self, theirs: str, cell: str) -> str:
        """Return our value of a cell in their column."""


def read_sheet_text(
    path: str | Path,
    *,
    known: Iterable[str],
    required: Iterable[str],
    translation: Translation | None = None,
) -> SheetText:
    """Read the cells of a sheet.

    Parameters
    ----------
    path : tab-separated text; comma and semicolon are recognised by the header.
    known : columns that the sheet may have.
    required : columns that it must have.
    translation : for an export with other names and codes.

    Raises
    ------
    SheetError : the file is not there, is a workbook, or is text in an encoding that would have to
        be guessed. Faults of header and shape are returned, to be reported with those of the cells.
    """
    known, required = list(known), list(required)
    text = decode(path)
    separator = _separator(text, known, translation)
    try:
        # A break inside a quoted cell stays one record, so numbers agree with the spreadsheet.
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        fault = Fault("", f"the cells cannot be told apart ({error})", "look for a stray quote")
        raise SheetError(str(path), [fault]) from None
    cells = [[cell.strip().strip("\u00a0\u200b") for cell in record] for record in records]
    if not cells or not any(cells[0]):
        raise SheetError(str(path), "row 1 is empty; it must hold the column names")
    header = cells[0]
    while header and not header[-1]:
        header = header[:-1]
    faults = []
    if translation is not None:
        # Renaming, or not reading, does not make a name harmless: it still lies in the file.
        faults = [_identifying(name) for name in header if _is_identifying(name)]
        cells = _translate(cells, header, translation)
        header = cells[0]
    faults += _check_header(header, known, required)
    rows = []
    for number, record in enumerate(cells[1:], start=2):
        if not any(record):
            continue
        if any(record[len(header) :]):
            what = f"has {len(record)} cells where the header has {len(header)}"
            faults.append(Fault(f"row {number}", what, "look for a separator inside a cell"))
        if any("\n" in cell or "\r" in cell for cell in record):
            what = "a cell holds a line break"
            faults.append(Fault(f"row {number}", what, "look for a stray quote in this row"))
            continue
        # Editors strip blanks at the end of a line: cells that are not there are empty.
        padded = record + [""] * (len(header) - len(record))
        rows.append((number, dict(zip(header, padded, strict=False))))
    return SheetText(str(path), tuple(header), tuple(rows), tuple(faults))


def decode(path: str | Path) -> str:
    """Return the text of a file: UTF-8, or UTF-16 with its byte order mark.

    Raises
    ------
    SheetError : not there, a workbook, or bytes that no Unicode encoding explains (Latin-1 and its
        relatives differ in exactly the letters that matter, so they are not guessed).
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise SheetError(
            str(path), "the sheet is not there; check the path in the settings"
        ) from None
    except (IsADirectoryError, PermissionError) as error:
        raise SheetError(str(path), f"the sheet cannot be opened ({error.strerror})") from None
    save_as = "save it as 'Text (tab delimited)' in UTF-8"
    if data.startswith((_ZIP_MAGIC, _OLE_MAGIC)):
        raise SheetError(str(path), f"this is a spreadsheet workbook, not text; {save_as}")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            what = "this begins as UTF-16 but is damaged, perhaps cut short"
            raise SheetError(str(path), f"{what}; {save_as}") from None
    if b"\0" in data:
        what = "this looks like UTF-16 without a byte order mark"
        raise SheetError(str(path), f"{what}; {save_as}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        what = f"byte 0x{data[error.start]:02X} is not UTF-8 (probably Latin-1 or Windows-1252)"
        raise SheetError(str(path), [Fault(f"row {row}", what, save_as)]) from None


def _translate(
    cells: list[list[str]], header: list[str], translation: Translation
) -> list[list[str]]:
    """Return header and rows in our names and codes, without the columns that are not read."""
    kept = [(place, translation.name(theirs)) for place, theirs in enumerate(header)]
    columns = [(place, header[place], ours) for place, ours in kept if ours is not None]
    rows = [
        [
            translation.value(theirs, record[place]) if place < len(record) else ""
            for place, theirs, _ in columns
        ]
        # what stands beyond the header stays there to be told
        + record[len(header) :]
        for record in cells[1:]
    ]
    return [[ours for _, _, ours in columns], *rows]


def _separator(text: str, known: list[str], translation: Translation | None) -> str:
    header = text.splitlines()[0] if text else ""

    def ours(name: str) -> str | None:
        return name if translation is None else translation.name(name)

    def n_known(separator: str) -> int:
        names = next(csv.reader([header], delimiter=separator), [])
        return sum(ours(name.strip()) in known for name in names)

    # max() keeps the first of equals, so that a header nobody recognises is read as TSV
    return max(SEPARATORS, key=n_known)


def _is_identifying(name: str) -> bool:
    return name.casefold().replace(" ", "_") in IDENTIFYING_COLUMNS


def _identifying(name: str) -> Fault:
    what = f"column '{name}' would hold what identifies a person"
    return Fault("row 1", what, "delete it: only pseudonyms and ages are kept")


def _check_header(header: list[str], known: list[str], required: list[str]) -> list[Fault]:
    faults = []
    for position, name in enumerate(header, start=1):
        first = header.index(name) + 1
        if not name:
            faults.append(Fault("row 1", f"column {position} has no name", "name or delete it"))
        elif first < position:
            what = f"column '{name}' stands twice (columns {first} and {position})"
            faults.append(Fault("row 1", what, "delete one"))
        elif _is_identifying(name):
            faults.append(_identifying(name))
        elif name not in known:
            remedy = did_you_mean(name, known)
            faults.append(Fault("row 1", f"unknown column '{name}'", remedy))
    faults += [
        Fault("row 1", f"column '{name}' is missing", "add it")
        for name in required
        if name not in header
    ]
    return faults
