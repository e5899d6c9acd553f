"""Responses from counts: values, detection, reasons, and tables that add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from itc_analysis.measurements.function.responses import measure_responses
from itc_analysis.measurements.function.rows import functionality_rows, response_rows
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.paired_counts import Pairs, learn_background, responder_probability
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import Combinations, Intensity
from itc_analysis.tables.measured import Counts

#: Positive among 200 cells, with and without stimulation, of each person.
SHOWN = {"P1": (60, 4), "P2": (5, 4), "P3": (1, 6), "P4": (80, 2), "P5": (0, 0)}


def pair(person: str, **more: Any) -> dict[str, Any]:
    return {
        "source_id": f"{person}-s", "control_id": f"{person}-u", "sample_id": person, "panel": "f",
        "batch": "b1", "condition": "il12", "control": "unstimulated", "culture_hours": 20.0,
        "viability": 0.9, "status": "ok", "reason": None, **more,
    }  # fmt: skip


def read(tube: str, k: int, n: int, **more: Any) -> dict[str, Any]:
    return {
        "source_id": tube, "sample_id": tube[:2], "population": "mait", "marker": "IFN-g",
        "role": "function", "n_events": n, "n_positive": k, "n_positive_low": k,
        "n_positive_high": k, "threshold": 0.4, "threshold_se": 0.01, "threshold_state": "control",
        "threshold_source": "fmo", **more,
    }  # fmt: skip


def study(
    shown: dict[str, tuple[int, int]] = SHOWN, n: int = 200, **more: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    pairs = pd.DataFrame([pair(person) for person in shown])
    rows = [read(f"{who}-{tube}", k, n, **more)
            for who, both in shown.items() for tube, k in zip("su", both, strict=True)]  # fmt: skip
    return pairs, contract.make(rows, Intensity)


def measured(pairs: pd.DataFrame, intensity: pd.DataFrame) -> pd.DataFrame:
    found, _ = measure_responses(
        pairs, intensity, contract.empty(Combinations), contract.empty(Counts)
    )
    return found[found["marker"] == "IFN-g"].set_index("sample_id")


def test_response_is_the_difference_of_the_shares() -> None:
    found = measured(*study())
    assert found.loc["P1", "difference"] == pytest.approx(60 / 200 - 4 / 200)
    assert found.loc["P1", "status"] == "ok"
    assert found.loc["P1", "lower"] < 0.28 < found.loc["P1", "upper"]
    assert found.loc["P4", "responder_probability"] > 0.99


def test_no_more_cells_than_without_is_below_the_limit_and_never_negative() -> None:
    rows = response_rows(measured(*study()).reset_index(), ["SSc"] * 5).set_index("sample_id")
    for person in ("P2", "P3", "P5"):
        assert rows.loc[person, "status"] == "below_lod"
        assert np.isnan(rows.loc[person, "value"])
        assert rows.loc[person, "lower"] == 0
        assert rows.loc[person, "upper"] > 0
        # the counts stay, for comparisons
        assert rows.loc[person, "n_events"] == SHOWN[person][0]
    assert rows.loc["P1", "feature"] == "il12:IFN-g"
    assert rows.loc["P1", "n_background"] == pytest.approx(4, abs=1.5)
    assert rows.loc["P1", "background_se"] > 0


def test_pairs_read_at_two_thresholds_have_no_response() -> None:
    pairs, intensity = study()
    moved = intensity["threshold"].where(intensity["source_id"] != "P1-u", 0.5)
    found = measured(pairs, intensity.assign(threshold=moved))
    assert found.loc["P1", "status"] == "no_control"
    assert "different thresholds" in found.loc["P1", "reason"]
    assert found.loc["P4", "status"] == "ok"


def test_a_threshold_that_is_not_sure_enough_carries_no_response() -> None:
    found = measured(
        *study(threshold_source="negative_population", threshold_state="ok",
               n_positive_low=1, n_positive_high=120)
    )  # fmt: skip
    # the same cells in both tubes: the difference does not move
    assert found.loc["P1", "status"] == "ok"
    pairs, intensity = study(threshold_source="negative_population", threshold_state="ok")
    low = intensity["n_positive_low"].where(intensity["source_id"] != "P1-s", 20)
    found = measured(pairs, intensity.assign(n_positive_low=low))
    assert found.loc["P1", "status"] == "no_control"
    assert "not sure enough" in found.loc["P1", "reason"]


@pytest.mark.parametrize(("k_low", "status"), [(58, "ok"), (55, "no_control")])
def test_a_threshold_may_change_a_response_by_three_tenths_of_itself(
    k_low: int, status: str
) -> None:
    # 80 of 1,000 without an unstimulated positive: 2.2 % is less than 3/10 of 8 %, 2.5 % is more
    told = {"threshold_source": "negative_population", "threshold_state": "ok"}
    pairs, intensity = study({"P1": (80, 0)}, n=1000, **told)
    low = intensity["n_positive_low"].where(intensity["source_id"] != "P1-s", k_low)
    assert measured(pairs, intensity.assign(n_positive_low=low)).loc["P1", "status"] == status


def chances(table: pd.DataFrame, k: str, n: str) -> FloatArray:
    """Return the probabilities by the background of each unstimulated tube once."""
    once = table.drop_duplicates("control_id")
    learned = learn_background(once[f"{k}_control"], once[f"{n}_control"])
    columns = (k, n, f"{k}_control", f"{n}_control")
    return responder_probability(Pairs(*(table[name].to_numpy(float) for name in columns)), learned)


def test_a_control_of_two_tubes_teaches_the_background_once() -> None:
    pairs, intensity = study()
    again = pd.DataFrame([pair("P1", source_id="P1-t")])
    own = contract.make([read("P1-t", 60, 200)], Intensity)
    found = measured(pd.concat([pairs, again]), pd.concat([intensity, own]))
    assert list(found["control_id"]).count("P1-u") == 2
    expected = chances(found, "n_positive", "n_events")
    np.testing.assert_allclose(found["responder_probability"], expected, rtol=1e-12)


def test_a_control_of_two_tubes_teaches_the_background_of_combinations_once() -> None:
    counted = {"P1-s": 20, "P1-t": 15, "P1-u": 12, "P2-s": 9, "P2-u": 1}
    rows = [
        row
        for tube, k in counted.items()
        for row in combinations(tube, {"A+ B-": k, "A- B-": 200 - k})
    ]
    pairs = [pair("P1"), pair("P1", source_id="P1-t"), pair("P2")]
    _, table = measure_responses(
        pd.DataFrame(pairs),
        contract.empty(Intensity),
        contract.make(rows, Combinations),
        contract.empty(Counts),
    )
    table = table[table["n_functions"] > 0]
    assert len(table) == 3
    expected = chances(table, "n_events", "n_parent")
    np.testing.assert_allclose(table["responder_probability"], expected, rtol=1e-12)


def test_a_pair_that_failed_keeps_its_rows_and_its_reason() -> None:
    pairs, intensity = study()
    pairs.loc[0, ["status", "reason"]] = ["no_control", "no unstimulated control"]
    found, _ = measure_responses(
        pairs, intensity, contract.empty(Combinations), contract.empty(Counts)
    )
    mine = found[found["sample_id"] == "P1"]
    assert set(mine["marker"]) == {"IFN-g", "any_function", "two_or_more"}
    assert set(mine["status"]) == {"no_control"}
    assert mine["difference"].isna().all()


def test_no_cells_are_too_few_and_one_cell_is_counted() -> None:
    found = measured(*study({"P1": (0, 0), "P2": (1, 0)}, n=1))
    assert list(found["status"]) == ["below_lod", "below_lod"]
    found = measured(*study({"P1": (0, 0)}, n=0))
    assert list(found["status"]) == ["few_cells"]


def test_lost_receptors_are_remarked_on() -> None:
    pairs, intensity = study()
    events = intensity["n_events"].where(intensity["source_id"] != "P1-s", 62)
    totals = [
        {"source_id": tube, "sample_id": tube[:2], "population": name, "parent": "live",
         "n_events": n, "n_parent": 10_000, "n_total": 20_000, "is_measured": True, "status": "ok"}
        for tube in intensity["source_id"] for name, n in (("t_cells", 10_000), ("mait", 200))
    ]  # fmt: skip
    found, _ = measure_responses(
        pairs, intensity.assign(n_events=events), contract.empty(Combinations),
        contract.make(totals, Counts),
    )  # fmt: skip
    row = found[(found["sample_id"] == "P1") & (found["marker"] == "IFN-g")].iloc[0]
    assert "may have lost the receptor" in row["reason"]


def combinations(tube: str, counted: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {"source_id": tube, "sample_id": tube[:2], "population": "mait", "combination": text,
         "role": "function", "n_receptors": text.count("+"), "n_events": n}
        for text, n in counted.items()
    ]  # fmt: skip


def boolean() -> tuple[pd.DataFrame, pd.DataFrame]:
    pairs = pd.DataFrame([pair("P1"), pair("P2")])
    rows = [
        *combinations("P1-s", {"A+ B+": 30, "A+ B-": 20, "A- B-": 150}),
        *combinations("P1-u", {"A+ B-": 2, "A- B-": 198}),
        *combinations("P2-s", {"A- B+": 3, "A- B-": 97}),
        *combinations("P2-u", {"A- B+": 2, "A- B-": 98}),
    ]
    return measure_responses(
        pairs, contract.empty(Intensity), contract.make(rows, Combinations), contract.empty(Counts)
    )


def test_combinations_add_up_to_the_parent_and_their_differences_to_nothing() -> None:
    _, table = boolean()
    for _, own in table.groupby("source_id"):
        assert own["n_events"].sum() == own["n_parent"].iloc[0]
        assert own["n_events_control"].sum() == own["n_parent_control"].iloc[0]
        assert own["difference"].sum() == pytest.approx(0)
    # a combination that only somebody shows has a row for everybody
    assert (table.groupby("source_id").size() == 4).all()


def test_several_functions_are_a_response_of_their_own() -> None:
    responses, _ = boolean()
    found = responses.set_index(["sample_id", "marker"])
    assert found.loc[("P1", "any_function"), "difference"] == pytest.approx(50 / 200 - 2 / 200)
    assert found.loc[("P1", "two_or_more"), "n_positive"] == 30
    assert found.loc[("P2", "two_or_more"), "status"] == "below_lod"


def test_functionality_is_the_mean_probability_of_the_combinations() -> None:
    responses, table = boolean()
    scores = functionality_rows(table, responses).set_index(["sample_id", "feature"])["value"]
    own = table[(table["sample_id"] == "P1") & (table["n_functions"] > 0)]
    chance = own.set_index("combination")["responder_probability"]
    assert scores["P1", "functionality:il12"] == pytest.approx(chance.sum() / 3)
    # 2 / (2 * 3) of each degree's mean times its number of functions (COMPASS)
    expected = (2 * chance["A+ B+"] + (chance["A+ B-"] + chance["A- B+"]) / 2) / 3
    assert scores["P1", "polyfunctionality:il12"] == pytest.approx(expected)
    assert scores["P1", "polyfunctionality:il12"] > scores["P2", "polyfunctionality:il12"]


def test_shuffled_rows_give_the_same_table() -> None:
    pairs, intensity = study()
    there = measured(pairs, intensity)
    back = measured(
        pairs.iloc[::-1].reset_index(drop=True), intensity.sample(frac=1, random_state=1)
    )
    pd.testing.assert_frame_equal(there.sort_index(), back.sort_index())


def test_a_study_without_stimulated_tubes_has_two_empty_tables() -> None:
    _, intensity = study()
    empty = pd.DataFrame(columns=list(pair("P1")))
    responses, table = measure_responses(
        empty, intensity, contract.empty(Combinations), contract.empty(Counts)
    )
    assert responses.empty
    assert table.empty
