"""Check the sheets of a study and decide who is eligible.

Reads participants, samples, tubes and libraries as text, reports every fault with its row at
once, applies the trial's criteria and prints who may be compared. Writes tables only when an
output folder is named.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itc_analysis.cli.settings_option import add_config
from itc_analysis.plural import plural

if TYPE_CHECKING:
    import pandas as pd

    from itc_analysis.cohort.study import CohortTables
    from itc_analysis.config.sections import CheckedStudy
    from itc_analysis.config.steps import CheckSettings
    from itc_analysis.errors import ItcError


#: In the report's bibliography.
CRITERIA_CITATIONS = [
    "vandenhoogen2013",
    "leroy2001",
    "aringer2019",
    "shiboski2017",
    "aletaha2010",
    "lundberg2017",
]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument("--output-folder", help="where to write the tables; none when left out")
    parser.add_argument(
        "--headers", action="store_true", help="also open every data file and list the unusable"
    )


def run(options: argparse.Namespace) -> None:
    """Check, print the summary and write the tables."""
    from itc_analysis.cohort.study import read_cohort
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import CheckSettings
    from itc_analysis.errors import collecting, one_error

    settings = read_settings(options.config, CheckSettings)
    errors: list[ItcError] = []
    tables = None
    lines: list[str] = []
    unread: list[str] = []
    with collecting(errors):
        tables = read_cohort(settings.study, settings.cohort, settings.function)
        check_reviews(settings.study)
    if Path(options.config).suffix != ".json":
        # by hand: the workflow's own check is of the sheets alone
        from itc_analysis.checking.flow_folders import check_flow_folders, check_release
        from itc_analysis.checking.plan import check_plan
        from itc_analysis.checking.study import check_folders, sheets_not_named, too_few_people
        from itc_analysis.config.loading import load_settings

        everything = load_settings(options.config)
        with collecting(errors):
            check_folders(everything)
        with collecting(errors):
            unread = check_flow_folders(everything)
        with collecting(errors):
            check_release(everything)
        with collecting(errors):
            lines = check_plan(everything.study, everything.cohort, everything.function)
            if tables is not None:
                people = tables.participants
                counts = people.loc[people["is_analysed"], "group"].value_counts()
                lines += too_few_people(everything, counts.to_dict())
            lines += sheets_not_named(everything.study)
    if tables is not None:
        print(summarise(tables, settings))
    opened: list[str] = []
    if options.headers:
        found, opened = _open_with_settings(settings.study, options.config)
        errors += found
    if errors or tables is None:
        # what was seen in the files may say why
        for line in opened:
            print(line)
        # sheets, panels, templates, plan and files in one call: nobody mends a study ten times
        raise one_error(errors)
    if Path(options.config).suffix != ".json":
        lines += _state_of_lock(options.config)
    for line in [*lines, *unread, *opened]:
        print(line)
    if options.output_folder:
        write(tables, settings, Path(options.output_folder))


def _state_of_lock(config: str) -> list[str]:
    """Return what was changed since the plan was locked, or that it was not."""
    from itc_analysis.cli.plan.content import content_of_study, describe_state
    from itc_analysis.stats.plan.lock import lock_path, read_lock
    from itc_analysis.stats.plan.standing import stand

    study, content = content_of_study(config)
    path = lock_path(study.analysis_plan)
    return describe_state(stand(read_lock(path) if path.exists() else None, content))


def _open_with_settings(study: CheckedStudy, config: str) -> tuple[list[ItcError], list[str]]:
    """Open the data files; frozen settings lack the sections on flow and single cells."""
    from itc_analysis.checking.data_files import open_data_files
    from itc_analysis.cli.progress import watched
    from itc_analysis.config.loading import load_settings

    if Path(config).suffix == ".json":
        return open_data_files(study, watch=watched)
    settings = load_settings(config)
    min_genes = settings.singlecell.min_genes
    return open_data_files(study, settings.flow, min_genes=min_genes, watch=watched)


def check_reviews(study: CheckedStudy) -> None:
    """Compare reviewed gates with the gating templates of their panels.

    Raises
    ------
    ItcErrors
        gates that a template does not have, and places that do not fit them.
    """
    from itc_analysis.cohort.sheets.review import list_reviews, review_path
    from itc_analysis.errors import Fault, ItcError

    faults: list[Fault] = []
    reviews = list_reviews(review_path(study))
    for panel in sorted({str(row["panel"]) for row in reviews}):
        from itc_analysis.flow.gates.corrected import check_corrections
        from itc_analysis.flow.gating.template import load_template

        template = load_template(Path(study.gating_folder) / f"{panel}.yaml")
        faults += check_corrections([row for row in reviews if row["panel"] == panel], template)
    if faults:
        raise ItcError(str(review_path(study)), faults)


def summarise(tables: CohortTables, settings: CheckSettings) -> str:
    """Return the counts by group and decision, and the problems, as text."""
    from itc_analysis.cohort.description.disclosure import describe_small_cells

    planned = settings.cohort.planned_sizes
    decisions = ("eligible", "excluded", "query")
    people = tables.participants
    width = max(len(group) for group in (*settings.cohort.groups, "group"))
    lines = []
    if settings.study.simulated:
        lines.append(f"SIMULATED study ({settings.study.simulated}): these are not people")
    heads = "".join(f"{name:>10}" for name in decisions) + ("   planned" if planned else "")
    lines += [f"{'group':{width}}  enrolled{heads}"]
    for group in (*settings.cohort.groups, "all"):
        rows = people if group == "all" else people[people["group"] == group]
        counts = [int((rows["decision"] == name).sum()) for name in decisions]
        numbers = "".join(f"{n:>10}" for n in counts)
        if planned:
            size = sum(planned.values()) if group == "all" else planned.get(group, "-")
            numbers += f"{size:>10}"
        lines.append(f"{group:{width}}{len(rows):>10}{numbers}")
    lines.append(
        f"samples: {len(tables.samples)}, tubes: {len(tables.tubes)}, "
        f"libraries: {len(tables.libraries)}"
    )
    windows = describe_windows(tables.participants)
    if windows:
        lines.append(windows)
    if len(tables.queries):
        blocking = tables.queries.loc[tables.queries["blocks"], "participant_id"].nunique()
        lines.append(
            f"questions for the study nurse: {len(tables.queries)} (queries.tsv), "
            f"{blocking} people cannot be compared before they are answered"
        )
    small = describe_small_cells(tables.disclosure, min_cell_size=settings.cohort.min_cell_size)
    if small:
        lines.append(f"before sharing participant-level tables: {small}")
    if len(tables.problems):
        lines.append(f"problems that stop nothing: {len(tables.problems)}")
        lines += [f"  {row.item}: {row.what}; {row.remedy}" for row in tables.problems.itertuples()]
    return "\n".join(lines)


def write(tables: CohortTables, settings: CheckSettings, folder: Path) -> None:
    """Write the tables of the cohort room into `folder`, and two sheets: queries, and for
    sharing.
    """
    from itc_analysis import provenance
    from itc_analysis.cohort.description.disclosure import write_shared_sheet
    from itc_analysis.cohort.queries import write_query_sheet
    from itc_analysis.tables import contract
    from itc_analysis.tables.cohort import sheets
    from itc_analysis.tables.cohort.decisions import Classification, Disclosure, Queries
    from itc_analysis.tables.cohort.participants import Eligibility, Participants, Problems
    from itc_analysis.tables.cohort.variables import Variables

    study = settings.study
    read = [
        study.participants,
        study.samples,
        study.fcs_files,
        study.libraries,
        study.decisions,
        study.classification,
        study.variables,
        study.column_mapping,
    ]
    of_the_cohort = {
        "parameters": settings.cohort.model_dump(mode="json"),
        "inputs": [path for path in read if path],
    }
    criteria = describe_classification(tables)
    decided = {
        "methods": " ".join(filter(None, [describe_methods(tables), criteria])),
        "citations": ["nct04995588", *(CRITERIA_CITATIONS if criteria else [])],
    }
    of_the_variables = _from_sheet(study.variables)
    if study.variables:
        of_the_variables["inputs"] += [study.participants, study.samples]
    # A table names only the sheets it follows from: a corrected age leaves the samples' bytes
    # alone.
    for name, table, form, details in (
        ("participants", tables.participants, Participants, of_the_cohort | decided),
        ("eligibility", tables.eligibility, Eligibility, of_the_cohort),
        ("classification", tables.classification, Classification, of_the_cohort),
        ("queries", tables.queries, Queries, of_the_cohort),
        ("disclosure", tables.disclosure, Disclosure, of_the_cohort),
        ("problems", tables.problems, Problems, of_the_cohort),
        ("variables", tables.variables, Variables, of_the_variables),
        ("samples", tables.samples, sheets.SampleSheet, _from_sheet(study.samples)),
        ("tubes", tables.tubes, sheets.Tubes, _from_sheet(study.fcs_files)),
        ("libraries", tables.libraries, sheets.Libraries, _from_sheet(study.libraries)),
    ):
        made_from = provenance.describe("itc check", **details)
        contract.write(table, folder / f"{name}.parquet", form, provenance=made_from)
    write_query_sheet(tables.queries, folder / "queries.tsv")
    write_shared_sheet(
        tables.participants,
        folder / "participants_to_share.tsv",
        min_cell_size=settings.cohort.min_cell_size,
    )


def _from_sheet(path: str | None) -> dict[str, Any]:
    return {"inputs": [path] if path else []}


def describe_classification(tables: CohortTables) -> str:
    """Return the sentence on the criteria; empty when they were only declared."""
    own = tables.classification[tables.classification["is_of_group"]]
    decided = own[own["verdict"] != "not_assessable"]["participant_id"].nunique()
    if not decided:
        return ""
    people = (
        own.assign(decided=own["verdict"] != "not_assessable", known=own["declared"].notna())
        .groupby("participant_id")[["decided", "known"]]
        .any()
    )
    open_ones = people[~people["decided"]]
    n_declared = int(open_ones["known"].sum())
    n_neither = len(open_ones) - n_declared
    others = ""
    if n_declared:
        others += f", the clinician's declaration for {n_declared}"
    if n_neither:
        others += f"; {n_neither} had neither enough items nor a declaration"
    return (
        "The SSc 2013 and early SSc 2001, SLE 2019, pSS 2016, RA 2010 and IIM 2017 classification "
        "criteria were all applied to every participant, with the lowest and the highest score "
        f"that missing items allow; the items decided for {plural(decided, 'patient')}{others}."
    )


def describe_windows(participants: pd.DataFrame) -> str:
    """Return the sentence on how time windows were answered; empty when nobody answered any."""
    from itc_analysis.cohort.eligibility.windows import count_answers

    dated, bare = count_answers(participants)
    if not dated + bare:
        return ""
    return (
        f"time windows of the criteria: {plural(dated, 'answer')} as days or months, {bare} as "
        "yes/no without a date"
    )


def describe_methods(tables: CohortTables) -> str:
    """Return the sentences for the methods section."""
    people = tables.participants
    n = {
        name: int((people["decision"] == name).sum()) for name in ("eligible", "excluded", "query")
    }
    by_hand = int((people["decided_by"] != "rules").sum())
    versions = sorted(set(tables.eligibility["protocol_version"]) - {"none"})
    if not versions:
        return (
            f"{plural(len(people), 'participant was', 'participants were')} enrolled; no "
            "eligibility criteria were applied."
        )
    text = (
        f"Eligibility of {plural(len(people), 'enrolled participant')} was judged by the inclusion "
        f"and exclusion criteria of the trial record NCT04995588 ({' and '.join(versions)} "
        f"protocol version): {plural(n['eligible'], 'was', 'were')} eligible, {n['excluded']} "
        f"excluded, and {n['query']} could not be decided because an item was missing; a missing "
        "item was never read as absent."
    )
    windows = describe_windows(tables.participants)
    text += f" {windows[0].upper()}{windows[1:]}." if windows else ""
    return text + (
        f" {plural(by_hand, 'decision was', 'decisions were')} taken by hand." if by_hand else ""
    )
