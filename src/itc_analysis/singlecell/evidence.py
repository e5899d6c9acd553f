"""What RNA and receptor say about each cell, as log-likelihoods per class of cell.

A gene that the library cannot show and a chain that was not seen are missing evidence: they say
nothing. The weights come from `weights.read_evidence`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from itc_analysis.singlecell.weights import Bools, Evidence, Floats, Model

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
    """Counts of the evidence genes in the cells of one library.

    Parameters
    ----------
    detected : for each gene of the evidence that the library can show, whether each cell has a
        molecule of it, shape (n_cells,).
    shows_segments : V genes can be seen (5' library); in a 3' library their absence says nothing.
    log_likelihood : shape (n_cells, n_classes), up to a constant per cell.
    """

    detected: dict[str, Bools]
    shows_segments: bool
    log_likelihood: Floats


def weigh_rna(counts: sp.csr_matrix, genes: pd.Index, *, evidence: Evidence) -> Rna:
    """Compare what each cell shows of each gene with what each class should show at the cell's depth.

    A gene with rate r (molecules per 10 000) in a class is seen in a cell of depth d as a negative
    binomial count of mean r d / 10 000, plus ambient molecules, a Poisson count whose rate is a share
    of the library's own mean. Only none, few (1-2) or many (3 or more) molecules are told apart,
    since levels differ between kits by more than counts can bear. Features are taken as independent
    given the class.

    Parameters
    ----------
    counts : molecules, shape (n_cells, n_genes).
    genes : symbols of the columns, without repeats.
    """
    model = evidence.model
    depth = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    scale = depth / MOLECULES
    position = {gene: i for i, gene in enumerate(genes)}
    columns = counts.tocsc()

    def molecules(names: list[str]) -> Floats:
        chosen = columns[:, [position[name] for name in names]]
        return np.asarray(chosen.sum(axis=1), dtype=np.float64).ravel()

    wanted = [gene for level in evidence.levels.values() for gene in level.genes]
    wanted += list(evidence.segments)
    detected = {gene: molecules([gene]) > 0 for gene in wanted if gene in position}
    shows_segments = _shows_segments(columns, genes, detected, evidence)
    log_likelihood = np.zeros((counts.shape[0], len(evidence.names)))

    def add(names: list[str], rate: Floats, share: Floats) -> None:
        found = molecules(names)
        library_rate = MOLECULES * found.sum() / max(depth.sum(), 1.0)
        ambient = model.share_ambient * library_rate * scale
        bins = np.digitize(found, [1, MANY])
        log_likelihood[...] += _log_bins(bins, np.outer(scale, rate), ambient, share, model)

    for level in evidence.levels.values():
        present = [gene for gene in level.genes if gene in position]
        if present:
            rate = np.sum([evidence.per_class(level.genes[gene]) for gene in present], axis=0)
            add(present, rate, np.ones(len(rate)))
    for gene, segment in evidence.segments.items():
        if gene in position and shows_segments:
            share = evidence.per_class(segment.share)
            add([gene], np.full(len(share), segment.rate), share)
    _mix(log_likelihood, evidence)
    return Rna(detected, shows_segments, log_likelihood)


def weigh_receptors(receptors: pd.DataFrame, *, evidence: Evidence) -> Floats:
    """Return log-likelihoods of the receptor evidence, shape (n_cells, n_classes).

    Parameters
    ----------
    receptors : one row per cell, as `receptors.summarise_receptors` gives it. A locus without a
        productive chain adds nothing to any class.
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


def normalise(log_posterior: Floats) -> Floats:
    """Turn log weights into probabilities that sum to 1 in each row."""
    shifted = np.exp(log_posterior - log_posterior.max(axis=1, keepdims=True))
    total: Floats = shifted / shifted.sum(axis=1, keepdims=True)
    return total


def _log_bins(
    bins: npt.NDArray[np.intp], mean: Floats, ambient: Floats, share: Floats, model: Model
) -> Floats:
    """Return log P(none, few or many | class) of each cell's bin, shape (n_cells, n_classes).

    Parameters
    ----------
    bins : 0 none, 1 few, 2 many; shape (n_cells,).
    mean : molecules expected of a cell that expresses the gene, shape (n_cells, n_classes).
    ambient : ambient molecules expected, shape (n_cells,).
    share : cells of each class that express the gene at all, shape (n_classes,).
    """
    size = model.dispersion_size
    stay = 1 / (1 + mean / size)
    own0 = 1 - share + share * stay**size
    own1 = share * size * stay**size * (1 - stay)
    own2 = share * size * (size + 1) / 2 * stay**size * (1 - stay) ** 2
    ambient = ambient[:, None]
    stray0 = np.exp(-ambient)
    none = own0 * stray0
    few = own1 * stray0 + own0 * stray0 * ambient
    few += own2 * stray0 + own1 * stray0 * ambient + own0 * stray0 * ambient**2 / 2
    probability = np.stack([none, few, 1 - none - few])
    chosen = np.take_along_axis(probability, bins[None, :, None], axis=0)[0]
    logs: Floats = np.log(np.clip(chosen, model.share_wrong, 1 - model.share_wrong))
    return logs


def _shows_segments(
    columns: sp.csc_matrix, genes: pd.Index, detected: dict[str, Bools], evidence: Evidence
) -> bool:
    """Tell a 5' library (V genes are read) from a 3' one (they are not)."""
    cd3 = [detected[gene] for gene in CD3 if gene in detected]
    is_segment = genes.astype(str).str.match(r"TR[AB]V\d")
    if not cd3 or not is_segment.any():
        return False
    is_t = np.any(cd3, axis=0)
    if not is_t.any():
        return False
    any_segment = np.asarray(columns[:, np.flatnonzero(is_segment)].sum(axis=1)).ravel() > 0
    return bool(any_segment[is_t].mean() >= evidence.model.min_segment_cells)


def _mix(log_likelihood: Floats, evidence: Evidence) -> None:
    """Give a class marked `rna_as` the mean likelihood of that family: RNA cannot tell it."""
    for position, item in enumerate(evidence.classes.values()):
        if item.rna_as is not None:
            members = [evidence.names.index(name) for name in evidence.families[item.rna_as]]
            prior = evidence.log_prior[members]
            prior = prior - np.logaddexp.reduce(prior)
            log_likelihood[:, position] = np.logaddexp.reduce(
                log_likelihood[:, members] + prior, axis=1
            )
