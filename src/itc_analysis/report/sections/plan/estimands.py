"""The estimand of every primary and secondary endpoint (ICH E9(R1)), from the plan and the tables.

Population, variable, condition, intercurrent events and summary measure: each sentence is made from
a setting of the plan or from what the participants' table holds.
"""

from __future__ import annotations

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Bullets, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase
from itc_analysis.stats.endpoint.endpoint import WHAT
from itc_analysis.stats.people.responses import SCALES
from itc_analysis.stats.plan.plan import AnalysisPlan, PlannedComparison, expand

#: Roles that carry a claim.
CLAIMING = ("primary", "secondary")
#: Outcome of a criterion that a version of the protocol does not hold.
NOT_APPLICABLE = "not_applicable"
#: Treatments in the participants' sheet, and the criterion that may keep them out.
TREATMENT_NAMES = {
    "immunosuppressant_3_months": ("an immunosuppressant within 3 months", "immunosuppressant"),
    "biologic_6_months": ("a biologic within 6 months", "biologic"),
    "hydroxychloroquine": ("hydroxychloroquine", ""),
    "glucocorticoid_mg_per_day": ("glucocorticoids", ""),
}
KIND_NAMES = {
    "odds_ratio": "odds ratio",
    "ratio": "ratio of geometric means",
    "difference": "difference of means",
}


def blocks(material: Material, plan: AnalysisPlan) -> list[Block]:
    """Return the table of estimands, and how intercurrent events are met."""
    planned = [item for item in expand(plan, material.settings.cohort) if item.role in CLAIMING]
    if not planned:
        return [Paragraph(phrase("The plan declares no primary or secondary comparison."))]
    events = [*treatments(material, plan), *missing(plan)]
    table = Table(
        caption=phrase(
            "Estimands of the primary and secondary endpoints, one row per family and variable. "
            "Intercurrent events are handled in the same way for all of them; the list below says "
            "how."
        ),
        header=[
            phrase("Role, family"),
            phrase("Variable"),
            phrase("Population"),
            phrase("Condition compared"),
            phrase("Summary measure"),
        ],
        rows=[
            [
                f"{phrase(items[0].role)}, {words.plain(items[0].family)}",
                variable(items),
                population(material),
                conditions(items, material, plan),
                summary(items, material, plan),
            ]
            for items in grouped(planned)
        ],
    )
    return [table, Paragraph(phrase("Intercurrent events and missing data:")), Bullets(events)]


def grouped(planned: list[PlannedComparison]) -> list[list[PlannedComparison]]:
    """Return comparisons by family, assay and measure, in the order of the plan."""
    found: dict[tuple[str, ...], list[PlannedComparison]] = {}
    for item in planned:
        found.setdefault((item.family, item.assay, item.measure), []).append(item)
    return list(found.values())


def variable(items: list[PlannedComparison]) -> str:
    """Return what is measured, in which cells."""
    populations = words.listed(
        list(dict.fromkeys(words.population(item.population) for item in items))
    )
    measures = words.listed(
        list(dict.fromkeys(words.measure(item.measure, item.feature) for item in items))
    )
    return phrase("{0} of {1}, by {2}", measures, populations, words.assay(items[0].assay))


def population(material: Material) -> str:
    """Return who is compared, from the criteria that were applied and the people who remain."""
    people, rules = material.participants, material.eligibility
    n = int(people["is_analysed"].sum())
    versions = sorted(set(rules["protocol_version"].dropna()) - {"none"})
    applied = rules[rules["protocol_version"].isin(versions)]
    n_rules = applied.loc[applied["outcome"] != NOT_APPLICABLE, "rule"].nunique()
    who = (
        phrase(
            "participants who meet {0} ({1} version of the protocol)",
            words.plural(n_rules, "criterion", "criteria"),
            words.listed([phrase(version) for version in versions]),
        )
        if versions
        else phrase("all participants enrolled: no criteria of eligibility were applied")
    )
    queried = people[people["decision"] == "query"]
    open_ = int(queried["is_analysed"].sum())
    if len(queried):
        who += (
            phrase("; those whose eligibility is open are compared as well ({0})", open_)
            if open_
            else phrase("; those whose eligibility is open are not compared ({0})", len(queried))
        )
    return phrase("{0}: {1} of {2}", who, n, len(people))


def conditions(items: list[PlannedComparison], material: Material, plan: AnalysisPlan) -> str:
    """Return what is compared with what."""
    told = []
    for item in {item.comparison: item for item in items}.values():
        if item.problem:
            told.append(f"{item.comparison} ({words.plain(item.problem)})")
        elif item.is_pooled:
            each = (
                phrase("each group counting the same")
                if plan.pooled_weights == "equal"
                else phrase("each group counting by its participants")
            )
            groups = words.listed(list(item.references))
            told.append(phrase("the average of {0}, {1}", groups, each))
        else:
            told.append(item.references[0])
    index = material.settings.cohort.index_group
    return phrase("{0} against {1}", index, phrase("; against ").join(told))


def summary(items: list[PlannedComparison], material: Material, plan: AnalysisPlan) -> str:
    """Return the summary measure, and what it is adjusted for: as fitted where it was."""
    rows = material.comparisons
    rows = rows[rows["family"].isin({item.family for item in items})]
    rows = rows[rows["measure"] == items[0].measure]
    fitted = sorted({words.covariates(text) for text in rows["covariates"].dropna()})
    planned = words.covariates(plan.covariates) if plan.covariates else ""
    kind = phrase(KIND_NAMES[SCALES[items[0].measure].kind])
    text = phrase("{0}: {1}", kind, words.plain(WHAT[items[0].measure]))
    adjusted = phrase("planned at equal {0}", planned) if planned else phrase("without covariates")
    if fitted and fitted != [planned]:
        adjusted += phrase("; fitted with {0}", words.listed(fitted))
    return f"{text}; {adjusted}"


def treatments(material: Material, plan: AnalysisPlan) -> list[str]:
    """Return how each treatment that was started is met: kept out, adjusted for, or accepted."""
    people = material.participants
    analysed = people[people["is_analysed"]]
    versions = set(material.eligibility["protocol_version"].dropna()) - {"none"}
    rules = material.eligibility[material.eligibility["outcome"] != NOT_APPLICABLE]
    formula = plan.covariates or ""
    told = []
    for column, (what, rule) in TREATMENT_NAMES.items():
        if column not in people:
            continue
        values = analysed[column]
        n = int((values.astype("Float64").fillna(0) > 0).sum())
        unknown = int(values.isna().sum())
        holding = set(rules.loc[rules["rule"] == rule, "protocol_version"]) & versions
        numbers = phrase("{0} of {1} compared", n, len(analysed))
        numbers += phrase(", {0} unknown", unknown) if unknown else ""
        if holding and holding == versions:
            how = phrase("keeps a participant out (a criterion of eligibility)")
        elif holding:
            how = phrase(
                "keeps out those under the {0} version of the protocol; the others are compared "
                "whatever the treatment (treatment policy)",
                words.listed([phrase(version) for version in sorted(holding)]),
            )
        elif column in formula:
            how = phrase("is adjusted for")
        else:
            how = phrase(
                "is part of the condition: people are compared whatever the treatment (treatment "
                "policy)"
            )
        told.append(phrase("Treatment with {0} {1}; {2}.", phrase(what), how, numbers))
    return told


def missing(plan: AnalysisPlan) -> list[str]:
    """Return how missing and undetected values are met, from the plan."""
    share = words.per_cent(plan.covariate_min_known)
    covariates = (
        phrase("filled in 20 times from everything else (Rubin’s rules), complete cases next to it")
        if plan.missing_covariates == "imputed"
        else phrase("a reason to leave the participant out of the model, and named")
    )
    events = [
        phrase(
            "A population below its limit of detection is never zero and never dropped: where "
            "cells were counted their number enters as it is, and a value without cells is {0}, "
            "that is, known to be at most the limit.",
            phrase(plan.below_lod),
        ),
        phrase(
            "A tube or library that gave no number: the participant has no part in that endpoint "
            "and is counted as missing in its row."
        ),
    ]
    if plan.covariates:
        events.append(
            phrase(
                "A missing covariate is {0}; one known for less than {1} of the participants is "
                "left out of the model.",
                covariates,
                share,
            )
        )
    return events
