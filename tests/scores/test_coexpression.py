"""Co-expression: the share of cells with two or more receptors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from itc_analysis.scores.scoring.coexpression import (
    log_odds,
    marker_correlation,
    pair_table,
    score_coexpression,
    too_few_together,
)
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import Combinations


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
    assert "FMO" not in set(score_coexpression(study.flow)["source_id"])


def test_few_cells_count_with_their_error(study: Any) -> None:
    study.change("flow", "combinations", {"source_id": "P1-a"}, n_events=10)
    row = study.row("P1-a", "mait", "coexpression")
    assert (row["status"], row["n_cells"]) == ("ok", 30)
    assert row["value"] == pytest.approx(10 / 30)
    shrunk = 12 / 34
    assert row["standard_error"] == pytest.approx(math.sqrt(shrunk * (1 - shrunk) / 34))


def test_log_odds_beyond_independence_by_hand(study: Any) -> None:
    row = study.row("P1-a", "mait", "coexpression", "log_odds_beyond_independence")
    # PD-1 and TIM-3: 40 both, 60 PD-1 alone, none TIM-3 alone, 300 neither; half a cell each
    assert row["value"] == pytest.approx(math.log(40.5 * 300.5 / (60.5 * 0.5)))
    error = math.sqrt(1 / 40.5 + 1 / 60.5 + 1 / 0.5 + 1 / 300.5)
    assert (row["standard_error"], row["unit"]) == (pytest.approx(error), "log odds ratio")


def test_odds_are_not_told_where_chance_gives_no_cells(study: Any) -> None:
    study.change("flow", "combinations", {"source_id": "P1-a"}, n_events=2)
    row = study.row("P1-a", "mait", "coexpression", "log_odds_beyond_independence")
    assert row["status"] == "few_cells"
    assert math.isnan(row["value"])
    # 2 both, 2 PD-1 alone, 2 neither: 2 of 6 TIM-3+, 2 of 6 PD-1-
    assert row["reason"].startswith("chance alone would give 0.7 cells of the rarest combination")


@pytest.mark.parametrize("n_cells", [20, 50, 150, 500, 3_000])
@pytest.mark.parametrize("odds", [1.0, 3.0])
def test_odds_that_are_told_are_right_on_average(n_cells: int, odds: float) -> None:
    rng = np.random.default_rng([n_cells, int(odds)])
    p = 0.25
    a = 1 + 2 * p * (odds - 1)
    both = p * p
    if odds > 1:
        both = (a - math.sqrt(a * a - 4 * odds * (odds - 1) * p * p)) / (2 * (odds - 1))
    drawn = rng.multinomial(n_cells, [both, p - both, p - both, 1 - 2 * p + both], size=4_000)
    tables = [{("A", "B"): row.astype(float)} for row in drawn]
    found = [log_odds(table)[0] for table in tables if too_few_together(table) is None]
    if len(found) > 40:  # of 20 cells hardly any are
        error = np.std(found) / math.sqrt(len(found))
        assert np.mean(found) == pytest.approx(math.log(odds), abs=3 * error + 0.03)


def test_receptors_that_come_together_by_chance_only_have_no_odds() -> None:
    rng = np.random.default_rng(3)
    carried = rng.random((200_000, 3)) < (0.3, 0.1, 0.05)
    names = ("PD-1", "TIM-3", "TIGIT")
    words = [
        " ".join(f"{name}{'+' if on else '-'}" for name, on in zip(names, cell, strict=True))
        for cell in carried
    ]
    rows = pd.Series(words).value_counts().rename_axis("combination").reset_index(name="n_events")
    value, error = log_odds(pair_table(rows))
    assert abs(value) < 3 * error
    assert error < 0.05


def test_correlation_of_markers_is_that_of_the_cells(study: Any) -> None:
    together = marker_correlation(study.flow, "mait", ("TIM-3", "PD-1", "CD69"))
    pd1 = np.repeat([1, 1, 0], [40, 60, 300])
    tim3 = np.repeat([1, 0, 0], [40, 60, 300])
    expected = np.corrcoef(pd1, tim3)[0, 1]
    np.testing.assert_allclose(together, [[1, expected, 0], [expected, 1, 0], [0, 0, 1]])


def test_panel_without_combinations_has_no_rows(study: Any) -> None:
    study.put("flow", combinations=contract.empty(Combinations))
    assert not (study.score()["signature"] == "coexpression").any()


def test_tube_without_a_table_keeps_its_row(study: Any) -> None:
    study.drop("flow", "combinations", {"source_id": "P1-a"})
    row = study.row("P1-a", "mait", "coexpression")
    assert (row["status"], row["n_features_found"], row["n_features"]) == ("not_estimable", 0, 2)
    study.change("flow", "counts", {"source_id": "P1-a"}, n_events=0)
    row = study.row("P1-a", "mait", "coexpression")
    assert (row["status"], row["reason"]) == ("few_cells", "0 events, 1 needed")


def test_number_of_receptors_depends_on_the_panel(study: Any) -> None:
    row = study.row("P1-a", "mait", "coexpression")
    assert row["n_features_found"] == row["n_features"] == 2
