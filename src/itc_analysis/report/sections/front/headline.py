"""The title of the page: the question of the study, answered in one sentence."""

from __future__ import annotations

from typing import Any

import pandas as pd

from itc_analysis.report.html import verdicts, words
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.html.subject import subject_of
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.results import answer

#: Up to here a ratio of odds is nearly the ratio of the shares themselves.
RARE = 0.1


def headline(material: Material) -> str:
    """Return the answer in one sentence, of the comparisons that the study stands on."""
    rows = answer_rows(material)
    judged = [(row, verdicts.judge(row, alpha=material.alpha)) for row in each_row(rows)]
    is_estimable = [verdict.direction != "not_estimable" for _, verdict in judged]
    if not any(is_estimable):
        subject = subject_of(material).title
        n = words.plural(int(material.participants["is_analysed"].sum()), "analysed participant")
        return phrase("{0} in {1}: no comparison of groups", words.capital(subject), n)
    found, alone, open_ones, unknown = [], [], [], []
    for row, verdict in judged:
        name = words.population(row.population)
        if verdict.direction == "not_estimable":
            unknown.append(name)
        elif verdict.is_shown_alone:
            alone.append(f"{name} ({_numbers(row)})")
        elif verdict.direction == "none":
            open_ones.append(f"{name} ({_numbers(row)})")
        else:
            found.append(f"{name} {times(row)}")
    rows = rows[is_estimable]
    parts = []
    if found:
        parts.append(", ".join(found))
    if alone:
        told = phrase("no difference shown after adjustment for {0}", words.listed(alone))
        parts.append(told)
    if open_ones:
        parts.append(phrase("no difference shown for {0}", words.listed(open_ones)))
    if unknown:
        parts.append(phrase("not estimable: {0}", words.listed(unknown)))
    reference = str(rows["reference_group"].iloc[0])
    return phrase(
        "In {0} people with {1} compared with {2} {3}: {4}",
        _span(rows["n_index"]),
        rows["index_group"].iloc[0],
        _span(rows["n_reference"]),
        verdicts.reference_name(reference, material.settings.cohort.pooled_name),
        "; ".join(parts),
    )


def answer_rows(material: Material) -> pd.DataFrame:
    """Return one comparison per population: the first measure against the first control."""
    rows = answer.abundance_rows(material)
    primary = rows[rows["role"] == "primary"]
    rows = primary if len(primary) else rows
    first = answer.reference_order(material, rows)
    is_first = rows["reference_group"].map(first) == 0
    return rows[is_first].drop_duplicates(["assay", "population"])


def times(row: Any) -> str:
    """Return the size of a difference in words: "0.18 times as frequent (0.09 to 0.37)"."""
    size, bounds = verdicts.size_and_interval(row)
    shown = f" ({bounds})" if bounds else ""
    if row.estimate_kind == "ratio":
        return phrase("{0} times as many per µL", size) + shown
    if row.estimate_kind != "odds_ratio":
        return phrase("difference {0}", size) + shown
    medians = (row.median_index, row.median_reference)
    is_rare = all(words.is_missing(value) or value <= RARE for value in medians)
    return phrase("{0} times as frequent" if is_rare else "{0} times the odds", size) + shown


def _numbers(row: Any) -> str:
    size, bounds = verdicts.size_and_interval(row)
    return f"{size}, {bounds}" if bounds else size


def _span(counts: pd.Series) -> str:
    """Return "16", or "15 to 16" where the populations differ in how many people have a number."""
    low, high = int(counts.min()), int(counts.max())
    return f"{low:,}" if low == high else phrase("{0} to {1}", f"{low:,}", f"{high:,}")
