"""What the genes of a file are called: prefixes of genomes, Ensembl ids, other species.

Two files of the same cells must give the same genes, whatever program wrote their names.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

#: The genes by which T cells are told from all other cells.
T_GENES = ("CD3D", "CD3E", "CD3G", "TRAC", "TRBC1", "TRBC2")
#: So many of them are needed: one alone is lost in most shallow cells.
FEWEST_T_GENES = 2
#: Share of a file's names that one prefix needs to be taken for that of a genome.
GENOME_SHARE = 0.05
#: A matrix whose names are Ensembl ids in more than this share is named by Ensembl ids.
MOSTLY = 0.5
#: A genome with fewer genes is a virus or a construct, not a species of cells.
FEWEST_OF_SPECIES = 1000
#: So many names are shown when none of the genes is found.
_EXAMPLES = 3

#: A list in which a larger share of the genes has a molecule is one from which the others were
#: removed, or a targeted panel. References list genes that no blood cell shows: 60 to 75 % of
#: Cell Ranger's, up to 90 % of those of coding genes only, have a molecule in a large library; of a
#: list filtered by Seurat's min.cells = 3 some 98 % keep theirs when half of the cells go later.
SHARE_OF_FILTERED = 0.95
#: The rarest genes of a list: some lose cells when these are chosen after the genes.
RAREST = 0.01

GENES, ANTIBODIES = "Gene Expression", "Antibody Capture"
FOREIGN = "Other Genome"
#: Families of genes with a hyphen in their names, as R writes them: MT.CO1, TRAV1.2, HLA.A.
_DOTTED = re.compile(r"^(MT\.[A-Z]|HLA\.[A-Z]|TR[ABGD]V\d+\.\d|IG[HKL]V\d+\.\d)")
#: How programs and vendors mark the name of an antibody: CD4_TotalSeqC, ADT_CD4, CD4-ADT, prot_CD4,
#: CD4_PROT, anti-CD4, Hu.CD4, CD4|CD4|AHS0032|pAbO (BD AbSeq), CD4-A0072; hashtags likewise.
_MARKED = re.compile(
    r"^(ADT|AB|PROT|PROTEIN|HTO|ANTI(-?HUMAN)?)[-_.:].|^(HU|HUMS)\.CD\d|^HASHTAG.?\d"
    r"|.[-_. ]?TOTAL(SEQ)?.?[ABCD]$|.[-_.:](ADT|PROT|PROTEIN)$|\|PABO$|^CD\d+\w*[-_.][ABCD]\d{4}$",
    re.IGNORECASE,
)
#: Proteins of the usual antibody panels whose names are not the symbol of any gene.
_PROTEINS = re.compile(
    r"^(CD(3|8|10|11[ABC]|13|15|16|20|21|23|25|31|45|45RA|45RO|49[A-F]|56|57|62L|64|66B|71|73|94|95"
    r"|103|107A|117|123|127|134|137|158|161|183|185|192|194|195|196|197|223|278|279|314|366)"
    r"|HLA[-_. ]?(DR|ABC)|TCR[-_. ]?(AB|GD|V\W?[AD]\d.*)|IG[DM])([-.]\d)?$",
    re.IGNORECASE,
)
#: One of these may be the old name of a gene (CD161 is KLRB1); two are antibodies.
_FEWEST_PROTEINS = 2
_ENSEMBL = re.compile(r"^(ENS[A-Z]*G\d{11})(\.\d+)?$")
_BOTH = re.compile(
    r"^(?:(?P<symbol>.+)[_|](?P<id>ENSG\d{11})|(?P<id2>ENSG\d{11})[_|](?P<symbol2>.+))(\.\d+)?$"
)


class UnclearGenes(Exception):
    """Gene names that cannot be understood, with the reason in words."""


@dataclass(frozen=True)
class GeneNames:
    """Names of the features of a file.

    Parameters
    ----------
    symbols : numpy.ndarray
        one per feature; the id where a gene has no symbol.
    kinds : numpy.ndarray
        one per feature: `GENES`, `ANTIBODIES`, `FOREIGN` (genes of another genome) or another kind.
    remarks : list of str
        sentences about what was done.
    """

    symbols: npt.NDArray[Any]
    kinds: npt.NDArray[Any]
    remarks: list[str]


def settle_names(
    ids: npt.NDArray[Any],
    names: npt.NDArray[Any],
    kinds: npt.NDArray[Any],
    *,
    genomes: npt.NDArray[Any] | None = None,
) -> GeneNames:
    """Return one symbol per feature.

    Parameters
    ----------
    ids, names : numpy.ndarray
        as in the file; the same array where the file has only one of them.
    kinds : numpy.ndarray
        of each feature, as Cell Ranger writes them.
    genomes : numpy.ndarray, optional
        of each feature, where the file has them.

    Raises
    ------
    UnclearGenes
        several human genomes, several genomes of which none is human, a gene list of Ensembl ids in
        which no gene that matters is found, or proteins among the genes that cannot be told from
        them.
    """
    symbols = np.array(
        [str(n) if str(n) else str(i) for i, n in zip(ids, names, strict=True)], object
    )
    kinds, remarks = _without_antibodies(symbols, kinds)
    is_gene = kinds == GENES
    symbols, of_prefix = _strip_prefixes(symbols, is_gene)
    origin = of_prefix if of_prefix is not None else genomes
    if origin is not None:
        human = _human_genome(symbols, origin, is_gene)
        if human is not None:
            is_foreign = is_gene & (origin != human) & (origin != "")
            kinds[is_foreign] = FOREIGN
            if is_foreign.any():
                others = ", ".join(sorted(set(origin[is_foreign])))
                text = f"{int(is_foreign.sum())} genes of another genome ({others}) were left out"
                remarks.append(text)
            if of_prefix is not None:
                remarks.append(f"the prefix '{human}_' was taken off the gene names")
    symbols, told = _to_symbols(symbols, kinds == GENES)
    symbols, of_r = _with_hyphens(symbols, kinds == GENES)
    return GeneNames(symbols, kinds, remarks + told + of_r)


def find_foreign_species(names: GeneNames) -> npt.NDArray[np.bool_]:
    """Say which features belong to the cells of another species; a viral genome is none."""
    is_foreign = names.kinds == FOREIGN
    found: npt.NDArray[np.bool_] = is_foreign & (is_foreign.sum() >= FEWEST_OF_SPECIES)
    return found


def find_filter(counts: sp.csr_matrix) -> int | None:
    """Return in how many cells a gene must be seen to be in the list of a library.

    Parameters
    ----------
    counts : sp.csr_matrix
        molecules of all barcodes of the file, shape (n_barcodes, n_genes).

    Returns
    -------
    int or None
        Cells that show the rarest genes of a list that holds (nearly) only genes with molecules; 1
        where nothing but genes without a molecule is missing. None for other lists: they are whole
        references.
    """
    n_cells = np.bincount(counts.indices, minlength=counts.shape[1])
    if np.mean(n_cells > 0) < SHARE_OF_FILTERED:
        return None
    return int(np.quantile(n_cells[n_cells > 0], RAREST, method="lower"))


def explain_missing_t_genes(symbols: Any) -> str:
    """Return why these genes cannot distinguish T cells from others; empty when they can."""
    known = set(symbols)
    found = [gene for gene in T_GENES if gene in known]
    if len(found) >= FEWEST_T_GENES:
        return ""
    told = f"only {found[0]}" if found else "none"
    wanted = ", ".join(T_GENES)
    text = (
        f"{told} of the genes that tell T cells from others ({wanted}) is among its "
        f"{len(known)} genes"
    )
    upper = {str(name).upper() for name in symbols}
    if sum(gene in upper for gene in T_GENES) >= FEWEST_T_GENES:
        text += "; the names are not written as human symbols are: is it a library of mouse cells?"
        return text
    shown = ", ".join(f"'{name}'" for name in list(symbols)[:_EXAMPLES])
    return (
        f"{text}, which are named like {shown}; give human gene symbols or Ensembl ids. A "
        "targeted panel "
        "without these genes cannot be used"
    )


@cache
def known_ids() -> dict[str, str]:
    """Return Ensembl id to symbol, of the genes that calls, quality and signatures look at."""
    source = resources.files("itc_analysis") / "resources" / "ensembl_ids.tsv"
    with source.open(encoding="utf-8") as stream:
        rows = [line.rstrip("\n").split("\t") for line in stream if not line.startswith("#")]
    return {row[0]: row[1] for row in rows[1:]}


def _without_antibodies(
    symbols: npt.NDArray[Any], kinds: npt.NDArray[Any]
) -> tuple[npt.NDArray[Any], list[str]]:
    """Return the kind of each feature, with antibodies that a file gives as genes told apart.

    A file of both without the types of its features would count antibodies as molecules of RNA, and
    add those that are called as a gene is (CD4, CD19) to that gene.
    """
    is_gene = kinds == GENES
    is_marked = is_gene & np.array([bool(_MARKED.search(str(s))) for s in symbols], bool)
    bare = [str(s) for s in symbols[is_gene & ~is_marked] if _PROTEINS.match(str(s))]
    if len(bare) >= _FEWEST_PROTEINS:
        shown = ", ".join(f"'{name}'" for name in bare[:_EXAMPLES])
        msg = (
            f"{len(bare)} of its genes are proteins ({shown}), and nothing tells which others are; "
            "give every feature its type ('Gene Expression', 'Antibody Capture') in "
            "var['feature_types'] or the third column of features.tsv, or leave the antibodies out"
        )
        raise UnclearGenes(msg)
    if is_marked.sum() in (0, is_gene.sum()):
        return kinds.copy(), []
    shown = ", ".join(f"'{name}'" for name in symbols[is_marked][:_EXAMPLES])
    text = f"{int(is_marked.sum())} features given as genes are named as antibodies are ({shown})"
    return np.where(is_marked, ANTIBODIES, kinds), [text]


def _strip_prefixes(
    symbols: npt.NDArray[Any], is_gene: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Take genome prefixes (hg19_CD3D, GRCh38______CD3D) off; also return the prefix of each
    feature.

    A prefix is the text before the first underscore when it is that of many genes, and when the
    names of the file without any prefix hold fewer of the genes that matter.
    """
    tokens = np.array([s.split("_", 1)[0] if "_" in s.strip("_") else "" for s in symbols], object)
    counted = Counter(tokens[is_gene])
    n = max(int(is_gene.sum()), 1)
    found = {token for token, k in counted.items() if token and k >= max(GENOME_SHARE * n, 2)}
    if not found or sum(counted[token] for token in found) < MOSTLY * n:
        return symbols, None
    if _n_t_genes(symbols[is_gene]) >= FEWEST_T_GENES:
        return symbols, None
    origin = np.array(
        [t if t in found and g else "" for t, g in zip(tokens, is_gene, strict=True)], object
    )
    stripped = np.array(
        [s[len(t) :].lstrip("_") if t else s for s, t in zip(symbols, origin, strict=True)], object
    )
    return (
        (stripped, origin) if _n_t_genes(stripped[is_gene]) >= FEWEST_T_GENES else (symbols, None)
    )


def _human_genome(
    symbols: npt.NDArray[Any], origin: npt.NDArray[Any], is_gene: npt.NDArray[np.bool_]
) -> str | None:
    """Return which genome is the human one; None when there is only one, whatever it is."""
    genomes = sorted(set(origin[is_gene]) - {""})
    if len(genomes) <= 1:
        return genomes[0] if genomes else None
    human = [
        genome
        for genome in genomes
        if _n_t_genes(symbols[is_gene & (origin == genome)]) >= FEWEST_T_GENES
    ]
    if len(human) == 1:
        return str(human[0])
    told = ", ".join(genomes)
    msg = f"it holds several genomes ({told}); give the library of the human genome"
    raise UnclearGenes(msg)


def _n_t_genes(names: npt.NDArray[Any]) -> int:
    """Return how many of the genes that make T cells are among symbols or Ensembl ids."""
    known = known_ids()
    plain = {str(name).split(".")[0] for name in names}
    return len(({known.get(name, name) for name in plain}) & set(T_GENES))


def _with_hyphens(
    symbols: npt.NDArray[Any], is_gene: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[Any], list[str]]:
    """Give genes their hyphens back where R made dots of all of them (`make.names`).

    Only where no gene of the file has a hyphen, and only families and genes that have one by their
    official name: the dot of AC004556.3 is its own.
    """
    names = [str(name) for name in symbols[is_gene]]
    if any("-" in name for name in names):
        return symbols, []
    dotted = {s.replace("-", "."): s for s in known_ids().values() if "-" in s}
    found = [dotted.get(n) or (n.replace(".", "-") if _DOTTED.match(n) else n) for n in names]
    n_changed = sum(new != old for new, old in zip(found, names, strict=True))
    if not n_changed:
        return symbols, []
    out = symbols.copy()
    out[is_gene] = found
    text = f"gene names had dots for hyphens, as R writes them: {n_changed} got theirs back"
    return out, [text]


def _to_symbols(
    symbols: npt.NDArray[Any], is_gene: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[Any], list[str]]:
    """Translate Ensembl ids by the shipped table; ids of other genes stay what they are."""
    found = [_BOTH.match(str(s)) for s in symbols[is_gene]]
    n = max(len(found), 1)
    if sum(m is not None for m in found) > MOSTLY * n:
        # written by programs that join both
        out = symbols.copy()
        out[is_gene] = [
            (m["symbol"] or m["symbol2"]) if m else s
            for s, m in zip(symbols[is_gene], found, strict=True)
        ]
        return out, ["gene names were symbol and Ensembl id together; the symbol was taken"]
    ids = [_ENSEMBL.match(str(s)) for s in symbols[is_gene]]
    n_ids = sum(m is not None for m in ids)
    if n_ids <= MOSTLY * n:
        return symbols, []
    known = known_ids()
    out = symbols.copy()
    out[is_gene] = [
        known.get(m[1], m[1]) if m else s for s, m in zip(symbols[is_gene], ids, strict=True)
    ]
    n_known = sum(m is not None and m[1] in known for m in ids)
    if not n_known:
        first = next(m[1] for m in ids if m)
        msg = (
            f"genes are named by Ensembl ids ({first}), and none of them is a gene that the calls "
            "need; add a column of symbols to var, named 'gene_symbols'"
        )
        raise UnclearGenes(msg)
    return out, [
        f"genes are named by Ensembl ids: {n_known} that calls, quality and the shipped "
        "signatures need were "
        "given their symbols, the others keep their id"
    ]
