"""Plots of what was called and of which libraries could be used: one point per library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Okabe and Ito's colours, told apart by colour-blind readers.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#999999"
#: From top to bottom; shares are of T cells.
SHOWN = (
    "mait",
    "inkt",
    "gd_t_cells",
    "innate_cd8",
    "cd4_t_cells",
    "cd8_t_cells",
    "other_t_cells",
)
#: Shares below this lie on the linear part of the axis, so that none (0) can be drawn.
LINEAR_SHARE = 1e-4
#: So many names stand side by side without turning them.
FEW_LIBRARIES = 3
#: Half of the height over which points of one row are spread.
SPREAD = 0.25


def plot_evidence(cells: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of each call among the called T cells of every library, and who decided.

    Filled: the receptor had a part in most of the calls; open: RNA alone decided most of
    them. A library whose points are all open had no contigs, or few.

    Parameters
    ----------
    cells : pandas.DataFrame
        the Cells table.
    """
    ax = _axes(ax)
    is_t = cells["call"].isin(SHOWN)
    libraries = sorted(cells["library_id"].unique())
    totals = cells.loc[is_t, "library_id"].value_counts().reindex(libraries, fill_value=0)
    # spread by position, not at random: the same table gives the same picture
    offsets = np.linspace(-SPREAD, SPREAD, len(libraries)) if len(libraries) > 1 else np.zeros(1)
    for level, call in enumerate(SHOWN):
        rows = cells[cells["call"] == call]
        counts = rows["library_id"].value_counts().reindex(libraries, fill_value=0)
        by_receptor = rows["decided_by"].isin(["receptor", "both"]).groupby(rows["library_id"])
        part = by_receptor.mean().reindex(libraries, fill_value=0.0)
        for library, offset in zip(libraries, offsets, strict=True):
            if totals[library] == 0:
                continue
            # half of the calls or more
            is_filled = float(part[library]) >= 0.5
            ax.plot(
                counts[library] / totals[library],
                level + offset,
                marker="o",
                markersize=5,
                color=BLUE,
                markerfacecolor=BLUE if is_filled else "none",
                linestyle="none",
            )
    ax.set_xscale("symlog", linthresh=LINEAR_SHARE)
    ax.set_xlim(-LINEAR_SHARE / 4, 1.3)
    ax.set_yticks(range(len(SHOWN)))
    ax.set_yticklabels([call.replace("_", " ") for call in SHOWN])
    ax.set_ylim(len(SHOWN) - 0.5, -0.5)
    ax.set_xlabel(
        f"share of called T cells (n = {int(totals.sum())} cells, {_libraries(len(libraries))})\n"
        "filled: receptor decided or agreed; open: RNA alone"
    )
    return ax


def plot_quality(quality: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw barcodes and usable cells of every library; libraries that were not used are crosses.

    Parameters
    ----------
    quality : pandas.DataFrame
        the LibraryQuality table.
    """
    ax = _axes(ax)
    ordered = quality.sort_values("library_id").reset_index(drop=True)
    is_ok = (ordered["status"] == "ok").to_numpy(dtype=bool)
    place = np.arange(len(ordered))
    # one is the least a logarithmic axis can show
    barcodes = ordered["n_barcodes"].clip(lower=1).to_numpy()
    used = ordered["n_cells"].clip(lower=1).to_numpy()
    ax.vlines(place[is_ok], used[is_ok], barcodes[is_ok], color=GREY, linewidth=1)
    ax.plot(place[is_ok], barcodes[is_ok], "o", color=GREY, markerfacecolor="none")
    ax.plot(place[is_ok], used[is_ok], "o", color=BLUE)
    ax.plot(place[~is_ok], barcodes[~is_ok], "x", color=ORANGE)
    ax.set_yscale("log")
    # whole powers of ten: of one library the axis would be too short for a label
    low, high = np.log10(min(used.min(), barcodes.min())), np.log10(max(used.max(), barcodes.max()))
    ax.set_ylim(10.0 ** np.floor(low), 10.0 ** (np.floor(high) + 1))
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.set_xticks(place)
    ax.set_xlim(-0.5, len(ordered) - 0.5)
    rotation = 0 if len(ordered) <= FEW_LIBRARIES else 90
    ax.set_xticklabels(ordered["library_id"], rotation=rotation)
    ax.set_ylabel("cells")
    ax.set_title(
        f"{int(is_ok.sum())} of {_libraries(len(ordered))} used, n = "
        f"{int(ordered['n_cells'].sum())} cells\n"
        "open: barcodes; filled: usable cells; cross: not used",
        fontsize="medium",
    )
    return ax


def _libraries(n: int) -> str:
    return f"{n} library" if n == 1 else f"{n} libraries"


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    # a figure without pyplot: nothing global, and no window
    return Figure(figsize=(7, 4), layout="constrained").subplots()
