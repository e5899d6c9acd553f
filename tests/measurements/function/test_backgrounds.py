"""The background of a response is learned in the person's own group."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from itc_analysis.measurements.function.backgrounds import learn_backgrounds


def responses(k: list[int], n: list[int], **more: object) -> pd.DataFrame:
    tubes = [f"P{i}-u" for i in range(len(k))]
    return pd.DataFrame(
        {"panel": "f", "condition": "il12", "population": "mait", "marker": "IFN-g",
         "control_id": tubes, "n_positive_control": k, "n_events_control": n, "status": "ok",
         **more}
    )  # fmt: skip


@pytest.mark.parametrize("n_cells", [20, 50, 150, 500, 3_000])
def test_a_group_of_few_cells_keeps_its_own_background(n_cells: int) -> None:
    rng = np.random.default_rng(n_cells)
    off = []
    for _ in range(30):
        share = special.expit(
            special.logit(np.repeat([0.04, 0.01], 40)) + 0.5 * rng.normal(size=80)
        )
        n = np.repeat([n_cells, 3_000], 40)
        found, _ = learn_backgrounds(
            responses(list(rng.binomial(n, share)), list(n)), np.repeat(["SSc", "healthy"], 40)
        )
        off.append(found[:40].mean() / share[:40].mean() - 1)
    assert np.mean(off) == pytest.approx(0, abs=3 * np.std(off) / np.sqrt(30) + 0.03)


def test_other_groups_conditions_and_order_change_nothing() -> None:
    own, others = responses([1, 0, 2], [20, 30, 40]), responses([90, 80], [100, 100])
    alone = np.array(learn_backgrounds(own, ["SSc"] * 3))
    both = pd.concat([others, own.assign(control_id=["a", "b", "c"])], ignore_index=True)
    found = np.array(learn_backgrounds(both, ["RA", None, "SSc", "SSc", "SSc"]))
    np.testing.assert_array_equal(found[:, 2:], alone)
    elsewhere = both.assign(condition=["pma"] * 2 + ["il12"] * 3)
    found = np.array(learn_backgrounds(elsewhere, ["SSc"] * 5))
    np.testing.assert_array_equal(found[:, 2:], alone)
    back = np.array(learn_backgrounds(own[::-1], ["SSc"] * 3))
    np.testing.assert_array_equal(back[:, ::-1], alone)


def test_a_single_person_borrows_from_nobody_and_a_missing_pair_from_noone() -> None:
    share, error = learn_backgrounds(responses([0, 5], [20, 100]), ["SSc", "healthy"])
    assert 0 < share[0] < 0.05
    assert share[1] == pytest.approx(0.05, abs=0.01)
    assert (error > 0).all()
    share, _ = learn_backgrounds(responses([0], [20], status="no_control"), ["SSc"])
    assert np.isnan(share).all()


def test_one_control_of_two_tubes_is_counted_once() -> None:
    twice = responses([1, 1, 6], [50, 50, 100], control_id=["a", "a", "b"])
    once = responses([1, 6], [50, 100])
    found = learn_backgrounds(twice, ["SSc"] * 3)[0]
    np.testing.assert_array_equal(found[1:], learn_backgrounds(once, ["SSc"] * 2)[0])
