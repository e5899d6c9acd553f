"""Data files go by the ids of their sheets; what a hospital calls them stands in no result."""

from __future__ import annotations

from pathlib import Path

import pytest

from itc_analysis.cohort.data_files import (
    contig_files,
    name_libraries,
    name_tubes,
    paths_of_libraries,
    there,
    without_names,
)


def test_a_tube_and_a_library_of_one_id_are_told_apart() -> None:
    tubes = name_tubes([{"file_id": "S1", "path": "data/a.fcs"}])
    libraries = name_libraries([{"library_id": "S1", "path": "data/a.h5"}])
    assert tubes == {"data/tubes/S1": Path("data/a.fcs")}
    assert libraries == {"data/libraries/S1/counts": Path("data/a.h5")}


def test_of_a_folder_every_file_that_is_read_has_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "Applewhite"
    folder.mkdir()
    for name in ("matrix.mtx.gz", "barcodes.tsv", "genes.tsv", "Applewhite.txt"):
        (folder / name).write_text(name)
    row = {"library_id": "L1", "path": str(folder), "contigs_path": "data/c.csv", "cells_path": ""}
    found = name_libraries([row])
    assert found == {
        "data/libraries/L1/counts/matrix.mtx.gz": folder / "matrix.mtx.gz",
        "data/libraries/L1/counts/barcodes.tsv": folder / "barcodes.tsv",
        "data/libraries/L1/counts/genes.tsv": folder / "genes.tsv",
        "data/libraries/L1/contigs": Path("data/c.csv"),
    }
    assert set(there(found)) == {name for name in found if "counts" in name}
    assert paths_of_libraries([row]) == [str(folder), "data/c.csv"]


def test_each_of_several_contig_files_has_a_name(tmp_path: Path) -> None:
    row = {"library_id": "L1", "path": "data/a.h5", "contigs_path": "data/ab.csv, data/gd.csv"}
    assert contig_files(row) == [Path("data/ab.csv"), Path("data/gd.csv")]
    assert name_libraries([row]) == {
        "data/libraries/L1/counts": Path("data/a.h5"),
        "data/libraries/L1/contigs": Path("data/ab.csv"),
        "data/libraries/L1/contigs2": Path("data/gd.csv"),
    }
    assert without_names("gd.csv: no rows", row) == "contigs2: no rows"
    one = tmp_path / "a,b.csv"  # a comma in the name of a file that is there
    one.touch()
    assert contig_files({"contigs_path": str(one)}) == [one]
    assert contig_files({"contigs_path": None}) == []


def test_samples_of_a_pool_have_a_name_each_for_the_file_that_they_share() -> None:
    rows = [{"library_id": name, "path": "data/pool.h5"} for name in ("L1", "L2")]
    assert set(name_libraries(rows).values()) == {Path("data/pool.h5")}
    assert len(name_libraries(rows)) == 2


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Applewhite.h5: it has no genes", "counts: it has no genes"),
        ("cannot open '{0}/Applewhite.h5' (errno 2)", "cannot open 'counts' (errno 2)"),
        ("look at Applewhite P.csv.", "look at contigs."),
        # a longer name, and a word that merely begins alike
        ("NotApplewhite.h5 and Applewhite.h5ad", "NotApplewhite.h5 and Applewhite.h5ad"),
    ],
)
def test_files_are_called_by_their_part(said: str, told: str, tmp_path: Path) -> None:
    row = {
        "library_id": "L1",
        "path": str(tmp_path / "Applewhite.h5"),
        "contigs_path": "data/Applewhite P.csv",
    }
    assert without_names(said.format(tmp_path), row) == told
