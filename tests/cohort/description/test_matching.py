"""Pairs of the same sex and about the same age."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.cohort_examples import participant_table, spotless
from itc_analysis.cohort.description.matching import match_controls


def matched(
    ours: list[dict[str, Any]], theirs: list[dict[str, Any]], years: float = 5
) -> pd.DataFrame:
    people = [spotless(f"S{n}", "SSc", **items) for n, items in enumerate(ours)]
    people += [spotless(f"H{n}", "healthy", **items) for n, items in enumerate(theirs)]
    table = participant_table(*people).assign(is_analysed=True)
    return match_controls(
        table, index_group="SSc", control_group="healthy", max_years=years
    ).set_index("participant_id")


def test_the_nearest_of_the_same_sex_is_taken() -> None:
    table = matched(
        [{"age_years": 50.0}, {"age_years": 60.0, "sex": "M"}],
        [{"age_years": 50.0, "sex": "M"}, {"age_years": 53.0}, {"age_years": 62.0, "sex": "M"}],
    )
    assert table["control_id"].tolist() == ["H1", "H2"]
    assert table["age_difference"].tolist() == [-3, -2]


def test_those_without_a_control_say_why() -> None:
    table = matched(
        [{"age_years": 50.0}, {"age_years": None}, {"age_years": 30.0}], [{"age_years": 55.0}]
    )
    assert table["reason"].isna().tolist() == [True, False, False]
    assert table["reason"].tolist()[1:] == [
        "age or sex is missing",
        "no control of this sex and age is left",
    ]


def test_excluded_people_are_not_matched() -> None:
    people = participant_table(spotless("S1"), spotless("H1", "healthy")).assign(is_analysed=False)
    table = match_controls(people, index_group="SSc", control_group="healthy", max_years=5)
    assert len(table) == 0


AGES = st.lists(st.integers(20, 40).map(float), min_size=1, max_size=4)


@settings(max_examples=40)
@given(ours=AGES, theirs=AGES)
def test_most_people_are_matched_at_the_least_difference(
    ours: list[float], theirs: list[float]
) -> None:
    """The slow way: every way to pair them."""
    table = matched([{"age_years": a} for a in ours], [{"age_years": a} for a in theirs])
    n = max(len(ours), len(theirs))
    mine, other = [*ours, *[None] * (n - len(ours))], [*theirs, *[None] * (n - len(theirs))]
    best = min(
        (-len(differences), sum(differences))
        for order in permutations(other)
        for differences in [
            [
                abs(a - b)
                for a, b in zip(mine, order, strict=True)
                if a is not None and b is not None and abs(a - b) <= 5
            ]
        ]
    )
    found = table["age_difference"].dropna().abs()
    assert (-len(found), found.sum()) == best
    assert table["control_id"].dropna().is_unique
