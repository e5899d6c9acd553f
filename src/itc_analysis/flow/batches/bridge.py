"""Bridge controls: was a batch like the others, and may it be corrected?

The same material is stained in every batch. Its numbers are charted as Levey and Jennings did
(1950, doi:10.1093/ajcp/20.11_ts.1059): each run against mean and standard deviation of the others.
A correction is refused where batch and group cannot be told apart, for it would remove the effect
that is looked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from itc_analysis.errors import Fault, ItcError
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.contingency import HIGH_CRAMERS_V, cramers_v
from itc_analysis.statistics.half_cell import HALF_CELL, log_rate, log_ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes


KEY = ["assay", "population", "measure", "feature"]
#: Levey and Jennings: beyond 2 standard deviations a run is watched, beyond 3 it is out of control.
_WARNING, _OUT = 2.0, 3.0
#: Fewer other runs give no standard deviation.
_MIN_OTHERS = 3
#: A share of which the cells are not known is kept this far from 0 and 1 before its logit is taken.
_CLOSEST = 1e-6
#: Measures that are shares of counted cells.
_SHARES = ("share_of_t", "share_positive", "response")
#: Unit of intensities, and of iMFI.
_INTENSITY = "instrument units"
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
        value; scaled (logit of shares, log of counts and of intensities above 0, else the value),
        centre and sd of the other runs on that scale (the sd never below what the standard errors
        of the run and of the others explain), lower and upper (centre -+ 3 sd, in the value's unit
        and within what is possible), z, and verdict: in, warning (beyond 2 sd), out (beyond 3) or
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
    scale = _scale_of(rows)
    scaled, error = scale.to(), rows["standard_error"].to_numpy(dtype=float, na_value=np.nan)
    n = len(rows)
    centre, sd = np.full(n, np.nan), np.full(n, np.nan)
    for i in range(n):
        others = np.delete(scaled, i)
        if len(others) >= _MIN_OTHERS:
            centre[i] = others.mean()
            # A new run scatters around a mean that is itself known from few runs only, by chance
            # as well as by counting.
            spread = others.std(ddof=1) * np.sqrt(1 + 1 / len(others))
            of_mean = np.sqrt(np.sum(np.delete(error, i) ** 2)) / len(others)
            sd[i] = np.fmax(spread, np.hypot(error[i], np.nan_to_num(of_mean)))
    z = np.divide(scaled - centre, sd, out=np.full(n, np.nan), where=sd > 0)
    z[(sd == 0) & (scaled == centre)] = 0
    away = np.abs(z)
    verdict = np.select(
        [np.isnan(z), away > _OUT, away > _WARNING], ["too_few", "out", "warning"], "in"
    )
    return rows.assign(
        scaled=scaled, centre=centre, sd=sd, z=z,
        lower=scale.back(centre - _OUT * sd),
        upper=scale.back(centre + _OUT * sd),
        verdict=pd.array(verdict, dtype="string"),
    )  # fmt: skip


@dataclass(frozen=True)
class _Scale:
    """The scale on which the runs of one number are compared, there and back.

    Parameters
    ----------
    name : {"logit", "log", "value"}
        logit of shares, log of counts and intensities, else the value.
    value : FloatArray
        of the runs.
    n : FloatArray
        what the cells of each run were counted in: cells of the denominator, or microlitres; NaN
        where that is not known.
    least, most : float
        between which the number can lie.
    """

    name: str
    value: FloatArray
    n: FloatArray
    least: float
    most: float

    def to(self) -> FloatArray:
        """Return the runs on the scale; half a cell is added to what was counted, as for their
        standard errors.
        """
        if self.name == "value":
            return self.value
        k = self.value * self.n
        if self.name == "log":
            plain = np.log(np.maximum(self.value, _CLOSEST))
            counted = log_rate(k, self.n)
        else:
            plain = special.logit(np.clip(self.value, _CLOSEST, 1 - _CLOSEST))
            counted = log_ratio(k, self.n - k)
        return np.where(np.isnan(self.n), plain, counted)

    def back(self, scaled: FloatArray) -> FloatArray:
        """Return limits in the number's unit, within what is possible."""
        found = scaled
        if self.name == "log":
            found = np.exp(scaled) - np.nan_to_num(HALF_CELL / self.n)
        elif self.name == "logit":
            share = special.expit(scaled)
            counted = (share * (self.n + 2 * HALF_CELL) - HALF_CELL) / self.n
            found = np.where(np.isnan(self.n), share, counted)
        return np.clip(found, self.least, self.most)


def _scale_of(rows: pd.DataFrame) -> _Scale:
    """Return the scale of one number: one measure, one unit."""
    measure, value = rows["measure"].iloc[0], rows["value"].to_numpy(dtype=float, na_value=np.nan)
    unit = rows["unit"].iloc[0] if "unit" in rows else ""
    unknown = np.full(len(rows), np.nan)
    if measure in _SHARES:
        return _Scale("logit", value, _positive(rows, "n_denominator"), 0.0, 1.0)
    if measure == "cells_per_ul":
        return _Scale("log", value, _positive(rows, "volume_ul"), 0.0, np.inf)
    if unit == "share":  # a score that is a share has a standard error on its own scale
        return _Scale("value", value, unknown, 0.0, 1.0)
    if measure == "median_intensity" or unit == _INTENSITY:
        if (value > 0).all():
            return _Scale("log", value, unknown, 0.0, np.inf)
        # cells that are positive, times how bright: never below 0; a median may be, after
        # compensation
        return _Scale("value", value, unknown, 0.0 if measure == "score" else -np.inf, np.inf)
    return _Scale("value", value, unknown, -np.inf, np.inf)


def _positive(rows: pd.DataFrame, column: str) -> FloatArray:
    """Return a column with NaN where it is not above 0 or not there."""
    if column not in rows:
        return np.full(len(rows), np.nan)
    found = rows[column].to_numpy(dtype=float, na_value=np.nan)
    return np.where(found > 0, found, np.nan)
