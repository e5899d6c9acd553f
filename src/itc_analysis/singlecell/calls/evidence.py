"""What RNA and receptor say about each cell, as log-likelihoods per class of cell.

A gene that the library cannot show and a chain that was not seen are missing evidence: they say
nothing. The weights come from `weights.read_evidence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.singlecell.calls.ambient import estimate_ambient
from itc_analysis.singlecell.calls.molecules import Molecules
from itc_analysis.singlecell.calls.weights import Evidence, Model
from itc_analysis.singlecell.intake.genes import T_GENES
from itc_analysis.statistics.arrays import BoolArray, FloatArray

#: Genes by which T cells are recognised when V genes are looked for.
CD3 = ("CD3D", "CD3E", "CD3G")
#: So many molecules or more are "many", fewer "few".
MANY = 3
#: Rates are written per so many molecules of a cell.
MOLECULES = 10_000
#: Loci whose productive chains are weighed; gamma proves nothing alone.
LOCI = ("alpha", "beta", "delta")


@dataclass(frozen=True)
class Rna:
    """What the RNA of each cell of one library says.

    Parameters
    ----------
    barcodes : pandas.Index
        the cells.
    detected : dict of str to numpy.ndarray
        for each gene of the evidence of which the library has a molecule, whether each cell has
        one, shape (n_cells,).
    listed : frozenset of str
        genes of the evidence that the file lists.
    share_ambient : float or None
        share of a droplet's molecules that come from other cells; null where the library's own B
        cells and monocytes are too few to tell, and the weights' value was used.
    shows_segments : bool
        V genes can be seen (5' library); in a 3' library their absence says nothing.
    log_likelihood : FloatArray
        shape (n_cells, n_classes), up to a constant per cell.
    """

    barcodes: pd.Index
    detected: dict[str, BoolArray]
    listed: frozenset[str]
    share_ambient: float | None
    shows_segments: bool
    log_likelihood: FloatArray


def wanted_genes(evidence: Evidence) -> list[str]:
    """Return the genes that calls look at."""
    named = [gene for level in evidence.levels.values() for gene in level.genes]
    return [*named, *evidence.segments, *CD3, *T_GENES]


def weigh_molecules(taken: Molecules, barcodes: pd.Index, *, evidence: Evidence) -> Rna:
    """Compare what each cell shows of each gene with what each class should show at the cell's
    depth.

    A gene with rate r (molecules per 10 000) in a class is seen in a cell of depth d as a negative
    binomial count of mean r d / 10 000, plus ambient molecules, a Poisson count whose rate is a
    share (`ambient.estimate_ambient`) of the library's own mean. Only none, few (1-2) or many (3 or
    more) molecules are told apart, since levels differ between kits by more than counts can bear.
    Features are taken as independent given the class. A gene without a molecule in the whole
    library says nothing, as one that the file does not list, so both kinds of file give the same
    calls. The exception is a library in which none of the genes of T cells has a molecule: there
    are no T cells in it.

    Parameters
    ----------
    taken : Molecules
        of `wanted_genes`.
    barcodes : pandas.Index
        the cells.
    """
    model = evidence.model
    of_gene = dict(taken.of_gene)
    n_cells = len(barcodes)
    if not any(gene in of_gene for gene in T_GENES):
        of_gene |= {gene: np.zeros(n_cells) for gene in T_GENES if gene in taken.listed}
    scale = taken.depth / MOLECULES
    total = max(float(taken.depth.sum()), 1.0)
    estimated = estimate_ambient(of_gene, taken.depth)
    share_ambient = model.share_ambient if estimated is None else estimated
    detected = {gene: found > 0 for gene, found in of_gene.items()}
    shows_segments = _shows_segments(detected, taken.has_segment, evidence)
    # a product of some sixty numbers of 0.01 or more: far from what a double cannot hold
    likelihood = np.ones((n_cells, len(evidence.names)))

    def add(names: list[str], rate: FloatArray, share: FloatArray) -> None:
        found = np.sum([of_gene[name] for name in names], axis=0)
        ambient = share_ambient * MOLECULES * found.sum() / total * scale
        bins = np.digitize(found, [1, MANY])
        weigh_bins(likelihood, bins, scale, rate, ambient, share, model)

    for level in evidence.levels.values():
        present = [gene for gene in level.genes if gene in of_gene]
        if present:
            rate = np.sum([evidence.per_class(level.genes[gene]) for gene in present], axis=0)
            add(present, rate, np.ones(len(rate)))
    for gene, segment in evidence.segments.items():
        if gene in of_gene and shows_segments:
            share = evidence.per_class(segment.share)
            add([gene], np.full(len(share), segment.rate), share)
    log_likelihood: FloatArray = np.log(likelihood)
    _mix(log_likelihood, evidence)
    return Rna(barcodes, detected, taken.listed, estimated, shows_segments, log_likelihood)


def weigh_receptors(receptors: pd.DataFrame, *, evidence: Evidence) -> FloatArray:
    """Return log-likelihoods of the receptor evidence, shape (n_cells, n_classes).

    Parameters
    ----------
    receptors : pandas.DataFrame
        one row per cell, as `receptors.summarise_receptors` gives it. A locus without a productive
        chain adds nothing to any class.
    """
    receptor = evidence.receptor
    log_likelihood = np.zeros((len(receptors), len(evidence.names)))
    for locus in LOCI:
        seen = receptors[f"n_{locus}"].to_numpy() > 0
        shares = evidence.per_class(getattr(receptor.chains, locus))
        log_likelihood[seen] += np.log(shares)
    for locus, kinds in (("alpha", receptor.alpha_kinds), ("beta", receptor.beta_kinds)):
        kind = receptors[f"{locus}_kind"].to_numpy(dtype=object, na_value="")
        for name, values in kinds:
            if name != "source" and values:
                # chains of cells that should have none are strays of ordinary T cells
                stray = {"gd": values["ab"], "not_t": values["ab"], "doublet": values["ab"]}
                log_likelihood[kind == name] += np.log(evidence.per_class(stray | values))
    three = receptor.three_chains
    shares = np.where(evidence.of_call("doublet"), three.doublet, three.singlet)
    log_likelihood[receptors["has_three_chains"].to_numpy(dtype=bool)] += np.log(shares)
    # a gamma-delta cell has no alpha-beta receptor: its alpha locus would have deleted delta
    has_pair = receptors["has_ab_pair"].to_numpy(dtype=bool)
    log_likelihood[np.ix_(has_pair, evidence.of_call("gd_t_cells"))] = -np.inf
    return log_likelihood


def normalise(log_posterior: FloatArray) -> FloatArray:
    """Turn log weights into probabilities that sum to 1 in each row."""
    shifted = np.exp(log_posterior - log_posterior.max(axis=1, keepdims=True))
    total: FloatArray = shifted / shifted.sum(axis=1, keepdims=True)
    return total


def weigh_bins(
    likelihood: FloatArray,
    bins: npt.NDArray[np.intp],
    scale: FloatArray,
    rate: FloatArray,
    ambient: FloatArray,
    share: FloatArray,
    model: Model,
) -> None:
    """Multiply by P(none, few or many | class) of each cell's bin.

    Parameters
    ----------
    likelihood : FloatArray
        shape (n_cells, n_classes); changed.
    bins : numpy.ndarray
        0 none, 1 few, 2 many; shape (n_cells,).
    scale : FloatArray
        depth of each cell over `MOLECULES`.
    rate : FloatArray
        molecules of the gene per `MOLECULES` of a cell that expresses it, shape (n_classes,).
    ambient : FloatArray
        ambient molecules expected, shape (n_cells,).
    share : FloatArray
        cells of each class that express the gene at all, shape (n_classes,).
    """
    _weigh_bins(
        likelihood, bins, scale, rate, ambient, share, model.dispersion_size, model.share_wrong
    )


@numba.njit(cache=True, nogil=True)
def _weigh_bins(
    likelihood: Any,
    bins: Any,
    scale: Any,
    rate: Any,
    ambient: Any,
    share: Any,
    size: float,
    share_wrong: float,
) -> None:
    n_classes = rate.shape[0]
    for cell in range(bins.shape[0]):
        stray = ambient[cell]
        stray0 = np.exp(-stray)
        for k in range(n_classes):
            stay = 1 / (1 + rate[k] * scale[cell] / size)
            # negative binomial probabilities of 0, 1 and 2 own molecules
            zero = stay * stay if size == 2 else stay**size
            own0 = 1 - share[k] + share[k] * zero
            own1 = share[k] * size * zero * (1 - stay)
            own2 = share[k] * size * (size + 1) / 2 * zero * (1 - stay) ** 2
            none = own0 * stray0
            few = stray0 * (own1 + own2 + (own0 + own1) * stray + own0 * stray * stray / 2)
            probability = none
            if bins[cell] == 1:
                probability = few
            elif bins[cell] == 2:
                probability = 1 - none - few
            likelihood[cell, k] *= min(max(probability, share_wrong), 1 - share_wrong)


def _shows_segments(
    detected: dict[str, BoolArray], has_segment: BoolArray, evidence: Evidence
) -> bool:
    """Tell a 5' library (V genes are read) from a 3' one (they are not) by its CD3+ cells."""
    cd3 = [detected[gene] for gene in CD3 if gene in detected]
    is_t = np.any(cd3, axis=0) if cd3 else np.zeros(len(has_segment), dtype=bool)
    if not is_t.any():
        return True  # no T cell, so nothing says that V genes cannot be seen
    return bool(has_segment[is_t].mean() >= evidence.model.min_segment_cells)


def _mix(log_likelihood: FloatArray, evidence: Evidence) -> None:
    """Give a class marked `rna_as` the mean likelihood of that family: RNA cannot tell it."""
    for position, item in enumerate(evidence.classes.values()):
        if item.rna_as is not None:
            members = [evidence.names.index(name) for name in evidence.families[item.rna_as]]
            prior = evidence.log_prior[members]
            prior = prior - np.logaddexp.reduce(prior)
            log_likelihood[:, position] = np.logaddexp.reduce(
                log_likelihood[:, members] + prior, axis=1
            )
