"""Missing covariates filled in several times, from the other covariates, the group and the value
itself.

Chained equations with predictive mean matching: each missing entry takes the entry of one of the
people whose prediction is nearest (van Buuren 2011, doi:10.18637/jss.v045.i03). Own code, because
statsmodels' MICE matches numbers only: a category of three would be imputed as columns that do not
know of one another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.statistics.arrays import Matrix
from itc_analysis.stats.people.responses import CENSORED

#: At most a fifth lacks a covariate (the plan's `covariate_min_known`): as many imputations as per
#: cent, by the rule of White 2011, doi:10.1002/sim.4067.
N_IMPUTATIONS = 20
#: Rounds through the incomplete covariates, as in the R package mice.
N_ROUNDS = 5
#: People among whom the donor is drawn (Morris 2014, doi:10.1186/1471-2288-14-75).
N_DONORS = 5
#: Share of the mean variance that keeps the regression solvable when predictors say the same.
RIDGE = 1e-5

Rng = np.random.Generator


def impute_covariates(
    people: pd.DataFrame, names: Sequence[str], *, seed: int | Sequence[int]
) -> list[pd.DataFrame]:
    """Return the table with its missing covariates filled in, `N_IMPUTATIONS` times.

    Parameters
    ----------
    people : pandas.DataFrame
        rows of `responses.respond` with a value or an upper bound in `y`.
    names : sequence of str
        covariates that may be used; those known of nobody are left as they are.
    seed : int or sequence of int
        of ``numpy.random.default_rng``.

    Returns
    -------
    list of pandas.DataFrame
        Tables like `people`; entries that were known are the same in each.
    """
    rng = np.random.default_rng(seed)
    values = {name: people[name].astype(object).to_numpy(copy=True) for name in names}
    missing = {name: people[name].isna().to_numpy(dtype=bool) for name in names}
    incomplete = [name for name in names if missing[name].any() and not missing[name].all()]
    fixed = _always_known(people)
    complete = [_columns(values[name]) for name in names if not missing[name].any()]
    fixed = np.column_stack([fixed, *complete])
    filled = []
    for _ in range(N_IMPUTATIONS):
        drawn = {name: _start(values[name], missing[name], rng) for name in incomplete}
        # one incomplete covariate alone has nothing to wait for
        for _ in range(N_ROUNDS if len(incomplete) > 1 else 1):
            for name in incomplete:
                others = [_columns(drawn[other]) for other in incomplete if other != name]
                predictors = _standardised(np.column_stack([fixed, *others]))
                drawn[name] = _match(values[name], missing[name], predictors, rng)
        columns = {
            name: pd.Series(drawn[name], index=people.index).astype(people[name].dtype)
            for name in incomplete
        }
        filled.append(people.assign(**columns))
    return filled


def _always_known(people: pd.DataFrame) -> Matrix:
    """Return the columns that every prediction uses: value, whether it is a bound, and group."""
    is_low = (people["state"] == CENSORED).to_numpy(dtype=float)
    groups = _columns(people["group"].astype(object).to_numpy())
    return np.column_stack([people["y"].to_numpy(dtype=float), is_low, groups])


def _start(
    values: npt.NDArray[np.object_], missing: npt.NDArray[np.bool_], rng: Rng
) -> npt.NDArray[np.object_]:
    """Fill in entries of people drawn at random."""
    started = values.copy()
    started[missing] = rng.choice(values[~missing], int(missing.sum()))
    return started


def _match(
    values: npt.NDArray[np.object_], missing: npt.NDArray[np.bool_], predictors: Matrix, rng: Rng
) -> npt.NDArray[np.object_]:
    """Fill in each missing entry from one of the people whose prediction is nearest.

    The donors' predictions use the fitted coefficients, those of the missing use coefficients drawn
    from their posterior (matching of type 1), so that imputations differ as much as the regression
    is uncertain.
    """
    known = ~missing
    Z = np.column_stack([np.ones(len(values)), predictors])
    target = _columns(values[known])
    n, k = int(known.sum()), Z.shape[1]
    cross = Z[known].T @ Z[known]
    inverse = np.linalg.inv(cross + RIDGE * np.trace(cross) / k * np.eye(k))
    fitted = inverse @ Z[known].T @ target
    residuals = target - Z[known] @ fitted
    df = max(n - k, 1)
    scale = np.sqrt(np.sum(residuals**2, axis=0) / rng.chisquare(df))
    noise = np.linalg.cholesky(inverse) @ rng.standard_normal(fitted.shape)
    drawn = fitted + noise * scale
    of_donors, of_missing = Z[known] @ fitted, Z[missing] @ drawn
    distance = np.sum((of_missing[:, None, :] - of_donors[None, :, :]) ** 2, axis=2)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, : min(N_DONORS, n)]
    chosen = nearest[np.arange(len(nearest)), rng.integers(0, nearest.shape[1], len(nearest))]
    filled = values.copy()
    filled[missing] = values[known][chosen]
    return filled


def _columns(values: npt.NDArray[np.object_]) -> Matrix:
    """Return numbers and yes/no as one column, words as one column for each word but the first."""
    seen = values[~pd.isna(values)]
    if not any(isinstance(value, str) for value in seen):
        return np.asarray(values, dtype=float)[:, None]
    words = sorted({str(value) for value in seen})
    return np.column_stack(
        [np.zeros((len(values), 0)), *((values == word).astype(float) for word in words[1:])]
    )


def _standardised(columns: Matrix) -> Matrix:
    """Return the columns that vary, each with mean 0 and SD 1."""
    centred = columns - columns.mean(axis=0)
    sd = np.sqrt(np.mean(centred**2, axis=0))
    varying: Matrix = centred[:, sd > 0] / sd[sd > 0]
    return varying
