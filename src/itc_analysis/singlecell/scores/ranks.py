"""Score each cell by the ranks of a signature's genes among all genes of the cell (UCell).

Andreatta and Carmona 2021 (10.1016/j.csbj.2021.06.043). Only ranks within a cell enter, so neither
normalisation nor the other cells of the library change a score. A kernel of our own: it counts
ranks from the molecules that are there instead of sorting all genes of every cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import pandas as pd
import scipy.sparse as sp

from itc_analysis.statistics.arrays import FloatArray

#: Genes beyond this rank count alike: about as many as a cell shows (the default of UCell).
MAX_RANK = 1500
#: Share of a signature's genes that a file must list, as for the scores of samples by default.
FEWEST_FOUND = 0.6
#: Molecules up to this are ranked by counting how many genes have each number.
_COUNTED = 256


@dataclass(frozen=True)
class RankScores:
    """Scores of the cells of a library.

    Parameters
    ----------
    values : pandas.DataFrame
        one column per signature and cell per row; null for a signature that is not scored.
    not_scored : dict of str to str
        signature to the reason in words.
    """

    values: pd.DataFrame
    not_scored: dict[str, str]


def score_signatures(
    counts: sp.csr_matrix,
    genes: pd.Index,
    signatures: pd.DataFrame,
    *,
    barcodes: pd.Index,
) -> RankScores:
    """Score every single-cell signature of a sheet.

    Parameters
    ----------
    counts : sp.csr_matrix
        molecules, cells x genes.
    genes : pandas.Index
        symbols of the columns.
    signatures : pandas.DataFrame
        signature sheet; genes with a weight below zero lower the score. Only the sign counts.
    barcodes : pandas.Index
        names of the cells.

    Returns
    -------
    RankScores
        A score of 0 to 1 for signatures without negative genes; else -1 to 1: the score of the
        positive genes less that of the negative ones (UCell cuts this off at 0, which hides half of
        the cells).
    """
    wanted = signatures[signatures["assay"] == "singlecell"]
    parts: dict[str, list[str]] = {}
    not_scored: dict[str, str] = {}
    names = [str(name) for name in wanted["signature"].unique()]
    for name in names:
        rows = wanted[wanted["signature"] == name]
        is_listed = rows["feature"].isin(genes)
        if is_listed.mean() < FEWEST_FOUND:
            not_scored[name] = (
                f"{int(is_listed.sum())} of {len(rows)} genes are in the library's reference, "
                f"{FEWEST_FOUND:.0%} needed"
            )
            continue
        for sign, is_sign in (("+", rows["weight"] > 0), ("-", rows["weight"] < 0)):
            chosen = rows.loc[is_listed & is_sign, "feature"].astype(str).tolist()
            if chosen:
                parts[name + sign] = chosen
    scored = rank_scores(counts, genes, parts)
    zero = np.zeros(counts.shape[0])
    column = dict(zip(parts, scored.T, strict=True))
    values = {
        name: np.full(counts.shape[0], np.nan)
        if name in not_scored
        else column.get(f"{name}+", zero) - column.get(f"{name}-", zero)
        for name in names
    }
    return RankScores(pd.DataFrame(values, index=barcodes), not_scored)


def rank_scores(
    counts: sp.csr_matrix,
    genes: pd.Index,
    sets: Mapping[str, Sequence[str]],
    *,
    max_rank: int = MAX_RANK,
) -> FloatArray:
    """Return the UCell score of each cell and gene set, shape (n_cells, n_sets).

    A gene of rank r (ties share their mean rank; beyond `max_rank` all have `max_rank`) adds r to
    the rank sum R of its set of n genes; the score is 1 - (R - n (n + 1) / 2) / (n max_rank - n (n
    + 1) / 2): 1 when the set fills the first ranks, 0 when none of it is among the first
    `max_rank`.

    Parameters
    ----------
    counts : sp.csr_matrix
        molecules (whole numbers), cells x genes; what is stored must be above 0.
    genes : pandas.Index
        names of the columns.
    sets : mapping of str to sequence of str
        name to genes; those that are not among `genes` are passed over.
    """
    places = [np.unique(genes.get_indexer(pd.Index(list(chosen)))) for chosen in sets.values()]
    places = [found[found >= 0] for found in places]
    used = np.unique(np.concatenate([*places, np.zeros(0, dtype=np.intp)])).astype(np.intp)
    slots = np.full(len(genes), -1, dtype=np.int32)
    slots[used] = np.arange(len(used))
    ends = np.concatenate([[0], np.cumsum([len(found) for found in places])]).astype(np.int64)
    members = np.concatenate([*(slots[found] for found in places), np.zeros(0, np.int32)])
    scores = np.zeros((counts.shape[0], len(places)))
    _score(
        counts.indptr,
        counts.indices,
        counts.data,
        slots,
        len(used),
        members.astype(np.int32),
        ends,
        len(genes),
        min(max_rank, len(genes)),
        scores,
    )
    return scores


@numba.njit(cache=True, nogil=True)
def _score(
    indptr: Any,
    indices: Any,
    data: Any,
    slots: Any,
    n_used: int,
    members: Any,
    ends: Any,
    n_genes: int,
    max_rank: int,
    scores: Any,
) -> None:
    tally = np.zeros(_COUNTED + 1, dtype=np.int64)
    above = np.zeros(_COUNTED + 1, dtype=np.int64)
    found = np.zeros(n_used, dtype=np.float64)
    rank = np.zeros(n_used, dtype=np.float64)
    for row in range(indptr.shape[0] - 1):
        first, last = indptr[row], indptr[row + 1]
        tally[:] = 0
        found[:] = 0
        for i in range(first, last):
            value = data[i]
            tally[min(int(value), _COUNTED)] += 1
            slot = slots[indices[i]]
            if slot >= 0:
                found[slot] = value
        # genes with more molecules than each number
        more = 0
        for number in range(_COUNTED, 0, -1):
            above[number] = more
            more += tally[number]
        n_shown = more
        for slot in range(n_used):
            value = found[slot]
            if value == 0:
                mean = n_shown + (n_genes - n_shown + 1) / 2
            elif value < _COUNTED:
                number = int(value)
                mean = above[number] + (tally[number] + 1) / 2
            else:
                larger, equal = 0, 0
                for i in range(first, last):
                    larger += data[i] > value
                    equal += data[i] == value
                mean = larger + (equal + 1) / 2
            rank[slot] = min(mean, max_rank)
        for k in range(scores.shape[1]):
            n = ends[k + 1] - ends[k]
            if n == 0:
                continue
            total = 0.0
            for m in range(ends[k], ends[k + 1]):
                total += rank[members[m]]
            least = n * (n + 1) / 2
            scores[row, k] = max(1 - (total - least) / (n * max_rank - least), 0.0)
