"""The estimand of every primary and secondary endpoint (ICH E9(R1)), from the plan and the tables.

Population, variable, condition, intercurrent events and summary measure: each sentence is made from
a setting of the plan or from what the participants' table holds.
"""

from __future__ import annotations

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Bullets, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.stats.endpoint.endpoint import WHAT
from itc_analysis.stats.people.responses import SCALES
from itc_analysis.stats.plan.plan import AnalysisPlan, PlannedComparison, expand

#: Roles that carry a claim.
CLAIMING = ("primary", "secondary")
#: Outcome of a criterion that a version of the protocol does not hold.
NOT_APPLICABLE = "not_applicable"
#: Treatments in the participants' sheet, and the criterion that may keep them out.
TREATMENTS = {
    "immunosuppressant_3_months": ("an immunosuppressant within 3 months", "immunosuppressant"),
    "biologic_6_months": ("a biologic within 6 months", "biologic"),
    "hydroxychloroquine": ("hydroxychloroquine", ""),
    "glucocorticoid_mg_per_day": ("glucocorticoids", ""),
}
KINDS = {
    "odds_ratio": "odds ratio",
    "ratio": "ratio of geometric means",
    "difference": "difference of means",
}


def blocks(material: Material, plan: AnalysisPlan) -> list[Block]:
    """Return the table of estimands, and how intercurrent events are met."""
    planned = [item for item in expand(plan, material.settings.cohort) if item.role in CLAIMING]
    if not planned:
        return [Paragraph("The plan declares no primary or secondary comparison.")]
    events = [*treatments(material, plan), *missing(plan)]
    table = Table(
        caption="Estimands of the primary and secondary endpoints, one row per family and "
        "variable. Intercurrent events are met in the same way for all of them; the list below "
        "says how.",
        header=["Role, family", "Variable", "Population", "Condition compared", "Summary measure"],
        rows=[
            [
                f"{items[0].role}, {items[0].family}",
                variable(items),
                population(material),
                conditions(items, material, plan),
                summary(items, material, plan),
            ]
            for items in grouped(planned)
        ],
    )
    return [table, Paragraph("Intercurrent events and missing data:"), Bullets(events)]


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
    return f"{measures} of {populations}, by {words.assay(items[0].assay)}"


def population(material: Material) -> str:
    """Return who is compared, from the criteria that were applied and the people who remain."""
    people, rules = material.participants, material.eligibility
    n = int(people["is_analysed"].sum())
    versions = sorted(set(rules["protocol_version"].dropna()) - {"none"})
    applied = rules[rules["protocol_version"].isin(versions)]
    n_rules = applied.loc[applied["outcome"] != NOT_APPLICABLE, "rule"].nunique()
    who = (
        f"participants who meet {words.plural(n_rules, 'criterion', 'criteria')} "
        f"({words.listed(versions)} version of the protocol)"
        if versions
        else "all participants enrolled: no criteria of eligibility were applied"
    )
    queried = people[people["decision"] == "query"]
    open_ = int(queried["is_analysed"].sum())
    if len(queried):
        who += (
            f"; those whose eligibility is open are compared as well ({open_})"
            if open_
            else f"; those whose eligibility is open are not compared ({len(queried)})"
        )
    return f"{who}: {n} of {len(people)}"


def conditions(items: list[PlannedComparison], material: Material, plan: AnalysisPlan) -> str:
    """Return what is compared with what."""
    told = []
    for item in {item.comparison: item for item in items}.values():
        if item.problem:
            told.append(f"{item.comparison} ({item.problem})")
        elif item.is_pooled:
            each = (
                "each group counting the same"
                if plan.pooled_weights == "equal"
                else "each group counting by its participants"
            )
            told.append(f"the average of {words.listed(list(item.references))}, {each}")
        else:
            told.append(item.references[0])
    return f"{material.settings.cohort.index_group} against {'; against '.join(told)}"


def summary(items: list[PlannedComparison], material: Material, plan: AnalysisPlan) -> str:
    """Return the summary measure, and what it is adjusted for: as fitted where it was."""
    rows = material.comparisons
    rows = rows[rows["family"].isin({item.family for item in items})]
    rows = rows[rows["measure"] == items[0].measure]
    fitted = sorted({words.covariates(text) for text in rows["covariates"].dropna()})
    planned = words.covariates(plan.covariates) if plan.covariates else "no covariates"
    text = f"{KINDS[SCALES[items[0].measure].kind]}: {WHAT[items[0].measure]}"
    adjusted = f"planned at equal {planned}" if plan.covariates else "without covariates"
    if fitted and fitted != [planned]:
        adjusted += f"; fitted with {words.listed(fitted)}"
    return f"{text}; {adjusted}"


def treatments(material: Material, plan: AnalysisPlan) -> list[str]:
    """Return how each treatment that was started is met: kept out, adjusted for, or accepted."""
    people = material.participants
    analysed = people[people["is_analysed"]]
    versions = set(material.eligibility["protocol_version"].dropna()) - {"none"}
    rules = material.eligibility[material.eligibility["outcome"] != NOT_APPLICABLE]
    formula = plan.covariates or ""
    told = []
    for column, (what, rule) in TREATMENTS.items():
        if column not in people:
            continue
        values = analysed[column]
        n = int((values.astype("Float64").fillna(0) > 0).sum())
        unknown = int(values.isna().sum())
        holding = set(rules.loc[rules["rule"] == rule, "protocol_version"]) & versions
        numbers = f"{n} of {len(analysed)} compared" + (f", {unknown} unknown" if unknown else "")
        if holding and holding == versions:
            how = "keeps a participant out (a criterion of eligibility)"
        elif holding:
            how = (
                f"keeps out those under the {words.listed(sorted(holding))} version of the "
                "protocol; the others are compared whatever the treatment (treatment policy)"
            )
        elif column in formula:
            how = "is adjusted for"
        else:
            how = (
                "is part of the condition: people are compared whatever the treatment (treatment "
                "policy)"
            )
        told.append(f"Treatment with {what} {how}; {numbers}.")
    return told


def missing(plan: AnalysisPlan) -> list[str]:
    """Return how missing and undetected values are met, from the plan."""
    share = words.per_cent(plan.covariate_min_known)
    covariates = (
        "filled in 20 times from everything else (Rubin’s rules), complete cases next to it"
        if plan.missing_covariates == "imputed"
        else "a reason to leave the participant out of the model, and named"
    )
    events = [
        f"A population below its limit of detection is {plan.below_lod}: known to be low, never "
        "zero, never dropped; where cells were counted their number enters as it is.",
        "A tube or library that gave no number: the participant has no part in that endpoint and "
        "is counted as missing in its row.",
    ]
    if plan.covariates:
        events.append(
            f"A missing covariate is {covariates}; one known for less than {share} of the "
            "participants is left out of the model."
        )
    return events
