"""One item of a reporting checklist, and what several checklists ask alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from itc_analysis.report.html import words
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase


@dataclass(frozen=True)
class Item:
    """One item.

    Parameters
    ----------
    number : str
        as in the published list.
    asks_for : str
        what it wants to know.
    text : callable, optional
        the answer in words, empty where the tables do not tell; None where they never do.
    values : callable, optional
        the same as numbers and names for programs.
    """

    number: str
    asks_for: str
    text: Callable[[Material], str] | None = None
    values: Callable[[Material], Any] | None = None


def groups(material: Material) -> str:
    """Return the participants by group, as enrolled."""
    counts = material.participants["group"].value_counts()
    told = [f"{group} {counts[group]}" for group in material.groups_present]
    return phrase("Participants enrolled, by group: {0}.", words.listed(told)) if told else ""


def group_sizes(material: Material) -> dict[str, int]:
    """Return the number of participants by group."""
    counts = material.participants["group"].value_counts()
    return {group: int(counts[group]) for group in material.groups_present}


def characteristics(material: Material) -> str:
    """Return where the participants are described."""
    return (
        phrase("{0} Characteristics of those analysed are in Table 1.", groups(material))
        if len(material.participants)
        else ""
    )


def files(material: Material) -> str:
    """Return how many files of each assay were read and where they are named."""
    told = [
        phrase("{0} (cohort/{1}.parquet)", words.plural(len(table), *names), where)
        for table, names, where in (
            (material.tubes, ("FCS file",), "tubes"),
            (
                material.libraries,
                ("single-cell library", "single-cell libraries"),
                "libraries",
            ),
        )
        if len(table)
    ]
    return f"{words.listed(told)}." if told else ""


def fcs_files(material: Material) -> list[dict[str, str]]:
    """Return the FCS files: id, panel, batch and kind of tube. Their names stay in the sheet."""
    return [
        {
            "file_id": str(row.file_id),
            "panel": str(row.panel),
            "batch": str(row.batch),
            "tube": str(row.tube),
        }
        for row in each_row(material.tubes)
    ]
