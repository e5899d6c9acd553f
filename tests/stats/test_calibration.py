"""Does the analysis keep its promises: on simulated endpoints, through the engine of
`compare_groups`.

Seeds are fixed, so a run either passes or fails for good.
With 120 independent tests a true 5 % shows between 1 % and 9 % (two standard errors). Larger runs
belong to a validation outside the tests.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import Stats
from itc_analysis.stats.endpoint.model import fit_endpoint
from itc_analysis.stats.models.censored import fit_censored
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.people.design import build_design, group_weights
from itc_analysis.stats.people.responses import CENSORED, OK, on_scale, respond
from itc_analysis.stats.questions.compare import compare_groups
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)

N = 120
ERROR = 2 * np.sqrt(0.05 * 0.95 / N)
SIZES = {"SSc": 30, "SLE": 12, "pSS": 12, "RA": 12, "IIM": 12, "healthy": 20}
PEOPLE = make_participants(SIZES, seed=11)
SETTINGS = Stats(n_permutations=0)


def is_ssc(people=PEOPLE):
    return (people["group"] == "SSc").to_numpy()


def analyse(values, *, people=PEOPLE, covariates="age_years + sex", n=20_000, **columns):
    """Compare SSc with healthy in many endpoints; `values` has shape (n_simulations, n_people).

    The first goes through `compare_groups`; all go through its engine, which spares the reading and
    wording of tables and must say the same of the first.
    """
    shape = np.shape(values)
    flat = {
        name: np.ravel(column) if np.ndim(column) == 2 else column
        for name, column in columns.items()
    }
    rows = make_measurements(
        pd.concat([people] * shape[0], ignore_index=True),
        np.ravel(values),
        population=np.repeat([f"simulated{i}" for i in range(shape[0])], shape[1]),
        batch="b1",
        n_denominator=n,
        **flat,
    )
    measure = columns.get("measure", "share_of_t")
    plan = make_plan(
        covariates=covariates,
        contrasts=("healthy",),
        adjustment="none",
        populations=("simulated0",),
        measures=(measure,),
        features=(columns.get("feature", "-"),),
    )
    first = rows.iloc[: shape[1]]
    whole = compare_groups(first, people, plan=plan, cohort=COHORT, settings=SETTINGS).iloc[0]
    template = respond(first, people, measure).assign(n_samples=1)
    known = build_design(template, plan=plan, groups=COHORT.groups, min_per_group=3)
    scaled = on_scale(rows, measure)
    names = ["state", "y", "standard_error", "value"]
    drawn = {name: scaled[name].to_numpy().reshape(shape) for name in names}
    order = people["participant_id"].argsort().to_numpy()
    to_report = float if measure == "score" else np.exp
    found = []
    for i in range(shape[0]):
        responses = template.assign(**{name: drawn[name][i][order] for name in names})
        if len(known.people) == shape[1] and responses["state"].isin([OK, CENSORED]).all():
            design = replace(known, people=responses)  # the same people: the same design
        else:
            design = build_design(responses, plan=plan, groups=COHORT.groups, min_per_group=3)
        try:
            weights = group_weights(design, "SSc", ["healthy"], pooled_weights="equal")
        except NotEstimable:  # too few participants with a number
            found.append([np.nan] * 4)
            continue
        model = fit_endpoint(design, design.matrix, measure=measure, index_group="SSc")
        result = model.compare(weights, SETTINGS.comparison_confidence).result
        limits = [to_report(number) for number in (result.estimate, result.lower, result.upper)]
        found.append([*limits, result.p_value])
    table = pd.DataFrame(found, columns=["estimate", "lower", "upper", "p_value"])
    for column in table:
        assert table.loc[0, column] == pytest.approx(whole[column], rel=1e-9, nan_ok=True)
    return table


def counted(rng, share, n=20_000):
    """Binomial counts from each person's own share."""
    return rng.binomial(n, share) / n


def logit_normal(rng, spread=1.0):
    age = (PEOPLE["age_years"].to_numpy() - 50) / 50
    return inverse_logit(-4 - age + spread * rng.normal(size=(N, len(PEOPLE))))


def gamma(rng):
    """Shares by a gamma distribution: on the logit scale skewed to the left, not normal."""
    return np.minimum(rng.gamma(1.2, 0.02 / 1.2, (N, len(PEOPLE))), 0.9)


def more_variable(rng):
    """SSc 1.7 times as variable as the others."""
    return logit_normal(rng, np.where(is_ssc(), 1.7, 1.0))


@pytest.mark.parametrize("draw", [logit_normal, gamma, more_variable])
def test_no_effect_is_found_as_often_as_promised(draw):
    rng = np.random.default_rng(12)
    found = analyse(counted(rng, draw(rng)))
    assert np.mean(found["p_value"] < 0.05) == pytest.approx(0.05, abs=ERROR)


def test_age_is_not_taken_for_a_disease():
    """SSc is 15 years older, shares fall by a factor 0.6 in 15 years, the disease does nothing."""
    rng = np.random.default_rng(14)
    age = np.clip(rng.normal(np.where(is_ssc(), 60, 45), 11), 18, 90)
    people = PEOPLE.assign(age_years=age)
    y = -4 + np.log(0.6) * (age - 45) / 15 + 0.7 * rng.normal(size=(N, len(age)))
    values = counted(rng, inverse_logit(y))
    adjusted = analyse(values, people=people)["p_value"]
    unadjusted = analyse(values, people=people, covariates=None)["p_value"]
    assert np.mean(adjusted < 0.05) <= 0.05 + ERROR
    assert np.mean(unadjusted < 0.05) >= 0.4


@pytest.mark.parametrize("spread", [1.0, 1.7], ids=["equal spread", "SSc varies more"])
def test_half_below_the_limit_biases_neither_estimate_nor_interval(spread):
    """True log odds ratio -0.8; tolerance of the bias 0.05 and two standard errors of the
    simulations.
    """
    rng = np.random.default_rng(15)
    effect, n = -0.8, 100_000
    people = make_participants({group: 2 * size for group, size in SIZES.items()}, seed=16)
    sd = np.where(is_ssc(people), spread, 1.0)
    y = -7.4 + effect * is_ssc(people) + sd * rng.normal(size=(N, len(people)))
    limit = rng.choice([40, 60, 80], y.shape) / n
    values = counted(rng, inverse_logit(y), n)
    assert 0.4 < np.mean(values < limit) < 0.6
    found = analyse(values, people=people, covariates=None, n=n, limit=limit)
    estimate = np.log(found["estimate"])
    assert abs(estimate.mean() - effect) < 0.05 + 2 * estimate.std() / np.sqrt(N)
    covered = (np.log(found["lower"]) < effect) & (effect < np.log(found["upper"]))
    assert covered.mean() == pytest.approx(0.95, abs=ERROR)


def test_leaving_out_those_below_the_limit_would_halve_the_effect():
    """What the censored model is for."""
    rng = np.random.default_rng(17)
    y = -7.4 - 1.0 * is_ssc() + rng.normal(size=(20, len(PEOPLE)))
    values, limit = inverse_logit(y), 6e-4
    whole = analyse(values, covariates=None, n=10**6, limit=limit)["estimate"]
    status = np.where(values < limit, "failed_quality", "ok")
    dropped = analyse(values, covariates=None, n=10**6, status=status)["estimate"]
    assert np.log(whole).mean() == pytest.approx(-1, abs=0.2)
    assert np.log(dropped).mean() > -0.5


@pytest.mark.parametrize(("tau", "ratio"), [(0.15, 1.0), (0.6, 1.0), (0.4, 1.7)])
def test_weighted_scores_keep_their_level(tau, ratio):
    rng = np.random.default_rng(18)
    error = 1 / np.sqrt(rng.geometric(0.15, (N, len(PEOPLE))))  # a handful of cells each
    between = tau * np.where(is_ssc(), ratio, 1.0) * rng.normal(size=error.shape)
    value = between + error * rng.normal(size=error.shape)
    found = analyse(value, measure="score", feature="exhaustion", standard_error=error)
    assert np.mean(found["p_value"] < 0.05) == pytest.approx(0.05, abs=ERROR)


def test_a_limit_that_moves_with_the_t_cells_does_not_bias_the_count():
    """Two groups of 1,500, half below; the limit follows each sample's T cells per microlitre, and
    so does the count.
    """
    rng = np.random.default_rng(19)
    people = make_participants({"SSc": 1500, "healthy": 1500}, seed=20)
    t_per_ul = np.exp(7 + 0.5 * rng.normal(size=3000))
    log_share = -8.5 - 0.7 * is_ssc(people) + rng.normal(size=3000)
    counts = make_measurements(
        people,
        np.exp(log_share) * t_per_ul,
        measure="cells_per_ul",
        limit=np.exp(-8.8) * t_per_ul,
    )
    assert 0.4 < (counts["status"] == "below_lod").mean() < 0.6
    t_cells = make_measurements(people, t_per_ul, measure="cells_per_ul", population="t_cells")
    plan = make_plan(measures=("cells_per_ul",), contrasts=("healthy",))
    how = {"plan": plan, "cohort": COHORT, "settings": SETTINGS}
    known = compare_groups(pd.concat([counts, t_cells]), people, **how).iloc[0]
    truth = (np.log(t_per_ul) + log_share)[:1500].mean() - (np.log(t_per_ul) + log_share)[
        1500:
    ].mean()
    assert np.log(known["estimate"]) == pytest.approx(truth, abs=3 * known["standard_error"])
    assert "move with the T cells" not in known["reason"]
    # not told the T cells, it takes the limits for independent of the counts, and says what that
    # does
    unknown = compare_groups(counts, people, **how).iloc[0]
    assert np.log(unknown["estimate"]) < truth - 0.08
    assert "limits of counts move with the T cells per microlitre" in unknown["reason"]


def test_a_long_tail_below_the_limit_does_not_bias_the_ratio():
    """Log-gamma values (skewed to the left) with half unseen; the normal distribution would put
    their mean too high.
    """
    rng = np.random.default_rng(21)
    people = make_participants({"SSc": 1500, "healthy": 1500}, seed=22)
    effect, n = -0.7, 10**7
    y = -8.0 + effect * is_ssc(people) + np.log(rng.gamma(1.43, 1 / 1.43, 3000))
    limit = inverse_logit(np.array(-8.55))
    values = inverse_logit(y)
    assert 0.4 < np.mean(values < limit) < 0.6
    rows = make_measurements(people, values, n_denominator=n, limit=limit)
    how = {"plan": make_plan(contrasts=("healthy",)), "cohort": COHORT, "settings": SETTINGS}
    row = compare_groups(rows, people, **how).iloc[0]
    assert np.log(row["estimate"]) == pytest.approx(effect, abs=0.05 + 2 * row["standard_error"])
    X = np.column_stack([is_ssc(people), ~is_ssc(people)]).astype(float)
    low = values < limit
    bounded = np.where(low, np.log(limit / (1 - limit)), y)
    normal = fit_censored(bounded, low, X, spread=np.column_stack([X.sum(axis=1), X[:, 0]]))
    shift = normal.fit.coefficients @ [1, -1] - effect
    assert shift > 0.08
    assert abs(np.log(row["estimate"]) - effect) < shift
