"""Levels: bright is found by all tubes of a batch together, and a tube without it takes no other
level for it.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from itc_analysis.config.sections import Flow
from itc_analysis.flow.gates.by_level.cuts import LevelCut, level_cuts
from itc_analysis.flow.gates.by_level.shapes import gradients, per_bin, per_bin_shifted
from itc_analysis.flow.gates.histogram import BIN_WIDTH
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.geometry import Threshold, to_json
from itc_analysis.flow.gating.template import check_template
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits

#: Bright cells of eight tubes, two of them depleted; as many negative and intermediate ones in
#: each.
MAIT = (8, 15, 150, 400, 900, 2_000, 5_000, 9_000)
N_NEGATIVE, N_INTERMEDIATE = 3_000, 1_200
NEGATIVE, INTERMEDIATE, BRIGHT = 0.22, 0.52, 0.68


def drawn(
    n_bright: int,
    rng: np.random.Generator,
    *,
    moved: float = 0.0,
    intermediate: int = N_INTERMEDIATE,
) -> npt.NDArray[np.float64]:
    """Draw the CD161 of one tube: logistic negatives, skewed (Gumbel) intermediate and bright
    cells.
    """
    parts = (
        rng.logistic(NEGATIVE, 0.03, N_NEGATIVE),
        INTERMEDIATE - 0.03 * (rng.gumbel(0, 1, intermediate) - 0.37) / 1.28,
        BRIGHT - 0.022 * (rng.gumbel(0, 1, n_bright) - 0.37) / 1.28,
    )
    return np.concatenate(parts) + moved + rng.normal(0, 0.003)


def test_slopes_of_the_levels_are_those_of_small_steps() -> None:
    x = np.arange(-0.1, 1.0, 0.0075)  # no bin lies on a mode, where the second slope jumps
    shapes = np.array([[0.221, -3.1, -3.4, 1.2], [0.683, -3.7, -3.0, 3.0]])
    shifts = np.array([0.0, 0.013, -0.02])
    density, by_shape, by_shift = gradients(x, shapes, shifts)
    np.testing.assert_allclose(density, per_bin_shifted(x, shapes, shifts), rtol=1e-12)
    step = 1e-5
    for place in range(4):
        moved = np.zeros(4)
        moved[place] = step
        high, low = (per_bin_shifted(x, shapes + by, shifts) for by in (moved, -moved))
        np.testing.assert_allclose(by_shape[:, :, place], (high - low) / (2 * step), atol=1e-6)
    high, low = (per_bin_shifted(x, shapes, shifts + by) for by in (step, -step))
    np.testing.assert_allclose(by_shift, (high - low) / (2 * step), atol=1e-6)


def fit_row(file_id: str, values: npt.NDArray[np.float64], batch: str = "b1") -> dict[str, Any]:
    bins = np.floor(values / BIN_WIDTH).astype(int)
    histogram = {"first": int(bins.min()), "counts": np.bincount(bins - bins.min()).tolist()}
    return {
        "file_id": file_id,
        "panel": "made",
        "batch": batch,
        "tube": "stained",
        "population": "mait",
        "parent": "all",
        "method": "density_minimum",
        # every tube alone takes the valley between negative and intermediate
        "geometry": to_json(Threshold(("CD161",), "above", 0.4)),
        "cut": 0.4,
        "cut_se": 0.01,
        "quality": 0.8,
        "n_parent": values.size,
        "histogram": json.dumps(histogram),
        "status": "ok",
    }


def batch_of(mait: tuple[int, ...], name: str = "b1", **given: Any) -> dict[str, npt.NDArray[Any]]:
    rng = np.random.default_rng(sum(map(ord, name)))
    return {f"{name}_{i}": drawn(n, rng, **given) for i, n in enumerate(mait)}


def cuts_of(**batches: dict[str, npt.NDArray[Any]]) -> dict[str, LevelCut]:
    rows = [fit_row(f, v, name) for name, tubes in batches.items() for f, v in tubes.items()]
    return level_cuts(contract.make(rows, GateFits))


def counted(cut: LevelCut, values: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the count with what overlaps, and its standard error."""
    above = int((values >= cut.cut).sum())
    expected = (cut.n_background, cut.background_se, cut.n_missed, cut.missed_se)
    background, background_se, missed, missed_se = (float(number or 0.0) for number in expected)
    net = above - background + missed
    return net, float(np.sqrt(above + 1 + background_se**2 + missed_se**2))


def test_a_symmetrical_level_is_students_t_distribution() -> None:
    x = np.arange(-1, 1, 0.001)
    shape = np.array([[0.1, np.log(0.05), np.log(0.05), np.log(5.0)]])
    expected = stats.t(df=5, loc=0.1, scale=0.05).pdf(x) * 0.001
    np.testing.assert_allclose(per_bin(x, shape)[0], expected, rtol=0.002)


def test_each_tube_is_given_its_bright_cells_the_depleted_ones_too() -> None:
    tubes = batch_of(MAIT)
    cuts = cuts_of(b1=tubes)
    for n, (file_id, values) in zip(MAIT, tubes.items(), strict=True):
        net, error = counted(cuts[file_id], values)
        assert abs(net - n) < 3 * error, file_id
        assert INTERMEDIATE < cuts[file_id].cut < BRIGHT
        if n >= 400:
            assert net == pytest.approx(n, rel=0.03)
    assert cuts["b1_0"].state == "pooled"
    assert cuts["b1_5"].state == "ok"


def test_no_intermediate_cells_leave_the_cut_below_all_that_is_bright() -> None:
    tubes = batch_of((20, 300, 900, 2_000), intermediate=0)
    cuts = cuts_of(b1=tubes)
    for n, (file_id, values) in zip((20, 300, 900, 2_000), tubes.items(), strict=True):
        net, error = counted(cuts[file_id], values)
        assert abs(net - n) < 3 * error


def test_a_batch_without_bright_cells_borrows_their_distance_from_its_own_negatives() -> None:
    rich = batch_of(MAIT)
    moved = 0.05  # everything brighter in that batch: an absolute cut would lie wrong
    poor = batch_of((0, 0, 0, 0), "b2", moved=moved)
    cuts = cuts_of(b1=rich, b2=poor)
    here, there = cuts["b2_0"], cuts["b1_5"]
    assert here.state == "borrowed"
    assert "distance from the negatives" in str(here.reason)
    assert here.cut == pytest.approx(there.cut + moved, abs=0.015)
    assert abs(counted(here, poor["b2_0"])[0]) < 25
    # alone it cannot know that its highest level is not bright
    assert cuts_of(b2=poor)["b2_0"].cut < here.cut


def test_one_tube_that_shows_other_levels_moves_no_other_and_is_named() -> None:
    tubes = batch_of(MAIT)
    rng = np.random.default_rng(5)
    swapped = {"swapped": rng.normal(0.6, 0.12, 40_000)}  # another antibody's one broad peak
    without, with_it = cuts_of(b1=tubes), cuts_of(b1=tubes | swapped)
    assert with_it["swapped"].state == "weak"
    assert "negatives lie elsewhere" in str(with_it["swapped"].reason)
    assert with_it["swapped"].n_background is None
    for file_id, values in tubes.items():
        before, after = (counted(cuts[file_id], values)[0] for cuts in (without, with_it))
        assert after == pytest.approx(before, rel=0.02, abs=1)
        assert with_it[file_id].state == without[file_id].state


def test_the_order_of_tubes_says_nothing() -> None:
    tubes = batch_of(MAIT)
    backwards = dict(reversed(list(tubes.items())))
    first, second = cuts_of(b1=tubes), cuts_of(b1=backwards)
    for file_id in tubes:
        assert second[file_id].cut == pytest.approx(first[file_id].cut, abs=0.002)


def test_pooling_places_gates_by_level_where_the_template_asks_for_bright() -> None:
    entry = {"name": "mait", "parent": "all", "markers": ["CD161"], "side": "above",
             "method": "density_minimum", "level": "bright"}  # fmt: skip
    template = check_template({"panel": "made", "populations": [entry]}, "t")
    rows = [fit_row(f, v) for f, v in batch_of(MAIT).items()]
    rows.append({**fit_row("none", np.array([0.2])), "histogram": None, "cut": None, "cut_se": None,
                 "geometry": None, "status": "not_estimable", "n_parent": 0, "reason": "0 events"})  # fmt: skip  # noqa: E501
    gates = pool_gates(contract.make(rows, GateFits), template, Flow()).set_index("file_id")
    assert (gates["cut"] > INTERMEDIATE).all()
    assert gates.loc["b1_3", ["n_background", "n_missed"]].gt(0).all()
    assert gates.loc["none", "state"] == "borrowed"
    assert pd.isna(gates.loc["none", "n_background"])


def dim_batch(n_bright: tuple[int, ...], n_dim: tuple[int, ...]) -> dict[str, Any]:
    """Draw a batch of which one level above the negatives shows, where the others' intermediate
    lies: as many bright and intermediate cells as given.
    """
    rng = np.random.default_rng(5)
    return {
        f"b2_{i}": np.concatenate(
            [
                rng.logistic(NEGATIVE, 0.03, N_NEGATIVE),
                rng.normal(INTERMEDIATE, 0.028, bright + dim),
            ]
        )
        for i, (bright, dim) in enumerate(zip(n_bright, n_dim, strict=True))
    }


def test_a_dimly_stained_batch_keeps_its_bright_cells() -> None:
    # where others have intermediate cells, but differing between people as only bright ones do
    dim = dim_batch(MAIT, (0,) * len(MAIT))
    cuts = cuts_of(b1=batch_of(MAIT), b2=dim)
    for n, (file_id, values) in zip(MAIT, dim.items(), strict=True):
        net, error = counted(cuts[file_id], values)
        assert abs(net - n) < 3 * error, file_id
        assert cuts[file_id].state in ("ok", "pooled")


def test_intermediate_cells_that_differ_little_between_people_are_not_bright() -> None:
    n_dim = (700, 900, 1_000, 1_200, 1_300, 1_500, 1_900, 2_200)
    cuts = cuts_of(b1=batch_of(MAIT), b2=dim_batch((0,) * len(n_dim), n_dim))
    assert {cut.state for name, cut in cuts.items() if name.startswith("b2")} == {"borrowed"}
