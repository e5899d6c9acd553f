"""What went wrong, and what is missing and why: nobody disappears."""

from __future__ import annotations

import pandas as pd

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import (
    Block,
    Cell,
    Details,
    Heading,
    PageSection,
    Paragraph,
    Table,
    Text,
)
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.html.names import names_cell, without_numbers
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections import held
from itc_analysis.report.sections.results.answer import ABUNDANCE
from itc_analysis.tables.quantities import STANDS_AGAINST

#: Longer tables open on a click.
MANY_ROWS = 30


def section(material: Material) -> PageSection:
    """Return the section on problems."""
    title = phrase("Problems, and what is missing and why")
    blocks: list[Block] = []
    if material.lacking:
        blocks.append(
            Paragraph(
                phrase(
                    "Tables that the sheets promise but that are not in the results folder: {0}. "
                    "Run the workflow again.",
                    words.listed(list(material.lacking)),
                ),
                tone="warning",
            )
        )
    blocks += held.blocks(material) + _noted(material) + _tubes(material) + _libraries(material)
    blocks += _gates(material) + _measurements(material) + _without_number(material)
    return PageSection("problems", title, blocks)


def _noted(material: Material) -> list[Block]:
    heading = Heading(phrase("Noted while checking the study"))
    rows = material.problems.sort_values(["room", "item", "what"])
    if rows.empty:
        return [heading, Paragraph(phrase("Nothing was noted."))]
    body = [
        [
            row.item,
            row.room,
            row.what,
            words.NOTHING if words.is_missing(row.remedy) else row.remedy,
        ]
        for row in each_row(rows)
    ]
    return [
        heading,
        Table(
            phrase("What is wrong and what to do."),
            [phrase("Item"), phrase("Room"), phrase("What"), phrase("What to do")],
            body,
        ),
    ]


def _tubes(material: Material) -> list[Block]:
    heading = Heading(phrase("Tubes that could not be used, or with remarks"))
    if not material.has_flow:
        return [heading, Paragraph(phrase("The study has no flow cytometry."))]
    quality = material.tube_quality
    unusable = quality[quality["status"] != "ok"]
    n_usable = len(quality) - len(unusable)
    told = phrase("{0} of {1} could be used.", n_usable, words.plural(len(quality), "tube"))
    blocks: list[Block] = [heading, Paragraph(told)]
    if len(unusable):
        body: list[list[Text | Cell]] = [
            [
                row.file_id,
                row.sample_id,
                phrase("{0}, batch {1}", row.panel, row.batch),
                words.status(row.status),
                phrase("no reason given") if words.is_missing(row.reason) else row.reason,
            ]
            for row in each_row(unusable.sort_values("file_id"))
        ]
        header = [
            phrase("Tube"),
            phrase("Sample"),
            phrase("Panel and batch"),
            phrase("Status"),
            phrase("Reason"),
        ]
        blocks += _folded(Table(phrase("Tubes not used."), header, body), "tubes")
    remarked = quality[quality["remarks"].notna()]
    if len(remarked):
        body = [
            [remark, panel, str(len(group)), names_cell(group["file_id"])]
            for (panel, remark), group in _by_reason(remarked, ["panel"], column="remarks")
        ]
        caption = phrase("Remarks on tubes. Remarks that differ only in their numbers are one row.")
        header = [phrase("For example"), phrase("Panel"), phrase("Tubes"), phrase("Which")]
        blocks.append(Table(caption, header, body, numeric=frozenset([2])))
    return blocks


def _libraries(material: Material) -> list[Block]:
    if not material.has_single_cell:
        return []
    quality = material.library_quality
    heading = Heading(phrase("Libraries that could not be used"))
    rows = quality[quality["status"] != "ok"]
    if rows.empty:
        return [heading, Paragraph(phrase("Every library that was read could be used."))]
    body = [
        [
            row.library_id,
            row.sample_id,
            words.status(row.status),
            phrase("no reason given") if words.is_missing(row.reason) else row.reason,
        ]
        for row in each_row(rows.sort_values("library_id"))
    ]
    return [
        heading,
        Table(
            phrase("Libraries not used."),
            [phrase("Library"), phrase("Sample"), phrase("Status"), phrase("Reason")],
            body,
            told=3,
        ),
    ]


def _gates(material: Material) -> list[Block]:
    if not material.has_flow:
        return []
    return [*_odd_tubes(material), *_missing_gates(material)]


def _odd_tubes(material: Material) -> list[Block]:
    """Name tubes whose gates do not agree with their batch, and gates with two likely places."""
    gates = material.gates
    blocks: list[Block] = []
    is_odd = gates["reason"].str.startswith(STANDS_AGAINST).fillna(value=False).astype(bool)
    if is_odd.any():
        body = [
            [
                str(file_id),
                ", ".join(words.population(name) for name in group["population"]),
                "; ".join(sorted({_odd_reason(reason) for reason in group["reason"]})),
            ]
            for file_id, group in gates[is_odd].groupby("file_id", sort=True)
        ]
        table = Table(
            phrase(
                "Tubes that disagree with their batch. Nothing is borrowed from them; check "
                "compensation, voltages and stains before trusting their numbers."
            ),
            [phrase("Tube"), phrase("Gates"), phrase("What is odd")],
            body,
            told=2,
        )
        blocks += [
            Heading(phrase("Tubes that disagree with their batch")),
            *_folded(table, "tubes"),
        ]
    rows = gates[gates["state"] == "ambiguous"]
    if not rows.empty:
        body = [
            [f"{words.population(population)} ({panel})", reason, names_cell(group["file_id"])]
            for (panel, population, reason), group in _by_reason(rows, ["panel", "population"])
        ]
        table = Table(
            phrase("Gates with two equally likely places; intervals include the counts at both."),
            [phrase("Population (panel)"), phrase("Reason"), phrase("Which")],
            body,
            told=1,
        )
        blocks += [Heading(phrase("Gates with two likely places")), *_folded(table, "gates")]
    return blocks


def _odd_reason(reason: str) -> str:
    return reason.removeprefix(f"{STANDS_AGAINST}: ").split("; ")[0]


def _missing_gates(material: Material) -> list[Block]:
    heading = Heading(phrase("Gates that could not be estimated"))
    rows = material.gates[material.gates["state"] == "not_estimable"]
    if rows.empty:
        return [heading, Paragraph(phrase("Every gate could be estimated, pooled or borrowed."))]
    body = []
    for (panel, population, reason), group in _by_reason(rows, ["panel", "population"]):
        body.append(
            [
                f"{words.population(population)} ({panel})",
                reason,
                str(group["file_id"].nunique()),
                names_cell(group["file_id"]),
            ]
        )
    table = Table(
        phrase(
            "Gates without an estimate; the population and what follows from it is not "
            "counted there."
        ),
        [phrase("Population (panel)"), phrase("Reason"), phrase("Tubes"), phrase("Which")],
        body,
        numeric=frozenset([2]),
        told=1,
    )
    return [heading, *_folded(table, "gates")]


def _measurements(material: Material) -> list[Block]:
    heading = Heading(phrase("Measurements without a number"))
    table = material.measurements
    rows = table[table["status"] != "ok"]
    told = phrase(
        "{0}, of which {1:,} have a number.",
        words.plural(len(table), "measurement"),
        len(table) - len(rows),
    )
    if rows.empty:
        return [heading, Paragraph(told)]
    # why people are left out is told person by person under Participants
    is_excluded = rows["status"] == "excluded"
    rows = rows.assign(
        reason=rows["reason"].mask(is_excluded, "not analysed; see Participants for why")
    )
    body = []
    for (assay, status, reason), group in _by_reason(rows, ["assay", "status"]):
        controls = group.loc[group["participant_id"].isna(), "sample_id"]
        endpoints = [
            f"{words.population(row.population)} {words.measure(row.measure, row.feature)}"
            for row in each_row(group[["population", "measure", "feature"]].drop_duplicates())
        ]
        body.append(
            [
                f"{words.status(status)} ({words.assay(assay)})",
                reason,
                words.count(len(group)),
                names_cell(group["participant_id"].dropna()),
                names_cell(controls),
                names_cell(endpoints),
            ]
        )
    shown = Table(
        phrase(
            "{0} The others, by reason. Reasons that differ only in their numbers are one "
            "row, with the first of them as an example.",
            told,
        ),
        [
            phrase("Status"),
            phrase("Reason"),
            phrase("Measurements"),
            phrase("Participants"),
            phrase("Bridge controls"),
            phrase("Endpoints"),
        ],
        body,
        numeric=frozenset([2]),
        told=1,
    )
    return [heading, *_folded(shown, "reasons")]


def _without_number(material: Material) -> list[Block]:
    """Return the analysed participants who bring no number of abundance to any comparison."""
    people = material.participants
    analysed = people[people["is_analysed"]]
    heading = Heading(phrase("Participants without any number of abundance"))
    usable = material.measurements[
        material.measurements["measure"].isin(ABUNDANCE)
        & material.measurements["status"].isin(["ok", "below_lod"])
    ]
    absent = analysed[~analysed["participant_id"].isin(usable["participant_id"])]
    n_left_out = len(people) - len(analysed)
    told = phrase(
        "{0} enrolled: {1} analysed, {2} not (see the flow chart).",
        words.plural(len(people), "participant"),
        len(analysed),
        n_left_out,
    )
    if absent.empty:
        return [
            heading,
            Paragraph(phrase("{0} Everybody analysed has at least one number of abundance.", told)),
        ]
    body = []
    for row in each_row(absent.sort_values("participant_id")):
        own = material.measurements[material.measurements["participant_id"] == row.participant_id]
        own = own[own["measure"].isin(ABUNDANCE)]
        whys = sorted(
            {
                f"{words.status(item.status)}: {item.reason}"
                if not words.is_missing(item.reason)
                else words.status(item.status)
                for item in each_row(own)
            }
        )
        body.append(
            [
                row.participant_id,
                row.group,
                "; ".join(whys) or phrase("no sample of this person was measured"),
            ]
        )
    return [
        heading,
        Table(
            phrase("{0} Analysed participants without a number of abundance.", told),
            [phrase("Participant"), phrase("Group"), phrase("Why")],
            body,
            told=2,
        ),
    ]


def _by_reason(
    rows: pd.DataFrame, keys: list[str], *, column: str = "reason"
) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    """Group by `keys` and the reason without its numbers; the first reason stands for the group."""
    given = rows[column].fillna(phrase("no reason given")).astype(str)
    # thousands of rows have one of a few reasons
    told = {reason: words.plain(reason) for reason in given.unique()}
    reasons = given.map(told)
    masked = given.map({reason: without_numbers(text) for reason, text in told.items()})
    rows = rows.assign(_reason=reasons, _masked=masked)
    groups = []
    for key, group in rows.groupby([*keys, "_masked"], sort=True):
        parts = tuple(str(part) for part in key[:-1])
        groups.append(((*parts, str(group["_reason"].iloc[0])), group))
    return groups


def _folded(table: Table, what: str) -> list[Block]:
    """Return the table, behind a click when it is long."""
    if len(table.rows) <= MANY_ROWS:
        return [table]
    return [Paragraph(table.caption), Details(f"{len(table.rows)} {what}", [table])]
