from __future__ import annotations

from pathlib import Path

import pandas as pd

from itc_analysis.cohort.data_files import copied_libraries
from itc_analysis.singlecell.intake.h5ad import OF_SEVERAL
from itc_analysis.singlecell.intake.opening import open_libraries
from singlecell.made_cells import CD4, CD8, MAIT_ALPHA, contig_row, library, sheet_row, write_10x_h5


def write(folder: Path, name: str) -> dict[str, object]:
    cells = library([CD4, CD8] * 4, names=[f"{name}{i}-1" for i in range(8)])
    path = write_10x_h5(folder / f"{name}.h5", cells)
    rows = [contig_row(f"{name}{i}-1", *MAIT_ALPHA) for i in range(8)]
    pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return sheet_row(path, library_id=name, contigs_path=str(folder / f"{name}.csv"))


def test_right_files_have_no_fault(tmp_path: Path) -> None:
    assert open_libraries([write(tmp_path, "A"), write(tmp_path, "B")]) == ([], [])


def test_a_matrix_with_fewer_genes_than_a_cell_needs_is_refused(tmp_path: Path) -> None:
    row = write(tmp_path, "A")
    n_genes = library([CD4]).n_vars
    assert open_libraries([row], min_genes=n_genes) == ([], [])
    (error,) = open_libraries([row], min_genes=n_genes + 1)[0]
    assert f"it holds {n_genes} genes, and a cell needs {n_genes + 1}" in str(error)


def test_every_fault_is_told_and_swapped_contigs_with_their_partner(tmp_path: Path) -> None:
    one, two, three = (write(tmp_path, name) for name in "ABC")
    one["contigs_path"], two["contigs_path"] = two["contigs_path"], one["contigs_path"]
    renamed = library([CD4] * 3)
    renamed.var_names = [f"x{name}" for name in renamed.var_names]
    write_10x_h5(Path(str(three["path"])), renamed)
    errors = [str(error) for error in open_libraries([one, two, three])[0]]
    assert len(errors) == 3
    assert "library A, B.csv" in errors[1]
    assert "library 'B' has 8 of them" in errors[1]
    assert "library 'A' has 8 of them" in errors[2]
    assert "library C" in errors[0]
    assert "none of the genes that tell T cells" in errors[0]


def test_tables_that_say_whose_cells_are_whose_are_opened_too(tmp_path: Path) -> None:
    one = write(tmp_path, "A")
    table = tmp_path / "pool.csv"
    one |= {"cells_path": str(table), "sample_id": "S1"}
    text = "barcode,sample_id\nA0-1,S1\nA1-1,S9\n"
    table.write_text(text)
    errors, told = open_libraries([one])
    assert errors == []
    assert told == [
        "look at: pool.csv: the library sheet has no row for S9, whose cells are left out"
    ]
    table.write_text(text + "A0-1,S2\n")
    (error,) = open_libraries([one])[0]
    assert "library A, pool.csv: 1 fault" in str(error)
    assert "barcode 'A0-1' is given to two samples" in str(error)
    table.write_text(text)
    (error,) = open_libraries([one | {"sample_id": "S2"}])[0]
    assert "no barcode is given to sample 'S2'" in str(error)


def test_one_library_under_two_names_is_named_twice(tmp_path: Path) -> None:
    one, two = write(tmp_path, "A"), write(tmp_path, "B")
    for column in ("path", "contigs_path"):
        Path(str(two[column])).write_bytes(Path(str(one[column])).read_bytes())
    errors = [str(error) for error in open_libraries([one, two])[0]]
    assert "library A: 1 fault\n  its counts are those of B: one library under two names" in errors
    assert "library B: 1 fault\n  its counts are those of A: one library under two names" in errors
    # rows of a pool share their file
    pool = [one | {"library_id": name, "hashtag": f"H{name}"} for name in "CD"]
    assert copied_libraries(pool) == {}


def test_a_file_of_several_people_under_one_sample_is_said(tmp_path: Path) -> None:
    cells = library([CD4, CD8] * 4)
    cells.obs["donor_id"] = ["d1", "d2"] * 4
    path = tmp_path / "donors.h5ad"
    cells.write_h5ad(path)
    row = sheet_row(path, library_id="A") | {"format": "h5ad"}
    errors, told = open_libraries([row])
    assert errors == []
    assert told == [f"look at: library A: obs['donor_id'] names 2 people; {OF_SEVERAL}"]
