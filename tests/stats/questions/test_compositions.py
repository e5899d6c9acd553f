"""Compositions: single parts by the model written out, one joint answer, what shares alone would
have claimed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from itc_analysis.config.sections import Stats
from itc_analysis.errors import ItcError
from itc_analysis.stats.plan.compositions import Composition
from itc_analysis.stats.questions.compare import compare_groups
from itc_analysis.stats.questions.compositions import compare_compositions
from itc_analysis.tables.stats.compositions import JOINT
from stats.made_up_study import COHORT, make_measurements, make_participants, make_plan

SIZES = {"SSc": 20, "SLE": 14, "pSS": 14, "RA": 14, "IIM": 14, "healthy": 20}
PARTS = ("mait", "inkt", "gd_t_cells", "cd8_t_cells")
REFERENCE = "cd4_t_cells"
#: Cells of each part for one CD4 cell in a typical participant.
TYPICAL = {"mait": 0.06, "inkt": 0.004, "gd_t_cells": 0.05, "cd8_t_cells": 0.5}
FEW = Stats(n_permutations=99)
N = 60_000


@pytest.fixture(scope="module")
def people():
    return make_participants(SIZES, seed=3)


def drawn(people, *, seed=1, limit=None, **effects):
    """Shares of T whose log ratios to CD4 vary by 0.5 and by `effects` in SSc."""
    rng = np.random.default_rng(seed)
    is_ssc = (people["group"] == "SSc").to_numpy()
    cells = {REFERENCE: np.ones(len(people))}
    for part, typical in TYPICAL.items():
        log = np.log(typical) + 0.5 * rng.normal(size=len(people))
        cells[part] = np.exp(log + effects.get(part, 0.0) * is_ssc)
    whole = sum(cells.values())
    tables = []
    for part, own in cells.items():
        k = np.round(own / whole * N)
        rows = make_measurements(people, k / N, population=part, n_denominator=N, limit=limit)
        tables.append(rows.assign(n_cells=k.astype("int64")))
    return pd.concat(tables, ignore_index=True)


def run(
    rows, people, *, parts=PARTS, reference=REFERENCE, settings=FEW, covariates=None, **changes
):
    item = {"name": "T", "assay": "flow", "parts": parts, "reference": reference}
    item = Composition.model_validate(item | {"contrasts": ["healthy", "pooled"]} | changes)
    plan = make_plan(covariates=covariates).model_copy(update={"compositions": (item,)})
    return compare_compositions(rows, people, plan=plan, cohort=COHORT, settings=settings)


def joint(found, comparison="SSc vs healthy"):
    return found[(found["part"] == JOINT) & (found["comparison"] == comparison)].iloc[0]


def test_a_part_is_the_regression_of_its_log_ratio_written_out(people):
    rows = drawn(people, mait=-1.0)
    found = run(rows, people, covariates="age_years + sex").set_index(["comparison", "part"])
    row = found.loc[("SSc vs healthy", "mait")]
    k = {p: rows[rows["population"] == p]["value"].to_numpy() * N for p in ("mait", REFERENCE)}
    data = people.assign(y=np.log((k["mait"] + 0.5) / (k[REFERENCE] + 0.5)))
    slow = smf.ols(
        "y ~ C(group, Treatment('healthy')) + age_years + sex",
        data.astype({"group": str, "sex": str}),
    ).fit(cov_type="HC3", use_t=True)
    name = "C(group, Treatment('healthy'))[T.SSc]"
    assert row["estimate"] == pytest.approx(np.exp(slow.params[name]), rel=1e-8)
    assert row["lower"] == pytest.approx(np.exp(slow.conf_int().loc[name, 0]), rel=1e-8)
    assert row["p_value"] == pytest.approx(slow.pvalues[name], rel=1e-6)
    assert row["covariates"] == "age_years + sex"
    assert row["estimand"].startswith("cells of mait for one cell of cd4_t_cells")


def test_every_comparison_has_its_parts_and_one_joint_row(people):
    found = run(drawn(people, mait=-1.0), people)
    assert found.groupby("comparison")["part"].apply(list).to_dict() == {
        "SSc vs healthy": [*PARTS, JOINT],
        "SSc vs CTD": [*PARTS, JOINT],
    }
    row = joint(found)
    assert (row["n_index"], row["n_reference"], row["n_missing"], row["df_parts"]) == (20, 20, 0, 4)
    assert row["p_value"] < 0.001
    assert row["p_permutation"] == 0.01  # the least that 99 permutations can give
    other = joint(found, "SSc vs CTD")
    first, last = sorted([row, other], key=lambda one: one["p_value"])  # Holm over the two
    assert first["p_adjusted"] == pytest.approx(2 * first["p_value"])
    assert last["p_adjusted"] == pytest.approx(max(last["p_value"], first["p_adjusted"]))


def test_the_part_that_moved_is_named_where_shares_blame_the_others(people):
    """CD8 cells double; the shares of all others fall though no ratio of theirs has changed."""
    rows = drawn(people, seed=5, cd8_t_cells=1.6)
    found = run(rows, people).set_index(["comparison", "part"]).loc["SSc vs healthy"]
    assert found.loc[found["p_adjusted"] <= 0.05].index.tolist() == ["cd8_t_cells", JOINT]
    plan = make_plan(populations=(REFERENCE, "cd8_t_cells"), contrasts=("healthy",))
    alone = compare_groups(rows, people, plan=plan, cohort=COHORT, settings=FEW)
    cd4 = alone.set_index("population").loc[REFERENCE]
    assert cd4["upper"] < 1  # "CD4 cells are lower": only their share is


def test_the_order_of_the_parts_changes_nothing(people):
    rows = drawn(people, gd_t_cells=-0.6)
    first = run(rows, people).set_index(["comparison", "part"]).sort_index()
    other = run(rows, people, parts=PARTS[::-1]).set_index(["comparison", "part"]).sort_index()
    numbers = ["estimate", "lower", "upper", "f_value", "p_value", "p_permutation", "p_adjusted"]
    pd.testing.assert_frame_equal(first[numbers], other[numbers], rtol=1e-9)


def test_another_reference_part_gives_the_same_joint_answer(people):
    rows = drawn(people, gd_t_cells=-0.6)
    first = joint(run(rows, people))
    other = run(rows, people, parts=(REFERENCE, *PARTS[1:]), reference="mait")
    assert joint(other)["f_value"] == pytest.approx(first["f_value"], rel=1e-8)
    assert joint(other)["p_permutation"] == first["p_permutation"]


def test_ten_times_as_many_cells_change_next_to_nothing(people):
    rows = drawn(people, gd_t_cells=-0.6)
    deeper = rows.assign(n_denominator=rows["n_denominator"] * 10, n_cells=rows["n_cells"] * 10)
    few, many = joint(run(rows, people)), joint(run(deeper, people))
    assert many["f_value"] == pytest.approx(few["f_value"], rel=0.01)  # half a cell of 150 or more


def test_a_part_below_the_limit_is_censored_and_takes_part(people):
    rows = drawn(people, seed=2, limit=0.0015, inkt=-0.8)
    found = run(rows, people).set_index(["comparison", "part"]).loc["SSc vs healthy"]
    inkt = found.loc["inkt"]
    assert inkt["n_below_lod"] > 5
    assert "censored" in inkt["model"]
    assert inkt["lower"] < np.exp(-0.8) < inkt["upper"]
    assert found.loc[JOINT, "n_below_lod"] == inkt["n_below_lod"]
    assert found.loc[JOINT, "df_parts"] == 4
    assert found.loc[JOINT, "p_permutation"] <= 0.05


def test_a_wholly_low_group_leaves_the_joint_test_and_keeps_its_limit(people):
    rows = drawn(people, seed=2, limit=0.0005, inkt=-9.0)
    found = run(rows, people).set_index(["comparison", "part"]).loc["SSc vs healthy"]
    assert np.isnan(found.loc["inkt", "estimate"])
    assert found.loc["inkt", "upper"] < 1
    assert found.loc[JOINT, "df_parts"] == 3
    assert "tested without inkt" in found.loc[JOINT, "reason"]
    assert found.loc[JOINT, "p_permutation"] == 0.01  # counted cells know nothing of limits


def test_a_part_outside_the_joint_test_is_adjusted_among_the_joint_tests_and_not_held_back(people):
    """The joint tests of the others know nothing of iNKT cells, so their p says nothing about
    them.
    """
    found = run(drawn(people, seed=2, limit=0.0005, inkt=-9.0), people)
    is_out = (found["part"] == "inkt") & found["standard_error"].isna() & found["p_value"].notna()
    assert is_out.any()
    asked = found[is_out | (found["part"] == JOINT)]
    expected = holm(asked["p_value"].to_numpy(dtype=float))
    np.testing.assert_allclose(asked["p_adjusted"].to_numpy(dtype=float), expected, rtol=1e-12)
    whole = joint(found)
    inside = found[(found["comparison"] == "SSc vs healthy") & ~is_out & (found["part"] != JOINT)]
    assert (inside["p_adjusted"] >= whole["p_adjusted"]).all()
    assert found[is_out]["p_adjusted"].min() < whole["p_adjusted"]


def holm(p):
    """Holm's method written out; numbers without p stay without."""
    known = np.flatnonzero(np.isfinite(p))
    adjusted, highest = np.full(len(p), np.nan), 0.0
    for rank, place in enumerate(sorted(known, key=lambda i: p[i])):
        highest = max(highest, min(p[place] * (len(known) - rank), 1.0))
        adjusted[place] = highest
    return adjusted


def test_who_lacks_a_part_is_counted_with_the_reason(people):
    rows = drawn(people)
    is_out = (rows["population"] == "inkt") & rows["participant_id"].isin(["P000", "P001"])
    rows.loc[is_out, ["status", "value"]] = ["failed_quality", np.nan]
    row = joint(run(rows, people))
    assert (row["n_index"], row["n_missing"]) == (18, 2)
    assert "2 participants without every part (2 inkt failed quality control)" in row["reason"]


def test_a_composition_that_was_not_measured_keeps_its_rows(people):
    found = run(drawn(people), people, parts=("mait", "vd1"))
    assert len(found) == 6
    assert (found["reason"] == "no share of T was measured of vd1").all()
    assert (found["n_missing"] > 0).all()


def test_a_composition_of_the_batch_is_not_interpretable(people):
    rows = drawn(people)
    batch = rows["group"].map(lambda group: "b1" if group == "SSc" else "b2")
    found = run(rows.assign(batch=batch.astype("string")), people)
    assert found["reason"].str.startswith("not interpretable: confounded with batch").all()


def test_an_unknown_contrast_is_a_fault_and_healthy_twice_is_once(people):
    rows = drawn(people)
    with pytest.raises(ItcError, match="did you mean 'healthy'"):
        run(rows, people, contrasts=["helthy"])
    assert (
        run(rows, people, contrasts=["healthy", "pooled"])["comparison"] == "SSc vs healthy"
    ).sum() == 5


def test_parts_are_never_surer_than_the_whole(people):
    """Over 5 studies without a difference, a part is claimed only where the joint test claims."""
    for seed in range(5):
        found = run(drawn(people, seed=seed), people, settings=Stats(n_permutations=0))
        for _, rows in found.groupby("comparison"):
            whole = rows.loc[rows["part"] == JOINT, "p_adjusted"].iloc[0]
            assert (rows["p_adjusted"] >= whole - 1e-12).all()
            assert (rows["p_adjusted"] >= rows["p_value"] - 1e-12).all()


def test_a_plan_without_compositions_gives_an_empty_table(people):
    plan = make_plan()
    found = compare_compositions(drawn(people), people, plan=plan, cohort=COHORT, settings=FEW)
    assert found.empty


def counted(people, totals, rng):
    """Counts of three parts of as many T cells as are given; nothing differs between groups."""
    cells = np.ones((len(people), 3))
    for place, typical in enumerate((0.02, 0.05)):
        cells[:, place] = typical * np.exp(0.5 * rng.normal(size=len(people)))
    k = np.array([rng.multinomial(n, p / p.sum()) for n, p in zip(totals, cells, strict=True)])
    tables = [
        make_measurements(people, own / totals, population=part, n_denominator=totals).assign(
            n_events=own
        )
        for part, own in zip(("mait", "gd_t_cells", REFERENCE), k.T, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def test_a_log_ratio_does_not_depend_on_how_many_cells_it_was_made_from():
    rng = np.random.default_rng(4)
    people = make_participants({"SSc": 40, "healthy": 40}, seed=1)
    is_ssc = (people["group"] == "SSc").to_numpy()
    logs, by_half = [], []
    for _ in range(12):
        totals = np.where(is_ssc, rng.integers(50, 150, 80), rng.integers(2000, 4000, 80))
        rows = counted(people, totals, rng)
        found = run(rows, people, parts=("mait", "gd_t_cells"), contrasts=["healthy"])
        row = found[found["part"] == "mait"].iloc[0]
        assert row["model"].startswith("cells of the part among those of part and reference, count")
        assert "counted from few cells" in joint(found)["reason"]
        logs.append(np.log(row["estimate"]))
        halved = run(rows.drop(columns="n_events"), people, parts=("mait",), contrasts=["healthy"])
        by_half.append(np.log(halved["estimate"].iloc[0]))
    assert abs(np.mean(logs)) < 0.15
    assert abs(np.mean(logs)) < np.mean(by_half)
