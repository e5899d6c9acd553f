"""Receptor chains in files of scirpy (h5ad, h5mu) and dandelion (h5ddl), as an AIRR table of text.

scirpy keeps chains as one list per cell, `obsm["airr"]`, written by the awkward package; older
versions keep them as columns of `obs`. Both are read from the HDF5 file as it lies there, so that
neither scirpy nor awkward is needed.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd
from anndata.io import read_elem

from itc_analysis.errors import UnreadableFile
from itc_analysis.singlecell.intake.hdf5 import refuse_inflated

#: Ends of the names of files that are read here.
SUFFIXES = (".h5ad", ".h5mu", ".h5ddl")
#: Fields of a chain that are read.
FIELDS = (
    *("locus", "v_call", "j_call", "productive", "junction_aa", "is_cell", "high_confidence"),
    *("umi_count", "duplicate_count", "ambiguous"),
)
#: Names of the same fields before scirpy 0.7.
_OLD_NAMES = {
    "v_gene": "v_call",
    "j_gene": "j_call",
    "cdr3": "junction_aa",
    "expr": "duplicate_count",
}
#: Columns of `obs` before scirpy 0.13, such as IR_VJ_1_v_call; the oldest are TRA_1_v_gene.
_OBS_COLUMN = re.compile(r"^(IR_VJ|IR_VDJ|TRA|TRB)_([12])_(\w+)$")
_FEWEST_COLUMNS = {"v_call", "j_call", "junction_aa"}
_NO_CHAINS = (
    "no receptor chains in it (obsm['airr'], or columns such as IR_VJ_1_v_call in obs); give "
    "filtered_contig_annotations.csv of Cell Ranger, or an AIRR table by scirpy.io.write_airr"
)


def read_chains(path: Path) -> pd.DataFrame:
    """Return the chains of a file of scirpy or dandelion, one row each, all columns text.

    Parameters
    ----------
    path : Path
        an `h5ad` or `h5mu` file of scirpy of any version, or an `h5ddl` file of dandelion.

    Returns
    -------
    pandas.DataFrame
        `cell_id` and those of `FIELDS` that the file has; empty text where a chain has none.

    Raises
    ------
    UnreadableFile
        no chains in the file, or a form of it that only its own program reads.
    """
    with h5py.File(path, "r") as file:
        refuse_inflated(file)
        if path.suffix == ".h5ddl":
            return _from_dandelion(file, path)
        groups = [file, *(file["mod"][name] for name in sorted(file.get("mod", {})))]
        for group in groups:
            # a MuData file has a mask of the same name at its root
            airr = group["obsm"].get("airr") if "obsm" in group else None
            if airr is not None and airr.attrs.get("encoding-type") == "awkward-array":
                return _from_awkward(group, path)
        for group in groups:
            if "obs" in group:
                table = _from_obs(read_elem(group["obs"]))
                if table is not None:
                    return table
    raise UnreadableFile(path.name, _NO_CHAINS)


def _from_dandelion(file: h5py.File, path: Path) -> pd.DataFrame:
    data = file.get("data")
    if not isinstance(data, h5py.Dataset) or data.dtype.names is None:
        what = (
            "not the layout of dandelion 0.4 and later; give its table, by "
            "`vdj.data.to_csv('contigs.tsv', sep='\\t')`"
        )
        raise UnreadableFile(path.name, what)
    named = [name for name in ("cell_id", *FIELDS) if name in data.dtype.names]
    return pd.DataFrame({name: _as_text(data[name]) for name in named}, dtype="string")


def _from_awkward(group: h5py.Group, path: Path) -> pd.DataFrame:
    airr = group["obsm"]["airr"]
    form = json.loads(airr.attrs["form"])
    names = read_elem(group["obs"]).index.astype(str).to_numpy(dtype=object)
    if form["class"] != "ListOffsetArray":
        what = f"obsm['airr'] is a {form['class']}, not one list of chains per cell"
        raise UnreadableFile(path.name, f"{what}; give an AIRR table by scirpy.io.write_airr")
    ends = airr[f"{form['form_key']}-offsets"][: len(names) + 1]
    chains = _values(form["content"], airr, int(ends[-1]))
    table = pd.DataFrame({name: _as_text(chains[name]) for name in FIELDS if name in chains})
    table = table.iloc[int(ends[0]) :]
    table.insert(0, "cell_id", np.repeat(names, np.diff(ends)))
    return table.astype("string").reset_index(drop=True)


def _values(form: Mapping[str, Any], group: h5py.Group, length: int) -> Any:
    """Return an awkward array as one object per element, None where it has none; of records, the
    array of each of `FIELDS`.
    """
    kind = form["class"]
    key = form.get("form_key")

    def stored(part: str) -> npt.NDArray[Any]:
        return np.asarray(group[f"{key}-{part}"][()])

    if kind == "RecordArray":
        parts = form["contents"]
        if form.get("fields") is not None and not isinstance(parts, Mapping):
            parts = dict(zip(form["fields"], parts, strict=True))
        return {n: _values(part, group, length) for n, part in parts.items() if n in FIELDS}
    if kind == "NumpyArray":
        return stored("data")[:length].astype(object)
    if kind == "EmptyArray":
        return np.full(length, None, dtype=object)
    if kind == "UnmaskedArray":
        return _values(form["content"], group, length)
    if kind in ("IndexedOptionArray", "IndexedArray"):
        index = stored("index")[:length].astype(np.int64)
        return _taken(_values(form["content"], group, int(index.max(initial=-1)) + 1), index)
    if kind in ("ByteMaskedArray", "BitMaskedArray"):
        mask = stored("mask")
        if kind == "BitMaskedArray":
            mask = np.unpackbits(mask, bitorder="little" if form["lsb_order"] else "big")
        is_there = mask[:length].astype(bool) == form["valid_when"]
        return _taken(
            _values(form["content"], group, length), np.where(is_there, np.arange(length), -1)
        )
    if kind == "ListOffsetArray" and form.get("parameters", {}).get("__array__") == "string":
        ends = stored("offsets")[: length + 1]
        letters = group[f"{form['content']['form_key']}-data"][()].tobytes()
        words = [letters[a:b].decode("utf-8") for a, b in itertools.pairwise(ends)]
        return np.array([*words, None], dtype=object)[:-1]
    # a field of a kind that no column of a contig table has
    return np.full(length, None, dtype=object)


def _taken(values: Any, index: npt.NDArray[np.int64]) -> Any:
    """Return the elements at these places, None at -1."""
    if isinstance(values, dict):
        return {name: _taken(own, index) for name, own in values.items()}
    with_none = np.array([*values, None], dtype=object)
    found: npt.NDArray[np.object_] = with_none[index]
    return found


def _from_obs(obs: pd.DataFrame) -> pd.DataFrame | None:
    """Return the chains of scirpy before 0.13; None when there are none."""
    parts: dict[tuple[str, str], dict[str, pd.Series]] = {}
    for column in obs.columns.astype(str):
        found = _OBS_COLUMN.match(column)
        if found:
            field = _OLD_NAMES.get(found[3], found[3])
            parts.setdefault((found[1], found[2]), {})[field] = obs[column]
    tables = []
    for (kind, _), fields in parts.items():
        if not fields.keys() >= _FEWEST_COLUMNS:
            continue
        table = pd.DataFrame({name: _as_text(fields[name]) for name in FIELDS if name in fields})
        if kind.startswith("TR"):
            table["locus"] = kind
        table.insert(0, "cell_id", obs.index.astype(str).to_numpy(dtype=object))
        # productive by definition: no others were kept
        table["productive"] = "T"
        tables.append(table[(table["junction_aa"] != "") | (table["v_call"] != "")])
    return pd.concat(tables, ignore_index=True).astype("string") if tables else None


def _as_text(values: Any) -> npt.NDArray[np.object_]:
    """Return text as a contig table has it: T and F, whole numbers, nothing where it is missing."""
    return np.array([*map(_word, np.asarray(values, dtype=object)), ""], dtype=object)[:-1]


def _word(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "T" if value else "F"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    text = str(value)
    return "" if text.lower() in ("nan", "none") else text
