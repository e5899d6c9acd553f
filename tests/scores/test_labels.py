"""Labels: at least two raised receptors, and never the word exhausted."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import LabelReference
from itc_analysis.scores.cards.signatures import Signature
from itc_analysis.scores.words.labels import (
    ACTIVATED,
    BOTH,
    INHIBITORY_HIGH,
    LABELS,
    NOT_ASSESSABLE,
    WITHIN,
    choose_label,
    describe_labels,
    label_participants,
)
from itc_analysis.tables import contract
from itc_analysis.tables.measured import Measurements

REFERENCE = LabelReference(min_reference=4)
CARDS = [
    Signature("exhaustion", "flow", ("PD-1", "TIM-3", "TIGIT"), (1, 1, 1), ("s",) * 3, "r"),
    Signature("activation", "flow", ("CD69", "HLA-DR"), (1, 1), ("s",) * 2, "r"),
]


def measurements(raised: dict[str, tuple[str, ...]], lacking: tuple[str, ...] = ()) -> pd.DataFrame:
    """Twelve healthy people, and patients whose `raised` markers are at 70 % instead of 20 %."""
    rng = np.random.default_rng(1)
    rows = []
    for person in (*[f"H{i:02d}" for i in range(12)], *raised):
        for marker in ("PD-1", "TIM-3", "TIGIT", "CD69", "HLA-DR"):
            share = 0.7 if marker in raised.get(person, ()) else rng.uniform(0.17, 0.23)
            is_lost = marker in lacking
            rows.append(
                {
                    "sample_id": f"S-{person}",
                    "participant_id": person,
                    "group": "SSc" if person in raised else "healthy",
                    "assay": "flow",
                    "source_id": f"{person}-a",
                    "batch": "B1",
                    "population": "mait",
                    "measure": "share_positive",
                    "feature": marker,
                    "value": None if is_lost else share,
                    "unit": "share",
                    "n_denominator": 1_000,
                    "status": "no_control" if is_lost else "ok",
                }
            )
    return contract.make(rows, Measurements)


def label_of(table: pd.DataFrame, person: str) -> str:
    found = label_participants(table, CARDS, healthy_group="healthy", settings=REFERENCE)
    rows = found[found["participant_id"] == person]
    assert len(rows) == 1
    return str(rows["label"].iloc[0])


@pytest.mark.parametrize(
    ("raised", "label"),
    [
        (("PD-1", "TIGIT"), INHIBITORY_HIGH),
        (("CD69", "HLA-DR"), ACTIVATED),
        (("PD-1", "TIGIT", "CD69", "HLA-DR"), BOTH),
        (("PD-1",), WITHIN),
        (("PD-1", "CD69"), WITHIN),
        ((), WITHIN),
    ],
)
def test_label_needs_two_raised_markers_of_a_kind(raised: tuple[str, ...], label: str) -> None:
    assert label_of(measurements({"P1": raised}), "P1") == label


def test_too_few_markers_are_not_assessable() -> None:
    table = measurements({"P1": ()}, lacking=("TIM-3", "TIGIT"))
    assert label_of(table, "P1") == NOT_ASSESSABLE


def test_raised_receptors_count_even_when_activation_is_not_known() -> None:
    table = measurements({"P1": ("PD-1", "TIGIT")}, lacking=("CD69",))
    assert label_of(table, "P1") == INHIBITORY_HIGH


def test_study_without_healthy_people_is_not_assessable() -> None:
    table = measurements({"P1": ("PD-1", "TIGIT")})
    found = label_participants(table, CARDS, healthy_group=None, settings=REFERENCE)
    assert set(found["label"]) == {NOT_ASSESSABLE}


@pytest.mark.parametrize("n_cells", [60, 500, 3_000])
def test_healthy_people_are_called_raised_as_rarely_with_few_cells_as_with_many(
    n_cells: int,
) -> None:
    rng = np.random.default_rng(8)
    rows = []
    for i in range(300):
        is_reference = i < 100
        n = 1_000 if is_reference else n_cells
        for marker in ("PD-1", "TIM-3"):
            share = 1 / (1 + math.exp(2.0 - rng.normal(0, 0.6)))
            rows.append(
                {
                    "sample_id": f"S{i}",
                    "participant_id": f"P{i:03d}",
                    "group": "healthy" if is_reference else "SSc",
                    "assay": "flow",
                    "source_id": f"T{i}",
                    "batch": "B1",
                    "population": "mait",
                    "measure": "share_positive",
                    "feature": marker,
                    "value": rng.binomial(n, share) / n,
                    "unit": "share",
                    "n_denominator": n,
                    "status": "ok",
                }
            )
    table = contract.make(rows, Measurements)
    found = label_participants(table, CARDS, healthy_group="healthy", settings=REFERENCE)
    patients = found[found["group"] == "SSc"]
    # 400 markers: 2.5 % are 10, give or take 3
    assert 2 <= patients["n_inhibitory_raised"].sum() <= 20


def test_cd69_alone_makes_nobody_activated() -> None:
    assert label_of(measurements({"P1": ("CD69",)}), "P1") == WITHIN


def test_exhausted_is_never_given_by_markers_and_every_row_says_why() -> None:
    table = measurements({"P1": ("PD-1", "TIM-3", "TIGIT", "CD69", "HLA-DR")})
    found = label_participants(table, CARDS, healthy_group="healthy", settings=REFERENCE)
    assert not any("exhausted" in label for label in LABELS)
    assert set(found["label"]) <= set(LABELS)
    assert set(found["word"]) == {"not assessable"}
    assert found["why"].str.contains("no stimulated tube").all()
    assert found["probability_exhausted"].isna().all()


def test_every_count_of_markers_gives_one_label() -> None:
    for inhibitory in range(4):
        for activation in range(4):
            label = choose_label(inhibitory, 4, activation, 3)
            assert label in LABELS
            assert (INHIBITORY_HIGH in label) == (inhibitory >= 2)
            assert (ACTIVATED in label) == (activation >= 2)


def test_words_of_function_are_described_only_where_tubes_were_stimulated() -> None:
    none = pd.DataFrame({"stimulation": ["-", "-"]})
    assert "No tube was stimulated" in describe_labels(none)
    assert "It was called" not in describe_labels(none)
    some = pd.DataFrame({"stimulation": ["-", "il12_il18"]})
    assert "It was called hypofunctional" in describe_labels(some)
    assert describe_labels(none.iloc[:0]) == ""


def test_table_without_positivity_gives_no_labels() -> None:
    empty = contract.empty(Measurements)
    assert label_participants(empty, CARDS, healthy_group="healthy", settings=REFERENCE).empty
