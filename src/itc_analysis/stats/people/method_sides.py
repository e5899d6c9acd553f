"""What one method says of one population in every participant: a logit with its error, or an upper
limit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, special, stats

from itc_analysis.statistics.arrays import Vector
from itc_analysis.stats.models.method_bias import Offset
from itc_analysis.stats.people.responses import CENSORED, HALF_CELL, OK, limits_of

#: How far below the number a joint value is looked for, in standard errors.
FAR = 50.0


@dataclass(frozen=True)
class MethodSide:
    """One method's word on one population, n people on the logit scale.

    Parameters
    ----------
    y : numpy.ndarray
        shape (n,), logit or its upper limit; NaN when there is neither.
    error : numpy.ndarray
        shape (n,), standard error; at the limit where below detection.
    is_low : numpy.ndarray
        shape (n,), below the limit of detection.
    total : numpy.ndarray
        shape (n,), cells of the denominator in which the population could be counted: of MAIT and
        iNKT cells, those whose alpha chain was caught.
    state : numpy.ndarray
        shape (n,), status of the measurement.
    """

    y: Vector
    error: Vector
    is_low: npt.NDArray[np.bool_]
    total: Vector
    state: npt.NDArray[np.object_]


def read_side(rows: pd.DataFrame, names: pd.Series) -> MethodSide:
    """Put one method's measurements in the order of the participants; several of one person are
    averaged.
    """
    status = rows["status"].astype(object).to_numpy(copy=True)
    low = status == CENSORED
    value = np.where(low, limits_of(rows), rows["value"].to_numpy(dtype=float))
    total = rows["n_denominator"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    capture = rows["capture"].to_numpy(dtype=float)
    known = np.isin(status, [OK, CENSORED]) & (total > 0) & np.isfinite(value)
    status[np.isin(status, [OK, CENSORED]) & ~known] = "cells of the denominator unknown"
    found, rest = value * total + HALF_CELL, (1 - value) * total + HALF_CELL
    y = np.where(known, np.log(found / rest), np.nan)
    # binomial at the limit, and where a number came without its error
    binomial = np.sqrt(1 / found + 1 / rest)
    given = rows["standard_error"].to_numpy(dtype=float)
    error = np.where(~low & (given > 0), given, binomial)
    table = pd.DataFrame(
        {
            "participant_id": rows["participant_id"].to_numpy(),
            "y": y,
            "variance": np.where(known, error**2, np.nan),
            "is_low": low & known,
            "total": total * np.where(np.isnan(capture), 1.0, capture),
            "status": status,
        }
    )
    people = table.groupby("participant_id", sort=True)
    usable = table[known].groupby("participant_id", sort=True)
    n = usable.size()
    order = names.to_numpy()
    words = people["status"].agg(lambda column: "+".join(sorted(set(map(str, column)))))
    return MethodSide(
        usable["y"].mean().reindex(order).to_numpy(dtype=float),
        (np.sqrt(usable["variance"].sum()) / n).reindex(order).to_numpy(dtype=float),
        usable["is_low"].any().reindex(order).eq(other=True).to_numpy(dtype=bool),
        usable["total"].sum().reindex(order).to_numpy(dtype=float),
        words.reindex(order).fillna("not measured").to_numpy(dtype=object),
    )


def at_expected(cells: MethodSide, flow: MethodSide, offset: Offset) -> MethodSide:
    """Return single cell with binomial errors at the share that flow cytometry lets expect.

    Errors from the counted cells are smaller for those with more cells by chance, who would then
    count for more: the mean difference was 0.06 too high and its interval held the truth in 79 %
    (60 people, 450 cells, simulated).
    """
    share = special.expit(flow.y + offset.mean)
    expected = np.sqrt(
        1 / (cells.total * share + HALF_CELL) + 1 / (cells.total * (1 - share) + HALF_CELL)
    )
    is_known = np.isfinite(expected) & ~flow.is_low
    return replace(cells, error=np.where(is_known, expected, cells.error))


def join_with_limit(
    middle: float, error: float, limit: float, limit_error: float
) -> tuple[float, float]:
    """Join a number with an upper limit: where the likelihood of both is highest, and its standard
    error.
    """

    def slope(value: float) -> float:
        z = (limit - value) / limit_error
        return (middle - value) / error**2 - _hazard(z) / limit_error

    value = float(optimize.brentq(slope, middle - FAR * error, middle))
    z = (limit - value) / limit_error
    hazard = _hazard(z)
    return value, float((error**-2.0 + hazard * (z + hazard) / limit_error**2) ** -0.5)


def _hazard(z: float) -> float:
    return float(np.exp(stats.norm.logpdf(z) - special.log_ndtr(z)))
