"""What antibodies of a CITE-seq library say of each cell, with the background of each antibody.

Unbound and sticking antibody gives every cell some molecules of every antibody. So a level says
nothing by itself: it is compared with the two peaks that the library's own cells form, and an
antibody without two peaks (none of the cells carries the protein, or all do) says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.singlecell.calls.weights import Evidence
from itc_analysis.statistics.arrays import FloatArray

#: Protein of the evidence to the names that vendors give its antibody, capitals and separators
#: aside.
NAMES = {
    "CD3": r"CD3(E|D)?",
    "CD4": r"CD4",
    "CD8": r"CD8(A|ALPHA)?",
    "CD161": r"CD161|KLRB1",
    "CD19": r"CD19",
    "CD14": r"CD14",
    "TCRab": r"TCR(AB|ALPHABETA|ΑΒ)|TCRABANTIBODY",
    "TCRgd": r"TCR(GD|GAMMADELTA|ΓΔ)",
    "Va7.2": r"(TCR)?V(A|ALPHA|Α)72|TRAV12",
    "Vd2": r"(TCR)?V(D|DELTA|Δ)2|TRDV2",
    "6B11": r"6B11|(TCR)?V(A|ALPHA|Α)24J(A|ALPHA|Α)18|INKT(TCR)?",
}
#: Words that vendors and programs add to the name of the protein.
_ADDED = r"^(ADT|AB|HUMAN|ANTIHUMAN|HU)|(TOTALSEQ[ABC]?|TOTAL[ABC]|PROT|PROTEIN|ADT|ANTIBODY)$"
#: Fewer cells form no peaks.
FEWEST_CELLS = 100
#: Distance of the two peaks in their joint standard deviations, and share of cells in the smaller,
#: to be believed.
APART, SMALLEST_SHARE = 1.8, 0.005
#: Rounds of expectation and maximisation: far more than it takes to settle.
_ROUNDS = 200


@dataclass(frozen=True)
class Peaks:
    """Background and signal of one antibody on the log scale."""

    share_signal: float
    background: float
    signal: float
    sd_background: float
    sd_signal: float

    @property
    def are_apart(self) -> bool:
        """Whether the two can be told from each other."""
        joint = float(np.hypot(self.sd_background, self.sd_signal))
        is_small = min(self.share_signal, 1 - self.share_signal) < SMALLEST_SHARE
        return not is_small and self.signal - self.background > APART * joint


def name_proteins(columns: pd.Index) -> dict[str, str]:
    """Return which antibody of a library measures which protein of the evidence."""
    found: dict[str, str] = {}
    for column in columns:
        plain = re.sub(r"[^A-Z0-9ΑΒΓΔ]", "", str(column).upper())
        for _ in range(2):
            plain = re.sub(_ADDED, "", plain)
        for protein, pattern in NAMES.items():
            if protein not in found and re.fullmatch(pattern, plain):
                found[protein] = str(column)
    return found


def weigh_proteins(
    antibodies: pd.DataFrame, *, evidence: Evidence
) -> tuple[FloatArray, dict[str, Peaks]]:
    """Return log-likelihoods of the protein evidence, shape (n_cells, n_classes), and what was
    used.

    Parameters
    ----------
    antibodies : pandas.DataFrame
        molecules of each antibody, one row per cell.

    Notes
    -----
    A class of which a share p carries the protein has the density p times that of the signal plus
    1 - p times that of the background. No antibody says more than the weights' `share_wrong`
    allows.
    """
    log_likelihood = np.zeros((len(antibodies), len(evidence.names)))
    used: dict[str, Peaks] = {}
    if len(antibodies) < FEWEST_CELLS:
        return log_likelihood, used
    logs = np.log1p(antibodies.to_numpy(dtype=np.float64))
    # cells that hold on to more antibody do so for most of them
    logs -= np.median(logs, axis=1, keepdims=True)
    names = name_proteins(antibodies.columns)
    least = np.log(evidence.model.share_wrong)
    for protein, column in names.items():
        if protein not in evidence.proteins:
            continue
        level = logs[:, antibodies.columns.get_loc(column)]
        peaks = fit_peaks(level)
        if not peaks.are_apart:
            continue
        used[protein] = peaks
        of_signal, of_background = _densities(level, peaks)
        share = evidence.per_class(evidence.proteins[protein])
        odds = np.log(np.outer(of_signal, share) + np.outer(of_background, 1 - share))
        odds -= odds.max(axis=1, keepdims=True)
        log_likelihood += np.maximum(odds, least)
    return log_likelihood, used


def fit_peaks(level: FloatArray) -> Peaks:
    """Fit two normal peaks by expectation and maximisation, from the lower and upper parts."""
    low, high = np.quantile(level, [0.1, 0.98])
    spread = max(float(level.std()), 1e-6)
    means = np.array([low, high])
    sds = np.array([spread / 2, spread / 2])
    shares = np.array([0.7, 0.3])
    floor = 0.05 * spread + 1e-6
    for _ in range(_ROUNDS):
        density = shares * np.exp(-0.5 * ((level[:, None] - means) / sds) ** 2) / sds
        member = density / np.maximum(density.sum(axis=1, keepdims=True), 1e-300)
        weight = np.maximum(member.sum(axis=0), 1e-9)
        before = means
        means = (member * level[:, None]).sum(axis=0) / weight
        sds = np.sqrt((member * (level[:, None] - means) ** 2).sum(axis=0) / weight)
        sds, shares = np.maximum(sds, floor), weight / weight.sum()
        if np.abs(means - before).max() < 1e-6 * spread:
            break
    first, second = np.argsort(means)
    return Peaks(
        float(shares[second]),
        float(means[first]),
        float(means[second]),
        float(sds[first]),
        float(sds[second]),
    )


def _densities(level: FloatArray, peaks: Peaks) -> tuple[FloatArray, npt.NDArray[np.float64]]:
    """Return densities under signal and background; beyond a peak the odds stay those at the peak.

    A wide peak would else claim the far side of a narrow one.
    """
    inside = np.clip(level, peaks.background, peaks.signal)

    def normal(mean: float, sd: float) -> FloatArray:
        density: FloatArray = np.exp(-0.5 * ((inside - mean) / sd) ** 2) / sd
        return np.maximum(density, 1e-12)

    return normal(peaks.signal, peaks.sd_signal), normal(peaks.background, peaks.sd_background)
