"""Who was enrolled, who is compared and why not the others; the groups and batches side by side."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from itc_analysis.cohort.description.design import batch_by_group
from itc_analysis.cohort.description.flowchart import ASSAYS, count_flow
from itc_analysis.cohort.description.flowchart_svg import draw_flowchart
from itc_analysis.cohort.description.table_one import make_table_one
from itc_analysis.report.html import pictures, words
from itc_analysis.report.html.blocks import (
    Block,
    Details,
    Figure,
    Heading,
    PageSection,
    Paragraph,
    Table,
)
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.language.recorded import recorded
from itc_analysis.report.sections.people import alike, cohort_checks
from itc_analysis.statistics.contingency import cramers_v
from itc_analysis.stats.endpoint.caveats import UNBALANCED_BATCHES

VARIABLE_NAMES = {
    "age_years": "Age",
    "sex": "Sex",
    "weight_kg": "Weight",
    "bmi": "Body mass index",
    "cmv_igg": "CMV IgG positive",
    "disease_duration_years": "Disease duration",
    "ssc_subset": "SSc subset",
    "mrss": "Modified Rodnan skin score",
    "ild": "Interstitial lung disease",
    "fvc_percent": "Forced vital capacity",
    "dlco_percent": "Diffusing capacity (DLCO)",
    "anticentromere": "Anticentromere antibodies",
    "antitopoisomerase": "Anti-topoisomerase I antibodies",
    "crp_mg_per_l": "C-reactive protein",
    "hydroxychloroquine": "Hydroxychloroquine",
    "glucocorticoid_mg_per_day": "Glucocorticoids",
    "immunosuppressant_3_months": "Immunosuppressant in the last 3 months",
    "biologic_6_months": "Biologic in the last 6 months",
    "smoking": "Smoking",
    "menopause": "After the menopause",
    "raynaud_duration_years": "Duration of Raynaud’s phenomenon",
    "anti_rnap3": "Anti-RNA polymerase III antibodies",
    "pah": "Pulmonary arterial hypertension",
    "lvef_percent": "Left ventricular ejection fraction",
    "digital_ulcers_ever": "Digital ulcers, ever",
    "capillaroscopy": "Capillaroscopy pattern",
    "gastrointestinal_symptoms": "Gastrointestinal symptoms",
    "renal_crisis": "Renal crisis, ever",
    "esr_mm_per_h": "Erythrocyte sedimentation rate",
    "ck_u_per_l": "Creatine kinase",
    "nyha": "NYHA class",
    "eustar_activity": "EUSTAR activity index",
    "sledai_2k": "SLEDAI-2K",
    "essdai": "ESSDAI",
    "das28_crp": "DAS28-CRP",
    "mmt8": "MMT8",
}


def section(material: Material) -> PageSection:
    """Return who was enrolled, who is analysed and why others are not, and whether batches could
    pass for groups; behind it, who the people are.
    """
    title = phrase("Participants")
    if material.participants.empty:
        told = phrase("The results contain no table of participants, so nobody can be described.")
        return PageSection("participants", title, [Paragraph(told)])
    blocks: list[Block] = [Paragraph(in_short(material)), flow_chart(material)]
    left_out = material.participants[~material.participants["is_analysed"]]
    if len(left_out):
        summary = phrase("Who is not analysed, and why ({0})", len(left_out))
        blocks.append(Details(summary, [_left_out(left_out)]))
    blocks += [Paragraph(text) for text in batches_in_short(material)]
    more = cohort_checks.queries(material)
    more += [Heading(phrase("Classification criteria")), *cohort_checks.criteria(material)]
    more.append(Heading(phrase("Table 1: the analysed participants by group")))
    more += [table_one(material), Heading(phrase("Groups over batches")), *batches(material)]
    more += [Heading(phrase("Are the groups alike, and large enough?")), *alike.blocks(material)]
    more += cohort_checks.disclosure(material)
    return PageSection("participants", title, blocks, more)


def in_short(material: Material) -> str:
    """Return how many people are analysed, by group, and why the others are not."""
    people = material.participants
    analysed = people[people["is_analysed"]]
    sizes = analysed["group"].value_counts()
    groups = [f"{int(sizes[group])} {group}" for group in material.groups_present if group in sizes]
    told = phrase(
        "{0} enrolled, {1} analysed", words.plural(len(people), "participant"), len(analysed)
    )
    told += f" ({words.listed(groups)})." if groups else "."
    left_out = people[~people["is_analysed"]]
    if len(left_out):
        why = left_out["decision"].value_counts().sort_index()
        reasons = [f"{n} {words.decision(str(name))}" for name, n in why.items()]
        told += " " + phrase("Not analysed: {0}.", words.listed(reasons))
    return told


def batches_in_short(material: Material) -> list[str]:
    """Return a sentence per panel: could its batches pass for groups?"""
    counted = batch_by_group(
        material.participants, material.samples, material.tubes, material.libraries
    )
    found: dict[str, list[str]] = {}
    for assay, counts in sorted(counted.items()):
        n = words.plural(len(counts), "batch", "batches")
        v = cramers_v(counts)
        if words.is_missing(v):
            told = phrase("so that no difference between groups can be one between batches")
        elif v > UNBALANCED_BATCHES:
            told = phrase(
                "spread unevenly over the groups (Cramér’s V {0}), so that part of a difference "
                "may be the laboratory’s",
                f"{v:.2f}",
            )
        elif n_single := int(((counts > 0).sum(axis=1) == 1).sum()):
            told = phrase(
                "of which {0} with one group only: group and batch cannot be separated there",
                n_single,
            )
        else:
            told = phrase("spread evenly over the groups (Cramér’s V {0})", f"{v:.2f}")
        found.setdefault(f"{n}, {told}", []).append(phrase(str(assay)))
    return [phrase("{0}: {1}.", words.listed(names), told) for told, names in found.items()]


def variable_name(name: str) -> str:
    """Return a clinical variable in words."""
    return phrase(VARIABLE_NAMES.get(name, name.replace("_", " ")))


def flow_chart(material: Material) -> Figure:
    """Return the STROBE flow chart; assays that the study does not have are left out."""
    has = {"flow": material.has_flow, "singlecell": material.has_single_cell}
    assays = [assay for assay in ASSAYS if has[assay]]
    table = count_flow(
        material.participants,
        material.eligibility,
        material.measurements,
        groups=material.groups_present,
        assays=assays,
    )
    return Figure(
        Markup(pictures.translate_svg(draw_flowchart(table))),  # escapes its text
        phrase(
            "Read from the top: every box counts people, and the box to the right plus the box "
            "below add up to the box above. A person is counted under one reason only, "
            "the first that applies."
        ),
        width=900,
        is_wide=True,
    )


def table_one(material: Material) -> Table | Paragraph:
    """Return Table 1: medians with quartiles or numbers with per cent, and what is missing."""
    groups = material.groups_present
    long = make_table_one(material.participants, groups=groups)
    if long.empty:
        return Paragraph(
            phrase("The participant sheet contains no characteristics of the analysed people.")
        )
    n_analysed = material.participants.loc[
        material.participants["is_analysed"], "group"
    ].value_counts()
    body = []
    for (variable, level), rows in long.groupby(["variable", "level"], sort=False):
        name = variable_name(str(variable))
        label = f"{name}: {phrase(str(level))}" if level not in ("", "yes") else name
        first = rows.iloc[0]
        unit = f"{recorded(str(first['unit']))}; " if first["unit"] else ""
        own = {row.group: _with_missing(row.text, row.n_missing) for row in each_row(rows)}
        body.append(
            [f"{label} ({unit}{phrase(first['statistic'])})", *(own[g] for g in (*groups, "all"))]
        )
    return Table(
        caption=phrase(
            "Median [lower quartile; upper quartile], or number (per cent of those known). "
            "A number after “missing” counts people without the item; missing is never "
            "taken for “no”. A dash: known for nobody of the group, and then the group is not "
            "counted under All either."
        ),
        header=[
            phrase("Characteristic"),
            *(f"{group} (n = {int(n_analysed.get(group, 0))})" for group in groups),
            phrase("All (n = {0})", int(n_analysed.sum())),
        ],
        rows=body,
    )


def batches(material: Material) -> list[Block]:
    """Return one table per panel: people per batch and group, and whether batch could pass for
    group.
    """
    counted = batch_by_group(
        material.participants, material.samples, material.tubes, material.libraries
    )
    if not counted:
        return [
            Paragraph(
                phrase("No analysed participant has a tube or a library, so there is no batch.")
            )
        ]
    alike: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    told_of: dict[tuple[tuple[str, ...], ...], str] = {}
    groups = [g for g in material.groups_present if any(g in c.columns for c in counted.values())]
    for assay, counts in sorted(counted.items()):
        v = cramers_v(counts)
        body = tuple(
            (str(batch), *(str(int(row.get(group, 0))) for group in groups))
            for batch, row in counts.sort_index().iterrows()
        )
        alike.setdefault(body, []).append(phrase(str(assay)))
        told_of[body] = (
            phrase("with one batch or one group there is nothing to confound")
            if words.is_missing(v)
            else (
                phrase(
                    "Cramér’s V {0:.2f} (0: batch and group are independent, 1: the one gives away "
                    "the other)",
                    v,
                )
            )
        )
    # panels that were stained together have one table
    return [
        Table(
            phrase(
                "{0}: analysed people by batch and group; {1}.", words.listed(assays), told_of[body]
            ),
            [phrase("Batch"), *groups],
            body,
            numeric=frozenset(range(1, len(groups) + 1)),
        )
        for body, assays in alike.items()
    ]


def _with_missing(text: str, n_missing: int) -> str:
    if text == "-":
        return words.NOTHING
    return phrase("{0}; missing {1}", text, n_missing) if n_missing else text


def _left_out(people: pd.DataFrame) -> Table:
    body = [
        [
            row.participant_id,
            row.group,
            row.decision,
            phrase("no reason given")
            if words.is_missing(row.reasons)
            else words.plain(row.reasons),
            row.decided_by,
        ]
        for row in each_row(people.sort_values("participant_id"))
    ]
    return Table(
        phrase("Enrolled but not analysed."),
        [
            phrase("Participant"),
            phrase("Group"),
            phrase("Decision"),
            phrase("Why"),
            phrase("Decided by"),
        ],
        body,
        told=3,
    )
