"""Pooled libraries: the cells of several people in one file, told apart by hashtags or genotypes.

Several rows of the library sheet then name one file. Which barcode is whose is told by the hashtags
that the rows name, or was decided by a demultiplexing program (hashedDrops, Demuxlet, Vireo,
cellranger multi) and comes as a table of barcode and sample.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.errors import UnreadableFile, did_you_mean
from itc_analysis.singlecell.intake.hashtags import split_by_hashtags
from itc_analysis.singlecell.intake.pairing import match_barcodes


def is_of_sample(
    row: Mapping[str, Any], names: pd.Index, antibodies: pd.DataFrame | None = None
) -> npt.NDArray[np.bool_] | None:
    """Say which barcodes of a pooled library are the sample's; None when the library is not pooled.

    Parameters
    ----------
    row : mapping of str to object
        of the library sheet; `cells_path` names a table (tsv or csv, also gz) with the columns
        barcode and sample_id. Barcodes that it lacks, or gives to nobody (doublets), are no one's.
        `hashtags` holds the hashtag of every sample of the pool.
    names : pandas.Index
        barcodes of the library.
    antibodies : pandas.DataFrame, optional
        molecules of the antibody features, one row per barcode.

    Raises
    ------
    UnreadableFile
        no such table, a barcode given to two samples, hashtags that cannot be read, or no cell of
        the sample.
    """
    if row.get("hashtags"):
        file, sample = Path(str(row["path"])).name, str(row["sample_id"])
        own = (split_by_hashtags(antibodies, row["hashtags"], file) == sample).fillna(value=False)
        if not own.any():
            raise UnreadableFile(file, f"no cell shows the hashtag of sample '{sample}' alone")
        is_own: npt.NDArray[np.bool_] = own.to_numpy(dtype=bool)
        return is_own
    if not row.get("cells_path"):
        return None
    path, sample = Path(str(row["cells_path"])), str(row["sample_id"])
    table = _read(path)
    given = table.drop_duplicates()
    twice = given["barcode"][given["barcode"].duplicated()]
    if len(twice):
        raise UnreadableFile(path.name, f"barcode '{twice.iloc[0]}' is given to two samples")
    own = pd.Index(given["barcode"][given["sample_id"] == sample])
    if own.empty:
        found = sorted(set(given["sample_id"]) - {""})
        hint = did_you_mean(sample, found) or f"samples in it: {', '.join(found)}"
        raise UnreadableFile(path.name, f"no barcode is given to sample '{sample}'; {hint}")
    matched = {name for name in match_barcodes(own, names) if name is not None}
    if not matched:
        what = f"none of the {len(own)} barcodes of sample '{sample}' is in the library"
        raise UnreadableFile(path.name, f"{what}; is it the table of another library?")
    kept: npt.NDArray[np.bool_] = names.isin(list(matched))
    return kept


def samples_given(path: str | Path) -> set[str]:
    """Return the samples to which a table gives barcodes.

    Raises
    ------
    UnreadableFile
        the table cannot be read.
    """
    return set(_read(Path(path))["sample_id"]) - {""}


def _read(path: Path) -> pd.DataFrame:
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
            line = stream.readline()
            delimiter = "\t" if "\t" in line else ","
            header = next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter), [])
        lacking = [name for name in ("barcode", "sample_id") if name not in header]
        if lacking:
            what = f"no column {', '.join(lacking)}; it wants the columns barcode and sample_id"
            raise UnreadableFile(path.name, what)
        return pd.read_csv(
            path,
            sep=delimiter,
            dtype="string",
            keep_default_na=False,
            usecols=["barcode", "sample_id"],
        )
    except FileNotFoundError:
        raise UnreadableFile(path.name, "the table is not there; check `cells_path`") from None
    except (OSError, EOFError, ValueError) as error:
        raise UnreadableFile(path.name, f"not a readable table ({error})") from None
