"""Table 1 says what each group is like and what is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cohort.cohort_examples import participant_table, spotless
from itc_analysis.cohort.description.table_one import make_table_one
from itc_analysis.cohort.eligibility.eligibility import decide, judge_participants
from itc_analysis.config.sections import Cohort
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.sheets import DecisionSheet

GROUPS = ("SSc", "healthy")


def table_one(*people: dict[str, object]) -> pd.DataFrame:
    table = participant_table(*people)
    eligibility = judge_participants(table, cohort=Cohort())
    decided = decide(table, eligibility, contract.empty(DecisionSheet), analyse_queried=False)
    made = make_table_one(decided, groups=GROUPS)
    return made.set_index(["variable", "level", "group"])


def test_numbers_are_medians_with_quartiles_as_numpy_has_them() -> None:
    ages = [31.0, 40.5, 57.0, 62.0, 70.0]
    table = table_one(*(spotless(f"P{n}", age_years=age) for n, age in enumerate(ages)))
    low, median, high = np.quantile(ages, [0.25, 0.5, 0.75])
    row = table.loc[("age_years", "", "SSc")]
    assert row["text"] == f"{median:g} [{low:g}; {high:g}]"
    assert row["unit"] == "years"
    assert row["n"] == 5


def test_large_numbers_are_written_out() -> None:
    table = table_one(spotless("P1", glucocorticoid_mg_per_day=1000.0))
    assert table.loc[("glucocorticoid_mg_per_day", "", "SSc"), "text"] == "1000 [1000; 1000]"


def test_shares_are_of_those_known_and_missing_is_counted_apart() -> None:
    people = [
        spotless(f"P{n}", cmv_igg=value) for n, value in enumerate([True, False, False, None])
    ]
    row = table_one(*people).loc[("cmv_igg", "yes", "SSc")]
    assert row["text"] == "1 (33)"
    assert (row["n"], row["n_missing"]) == (3, 1)


def test_each_level_of_a_text_has_its_row() -> None:
    people = [spotless("P1", ssc_subset="lcSSc"), spotless("P2", ssc_subset="dcSSc")]
    people.append(spotless("P3", "healthy"))
    table = table_one(*people)
    assert table.loc[("ssc_subset", "lcSSc", "SSc"), "text"] == "1 (50)"
    assert table.loc[("ssc_subset", "dcSSc", "all"), "text"] == "1 (50)"
    assert table.loc[("ssc_subset", "dcSSc", "healthy"), "text"] == "-"
    assert table.loc[("ssc_subset", "dcSSc", "healthy"), "n_missing"] == 1
    # it does not apply to the healthy person
    assert table.loc[("ssc_subset", "dcSSc", "all"), "n_missing"] == 0


def test_a_variable_nobody_has_is_left_out_and_excluded_people_are_not_described() -> None:
    table = table_one(spotless("P1"), spotless("P2", age_years=17.0, mrss=20.0))
    variables = table.index.get_level_values("variable")
    assert "mrss" not in variables
    assert table.loc[("age_years", "", "all"), "n"] == 1
