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
    "Va7.2": r"(TCR)?V(A|ALPHA|Α)?72|TRAV12",
    "Vd2": r"(TCR)?V(D|DELTA|Δ)2|TRDV2",
    "6B11": r"6B11|(TCR)?V(A|ALPHA|Α)?24J(A|ALPHA|Α)?18|INKT(TCR)?",
}
#: Words that vendors and programs add to the name of the protein.
_ADDED = r"^(ADT|AB|HUMAN|ANTIHUMAN|HU)|(TOTALSEQ[ABC]?|TOTAL[ABC]|PROT|PROTEIN|ADT|ANTIBODY)$"
#: Clones of these antibodies and barcodes of TotalSeq, which follow the protein.
_CLONE = (
    r"(UCHT1|SK7|OKT3|HIT3A|RPAT4|SK3|OKT4|L200|SK1|RPAT8|HIT8A|OKT8|HP3G10|DX12|HIB19|SJ25C1|4G7"
    r"|M5E2|63D3|HCD14|IP26|T10B9|11F2|IMMU510|B1|3C10|OF5A12|B6|[ABC]\d{4})$"
)
#: What R and scanpy append to a name that a gene has as well.
_REPEATED = r"[.-]\d$"
#: Fewer cells form no peaks.
FEWEST_CELLS = 100
#: Distance of the two peaks in their joint standard deviations, and share of cells in the smaller,
#: to be believed.
APART, SMALLEST_SHARE = 1.8, 0.005
#: Of so many antibodies most are background in every cell, whatever the panel.
ENOUGH = 20
#: Share of cells in which most antibodies must be background for their median to be one.
NEARLY_ALL = 0.9
#: Antibodies that stick to no protein of the cell, or to some cells only.
CONTROL = re.compile(r"ISOTYPE|IGG\d|HASHTAG|HTO")
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
        protein = _protein_of(str(column)) or _protein_of(re.sub(_REPEATED, "", str(column)))
        if protein:
            found.setdefault(protein, str(column))
    return found


def _protein_of(name: str) -> str | None:
    """Return the protein of the evidence that an antibody of this name measures."""
    plain = re.sub(r"[^A-Z0-9ΑΒΓΔ]", "", name.upper())
    for _ in range(2):
        plain = re.sub(_ADDED, "", plain)
    for short in (plain, re.sub(_ADDED, "", re.sub(_CLONE, "", plain))):
        for protein, pattern in NAMES.items():
            if re.fullmatch(pattern, short):
                return protein
    return None


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
    allows. The median over the antibodies of a cell, which is background where most of them are, is
    subtracted; not so in small panels of T cells, where it is a signal.
    """
    log_likelihood = np.zeros((len(antibodies), len(evidence.names)))
    used: dict[str, Peaks] = {}
    if len(antibodies) < FEWEST_CELLS:
        return log_likelihood, used
    logs = np.log1p(antibodies.to_numpy(dtype=np.float64))
    if _are_mostly_background(logs, antibodies.columns):
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


def _are_mostly_background(logs: FloatArray, columns: pd.Index) -> bool:
    """Say whether fewer than half of the antibodies are a signal in nearly all cells.

    An antibody with one peak is a background or a signal in all cells: whichever is nearer, by the
    peaks of the others; a signal where none of them has two, unless its name says otherwise.
    """
    if len(columns) >= ENOUGH:
        return True
    is_control = [bool(CONTROL.search(str(column).upper())) for column in columns]
    peaks = [fit_peaks(level) for level in logs.T]
    apart = [one for one in peaks if one.are_apart]
    limit = -np.inf
    if apart:
        limit = float(np.median([(one.background + one.signal) / 2 for one in apart]))
    n_signals = np.zeros(len(logs))
    for level, one, control in zip(logs.T, peaks, is_control, strict=True):
        if one.are_apart:
            n_signals += level > (one.background + one.signal) / 2
        elif not control:
            n_signals += float(np.median(level) > limit)
    return bool(np.mean(n_signals < len(columns) / 2) >= NEARLY_ALL)


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
