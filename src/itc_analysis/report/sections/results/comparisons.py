"""Every comparison of the plan in tables."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from itc_analysis.report.html import verdicts, words
from itc_analysis.report.html.blocks import (
    Block,
    Bullets,
    Cell,
    Details,
    Heading,
    PageSection,
    Paragraph,
    Table,
    Text,
)
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.results import answer

ROLES = {
    "primary": "Primary comparisons",
    "secondary": "Secondary comparisons",
    "exploratory": "Exploratory comparisons",
    "post_hoc": "Comparisons that the plan did not declare (post hoc)",
}

ADJUSTMENTS = {
    "holm": "Holm",
    "bh": "Benjamini–Hochberg",
    "dunnett": "Dunnett within each endpoint",
    "bh_dunnett": "Benjamini–Hochberg over endpoints, then Dunnett",
    "gatekeeping": "gatekeeping",
    "none": "none",
}

#: Tables with more rows than this open on a click.
MANY_ROWS = 40


def section(material: Material) -> PageSection:
    """Return the section with all comparisons, by role."""
    title = phrase("All comparisons")
    table = material.comparisons
    if table.empty:
        return PageSection(
            "comparisons",
            title,
            [
                Paragraph(
                    phrase("No comparison was made: the plan asks for none that these data allow.")
                )
            ],
        )
    blocks = _families(table)
    for role, english in ROLES.items():
        heading = phrase(english)
        rows = table[table["role"] == role]
        if rows.empty:
            if role != "post_hoc":
                blocks.append(Paragraph(phrase("{0}: the plan declares none.", heading)))
            continue
        shown = comparison_blocks(rows, material, caption=f"{heading}.")
        if len(rows) > MANY_ROWS:
            blocks.append(Details(f"{heading}: {words.plural(len(rows), 'row')}", shown))
        else:
            blocks += [Heading(heading), *shown]
    return PageSection("comparisons", title, blocks)


def comparison_blocks(rows: pd.DataFrame, material: Material, *, caption: str) -> list[Block]:
    """Return comparisons with estimate, interval, p, numbers used, below LoD and missing; then the
    remarks.

    Remarks are numbered, because many comparisons share the same ones.
    """
    rows = in_reading_order(rows, material)
    pooled = material.settings.cohort.pooled_name
    several_assays = len(set(rows["assay"])) > 1
    has_permutation = bool(rows["p_permutation"].notna().any())
    remarks: dict[str, int] = {}
    body: list[list[Text | Cell]] = []
    for row in each_row(rows):
        verdict = verdicts.judge(row, alpha=material.alpha)
        endpoint = f"{words.population(row.population)}, {words.measure(row.measure, row.feature)}"
        size, bounds = verdicts.size_and_interval(row)
        colour = "bad" if verdict.direction == "not_estimable" else verdict.direction
        body.append(
            [
                f"{endpoint} ({words.assay(row.assay)})" if several_assays else endpoint,
                _against(row, pooled),
                Cell(verdict.short_word, colour),
                f"{size} ({bounds})" if bounds else size,
                words.estimate(row.estimate_unadjusted, row.estimate_kind),
                words.p_value(row.p_value),
                words.p_value(row.p_adjusted)
                if row.adjustment != "none"
                else phrase("not adjusted"),
                *([words.p_value(row.p_permutation)] if has_permutation else []),
                Markup("{} /<br>{}").format(
                    *(verdicts.spread(row, side) for side in ("index", "reference"))
                ),
                f"{row.n_index} / {row.n_reference}",
                f"{row.n_below_lod} / {row.n_missing}",
                _numbers_of(verdict.caveat, remarks),
            ]
        )
    level = f"{100 * material.settings.stats.comparison_confidence:g} %"
    header = [
        phrase("Endpoint"),
        phrase("{0} against", material.settings.cohort.index_group),
        phrase("Verdict"),
        phrase("Estimate ({0} interval)", level),
        phrase("Without covariates"),
        "p",
        phrase("Adjusted p"),
        *([phrase("Permuta\u00adtion p")] if has_permutation else []),
        phrase("Medians [quartiles]"),
        "n",
        phrase("Below LoD / missing"),
        phrase("Remarks"),
    ]
    first_number = header.index("Verdict") + 1
    table = Table(
        caption=phrase(
            "{0} Estimates are odds ratios for percentages, ratios for counts and "
            "intensities, differences for scores; not shown: no difference is shown. "
            "Medians and n: index / reference. Below LoD: participants of both below the limit "
            "of detection; missing: analysed participants without a usable number.",
            caption,
        )
        + (f" {verdicts.how_low(rows)}" if rows["n_below_lod"].any() else ""),
        header=header,
        rows=body,
        numeric=frozenset(range(first_number, header.index(phrase("Remarks")))),
    )
    if not remarks:
        return [table]
    notes = [f"{number}: {words.sentence(words.plain(text))}" for text, number in remarks.items()]
    return [
        table,
        Details(
            phrase("What the remarks 1 to {0} say", len(notes)), [Bullets(notes, has_marks=False)]
        ),
    ]


def in_reading_order(rows: pd.DataFrame, material: Material) -> pd.DataFrame:
    """Return comparisons by assay, measure, population, then healthy, pooled and each disease."""
    populations = {name: place for place, name in enumerate(words.POPULATION_NAMES)}
    measures = {name: place for place, name in enumerate(words.MEASURE_NAMES)}
    references = answer.reference_order(material, rows)
    return rows.assign(
        _measure=rows["measure"].map(measures),
        _population=rows["population"].map(populations).fillna(len(populations)),
        _reference=rows["reference_group"].map(references),
    ).sort_values(
        ["assay", "_measure", "feature", "_population", "population", "_reference"], kind="stable"
    )


def _against(row: Any, pooled: str) -> str:
    """Return the reference, with the subset of the index group where this alone is compared."""
    name = verdicts.reference_name(row.reference_group, pooled)
    subset = verdicts.subset_of(row)
    return phrase("{0} ({1} alone)", name, subset) if subset else name


def _numbers_of(caveat: str, remarks: dict[str, int]) -> str:
    """Return the numbers of a comparison's remarks; new ones are added to `remarks`."""
    if not caveat:
        return words.NOTHING
    own = [remarks.setdefault(text, len(remarks) + 1) for text in caveat.split("; ")]
    return ", ".join(str(number) for number in own)


def _families(table: pd.DataFrame) -> list[Block]:
    """Return one row per family (how p was adjusted, for what), and the models and estimands."""
    body = []
    for (role, family), rows in table.groupby(["role", "family"], sort=True):
        covariates = sorted({words.covariates(text) for text in rows["covariates"]})
        body.append(
            [
                words.plain(str(family)),
                phrase(str(role).replace("_", " ")),
                str(len(rows)),
                str(int((rows["status"] == "ok").sum())),
                words.listed(
                    [phrase(ADJUSTMENTS[name]) for name in sorted(set(rows["adjustment"]))]
                ),
                phrase("; or ").join(covariates),
                words.listed(sorted(set(rows["plan_digest"]))),
            ]
        )
    families = Table(
        caption=(
            phrase(
                "Families of comparisons, declared in the analysis plan; p is adjusted within "
                "a family."
            )
        ),
        header=[
            phrase("Family"),
            phrase("Role"),
            phrase("Comparisons"),
            phrase("Estimable"),
            phrase("Adjustment of p"),
            phrase("Covariates"),
            phrase("Plan (SHA-256, first 12)"),
        ],
        rows=body,
        numeric=frozenset([2, 3]),
    )
    models = sorted(set(table["model"]) - {"none"})
    told = Details(
        phrase("Models, and what the estimates mean"),
        [
            Bullets(
                [words.sentence(words.plain(model)) for model in models]
                or [phrase("No model could be fitted.")]
            ),
            Bullets([words.sentence(words.plain(text)) for text in sorted(set(table["estimand"]))]),
        ],
    )
    return [families, told]
