from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from itc_analysis.errors import UnreadableFile
from itc_analysis.singlecell.intake.contigs import read_contigs
from singlecell import made_cells as made

TABLE = pd.DataFrame(
    [
        made.contig_row("AAAC-1", *made.MAIT_ALPHA),
        made.contig_row("AAAC-1", *made.MAIT_BETA),
        made.contig_row("CCCG-1", *made.OTHER_ALPHA),
    ]
)

MANY = pd.concat([TABLE.assign(barcode=f"MANY{i}-1") for i in range(4)])


def written(path: Path, table: pd.DataFrame, sep: str = ",") -> Path:
    table.to_csv(path, index=False, sep=sep)
    return path


def test_semicolons_and_tabs_part_columns_as_commas_do(tmp_path: Path) -> None:
    expected = read_contigs(written(tmp_path / "a.csv", TABLE))
    assert len(expected) == len(TABLE)
    for sep in (";", "\t"):
        found = read_contigs(written(tmp_path / "b.csv", TABLE, sep))
        pd.testing.assert_frame_equal(found, expected)


def test_loci_may_be_written_in_small_letters(tmp_path: Path) -> None:
    expected = read_contigs(written(tmp_path / "a.csv", TABLE))
    small = TABLE.assign(chain=TABLE["chain"].str.lower())
    pd.testing.assert_frame_equal(read_contigs(written(tmp_path / "b.csv", small)), expected)


def test_loci_that_nobody_knows_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", TABLE.assign(chain="alpha-ish"))
    with pytest.raises(UnreadableFile, match=r"none of its 3 productive contigs .* 'ALPHA-ISH'"):
        read_contigs(path)


def test_contigs_without_a_locus_are_left_out_and_not_refused(tmp_path: Path) -> None:
    some = TABLE.assign(chain=["Multi", *TABLE["chain"][1:]])
    assert len(read_contigs(written(tmp_path / "a.csv", some))) == len(TABLE) - 1


@pytest.mark.parametrize("odd", [{"chain": "Multi"}, {"productive": "None"}])
def test_a_table_without_a_contig_that_can_be_used_is_refused(
    tmp_path: Path, odd: dict[str, str]
) -> None:
    path = written(tmp_path / "a.csv", MANY.assign(**odd))
    with pytest.raises(UnreadableFile, match="none of its 12 contigs is of one T cell locus"):
        read_contigs(path)
    # of a few all may be useless by chance
    assert read_contigs(written(tmp_path / "b.csv", TABLE.assign(**odd))).empty


def test_a_table_that_was_joined_with_itself_has_each_contig_once(tmp_path: Path) -> None:
    expected = read_contigs(written(tmp_path / "a.csv", TABLE))
    found = read_contigs(written(tmp_path / "b.csv", pd.concat([TABLE, TABLE])))
    pd.testing.assert_frame_equal(found, expected)


def test_molecules_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    table = TABLE.assign(umis="5 umis")
    with pytest.raises(UnreadableFile, match=r"column umis holds no numbers \('5 umis'\)"):
        read_contigs(written(tmp_path / "a.csv", table))


@pytest.mark.parametrize(
    "v_gene",
    [
        "TRAV1S2",
        "TRAV01-2",
        "TCRAV01-02",
        "trav1-2",
        "AV7S2",
        "TRAV1_2",
        "TRAV1.2",
        "TRAV1\N{NON-BREAKING HYPHEN}2",
    ],
)
def test_v_genes_that_are_not_named_by_imgt_are_refused(tmp_path: Path, v_gene: str) -> None:
    table = TABLE.assign(v_gene=TABLE["v_gene"].replace("TRAV1-2", v_gene))
    said = rf"v_gene of 1 of its 3 productive contigs is not named .* '{v_gene}'"
    with pytest.raises(UnreadableFile, match=said):
        read_contigs(written(tmp_path / "a.csv", table))


def test_names_of_imgt_are_read_whatever_their_ending(tmp_path: Path) -> None:
    names = ["TRAV29/DV5", "TRAV14DV4", "TRBV20-1", "TRGVA", "TRAV38-2/DV8", "TRBV20/OR9-2"]
    rows = [made.contig_row("AAAC-1", "TRA", name, "TRAJ33", "CAF") for name in names]
    found = read_contigs(written(tmp_path / "a.csv", pd.DataFrame(rows)))
    assert set(found["v_gene"]) == set(names)


def test_a_table_that_names_no_v_gene_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="v_gene of none of its 12 productive contigs names"):
        read_contigs(written(tmp_path / "a.csv", MANY.assign(v_gene="")))
