"""Which genes each sample's libraries could have shown, by the pseudobulk tables of the study.

No row of a gene means no molecule; a gene that the reference does not hold was never looked for.
The profile of all T cells, which lists every gene of a library, tells the two apart. A list from
which genes without molecules were removed, library by library (Seurat's `min.cells`, scanpy's
`filter_genes`), tells nothing by its gaps: there a gene that another library of the study lists has
no molecules. Taken for "not measured" it would raise the scores of small libraries, whose lists are
the shortest.
"""

from __future__ import annotations

from collections import Counter

import pandas as pd

#: Profile that lists every gene of a library, zeros included (see the Pseudobulk table).
COMPLETE_PROFILE = "t_cells"
#: A list with a smaller part of the genes that the study knows is a targeted panel: panels have
#: 400 to 1,500 of 20,000 genes and more, and 20 cells already show a fifth of them.
SMALLEST_FILTERED = 0.1


def measured_genes(pseudobulk: pd.DataFrame, depth: pd.DataFrame) -> dict[str, frozenset[str]]:
    """Return the genes that the libraries of each sample could have shown.

    Parameters
    ----------
    pseudobulk, depth : pandas.DataFrame
        Pseudobulk and PseudobulkDepth of all libraries of the study. `n_genes_measured` is null for
        lists in which (nearly) every gene has a molecule: they may be filtered.

    Returns
    -------
    dict of str to frozenset of str
        By sample. The genes listed, where the profile of all T cells lists all of the reference.
        All genes of the study, where the list may be filtered; but a list that several samples
        share, or a very short one, is that of a targeted panel and stays as it is. Samples whose
        lists are incomplete are left out.
    """
    listed = pseudobulk[pseudobulk["population"] == COMPLETE_PROFILE]
    lists = {str(sample): frozenset(genes) for sample, genes in listed.groupby("sample_id")["gene"]}
    n_measured = depth.groupby("sample_id")["n_genes_measured"].max()
    n_sharing = Counter(lists.values())
    known = frozenset(pseudobulk["gene"].unique())
    found = {}
    for sample, genes in lists.items():
        n = n_measured.get(sample, 0)
        if pd.isna(n):
            is_panel = n_sharing[genes] > 1 or len(genes) < SMALLEST_FILTERED * len(known)
            found[sample] = genes if is_panel else known
        elif len(genes) == n:
            found[sample] = genes
    return found
