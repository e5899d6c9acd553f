"""A sheet as text: encoding, separator, header and rows, before any cell is interpreted.

Sheets come out of spreadsheets and exports, so this module recognises what those programs write
and refuses, in one sentence, what could only be guessed. Nothing here imports pandas.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from itc_analysis.cohort.sheets.personal_data import names_identity
from itc_analysis.cohort.sheets.workbook import read_workbook
from itc_analysis.errors import Fault, SheetError, did_you_mean

#: In the order of preference: TSV is the format of the sheets, the others are what Excel exports.
SEPARATORS = ("\t", ";", ",", "|")
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
#: Letters beyond ASCII that western Europeans write, and signs that their spreadsheets put in.
_WESTERN = frozenset(
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŒœŸŠšŽž"
    "€‚„…†‡‰‹›‘’“”•–—™ ¡¢£§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿×÷\u00a0\u00ad"
) - frozenset("ŠšŽž‡†")
#: Excel's own line in front of the header: which separator to use.
_STATED_SEPARATOR = re.compile(r'"?sep=(?P<sign>\\t|[^\r\n"])"?[\t;,]*\r?\n', re.IGNORECASE)
_DITTO_MARKS = frozenset({'"', "''", "\u3003", "\u201d", "\u00bb", '-"-', "idem", "ditto"})
_OPEN_DOCUMENT = b"application/vnd.oasis.opendocument"
_FIRST_BYTES = 200
_ZIP_MAGIC = b"PK\x03\x04"  # .xlsx and .ods are zip archives
_OLE_MAGIC = b"\xd0\xcf\x11\xe0"  # .xls


@dataclass(frozen=True)
class SheetText:
    """The cells of a sheet as they are written, stripped of surrounding blanks.

    Parameters
    ----------
    path : str
        the sheet.
    columns : tuple of str
        names in the header, in their order.
    rows : tuple of tuple of (int, dict of str to str)
        (row number, cells by column); the header is row 1, as a spreadsheet shows it.
    faults : tuple of Fault
        what is wrong with header and shape.
    separator : str
        between the cells; a tab for a workbook.
    """

    path: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    faults: tuple[Fault, ...]
    separator: str = "\t"


class Translation(Protocol):
    """How an export's column names and codes become ours; see `column_mapping.Mapping`."""

    def name(self, theirs: str) -> str | None:
        """Return our name of a column; None when it is not read."""

    def value(self, theirs: str, cell: str) -> str:
        """Return our value of a cell in their column."""

    def keeps(self, row: dict[str, str]) -> bool:
        """Return whether a row of the export, by their columns, is to be read."""

    def filters(self) -> dict[str, set[str]]:
        """Return the values that rows to be read have, by their column."""


def read_sheet_text(
    path: str | Path,
    *,
    known: Iterable[str],
    required: Iterable[str],
    translation: Translation | None = None,
    how_to_add: str = "",
) -> SheetText:
    """Read the cells of a sheet.

    Parameters
    ----------
    path : str or Path
        tab-separated text; comma, semicolon and bar are recognised by the header. Or an Excel
        workbook.
    known : iterable of str
        columns that the sheet may have.
    required : iterable of str
        columns that it must have.
    translation : Translation, optional
        for an export with other names and codes.
    how_to_add : str
        what to do about a column that is meant and is not known; empty where none can be added.

    Raises
    ------
    SheetError
        the file is not there, is a workbook that cannot be opened, or is text in an unknown
        encoding. Faults of header and shape are returned, to be reported with those of the cells.
    """
    known, required = list(known), list(required)
    separator, records, faults = _records(Path(path), known, translation)
    # names and paths in one form of Unicode, whatever computer they were typed on
    cells = [[_clean(cell) for cell in record] for record in records]
    if not cells or not any(cells[0]):
        raise SheetError(str(path), "row 1 is empty; it must hold the column names")
    header = cells[0]
    while header and not header[-1]:
        header = header[:-1]
    numbered = [(number, record) for number, record in enumerate(cells[1:], start=2) if any(record)]
    if translation is not None:
        # Renaming, or not reading, does not make a name harmless: it still lies in the file.
        faults += [_identifying(name) for name in header if _is_identifying(name)]
        numbered, filtering = _chosen_rows(numbered, header, translation)
        faults += filtering
        header, numbered = _translate(numbered, header, translation)
    faults += _check_header(header, known, required, how_to_add)
    rows = []
    for number, record in numbered:
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
    return SheetText(str(path), tuple(header), tuple(rows), tuple(faults), separator)


def _records(
    path: Path, known: list[str], translation: Translation | None
) -> tuple[str, list[list[str]], list[Fault]]:
    """Return separator, cells and faults of a sheet, a workbook or text."""

    def count_known(names: list[str]) -> int:
        ours = (name if translation is None else translation.name(name) for name in names)
        return sum(name in known for name in ours)

    data = _read_bytes(path)
    if data.startswith(_ZIP_MAGIC) and _OPEN_DOCUMENT not in data[:_FIRST_BYTES]:
        cells, faults = read_workbook(data, str(path), count_known)
        _refuse_ditto_marks(cells, path)
        return "\t", cells, faults
    text = _decode(data, str(path))
    stated = _STATED_SEPARATOR.match(text)
    if stated:  # for Excel alone: a spreadsheet shows the line behind it as row 1
        separator, text = stated["sign"].replace("\\t", "\t"), text[stated.end() :]
    else:
        separator = _separator(text, count_known)
    # a lone quote would join cells and rows
    _refuse_ditto_marks([line.split(separator) for line in text.splitlines()], path)
    try:
        # A break inside a quoted cell stays one record, so numbers agree with the spreadsheet.
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        fault = Fault("", f"the cells cannot be told apart ({error})", "look for a stray quote")
        raise SheetError(str(path), [fault]) from None
    return separator, records, []


def _refuse_ditto_marks(cells: list[list[str]], path: Path) -> None:
    faults = [
        Fault(f"row {number}", "a cell holds a ditto mark", "write the value in every row")
        for number, row in enumerate(cells, start=1)
        if any(cell.strip() in _DITTO_MARKS for cell in row)
    ]
    if faults:
        raise SheetError(str(path), faults)


def _clean(cell: str) -> str:
    return unicodedata.normalize("NFC", cell).strip().strip("\u00a0\u200b\u202f\ufeff").strip()


def decode(path: str | Path) -> str:
    """Return the text of a file: UTF-8, UTF-16 with its byte order mark, or Windows-1252.

    Raises
    ------
    SheetError
        not there, a workbook, or bytes that are letters in none of these encodings.
    """
    return _decode(_read_bytes(Path(path)), str(path))


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SheetError(
            str(path),
            "the sheet is not there; check the path, which starts from the folder you are in",
        ) from None
    except (IsADirectoryError, PermissionError) as error:
        raise SheetError(str(path), f"the sheet cannot be opened ({error.strerror})") from None


def _decode(data: bytes, source: str) -> str:
    save_as = "save it as 'Text (tab delimited)' in UTF-8"
    if data.startswith(_OLE_MAGIC):
        what = "this is a spreadsheet workbook, not text, of the old kind (.xls) or with a password"
        raise SheetError(source, f"{what}; save it as .xlsx without a password")
    if data.startswith(_ZIP_MAGIC):
        what = "this is a spreadsheet workbook, not text, and not Excel's (.ods)"
        raise SheetError(source, f"{what}; save it as .xlsx")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            what = "this begins as UTF-16 but is damaged, perhaps cut short"
            raise SheetError(source, f"{what}; {save_as}") from None
    if b"\0" in data:
        what = "this looks like UTF-16 without a byte order mark"
        raise SheetError(source, f"{what}; {save_as}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Excel's text of western countries. Ids are plain letters and groups stand in the
        # settings, so that a
        # letter read wrong can name nobody else; bytes that are no western letter are refused.
        text = data.decode("cp1252", errors="replace")
        odd = [place for place, letter in enumerate(text) if not _is_western(letter)]
        if not odd:
            return text
        row = data[: odd[0]].count(b"\n") + 1
        del error
        what = f"byte 0x{data[odd[0]]:02X} is not UTF-8, and no letter of Windows-1252 or Latin-1"
        raise SheetError(source, [Fault(f"row {row}", what, save_as)]) from None


def _is_western(letter: str) -> bool:
    """Return whether people of western countries write this character."""
    return letter.isascii() or letter in _WESTERN


def _chosen_rows(
    numbered: list[tuple[int, list[str]]], header: list[str], translation: Translation
) -> tuple[list[tuple[int, list[str]]], list[Fault]]:
    """Return the rows that the sheet of mappings asks for."""
    wanted = translation.filters()
    if not wanted:
        return numbered, []
    absent = [name for name in wanted if name not in header]
    if absent:
        return numbered, [
            Fault("row 1", f"column '{name}', which rows are chosen by, is missing",
                  did_you_mean(name, header))
            for name in absent
        ]  # fmt: skip
    kept = [
        (number, record)
        for number, record in numbered
        if translation.keeps(dict(zip(header, record + [""] * len(header), strict=False)))
    ]
    if kept or not numbered:
        return kept, []
    faults = []
    for name, values in wanted.items():
        place = header.index(name)
        found = sorted({record[place] if place < len(record) else "" for _, record in numbered})
        if not set(found) & values:
            named = " or ".join(f"'{value}'" for value in sorted(values))
            what = f"no row has {named} in column '{name}'"
            faults.append(Fault("", what, did_you_mean(sorted(values)[0], found)))
    return kept, faults or [Fault("", "no row is left by the rows of only_rows", "check them")]


def _translate(
    numbered: list[tuple[int, list[str]]], header: list[str], translation: Translation
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return header and rows in our names and codes, without the columns that are not read."""
    kept = [(place, translation.name(theirs)) for place, theirs in enumerate(header)]
    columns = [(place, header[place], ours) for place, ours in kept if ours is not None]
    rows = [
        (
            number,
            [
                translation.value(theirs, record[place]) if place < len(record) else ""
                for place, theirs, _ in columns
            ]
            # what stands beyond the header stays there to be told
            + record[len(header) :],
        )
        for number, record in numbered
    ]
    return [ours for _, _, ours in columns], rows


def _separator(text: str, count_known: Callable[[list[str]], int]) -> str:
    header = text.splitlines()[0] if text else ""

    def n_known(separator: str) -> int:
        try:
            names = next(csv.reader([header], delimiter=separator), [])
        except csv.Error:
            return 0
        return count_known([_clean(name) for name in names])

    # max() keeps the first of equals, so that a header nobody recognises is read as TSV
    return max(SEPARATORS, key=n_known)


def _is_identifying(name: str) -> bool:
    return name.casefold().replace(" ", "_") in IDENTIFYING_COLUMNS


def _identifying(name: str) -> Fault:
    what = f"column '{name}' would hold what identifies a person"
    return Fault("row 1", what, "delete it: only pseudonyms and ages are kept")


def _check_header(
    header: list[str], known: list[str], required: list[str], how_to_add: str
) -> list[Fault]:
    faults = []
    for position, name in enumerate(header, start=1):
        first = header.index(name) + 1
        if not name:
            faults.append(Fault("row 1", f"column {position} has no name", "name or delete it"))
        elif first < position:
            what = f"column '{name}' appears twice (columns {first} and {position})"
            faults.append(Fault("row 1", what, "delete one"))
        elif _is_identifying(name) or (how_to_add and name not in known and names_identity(name)):
            faults.append(_identifying(name))
        elif name not in known:
            remedy = "; ".join(filter(None, [did_you_mean(name, known), how_to_add]))
            faults.append(Fault("row 1", f"unknown column '{name}'", remedy))
    faults += [
        Fault("row 1", f"column '{name}' is missing", "add it")
        for name in required
        if name not in header
    ]
    return faults
