"""Draft a panel sheet from what files say about their channels, for a person to complete."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from itc_analysis.errors import Fault, PanelError
from itc_analysis.flow.panel.markers import ALIASES, phrases_of, words_of

#: Roles of markers in the sheet; any other marker is 'other'.
_ROLES = {
    "lineage": ("CD3", "CD4", "CD8", "TCRgd", "Vd1", "Vd2", "Vg9", "Va7.2", "MR1 tetramer", "6B11",
                "CD1d-tetramer", "Va24", "Vb11", "CD161", "CD19", "CD14", "CD56", "CD16", "CD45"),
    "activation": ("CD69", "CD38", "HLA-DR", "CD25", "Ki-67"),
    "inhibitory": ("PD-1", "TIM-3", "LAG-3", "TIGIT", "CTLA-4", "CD39"),
    "innate": ("Eomes", "panKIR", "NKG2A"),
    "viability": ("Viability",),
    "dump": ("Dump",),
}  # fmt: skip
_ROLE_OF = {marker: role for role, markers in _ROLES.items() for marker in markers}
#: Markers that are known without any alias.
_KNOWN = {*ALIASES, *_ROLE_OF}
_SCATTER = re.compile(r"(FSC|SSC|FS|SS)\b.*|forward.*|side sc.*", re.IGNORECASE)
#: Channels that no cell is stained in.
_UNUSED = re.compile(r"empty|blank|bc\d+|bead.*|event.*|original_id|cell_length|width|center|offset|"  # noqa: E501
                     r"residual|\d+", re.IGNORECASE)  # fmt: skip
_DYES = re.compile(
    r"(BUV|BV|BB|RB|RY)\d{3}|FITC|PE(-?(Cy|CF|Texas|Dazzle|Fire|Vio)[\w.]*)?|APC(-?(Cy|H|Fire|Vio|R)[\w]*)?"
    r"|PerCP(-?[\w.]+)?|AF\d{3}|Alexa ?\w* ?\d+|Pacific \w+|Qdot ?\d+|Zombie \w+|Spark \w+ ?\d*",
    re.IGNORECASE,
)
_METAL = re.compile(r"\(?([A-Z][a-z])(\d{2,3})\)?Di")
#: Mass cytometry's metal in front of the marker, as in 143Nd_CD123.
_METAL_TAG = re.compile(r"\d{2,3}[A-Z][a-z][_ -]+")
#: A pulse of a detector other than its area; scatter needs all of them.
_OTHER_PULSE = re.compile(r".*-[HW]$")


def draft_panel(
    files: Mapping[str, tuple[Sequence[str], Sequence[str]]],
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of a panel sheet, and what a person should look at.

    Parameters
    ----------
    files : mapping of str to tuple of (sequence of str, sequence of str)
        $PnN and $PnS of the columns of each file, by file name.

    Raises
    ------
    PanelError
        a channel is labelled with one marker here and another there: files of two panels.
    """
    labels: dict[str, dict[str, str]] = {}
    for file, (names, texts) in files.items():
        for name, text in zip(names, texts, strict=True):
            labels.setdefault(name, {})[file] = text or name
    faults: list[Fault] = []
    rows: list[dict[str, str | None]] = []
    remarks: list[str] = []
    for channel, by_file in labels.items():
        if len(by_file) < len(files):
            missing = sorted(set(files) - set(by_file))
            remarks.append(f"channel '{channel}' is missing in {', '.join(missing)}")
        markers = {file: marker_of(label) for file, label in by_file.items()}
        known = {m for m in markers.values() if m in _KNOWN} or set(markers.values())
        if len(known) > 1:
            shown = "; ".join(f"'{label}' in {file}" for file, label in sorted(by_file.items()))
            what = f"labelled {shown}"
            faults.append(Fault(f"channel '{channel}'", what, "draft a sheet for each panel"))
            continue
        row = _row(channel, next(iter(by_file.values())), known.pop())
        if row is not None:
            rows.append(row)
    if faults:
        source = "panel"
        raise PanelError(source, faults)
    table = pd.DataFrame(
        rows, columns=["channel", "marker", "fluorochrome", "role"], dtype="string"
    )
    twice = table["marker"].str.casefold().duplicated(keep="first")
    for i in table.index[twice]:
        marker, channel = table.loc[i, "marker"], table.loc[i, "channel"]
        remarks.append(
            f"marker '{marker}' stands on several channels; '{channel}' got its name too"
        )
        table.loc[i, "marker"] = f"{marker} {channel}"
    unknown = [m for m, role in zip(table["marker"], table["role"], strict=True)
               if role == "other" and m not in _KNOWN]  # fmt: skip
    if unknown:
        remarks.append(f"role 'other' because the marker is not known here: {', '.join(unknown)}")
    return table, remarks


def marker_of(label: str) -> str:
    """Return the standard name of the marker in a label; else the label without its dye."""
    phrases = phrases_of(label)
    by_length = sorted(_KNOWN, key=len, reverse=True)
    found = [
        marker
        for marker in by_length
        if any("".join(words_of(name)) in phrases for name in (marker, *ALIASES.get(marker, ())))
    ]
    if found:
        # Of 'L/D Aqua - Viability' and the like both names mean one marker; else the longest name.
        return found[0]
    return _DYES.sub("", _METAL_TAG.sub("", label)).strip(" -_/") or label


def _row(channel: str, label: str, marker: str) -> dict[str, str | None] | None:
    """Return the channel's row, or None for one that no cell is stained in."""
    if _SCATTER.fullmatch(channel):
        return {"channel": channel, "marker": channel, "fluorochrome": None, "role": "scatter"}
    if channel.strip().casefold() == "time":
        return {"channel": channel, "marker": "Time", "fluorochrome": None, "role": "time"}
    nothing = _UNUSED.fullmatch(label.strip()) or (label == channel and _METAL.fullmatch(channel))
    if nothing or _UNUSED.fullmatch(channel) or _OTHER_PULSE.fullmatch(channel):
        return None
    metal, dye = _METAL.fullmatch(channel), _DYES.search(label) or _DYES.search(channel)
    fluorochrome = f"{metal[2]}{metal[1]}" if metal else dye[0] if dye else None
    role = _ROLE_OF.get(marker, "other")
    return {"channel": channel, "marker": marker, "fluorochrome": fluorochrome, "role": role}
