from __future__ import annotations

import pandas as pd

from itc_analysis.tables.gene_lists import measured_genes

#: A study's reference.
REFERENCE = [f"G{i}" for i in range(100)]


def study(lists: dict[str, list[str]], n_measured: dict[str, int | None]):
    """Return Pseudobulk and PseudobulkDepth of samples with the gene lists given."""
    rows = [(sample, "t_cells", gene, 1.0) for sample, genes in lists.items() for gene in genes]
    pseudobulk = pd.DataFrame(rows, columns=["sample_id", "population", "gene", "n_counts"])
    depth = pd.DataFrame({"sample_id": list(n_measured), "n_genes_measured": n_measured.values()})
    return pseudobulk, depth.astype({"n_genes_measured": "Int64"})


def test_a_gene_that_a_filtered_list_lacks_has_no_molecules() -> None:
    tables = study({"small": REFERENCE[:60], "large": REFERENCE}, {"small": None, "large": None})
    assert measured_genes(*tables) == {"small": set(REFERENCE), "large": set(REFERENCE)}


def test_a_gene_that_a_whole_reference_lacks_was_not_measured() -> None:
    tables = study({"old": REFERENCE[:60], "new": REFERENCE}, {"old": 60, "new": 100})
    assert measured_genes(*tables) == {"old": set(REFERENCE[:60]), "new": set(REFERENCE)}


def test_a_list_that_several_libraries_share_is_a_targeted_panel() -> None:
    lists = {"one": REFERENCE[:40], "other": REFERENCE[:40], "whole": REFERENCE}
    found = measured_genes(*study(lists, {"one": None, "other": None, "whole": 100}))
    assert found["one"] == found["other"] == set(REFERENCE[:40])


def test_a_very_short_list_is_a_targeted_panel() -> None:
    tables = study({"panel": REFERENCE[:5], "whole": REFERENCE}, {"panel": None, "whole": 100})
    assert measured_genes(*tables)["panel"] == set(REFERENCE[:5])


def test_an_incomplete_list_proves_nothing() -> None:
    tables = study({"one": REFERENCE[:60], "other": REFERENCE}, {"one": 80, "other": 100})
    assert set(measured_genes(*tables)) == {"other"}
