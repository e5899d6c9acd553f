"""The first screen: a line per population with its people, estimates, result and its limits."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from itc_analysis.report.figures import forest, points
from itc_analysis.report.html import verdicts, words
from itc_analysis.report.html.blocks import Block, Figure, Outcome, PageSection, Paragraph
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.front import sentences
from itc_analysis.report.sections.results import answer, numbers

#: Populations that are shown at once; of a study with more, the others open on a click.
MOST = 6
MARKS = {"share_of_t": "square", "cells_per_ul": "ring"}


def section(material: Material) -> PageSection:
    """Return the first screen: every population of the question on a line; the numbers behind it
    open on a click.
    """
    found = outcomes(material)
    first: list[Block] = [*answer.warnings(material), *found[:MOST]]
    if found:
        first.append(how_to_read(material))
    title = phrase(
        "Every participant, and {0} against each control", material.settings.cohort.index_group
    )
    return PageSection("answer", title, first, more=[*found[MOST:], *answer.blocks(material)])


def outcomes(material: Material) -> list[Outcome]:
    """Return one line per population of the study's question, in reading order."""
    rows = numbers.plotted_rows(material)
    compared = answer.abundance_rows(material)
    estimates = {
        key: _estimates(chosen, material)
        for key, chosen in compared.groupby(["assay", "population"], sort=False)
    }
    ends = forest.reach([row for own in estimates.values() for row in own])
    keys = dict.fromkeys([*estimates, *zip(rows["assay"], rows["population"], strict=True)])
    several_assays = len({assay for assay, _ in keys}) > 1
    asked = material.comparisons
    asked = asked[asked["measure"].isin(answer.ABUNDANCE)]
    elsewhere = set(zip(asked["assay"], asked["population"], strict=True))
    found = []
    for assay, population in keys:
        people = rows[(rows["assay"] == assay) & (rows["population"] == population)]
        own = compared[(compared["assay"] == assay) & (compared["population"] == population)]
        name = words.capital(words.population(population))
        title = f"{name} ({words.assay(assay)})" if several_assays else name
        figures = _people(people, material, title)
        if len(own):
            figures.append(_forest(estimates[assay, population], ends, title, material))
            found.append(
                Outcome(
                    title,
                    sentences.found(own, material),
                    sentences.not_shown(own, material),
                    figures,
                )
            )
        elif figures:
            told = phrase(
                "Measured in {0}.", words.plural(people["participant_id"].nunique(), "participant")
            )
            limits = phrase(
                "Its comparisons are not primary ones: they are listed further down."
                if (assay, population) in elsewhere
                else "Not compared between groups."
            )
            found.append(Outcome(title, told, limits, figures))
    return found


def how_to_read(material: Material) -> Paragraph:
    """Return the marks of the figures in a sentence."""
    index = material.settings.cohort.index_group
    level = f"{100 * material.settings.stats.comparison_confidence:g} %"
    return Paragraph(
        phrase(
            "Each point is one participant; an open triangle is below the limit of detection and "
            "is drawn at its upper limit; the bar is the median. Right: {0} over each control with "
            "its {1} interval, ■ % of T cells (odds ratio), ○ cells/µL (ratio); 1 is no "
            "difference. Dark: a difference is shown after adjustment for the number of "
            "comparisons; grey: not shown, which is not the same as no difference.",
            index,
            level,
        ),
        tone="caption",
    )


def _people(rows: pd.DataFrame, material: Material, title: str) -> list[Figure]:
    figures = []
    for measure in answer.ABUNDANCE:
        own = rows[rows["measure"] == measure]
        drawn = own[own["status"].isin(points.DRAWN)]
        if drawn.empty:
            continue
        n_low = int((drawn["status"] == "below_lod").sum())
        n_people = words.plural(drawn["participant_id"].nunique(), "participant")
        alt = phrase(
            "{0}, {1}: {2} by group, {3} of them below the limit of detection.",
            title,
            words.measure(measure),
            n_people,
            n_low,
        )
        picture = points.draw(
            own,
            groups=material.groups_present,
            index_group=material.settings.cohort.index_group,
            alt=alt,
            gates=gates_page(own, material),
        )
        n_without = own.loc[~own["status"].isin(points.DRAWN), "participant_id"].nunique()
        caption = f"{title}, {words.measure(measure)}"
        if n_without:
            caption += phrase("; {0} without a number", n_without)
        figures.append(Figure(picture, caption, width=480))
    return figures


def gates_page(rows: pd.DataFrame, material: Material) -> str:
    """Return the address of the page with the gates behind these numbers, relative to the report;
    empty where there is none or where the numbers come from several panels.
    """
    panels = material.tube_quality.set_index("file_id")["panel"]
    found = set(panels.reindex(rows["source_id"].unique()).dropna())
    if len(found) != 1:
        return ""
    page = Path(material.layout.overview(found.pop()), f"{rows['population'].iloc[0]}.html")
    return page.relative_to(material.layout.folder).as_posix() if page.exists() else ""


def _estimates(rows: pd.DataFrame, material: Material) -> list[forest.Estimate]:
    """Return the lines of a forest: control by control, percentages above counts."""
    order = answer.reference_order(material, rows)
    ordered = rows.assign(_reference=rows["reference_group"].map(order)).sort_values(
        ["_reference", "_measure"], kind="stable"
    )
    found = []
    last = ""
    for row in each_row(ordered):
        name = verdicts.reference_name(row.reference_group, material.settings.cohort.pooled_name)
        verdict = verdicts.judge(row, alpha=material.alpha)
        size, bounds = verdicts.size_and_interval(row)
        told = f"{size} ({bounds})" if bounds else size
        if verdict.direction == "not_estimable":
            told = phrase("not estimable")
        found.append(
            forest.Estimate(
                against="" if name == last else name,
                mark=MARKS[row.measure],
                estimate=_number(row.estimate),
                lower=_number(row.lower),
                upper=_number(row.upper),
                told=told,
                is_shown=verdict.direction in ("lower", "higher"),
            )
        )
        last = name
    return found


def _forest(
    estimates: list[forest.Estimate],
    ends: tuple[float, float],
    title: str,
    material: Material,
) -> Figure:
    index = material.settings.cohort.index_group
    alt = phrase(
        "{0}: {1} over each control with intervals; the numbers are in the table below.",
        title,
        index,
    )
    caption = phrase("{0} over each control (■ %, ○ cells/µL)", index)
    return Figure(forest.draw(estimates, ends, alt=alt), caption, width=480)


def _number(value: float) -> float:
    return float("nan") if words.is_missing(value) else float(value)
