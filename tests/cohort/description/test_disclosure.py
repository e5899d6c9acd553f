"""Nobody can be told apart in what leaves the study."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.cohort_examples import participant_table, spotless
from itc_analysis.cohort.description.disclosure import (
    SHARED_COLUMNS,
    age_band,
    count_cells,
    describe_small_cells,
    prepare_for_sharing,
)
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.participants import Participants

K = 5


def enrolled(*people: dict[str, Any]) -> pd.DataFrame:
    table = participant_table(*people).assign(
        decision="eligible", reasons="a free text", decided_by="rules", is_analysed=True
    )
    return contract.make(table, Participants)


@pytest.mark.parametrize(
    ("years", "band"),
    [(18.0, "15-19"), (44.9, "40-44"), (45.0, "45-49"), (49.9, "45-49"), (None, "unknown")],
)
def test_bands_are_five_years(years: float | None, band: str) -> None:
    assert age_band(years) == band


def test_cells_below_the_limit_are_marked() -> None:
    people = [spotless(f"P{n}", age_years=46.0) for n in range(5)]
    people += [spotless(f"Q{n}", age_years=46.0, sex="M") for n in range(4)]
    cells = count_cells(enrolled(*people), min_cell_size=K).set_index("sex")
    assert (cells.loc["F", "n"], bool(cells.loc["F", "is_small"])) == (5, False)
    assert (cells.loc["M", "n"], bool(cells.loc["M", "is_small"])) == (4, True)
    assert describe_small_cells(cells, min_cell_size=K) == (
        "4 of 9 participants share group, sex and 5-year age band with fewer than 5 people"
    )


def test_nobody_at_all_has_no_cells() -> None:
    cells = count_cells(contract.empty(Participants), min_cell_size=K)
    assert len(cells) == 0
    assert describe_small_cells(cells, min_cell_size=K) == ""
    assert len(prepare_for_sharing(contract.empty(Participants), min_cell_size=K)) == 0


def test_free_text_and_exact_ages_are_never_shared() -> None:
    shared = prepare_for_sharing(enrolled(*(spotless(f"P{n}") for n in range(6))), min_cell_size=K)
    assert tuple(shared.columns) == SHARED_COLUMNS
    assert "a free text" not in shared.to_csv()
    assert set(shared["age_band"]) == {"50-54"}


@settings(max_examples=60)
@given(
    people=st.lists(
        st.tuples(
            st.sampled_from(["SSc", "SLE"]),
            st.sampled_from(["F", "M", None]),
            st.one_of(st.none(), st.integers(18, 60).map(float)),
        ),
        min_size=1,
        max_size=60,
    ),
    k=st.integers(2, 6),
)
def test_every_combination_that_is_shared_has_enough_people(
    people: list[tuple[str, str | None, float | None]], k: int
) -> None:
    # built without its contract, whose checks would cost most of the time
    table = pd.DataFrame(people, columns=["group", "sex", "age_years"]).assign(
        participant_id=[f"P{n}" for n in range(len(people))],
        cmv_igg=True,
        decision="eligible",
        is_analysed=True,
    )
    table = table.astype({"group": "string", "sex": "string", "age_years": "float64"})
    shared = prepare_for_sharing(table, min_cell_size=k)
    sizes = shared.groupby(["group", "sex", "age_band"]).size()
    assert (sizes >= k).all()
    # only a group that is itself small is left out
    per_group = table["group"].value_counts()
    assert len(shared) == per_group[per_group >= k].sum()
    assert count_cells(table, min_cell_size=k)["n"].sum() == len(people)
