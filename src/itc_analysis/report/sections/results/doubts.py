"""What speaks against a difference that is shown: one person, the covariates, another model, those
below the limit of detection, something that was not measured, treatment, batches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
from markupsafe import Markup

from itc_analysis.report.html import verdicts, words
from itc_analysis.report.html.blocks import Text
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.results import comparisons

#: Covariates that change an estimate by more than this share matter as confounders
#: (change-in-estimate criterion, Mickey and Greenland 1989,
#: doi:10.1093/oxfordjournals.aje.a115101).
CHANGE_IN_ESTIMATE = 0.1
#: Another model whose estimate lies further than this factor from the reported one disagrees with
#: it.
MODELS_APART = 1.5
#: Columns of the diagnostics with the estimates of other models, and what is said of them.
OTHER_MODELS = (
    ("second_estimate", "the second model gives {0}, not {1}"),
    ("value_estimate", "values in place of counts give {0}, not {1}"),
)
#: Columns of the diagnostics, the value below which the page calls them easily reached, and what is
#: said then.
EASY = (
    (
        "tipping_missing",
        1.0,
        "it would no longer be shown if those without a number were {0} SD further from the others",
    ),
    (
        "tipping_low",
        1.0,
        "it would no longer be shown if those below the limit of detection were {0} SD lower than "
        "expected",
    ),
    (
        "e_value_limit",
        1.5,
        "a weak unknown confounder is enough to make it uncertain (E-value of the limit {0})",
    ),
)
#: Remarks of the statistics on what else differs between the two sides.
TREATED = re.compile("treatment is not adjusted for")
UNEVEN = re.compile("batches are spread unevenly")

KEY = ["comparison", "assay", "population", "measure", "feature"]


def doubts(row: Any, beside: Any, *, alpha: float) -> list[Text]:
    """Return what speaks against a difference that is shown; nothing when nothing of what was
    looked at does.

    Parameters
    ----------
    row : object
        a row of the comparisons.
    beside : object
        its row of the diagnostics.
    alpha : float
        p at or below which a difference is called shown.
    """
    return [
        *against(row, beside, alpha=alpha),
        *by_covariates(row, beside),
        *by_other_causes(row),
    ]


def against(row: Any, beside: Any, *, alpha: float) -> list[Text]:
    """Return what speaks against the difference itself: one person, another model, reshuffling,
    what was not seen or not measured. Parameters as of `doubts`.
    """
    found: list[Text] = []
    if is_lost_without_one(beside):
        person = beside.most_influential
        found.append(phrase("rests on one person, {0}: without, no estimate", person))
    elif not words.is_missing(beside.is_carried_by_one) and beside.is_carried_by_one:
        p = words.p_phrase(beside.p_without_most_influential)
        found.append(phrase("rests on one person, {0}: without, {1}", beside.most_influential, p))
    null = verdicts.NULL_VALUE.get(row.estimate_kind, 1.0)
    ends = (beside.one_out_lowest, beside.one_out_highest)
    if not any(words.is_missing(end) for end in ends) and ends[0] < null < ends[1]:
        found.append(phrase("leaving one person out turns its direction"))
    if not words.is_missing(beside.second_p_value) and beside.second_p_value > alpha:
        found.append(
            phrase("the second model does not show it ({0})", words.p_phrase(beside.second_p_value))
        )
    if not words.is_missing(beside.soft_p_value) and beside.soft_p_value > alpha:
        found.append(
            phrase(
                "the soft count of cells does not show it ({0})",
                words.p_phrase(beside.soft_p_value),
            )
        )
    if not words.is_missing(row.p_permutation) and row.p_permutation > alpha:
        found.append(
            phrase("permutation does not show it ({0})", words.p_phrase(row.p_permutation))
        )
    return [*found, *_by_estimates(row, beside), *_by_what_was_not_seen(beside)]


def is_lost_without_one(beside: Any) -> bool:
    """Return whether without one person there would be no estimate."""
    is_carried = not words.is_missing(beside.is_carried_by_one) and beside.is_carried_by_one
    return bool(is_carried and words.is_missing(beside.one_out_lowest))


def by_other_causes(row: Any) -> list[Text]:
    """Return what else differs between the two sides and no model takes out: treatment, batches."""
    remarks = "" if words.is_missing(row.reason) else str(row.reason)
    found: list[Text] = []
    if TREATED.search(remarks):
        found.append(phrase("it may be the treatment’s, which differs between the two sides"))
    if UNEVEN.search(remarks):
        found.append(
            phrase("it may be the laboratory’s: batches are spread unevenly over the two sides")
        )
    return found


def _by_estimates(row: Any, beside: Any) -> Iterator[Text]:
    """Say which models give an estimate more than `MODELS_APART` from the reported one."""
    kind = row.estimate_kind
    if kind == "difference" or words.is_missing(row.estimate):
        return
    for column, told in OTHER_MODELS:
        other = getattr(beside, column)
        if words.is_missing(other):
            continue
        ratio = other / row.estimate
        if max(ratio, 1 / ratio) > MODELS_APART:
            yield phrase(told, words.estimate(other, kind), words.estimate(row.estimate, kind))


def _by_what_was_not_seen(beside: Any) -> Iterator[Text]:
    """Say what is easily reached: those without a number, those below the limit, a confounder."""
    for column, limit, told in EASY:
        value = getattr(beside, column)
        if not words.is_missing(value) and value < limit:
            yield phrase(told, words.number(value, 2))


def by_covariates(row: Any, beside: Any) -> list[Text]:
    """Return that the covariates change the estimate by more than `CHANGE_IN_ESTIMATE`."""
    if _change(beside, row.estimate_kind) <= CHANGE_IN_ESTIMATE:
        return []
    unadjusted = words.estimate(beside.estimate_unadjusted, row.estimate_kind)
    full = words.estimate(beside.estimate_full, row.estimate_kind)
    return [phrase("the covariates change it, from {0} without them to {1}", unadjusted, full)]


def doubted(material: Material) -> list[tuple[str, str, list[Text]]]:
    """Return the primary differences that something speaks against: what differs, against whom,
    and the doubts. Equal doubts are one entry.
    """
    found: dict[tuple[str, Markup], tuple[list[Text], dict[str, list[str]]]] = {}
    for row, beside, direction in _shown(material):
        doubts_of_row = against(row, beside, alpha=material.alpha)
        if doubts_of_row:
            name = f"{words.population(row.population)} {phrase(direction)}"
            key = (name, Markup("; ").join(doubts_of_row))
            _, measures = found.setdefault(key, (doubts_of_row, {}))
            add_control(measures, row, material)
    return [(what, where(measures), told) for (what, _), (told, measures) in found.items()]


def shifted(material: Material) -> list[str]:
    """Return the primary differences that the covariates change, each with both estimates."""
    found = []
    for row, beside, _ in _shown(material):
        if by_covariates(row, beside):
            measures: dict[str, list[str]] = {}
            add_control(measures, row, material)
            kind = row.estimate_kind
            first, last = (
                words.estimate(value, kind)
                for value in (beside.estimate_unadjusted, beside.estimate_full)
            )
            name = words.population(row.population)
            found.append(phrase("{0}, {1}: from {2} to {3}", name, where(measures), first, last))
    return found


def _shown(material: Material) -> list[tuple[Any, Any, verdicts.Direction]]:
    """Return the primary differences that are shown, with their diagnostics and direction."""
    compared = material.comparisons.merge(material.diagnostics[KEY], on=KEY)
    rows = compared[compared["role"] == "primary"]
    if rows.empty:
        return []
    found = pairs(comparisons.in_reading_order(rows, material), material)
    judged = [
        (row, beside, verdicts.judge(row, alpha=material.alpha).direction) for row, beside in found
    ]
    return [each for each in judged if each[2] in ("lower", "higher")]


def pairs(rows: pd.DataFrame, material: Material) -> list[tuple[Any, Any]]:
    """Return each comparison with its diagnostics."""
    beside = {
        tuple(getattr(row, name) for name in KEY): row for row in each_row(material.diagnostics)
    }
    return [(row, beside[tuple(getattr(row, name) for name in KEY)]) for row in each_row(rows)]


def add_control(measures: dict[str, list[str]], row: Any, material: Material) -> None:
    """Note the control of a comparison under its measure."""
    other = verdicts.reference_name(row.reference_group, material.settings.cohort.pooled_name)
    measures.setdefault(words.measure(row.measure, row.feature), []).append(other)


def where(measures: dict[str, list[str]]) -> str:
    """Return measures with their controls in words: "% of T cells against healthy and CTD"."""
    return "; ".join(
        phrase("{0} against {1}", name, words.listed(others)) for name, others in measures.items()
    )


def _change(beside: Any, kind: str) -> float:
    """Return by which share of itself the estimate changes without covariates; 0 when that is not
    known.
    """
    pair = (beside.estimate_unadjusted, beside.estimate_full)
    if any(words.is_missing(value) for value in pair) or kind == "difference":
        return 0.0
    return float(abs(pair[0] / pair[1] - 1))
