from __future__ import annotations

import warnings
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from itc_analysis.errors import UnreadableFile
from itc_analysis.singlecell.intake.library import read_library
from singlecell.made_cells import CD4, CD8, library, sheet_row, write_10x_h5


def h5ad(path: Path, counts: object, *, var: pd.DataFrame | None = None, **more: object) -> Path:
    data = anndata.AnnData(sp.csr_matrix(np.asarray(counts, dtype=np.float32)), var=var, **more)
    data.write_h5ad(path)
    return path


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("1.2.0/filtered_gene_bc_matrices/hg19_chr21", "10x_mtx"),
        ("1.2.0/filtered_gene_bc_matrices_h5.h5", "10x_h5"),
        ("3.0.0/filtered_feature_bc_matrix", "10x_mtx"),
        ("3.0.0/filtered_feature_bc_matrix.h5", "10x_h5"),
    ],
)
def test_files_of_old_and_new_cell_ranger_hold_what_scanpy_reads(
    real_data: Path, path: str, form: str
) -> None:
    import scanpy

    source = real_data / "singlecell" / "22_odd_inputs" / "scanpy_10x_data" / path
    read = scanpy.read_10x_h5 if form == "10x_h5" else scanpy.read_10x_mtx
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scanpy says that names repeat; that is the point
        expected = read(source, **({} if form == "10x_h5" else {"make_unique": False}))
    data = read_library(sheet_row(source, form))
    theirs = pd.DataFrame(
        expected.X.toarray().T, index=expected.var_names, columns=expected.obs_names
    )
    ours = pd.DataFrame(data.X.toarray().T, index=data.var_names, columns=data.obs_names)
    theirs = theirs.groupby(level=0).sum()  # genes that share a symbol
    pd.testing.assert_frame_equal(
        ours.astype(float), theirs.loc[ours.index].astype(float), check_names=False
    )


@pytest.mark.real_data
def test_a_file_of_several_genomes_is_refused_in_a_sentence(real_data: Path) -> None:
    path = real_data / "singlecell/22_odd_inputs/scanpy_10x_data/1.2.0/multiple_genomes.h5"
    with pytest.raises(
        UnreadableFile, match=r"several genomes \(.*\); give the library of the human"
    ):
        read_library(sheet_row(path))


@pytest.mark.real_data
def test_log_values_are_recognised_and_refused(real_data: Path) -> None:
    path = real_data / "singlecell/03_mast_sorted_mait_stim/maits_log2tpm.h5ad"
    with pytest.raises(
        UnreadableFile, match=r"not whole numbers .*looks log-transformed.*raw counts"
    ):
        read_library(sheet_row(path, "h5ad"))


@pytest.mark.real_data
def test_ensembl_ids_get_their_symbols_and_repeated_symbols_are_summed(real_data: Path) -> None:
    path = real_data / "singlecell/17_pbmc_facs_sorted/pbmc_facs.h5ad"
    data = read_library(sheet_row(path, "h5ad"))
    assert data.shape == (3774, 16791 - 9)  # SOURCE.md: 9 symbols are duplicated
    assert "SLC4A10" in data.var_names
    assert int((data[:, "SLC4A10"].X > 0).sum()) == 13  # SOURCE.md
    assert "9 genes share a symbol" in data.uns["remarks"][0]


@pytest.mark.real_data
@pytest.mark.parametrize("has_types", [True, False])
def test_antibodies_are_kept_apart_from_genes(
    real_data: Path, tmp_path: Path, *, has_types: bool
) -> None:
    path = real_data / "singlecell/14_trex_gex_adt_tcr/trex_example.h5ad"
    if not has_types:
        whole = anndata.read_h5ad(path)
        del whole.var["feature_types"]
        path = tmp_path / "without_types.h5ad"
        whole.write_h5ad(path)
    data = read_library(sheet_row(path, "h5ad"))
    assert data.obsm["antibodies"].shape == (320, 37)  # SOURCE.md
    assert not set(data.obsm["antibodies"].columns) & set(data.var_names)


@pytest.mark.real_data
def test_every_odd_input_loads_or_gives_a_sentence(real_data: Path) -> None:
    folder = real_data / "singlecell" / "22_odd_inputs"
    sources = [folder / "celltypist_sample_cell_by_gene.csv.gz", *(folder / "scirpy").iterdir()]
    sources += list((folder / "dandelion").iterdir())
    for source in sources:
        for form in ("10x_h5", "10x_mtx", "h5ad"):
            with pytest.raises(UnreadableFile) as caught:
                read_library(sheet_row(source, form))
            assert source.name in str(caught.value)


def test_genes_are_the_same_whatever_their_order_in_the_file(tmp_path: Path) -> None:
    data = library([CD4, CD8])
    turned = data[:, ::-1].copy()
    one = read_library(sheet_row(write_10x_h5(tmp_path / "one.h5", data)))
    other = read_library(sheet_row(write_10x_h5(tmp_path / "other.h5", turned)))
    assert set(one.var_names) == set(other.var_names)
    assert (one.X != other[:, one.var_names].X).nnz == 0
    assert one.X.has_sorted_indices
    assert other.X.has_sorted_indices


def test_counts_come_from_the_counts_layer_when_x_is_normalised(tmp_path: Path) -> None:
    counts = np.array([[1, 0, 3], [0, 2, 0]], dtype=np.float32)
    var = pd.DataFrame(index=["B", "A", "C"])
    path = h5ad(tmp_path / "x.h5ad", np.log1p(counts), var=var, layers={"counts": counts})
    data = read_library(sheet_row(path, "h5ad"))
    assert list(data.var_names) == ["B", "A", "C"]
    assert data.X.toarray().tolist() == [[1, 0, 3], [0, 2, 0]]
    assert isinstance(data.X, sp.csr_matrix)


def test_repeated_symbols_are_added_up_not_renamed(tmp_path: Path) -> None:
    var = pd.DataFrame({"gene_symbols": ["A", "B", "A"]}, index=["x1", "x2", "x3"])
    data = read_library(sheet_row(h5ad(tmp_path / "x.h5ad", [[1, 2, 4]], var=var), "h5ad"))
    assert dict(zip(data.var_names, data.X.toarray()[0], strict=True)) == {"A": 5, "B": 2}


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([[0.5, 1.0]], "not whole numbers"),
        ([[1500.5, 1.0]], r"normalised \(TPM"),
        ([[-1, 1]], "negative values"),
        ([[np.nan, 1]], "not finite"),
        ([[0, 0]], "no molecules"),
        (np.zeros((0, 2)), "no barcodes"),
    ],
)
def test_values_that_are_not_counts_are_refused(tmp_path: Path, counts: object, words: str) -> None:
    var = pd.DataFrame(index=["A", "B"])
    path = h5ad(tmp_path / "x.h5ad", counts, var=var)
    with pytest.raises(UnreadableFile, match=words):
        read_library(sheet_row(path, "h5ad"))


def test_ensembl_ids_without_symbols_get_those_that_matter(tmp_path: Path) -> None:
    # CD3D with a version, CD3E, and a gene that nothing looks at
    names = ["ENSG00000167286.9", "ENSG00000198851", "ENSG00000000003"]
    path = h5ad(tmp_path / "x.h5ad", [[1, 2, 3], [2, 1, 4]], var=pd.DataFrame(index=names))
    data = read_library(sheet_row(path, "h5ad"))
    assert list(data.var_names) == ["CD3D", "CD3E", "ENSG00000000003"]
    assert "2 that calls" in "".join(data.uns["remarks"])
    other = h5ad(tmp_path / "y.h5ad", [[1]], var=pd.DataFrame(index=["ENSMUSG00000032094"]))
    with pytest.raises(UnreadableFile, match=r"Ensembl ids .*none of them .* named 'gene_symbols'"):
        read_library(sheet_row(other, "h5ad"))


def test_cells_that_stand_in_a_library_twice_are_refused(tmp_path: Path) -> None:
    counts = np.random.default_rng(3).poisson(3, (60, 200))
    path = h5ad(tmp_path / "once.h5ad", counts)
    assert read_library({"path": path, "format": "h5ad"}).n_obs == 60
    path = h5ad(tmp_path / "twice.h5ad", np.concatenate([counts, counts]))
    with pytest.raises(UnreadableFile, match="60 of 120 cells have the molecules of another"):
        read_library({"path": path, "format": "h5ad"})


def test_a_repeated_barcode_is_refused(tmp_path: Path) -> None:
    data = library([CD4, CD8])
    data.obs_names = ["AAAC-1", "AAAT-1"]
    path = write_10x_h5(tmp_path / "x.h5", data)
    with h5py.File(path, "r+") as file:
        file["matrix/barcodes"][:] = np.array(["AAAC-1", "AAAC-1"], dtype="S")
    with pytest.raises(UnreadableFile, match="barcode 'AAAC-1' appears twice"):
        read_library(sheet_row(path))


def test_absent_foreign_and_cut_files_give_sentences(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="not there; check `path`"):
        read_library(sheet_row(tmp_path / "gone.h5"))
    text = tmp_path / "text.h5"
    text.write_text("hello")
    with pytest.raises(UnreadableFile, match="not a readable 10x_h5 library"):
        read_library(sheet_row(text))
    whole = write_10x_h5(tmp_path / "whole.h5", library([CD4] * 20))
    cut = tmp_path / "cut.h5"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(UnreadableFile, match="not a readable 10x_h5 library"):
        read_library(sheet_row(cut))
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnreadableFile, match=r"no matrix.mtx"):
        read_library(sheet_row(tmp_path / "folder", "10x_mtx"))


def test_counts_are_found_when_the_counts_layer_holds_log_values(tmp_path: Path) -> None:
    counts = np.array([[1, 0, 3], [0, 2, 0]], dtype=np.float32)
    var = pd.DataFrame(index=["B", "A", "C"])
    path = h5ad(tmp_path / "x.h5ad", counts, var=var, layers={"counts": np.log1p(counts)})
    data = read_library(sheet_row(path, "h5ad"))
    assert data.X.toarray().tolist() == [[1, 0, 3], [0, 2, 0]]
    assert "layers['counts'] holds values that are not whole" in data.uns["remarks"][0]
    both = h5ad(tmp_path / "y.h5ad", np.log1p(counts), layers={"counts": np.log1p(counts)})
    with pytest.raises(UnreadableFile, match=r"layers\['counts'\].*log-transformed.*; X holds"):
        read_library(sheet_row(both, "h5ad"))


@pytest.mark.parametrize("form", ["csr", "csc", "dense"])
def test_every_layout_of_h5ad_gives_the_same_molecules(tmp_path: Path, form: str) -> None:
    data = library([CD4, CD8])
    stored = {"csr": sp.csr_matrix, "csc": sp.csc_matrix, "dense": lambda x: x.toarray()}[form]
    anndata.AnnData(stored(data.X), obs=data.obs, var=data.var).write_h5ad(tmp_path / "x.h5ad")
    found = read_library(sheet_row(tmp_path / "x.h5ad", "h5ad"))
    assert (found.X != data.X).nnz == 0


def test_an_h5mu_file_gives_expression_and_proteins(tmp_path: Path) -> None:
    data = library([CD4, CD8])
    protein = anndata.AnnData(
        sp.csr_matrix(np.array([[5.0, 1.0]], dtype=np.float32)),
        obs=pd.DataFrame(index=[data.obs_names[1]]),
        var=pd.DataFrame(index=["CD4_protein", "CD8_protein"]),
    )
    with h5py.File(tmp_path / "x.h5mu", "w") as file:
        modalities = file.create_group("mod")
        for name, part in (("rna", data), ("prot", protein)):
            anndata.io.write_elem(modalities, name, part)
    found = read_library(sheet_row(tmp_path / "x.h5mu", "h5mu"))
    assert (found.X != data.X).nnz == 0
    assert found.obsm["antibodies"].to_numpy().tolist() == [[0, 0], [5, 1]]
    assert "1 barcodes have no proteins" in found.uns["remarks"]


def test_cells_of_another_species_are_counted_apart(tmp_path: Path) -> None:
    data = library([CD4, CD8])
    mouse = np.zeros((2, 1200), dtype=np.float32)
    mouse[1, :50] = 30
    names = [*data.var_names, *(f"mmGene{i}" for i in range(1200))]
    both = anndata.AnnData(
        sp.hstack([data.X, sp.csr_matrix(mouse)], format="csr"),
        obs=data.obs,
        var=pd.DataFrame(index=names),
    )
    path = write_10x_h5(tmp_path / "x.h5", both)
    with h5py.File(path, "r+") as file:
        genomes = ["GRCh38"] * data.n_vars + ["mm10"] * 1200
        file["matrix/features/genome"][:] = np.array(genomes, dtype="S6")
    found = read_library(sheet_row(path))
    assert (found.X != data.X).nnz == 0
    assert found.obs["n_other_genome"].tolist() == [0, 1500]


def with_raw(path: Path, whole: anndata.AnnData, raw: np.ndarray, *, in_layer: bool) -> Path:
    """Write counts of some genes, as selecting highly variable ones leaves them, and all in raw."""
    some = whole[:, whole.var_names[::3]].copy()
    some.raw = anndata.AnnData(sp.csr_matrix(raw), obs=whole.obs, var=whole.var)
    if in_layer:
        some.layers["counts"] = some.X.copy()
        some.X = np.log1p(some.X)
    some.write_h5ad(path)
    return path


@pytest.mark.parametrize("place", ["X", "layer"])
def test_counts_of_all_genes_are_preferred_to_those_of_highly_variable_ones(
    tmp_path: Path, place: str
) -> None:
    whole = library([CD4] * 30 + [CD8] * 10)
    is_layer = place == "layer"
    path = with_raw(tmp_path / "a.h5ad", whole, whole.X.toarray(), in_layer=is_layer)
    data = read_library(sheet_row(path, "h5ad"))
    assert data.var_names.tolist() == whole.var_names.tolist()
    np.testing.assert_array_equal(data.X.toarray(), whole.X.toarray())


def test_counts_of_highly_variable_genes_alone_are_refused(tmp_path: Path) -> None:
    whole = library([CD4] * 30 + [CD8] * 10)
    n, n_some = whole.n_vars, len(whole.var_names[::3])
    path = with_raw(tmp_path / "a.h5ad", whole, np.log1p(whole.X.toarray()), in_layer=True)
    said = rf"layers\['counts'\] holds {n_some} of the {n} genes of raw .* give the counts of all"
    with pytest.raises(UnreadableFile, match=said):
        read_library(sheet_row(path, "h5ad"))


def test_types_of_features_may_be_in_small_letters_and_unknown_ones_are_named(
    tmp_path: Path,
) -> None:
    counts = np.array([[1, 2], [0, 1]])
    kinds = pd.DataFrame({"feature_types": ["gene expression"] * 2}, index=["CD3D", "CD3E"])
    row = {"path": h5ad(tmp_path / "a.h5ad", counts, var=kinds), "format": "h5ad"}
    assert read_library(row).n_vars == 2
    kinds["feature_types"] = "GEX"
    row["path"] = h5ad(tmp_path / "b.h5ad", counts, var=kinds)
    with pytest.raises(UnreadableFile, match="type 'Gene Expression', which genes have; it has 'G"):
        read_library(row)


def test_a_file_of_scanpy_called_10x_is_told_its_format(tmp_path: Path) -> None:
    row = {"path": h5ad(tmp_path / "a.h5", np.eye(3)), "format": "10x_h5"}
    with pytest.raises(UnreadableFile, match="write h5ad under `format`"):
        read_library(row)
