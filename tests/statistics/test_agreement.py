"""Agreement of two methods: published worked examples, and the slow obvious way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from itc_analysis.statistics.agreement import (
    concordance_correlation,
    concordance_interval,
    fit_line,
    limits_of_agreement,
)

#: Peak expiratory flow (l/min) of 17 people by two meters: Bland and Altman 1986, table 1, first
#: readings.
WRIGHT = np.array(
    [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427.0]
)
MINI = np.array(
    [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451.0]
)
#: Pearson's data with York's weights, the standard example of a line with errors in both (York
#: 2004, table II).
PEARSON_X = np.array([0.0, 0.9, 1.8, 2.6, 3.3, 4.4, 5.2, 6.1, 6.5, 7.4])
PEARSON_Y = np.array([5.9, 5.4, 4.4, 4.6, 3.5, 3.7, 2.8, 2.8, 2.4, 1.5])
YORK_X = np.array([1000, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1.0]) ** -0.5
YORK_Y = np.array([1, 1.8, 4, 8, 20, 20, 70, 70, 100, 500.0]) ** -0.5
#: Arsenate in river water by two assays (x, its standard error, y, its standard error; 0.01
#: micrograms per litre): Ripley and Thompson 1987, Analyst 112:377.
ARSENATE = """
    871 192 735 207,  701 156 792 223,  328 76 340 96,  560 126 544 153,  155 39 207 59,
    175 43 229 65,  73 22 66 19,  366 84 343 97,  90 25 125 36,  939 207 658 185,
    439 100 331 93,  369 84 272 77,  34 13 232 66,  194 47 150 43,  207 50 350 99,
    138 36 117 33,  181 45 231 66,  127 33 188 54,  82 23 44 13,  188 46 137 40,
    566 127 704 198,  0 6 0 1,  0 6 49 15,  40 15 129 37,  0 6 37 12,
    198 48 216 62,  1021 224 1253 351,  464 105 390 110,  566 127 466 131,  1925 418 1586 445,
"""
#: Lin's coefficient worked out by hand: means 2.5 and 3.25, variances 1.25 and 2.1875, covariance
#: 1.625, so 3.25 / (3.4375 + 0.5625).
ONE, OTHER = [1, 2, 3, 4], [1, 3, 4, 5]


def test_concordance_correlation_is_lins():
    assert concordance_correlation(ONE, OTHER) == pytest.approx(3.25 / 4)
    assert concordance_correlation(ONE, ONE) == 1
    assert np.isnan(concordance_correlation([1], [1]))
    assert np.isnan(concordance_correlation([2, 2], [2, 2]))
    assert np.isnan(concordance_correlation([0.1, 0.1, 0.1], [0.1, 0.1, 0.1]))


def test_concordance_of_the_two_meters_is_as_stata_prints_it():
    """Steichen and Cox 1998 (Stata Technical Bulletin 43, sg84) print 0.943 for these data."""
    found = concordance_interval(WRIGHT, MINI, confidence=0.95)
    assert found.estimate == pytest.approx(0.943, abs=5e-4)
    assert found.lower < found.estimate < found.upper < 1


def test_concordance_interval_holds_the_truth_in_95_of_100_samples():
    """True coefficient 2 x 0.8 / (1 + 1 + 0.3^2); 1,500 samples of 40, three standard errors of the
    share.
    """
    rng = np.random.default_rng(3)
    truth = 2 * 0.8 / (2 + 0.3**2)
    held = 0
    for _ in range(1500):
        x, y = rng.multivariate_normal([0, 0.3], [[1, 0.8], [0.8, 1]], 40).T
        found = concordance_interval(x, y, confidence=0.95)
        held += found.lower <= truth <= found.upper
    assert held / 1500 == pytest.approx(0.95, abs=0.017)


def test_concordance_has_no_interval_where_there_is_none():
    tenths = np.array([0.1, 0.2, 0.35])
    for x, y in (
        (ONE, ONE),
        ([1, 2], [2, 3]),
        ([1, 1, 1], [1, 2, 3]),
        # equal and proportional values that rounding takes apart
        ([0.1, 0.1, 0.1], [0.1, 0.2, 0.3]),
        ([0.1, 0.2, 0.3], [1 / 3, 1 / 3, 1 / 3]),
        ([0.1, 0.1, 0.1], [0.1, 0.1, 0.1]),
        (tenths, 0.3 + tenths),
    ):
        found = concordance_interval(x, y, confidence=0.95)
        assert np.isnan(found.lower)
        assert np.isnan(found.upper)


def test_limits_of_agreement_are_those_of_the_lancet():
    """Mean difference -2.1, SD 38.8; the paper takes 2 SD (-79.7 to 75.5) where 1.96 are taken
    here.
    """
    found = limits_of_agreement(WRIGHT - MINI)
    assert found.estimate == pytest.approx(-2.1, abs=0.05)
    sd = (found.upper - found.lower) / (2 * 1.959964)
    assert sd == pytest.approx(38.8, abs=0.05)
    assert found.estimate - 2 * sd == pytest.approx(-79.7, abs=0.1)
    assert found.estimate + 2 * sd == pytest.approx(75.5, abs=0.1)


def test_limits_need_two_pairs():
    assert np.isnan(limits_of_agreement([1.0]).upper)
    assert np.isnan(limits_of_agreement([]).estimate)


def test_line_through_pearsons_data_is_yorks():
    """Cantrell 2008 (doi:10.5194/acp-8-5477-2008) repeats slope and intercept to ten digits."""
    line = fit_line(PEARSON_X, PEARSON_Y, x_se=YORK_X, y_se=YORK_Y)
    assert line.slope == pytest.approx(-0.4805334074, abs=1e-9)
    assert line.intercept == pytest.approx(5.4799102240, abs=1e-9)
    assert line.slope_se == pytest.approx(0.0580, abs=5e-5)
    assert line.intercept_se == pytest.approx(0.2950, abs=5e-5)


def test_line_through_the_arsenate_assays_is_the_papers():
    rows = [[float(number) / 100 for number in row.split()] for row in ARSENATE.split(",")[:-1]]
    x, x_se, y, y_se = np.array(rows).T
    assert len(x) == 30
    line = fit_line(x, y, x_se=x_se, y_se=y_se)
    assert line.slope == pytest.approx(0.97300, abs=2e-5)
    assert line.intercept == pytest.approx(0.106448, abs=2e-6)


@pytest.mark.parametrize("ratio", [0.2, 1.0, 6.0])
def test_equal_errors_give_demings_line(ratio):
    """The slow way: the line from which all points are least far, in units of their errors."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=30)
    y = 0.4 + 1.3 * x + 0.5 * rng.normal(size=30)

    def distance(line):
        return np.sum((y - line[0] - line[1] * x) ** 2 / (ratio + line[1] ** 2))

    slow = optimize.minimize(distance, [0.0, 1.0], method="Nelder-Mead", tol=1e-12).x
    line = fit_line(x, y, x_se=1.0, y_se=np.sqrt(ratio))
    assert (line.intercept, line.slope) == pytest.approx(tuple(slow), abs=1e-5)


def test_exchanging_the_methods_inverts_the_line():
    there = fit_line(PEARSON_X, PEARSON_Y, x_se=YORK_X, y_se=YORK_Y)
    back = fit_line(PEARSON_Y, PEARSON_X, x_se=YORK_Y, y_se=YORK_X)
    assert back.slope == pytest.approx(1 / there.slope, rel=1e-9)
    assert back.intercept == pytest.approx(-there.intercept / there.slope, rel=1e-9)


def test_no_line_without_correlation_or_pairs():
    with pytest.raises(ValueError, match="do not correlate"):
        fit_line([0, 1, 0, 1], [0, 0, 1, 1], x_se=1, y_se=1)
    with pytest.raises(ValueError, match="three pairs"):
        fit_line([0, 1], [0, 1], x_se=1, y_se=1)
