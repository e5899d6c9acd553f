"""Pseudobulk profiles as counts of people by genes: one row per participant, and which genes can be
tested.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from itc_analysis.statistics.arrays import Matrix
from itc_analysis.tables.gene_lists import read_gene_lists

#: edgeR's filterByExpr and its defaults (Chen, Lun and Smyth 2016,
#: doi:10.12688/f1000research.8987.2): the molecules that a profile of median depth needs, the
#: molecules of all together, ...
MIN_COUNT, MIN_TOTAL_COUNT = 10.0, 15.0
#: ... the group size from which not every member needs them, and the share of those beyond it that
#: do.
LARGE_GROUP, SHARE_BEYOND = 10.0, 0.7
#: Rounding allowed in comparing counts of participants, as in edgeR.
TOLERANCE = 1e-14


@dataclass(frozen=True)
class Profiles:
    """Molecules of one population.

    Parameters
    ----------
    counts : pandas.DataFrame
        participants (sorted) x genes (sorted) with a molecule in anybody; whole numbers.
    n_cells : pandas.Series
        cells summed, indexed by all participants with a library; 0 for none of the population.
    """

    counts: pd.DataFrame
    n_cells: pd.Series


def owners(samples: pd.DataFrame) -> dict[str, str]:
    """Return the participant of each sample; bridge controls belong to nobody and are not here."""
    own = samples.dropna(subset=["participant_id"])
    return dict(zip(own["sample_id"].astype(str), own["participant_id"].astype(str), strict=True))


def sum_profiles(
    pseudobulk: pd.DataFrame, depth: pd.DataFrame, owner_of: dict[str, str], population: str
) -> Profiles:
    """Sum the profiles of each participant's samples: the participant is the unit.

    Parameters
    ----------
    pseudobulk, depth : pandas.DataFrame
        Pseudobulk and PseudobulkDepth of all libraries.
    owner_of : dict of str to str
        participant of each sample; samples of nobody are passed over.
    population : str
        which profiles.
    """
    mine = pseudobulk[
        (pseudobulk["population"] == population) & pseudobulk["sample_id"].isin(list(owner_of))
    ]
    people = np.array([owner_of[sample] for sample in mine["sample_id"].astype(str)], dtype=object)
    rows, names = pd.factorize(people, sort=True)
    columns, genes = pd.factorize(mine["gene"].astype(object).to_numpy(), sort=True)
    # molecules are counted; after a correction for ambient RNA they may be fractions
    molecules = np.rint(mine["n_counts"].to_numpy(dtype=float))
    total = sparse.coo_array((molecules, (rows, columns)), shape=(len(names), len(genes)))
    behind = depth[(depth["population"] == population) & depth["sample_id"].isin(list(owner_of))]
    n_cells = behind["n_cells"].groupby(behind["sample_id"].astype(str).map(owner_of)).sum()
    counts = pd.DataFrame(total.toarray().astype(np.int64), index=list(names), columns=list(genes))
    return Profiles(counts.reindex(sorted(n_cells.index), fill_value=0), n_cells.sort_index())


def lacking_genes(
    pseudobulk: pd.DataFrame, depth: pd.DataFrame, owner_of: dict[str, str]
) -> pd.DataFrame:
    """Return which participants have a library whose reference lacks which genes.

    No row of a gene means no molecule, but a gene that the reference does not hold was never looked
    for; `tables.gene_lists` tells the two apart. A gene that a filtered list lacks has none where
    the filter removed genes without a molecule only, and is lacking where it removed rare genes:
    zeros for one or two molecules would be differences of small libraries.

    Returns
    -------
    pandas.DataFrame
        Booleans, participants x genes lacking in anybody; no columns when all references hold the
        same genes.
    """
    references: dict[frozenset[str], set[str]] = {}
    lists = read_gene_lists(pseudobulk, depth)
    filtered = {
        sample: genes if lists.hidden[sample] else lists.known
        for sample, genes in lists.filtered.items()
    }
    for sample, genes in (lists.whole | filtered).items():
        if sample in owner_of:
            references.setdefault(genes, set()).add(owner_of[sample])
    every = frozenset().union(*references)
    lacking = {held: sorted(every - held) for held in references}
    table = pd.DataFrame(
        data=False,
        index=sorted(set().union(*references.values())),
        columns=sorted(set().union(*lacking.values())),
    )
    for held, people in references.items():
        table.loc[sorted(people), lacking[held]] = True
    return table


def filter_by_expression(counts: Matrix, X: Matrix) -> npt.NDArray[np.bool_]:
    """Say which genes have molecules enough for the design, by edgeR's rule.

    A gene is kept when it reaches `MIN_COUNT` molecules at the median depth in as many participants
    as the smallest group of the design holds (one over the largest leverage), and `MIN_TOTAL_COUNT`
    over all.

    Parameters
    ----------
    counts : Matrix
        shape (n, n_genes), molecules.
    X : Matrix
        shape (n, p), full-rank design.
    """
    q, _ = np.linalg.qr(X)
    smallest = 1 / float(np.max(np.sum(q**2, axis=1)))
    if smallest > LARGE_GROUP:
        smallest = LARGE_GROUP + (smallest - LARGE_GROUP) * SHARE_BEYOND
    depth = counts.sum(axis=1)
    enough = counts / depth[:, None] >= MIN_COUNT / np.median(depth)
    is_kept: npt.NDArray[np.bool_] = (enough.sum(axis=0) >= smallest - TOLERANCE) & (
        counts.sum(axis=0) >= MIN_TOTAL_COUNT - TOLERANCE
    )
    return is_kept
