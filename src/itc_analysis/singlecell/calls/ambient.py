"""How many molecules of a cell come from other cells: what B cells and monocytes show of T cell
genes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import brentq

from itc_analysis.singlecell.intake.genes import T_GENES
from itc_analysis.statistics.arrays import BoolArray, FloatArray

#: Genes of B cells and of monocytes, and how many molecules of them make a cell surely one of
#: these.
B_GENES, MYELOID_GENES = ("CD79A", "MS4A1"), ("LYZ", "CST3", "FCN1", "CD14")
MANY_B, MANY_MYELOID = 3, 10
#: Fewer such cells say nothing.
FEWEST_CELLS = 50
#: Of such droplets this share also holds a T cell: 4 % doublets (10x Genomics, 5 000 cells), most
#: with a T.
DOUBLETS = 0.04
#: Published range of libraries (Young 2020, 10.1093/gigascience/giaa151), wider at the low end.
SMALLEST, LARGEST = 0.002, 0.5


def estimate_ambient(molecules: Mapping[str, FloatArray], depth: FloatArray) -> float | None:
    """Return the share of ambient molecules; None where too few cells can tell.

    B cells and monocytes have no T cell receptor and no CD3. Were a share s of a droplet's
    molecules drawn from the library as a whole, its T cell genes would be a Poisson count of mean s
    times their rate in the library times its depth. The droplets without any give s: those that
    hold a T cell as well show many, which a mean would take for ambient molecules and the zeros do
    not.

    Parameters
    ----------
    molecules : mapping of str to FloatArray
        gene to molecules of each cell.
    depth : FloatArray
        molecules of all genes, shape (n_cells,).
    """
    t_genes = [gene for gene in T_GENES if gene in molecules]
    if not t_genes:
        return None
    is_other = _at_least(molecules, B_GENES, MANY_B, depth)
    is_other |= _at_least(molecules, MYELOID_GENES, MANY_MYELOID, depth)
    if is_other.sum() < FEWEST_CELLS:
        return None
    of_t = np.sum([molecules[gene] for gene in t_genes], axis=0)
    expected = of_t.sum() / depth.sum() * depth[is_other]
    without = float((of_t[is_other] == 0).mean()) / (1 - DOUBLETS)

    def excess(share: float) -> float:
        return float(np.exp(-share * expected).mean()) - without

    if excess(SMALLEST) <= 0:
        return SMALLEST
    return LARGEST if excess(LARGEST) >= 0 else float(brentq(excess, SMALLEST, LARGEST))


def _at_least(
    molecules: Mapping[str, FloatArray], genes: tuple[str, ...], n: int, depth: FloatArray
) -> BoolArray:
    found = [molecules[gene] for gene in genes if gene in molecules]
    if not found:
        return np.zeros(len(depth), dtype=bool)
    many: BoolArray = np.sum(found, axis=0) >= n
    return many
