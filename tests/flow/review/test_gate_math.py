"""The page's numbers against the Python that they repeat, in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from itc_analysis.cohort.sheets.review import parse_place
from itc_analysis.flow.counting.histograms import PROFILE_STEPS, profile
from itc_analysis.flow.gating.geometry import (
    AllAbove,
    Ellipse,
    Geometry,
    Polygon,
    Rectangle,
    Threshold,
    to_json,
)
from itc_analysis.statistics.binomial import count_limits

SHAPES: list[Geometry] = [
    Threshold(("x",), "above", 0.40625),
    Threshold(("x",), "below", 0.40625),
    AllAbove(("x", "y"), 0.40625),
    Rectangle(("x",), (0.25,), (0.5,)),
    Rectangle(("x", "y"), (0.25, None), (None, 0.5)),
    Polygon(("y", "x"), ((0.1, 0.2), (0.7, 0.1), (0.8, 0.6), (0.4, 0.4))),
    Ellipse(("x", "y"), (0.5, 0.4), ((0.02, 0.01), (0.01, 0.03)), 2.0),
]
KINDS = [f"{type(shape).__name__} {i}" for i, shape in enumerate(SHAPES)]


@pytest.fixture(scope="module")
def math(browser: Browser) -> Iterator[Page]:
    """Return a page that has only the functions."""
    page = browser.new_page()
    page.add_script_tag(
        content=(files("itc_analysis.flow.review") / "assets" / "gate_math.js").read_text()
        + "\nwindow.GateMath = GateMath;"
    )
    yield page
    page.close()


def ask(math: Page, call: str, argument: Any) -> Any:
    return math.evaluate(f"(given) => {call}", argument)


def test_limits_are_those_of_the_counts(math: Page) -> None:
    totals = [1, 2, 10, 37, 500, 4_321, 100_000, 2_000_000]
    pairs = sorted(
        {(min(n, of), of) for of in totals
         for n in (0, 1, 2, 5, 20, 150, of // 3, of // 2, of - 1, of)}
    )  # fmt: skip
    found = ask(math, "given.map(([n, of]) => GateMath.countLimits(n, of))", pairs)
    expected = [count_limits(n, of) for n, of in pairs]
    # float64 with logarithms of the gamma function near 3e7: 1e-8 of them is lost
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES, ids=KINDS)
def test_a_point_lies_in_the_same_gate(math: Page, shape: Geometry) -> None:
    assert not isinstance(shape, str)
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 1, (2000, 2))
    values = np.stack([points[:, "xy".index(marker)] for marker in shape.markers])
    expected = shape.contains(values)
    found = ask(
        math,
        "given.points.map(([x, y]) => GateMath.contains(given.shape, { x, y }))",
        {"points": points.tolist(), "shape": json.loads(to_json(shape))},
    )
    assert found == expected.tolist()


@pytest.mark.parametrize("shape", SHAPES, ids=KINDS)
def test_a_place_goes_to_the_sheet_and_back(math: Page, shape: Geometry) -> None:
    given = json.loads(to_json(shape))
    text = ask(math, "GateMath.formatPlace(GateMath.placeOf(given))", given)
    points = ask(math, "GateMath.parsePlace(given)", text)
    assert parse_place(text) == tuple(tuple(point) for point in points)
    if isinstance(shape, (Threshold, AllAbove)):
        assert points == [[shape.cut]]
    if isinstance(shape, Polygon):
        assert points == [list(corner) for corner in shape.vertices]


def test_an_ellipse_and_its_corners_hold_the_same_area(math: Page) -> None:
    shape = SHAPES[-1]
    assert isinstance(shape, Ellipse)
    corners = np.array(ask(math, "GateMath.placeOf(given)", json.loads(to_json(shape))))
    x, y = corners.T
    area = abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2
    whole = np.pi * shape.distance_square * np.sqrt(np.linalg.det(np.array(shape.covariance)))
    assert area == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("shape", SHAPES, ids=KINDS)
def test_a_gate_is_counted_from_its_histogram(math: Page, shape: Geometry) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(0.4, 0.12, (2, 20_000)).astype(np.float32)
    counts, x_edges, y_edges = np.histogram2d(x, y, bins=64, range=((-0.1, 1), (-0.1, 1)))
    values = np.stack([{"x": x, "y": y}[marker] for marker in shape.markers])
    view = {
        "x": "x", "y": "y", "shape": [64, 64], "counts": counts.ravel().tolist(),
        "spans": [[x_edges[0], x_edges[-1]], [y_edges[0], y_edges[-1]]],
        "profile": None if isinstance(shape, (Polygon, Ellipse)) else profile(values.min(axis=0)),
    }  # fmt: skip
    found = ask(
        math,
        "GateMath.countGate(given.view, given.shape)",
        {"view": view, "shape": json.loads(to_json(shape))},
    )
    expected = int(shape.contains(values).sum())
    is_cut = len(shape.markers) == 1 or isinstance(shape, AllAbove)
    assert found["least"] <= expected <= found["most"]
    if is_cut:
        assert found["n"] == found["least"] == found["most"] == expected
    else:
        # bins of a fiftieth of the gate: a hundredth of its events
        assert found["n"] == pytest.approx(expected, rel=0.01)
        assert found["least"] < found["most"]


def test_the_count_of_any_polygon_lies_between_the_ends_that_are_shown(math: Page) -> None:
    """Crooked and crossing outlines, events on corners, and events far outside of the view."""
    rng = np.random.default_rng(7)
    x, y = rng.normal(0.4, 0.2, (2, 3000)).astype(np.float32)
    x[:40], y[40:80] = 1.9, -0.8  # beyond the view, in its outermost bins
    edges = np.linspace(-0.1, 1.0, 65)
    places = [np.clip(np.floor((v - edges[0]) * 64 / 1.1), 0, 63).astype(int) for v in (x, y)]
    counts = np.bincount(places[0] * 64 + places[1], minlength=64 * 64)
    view = {"x": "x", "y": "y", "shape": [64, 64], "counts": counts.tolist(),
            "spans": [[-0.1, 1.0], [-0.1, 1.0]], "profile": None}  # fmt: skip
    shapes = []
    for n_corners in (3, 4, 5, 8, 24):
        for _ in range(12):
            corners = rng.uniform(-0.3, 1.3, (n_corners, 2))
            corners[0] = (x[100], y[100])
            shapes.append(Polygon(("x", "y"), tuple(map(tuple, corners.tolist()))))
    for _ in range(20):
        root = rng.normal(0, 0.2, (2, 2))
        covariance = (root @ root.T + 0.001 * np.eye(2)).tolist()
        centre = tuple(rng.uniform(0, 1, 2).tolist())
        shapes.append(Ellipse(("x", "y"), centre, tuple(map(tuple, covariance)), 2.0))
    found = ask(
        math,
        "given.shapes.map((shape) => GateMath.countGate(given.view, shape))",
        {"view": view, "shapes": [json.loads(to_json(shape)) for shape in shapes]},
    )
    values = np.stack([x, y])
    expected = [int(shape.contains(values).sum()) for shape in shapes]
    wrong = [
        (shape, n, ends)
        for shape, n, ends in zip(shapes, expected, found, strict=True)
        if not ends["least"] <= n <= ends["most"] or not ends["least"] <= ends["n"] <= ends["most"]
    ]
    assert wrong == []
    # the ends are of use: the bins on the edge hold a small part of the events
    assert np.median([ends["most"] - ends["least"] for ends in found]) < 0.25 * x.size


def test_a_cut_on_a_step_counts_what_float32_counts(math: Page) -> None:
    values = (np.arange(-200, 700) / PROFILE_STEPS).astype(np.float32)
    values = np.concatenate([values, np.nextafter(values, np.float32(-9))])
    steps = list(range(-150, 650, 7))
    found = ask(
        math,
        "given.steps.map((step) => GateMath.countAbove(given.profile, step / 512))",
        {"steps": steps, "profile": profile(values)},
    )
    assert found == [int((values >= np.float32(step / PROFILE_STEPS)).sum()) for step in steps]
