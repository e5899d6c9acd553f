"""Picture of flow cytometry against single cell, every participant a point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from itc_analysis.colours import COLOURS
from itc_analysis.stats.plots.comparisons import LABELS, new_axes, only_kind, plain_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_modalities(modalities: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw each participant's share of T by single cell against that by flow cytometry.

    Filled points are quantified by both; open triangles point down where single cell, left where
    flow cytometry is below detection, and stand at the limit. Discordant participants are orange
    and named. The line is equality; the dashed one the usual difference.

    Parameters
    ----------
    modalities : pandas.DataFrame
        rows of a `Modalities` table, one population.
    ax : Axes, optional
        where to draw; by default a new figure.

    Raises
    ------
    ValueError
        the rows belong to more than one population, or to none.
    """
    population = only_kind(modalities, ["population"], "populations")["population"]
    axes = new_axes(ax)
    flow = modalities["flow_share"].fillna(modalities["flow_limit"]).to_numpy(dtype=float)
    cells = modalities["cell_share"].fillna(modalities["cell_limit"]).to_numpy(dtype=float)
    is_odd = modalities["is_discordant"].fillna(value=False).to_numpy(dtype=bool)
    status = modalities["status"].to_numpy(dtype=object)
    flow_low = modalities["flow_limit"].notna().to_numpy(dtype=bool)
    cells_low = modalities["cell_limit"].notna().to_numpy(dtype=bool)
    kinds = (
        ("o", (status == "both")),
        ("v", (status == "one_below_lod") & cells_low),
        ("<", (status == "one_below_lod") & flow_low),
    )
    for marker, rows in kinds:
        for odd in (False, True):
            mine = rows & (is_odd == odd)
            colour = COLOURS[0] if odd else COLOURS[1]
            axes.scatter(
                flow[mine],
                cells[mine],
                s=18,
                marker=marker,
                facecolors=colour if marker == "o" else "none",
                edgecolors=colour,
            )
    for place in np.flatnonzero(is_odd):
        name = str(modalities["participant_id"].iloc[place])
        axes.annotate(name, (flow[place], cells[place]), xytext=(4, 4), textcoords="offset points")
    drawn = np.isin(status, ["both", "one_below_lod"])
    if drawn.any():
        axes.set_xscale("log")
        axes.set_yscale("log")
        ends = np.geomspace(
            min(flow[drawn].min(), cells[drawn].min()),
            max(flow[drawn].max(), cells[drawn].max()),
            50,
        )
        axes.plot(ends, ends, color="0.6", linewidth=1, zorder=0)
        usual = modalities["expected"].dropna()
        if len(usual):
            odds = np.exp(float(usual.median())) * ends / (1 - ends)
            axes.plot(ends, odds / (1 + odds), color="0.6", linewidth=1, linestyle="--", zorder=0)
        plain_ticks(axes.xaxis)
        plain_ticks(axes.yaxis)
    axes.set_xlabel(f"{LABELS['share_of_t']}, flow cytometry")
    axes.set_ylabel(f"{LABELS['share_of_t']}, single cell")
    n_both = int((status == "both").sum())
    axes.set_title(
        f"{population}: n = {n_both} by both, {int(drawn.sum()) - n_both} below detection by one"
    )
    return axes
