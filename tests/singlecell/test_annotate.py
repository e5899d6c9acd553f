from __future__ import annotations

import argparse
import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from itc_analysis.cli.numbers import annotate as verb
from itc_analysis.config.sections import CellCalling
from itc_analysis.singlecell import annotate
from itc_analysis.singlecell.calls.weights import read_evidence
from itc_analysis.singlecell.intake.library import read_library
from itc_analysis.singlecell.pseudobulk import POPULATIONS
from itc_analysis.tables import contract, measured
from itc_analysis.tables import singlecell as forms
from singlecell import made_cells as made

EVIDENCE = read_evidence()
#: Cells made by hand show about 400 genes, as many fillers as there are.
SETTINGS = CellCalling(n_mads=50)
TABLES = {
    "quality": forms.LibraryQuality,
    "cells": forms.Cells,
    "receptors": forms.Receptors,
    "counts": measured.Counts,
    "soft_counts": forms.SoftCounts,
    "thinned_counts": forms.ThinnedCounts,
    "pseudobulk": forms.Pseudobulk,
    "pseudobulk_depth": forms.PseudobulkDepth,
}
SIGNATURES = pd.DataFrame(
    {
        "signature": ["exhaustion", "exhaustion", "exhaustion"],
        "assay": ["singlecell", "singlecell", "flow"],
        "feature": ["TOX", "CD8A", "PD-1"],
        "weight": [1.0, 1.0, 1.0],
    }
)


def write_library(folder: Path, name: str = "lib1") -> dict[str, object]:
    """Write ordinary blood with three MAIT cells and one iNKT cell, and their contigs."""
    data = made.blood(
        **{"M1-1": made.MAIT, "M2-1": made.MAIT, "M3-1": made.MAIT, "I1-1": made.INKT}
    )
    path = made.write_10x_h5(folder / f"{name}.h5", data)
    rows = [made.contig_row(f"M{i}-1", *made.MAIT_ALPHA) for i in (1, 2)]
    rows += [made.contig_row("I1-1", *made.INKT_ALPHA), made.contig_row("I1-1", *made.INKT_BETA)]
    contigs = folder / f"{name}.csv"
    pd.DataFrame(rows).to_csv(contigs, index=False)
    return made.sheet_row(path, library_id=name, contigs_path=str(contigs))


def annotated(rows: list[dict[str, object]], folder: Path | None = None) -> annotate.BatchTables:
    return annotate.annotate_libraries(
        rows, settings=SETTINGS, evidence=EVIDENCE, signatures=SIGNATURES, folder=folder
    )


def test_known_cells_come_out_as_they_went_in(tmp_path: Path) -> None:
    tables = annotated([write_library(tmp_path)])
    counts = tables.counts.set_index("population")["n_events"]
    assert counts["mait"] == 2  # the third shows no alpha chain
    assert counts["inkt"] == 1
    assert counts["cd4_t_cells"] == 40
    assert counts["cd8_t_cells"] == 20
    assert counts["gd_t_cells"] == 0
    assert counts["t_cells"] == 64
    calls = tables.cells.set_index("barcode")
    assert calls.loc["M1-1", "decided_by"] == "both"
    assert calls.loc["M3-1", "call"] == "indeterminate"
    assert calls.loc["M3-1", "posterior_mait"] > 0.8
    assert tables.quality["n_with_receptor"].tolist() == [3]
    depth = tables.pseudobulk_depth.set_index("population")
    assert depth.loc["mait", "n_cells"] == 2
    chains = tables.receptors.set_index(["barcode", "chain"])["v_gene"]
    assert chains.to_dict() == {
        ("I1-1", "alpha"): "TRAV10",
        ("I1-1", "beta"): "TRBV25-1",
        ("M1-1", "alpha"): "TRAV1-2",
        ("M2-1", "alpha"): "TRAV1-2",
    }
    molecules = tables.pseudobulk.query("population == 'mait' and gene == 'SLC4A10'")
    assert molecules["n_counts"].tolist() == [2 * made.MAIT["SLC4A10"]]


def test_a_bad_library_is_recorded_and_the_others_are_unharmed(tmp_path: Path) -> None:
    good = write_library(tmp_path)
    (tmp_path / "bad.h5").write_text("nothing")
    bad = made.sheet_row(tmp_path / "bad.h5", library_id="bad", sample_id="s2")
    poor_path = made.write_10x_h5(tmp_path / "poor.h5", made.library([{"CD3E": 1}], depth=50))
    poor = made.sheet_row(poor_path, library_id="poor", sample_id="s3")
    tables = annotated([bad, good, poor])
    quality = tables.quality.set_index("library_id")
    assert quality["status"].to_dict() == {
        "bad": "unreadable",
        "lib1": "ok",
        "poor": "failed_quality",
    }
    assert "not a readable 10x_h5 library" in quality.loc["bad", "reason"]
    assert "dropped 1 of 1 barcodes: 1 too few genes" in quality.loc["poor", "reason"]
    rows = tables.counts.groupby("source_id").size()
    assert rows.to_dict() == dict.fromkeys(["bad", "lib1", "poor"], len(POPULATIONS))
    assert tables.counts.query("source_id == 'bad'")["n_events"].isna().all()
    assert set(tables.pseudobulk_depth["sample_id"]) == {"s1", "s2", "s3"}
    alone = annotated([good])
    pd.testing.assert_frame_equal(tables.cells, alone.cells)
    pd.testing.assert_frame_equal(tables.pseudobulk, alone.pseudobulk)


def shallow_library(folder: Path, *, n_deep: int) -> dict[str, object]:
    """Write blood of about 200 genes a cell, the last ones with 400."""
    data = made.blood()
    is_filler = data.var_names.str.startswith("FILLER")
    counts = data.X.toarray()
    lost = np.flatnonzero(is_filler)[180:]
    counts[: data.n_obs - n_deep, lost] = 0
    data.X = sp.csr_matrix(counts)
    return made.sheet_row(made.write_10x_h5(folder / "shallow.h5", data), library_id="shallow")


def test_a_shallow_library_is_a_named_row_with_the_cure(tmp_path: Path) -> None:
    row = shallow_library(tmp_path, n_deep=0)
    tables = annotated([row, write_library(tmp_path) | {"sample_id": "s2"}])
    quality = tables.quality.set_index("library_id")
    assert quality["status"].to_dict() == {"shallow": "failed_quality", "lib1": "ok"}
    reason = quality.loc["shallow", "reason"]
    assert "no usable cell; dropped 100 of 100 barcodes: 100 too few genes" in reason
    assert "set `singlecell: min_genes` lower" in reason
    counted = tables.counts[tables.counts["source_id"] == "shallow"]
    assert (counted["status"] == "failed_quality").all()
    assert counted["n_events"].isna().all()
    lower = SETTINGS.model_copy(update={"min_genes": 100})
    cured = annotate.annotate_libraries(
        [row], settings=lower, evidence=EVIDENCE, signatures=SIGNATURES
    )
    assert cured.quality["status"].tolist() == ["ok"]
    assert cured.counts.set_index("population").loc["t_cells", "n_events"] == 60
    assert "min_genes" not in cured.quality["remarks"].iloc[0]


def test_a_library_of_which_only_the_deepest_cells_are_left_says_so(tmp_path: Path) -> None:
    tables = annotated([shallow_library(tmp_path, n_deep=30)])
    assert tables.quality["status"].tolist() == ["ok"]
    assert tables.quality["n_cells"].tolist() == [30]
    told = tables.quality["remarks"].iloc[0]
    assert "dropped 70 of 100, the shallow ones first: if these are cells, set" in told


def test_a_library_under_two_names_is_recorded_and_not_used(tmp_path: Path) -> None:
    why = "its counts are those of lib2: one library under two names"
    quality = annotated([write_library(tmp_path) | {"copied": why}]).quality
    assert quality["status"].tolist() == ["unreadable"]
    assert why in quality["reason"].iloc[0]


def test_contigs_of_another_library_are_refused_not_used(tmp_path: Path) -> None:
    row = write_library(tmp_path)
    contigs = pd.read_csv(str(row["contigs_path"])).assign(barcode="GGGGGGGG-1")
    contigs.to_csv(str(row["contigs_path"]), index=False)
    quality = annotated([row]).quality
    assert quality["status"].tolist() == ["unreadable"]
    assert "contig file of another library" in quality["reason"].item()


def test_contigs_of_several_files_are_joined(tmp_path: Path) -> None:
    row = write_library(tmp_path)
    whole = annotated([row])
    contigs = pd.read_csv(str(row["contigs_path"]))
    files = [tmp_path / "alpha.csv", tmp_path / "beta.csv"]
    for file, chain in zip(files, ("TRA", "TRB"), strict=True):
        contigs[contigs["chain"] == chain].to_csv(file, index=False)
    parts = annotated([row | {"contigs_path": ", ".join(map(str, files))}])
    pd.testing.assert_frame_equal(parts.receptors, whole.receptors)
    pd.testing.assert_frame_equal(parts.counts, whole.counts)


def test_without_contigs_inkt_are_not_estimable_and_the_quality_table_says_so(
    tmp_path: Path,
) -> None:
    tables = annotated([write_library(tmp_path) | {"contigs_path": None}])
    row = tables.counts.set_index("population").loc["inkt"]
    assert row["status"] == "not_estimable"
    assert pd.isna(row["n_events"])
    assert not tables.quality["has_contigs"].item()
    assert pd.isna(tables.quality["n_with_receptor"].item())
    assert (tables.cells["call"] != "inkt").all()


def test_signature_genes_that_the_reference_lacks_are_named(tmp_path: Path) -> None:
    whole = made.with_silent_genes(made.blood())
    row = made.sheet_row(made.write_10x_h5(tmp_path / "lib1.h5", whole))
    tables = annotated([row])
    remarks = tables.quality["remarks"].item()
    assert "signature exhaustion: the reference lacks TOX" in remarks
    assert "PD-1" not in remarks  # a flow marker
    assert (tables.pseudobulk_depth["n_genes_measured"] == whole.n_vars).all()


def test_a_gene_list_without_silent_genes_is_taken_for_filtered(tmp_path: Path) -> None:
    tables = annotated([write_library(tmp_path)])
    remarks = tables.quality["remarks"].item()
    assert "signature exhaustion: the library lists only genes seen in" in remarks
    assert "few or no molecules are taken for TOX where another library lists them" in remarks
    assert tables.pseudobulk_depth["n_genes_measured"].isna().all()


def test_one_whole_list_of_a_sample_says_what_could_be_shown(tmp_path: Path) -> None:
    whole = made.with_silent_genes(made.blood())
    rows = [
        write_library(tmp_path),
        made.sheet_row(made.write_10x_h5(tmp_path / "two.h5", whole), library_id="lib2"),
    ]
    depth = annotated(rows).pseudobulk_depth
    assert (depth["n_genes_measured"] == whole.n_vars).all()


def test_t_cells_travel_as_whole_numbers_with_their_calls(tmp_path: Path) -> None:
    tables = annotated([write_library(tmp_path)], tmp_path / "out")
    data = anndata.read_h5ad(tmp_path / "out" / "lib1.h5ad")
    counts = data.layers["counts"]
    assert counts.dtype == np.int32
    cells = tables.cells.set_index("barcode")
    is_t = cells["posterior_t"] >= SETTINGS.call_threshold
    assert 0 < is_t.sum() < len(cells)
    assert data.obs_names.tolist() == cells.index[is_t].tolist()
    assert data.obs["call"].astype(str).tolist() == cells.loc[is_t, "call"].tolist()
    np.testing.assert_array_equal(
        np.asarray(counts.sum(axis=1)).ravel(), cells.loc[is_t, "n_counts"]
    )
    whole = read_library(made.sheet_row(tmp_path / "lib1.h5"))
    assert (counts != whole[data.obs_names].X).nnz == 0


def test_cells_of_a_library_that_left_the_batch_do_not_stay_behind(tmp_path: Path) -> None:
    out = tmp_path / "out"
    both = [write_library(tmp_path, name) for name in ("lib1", "lib2")]
    annotated(both, out)
    anndata.AnnData(np.ones((1, 1))).write_h5ad(out / "mine.h5ad")
    (out / "no_hdf5.h5ad").write_text("a note")
    annotated(both[:1], out)
    assert {path.name for path in out.glob("*.h5ad")} == {
        "lib1.h5ad", "mine.h5ad", "no_hdf5.h5ad"
    }  # fmt: skip


def test_swapped_contig_files_are_named_with_the_likely_right_partner(tmp_path: Path) -> None:
    one, two = write_library(tmp_path, "lib1"), write_library(tmp_path, "lib2")
    for row, letter in ((one, "A"), (two, "C")):
        path = Path(str(row["contigs_path"]))
        contigs = pd.read_csv(path)
        contigs.assign(barcode=letter + contigs["barcode"]).to_csv(path, index=False)
        data = read_library(row)
        data.obs_names = letter + data.obs_names
        made.write_10x_h5(Path(str(row["path"])), data)
    one["contigs_path"], two["contigs_path"] = two["contigs_path"], one["contigs_path"]
    quality = annotated([one, two]).quality.set_index("library_id")
    assert quality["status"].tolist() == ["unreadable", "unreadable"]
    assert "library 'lib2' has 3 of them" in quality.loc["lib1", "reason"]
    assert "library 'lib1' has 3 of them" in quality.loc["lib2", "reason"]


def test_a_library_whose_genes_have_other_names_is_refused_and_never_counted_as_empty(
    tmp_path: Path,
) -> None:
    row = write_library(tmp_path)
    data = read_library(row)
    for names, words in (
        ([f"x{name}" for name in data.var_names], "named like 'xCCR7'"),
        ([name.capitalize() for name in data.var_names], "mouse"),
    ):
        odd = anndata.AnnData(data.X, obs=data.obs, var=pd.DataFrame(index=names))
        made.write_10x_h5(Path(str(row["path"])), odd)
        tables = annotated([row])
        assert tables.quality["status"].tolist() == ["failed_quality"]
        assert "none of the genes that tell T cells" in tables.quality["reason"].item()
        assert words in tables.quality["reason"].item()
        assert tables.counts["n_events"].isna().all()


def test_prefixed_gene_names_give_the_same_calls(tmp_path: Path) -> None:
    row = write_library(tmp_path)
    plain = annotated([row])
    data = read_library(row)
    for prefix in ("hg19_", "GRCh38_", "GRCh38______"):
        named = pd.DataFrame(index=[prefix + name for name in data.var_names])
        odd = anndata.AnnData(data.X, obs=data.obs, var=named)
        made.write_10x_h5(Path(str(row["path"])), odd)
        tables = annotated([row])
        pd.testing.assert_frame_equal(tables.cells, plain.cells)
        assert "was taken off" in tables.quality["remarks"].item()


def test_libraries_of_one_sample_are_summed_and_counted_apart(tmp_path: Path) -> None:
    rows = [write_library(tmp_path, "lib1"), write_library(tmp_path, "lib2")]
    tables = annotated(rows)
    assert set(tables.counts["source_id"]) == {"lib1", "lib2"}
    assert tables.pseudobulk_depth.set_index("population").loc["mait", "n_cells"] == 4


def run(folder: Path, rows: list[dict[str, object]], output: str) -> Path:
    libraries = folder / "libraries.json"
    libraries.write_text(json.dumps(rows))
    config = folder / "singlecell.json"
    config.write_text(json.dumps({"singlecell": SETTINGS.model_dump(mode="json")}))
    signatures = folder / "signatures.tsv"
    signatures.write_text(
        "signature\tassay\tfeature\tweight\tsource\treads_as\n"
        "exhaustion\tsinglecell\tTOX\t1\tmade up\tmore\n"
    )
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    words = ["--config", str(config), "--libraries", str(libraries)]
    words += ["--signatures", str(signatures), "--output-folder", str(folder / output)]
    verb.run(parser.parse_args(words))
    return folder / output


def test_the_command_writes_every_table_after_its_contract_and_the_same_bytes_twice(
    tmp_path: Path,
) -> None:
    rows = [write_library(tmp_path)]
    first, second = run(tmp_path, rows, "one"), run(tmp_path, rows, "two")
    for name, form in TABLES.items():
        contract.read(first / f"{name}.parquet", form)
        assert (first / f"{name}.parquet").read_bytes() == (second / f"{name}.parquet").read_bytes()
    made_by = contract.read_provenance(first / "counts.parquet")
    assert made_by["step"] == "itc annotate"
    assert set(made_by["inputs"]) == {"data/libraries/lib1/counts", "data/libraries/lib1/contigs"}
    assert "{" not in made_by["methods"]
    assert (first / "lib1.h5ad").exists()


def test_what_its_files_are_called_changes_no_byte(tmp_path: Path) -> None:
    made_by: list[Path] = []
    for called in ("lib1", "Applewhite_Persephone"):
        (tmp_path / called).mkdir()
        row = write_library(tmp_path / called, called) | {"library_id": "L1"}
        # as Cell Ranger never writes it, and so recorded with a reason
        bad = Path(str(row["path"])).with_name(f"{called} again.h5")
        bad.write_text("nothing")
        unread = made.sheet_row(bad, library_id="L2", sample_id="s2")
        made_by.append(run(tmp_path, [row, unread], f"{called} out"))
    plain, of_a_person = ({p.name: p.read_bytes() for p in out.iterdir()} for out in made_by)
    assert len(plain) == len(TABLES) + 1  # the cells of L1
    assert plain == of_a_person
    quality = contract.read(made_by[1] / "quality.parquet", forms.LibraryQuality)
    reason = quality.set_index("library_id").loc["L2", "reason"]
    assert reason.startswith("counts: not a readable 10x_h5 library")


@pytest.mark.real_data
def test_the_shipped_example_runs(root: Path, real_data: Path, tmp_path: Path) -> None:
    from itc_analysis.cohort.listing import list_libraries
    from itc_analysis.config.loading import load_settings

    settings = load_settings(root / "config/examples/pbmc5p/config.yaml")
    folder = real_data / "singlecell/01_10x_5p_pbmc1k_gex_tcr"
    study = settings.study.model_copy(
        update={
            "data_folder": str(folder),
            "libraries": str(root / "config/examples/pbmc5p/libraries.tsv"),
        }
    )
    tables = annotated(list_libraries(study))
    assert tables.quality["status"].tolist() == ["ok"]
    counts = tables.counts.set_index("population")
    # 404 of the 1000 cells have a contig (SOURCE.md); T cells without one add to them
    assert 350 < counts.loc["t_cells", "n_events"] < 480
    # 14 proven of 297 cells with an alpha chain, in about 420 T cells: about 20; more with doubt
    assert 14 <= counts.loc["mait", "n_events"] <= 35
    assert counts.loc["inkt", "n_events"] == 0
    assert counts.loc["inkt", "detection"] == "below_lod"


def test_a_simulated_library_is_called_as_its_truth_says(tmp_path: Path) -> None:
    """Precision and sensitivity, with margins that a wrong rule would break; nothing is fitted to
    them.
    """
    simulate = pytest.importorskip(
        "itc_analysis.simulate.instrument.libraries", reason="simulator is absent"
    )
    from itc_analysis.simulate.cells.receptors import ALPHA_FOUND
    from itc_analysis.simulate.people import blood, cohort
    from itc_analysis.singlecell.calls.call import call_cells
    from itc_analysis.singlecell.calls.receptors import summarise_receptors
    from itc_analysis.singlecell.intake.contigs import read_contigs
    from itc_analysis.singlecell.quality.cells import judge_cells, measure_cells
    from itc_analysis.singlecell.soft_counts import measure_capture

    truth = cohort.simulate_measurement_truth("effect", 2, 1)
    drawn = blood.draw_blood(truth, np.random.default_rng(1))
    more = [c for c in drawn.columns if c not in truth.columns]
    person = truth.merge(drawn[["participant_id", *more]], on="participant_id").iloc[3].to_dict()
    simulated = simulate.simulate_library(
        person, "effect", np.random.default_rng(3), n_barcodes=2000
    )
    data = anndata.AnnData(
        simulated.counts.astype(np.float32).tocsr(),
        obs=pd.DataFrame(index=list(simulated.barcodes)),
        var=pd.DataFrame(index=list(simulated.genes)),
    )
    keep = judge_cells(measure_cells(data), settings=CellCalling()).isna().to_numpy()
    labels = np.array(simulated.labels)[keep]
    kept = data[keep].copy()
    assert (np.array(simulated.labels)[~keep] == "low_quality").mean() > 0.9
    simulated.contigs.to_csv(tmp_path / "contigs.csv", index=False)
    contigs = read_contigs(tmp_path / "contigs.csv")
    receptors = summarise_receptors(contigs, kept.obs_names)
    cells = call_cells(
        made.weigh_rna(kept, evidence=EVIDENCE),
        receptors,
        evidence=EVIDENCE,
        call_threshold=0.8,
        has_contigs=True,
    )
    calls = cells["call"].to_numpy()
    # MAIT cells are called by their alpha chain: as many as had it caught
    caught = measure_capture(cells, call_threshold=0.8).share
    assert caught == pytest.approx(ALPHA_FOUND, abs=0.05)
    is_singlet = labels != "doublet"
    # RNA is all there is for gamma-delta (few shallow cells): sure calls, but not of every cell
    for name, leaves, sensitivity in (
        ("mait", ["mait"], 0.9 * caught),
        ("gd_t_cells", ["vd2_gd", "vd2neg_gd"], 0.3),
    ):
        is_true, is_called = np.isin(labels, leaves), calls == name
        assert is_true.sum() >= 5
        assert (is_called & is_true).sum() >= sensitivity * is_true.sum()
        assert (is_called & is_true).sum() >= 0.9 * (is_called & is_singlet).sum()
    assert not (calls[labels == "nk_cells"] == "gd_t_cells").any()
    assert (calls[np.isin(labels, ["monocytes", "b_cells"])] == "not_t").mean() > 0.95
