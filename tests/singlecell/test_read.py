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
from itc_analysis.singlecell.read import read_library
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
    pd.testing.assert_frame_equal(ours, theirs.loc[ours.index], check_names=False)


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
def test_antibodies_are_kept_apart_from_genes(real_data: Path) -> None:
    path = real_data / "singlecell/14_trex_gex_adt_tcr/trex_example.h5ad"
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
    assert list(one.var_names) == list(other.var_names)
    assert (one.X != other.X).nnz == 0


def test_counts_come_from_the_counts_layer_when_x_is_normalised(tmp_path: Path) -> None:
    counts = np.array([[1, 0, 3], [0, 2, 0]], dtype=np.float32)
    var = pd.DataFrame(index=["B", "A", "C"])
    path = h5ad(tmp_path / "x.h5ad", np.log1p(counts), var=var, layers={"counts": counts})
    data = read_library(sheet_row(path, "h5ad"))
    assert list(data.var_names) == ["A", "B", "C"]
    assert data.X.toarray().tolist() == [[0, 1, 3], [2, 0, 0]]
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


def test_ensembl_ids_without_symbols_are_refused(tmp_path: Path) -> None:
    var = pd.DataFrame(index=["ENSG00000167286", "ENSG00000198851"])
    path = h5ad(tmp_path / "x.h5ad", [[1, 2]], var=var)
    with pytest.raises(UnreadableFile, match=r"Ensembl ids .* add one, named 'gene_symbols'"):
        read_library(sheet_row(path, "h5ad"))


def test_a_repeated_barcode_is_refused(tmp_path: Path) -> None:
    data = library([CD4, CD8])
    data.obs_names = ["AAAC-1", "AAAT-1"]
    path = write_10x_h5(tmp_path / "x.h5", data)
    with h5py.File(path, "r+") as file:
        file["matrix/barcodes"][:] = np.array(["AAAC-1", "AAAC-1"], dtype="S")
    with pytest.raises(UnreadableFile, match="barcode 'AAAC-1' stands twice"):
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
