"""Comparisons from the likelihood of counts, through `compare_groups`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from itc_analysis.config.sections import Stats
from itc_analysis.stats.questions.compare import compare_groups
from itc_analysis.stats.questions.diagnostics import diagnose
from itc_analysis.stats.questions.methods_text import describe_comparisons
from itc_analysis.stats.questions.power import simulate_power
from stats.made_up_study import COHORT, make_measurements, make_participants, make_plan

SIZES = {"SSc": 20, "SLE": 12, "pSS": 12, "RA": 12, "IIM": 12, "healthy": 18}
PEOPLE = make_participants(SIZES, seed=31)
SETTINGS = Stats(n_permutations=0)
HOW = {"cohort": COHORT, "settings": SETTINGS}


def count(people, share, total, *, measure="share_positive", volume=None, seed=1, **columns):
    """Counted measurements of everybody: k of `total` cells, or in `volume` microlitres."""
    rng = np.random.default_rng(seed)
    total = np.broadcast_to(total, len(people)).astype(int)
    k = rng.binomial(total, share)
    denominator = total if volume is None else volume
    feature = "PD-1" if measure == "share_positive" else "-"
    rows = make_measurements(
        people, k / denominator, measure=measure, feature=feature, n_denominator=total, batch="b1"
    )
    return rows.assign(n_events=pd.array(k, dtype="Int64"), volume_ul=volume, **columns)


def is_ssc(people=PEOPLE):
    return (people["group"] == "SSc").to_numpy()


def plan_of(measure="share_positive", **settings):
    features = ("PD-1",) if measure == "share_positive" else ("-",)
    return make_plan(measures=(measure,), features=features, **settings)


def shares(people=PEOPLE, level=0.02, effect=0.0, seed=2):
    rng = np.random.default_rng(seed)
    theta = special.logit(level) + effect * is_ssc(people) + 0.6 * rng.normal(size=len(people))
    return special.expit(theta)


FEW = np.where(is_ssc(), 90, 1500)


def test_fewer_cells_in_ssc_are_no_difference():
    """1 % positive: the model of values finds a difference in every second study."""
    estimates, values, rejected = [], [], []
    plan = plan_of(contrasts=("healthy",))
    for seed in range(10):
        people = make_participants(SIZES, seed=seed)
        rows = count(people, shares(people, 0.01, seed=seed), FEW, seed=seed)
        row = compare_groups(rows, people, plan=plan, **HOW).iloc[0]
        estimates.append(np.log(row["estimate"]))
        rejected.append(row["p_value"] < 0.05)
        only = rows.assign(n_events=pd.array([pd.NA] * len(rows), dtype="Int64"))
        values.append(np.log(compare_groups(only, people, plan=plan, **HOW).iloc[0]["estimate"]))
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates)) < 0.05 + 2 * error
    assert sum(rejected) <= 2
    assert np.mean(values) > 0.2


def test_relabelled_groups_permute_the_contrasts():
    rows = count(PEOPLE, shares(effect=0.8), FEW)
    plan = plan_of(contrasts=("healthy", "SLE"))
    other = {"SLE": "healthy", "healthy": "SLE"}
    swapped = {"group": lambda table: table["group"].replace(other)}
    first = compare_groups(rows, PEOPLE, plan=plan, **HOW).set_index("reference_group")
    second = compare_groups(
        rows.assign(**swapped), PEOPLE.assign(**swapped), plan=plan, **HOW
    ).set_index("reference_group")
    for name, now in other.items():
        for column in ("estimate", "lower", "upper"):
            assert second.loc[now, column] == pytest.approx(first.loc[name, column], rel=1e-4)


def test_a_participant_without_a_cell_in_the_parent_changes_its_flag_alone():
    rows = count(PEOPLE, shares(), FEW)
    plan = plan_of(contrasts=("healthy",))
    whole = compare_groups(rows, PEOPLE, plan=plan, **HOW).iloc[0]
    more = make_participants(SIZES | {"healthy": 19}, seed=31)
    extra = set(more["participant_id"]) - set(PEOPLE["participant_id"])
    newcomer = PEOPLE[PEOPLE["group"] == "healthy"].iloc[[0]].assign(participant_id="P999")
    assert len(extra) == 1
    empty = rows[rows["participant_id"] == rows["participant_id"].iloc[-1]].assign(
        participant_id="P999",
        sample_id="P999s",
        source_id="P999t",
        status="few_cells",
        value=np.nan,
        n_events=0,
        n_denominator=0,
    )
    people = pd.concat([PEOPLE, newcomer], ignore_index=True)
    row = compare_groups(pd.concat([rows, empty]), people, plan=plan, **HOW).iloc[0]
    assert row["estimate"] == pytest.approx(whole["estimate"], rel=1e-6)
    assert row["p_value"] == pytest.approx(whole["p_value"], rel=1e-6)
    assert (row["n_missing"], whole["n_missing"]) == (1, 0)
    assert "too few cells" in row["reason"]


def test_a_marker_on_fewer_cells_than_a_share_needs_is_counted_all_the_same():
    rows = count(PEOPLE, shares(), FEW)
    few = rows.assign(
        status=np.where(is_ssc(), "few_cells", "ok"), value=rows["value"].where(~is_ssc())
    )
    plan = plan_of(contrasts=("healthy",))
    first, second = (compare_groups(r, PEOPLE, plan=plan, **HOW).iloc[0] for r in (rows, few))
    assert second["n_missing"] == 0
    assert second["estimate"] == pytest.approx(first["estimate"], rel=1e-9)


def test_what_lies_below_the_limit_of_detection_is_a_count_like_any_other():
    """The limit is reported (n_below_lod) and has no part in the estimate."""
    rows = count(PEOPLE, shares(level=0.0003, effect=-0.7), 60_000, measure="share_of_t")
    low = rows["n_events"] < 20
    censored = rows.assign(
        status=np.where(low, "below_lod", "ok"),
        value=rows["value"].where(~low),
        upper=np.where(low, 20 / 60_000, np.nan),
    )
    plan = plan_of("share_of_t", contrasts=("healthy",))
    first, second = (compare_groups(r, PEOPLE, plan=plan, **HOW).iloc[0] for r in (rows, censored))
    assert 0.3 < low.mean() < 0.9
    assert (first["n_below_lod"], second["n_below_lod"] > 5) == (0, True)
    for column in ("estimate", "lower", "upper", "p_value"):
        assert second[column] == pytest.approx(first[column], rel=1e-9)


def test_background_is_taken_off_with_its_error():
    """Half of the positives are background, in SSc more of it: without it SSc would be higher."""
    rng = np.random.default_rng(5)
    total = np.full(len(PEOPLE), 2000)
    background = np.where(is_ssc(), 60.0, 20.0)
    rows = count(PEOPLE, shares(level=0.02), total)
    k = rows["n_events"].to_numpy(dtype=int) + rng.poisson(background)
    with_background = rows.assign(n_events=pd.array(k, dtype="Int64"), value=k / total)
    plan = plan_of(contrasts=("healthy",))
    known = with_background.assign(n_background=background, background_se=0.2 * background)
    plain, blind, aware = (
        compare_groups(r, PEOPLE, plan=plan, **HOW).iloc[0] for r in (rows, with_background, known)
    )
    assert np.log(blind["estimate"]) > np.log(plain["estimate"]) + 0.4
    assert np.log(aware["estimate"]) == pytest.approx(np.log(plain["estimate"]), abs=0.15)
    assert aware["standard_error"] > plain["standard_error"]


def test_cells_per_microlitre_are_counts_in_a_volume_with_its_error():
    rng = np.random.default_rng(6)
    t_per_ul = np.exp(7 + 0.4 * rng.normal(size=len(PEOPLE)))
    total = np.where(is_ssc(), 3000, 20_000)
    share = shares(level=0.001)
    volume = total / t_per_ul
    rows = count(PEOPLE, share, total, measure="cells_per_ul", volume=volume, error_log=0.1)
    row = compare_groups(rows, PEOPLE, plan=plan_of("cells_per_ul"), **HOW).iloc[0]
    truth = np.log(share * t_per_ul)
    healthy = (PEOPLE["group"] == "healthy").to_numpy()
    expected = truth[is_ssc()].mean() - truth[healthy].mean()
    assert "Poisson" in row["model"]
    assert np.log(row["estimate"]) == pytest.approx(expected, abs=2 * row["standard_error"])


def test_with_many_cells_counts_and_values_say_the_same():
    rows = count(PEOPLE, shares(level=0.2, effect=0.5), 50_000, measure="share_of_t")
    plan = plan_of("share_of_t", covariates="age_years + sex")
    counted = compare_groups(rows, PEOPLE, plan=plan, **HOW)
    only = rows.assign(n_events=pd.array([pd.NA] * len(rows), dtype="Int64"))
    values = compare_groups(only, PEOPLE, plan=plan, **HOW)
    assert np.log(counted["estimate"]).to_numpy() == pytest.approx(
        np.log(values["estimate"]).to_numpy(), abs=0.06
    )
    assert counted["standard_error"].to_numpy() == pytest.approx(
        values["standard_error"].to_numpy(), rel=0.2
    )


def test_a_group_without_a_cell_has_a_limit_and_no_estimate():
    rows = count(PEOPLE, np.where(is_ssc(), 0.0, shares(level=0.1)), 500)
    row = compare_groups(rows, PEOPLE, plan=plan_of(contrasts=("healthy",)), **HOW).iloc[0]
    assert row["status"] == "not_estimable"
    assert np.isnan(row["estimate"])
    assert np.isnan(row["lower"])
    assert row["upper"] < 0.2
    assert row["p_value"] < 1e-4
    assert "no cell was counted in SSc (20 participants)" in row["reason"]


def compare_counts(positive, people=PEOPLE, *, total=20):
    """SSc against healthy people, so many of `total` cells positive in each participant."""
    k = np.broadcast_to(positive, len(people))
    rows = count(people, np.zeros(len(people)), total).assign(
        n_events=pd.array(k, dtype="Int64"), value=k / total
    )
    return compare_groups(rows, people, plan=plan_of(contrasts=("healthy",)), **HOW).iloc[0]


@pytest.mark.parametrize("in_ssc", [20, 19])
def test_cells_without_a_marker_say_what_those_with_it_say(in_ssc):
    """19 of 20 cells of one participant, and of all the others all: as good as everybody's all."""
    k = np.random.default_rng(3).binomial(20, 0.5, len(PEOPLE))
    k[is_ssc()] = 20
    k[np.argmax(is_ssc())] = in_ssc
    row, mirrored = compare_counts(k), compare_counts(20 - k)
    assert row["p_value"] == pytest.approx(mirrored["p_value"], rel=1e-3)
    assert row["p_value"] < 1e-6
    assert row["lower"] == pytest.approx(1 / mirrored["upper"], rel=1e-3)
    assert row["lower"] > 5
    if in_ssc == 20:
        assert row["status"] == mirrored["status"] == "not_estimable"
        assert np.isnan(row["upper"])
        assert np.isnan(mirrored["lower"])
        said = "every cell was positive in SSc (20 participants): no estimate, only the lower 95%"
        assert said in row["reason"]
    else:
        assert row["estimate"] == pytest.approx(1 / mirrored["estimate"], rel=1e-3)


def test_groups_at_both_ends_have_a_limit_on_the_side_where_they_differ():
    k = np.random.default_rng(3).binomial(20, 0.5, len(PEOPLE))
    healthy = (PEOPLE["group"] == "healthy").to_numpy()
    row = compare_counts(np.where(is_ssc(), 20, np.where(healthy, 0, k)))
    assert (
        "no cell was counted in healthy (18 participants), every cell was positive in SSc"
        in (row["reason"])
    )
    assert row["lower"] > 100
    assert np.isnan(row["upper"])
    assert row["p_value"] < 1e-6
    same = compare_counts(np.where(is_ssc() | healthy, 20, k))
    assert same["reason"].startswith("every cell was positive in")
    assert "neither an estimate nor a limit" in same["reason"]
    assert np.isnan(same["p_value"])


@pytest.mark.parametrize(
    ("index", "reference", "why"),
    [
        (0, 0, "no cell of the population was counted in any group"),
        (20, 20, "every cell was positive in every group"),
        (20, 0, "every group holds either no cell of the population or nothing else"),
        (0, 20, "every group holds either no cell of the population or nothing else"),
    ],
)
def test_without_a_group_that_holds_both_kinds_of_cells_nothing_is_fitted(index, reference, why):
    people = make_participants({"SSc": 8, "healthy": 12})
    row = compare_counts(np.where(is_ssc(people), index, reference), people)
    assert row["status"] == "not_estimable"
    assert why in row["reason"]


def test_a_group_with_a_handful_of_cells_has_the_interval_of_its_profile():
    rows = count(
        PEOPLE, np.where(is_ssc(), 0.0008, shares(level=0.05)), np.where(is_ssc(), 300, 1500)
    )
    assert 0 < rows["n_events"].to_numpy(dtype=int)[is_ssc()].sum() < 10
    row = compare_groups(rows, PEOPLE, plan=plan_of(contrasts=("healthy",)), **HOW).iloc[0]
    truth = np.log(0.0008) - special.logit(0.05)
    assert np.log(row["lower"]) < truth < np.log(row["upper"]) < 0
    assert row["lower"] < row["estimate"] < row["upper"]
    assert np.isnan(row["standard_error"])
    assert "profile likelihood" in row["reason"]


def test_values_stand_beside_as_a_sensitivity_analysis():
    rows = count(PEOPLE, shares(level=0.01), FEW)
    plan = plan_of(contrasts=("healthy",))
    row = diagnose(rows, PEOPLE, plan=plan, **HOW).iloc[0]
    only = rows.assign(n_events=pd.array([pd.NA] * len(rows), dtype="Int64"))
    values = compare_groups(only, PEOPLE, plan=plan, **HOW).iloc[0]
    assert row["value_model"] == values["model"]
    assert row["value_estimate"] == pytest.approx(values["estimate"])
    assert row["value_p_value"] == pytest.approx(values["p_value"])
    assert diagnose(only, PEOPLE, plan=plan, **HOW).iloc[0]["value_model"] is pd.NA


def test_methods_say_what_was_done():
    plan = plan_of(contrasts=("healthy",))
    table = compare_groups(count(PEOPLE, shares(), FEW), PEOPLE, plan=plan, **HOW)
    text, keys = describe_comparisons(table, plan=plan, cohort=COHORT, settings=SETTINGS)
    assert "likelihood of the cells that were counted" in text
    assert "half a cell added" not in text.split("A model of values")[0]
    assert "komarek2008" in keys


def test_missing_covariates_are_pooled_over_counts():
    people = PEOPLE.assign(age_years=PEOPLE["age_years"].where(np.arange(len(PEOPLE)) % 9 != 0))
    rows = count(people, shares(), FEW)
    plan = plan_of(contrasts=("healthy",), covariates="age_years + sex")
    row = compare_groups(rows, people, plan=plan, **HOW).iloc[0]
    assert "counts of cells" in row["model"]
    assert "pooled over 20 imputations" in row["model"]
    assert row["status"] == "ok"


def test_power_counts_anew():
    rows = count(PEOPLE, shares(), FEW)
    plan = plan_of(contrasts=("healthy",))
    how = {"plan": plan, "n_studies": 5, **HOW}
    null = simulate_power(rows, PEOPLE, ratio=1.0, **how).iloc[0]
    large = simulate_power(rows, PEOPLE, ratio=6.0, **how).iloc[0]
    assert null["found"] <= 0.4
    assert large["found"] >= 0.9


def test_so_few_cells_that_people_cannot_be_told_apart_are_warned_of():
    total = np.where(is_ssc(), 20, 3000)
    plan = plan_of(contrasts=("healthy", "pooled"))
    warned = compare_groups(count(PEOPLE, shares(level=0.02), total), PEOPLE, plan=plan, **HOW)
    assert warned["reason"].str.contains("so few cells").all()
    fine = compare_groups(count(PEOPLE, shares(level=0.2), total), PEOPLE, plan=plan, **HOW)
    assert not fine["reason"].fillna("").str.contains("so few cells").any()
