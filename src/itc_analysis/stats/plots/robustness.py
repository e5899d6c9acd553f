"""Picture of what a comparison rests on: its interval, one participant left out, fewer covariates,
another model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from itc_analysis.colours import COLOURS
from itc_analysis.stats.people.responses import KEY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Column of the diagnostics, its mark, colour and words: from the fewest covariates to another
#: model.
MARKS = (
    ("estimate_unadjusted", "o", "white", "without covariates"),
    ("estimate_core", "D", COLOURS[4], "core covariates"),
    ("estimate_full", "s", COLOURS[1], "as reported"),
    ("second_estimate", "^", COLOURS[3], "second model"),
    ("value_estimate", "v", COLOURS[2], "values, not counts"),
)
#: The estimates of one comparison stand this far apart, in lines, so that none hides another.
STEP = 0.13
#: Points: the band of estimates with one participant left out, and the interval.
BAND, LINE = 9.0, 1.3


def plot_robustness(
    comparisons: pd.DataFrame, diagnostics: pd.DataFrame, *, ax: Axes | None = None
) -> Axes:
    """Draw each comparison as one line: interval, range with one participant left out, and other
    estimates.

    The thin line is the interval, the grey band the range of the estimate when any one participant
    is left out. A comparison without an estimate keeps its line: its one limit is drawn as an
    arrow.

    Parameters
    ----------
    comparisons : pandas.DataFrame
        rows of a `Comparisons` table, all ratios or all differences; `label` names the line.
    diagnostics : pandas.DataFrame
        the `Diagnostics` of these rows; a comparison without them has its interval only.
    ax : Axes, optional
        where to draw; by default a new figure.

    Raises
    ------
    ValueError
        no row, or ratios and differences together.
    """
    is_ratio = comparisons["estimate_kind"] != "difference"
    if not len(comparisons) or is_ratio.any() != is_ratio.all():
        msg = "a picture of robustness needs rows that are all ratios or all differences"
        raise ValueError(msg)
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(layout="constrained").subplots()
    keys = ["comparison", *KEY]
    beside = [column for column, *_ in MARKS] + ["one_out_lowest", "one_out_highest"]
    rows = comparisons.drop(columns=beside, errors="ignore").merge(
        diagnostics[[*keys, *beside]], on=keys, how="left"
    )
    null = 1.0 if is_ratio.all() else 0.0
    if is_ratio.all():
        ax.set_xscale("log")
    ax.axvline(null, color="0.5", linestyle="--", linewidth=1, zorder=1)
    limits = rows[["lower", "upper"]].to_numpy(dtype=float)
    left_out = rows[["one_out_lowest", "one_out_highest"]].to_numpy(dtype=float)
    estimates = rows[[column for column, *_ in MARKS]].to_numpy(dtype=float)
    numbers = np.hstack([limits, left_out, estimates])
    finite = np.append(numbers[np.isfinite(numbers)], null)
    # an open side is drawn to a little beyond everything else
    low, high = float(finite.min()), float(finite.max())
    edges = (low / 1.5, high * 1.5) if is_ratio.all() else (low - 0.2, high + 0.2)
    n = len(rows)
    for place in range(n):
        y = n - 1 - place
        is_open = np.isnan(limits[place])
        if is_open.all():
            ax.text(null, y, "  not estimable", va="center", color="0.4")
            continue
        ends = np.where(is_open, edges, limits[place])
        ax.plot(left_out[place], [y, y], color="0.8", linewidth=BAND, solid_capstyle="butt", zorder=1.5)  # fmt: skip  # noqa: E501
        ax.plot(ends, [y, y], color="black", linewidth=LINE, zorder=2)
        for end, arrow in zip(ends[is_open], np.array(["<", ">"])[is_open], strict=True):
            ax.plot(end, y, marker=arrow, color="black", zorder=3)
        for step, (_, mark, colour, _) in enumerate(MARKS):
            height = y + STEP * ((len(MARKS) - 1) / 2 - step)
            ax.plot(estimates[place, step], height, marker=mark, markersize=5, color=colour,
                    markeredgecolor="black", markeredgewidth=0.8, linestyle="none", zorder=4)  # fmt: skip  # noqa: E501
    ax.set_yticks(range(n - 1, -1, -1), list(comparisons["label"]))
    ax.set_ylim(-0.7, n - 0.3)
    ax.set_xlabel(
        " / ".join(sorted({str(k).replace("_", " ") for k in comparisons["estimate_kind"]}))
    )
    return ax


def legend_marks() -> list[object]:
    """Return what a legend of the picture shows, in the order of the marks."""
    from matplotlib.lines import Line2D

    marks: list[object] = [
        Line2D([], [], marker=mark, color=colour, markeredgecolor="black", markeredgewidth=0.8,
               markersize=5, linestyle="none", label=words)
        for _, mark, colour, words in MARKS
    ]  # fmt: skip
    marks.append(Line2D([], [], color="black", linewidth=LINE, label="interval"))
    marks.append(Line2D([], [], color="0.8", linewidth=BAND, label="one person left out"))
    return marks
