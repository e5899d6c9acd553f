"""Automatic against human gates as figures: counts, and their differences after Bland and
Altman.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from itc_analysis.flow.pictures.plots import STATE_COLOURS
from itc_analysis.statistics.agreement import concordance_correlation, limits_of_agreement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

#: Counts below this are drawn on a linear scale, so that 0 has a place.
_LINEAR = 10
#: Tubes named in the picture: those that agree least.
_NAMED = 3
_SIZE = 4.0  # inches


def plot_concordance(concordance: pd.DataFrame, population: str, *, ax: Axes | None = None) -> Axes:
    """Draw automatic against human counts of a population, one point per tube.

    Points on the line agree; the colour says how the automatic gate was found, and the tubes that
    agree least event by event are named.

    Parameters
    ----------
    concordance : pandas.DataFrame
        `Concordance`.

    Raises
    ------
    ValueError
        the table holds no tube of the population that both have gated.
    """
    own = _of(concordance, population)
    ax = _axes(ax)
    ends = [
        own[["n_human", "n_automatic"]].min().min(),
        own[["n_human", "n_automatic"]].max().max(),
    ]
    ax.plot(ends, ends, color="0.6", linewidth=0.8)
    _points(ax, own, "n_human", "n_automatic")
    ax.set_xscale("symlog", linthresh=_LINEAR)
    ax.set_yscale("symlog", linthresh=_LINEAR)
    _mark_counts(ax.xaxis)
    _mark_counts(ax.yaxis)
    ax.set_xlabel("events, human gate")
    ax.set_ylabel("events, automatic gate")
    ax.legend(fontsize=7, frameon=False)
    ccc = concordance_correlation(own["n_human"], own["n_automatic"])
    ax.set_title(
        f"{population}: n = {len(own)} tubes, CCC {ccc:.3f}, median F1 {own['f1'].median():.2f}",
        fontsize=9,
    )
    return ax


def plot_differences(concordance: pd.DataFrame, population: str, *, ax: Axes | None = None) -> Axes:
    """Draw the difference of both counts against their mean, with Bland and Altman's limits.

    A slope of the points means that one gate takes more the more there is; the dashed lines enclose
    about 95 % of tubes.

    Parameters
    ----------
    concordance : pandas.DataFrame
        `Concordance`.

    Raises
    ------
    ValueError
        the table holds no tube of the population that both have gated.
    """
    own = _of(concordance, population)
    own = own.assign(
        middle=(own["n_automatic"] + own["n_human"]) / 2,
        difference=own["n_automatic"] - own["n_human"],
    )
    ax = _axes(ax)
    ax.axhline(0, color="0.8", linewidth=0.8)
    limits = limits_of_agreement(own["difference"])
    for at, style in ((limits.estimate, "-"), (limits.lower, "--"), (limits.upper, "--")):
        if not pd.isna(at):  # one tube has no limits
            ax.axhline(at, color="0.4", linewidth=0.9, linestyle=style)
            ax.annotate(
                f"{at:+.3g}", (0.01, at), xycoords=("axes fraction", "data"), ha="left", va="bottom",  # noqa: E501
                fontsize=7,
            )  # fmt: skip
    _points(ax, own, "middle", "difference")
    ax.set_xscale("symlog", linthresh=_LINEAR)
    _mark_counts(ax.xaxis)
    ax.set_xlabel("events, mean of both gates")
    ax.set_ylabel("automatic minus human, events")
    ax.set_title(f"{population}: n = {len(own)} tubes, mean and limits of agreement", fontsize=9)
    return ax


def _of(concordance: pd.DataFrame, population: str) -> pd.DataFrame:
    own = concordance[concordance["population"] == population].dropna(subset=["n_automatic"])
    if own.empty:
        msg = f"no tube has both gates of '{population}'"
        raise ValueError(msg)
    return own.astype({"n_automatic": float, "n_human": float})


def _points(ax: Axes, own: pd.DataFrame, x: str, y: str) -> None:
    for state, part in own.groupby("gate_state", sort=True):
        colour = STATE_COLOURS[str(state)]
        ax.scatter(part[x], part[y], s=18, color=colour, label=str(state).replace("_", " "))
    told = []
    worst = own.sort_values(["f1", "file_id"], kind="stable").head(_NAMED)
    for number, (_, row) in enumerate(worst.iterrows(), start=1):
        told.append(f"{number}  {row['file_id']}, F1 {row['f1']:.2f}")
        ax.annotate(
            str(number), (row[x], row[y]), xytext=(4, 4), textcoords="offset points", fontsize=7
        )
    ax.text(0.98, 0.03, "\n".join(told), transform=ax.transAxes, ha="right", fontsize=7)


def _mark_counts(axis: Axis) -> None:
    """Write 10, 20, 50, 100, ... on an axis instead of powers of ten."""
    from matplotlib.ticker import FuncFormatter, NullFormatter, SymmetricalLogLocator

    axis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=_LINEAR, subs=[1, 2, 5]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.figure(figsize=(_SIZE, _SIZE), layout="constrained").add_subplot()
