"""Picture of a composition: how many times as many cells of each part for one of the reference
part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from itc_analysis.stats.plots.comparisons import (
    draw_intervals,
    new_axes,
    only_kind,
)
from itc_analysis.tables.stats.compositions import JOINT

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_composition(compositions: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how many times as many cells of each part there are for one of the reference part, with
    intervals.

    The title holds the joint p, which asks whether the composition differs at all.

    Parameters
    ----------
    compositions : pandas.DataFrame
        rows of a `Compositions` table, one composition and comparison.
    ax : Axes, optional
        where to draw; by default a new figure.

    Raises
    ------
    ValueError
        the rows belong to more than one composition and comparison, or to none.
    """
    first = only_kind(compositions, ["composition", "comparison"], "compositions")
    axes = new_axes(ax)
    parts = compositions[compositions["part"] != JOINT]
    n = f"n = {first['n_index']} / {first['n_reference']}"
    numbers = parts[["estimate", "lower", "upper"]].to_numpy(dtype=float)
    draw_intervals(axes, numbers, [f"{part} ({n})" for part in parts["part"]], is_ratio=True)
    axes.set_xlabel(f"ratio of cells per {first['reference_part']}")
    joint = compositions.loc[compositions["part"] == JOINT, "p_value"]
    said = f"joint p {joint.iloc[0]:.2g}" if joint.notna().any() else "no joint test"
    axes.set_title(f"{first['composition']}, {first['comparison']}: {said}")
    return axes
