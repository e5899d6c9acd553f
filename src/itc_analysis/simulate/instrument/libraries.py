"""One single-cell library: droplets from a participant's truth, in the layout of 10x Cell
Ranger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from itc_analysis.simulate import parameters as p
from itc_analysis.simulate.cells.brightness import kinds_of_live_cells
from itc_analysis.simulate.cells.kinds import KINDS, NON_T_LEAVES
from itc_analysis.simulate.cells.receptors import Receptor, contig_table, draw_receptor
from itc_analysis.simulate.cells.transcriptome import (
    MITOCHONDRIAL,
    PER,
    load_transcriptome,
    rates_of_participant,
)
from itc_analysis.simulate.scenarios import INDEX, card_of
from itc_analysis.whole_files import write_text, written_whole

#: T cells are enriched before loading: other cells are this much rarer than in PBMC [P].
NON_T_KEPT = 0.25
LOW_QUALITY_SHARE, DOUBLET_SHARE = 0.05, 0.03
#: UMIs per cell over the 1,200 genes: median and ln SD [P].
UMIS, UMIS_SIGMA = 3000.0, 0.35
#: Mitochondrial share: median and ln SD; and the range of poor droplets [P].
MITO_SHARE, MITO_SIGMA, POOR_MITO = 0.045, 0.35, (0.30, 0.65)
#: Poor droplets are half empty or half dead; the empty ones hold few UMIs.
EMPTY_UMIS = 110.0
#: UMIs per 10,000 of the V genes that a cell rearranged (5' chemistry).
V_GENE_RATE = 3.0
#: Share of a droplet's UMIs that floated free: an average of the library [P].
AMBIENT_SHARE = 0.02
#: Gamma shape of the extra-Poisson variation of every gene in every cell [P].
_OVERDISPERSION_SHAPE = 6.0


@dataclass(frozen=True)
class SimulatedLibrary:
    """Droplets and their truth.

    Parameters
    ----------
    genes : tuple of str
        names, shape (n_genes,).
    barcodes : tuple of str
        shape (n_barcodes,).
    counts : sparse.csr_matrix
        UMIs, int32, barcodes x genes.
    contigs : pandas.DataFrame
        columns as in filtered_contig_annotations.csv.
    labels : tuple of str
        leaf population of each barcode, or doublet, or low_quality.
    """

    genes: tuple[str, ...]
    barcodes: tuple[str, ...]
    counts: sparse.csr_matrix
    contigs: pd.DataFrame
    labels: tuple[str, ...]


def simulate_library(
    truth: Mapping[str, Any],
    scenario: p.Scenario,
    rng: np.random.Generator,
    *,
    n_barcodes: int,
) -> SimulatedLibrary:
    """Draw one library of a participant.

    Parameters
    ----------
    truth : mapping of str to object
        a row of `cohort.simulate_measurement_truth` and of `blood.draw_blood`.
    scenario : p.Scenario
        decides the interferon-stimulated genes.
    rng : numpy.random.Generator
        random numbers of this library.
    n_barcodes : int
        droplets called cells.
    """
    base = load_transcriptome()
    rates = rates_of_participant(truth, scenario, rng)
    leaves, weights = _leaf_shares(truth)
    if truth["group"] == INDEX:
        caught = card_of(scenario).captured
        weights = weights * np.array([caught.get(leaf, 1.0) for leaf in leaves])
        weights = weights / weights.sum()
    rows = np.array([base.leaves.index(leaf) for leaf in leaves])
    cells = rows[rng.choice(len(rows), n_barcodes, p=weights)]
    is_doublet = rng.random(n_barcodes) < DOUBLET_SHARE
    is_poor = (rng.random(n_barcodes) < LOW_QUALITY_SHARE) & ~is_doublet
    is_empty = is_poor & (rng.random(n_barcodes) < 0.5)
    partners = rows[rng.choice(len(rows), int(is_doublet.sum()), p=weights)]

    va72 = float(truth["share_va72_cd161low"]) / float(truth["share_conventional_ab"])
    every = np.concatenate([cells, partners])
    receptors = [draw_receptor(base.leaves[row], va72, rng) for row in every]
    expected = rates[every] / PER
    _add_v_genes(expected, receptors, base.genes)
    expected *= 1 - AMBIENT_SHARE
    expected += AMBIENT_SHARE * expected.mean(axis=0)
    umis = UMIS * np.exp(UMIS_SIGMA * rng.standard_normal(len(every)))
    umis[:n_barcodes][is_empty] = EMPTY_UMIS
    mito = MITO_SHARE * np.exp(MITO_SIGMA * rng.standard_normal(len(every)))
    mito[:n_barcodes][is_poor & ~is_empty] = rng.uniform(
        *POOR_MITO, int((is_poor & ~is_empty).sum())
    )
    is_mito = np.isin(base.genes, MITOCHONDRIAL)
    expected *= (umis * (1 - mito))[:, None]
    expected[:, is_mito] = (umis * mito / len(MITOCHONDRIAL))[:, None]
    expected *= rng.gamma(_OVERDISPERSION_SHAPE, 1 / _OVERDISPERSION_SHAPE, expected.shape)
    counts = rng.poisson(expected).astype(np.int32)
    counts[:n_barcodes][is_doublet] += counts[n_barcodes:]

    inside: list[list[Receptor]] = [[receptor] for receptor in receptors[:n_barcodes]]
    for droplet, receptor in zip(np.flatnonzero(is_doublet), receptors[n_barcodes:], strict=True):
        inside[droplet].append(receptor)
    labels = np.array(base.leaves, dtype=object)[cells]
    labels[is_doublet], labels[is_poor] = "doublet", "low_quality"
    barcodes = _draw_barcodes(n_barcodes, rng)
    found = np.where(is_poor, 0.4, 1.0)
    return SimulatedLibrary(
        genes=base.genes,
        barcodes=barcodes,
        counts=sparse.csr_matrix(counts[:n_barcodes]),
        contigs=contig_table(barcodes, inside, list(found), rng),
        labels=tuple(labels),
    )


def write_library(folder: str | Path, library: SimulatedLibrary, *, note: str) -> None:
    """Write filtered_feature_bc_matrix.h5 (10x version 3) and filtered_contig_annotations.csv."""
    import h5py

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    ids = [f"SIMG{i:08d}" for i in range(1, len(library.genes) + 1)]
    with (
        written_whole(folder / "filtered_feature_bc_matrix.h5") as partial,
        h5py.File(partial, "w") as file,
    ):
        file.attrs["chemistry_description"] = "Single Cell 5'"
        file.attrs["filetype"] = "matrix"
        file.attrs["library_ids"] = np.array([folder.name], dtype=bytes)
        file.attrs["original_gem_groups"] = np.array([1])
        file.attrs["simulated"] = note
        file.attrs["version"] = 2
        matrix = file.create_group("matrix")
        # 10x stores genes x barcodes by column: the same arrays as barcodes x genes by row
        arrays = {
            "barcodes": np.array(library.barcodes, dtype=bytes),
            "data": library.counts.data,
            "indices": library.counts.indices.astype(np.int64),
            "indptr": library.counts.indptr.astype(np.int64),
            "shape": np.array(library.counts.shape[::-1], dtype=np.int32),
            "features/_all_tag_keys": np.array([b"genome"]),
            "features/feature_type": np.array([b"Gene Expression"] * len(ids)),
            "features/genome": np.array([b"simulated"] * len(ids)),
            "features/id": np.array(ids, dtype=bytes),
            "features/name": np.array(library.genes, dtype=bytes),
        }
        for name, values in arrays.items():
            matrix.create_dataset(name, data=values, compression="gzip", shuffle=True)
    contigs = library.contigs.to_csv(index=False, lineterminator="\n")
    write_text(folder / "filtered_contig_annotations.csv", contigs)


def _leaf_shares(truth: Mapping[str, Any]) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return leaf populations and their shares of the loaded cells."""
    shares: dict[str, float] = {}
    for kind, share in zip(KINDS, kinds_of_live_cells(truth), strict=True):
        kept = NON_T_KEPT if kind.population in NON_T_LEAVES else 1.0
        shares[kind.population] = shares.get(kind.population, 0.0) + kept * float(share)
    weights = np.array(list(shares.values()))
    return list(shares), weights / weights.sum()


def _add_v_genes(
    expected: npt.NDArray[np.float64], receptors: list[Receptor], genes: tuple[str, ...]
) -> None:
    """Let each cell express the V genes that it rearranged, in place."""
    column = {gene: i for i, gene in enumerate(genes)}
    for row, receptor in enumerate(receptors):
        for chain in receptor:
            if chain is not None:
                expected[row, column[chain.v_gene]] += V_GENE_RATE / PER


def _draw_barcodes(n: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Return `n` different barcodes of 16 bases with the usual -1."""
    barcodes: dict[str, None] = {}
    while len(barcodes) < n:
        bases = rng.integers(0, 4, 16)
        barcodes["".join("ACGT"[i] for i in bases) + "-1"] = None
    return tuple(barcodes)
