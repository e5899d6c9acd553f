from __future__ import annotations

from pathlib import Path

import pandas as pd

from itc_analysis.singlecell.intake.opening import open_libraries
from singlecell.made_cells import CD4, CD8, MAIT_ALPHA, contig_row, library, sheet_row, write_10x_h5


def write(folder: Path, name: str) -> dict[str, object]:
    cells = library([CD4, CD8] * 4, names=[f"{name}{i}-1" for i in range(8)])
    path = write_10x_h5(folder / f"{name}.h5", cells)
    rows = [contig_row(f"{name}{i}-1", *MAIT_ALPHA) for i in range(8)]
    pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return sheet_row(path, library_id=name, contigs_path=str(folder / f"{name}.csv"))


def test_right_files_have_no_fault(tmp_path: Path) -> None:
    assert open_libraries([write(tmp_path, "A"), write(tmp_path, "B")]) == []


def test_every_fault_is_told_and_swapped_contigs_with_their_partner(tmp_path: Path) -> None:
    one, two, three = (write(tmp_path, name) for name in "ABC")
    one["contigs_path"], two["contigs_path"] = two["contigs_path"], one["contigs_path"]
    renamed = library([CD4] * 3)
    renamed.var_names = [f"x{name}" for name in renamed.var_names]
    write_10x_h5(Path(str(three["path"])), renamed)
    errors = [str(error) for error in open_libraries([one, two, three])]
    assert len(errors) == 3
    assert "library A, B.csv" in errors[1]
    assert "library 'B' has 8 of them" in errors[1]
    assert "library 'A' has 8 of them" in errors[2]
    assert "library C" in errors[0]
    assert "none of the genes that tell T cells" in errors[0]
