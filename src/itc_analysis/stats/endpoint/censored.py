"""Comparisons of an endpoint of which some participants lie below the limit of detection.

The distribution of the participants may be skewed, for its part below the limit is seen by nobody:
its shape is estimated, shrunk to the normal one. Where censoring is heavy or complete, interval and
p come from the profile likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from itc_analysis.plural import plural
from itc_analysis.statistics.arrays import BoolArray, Matrix, Vector
from itc_analysis.stats.models.censored import CensoredFit, fit_censored, profile_contrast
from itc_analysis.stats.models.linear import Estimate, NotEstimable, contrast, fit_least_squares
from itc_analysis.stats.people.design import Design, can_estimate, independent_columns

#: With fewer quantified participants than this on either side of index group against the rest, all
#: share one SD: an SD of one's own is then too uncertain (simulations in
#: tests/stats/test_calibration.py).
MIN_FOR_OWN_SD = 5
#: Above this share of participants below the limit of detection on a side, the likelihood is too
#: lopsided for a standard error, and the interval comes from its profile.
HEAVY_CENSORING = 0.8
#: SD of the prior of the shape: 95 % between the mirrored and the plain extreme value distribution,
#: -1 and 1.
SHAPE_SD = 0.5


@dataclass(frozen=True)
class Answer:
    """One comparison, on the model's scale.

    Parameters
    ----------
    result : Estimate
        estimate, interval, p; NaN where the data set none.
    effect_size : float
        estimate over the residual SD; NaN without an estimate.
    remark : str
        what must be said with it; empty for nothing.
    """

    result: Estimate
    effect_size: float
    remark: str = ""


class CensoredEndpoint:
    """A censored regression in which groups may lie wholly below the limit of detection.

    Such a group has no maximum of its own; the others are fitted without it, which is also the
    supremum of the likelihood of everybody, and comparisons with it have one limit only.

    The limit of a count moves with the T cells per microlitre, and so does the count itself: the
    limit is not independent of the value unless both are looked at beside the T cells. These enter
    as one column more, as residuals, so that the groups' coefficients stay means over all T counts.
    """

    def __init__(self, design: Design, X: Matrix, *, index_group: str, is_count: bool) -> None:
        self.design = design
        self.y, self.is_censored = design.y, design.is_censored
        members = np.column_stack([design.in_group(group) for group in design.groups])
        self.members = members
        self.is_wholly_low = np.array([bool(self.is_censored[rows].all()) for rows in members.T])
        self.spread = _spread(design, index_group)
        self.in_fit: BoolArray = np.asarray(~members[:, self.is_wholly_low].any(axis=1), dtype=bool)
        if not self.in_fit.any():
            msg = "all participants lie below the limit of detection"
            raise NotEstimable(msg)
        self.t_cells: Vector | None = None
        self.remark = ""
        if is_count:
            t_cells = design.people["log_t_per_ul"].to_numpy(dtype=float)
            if np.isfinite(t_cells).all():
                self.t_cells = t_cells
            else:
                self.remark = (
                    "limits of counts move with the T cells per microlitre, which are not known of "
                    "everybody: the estimate is drawn away from no difference"
                )
        self.X = X if self.t_cells is None else np.column_stack([X, _residuals(self.t_cells, X)])
        self.n_plain = X.shape[1]
        self.columns = independent_columns(self.X, self.in_fit)
        self.fitted = self._fit()

    def _fit(self) -> CensoredFit:
        """Fit with the shape, or normal where the shape has no maximum."""
        try:
            fitted = self._fit_shape(SHAPE_SD)
        except NotEstimable:
            fitted = self._fit_shape(None)
        if self.t_cells is None or self.columns[-1] != self.n_plain:
            return fitted
        # the residuals of the T cells were estimated too: their model moves with each participant
        rows, plain = self.in_fit, self.columns[:-1]
        by_t_cells = fit_least_squares(self.t_cells[rows], self.X[np.ix_(rows, plain)]).influence
        fit = fitted.fit
        influence = fit.influence.copy()
        influence[:, :-1] += fit.coefficients[-1] * by_t_cells
        return replace(
            fitted, fit=replace(fit, influence=influence, covariance=influence.T @ influence)
        )

    def _fit_shape(self, shape_sd: float | None) -> CensoredFit:
        return fit_censored(
            self.y[self.in_fit],
            self.is_censored[self.in_fit],
            self.X[np.ix_(self.in_fit, self.columns)],
            spread=_rows(self.spread, self.in_fit),
            shape_sd=shape_sd,
        )

    @cached_property
    def normal(self) -> CensoredFit:
        """The fit with a normal distribution, whose profile is taken: heavily censored data say
        nothing of the shape.
        """
        return self._fit_shape(None)

    def estimate(self, weights: Vector) -> float:
        """Return the estimate, NaN when a group of the comparison lies wholly below the limit."""
        if np.any(self.is_wholly_low & (weights != 0)):
            return np.nan
        return float(pad(weights, self.X.shape[1])[self.columns] @ self.fitted.fit.coefficients)

    def move(self, weights: Vector) -> Vector:
        """Return how far the estimate moves without each participant, by one Newton step."""
        moved = np.zeros(len(self.y))
        moved[self.in_fit] = self.fitted.fit.influence @ pad(weights, self.X.shape[1])[self.columns]
        return moved

    def needed(self, weights: Vector) -> BoolArray:
        """Return without whom a group of the comparison would lie wholly below the limit."""
        known = self.members & ~self.is_censored[:, None]
        return np.asarray(known[:, (weights != 0) & (known.sum(axis=0) == 1)].any(axis=1))

    def covary(self, weights: Matrix) -> tuple[Matrix, float]:
        """Return the covariance of comparisons between groups above the limit."""
        padded = np.stack([pad(row, self.X.shape[1])[self.columns] for row in weights])
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
        padded = pad(weights, self.X.shape[1])
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
        remarks = [self.remark] if self.remark else []
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
                log_likelihood=self.normal.log_likelihood,
                start=float(padded[columns] @ self.normal.fit.coefficients),
                is_bounded=True,
            )
            remarks.append(
                f"interval and p from the profile likelihood: {share_low:.0%} of one side lie "
                "below the limit of detection"
            )
        if (
            self.spread is None
            and self.is_censored[self.members[:, weights != 0].any(axis=1)].any()
        ):
            shared = (
                f"one SD for all groups, fewer than {MIN_FOR_OWN_SD} quantified participants on a "
                "side: a difference in spread would move the estimate"
            )
            remarks.append(shared)
        return Answer(found, found.estimate / fit.residual_sd, "; ".join(remarks))

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
            pad(weights, self.X.shape[1]),
            spread=self.spread,
            confidence=confidence,
            df=self.X.shape[0] - self.X.shape[1],
            log_likelihood=self.normal.log_likelihood,
            start=start,
            is_bounded=False,
        )
        low = " and ".join(
            f"{group} ({plural(int(rows.sum()), 'participant')})"
            for group, rows, is_low, w in zip(
                self.design.groups, self.members.T, self.is_wholly_low, weights, strict=True
            )
            if is_low and w != 0
        )
        side = "upper" if np.isnan(found.lower) else "lower"
        return Answer(
            found,
            np.nan,
            f"{low} wholly below the limit of detection: no estimate, only the {side} "
            f"{confidence:.0%} limit and p, from the profile likelihood",
        )


def _spread(design: Design, index_group: str) -> Matrix | None:
    """Design of the log SD: the index group apart when both sides have enough quantified people."""
    is_index = design.in_group(index_group)
    quantified = ~design.is_censored
    if min((quantified & is_index).sum(), (quantified & ~is_index).sum()) < MIN_FOR_OWN_SD:
        return None
    return np.column_stack([np.ones(len(is_index)), is_index.astype(float)])


def _residuals(values: Vector, X: Matrix) -> Vector:
    left: Vector = values - X @ np.linalg.lstsq(X, values, rcond=None)[0]
    return left


def _rows(matrix: Matrix | None, rows: BoolArray) -> Matrix | None:
    return None if matrix is None else matrix[rows]


def pad(weights: Vector, n: int) -> Vector:
    """Return the weights over the groups with zeros for the covariates, shape (n,)."""
    padded = np.zeros(n)
    padded[: len(weights)] = weights
    return padded
