"""T-cell receptors: who carries which chains, and the Cell Ranger contig table with its drop-out.

MAIT: TRAV1-2 with TRAJ33, 20 or 12 and a CDR3 of 12 residues; iNKT: TRAV10-TRAJ18 (CVV.DRGSTLGRLYF)
with TRBV25-1 (Garner 2023, doi:10.1038/s41590-023-01575-1; scRepertoire). Gamma-delta chains were
not amplified and do not appear.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

ALPHA_V = (
    *("TRAV1-2", "TRAV2", "TRAV4", "TRAV5", "TRAV8-1", "TRAV8-3", "TRAV9-2", "TRAV10", "TRAV12-1"),
    *("TRAV12-2", "TRAV13-1", "TRAV14DV4", "TRAV17", "TRAV19", "TRAV20", "TRAV21", "TRAV25"),
    *("TRAV26-1", "TRAV27", "TRAV29DV5", "TRAV35", "TRAV38-2DV8", "TRAV41"),
)
BETA_V = (
    *("TRBV2", "TRBV3-1", "TRBV4-1", "TRBV5-1", "TRBV6-1", "TRBV6-2", "TRBV6-4", "TRBV6-5"),
    *("TRBV7-2", "TRBV7-9", "TRBV9", "TRBV11-2", "TRBV12-3", "TRBV18", "TRBV19", "TRBV20-1"),
    *("TRBV25-1", "TRBV27", "TRBV28", "TRBV29-1", "TRBV30"),
)
#: Junction genes and how their CDR3 ends.
ALPHA_J = {
    "TRAJ5": "GRRALTF",
    "TRAJ8": "QKLVF",
    "TRAJ9": "GFKTIF",
    "TRAJ18": "GSTLGRLYF",
    "TRAJ20": "NDYKLSF",
    "TRAJ23": "GGKLIF",
    "TRAJ33": "SNYQLIW",
    "TRAJ12": "SSYKLIF",
    "TRAJ39": "NAGNMLTF",
    "TRAJ42": "GSQGNLIF",
    "TRAJ43": "NNDMRF",
    "TRAJ45": "GGADGLTF",
    "TRAJ49": "GNQFYF",
    "TRAJ52": "GGTSYGKLTF",
    "TRAJ57": "GGSEKLVF",
}
BETA_J = {
    "TRBJ1-1": "NTEAFF",
    "TRBJ1-2": "NYGYTF",
    "TRBJ1-5": "NQPQHF",
    "TRBJ2-1": "YNEQFF",
    "TRBJ2-3": "TDTQYF",
    "TRBJ2-5": "ETQYF",
    "TRBJ2-7": "YEQYF",
}
MAIT_J = ("TRAJ33", "TRAJ20", "TRAJ12")
_MAIT_J_WEIGHTS = (0.65, 0.2, 0.15)
_MAIT_BETA = ("TRBV6-4", "TRBV20-1", "TRBV6-1", "TRBV6-2")
#: Share of cells whose contigs the assay finds [P; about a quarter lack alpha].
ALPHA_FOUND, BETA_FOUND = 0.75, 0.90
#: A second, unproductive alpha contig beside the productive one; a TRB contig in gamma-delta cells.
_UNPRODUCTIVE_ALPHA, _BETA_IN_GAMMA_DELTA = 0.06, 0.04

_RESIDUES = "ADEGLNPQRSTVY"
#: One codon for each residue: the nucleotides say nothing beyond the CDR3.
_CODONS = dict(
    zip(
        "ACDEFGHIKLMNPQRSTVWY",
        re.findall("...", "GCTTGTGATGAATTTGGTCATATTAAACTTATGAATCCTCAACGTTCTACTGTTTGGTAT"),
        strict=True,
    )
)
CONTIG_COLUMNS = (
    *("barcode", "is_cell", "contig_id", "high_confidence", "length", "chain", "v_gene", "d_gene"),
    *("j_gene", "c_gene", "full_length", "productive", "cdr3", "cdr3_nt", "reads", "umis"),
    *("raw_clonotype_id", "raw_consensus_id"),
)


class Chain(NamedTuple):
    """One rearranged chain."""

    v_gene: str
    j_gene: str
    cdr3: str


class Receptor(NamedTuple):
    """Alpha and beta chain of a cell; None where the cell has none."""

    alpha: Chain | None
    beta: Chain | None


NO_RECEPTOR = Receptor(None, None)


def draw_receptor(leaf: str, va72_share: float, rng: np.random.Generator) -> Receptor:
    """Draw the receptor of one cell of a leaf population.

    Parameters
    ----------
    leaf : str
        leaf population; B, NK cells and monocytes have no receptor.
    va72_share : float
        share of conventional cells with TRAV1-2.
    rng : numpy.random.Generator
        random numbers.
    """
    if leaf in ("b_cells", "nk_cells", "monocytes"):
        return NO_RECEPTOR
    if leaf in ("vd2_gd", "vd2neg_gd"):
        has_beta = rng.random() < _BETA_IN_GAMMA_DELTA
        return Receptor(None, _beta(str(rng.choice(BETA_V)), rng) if has_beta else None)
    if leaf == "mait":
        j_gene = str(rng.choice(MAIT_J, p=_MAIT_J_WEIGHTS))
        alpha = Chain("TRAV1-2", j_gene, "CAV" + _residues(2, rng) + ALPHA_J[j_gene])
        return Receptor(alpha, _beta(str(rng.choice(_MAIT_BETA)), rng))
    if leaf == "inkt":
        alpha = Chain("TRAV10", "TRAJ18", "CVV" + _residues(1, rng) + "DR" + ALPHA_J["TRAJ18"])
        return Receptor(alpha, _beta("TRBV25-1", rng))
    excluded: tuple[str, ...]
    if rng.random() < va72_share:
        v_gene, excluded = "TRAV1-2", MAIT_J
    else:
        v_gene, excluded = str(rng.choice(ALPHA_V[1:])), ("TRAJ18",)
    j_gene = str(rng.choice([j for j in ALPHA_J if j not in excluded]))
    alpha = Chain(v_gene, j_gene, "CA" + _residues(int(rng.integers(4, 8)), rng) + ALPHA_J[j_gene])
    return Receptor(alpha, _beta(str(rng.choice(BETA_V)), rng))


def contig_table(
    barcodes: Sequence[str],
    receptors: Sequence[Sequence[Receptor]],
    found: Sequence[float],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the contigs that the assay finds, as in ``filtered_contig_annotations.csv``.

    Parameters
    ----------
    barcodes : sequence of str
        of the library.
    receptors : sequence of sequence of Receptor
        for each barcode the receptors in the droplet (two for doublets).
    found : sequence of float
        for each barcode a factor on the chance to find a chain (low in poor droplets).
    rng : numpy.random.Generator
        random numbers.
    """
    rows: list[dict[str, object]] = []
    clonotypes = 0
    for barcode, inside, factor in zip(barcodes, receptors, found, strict=True):
        chains: list[tuple[str, Chain, bool]] = []
        for receptor in inside:
            draws = rng.random(3)
            if receptor.alpha is not None and draws[0] < ALPHA_FOUND * factor:
                chains.append(("TRA", receptor.alpha, True))
                if draws[2] < _UNPRODUCTIVE_ALPHA:
                    chains.append(("TRA", receptor.alpha._replace(v_gene="TRAV41"), False))
            if receptor.beta is not None and draws[1] < BETA_FOUND * factor:
                chains.append(("TRB", receptor.beta, True))
        if not chains:
            continue
        clonotypes += 1
        for number, (chain, rearranged, is_productive) in enumerate(chains, start=1):
            rows.append(_contig(barcode, number, chain, rearranged, is_productive, clonotypes, rng))
    return pd.DataFrame(rows, columns=list(CONTIG_COLUMNS))


def _contig(
    barcode: str,
    number: int,
    chain: str,
    rearranged: Chain,
    is_productive: bool,  # noqa: FBT001  (a column of the row)
    clonotype: int,
    rng: np.random.Generator,
) -> dict[str, object]:
    umis = int(1 + rng.poisson(4 if chain == "TRB" else 2))
    first = rearranged.j_gene.startswith("TRBJ1")
    constant = "TRAC" if chain == "TRA" else ("TRBC1" if first else "TRBC2")
    return {
        "barcode": barcode,
        "is_cell": True,
        "contig_id": f"{barcode}_contig_{number}",
        "high_confidence": True,
        "length": int(480 + rng.integers(0, 160)),
        "chain": chain,
        "v_gene": rearranged.v_gene,
        "d_gene": "None",
        "j_gene": rearranged.j_gene,
        "c_gene": constant,
        "full_length": True,
        "productive": is_productive,
        "cdr3": rearranged.cdr3 if is_productive else "None",
        "cdr3_nt": "".join(_CODONS[r] for r in rearranged.cdr3) if is_productive else "None",
        "reads": umis * int(200 + rng.integers(0, 800)),
        "umis": umis,
        "raw_clonotype_id": f"clonotype{clonotype}" if is_productive else "None",
        "raw_consensus_id": (
            f"clonotype{clonotype}_consensus_{number}" if is_productive else "None"
        ),
    }


def _beta(v_gene: str, rng: np.random.Generator) -> Chain:
    j_gene = str(rng.choice(list(BETA_J)))
    return Chain(v_gene, j_gene, "CASS" + _residues(int(rng.integers(3, 7)), rng) + BETA_J[j_gene])


def _residues(n: int, rng: np.random.Generator) -> str:
    return "".join(_RESIDUES[i] for i in rng.integers(0, len(_RESIDUES), n))
