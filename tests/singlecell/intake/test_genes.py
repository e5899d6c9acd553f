from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from itc_analysis.singlecell.intake.genes import (
    ANTIBODIES,
    FOREIGN,
    GENES,
    T_GENES,
    UnclearGenes,
    explain_missing_t_genes,
    find_filter,
    find_foreign_species,
    known_ids,
    settle_names,
)

HUMAN = [*T_GENES, "KLRB1", "SLC4A10"]
MOUSE = ["Cd3d", "Cd3e", "Trac", "Klrb1"]


def settle(names: list[str], *, genomes: list[str] | None = None, kinds: list[str] | None = None):
    array = np.array(names, dtype=object)
    return settle_names(
        array,
        array,
        np.array(kinds or [GENES] * len(names), dtype=object),
        genomes=None if genomes is None else np.array(genomes, dtype=object),
    )


@pytest.mark.parametrize("prefix", ["hg19_", "GRCh38_", "GRCh38______", "hg38_"])
def test_the_prefix_of_the_only_genome_is_taken_off(prefix: str) -> None:
    found = settle([prefix + name for name in HUMAN])
    assert found.symbols.tolist() == HUMAN
    assert (found.kinds == GENES).all()


@pytest.mark.parametrize(
    "form",
    ["{}_TotalSeqC", "{}-TotalSeqB", "{}_TotalA", "ADT_{}", "{}-ADT", "{}.ADT", "prot_{}",
     "{}_PROT", "anti-{}", "anti-human_{}", "Hu.{}", "{0}|{0}|AHS0032|pAbO", "{}-A0072"],
)  # fmt: skip
def test_antibodies_that_stand_among_the_genes_are_told_apart(form: str) -> None:
    proteins = [form.format(name) for name in ("CD4", "CD45RA", "CD19")]
    found = settle([*HUMAN, "CD4", "CD19", *proteins])
    assert found.kinds.tolist() == [GENES] * (len(HUMAN) + 2) + [ANTIBODIES] * 3
    assert found.remarks == [
        "3 features given as genes are named as antibodies are ("
        + ", ".join(f"'{name}'" for name in proteins)
        + ")"
    ]


def test_hashtags_that_stand_among_the_genes_are_told_apart() -> None:
    assert settle([*HUMAN, "Hashtag1", "HTO_2"]).kinds[-2:].tolist() == [ANTIBODIES] * 2


def test_proteins_that_only_some_names_tell_are_refused() -> None:
    with pytest.raises(
        UnclearGenes, match=r"3 of its genes are proteins \('CD3', 'CD45RA', 'HLA-DR"
    ):
        settle([*HUMAN, "CD3", "CD4", "CD19-1", "CD45RA", "HLA-DR"])
    assert settle([*HUMAN, "CD161"]).remarks == []  # an old name of KLRB1
    kinds = [GENES] * len(HUMAN) + [ANTIBODIES] * 2
    assert settle([*HUMAN, "CD3", "CD45RA"], kinds=kinds).kinds.tolist() == kinds


def test_no_gene_is_taken_for_an_antibody() -> None:
    names = [
        "CD4", "CD8A", "CD8B", "CD19", "CD27", "CD38", "CD69", "CD160", "CD244", "CD300A", "CD99L2",
        "HLA-DRA", "HLA-DRB1", "IGHM", "IGHD", "TRDV2", "ABO", "PROTL1", "HTO1", "ANTXR1", "ABCA1",
        "HULC", "AB015752.3", "RP11-34P13.7", "CTD-2201E18.3", "TOTAL1", "ADTRP", "AC-A0072",
    ]  # fmt: skip
    assert (settle([*HUMAN, *names]).kinds == GENES).all()
    # symbol and id joined, in both orders
    joined = [f"ENSG{i:011d}|{name}" for i, name in enumerate(names)]
    joined += [f"{name}|ENSG{i:011d}" for i, name in enumerate(names)]
    assert (settle(joined).kinds == GENES).all()


def test_plain_names_with_underscores_stay() -> None:
    names = [*HUMAN, *(f"FILLER_{i}" for i in range(40))]
    assert settle(names).symbols.tolist() == names


def test_dots_that_r_wrote_for_hyphens_are_hyphens_again() -> None:
    names = ["MT-CO1", "MT-ND4L", "TRAV1-2", "TRAV29DV5", "HLA-DRA", "TRBV6-4", "AC004556.3"]
    of_r = [*HUMAN, *(name.replace("-", ".") for name in names)]
    found = settle(of_r)
    assert found.symbols.tolist() == [*HUMAN, *names]
    assert found.remarks == ["gene names had dots for hyphens, as R writes them: 5 got theirs back"]
    assert settle([*of_r, "HLA-A"]).symbols.tolist() == [*of_r, "HLA-A"]  # R did not write these


def test_a_filter_of_rare_genes_shows_in_the_rarest_of_the_list() -> None:
    rng = np.random.default_rng(1)
    rates = 10 ** rng.uniform(-5, 0, 3000)  # molecules a cell
    counts = rng.poisson(np.tile(rates, (300, 1)))
    n_cells = (counts > 0).sum(axis=0)
    assert find_filter(sp.csr_matrix(counts)) is None  # a reference: a third shows nothing
    for fewest in (1, 3, 10):
        filtered = sp.csr_matrix(counts[:, n_cells >= fewest])
        assert find_filter(filtered) == fewest
        # most cells are kept afterwards
        assert find_filter(filtered[:270]) in (fewest - 1, fewest)


@pytest.mark.parametrize("has_field", [True, False])
def test_of_two_species_the_human_genes_are_taken(*, has_field: bool) -> None:
    mouse = [f"Gene{i}" for i in range(1200)] + MOUSE
    if has_field:
        found = settle([*HUMAN, *mouse], genomes=["GRCh38"] * len(HUMAN) + ["mm10"] * len(mouse))
    else:
        found = settle([f"GRCh38_{n}" for n in HUMAN * 20] + [f"mm10___{n}" for n in mouse])
    assert found.symbols[: len(HUMAN)].tolist() == HUMAN
    assert (found.kinds == FOREIGN).sum() == len(mouse)
    assert find_foreign_species(found).sum() == len(mouse)
    assert "genes of another genome (mm10) were left out" in " ".join(found.remarks)


def test_a_virus_next_to_the_human_genome_is_no_species() -> None:
    found = settle([*HUMAN, "ORF1ab", "S"], genomes=["GRCh38"] * len(HUMAN) + ["SARSCoV2"] * 2)
    assert (found.kinds == FOREIGN).sum() == 2
    assert not find_foreign_species(found).any()


def test_several_human_genomes_are_refused() -> None:
    with pytest.raises(UnclearGenes, match=r"several genomes \(GRCh38, hg19\)"):
        settle([*HUMAN, *HUMAN], genomes=["hg19"] * len(HUMAN) + ["GRCh38"] * len(HUMAN))


def test_antibodies_have_no_genome() -> None:
    found = settle(
        [*HUMAN, "CD3_TotalC"],
        genomes=["GRCh38"] * len(HUMAN) + [""],
        kinds=[GENES] * len(HUMAN) + [ANTIBODIES],
    )
    assert found.kinds[-1] == ANTIBODIES
    assert found.remarks == []


def test_ensembl_ids_with_and_without_version_get_symbols() -> None:
    of_symbol = {symbol: key for key, symbol in known_ids().items()}
    ids = [of_symbol[name] for name in HUMAN]
    assert settle(ids).symbols.tolist() == HUMAN
    assert settle([f"{key}.7" for key in ids]).symbols.tolist() == HUMAN
    assert settle([f"hg38_{key}" for key in ids]).symbols.tolist() == HUMAN
    joined = [f"{name}_{key}" for name, key in zip(HUMAN, ids, strict=True)]
    assert settle(joined).symbols.tolist() == HUMAN


@pytest.mark.real_data
def test_shipped_ids_agree_with_a_file_that_others_annotated(real_data) -> None:
    import anndata
    import h5py

    path = real_data / "singlecell/17_pbmc_facs_sorted/pbmc_facs.h5ad"
    with h5py.File(path) as file:
        var = anndata.io.read_elem(file["var"])
    known = known_ids()
    theirs = {str(key): str(symbol) for key, symbol in var["symbol"].items() if key in known}
    assert len(theirs) > 200
    differing = {key for key, symbol in theirs.items() if known[key] != symbol}
    assert len(differing) <= 5  # symbols that were renamed between releases


def test_a_gene_list_without_the_genes_of_t_cells_is_told_why() -> None:
    assert explain_missing_t_genes(HUMAN) == ""
    assert explain_missing_t_genes(["CD3E", "TRAC", "X"]) == ""
    assert "mouse" in explain_missing_t_genes(MOUSE)
    assert "only CD3E of the genes" in explain_missing_t_genes(["CD3E", "LYZ"])
    assert "'g1', 'g2', 'g3'" in explain_missing_t_genes(["g1", "g2", "g3", "g4"])
