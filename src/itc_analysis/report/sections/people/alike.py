"""Are the groups alike, and large enough? Balance of covariates, sizes against the plan, power,
pairs.
"""

from __future__ import annotations

import pandas as pd

from itc_analysis.cohort.description.design import COVARIATES, analysed_with_waiting, balance
from itc_analysis.cohort.description.groups import count_sizes
from itc_analysis.cohort.description.matching import match_controls
from itc_analysis.cohort.description.plots import plot_balance, plot_differences
from itc_analysis.cohort.description.power import ALPHA, make_power_table
from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Details, Figure, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.html.pictures import drawing, new_figure, to_png, to_svg
from itc_analysis.report.language.phrases import phrase

#: Pairs are at most this many years apart: MAIT cells fall by 2-3 % a year.
PAIR_YEARS = 5
#: Inches of the plot of differences, and of one small multiple.
_DIFFERENCES = (7.0, 4.2)
_SMALL = (3.3, 2.5)
_COLUMNS = 3


def blocks(material: Material) -> list[Block]:
    """Return sizes and power as a table, and the covariates as pictures."""
    cohort = material.settings.cohort
    participants = material.participants
    if not participants["is_analysed"].any():
        return [Paragraph(phrase("Nobody is analysed, so there are no groups to compare."))]
    found: list[Block] = [sizes(material)]
    table = balance(
        participants,
        material.samples,
        index_group=cohort.index_group,
        pools={cohort.pooled_name: cohort.disease_groups} if cohort.disease_groups else None,
    )
    if table["standardised_difference"].notna().any():
        found += [_differences(table, material), _small_multiples(material)]
    return found


def sizes(material: Material) -> Table:
    """Return each group's size, its plan, what it could show, and how many pairs it makes."""
    cohort = material.settings.cohort
    participants = material.participants
    families = material.comparisons.loc[material.comparisons["role"] == "primary", "family"]
    n_primary = int(families.value_counts().max()) if len(families) else 1
    counted = count_sizes(participants, cohort=cohort).set_index("group")
    power = make_power_table(participants, cohort=cohort, n_primary=n_primary)
    at_hand = power[power["sizes"] == "at hand"]
    ratios = {
        (str(group), float(alpha)): float(ratio)
        for group, alpha, ratio in zip(
            at_hand["group"], at_hand["alpha"], at_hand["detectable_ratio"], strict=True
        )
    }
    body = []
    for group in cohort.groups:
        row = counted.loc[group]
        planned = cohort.planned_sizes.get(group)
        cells = [group, words.NOTHING if planned is None else str(planned)]
        cells += [str(int(row[name])) for name in ("enrolled", "analysed")]
        for alpha in (ALPHA, ALPHA / n_primary):
            ratio = ratios.get((group, alpha), float("nan"))
            cells.append(words.NOTHING if words.is_missing(ratio) else f"{ratio:.2f}")
        is_index = group == cohort.index_group
        cells.append(words.NOTHING if is_index else _pairs(participants, material, group))
        body.append(cells)
    return Table(
        phrase(
            "Group sizes. The ratio is the largest ratio of geometric means below 1 that "
            "{0} against the group would show with 80 % power (two-sample t test, standard "
            "deviation of the logarithm 1), alone and at Bonferroni’s level for the number of "
            "comparisons in the primary family ({1}): a difference nearer to 1 may be missed. "
            "Pairs: people of {2} with a control of the same sex, at most {3} years apart.",
            cohort.index_group,
            n_primary,
            cohort.index_group,
            PAIR_YEARS,
        ),
        [
            phrase("Group"),
            phrase("Planned"),
            phrase("Enrolled"),
            phrase("Analysed"),
            phrase("Ratio, alone"),
            phrase("Ratio, corrected"),
            phrase("Pairs"),
        ],
        body,
        numeric=frozenset(range(1, 7)),
    )


def _pairs(participants: pd.DataFrame, material: Material, group: str) -> str:
    pairs = match_controls(
        participants,
        index_group=material.settings.cohort.index_group,
        control_group=group,
        max_years=PAIR_YEARS,
    )
    return phrase("{0} of {1}", int(pairs["control_id"].notna().sum()), len(pairs))


def _differences(table: pd.DataFrame, material: Material) -> Figure:
    index_group = material.settings.cohort.index_group
    known = table.groupby("variable")["standardised_difference"].transform("count") > 0
    table = table[
        known
    ]  # a covariate that nobody has is told as missing, not drawn as an empty line
    with drawing():
        figure, ax = new_figure(*_DIFFERENCES)
        plot_differences(table, groups=material.groups_present, ax=ax)
        picture = to_svg(
            figure,
            name="balance",
            alt=phrase(
                "Standardised differences of covariates between {0} and each control.", index_group
            ),
        )
    return Figure(
        picture,
        phrase(
            "Each mark is the difference of one covariate between {0} and a control, in standard "
            "deviations. Marks in the grey band (below 0.1) are practically equal; those far "
            "outside may be mistaken for the disease where the model does not adjust for them.",
            index_group,
        ),
        width=700,
        is_wide=True,
    )


def _small_multiples(material: Material) -> Details:
    people = analysed_with_waiting(material.participants, material.samples)
    groups = material.groups_present
    variables = [name for name in COVARIATES if people[name].notna().any()]
    rows = -(-len(variables) // _COLUMNS)
    with drawing():
        figure, grid = new_figure(
            _SMALL[0] * _COLUMNS, _SMALL[1] * rows, nrows=rows, ncols=_COLUMNS, squeeze=False
        )
        axes = list(grid.flat)
        for spare in axes[len(variables) :]:
            figure.delaxes(spare)
        plot_balance(people, groups=groups, variables=variables, axes=axes[: len(variables)])
        for ax in axes[: len(variables)]:  # a long label would reach into the picture above
            ax.set_ylabel(ax.get_ylabel().replace(" (", "\n("))
        alt = phrase("Covariates by group: one picture each, every analysed participant a point.")
        picture = to_png(figure, alt=alt)
    caption = phrase(
        "Every point is one analysed participant. The bar is the median, or for yes/no "
        "the share of yes; below, how many have a value, and in brackets how many have "
        "none. Look for groups whose clouds hardly overlap."
    )
    return Details(phrase("Every covariate by group"), [Figure(picture, caption, is_wide=True)])
