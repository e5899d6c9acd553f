"""Within one group: do the innate populations go with the course, the organs and the treatment of
the disease?
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from itc_analysis.report.html import pictures, verdicts, words
from itc_analysis.report.html.blocks import (
    Block,
    Cell,
    Details,
    Figure,
    Heading,
    PageSection,
    Paragraph,
    Table,
    Text,
)
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.html.remarks import Notes
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.language.recorded import recorded
from itc_analysis.report.sections.people.participants import variable_name
from itc_analysis.stats.plots.associations import plot_association_map

#: Where none is shown, the nearest ones are named all the same, so that nobody has to look for
#: them.
N_NEAREST = 5
#: Inches of the map: its edges, and per variable and endpoint.
EDGES, PER_ROW, PER_COLUMN = (4.8, 3.4), 0.3, 0.36


def section(material: Material) -> PageSection | None:
    """Return the section on associations, group by group; None for a plan without any."""
    groups = list(dict.fromkeys(material.associations["group"]))
    title = phrase("Within {0}: do the cells go with the disease?", words.listed(groups))
    if not groups:
        return None
    blocks: list[Block] = []
    for group in groups:
        rows = material.associations[material.associations["group"] == group]
        blocks += _of_group(rows, material)
    return PageSection("associations", title, blocks)


def table(rows: pd.DataFrame, material: Material, notes: Notes, *, caption: str) -> Table:
    """Return one row per association.

    Parameters
    ----------
    rows : pandas.DataFrame
        rows of the associations, in the order in which they are shown.
    material : Material
        the study.
    notes : Notes
        takes up the remarks.
    caption : str
        what is shown; how to read it is added.
    """
    body: list[list[Text | Cell]] = []
    for row in each_row(rows.assign(p_permutation=float("nan"))):
        verdict = verdicts.judge(row, alpha=material.alpha)
        size, bounds = verdicts.size_and_interval(row)
        body.append(
            [
                f"{words.population(row.population)}, {words.measure(row.measure, row.feature)}",
                _variable(row),
                Cell(_word(row, verdict), _colour(verdict)),
                f"{size} ({bounds})" if bounds else size,
                words.estimate(row.estimate_unadjusted, row.estimate_kind),
                words.p_value(row.p_value),
                words.p_value(row.p_adjusted)
                if row.adjustment != "none"
                else phrase("not adjusted"),
                _people(row),
                notes.mark(row.reason) or words.NOTHING,
            ]
        )
    level = f"{100 * material.settings.stats.comparison_confidence:g} %"
    header = [
        phrase("Measure"),
        phrase("Against"),
        phrase("Verdict"),
        phrase("Estimate ({0} interval)", level),
        phrase("Without covariates"),
        "p",
        phrase("Adjusted p"),
        "n",
        phrase("Remarks"),
    ]
    reading = phrase(
        "The estimate is for one step of the variable, or for one category against the "
        "other: odds ratios for percentages, ratios for counts, differences for "
        "scores. n: people in the model, for categories category / reference."
    )
    return Table(f"{caption} {reading}", header, body, numeric=frozenset([3, 4, 5, 6, 7]))


def _of_group(rows: pd.DataFrame, material: Material) -> list[Block]:
    group = str(rows["group"].iloc[0])
    n = int(rows["n_analysed"].max())
    estimable = rows[_is_told(rows)].sort_values(
        ["p_value", "population", "measure", "feature", "variable"], kind="stable"
    )
    adjusted = words.listed(sorted(words.covariates(text) for text in set(estimable["covariates"])))
    found = [phrase(str(role).replace("_", " ")) for role in sorted(set(rows["role"]))]
    roles = words.capital(words.listed(found))
    told = (
        phrase(
            "Among {0} of {1}, {2} asked for by the plan, {3} of them estimable",
            words.plural(n, "analysed participant"),
            group,
            words.plural(len(rows), "association"),
            len(estimable),
        )
        + (phrase(", adjusted for {0}.", adjusted) if adjusted else ".")
        + phrase(
            " {0}: with so many questions some answers look striking by chance alone, and "
            "what goes together need not be cause and effect.",
            roles,
        )
    )
    is_only = len(set(material.associations["group"])) == 1
    blocks: list[Block] = [] if is_only else [Heading(phrase("Within {0}", group))]
    blocks.append(Paragraph(told))
    if estimable.empty:
        return [*blocks, _unknown(rows)]
    shown = estimable[estimable["p_adjusted"] <= material.alpha]
    caption = phrase("Associations within {0} that are shown after adjustment.", group)
    if shown.empty:
        shown = estimable.head(N_NEAREST)
        caption = phrase(
            "None is shown after adjustment for the number of associations. The {0} with "
            "the smallest p, which may be chance, are shown.",
            len(shown),
        )
    notes = Notes(f"associations-{group}")
    if (rows["status"] == "ok").any():  # a limit has no colour
        blocks.append(_map(rows, group))
    blocks += [table(shown, material, notes, caption=caption), *notes.blocks()]
    all_notes = Notes(f"associations-{group}-all")
    everything = table(
        estimable, material, all_notes, caption=phrase("All within {0}, smallest p first.", group)
    )
    summary = phrase(
        "All {0} within {1}", words.plural(len(estimable), "estimable association"), group
    )
    blocks.append(Details(summary, [everything, *all_notes.blocks()]))
    if len(estimable) < len(rows):
        blocks.append(Details(phrase("What could not be estimated, and why"), [_unknown(rows)]))
    return blocks


def _map(rows: pd.DataFrame, group: str) -> Figure:
    """Return all associations of a group as squares; variables and measures without any estimate
    are left out.
    """
    is_known = rows["status"] == "ok"
    for keys in (["variable", "contrast"], ["population", "measure", "feature"]):
        rows = rows[is_known.groupby([rows[key] for key in keys]).transform("any")]
        is_known = rows["status"] == "ok"
    named = rows.assign(
        variable=rows["variable"].map(variable_name),
        population=rows["population"].map(words.population),
        feature=rows["feature"].map(lambda name: words.signature(name) if name != "-" else name),
    ).sort_values(["variable", "contrast", "measure", "feature", "population"], kind="stable")
    # in the language of the page before anything is laid out, so that no label is cut
    down = list(dict.fromkeys(_variable(row) for row in each_row(rows.loc[named.index])))
    across = list(
        dict.fromkeys(
            f"{words.population(row.population)}, {words.measure(row.measure, row.feature)}"
            for row in each_row(rows.loc[named.index])
        )
    )
    size = (EDGES[0] + PER_COLUMN * len(across), EDGES[1] + PER_ROW * len(down))
    figure, ax = pictures.new_figure(*size)
    plot_association_map(named, ax=ax)
    ax.set_xticks(range(len(across)), across, rotation=90)
    ax.set_yticks(range(len(down)), down)
    ax.set_title("")  # the caption says it
    scale = figure.axes[-1]
    scale.set_ylabel(phrase("SD per SD"))
    alt = phrase(
        "All associations within {0} as coloured squares; the numbers are in the tables below.",
        group,
    )
    picture = pictures.to_svg(figure, name=f"associations-{group}".replace(" ", "_"), alt=alt)
    caption = phrase(
        "One square is one association, on one scale for all variables: orange, the "
        "measure is higher where the variable is higher (or the category is present); "
        "blue, it is lower; the deeper, the stronger (in standard deviations of the "
        "measure per standard deviation of the variable); white, none. A dot: shown "
        "after adjustment. Grey: not estimable; rows and columns without any estimate "
        "are left out. Look for whole rows or columns of one colour rather than for "
        "single squares."
    )
    return Figure(picture, caption, width=round(96 * size[0]), is_wide=True)


def _unknown(rows: pd.DataFrame) -> Table:
    """Return why associations could not be estimated, with how many."""
    lost = rows[~_is_told(rows)]
    reasons = (
        lost["reason"].fillna(phrase("no reason given")).map(verdicts.first_clause).map(words.plain)
    )
    body = [
        [variable_name(str(variable)), str(reason), str(len(own))]
        for (variable, reason), own in lost.assign(why=reasons).groupby(["variable", "why"])
    ]
    header = [phrase("Variable"), phrase("Why"), phrase("Associations")]
    return Table(
        phrase("Associations that could not be estimated."),
        header,
        body,
        numeric=frozenset([2]),
        told=1,
    )


def _is_told(rows: pd.DataFrame) -> pd.Series:
    """Which rows have an estimate, or a limit with its p where everybody of one category is below
    detection.
    """
    has_limit = rows[["lower", "upper"]].notna().any(axis=1)
    return (rows["status"] == "ok") | (rows["p_value"].notna() & has_limit)


def _variable(row: Any) -> str:
    return f"{variable_name(row.variable)}, {recorded(row.contrast)}"


def _word(row: Any, verdict: verdicts.Verdict) -> str:
    if words.is_missing(row.n_level) and verdict.direction in ("lower", "higher"):
        return phrase({"lower": "falls", "higher": "rises"}[verdict.direction])
    return verdict.short_word


def _colour(verdict: verdicts.Verdict) -> str:
    return "bad" if verdict.direction == "not_estimable" else verdict.direction


def _people(row: Any) -> str:
    if words.is_missing(row.n_level):
        return words.count(row.n_used)
    return f"{row.n_level} / {row.n_reference}"
