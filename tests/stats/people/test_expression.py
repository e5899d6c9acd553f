"""People by genes: summed by hand, filtered by edgeR's rule, and genes that a reference does not
hold.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.stats.people.expression import (
    filter_by_expression,
    lacking_genes,
    owners,
    sum_profiles,
)
from itc_analysis.tables import contract
from itc_analysis.tables.cohort import sheets
from itc_analysis.tables.singlecell import Pseudobulk, PseudobulkDepth

CELL_TYPES = ("B_cells", "CD14__Monocytes", "CD4_T_cells", "CD8_T_cells", "FCGR3A__Monocytes")


def profile(sample, population, **genes):
    rows = [{"sample_id": sample, "population": population, "gene": g, "n_counts": n} for g, n in genes.items()]  # fmt: skip  # noqa: E501
    return contract.make(rows, Pseudobulk)


def depth(*rows):
    names = ["sample_id", "population", "n_cells", "n_counts", "n_genes_measured"]
    return contract.make([dict(zip(names, row, strict=True)) for row in rows], PseudobulkDepth)


@pytest.fixture
def samples():
    rows = [("s1", "P1"), ("s2", "P1"), ("s3", "P2"), ("bridge", None)]
    return contract.make(
        [
            {
                "sample_id": sample,
                "participant_id": person,
                "sample_type": "participant" if person else "bridge_control",
            }
            for sample, person in rows
        ],
        sheets.SampleSheet,
    )


def test_samples_of_one_person_are_summed_and_a_bridge_control_is_nobody(samples):
    found = sum_profiles(
        pd.concat(
            [
                profile("s1", "mait", KLRB1=3, GZMK=1),
                profile("s2", "mait", KLRB1=4),
                profile("s3", "mait", ZBTB16=2),
                profile("s3", "inkt", KLRB1=9),
                profile("bridge", "mait", KLRB1=100),
            ],
            ignore_index=True,
        ),
        depth(
            ("s1", "mait", 10, 4, 3),
            ("s2", "mait", 15, 4, 3),
            ("s3", "mait", 7, 2, 3),
            ("bridge", "mait", 50, 100, 3),
        ),
        owners(samples),
        "mait",
    )
    expected = pd.DataFrame({"GZMK": [1, 0], "KLRB1": [7, 0], "ZBTB16": [0, 2]}, index=["P1", "P2"])
    pd.testing.assert_frame_equal(found.counts, expected)
    assert found.n_cells.to_dict() == {"P1": 25, "P2": 7}


def test_a_person_without_a_cell_of_the_population_has_a_row_of_zeros(samples):
    found = sum_profiles(
        profile("s3", "mait", KLRB1=2),
        depth(("s1", "mait", 0, 0, 3), ("s3", "mait", 7, 2, 3)),
        owners(samples),
        "mait",
    )
    assert found.counts.loc["P1"].tolist() == [0]
    assert found.n_cells["P1"] == 0


def test_a_gene_outside_the_reference_is_told_from_one_without_a_molecule(samples):
    pseudobulk = pd.concat(
        [
            profile("s1", "t_cells", KLRB1=3, GZMK=0),
            profile("s3", "t_cells", KLRB1=3, GZMK=0, NEW=1),
        ],
        ignore_index=True,
    )
    measured = depth(("s1", "t_cells", 5, 3, 2), ("s3", "t_cells", 5, 4, 3))
    found = lacking_genes(pseudobulk, measured, owners(samples))
    assert found.loc["P1"].to_dict() == {"NEW": True}
    assert not found.loc["P2"].any()


def test_a_gene_that_a_filtered_list_lacks_is_lacking_in_nobody(samples):
    pseudobulk = pd.concat(
        [profile("s1", "t_cells", KLRB1=3), profile("s3", "t_cells", KLRB1=3, NEW=1)],
        ignore_index=True,
    )
    measured = depth(("s1", "t_cells", 5, 3, None), ("s3", "t_cells", 5, 4, None))
    assert lacking_genes(pseudobulk, measured, owners(samples)).empty
    rare = measured.assign(n_cells_hidden=2)  # nobody knows whether none or two
    assert lacking_genes(pseudobulk, rare, owners(samples)).loc["P1"].to_dict() == {"NEW": True}


def test_a_profile_that_does_not_list_every_gene_proves_no_absence(samples):
    pseudobulk = pd.concat(
        [profile("s1", "t_cells", KLRB1=3), profile("s3", "t_cells", KLRB1=3, NEW=1)],
        ignore_index=True,
    )
    incomplete = depth(("s1", "t_cells", 5, 3, 20), ("s3", "t_cells", 5, 4, 2))
    assert lacking_genes(pseudobulk, incomplete, owners(samples)).empty


def slow_filter(counts, groups):
    """edgeR's filterByExpr for groups, in words: min.count 10, min.total.count 15, large.n 10,
    min.prop 0.7.
    """
    smallest = min(groups.count(group) for group in set(groups))
    needed = smallest if smallest <= 10 else 10 + 0.7 * (smallest - 10)
    depths = [sum(row) for row in counts]
    cutoff = 10 / np.median(depths)
    kept = []
    for gene in range(len(counts[0])):
        n_enough = sum(
            row[gene] / total >= cutoff for row, total in zip(counts, depths, strict=True)
        )
        kept.append(n_enough >= needed and sum(row[gene] for row in counts) >= 15)
    return kept


@pytest.mark.parametrize("sizes", [(3, 5), (14, 20)])
def test_filter_equals_the_rule_gene_by_gene(sizes):
    rng = np.random.default_rng(2)
    groups = ["a"] * sizes[0] + ["b"] * sizes[1]
    counts = rng.negative_binomial(2, 1 / (1 + np.geomspace(0.2, 60, 300) / 2), (len(groups), 300))
    X = np.column_stack([[g == "a" for g in groups], [g == "b" for g in groups]]).astype(float)
    found = filter_by_expression(counts.astype(float), X)
    assert found.tolist() == slow_filter(counts.tolist(), groups)
    assert 0 < found.sum() < 300


@pytest.mark.real_data
@pytest.mark.parametrize("cells", CELL_TYPES)
def test_filter_keeps_the_genes_that_edger_keeps(real_data, cells):
    """Kang 2018, design ~donor + group: filterByExpr of edgeR 3.40.2, the very same genes."""
    stem = real_data / "singlecell/15_reference_outputs" / f"kang_pb_{cells}"
    counts = pd.read_csv(f"{stem}_counts.csv", index_col=0).T
    expected = pd.read_csv(f"{stem}_edgeR_QLF_donor_plus_group.csv", index_col=0).index
    X = np.array([[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 1, 1]], dtype=float)
    kept = counts.columns[filter_by_expression(counts.to_numpy(dtype=float), X)]
    assert set(kept) == set(expected)
