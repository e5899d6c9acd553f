"""What all comparisons of a population say together: specific to the index group, shared with a
disease, or open.

One sentence per population for the answer, and the table behind it. The verdicts are those of
verdicts.parquet; nothing is judged here.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from itc_analysis.report.html import verdicts, words
from itc_analysis.report.html.blocks import Cell, Table, Text
from itc_analysis.report.html.glossary import link
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.html.remarks import Notes
from itc_analysis.report.language.phrases import phrase


def sentence(population: str, rows: pd.DataFrame, material: Material, notes: Notes) -> Markup:
    """Return one population in one sentence: the differences, the verdict, the spread, with the
    notes' marks.

    Parameters
    ----------
    population : str
        its name in the tables.
    rows : pandas.DataFrame
        the comparisons of the population that are the answer, in the order in which they are told.
    material : Material
        the study.
    notes : Notes
        takes up the remarks of these comparisons.
    """
    own = material.verdicts
    own = own[(own["population"] == population) & own["assay"].isin(rows["assay"])]
    own = own[own["measure"].isin(rows["measure"])]
    parts = [_differences(rows, material)]
    if len(own):
        parts.append(_verdict(own, rows, material))
    parts += _spread(own, alpha=material.alpha)
    marks = notes.mark(*rows["reason"], *own["reason"])
    return Markup("<strong>{}</strong>: {}.{}").format(
        words.population(population), Markup("; ").join(parts), marks
    )


def table(rows: pd.DataFrame, material: Material, notes: Notes) -> Table:
    """Return one row per endpoint: verdict, what it stands on, how the spread compares.

    Parameters
    ----------
    rows : pandas.DataFrame
        the `Verdicts` that are shown, in reading order.
    material : Material
        the study.
    notes : Notes
        takes up the remarks.
    """
    index = material.settings.cohort.index_group
    level = f"{100 * material.settings.stats.comparison_confidence:g} %"
    body: list[list[Text | Cell]] = []
    for row in each_row(rows):
        name = f"{words.population(row.population)}, {words.measure(row.measure, row.feature)}"
        body.append(
            [
                Markup("{}{}").format(name, notes.mark(row.reason)),
                Cell(_told(row), _colour(row)),
                words.p_value(row.p_specific),
                words.p_value(row.p_shared),
                _margin(row),
                _spread_of(row, alpha=material.alpha),
            ]
        )
    caption = Markup(
        phrase(
            "What the comparisons of each endpoint say together. {specific}: {index} differs from "
            "every other group in one direction. {shared}: {index} differs from healthy people and "
            "is {equivalent} to a disease, that is within the margin named before looking. A dash: "
            "the question could not be asked, because the groups lie on both sides of {index}, or "
            "one of them could not be compared. {variability}: how much people of "
            "{index} differ from one another, over the average of the other groups, with "
            "its {level} interval."
        )
    ).format(
        index=index,
        specific=link("index-group-specific", phrase("{0}-specific", index)),
        shared=link("shared", words.capital(phrase("shared"))),
        equivalent=link("equivalent"),
        variability=link("differential variability", phrase("Spread")),
        level=level,
    )
    header = [
        phrase("Endpoint"),
        phrase("Verdict"),
        phrase("p, specific"),
        phrase("p, shared"),
        phrase("Margin"),
        phrase("Spread of {0}", index),
    ]
    return Table(caption, header, body, numeric=frozenset([2, 3]))


def _differences(rows: pd.DataFrame, material: Material) -> Markup:
    """Return what is lower or higher than which controls, with the estimate of each measure."""
    found: dict[verdicts.Direction, dict[str, list[str]]] = {}
    for row in each_row(rows):
        direction = verdicts.judge(row, alpha=material.alpha).direction
        other = verdicts.reference_name(row.reference_group, material.settings.cohort.pooled_name)
        size, _ = verdicts.size_and_interval(row)
        measure = words.measure(row.measure, row.feature)
        told = measure if direction == "not_estimable" else f"{measure}: {size}"
        found.setdefault(direction, {}).setdefault(other, []).append(told)
    parts = []
    for direction, others in found.items():
        against = words.listed([f"{other} ({', '.join(sizes)})" for other, sizes in others.items()])
        if direction == "none":
            parts.append(escape(phrase("no difference shown from {0}", against)))
        elif direction == "not_estimable":
            parts.append(escape(phrase("not estimable against {0}", against)))
        else:
            word = Markup("<strong>{}</strong>").format(phrase(direction))
            parts.append(Markup("{} {}").format(word, phrase("than in {0}", against)))
    return Markup("; ").join(parts)


def _verdict(own: pd.DataFrame, rows: pd.DataFrame, material: Material) -> Markup:
    """Return the verdict once where the measures agree, else measure by measure."""
    told: dict[str, list[str]] = {}
    for measure in dict.fromkeys(rows["measure"]):
        for row in each_row(own[own["measure"] == measure]):
            told.setdefault(_in_words(row, material), []).append(words.measure(row.measure))
    if len(told) == 1:
        return escape(phrase("verdict: ")) + next(iter(told))
    return escape(phrase("verdict: ")) + Markup(", ").join(
        Markup(phrase("{} for {}")).format(text, words.listed(measures))
        for text, measures in told.items()
    )


def _in_words(row: Any, material: Material) -> Markup:
    index = material.settings.cohort.index_group
    if row.verdict == "specific":
        several = phrase("each of the {0} other groups", row.n_controls)
        groups = several if row.n_controls > 1 else phrase("the only other group")
        return Markup(phrase("{} ({} than {})")).format(
            link("index-group-specific", phrase("{0}-specific", index)),
            phrase(row.direction),
            groups,
        )
    if row.verdict == "shared":
        return link("shared", phrase("shared with {0}", _diseases(row)))
    if row.verdict == "inconclusive":
        return link("inconclusive") + phrase(
            " (neither specific to {0} nor shared with a disease is shown)", index
        )
    return escape(phrase("not estimable"))


def _told(row: Any) -> str:
    if row.verdict == "specific":
        return phrase("{0}-specific: {1}", row.index_group, phrase(row.direction))
    if row.verdict == "shared":
        return phrase("shared with {0}: {1}", _diseases(row), phrase(row.direction))
    if row.verdict == "not_estimable":
        reason = phrase("no reason given") if words.is_missing(row.reason) else str(row.reason)
        return phrase("not estimable: {0}", words.plain(reason.split("; ")[0]))
    return phrase("inconclusive")


def _colour(row: Any) -> str:
    if row.verdict == "not_estimable":
        return "bad"
    is_found = row.verdict != "inconclusive" and not words.is_missing(row.direction)
    return str(row.direction) if is_found else "none"


def _diseases(row: Any) -> str:
    if words.is_missing(row.equivalent_to):
        return phrase("a disease")
    return words.listed(str(row.equivalent_to).split("+"))


def _margin(row: Any) -> str:
    if words.is_missing(row.margin):
        return words.NOTHING
    if row.measure == "score":
        return phrase("±{0} SD", words.ratio(row.margin))
    return phrase("{0} to {1}", words.ratio(1 / row.margin), words.ratio(row.margin))


def _spread_of(row: Any, *, alpha: float) -> Cell:
    if words.is_missing(row.spread_ratio):
        return Cell(phrase("not compared"), "none")
    limits = words.interval(row.spread_lower, row.spread_upper, "ratio")
    p = words.p_phrase(row.spread_p_value)
    is_shown = bool(row.spread_p_value <= alpha)
    word = (
        phrase("more" if row.spread_ratio > 1 else "less")
        if is_shown
        else phrase("no difference shown")
    )
    kind = ("higher" if row.spread_ratio > 1 else "lower") if is_shown else "none"
    return Cell(f"{words.ratio(row.spread_ratio)} ({limits}); {p}: {word}", kind)


def _spread(own: pd.DataFrame, *, alpha: float) -> list[Markup]:
    """Return that people of the index group differ more, or less, from one another, where that is
    shown.
    """
    shown = own[own["spread_p_value"].notna() & (own["spread_p_value"] <= alpha)]
    if shown.empty:
        return []
    index = shown["index_group"].iloc[0]
    found: dict[str, list[str]] = {}
    for row in each_row(shown):
        word = "more" if row.spread_ratio > 1 else "less"
        times = phrase(
            "{0} times in {1}", words.ratio(row.spread_ratio), words.measure(row.measure)
        )
        found.setdefault(word, []).append(times)
    return [
        Markup(phrase("people of {} {} {} than those of the other groups ({})")).format(
            index,
            link("differential variability", phrase("differ from one another")),
            word,
            words.listed(told),
        )
        for word, told in found.items()
    ]
