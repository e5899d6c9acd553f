"""Picture of all genes of one comparison: how far, and how sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from itc_analysis.colours import COLOURS
from itc_analysis.statistics.arrays import Vector
from itc_analysis.stats.plots.comparisons import new_axes, only_kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colour of a gene without a finding.
GREY = "0.7"
#: Distance of a name from its point, how far it is moved down at once, in points, and how many
#: places are tried.
GAP, STEP, MOST_STEPS = 4.0, 3.0, 30
#: Half the width of a point, in pixels.
RADIUS = 2.0
#: A p that rounds to 0 stands here, above every other.
SMALLEST = 1e-300


def plot_volcano(
    genes: pd.DataFrame, *, alpha: float = 0.05, n_named: int = 10, ax: Axes | None = None
) -> Axes:
    """Draw every tested gene of one population and comparison as a point.

    To the right are genes that the index group expresses more; higher up is surer. Coloured points
    have an adjusted p of `alpha` or below, those with the smallest p carry their names; the title
    counts people and genes.

    Parameters
    ----------
    genes : pandas.DataFrame
        rows of a `Genes` table.
    alpha : float
        false discovery rate of the coloured points.
    n_named : int
        at most so many names.
    ax : Axes, optional
        where to draw; by default a new figure.

    Raises
    ------
    ValueError
        the rows belong to more than one population and comparison, or to none.
    """
    first = only_kind(genes, ["population", "comparison"], "comparisons")
    axes = new_axes(ax)
    title = (
        f"{first['population']}, {first['comparison']} (n = {first['n_index']} / "
        f"{first['n_reference']})"
    )
    tested = genes[genes["status"] == "ok"].sort_values("p_value", kind="stable")
    if tested.empty:
        axes.set_title(f"{title}\nno gene tested")
        axes.set_axis_off()
        return axes
    x = tested["log2_fold_change"].to_numpy(dtype=float)
    y = -np.log10(np.maximum(tested["p_value"].to_numpy(dtype=float), SMALLEST))
    is_found = (tested["p_adjusted"] <= alpha).to_numpy(dtype=bool)
    colours = np.where(x > 0, COLOURS[0], COLOURS[1])
    # thousands of points without a finding: in a vector picture they are drawn as an image
    axes.scatter(x[~is_found], y[~is_found], s=9, color=GREY, linewidths=0, rasterized=True)
    axes.scatter(x[is_found], y[is_found], s=9, c=colours[is_found], linewidths=0)
    _name_points(
        axes, tested["gene"][is_found].astype(str).tolist()[:n_named], x[is_found], y[is_found]
    )
    axes.axvline(0, color="0.5", linestyle="--", linewidth=1, zorder=0)
    axes.set_xlabel("log2 fold change")
    axes.set_ylabel("-log10 p")
    axes.set_title(
        f"{title}\n{int(is_found.sum())} of {len(tested)} genes at a false discovery rate of "
        f"{alpha:g}"
    )
    return axes


def _name_points(axes: Axes, names: list[str], x: Vector, y: Vector) -> None:
    """Write names beside the first points, right or left and as low as needed to touch no point and
    no other name.
    """
    from matplotlib.transforms import Bbox

    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # the place of every point is settled
    places = axes.transData.transform(np.column_stack([x, y]))
    taken = [Bbox([place - RADIUS, place + RADIUS]) for place in places]
    for name, across, up in zip(names, x, y, strict=False):
        label = axes.annotate(
            name, (across, up), xytext=(0, 0), textcoords="offset points", fontsize="small"
        )
        for step in range(MOST_STEPS):
            is_left = bool(step % 2)
            label.set_horizontalalignment("right" if is_left else "left")
            label.set_position((-GAP if is_left else GAP, GAP - STEP * (step // 2)))
            box = label.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)
