"""The model of one endpoint, chosen by the kind of measurement, behind one question: compare groups.

Values of everybody: least squares with HC3. Scores with standard errors: meta-regression. Anybody below the
limit of detection: censored regression, by profile likelihood where censoring is heavy or complete.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itc_analysis.stats.censored import CensoredFit, fit_censored, profile_contrast
from itc_analysis.stats.design import Design, can_estimate, independent_columns
from itc_analysis.stats.models import (
    Estimate,
    Matrix,
    NotEstimable,
    Vector,
    contrast,
    fit_least_squares,
    fit_meta_regression,
)
from itc_analysis.stats.responses import SCALES

Rows = npt.NDArray[np.bool_]

#: With fewer quantified participants than this on either side of index group against the rest, all share one SD:
#: an SD of one's own is then too uncertain (simulations in tests/stats/test_calibration.py).
MIN_FOR_OWN_SD = 5
#: Above this share of participants below the limit of detection on a side, the likelihood is too lopsided for a
#: standard error, and the interval comes from its profile.
HEAVY_CENSORING = 0.8


@dataclass(frozen=True)
class Answer:
    """One comparison, on the model's scale.

    Parameters
    ----------
    result : estimate, interval, p; NaN where the data set none.
    effect_size : estimate over the residual SD; NaN without an estimate.
    remark : what must be said with it; empty for nothing.
    """

    result: Estimate
    effect_size: float
    remark: str = ""


@dataclass(frozen=True)
class EndpointModel:
    """A fitted endpoint.

    Parameters
    ----------
    words : the model, in words.
    allows_permutation : values of everybody are known and weigh the same.
    compare : takes weights over the groups (shape n_groups) and the confidence level; may raise `NotEstimable`.
    estimate : takes the weights; the estimate alone, NaN when there is none.
    covary : takes weights of several comparisons (shape m, n_groups), which must have standard errors; their
        covariance (m, m) and degrees of freedom.
    move : takes the weights; shape (n,), how far the estimate moves when a participant is left out; 0 for one who
        has no part in it.
    residual_sd : SD of the participants about the fit, on the model's scale.
    """

    words: str
    allows_permutation: bool
    compare: Callable[[Vector, float], Answer]
    estimate: Callable[[Vector], float]
    covary: Callable[[Matrix], tuple[Matrix, float]]
    move: Callable[[Vector], Vector]
    residual_sd: float


def fit_endpoint(design: Design, X: Matrix, *, measure: str, index_group: str) -> EndpointModel:
    """Fit the model that suits the measure.

    Parameters
    ----------
    design : participants, values and groups.
    X : ``design.matrix``, or ``design.group_matrix`` for the estimate without covariates.
    measure : as in measurements.
    index_group : gets an SD of its own in censored models when there are people enough.

    Raises
    ------
    NotEstimable : no model can be fitted; with the reason.
    """
    scale = SCALES[measure].words
    if design.is_censored.any():
        censored = _CensoredEndpoint(design, X, index_group=index_group)
        return EndpointModel(
            f"{scale}, censored normal regression, robust covariance (one-step deletion)",
            allows_permutation=False,
            compare=censored.compare,
            estimate=censored.estimate,
            covary=censored.covary,
            move=censored.move,
            residual_sd=censored.fitted.fit.residual_sd,
        )
    errors = design.people["standard_error"].to_numpy(dtype=float)
    is_weighted = measure == "score" and bool(np.all(errors > 0))
    if is_weighted:
        fit = fit_meta_regression(design.y, errors, X)
        words = f"{scale}, REML meta-regression weighted by standard errors, HC3"
    else:
        fit = fit_least_squares(design.y, X)
        words = f"{scale}, least squares, HC3"

    def compare(weights: Vector, confidence: float) -> Answer:
        found = contrast(fit, _pad(weights, X.shape[1]), confidence=confidence)
        return Answer(found, found.estimate / fit.residual_sd)

    def estimate(weights: Vector) -> float:
        return float(weights @ fit.coefficients[: len(weights)])

    def covary(weights: Matrix) -> tuple[Matrix, float]:
        n_groups = weights.shape[1]
        return weights @ fit.covariance[:n_groups, :n_groups] @ weights.T, fit.df

    def move(weights: Vector) -> Vector:
        return np.asarray(fit.moves @ _pad(weights, X.shape[1]))

    return EndpointModel(
        words,
        allows_permutation=not is_weighted,
        compare=compare,
        estimate=estimate,
        covary=covary,
        move=move,
        residual_sd=fit.residual_sd,
    )


class _CensoredEndpoint:
    """A censored regression in which groups may lie wholly below the limit of detection.

    Such a group has no maximum of its own; the others are fitted without it, which is also the supremum of the
    likelihood of everybody, and comparisons with it have one limit only.
    """

    def __init__(self, design: Design, X: Matrix, *, index_group: str) -> None:
        self.design, self.X = design, X
        self.y, self.is_censored = design.y, design.is_censored
        members = np.column_stack([design.in_group(group) for group in design.groups])
        self.members = members
        self.is_wholly_low = np.array([bool(self.is_censored[rows].all()) for rows in members.T])
        self.spread = _spread(design, index_group)
        self.in_fit: Rows = np.asarray(~members[:, self.is_wholly_low].any(axis=1), dtype=bool)
        if not self.in_fit.any():
            msg = "all participants lie below the limit of detection"
            raise NotEstimable(msg)
        columns = independent_columns(X[self.in_fit])
        self.columns = columns
        self.fitted: CensoredFit = fit_censored(
            self.y[self.in_fit],
            self.is_censored[self.in_fit],
            X[np.ix_(self.in_fit, columns)],
            spread=_rows(self.spread, self.in_fit),
        )

    def estimate(self, weights: Vector) -> float:
        """Return the estimate, NaN when a group of the comparison lies wholly below the limit."""
        if np.any(self.is_wholly_low & (weights != 0)):
            return np.nan
        return float(_pad(weights, self.X.shape[1])[self.columns] @ self.fitted.fit.coefficients)

    def move(self, weights: Vector) -> Vector:
        """Return how far the estimate moves without each participant, by one Newton step."""
        moved = np.zeros(len(self.y))
        moved[self.in_fit] = self.fitted.fit.moves @ _pad(weights, self.X.shape[1])[self.columns]
        return moved

    def covary(self, weights: Matrix) -> tuple[Matrix, float]:
        """Return the covariance of comparisons between groups above the limit."""
        padded = np.stack([_pad(row, self.X.shape[1])[self.columns] for row in weights])
        fit = self.fitted.fit
        return padded @ fit.covariance @ padded.T, fit.df

    def compare(self, weights: Vector, confidence: float) -> Answer:
        """Return estimate, interval and p."""
        index_low = bool(np.any(self.is_wholly_low & (weights > 0)))
        reference_low = bool(np.any(self.is_wholly_low & (weights < 0)))
        if index_low and reference_low:
            msg = "both sides hold a group that lies wholly below the limit of detection"
            raise NotEstimable(msg)
        if index_low or reference_low:
            return self._one_sided(weights, confidence)
        padded = _pad(weights, self.X.shape[1])
        if not can_estimate(self.X[self.in_fit], weights):
            msg = (
                "confounded with the covariates among the participants above the limit of detection"
            )
            raise NotEstimable(msg)
        fit = self.fitted.fit
        share_low = max(
            float(self.is_censored[self.members[:, side].any(axis=1)].mean())
            for side in (weights > 0, weights < 0)
        )
        found = contrast(fit, padded[self.columns], confidence=confidence)
        remark = ""
        if share_low > HEAVY_CENSORING:
            rows, columns = self.in_fit, self.columns
            found = profile_contrast(
                self.y[rows],
                self.is_censored[rows],
                self.X[np.ix_(rows, columns)],
                padded[columns],
                spread=_rows(self.spread, rows),
                confidence=confidence,
                df=fit.df,
                log_likelihood=self.fitted.log_likelihood,
                start=found.estimate,
                is_bounded=True,
            )
            remark = (
                f"interval and p from the profile likelihood: {share_low:.0%} of one side lie below "
                "the limit of detection"
            )
        if (
            self.spread is None
            and self.is_censored[self.members[:, weights != 0].any(axis=1)].any()
        ):
            shared = (
                f"one SD for all groups, fewer than {MIN_FOR_OWN_SD} quantified participants on a side: "
                "a difference in spread would move the estimate"
            )
            remark = f"{remark}; {shared}" if remark else shared
        return Answer(found, found.estimate / fit.residual_sd, remark)

    def _one_sided(self, weights: Vector, confidence: float) -> Answer:
        """Give the one limit that the likelihood sets."""
        start = float(
            sum(
                w * self.y[rows].mean()
                for w, rows in zip(weights, self.members.T, strict=True)
                if w != 0
            )
        )
        found = profile_contrast(
            self.y,
            self.is_censored,
            self.X,
            _pad(weights, self.X.shape[1]),
            spread=self.spread,
            confidence=confidence,
            df=self.X.shape[0] - self.X.shape[1],
            log_likelihood=self.fitted.log_likelihood,
            start=start,
            is_bounded=False,
        )
        low = " and ".join(
            f"{group} ({int(rows.sum())} participants)"
            for group, rows, is_low, w in zip(
                self.design.groups, self.members.T, self.is_wholly_low, weights, strict=True
            )
            if is_low and w != 0
        )
        side = "upper" if np.isnan(found.lower) else "lower"
        return Answer(
            found,
            np.nan,
            f"{low} wholly below the limit of detection: no estimate, only the {side} {confidence:.0%} limit and p, "
            "from the profile likelihood",
        )


def _spread(design: Design, index_group: str) -> Matrix | None:
    """Design of the log SD: the index group apart when both sides have enough quantified people."""
    is_index = design.in_group(index_group)
    quantified = ~design.is_censored
    if min((quantified & is_index).sum(), (quantified & ~is_index).sum()) < MIN_FOR_OWN_SD:
        return None
    return np.column_stack([np.ones(len(is_index)), is_index.astype(float)])


def _rows(matrix: Matrix | None, rows: Rows) -> Matrix | None:
    return None if matrix is None else matrix[rows]


def _pad(weights: Vector, n: int) -> Vector:
    padded = np.zeros(n)
    padded[: len(weights)] = weights
    return padded
