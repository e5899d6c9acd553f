"""A finished run opens as tables: each an attribute, with what made it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from itc_analysis import open_results
from itc_analysis.errors import ItcError
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.sheets import Libraries
from itc_analysis.tables.measured import Measurements
from itc_analysis.tables.registry import TABLES
from itc_analysis.tables.singlecell import Cells


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    contract.write(
        contract.empty(Measurements),
        tmp_path / "measurements.parquet",
        Measurements,
        {"step": "itc measure"},
    )
    for batch, calls in (("b1", ["mait", "cd4_t_cells"]), ("b2", ["mait", "gd_t_cells"])):
        cells = contract.empty(Cells)
        rows = [
            {column: default(column, cells[column].dtype) for column in cells.columns}
            | {"library_id": batch, "sample_id": "S1", "barcode": f"c{i}", "call": call}
            for i, call in enumerate(calls)
        ]
        table = pd.DataFrame(rows).reindex(columns=cells.columns).astype(cells.dtypes.to_dict())
        path = tmp_path / "singlecell" / batch / "cells.parquet"
        path.parent.mkdir(parents=True)
        table.to_parquet(path)
    return tmp_path


def default(column: str, dtype: object) -> object:
    if "share" in column or "posterior" in column:
        return 0.5
    return {"string": "T", "boolean": True}.get(str(dtype), 1)


def test_every_table_is_an_attribute_and_completes(folder: Path) -> None:
    study = open_results(folder)
    assert {file.name for file in TABLES} <= set(dir(study))
    for file in TABLES:
        if file.name not in ("cells", "measurements"):
            assert len(getattr(study, file.name)) == 0


def test_a_table_says_what_made_it(folder: Path) -> None:
    (made,) = open_results(folder).measurements.attrs["provenance"]
    assert made["step"] == "itc measure"


def test_a_misspelt_table_is_named_with_the_nearest_one(folder: Path) -> None:
    with pytest.raises(AttributeError, match="did you mean 'measurements'"):
        open_results(folder).mesurements  # noqa: B018


@pytest.mark.parametrize("written", ["MAIT", "mait", " Mait "])
def test_cells_are_found_however_the_population_is_written(folder: Path, written: str) -> None:
    assert len(open_results(folder).cells(written)) == 2


def test_a_population_without_a_cell_is_not_an_empty_table_in_silence(folder: Path) -> None:
    with pytest.raises(ItcError, match="no cell has the call 'maits'; did you mean 'mait'"):
        open_results(folder).cells("maits")


def test_it_shows_itself_in_a_line_and_in_a_notebook(folder: Path) -> None:
    study = open_results(folder)
    assert repr(study).startswith(f"Results('{folder}'): 2 tables: cells, measurements")
    assert "One number with unit" in study._repr_html_()


def test_a_folder_without_measurements_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ItcError, match="run the workflow, or name its results folder"):
        open_results(tmp_path)


def test_cells_for_scanpy_are_those_of_the_libraries_in_the_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of a library that was withdrawn, failed, or moved to another batch stays behind."""
    pytest.importorskip("anndata")
    contract.write(
        contract.empty(Measurements), tmp_path / "measurements.parquet", Measurements, {}
    )
    libraries = [
        {"library_id": name, "sample_id": name.upper(), "format": "10x_h5", "batch": batch}
        for name, batch in (("stays", "b1"), ("moved", "b2"), ("failed", "b1"))
    ]
    (tmp_path / "cohort").mkdir()
    contract.write(
        contract.make(libraries, Libraries), tmp_path / "cohort/libraries.parquet", Libraries, {}
    )
    for batch, files, with_cells in (
        ("b1", ["stays", "moved", "failed", "withdrawn"], ["stays"]),
        ("b2", ["moved"], ["moved"]),
        ("b3", ["withdrawn"], ["withdrawn"]),
    ):
        folder = tmp_path / "singlecell" / batch
        folder.mkdir(parents=True)
        for name in files:
            (folder / f"{name}.h5ad").touch()
        pd.DataFrame({"library_id": pd.array(with_cells, dtype="string")}).to_parquet(
            folder / "cells.parquet"
        )
    given = []
    monkeypatch.setattr(
        "itc_analysis.singlecell.pooling.open_cells", lambda files, *_: given.append(files)
    )
    _ = open_results(tmp_path).adata
    found = {path.relative_to(tmp_path / "singlecell").as_posix() for path in given[0]}
    assert found == {"b1/stays.h5ad", "b2/moved.h5ad"}
