"""A comparison in words: lower, higher, no difference shown, not estimable.

A difference is "shown" when the p value, adjusted within its family where the plan asks for it, is
at or below one minus the level of the intervals. Anything else is "no difference shown", which is
not the same as "no difference": the interval says what remains possible.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from markupsafe import Markup

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Cell
from itc_analysis.report.language.phrases import phrase
from itc_analysis.stats.endpoint.counted import COUNTS_OF_CELLS
from itc_analysis.stats.plan.plan import OF_SUBSET

Direction = Literal["lower", "higher", "none", "not_estimable"]

#: Value of the estimate that means no difference.
NULL_VALUE = {"odds_ratio": 1.0, "ratio": 1.0, "difference": 0.0}

#: What "times" multiplies, by kind of estimate.
TIMES = {"odds_ratio": "times the odds", "ratio": "times the level"}

WORDS: dict[Direction, str] = {
    "lower": "lower",
    "higher": "higher",
    "none": "no difference shown",
    "not_estimable": "not estimable",
}


#: Where the statistics give none.
NO_REASON = "no reason given"
#: How a comparison of one subset of the index group is named.
SUBSET = re.compile(re.escape(OF_SUBSET).replace(re.escape("{}"), r"([^)]+)"))


@dataclass(frozen=True)
class Verdict:
    """What one row of the comparisons says.

    Parameters
    ----------
    direction : {"lower", "higher", "none", "not_estimable"}
        lower, higher, none or not_estimable, index group against reference.
    caveat : str
        what must be known with it; empty when nothing.
    is_shown_alone : bool
        p before adjustment is small enough, the adjusted one is not.
    """

    direction: Direction
    caveat: str = ""
    is_shown_alone: bool = False

    @property
    def word(self) -> str:
        """The verdict as the page writes it."""
        told = phrase(WORDS[self.direction])
        return phrase("{0} after adjustment", told) if self.is_shown_alone else told

    @property
    def short_word(self) -> str:
        """The verdict where there is little room; the caption says that it is a difference that is
        not shown.
        """
        return self.word.replace(phrase(WORDS["none"]), phrase("not shown"))


def judge(row: Any, *, alpha: float) -> Verdict:
    """Judge one row of the comparisons table.

    Parameters
    ----------
    row : object
        a row as from ``itertuples``.
    alpha : float
        p at or below which a difference is called shown.
    """
    p_and_bound = not words.is_missing(row.p_value) and not (
        words.is_missing(row.lower) and words.is_missing(row.upper)
    )
    if words.is_missing(row.estimate) and not p_and_bound:
        reason = NO_REASON if words.is_missing(row.reason) else str(row.reason)
        return Verdict("not_estimable", reason)
    caveats = [] if words.is_missing(row.reason) else [str(row.reason)]
    is_adjusted = row.adjustment != "none" and not words.is_missing(row.p_adjusted)
    p = row.p_adjusted if is_adjusted else row.p_value
    null = NULL_VALUE.get(row.estimate_kind, 1.0)
    if words.is_missing(p) or p > alpha:
        is_alone = not words.is_missing(row.p_value) and bool(row.p_value <= alpha)
        return Verdict("none", "; ".join(caveats), is_shown_alone=is_alone)
    if not is_adjusted:
        caveats.append(phrase("p is not adjusted for the number of comparisons"))
    if not words.is_missing(row.p_permutation) and row.p_permutation > alpha:
        caveats.append(
            phrase("permutation does not agree ({0})", words.p_phrase(row.p_permutation))
        )
    return Verdict("lower" if _is_below(row, null) else "higher", "; ".join(caveats))


def say(row: Any, *, alpha: float, level: float, pooled_name: str = "pooled controls") -> str:
    """Return one comparison as a sentence with estimate, interval, p, medians and n; without its
    remarks.
    """
    verdict = judge(row, alpha=alpha)
    index, reference = row.index_group, reference_name(row.reference_group, pooled_name)
    what = words.measure(row.measure, row.feature)
    if verdict.direction == "not_estimable":
        return phrase(
            "{0}: {1} against {2} not estimable: {3}",
            what,
            index,
            reference,
            words.sentence(words.plain(verdict.caveat)),
        )
    than = {
        "lower": phrase("lower than"),
        "higher": phrase("higher than"),
        "none": phrase("{0}, against", verdict.word),
    }
    size, interval = size_and_interval(row)
    bounds = phrase("{0:g} % interval {1}; ", 100 * level, interval) if interval else ""
    times = TIMES.get(row.estimate_kind)
    amount = f"{size} {phrase(times)}" if times else phrase("difference {0}", size)
    is_adjusted = row.adjustment != "none" and not words.is_missing(row.p_adjusted)
    p = (
        words.p_phrase(row.p_adjusted, phrase("adjusted p"))
        if is_adjusted
        else words.p_phrase(row.p_value, phrase("unadjusted p"))
    )
    below = (
        phrase("; {0} of them below the limit of detection", row.n_below_lod)
        if row.n_below_lod
        else ""
    )
    return phrase(
        "{0}: {1} {2}, {3} ({4}{5}). Median {6} in {7} (n = {8}), {9} in {10} (n = {11}){12}.",
        what,
        than[verdict.direction],
        reference,
        amount,
        bounds,
        p,
        median(row, row.median_index),
        index,
        row.n_index,
        median(row, row.median_reference),
        reference,
        row.n_reference,
        below,
    )


def median(row: Any, value: Any) -> str:
    """Return a median in the unit shown; one that falls among values below the limit says so."""
    if words.is_missing(value) and row.n_below_lod:
        return phrase("< LoD")
    return words.value_of(value, row.measure)


def spread(row: Any, side: str) -> str:
    """Return the median of a side (index or reference) with its quartiles."""
    middle, *ends = (
        median(row, getattr(row, f"{name}_{side}"))
        for name in ("median", "lower_quartile", "upper_quartile")
    )
    # one sign for a side without a number, or all below the limit
    return middle if set(ends) == {middle} else f"{middle} [{'; '.join(ends)}]"


def size_and_interval(row: Any) -> tuple[str, str]:
    """Return the estimate and its interval as text.

    Where no cell was counted in a whole group, or everybody of it has only a limit, there is no
    estimate and one limit only: the first text is then "at most 0.51", the second empty.
    """
    kind = row.estimate_kind
    if not words.is_missing(row.estimate):
        return words.estimate(row.estimate, kind), words.interval(row.lower, row.upper, kind)
    if not words.is_missing(row.upper):
        return phrase("at most {0}", words.estimate(row.upper, kind)), ""
    if not words.is_missing(row.lower):
        return phrase("at least {0}", words.estimate(row.lower, kind)), ""
    return words.NOTHING, ""


def short_cell(row: Any, verdict: Verdict, *, star: str = "") -> Cell:
    """Return estimate, interval, p and verdict as a coloured cell; of a reason, its first
    clause.
    """
    if verdict.direction == "not_estimable":
        reason = words.plain(first_clause(verdict.caveat))
        return Cell(phrase("not estimable{0}: {1}", star, reason), "bad")
    size, bounds = size_and_interval(row)
    shown = Markup(" ({})").format(bounds) if bounds else ""
    p = words.p_phrase(row.p_adjusted if row.adjustment != "none" else row.p_value)
    text = Markup("<strong>{}{}</strong>{}<br>{}: {}").format(
        size, star, shown, p, verdict.short_word
    )
    return Cell(text, verdict.direction)


def first_clause(caveat: str) -> str:
    """Return the first reason of a caveat, without what stands in brackets."""
    return caveat.split("; ")[0].split(" (")[0]


def _is_below(row: Any, null: float) -> bool:
    """Return the side of a comparison; without an estimate, its one limit tells."""
    if words.is_missing(row.estimate):
        return not words.is_missing(row.upper) and bool(row.upper < null)
    return bool(row.estimate < null)


def subset_of(row: Any) -> str:
    """Return the subset of the index group that alone is compared; empty for the whole group."""
    found = SUBSET.match(str(row.comparison), len(str(row.index_group)))
    return found.group(1) if found else ""


def reference_name(reference: str, pooled_name: str) -> str:
    """Return the reference group; pooled groups by the name of the pool."""
    return phrase("pooled {0}", pooled_name) if "+" in reference else reference


def how_low(rows: pd.DataFrame) -> str:
    """Return how participants below the limit of detection enter comparisons, by their models.

    Parameters
    ----------
    rows : pandas.DataFrame
        rows of the comparisons; those in which nobody is below the limit say nothing.
    """
    models = rows.loc[(rows["n_below_lod"] > 0) & rows["model"].ne("none"), "model"].fillna("")
    is_counted = models.str.contains(COUNTS_OF_CELLS)
    told = []
    if is_counted.any():
        told.append(
            phrase(
                "Shares and cells/µL are compared by the cells that were counted, so those below "
                "the limit enter with their count: neither as zero nor as the limit."
            )
        )
    if not is_counted.all():
        told.append(phrase("In models of values they enter as “at most the limit”, never as zero."))
    return " ".join(told)
