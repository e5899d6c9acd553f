"""From channels to markers: which column of a file measures what the panel sheet names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from itc_analysis.cohort.sheets.read import read_sheet
from itc_analysis.errors import Fault, ItcError, PanelError, SheetError, did_you_mean
from itc_analysis.flow.fcs.channel_names import detector_of, is_compensated
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.sheets import PanelSheet

#: Other names of markers on labels. Compared without case, spaces and hyphens, and only with whole
#: words, so that CD4 is never found in CD45RA.
ALIASES: dict[str, tuple[str, ...]] = {
    "CD3": ("CD3e", "CD3 epsilon"),
    "CD4": ("CD4+",),
    "CD8": ("CD8a", "CD8 alpha"),
    "TCRgd": ("gdTCR", "TCR gamma delta", "TCR g d", "TCRyd", "11F2", "IMMU510"),
    "Vd1": ("TRDV1", "Vdelta1", "TCR Vd1"),
    "Vd2": ("TRDV2", "Vdelta2", "TCR Vd2"),
    "Vg9": ("TRGV9", "Vgamma9", "TCR Vg9"),
    "Va7.2": ("TCR Va7.2", "TCR Va7", "Va7", "Valpha7.2", "TRAV1 2", "3C10"),
    "MR1 tetramer": ("MR1 5 OP RU", "hMR1 5 OP RU", "MR1Tet", "MR1 tet", "5 OP RU"),
    "6B11": ("TCR Va24 Ja18", "Va24Ja18", "Valpha24 Jalpha18", "TRAV10 TRAJ18", "iNKT", "iNKT TCR"),
    "CD1d-tetramer": (
        "CD1d tet",
        "CD1d aGalCer",
        "PBS57 CD1d",
        "CD1d PBS57",
        "CD1d PBS 57",
        "hCD1d PBS 57",
        "hCD1d PBS57",
        "TETaGC",
    ),
    "CD161": ("KLRB1", "NKR P1A"),
    "PD-1": ("CD279",),
    "TIM-3": ("CD366",),
    "LAG-3": ("CD223",),
    "TIGIT": ("VSTM3", "WUCAM"),
    "CTLA-4": ("CD152",),
    "CD39": ("NTPDase 1", "ENTPD1"),
    "Eomes": ("Tbr2",),
    "panKIR": ("pan KIR2D", "KIR2D", "CD158", "NKVFS1", "KIR"),
    "NKG2A": ("CD159a", "KLRC1", "Z199"),
    "CD49d": ("ITGA4",),
    "CD25": ("IL2RA",),
    "Ki-67": ("MKI67",),
    "CD57": ("B3GAT1",),
    "CD127": ("IL7R", "IL7Ra"),
    "CCR7": ("CD197",),
    "CD45RA": ("CD45 RA",),
    "CD45RO": ("CD45 RO",),
    "CD27": ("TNFRSF7",),
    "CD28": (),
    "CD62L": ("L selectin", "SELL"),
    "CXCR3": ("CD183",),
    "CCR6": ("CD196",),
    "NKG2D": ("CD314", "KLRK1"),
    "CD26": ("DPP4",),
    "KLRG1": (),
    "Perforin": ("PRF1",),
    "Vb11": ("TCR Vb11", "TRBV25 1", "C21"),
    "Va24": ("TCR Va24", "TRAV10", "C15"),
    "CD56": ("NCAM1",),
    "CD122": ("IL2RB",),
    "Viability": ("Live Dead", "L D", "LD", "Viability dye", "Zombie", "7AAD", "DAPI"),
    "Dump": ("Lin", "Lineage"),
}
#: Labels in Greek.
_GREEK = str.maketrans({"α": "a", "β": "b", "γ": "g", "δ": "d"})
_SEPARATORS = re.compile(r"[\s\-_/|:;,()<>\[\]]+")
#: Light scatter, as every cytometer calls it: FSC-A, SSC-H, FSC 488/10-W, SSC-B-A.
_SCATTER = re.compile(r"(FSC|SSC)([ \-_].*)?", re.IGNORECASE)
#: '3 090806 PE-Cy7-A': the CD number alone, and the day of the antibody's lot.
_CD_AND_LOT = re.compile(r"\d{1,3} \d{6} ")
#: 'TCR g d' and 'MR1 5 OP RU' are the longest names; a label has few words in any case.
_MAX_WORDS = 5


def read_panel(path: str | Path) -> pd.DataFrame:
    """Read a panel sheet (columns of `PanelSheet`, one row per channel).

    Raises
    ------
    SheetError
        a fault of the sheet, with its row; a channel or a marker that appears twice.
    """
    return _without_repeats(read_sheet(path, PanelSheet), str(path))


def check_panel(panel: pd.DataFrame, source: str) -> pd.DataFrame:
    """Check a panel that is a table already.

    Parameters
    ----------
    panel : pandas.DataFrame
        At least `channel`, `marker` and `role`; one row per channel.
    source : str
        Names the table in faults.

    Returns
    -------
    pandas.DataFrame
        All columns of `PanelSheet`.

    Raises
    ------
    SheetError
        A column is missing or unknown, a role is none, a channel or a marker appears twice.
    """
    columns = contract.columns_of(PanelSheet)
    needed = [name for name, column in columns.items() if not column.nullable]
    faults = [
        Fault("", f"column '{name}' is missing", "add it")
        for name in needed
        if name not in panel.columns
    ]
    faults += [
        Fault("", f"unknown column '{name}'", did_you_mean(str(name), columns))
        for name in panel.columns
        if name not in columns
    ]
    if faults:
        raise SheetError(source, faults)
    try:
        checked = contract.make(panel.reset_index(drop=True), PanelSheet)
    except SheetError:
        raise
    except ItcError as error:
        raise SheetError(source, error.faults) from None
    return _without_repeats(checked, source)


def _plain_role(channel: str) -> str | None:
    """Return the only role that a channel can have by its name; None where it may have several."""
    if channel.strip().casefold() == "time":
        return "time"
    return "scatter" if _SCATTER.fullmatch(channel.strip()) else None


def _without_repeats(panel: pd.DataFrame, source: str) -> pd.DataFrame:
    faults = []
    for column in ("channel", "marker"):
        words = panel[column].str.casefold()
        for row in panel.index[words.duplicated()]:
            first = int(words.index[words == words[row]][0])
            what = f"{column} '{panel.loc[row, column]}' is in row {first + 2} already"
            # The header is row 1 of the sheet, so the first row of the table is row 2.
            faults.append(Fault(f"row {row + 2}", what, "keep one of them"))
    dyes = panel["fluorochrome"].fillna("").astype(str).str.strip()
    for row, (channel, role) in enumerate(zip(panel["channel"], panel["role"], strict=True)):
        if role in ("scatter", "time") and dyes[row]:
            what = f"channel '{channel}' has the role '{role}' and a fluorochrome, '{dyes[row]}'"
            remedy = "correct the role, or empty the fluorochrome"
            faults.append(Fault(f"row {row + 2}", what, remedy))
        wanted = _plain_role(str(channel))
        if wanted is not None and role != wanted:
            what = f"channel '{channel}' has the role '{role}'; compensation and scales would take "
            what += "it for a colour"
            faults.append(Fault(f"row {row + 2}", what, f"write {wanted}"))
    clocks = [row + 2 for row, role in enumerate(panel["role"]) if role == "time"]
    if len(clocks) > 1:
        where = f"rows {' and '.join(map(str, clocks))}"
        faults.append(Fault(where, "several channels have the role 'time'", "keep one clock"))
    if faults:
        raise SheetError(source, faults)
    if panel.empty:
        raise SheetError(source, "the panel names no channel; add a row per channel")
    return panel


def resolve_markers(
    channel_names: Sequence[str],
    channel_labels: Sequence[str],
    panel: pd.DataFrame,
    *,
    source: str = "panel",
    allow_missing: bool = False,
) -> dict[str, int]:
    """Return the column of each marker of the panel.

    The sheet's channel is compared with $PnN, then with the detector behind it ('Comp-PE-A'), also
    without case and separators ('PE_A'), then with $PnS, exactly; else the marker and its aliases
    are looked for in $PnS, then in $PnN, as whole words. Of several pulses of one detector (-A, -H,
    -W) with the same label the area is meant.

    Parameters
    ----------
    channel_names, channel_labels : sequence of str
        $PnN and $PnS of the file's columns, of equal length.
    panel : pandas.DataFrame
        rows of the panel sheet.
    source : str
        file name, for messages.
    allow_missing : bool
        leave out markers without a channel instead of refusing, as long as one is found.

    Raises
    ------
    PanelError
        a marker fits several channels, two markers fit one, a marker has no channel, or none has;
        with the file's channels.
    """
    if len(channel_names) != len(channel_labels):
        msg = f"{len(channel_names)} channel names but {len(channel_labels)} labels"
        raise ValueError(msg)
    shown = ", ".join(
        f"{name} ({label})" if label and label != name else name
        for name, label in zip(channel_names, channel_labels, strict=True)
    )
    found: dict[str, int] = {}
    faults: list[Fault] = []
    absent: list[tuple[str, str]] = []
    for channel, marker in zip(panel["channel"], panel["marker"], strict=True):
        hits = _columns_for(channel, marker, channel_names, channel_labels)
        where = f"marker '{marker}'"
        elsewhere = _contradiction(marker, hits, channel_labels)
        if elsewhere is not None:
            label, other = channel_labels[hits[0]], channel_names[elsewhere]
            what = f"channel '{channel}' is labelled '{label}', and '{other}' carries the marker"
            faults.append(Fault(where, what, "is the file of another panel?"))
            continue
        if len(hits) > 1:
            several = ", ".join(f"'{channel_names[i]}'" for i in hits)
            what = f"several channels fit '{channel}': {several}"
            faults.append(Fault(where, what, "name the channel by its $PnN in the panel sheet"))
        elif not hits:
            absent.append((marker, channel))
        else:
            taken = [other for other, column in found.items() if column == hits[0]]
            if taken:
                what = f"channel '{channel_names[hits[0]]}' also fits marker '{taken[0]}'"
                remedy = "name the channels by their $PnN in the panel sheet"
                faults.append(Fault(where, what, remedy))
            found[marker] = hits[0]
    role_of = dict(zip(panel["marker"], panel["role"], strict=True)) if "role" in panel else {}
    # scatter and clock are in every file, of whatever panel
    is_stained = any(role_of.get(marker) not in ("scatter", "time") for marker in found)
    if absent and not (allow_missing and is_stained):
        several = "s" if len(absent) > 1 else ""
        markers, channels = (
            ", ".join(f"'{name}'" for name in one) for one in zip(*absent, strict=True)
        )
        where = f"marker{several} {markers}"
        what = f"no channel fits {channels}"
        faults.append(Fault(where, what, f"channels of the file: {shown}"))
    if faults:
        raise PanelError(source, faults)
    return found


def _columns_for(
    channel: str, marker: str, names: Sequence[str], labels: Sequence[str]
) -> list[int]:
    by_name = [i for i, name in enumerate(names) if name == channel]
    if by_name:
        return by_name
    wanted_detector = detector_of(channel)
    by_detector = [i for i, name in enumerate(names) if detector_of(name) == wanted_detector]
    if by_detector:
        return _raw_of(by_detector, names)
    spelt = _joined(words_of(wanted_detector))
    by_spelling = [
        i for i, name in enumerate(names) if _joined(words_of(detector_of(name))) == spelt
    ]
    if by_spelling:
        return _raw_of(by_spelling, names)
    by_label = [i for i, label in enumerate(labels) if label == channel]
    if by_label:
        return _area_of(_raw_of(by_label, names), names)
    wanted = _names_of(marker)
    for texts in (labels, names):
        hits = [i for i, text in enumerate(texts) if wanted & phrases_of(text)]
        if hits:
            return _area_of(_raw_of(hits, names), names)
    return []


def _raw_of(columns: list[int], names: Sequence[str]) -> list[int]:
    """Return columns without those that are compensated copies of others of them.

    Which of two is used in the end is decided where the matrix is known.
    """
    raw = {detector_of(names[i]) for i in columns if not is_compensated(names[i])}
    return [i for i in columns if not is_compensated(names[i]) or detector_of(names[i]) not in raw]


def _contradiction(marker: str, hits: list[int], labels: Sequence[str]) -> int | None:
    """Return the one column labelled with a marker when the sheet means one labelled otherwise."""
    if len(hits) != 1 or not labels[hits[0]]:
        return None
    wanted = _names_of(marker)
    named = [i for i, label in enumerate(labels) if wanted & phrases_of(label)]
    return named[0] if len(named) == 1 and hits[0] not in named else None


def _names_of(marker: str) -> set[str]:
    return {_joined(words_of(word)) for word in (marker, *ALIASES.get(marker, ()))}


def other_name(marker: str, names: Iterable[str]) -> str | None:
    """Return the one of some names that means this marker: iNKT for 6B11; None without one."""
    wanted = _names_of(marker)
    return next((name for name in names if _joined(words_of(name)) in wanted), None)


def _area_of(columns: list[int], names: Sequence[str]) -> list[int]:
    areas = [i for i in columns if names[i].endswith("-A")]
    stems = {re.sub(r"-[AHW]$", "", names[i]) for i in columns}
    return areas if len(areas) == 1 and len(stems) == 1 else columns


def words_of(text: str) -> list[str]:
    """Return the words of a label, without case, Greek letters in Latin."""
    folded = text.translate(_GREEK).casefold()
    return [word for word in _SEPARATORS.split(folded) if word]


def _joined(words: list[str]) -> str:
    return "".join(words)


def phrases_of(text: str) -> set[str]:
    """Return every run of words, joined: 'HLA-DR PE' gives hla, hladr, hladrpe, dr, drpe, pe."""
    words = words_of(text)
    phrases = {
        _joined(words[start:stop])
        for start in range(len(words))
        for stop in range(start + 1, min(start + _MAX_WORDS, len(words)) + 1)
    }
    if _CD_AND_LOT.match(text):
        phrases.add(f"cd{words[0]}")
    return phrases
