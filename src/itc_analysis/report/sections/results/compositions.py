"""Do the T cells divide otherwise? Parts of one whole, tested together."""

from __future__ import annotations

import pandas as pd

from itc_analysis.report.html import plots, verdicts, words
from itc_analysis.report.html.blocks import (
    Block,
    Cell,
    Figure,
    Gallery,
    PageSection,
    Paragraph,
    Table,
    Text,
)
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.html.pictures import new_figure, to_svg
from itc_analysis.report.html.remarks import Notes
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.results import answer
from itc_analysis.stats.plots.compositions import plot_composition
from itc_analysis.tables.stats.compositions import JOINT

TITLE = "Is the composition of the T cells different?"


def section(material: Material) -> PageSection | None:
    """Return the section on compositions; None for a study without them."""
    rows = material.compositions
    if rows.empty:
        return None
    order = answer.reference_order(material, rows)
    populations = {name: place for place, name in enumerate([JOINT, *words.POPULATION_NAMES])}
    rows = rows.assign(
        _reference=rows["reference_group"].map(order),
        _part=rows["part"].map(populations).fillna(len(populations)),
        estimate_kind="ratio",
    ).sort_values(["composition", "_reference", "_part", "part"], kind="stable")
    notes = Notes("compositions")
    blocks: list[Block] = [
        Paragraph(
            phrase(
                "Shares of one whole depend on one another: where one population falls, the "
                "percentages of all others rise, though none of them has grown. Here each "
                "population is counted per cell of a reference population, which does not change "
                "with the others, and one joint test asks whether the composition differs at "
                "all. Only where it does, look at the parts; a part of which only a limit is "
                "known stands for itself, outside the joint test."
            )
        ),
        table(rows, material, notes),
        *notes.blocks(),
        _gallery(rows, material),
    ]
    return PageSection("compositions", phrase(TITLE), blocks)


def table(rows: pd.DataFrame, material: Material, notes: Notes) -> Table:
    """Return one row per part, the joint test first.

    Parameters
    ----------
    rows : pandas.DataFrame
        rows of the compositions in reading order, with `estimate_kind`.
    material : Material
        the study.
    notes : Notes
        takes up the remarks.
    """
    pooled = material.settings.cohort.pooled_name
    several = len(set(rows["composition"])) > 1
    body: list[list[Text | Cell]] = []
    for row in each_row(rows):
        is_joint = row.part == JOINT
        size, bounds = verdicts.size_and_interval(row)
        against = verdicts.reference_name(row.reference_group, pooled)
        verdict = verdicts.judge(row, alpha=material.alpha)
        is_shown = not words.is_missing(row.p_adjusted) and bool(row.p_adjusted <= material.alpha)
        if is_joint:
            cell = Cell("differs" if is_shown else phrase("not shown"), "none")
            if words.is_missing(row.p_value):
                cell = Cell(phrase("not estimable"), "bad")
        else:
            colour = "bad" if verdict.direction == "not_estimable" else verdict.direction
            cell = Cell(verdict.short_word, colour)
        body.append(
            [
                f"{against} ({row.composition})" if several else against,
                phrase("all parts together")
                if is_joint
                else phrase("{0} per {1}", words.population(row.part), _per(row.reference_part)),
                cell,
                words.NOTHING if is_joint else f"{size} ({bounds})" if bounds else size,
                words.p_value(row.p_value),
                words.p_value(row.p_adjusted),
                f"{row.n_index} / {row.n_reference}",
                str(row.n_missing),
                notes.mark(row.reason) or words.NOTHING,
            ]
        )
    index = material.settings.cohort.index_group
    level = f"{100 * material.settings.stats.comparison_confidence:g} %"
    return Table(
        phrase(
            "Composition of the T cells, {0} against each control. The ratio is how many "
            "times as many cells of the part there are for one of the reference "
            "population; adjusted p of a part in the joint test is never below that of the "
            "test.",
            index,
        ),
        [
            phrase("{0} against", index),
            phrase("Part"),
            phrase("Verdict"),
            phrase("Ratio ({0} interval)", level),
            "p",
            phrase("Adjusted p"),
            "n",
            phrase("Missing"),
            phrase("Remarks"),
        ],
        body,
        numeric=frozenset([3, 4, 5, 6, 7]),
    )


def _gallery(rows: pd.DataFrame, material: Material) -> Block:
    figures = []
    pooled = material.settings.cohort.pooled_name
    index = material.settings.cohort.index_group
    for (composition, _), own in rows.groupby(["composition", "_reference"], sort=False):
        against = verdicts.reference_name(own["reference_group"].iloc[0], pooled)
        title = phrase("{0}: {1} against {2}", composition, index, against)
        figure, ax = new_figure(plots.SMALL[0], 1.3 + 0.32 * len(own))
        named = own.assign(
            part=own["part"].map(lambda name: name if name == JOINT else words.population(name)),
            reference_part=own["reference_part"].map(_per),
        )
        plot_composition(named, ax=ax)
        ax.set_title("")
        figure.suptitle(title, fontsize=plots.TITLE_SIZE)
        plots.plain_ticks(ax.xaxis)
        name = f"composition-{composition}-{against}".replace(" ", "_")
        alt = phrase(
            "{0}: ratio of each part to the reference population; the numbers are in the "
            "table above.",
            title,
        )
        figures.append(Figure(to_svg(figure, name=name, alt=alt)))
    caption = phrase(
        "Each mark is a part: left of the dashed line {0} has fewer of it for each cell of the "
        "reference population, right of it more. If all parts are on one side, suspect the "
        "reference population.",
        index,
    )
    return Gallery(figures, caption)


def _per(reference_part: str) -> str:
    return (
        phrase("rest of the T cells")
        if reference_part == "rest"
        else words.population(reference_part)
    )
