"""Are the groups alike? Every covariate as a small picture with every person, and all differences
in one.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from itc_analysis.cohort.description.design import COVARIATES, as_numbers
from itc_analysis.colours import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Standardised differences beyond this are worth adjusting for (Austin 2009, doi:10.1002/sim.3697).
NOTICEABLE = 0.1
LABELS = {
    "age_years": "age (years)",
    "sex": "sex (F above)",
    "bmi": "body mass index (kg/m²)",
    "cmv_igg": "CMV IgG (positive above)",
    "hydroxychloroquine": "hydroxychloroquine (yes above)",
    "glucocorticoid_mg_per_day": "glucocorticoid (mg/d)",
    "immunosuppressant_3_months": "immunosuppressant (yes above)",
    "biologic_6_months": "biologic (yes above)",
    "draw_to_stain_hours": "draw to staining (h)",
}
#: Half width of the cloud of points, in units of one group; of a yes/no cloud's height.
JITTER, JITTER_SHARE = 0.28, 0.18
_COLUMNS = 3
_PANEL_INCHES = (4.0, 2.8)


def plot_balance(
    people: pd.DataFrame,
    *,
    groups: Sequence[str],
    variables: Sequence[str] = COVARIATES,
    axes: Sequence[Axes] | None = None,
) -> list[Axes]:
    """Draw small multiples: one picture per covariate, every person a point, by group.

    Parameters
    ----------
    people : pandas.DataFrame
        made by `design.analysed_with_waiting`.
    groups : sequence of str
        in order.
    variables : sequence of str
        columns to draw; those that nobody has are left out.
    axes : sequence of Axes, optional
        where to draw, one for each variable that somebody has; by default a new figure.

    Returns
    -------
    list of Axes
        The axes drawn on, in the order of `variables`.
    """
    drawn = [name for name in variables if people[name].notna().any()]
    if axes is None:
        axes = _grid(len(drawn))
    return [
        plot_covariate(people, name, groups=groups, ax=ax)
        for name, ax in zip(drawn, axes, strict=True)
    ]


def plot_covariate(
    people: pd.DataFrame, variable: str, *, groups: Sequence[str], ax: Axes | None = None
) -> Axes:
    """Draw one covariate by group: points, median or share as a bar, n below (in brackets:
    missing).

    Parameters
    ----------
    people : pandas.DataFrame
        one row per person with `participant_id`, `group` and the covariate.
    variable : str
        a number, or yes/no or sex, which are drawn as two clouds with the share between.
    groups : sequence of str
        in order.
    ax : Axes, optional
        where to draw; by default a new figure.
    """
    axes = _grid(1)[0] if ax is None else ax
    is_share = people[variable].dtype != "float64"
    labels = []
    for place, group in enumerate(groups):
        rows = people[people["group"] == group]
        known = rows[rows[variable].notna()]
        values = as_numbers(known[variable])
        wobble = _wobble(known["participant_id"])
        height = values + JITTER_SHARE * wobble[:, 1] if is_share else values
        colour = COLOURS[place % len(COLOURS)]
        axes.scatter(
            place + JITTER * wobble[:, 0], height, s=14, color=colour, alpha=0.6, linewidths=0
        )
        if len(values):
            middle = values.mean() if is_share else np.median(values)
            axes.hlines(middle, place - JITTER, place + JITTER, color="black", linewidth=2)
        n_missing = len(rows) - len(known)
        missing = f"\n(+{n_missing})" if n_missing else ""
        labels.append(f"{group}\nn = {len(known)}{missing}")
    axes.set_xticks(range(len(groups)), labels, fontsize=8)
    if is_share:
        axes.set_ylim(-0.4, 1.4)
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_ylabel(LABELS.get(variable, variable.replace("_", " ")))
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def plot_differences(table: pd.DataFrame, *, groups: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw the standardised differences: one line per covariate, one mark per group.

    Parameters
    ----------
    table : pandas.DataFrame
        made by `design.balance`; differences that are NaN are not drawn.
    groups : sequence of str
        all groups of the study in order, the index group too, so that each has the colour that it
        has in every other picture; what is in the table and not among them (pooled groups) follows.
    ax : Axes, optional
        where to draw; by default a new figure.
    """
    axes = _grid(1)[0] if ax is None else ax
    variables = list(dict.fromkeys(table["variable"]))
    places = list(dict.fromkeys([*groups, *table["group"]]))
    for number, group in enumerate(places):
        rows = table[table["group"] == group]
        if rows.empty:
            continue
        known = rows[rows["standardised_difference"].notna()]
        heights = [variables.index(name) for name in known["variable"]]
        n = int(rows["n_group"].max())
        axes.scatter(
            known["standardised_difference"],
            heights,
            s=36,
            color=COLOURS[number % len(COLOURS)],
            marker="osD^vP*"[number % 7],
            label=f"{group} (n = {n})",
        )
    axes.axvspan(-NOTICEABLE, NOTICEABLE, color="0.92", zorder=0)
    axes.axvline(0, color="0.5", linewidth=1, zorder=0)
    axes.set_yticks(range(len(variables)), [LABELS.get(v, v).split(" (")[0] for v in variables])
    axes.invert_yaxis()
    axes.set_xlabel("standardised difference, index minus control")
    if len(variables):
        axes.legend(fontsize=8, frameon=False, loc="best")
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _grid(n: int) -> list[Axes]:
    # a figure without pyplot: nothing global, and no window
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, max(n, 1))
    rows = -(-max(n, 1) // columns)
    size = (_PANEL_INCHES[0] * columns, _PANEL_INCHES[1] * rows)
    figure = Figure(figsize=size, layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[n:]:
        figure.delaxes(spare)
    return axes[:n]


def _wobble(names: pd.Series) -> np.ndarray:
    """Return two numbers from -1 to 1 per person, the same in every picture and every run."""
    digests = [zlib.crc32(str(name).encode()) for name in names]
    pairs = [(digest & 0xFFFF, digest >> 16) for digest in digests]
    return 2 * np.array(pairs, dtype=float).reshape(-1, 2) / 0xFFFF - 1
