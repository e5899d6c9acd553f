"""A gate as a figure, from the tables alone; and which tubes to look at first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from itc_analysis.flow.pictures.gate_drawing import (
    Drawing,
    ParentDensity,
    draw_gate,
    free_ticks,
    gates_of_tubes,
    view_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colour-blind-safe (Okabe and Ito 2008): warm where a tube did not decide by itself.
STATE_COLOURS = {
    "ok": "#009E73",
    "pooled": "#0072B2",
    "borrowed": "#D55E00",
    "control": "#CC79A7",
    "ambiguous": "#F0E442",
    "weak": "#E69F00",
    "manual": "#000000",
    "not_estimable": "#A00000",
}
#: The worst states first.
STATE_ORDER = (
    *("not_estimable", "weak", "ambiguous", "borrowed", "control", "pooled", "manual", "ok"),
)
#: Colour maps of events inside and outside of the gate: dark where they are dense.
INSIDE_MAP, OUTSIDE_MAP = "viridis_r", "Greys"
#: Fewer events of background are as good as none, and their digits say nothing.
SMALLEST_BACKGROUND = 0.01
#: Grey up to here only, so that the gate's own events stand out.
_GREYEST = 0.6
_SIZE = 3.7  # inches


def plot_gate(
    histograms: pd.DataFrame,
    gates: pd.DataFrame,
    counts: pd.DataFrame,
    *,
    file_id: str,
    population: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw the parent's density with the gate, two standard errors of its cut, state and counts.

    Events inside the gate are coloured, the others grey. Look whether the line lies in the valley:
    a cut through a peak is wrong whatever the numbers say. A population that combines others is
    drawn where those were cut.

    Parameters
    ----------
    histograms, gates, counts : pandas.DataFrame
        tables of the flow room (`Histograms`, `Gates`, `Counts`).
    file_id, population : str
        which gate.
    ax : Axes, optional
        axes to draw on; new ones otherwise.

    Raises
    ------
    ValueError
        the tables hold no view of this gate.
    """
    histograms = histograms[histograms["source_id"] == file_id]
    count = counts[(counts["source_id"] == file_id) & (counts["population"] == population)]
    own = gates_of_tubes(gates[gates["file_id"] == file_id]).get(file_id, {})
    shown = view_name(population, own, set(histograms["population"])) if population in own else None
    if shown is None or count.empty:
        msg = f"no view of '{population}' in tube '{file_id}'"
        raise ValueError(msg)
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.figure(figsize=(_SIZE, _SIZE), layout="constrained").add_subplot()
    view = histograms.set_index("population").loc[shown]
    _draw(ax, draw_gate(population, own, {str(name): view[name] for name in view.index}))
    state = own[population].state
    ax.set_title(f"{file_id}\n{population}: {told(state, count.iloc[0])}", fontsize=8)
    return ax


def worst_first(gates: pd.DataFrame) -> list[str]:
    """Return the tubes of one population's gates: by state, then by how far the cut was moved.

    Parameters
    ----------
    gates : pandas.DataFrame
        rows of `Gates` of one population, or of the gates that it combines: the worst of a tube
        counts.
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
    return list(dict.fromkeys(ordered["file_id"]))


def told(state: str, count: pd.Series) -> str:
    """Return a gate's state and counts in words.

    Parameters
    ----------
    count : pandas.Series
        its row of `Counts`.
    """
    state = state.replace("_", " ")
    if pd.isna(count["n_events"]):
        return f"{state}, not counted"
    text = f"{state}, n = {int(count['n_events']):,} of {int(count['n_parent']):,}"
    if pd.isna(count["n_background"]):
        return text
    return f"{text}, background {background_text(float(count['n_background']))}"


def background_text(n_background: float) -> str:
    """Return a number of background events as people read it: none, "<0.01", or three digits."""
    if n_background == 0:
        return "0"
    return "<0.01" if n_background < SMALLEST_BACKGROUND else f"{n_background:.3g}"


def _draw(ax: Axes, drawing: Drawing) -> None:
    density = drawing.density
    (x_low, x_high), *rest = density.spans
    inside = np.ones(density.counts.shape, bool) if drawing.inside is None else drawing.inside
    if rest:
        _draw_bins(ax, density, inside)
        ax.set_ylim(*rest[0])
        _set_ticks(ax, density, 1)
    else:
        edges = np.linspace(x_low, x_high, density.counts.size + 1)
        ax.stairs(np.where(inside, 0, density.counts), edges, fill=True, color="0.75")
        ax.stairs(np.where(inside, density.counts, 0), edges, fill=True, color="#31688e")
        ax.set_yscale("symlog", linthresh=10)
        ax.set_ylabel("events", fontsize=7)
    ax.set_xlim(x_low, x_high)
    _set_ticks(ax, density, 0)
    for line in drawing.lines:
        along, across = (ax.axvline, ax.axvspan) if line.axis == 0 else (ax.axhline, ax.axhspan)
        colour = STATE_COLOURS[line.state]
        along(line.at, color=colour, linewidth=1.2)
        if line.reach is not None:
            across(line.at - line.reach, line.at + line.reach, color=colour, alpha=0.2, lw=0)
        if line.own is not None and line.own != line.at:
            along(line.own, color="0.2", linewidth=0.9, linestyle=":")
    for outline in drawing.outlines:
        colour = STATE_COLOURS[outline.state]
        ax.plot(*outline.corners.T, color=colour, linewidth=1.2, scalex=False, scaley=False)


def _draw_bins(ax: Axes, density: ParentDensity, inside: np.ndarray) -> None:
    # the logarithm lets 10 events be seen beside 10,000; empty bins stay white
    shown = np.log10(np.maximum(density.counts, 1)) + 1
    for chosen, colours, darkest in ((inside, INSIDE_MAP, 1.0), (~inside, OUTSIDE_MAP, _GREYEST)):
        masked = np.ma.masked_where(~chosen | (density.counts == 0), shown)
        ax.imshow(
            masked.T,
            origin="lower",
            extent=(*density.spans[0], *density.spans[1]),
            aspect="auto",
            cmap=colours,
            vmin=0,
            vmax=shown.max() / darkest,
            interpolation="nearest",
        )


def _set_ticks(ax: Axes, density: ParentDensity, axis: int) -> None:
    free = free_ticks(density.ticks[axis], density.spans[axis])
    places, labels = [at for at, _ in free], [label for _, label in free]
    if axis == 0:
        ax.set_xticks(places, labels, fontsize=7)
        ax.set_xlabel(density.markers[0], fontsize=7)
    else:
        ax.set_yticks(places, labels, fontsize=7)
        ax.set_ylabel(density.markers[1], fontsize=7)
