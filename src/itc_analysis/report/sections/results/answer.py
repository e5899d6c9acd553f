"""The answer first: which populations differ, by how much, how sure."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from itc_analysis.report.html import verdicts, words
from itc_analysis.report.html.blocks import (
    Block,
    Bullets,
    Cell,
    Details,
    Heading,
    Paragraph,
    Table,
)
from itc_analysis.report.html.glossary import link
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.html.remarks import Notes
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.results import endpoint_verdicts
from itc_analysis.stats.plan.plan import of_whole_group

#: Measures of abundance, the question of the study.
ABUNDANCE = ("share_of_t", "cells_per_ul")


def blocks(material: Material) -> list[Block]:
    """Return the numbers behind the first screen: all comparisons of abundance of its populations,
    in a table and in sentences, with their remarks.
    """
    rows = abundance_rows(material)
    if rows.empty:
        return []
    notes = Notes("answer")
    in_sentences = phrase("Each comparison as a sentence, with medians and numbers")
    # notes are numbered in the order of reading
    shown: list[Block] = [matrix(rows, material, notes)]
    if any(_is_estimable(row, alpha=material.alpha) for row in each_row(rows)):
        shown = [Bullets(summary(rows, material, notes)), *shown]
    sentences = Details(in_sentences, _sentences(rows, material, notes))
    return [*shown, *notes.blocks(), how_to_read(rows, material), sentences]


def warnings(material: Material) -> list[Block]:
    """Return what must be known before the first number is read: nothing is compared, nothing is
    confirmatory.
    """
    rows = abundance_rows(material)
    if rows.empty:
        return [Paragraph(why_nothing(material))]
    found: list[Block] = []
    if not (rows["role"] == "primary").any():
        found.append(
            Paragraph(
                phrase(
                    "The analysis plan declares no primary comparison of abundance; what follows "
                    "are all comparisons of abundance that it asks for, and none of them is "
                    "confirmatory."
                )
            )
        )
    if not any(_is_estimable(row, alpha=material.alpha) for row in each_row(rows)):
        n_asked = words.plural(len(rows), "comparison")
        told = phrase("None of the {0} of abundance could be estimated.", n_asked)
        found.append(Paragraph(f"{told} {why_nothing(material)}"))
    return found


def abundance_rows(material: Material) -> pd.DataFrame:
    """Return the comparisons of abundance of the primary populations, in the order they are shown.

    The populations are those of the primary comparisons; a plan without any gives all populations
    whose abundance it compares. Only the assay of the primary comparisons is the answer. What two
    families compare with the same group, as with a single disease and the pool of it, is there
    once: the primary comparison, or the first.
    """
    rows = of_whole_group(material.comparisons, material.settings.cohort.index_group)
    rows = rows[rows["measure"].isin(ABUNDANCE)]
    primary = rows[rows["role"] == "primary"]
    if len(primary):
        rows = rows[rows["population"].isin(primary["population"])]
        rows = rows[rows["assay"].isin(primary["assay"])]
    rows = rows.sort_values("role", key=lambda role: role.ne("primary"), kind="stable")
    rows = rows.drop_duplicates(["assay", "population", "measure", "reference_group"])
    order = {name: place for place, name in enumerate(words.POPULATION_NAMES)}
    return rows.assign(
        _population=rows["population"].map(order).fillna(len(order)),
        _measure=rows["measure"].map({name: place for place, name in enumerate(ABUNDANCE)}),
        _reference=rows["reference_group"].map(reference_order(material, rows)),
    ).sort_values(["assay", "_population", "population", "_measure", "_reference"], kind="stable")


def reference_order(material: Material, rows: pd.DataFrame) -> dict[str, int]:
    """Return the place of each reference group: healthy, then pooled, then each disease."""
    cohort = material.settings.cohort

    def place(reference: str) -> tuple[int, int, str]:
        if reference == cohort.healthy_group:
            return 0, 0, reference
        if "+" in reference:
            return 1, 0, reference
        known = list(cohort.disease_groups)
        return 2, known.index(reference) if reference in known else len(known), reference

    references = sorted(rows["reference_group"].dropna().unique(), key=place)
    return {reference: number for number, reference in enumerate(references)}


def summary(rows: pd.DataFrame, material: Material, notes: Notes) -> list[Markup]:
    """Return one sentence per population: where it differs, by how much, and the verdict over all
    groups.
    """
    primary = rows[rows["role"] == "primary"]
    shown = primary if len(primary) else rows
    return [
        endpoint_verdicts.sentence(
            population, shown[shown["population"] == population], material, notes
        )
        for population in _in_order(shown["population"])
    ]


def matrix(rows: pd.DataFrame, material: Material, notes: Notes) -> Table:
    """Return populations and measures as rows, reference groups as columns, verdicts as cells.

    `notes` takes up the remarks; their numbers stand in the cells.
    """
    references = sorted(
        rows["reference_group"].unique(), key=reference_order(material, rows).__getitem__
    )
    pooled = material.settings.cohort.pooled_name
    keys = rows[["assay", "population", "measure"]].drop_duplicates()
    several_assays = len(set(keys["assay"])) > 1
    body = []
    for key in each_row(keys):
        name = f"{words.population(key.population)}, {words.measure(key.measure)}"
        cells: list[Any] = [f"{name} ({words.assay(key.assay)})" if several_assays else name]
        for reference in references:
            chosen = rows[
                (rows["assay"] == key.assay)
                & (rows["population"] == key.population)
                & (rows["measure"] == key.measure)
                & (rows["reference_group"] == reference)
            ]
            cells.append(_cell(next(each_row(chosen), None), notes, alpha=material.alpha))
        body.append(cells)
    index = material.settings.cohort.index_group
    header = [phrase("{0} against", index)] + [
        verdicts.reference_name(name, pooled) for name in references
    ]
    level = f"{100 * material.settings.stats.comparison_confidence:g} %"
    return Table(
        caption=phrase(
            "{0} against each control: estimate, {1} interval, p adjusted within its "
            "family, and the verdict (blue: lower, orange: higher; not shown: no "
            "difference is shown). * marks the primary family; small numbers lead to the "
            "notes below.",
            index,
            level,
        ),
        header=header,
        rows=body,
        is_even=True,
    )


def _sentences(rows: pd.DataFrame, material: Material, notes: Notes) -> list[Block]:
    """Return one list of sentences per population, with the marks of their remarks."""
    blocks: list[Block] = []
    for population in _in_order(rows["population"]):
        told = []
        for row in each_row(rows[rows["population"] == population]):
            said = verdicts.say(
                row,
                alpha=material.alpha,
                level=material.settings.stats.comparison_confidence,
                pooled_name=material.settings.cohort.pooled_name,
            )
            verdict = verdicts.judge(row, alpha=material.alpha)
            is_told = verdict.direction == "not_estimable"  # with its reason
            marks = Markup("") if is_told else notes.mark(verdict.caveat)
            told.append(escape(said) + marks)
        blocks += [Heading(words.population(population)), Bullets(told)]
    return blocks


def _is_estimable(row: Any, *, alpha: float) -> bool:
    return verdicts.judge(row, alpha=alpha).direction != "not_estimable"


def _cell(row: Any, notes: Notes, *, alpha: float) -> Cell:
    if row is None:
        return Cell(phrase("not in the plan"), "none")
    star = "*" if row.role == "primary" else ""
    verdict = verdicts.judge(row, alpha=alpha)
    cell = verdicts.short_cell(row, verdict, star=star)
    if verdict.direction == "not_estimable":  # the reason stands in the cell
        return cell
    return Cell(Markup("{}{}").format(cell.text, notes.mark(verdict.caveat)), cell.kind)


def how_to_read(rows: pd.DataFrame, material: Material) -> Bullets:
    """Return what the numbers of these comparisons mean."""
    level = f"{100 * material.settings.stats.comparison_confidence:g} %"
    kinds = set(rows["estimate_kind"])
    items: list[Markup] = []
    if "odds_ratio" in kinds:
        items.append(
            Markup(
                phrase(
                    "For percentages the number is an {}: the odds that a T cell belongs to the "
                    "population, in the index group over the reference. For populations that are a "
                    "few per cent of T cells it is nearly the ratio of the percentages (0.5: half "
                    "as frequent)."
                )
            ).format(link("odds ratio"))
        )
    if "ratio" in kinds:
        items.append(
            Markup(phrase("For cells/µL the number is the {} of the typical counts.")).format(
                link("ratio")
            )
        )
    covariates = sorted({words.covariates(text) for text in rows["covariates"]} - {"none"})
    adjusted = (
        phrase(" after adjustment for {0}", phrase(" or for ").join(covariates))
        if covariates
        else ""
    )
    items.append(
        Markup(
            phrase(
                "1 means no difference{}. The {} holds the values that the data do not "
                "contradict. {} is adjusted for the number of comparisons in its {}. “No "
                "difference shown” is not “no difference”: look at how far the interval reaches."
            )
        ).format(
            adjusted,
            link("95 % interval", phrase("{0} interval", level)),
            link("p, adjusted p", "p"),
            link("family"),
        )
    )
    if rows["estimate"].isna().any():
        items.append(
            Markup(
                phrase(
                    "“At most” and “at least” are used where one side has no cell above the {}, "
                    "or nobody’s value is above the {}, so that only one limit can be given."
                )
            ).format(link("background"), link("LoB, LoD, LoQ", phrase("limit of detection")))
        )
    if len(material.verdicts):
        index = material.settings.cohort.index_group
        items.append(
            Markup(
                phrase(
                    "The verdict looks at all groups at once. {} needs a difference from every "
                    "one of them, each before adjustment; since all must hold together, it can "
                    "be given although a single comparison is not shown after adjustment."
                )
            ).format(link("index-group-specific", phrase("{0}-specific", index)))
        )
    return Bullets(items)


def why_nothing(material: Material) -> str:
    """Return why no groups are compared, or that the reasons are given with each comparison."""
    cohort = material.settings.cohort
    groups = material.groups_present
    if cohort.index_group not in groups:
        return phrase(
            "Nobody in this study is in the index group ‘{0}’ (groups found: {1}), so no "
            "groups are compared.",
            cohort.index_group,
            words.listed(list(groups)) or "none",
        )
    if len(groups) < 2:
        return phrase("The study has one group only ({0}), so no groups are compared.", groups[0])
    if material.comparisons["measure"].isin(ABUNDANCE).any():
        return phrase("The reason is given with each of them.")
    return phrase(
        "The results contain no comparison of abundance, so this page cannot say what differs."
    )


def _in_order(values: pd.Series) -> list[str]:
    return [str(value) for value in values.unique()]
