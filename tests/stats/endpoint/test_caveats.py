from __future__ import annotations

import numpy as np
import pandas as pd

from itc_analysis.statistics.contingency import cramers_v
from itc_analysis.stats.endpoint import caveats
from itc_analysis.stats.people.counts import Count


def test_bias_corrected_cramers_v_is_small_for_many_batches_by_chance():
    """Uncorrected, 20 batches of 80 people would look strongly associated with anything."""
    rng = np.random.default_rng(1)
    batch = pd.Series(rng.permutation(np.repeat(np.arange(20), 4)).astype(str))
    group = pd.Series(np.repeat(["SSc", "healthy"], 40))
    table = pd.crosstab(batch, group).to_numpy(dtype=float)
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / 80
    plain = np.sqrt(((table - expected) ** 2 / expected).sum() / 80)
    assert plain > 0.35
    assert cramers_v(table) < caveats.UNBALANCED_BATCHES


def test_zeros_are_told_only_when_there_are_many():
    people = pd.DataFrame({"n_found": [0, 0, 0, 5, 6, 7, 8, 9, 4, 3]}, dtype=float)
    everybody = np.ones(10, dtype=bool)
    assert "30% of the participants have no such cell" in caveats.of_zeros(people, everybody)
    assert caveats.of_zeros(people.iloc[2:], everybody[2:]) == ""


def test_scores_that_counting_decides_are_told():
    index, reference = np.array([True, True, False, False]), np.array([False, False, True, True])
    people = pd.DataFrame({"standard_error": [1.5, 1.1, 0.2, np.nan], "state": "ok"})
    told = caveats.of_low_numbers(people, index, reference, "score", is_counted=False)
    assert "1.3 units of the score in the index group, 0.2 in the reference" in "".join(told)
    people["standard_error"] = [0.6, 0.5, 0.2, np.nan]
    told = caveats.of_low_numbers(people, index, reference, "score", is_counted=False)
    assert "".join(told) == ""


def test_missing_phenotypes_are_told_to_be_those_of_few_cells():
    responses = pd.DataFrame({"state": ["ok", "few_cells", "few_cells", "unreadable"]})
    text = caveats.of_missing(responses)
    assert text.startswith(
        "3 of 4 participants without a number (2 too few cells, 1 file unreadable)"
    )
    assert text.endswith("those with the fewest cells are the ones missing")


def sides(n=20):
    index = np.repeat([True, False], n)
    return index, ~index


def test_panels_of_one_side_are_told():
    """One panel reads higher, and only patients were stained with it."""
    index, reference = sides()
    people = pd.DataFrame({"panel": ["a+b"] * 20 + ["a"] * 20})
    assert "panels are spread unevenly" in caveats.of_panels(people, index, reference)
    alike = pd.DataFrame({"panel": ["a", "a+b"] * 20})
    assert caveats.of_panels(alike, index, reference) == ""
    unknown = pd.DataFrame({"panel": [np.nan] * 40})
    assert caveats.of_panels(unknown, index, reference) == ""


def test_medians_near_zero_are_told():
    index, reference = sides()
    people = pd.DataFrame({"standard_error": [0.4] * 20 + [0.05] * 20, "state": "ok"})
    told = caveats.of_medians(people, index, reference)
    assert "40% in the index group and 5% in the reference" in told
    people["standard_error"] = [np.nan] * 5 + [0.1] * 35
    assert "reach zero in 25% and 0%" in caveats.of_medians(people, index, reference)
    people["standard_error"] = 0.1
    assert caveats.of_medians(people, index, reference) == ""


def test_numbers_of_cells_that_go_with_the_value_are_told():
    rng = np.random.default_rng(3)
    index, reference = sides()
    cells = np.exp(rng.normal(5, 1, 40)).round()
    counts = [(Count(1, n, 0, 0, 1, 0),) for n in cells]
    people = pd.DataFrame({"group": np.where(index, "SSc", "healthy"), "sample_counts": counts})
    value = np.where(index, -np.log(cells), 0) + rng.normal(size=40)

    def told(noise):
        truth = np.array([value, np.full(40, noise)])
        return caveats.of_informative_cells(people, truth, index, reference)

    assert "in the index group" in told(0.3)
    assert "in the reference" not in told(0.3)
    # with many cells everybody weighs the same
    assert told(0.001) == ""
    assert caveats.of_informative_cells(people, None, index, reference) == ""


def called_by_rna(**columns):
    """Return participants of two sides of 20 whose cells RNA calls; `columns` are (one, other)."""
    of = {"molecules_per_t_cell": (3000.0, 3000.0), "counted_at": (2000.0, 2000.0)}
    of |= {"share_ambient": (0.02, 0.02), "called_by": ("rna", "rna")} | columns
    return pd.DataFrame({name: np.repeat(pair, 20) for name, pair in of.items()})


def test_libraries_that_differ_in_depth_are_told_with_what_it_does_to_the_share():
    index, reference = sides()
    assert caveats.of_libraries(called_by_rna(), index, reference) == []
    people = called_by_rna(molecules_per_t_cell=(1500.0, 3000.0), counted_at=(1500.0, 3000.0))
    (told,) = caveats.of_libraries(people, index, reference)
    assert "1,500 molecules per T cell in the index group and 3,000 in the reference" in told
    assert told.endswith("the share is too low on the side with fewer molecules")
    people["counted_at"] = 1414.0
    (told,) = caveats.of_libraries(people, index, reference)
    assert told.endswith("so all were counted as at 1,414")


def test_depth_says_nothing_of_cells_that_a_receptor_calls():
    index, reference = sides()
    people = called_by_rna(
        molecules_per_t_cell=(1500.0, 3000.0),
        counted_at=(np.nan, np.nan),
        share_ambient=(0.02, 0.2),
        called_by=("receptor", "receptor"),
    )
    assert caveats.of_libraries(people, index, reference) == []
    assert caveats.of_libraries(people.drop(columns="called_by"), index, reference) == []


def test_ambient_rna_and_delta_chains_of_one_side_are_told():
    index, reference = sides()
    people = called_by_rna(share_ambient=(0.02, 0.06))
    (told,) = caveats.of_libraries(people, index, reference)
    assert "2% of the molecules in the index group and 6% in the reference" in told
    people = called_by_rna(called_by=("rna", "rna_or_delta"))
    (told,) = caveats.of_libraries(people, index, reference)
    assert told.startswith("gamma-delta receptors were sequenced in 0% of the index group and 100%")
