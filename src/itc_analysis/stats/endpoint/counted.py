"""Comparisons of an endpoint of which the cells themselves are known: shares, positivity, cells per
microlitre.

Nothing is added to a count and no limit of detection is part of it: 7 cells where 3 are expected of
the background are information, and so is no cell. Participants differ by a distribution whose shape
everybody's counts tell; each group has an SD of its own, drawn to everybody's where the group says
little.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import linalg, stats

from itc_analysis.plural import plural
from itc_analysis.statistics.arrays import BoolArray, Matrix, Vector
from itc_analysis.statistics.count_fit import CountFit, CountProfile, fit_counts
from itc_analysis.statistics.count_likelihood import Counted
from itc_analysis.statistics.person_likelihood import NoMaximum
from itc_analysis.stats.endpoint.censored import Answer, pad
from itc_analysis.stats.models.censored import crossing
from itc_analysis.stats.models.cluster_robust import fit_clustered
from itc_analysis.stats.models.linear import Estimate, NotEstimable, from_t
from itc_analysis.stats.people.counts import COUNTED_IN
from itc_analysis.stats.people.design import Design, can_estimate, independent_columns
from itc_analysis.stats.people.responses import LOG, SCALES

#: How the model of counts is named.
COUNTS_OF_CELLS = "counts of cells"
#: SD of the prior of a group's log SD about everybody's: 95 % between 0.4 and 2.7 times as
#: variable.
LOG_SD_PRIOR = 0.5
#: Fewer cells than this in a whole group, above its background, and the likelihood is too lopsided
#: for a standard error.
FEWEST_CELLS = 10.0
#: A gate's error of the log share becomes one of the logit at the typical share; at most so many
#: times as large.
MOST_STRETCH = 20.0
#: Where to look for limits of a profile, in logits from a typical value.
PROFILE_STEP = 0.5
#: Quantile at which intervals of different degrees of freedom are compared.
HIGH = 0.975
#: Least weight of a participant of a slope, relative to the largest.
NOTHING = 1e-9
#: How far out, in logits, the likelihood of a group without a cell is taken for its supremum.
FAR = 12.0
#: Why nothing can be fitted where every group lies at an end: all at the lower, at both, or all at
#: the upper.
_ALL_AT_AN_END = {
    -1: "no cell of the population was counted in any group",
    0: "every group holds either no cell of the population or nothing else, so how much "
    "participants differ cannot be known",
    1: "every cell was positive in every group",
}


class CountedEndpoint:
    """A model of counts, in which groups may hold no cell at all, or of a share all cells.

    Such a group has no maximum of its own; the others are fitted without it, and comparisons with
    it have one limit.

    Parameters
    ----------
    design : Design
        participants; everybody with `sample_counts`.
    X : Matrix
        shape (n, p), full column rank, groups first.
    measure : str
        as in measurements.
    """

    def __init__(self, design: Design, X: Matrix, *, measure: str) -> None:
        self.design, self.X = design, X
        self.counted = counted_of(design, measure)
        self.members = np.column_stack([design.in_group(group) for group in design.groups])
        net = np.bincount(
            self.counted.persons,
            self.counted.k - _or_zero(self.counted.background),
            self.counted.n_persons,
        )
        left = np.full(len(net), np.inf)
        if self.counted.kind == "binomial":
            total = np.bincount(self.counted.persons, self.counted.n, self.counted.n_persons)
            left = total - net
        within = net @ self.members
        outside = np.array([left[rows].sum() for rows in self.members.T])
        #: Without whom each group would lie at an end, shape (n, n_groups).
        with np.errstate(invalid="ignore"):  # cells per microlitre leave nothing outside to count
            others_at_end = (within - net[:, None] <= 0) | (outside - left[:, None] <= 0)
        self.keeps: BoolArray = self.members & others_at_end
        #: Cells of a group, or those of the others where they are fewer.
        self.cells = np.minimum(within, outside)
        #: Where the likelihood of a group rises for ever: -1 without a cell, 1 where every cell is
        #: positive, else 0.
        self.end = np.where(within <= 0, -1, np.where(outside <= 0, 1, 0))
        if self.end.all():
            raise NotEstimable(_ALL_AT_AN_END[int(self.end.mean())])
        self.in_fit: BoolArray = np.asarray(~self.members[:, self.end != 0].any(axis=1), dtype=bool)
        self.columns = independent_columns(X, self.in_fit)
        if int(self.in_fit.sum()) <= len(self.columns) + 1:
            n, p = int(self.in_fit.sum()), len(self.columns)
            msg = f"{n} participants are too few for {p} parameters"
            raise NotEstimable(msg)
        self.fitted = self._fit(is_normal=False)

    def _fit(self, *, is_normal: bool) -> CountFit:
        mine = self.members[self.in_fit][:, self.end == 0]
        spread, precision = spreads(mine)
        try:
            return fit_counts(
                those(self.counted, self.in_fit),
                self.X[np.ix_(self.in_fit, self.columns)],
                spread=spread,
                spread_precision=precision,
                is_normal=is_normal,
            )
        except (NoMaximum, np.linalg.LinAlgError) as why:
            # one endpoint that cannot be fitted is a row with its reason, not the end of the run
            raise NotEstimable(str(why)) from None

    @property
    def residual_sd(self) -> float:
        """SD between participants, each group counting the same."""
        mine = self.members[self.in_fit][:, self.end == 0]
        spread, _ = spreads(mine)
        logs = spread @ self.fitted.log_sd
        return float(np.exp(np.mean([logs[rows].mean() for rows in mine.T])))

    @property
    def truth(self) -> Matrix:
        """Mean and variance of each participant's true value given all counts, shape (2, n)."""
        known = np.full((2, len(self.X)), np.nan)
        known[:, self.in_fit] = self.fitted.posterior_mean, self.fitted.posterior_variance
        return known

    @property
    def counting_share(self) -> float:
        """Largest share, over the groups, of the variance of a participant's value that is counting
        and gating.
        """
        _, by_counting = self.counted.rough()
        variance = by_counting + self.counted.error_by_person() ** 2
        return max(
            float(variance[rows].mean() / (variance[rows].mean() + self.residual_sd**2))
            for rows in self.members.T
        )

    def estimate(self, weights: Vector) -> float:
        """Return the estimate, NaN when a group of the comparison lies at an end."""
        if np.any(self.end * weights != 0):
            return np.nan
        return float(pad(weights, self.X.shape[1])[self.columns] @ self.fitted.coefficients)

    def move(self, weights: Vector) -> Vector:
        """Return how far the estimate moves without each participant, by one Newton step of means
        and SDs.
        """
        fit, p = self.fitted, len(self.columns)
        free = np.diag(fit.covariance) > 0  # an SD at its least is held there
        try:
            total = -np.linalg.inv(fit.covariance[np.ix_(free, free)])
            left = total[None] - fit.hessians[:, free][:, :, free]
            moves = np.linalg.solve(left, fit.scores[:, free, None])[:, :p, 0]
        except np.linalg.LinAlgError:
            msg = "the counts do not tell how far the estimate moves without a participant"
            raise NotEstimable(msg) from None
        moved = np.zeros(len(self.X))
        moved[self.in_fit] = moves @ pad(weights, self.X.shape[1])[self.columns]
        return moved

    def needed(self, weights: Vector) -> BoolArray:
        """Return without whom a group of the comparison would hold no cell, or nothing else."""
        return np.asarray(self.keeps[:, weights != 0].any(axis=1))

    def covary(self, weights: Matrix) -> tuple[Matrix, float]:
        """Return the covariance of comparisons between groups with cells, and the fewest degrees of
        freedom.
        """
        padded = np.stack([pad(row, self.X.shape[1])[self.columns] for row in weights])
        return self.fitted.covary(padded), min(self._df(row) for row in padded)

    def compare(self, weights: Vector, confidence: float) -> Answer:
        """Return estimate, interval and p."""
        towards = np.unique(np.sign(self.end * weights))
        towards = towards[towards != 0]
        if len(towards) > 1:
            msg = f"{self._at_an_end(weights)}: neither an estimate nor a limit"
            raise NotEstimable(msg)
        if len(towards) == 1:
            return self._one_sided(weights, confidence, towards=float(towards[0]))
        if not can_estimate(self.X[self.in_fit], weights):
            msg = "confounded with the covariates among the groups that hold cells"
            raise NotEstimable(msg)
        fewest = float(self.cells[weights != 0].min())
        return self.contrast(pad(weights, self.X.shape[1]), confidence, fewest=fewest)

    def contrast(
        self, weights: Vector, confidence: float, *, fewest: float, is_slope: bool = False
    ) -> Answer:
        """Return estimate, interval and p of weights over all columns of the design.

        Parameters
        ----------
        weights : numpy.ndarray
            shape (p,).
        confidence : float
            of the interval.
        fewest : float
            cells in the group of the contrast that holds the fewest.
        is_slope : bool
            whether a number is looked at, which a few participants far out may carry: the error is
            then CR2, with its degrees of freedom.
        """
        padded = weights[self.columns]
        estimate = float(padded @ self.fitted.coefficients)
        error = float(np.sqrt(self.fitted.covary(padded[None])[0, 0]))
        df = self._df(padded)
        if is_slope:
            error, df = self._by_persons(padded)
        if not (np.isfinite(error) and error > 0):
            msg = "the counts do not tell how sure the estimate is"
            raise NotEstimable(msg)
        by_curvature = from_t(estimate, error, df, confidence=confidence)
        if fewest >= FEWEST_CELLS:
            return Answer(by_curvature, estimate / self.residual_sd)
        few = f"{plural(round(fewest), 'cell')} in all of a group"
        try:
            found = self._profile(weights, confidence, estimate)
        except NotEstimable:
            remark = f"{few}, and the profile likelihood could not be followed: interval too narrow"
            return Answer(by_curvature, estimate / self.residual_sd, remark)
        remark = f"interval and p from the profile likelihood: {few}"
        return Answer(found, estimate / self.residual_sd, remark)

    def _by_persons(self, padded: Vector) -> tuple[float, float]:
        """Return standard error and degrees of freedom of a slope (CR2).

        The likelihood at its maximum is a regression of working values, each with the weight that
        the counts and the SD between participants give it; CR2 is that of this regression. As in
        `CountFit.covary` it is taken about the normal shape, in relation to what the information
        says there, and taken where it gives the wider interval.
        """
        X = self.X[np.ix_(self.in_fit, self.columns)]
        normal = self._fit(is_normal=True)
        p = X.shape[1]
        length = np.einsum("ij,ij->i", X, X)
        slope = np.einsum("ij,ij->i", X, normal.scores[:, :p]) / length
        bend = -np.einsum("ij,ijk,ik->i", X, normal.hessians[:, :p, :p], X) / length**2
        # a participant of whom hardly a cell was counted may say nothing at all
        bend = np.maximum(bend, NOTHING * bend.max())
        working = X @ normal.coefficients + slope / bend
        fit = fit_clustered(working, X, list(range(len(X))), weights=bend, variance=1 / bend)
        by_information = float(padded @ np.linalg.inv(X.T @ (bend[:, None] * X)) @ padded)
        ratio = float(padded @ fit.covariance @ padded) / by_information
        error = float(np.sqrt(padded @ self.fitted.covariance[:p, :p] @ padded))
        both = [(error, self._df(padded)), (error * np.sqrt(ratio), max(fit.df_of(padded), 1.0))]
        return max(both, key=lambda one: one[0] * float(stats.t.ppf(HIGH, one[1])))

    def _df(self, padded: Vector) -> float:
        n, p = int(self.in_fit.sum()), len(self.columns)
        return max(min(self.fitted.degrees_of_freedom(padded), float(n - p)), 1.0)

    @cached_property
    def _whole(self) -> tuple[Matrix, Matrix, Vector]:
        """Design, and spread with prior, of everybody: of groups at an end only the limit is
        sought.
        """
        spread, precision = spreads(self.members)
        return self.X, spread, precision

    def _profile(
        self, weights: Vector, confidence: float, start: float, *, towards: float = 0.0
    ) -> Estimate:
        """Interval and p from the profile likelihood, which rises for ever `towards` -1 or 1 (0:
        it has a maximum).
        """
        X, spread, precision = self._whole
        padded = pad(weights, X.shape[1])
        along = X @ (padded / (padded @ padded))
        free = X @ linalg.null_space(padded[None, :])

        height = CountProfile(self.counted, free, along, spread=spread, spread_precision=precision)
        top = start + towards * FAR  # far out, its height is its supremum
        df = float(len(X) - X.shape[1])
        threshold = float(stats.t.ppf((1 + confidence) / 2, df) ** 2)
        try:
            highest = height(top)

            def drop(value: float) -> float:
                """Twice the log-likelihood lost when the contrast is held at `value`."""
                return 2 * (highest - height(value))

            if towards == 0:
                lower = crossing(drop, threshold, start, -PROFILE_STEP)
                upper = crossing(drop, threshold, start, PROFILE_STEP)
            else:
                inward = crossing(drop, threshold, top, -towards * PROFILE_STEP)
                lower, upper = (np.nan, inward) if towards < 0 else (inward, np.nan)
            lost = max(drop(0.0), 0.0)
        except (NoMaximum, np.linalg.LinAlgError) as why:
            raise NotEstimable(str(why)) from None
        if towards * (0.0 - top) > 0:  # no difference lies further out still
            lost = 0.0
        p_value = float(2 * stats.t.sf(np.sqrt(lost), df))
        return Estimate(np.nan if towards else start, np.nan, lower, upper, p_value, df)

    def _one_sided(self, weights: Vector, confidence: float, *, towards: float) -> Answer:
        """Give the one limit that the likelihood sets."""
        rough = self.counted.rough()[0]
        start = float(
            sum(
                w * rough[rows].mean() for w, rows in zip(weights, self.members.T, strict=True) if w
            )
        )
        found = self._profile(weights, confidence, start, towards=towards)
        side = "upper" if towards < 0 else "lower"
        return Answer(
            found,
            np.nan,
            f"{self._at_an_end(weights)}: no estimate, only the {side} {confidence:.0%} limit and "
            "p, from the profile likelihood",
        )

    def _at_an_end(self, weights: Vector) -> str:
        """Name the groups of a comparison that hold no cell, and those that hold nothing else."""
        said = []
        for end, words in ((-1, "no cell was counted in"), (1, "every cell was positive in")):
            groups = [
                f"{group} ({plural(int(rows.sum()), 'participant')})"
                for group, rows, at, w in zip(
                    self.design.groups, self.members.T, self.end, weights, strict=True
                )
                if at == end and w != 0
            ]
            if groups:
                said.append(f"{words} {' and '.join(groups)}")
        return ", ".join(said)


def words_of(counted: Counted, *, is_slope: bool = False) -> str:
    """Return the model in words."""
    kind, scale = ("Poisson", "log") if counted.kind == "poisson" else ("binomial", "logit")
    spread, error = ("one SD", "CR2 by participant with ") if is_slope else ("an SD per group", "")
    return (
        f"{COUNTS_OF_CELLS} ({kind}), participants on the {scale} scale with {spread}, "
        f"restricted likelihood, {error}Satterthwaite degrees of freedom"
    )


def has_counts(design: Design, measure: str) -> bool:
    """Whether everybody's cells are known."""
    if measure not in COUNTED_IN or "sample_counts" not in design.people:
        return False
    return all(isinstance(counts, tuple) for counts in design.people["sample_counts"])


def counted_of(design: Design, measure: str) -> Counted:
    """Return everybody's counts as arrays; samples of a person keep their person."""
    samples = design.people["sample_counts"].tolist()
    person = np.repeat(np.arange(len(samples)), [len(counts) for counts in samples])
    k, n, background, background_se, capture, error, _ = np.array(
        [count for counts in samples for count in counts], dtype=float
    ).T
    is_count = SCALES[measure] is LOG
    if not is_count:
        # d logit = d log / (1 - share), at the share typical of everybody: a participant's own
        # would tie its weight to its value
        typical = float(np.median(k / n))
        error = error * min(1 / max(1 - typical, 1 / MOST_STRETCH), MOST_STRETCH)
    return Counted(
        k,
        n,
        "poisson" if is_count else "binomial",
        background if background.any() or background_se.any() else None,
        background_se if background_se.any() else None,
        capture if (capture < 1).any() else None,
        error if error.any() else None,
        person if len(person) > len(samples) else None,
    )


def those(counted: Counted, persons: BoolArray) -> Counted:
    """Return the counts of some persons, numbered anew."""
    return counted if persons.all() else counted.of(persons)


def spreads(members: Matrix | BoolArray) -> tuple[Matrix, Vector]:
    """Return the design of the log SD, everybody's and each group's own, and the precision of its
    prior.
    """
    n, n_groups = members.shape
    if n_groups == 1:
        return np.ones((n, 1)), np.zeros(1)
    spread = np.column_stack([np.ones(n), members.astype(float)])
    return spread, np.append(0.0, np.full(n_groups, LOG_SD_PRIOR**-2))


def _or_zero(column: Vector | None) -> Vector | float:
    return 0.0 if column is None else column
