"""`hypofunctional` and `exhausted`: both sides needed, and neither from one assay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import LabelReference
from itc_analysis.scores.cards.signatures import Signature
from itc_analysis.scores.healthy.reference import Reference
from itc_analysis.scores.words.beyond import Marker, at_least, stand_beyond
from itc_analysis.scores.words.function import (
    EXHAUSTED,
    HYPOFUNCTIONAL,
    IN_SUBSETS,
    NO_STIMULATED,
    NOT_ASSESSABLE,
    OPEN,
    WITHIN,
    judge_function,
)
from itc_analysis.statistics.count_likelihood import Counted
from itc_analysis.tables import contract
from itc_analysis.tables.measured import Measurements

RECEPTORS = ("PD-1", "TIM-3", "LAG-3")
FUNCTIONS = ("CD107a", "IFN-g", "TNF")
CARD = [Signature("exhaustion", "flow", RECEPTORS, (1, 1, 1), ("s",) * 3, "r")]
HOW: dict[str, Any] = {"healthy_group": "healthy", "settings": LabelReference(min_reference=4)}
#: Share positive of every receptor, and responding with every marker.
USUAL = (0.12, 0.30)
PATIENTS = {
    "both": (0.50, 0.05), "receptors": (0.50, 0.30), "function": (0.12, 0.05),
    "neither": USUAL,
}  # fmt: skip


def table(
    people: dict[str, tuple[float, float]] = PATIENTS,
    *,
    n: int = 1_500,
    population: str = "mait",
    receptors: tuple[str, ...] = RECEPTORS,
    functions: tuple[str, ...] = FUNCTIONS,
    seed: int = 1,
) -> pd.DataFrame:
    """Twenty healthy people, and patients of given shares, with counts of `n` cells."""
    rng = np.random.default_rng(seed)
    everybody = {f"H{i:02d}": USUAL for i in range(20)} | people
    rows = []
    for name, (high, low) in everybody.items():
        own = {"participant_id": name, "group": "SSc" if name in people else "healthy",
               "sample_id": f"S-{name}", "assay": "flow", "batch": "b1", "population": population,
               "unit": "share", "status": "ok", "n_denominator": n}  # fmt: skip
        for marker in receptors:
            k = rng.binomial(n, np.clip(high * np.exp(0.2 * rng.normal()), 0, 1))
            rows.append(own | {"source_id": f"{name}-a", "measure": "share_positive",
                               "feature": marker, "value": k / n, "n_events": k})  # fmt: skip
        for marker in functions:
            k = rng.binomial(n, np.clip(low * np.exp(0.2 * rng.normal()), 0, 1) + 0.01)
            rows.append(own | {"source_id": f"{name}-f", "measure": "response",
                               "feature": f"il12:{marker}", "value": k / n, "n_events": k,
                               "n_background": 0.01 * n, "background_se": 0.003 * n})  # fmt: skip
    return contract.make(rows, Measurements)


def words(measurements: pd.DataFrame, **more: Any) -> dict[str, str]:
    found = judge_function(measurements, CARD, **HOW, **more)
    return dict(zip(found["participant_id"], found["word"], strict=True))


def test_exhausted_needs_receptors_and_function_in_the_same_person() -> None:
    found = words(table())
    assert found["both"] == EXHAUSTED
    assert found["function"] == HYPOFUNCTIONAL
    assert found["receptors"] == found["neither"] == WITHIN


def test_receptors_of_one_person_and_function_of_another_make_nobody_exhausted() -> None:
    both = table()
    apart = both[~((both["participant_id"] == "both") & (both["measure"] == "response"))]
    found = judge_function(apart, CARD, **HOW).set_index("participant_id")
    assert found.loc["both", "word"] == NOT_ASSESSABLE
    assert found.loc["both", "why"] == NO_STIMULATED
    assert np.isnan(found.loc["both", "probability_exhausted"])


def test_without_receptors_the_word_is_hypofunctional_and_what_is_missing_is_said() -> None:
    found = judge_function(table(receptors=("PD-1",)), CARD, **HOW).set_index("participant_id")
    assert found.loc["both", "word"] == HYPOFUNCTIONAL
    assert "1 of the 2 inhibitory receptors needed" in found.loc["both", "why"]


def test_probability_of_both_is_the_product_of_the_assays() -> None:
    found = judge_function(table(), CARD, **HOW)
    product = found["probability_receptors"] * found["probability_lowered"]
    assert found["probability_exhausted"].to_numpy() == pytest.approx(product.to_numpy())


def test_few_cells_leave_the_word_open() -> None:
    found = words(table(n=15))
    assert found["both"] == OPEN


def test_four_healthy_people_are_too_few_to_be_within_their_range() -> None:
    few = table()
    few = few[~few["participant_id"].between("H04", "H99")]
    found = judge_function(few, CARD, **HOW).set_index("participant_id")
    assert found.loc["both", "word"] == OPEN
    assert "too few healthy people (4)" in found.loc["both", "why"]


def test_no_healthy_people_no_word() -> None:
    measurements = table()
    found = judge_function(measurements, CARD, healthy_group=None, settings=HOW["settings"])
    assert set(found["word"]) == {NOT_ASSESSABLE}
    few = measurements[~measurements["participant_id"].between("H03", "H99")]
    assert set(judge_function(few, CARD, **HOW)["word"]) == {NOT_ASSESSABLE}


def test_a_response_that_healthy_people_do_not_show_cannot_be_lowered() -> None:
    silent = table()
    is_response = silent["measure"] == "response"
    silent["status"] = silent["status"].mask(is_response, "below_lod")
    silent["value"] = silent["value"].mask(is_response)
    silent["upper"] = silent["upper"].mask(is_response, 0.01)
    found = judge_function(silent, CARD, **HOW)
    assert set(found["word"]) == {NOT_ASSESSABLE}
    assert found["why"].str.contains("no marker that enough healthy people respond with").all()


def with_subsets(*names: str) -> dict[str, Any]:
    return HOW | {"settings": HOW["settings"].model_copy(update={"subsets": {"gd": names}})}


def test_a_population_with_subsets_is_judged_in_them() -> None:
    parts = pd.concat([table(population=name) for name in ("gd", "vd2", "vd2neg")])
    found = judge_function(parts, CARD, **with_subsets("vd2", "vd2neg"))
    both = found[found["participant_id"] == "both"].set_index("population")
    assert both.loc["gd", "word"] == IN_SUBSETS
    assert both.loc["vd2", "word"] == EXHAUSTED
    # without gated subsets the whole is all there is
    alone = judge_function(table(population="gd"), CARD, **with_subsets("vd2"))
    assert EXHAUSTED in set(alone["word"])


@pytest.mark.parametrize("n", [20, 100, 1_000])
def test_healthy_looking_people_hardly_ever_get_a_word(n: int) -> None:
    people = {f"P{i:03d}": USUAL for i in range(150)}
    found = words(table(people, n=n, seed=n))
    said = [word in (EXHAUSTED, HYPOFUNCTIONAL) for who, word in found.items() if who in people]
    assert np.mean(said) <= 0.02


def test_what_is_certain_is_no_more_than_certain() -> None:
    """A sum of products may round beyond 1, which no table takes: the whole study stopped."""
    rng = np.random.default_rng(1)
    nearly = 1 - rng.random((2_000, 4)) * 10.0 ** -rng.integers(1, 17, (2_000, 4))
    found = [at_least(chances, 2) for chances in nearly]
    assert max(found) == 1.0


def test_at_least_is_the_sum_over_all_outcomes() -> None:
    rng = np.random.default_rng(3)
    chances = rng.random(4)
    slow = 0.0
    for bits in range(16):
        on = np.array([bits >> i & 1 for i in range(4)], dtype=bool)
        slow += np.prod(np.where(on, chances, 1 - chances)) * (on.sum() >= 2)
    assert at_least(chances, 2) == pytest.approx(slow)


@pytest.mark.parametrize("n", [30, 300, 3_000])
def test_a_healthy_person_lies_beyond_with_a_probability_that_is_right(n: int) -> None:
    # true shares beyond 1 % of healthy people are rare, and so is a probability that says so
    rng = np.random.default_rng(n)
    people = 400
    share = 1 / (1 + np.exp(1.5 - 0.5 * rng.normal(size=people)))
    is_healthy = np.arange(people) < 40
    marker = Marker(
        Counted(rng.binomial(n, share).astype(float), np.full(people, float(n))),
        Reference(
            participants=np.arange(people).astype(str).astype(object),
            batches=np.full(people, "b", dtype=object),
            is_reference=is_healthy,
            min_reference=4,
        ),
    )
    (found,) = stand_beyond([marker])
    others = ~is_healthy
    assert found.n_reference == 40
    # 1 % are expected, of 360
    assert np.mean(found.above[others] > 0.8) < 0.03
    assert np.mean(found.below[others] > 0.8) < 0.03
    assert np.all((found.above >= 0) & (found.above + found.below <= 1 + 1e-9))
