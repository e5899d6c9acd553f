"""Bridge controls: was a batch like the others, and may it be corrected?

The same material is stained in every batch. Its numbers are charted as Levey and Jennings did
(1950, doi:10.1093/ajcp/20.11_ts.1059): each run against mean and standard deviation of the others.
A correction is refused where batch and group cannot be told apart, for it would remove the effect
that is looked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from itc_analysis.errors import Fault, ItcError
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.contingency import HIGH_CRAMERS_V, cramers_v

if TYPE_CHECKING:
    from matplotlib.axes import Axes


KEY = ["assay", "population", "measure", "feature"]
#: Levey and Jennings: beyond 2 standard deviations a run is watched, beyond 3 it is out of control.
_WARNING, _OUT = 2.0, 3.0
#: Fewer other runs give no standard deviation.
_MIN_OTHERS = 3
#: A share is kept this far from 0 and 1 before its logit is taken.
_CLOSEST = 1e-6
#: Colour-blind-safe (Okabe and Ito 2008).
_COLOURS = {"in": "#0072B2", "warning": "#E69F00", "out": "#D55E00", "too_few": "#999999"}


def chart_bridge(measurements: pd.DataFrame) -> pd.DataFrame:
    """Return every run of the bridge control against the other runs.

    Parameters
    ----------
    measurements : pandas.DataFrame
        `Measurements`; rows without participant are bridge controls, those without a number are
        passed over.

    Returns
    -------
    pandas.DataFrame
        One row per run and number, sorted: assay, population, measure, feature, batch, source_id,
        value; scaled (logit of shares, log of counts, else the value), centre and sd of the other
        runs on that scale (the sd never below what counting explains), lower and upper (centre -+ 3
        sd, in the value's unit), z, and verdict: in, warning (beyond 2 sd), out (beyond 3) or
        too_few (fewer than 3 other runs).
    """
    runs = measurements[measurements["participant_id"].isna() & (measurements["status"] == "ok")]
    runs = runs.sort_values([*KEY, "batch", "source_id"]).reset_index(drop=True)
    charts = [_chart(rows) for _, rows in runs.groupby(KEY, sort=True)]
    columns = [*KEY, "batch", "source_id", "value", "scaled", "centre", "sd", "lower", "upper", "z",
               "verdict"]  # fmt: skip
    return (
        pd.concat(charts, ignore_index=True)[columns] if charts else pd.DataFrame(columns=columns)
    )


def refuse_confounded(counts: pd.DataFrame, *, source: str = "batches") -> None:
    """Refuse the correction of batches that cannot be told apart from groups.

    Parameters
    ----------
    counts : pandas.DataFrame
        people, batches as rows and groups as columns (`cohort.design.batch_by_group`).
    source : str
        panel, for the message.

    Raises
    ------
    ItcError
        a batch holds one group only, or batch and group go together (bias-corrected Cramér's V of
        0.3 or more, Cohen's medium effect).
    """
    faults = [
        Fault(
            f"batch '{batch}'",
            f"it holds only the group '{row.index[row > 0][0]}'",
            "a correction would remove the difference that is looked for; leave the batch "
            "uncorrected",
        )
        for batch, row in counts.iterrows()
        if len(row) > 1 and int((row > 0).sum()) == 1
    ]
    association = cramers_v(counts)
    if association >= HIGH_CRAMERS_V:
        what = f"batch and group go together (Cramér's V {association:.2f})"
        faults.append(Fault("", what, "compare within batches instead of correcting them"))
    if faults:
        raise ItcError(source, faults)


def plot_levey_jennings(
    chart: pd.DataFrame,
    *,
    population: str,
    measure: str,
    feature: str = "-",
    ax: Axes | None = None,
) -> Axes:
    """Draw the runs of one number, batch by batch, with the limits that the other runs give.

    Look for runs beyond their bar, and for several in a row on one side: a lot or a laser has
    changed.

    Parameters
    ----------
    chart : pandas.DataFrame
        of `chart_bridge`.
    population, measure, feature : str
        which number.
    ax : Axes, optional
        axes to draw on; new ones when left out.
    """
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(5, 3))
    wanted = (
        (chart["population"] == population)
        & (chart["measure"] == measure)
        & (chart["feature"] == feature)
    )
    rows = chart[wanted].reset_index(drop=True)
    for i, row in enumerate(rows.to_dict("records")):
        if np.isfinite(row["lower"]):
            ax.plot([i, i], [row["lower"], row["upper"]], color="#BBBBBB", linewidth=6, zorder=1)
    for verdict, own in rows.groupby("verdict", sort=True):
        label = f"{str(verdict).replace('_', ' ')} (n = {len(own)})"
        ax.scatter(own.index, own["value"], color=_COLOURS[str(verdict)], label=label, zorder=2)
    ax.set_xticks(range(len(rows)), list(rows["batch"]), rotation=90, fontsize=7)
    ax.set_ylabel(measure.replace("_", " "))
    ax.set_title(
        f"bridge control: {population}" + ("" if feature == "-" else f", {feature}"), fontsize=9
    )
    if len(rows):
        ax.legend(fontsize=7)
    return ax


def _chart(rows: pd.DataFrame) -> pd.DataFrame:
    scaled, error = _scaled(rows), rows["standard_error"].to_numpy(dtype=float, na_value=np.nan)
    n = len(rows)
    centre, sd = np.full(n, np.nan), np.full(n, np.nan)
    for i in range(n):
        others = np.delete(scaled, i)
        if len(others) >= _MIN_OTHERS:
            centre[i] = others.mean()
            # A new run scatters around a mean that is itself known from few runs only.
            spread = others.std(ddof=1) * np.sqrt(1 + 1 / len(others))
            sd[i] = np.fmax(spread, error[i])
    z = np.divide(scaled - centre, sd, out=np.full(n, np.nan), where=sd > 0)
    z[(sd == 0) & (scaled == centre)] = 0
    away = np.abs(z)
    verdict = np.select(
        [np.isnan(z), away > _OUT, away > _WARNING], ["too_few", "out", "warning"], "in"
    )
    return rows.assign(
        scaled=scaled, centre=centre, sd=sd, z=z,
        lower=_unscaled(centre - _OUT * sd, rows["measure"]),
        upper=_unscaled(centre + _OUT * sd, rows["measure"]),
        verdict=pd.array(verdict, dtype="string"),
    )  # fmt: skip


def _scaled(rows: pd.DataFrame) -> FloatArray:
    value = rows["value"].to_numpy(dtype=float, na_value=np.nan)
    share = np.clip(value, _CLOSEST, 1 - _CLOSEST)
    is_share = rows["measure"].isin(["share_of_t", "share_positive"]).to_numpy()
    is_count = (rows["measure"] == "cells_per_ul").to_numpy()
    logs = np.log(np.maximum(value, _CLOSEST))
    return np.where(is_share, np.log(share / (1 - share)), np.where(is_count, logs, value))


def _unscaled(scaled: FloatArray, measure: pd.Series) -> FloatArray:
    is_share = measure.isin(["share_of_t", "share_positive"]).to_numpy()
    is_count = (measure == "cells_per_ul").to_numpy()
    share = special.expit(np.where(is_share, scaled, 0))
    count = np.exp(np.where(is_count, scaled, 0))
    result = np.where(is_share, share, np.where(is_count, count, scaled))
    return np.where(np.isnan(scaled), np.nan, result)
