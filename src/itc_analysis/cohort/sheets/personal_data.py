"""What looks like a person's name, hospital number or date is refused and never repeated in full.

A screen, not a proof: it catches the usual accidents (a name pasted into the id column, a hospital
number kept as sample id, a date of birth in place of an age).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise

#: Columns that name a person or something of a person's; batches and panels are not among them.
PERSONAL_IDS = frozenset({"participant_id", "sample_id", "file_id", "library_id"})
#: Columns that may hold dates: files are named by the cytometer, batches by the day of staining.
MAY_HOLD_DATES = frozenset({"path", "contigs_path", "cells_path", "batch"})
#: French hospital numbers (IPP) have 7 digits or more, social security numbers 13 or 15.
_ONLY_DIGITS = re.compile(r"\d{7,}")
_LONG_DIGITS = re.compile(r"\d{9,}")
#: A cell that swallowed half a sheet must not fill the screen.
_MAX_SHOWN = 60
_MONTH = r"(jan|f[eé]v|feb|mar|apr|avr|may|mai|jui?n|jui?l|aug|ao[uû]|sep|oct|nov|d[eé]c)[a-zé]*\.?"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(19|20)\d\d[-/.](0?[1-9]|1[0-2])[-/.](0?[1-9]|[12]\d|3[01])([ T]\d\d:\d\d.*)?",
        r"(0?[1-9]|[12]\d|3[01])[-/.](0?[1-9]|1[0-2])[-/.]((19|20)\d\d|\d\d)([ T]\d\d:\d\d.*)?",
        r"(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])/((19|20)\d\d|\d\d)",
        rf"(0?[1-9]|[12]\d|3[01])[- ]{_MONTH}([- ](\d\d)?\d\d)?",
        rf"{_MONTH}[- ](\d\d)?\d\d",
    )
)
#: Words of letters with a blank or comma between them; study codes have digits.
_NAME_WITH_BLANK = re.compile(r"(?=.*[^\W\d_][., ]+[^\W\d_])(?:[^\W\d_]|[., '’-])*")
_NAME_JOINED = re.compile(r"[^\W\d_a-z][^\W\d_]{2,}[._-][^\W\d_a-z][^\W\d_]{2,}")
_BETWEEN_PARTS = re.compile(r"[._\-]")
#: A day within an id, with its year; "." stands for any sign between.
_DAY_IN_ID = re.compile(
    r"(?<!\d)(?:((?:19|20)\d\d)[-._]?(?:0[1-9]|1[0-2])[-._]?(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0[1-9]|[12]\d|3[01])[-._]?(?:0[1-9]|1[0-2])[-._]?((?:19|20)\d\d))(?!\d)"
)
_YEAR = re.compile(r"(?:19|20)\d\d")
#: Participants are adults: a day before this year is a birthday, a later one may be of a visit.
_FIRST_VISITS = 2010
#: From so many letters on, a word in capitals is no abbreviation.
_CAPITALS_OF_A_NAME = 5
#: Words that ids of studies are made of.
_STUDY_WORDS = frozenset(
    """
    adult after aliquot all alpha and arm arthritis aurora baseline batch bcr bead beads before
    beta blood bridge canto case cell cells center centre cite cohort comp compensation control
    controls cord ctd culture cultured cytek cytof day dead delta demo disease diseased donor
    drug early export facs female file first flow fmo fmx follow followup fortessa fresh frozen
    full gamma gdt gex group hashtag healthy high hour human iim index infant inkt innate
    ionomycin isotype last late left libraries library live liver lot low lung lupus mait male
    medium memory minus month mouse multiplex myositis naive negative new nkt none not old panel
    participant patient pbmc pbmcs person pilot placebo plasma plate pma point pool pooled
    positive post pre pss raw reference rep repeat replicate rest resting right run sample
    sclerosis screening second series serum set single site sjogren skin sle specimen spill
    spleen ssc stain stained staining standard stim stimulated study subject synovium tcell
    tcells tcr test thawed third time timepoint tissue treated tube unmixed unstained
    unstimulated untreated vdj viability vial visit week well whole without year yes
    """.split()  # noqa: SIM905 - a list of one word a line would be four pages
)
#: Words in the name of a column that announce what must not be in a pseudonymised sheet.
_IDENTIFYING_WORDS = frozenset(
    [
        *("name", "surname", "firstname", "lastname", "forename", "nom", "prenom", "prénom"),
        *("initials", "initiales", "birth", "birthdate", "birthday", "dob", "ddn", "naissance"),
        *("ipp", "nip", "ipe", "nir", "mrn", "ssn", "insurance", "passport", "address", "adresse"),
        *("street", "postcode", "zip", "phone", "telephone", "tel", "mobile", "portable", "fax"),
        *("email", "mail", "courriel", "date"),
    ]
)
_NUMBERS_OF_PEOPLE = re.compile(r"(hospital|patient|record|security)_?(number|no|nr|id|num)")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
#: Ten digits beginning with 0, or a country code; blanks, dots and dashes between them.
_PHONE = re.compile(r"(?:\+|00)\d(?:[ .\-()/]*\d){7,14}|0\d(?:[ .\-/]*\d){7,9}")
CONTACT = (
    "the cell looks like an e-mail address or a telephone number",
    "delete it: only pseudonyms are kept",
)
#: Words with accents that laboratories write, and nobody is called.
_NO_NAMES = frozenset(
    [
        *("négatif", "négative", "négatifs", "présent", "présente", "indéterminé"),
        *("indéterminée", "modéré", "modérée", "élevé", "élevée", "moucheté", "mouchetée"),
    ]
)
_ACCENTED_WORD = re.compile(r"[^\W\d_]{3,}")


def find_date(cell: str) -> bool:
    """Return whether the whole cell is a date, in the forms spreadsheets write."""
    return any(pattern.fullmatch(cell) for pattern in _DATES)


def find_contact(cell: str) -> bool:
    """Return whether a cell holds an e-mail address or a telephone number."""
    return bool(_EMAIL.search(cell) or _PHONE.fullmatch(cell.strip()))


def names_identity(column: str) -> bool:
    """Return whether the name of a column announces what identifies a person."""
    folded = re.sub(r"([a-z])([A-Z])", r"\1_\2", column).casefold()
    words = set(re.split(r"[\s_.\-]+", folded))
    return bool(words & _IDENTIFYING_WORDS or _NUMBERS_OF_PEOPLE.search(folded))


def find_identity(cell: str, column: str) -> tuple[str, str] | None:
    """Return (what, what to do) when a text cell looks like personal data, else None.

    The sentence shows the first character at most, because logs are shared more widely than sheets.
    """
    if column not in MAY_HOLD_DATES and find_date(cell):
        return (
            "the cell is a date",
            "dates identify people: write an age or an interval, or the code that was meant "
            "if a spreadsheet made the date",
        )
    if _EMAIL.search(cell) or (column in PERSONAL_IDS and find_contact(cell)):
        return CONTACT
    if column not in PERSONAL_IDS:
        return None
    remedy = "use a random study code"
    if _ONLY_DIGITS.fullmatch(cell) or _LONG_DIGITS.search(cell):
        return f"{masked(cell, hide=True)} looks like a hospital number", remedy
    if (
        _NAME_WITH_BLANK.fullmatch(cell)
        or (column == "participant_id" and _NAME_JOINED.fullmatch(cell))
        or (_has_two(cell, _is_name) and not _is_numbered(cell))
    ):
        return f"{masked(cell, hide=True)} looks like a person's name", remedy
    if any(year < _FIRST_VISITS for year in _years_of_days(cell)):
        return f"{masked(cell, hide=True)} holds a date", remedy
    return None


def may_identify(cell: str) -> bool:
    """Return whether an id that is not refused may hold a name, or the day of a visit.

    Examples
    --------
    >>> [may_identify(name) for name in ("jean_dupont_a", "2024-03-12_a", "HC_001", "S001_panel_a")]
    [True, True, False, False]
    """
    return bool(_years_of_days(cell)) or _has_two(cell, _may_be_name)


def _has_two(cell: str, is_name: Callable[[str], bool]) -> bool:
    """Return whether two parts of an id, one after the other, are names."""
    parts = [is_name(part) for part in _BETWEEN_PARTS.split(cell)]
    return any(both == (True, True) for both in pairwise(parts))


def _is_numbered(cell: str) -> bool:
    """Return whether a part is a running number, so that the words may be those of a site."""
    parts = [part for part in _BETWEEN_PARTS.split(cell) if part.isdigit()]
    return any(not _YEAR.fullmatch(part) for part in parts)


def _is_name(part: str) -> bool:
    is_capital = part.istitle() or (part.isupper() and len(part) >= _CAPITALS_OF_A_NAME)
    return is_capital and _may_be_name(part)


def _may_be_name(part: str) -> bool:
    return part.isalpha() and len(part) > 2 and part.casefold() not in _STUDY_WORDS


def _years_of_days(cell: str) -> list[int]:
    return [int(first or last) for first, last in _DAY_IN_ID.findall(cell)]


def masked(cell: str, *, hide: bool = False) -> str:
    """Return a cell quoted for a message, or only its first character when it may identify.

    Hidden are, besides what the caller asks for, long digit strings, names of several words and
    single words with accents (study codes have none).
    """
    suspicious = (
        _LONG_DIGITS.search(cell)
        or _ONLY_DIGITS.fullmatch(cell)
        or _NAME_WITH_BLANK.fullmatch(cell)
        or (
            _ACCENTED_WORD.fullmatch(cell)
            and not cell.isascii()
            and cell.casefold() not in _NO_NAMES
        )
    )
    if hide or suspicious:
        shown = f"'{cell[0]}...' ({len(cell)} characters)"
    else:
        shown = f"'{cell}'" if len(cell) <= _MAX_SHOWN else f"'{cell[:_MAX_SHOWN]}...'"
    return shown + deceptive_letters(cell)


def deceptive_letters(cell: str) -> str:
    """Return which letters of a cell look like others, or like none; empty where none do.

    Examples
    --------
    >>> deceptive_letters("SS" + chr(0x441)), deceptive_letters("é")
    (' (with CYRILLIC SMALL LETTER ES)', '')
    """
    names = {
        unicodedata.name(letter, "a letter without a name"): None
        for letter in cell
        if unicodedata.category(letter) == "Cf"
        or unicodedata.name(letter, "").startswith(("CYRILLIC", "GREEK", "FULLWIDTH"))
    }
    return f" (with {' and '.join(names)})" if names else ""
