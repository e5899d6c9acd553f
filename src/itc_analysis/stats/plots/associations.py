"""A picture of associations: all of a group as a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from itc_analysis.colours import COLOURS
from itc_analysis.stats.plots.comparisons import LABELS, new_axes, only_kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colour of what could not be estimated.
GREY = "0.85"
#: Effects beyond this many SDs have the strongest colour.
STRONGEST_SD = 1.0
#: Adjusted p of this or less is marked.
ALPHA = 0.05


def plot_association_map(associations: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw every association of a group as a square: orange rises with the variable, blue falls,
    per SD of both.

    A dot marks an adjusted p of 0.05 or less, grey is not estimable.

    Parameters
    ----------
    associations : pandas.DataFrame
        rows of an `Associations` table, one group.
    ax : Axes, optional
        where to draw; by default a new figure.

    Raises
    ------
    ValueError
        the rows belong to more than one group, or to none.
    """
    from matplotlib.colors import LinearSegmentedColormap

    group = only_kind(associations, ["group"], "groups")["group"]
    rows = associations.assign(
        row=associations["variable"] + " " + associations["contrast"],
        column=[_endpoint(row) for _, row in associations.iterrows()],
    )
    down, across = (list(dict.fromkeys(rows[name])) for name in ("row", "column"))
    size, adjusted = (
        rows.pivot_table(index="row", columns="column", values=name, aggfunc="first", dropna=False)
        .reindex(index=down, columns=across)
        .to_numpy(dtype=float)
        for name in ("effect_size", "p_adjusted")
    )
    axes = new_axes(ax)
    ends = [COLOURS[1], "white", COLOURS[0]]
    colours = LinearSegmentedColormap.from_list("falls and rises", ends).with_extremes(bad=GREY)
    image = axes.imshow(
        np.ma.masked_invalid(size),
        cmap=colours,
        vmin=-STRONGEST_SD,
        vmax=STRONGEST_SD,
        aspect="auto",
    )
    place_y, place_x = np.nonzero(adjusted <= ALPHA)
    axes.scatter(place_x, place_y, s=14, color="black")
    axes.set_xticks(range(len(across)), across, rotation=90)
    axes.set_yticks(range(len(down)), down)
    n = int(associations["n_analysed"].max())
    axes.set_title(f"{group}: n = {n} analysed; dot: adjusted p ≤ {ALPHA:g}, grey: not estimable")
    axes.figure.colorbar(image, ax=axes, label="SD of the measure per SD of the variable")
    return axes


def _endpoint(row: pd.Series) -> str:
    feature = "" if row["feature"] == "-" else f"{row['feature']} "
    return f"{row['population']} {feature}{LABELS[row['measure']]}"
