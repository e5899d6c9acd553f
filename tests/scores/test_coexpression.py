"""Co-expression: the share of cells with two or more receptors."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from itc_analysis.scores.coexpression import score_coexpression
from itc_analysis.tables import contract, made


def test_share_with_two_or_more_by_hand(study: Any) -> None:
    row = study.row("P1-a", "mait", "coexpression")
    assert row["value"] == pytest.approx(40 / 400)
    assert (row["n_cells"], row["n_features"], row["unit"]) == (400, 2, "share")
    shrunk = 42 / 404
    assert row["standard_error"] == pytest.approx(math.sqrt(shrunk * (1 - shrunk) / 404))


def test_control_tubes_are_not_scored(study: Any) -> None:
    table = study.flow.combinations
    control = table[table["source_id"] == "H1-a"].assign(source_id="FMO", sample_id="S-BR")
    study.put("flow", combinations=pd.concat([table, control], ignore_index=True))
    assert "FMO" not in set(score_coexpression(study.flow, min_events=50)["source_id"])


def test_small_population_is_not_scored(study: Any) -> None:
    study.change("flow", "combinations", {"source_id": "P1-a"}, n_events=10)
    row = study.row("P1-a", "mait", "coexpression")
    assert (row["status"], row["reason"]) == ("few_cells", "30 events, 50 needed")
    assert pd.isna(row["value"])


def test_panel_without_combinations_has_no_rows(study: Any) -> None:
    study.put("flow", combinations=contract.empty(made.Combinations))
    assert not (study.score()["signature"] == "coexpression").any()


def test_tube_without_a_table_keeps_its_row(study: Any) -> None:
    study.drop("flow", "combinations", {"source_id": "P1-a"})
    row = study.row("P1-a", "mait", "coexpression")
    assert (row["status"], row["n_features_found"], row["n_features"]) == ("not_estimable", 0, 2)
    study.change("flow", "counts", {"source_id": "P1-a"}, n_events=12)
    row = study.row("P1-a", "mait", "coexpression")
    assert (row["status"], row["reason"]) == ("few_cells", "12 events, 50 needed")


def test_number_of_receptors_depends_on_the_panel(study: Any) -> None:
    row = study.row("P1-a", "mait", "coexpression")
    assert row["n_features_found"] == row["n_features"] == 2
