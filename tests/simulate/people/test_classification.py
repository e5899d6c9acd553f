"""Simulated patients fulfil the criteria of their own disease and of no other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.cohort.classification.run import classify
from itc_analysis.cohort.eligibility.consistency import find_contradictions
from itc_analysis.config.sections import Cohort
from itc_analysis.simulate.people.classification import draw_classification
from itc_analysis.simulate.people.clinical import draw_participants
from itc_analysis.simulate.people.cohort import simulate_measurement_truth


@pytest.fixture(scope="module")
def drawn() -> tuple[pd.DataFrame, pd.DataFrame]:
    people = simulate_measurement_truth("effect", 40, seed=3)
    sheet = draw_participants(people, np.random.default_rng(3))
    return draw_classification(sheet, np.random.default_rng(4))


def test_each_fulfils_the_own_set_unless_it_is_open_in_the_sheet(
    drawn: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    participants, items = drawn
    table = classify(participants, items, cohort=Cohort())
    fulfilled = table[table["verdict"] == "fulfils"]
    assert fulfilled["is_of_group"].all()
    met = participants.loc[participants["classification_met"].fillna(value=False), "participant_id"]
    assert set(fulfilled["participant_id"]) == set(met)
    is_open = participants["classification_met"].isna() & (participants["group"] != "healthy")
    assert is_open.any()
    own = table[table["is_of_group"] & table["participant_id"].isin(
        participants.loc[is_open, "participant_id"]
    )]  # fmt: skip
    assert "does_not_fulfil" not in set(own["verdict"])


def test_items_do_not_contradict_one_another(drawn: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    participants, items = drawn
    joined = participants.merge(items, on="participant_id")
    for row in joined.to_dict("records"):
        person = {name: None if pd.isna(value) else value for name, value in row.items()}
        assert find_contradictions(person) == []


def test_the_participants_keep_everything_else(drawn: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    people = simulate_measurement_truth("effect", 40, seed=3)
    before = draw_participants(people, np.random.default_rng(3))
    pd.testing.assert_frame_equal(
        drawn[0].drop(columns="ana_titre"), before.drop(columns="ana_titre")
    )
    assert drawn[0]["ana_titre"].notna().all()
