"""Which genes each sample's libraries could have shown, by the pseudobulk tables of the study.

No row of a gene means no molecule; a gene that the reference does not hold was never looked for.
The profile of all T cells, which lists every gene of a library, tells the two apart. A list from
which rare genes were removed, library by library (Seurat's `min.cells`, scanpy's `filter_genes`),
tells less by its gaps: a gene that another library of the study lists was looked for, and seen in
no cell or in fewer than the filter asks for. Taken for "not measured" it would raise the scores of
small libraries, whose lists are the shortest; taken for none it would lower them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pandas as pd

#: Profile that lists every gene of a library, zeros included (see the Pseudobulk table).
COMPLETE_PROFILE = "t_cells"
#: A list with a smaller part of the genes that the study knows is a targeted panel: panels have
#: 400 to 1,500 of 20,000 genes and more, and 20 cells already show a fifth of them.
SMALLEST_FILTERED = 0.1


@dataclass(frozen=True)
class GeneLists:
    """Gene lists by sample; samples whose lists are incomplete are in neither.

    Parameters
    ----------
    whole : dict of str to frozenset of str
        genes that could have been shown, of samples whose list is a reference or a targeted panel.
    filtered : dict of str to frozenset of str
        genes listed, of samples whose list was filtered; the study's other genes are rare there.
    hidden : dict of str to int
        cells that may show a gene that the filtered list lacks.
    known : frozenset of str
        genes of all profiles of the study.
    """

    whole: dict[str, frozenset[str]]
    filtered: dict[str, frozenset[str]]
    hidden: dict[str, int]
    known: frozenset[str]


def read_gene_lists(pseudobulk: pd.DataFrame, depth: pd.DataFrame) -> GeneLists:
    """Tell whole gene lists from filtered ones.

    Parameters
    ----------
    pseudobulk, depth : pandas.DataFrame
        Pseudobulk and PseudobulkDepth of all libraries of the study. `n_genes_measured` is null for
        lists in which (nearly) every gene has a molecule. Of these a list that several samples
        share, or a very short one, is that of a targeted panel.
    """
    listed = pseudobulk[pseudobulk["population"] == COMPLETE_PROFILE]
    lists = {str(sample): frozenset(genes) for sample, genes in listed.groupby("sample_id")["gene"]}
    told = depth.groupby("sample_id")[["n_genes_measured", "n_cells_hidden"]].max()
    known_numbers = told.astype("Float64").fillna(-1).astype(int)  # no number is below 0
    numbers = {str(sample): (n, hidden) for sample, n, hidden in known_numbers.itertuples()}
    n_sharing = Counter(lists.values())
    known = frozenset(pseudobulk["gene"].unique())
    found = GeneLists({}, {}, {}, known)
    for sample, genes in lists.items():
        if sample not in numbers:
            continue
        n, n_hidden = numbers[sample]
        is_panel = n_sharing[genes] > 1 or len(genes) < SMALLEST_FILTERED * len(known)
        if n < 0 and not is_panel:
            found.filtered[sample] = genes
            found.hidden[sample] = max(n_hidden, 0)
        elif n < 0 or len(genes) == n:
            found.whole[sample] = genes
    return found
