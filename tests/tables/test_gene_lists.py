from __future__ import annotations

import pandas as pd

from itc_analysis.tables.gene_lists import read_gene_lists

#: A study's reference.
REFERENCE = [f"G{i}" for i in range(100)]


def study(lists: dict[str, list[str]], n_measured: dict[str, int | None]):
    """Return Pseudobulk and PseudobulkDepth of samples with the gene lists given."""
    rows = [(sample, "t_cells", gene, 1.0) for sample, genes in lists.items() for gene in genes]
    pseudobulk = pd.DataFrame(rows, columns=["sample_id", "population", "gene", "n_counts"])
    depth = pd.DataFrame({"sample_id": list(n_measured), "n_genes_measured": n_measured.values()})
    depth["n_cells_hidden"] = [2 if n is None else None for n in n_measured.values()]
    return pseudobulk, depth.astype({"n_genes_measured": "Int64", "n_cells_hidden": "Int64"})


def test_a_filtered_list_is_told_from_a_whole_reference() -> None:
    lists = {"old": REFERENCE[:70], "new": REFERENCE, "small": REFERENCE[:60]}
    found = read_gene_lists(*study(lists, {"old": 70, "new": 100, "small": None}))
    assert found.whole == {"old": set(REFERENCE[:70]), "new": set(REFERENCE)}
    assert found.filtered == {"small": set(REFERENCE[:60])}
    assert found.hidden == {"small": 2}
    assert found.known == set(REFERENCE)


def test_a_list_that_several_libraries_share_is_a_targeted_panel() -> None:
    lists = {"one": REFERENCE[:40], "other": REFERENCE[:40], "whole": REFERENCE}
    found = read_gene_lists(*study(lists, {"one": None, "other": None, "whole": 100}))
    assert found.whole["one"] == found.whole["other"] == set(REFERENCE[:40])
    assert not found.filtered


def test_a_very_short_list_is_a_targeted_panel() -> None:
    tables = study({"panel": REFERENCE[:5], "whole": REFERENCE}, {"panel": None, "whole": 100})
    assert read_gene_lists(*tables).whole["panel"] == set(REFERENCE[:5])


def test_an_incomplete_list_proves_nothing() -> None:
    tables = study({"one": REFERENCE[:60], "other": REFERENCE}, {"one": 80, "other": 100})
    found = read_gene_lists(*tables)
    assert set(found.whole) == {"other"}
    assert not found.filtered
