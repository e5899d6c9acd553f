from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.people.counts import Count
from itc_analysis.stats.people.log_ratios import REFERENCE_LOW, _left, log_ratios
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


def in_tube(tube, shares, **keywords):
    """Measured in another tube of the same samples, with the cells as they were counted."""
    rows = measured(shares, **keywords)
    return rows.assign(source_id=rows["participant_id"] + tube, n_events=rows["n_cells"])


def test_a_sample_stained_twice_is_compared_tube_by_tube():
    """Each tube's MAIT with the CD4 of the same tube, and their ratios averaged."""
    first = in_tube("a", SHARES)
    second = in_tube("b", SHARES | {"mait": 0.02, "cd4_t_cells": 0.25}, n=2 * N)
    found = ratios(pd.concat([first, second]).sample(frac=1, random_state=1))
    apart = [ratios(rows).counted for rows in (first, second)]
    np.testing.assert_allclose(found.counted, np.mean(apart, axis=0))
    np.testing.assert_allclose(found.parts["mait"]["y"], np.mean(apart, axis=0)[:, 0])
    by_rest = ratios(pd.concat([first, second]), reference="rest")
    apart = [ratios(rows, reference="rest").counted for rows in (first, second)]
    np.testing.assert_allclose(by_rest.counted, np.mean(apart, axis=0))


def test_a_reference_of_another_panel_is_that_of_all_its_tubes():
    """MAIT in one tube, CD4 in two of another panel, of which one failed in the first person."""
    mait = in_tube("a", {"mait": SHARES["mait"]})
    cd4 = in_tube("b", {"cd4_t_cells": 0.4}), in_tube("c", {"cd4_t_cells": 0.6}, n=3 * N)
    cd4[1].loc[cd4[1]["participant_id"] == "P000", ["status", "value"]] = ["failed_quality", np.nan]
    found = ratios(pd.concat([mait, *cd4]), parts=("mait",))
    share = np.where(np.arange(8) == 0, 0.4, (0.4 + 3 * 0.6) / 4)
    # half a cell of 20,000 changes less than 1e-4
    expected = np.log((SHARES["mait"] * N + 0.5) / N / share)
    np.testing.assert_allclose(found.counted[:, 0], expected, atol=1e-4)
    counts = [samples[0] for samples in found.parts["mait"]["sample_counts"]]
    among = np.array([count.k / count.n for count in counts])
    # the same ratio from the cells, without half a cell; k is rounded to whole ones of 500 or more
    np.testing.assert_allclose(
        np.log(among / (1 - among)), np.log(SHARES["mait"] / share), atol=1e-3
    )


def test_the_rest_is_of_one_whole_where_parts_come_from_two_panels():
    mait, inkt = in_tube("a", {"mait": 0.02}), in_tube("b", {"inkt": 0.001}, n=4 * N)
    found = ratios(pd.concat([mait, inkt]), reference="rest")
    np.testing.assert_allclose(
        np.exp(found.counted), [[0.02 / 0.979, 0.001 / 0.979]] * 8, rtol=3e-3
    )  # half a cell of 200
    (count,) = found.parts["inkt"]["sample_counts"].iloc[0]
    assert count.k / (count.n - count.k) == pytest.approx(0.001 / 0.979)


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


def test_what_the_parts_leave_is_counted_without_their_background():
    """Of 1,000 T cells 90 and of 500 in another tube 30, of which 40 and 5 were background."""
    parts = (Count(90, 1000, 40, 3, 1, 0), Count(30, 500, 5, 1, 1, 0))
    left = _left(parts)
    assert left is not None
    assert left.k == pytest.approx(1000 - 50 - 2 * 25)
    assert left.n == 1000
    assert _left((Count(5, 1000, 40, 3, 1, 0),)) == Count(1000, 1000, 0, 0, 1, 0)
    assert _left((parts[0], None)) is None
