"""Do flow cytometry and single cell agree? The same population in the same person by both."""

from __future__ import annotations

import pandas as pd

from itc_analysis.report.figures import modalities as figure
from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import (
    Block,
    Cell,
    Figure,
    Gallery,
    Heading,
    PageSection,
    Paragraph,
    Table,
    Text,
)
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.html.remarks import Notes
from itc_analysis.report.language.phrases import phrase

TITLE = "Do flow cytometry and single cell agree?"


def section(material: Material) -> PageSection | None:
    """Return the section on the two methods; None for a study without them."""
    if material.modality_agreement.empty:
        return None
    notes = Notes("modalities")
    blocks: list[Block] = [
        Paragraph(
            phrase(
                "The two methods count the same populations in the same blood by different "
                "means: antibodies in flow cytometry, receptors and RNA in single cells. "
                "Where they agree, each supports the other; where one person stands out, suspect a "
                "swapped sample, or look at the gate."
            )
        ),
        agreement(material, notes),
        *notes.blocks(),
        *_gallery(material),
        Heading(phrase("People whose two numbers disagree")),
        *_discordant(material),
    ]
    return PageSection("modalities", phrase(TITLE), blocks)


def agreement(material: Material, notes: Notes) -> Table:
    """Return one row per population: who was measured by both, how well the two agree."""
    body: list[list[Text | Cell]] = []
    for row in each_row(in_order(material.modality_agreement)):
        is_bad = row.status != "ok"
        body.append(
            [
                words.population(row.population),
                f"{row.n_both} / {row.n_one_below_lod} / {row.n_both_below_lod}",
                Cell(phrase("not estimable"), "bad")
                if is_bad
                else f"{words.number(row.ccc, 2)} ({_interval(row.ccc_lower, row.ccc_upper)})",
                words.number(row.ccc_expected, 2),
                words.NOTHING
                if words.is_missing(row.offset)
                else (
                    f"{words.ratio(row.offset)} "
                    f"({words.interval(row.offset_lower, row.offset_upper, 'ratio')})"
                ),
                words.interval(row.limit_lower, row.limit_upper, "ratio"),
                words.NOTHING
                if is_bad
                else phrase("nobody")
                if words.is_missing(row.discordant)
                else str(row.discordant),
                notes.mark(row.reason) or words.NOTHING,
            ]
        )
    return Table(
        phrase(
            "Agreement over the people measured by both. Concordance: 1 is perfect, 0 none; next "
            "to it what two perfect methods would reach with so few cells, so only a concordance "
            "below that speaks against a method. Offset: single cell over flow cytometry, in "
            "odds (1: the same level). Nineteen of twenty people lie within the limits of "
            "agreement."
        ),
        [
            phrase("Population"),
            phrase("By both / one below LoD / both below"),
            phrase("Concordance"),
            phrase("Best possible"),
            phrase("Offset"),
            phrase("Limits of agreement"),
            phrase("Disagree"),
            phrase("Remarks"),
        ],
        body,
        numeric=frozenset([1, 2, 3, 4, 5]),
    )


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows with a population in the order of the other tables."""
    order = {name: place for place, name in enumerate(words.POPULATION_NAMES)}
    place = table["population"].map(order).fillna(len(order))
    return table.assign(_place=place).sort_values(["_place", "population"], kind="stable")


def _gallery(material: Material) -> list[Block]:
    figures = []
    rows = in_order(material.modalities)
    for population, own in rows.groupby("population", sort=False):
        drawn = own["status"].isin(figure.DRAWN)
        if not drawn.any():
            continue
        title = phrase("{0}, % of T cells", words.population(str(population)))
        alt = phrase(
            "{0}: single cell against flow cytometry, {1} participants.", title, int(drawn.sum())
        )
        picture = figure.draw(
            own,
            tubes=_tubes(material, str(population)),
            index_group=material.settings.cohort.index_group,
            alt=alt,
        )
        figures.append(Figure(picture, title, width=480))
    if not figures:
        return [Paragraph(phrase("Nobody has a number by both methods to draw."))]
    caption = phrase(
        "Every mark is one participant: points are quantified by both, open triangles "
        "below the limit of detection of one, drawn at that limit (pointing down: of "
        "single cell; left: of flow cytometry). Solid line: equal; dashed: the usual "
        "difference. Orange and named: further from it than counting errors explain."
    )
    return [Gallery(figures, caption)]


def _tubes(material: Material, population: str) -> dict[str, tuple[str, str]]:
    """Return tube and batch of each participant's number by flow cytometry."""
    rows = material.measurements
    rows = rows[
        (rows["assay"] == "flow")
        & (rows["measure"] == "share_of_t")
        & (rows["population"] == population)
        & rows["participant_id"].notna()
    ].drop_duplicates("participant_id")
    return {
        str(person): (str(tube), str(batch))
        for person, tube, batch in rows[["participant_id", "source_id", "batch"]].itertuples(
            index=False
        )
    }


def _discordant(material: Material) -> list[Block]:
    rows = material.modalities
    n_judged = int(rows["is_discordant"].notna().sum())
    odd = in_order(rows[rows["is_discordant"].fillna(value=False).astype(bool)])
    told = phrase(
        "{0} of numbers could be judged, of which {1}.",
        words.plural(n_judged, "pair"),
        words.plural(len(odd), "disagrees", "disagree"),
    )
    if odd.empty:
        return [Paragraph(told)]
    body = [
        [
            row.participant_id,
            row.group,
            words.population(row.population),
            words.per_cent(row.flow_share)
            if not words.is_missing(row.flow_share)
            else phrase("at most {0}", words.per_cent(row.flow_limit)),
            words.per_cent(row.cell_share)
            if not words.is_missing(row.cell_share)
            else phrase("at most {0}", words.per_cent(row.cell_limit)),
            words.p_value(row.p_adjusted),
        ]
        for row in each_row(odd)
    ]
    header = [
        phrase("Participant"),
        phrase("Group"),
        phrase("Population"),
        phrase("Flow cytometry"),
        phrase("Single cell"),
        phrase("Adjusted p"),
    ]
    caption = phrase(
        "{0} Look at the gates of these tubes and at the labels of these samples.", told
    )
    return [Table(caption, header, body, numeric=frozenset([3, 4, 5]))]


def _interval(lower: float, upper: float) -> str:
    return phrase("{0} to {1}", words.number(lower, 2), words.number(upper, 2))
