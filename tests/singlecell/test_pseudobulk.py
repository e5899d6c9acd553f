from __future__ import annotations

from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest

from itc_analysis.singlecell.intake.library import read_library
from itc_analysis.singlecell.pseudobulk import (
    POPULATIONS,
    SampleSums,
    is_member,
    sum_molecules,
    tabulate,
)
from singlecell import made_cells as made

THRESHOLD = 0.8


def example(seed: int = 1, n: int = 60) -> tuple[object, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    kinds = ["mait", "inkt", "cd4_t_cells", "other_t_cells", "not_t", "indeterminate", "doublet"]
    calls = rng.choice(kinds, n)
    data = made.library([{"CD3D": int(k)} for k in rng.integers(0, 9, n)], depth=800)
    data.obs_names = [f"C{seed}_{i}" for i in range(n)]
    certain = np.isin(calls, ["not_t", "doublet"])
    posterior_t = np.where(certain, 0.1, np.where(calls == "indeterminate", rng.random(n), 0.99))
    cells = pd.DataFrame({"call": pd.Series(calls, dtype="string"), "posterior_t": posterior_t})
    return data, cells.set_index(pd.Index(data.obs_names))


def test_sums_equal_a_slow_loop() -> None:
    data, cells = example()
    found = sum_molecules(data.X, cells, call_threshold=THRESHOLD)
    dense = data.X.toarray()
    for row, population in enumerate(POPULATIONS):
        for gene in range(0, data.n_vars, 7):
            slow = 0.0
            for i in range(data.n_obs):
                in_it = cells["call"].iloc[i] == population
                if population == "t_cells":
                    in_it = cells["posterior_t"].iloc[i] >= THRESHOLD
                slow += float(dense[i, gene]) if in_it else 0.0
            assert found[row, gene] == slow


def test_t_cells_hold_those_of_indeterminate_kind() -> None:
    _, cells = example()
    is_t = is_member(cells, "t_cells", call_threshold=THRESHOLD)
    unsure = cells["call"] == "indeterminate"
    assert (is_t & unsure).any()
    assert (~is_t & unsure).any()
    assert not (is_t & cells["call"].isin(["not_t", "doublet"])).any()


def test_the_order_of_cells_and_genes_changes_nothing() -> None:
    data, cells = example()
    rng = np.random.default_rng(2)
    order = rng.permutation(data.n_obs)
    turned = data[order, rng.permutation(data.n_vars)].copy()
    one, other = SampleSums(), SampleSums()
    one.add(data, cells, call_threshold=THRESHOLD)
    other.add(turned, cells.iloc[order], call_threshold=THRESHOLD)
    for left, right in zip(tabulate({"s": one}), tabulate({"s": other}), strict=True):
        pd.testing.assert_frame_equal(left, right)


def test_two_libraries_of_a_sample_are_added_also_when_their_genes_differ() -> None:
    first, first_cells = example(1)
    second, second_cells = example(2)
    second = second[:, [name != "CD3D" for name in second.var_names]].copy()
    sample = SampleSums()
    sample.add(first, first_cells, call_threshold=THRESHOLD)
    sample.add(second, second_cells, call_threshold=THRESHOLD)
    profiles, depth = tabulate({"s": sample})
    alone = SampleSums()
    alone.add(first, first_cells, call_threshold=THRESHOLD)
    of_cd3d = profiles.query("gene == 'CD3D' and population == 't_cells'")["n_counts"].item()
    assert of_cd3d == alone.profiles.loc["CD3D", "t_cells"]
    n_mait = int((first_cells["call"] == "mait").sum() + (second_cells["call"] == "mait").sum())
    assert depth.set_index("population").loc["mait", "n_cells"] == n_mait
    by_population = profiles.groupby("population")["n_counts"].sum()
    for row in depth.itertuples():
        assert by_population.get(row.population, 0.0) == pytest.approx(row.n_counts)


def test_zero_is_kept_for_t_cells_so_that_it_differs_from_not_measured() -> None:
    data, cells = example()
    sample = SampleSums()
    sample.add(data, cells, call_threshold=THRESHOLD)
    profiles, depth = tabulate({"s": sample})
    of_t = profiles[profiles["population"] == "t_cells"]
    assert set(of_t["gene"]) == set(data.var_names)
    assert (of_t["n_counts"] == 0).any()
    assert (profiles.loc[profiles["population"] == "mait", "n_counts"] > 0).all()
    assert (depth["n_genes_measured"] == data.n_vars).all()


def test_a_sample_without_a_readable_library_keeps_its_depth_rows() -> None:
    profiles, depth = tabulate({"s": SampleSums()})
    assert profiles.empty
    assert depth["population"].tolist() == list(POPULATIONS)
    assert (depth[["n_cells", "n_counts", "n_genes_measured"]] == 0).all().all()


@pytest.mark.real_data
def test_sums_of_kang_2018_are_those_that_were_made_in_r(real_data: Path) -> None:
    """The counts that edgeR, limma and DESeq2 were run on; with them log fold changes meet DESeq2's
    with r of 0.9998 or more (tests/stats/questions/test_genes.py).
    """
    folder = real_data / "singlecell"
    path = folder / "09_kang2018_muscat_pseudobulk/kang_muscat_example_sce.h5ad"
    data = read_library(made.sheet_row(path, "h5ad"))
    with h5py.File(path) as file:
        obs = anndata.io.read_elem(file["obs"]).reindex(data.obs_names)
    kinds = {"CD4 T cells": "cd4_t_cells", "CD8 T cells": "cd8_t_cells", "B cells": "mait"}
    call = obs["cluster_id"].astype(str).map(kinds).fillna("not_t").astype("string")
    cells = pd.DataFrame({"call": call, "posterior_t": 0.9})
    for kind, population in kinds.items():
        stem = f"kang_pb_{kind.replace(' ', '_')}_counts.csv"
        expected = pd.read_csv(folder / "15_reference_outputs" / stem, index_col=0)
        genes = expected.index.intersection(data.var_names)
        assert len(genes) > 1000
        for sample in expected.columns:
            own = (obs["sample_id"] == sample).to_numpy()
            sums = sum_molecules(data.X[own], cells[own], call_threshold=0.8)
            found = pd.Series(sums[POPULATIONS.index(population)], index=data.var_names)
            assert found[genes].tolist() == expected.loc[genes, sample].tolist()
