"""Two sentences per population: what was found, and what that does not show.

Both are built from the verdicts of its comparisons and from their diagnostics; nothing is judged
here again.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from itc_analysis.report.html import verdicts, words
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.results.doubts import KEY

#: In the order of reading; "alone" is shown before the adjustment and not after it.
DIRECTIONS = ("lower", "higher", "alone", "none", "not_estimable")
#: Where more than this share of the people lies below the limit, the size of a difference leans on
#: the assumed distribution.
MANY_BELOW = 0.3


def found(rows: pd.DataFrame, material: Material) -> Markup:
    """Return the differences of one population from each control in a sentence.

    Parameters
    ----------
    rows : pandas.DataFrame
        its comparisons of abundance, in reading order.
    material : Material
        the study.
    """
    n_measures = rows["measure"].nunique()
    judged: dict[str, dict[str, list[str]]] = {}
    for row in each_row(rows):
        verdict = verdicts.judge(row, alpha=material.alpha)
        direction = "alone" if verdict.is_shown_alone else verdict.direction
        other = _name(row, material)
        judged.setdefault(direction, {}).setdefault(other, []).append(words.measure(row.measure))
    parts = [_part(name, judged[name], n_measures) for name in DIRECTIONS if name in judged]
    first, *rest = parts
    capital = first if first.startswith("<") else escape(words.capital(str(first)))
    return Markup("{}.").format(Markup("; ").join([capital, *rest]))


def not_shown(rows: pd.DataFrame, material: Material) -> str:
    """Return what the comparisons of one population do not show, in a sentence.

    Parameters
    ----------
    rows : pandas.DataFrame
        its comparisons of abundance, in reading order.
    material : Material
        the study.
    """
    judged = [(row, verdicts.judge(row, alpha=material.alpha)) for row in each_row(rows)]
    shown = [row for row, verdict in judged if verdict.direction in ("lower", "higher")]
    estimable = [row for row, verdict in judged if verdict.direction != "not_estimable"]
    if not estimable:
        reason = verdicts.first_clause(judged[0][1].caveat)
        return phrase("Nothing can be said about the groups: {0}.", words.plain(reason))
    if not shown:
        return _not_alike(estimable[0], material)
    parts = [*_carried(shown, material), *_not_special(rows, judged, material)]
    parts += [
        *_size(shown, material),
        phrase("what causes it: there is one blood sample per person"),
    ]
    return phrase("Does not show {0}.", phrase("; nor ").join(parts[:2]))


def _part(direction: str, others: dict[str, list[str]], n_measures: int) -> Markup:
    alike: dict[str, list[str]] = {}
    for other, measures in others.items():
        alike.setdefault(", ".join(measures), []).append(other)
    is_of_all = all(len(measures) == n_measures for measures in others.values())
    told = [
        words.listed(names) if is_of_all else f"{words.listed(names)} ({measures})"
        for measures, names in alike.items()
    ]
    listed = words.listed(told)
    if direction == "alone":
        return escape(phrase("no difference from {0} shown after adjustment", listed))
    if direction == "none":
        return escape(phrase("no difference shown from {0}", listed))
    if direction == "not_estimable":
        return escape(phrase("not estimable against {0}", listed))
    word = Markup("<strong>{}</strong>").format(words.capital(phrase(direction)))
    return Markup("{} {}").format(word, phrase("than in {0}", listed))


def _not_alike(row: Any, material: Material) -> str:
    """Say how large a difference the interval still allows."""
    other = _name(row, material)
    lower, upper = row.lower, row.upper
    if words.is_missing(lower) or words.is_missing(upper):
        return phrase("Does not show that the groups are alike.")
    if lower > 1 or upper < 1:
        return phrase(
            "Does not show that the groups are alike either: before adjustment for the number of "
            "comparisons, the interval is {0} to {1} times the level of {2}.",
            words.ratio(lower),
            words.ratio(upper),
            other,
        )
    return phrase(
        "Does not show that the groups are alike: {0} to {1} times the level of {2} remains "
        "possible.",
        words.ratio(lower),
        words.ratio(upper),
        other,
    )


def _carried(shown: list[Any], material: Material) -> list[str]:
    """Say that a difference rests on one person."""
    diagnostics = {
        tuple(getattr(row, name) for name in KEY): row for row in each_row(material.diagnostics)
    }
    for row in shown:
        beside = diagnostics.get(tuple(getattr(row, name) for name in KEY))
        if beside is None or words.is_missing(beside.is_carried_by_one):
            continue
        p = beside.p_without_most_influential
        holds = not words.is_missing(p) and p <= material.alpha  # a limit alone may show it
        if beside.is_carried_by_one and not holds:
            person = beside.most_influential
            other = _name(row, material)
            return [
                phrase(
                    "that it holds without {0} ({1}, {2})",
                    person,
                    words.measure(row.measure),
                    other,
                )
            ]
    return []


def _not_special(rows: pd.DataFrame, judged: list[Any], material: Material) -> list[str]:
    """Say whether it is specific to the index group, and from whom no difference is shown."""
    index = material.settings.cohort.index_group
    own = material.verdicts
    own = own[own["population"].isin(rows["population"]) & own["assay"].isin(rows["assay"])]
    is_specific = own["verdict"] == "specific"
    if is_specific.any():
        told = [words.listed([words.measure(name) for name in dict.fromkeys(own["measure"][which])])
                for which in (~is_specific, is_specific)]  # fmt: skip
        if is_specific.all():
            return []
        return [phrase("that it is specific to {0} in {1}, as it is in {2}", index, *told)]
    shared = own[own["verdict"] == "shared"]
    if len(shared) and not words.is_missing(shared["equivalent_to"].iloc[0]):
        diseases = words.listed(str(shared["equivalent_to"].iloc[0]).split("+"))
        return [phrase("that it is specific to {0}: {1} is as far from healthy", index, diseases)]
    directions: dict[str, set[str]] = {}
    for row, verdict in judged:
        if "+" not in row.reference_group:
            directions.setdefault(row.reference_group, set()).add(verdict.direction)
    open_ones = [name for name, found in directions.items() if not found & {"lower", "higher"}]
    if not open_ones:
        return []
    return [
        phrase(
            "that it is specific to {0}: from {1} no difference is shown",
            index,
            words.listed(open_ones),
        )
    ]


def _size(shown: list[Any], material: Material) -> list[str]:
    """Say that the size is uncertain where many people lie below the limit of detection."""
    for row in shown:
        n = row.n_index + row.n_reference
        if row.n_below_lod and row.n_below_lod >= MANY_BELOW * n:
            return [
                phrase(
                    "how large it is: {0} of the {1} people in {2} and {3} are below the limit of "
                    "detection",
                    row.n_below_lod,
                    n,
                    row.index_group,
                    _name(row, material),
                )
            ]
    return []


def _name(row: Any, material: Material) -> str:
    return verdicts.reference_name(row.reference_group, material.settings.cohort.pooled_name)
