"""Numbers that are held until a person confirms them, and tubes of which it cannot be told."""

from __future__ import annotations

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Cell, Heading, Table, Text
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase
from itc_analysis.tables.held import HELD_UNTIL

CAPTION = (
    "These numbers look wrong, so they are in no comparison. Look at the tube. Where it is right, "
    "write yes under `confirmed` in the sheet of tubes and run again; where it is not, correct the "
    "file or its row, or remove the row."
)


def blocks(material: Material) -> list[Block]:
    """Return what is held, tube by tube with the likely cause; nothing when nothing is."""
    return [*_held(material), *_untold(material)]


def causes(material: Material) -> dict[str, str]:
    """Return the likely cause of every tube of which numbers are held."""
    rows = material.measurements[material.measurements["status"] == "held"]
    rows = rows.sort_values("source_id").drop_duplicates("source_id")
    return {
        str(source): str(why).removeprefix(f"{HELD_UNTIL}: ")
        for source, why in zip(rows["source_id"], rows["reason"], strict=True)
    }


def _held(material: Material) -> list[Block]:
    rows = material.measurements[material.measurements["status"] == "held"]
    if rows.empty:
        return []
    rows = rows.assign(_why=rows["reason"].fillna(phrase("no reason given")))
    body: list[list[Text | Cell]] = []
    for (source, why), group in rows.groupby(["source_id", "_why"], sort=True):
        people = sorted(set(group["participant_id"].dropna()))
        populations = sorted({words.population(name) for name in group["population"]})
        body.append(
            [
                str(source),
                words.listed(people) if people else words.NOTHING,
                str(why).removeprefix(f"{HELD_UNTIL}: "),
                words.listed(populations),
            ]
        )
    header = [
        phrase("Tube"),
        phrase("Participant"),
        phrase("What is odd, and the likely cause"),
        phrase("Populations"),
    ]
    return [
        Heading(phrase("Held until a person confirms them")),
        Table(phrase(CAPTION), header, body),
    ]


def _untold(material: Material) -> list[Block]:
    identity = material.identity
    rows = identity[identity["finding"] == "cannot_be_told"].sort_values("file_id")
    if rows.empty:
        return []
    body: list[list[Text | Cell]] = [
        [", ".join(group["file_id"].astype(str)), str(reason)]
        for reason, group in rows.groupby("reason", sort=False)
    ]
    caption = phrase("Nothing of these tubes is held: what is odd can have a harmless cause.")
    return [
        Heading(phrase("Tubes to look at")),
        Table(caption, [phrase("Tube"), phrase("What is odd")], body),
    ]
