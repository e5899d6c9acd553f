"""Expression of each kind of cell: expected UMIs per 10,000, from expression.tsv and filler genes.

Rates in expression.tsv are priors ([P]) in the order that sorted populations show: KLRB1 and
SLC4A10 in MAIT, TRDC in gamma-delta and also in NK cells, KIR in innate CD8. The filler genes are
anonymous.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.simulate import parameters as p
from itc_analysis.simulate import scenarios
from itc_analysis.simulate.cells.receptors import ALPHA_V, BETA_V

#: Number of genes of a simulated library; real symbols first, then filler.
N_GENES = 1200
PER = 10_000.0
MITOCHONDRIAL = (
    *(f"MT-ND{i}" for i in (1, 2, 3, 4, 5, 6)),
    "MT-ND4L",
    *(f"MT-CO{i}" for i in (1, 2, 3)),
    "MT-ATP6",
    "MT-ATP8",
    "MT-CYB",
)
INTERFERON_GENES = (
    *("ISG15", "IFI6", "IFI44L", "MX1", "IFIT1", "IFIT3", "ISG20", "OAS1", "XAF1", "STAT1", "LY6E"),
)
#: Genes whose expression follows the participant's share of cells positive for the protein.
GENES_OF_MARKER = {
    "PD-1": ("PDCD1",),
    "TIM-3": ("HAVCR2",),
    "LAG-3": ("LAG3",),
    "TIGIT": ("TIGIT",),
    "CD69": ("CD69",),
    "HLA-DR": ("HLA-DRA", "HLA-DRB1"),
    "CD38": ("CD38",),
}
#: Leaf population to the column of expression.tsv.
PROFILE_OF_LEAF = {
    "vd2_gd": "vd2_gd",
    "vd2neg_gd": "vd2neg_gd",
    "inkt": "inkt",
    "mait": "mait",
    "cd4_t_cells": "cd4",
    "eomes_neg_cd8": "cd8",
    "conventional_memory_cd8": "memory_cd8",
    "innate_cd8": "innate_cd8",
    "dn_t_cells": "memory_cd8",
    "dp_t_cells": "cd4",
    "b_cells": "b",
    "nk_cells": "nk",
    "monocytes": "mono",
}
#: Leaf population to the row of HEALTHY_POSITIVITY.
_PHENOTYPE_OF_LEAF = {
    "vd2_gd": "gd_t_cells",
    "vd2neg_gd": "gd_t_cells",
    "inkt": "inkt",
    "mait": "mait",
    "innate_cd8": "innate_cd8",
    "cd4_t_cells": "cd4_t_cells",
    "dp_t_cells": "cd4_t_cells",
    "eomes_neg_cd8": "cd8_t_cells",
    "conventional_memory_cd8": "cd8_t_cells",
    "dn_t_cells": "cd8_t_cells",
}
#: CD4 and CD8 of the cells that borrow another's profile.
_CORECEPTOR_OVERRIDES = {
    "dn_t_cells": {"CD8A": 0.0, "CD8B": 0.0},
    "dp_t_cells": {"CD8A": 3.0, "CD8B": 2.5},
}
#: Spread of the filler genes' abundance, and between participants of every gene [P].
_FILLER_SIGMA, _PARTICIPANT_SIGMA, _INTERFERON_SIGMA = 1.3, 0.12, 0.35
_FILLER_SEED = 20_190_208  # fixed: the same filler genes in every study


@dataclass(frozen=True)
class Transcriptome:
    """Genes, and expected UMIs per 10,000 of each leaf population.

    Parameters
    ----------
    genes : tuple of str
        N_GENES names.
    leaves : tuple of str
        leaf populations, the rows of `rates`.
    rates : numpy.ndarray
        shape (n_leaves, n_genes); mitochondrial and V genes are 0 here, they come per cell.
    """

    genes: tuple[str, ...]
    leaves: tuple[str, ...]
    rates: npt.NDArray[np.float64]


@cache
def load_transcriptome() -> Transcriptome:
    """Return the genes and rates; the same in every study."""
    source = resources.files("itc_analysis.simulate.cells") / "expression.tsv"
    with source.open(encoding="utf-8") as stream:
        table = pd.read_csv(stream, sep="\t", keep_default_na=False).set_index("gene")
    per_cell = [g for g in (*MITOCHONDRIAL, *ALPHA_V, *BETA_V) if g not in table.index]
    known = [*table.index, *per_cell]
    filler = [f"GENE{i:04d}" for i in range(1, N_GENES - len(known) + 1)]
    rng = np.random.default_rng(_FILLER_SEED)
    abundance = np.exp(_FILLER_SIGMA * rng.standard_normal(len(filler)))
    leaves = tuple(PROFILE_OF_LEAF)
    rates = np.zeros((len(leaves), N_GENES))
    for i, leaf in enumerate(leaves):
        profile = table[PROFILE_OF_LEAF[leaf]].copy()
        for gene, rate in _CORECEPTOR_OVERRIDES.get(leaf, {}).items():
            profile[gene] = rate
        rates[i, : len(table)] = profile.to_numpy()
        rates[i, len(known) :] = abundance * (PER - profile.sum()) / abundance.sum()
    return Transcriptome((*known, *filler), leaves, rates)


def rates_of_participant(
    truth: Mapping[str, Any], scenario: p.Scenario, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return this participant's rates, shape (n_leaves, n_genes).

    Inhibitory and activation genes move with the participant's true positivity of the protein,
    interferon-stimulated genes with the disease (scenario `effect` only).
    """
    base = load_transcriptome()
    rates = base.rates * np.exp(_PARTICIPANT_SIGMA * rng.standard_normal(N_GENES))
    for i, leaf in enumerate(base.leaves):
        phenotype = _PHENOTYPE_OF_LEAF.get(leaf)
        if phenotype is None:
            continue
        healthy = dict(zip(p.PHENOTYPE_MARKERS, p.HEALTHY_POSITIVITY[phenotype], strict=True))
        for marker, genes in GENES_OF_MARKER.items():
            moved = float(truth[f"positive_{phenotype}_{marker}"]) / healthy[marker]
            for gene in genes:
                rates[i, base.genes.index(gene)] *= moved
    interferon = np.exp(_INTERFERON_SIGMA * rng.standard_normal())
    if truth["group"] in p.DISEASE_EFFECTS:  # the bridge donor belongs to no group
        interferon *= scenarios.effect_of(truth["group"], scenario).interferon
    rates[:, [base.genes.index(gene) for gene in INTERFERON_GENES]] *= interferon
    return rates
