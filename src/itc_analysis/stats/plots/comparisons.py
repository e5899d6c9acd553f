"""Pictures of groups and comparisons: every participant a point, every comparison an interval."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.colours import COLOURS
from itc_analysis.stats.people.responses import KEY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

LABELS = {
    "share_of_t": "share of T cells",
    "cells_per_ul": "cells per µL",
    "share_positive": "share positive",
    "response": "share responding",
    "median_intensity": "median signal",
    "score": "score",
}
LOG_MEASURES = ("share_of_t", "cells_per_ul")
#: Half width of the cloud of points, and of the bar at the median, in units of one group.
JITTER, HALF_BAR = 0.22, 0.32
OK, BELOW_LOD = "ok", "below_lod"


def plot_group_points(
    measurements: pd.DataFrame,
    population: str | None = None,
    measure: str | None = None,
    *,
    assay: str | None = None,
    feature: str | None = None,
    groups: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw every participant of one endpoint as a point, by group.

    Open triangles are below the limit of detection and stand at their upper limit; the bar is
    the median, left out where it falls among them. n counts what is drawn.

    Parameters
    ----------
    measurements : pandas.DataFrame
        a `Measurements` table; bridge controls and rows without a number are not drawn.
    population, measure, assay, feature : str, optional
        choose rows; what is left out must be the same in all rows.
    groups : sequence of str, optional
        groups in order; by default those with a point, in alphabetical order.
    ax : Axes, optional
        where to draw; by default a new figure.

    Raises
    ------
    ValueError
        the rows belong to more than one endpoint, or to none.
    """
    chosen = {"assay": assay, "population": population, "measure": measure, "feature": feature}
    rows = measurements
    for column, word in chosen.items():
        rows = rows if word is None else rows[rows[column] == word]
    endpoints = rows[KEY].drop_duplicates()
    if len(endpoints) != 1:
        named = [" ".join(map(str, row)) for row in endpoints.head(4).itertuples(index=False)]
        msg = (
            f"the rows hold {len(endpoints)} endpoints, one can be drawn; choose among: "
            f"{', '.join(named)}"
        )
        raise ValueError(msg)
    axes = new_axes(ax)
    is_low = (rows["status"] == BELOW_LOD).to_numpy(dtype=bool)
    height = rows["value"].where(~is_low, rows["upper"]).astype(float)
    drawn = rows.assign(height=height, is_low=is_low)
    drawn = drawn[drawn["group"].notna() & drawn["status"].isin([OK, BELOW_LOD])]
    order = list(groups) if groups is not None else sorted(set(drawn["group"]))
    kind = str(endpoints["measure"].iloc[0])
    is_log = kind in LOG_MEASURES
    if is_log:  # a zero has no place on a log axis: it stands at the foot, as a triangle
        positive = drawn.loc[drawn["height"] > 0, "height"]
        foot = float(positive.min()) / 2 if len(positive) else 1.0
        at_foot = ~(drawn["height"] > 0)
        drawn = drawn.assign(
            is_low=drawn["is_low"] | at_foot, height=drawn["height"].where(~at_foot, foot)
        )
    ticks = []
    for place, group in enumerate(order):
        mine = drawn[drawn["group"] == group]
        _draw_group(axes, mine, place, COLOURS[place % len(COLOURS)])
        ticks.append(f"{group}\nn = {mine['participant_id'].nunique()}")
    axes.set_xticks(range(len(order)), ticks)
    axes.set_xlim(-0.5, len(order) - 0.5)
    if is_log:
        axes.set_yscale("log")
        plain_ticks(axes.yaxis)
    prefix = "" if endpoints["feature"].iloc[0] == "-" else f"{endpoints['feature'].iloc[0]}, "
    axes.set_ylabel(f"{endpoints['population'].iloc[0]}: {prefix}{LABELS[kind]}")
    return axes


def plot_forest(comparisons: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw estimates with their intervals, one line per comparison, the first on top.

    Ratios and odds ratios stand on a log axis with 1 marked, differences on a plain one with 0. An
    arrow is an interval without a limit on that side; a comparison that is not estimable keeps its
    line and says so.

    Parameters
    ----------
    comparisons : pandas.DataFrame
        rows of a `Comparisons` table, ratios or differences but not both.
    ax : Axes, optional
        where to draw; by default a new figure.

    Raises
    ------
    ValueError
        no row, or ratios and differences together.
    """
    is_ratio = (comparisons["estimate_kind"] != "difference").to_numpy(dtype=bool)
    if not len(comparisons) or is_ratio.any() != is_ratio.all():
        msg = "a forest plot needs rows that are all ratios or all differences"
        raise ValueError(msg)
    axes = new_axes(ax)
    endpoints = comparisons[KEY].drop_duplicates()
    labels = [
        _forest_label(row, with_endpoint=len(endpoints) > 1) for row in comparisons.itertuples()
    ]
    numbers = comparisons[["estimate", "lower", "upper"]].to_numpy(dtype=float)
    draw_intervals(axes, numbers, labels, is_ratio=bool(is_ratio.all()))
    kinds = sorted({str(kind).replace("_", " ") for kind in comparisons["estimate_kind"]})
    axes.set_xlabel(" / ".join(kinds))
    return axes


def draw_intervals(
    axes: Axes, numbers: npt.NDArray[np.float64], labels: Sequence[str], *, is_ratio: bool
) -> None:
    """Draw one line per row of `numbers` (estimate, lower, upper; shape n, 3), the first on top;
    see `plot_forest`.
    """
    null = 1.0 if is_ratio else 0.0
    if is_ratio:
        axes.set_xscale("log")
    finite = np.append(numbers[np.isfinite(numbers)], null)
    # an open side is drawn to a little beyond everything else
    low, high = float(finite.min()), float(finite.max())
    edges = (low / 1.5, high * 1.5) if is_ratio else (low - 0.2, high + 0.2)
    for place, (estimate, lower, upper) in enumerate(numbers):
        y = len(numbers) - 1 - place
        if np.isnan(lower) and np.isnan(upper):
            axes.text(null, y, "  not estimable", va="center", color="0.4")
            continue
        ends = [edges[0] if np.isnan(lower) else lower, edges[1] if np.isnan(upper) else upper]
        axes.plot(ends, [y, y], color="black", linewidth=1.4, zorder=2)
        if np.isnan(lower):
            axes.plot(ends[0], y, marker="<", color="black", zorder=3)
        if np.isnan(upper):
            axes.plot(ends[1], y, marker=">", color="black", zorder=3)
        if np.isfinite(estimate):
            axes.plot(estimate, y, marker="s", color=COLOURS[1], zorder=4)
    if is_ratio:
        plain_ticks(axes.xaxis)
    axes.axvline(null, color="0.5", linestyle="--", linewidth=1, zorder=1)
    axes.set_yticks(range(len(labels) - 1, -1, -1), labels)
    axes.set_ylim(-0.6, len(labels) - 0.4)


def new_axes(ax: Axes | None) -> Axes:
    """Return where to draw, a figure of its own when nothing is given."""
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(layout="constrained").subplots()


def plain_ticks(axis: Axis) -> None:
    """Label a log axis with plain numbers at 1, 2 and 5, which do not run into one another."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def _draw_group(axes: Axes, rows: pd.DataFrame, place: int, colour: str) -> None:
    """Draw one group: filled points, open triangles below the limit, the median as a bar."""
    shift = place + JITTER * np.array([_jitter(str(name)) for name in rows["source_id"]])
    low = rows["is_low"].to_numpy(dtype=bool)
    height = rows["height"].to_numpy(dtype=float)
    axes.scatter(shift[~low], height[~low], s=16, color=colour, alpha=0.8, linewidths=0)
    axes.scatter(
        shift[low], height[low], s=20, marker="v", facecolors="none", edgecolors=colour, alpha=0.9
    )
    if len(rows) < 2:  # a bar would hide the one point, and one person is no median
        return
    ordered = np.sort(np.where(low, -np.inf, height))
    middle = ordered[[(len(ordered) - 1) // 2, len(ordered) // 2]]
    if np.all(np.isfinite(middle)):
        median = float(middle.mean())
        axes.plot(
            [place - HALF_BAR, place + HALF_BAR],
            [median, median],
            color="black",
            linewidth=2,
            zorder=0.5,
        )


def _jitter(name: str) -> float:
    """Return a place from -1 to 1 that depends on the name alone, so that a redrawn picture is the
    same.
    """
    return zlib.crc32(name.encode()) / 2**31 - 1


def _forest_label(row: object, *, with_endpoint: bool) -> str:
    named = ""
    if with_endpoint:
        feature = "" if row.feature == "-" else f" {row.feature}"  # type: ignore[attr-defined]
        named = f"{row.population}{feature}, {LABELS[row.measure]}: "  # type: ignore[attr-defined]
    n = f"(n = {row.n_index} / {row.n_reference})"  # type: ignore[attr-defined]
    return f"{named}{row.comparison} {n}"  # type: ignore[attr-defined]


def only_kind(rows: pd.DataFrame, columns: list[str], words: str) -> pd.Series:
    """Return the first row of a table to draw; refuse rows that differ in these columns.

    Parameters
    ----------
    rows : pandas.DataFrame
        what is to be drawn.
    columns : list of str
        the same in all rows.
    words : str
        what the columns tell apart, in the plural, for the fault.

    Raises
    ------
    ValueError
        the rows hold several kinds, or none.
    """
    n = len(rows[columns].drop_duplicates())
    if n != 1:
        msg = f"the rows hold {n} {words}, one can be drawn"
        raise ValueError(msg)
    return rows.iloc[0]
