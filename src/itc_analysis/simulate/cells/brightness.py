"""What a participant's cells carry: which markers, how brightly, and how large the cells are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from itc_analysis.simulate import parameters as p
from itc_analysis.simulate.cells.kinds import (
    KINDS,
    LEAVES,
    NON_T_LEAVES,
    PHENOTYPE_LEVELS,
    Kind,
)
from itc_analysis.simulate.cells.subsets import of_subset, subsets_of

#: The marker of random TRAV1-2 use among conventional cells.
VA72 = "Va7.2"
#: log10 of CD161 on MAIT cells, and how many decades below it intermediate cells lie.
CD161_BRIGHT, CD161_BELOW_BRIGHT = 4.3, (0.4, 1.3)
#: ln SD of FSC-A, SSC-A and autofluorescence between cells of a kind [P].
SIZE_SIGMA, GRANULARITY_SIGMA, AUTOFLUORESCENCE_SIGMA = 0.09, 0.16, 0.45


def kinds_of_live_cells(truth: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """Return the share of a participant's live cells that is of each of `kinds.KINDS`; sums to
    1.
    """
    of_t = {name: float(truth[f"share_{name}"]) for name in LEAVES if name != "eomes_neg_cd8"}
    of_t["eomes_neg_cd8"] = float(truth["share_cd8_t_cells"]) - float(truth["share_eomes_cd8"])
    of_t |= {name: float(truth[f"per_t_{name}"]) for name in NON_T_LEAVES}
    weights = np.array([kind.weight for kind in KINDS])
    for subset, share in subsets_of(truth, "mait").items():
        mine = np.array([kind.subset == subset for kind in KINDS])
        weights[mine] *= share / weights[mine].sum()
    shares = np.array([of_t[kind.population] for kind in KINDS]) * weights
    of_all: npt.NDArray[np.float64] = shares / shares.sum()
    return of_all


def draw_light(
    kind: npt.NDArray[np.intp],
    truth: Mapping[str, Any],
    markers: tuple[str, ...],
    rng: np.random.Generator,
    *,
    condition: str = p.UNSTIMULATED,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Draw each cell's light in each fluorochrome.

    Parameters
    ----------
    kind : numpy.ndarray
        index into `kinds.KINDS`, shape (n_cells,).
    truth : mapping of str to object
        the participant, for the positivity of the phenotype markers.
    markers : tuple of str
        fluorescence markers of the panel.
    rng : numpy.random.Generator
        random numbers.
    condition : str
        stimulation, or unstimulated; for the markers of function.

    Returns
    -------
    light : numpy.ndarray
        instrument units, shape (n_cells, n_markers); 0 where the marker is not carried.
    is_positive : numpy.ndarray
        whether it is carried, same shape.
    """
    n = len(kind)
    # Positive when a normal deviate is below the quantile of the share. Deviates of one cell are
    # correlated within the inhibitory receptors and within the activation markers.
    deviate = rng.standard_normal((n, len(markers)), dtype=np.float32)
    common = rng.standard_normal((n, 2), dtype=np.float32)
    for j, marker in enumerate(markers):
        if marker in p.PHENOTYPE_MARKERS:
            is_inhibitory = marker in p.INHIBITORY_MARKERS
            loading = np.float32(p.INHIBITORY_LOADING if is_inhibitory else p.ACTIVATION_LOADING)
            deviate[:, j] *= np.sqrt(1 - loading**2)
            deviate[:, j] += loading * common[:, 0 if is_inhibitory else 1]
    functional = [j for j, marker in enumerate(markers) if marker in p.FUNCTION_MARKERS]
    if functional:
        loading = np.float32(p.FUNCTION_LOADING)
        deviate[:, functional] *= np.sqrt(1 - loading**2)
        deviate[:, functional] += loading * rng.standard_normal((n, 1), dtype=np.float32)
    quantile = special.ndtri(positive_shares(truth, markers, condition)).astype(np.float32)
    is_positive = deviate < quantile[kind]
    _, log10, sd = _levels(markers).astype(np.float32)
    exponent = rng.standard_normal((n, len(markers)), dtype=np.float32)
    exponent *= sd[kind]
    exponent += log10[kind]
    if "CD161" in markers and truth["cd161_log10"]:
        is_mait = np.array([one.population == "mait" for one in KINDS])[kind]
        exponent[is_mait, markers.index("CD161")] += np.float32(truth["cd161_log10"])
    if truth["cd161_intermediate"] and {"CD161", VA72} <= set(markers):
        at, among = markers.index("CD161"), is_positive[:, markers.index(VA72)]
        is_mait = np.array([one.population == "mait" for one in KINDS])[kind]
        moved = among & ~is_mait & (rng.random(n) < truth["cd161_intermediate"])
        below = rng.uniform(*CD161_BELOW_BRIGHT, int(moved.sum()))
        is_positive[moved, at], exponent[moved, at] = True, CD161_BRIGHT - below
    exponent *= np.float32(np.log2(10))  # exp2 is the fast one
    return np.where(is_positive, np.exp2(exponent), np.float32(0)), is_positive


def draw_scatter(
    kind: npt.NDArray[np.intp], rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Draw FSC-A, SSC-A and relative autofluorescence, each of shape (n_cells,)."""
    medians = np.array(
        [[k.size, k.granularity, k.autofluorescence] for k in KINDS], dtype=np.float32
    )
    spread = np.array([SIZE_SIGMA, GRANULARITY_SIGMA, AUTOFLUORESCENCE_SIGMA], dtype=np.float32)
    noise = spread * rng.standard_normal((len(kind), 3), dtype=np.float32)
    area, side, glow = (medians[kind] * np.exp(noise)).T
    return area, side, glow


def positive_shares(
    truth: Mapping[str, Any], markers: tuple[str, ...], condition: str = p.UNSTIMULATED
) -> npt.NDArray[np.float64]:
    """Return the share positive of every kind and marker, shape (n_kinds, n_markers)."""
    shares: npt.NDArray[np.float64] = _levels(markers)[0].copy()
    differ = bool(truth["subsets_differ"])
    va72 = float(truth["share_va72_cd161low"]) / float(truth["share_conventional_ab"])
    for i, kind in enumerate(KINDS):
        is_conventional = "conventional_ab" in LEAVES.get(kind.population, ())
        for j, marker in enumerate(markers):
            if kind.phenotype is not None and marker in p.PHENOTYPE_MARKERS:
                own = float(truth[f"positive_{kind.phenotype}_{marker}"])
                role = 0 if marker in p.INHIBITORY_MARKERS else None
                shares[i, j] = own if not differ else of_subset(own, kind.subset, role)
            elif kind.phenotype is not None and marker in p.FUNCTION_MARKERS:
                shares[i, j] = functional_share(truth, kind, marker, condition)
            elif marker == VA72 and is_conventional:
                shares[i, j] = va72
    return shares


def functional_share(truth: Mapping[str, Any], kind: Kind, marker: str, condition: str) -> float:
    """Return the share of a kind of T cell that is positive for a marker of function."""
    background = float(truth[f"background_{kind.phenotype}_{marker}"])
    if condition == p.UNSTIMULATED:
        return background
    response = float(truth[f"response_{kind.phenotype}_{condition}_{marker}"])
    if truth["subsets_differ"]:
        response = of_subset(response, kind.subset, 1)
    return min(background + response, 0.999)


@cache
def _levels(markers: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """Return share, log10 and SD of every kind and marker, shape (3, n_kinds, n_markers)."""
    levels = np.zeros((3, len(KINDS), len(markers)))
    for i, kind in enumerate(KINDS):
        for j, marker in enumerate(markers):
            if marker in kind.levels:
                levels[:, i, j] = kind.levels[marker]
            elif kind.phenotype is not None and marker in PHENOTYPE_LEVELS:
                levels[1:, i, j] = PHENOTYPE_LEVELS[marker]
    return levels
