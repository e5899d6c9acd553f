"""Chains of called cells leave as AIRR; what scirpy made of such a table is in the decisions."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from itc_analysis import open_results
from itc_analysis.singlecell.airr import NOT_KEPT, to_airr
from itc_analysis.singlecell.calls.receptors import list_chains
from itc_analysis.singlecell.intake.contigs import read_contigs
from itc_analysis.tables import contract
from itc_analysis.tables.measured import Measurements
from itc_analysis.tables.singlecell import Receptors
from singlecell import made_cells as made

#: Required by version 1.4 of the schema, docs.airr-community.org/en/stable/datarep/rearrangements.
REQUIRED = (
    *("sequence_id", "sequence", "rev_comp", "productive", "v_call", "d_call", "j_call"),
    *("sequence_alignment", "germline_alignment", "junction", "junction_aa"),
    *("v_cigar", "d_cigar", "j_cigar"),
)


def chains(folder: Path) -> pd.DataFrame:
    """Return the chains of a MAIT cell with two alpha chains, one of them read twice, and of a
    cell that is not in the library.
    """
    rows = [
        made.contig_row("M1-1", *made.OTHER_ALPHA) | {"umis": 1},
        made.contig_row("M1-1", *made.MAIT_ALPHA) | {"umis": 5},
        made.contig_row("M1-1", *made.MAIT_ALPHA) | {"umis": 2},
        made.contig_row("M1-1", *made.MAIT_BETA) | {"umis": 3},
        made.contig_row("GONE-1", *made.OTHER_BETA) | {"umis": 3},
    ]
    pd.DataFrame(rows).to_csv(folder / "contigs.csv", index=False)
    cells = pd.DataFrame(
        {
            "library_id": "lib1",
            "sample_id": "s1",
            "barcode": ["M1-1", "C1-1"],
            "call": ["mait", "cd4_t_cells"],
        }
    ).astype("string")
    return contract.make(list_chains(read_contigs(folder / "contigs.csv"), cells), Receptors)


def test_a_cells_chains_stand_once_and_by_their_molecules(tmp_path: Path) -> None:
    found = chains(tmp_path)
    assert found[["barcode", "call", "chain", "number", "v_gene", "n_umis"]].values.tolist() == [
        ["M1-1", "mait", "alpha", 1, "TRAV1-2", 5],
        ["M1-1", "mait", "alpha", 2, "TRAV21", 1],
        ["M1-1", "mait", "beta", 1, "TRBV6-4", 3],
    ]


def test_the_airr_table_has_what_the_schema_requires_and_names_cells_as_adata_does(
    tmp_path: Path,
) -> None:
    table = to_airr(chains(tmp_path))
    assert set(REQUIRED) <= set(table.columns)
    assert table["sequence_id"].is_unique
    assert set(table["cell_id"]) == {"lib1:M1-1"}
    assert table["locus"].tolist() == ["TRA", "TRA", "TRB"]
    assert table["productive"].all()
    assert table[list(NOT_KEPT)].isna().all(axis=None)


def test_what_leaves_as_airr_comes_back_as_contigs(tmp_path: Path) -> None:
    path = tmp_path / "singlecell" / "b1" / "receptors.parquet"
    contract.write(chains(tmp_path), path, Receptors, {"step": "itc annotate"})
    contract.write(
        contract.empty(Measurements), tmp_path / "measurements.parquet", Measurements, {"step": "x"}
    )
    open_results(tmp_path).airr.to_csv(tmp_path / "airr.tsv", sep="\t", index=False)
    back = read_contigs(tmp_path / "airr.tsv")
    there = chains(tmp_path)
    for column in ("chain", "v_gene", "j_gene", "cdr3", "n_umis"):
        assert back[column].tolist() == there[column].tolist()
    assert set(back["barcode"]) == {"lib1:M1-1"}
