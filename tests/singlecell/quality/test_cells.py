from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import SingleCell
from itc_analysis.singlecell.intake.library import read_library
from itc_analysis.singlecell.quality.cells import (
    describe_dropped,
    explain_bounds,
    explain_few,
    judge_cells,
    measure_cells,
)
from singlecell import made_cells as made
from singlecell.made_cells import CD4, library

SETTINGS = SingleCell()


def measured(n_genes: list[int], n_counts: list[float], mito: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"n_genes": n_genes, "n_counts": n_counts, "share_mito": mito})


def test_measures_equal_those_counted_the_slow_way() -> None:
    data = library([CD4, CD4 | {"CD79A": 3}])
    data.var_names = [
        f"MT-{name}" if name.startswith("FILLER1") else name for name in data.var_names
    ]
    table = measure_cells(data)
    dense = data.X.toarray()
    for row in range(2):
        mito = sum(
            n for n, gene in zip(dense[row], data.var_names, strict=True) if gene.startswith("MT-")
        )
        assert table["n_genes"].iloc[row] == sum(n > 0 for n in dense[row])
        assert table["n_counts"].iloc[row] == sum(dense[row])
        assert table["share_mito"].iloc[row] == pytest.approx(mito / sum(dense[row]))


def test_scanpy_gives_the_same_measures() -> None:
    import scanpy

    data = library([CD4] * 3, depth=2500)
    data.var_names = [f"MT-{n}" if n.startswith("FILLER2") else n for n in data.var_names]
    table = measure_cells(data)
    data.var["mt"] = data.var_names.str.startswith("MT-")
    scanpy.pp.calculate_qc_metrics(data, qc_vars=["mt"], percent_top=None, inplace=True)
    assert table["n_genes"].tolist() == data.obs["n_genes_by_counts"].tolist()
    np.testing.assert_allclose(table["share_mito"], data.obs["pct_counts_mt"] / 100, rtol=1e-6)


def test_a_reference_without_mitochondrial_genes_is_not_judged_by_them() -> None:
    table = measure_cells(library([CD4]))
    assert table["share_mito"].isna().all()
    assert judge_cells(table, settings=SETTINGS).isna().all()


def test_each_reason_is_named_and_counted_once() -> None:
    table = measured(
        [100, 1000, 1000, 1010, 990, 1005, 995, 6000],
        [5000, 3000, 3000, 3010, 2990, 3005, 2995, 90000],
        [0.5, 0.5, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05],
    )
    verdict = judge_cells(table, settings=SETTINGS)
    assert verdict.fillna("-").tolist() == ["few_genes", "mito", *["-"] * 5, "outlier"]
    assert describe_dropped(verdict) == (
        "dropped 3 of 8 barcodes: 1 too few genes, 1 too large a mitochondrial share, "
        "1 molecules or genes far from the library's median"
    )


def test_a_spread_of_zero_makes_nobody_an_outlier() -> None:
    table = measured([1000] * 4 + [1500], [3000.0] * 4 + [9000.0], [0.0] * 5)
    assert judge_cells(table, settings=SETTINGS).isna().all()


def test_the_order_of_cells_changes_no_verdict() -> None:
    rng = np.random.default_rng(3)
    n_counts = np.exp(rng.normal(8, 0.6, 200))
    table = measured(
        list((n_counts / 3).astype(int)), list(n_counts), list(rng.uniform(0, 0.2, 200))
    )
    order = rng.permutation(200)
    shuffled = judge_cells(table.iloc[order], settings=SETTINGS)
    pd.testing.assert_series_equal(shuffled.sort_index(), judge_cells(table, settings=SETTINGS))


def test_a_library_whose_typical_cell_lies_beyond_a_bound_is_told_which() -> None:
    shallow = measured([200] * 60 + [400] * 40, [500.0] * 100, [0.05] * 100)
    (told,) = explain_bounds(shallow, settings=SETTINGS)
    assert "has 200 genes, fewer than `min_genes` of the settings (300)" in told
    assert "dropped 60 of 100" in told
    assert "set `singlecell: min_genes` lower" in told
    tissue = measured([900] * 100, [3000.0] * 100, [0.1] * 40 + [0.3] * 60)
    (told,) = explain_bounds(tissue, settings=SETTINGS)
    assert "is 30% mitochondrial, more than `max_share_mito` of the settings (15%)" in told


def test_empty_droplets_and_ordinary_libraries_are_told_of_no_bound() -> None:
    droplets = measured([2] * 900 + [900] * 100, [3.0] * 900 + [3000.0] * 100, [0.0] * 1000)
    assert explain_bounds(droplets, settings=SETTINGS) == []
    usual = measured([250] * 40 + [900] * 60, [3000.0] * 100, [0.05] * 100)
    assert explain_bounds(usual, settings=SETTINGS) == []
    assert explain_bounds(usual[:0], settings=SETTINGS) == []


@pytest.mark.parametrize("n", [0, 1])
def test_tiny_libraries_do_not_break_the_statistics(n: int) -> None:
    table = measured([1000] * n, [3000.0] * n, [0.01] * n)
    assert len(judge_cells(table, settings=SETTINGS)) == n


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["GSM4339772_C144", "GSM4339774_C146"])
def test_cells_of_a_lung_lavage_are_kept_and_half_of_the_other_barcodes_dropped(
    real_data: Path, name: str
) -> None:
    """The authors labelled the barcodes with 1,000 molecules, 200 to 6,000 genes and less than 10 %
    mitochondrial molecules (Liao 2020, 10.1038/s41591-020-0901-9): 363 of 366 and 1,292 of 1,303
    such barcodes carry a published label, and no other does.
    """
    folder = real_data / "singlecell/04_liao2020_balf_covid_gex_tcr"
    data = read_library(made.sheet_row(folder / f"{name}_filtered_feature_bc_matrix.h5"))
    measured = measure_cells(data)
    is_kept = judge_cells(measured, settings=SingleCell()).isna()
    is_labelled = (
        (measured["n_counts"] >= 1000)
        & measured["n_genes"].between(200, 6000)
        & (measured["share_mito"] < 0.1)
    )
    assert 300 < is_labelled.sum() < 1400
    assert is_kept[is_labelled].mean() >= 0.95
    assert is_kept[~is_labelled].mean() <= 0.5


def test_hardly_a_usable_cell_is_said_with_the_likely_cause() -> None:
    n_genes = [300, *[150] * 999]
    table = measured(n_genes, [float(n) for n in n_genes], [0.01] * 1000)
    verdict = judge_cells(table, settings=SETTINGS)
    (told,) = explain_few(verdict, table, n_listed=2_000, settings=SETTINGS)
    assert told.startswith("only 1 of 1,000 barcodes can be used")
    assert "too few genes (it lists only 2,000: a part of the genes" in told
    (whole,) = explain_few(verdict, table, n_listed=36_601, settings=SETTINGS)
    assert whole.endswith("most of the others were dropped for too few genes")


def test_empty_droplets_beside_many_cells_are_not_said() -> None:
    n_genes = [800] * 500 + [3] * 20_000
    table = measured(n_genes, [float(n) for n in n_genes], [0.01] * len(n_genes))
    verdict = judge_cells(table, settings=SETTINGS)
    assert explain_few(verdict, table, n_listed=36_601, settings=SETTINGS) == []
