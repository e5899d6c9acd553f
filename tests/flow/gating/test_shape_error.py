"""Errors of learned shapes: the numbers of a shape, its directions, and the scatter of repeated
draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from itc_analysis.flow.gating.geometry import (
    Ellipse,
    Polygon,
    Rectangle,
    Shape,
    many_from_json,
    many_to_json,
)
from itc_analysis.flow.gating.methods import (
    density_contour,
    fixed,
    mixture,
    scatter_ellipse,
    singlets,
)
from itc_analysis.flow.gating.shape_error import (
    MOST_DIRECTIONS,
    numbers_of,
    one_bound_away,
    one_error_away,
    opposite,
    with_numbers,
)

Values = npt.NDArray[np.float32]

SHAPES: list[Shape] = [
    Ellipse(("A", "B"), (0.3, 0.5), ((0.02, 0.006), (0.006, 0.01)), 9.0),
    Ellipse(("A", "B", "C"), (0.3, 0.5, 0.1),
            ((0.02, 0.006, 0.001), (0.006, 0.01, 0.002), (0.001, 0.002, 0.03)), 9.0),
    Polygon(("A", "B"), ((0.1, 0.1), (0.9, 0.2), (0.5, 0.8))),
    Rectangle(("A", "B"), (0.2, None), (0.6, 0.7)),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_its_numbers_and_has_an_opposite_in_every_direction(shape: Shape) -> None:
    own = numbers_of(shape)
    assert numbers_of(with_numbers(shape, own)) == pytest.approx(own)
    rng = np.random.default_rng(1)
    covariance = np.cov(rng.normal(size=(own.size, 3 * own.size)))
    replicates = rng.multivariate_normal(own + 7, 1e-4 * covariance, 400)
    moved = one_error_away(shape, replicates)
    steps = np.array([numbers_of(one) - own for one in moved])
    # the directions together are the replicates' covariance, wherever their mean lies
    expected = np.cov(replicates.T)[: own.size, : own.size]
    assert steps.T @ steps == pytest.approx(expected, abs=1e-3 * expected.max())
    back = numbers_of(opposite(shape, moved[0]))
    assert back == pytest.approx(own - steps[0])
    assert many_from_json(many_to_json(moved)) == moved


def test_replicates_that_do_not_scatter_have_no_error() -> None:
    for shape in SHAPES:
        own = numbers_of(shape)
        assert one_error_away(shape, np.tile(own, (5, 1))) == ()
        assert one_error_away(shape, own[None]) == ()
    assert many_to_json(()) is None
    assert many_from_json(None) == ()


def test_bounds_move_one_at_a_time() -> None:
    shape = Rectangle(("A", "B"), (0.2, None), (None, 0.7))
    moved = one_bound_away(shape, [0.01, 0.03])
    assert [(one.lowest, one.highest) for one in moved if isinstance(one, Rectangle)] == [
        ((pytest.approx(0.21), None), (None, pytest.approx(0.7))),
        ((pytest.approx(0.2), None), (None, pytest.approx(0.73))),
    ]
    assert len(one_bound_away(shape, [0.01, 0.0])) == 1


def blood(seed: int, n: int) -> Values:
    """Lymphocytes with wide tails, monocytes beside them, and debris."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    place = np.array([[0.30, 0.10], [0.45, 0.24], [0.05, 0.04]])[kind]
    width = np.array([[0.035, 0.025], [0.05, 0.05], [0.02, 0.015]])[kind]
    return (place + width * rng.standard_t(6, (n, 2))).T.astype(np.float32)


def pulses(seed: int, n: int) -> Values:
    """Area and height of single cells, and a tenth of doublets."""
    rng = np.random.default_rng(seed)
    area = rng.gamma(20, 0.015, n)
    height = 0.9 * area * (1 + 0.03 * rng.standard_normal(n))
    is_doublet = rng.random(n) < 0.1
    area[is_doublet] *= rng.uniform(1.2, 2, is_doublet.sum())
    return np.stack([area, height]).astype(np.float32)


def clusters(seed: int, n: int) -> Values:
    rng = np.random.default_rng(seed)
    is_high = rng.random(n) < 0.3
    place = np.where(is_high[:, None], [0.7, 0.65], [0.3, 0.3])
    return (place + 0.06 * rng.standard_normal((n, 2))).T.astype(np.float32)


Draw = Callable[[int, int], Values]
LEARNED: dict[str, tuple[Callable[..., Any], Draw, int, dict[str, Any]]] = {
    "scatter_ellipse": (scatter_ellipse.fit, blood, 10_000, {"coverage": 0.95}),
    "singlets": (singlets.fit, pulses, 3_000, {"z": 2.0}),
    "density_contour": (density_contour.fit, clusters, 6_000, {"side": "above"}),
    "mixture": (mixture.fit, clusters, 1_500, {"side": "above", "coverage": 0.9}),
}


@pytest.mark.parametrize("method", list(LEARNED))
def test_the_error_is_what_counts_scatter_by_when_the_shape_is_learned_again(method: str) -> None:
    fit, draw, n, arguments = LEARNED[method]
    reference = draw(10_000, 100_000)
    logs, said = [], []
    for seed in range(50):
        found = fit(draw(seed, n), markers=("A", "B"), n_bootstrap=20, seed=seed, **arguments)
        assert found.cut_se is None
        assert 0 < len(found.shape_errors) <= MOST_DIRECTIONS
        logs.append(np.log(found.geometry.contains(reference).sum()))
        changes = [
            np.log(opposite(found.geometry, one).contains(reference).sum())
            - np.log(one.contains(reference).sum())
            for one in found.shape_errors
        ]
        said.append(np.sqrt(np.sum(np.square(changes))) / 2)
    # 50 draws give the scatter within 10 %, 50 bootstraps of 20 the mean of the errors within 3 %
    assert np.sqrt(np.mean(np.square(said))) == pytest.approx(np.std(logs), rel=0.3)


def test_an_outline_along_a_saddle_says_that_its_error_is_not_known() -> None:
    common = {"markers": ("A", "B"), "side": "above", "n_bootstrap": 10, "seed": 1}
    rng = np.random.default_rng(2)
    beside = np.concatenate(
        [rng.normal(0.4, 0.05, (20_000, 2)), rng.normal(0.53, 0.05, (12_000, 2))]
    )
    found = density_contour.fit(beside.T.astype(np.float32), **common)
    assert "% of the outline runs along the saddle to a neighbour" in str(found.reason)
    assert density_contour.fit(clusters(3, 6_000), **common).reason is None


def test_a_cut_that_a_person_gave_has_no_error() -> None:
    found = fixed.fit(blood(1, 100)[:1], markers=("A",), side="above", n_bootstrap=10, seed=1,
                      cut=0.4)  # fmt: skip
    assert (found.cut_se, found.shape_errors) == (0.0, ())
