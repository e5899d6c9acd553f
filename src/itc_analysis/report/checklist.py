"""MIFlowCyt and STROBE, item by item: what the study's files tell, and what they do not.

An item is filled only from tables of this run. Everything else is listed as not provided, for the
authors to write; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd

from itc_analysis.report import words
from itc_analysis.report.bibliography import REFERENCES
from itc_analysis.report.blocks import Block, Details, Heading, Paragraph, Section, Table
from itc_analysis.report.material import Material

NOT_PROVIDED = "not provided by the study’s files"

Filler = Callable[[Material], str]


def section(material: Material) -> Section:
    """Return both checklists."""
    blocks: list[Block] = [
        Paragraph(
            "Filled from the tables of this run only. What reads “not provided by the study’s files” must be "
            f"written by the authors. The lists: {REFERENCES['vonelm2007'].text} {REFERENCES['lee2008'].text}"
        ),
        Heading("STROBE (cross-sectional comparison)"),
        Details("STROBE items", [_table("STROBE items.", STROBE, material)]),
    ]
    if material.has_flow:
        blocks += [
            Heading("MIFlowCyt"),
            Details("MIFlowCyt items", [_table("MIFlowCyt items.", MIFLOWCYT, material)]),
        ]
    else:
        blocks.append(Paragraph("MIFlowCyt does not apply: the study has no flow cytometry."))
    return Section("checklist", "Reporting checklists", blocks)


def _table(
    caption: str, items: tuple[tuple[str, str, Filler | None], ...], material: Material
) -> Table:
    body = []
    for number, item, fill in items:
        text = fill(material) if fill is not None else ""
        body.append([number, item, text or NOT_PROVIDED])
    return Table(caption, ["Item", "Asks for", "In this study"], body)


def _groups(material: Material) -> str:
    counts = material.participants["group"].value_counts()
    told = [f"{group} {counts[group]}" for group in material.groups_present]
    return f"Participants by group: {words.listed(told)}." if told else ""


def _characteristics(material: Material) -> str:
    return (
        f"{_groups(material)} Characteristics are in Table 1." if len(material.participants) else ""
    )


def _quality_control(material: Material) -> str:
    quality = material.tube_quality
    if quality.empty:
        return ""
    n_ok = int((quality["status"] == "ok").sum())
    controls = material.samples[material.samples["sample_type"] == "bridge_control"]
    bridge = (
        f" Bridge controls: {words.plural(len(controls), 'sample')}."
        if len(controls)
        else " No bridge control was stained."
    )
    n_judged = material.acquisitions["file_id"].nunique()
    judged = f" Judged along the acquisition: {words.plural(n_judged, 'tube')}."
    return f"{n_ok} of {words.plural(len(quality), 'tube')} passed.{judged}{bridge}"


def _controls(material: Material) -> str:
    found = material.tubes["tube"].value_counts()
    told = [f"{kind} {found[kind]}" for kind in ("stained", "fmo", "unstained") if kind in found]
    return f"Tubes: {words.listed(told)}." if told else ""


def _treatment(material: Material) -> str:
    people = material.participants
    told = []
    for column, name in (
        ("hydroxychloroquine", "hydroxychloroquine"),
        ("glucocorticoid_mg_per_day", "glucocorticoids"),
        ("immunosuppressant_3_months", "immunosuppressants"),
        ("biologic_6_months", "biologics"),
    ):
        known = people[column].dropna()
        if len(known):
            n_treated = int((known.astype(float) > 0).sum())
            told.append(f"{name} {n_treated} of {len(known)} with the item known")
    return f"Treated at the blood draw: {'; '.join(told)}." if told else ""


def _files(material: Material) -> str:
    n = len(material.tubes)
    return f"{words.plural(n, 'FCS file')}; names and SHA-256 under Methods." if n else ""


def _compensation(material: Material) -> str:
    found = material.tube_quality["compensation"].dropna().value_counts().sort_index()
    told = [f"{name}: {words.plural(int(n), 'tube')}" for name, n in found.items()]
    return f"Compensation matrix by source: {'; '.join(told)}." if told else ""


def _gating(material: Material) -> str:
    if material.gates.empty:
        return ""
    n = material.gates["population"].nunique()
    return (
        f"{words.plural(n, 'gate')} per tube at most; geometry in flow/<panel>/gates.parquet and as GatingML 2.0 "
        "in flow/<panel>/gatingml; pictures and states under Gates."
    )


def _transformation(material: Material) -> str:
    told = [
        sentence
        for entry in material.provenance
        for sentence in re.split(r"(?<=[.]) ", entry.get("methods", ""))
        if re.search("logicle|transformed to|arcsinh", sentence)
    ]
    return " ".join(dict.fromkeys(told))


def _variables(material: Material) -> str:
    rows = material.measurements
    if rows.empty:
        return ""
    names = [words.measure(name) for name in dict.fromkeys(rows["measure"])]
    populations = rows["population"].nunique()
    return f"{words.plural(populations, 'population')} measured as {words.listed(names)}."


def _eligibility(material: Material) -> str:
    rules = material.eligibility["rule"].nunique()
    if not rules:
        return ""
    versions = sorted(set(material.eligibility["protocol_version"]))
    return f"{words.plural(rules, 'criterion', 'criteria')}, protocol version {words.listed(versions)}."


def _numbers(material: Material) -> str:
    people = material.participants
    if people.empty:
        return ""
    n_analysed = int(people["is_analysed"].sum())
    return f"{len(people)} enrolled, {n_analysed} analysed; reasons in the flow chart."


def _missing(material: Material) -> str:
    people = material.participants[material.participants["is_analysed"]]
    told = [
        f"{column} {int(people[column].isna().sum())}"
        for column in ("age_years", "sex", "cmv_igg")
        if len(people)
    ]
    return f"Missing among {len(people)} analysed: {words.listed(told)}." if told else ""


def _models(material: Material) -> str:
    rows = material.comparisons
    models = sorted(set(rows["model"].dropna()) - {"none"})
    return " ".join(words.sentence(model) for model in models)


def _confounders(material: Material) -> str:
    found = sorted(
        {words.covariates(text) for text in material.comparisons["covariates"]} - {"none"}
    )
    if len(material.comparisons) and not found:
        return "No covariate was adjusted for."
    return f"Adjusted for {' or for '.join(found)}." if found else ""


def _missing_data(material: Material) -> str:
    rows = material.comparisons
    if rows.empty:
        return ""
    return (
        "Missing numbers are counted per comparison and never replaced; values below the limit of detection "
        "enter as censored."
    )


def _results(material: Material) -> str:
    return (
        "Under All comparisons, adjusted and without covariates."
        if len(material.comparisons)
        else ""
    )


def _outcome(material: Material) -> str:
    rows: pd.DataFrame = material.measurements
    n = rows.loc[rows["status"] == "ok", "participant_id"].nunique()
    return f"{words.plural(n, 'participant')} with at least one measured number." if n else ""


STROBE: tuple[tuple[str, str, Filler | None], ...] = (
    ("1", "Title and abstract", None),
    ("2", "Background and rationale", None),
    ("3", "Objectives", None),
    ("4", "Study design", None),
    ("5", "Setting, places and dates", None),
    ("6", "Participants and eligibility", _eligibility),
    ("7", "Variables: outcomes, exposures, confounders", _variables),
    ("8", "Data sources and measurement", _files),
    ("9", "Efforts against bias", None),
    ("10", "Study size and how it was arrived at", None),
    ("11", "Quantitative variables", _variables),
    ("12a", "Statistical methods", _models),
    ("12a", "Control of confounding", _confounders),
    ("12c", "How missing data were addressed", _missing_data),
    ("12e", "Sensitivity analyses", None),
    ("13", "Numbers at each stage, with reasons", _numbers),
    ("14a", "Characteristics of participants", _characteristics),
    ("14b", "Missing data per variable", _missing),
    ("15", "Outcome data", _outcome),
    ("16", "Main results, unadjusted and adjusted, with precision", _results),
    ("17", "Other analyses", None),
    ("18–21", "Discussion: key results, limitations, interpretation, generalisability", None),
    ("22", "Funding", None),
)

MIFLOWCYT: tuple[tuple[str, str, Filler | None], ...] = (
    ("1.1", "Purpose", None),
    ("1.2", "Keywords", None),
    ("1.3", "Experiment variables", _groups),
    ("1.4", "Organisation", None),
    ("1.5", "Primary contact", None),
    ("1.6", "Date", None),
    ("1.7", "Conclusions", None),
    ("1.8", "Quality control measures", _quality_control),
    ("2.1", "Specimen", None),
    ("2.2", "Specimen characteristics", _characteristics),
    ("2.3", "Treatment of the specimens and people", _treatment),
    ("2.4", "Fluorescence reagents (clone, manufacturer, catalogue number)", None),
    ("2.4", "Controls", _controls),
    ("3.1", "Instrument manufacturer", None),
    ("3.2", "Instrument model", None),
    ("3.3", "Instrument configuration and settings", None),
    ("4.1", "List-mode data files", _files),
    ("4.2", "Compensation", _compensation),
    ("4.3", "Data transformation", _transformation),
    ("4.4", "Gating", _gating),
)
