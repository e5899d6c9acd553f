"""Read and write long arrays of HDF5 files, several times faster than HDF5's own zlib.

Chunks go in and out as they lie in the file and are (de)compressed by ISA-L. What is written is
ordinary gzip with the shuffle filter, which every HDF5 reader, R's among them, understands.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numba
import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from itc_analysis.errors import Fault, UnreadableFile

#: Counts are never compressed more than some ten times; 200 times is something else. Bytes that
#: are read whatever their compression.
MOST_INFLATED, SMALL = 200, 100_000_000
#: Elements per chunk of what is written.
CHUNK = 262_144
#: ISA-L's fastest level: files grow by a sixth compared with the next, for half of its time.
LEVEL = 1
_GZIP, _SHUFFLE = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE


def read_numbers(dataset: h5py.Dataset) -> npt.NDArray[Any]:
    """Read a one-dimensional dataset whole; 64-bit whole numbers come as 32-bit ones when they fit.

    Parameters
    ----------
    dataset : h5py.Dataset
        integers or floats, compressed in any way.
    """
    if _is_plain_gzip(dataset):
        found = _read_chunks(dataset)
        if found is not None:
            return found
    # anything else HDF5 reads itself
    values: npt.NDArray[Any] = dataset[:]
    if values.dtype.kind in "iu" and values.dtype.itemsize == np.dtype(np.int64).itemsize:
        limits = np.iinfo(np.int32)
        if not len(values) or (values.min() >= limits.min and values.max() <= limits.max):
            return values.astype(np.int32)
    return values


def refuse_inflated(file: h5py.File) -> None:
    """Refuse a file with arrays that take vastly more memory than it holds: they are no counts.

    Raises
    ------
    UnreadableFile
        a file of some kilobytes that claims gigabytes, by mistake or to do harm.
    """
    faults = []

    def look(name: str, found: h5py.Dataset | h5py.Group) -> None:
        if isinstance(found, h5py.Dataset) and found.nbytes > SMALL:
            stored = max(found.id.get_storage_size(), 1)
            if found.nbytes > MOST_INFLATED * stored:
                what = f"'{name}' claims {found.nbytes / 1e9:.1f} GB and holds {stored:,} bytes"
                faults.append(Fault("", what, "make the file again"))

    file.visititems(look)
    if faults:
        raise UnreadableFile(Path(file.filename).name, faults)


def write_numbers(
    group: h5py.Group, name: str, blocks: Iterable[npt.NDArray[Any]], *, length: int, dtype: Any
) -> None:
    """Write a one-dimensional dataset from blocks, of which at most one chunk is held at a time.

    Parameters
    ----------
    group : h5py.Group
        where to; the dataset is called `name`.
    blocks : iterable of numpy.ndarray
        consecutive parts of the array, of any length.
    length : int
        elements of all blocks together.
    dtype : object
        number type in the file.
    """
    kind = np.dtype(dtype)
    if length == 0:
        group.create_dataset(name, (0,), kind)
        return
    chunk = min(CHUNK, length)
    dataset = group.create_dataset(
        name, (length,), kind, chunks=(chunk,), compression="gzip", compression_opts=1, shuffle=True
    )
    waiting, filled, start = np.zeros(chunk, dtype=kind), 0, 0

    def put(filled: int) -> None:
        waiting[filled:] = 0  # a chunk at the edge is stored whole
        if kind.itemsize == 4:
            planes = np.empty(waiting.nbytes, dtype=np.uint8)
            _shuffle4(waiting.view(np.uint32), planes)
        else:
            planes = waiting.view(np.uint8).reshape(-1, kind.itemsize).T.ravel()
        dataset.id.write_direct_chunk((start,), isal_zlib.compress(planes, LEVEL))

    for block in blocks:
        position = 0
        while position < len(block):
            taken = min(chunk - filled, len(block) - position)
            waiting[filled : filled + taken] = block[position : position + taken]
            filled, position = filled + taken, position + taken
            if filled == chunk:
                put(filled)
                start, filled = start + chunk, 0
    if filled:
        put(filled)


def _is_plain_gzip(dataset: h5py.Dataset) -> bool:
    if dataset.chunks is None or dataset.dtype.kind not in "iuf" or dataset.ndim != 1:
        return False
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
    return filters in ([_GZIP], [_SHUFFLE, _GZIP]) and dataset.dtype.byteorder != ">"


def _read_chunks(dataset: h5py.Dataset) -> npt.NDArray[Any] | None:
    """Return the values; None when a chunk is stored in another way or a number is too large."""
    kind = dataset.dtype
    is_long = kind.kind in "iu" and kind.itemsize == np.dtype(np.int64).itemsize
    wanted = np.dtype(np.int32) if is_long else kind
    chunk, n = dataset.chunks[0], dataset.shape[0]
    is_shuffled = bool(dataset.shuffle)
    out = np.zeros(n, dtype=wanted)
    bytes_out = out.view(np.uint8)
    if dataset.id.get_num_chunks() != -(-n // chunk):
        return None  # chunks that were never written hold the fill value
    for start in range(0, n, chunk):
        mask, raw = dataset.id.read_direct_chunk((start,))
        if mask:
            return None
        planes = np.frombuffer(isal_zlib.decompress(raw, bufsize=chunk * kind.itemsize), np.uint8)
        stop = min(start + chunk, n)
        if is_long:
            # whole numbers of 64 bits whose upper half and sign are empty
            high = planes.reshape(-1, chunk)[4:, : stop - start] if is_shuffled else None
            if high is None:
                high = planes.reshape(chunk, -1)[: stop - start, 4:]
            if high.any():
                return None
        if is_shuffled and wanted.itemsize == 4:
            _join(planes, chunk, out[start:stop].view(np.uint32))
        else:
            order = planes.reshape(-1, chunk).T if is_shuffled else planes.reshape(chunk, -1)
            here = order[: stop - start, : wanted.itemsize]
            bytes_out[start * wanted.itemsize : stop * wanted.itemsize] = here.ravel()
        if is_long and (out[start:stop] < 0).any():
            return None
    return out


@numba.njit(cache=True, nogil=True)
def _shuffle4(values: Any, planes: Any) -> None:
    """Put first bytes of all elements first, then their second bytes, and so on."""
    n = values.shape[0]
    for i in range(n):
        planes[i] = np.uint8(values[i] & np.uint32(255))
        planes[n + i] = np.uint8((values[i] >> np.uint32(8)) & np.uint32(255))
        planes[2 * n + i] = np.uint8((values[i] >> np.uint32(16)) & np.uint32(255))
        planes[3 * n + i] = np.uint8(values[i] >> np.uint32(24))


@numba.njit(cache=True, nogil=True)
def _join(planes: Any, n: int, out: Any) -> None:
    """Undo `_shuffle4` of `n` elements: put the low four bytes of each together."""
    for i in range(out.shape[0]):
        low = np.uint32(planes[i]) | (np.uint32(planes[n + i]) << np.uint32(8))
        high = np.uint32(planes[2 * n + i]) | (np.uint32(planes[3 * n + i]) << np.uint32(8))
        out[i] = low | (high << np.uint32(16))
