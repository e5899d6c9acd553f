"""The answer first: which innate T populations differ, by how much, how sure."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from itc_analysis.report import plots, verdicts, words
from itc_analysis.report.blocks import (
    Block,
    Bullets,
    Cell,
    Details,
    Heading,
    Paragraph,
    Section,
    Table,
)
from itc_analysis.report.material import Material, each_row

#: Measures of abundance, the question of the study.
ABUNDANCE = ("share_of_t", "cells_per_ul")


def section(material: Material) -> Section:
    """Return the section that answers the study's question."""
    rows = abundance_rows(material)
    title = "The answer: which innate T populations differ, by how much, how sure"
    if rows.empty:
        return Section("answer", title, [Paragraph(_why_nothing(material))])
    blocks: list[Block] = []
    if not (rows["role"] == "primary").any():
        blocks.append(
            Paragraph(
                "The analysis plan declares no primary comparison of abundance; what follows are all "
                "comparisons of abundance that it asks for, and none of them is confirmatory."
            )
        )
    told = Details(
        "Each comparison as a sentence, with medians and numbers", _sentences(rows, material)
    )
    if not any(_is_estimable(row, alpha=material.alpha) for row in each_row(rows)):
        n_asked = words.plural(len(rows), "comparison")
        blocks.append(
            Paragraph(
                f"None of the {n_asked} of abundance could be estimated. {_why_nothing(material)}"
            )
        )
        blocks.append(Details("Why, comparison by comparison", [matrix(rows, material)]))
        return Section("answer", title, [*blocks, told])
    blocks += [
        Bullets(summary(rows, material)),
        matrix(rows, material),
        _how_to_read(rows, material),
        *plots.forest_gallery(rows, material),
        told,
    ]
    return Section("answer", title, blocks)


def abundance_rows(material: Material) -> pd.DataFrame:
    """Return the comparisons of abundance of the primary populations, in the order they are shown.

    The populations are those of the primary comparisons; a plan without any gives all populations
    whose abundance it compares. Only the assay of the primary comparisons is the answer.
    """
    rows = material.comparisons
    rows = rows[rows["measure"].isin(ABUNDANCE)]
    primary = rows[rows["role"] == "primary"]
    if len(primary):
        rows = rows[rows["population"].isin(primary["population"])]
        rows = rows[rows["assay"].isin(primary["assay"])]
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


def summary(rows: pd.DataFrame, material: Material) -> list[Markup]:
    """Return one sentence per comparison and measure of the primary family: what is lower, higher, not shown."""
    primary = rows[rows["role"] == "primary"]
    shown = primary if len(primary) else rows
    sentences = []
    for reference in _in_order(shown["reference_group"]):
        for measure in _in_order(shown["measure"]):
            chosen = shown[(shown["reference_group"] == reference) & (shown["measure"] == measure)]
            if chosen.empty:
                continue
            found: dict[str, list[str]] = {}
            for row in each_row(chosen):
                verdict = verdicts.judge(row, alpha=material.alpha)
                size, _ = verdicts.size_and_interval(row)
                name = words.population(row.population)
                label = f"{name} ({size})" if verdict.direction != "not_estimable" else name
                found.setdefault(verdict.direction, []).append(label)
            told = Markup("; ").join(
                Markup("<strong>{}</strong>: {}").format(word, ", ".join(found[direction]))
                for direction, word in verdicts.WORDS.items()
                if direction in found
            )
            other = verdicts.reference_name(reference, material.settings.cohort.pooled_name)
            index = chosen["index_group"].iloc[0]
            sentences.append(
                Markup("{} against {}, {} – {}.").format(index, other, words.measure(measure), told)
            )
    return sentences


def matrix(rows: pd.DataFrame, material: Material) -> Table:
    """Return populations and measures as rows, reference groups as columns, verdicts as cells."""
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
            cells.append(_cell(next(each_row(chosen), None), alpha=material.alpha))
        body.append(cells)
    index = material.settings.cohort.index_group
    header = [f"{index} against"] + [verdicts.reference_name(name, pooled) for name in references]
    level = f"{100 * material.settings.stats.confidence:g} %"
    return Table(
        caption=f"{index} against each control: estimate, {level} interval, p adjusted within its "
        "family, and the verdict (blue: lower, orange: higher). * marks the primary family.",
        header=header,
        rows=body,
        is_even=True,
    )


def _sentences(rows: pd.DataFrame, material: Material) -> list[Block]:
    """Return one list of sentences per population."""
    blocks: list[Block] = []
    for population in _in_order(rows["population"]):
        told = [
            verdicts.say(
                row,
                alpha=material.alpha,
                level=material.settings.stats.confidence,
                pooled_name=material.settings.cohort.pooled_name,
            )
            for row in each_row(rows[rows["population"] == population])
        ]
        blocks += [Heading(words.population(population)), Bullets(told)]
    return blocks


def _is_estimable(row: Any, *, alpha: float) -> bool:
    return verdicts.judge(row, alpha=alpha).direction != "not_estimable"


def _cell(row: Any, *, alpha: float) -> Cell:
    if row is None:
        return Cell("not in the plan", "none")
    star = "*" if row.role == "primary" else ""
    return verdicts.short_cell(row, verdicts.judge(row, alpha=alpha), star=star)


def _how_to_read(rows: pd.DataFrame, material: Material) -> Paragraph:
    level = f"{100 * material.settings.stats.confidence:g} %"
    kinds = set(rows["estimate_kind"])
    parts = []
    if "odds_ratio" in kinds:
        parts.append(
            "For percentages the number is an odds ratio: the odds that a T cell belongs to the "
            "population, in the index group over the reference. For populations that are a few per cent "
            "of T cells it is nearly the ratio of the percentages (0.5: half as frequent)."
        )
    if "ratio" in kinds:
        parts.append(
            "For cells/µL the number is the ratio of the typical counts (geometric means)."
        )
    covariates = sorted({words.covariates(text) for text in rows["covariates"]} - {"none"})
    adjusted = f" after adjustment for {' or for '.join(covariates)}" if covariates else ""
    parts.append(
        f"1 means no difference{adjusted}. The interval holds the values that the data do not contradict "
        f"at {level}. “At most” and “at least” stand where everybody of one side lies below the limit of "
        "detection, so that only one limit can be given. “No difference shown” is not “no difference”: look how far the interval reaches."
    )
    return Paragraph(" ".join(parts))


def _why_nothing(material: Material) -> str:
    cohort = material.settings.cohort
    groups = material.groups_present
    if cohort.index_group not in groups:
        return (
            f"Nobody in this study is in the index group ‘{cohort.index_group}’ "
            f"(groups found: {words.listed(list(groups)) or 'none'}), so no groups are compared."
        )
    if len(groups) < 2:
        return f"The study has one group only ({groups[0]}), so no groups are compared."
    if material.comparisons["measure"].isin(ABUNDANCE).any():
        return "The reason stands with each of them."
    return "The results hold no comparison of abundance, so this page cannot say what differs."


def _in_order(values: pd.Series) -> list[str]:
    return list(dict.fromkeys(values))
