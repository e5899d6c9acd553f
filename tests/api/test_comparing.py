from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

import itc_analysis as itc
from itc_analysis.config.sections import Stats
from itc_analysis.stats.questions.compare import compare_groups
from stats.made_up_study import COHORT, make_measurements, make_participants, make_plan

N = 24


@pytest.fixture
def table():
    """Three groups; the value falls with age and is doubled in one of them."""
    rng = np.random.default_rng(3)
    group = np.repeat(["healthy", "RA", "SSc"], N)
    age = rng.uniform(20, 80, 3 * N)
    log = 1 - 0.02 * age + np.log(2) * (group == "SSc") + rng.normal(0, 0.5, 3 * N)
    names = [f"d{number:02d}" for number in range(3 * N)]
    columns = {
        "group": group,
        "age": age,
        "sex": rng.choice(["F", "M"], 3 * N),
        "mait": np.exp(log),
    }
    return pd.DataFrame(columns, index=names)


def test_a_ratio_is_that_of_the_model_written_out(table):
    found = itc.compare(table, "group", covariates=["age", "sex"], reference="healthy")
    row = found.set_index("group").loc["SSc"]
    slow = smf.ols("np.log(mait) ~ C(group, Treatment('healthy')) + age + sex", table).fit(
        cov_type="HC3", use_t=True
    )
    name = "C(group, Treatment('healthy'))[T.SSc]"
    limits = np.exp(slow.conf_int().loc[name])
    assert row["estimate"] == pytest.approx(np.exp(slow.params[name]), rel=1e-8)
    assert row[["lower", "upper"]].tolist() == pytest.approx(limits.tolist(), rel=1e-8)
    assert row["p_value"] == pytest.approx(slow.pvalues[name], rel=1e-6)
    assert row["kind"] == "ratio"


def test_a_difference_of_two_groups_without_covariates_is_welchs(table):
    """HC3 of two means is Welch's standard error with n - 1 for n in each variance."""
    two = table[table["group"] != "RA"]
    row = itc.compare(two["mait"], two["group"], reference="healthy", kind="difference").iloc[0]
    sides = [two.loc[two["group"] == group, "mait"] for group in ("SSc", "healthy")]
    error = np.sqrt(sum(side.var(ddof=1) / (len(side) - 1) for side in sides))
    assert row["estimate"] == pytest.approx(sides[0].mean() - sides[1].mean())
    assert row["standard_error"] == pytest.approx(error)
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(row["estimate"] / error, 2 * N - 2))


@pytest.mark.parametrize("is_low", [False, True])
def test_it_is_the_comparison_of_the_trial(is_low):
    """The same people, values and covariates through the plan and through the front door."""
    people = make_participants({"SSc": 15, "RA": 12, "healthy": 14}, seed=2)
    rng = np.random.default_rng(5)
    counts = np.exp(rng.normal(3, 0.8, len(people)))
    limit = 12.0 if is_low else 0.0
    low = counts < limit
    measured = make_measurements(people, counts, measure="cells_per_ul", limit=limit)
    plan = make_plan(covariates="age_years", measures=("cells_per_ul",), contrasts=("healthy",))
    trial = compare_groups(
        measured, people, plan=plan, cohort=COHORT, settings=Stats(n_permutations=0)
    ).iloc[0]
    plain = people.set_index("participant_id")
    cells = pd.Series(counts, index=plain.index).round(6).astype(str)
    values = cells.mask(low, f"<{limit}").to_frame("count")
    found = itc.compare(values, plain["group"], covariates=plain["age_years"], reference="healthy")
    row = found.set_index("group").loc["SSc"]
    assert row["n_below_limit"] == trial["n_below_lod"]
    names = ["estimate", "p_value"] if is_low else ["estimate", "lower", "upper", "p_value"]
    # below the limit the trial lets the index group have an SD of its own, here the reference
    tolerance = 0.25 if is_low else 1e-4
    for name in names:
        assert row[name] == pytest.approx(trial[name], rel=tolerance)


def test_a_text_below_the_limit_and_a_number_below_a_given_limit_are_the_same(table):
    limit = 1.5
    is_low = table["mait"] < limit
    words = table["mait"].map("{:.17g}".format).mask(is_low, f"<{limit}")
    by_text = itc.compare(words, table["group"], reference="healthy")
    by_number = itc.compare(table["mait"], table["group"], reference="healthy", limits=limit)
    by_column = itc.compare(
        table[["mait"]], table["group"], reference="healthy", limits={"mait": limit}
    )
    assert by_text["n_below_limit"].sum() > 0
    assert "censored" in by_text["model"][0]
    pd.testing.assert_frame_equal(by_text, by_number)
    pd.testing.assert_frame_equal(by_text, by_column)


def test_a_group_wholly_below_the_limit_has_a_limit_and_no_estimate(table):
    low = table["mait"].astype(object).mask(table["group"] == "SSc", "<0.01")
    row = itc.compare(low, table["group"], reference="healthy").set_index("group").loc["SSc"]
    assert row["status"] == "not_estimable"
    assert np.isnan(row["estimate"])
    assert np.isfinite(row["upper"])
    assert "wholly below the limit of detection" in row["reason"]


def test_odds_ratios_take_shares_and_their_totals(table):
    shares = (table["mait"] / 10).clip(upper=0.9)
    found = itc.compare(
        shares, table["group"], reference="healthy", kind="odds_ratio", totals=10_000
    )
    k = shares * 10_000
    log_odds = np.log((k + 0.5) / (10_000 - k + 0.5)).groupby(table["group"]).mean()
    expected = np.exp(log_odds["SSc"] - log_odds["healthy"])
    row = found.set_index("group").loc["SSc"]
    # many cells: the geometric mean, but for the shape of the participants' distribution
    assert row["estimate"] == pytest.approx(expected, rel=0.1)
    assert row["model"].startswith("counts of cells (binomial)")


def test_an_odds_ratio_does_not_depend_on_how_many_cells_it_was_made_from():
    rng = np.random.default_rng(8)
    group = np.repeat(["SSc", "healthy"], 60)
    found = []
    for _ in range(15):
        totals = np.where(group == "SSc", rng.integers(50, 150, 120), rng.integers(500, 3000, 120))
        share = 1 / (1 + np.exp(-(np.log(0.01 / 0.99) + 0.6 * rng.normal(size=120))))
        k = rng.binomial(totals, share)
        table = pd.DataFrame({"marker": k / totals, "group": group})
        of = pd.DataFrame({"marker": totals.astype(float)})
        row = itc.compare(table, "group", reference="healthy", kind="odds_ratio", totals=of).iloc[0]
        found.append((np.log(row["estimate"]), row["p_value"]))
    log_ratio, p_value = np.array(found).T
    # SD of the mean is 0.05; half a cell added before the logit gave +0.3 and p < 0.05 in 54 %
    assert abs(log_ratio.mean()) < 0.15
    assert np.mean(p_value < 0.05) < 0.3


def test_order_of_rows_and_names_of_people_do_not_matter(table):
    shuffled = table.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        itc.compare(table, "group", covariates=["age", "sex"], reference="healthy"),
        itc.compare(
            shuffled[["mait"]],
            table["group"],
            covariates=table[["age", "sex"]],
            reference="healthy",
        ),
        rtol=1e-9,
    )


def test_two_samples_of_a_person_count_as_one(table):
    twice = pd.concat([table, table.iloc[:10]])
    found = itc.compare(twice[["mait"]], twice["group"], reference="healthy")
    assert found["n_reference"].tolist() == [N, N]
    once = itc.compare(table[["mait"]], table["group"], reference="healthy")
    assert found["estimate"].tolist() == pytest.approx(once["estimate"].tolist())


def test_people_without_a_covariate_stay_and_those_without_a_value_are_counted(table):
    table.loc[table.index[:3], "age"] = np.nan
    table.loc[table.index[-1], "mait"] = np.nan
    found = itc.compare(table, "group", covariates=["age", "sex"], reference="healthy")
    row = found.set_index("group").loc["SSc"]
    assert (row["n_group"], row["n_reference"], row["n_missing"]) == (N - 1, N, 1)
    assert "missing covariates are imputed (age of 3)" in row["reason"]


def test_groups_that_share_no_batch_are_not_compared(table):
    batch = table["group"].map({"healthy": "one", "RA": "one", "SSc": "two"})
    found = itc.compare(table[["mait"]], table["group"], reference="healthy", batch=batch)
    assert found.set_index("group")["status"].to_dict() == {"RA": "ok", "SSc": "not_estimable"}
    assert "confounded with batch" in found["reason"][1]


def test_few_people_keep_the_covariates_they_were_given_and_the_result_warns(table):
    few = table.groupby("group").head(4)
    found = itc.compare(few, "group", covariates=["age", "sex"], reference="healthy")
    assert found["covariates"].unique().tolist() == ["age + sex"]
    assert "residual degrees of freedom" in found["reason"][0]


def test_a_formula_bends_a_covariate(table):
    found = itc.compare(
        table[["mait"]],
        table["group"],
        covariates=table[["age"]],
        formula="age + I(age**2)",
        reference="healthy",
    )
    slow = smf.ols("np.log(mait) ~ C(group, Treatment('healthy')) + age + I(age**2)", table).fit()
    expected = np.exp(slow.params["C(group, Treatment('healthy'))[T.SSc]"])
    assert found.set_index("group").loc["SSc", "estimate"] == pytest.approx(expected)


def test_names_that_a_formula_cannot_hold_are_rewritten(table):
    renamed = table.rename(columns={"age": "age at draw", "sex": "value"})
    found = itc.compare(
        renamed[["mait"]],
        renamed["group"],
        covariates=renamed[["age at draw", "value"]],
        reference="healthy",
    )
    plain = itc.compare(table, "group", covariates=["age", "sex"], reference="healthy")
    assert found["covariates"].unique().tolist() == ["age_at_draw + value_"]
    assert found["estimate"].tolist() == pytest.approx(plain["estimate"].tolist())


def test_p_is_adjusted_over_all_columns_and_groups(table):
    both = table[["mait"]].assign(other=table["mait"].to_numpy()[::-1])
    for adjustment in ("holm", "bh", "dunnett", "bh_dunnett"):
        found = itc.compare(both, table["group"], reference="healthy", adjustment=adjustment)
        assert (found["p_adjusted"] >= found["p_value"] - 1e-12).all()
    plain = itc.compare(both, table["group"], reference="healthy", adjustment="none")
    assert plain["p_adjusted"].tolist() == plain["p_value"].tolist()


def test_categories_give_the_order_of_the_groups(table):
    ordered = pd.Categorical(table["group"], categories=["SSc", "healthy", "RA"])
    found = itc.compare(table["mait"], ordered, reference="healthy")
    assert found["group"].tolist() == ["SSc", "RA"]


def test_every_fault_is_named_at_once(table):
    table = table.astype({"mait": object})
    table.loc["d00", "mait"] = "n.d."
    table.loc["d01", "group"] = None
    with pytest.raises(itc.ItcError) as caught:
        itc.compare(table, "group", covariates=["agee"], reference="healthy", kind="ratios")
    said = str(caught.value)
    assert "no group for d01" in said
    assert "there is no column 'agee'; did you mean 'age'?" in said
    assert "'ratios' is no kind of comparison; did you mean 'ratio'?" in said
    assert "no number: 'n.d.'" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reference": "health"}, "there is no group 'health'; did you mean 'healthy'?"),
        ({"adjustment": "bonferroni"}, "'bonferroni' is not known"),
        ({"kind": "odds_ratio"}, "give totals="),
        ({"limits": {"mate": 1.0}}, "there is no column 'mate'; did you mean 'mait'?"),
        ({"formula": "aeg"}, "'aeg' is not among the covariates"),
        ({"confidence": 2.0}, "confidence"),
    ],
)
def test_what_cannot_be_asked_is_said_in_words(table, change, said):
    asked = {"covariates": table[["age"]], "reference": "healthy", **change}
    with pytest.raises(itc.ItcError) as caught:
        itc.compare(table[["mait"]], table["group"], **asked)
    assert said in str(caught.value)


def test_a_zero_has_no_ratio_unless_its_limit_is_given(table):
    table.loc["d05", "mait"] = 0.0
    with pytest.raises(itc.ItcError, match="not above 0, so there is no ratio: d05"):
        itc.compare(table[["mait"]], table["group"], reference="healthy")
    found = itc.compare(table[["mait"]], table["group"], reference="healthy", limits=0.05)
    assert found["n_below_limit"].tolist() == [1, 1]  # d05 is in the reference of both


def test_groups_of_other_people_are_refused(table):
    with pytest.raises(itc.ItcError, match="nothing for d03"):
        itc.compare(table[["mait"]], table["group"].drop("d03"), reference="healthy")


def test_what_was_given_is_not_changed(table):
    before = table.copy(deep=True)
    itc.compare(table, "group", covariates=["age", "sex"], reference="healthy", limits=1.0)
    pd.testing.assert_frame_equal(table, before)


def test_the_result_says_how_it_was_made(table):
    found = itc.compare(table, "group", covariates=["age", "sex"], reference="healthy")
    made = found.attrs["itc_analysis"]
    assert made["step"] == "itc_analysis.compare"
    assert made["parameters"]["formula"] == "age + sex"
    comparison = itc.GroupComparison(table[["mait"]], table["group"], reference="healthy")
    assert "not fitted" in repr(comparison)
    shown = comparison.fit()._repr_html_()
    assert "SSc vs healthy" in shown


def cells(n: int = 40) -> pd.DataFrame:
    """Return a table of cells as `study.adata.obs` and scanpy have it."""
    rng = np.random.default_rng(4)
    people = np.repeat([f"P{number}" for number in range(8)], n)
    barcodes = ["".join(letters) for letters in rng.choice(list("ACGT"), (8 * n, 16))]
    return pd.DataFrame(
        {
            "participant_id": people,
            "group": np.repeat(["healthy", "SSc"], 4 * n),
            "posterior_mait": rng.uniform(size=8 * n),
            "value": rng.uniform(size=8 * n),
        },
        index=[f"lib_{who}:{code}-1" for who, code in zip(people, barcodes, strict=True)],
    )


@pytest.mark.parametrize(
    "made",
    [
        lambda table: table[["posterior_mait", "group"]],
        lambda table: table[["value", "group"]],
        lambda table: table.reset_index(names="barcode"),
        lambda table: table[["posterior_mait", "group"]].reset_index(drop=True),
        lambda table: table.assign(ucell_exhaustion=0.3).reset_index(drop=True)[
            ["ucell_exhaustion", "group"]
        ],
        lambda table: anndata.AnnData(obs=table),
    ],
    ids=["obs", "names alone", "column of barcodes", "columns alone", "rank scores", "AnnData"],
)
def test_a_test_over_cells_is_refused_in_words(made):
    with pytest.raises(itc.ItcError) as caught:
        itc.compare(made(cells()), "group", reference="healthy", kind="difference")
    (fault,) = caught.value.faults
    assert "the rows are cells: a test over cells takes each of them for a person" in str(fault)
    assert "one row per participant" in str(fault)


def test_cells_named_by_their_participant_are_averaged_to_one_number_each():
    table = cells()
    found = itc.compare(
        table.set_index("participant_id")[["posterior_mait", "group"]],
        "group",
        reference="healthy",
        kind="difference",
    )
    one = table.groupby("participant_id").agg({"posterior_mait": "mean", "group": "first"})
    same = itc.compare(one, "group", reference="healthy", kind="difference")
    assert found["n_group"].tolist() == [4]
    np.testing.assert_allclose(found["estimate"], same["estimate"])


@pytest.mark.parametrize("unit", [1e-12, 1e10])
def test_the_unit_of_a_covariate_changes_nothing(table, unit):
    def found(crp):
        return itc.compare(
            table.assign(crp=crp), "group", covariates=["crp", "sex"], reference="healthy"
        )

    crp = table["age"] * np.exp(np.random.default_rng(6).normal(size=len(table)))
    pd.testing.assert_frame_equal(found(crp), found(crp * unit), rtol=1e-9)


@pytest.mark.parametrize(("unit", "offset"), [(1e-9, 0), (1e-14, 0), (1e9, 0), (1, 1e9)])
def test_the_unit_of_a_difference_changes_no_p(table, unit, offset):
    """An offset of 1e9 leaves seven digits of a double."""

    def p_values(values):
        found = itc.compare(
            table.assign(mait=values), "group", reference="healthy", kind="difference",
            covariates=["age", "sex"], n_permutations=99,
        )  # fmt: skip
        assert found["status"].eq("ok").all()
        return found[["p_value", "p_permutation"]].to_numpy(dtype=float)

    values = table["mait"]
    np.testing.assert_allclose(p_values(values * unit + offset), p_values(values), rtol=1e-5)
