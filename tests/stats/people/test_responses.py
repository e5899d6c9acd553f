from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.errors import ItcError
from itc_analysis.stats.people.responses import check_people, log_t_per_ul, respond
from stats.made_up_study import COHORT, make_measurements, make_participants


@pytest.fixture
def people():
    return make_participants({"SSc": 3, "healthy": 3})


def test_share_becomes_the_logit_of_counts_with_half_a_cell(people):
    rows = make_measurements(people, [0, 0.01, 0.5, 1, 0.2, 0.3], n_denominator=1000)
    found = respond(rows, people, "share_of_t")["y"]
    k = np.array([0, 10, 500, 1000, 200, 300])
    np.testing.assert_allclose(found, np.log((k + 0.5) / (1000 - k + 0.5)))


def test_everybody_analysed_has_a_row_and_a_reason(people):
    people = people.assign(is_analysed=[True] * 5 + [False])
    rows = make_measurements(
        people, np.full(6, 0.1), status=["ok", "few_cells", "failed_quality", "ok", "ok", "ok"]
    ).drop(index=0)
    found = respond(rows, people, "share_of_t")
    assert found["state"].to_dict() == {
        "P000": "not measured",
        "P001": "few_cells",
        "P002": "failed_quality",
        "P003": "ok",
        "P004": "ok",
    }
    assert found["y"].isna().tolist() == [True, True, True, False, False]


def test_below_the_limit_is_an_upper_bound_for_a_share_and_a_count(people):
    values = [0.0001, 0.01, 0.01, 0.01, 0.01, 0.01]
    for measure in ("share_of_t", "cells_per_ul"):
        rows = make_measurements(people, values, measure=measure, limit=0.002, n_denominator=10_000)
        found = respond(rows, people, measure)
        assert found["state"].iloc[0] == "below_lod"
        assert found["value"].iloc[0] == -np.inf
        bound = np.log(20 / 9980) if measure == "share_of_t" else np.log(0.002)
        assert found["y"].iloc[0] == pytest.approx(bound)


def test_the_limit_is_taken_and_not_the_upper_limit_where_both_are_known(people):
    rows = make_measurements(people, [0.0001] + [0.01] * 5, limit=0.003, n_denominator=10_000)
    rows["limit"] = [0.002] + [np.nan] * 5
    assert respond(rows, people, "share_of_t")["y"].iloc[0] == pytest.approx(np.log(20 / 9980))


def test_the_limit_lies_half_way_between_the_highest_censored_and_the_lowest_quantified_value(
    people,
):
    """19 cells are below a limit of 20, 20 cells are not: with half a cell 19.5 and 20.5, half way
    20.
    """
    rows = make_measurements(
        people, [0.0019, 0.002, 0.1, 0.1, 0.1, 0.1], n_denominator=10_000, limit=0.002
    )
    low, quantified = respond(rows, people, "share_of_t")["y"].iloc[:2]
    unseen = np.log(19.5 / 9981.5)
    assert unseen < low < quantified
    assert low == pytest.approx((unseen + quantified) / 2, abs=1e-3)


def test_a_count_carries_the_t_cells_of_its_sample(people):
    counts = make_measurements(people, [5, 6, 7, 8, 9, 1], measure="cells_per_ul", limit=2)
    t_cells = make_measurements(
        people, np.arange(6) * 100.0, measure="cells_per_ul", population="t_cells"
    )
    # a second tube of the first sample, and a sample without T cells, which has no logarithm
    more = t_cells.iloc[[1]].assign(source_id="other tube", value=400.0)
    logs = log_t_per_ul(pd.concat([counts, t_cells, more]))
    found = respond(counts, people, "cells_per_ul", t_cells=logs)["log_t_per_ul"]
    assert np.isnan(found.iloc[0])
    assert found.iloc[1] == pytest.approx(np.log(200))
    assert found.iloc[5] == pytest.approx(np.log(500))


def test_a_score_of_a_population_below_the_limit_is_missing_not_low(people):
    rows = make_measurements(
        people, [-1, 1, 2, 3, 4, 5], measure="score", feature="exhaustion", limit=0
    )
    found = respond(rows, people, "score")
    assert found["state"].iloc[0] == "population_below_lod"
    assert np.isnan(found["y"].iloc[0])


def test_a_median_at_or_below_zero_is_as_low_as_the_lowest_positive_one(people):
    rows = make_measurements(
        people, [-5.0, 20, 30, 40, 50, 60], measure="median_intensity", feature="PD-1"
    )
    found = respond(rows, people, "median_intensity")
    assert found["state"].iloc[0] == "below_lod"
    assert found["y"].iloc[0] == pytest.approx(np.log(20))


def test_several_samples_of_a_person_are_averaged_on_the_models_scale(people):
    first = make_measurements(people, np.full(6, 0.1), batch="b1", standard_error=0.3)
    second = make_measurements(people, np.full(6, 0.2), suffix="2", batch="b2", standard_error=0.4)
    found = respond(pd.concat([first, second]), people, "share_of_t")
    apart = [respond(rows, people, "share_of_t")["y"].iloc[0] for rows in (first, second)]
    assert found["y"].iloc[0] == pytest.approx(np.mean(apart))
    assert found["n_samples"].tolist() == [2] * 6
    assert found["batch"].iloc[0] == "b1+b2"
    assert found["standard_error"].iloc[0] == pytest.approx(np.hypot(0.3, 0.4) / 2)


def test_a_run_that_failed_leaves_the_batch_of_the_one_that_did_not(people):
    """Nobody else is in its batch: as another one, it would be a batch of a single person."""
    good = make_measurements(people, np.full(6, 0.1), batch="b1")
    failed = make_measurements(
        people[:2], np.nan, suffix="2", batch="b2", status=["failed_quality", "unreadable"]
    )
    found = respond(pd.concat([failed, good]), people, "share_of_t")
    assert found["batch"].tolist() == ["b1"] * 6
    assert respond(failed, people, "share_of_t")["batch"].iloc[:2].tolist() == ["b2", "b2"]


def test_a_low_and_a_quantified_sample_average_to_an_upper_bound(people):
    first = make_measurements(people, np.full(6, 0.001), limit=0.01)
    second = make_measurements(people, np.full(6, 0.2), suffix="2")
    found = respond(pd.concat([first, second]), people, "share_of_t")
    assert set(found["state"]) == {"below_lod"}
    apart = [respond(rows, people, "share_of_t")["y"].iloc[0] for rows in (first, second)]
    assert found["y"].iloc[0] == pytest.approx(np.mean(apart))


def test_a_share_without_its_denominator_is_missing_and_says_so(people):
    rows = make_measurements(people, np.full(6, 0.1), n_denominator=None)
    found = respond(rows, people, "share_of_t")
    assert set(found["state"]) == {"cells of the denominator unknown"}


def test_bridge_controls_do_not_enter(people):
    rows = make_measurements(people, np.full(6, 0.1))
    bridge = rows.iloc[[0]].assign(participant_id=pd.NA, group=pd.NA, source_id="bridge", value=0.9)
    with_bridge = respond(pd.concat([rows, bridge]), people, "share_of_t")
    pd.testing.assert_frame_equal(with_bridge, respond(rows, people, "share_of_t"))


def test_people_in_two_groups_unknown_people_and_unknown_groups_are_named_together(people):
    rows = make_measurements(people, np.full(6, 0.1))
    rows.loc[0, "group"] = "healthy"
    rows.loc[1, "participant_id"] = "P999"
    people.loc[2, "group"] = "ssc"
    with pytest.raises(ItcError) as caught:
        check_people(rows, people, COHORT)
    text = str(caught.value)
    assert "participant 'P000', is in group 'SSc' but measured in healthy" in text
    assert "participant 'P999', is measured but not in the participants' table" in text
    assert "participant 'P002', group 'ssc' is unknown; did you mean 'SSc'?" in text
