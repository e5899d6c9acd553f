from __future__ import annotations

import numpy as np
import pytest

from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.people.design import build_design
from itc_analysis.stats.people.responses import respond
from itc_analysis.stats.questions.variability import compare_spread
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)


def spread_of(y, people, *, covariates=None):
    rows = make_measurements(people, inverse_logit(y), n_denominator=10**9)
    design = build_design(
        respond(rows, people, "share_of_t"),
        plan=make_plan(covariates=covariates),
        groups=COHORT.groups,
        min_per_group=3,
    )
    return compare_spread(design, "SSc", measure="share_of_t", confidence=0.95)


@pytest.mark.parametrize("n", [15, 50])
def test_equal_spread_is_rejected_as_often_as_promised(n):
    """150 simulations: a true 5 % shows between 1.4 and 8.6 %; skewed values are the hard case."""
    people = make_participants(dict.fromkeys(COHORT.groups, n), seed=1)
    rng = np.random.default_rng(2)
    found = [spread_of(-4 + rng.gumbel(size=len(people)), people) for _ in range(150)]
    rejected = np.mean([one.p_value < 0.05 for one in found])
    assert 0.01 <= rejected <= 0.09
    assert np.exp(np.mean([np.log(one.ratio) for one in found])) == pytest.approx(1, abs=0.06)


def test_an_effect_of_age_is_not_spread():
    people = make_participants(dict.fromkeys(COHORT.groups, 40), seed=1)
    people = people.assign(age_years=people["age_years"].where(people["group"] == "SSc", 50.0))
    y = -4 - 0.08 * people["age_years"] + 0.3 * np.random.default_rng(3).normal(size=len(people))
    assert spread_of(y.to_numpy(), people).p_value < 0.001
    assert spread_of(y.to_numpy(), people, covariates="age_years").p_value > 0.05


@pytest.mark.parametrize("y", [[-4.0], [-3.3], [-4.0, -3.0]])
def test_groups_of_equal_spread_to_the_last_digit_are_refused(y):
    """Nobody differs, or everybody by as much: there is no error to judge the ratio by."""
    people = make_participants(dict.fromkeys(COHORT.groups, 12), seed=1)
    with pytest.raises(NotEstimable, match="spread is not compared"):
        spread_of(np.resize(y, len(people)), people)


def test_four_per_group_are_too_few():
    people = make_participants(dict.fromkeys(COHORT.groups, 4), seed=1)
    with pytest.raises(NotEstimable, match="fewer than 5"):
        spread_of(np.linspace(-5, -3, len(people)), people)


def counted_spread(rng, people, cells, *, share=0.2, sd=0.6, sd_index=0.6):
    is_index = (people["group"] == "SSc").to_numpy()
    n = np.where(is_index, cells, 3_000)
    true = np.log(share / (1 - share)) + np.where(is_index, sd_index, sd) * rng.normal(size=len(n))
    k = rng.binomial(n, inverse_logit(true))
    rows = make_measurements(people, k / n, n_denominator=n).assign(
        n_events=k, n_background=0.0, background_se=0.0, capture=1.0, error_log=0.0
    )
    design = build_design(
        respond(rows, people, "share_of_t"),
        plan=make_plan(covariates=None),
        groups=COHORT.groups,
        min_per_group=3,
    )
    return compare_spread(design, "SSc", measure="share_of_t", confidence=0.95)


@pytest.mark.parametrize("cells", [100, 150, 500, 3_000])
def test_few_cells_are_not_spread(cells):
    people = make_participants(dict.fromkeys(("SSc", "healthy", "RA"), 40), seed=1)
    rng = np.random.default_rng(cells)
    found = [counted_spread(rng, people, cells) for _ in range(20)]
    logs = np.log([one.ratio for one in found])
    assert np.mean(logs) == pytest.approx(0, abs=3 * np.std(logs) / np.sqrt(20) + 0.03)
    twice = [counted_spread(rng, people, cells, sd_index=1.2).ratio for _ in range(20)]
    assert np.exp(np.mean(np.log(twice))) == pytest.approx(2, rel=0.15)


def test_spread_is_not_compared_where_counting_makes_up_most_of_it():
    people = make_participants(dict.fromkeys(("SSc", "healthy", "RA"), 40), seed=1)
    with pytest.raises(NotEstimable, match="counting few cells"):
        counted_spread(np.random.default_rng(1), people, 20)


def test_the_error_of_a_score_is_not_spread():
    people = make_participants(dict.fromkeys(("SSc", "healthy", "RA"), 40), seed=1)
    rng = np.random.default_rng(5)
    error = np.where(people["group"] == "SSc", 0.5, 0.1)
    logs = []
    for _ in range(40):
        value = rng.normal(size=len(people)) + error * rng.normal(size=len(people))
        rows = make_measurements(people, value, measure="score", feature="exhaustion",
                                 n_denominator=None, standard_error=error)  # fmt: skip
        design = build_design(
            respond(rows, people, "score"), plan=make_plan(covariates=None),
            groups=COHORT.groups, min_per_group=3,
        )  # fmt: skip
        found = compare_spread(design, "SSc", measure="score", confidence=0.95)
        logs.append(np.log(found.ratio))
    assert np.mean(logs) == pytest.approx(0, abs=3 * np.std(logs) / np.sqrt(40))


def test_the_ratio_is_that_of_deviations_corrected_for_leverage_and_median():
    """Written out, of groups of 5 and 30 with an own level: the leverage is 1/5 and 1/30, and the
    median takes one deviation of the five to 0.
    """
    people = make_participants({"SSc": 5, "healthy": 31}, seed=1)
    y = -4 + np.random.default_rng(7).normal(size=36)
    groups = {"SSc": y[:5], "healthy": y[5:]}
    expected = {}
    for name, mine in groups.items():
        n = len(mine)
        residual = (mine - mine.mean()) / np.sqrt(1 - 1 / n)
        expected[name] = np.abs(residual - np.median(residual)).sum() / (n - 1)
    # 10^9 cells: what counting adds is nothing
    found = spread_of(y, people).ratio
    assert found == pytest.approx(expected["SSc"] / expected["healthy"], rel=1e-4)
