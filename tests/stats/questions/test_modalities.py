"""Flow cytometry beside single cell: whose sample was swapped, what a limit says, one estimate from
both.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from itc_analysis.config.sections import Stats
from itc_analysis.statistics.agreement import concordance_correlation
from itc_analysis.stats.plan.endpoints import Modalities
from itc_analysis.stats.questions.modalities import compare_modalities
from stats.made_up_study import COHORT, make_measurements, make_participants, make_plan

PEOPLE = make_participants({"SSc": 25, "healthy": 25}, seed=5)
#: Cells of the denominators, fewest cells that count as detected in a library.
DEEP, SHALLOW, LOD = 40_000, 2_000, 5


def both(people=PEOPLE, *, seed=1, offset=-0.3, spread=0.2, shallow=SHALLOW, population="mait"):
    """Shares of the same people by both methods: binomial counts, odds by single cell exp(offset)
    times as many.
    """
    rng = np.random.default_rng(seed)
    n = len(people)
    truth = -3.5 + rng.normal(size=n)
    shares = {
        "flow": (special.expit(truth), DEEP),
        "singlecell": (special.expit(truth + offset + spread * rng.normal(size=n)), shallow),
    }
    tables = []
    for assay, (share, total) in shares.items():
        k = rng.binomial(total, share)
        rows = make_measurements(
            people,
            k / total,
            population=population,
            assay=assay,
            n_denominator=total,
            limit=LOD / total,
            standard_error=np.sqrt(1 / (k + 0.5) + 1 / (total - k + 0.5)),
        )
        rows["source_id"] = rows["source_id"] + assay
        tables.append(rows)
    return pd.concat(tables, ignore_index=True)


def run(rows, people=PEOPLE, *, populations=("mait",), settings=None):
    wanted = Modalities(populations=populations)
    plan = make_plan().model_copy(update={"modalities": wanted})
    return compare_modalities(rows, people, plan=plan, cohort=COHORT, settings=settings or Stats())


def swap(rows, one, other):
    """Give each of two participants the single-cell sample of the other."""
    is_cells = rows["assay"] == "singlecell"
    names = (
        rows["participant_id"]
        .replace({one: other, other: one})
        .where(is_cells, rows["participant_id"])
    )
    group = names.map(PEOPLE.set_index("participant_id")["group"])
    return rows.assign(participant_id=names, group=group)


def test_summary_is_the_arithmetic_written_out():
    rows = both()
    table, agreement = run(rows)
    row = agreement.iloc[0]
    exact = table[table["status"] == "both"]
    k = {"flow": exact["flow_share"], "cell": exact["cell_share"]}
    flow, cells = (special.logit(k[name].to_numpy(dtype=float)) for name in ("flow", "cell"))
    assert row["n_both"] == len(exact)
    assert row["ccc"] == pytest.approx(concordance_correlation(flow, cells))
    difference = cells - flow
    limits = np.exp(difference.mean() + np.array([-1.96, 1.96]) * difference.std(ddof=1))
    assert row[["limit_lower", "limit_upper"]].to_numpy(dtype=float) == pytest.approx(
        limits, rel=1e-3
    )
    within = exact["flow_error"] ** 2 + exact["cell_error"] ** 2
    assert row["sampling_sd"] == pytest.approx(np.sqrt(within.mean()))


def test_usual_difference_and_slope_are_found():
    row = run(both())[1].iloc[0]
    assert row["offset_lower"] < np.exp(-0.3) < row["offset_upper"]
    assert row["slope_lower"] < 1 < row["slope_upper"]
    assert row["method_sd"] == pytest.approx(0.2, abs=0.08)
    assert row["n_discordant"] == 0
    assert row["discordant"] is pd.NA


def test_methods_that_only_sample_reach_the_concordance_expected_of_them():
    """Offset and spread 0, single cell shallow; a coefficient of 50 people varies by 0.03."""
    row = run(both(offset=0.0, spread=0.0, shallow=400, seed=2))[1].iloc[0]
    assert row["ccc"] == pytest.approx(row["ccc_expected"], abs=0.06)
    assert row["ccc_expected"] < 0.97


def test_a_swapped_pair_is_named_and_nobody_else():
    rows = both(seed=3)
    first = run(rows)[0].set_index("participant_id")
    assert not first["is_discordant"].fillna(value=False).any()
    shares = first["flow_share"]
    low, high = shares.idxmin(), shares.idxmax()
    table, agreement = run(swap(rows, low, high))
    named = table.loc[table["is_discordant"].fillna(value=False), "participant_id"].tolist()
    assert set(named) == {low, high}
    row = agreement.iloc[0]
    assert row["discordant"] == ", ".join(sorted([low, high]))
    assert row["method_sd"] < 0.4  # the two are not in it
    assert row["reason"].endswith("without the discordant")


def test_a_limit_disagrees_when_far_more_cells_were_due():
    """Flow cytometry sees a share of 1 in 5; the library of the same person holds fewer than 5
    cells of 2,000.
    """
    rows = both(seed=4)
    own = rows["participant_id"] == "P003"
    rows.loc[own & (rows["assay"] == "flow"), "value"] = 0.2
    rows.loc[own & (rows["assay"] == "singlecell"), ["value", "status", "upper"]] = [
        np.nan,
        "below_lod",
        LOD / SHALLOW,
    ]
    row = run(rows)[0].set_index("participant_id").loc["P003"]
    assert row["difference_is"] == "at_most"
    assert row["status"] == "one_below_lod"
    assert row["is_discordant"]
    assert pd.isna(row["joint_share"])  # two words that contradict one another have no average
    assert row["reason"] == "not joined: the two contradict one another, look at both"


def test_below_the_limit_where_few_cells_were_due_agrees():
    table, agreement = run(both(shallow=300, seed=6))
    low = table[table["status"] == "one_below_lod"]
    assert len(low) > 10
    assert (low["difference_is"] == "at_most").all()
    assert not low["is_discordant"].any()
    assert low["cell_share"].isna().all()
    assert (
        low["joint_share"] <= low["flow_share"] * (1 + 1e-9)
    ).all()  # a limit only ever pulls down
    assert (low["joint_share"] > 0.8 * low["flow_share"]).all()
    np.testing.assert_allclose(low["cell_limit"].astype(float), (LOD + 0.5) / 301, rtol=1e-6)
    assert "who have the higher shares" in agreement["reason"].iloc[0]


def test_joint_estimate_weighs_by_inverse_variances():
    table, agreement = run(both(seed=7))
    summary = agreement.iloc[0]
    row = table[table["status"] == "both"].iloc[0]
    extra = summary["method_sd"] ** 2 / 2
    offset = np.log(summary["offset"])
    wobble = (np.log(summary["offset_upper"]) - offset) / 2  # about one standard error
    parts = [
        (special.logit(row["flow_share"]), row["flow_error"] ** 2 + extra),
        (special.logit(row["cell_share"]) - offset, row["cell_error"] ** 2 + extra + wobble**2),
    ]
    weights = np.array([1 / variance for _, variance in parts])
    slow = special.expit(np.average([value for value, _ in parts], weights=weights))
    assert row["joint_share"] == pytest.approx(slow, rel=1e-3)
    assert row["joint_error"] == pytest.approx(weights.sum() ** -0.5, rel=1e-2)
    assert row["flow_weight"] == pytest.approx(weights[0] / weights.sum(), abs=1e-2)


def test_joint_interval_holds_the_truth():
    """200 people, deep single cell: 95 % within three binomial standard errors; truth on the level
    of flow cytometry.
    """
    people = make_participants({"SSc": 100, "healthy": 100}, seed=1)
    rng = np.random.default_rng(8)
    truth = -3.5 + rng.normal(size=200)
    rows = both(people, seed=8, offset=-0.3, spread=0.0, shallow=4000)
    table = run(rows, people)[0]
    share = special.expit(truth)
    # the same seed draws the same truth first
    np.testing.assert_allclose(table["flow_share"].fillna(table["flow_limit"]), share, rtol=0.6)
    inside = (table["joint_lower"] <= share) & (share <= table["joint_upper"])
    assert inside[table["joint_share"].notna()].mean() == pytest.approx(0.95, abs=0.05)


def test_nobody_disappears_when_one_method_or_both_are_missing():
    rows = both(seed=9)
    gone = (rows["assay"] == "singlecell") & rows["participant_id"].isin(["P000", "P001"])
    rows = rows[~gone].copy()
    failed = rows["participant_id"] == "P001"
    rows.loc[failed, ["status", "value"]] = ["failed_quality", np.nan]
    table, agreement = run(rows)
    assert len(table) == len(PEOPLE)
    people = table.set_index("participant_id")
    assert people.loc["P000", "status"] == "one_method"
    assert people.loc["P000", "reason"] == "no share by single cell: not measured"
    assert people.loc["P000", "flow_weight"] == 1
    assert people.loc["P000", "joint_lower"] < people.loc["P000", "flow_share"]
    assert people.loc["P001", "status"] == "none"
    assert "flow cytometry: failed_quality" in people.loc["P001", "reason"]
    assert pd.isna(people.loc["P001", "joint_share"])
    assert agreement["n_one_method"].iloc[0] == 1


def test_below_detection_by_both_is_the_lower_limit():
    rows = both(seed=10)
    own = rows["participant_id"] == "P005"
    for assay, total in (("flow", DEEP), ("singlecell", SHALLOW)):
        cells = own & (rows["assay"] == assay)
        rows.loc[cells, ["value", "status", "upper"]] = [np.nan, "below_lod", LOD / total]
    row = run(rows)[0].set_index("participant_id").loc["P005"]
    assert row["status"] == "both_below_lod"
    assert row["difference_is"] == "none"
    assert pd.isna(row["joint_share"])
    assert row["joint_upper"] == pytest.approx((LOD + 0.5) / (DEEP + 1))


def test_flow_cytometry_alone_stands_where_too_few_have_both():
    rows = both(seed=11)
    few = rows["participant_id"].isin(["P000", "P001"])
    rows = rows[(rows["assay"] == "flow") | few]
    table, agreement = run(rows)
    assert agreement["status"].iloc[0] == "not_estimable"
    assert "quantified by both methods: 2, needed 3" in agreement["reason"].iloc[0]
    assert table["p_value"].isna().all()
    with_flow = table["flow_share"].notna()
    np.testing.assert_allclose(
        table.loc[with_flow, "joint_share"].astype(float),
        table.loc[with_flow, "flow_share"].astype(float),
    )


def test_order_of_rows_and_bridge_controls_change_nothing():
    rows = both(seed=12)
    bridge = rows.head(1).assign(
        participant_id=pd.NA, group=pd.NA, source_id="bridge", sample_id="B"
    )
    shuffled = pd.concat([rows, bridge]).sample(frac=1, random_state=1)
    people = PEOPLE.sample(frac=1, random_state=2)
    for first, other in zip(run(rows), run(shuffled, people), strict=True):
        pd.testing.assert_frame_equal(first, other)


def test_p_is_adjusted_over_populations_together():
    rows = pd.concat([both(seed=13), both(seed=14, population="inkt")])
    table, agreement = run(rows, populations=("mait", "inkt"))
    assert agreement["population"].tolist() == ["mait", "inkt"]
    tested = table["p_value"].dropna()
    smallest = table.loc[tested.idxmin()]
    ranked = tested.sort_values().to_numpy()
    slow = min(len(tested) * ranked / np.arange(1, len(tested) + 1))
    assert smallest["p_adjusted"] == pytest.approx(slow)


def test_without_modalities_in_the_plan_both_tables_are_empty():
    found = compare_modalities(both(), PEOPLE, plan=make_plan(), cohort=COHORT, settings=Stats())
    assert [len(table) for table in found] == [0, 0]
