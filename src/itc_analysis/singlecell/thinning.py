"""What the calls of a library would be had it been sequenced less deeply.

A call that rests on RNA needs its genes to be seen: of the same cells a library of half the depth
calls a half of the gamma-delta cells, and a third of the innate CD8 cells. So every library is
thinned to the depths of a fixed grid and called again; `itc measure` then counts all libraries of
a study at one depth (`measurements.common_depth`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.config.sections import CellCalling
from itc_analysis.singlecell.calls.molecules import Molecules
from itc_analysis.singlecell.counts import detection_of
from itc_analysis.singlecell.pseudobulk import POPULATIONS, T_CELLS, is_member
from itc_analysis.singlecell.soft_counts import PROVEN, sum_posteriors
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.tables import contract
from itc_analysis.tables.singlecell import INNATE, ThinnedCounts

#: Depths at which every library that reaches them is called again, molecules per T cell (median):
#: steps of a quarter of a doubling, so that a library loses a tenth at most to reach the next one.
GRID = tuple(float(round(250 * 2 ** (step / 4))) for step in range(25))
#: A library is not thinned to less than this part of its depth: so much shallower ones are not
#: compared with it.
LEAST_PART = 0.1


@dataclass(frozen=True)
class Caller:
    """How the cells of one library are called, for any molecules of theirs.

    Parameters
    ----------
    taken : Molecules
        of the genes that calls look at.
    call : callable
        from molecules to the table of `calls.call_cells`.
    not_callable : mapping of str to str
        from `calls.find_not_callable`.
    """

    taken: Molecules
    call: Callable[[Molecules], pd.DataFrame]
    not_callable: Mapping[str, str]


def molecules_per_t_cell(depth: FloatArray, cells: pd.DataFrame, *, call_threshold: float) -> float:
    """Return the median number of molecules of a library's T cells; NaN without T cells.

    Parameters
    ----------
    depth : FloatArray
        molecules of each cell, shape (n_cells,).
    cells : pandas.DataFrame
        from `calls.call_cells`.
    """
    is_t = is_member(cells, T_CELLS, call_threshold=call_threshold).to_numpy()
    return float(np.median(depth[is_t])) if is_t.any() else np.nan


def thin(taken: Molecules, part: float, *, rng: np.random.Generator) -> Molecules:
    """Keep each molecule with probability `part`, as a library of that depth would."""
    kept = {
        gene: rng.binomial(np.rint(found).astype(np.int64), part).astype(np.float64)
        for gene, found in taken.of_gene.items()
    }
    named = sum(taken.of_gene.values(), start=np.zeros(len(taken.depth)))
    rest = np.maximum(np.rint(taken.depth - named), 0).astype(np.int64)
    depth = rng.binomial(rest, part) + sum(kept.values(), start=np.zeros(len(rest)))
    # V genes are looked for in many cells at once: that the library shows them does not change
    return Molecules(
        depth, {gene: n for gene, n in kept.items() if n.any()}, taken.listed, taken.has_segment
    )


def count_thinned(
    row: Mapping[str, Any],
    caller: Caller,
    cells: pd.DataFrame,
    *,
    settings: CellCalling,
) -> pd.DataFrame:
    """Count the populations that RNA calls at the library's own depth and at shallower ones.

    Parameters
    ----------
    row : mapping of str to object
        row of the library sheet; `library_id`, `sample_id` and `contigs_path` are read.
    caller : Caller
        calls the cells of this library.
    cells : pandas.DataFrame
        the Cells table of the library: its calls at its own depth.

    Returns
    -------
    pandas.DataFrame
        A ThinnedCounts table. Each depth is thinned from the one before, so that a step loses
        molecules and gains none. No row for what a receptor proves, and none for a population that
        the library cannot show.
    """
    threshold = settings.call_threshold
    own = molecules_per_t_cell(caller.taken.depth, cells, call_threshold=threshold)
    proven = PROVEN if row.get("contigs_path") else ()
    wanted = [
        name
        for name in POPULATIONS
        if name != T_CELLS and name not in proven and name not in caller.not_callable
    ]
    if not (own > 0 and wanted):
        return contract.empty(ThinnedCounts)
    # a stream of its own for each library: adding one changes no other
    rng = np.random.default_rng([settings.seed, zlib.crc32(str(row["library_id"]).encode())])
    below = sorted((d for d in GRID if own * LEAST_PART <= d < own), reverse=True)
    rows, taken, depth, called = [], caller.taken, own, cells
    for aim in [own, *below]:
        if aim < depth:
            taken, depth = thin(taken, aim / depth, rng=rng), aim
            called = caller.call(taken)
        for population in wanted:
            n_called = int(is_member(called, population, call_threshold=threshold).sum())
            found = {
                "library_id": str(row["library_id"]),
                "sample_id": str(row["sample_id"]),
                "population": population,
                "depth": depth,
                "is_own": depth == own,
                "n_called": n_called,
                "detection": detection_of(n_called, settings=settings),
            }
            if population in INNATE:
                found["n_expected"], found["expected_se"] = sum_posteriors(called, population)
            rows.append(found)
    return contract.make(rows, ThinnedCounts)
