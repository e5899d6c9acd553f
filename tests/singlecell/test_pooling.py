from __future__ import annotations

import os
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest

from itc_analysis.errors import ItcError
from itc_analysis.singlecell import annotate
from itc_analysis.singlecell.intake.library import read_library
from itc_analysis.singlecell.pooling import open_cells
from singlecell.test_annotate import EVIDENCE, SETTINGS, SIGNATURES, write_library

PEOPLE = pd.DataFrame(
    {
        "sample_id": ["s1", "s2"],
        "participant_id": ["P1", "P2"],
        "group": ["SSc", "healthy"],
        "age_years": [50.0, 61.0],
    }
)


@pytest.fixture
def libraries(tmp_path: Path) -> list[Path]:
    """Annotate two libraries of two samples; the second lacks genes of the first and has one
    more.
    """
    rows = [write_library(tmp_path, "lib1"), write_library(tmp_path, "lib2") | {"sample_id": "s2"}]
    data = read_library(rows[1])
    fewer = data[:, [name for name in data.var_names[::-1] if name != "FILLER7"]].copy()
    fewer.var_names = [name if name != "FILLER9" else "EXTRA" for name in fewer.var_names]
    from singlecell.made_cells import write_10x_h5

    write_10x_h5(Path(str(rows[1]["path"])), fewer)
    annotate.annotate_libraries(
        rows, settings=SETTINGS, evidence=EVIDENCE, signatures=SIGNATURES, folder=tmp_path / "b1"
    )
    return sorted((tmp_path / "b1").glob("*.h5ad"))


def test_the_pooled_cells_are_those_that_anndata_concatenates(
    libraries: list[Path], tmp_path: Path
) -> None:
    pooled = open_cells(libraries, PEOPLE, tmp_path / "t_cells.h5ad")
    assert pooled.isbacked
    data = pooled.to_memory()
    theirs = anndata.concat(
        {path.stem: anndata.read_h5ad(path) for path in libraries},
        join="outer",
        fill_value=0,
        index_unique="-",
    )
    assert set(data.var_names) == set(theirs.var_names)
    np.testing.assert_array_equal(
        data[:, theirs.var_names].X.toarray(), theirs.layers["counts"].toarray()
    )
    assert data.obs["call"].astype(str).tolist() == theirs.obs["call"].astype(str).tolist()
    assert data.obs_names.is_unique
    assert data.obs_names[0].startswith("lib1:")
    assert data.obs.groupby("library_id", observed=True)["group"].first().tolist() == [
        "SSc",
        "healthy",
    ]
    assert "ucell_exhaustion" in data.obs
    with h5py.File(tmp_path / "t_cells.h5ad") as file:
        assert file["X/indptr"].dtype == np.int64


def test_scanpy_works_on_it(libraries: list[Path], tmp_path: Path) -> None:
    import scanpy

    data = open_cells(libraries, PEOPLE, tmp_path / "t_cells.h5ad").to_memory()
    data.X = data.X.astype(np.float32)
    scanpy.pp.normalize_total(data, target_sum=1e4)
    scanpy.pp.log1p(data)
    summed = scanpy.get.aggregate(data, by=["participant_id", "call"], func="sum")
    assert set(summed.obs["participant_id"]) == {"P1", "P2"}


def opened(libraries: list[Path], people: pd.DataFrame, path: Path) -> anndata.AnnData:
    pooled = open_cells(libraries, people, path)
    data = pooled.to_memory()
    pooled.file.close()
    return data


def test_a_newer_library_makes_the_file_again(libraries: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "t_cells.h5ad"
    before = opened(libraries, PEOPLE, path)
    written = path.stat().st_mtime_ns
    again = opened(libraries[::-1], PEOPLE.iloc[::-1], path)
    assert path.stat().st_mtime_ns == written  # the same libraries and people, in another order
    pd.testing.assert_frame_equal(again.obs, before.obs)
    with h5py.File(libraries[0], "r+") as file:
        file["layers/counts/data"][:] = file["layers/counts/data"][:] + 1
    later = path.stat().st_mtime + 10
    os.utime(libraries[0], (later, later))
    after = opened(libraries, PEOPLE, path)
    first = (after.obs["library_id"] == "lib1").to_numpy()
    np.testing.assert_array_equal(after.X.data, before.X.data + np.repeat(first, after.X.getnnz(1)))


def test_other_people_and_other_libraries_make_the_file_again(
    libraries: list[Path], tmp_path: Path
) -> None:
    """Libraries are as old as before: only what is known of them changed."""
    path = tmp_path / "t_cells.h5ad"
    one = opened(libraries[:1], PEOPLE, path)
    assert set(one.obs["library_id"]) == {"lib1"}
    both = opened(libraries, PEOPLE, path)
    assert set(both.obs["library_id"]) == {"lib1", "lib2"}
    older = opened(libraries, PEOPLE.assign(age_years=[51.0, 61.0]), path)
    assert set(older.obs.loc[older.obs["sample_id"] == "s1", "age_years"]) == {51.0}
    fewer = opened(libraries[1:], PEOPLE, path)
    assert set(fewer.obs["library_id"]) == {"lib2"}


def test_cells_of_a_sample_that_was_withdrawn_are_left_out(
    libraries: list[Path], tmp_path: Path
) -> None:
    path = tmp_path / "t_cells.h5ad"
    before = opened(libraries, PEOPLE, path)
    after = opened(libraries, PEOPLE[PEOPLE["sample_id"] == "s2"], path)
    stay = before[before.obs["sample_id"] == "s2"]
    assert 0 < after.n_obs == stay.n_obs < before.n_obs
    assert after.obs_names.tolist() == stay.obs_names.tolist()
    np.testing.assert_array_equal(after[:, before.var_names].X.toarray(), stay.X.toarray())


def test_a_study_without_libraries_says_so(tmp_path: Path) -> None:
    with pytest.raises(ItcError, match="no library has cells"):
        open_cells([], PEOPLE, tmp_path / "t_cells.h5ad")
