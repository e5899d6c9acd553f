from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from itc_analysis.singlecell.intake import hdf5


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64, np.uint8])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True},
        {"compression": "lzf"},
        {"chunks": (7,)},
    ],
)
def test_arrays_are_read_as_h5py_reads_them(tmp_path: Path, dtype: type, how: dict) -> None:
    values = np.random.default_rng(1).integers(0, 200, 1000).astype(dtype)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        if how and "chunks" not in how:
            how = how | {"chunks": (64,)}
        file.create_dataset("a", data=values, **how)
    with h5py.File(tmp_path / "x.h5") as file:
        found = hdf5.read_numbers(file["a"])
    np.testing.assert_array_equal(found, values)
    assert found.dtype == (np.int32 if dtype is np.int64 else dtype)


@pytest.mark.parametrize("odd", [2**31, 2**40, -(2**33)])
def test_numbers_that_do_not_fit_in_32_bits_are_not_cut(tmp_path: Path, odd: int) -> None:
    values = np.arange(500, dtype=np.int64)
    values[77] = odd
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("a", data=values, compression="gzip", shuffle=True, chunks=(64,))
    with h5py.File(tmp_path / "x.h5") as file:
        found = hdf5.read_numbers(file["a"])
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("n", [0, 1, 999, hdf5.CHUNK, hdf5.CHUNK + 1, 2 * hdf5.CHUNK + 5])
def test_what_is_written_in_blocks_is_read_by_plain_hdf5(tmp_path: Path, n: int) -> None:
    values = np.random.default_rng(2).integers(0, 9, n).astype(np.int32)
    blocks = np.array_split(values, 7)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        hdf5.write_numbers(file, "a", blocks, length=n, dtype=np.int32)
    with h5py.File(tmp_path / "x.h5") as file:
        assert n == 0 or file["a"].compression == "gzip"  # no plug-in is needed
        np.testing.assert_array_equal(file["a"][:], values)
        np.testing.assert_array_equal(hdf5.read_numbers(file["a"]), values)
