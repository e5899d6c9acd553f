"""Mixtures against scikit-learn on the same points, against the truth, and where they must
refuse.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats
from sklearn.mixture import GaussianMixture

from flow.made_tubes import fit_tube, make_tube
from itc_analysis.config.sections import Flow
from itc_analysis.flow.counting.apply import gate_tube
from itc_analysis.flow.gates.error import gate_errors
from itc_analysis.flow.gates.final import final_gates
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gates.switching import switching_events
from itc_analysis.flow.gating.gaussians import fit_gaussians
from itc_analysis.flow.gating.geometry import Ellipse, Threshold
from itc_analysis.flow.gating.methods import mixture
from itc_analysis.flow.gating.template import check_template
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits

COMMON = {"n_bootstrap": 40, "seed": 1}
LOW, HIGH = (0.30, 0.07), (0.50, 0.05)  # mean and standard deviation; no valley between them


def draw_one(seed: int, n: int = 20_000, share: float = 0.25) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n_high = round(n * share)
    values = np.concatenate([rng.normal(*LOW, n - n_high), rng.normal(*HIGH, n_high)])
    return values.astype(np.float32)[None]


def draw_two(seed: int, n: int = 20_000, share: float = 0.2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n_high = round(n * share)
    low = rng.multivariate_normal([0.3, 0.3], [[0.004, 0.001], [0.001, 0.003]], n - n_high)
    high = rng.multivariate_normal([0.52, 0.48], [[0.003, -0.001], [-0.001, 0.004]], n_high)
    return np.concatenate([low, high]).T.astype(np.float32)


def equally_likely(share: float) -> float:
    """Return where the two drawn populations are equally likely, by root search."""

    def difference(x: float) -> float:
        return (1 - share) * stats.norm.pdf(x, *LOW) - share * stats.norm.pdf(x, *HIGH)

    return float(optimize.brentq(difference, LOW[0], HIGH[0]))


@pytest.mark.parametrize("n_components", [2, 3])
def test_one_marker_agrees_with_scikit_learn(n_components: int) -> None:
    values = draw_one(1)
    if n_components == 3:
        more = np.random.default_rng(2).normal(0.75, 0.04, 5000).astype(np.float32)
        values = np.concatenate([values, more[None]], axis=1)
    points, weights = mixture._histogram(values)
    ours = fit_gaussians(points, weights, n_components, 0.0025)
    theirs = GaussianMixture(n_components, n_init=3, tol=1e-8, max_iter=5000, random_state=0)
    theirs.fit(values.T)
    order, their_order = np.argsort(ours.means[0, :, 0]), np.argsort(theirs.means_[:, 0])
    # the points are moved to the middle of bins of 0.0025: means by a hundredth of that, variances
    # by its square over 12; both stop when the likelihood stands still, which leaves a little on a
    # flat top
    np.testing.assert_allclose(ours.means[0, order, 0], theirs.means_[their_order, 0], atol=1e-3)
    np.testing.assert_allclose(ours.shares[0, order], theirs.weights_[their_order], atol=5e-3)
    sd = np.sqrt(ours.covariances[0, order, 0, 0])
    np.testing.assert_allclose(sd, np.sqrt(theirs.covariances_[their_order, 0, 0]), atol=1e-3)


def test_two_markers_agree_with_scikit_learn() -> None:
    values = draw_two(1)
    points, weights = mixture._histogram(values)
    ours = fit_gaussians(points, weights, 2, mixture.BIN_WIDTH_2D)
    theirs = GaussianMixture(2, n_init=3, tol=1e-8, max_iter=5000, random_state=0).fit(values.T)
    order, their_order = np.argsort(ours.means[0, :, 0]), np.argsort(theirs.means_[:, 0])
    np.testing.assert_allclose(ours.means[0, order], theirs.means_[their_order], atol=1e-3)
    # bins of 0.01 add 0.01²/12 to each variance
    expected = theirs.covariances_[their_order] + np.eye(2) * 0.01**2 / 12
    np.testing.assert_allclose(ours.covariances[0, order], expected, atol=5e-5)
    np.testing.assert_allclose(ours.shares[0, order], theirs.weights_[their_order], atol=2e-3)


@pytest.mark.parametrize("share", [0.25, 0.05])
@pytest.mark.parametrize("side", ["above", "below"])
def test_the_cut_lies_where_both_are_equally_likely(share: float, side: str) -> None:
    found = mixture.fit(draw_one(3, n=60_000, share=share), markers=("A",), side=side, **COMMON)
    assert isinstance(found.geometry, Threshold)
    assert found.cut is not None
    assert found.cut_se is not None
    assert abs(found.cut - equally_likely(share)) < 4 * found.cut_se
    assert found.geometry.side == side


def test_the_error_is_the_scatter_of_repeated_draws() -> None:
    fits = [
        mixture.fit(draw_one(seed, n=8000), markers=("A",), side="above", **COMMON)
        for seed in range(40)
    ]
    cuts = [fitted.cut for fitted in fits]
    # 40 draws give the scatter within 11 %, a bootstrap of 40 each error within as much
    assert np.median([fitted.cut_se for fitted in fits]) == pytest.approx(np.std(cuts), rel=0.35)


def test_two_markers_give_an_ellipse_that_holds_what_it_says() -> None:
    values = draw_two(4)
    found = mixture.fit(values, markers=("A", "B"), side="above", coverage=0.95, **COMMON)
    assert isinstance(found.geometry, Ellipse)
    is_high = np.arange(values.shape[1]) >= values.shape[1] * 0.8
    inside = found.geometry.contains(values)
    assert np.mean(inside[is_high]) == pytest.approx(0.95, abs=0.015)
    assert np.mean(inside[~is_high]) < 0.01
    assert found.quality == pytest.approx(0.97, abs=0.03)
    below = mixture.fit(values, markers=("A", "B"), side="below", **COMMON)
    assert isinstance(below.geometry, Ellipse)
    np.testing.assert_allclose(below.geometry.centre, (0.3, 0.3), atol=0.01)


def test_separation_is_the_share_on_the_right_side() -> None:
    found = {}
    for share in (0.25, 0.02):
        found[share] = mixture.fit(
            draw_one(5, 100_000, share), markers=("A",), side="above", **COMMON
        )
        cut = equally_likely(share)
        wrong = share * stats.norm.cdf(cut, *HIGH) + (1 - share) * stats.norm.sf(cut, *LOW)
        assert found[share].quality == pytest.approx(1 - wrong / share, abs=0.02)
    assert found[0.25].status == "ok"
    # of a fiftieth, more than a fifth is on the wrong side
    assert found[0.02].status == "weak"
    assert "overlap" in (found[0.02].reason or "")


def test_one_population_is_not_parted() -> None:
    rng = np.random.default_rng(6)
    shapes = {
        "normal": rng.normal(0.3, 0.06, 20_000),
        "skewed": 0.2 + 0.02 * rng.gamma(9, 1, 20_000),
        "heavy": 0.3 + 0.05 * rng.standard_t(6, 20_000),
    }
    for name, values in shapes.items():
        found = mixture.fit(values.astype(np.float32)[None], markers=("A",), side="above", **COMMON)
        assert (found.status, found.cut) == ("not_estimable", None), name
    both = np.array([shapes["normal"], shapes["normal"][::-1]], dtype=np.float32)
    assert mixture.fit(both, markers=("A", "B"), side="above", **COMMON).status == "not_estimable"
    few = mixture.fit(draw_one(7, n=30), markers=("A",), side="above", **COMMON)
    assert few.status == "not_estimable"
    assert (
        mixture.fit(np.zeros((1, 0), dtype=np.float32), markers=("A",), side="above", **COMMON).cut
        is None
    )


def test_a_third_population_moves_the_cut_to_its_own_edge() -> None:
    brighter = np.random.default_rng(8).normal(0.8, 0.05, 4000).astype(np.float32)[None]
    values = np.concatenate([draw_one(8), brighter], axis=1)
    found = mixture.fit(values, markers=("A",), side="above", n_populations=3, **COMMON)
    assert found.cut is not None
    assert 0.6 < found.cut < 0.7
    assert np.count_nonzero(values >= found.cut) == pytest.approx(4000, abs=20)


def test_the_order_of_events_does_not_matter() -> None:
    values = draw_two(9, n=4000)
    shuffled = values[:, np.random.default_rng(0).permutation(4000)]
    one, other = (
        mixture.fit(v, markers=("A", "B"), side="above", **COMMON) for v in (values, shuffled)
    )
    assert one == other


def test_the_error_of_an_ellipse_reaches_the_share() -> None:
    plan = check_template(
        {
            "panel": "made",
            "populations": [
                {"name": "bright", "parent": "all", "markers": ["A", "B"], "method": "mixture", "side": "above"}  # noqa: E501
            ],
        },
        "t.yaml",
    )  # fmt: skip
    tubes = [
        make_tube(dict(zip("AB", draw_two(seed), strict=True)), file_id=f"T{seed}")
        for seed in range(3)
    ]
    empty = make_tube({"A": np.full(500, 0.3), "B": np.full(500, 0.3)}, file_id="empty")
    fits = [row for tube in (*tubes, empty) for row in fit_tube(tube, plan, n_bootstrap=20)]
    gates = pool_gates(contract.make(fits, GateFits), plan, Flow()).set_index("file_id")
    assert gates["state"].to_dict() == {"T0": "ok", "T1": "ok", "T2": "ok", "empty": "borrowed"}
    membership = gate_tube(tubes[0], plan, final_gates(gates.reset_index(), "T0", plan))
    errors = {}
    for name in ("T0", "empty"):
        gate = final_gates(gates.reset_index(), name, plan)["bright"]
        switching = {"bright": switching_events(membership, gate.geometry, gate.moves, "all")}
        errors[name] = gate_errors(
            membership, plan, {"bright": gate.geometry}, {"bright": gate.moves}, switching
        )["bright"]
    # a borrowed shape lies as far off as those of other tubes lie apart, which are drawn alike here
    assert 0 < errors["T0"] < 0.02
    assert 0.3 * errors["T0"] < errors["empty"] < 3 * errors["T0"]
