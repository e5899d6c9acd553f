"""STROBE for a cross-sectional comparison: what the tables of the run tell of each item."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from itc_analysis.report.checklists.items import Item, characteristics, files, group_sizes
from itc_analysis.report.html import verdicts, words
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase

#: What the words of a model hold when missing covariates were imputed.
IMPUTED = "imputations"


def _variables(material: Material) -> str:
    rows = material.measurements
    if rows.empty:
        return ""
    names = [words.measure(name) for name in dict.fromkeys(rows["measure"])]
    populations = rows["population"].nunique()
    return phrase(
        "{0} measured as {1}.", words.plural(populations, "population"), words.listed(names)
    )


def _eligibility(material: Material) -> str:
    rules = material.eligibility["rule"].nunique()
    if not rules:
        return ""
    versions = sorted(set(material.eligibility["protocol_version"]))
    return phrase(
        "{0}, protocol version {1}.",
        words.plural(rules, "criterion", "criteria"),
        words.listed(versions),
    )


def _bias(material: Material) -> str:
    told = []
    controls = material.samples.loc[
        material.samples["sample_type"] == "bridge_control", "sample_id"
    ]
    rows = material.measurements
    stained = rows[rows["assay"] == "flow"]
    n_stained = stained["batch"].nunique()
    if len(controls):
        own = stained.loc[stained["sample_id"].isin(controls), "batch"].nunique()
        told.append(
            phrase(
                "{0} in {1} of {2}",
                words.plural(len(controls), "bridge control"),
                own,
                words.plural(n_stained, "staining batch", "staining batches"),
            )
        )
    n_libraries = rows.loc[rows["assay"] == "singlecell", "batch"].nunique()
    batches = [
        *([words.plural(n_stained, "staining batch", "staining batches")] if n_stained else []),
        *([words.plural(n_libraries, "library batch", "library batches")] if n_libraries else []),
    ]
    if batches:
        told.append(phrase("{0}, set against the groups under Participants", words.listed(batches)))
    return words.sentence("; ".join(told))


def _size(material: Material) -> str:
    cohort = material.settings.cohort
    analysed = material.participants.loc[
        material.participants["is_analysed"], "group"
    ].value_counts()
    planned = [
        phrase(
            "{0} {1} planned, {2} analysed",
            group,
            cohort.planned_sizes[group],
            int(analysed.get(group, 0)),
        )
        for group in cohort.groups
        if group in cohort.planned_sizes
    ]
    return (
        phrase("{0}. What the reached sizes can show is under Participants.", "; ".join(planned))
        if planned
        else ""
    )


def _models(material: Material) -> str:
    models = sorted(set(material.comparisons["model"].dropna()) - {"none"})
    return " ".join(words.sentence(words.plain(model)) for model in models)


def _confounders(material: Material) -> str:
    found = sorted(
        {words.covariates(text) for text in material.comparisons["covariates"]} - {"none"}
    )
    if len(material.comparisons) and not found:
        return phrase("No covariate was adjusted for.")
    return phrase("Adjusted for {0}.", phrase(" or for ").join(found)) if found else ""


def _missing_data(material: Material) -> str:
    if material.comparisons.empty:
        return ""
    imputed = material.comparisons["model"].str.contains(IMPUTED).fillna(value=False)
    of_covariates = (
        phrase(
            "missing covariates were imputed (the comparisons whose model says so), with "
            "complete cases next to them"
        )
        if imputed.any()
        else phrase("no analysed participant lacks a covariate that was adjusted for")
        if not _lacking(material)
        else (
            phrase(
                "participants who lack a covariate are left out of the comparisons adjusted "
                "for it, and counted"
            )
        )
    )
    told = phrase(
        "Missing measurements are counted per comparison and never replaced; {0}.", of_covariates
    )
    return f"{told} {verdicts.how_low(material.comparisons)}".strip()


def _lacking(material: Material) -> int:
    """Return how many analysed participants lack a covariate of any comparison."""
    named = set(re.findall(r"[a-z_]\w*", " ".join(material.comparisons["covariates"])))
    people = material.participants[material.participants["is_analysed"]]
    own = people[[name for name in people.columns if name in named]]
    return int(own.isna().any(axis=1).sum())


def _subgroups(material: Material) -> str:
    """Name the families of one subset of the index group, with their role."""
    rows = material.comparisons
    of_subset = [
        (verdicts.subset_of(row), str(row.family), str(row.role)) for row in each_row(rows)
    ]
    told = [
        phrase("{0} alone ({1}, {2})", subset, family, phrase(role.replace("_", " ")))
        for subset, family, role in dict.fromkeys(of_subset)
        if subset
    ]
    if not told:
        return ""
    index = material.settings.cohort.index_group
    return phrase(
        "Subgroups of {0}, by the models of the whole group: {1}. No interaction was tested.",
        index,
        words.listed(told),
    )


def _sensitivity(material: Material) -> str:
    n = len(material.diagnostics)
    if not n:
        return ""
    return phrase(
        "For {0}: one participant left out, fewer covariates, E-values and a second model, under "
        "What must not be concluded.",
        words.plural(n, "comparison"),
    )


def _numbers(material: Material) -> str:
    people = material.participants
    if people.empty:
        return ""
    n_analysed = int(people["is_analysed"].sum())
    return phrase("{0} enrolled, {1} analysed; reasons in the flow chart.", len(people), n_analysed)


def _numbers_at_stages(material: Material) -> dict[str, int]:
    people = material.participants
    counted = {
        str(name): int(n) for name, n in people["decision"].value_counts().sort_index().items()
    }
    return {"enrolled": len(people), **counted, "analysed": int(people["is_analysed"].sum())}


def _missing(material: Material) -> str:
    people = material.participants[material.participants["is_analysed"]]
    told = [
        f"{phrase(words.COVARIATE_NAMES.get(column, column))} {int(people[column].isna().sum())}"
        for column in ("age_years", "sex", "cmv_igg")
        if len(people)
    ]
    return (
        phrase("Missing among {0} analysed: {1}.", len(people), words.listed(told)) if told else ""
    )


def _outcome(material: Material) -> str:
    rows: pd.DataFrame = material.measurements
    n = rows.loc[rows["status"] == "ok", "participant_id"].nunique()
    return (
        phrase("{0} with at least one measured number.", words.plural(n, "participant"))
        if n
        else ""
    )


def _results(material: Material) -> str:
    if material.comparisons.empty:
        return ""
    return phrase("Under All comparisons, adjusted and without covariates.")


def _main_results(material: Material) -> list[dict[str, Any]]:
    """Return the primary comparisons with estimate, interval and p; null where there is none."""
    rows = material.comparisons[material.comparisons["role"] == "primary"]
    names = [
        "comparison", "assay", "population", "measure", "estimate_kind", "estimate", "lower", "upper",  # noqa: E501
        "estimate_unadjusted", "p_value", "p_adjusted", "n_index", "n_reference", "status",
    ]  # fmt: skip
    return [
        {name: None if words.is_missing(row[name]) else row[name] for name in names}
        for row in rows[names].to_dict("records")
    ]


def _others(material: Material) -> str:
    rows = material.comparisons[material.comparisons["role"] != "primary"]
    counted = rows["role"].value_counts()
    told = [
        f"{counted[role]} {phrase(role.replace('_', ' '))}"
        for role in ("secondary", "exploratory", "post_hoc")
        if role in counted
    ]
    sections = (
        [phrase("{0} comparisons, under All comparisons", words.listed(told))] if told else []
    )
    further = {
        phrase("associations with clinical variables within a group"): material.associations,
        phrase("compositions"): material.compositions,
        phrase("agreement of flow cytometry and single cell"): material.modality_agreement,
        phrase("genes"): material.genes,
    }
    sections += [name for name, table in further.items() if len(table)]
    return words.sentence("; ".join(sections)) if sections else ""


def _key_results(material: Material) -> str:
    if material.comparisons.empty:
        return ""
    return phrase("In the title of the page, and in a sentence per population below it.")


def _limitations(material: Material) -> str:
    if material.comparisons.empty:
        return ""
    return phrase("Under What must not be concluded, with the numbers that each rests on.")


ITEMS: tuple[Item, ...] = (
    Item("1", "Title and abstract"),
    Item("2", "Background and rationale"),
    Item("3", "Objectives"),
    Item("4", "Study design"),
    Item("5", "Setting, places and dates"),
    Item("6", "Participants and eligibility", _eligibility),
    Item("7", "Variables: outcomes, exposures, confounders", _variables),
    Item("8", "Data sources and measurement", files),
    Item("9", "Efforts against bias", _bias),
    Item("10", "Study size and how it was arrived at", _size),
    Item("11", "Quantitative variables", _variables),
    Item("12a", "Statistical methods, and control of confounding",
         lambda material: f"{_models(material)} {_confounders(material)}".strip()),
    Item("12b", "Methods for subgroups and interactions", _subgroups),
    Item("12c", "How missing data were addressed", _missing_data),
    Item("12d", "Analytical methods taking account of the sampling"),
    Item("12e", "Sensitivity analyses", _sensitivity),
    Item("13", "Numbers at each stage, with reasons", _numbers, _numbers_at_stages),
    Item("14a", "Characteristics of participants", characteristics, group_sizes),
    Item("14b", "Missing data per variable", _missing),
    Item("15", "Outcome data", _outcome),
    Item("16", "Main results, unadjusted and adjusted, with precision", _results, _main_results),
    Item("17", "Other analyses", _others),
    Item("18", "Key results", _key_results),
    Item("19", "Limitations", _limitations),
    Item("20–21", "Interpretation, generalisability"),
    Item("22", "Funding"),
)  # fmt: skip
