"""Pictures of the evidence: are libraries alike, what do calls show, can they be believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from itc_analysis.colours import COLOURS
from itc_analysis.singlecell.pseudobulk import POPULATIONS
from itc_analysis.statistics.binomial import clopper_pearson

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Column of the cells, and what its axis is called.
QUALITY = (
    ("n_counts", "molecules per cell"),
    ("n_genes", "genes per cell"),
    ("share_mito", "mitochondrial share"),
)
#: Genes by which the calls are made, in the order of the populations that show them.
WITNESSES = (
    *("TRAV1-2", "SLC4A10", "KLRB1", "RORC", "ZBTB16", "TRAV10", "TRDC", "TRDV2", "TRDV1"),
    *("KIR2DL3", "KLRC1", "CD4", "CD8A", "CD8B", "CD3D"),
)
#: Edges between the bins of a probability: finer where there are most cells.
EDGES = (0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
#: Points squared of the largest dot, and the number of points of a violin's outline.
DOT, OUTLINE = 130.0, 40
#: Fewer cells than this make no violin.
FEWEST_CELLS = 5


def plot_cell_quality(cells: pd.DataFrame, axes: Sequence[Axes]) -> None:
    """Draw molecules, genes and mitochondrial share of the cells of each library as violins, and
    molecules by rank.

    Parameters
    ----------
    cells : pandas.DataFrame
        the Cells table.
    axes : sequence of Axes
        four of them.
    """
    libraries = sorted(cells["library_id"].unique())
    own = dict(iter(cells.groupby("library_id")))
    for (column, words), ax in zip(QUALITY, axes[:3], strict=True):
        is_log = column != "share_mito"
        for place, name in enumerate(libraries):
            values = own[name][column].dropna().to_numpy(dtype=float)
            if is_log:
                values = np.log10(np.maximum(values, 1))
            if len(values) >= FEWEST_CELLS and np.ptp(values) > 0:
                drawn = ax.violinplot(
                    values, [place], widths=0.9, showextrema=False, points=OUTLINE
                )
                bodies: Any = drawn["bodies"]
                for body in bodies:
                    body.set(facecolor=COLOURS[1], alpha=0.6, edgecolor="none")
            if len(values):
                ax.plot(place, np.median(values), "_", color="black", markersize=5)
        if is_log:
            low, high = ax.get_ylim()
            powers = 10 ** np.arange(np.floor(low), np.ceil(high) + 1)
            ticks = np.outer(powers, (1, 2, 5)).ravel()
            ax.set_yticks(np.log10(ticks), [f"{tick:,.0f}" for tick in ticks])
            ax.set_ylim(low, high)
        ax.set_ylabel(words)
        ax.set_xticks([])
        ax.set_xlabel(f"{len(libraries)} libraries, by name")
    for name in libraries:
        ranked = np.sort(own[name]["n_counts"].to_numpy(dtype=float))[::-1]
        axes[3].plot(np.arange(1, len(ranked) + 1), ranked, color=COLOURS[1], linewidth=0.7)
    axes[3].set(xscale="log", yscale="log", xlabel="cells by rank", ylabel="molecules per cell")


def plot_receptors(cells: pd.DataFrame, groups: pd.Series, *, ax: Axes) -> Axes:
    """Draw, library by library, in which share of the T cells an alpha chain was caught.

    Parameters
    ----------
    cells : pandas.DataFrame
        the Cells table, T cells alone.
    groups : pandas.Series
        group of each library, indexed by library; libraries without one stand last.
    ax : Axes
        where to draw: one column per group, one point per library, its median as a line.
    """
    caught = cells.groupby("library_id")["has_alpha"].mean()
    named = groups.reindex(caught.index).fillna("no group")
    order = [name for name in dict.fromkeys(groups.dropna()) if (named == name).any()]
    order += sorted(set(named) - set(order))
    for place, name in enumerate(order):
        values = np.sort(caught[named == name].to_numpy())
        ax.plot(place + _beside(len(values)), values, "o", color=COLOURS[1], markersize=4)
        ax.plot([place - 0.35, place + 0.35], [np.median(values)] * 2, color="black", linewidth=1.5)
    ax.set_xticks(
        range(len(order)), [f"{name}\nn = {int((named == name).sum())}" for name in order]
    )
    ax.set_ylim(0, 1)
    ax.set_ylabel("share of T cells with an alpha chain")
    return ax


def plot_reliability(cells: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw how often a probability of MAIT by RNA alone is borne out by the alpha chain.

    Parameters
    ----------
    cells : pandas.DataFrame
        the Cells table; cells with an alpha chain are used.
    ax : Axes
        where to draw: one point per bin of the probability with its 95 % limits (Clopper and
        Pearson), its cells written above it.
    """
    judged = cells[cells["has_alpha"] & (cells["receptor"] != "doublet").fillna(value=False)]
    chance = judged["mait_by_rna"].to_numpy()
    is_mait = (judged["receptor"] == "mait").to_numpy(dtype=bool)
    place = np.clip(np.digitize(chance, EDGES[1:-1]), 0, len(EDGES) - 2)
    ax.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
    for one in range(len(EDGES) - 1):
        inside = place == one
        if not inside.any():
            continue
        n, k = int(inside.sum()), int(is_mait[inside].sum())
        low, high = (float(limit) for limit in clopper_pearson(k, n))
        x = float(chance[inside].mean())
        ax.plot([x, x], [low, high], color=COLOURS[1], linewidth=1.5)
        ax.plot(x, k / n, "o", color=COLOURS[1], markersize=5)
        ax.annotate(f"{n:,}", (x, high), xytext=(0, 3), textcoords="offset points", ha="center",
                    fontsize=8)  # fmt: skip
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.12))
    ax.set_xlabel("probability of MAIT by RNA alone")
    ax.set_ylabel("share with a MAIT alpha chain")
    return ax


def plot_witnesses(profiles: pd.DataFrame, depth: pd.DataFrame, *, ax: Axes) -> Axes:
    """Draw which called population shows which gene: a dot as large as its level.

    Parameters
    ----------
    profiles : pandas.DataFrame
        the Pseudobulk table, of `WITNESSES` at least.
    depth : pandas.DataFrame
        the PseudobulkDepth table.
    ax : Axes
        where to draw: the area of a dot is the mean level (molecules per molecule of the cells) as
        a share of the population with the highest one.
    """
    called = [name for name in POPULATIONS if name != "t_cells"]
    total = depth.groupby("population")["n_counts"].sum()
    shown = [name for name in called if total.get(name, 0) > 0]
    genes = [gene for gene in WITNESSES if gene in set(profiles["gene"])]
    summed = profiles.pivot_table("n_counts", "population", "gene", aggfunc="sum")
    rate = summed.reindex(index=shown, columns=genes).fillna(0.0).div(total.reindex(shown), axis=0)
    part = (rate / rate.max(axis=0).where(lambda most: most > 0)).to_numpy()
    for row in range(len(shown)):
        sizes = DOT * np.nan_to_num(part[row])
        ax.scatter(range(len(genes)), [row] * len(genes), s=sizes, color=COLOURS[1], linewidths=0)
    ax.set_xticks(range(len(genes)), genes, rotation=90)
    ax.set_yticks(range(len(shown)), [name.replace("_", " ") for name in shown])
    ax.set_xlim(-0.7, len(genes) - 0.3)
    ax.set_ylim(len(shown) - 0.4, -0.6)
    return ax


def _beside(n: int) -> np.ndarray:
    """Return how far each of n points steps aside."""
    return np.linspace(-0.2, 0.2, n) if n > 1 else np.zeros(1)
