"""Who enters a model, its design matrix, and what a comparison is in it.

One column per group (a cell mean each, no intercept), then the covariates. All groups stand in one
model, so that covariates are learned from everybody; a comparison is a vector of weights over the
groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import linalg

from itc_analysis.statistics.arrays import Matrix, Vector
from itc_analysis.statistics.contingency import cramers_v
from itc_analysis.stats.models.linear import NEGLIGIBLE, NotEstimable
from itc_analysis.stats.people.imputation import impute_covariates
from itc_analysis.stats.people.responses import CENSORED, OK
from itc_analysis.stats.plan import covariates
from itc_analysis.stats.plan.plan import ModelRules

#: Batches of fewer participants than this, on average, are people rather than batches: blood
#: processed on the day of its draw has a batch of its own, and its variation is between
#: participants already.
MIN_MEAN_BATCH = 2.0
#: Association of batch and a group (bias-corrected Cramér's V) up to which a batch effect of 0.4 SD
#: makes a difference of 0.04 SD at most.
INDEPENDENT_BATCHES = 0.1
NOT_INDEPENDENT = "batch and group are not independent"
#: Participants named in a sentence; the rest are counted.
N_NAMED = 8


@dataclass(frozen=True)
class Design:
    """Participants of one model and their design matrix.

    Parameters
    ----------
    people : pandas.DataFrame
        rows of `responses.respond` that enter, sorted by participant.
    groups : tuple of str
        groups with a column in `X`, in the order of the columns.
    every_column : Matrix
        shape (n, n_groups + n_covariate_columns), the covariates as the formula gives them.
    formula : str or None
        covariates adjusted for; None for none.
    remarks : tuple of str
        what was decided on the way, as sentences that go with the result.
    dropped : dict of str to str
        participants with a number who could not be used, with the reason.
    """

    people: pd.DataFrame
    groups: tuple[str, ...]
    every_column: Matrix
    formula: str | None
    remarks: tuple[str, ...]
    dropped: dict[str, str] = field(repr=False)

    @property
    def y(self) -> Vector:
        """Values or upper bounds, on the model's scale."""
        return self.people["y"].to_numpy(dtype=float)

    @property
    def is_censored(self) -> npt.NDArray[np.bool_]:
        """Who lies below the limit of detection."""
        return (self.people["state"] == CENSORED).to_numpy(dtype=bool)

    @cached_property
    def matrix(self) -> Matrix:
        """Full-rank design, shape (n, p): groups, then covariate columns that add something."""
        full_rank: Matrix = self.every_column[:, independent_columns(self.every_column)]
        return full_rank

    @property
    def df(self) -> int:
        """Residual degrees of freedom, n - p."""
        return int(self.matrix.shape[0] - self.matrix.shape[1])

    @property
    def group_matrix(self) -> Matrix:
        """The group columns alone: the model without covariates."""
        return self.every_column[:, : len(self.groups)]

    @cached_property
    def group(self) -> npt.NDArray[np.object_]:
        """Group of each participant."""
        return self.people["group"].to_numpy(dtype=object)

    def in_group(self, *groups: str) -> npt.NDArray[np.bool_]:
        """Who belongs to any of these groups."""
        found = np.zeros(len(self.people), dtype=bool)
        for group in groups:
            found |= self.group == group
        return found


def build_design(
    responses: pd.DataFrame,
    *,
    plan: ModelRules,
    groups: Sequence[str],
    min_per_group: int,
    min_groups: int = 2,
) -> Design:
    """Choose participants and covariates by the plan's rules and build the matrix.

    Parameters
    ----------
    responses : pandas.DataFrame
        from `responses.respond`.
    plan : ModelRules
        covariates, and what happens when they are missing or participants few.
    groups : sequence of str
        all groups of the study, in order.
    min_per_group : int
        groups with fewer participants stay out of the model.
    min_groups : int
        1 when something else than groups is compared.

    Raises
    ------
    NotEstimable
        fewer than `min_groups` groups are left.
    """
    usable = responses[responses["state"].isin([OK, CENSORED])]
    sizes = (min_per_group, min_groups)
    why = _why_batch(usable, plan, groups)
    wanted = [plan.covariates, plan.small_sample.covariates]
    for formula in wanted if why else []:
        adjusted = _attempt(usable, covariates.with_batch(formula), plan, groups, *sizes)
        if not _too_many(adjusted, plan):
            only = [f"adjusted for {adjusted.formula} only"] if formula != plan.covariates else []
            return replace(adjusted, remarks=(*adjusted.remarks, why, *only))
    design = _attempt(usable, plan.covariates, plan, groups, *sizes)
    if why:
        said = f"{NOT_INDEPENDENT}, and too many batches to adjust for"
        design = replace(design, remarks=(*design.remarks, said))
    problem = _too_many(design, plan)
    if not problem:
        return design
    fallback = plan.small_sample.covariates
    if design.formula is None or fallback == plan.covariates:
        return replace(design, remarks=(*design.remarks, problem))
    smaller = _attempt(usable, fallback, plan, groups, *sizes)
    if smaller.df < 1:
        smaller = _attempt(usable, None, plan, groups, *sizes)
    said = f"adjusted for {smaller.formula or 'nothing'} only: {problem}"
    return replace(smaller, remarks=(*smaller.remarks, said))


def build_imputed(
    responses: pd.DataFrame,
    complete: Design,
    *,
    plan: ModelRules,
    groups: Sequence[str],
    min_per_group: int,
    seed: int | Sequence[int],
) -> tuple[Design, ...]:
    """Return the design of everybody with missing covariates filled in, once for each imputation.

    Parameters
    ----------
    responses, plan, groups, min_per_group : pandas.DataFrame or ModelRules or sequence of str or
        int
        as in `build_design`.
    complete : Design
        from `build_design`, on the participants whose covariates are known; its groups are those of
        the result.
    seed : int or sequence of int
        of the imputations.

    Returns
    -------
    tuple of Design
        Nothing when nobody lacks a covariate that is known of enough others.
    """
    usable = responses[responses["state"].isin([OK, CENSORED]) & responses["group"].isin(groups)]
    names = [
        name
        for name in covariates.variables(plan.covariates)
        if usable[name].notna().mean() >= plan.covariate_min_known
    ]
    kept = usable[usable["group"].isin(complete.groups)]
    lacking = kept.index[kept[names].isna().any(axis=1)]
    if not any(str(person) in complete.dropped for person in lacking):
        return ()
    counted = [f"{name} of {n}" for name in names if (n := int(kept[name].isna().sum()))]
    said = [f"missing covariates are imputed ({', '.join(counted)})"]
    sizes = usable["group"].value_counts()
    rescued = [g for g in groups if sizes.get(g, 0) >= min_per_group and g not in complete.groups]
    if rescued:
        said.append(
            f"{', '.join(rescued)} left out: fewer than {min_per_group} of them have every "
            "covariate"
        )
    # what stands beside the pooled estimate is asked of the complete cases with the same contrast,
    # so of the same groups
    designs = []
    for people in impute_covariates(usable, names, seed=seed):
        design = build_design(
            people, plan=plan, groups=complete.groups, min_per_group=min_per_group
        )
        designs.append(replace(design, remarks=(*said, *design.remarks)))
    return tuple(designs)


def group_weights(
    design: Design, index_group: str, references: Sequence[str], *, pooled_weights: str
) -> Vector:
    """Return the weights of the index group against the reference, shape (n_groups,).

    A pooled reference is the average of its groups that are in the model, each counting the same or
    by its participants.

    Raises
    ------
    NotEstimable
        a side has no group in the model.
    """
    if index_group not in design.groups:
        msg = f"too few participants with a number: {index_group}"
        raise NotEstimable(msg)
    found = [group for group in references if group in design.groups]
    if not found:
        # no verb that depends on how many: each group lacks people by itself
        msg = f"too few participants with a number: {', '.join(references)}"
        raise NotEstimable(msg)
    weights = np.zeros(len(design.groups))
    weights[design.groups.index(index_group)] = 1
    sizes = np.array([design.in_group(group).sum() for group in found], dtype=float)
    shares = (
        sizes / sizes.sum()
        if pooled_weights == "participants"
        else np.full(len(found), 1 / len(found))
    )
    for group, share in zip(found, shares, strict=True):
        weights[design.groups.index(group)] = -share
    return weights


def check_estimable(design: Design, weights: Vector) -> None:
    """Refuse a comparison that the batches or the covariates fully explain as well.

    Raises
    ------
    NotEstimable
        saying with what the groups are confounded.
    """
    batches = design.people["batch"].astype(str)
    names = sorted(set(batches))
    if len(names) > 1 and len(batches) / len(names) >= MIN_MEAN_BATCH:
        dummies = np.column_stack([(batches == name).to_numpy(dtype=float) for name in names])
        if not can_estimate(np.hstack([design.group_matrix, dummies]), weights):
            involved = [g for g, w in zip(design.groups, weights, strict=True) if w != 0]
            placed = "; ".join(
                f"{g} in {', '.join(sorted(set(batches[design.in_group(g)])))}" for g in involved
            )
            msg = (
                f"not interpretable: confounded with batch: the groups share no batch ({placed}), "
                "so a difference could be the batches'"
            )
            raise NotEstimable(msg)
    if not can_estimate(design.every_column, weights):
        msg = (
            f"confounded with the covariates {design.formula}: they tell the groups apart "
            "completely"
        )
        raise NotEstimable(msg)


def can_estimate(X: Matrix, weights: Vector) -> bool:
    """Whether `weights` over the first columns, 0 over the rest, can be estimated from `X`."""
    padded = np.zeros(X.shape[1])
    padded[: len(weights)] = weights
    # each column, and its weight with it, on its own scale
    scale = np.linalg.norm(X, axis=0)
    scale[scale == 0] = 1.0
    padded /= scale / scale.max()
    X = X / scale
    # the same null space as that of X, from a matrix of p rows
    null = linalg.null_space(np.linalg.qr(X, mode="r"))
    return null.size == 0 or float(np.max(np.abs(null.T @ padded))) < NEGLIGIBLE


def independent_columns(
    X: Matrix, rows: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.int64]:
    """Return the columns that are not combinations of columns before them.

    Parameters
    ----------
    X : Matrix
        shape (n, p); each column is judged on its own scale.
    rows : numpy.ndarray or None
        shape (n,), the participants among whom; a column that is only rounding in them is none.
    """
    kept: list[int] = []
    sizes = np.linalg.norm(X, axis=0)
    X = X if rows is None else X[rows]
    basis = np.empty((len(X), 0))
    for j in range(X.shape[1]):
        column = X[:, j]
        left = column - basis @ (basis.T @ column)
        left -= basis @ (basis.T @ left)  # once more: rounding
        size = np.linalg.norm(left)
        if size > NEGLIGIBLE * sizes[j]:
            kept.append(j)
            basis = np.column_stack([basis, left / size])
    return np.array(kept, dtype=np.int64)


def _attempt(
    usable: pd.DataFrame,
    wanted: str | None,
    plan: ModelRules,
    groups: Sequence[str],
    min_per_group: int,
    min_groups: int,
) -> Design:
    """Build the design with the covariates of one formula, as far as they are known and vary."""
    formula, remarks = _known_enough(usable, wanted, plan.covariate_min_known)
    complete, dropped = _complete_cases(usable, formula)
    sizes = {group: int((complete["group"] == group).sum()) for group in groups}
    present = tuple(group for group in groups if sizes[group] >= min_per_group)
    if len(present) < min_groups:
        counted = ", ".join(f"{group} {size}" for group, size in sizes.items())
        needed = {1: "no group has", 2: "fewer than two groups have"}[min_groups]
        msg = f"{needed} {min_per_group} participants with a number ({counted})"
        raise NotEstimable(msg)
    is_in = complete["group"].isin(present)
    dropped |= dict.fromkeys(
        complete.index[~is_in].astype(str), f"fewer than {min_per_group} in the group"
    )
    people = complete[is_in]
    formula, constant = _varying(people, formula)
    remarks += _named_without(dropped) + constant
    membership = np.column_stack([(people["group"] == g).to_numpy(dtype=float) for g in present])
    try:
        block = covariates.matrix(people, formula)
    except ValueError as error:  # more knots than ages, say
        remarks.append(
            f"not adjusted: '{formula}' cannot be computed on these participants ({error})"
        )
        formula, block = None, np.empty((len(people), 0))
    if formula and block.shape[1] == 0:
        remarks.append(f"not adjusted: '{formula}' is the same in everybody")
        formula = None
    every_column = np.hstack([membership, block])
    return Design(people, present, every_column, formula, tuple(remarks), dropped)


def _why_batch(usable: pd.DataFrame, plan: ModelRules, groups: Sequence[str]) -> str:
    """Say why batch is adjusted for although the plan does not name it; empty when it is not.

    Each group is looked at against all others: one that stands apart hardly shows among six.
    """
    if plan.batch == "as_written" or covariates.BATCH in covariates.variables(plan.covariates):
        return ""
    mine = usable[usable["group"].isin(groups)]
    _, batch = np.unique(mine["batch"].astype(str), return_inverse=True)
    n_batches = len(set(batch))
    if n_batches < 2 or len(mine) < MIN_MEAN_BATCH * n_batches:
        return ""
    group = mine["group"].to_numpy(dtype=object)
    counts = [np.bincount(batch[group == name], minlength=n_batches) for name in groups]
    table = np.array(counts)
    apart = [cramers_v(np.array([row, table.sum(axis=0) - row])) for row in table if row.any()]
    highest = max((v for v in apart if np.isfinite(v)), default=0.0)
    if highest <= INDEPENDENT_BATCHES:
        return ""
    return f"batch is adjusted for: {NOT_INDEPENDENT} (Cramér's V of a group up to {highest:.2f})"


def _known_enough(
    usable: pd.DataFrame, formula: str | None, min_known: float
) -> tuple[str | None, list[str]]:
    """Leave out covariates that too few participants have, and say so."""
    gone, remarks = [], []
    for name in covariates.variables(formula):
        share = float(usable[name].notna().mean()) if len(usable) else 1.0
        if share < min_known:
            gone.append(name)
            remarks.append(
                f"not adjusted for {name}: known for {share:.0%} of the participants, the plan "
                f"asks for {min_known:.0%}"
            )
    return covariates.without(formula, gone), remarks


def _complete_cases(
    usable: pd.DataFrame, formula: str | None
) -> tuple[pd.DataFrame, dict[str, str]]:
    names = covariates.variables(formula)
    if not names:
        return usable, {}
    known = usable[names].notna()
    dropped = {
        str(person): f"{', '.join(known.columns[~row.to_numpy(dtype=bool)])} missing"
        for person, row in known[~known.all(axis=1)].iterrows()
    }
    return usable[known.all(axis=1)], dropped


def _varying(people: pd.DataFrame, formula: str | None) -> tuple[str | None, list[str]]:
    """Leave out covariates that are the same in everybody."""
    same = [n for n in covariates.variables(formula) if len(set(people[n])) <= 1]
    remarks = [f"not adjusted for {name}: the same in everybody" for name in same]
    return covariates.without(formula, same), remarks


def _too_many(design: Design, plan: ModelRules) -> str:
    """Say why the participants are too few for the covariates; empty when they are not."""
    rule = plan.small_sample
    n_parameters = design.matrix.shape[1]
    # below the limit of detection a count says as much as any other
    is_known = ~design.is_censored
    if "sample_counts" in design.people:
        is_known |= design.people["sample_counts"].notna().to_numpy(dtype=bool)
    n_quantified = int(np.sum(is_known))
    if design.df < rule.min_residual_df:
        return f"{design.df} residual degrees of freedom, the plan asks for {rule.min_residual_df}"
    if n_quantified < rule.min_participants_per_parameter * n_parameters:
        return (
            f"{n_quantified} participants with a quantified value for {n_parameters} parameters, "
            f"the plan asks for {rule.min_participants_per_parameter:g} per parameter"
        )
    return ""


def _named_without(dropped: dict[str, str]) -> list[str]:
    """Say who has a number but could not be used."""
    by_reason: dict[str, list[str]] = {}
    for person, why in sorted(dropped.items()):
        by_reason.setdefault(why, []).append(person)
    return [f"left out, {why}: {name_some(ids)}" for why, ids in sorted(by_reason.items())]


def name_some(ids: Sequence[str]) -> str:
    """Name the first few and count the rest."""
    shown = ", ".join(ids[:N_NAMED])
    return shown if len(ids) <= N_NAMED else f"{shown} and {len(ids) - N_NAMED} more"
