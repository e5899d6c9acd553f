from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.people.log_ratios import REFERENCE_LOW, log_ratios
from stats.made_up_study import make_measurements, make_participants

N = 50_000
PEOPLE = make_participants({"SSc": 4, "healthy": 4})


def measured(shares, people=PEOPLE, n=N, **keywords):
    """Shares of several populations in the same tubes, with the cells that were counted."""
    tables = []
    for name, values in shares.items():
        values = np.broadcast_to(np.asarray(values, dtype=float), len(people))
        rows = make_measurements(people, values, population=name, n_denominator=n, **keywords)
        rows["n_cells"] = np.round(values * n).astype("int64")
        tables.append(rows)
    return pd.concat(tables, ignore_index=True)


def ratios(rows, parts=("mait", "inkt"), reference="cd4_t_cells", people=PEOPLE):
    return log_ratios(rows, people, assay="flow", parts=parts, reference=reference)


SHARES = {"mait": np.linspace(0.01, 0.05, 8), "inkt": 0.001, "cd4_t_cells": 0.5}


def test_ratio_is_of_counts_with_half_a_cell_each():
    found = ratios(measured(SHARES))
    expected = np.log((SHARES["mait"] * N + 0.5) / (0.5 * N + 0.5))
    np.testing.assert_allclose(found.parts["mait"]["y"], expected)
    np.testing.assert_allclose(found.counted[:, 0], expected)
    assert found.has_all.all()


def test_rest_is_what_the_parts_leave():
    found = ratios(measured(SHARES), reference="rest")
    k = SHARES["mait"] * N
    rest = N - k - 0.001 * N
    np.testing.assert_allclose(found.parts["mait"]["y"], np.log((k + 0.5) / (rest + 0.5)))
    full = ratios(measured(SHARES | {"inkt": 0.99}), reference="rest")
    assert (full.parts["mait"]["state"] == "the parts hold all T cells").all()


def test_counting_ten_times_as_many_cells_moves_no_ratio():
    """Half a cell is all that changes: below 1e-2 at the 50 cells of the rarest part here."""
    few, many = ratios(measured(SHARES)), ratios(measured(SHARES, n=10 * N))
    np.testing.assert_allclose(few.counted, many.counted, atol=1e-2)


def test_below_the_limit_is_an_upper_bound_and_its_cells_are_counted():
    rows = measured(SHARES | {"inkt": [0, 1e-4, 2e-4, 3e-4, 1e-3, 1e-3, 1e-3, 1e-3]}, limit=4e-4)
    found = ratios(rows)
    assert found.parts["inkt"]["state"].tolist() == ["below_lod"] * 4 + ["ok"] * 4
    # fewer than 20 cells: at most 20 less half a cell, which half a cell added makes the limit
    # itself
    bound = np.log(20 / (0.5 * N + 0.5))
    np.testing.assert_allclose(found.parts["inkt"]["y"][:4], bound)
    counted = np.log((np.array([0, 5, 10, 15]) + 0.5) / (0.5 * N + 0.5))
    np.testing.assert_allclose(found.counted[:4, 1], counted)


def test_a_missing_part_or_reference_keeps_the_participant_with_the_reason():
    rows = measured(SHARES)
    own = rows["participant_id"].isin(["P001"]) & (rows["population"] == "inkt")
    rows.loc[own, ["status", "value"]] = ["failed_quality", np.nan]
    low = rows["participant_id"].isin(["P002"]) & (rows["population"] == "cd4_t_cells")
    rows.loc[low, ["status", "value", "upper"]] = ["below_lod", np.nan, 4e-4]
    gone = rows["participant_id"].isin(["P003"]) & (rows["population"] == "cd4_t_cells")
    found = ratios(rows[~gone])
    assert found.has_all.tolist() == [True, False, False, False, True, True, True, True]
    assert found.parts["inkt"].loc["P001", "state"] == "failed_quality"
    assert found.parts["mait"].loc["P002", "state"] == REFERENCE_LOW
    assert found.parts["mait"].loc["P003", "state"] == "reference not measured"


def test_parts_from_another_tube_are_shares_of_their_own_t_cells():
    other = measured({"inkt": 0.001}, n=2 * N)
    rows = pd.concat([measured({k: v for k, v in SHARES.items() if k != "inkt"}), other])
    found = ratios(rows)
    expected = np.log(((0.001 * 2 * N + 0.5) / (2 * N)) / ((0.5 * N + 0.5) / N))
    np.testing.assert_allclose(found.parts["inkt"]["y"], expected)


def test_two_samples_of_a_person_are_averaged_on_the_log_scale():
    again = measured(
        {k: np.asarray(v) * 0.5 for k, v in SHARES.items() if k != "cd4_t_cells"}, suffix="b"
    )
    rows = pd.concat([measured(SHARES), again, measured({"cd4_t_cells": 0.5}, suffix="b")])
    found = ratios(rows)
    single = ratios(measured(SHARES))
    # half a cell moves the second sample's ratio by less than 0.02 of log 2
    np.testing.assert_allclose(found.counted, single.counted - np.log(2) / 2, atol=0.02)
    assert found.parts["mait"]["n_samples"].tolist() == [2] * 8


def test_a_population_that_nobody_measured_is_named():
    with pytest.raises(NotEstimable, match="no share of T was measured of inkt"):
        ratios(measured({"mait": 0.01, "cd4_t_cells": 0.5}))
