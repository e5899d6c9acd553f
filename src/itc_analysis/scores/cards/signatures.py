"""Signatures as cards: which markers or genes, with what weight, and what a high score means."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from itc_analysis.cohort.sheets.read import read_sheet
from itc_analysis.errors import Fault, SheetError
from itc_analysis.scores.cards.circular import defines_a_population
from itc_analysis.tables.cohort.sheets import SignatureSheet

Assay = Literal["flow", "singlecell"]

#: A score from one marker is that marker: PD-1 alone also marks activation, CD69 alone handling
#: (in the public data of MAST, stimulated MAIT cells have less CD69 RNA than unstimulated ones).
#: Single markers are reported as share_positive instead.
MIN_FEATURES = 2


@dataclass(frozen=True)
class Signature:
    """One signature of one assay.

    Parameters
    ----------
    name : str
        e.g. exhaustion.
    assay : {"flow", "singlecell"}
        flow (features are markers) or singlecell (features are gene symbols).
    features : tuple of str
        markers or genes, at least `MIN_FEATURES`, in the order of the sheet.
    weights : tuple of float
        one per feature; negative lowers the score, never zero.
    sources : tuple of str
        where each feature was published.
    reads_as : str
        what a high score means, in words.
    """

    name: str
    assay: Assay
    features: tuple[str, ...]
    weights: tuple[float, ...]
    sources: tuple[str, ...]
    reads_as: str


def read_signatures(path: str | Path) -> list[Signature]:
    """Read signatures.tsv.

    Returns
    -------
    list of Signature
        Signatures in the order of the sheet.

    Raises
    ------
    SheetError
        a weight of zero or none; a signature of fewer than `MIN_FEATURES` features; a feature that
        defines a population; two meanings for one signature. All at once.
    """
    return build_signatures(read_sheet(path, SignatureSheet), source=str(path))


def build_signatures(sheet: pd.DataFrame, *, source: str = "signatures") -> list[Signature]:
    """Turn a checked SignatureSheet into cards; refuses as `read_signatures` does."""
    faults = _row_faults(sheet)
    signatures = []
    for (name, assay), rows in sheet.groupby(["signature", "assay"], sort=False):
        where = f"signature '{name}' ({assay})"
        if len(rows) < MIN_FEATURES:
            what = f"has {len(rows)} feature; a single marker is not a score"
            faults.append(Fault(where, what, "add features, or read it as share_positive"))
        if len(set(rows["reads_as"])) > 1:
            faults.append(Fault(where, "has more than one reads_as", "write the same on each row"))
        signatures.append(
            Signature(
                name=str(name),
                assay="flow" if assay == "flow" else "singlecell",
                features=tuple(rows["feature"].astype(str)),
                weights=tuple(rows["weight"].astype(float)),
                sources=tuple(rows["source"].astype(str)),
                reads_as=str(rows["reads_as"].iloc[0]),
            )
        )
    if faults:
        raise SheetError(source, faults)
    return signatures


def _row_faults(sheet: pd.DataFrame) -> list[Fault]:
    faults = []
    for row, line in zip(sheet.itertuples(), range(2, len(sheet) + 2), strict=True):
        where = f"row {line}"
        if pd.isna(row.weight) or row.weight == 0:
            what = f"weight of '{row.feature}' is {row.weight:g}"
            faults.append(Fault(where, what, "give a positive or negative weight"))
        if defines_a_population(str(row.feature), str(row.assay)):
            what = (
                f"'{row.feature}' defines a population, so a score with it would measure the gate"
            )
            faults.append(Fault(where, what, "take it out of the signature"))
    return faults
