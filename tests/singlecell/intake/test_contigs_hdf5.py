"""Chains in files of scirpy and dandelion, written here byte by byte as their sources say.

scirpy (0.13 on): AnnData with `obsm["airr"]`, an awkward array of one list of records per cell,
which anndata writes as one buffer per node of the form. Before: columns IR_VJ_1_v_call of `obs`,
and before 0.7 IR_VJ_1_v_gene. dandelion (0.4 on): a compound dataset `data`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from anndata.io import write_elem

from itc_analysis.errors import UnreadableFile
from itc_analysis.singlecell.calls.receptors import summarise_receptors
from itc_analysis.singlecell.intake.contigs import read_contigs
from singlecell import made_cells as made

ALPHA = dict(zip(("locus", "v_call", "j_call", "junction_aa"), made.MAIT_ALPHA, strict=True))
BETA = dict(zip(("locus", "v_call", "j_call", "junction_aa"), made.MAIT_BETA, strict=True))
OTHER = dict(zip(("locus", "v_call", "j_call", "junction_aa"), made.OTHER_ALPHA, strict=True))
#: A MAIT cell with both chains, a cell without chains, one with an unproductive chain, and one
#: whose junction is not known.
CELLS: dict[str, list[dict[str, Any]]] = {
    "AAAC-1": [
        ALPHA | {"productive": True, "umi_count": 7},
        BETA | {"productive": True, "umi_count": 3},
    ],
    "CCCG-1": [],
    "GGGT-1": [OTHER | {"productive": False, "umi_count": 2}],
    "TTTA-1": [OTHER | {"productive": True, "umi_count": None, "junction_aa": None}],
}
EXPECTED = pd.DataFrame(
    [
        ("AAAC-1", "alpha", *made.MAIT_ALPHA[1:], 7),
        ("AAAC-1", "beta", *made.MAIT_BETA[1:], 3),
        ("TTTA-1", "alpha", *made.OTHER_ALPHA[1:3], pd.NA, pd.NA),
    ],
    columns=["barcode", "chain", "v_gene", "j_gene", "cdr3", "n_umis"],
).astype(dict.fromkeys(["barcode", "chain", "v_gene", "j_gene", "cdr3"], "string"))
EXPECTED["n_umis"] = EXPECTED["n_umis"].astype("Int64")


class Buffers:
    """Writes the nodes of an awkward array, numbered as awkward numbers them."""

    def __init__(self, group: h5py.Group) -> None:
        self.group, self.n = group, 0

    def node(self, **parts: np.ndarray) -> str:
        key = f"node{self.n}"
        self.n += 1
        for part, values in parts.items():
            self.group.create_dataset(f"{key}-{part}", data=values)
        return key

    def strings(self, values: list[str]) -> dict[str, Any]:
        words = [value.encode() for value in values]
        ends = np.cumsum([0, *map(len, words)]).astype(np.int64)
        key = self.node(offsets=ends)
        letters = self.node(data=np.frombuffer(b"".join(words), dtype=np.uint8))
        inner = {
            "class": "NumpyArray",
            "primitive": "uint8",
            "inner_shape": [],
            "parameters": {"__array__": "char"},
            "form_key": letters,
        }
        return {
            "class": "ListOffsetArray",
            "offsets": "i64",
            "content": inner,
            "parameters": {"__array__": "string"},
            "form_key": key,
        }

    def numbers(self, values: list[Any], primitive: str) -> dict[str, Any]:
        return {
            "class": "NumpyArray",
            "primitive": primitive,
            "inner_shape": [],
            "parameters": {},
            "form_key": self.node(data=np.array(values, dtype=primitive)),
        }

    def optional(self, values: list[Any], how: str, primitive: str | None = None) -> dict[str, Any]:
        """Write values of which some are None, in one of the ways that awkward has."""
        is_there = np.array([value is not None for value in values])
        if how == "IndexedOptionArray":
            key = self.node(index=np.where(is_there, np.cumsum(is_there) - 1, -1).astype(np.int64))
            kept: list[Any] = [value for value in values if value is not None]
        else:
            bits = how == "BitMaskedArray"
            mask = np.packbits(is_there, bitorder="little") if bits else is_there.astype(np.int8)
            key = self.node(mask=mask)
            kept = [value if value is not None else (0 if primitive else "") for value in values]
        content = self.numbers(kept, primitive) if primitive else self.strings(kept)
        form = {"class": how, "content": content, "parameters": {}, "form_key": key}
        return form | (
            {} if how == "IndexedOptionArray" else {"valid_when": True, "lsb_order": True}
        )


def write_airr(path: Path, *, how: str, modality: str = "") -> None:
    """Write `CELLS` as scirpy does since 0.13; missing values in the way `how` of awkward."""
    chains = [chain for own in CELLS.values() for chain in own]
    with h5py.File(path, "w") as file:
        group = file.create_group(f"mod/{modality}") if modality else file
        write_elem(group, "/" if not modality else "obs", _outline() if not modality else _obs())
        if modality:  # which cells have the modality
            file.create_dataset("obsm/airr", data=np.ones(len(CELLS), dtype=bool))
        airr = group.require_group("obsm").create_group("airr")
        buffers = Buffers(airr)
        outer = buffers.node(offsets=np.cumsum([0, *map(len, CELLS.values())]).astype(np.int64))
        record = buffers.node()
        contents = [
            buffers.optional([chain[name] for chain in chains], how)
            for name in ("locus", "v_call", "j_call", "junction_aa")
        ]
        contents.append(buffers.numbers([chain["productive"] for chain in chains], "bool"))
        contents.append(buffers.optional([c["umi_count"] for c in chains], how, "int64"))
        contents.append({"class": "EmptyArray", "parameters": {}, "form_key": buffers.node()})
        fields = [*("locus", "v_call", "j_call", "junction_aa", "productive", "umi_count", "np1")]
        form = {
            "class": "ListOffsetArray",
            "offsets": "i64",
            "content": {
                "class": "RecordArray",
                "fields": fields,
                "contents": contents,
                "parameters": {},
                "form_key": record,
            },
            "parameters": {},
            "form_key": outer,
        }
        airr.attrs["encoding-type"] = "awkward-array"
        airr.attrs["encoding-version"] = "0.1.0"
        airr.attrs["form"] = json.dumps(form)
        airr.attrs["length"] = len(CELLS)


def _obs() -> pd.DataFrame:
    return pd.DataFrame(index=pd.Index(list(CELLS), dtype=object))


def _outline() -> anndata.AnnData:
    return anndata.AnnData(obs=_obs())


@pytest.mark.parametrize("how", ["IndexedOptionArray", "ByteMaskedArray", "BitMaskedArray"])
def test_chains_of_scirpy_are_read_without_awkward(tmp_path: Path, how: str) -> None:
    write_airr(tmp_path / "cells.h5ad", how=how)
    pd.testing.assert_frame_equal(read_contigs(tmp_path / "cells.h5ad"), EXPECTED)
    write_airr(tmp_path / "cells.h5mu", how=how, modality="airr")
    pd.testing.assert_frame_equal(read_contigs(tmp_path / "cells.h5mu"), EXPECTED)


@pytest.mark.parametrize(
    ("v", "j", "junction", "count"),
    [("v_call", "j_call", "junction_aa", "duplicate_count"), ("v_gene", "j_gene", "cdr3", "expr")],
    ids=["0.7 to 0.12", "before 0.7"],
)
def test_chains_in_columns_of_old_scirpy_are_read(
    tmp_path: Path, v: str, j: str, junction: str, count: str
) -> None:
    def cell(chains: dict[str, dict[str, Any]]) -> dict[str, Any]:
        return {
            f"IR_{place}_{name}": chains.get(place, {}).get(field)
            for place in ("VJ_1", "VJ_2", "VDJ_1", "VDJ_2")
            for name, field in (
                ("locus", "locus"),
                (v, "v_call"),
                (j, "j_call"),
                (junction, "junction_aa"),
                (count, "umi_count"),
            )
        }

    obs = pd.DataFrame(
        [
            cell({"VJ_1": CELLS["AAAC-1"][0], "VDJ_1": CELLS["AAAC-1"][1]}),
            cell({}),
            cell({}),
            cell({"VJ_2": CELLS["TTTA-1"][0]}),
        ],
        index=list(CELLS),
    )
    for column in obs.columns:
        is_count = column.endswith(count)
        obs[column] = obs[column].astype("float64" if is_count else object)
        if not is_count:
            obs[column] = obs[column].astype("category")
    anndata.AnnData(obs=obs).write_h5ad(tmp_path / "old.h5ad")
    pd.testing.assert_frame_equal(read_contigs(tmp_path / "old.h5ad"), EXPECTED)


def dandelion_rows() -> pd.DataFrame:
    rows = [
        {"sequence_id": f"{cell}_contig_{number}", "cell_id": cell, **chain}
        for cell, chains in CELLS.items()
        for number, chain in enumerate(chains, start=1)
    ]
    ambiguous = rows[0] | {"v_call": "TRAV21*01", "umi_count": 1, "ambiguous": True, "extra": False}
    return pd.DataFrame([{"ambiguous": False, "extra": False, **row} for row in [*rows, ambiguous]])


def test_dandelions_files_are_read_and_its_ambiguous_contigs_left_out(tmp_path: Path) -> None:
    rows = dandelion_rows()
    flags = ["productive", "ambiguous", "extra"]
    text = rows.assign(**{flag: rows[flag].map({True: "T", False: "F"}) for flag in flags})
    text.to_csv(tmp_path / "all_contig_dandelion.tsv", sep="\t", index=False)
    pd.testing.assert_frame_equal(read_contigs(tmp_path / "all_contig_dandelion.tsv"), EXPECTED)
    words = h5py.string_dtype(encoding="utf-8")
    kinds = [(name, np.float64 if name == "umi_count" else words) for name in rows.columns]
    filled = text.astype({"umi_count": "float64"}).fillna({"junction_aa": ""})
    values = np.array([tuple(row) for row in filled.to_numpy()], dtype=kinds)
    with h5py.File(tmp_path / "sample.h5ddl", "w") as file:
        file.create_dataset("data", data=values)
    pd.testing.assert_frame_equal(read_contigs(tmp_path / "sample.h5ddl"), EXPECTED)


def test_what_cannot_be_read_says_which_file_to_give(tmp_path: Path) -> None:
    anndata.AnnData(obs=_obs()).write_h5ad(tmp_path / "cells.h5ad")
    with h5py.File(tmp_path / "old.h5ddl", "w") as file:  # as pandas' to_hdf writes
        file.create_group("data").attrs["pandas_type"] = "frame"
    (tmp_path / "text.h5ad").write_text("cell_id\tv_call\n")
    for name, told in {
        "cells.h5ad": r"no receptor chains in it .*give filtered_contig_annotations.csv",
        "old.h5ddl": r"not the layout of dandelion 0.4 and later; give its table",
        "text.h5ad": r"give filtered_contig_annotations.csv",
    }.items():
        with pytest.raises(UnreadableFile, match=told):
            read_contigs(tmp_path / name)


def test_a_mait_cell_of_a_scirpy_file_is_one(tmp_path: Path) -> None:
    write_airr(tmp_path / "cells.h5ad", how="IndexedOptionArray")
    found = summarise_receptors(read_contigs(tmp_path / "cells.h5ad"), pd.Index(list(CELLS)))
    assert found["receptor"].astype(object).where(found["receptor"].notna(), None).tolist() == [
        "mait",
        None,
        None,
        "ab",
    ]
