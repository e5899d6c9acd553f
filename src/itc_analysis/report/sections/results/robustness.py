"""How sure: who carries a difference, what the covariates change, what an unknown cause or another
model would.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from itc_analysis.report.html import plots, verdicts, words
from itc_analysis.report.html.blocks import (
    Block,
    Bullets,
    Cell,
    Details,
    Heading,
    Paragraph,
    Table,
    Text,
)
from itc_analysis.report.html.glossary import link
from itc_analysis.report.html.material import Material
from itc_analysis.report.html.remarks import Notes
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.results import comparisons, doubts, endpoint_verdicts


def blocks(material: Material) -> list[Block]:
    """Return what the answer rests on: verdicts over all groups, and who carries a difference."""
    return _verdict_blocks(material) + _diagnostic_blocks(material)


def _verdict_blocks(material: Material) -> list[Block]:
    index = material.settings.cohort.index_group
    heading = Heading(phrase("Specific to {0}, or shared with a disease?", index))
    rows = material.verdicts
    if rows.empty:
        told = phrase(
            "No endpoint was judged over all groups: the analysis plan names no primary "
            "comparison, or the run made no verdicts."
        )
        return [heading, Paragraph(told)]
    order = {name: place for place, name in enumerate(words.POPULATION_NAMES)}
    measures = {name: place for place, name in enumerate(words.MEASURE_NAMES)}
    rows = rows.assign(
        _population=rows["population"].map(order).fillna(len(order)),
        _measure=rows["measure"].map(measures),
    ).sort_values(["assay", "_population", "population", "_measure", "feature"], kind="stable")
    notes = Notes("verdict")
    return [heading, endpoint_verdicts.table(rows, material, notes), *notes.blocks()]


def _diagnostic_blocks(material: Material) -> list[Block]:
    heading = Heading(phrase("Who carries it, and what else could explain it"))
    compared = material.comparisons.merge(material.diagnostics[doubts.KEY], on=doubts.KEY)
    if compared.empty:
        told = phrase(
            "There are no diagnostics: the plan names no primary or secondary one, or the run "
            "made no diagnostics."
        )
        return [heading, Paragraph(told)]
    compared = comparisons.in_reading_order(compared, material)
    blocks: list[Block] = [heading]
    for role, name in (("primary", "primary"), ("secondary", "secondary")):
        rows = compared[compared["role"] == role]
        if rows.empty:
            continue
        notes = Notes(f"{role}-diagnostics")
        shown: list[Block] = [table(rows, material, notes), *notes.blocks()]
        if role == "primary":
            blocks += [_in_short(rows, material), *plots.robustness_gallery(rows, material), *shown]
        else:
            summary = phrase("The same for the {0}", words.plural(len(rows), name + " comparison"))
            blocks.append(Details(summary, shown))
    return [*blocks, _how_to_read()]


def _in_short(rows: pd.DataFrame, material: Material) -> Block:
    """Return, for each difference that is shown, what speaks against it."""
    found: dict[tuple[str, Markup], dict[str, list[str]]] = {}
    for row, beside in doubts.pairs(rows, material):
        verdict = verdicts.judge(row, alpha=material.alpha)
        if verdict.direction not in ("lower", "higher"):
            continue
        doubted_by = doubts.doubts(row, beside, alpha=material.alpha)
        told = Markup("; ").join(doubted_by) if doubted_by else _nothing_against(beside)
        key = (f"{words.population(row.population)} {verdict.word}", told)
        doubts.add_control(found.setdefault(key, {}), row, material)
    if not found:
        return Paragraph(
            phrase(
                "No primary difference is shown, so there is none to doubt; the picture says "
                "how far each estimate changes."
            )
        )
    items = [
        Markup("<strong>{}</strong> ({}): {}.").format(what, doubts.where(measures), told)
        for (what, told), measures in found.items()
    ]
    return Bullets(items)


def table(rows: pd.DataFrame, material: Material, notes: Notes) -> Table:
    """Return one row per comparison with its diagnostics.

    Parameters
    ----------
    rows : pandas.DataFrame
        rows of the comparisons that have diagnostics, in reading order.
    material : Material
        the study.
    notes : Notes
        takes up the remarks.
    """
    level = f"{100 * material.settings.stats.comparison_confidence:g} %"
    pooled = material.settings.cohort.pooled_name
    several = len(set(rows["assay"])) > 1
    body: list[list[Text | Cell]] = []
    for row, beside in doubts.pairs(rows, material):
        verdict = verdicts.judge(row, alpha=material.alpha)
        name = f"{words.population(row.population)}, {words.measure(row.measure, row.feature)}"
        size, bounds = verdicts.size_and_interval(row)
        kind = row.estimate_kind
        body.append(
            [
                f"{name} ({words.assay(row.assay)})" if several else name,
                verdicts.reference_name(row.reference_group, pooled),
                Cell(
                    Markup("<strong>{}</strong>{}{}").format(
                        size,
                        f" ({bounds})" if bounds else "",
                        notes.mark(row.reason, beside.reason),
                    ),
                    "bad" if verdict.direction == "not_estimable" else verdict.direction,
                ),
                _pair(
                    words.estimate(beside.estimate_unadjusted, kind),
                    words.estimate(beside.estimate_core, kind),
                ),
                words.interval(beside.one_out_lowest, beside.one_out_highest, kind),
                _who(beside),
                _pair(words.ratio(beside.e_value), words.ratio(beside.e_value_limit)),
                _tipping(beside, notes),
                _second(beside, kind),
                _values(beside, kind),
            ]
        )
    caption = phrase(
        "What each comparison rests on. Coloured: a difference is shown (blue: lower, orange: "
        "higher). A dash: not computed, mostly because there is no estimate but a limit only."
    )
    header = [
        phrase("Endpoint"),
        phrase("{0} against", material.settings.cohort.index_group),
        phrase("As reported ({0} interval)", level),
        phrase("Without / core covariates"),
        phrase("One person left out"),
        phrase("Most influential person, in standard errors"),
        phrase("E-value / of the limit"),
        phrase("Tipping point: missing / below the limit (SD)"),
        phrase("Second model"),
        phrase("Values, not counts"),
    ]
    return Table(caption, header, body, numeric=frozenset([3, 4, 6, 7, 8]))


def _pair(first: str, second: str) -> str:
    return first if first == second == words.NOTHING else f"{first} / {second}"


def _who(beside: Any) -> Text | Cell:
    if words.is_missing(beside.most_influential):
        return words.NOTHING
    if doubts.is_lost_without_one(beside):
        return Cell(phrase("{0}; without, no estimate", beside.most_influential), "bad")
    moved = f"{beside.most_influential}, {words.number(beside.influence, 2)}"
    if words.is_missing(beside.is_carried_by_one) or not beside.is_carried_by_one:
        return moved
    return Cell(
        phrase("{0}; without, {1}", moved, words.p_phrase(beside.p_without_most_influential)), "bad"
    )


def _tipping(beside: Any, notes: Notes) -> Text:
    """Return how far the missing and the low must lie, with the sentence as a note."""
    numbers = [
        words.NOTHING if words.is_missing(value) else words.number(value, 2)
        for value in (beside.tipping_missing, beside.tipping_low)
    ]
    return Markup("{}{}").format(_pair(*numbers), notes.mark(beside.tipping))


def _second(beside: Any, kind: str) -> str:
    if words.is_missing(beside.second_estimate):
        return words.NOTHING
    return (
        f"{words.estimate(beside.second_estimate, kind)}, {words.p_phrase(beside.second_p_value)}"
    )


def _values(beside: Any, kind: str) -> str:
    if words.is_missing(beside.value_estimate):
        return words.NOTHING
    return f"{words.estimate(beside.value_estimate, kind)}, {words.p_phrase(beside.value_p_value)}"


def _nothing_against(beside: Any) -> Markup:
    if words.is_missing(beside.estimate_full):
        return Markup(
            phrase("only a limit can be given, so no single person can be named as driving it")
        )
    return Markup(phrase("nothing of what was looked at speaks against it"))


def _how_to_read() -> Bullets:
    return Bullets(
        [
            Markup(
                phrase(
                    "{}: the comparison is made again without each person in turn. A difference "
                    "that is there only with one person is that person’s."
                )
            ).format(link("one participant left out", phrase("One person left out"))),
            Markup(
                phrase(
                    "Without / {}: where the numbers differ much, the groups differ in age, sex or "
                    "CMV, and the answer depends on the model’s adjustment for them. More than {} "
                    "% "
                    "is named above."
                )
            ).format(link("core covariates"), f"{100 * doubts.CHANGE_IN_ESTIMATE:g}"),
            Markup(
                phrase(
                    "{}: an unknown {} would have to go with group and cells at least this "
                    "strongly to explain the whole difference; second number: to make the interval "
                    "reach “no difference”. Smoking and lung cancer are near 10; 1 to 1.5 is "
                    "easily reached."
                )
            ).format(link("E-value"), link("confounder")),
            Markup(
                phrase(
                    "{}: how many SDs, against the difference, those without a number would have "
                    "to be from those of their group with one before the conclusion changes "
                    "(those below the limit of detection: lower than expected). Below 1 is easily "
                    "reached, above 3 hardly ever; the note says it in words."
                )
            ).format(link("tipping point", phrase("Tipping point"))),
            Markup(
                phrase(
                    "{}: of the counted cells, for percentages a beta-binomial model, for cells/µL "
                    "a negative binomial one; none where somebody lies below the limit of "
                    "detection. Two models that agree need not be right, but where two disagree, "
                    "look at the points."
                )
            ).format(link("second model", phrase("Second model"))),
            Markup(
                phrase(
                    "Values, not counts: the same question from shares and concentrations with "
                    "limits of detection, half a cell added before the logit. With few cells on "
                    "one side it is drawn away from the truth; with many on both, the two must "
                    "agree."
                )
            ),
        ]
    )
