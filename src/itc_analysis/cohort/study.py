"""The cohort of a study as tables: everybody enrolled with decisions, samples, tubes, libraries.

What `itc check` writes and prints; it reads the sheets through `join` and judges by `eligibility`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from itc_analysis.cohort.classification.run import classify, people_with_items
from itc_analysis.cohort.description.design import find_confounded_batches
from itc_analysis.cohort.description.disclosure import count_cells
from itc_analysis.cohort.eligibility.consistency import doubted_items, with_groups
from itc_analysis.cohort.eligibility.eligibility import decide, judge_participants
from itc_analysis.cohort.eligibility.windows import answer_by_numbers
from itc_analysis.cohort.join import read_study_sheets
from itc_analysis.cohort.oddities import find_oddities, find_uncontrolled
from itc_analysis.cohort.queries import make_queries
from itc_analysis.cohort.sheets.read import to_table
from itc_analysis.cohort.variables import make_variables
from itc_analysis.config.sections import CheckedCohort, CheckedStudy, Conditions
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.classification import ClassificationSheet
from itc_analysis.tables.cohort.participants import Problems
from itc_analysis.tables.cohort.sheets import (
    DecisionSheet,
    Libraries,
    ParticipantSheet,
    SampleSheet,
    Tubes,
)


@dataclass(frozen=True)
class CohortTables:
    """The checked sheets and what follows from them; see the contracts of the same names."""

    participants: pd.DataFrame
    eligibility: pd.DataFrame
    classification: pd.DataFrame
    queries: pd.DataFrame
    disclosure: pd.DataFrame
    samples: pd.DataFrame
    tubes: pd.DataFrame
    libraries: pd.DataFrame
    problems: pd.DataFrame
    variables: pd.DataFrame


def read_cohort(
    study: CheckedStudy, cohort: CheckedCohort, conditions: Conditions | None = None
) -> CohortTables:
    """Read, check and join the sheets of a study and decide on eligibility.

    Parameters
    ----------
    study, cohort : CheckedStudy or CheckedCohort
        the sheets, and the rules of eligibility.
    conditions : Conditions, optional
        the function section; None: resting cells only.

    Raises
    ------
    ItcError
        the faults of all sheets at once; nothing has been written by then.
    """
    sheets = read_study_sheets(study, cohort, conditions)
    enrolled = answer_by_numbers(to_table(sheets.participants.rows, ParticipantSheet))
    samples = to_table(sheets.samples.rows, SampleSheet)
    tubes = to_table(sheets.tubes.rows, Tubes)
    libraries = to_table(sheets.libraries.rows, Libraries)
    items = to_table(sheets.classification.rows, ClassificationSheet)
    doubts = {
        str(person["participant_id"]): doubted_items(with_groups(known, cohort))
        for person, known in people_with_items(enrolled, items)
    }
    classification = classify(enrolled, items, cohort=cohort, doubts=doubts)
    eligibility = judge_participants(enrolled, classification, cohort=cohort, doubts=doubts)
    participants = decide(
        enrolled,
        eligibility,
        to_table(sheets.decisions.rows, DecisionSheet),
        analyse_queried=cohort.analyse_queried,
    )
    variables, odd_variables = make_variables(sheets)
    problems = [
        *find_oddities(participants, eligibility, samples, tubes, libraries, cohort=cohort),
        *find_confounded_batches(participants, samples, tubes, libraries),
        *find_uncontrolled(sheets.tubes.rows, conditions or Conditions()),
        *odd_variables,
    ]
    table = contract.make(problems, Problems) if problems else contract.empty(Problems)
    return CohortTables(
        participants=participants,
        eligibility=eligibility,
        classification=classification,
        queries=make_queries(participants, eligibility, classification, items, cohort=cohort),
        disclosure=count_cells(enrolled, min_cell_size=cohort.min_cell_size),
        samples=samples,
        tubes=tubes,
        libraries=libraries,
        problems=table,
        variables=variables,
    )
