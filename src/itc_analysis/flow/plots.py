"""Gate plots from the tables alone: a population in one tube, or in all tubes, worst first."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from itc_analysis.flow.gating.geometry import (
    AllAbove,
    Combination,
    Ellipse,
    Geometry,
    Polygon,
    Rectangle,
    Threshold,
    from_json,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colour-blind-safe (Okabe and Ito 2008): vermilion where a tube did not decide by itself.
STATE_COLOURS = {
    "ok": "#009E73",
    "pooled": "#0072B2",
    "borrowed": "#D55E00",
    "control": "#CC79A7",
    "manual": "#000000",
    "not_estimable": "#D55E00",
}
#: The worst states first.
STATE_ORDER = ("not_estimable", "borrowed", "control", "pooled", "manual", "ok")
#: The band around a cut, in standard errors.
BAND = 2
#: Fewer events of background are as good as none, and their digits say nothing.
SMALLEST_BACKGROUND = 0.01
#: Corners of a drawn ellipse.
_N_CORNERS = 120
#: Where an open side of a rectangle is drawn: far outside every view, transformed units.
_OUTSIDE = 10.0
#: Inches per small multiple, and how many stand in a row.
_SIZE, _PER_ROW = 2.3, 5


def plot_gate(
    views: pd.DataFrame,
    gates: pd.DataFrame,
    counts: pd.DataFrame,
    *,
    file_id: str,
    population: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw the parent's density with the gate, two standard errors of its cut, state and counts.

    Look whether the line lies in the valley: a cut through a peak is wrong whatever the numbers say.

    Parameters
    ----------
    views, gates, counts : tables of the flow room (`Views`, `Gates`, `Counts`).
    file_id, population : which gate.
    ax : axes to draw on; new ones otherwise.

    Raises
    ------
    ValueError : the tables hold no view of this gate.
    """
    view = views[(views["source_id"] == file_id) & (views["population"] == population)]
    gate = gates[(gates["file_id"] == file_id) & (gates["population"] == population)]
    count = counts[(counts["source_id"] == file_id) & (counts["population"] == population)]
    if view.empty or gate.empty or count.empty:
        msg = f"no view of '{population}' in tube '{file_id}'"
        raise ValueError(msg)
    if ax is None:
        ax = plt.figure(figsize=(_SIZE * 1.6, _SIZE * 1.6), layout="constrained").add_subplot()
    _draw_density(ax, view.iloc[0])
    _draw_gate(ax, gate.iloc[0], markers=_markers(view.iloc[0]))
    ax.set_title(_title(file_id, population, gate.iloc[0], count.iloc[0]), fontsize=8)
    return ax


def plot_gate_overview(
    views: pd.DataFrame,
    gates: pd.DataFrame,
    counts: pd.DataFrame,
    population: str,
    *,
    max_tubes: int | None = None,
    fig: Figure | None = None,
) -> Figure:
    """Draw a population's gate in every tube, the worst judged ones first.

    Parameters
    ----------
    views, gates, counts : tables of the flow room (`Views`, `Gates`, `Counts`).
    population : which gate.
    max_tubes : draw only so many; None for all.
    fig : figure to draw on; a new one otherwise.

    Raises
    ------
    ValueError : no tube has a view of this gate.
    """
    order = worst_first(gates[gates["population"] == population])
    seen = set(views.loc[views["population"] == population, "source_id"])
    tubes = [file_id for file_id in order if file_id in seen]
    if not tubes:
        msg = f"no tube has a view of '{population}'"
        raise ValueError(msg)
    shown = tubes if max_tubes is None else tubes[:max_tubes]
    n_columns = min(_PER_ROW, len(shown))
    n_rows = math.ceil(len(shown) / n_columns)
    if fig is None:
        fig = plt.figure(figsize=(_SIZE * n_columns, _SIZE * 1.2 * n_rows), layout="constrained")
    for number, file_id in enumerate(shown, start=1):
        ax = fig.add_subplot(n_rows, n_columns, number)
        plot_gate(views, gates, counts, file_id=file_id, population=population, ax=ax)
        ax.tick_params(labelsize=6)
        ax.set_title(ax.get_title(), fontsize=6)
    of_all = f"{len(shown)} of {len(tubes)}" if len(shown) < len(tubes) else f"{len(tubes)}"
    fig.suptitle(f"{population}: {of_all} tubes, worst judged first", fontsize=9)
    return fig


def worst_first(gates: pd.DataFrame) -> list[str]:
    """Return the tubes of one population's gates: by state, then by how far the cut was moved.

    Parameters
    ----------
    gates : rows of `Gates` of one population.
    """
    table = pd.DataFrame(
        {
            "file_id": gates["file_id"].astype(str),
            "rank": gates["state"].map({s: i for i, s in enumerate(STATE_ORDER)}).astype(int),
            "moved": -(gates["cut"] - gates["cut_tube"]).abs().fillna(0.0),
            "quality": gates["quality"].fillna(0.0),
        }
    )
    ordered = table.sort_values(["rank", "moved", "quality", "file_id"], kind="stable")
    return list(ordered["file_id"])


def background_text(n_background: float) -> str:
    """Return a number of background events as people read it: none, "<0.01", or three digits."""
    if n_background == 0:
        return "0"
    return "<0.01" if n_background < SMALLEST_BACKGROUND else f"{n_background:.3g}"


def _markers(view: pd.Series) -> tuple[str, ...]:
    y = view["marker_y"]
    return (str(view["marker_x"]),) if pd.isna(y) else (str(view["marker_x"]), str(y))


def _draw_density(ax: Axes, view: pd.Series) -> None:
    content: dict[str, Any] = json.loads(str(view["histogram"]))
    x_low, x_high = content["x_edges"]
    markers = _markers(view)
    if len(markers) > 1:
        y_low, y_high = content["y_edges"]
        density = np.array(content["counts"], dtype=float).reshape(content["n_x"], content["n_y"])
        # the logarithm lets 10 events be seen beside 10,000; empty bins stay white
        shown = np.ma.masked_equal(density.T, 0)
        ax.imshow(
            np.ma.log10(shown) + 1,
            origin="lower",
            extent=(x_low, x_high, y_low, y_high),
            aspect="auto",
            cmap="viridis_r",
            vmin=0,
            interpolation="nearest",
        )
        ax.set_ylabel(markers[1], fontsize=7)
    else:
        counts = np.array(content["counts"], dtype=float)
        edges = np.linspace(x_low, x_high, content["n_x"] + 1)
        ax.stairs(counts, edges, fill=True, color="0.75")
        ax.set_yscale("symlog", linthresh=10)
        ax.set_xlim(x_low, x_high)
        ax.set_ylabel("events", fontsize=7)
    ax.set_xlabel(markers[0], fontsize=7)


def _draw_gate(ax: Axes, gate: pd.Series, *, markers: tuple[str, ...]) -> None:
    if pd.isna(gate["geometry"]):
        return
    geometry: Geometry = from_json(str(gate["geometry"]))
    colour = STATE_COLOURS[str(gate["state"])]
    if isinstance(geometry, Combination):
        return
    if isinstance(geometry, (Threshold, AllAbove)):
        ax.axvline(geometry.cut, color=colour, linewidth=1.2)
        if isinstance(geometry, AllAbove) and len(markers) > 1:
            ax.axhline(geometry.cut, color=colour, linewidth=1.2)
        if not pd.isna(gate["cut_se"]):
            reach = BAND * float(gate["cut_se"])
            ax.axvspan(geometry.cut - reach, geometry.cut + reach, color=colour, alpha=0.15, lw=0)
        if not pd.isna(gate["cut_tube"]):
            ax.axvline(float(gate["cut_tube"]), color="0.3", linewidth=0.8, linestyle=":")
        return
    if tuple(geometry.markers) != markers:
        return  # drawn by a person on other markers than the view shows
    limits = (ax.get_xlim(), ax.get_ylim())
    corners = _corners(geometry)
    ax.plot(corners[:, 0], corners[:, 1], color=colour, linewidth=1.2)
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])


def _corners(geometry: Rectangle | Polygon | Ellipse) -> np.ndarray:
    if isinstance(geometry, Rectangle):
        (left, bottom), (right, top) = (
            [outside if bound is None else bound for bound in bounds]
            for bounds, outside in ((geometry.lowest, -_OUTSIDE), (geometry.highest, _OUTSIDE))
        )
        return np.array(
            [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
        )
    if isinstance(geometry, Polygon):
        return np.array([*geometry.vertices, geometry.vertices[0]])
    angle = np.linspace(0, 2 * np.pi, _N_CORNERS)
    circle = np.stack([np.cos(angle), np.sin(angle)]) * math.sqrt(geometry.distance_square)
    root = np.linalg.cholesky(np.array(geometry.covariance))
    return (np.array(geometry.centre)[:, None] + root @ circle).T


def _title(file_id: str, population: str, gate: pd.Series, count: pd.Series) -> str:
    if pd.isna(count["n_events"]):
        return f"{file_id}\n{population}: {gate['state']}"
    background = ""
    if not pd.isna(count["n_background"]):
        background = f", background {background_text(float(count['n_background']))}"
    return (
        f"{file_id}\n{population}: {gate['state']}, n = {int(count['n_events']):,} of "
        f"{int(count['n_parent']):,}{background}"
    )
