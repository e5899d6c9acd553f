"""One picture per tube over time: flow rate, signals, and what was left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colour-blind-safe (Okabe and Ito 2008).
_KEPT, _REMOVED, _SIGNAL = "#0072B2", "#D55E00", "#009E73"

#: Steps whose flow rate is drawn together.
_STEPS_TOGETHER = 9


def plot_quality_over_time(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the flow rate of every stretch of the acquisition, and how far the signals lie off.

    Look for stretches in orange at places where nothing happens: they should not have gone; and for
    steps or slopes in blue and green that were kept: they should have.

    Parameters
    ----------
    table : pandas.DataFrame
        one tube, columns of `acquisition.timeline_table`.
    ax : Axes, optional
        axes to draw on; new ones when left out.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(7, 3), layout="constrained")
    # The clock ticks: only several steps together last many ticks.
    between = (1 / table["events_per_second"]).rolling(_STEPS_TOGETHER, center=True, min_periods=1)
    rate = 1 / between.mean()
    removed = (table["share_removed"] > 0).to_numpy()
    for mask, colour, name in ((~removed, _KEPT, "kept"), (removed, _REMOVED, "left out in part")):
        n_events = int(table.loc[mask, "n_events"].sum())
        label = f"{name}: {int(mask.sum())} stretches, {n_events} events"
        ax.plot(
            table.loc[mask, "start"], rate[mask],
            ".", color=colour, markersize=3, label=label,
        )  # fmt: skip
    ax.set_xlabel("time (s)")
    ax.set_ylabel("events per second")
    ax.set_ylim(bottom=0)
    share = float((table["share_removed"] * table["n_events"]).sum() / table["n_events"].sum())
    worst = table.loc[table["deviation"].idxmax()]
    ax.set_title(f"{share:.1%} left out; largest deviation: {worst['channel']}", fontsize=9)
    signal = ax.twinx()
    signal.plot(table["start"], table["deviation"], color=_SIGNAL, linewidth=0.8)
    signal.set_ylabel("signal: robust SDs from median", color=_SIGNAL)
    signal.set_ylim(bottom=0)
    # Below the picture: inside, the twin axes' line would cross it.
    ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, frameon=False)
    return ax
