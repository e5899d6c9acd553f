"""One endpoint of the plan: one design and one model, asked for each of its comparisons."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from itc_analysis.config.sections import Stats
from itc_analysis.errors import did_you_mean
from itc_analysis.statistics.arrays import Vector
from itc_analysis.statistics.robust import quantile_beside_limits
from itc_analysis.stats.endpoint import caveats
from itc_analysis.stats.endpoint.model import EndpointModel, fit_endpoint
from itc_analysis.stats.endpoint.rubin import pool_models
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.models.permutation import freedman_lane
from itc_analysis.stats.multiplicity.families import Joint
from itc_analysis.stats.people.design import (
    Design,
    build_design,
    build_imputed,
    check_estimable,
    group_weights,
)
from itc_analysis.stats.people.responses import CENSORED, KEY, OK, SCALES
from itc_analysis.stats.plan.plan import ModelRules, PlannedComparison

WHAT = {
    "share_of_t": "odds of a T cell to belong to the population, typical participant",
    "cells_per_ul": "cells per microlitre of blood, typical participant (geometric mean)",
    "share_positive": "odds of a cell of the population to carry the marker, typical participant",
    "response": "odds of a cell of the population to respond to the stimulation, typical "
    "participant",
    "median_intensity": "median signal of the population, typical participant (geometric mean)",
    "score": "score of the population, mean participant",
    "ratio": "value of a typical participant (geometric mean)",
    "odds_ratio": "odds of a cell to be counted, typical participant",
    "difference": "value of the mean participant",
}


class Endpoint:
    """One endpoint: one design and one model, asked for each of its comparisons.

    Parameters
    ----------
    responses : pandas.DataFrame
        One row per participant, from `responses.respond` or `responses.per_participant`.
    first : PlannedComparison
        Any of its comparisons; tells the measure and names the endpoint.
    plan : ModelRules
        Covariates, and what happens when they are missing or participants few.
    settings : Stats
        Level of the intervals, least group size, permutations, seed.
    groups : sequence of str
        All groups of the model, in order.
    index_group : str
        Gets an SD of its own where values lie below the limit of detection.
    problem : str
        Why nothing was measured; empty when something was.
    """

    def __init__(
        self,
        responses: pd.DataFrame,
        first: PlannedComparison,
        plan: ModelRules,
        settings: Stats,
        *,
        groups: Sequence[str],
        index_group: str,
        problem: str = "",
    ) -> None:
        self.responses = responses
        self.plan, self.settings, self.measure = plan, settings, first.measure
        self.index_group = index_group
        self.problem = problem
        self.design: Design | None = None
        self.complete: Design | None = None
        self.imputed: tuple[Design, ...] = ()
        self.designs: tuple[Design, ...] = ()
        self.adjusted: EndpointModel | None = None
        self.unadjusted: EndpointModel | None = None
        if problem:
            return
        how: dict[str, Any] = {
            "plan": plan,
            "groups": groups,
            "min_per_group": settings.min_per_group,
        }
        seed = (settings.seed, zlib.crc32("|".join(first.endpoint).encode()))
        try:
            self.complete = build_design(self.responses, **how)
            self.imputed = build_imputed(self.responses, self.complete, seed=seed, **how)
            is_imputed = bool(self.imputed) and plan.missing_covariates == "imputed"
            self.designs = self.imputed if is_imputed else (self.complete,)
            self.design = self.designs[0]
            self.adjusted = self.fit(self.designs)
        except NotEstimable as reason:
            self.problem = str(reason)
            return
        try:
            self.unadjusted = fit_endpoint(
                self.design,
                self.design.group_matrix,
                measure=self.measure,
                index_group=self.index_group,
            )
        except NotEstimable:  # the estimate beside stays empty, the comparison stands
            self.unadjusted = None

    @property
    def is_imputed(self) -> bool:
        """Whether the primary result is pooled over imputations."""
        return len(self.designs) > 1

    def fit(self, designs: Sequence[Design]) -> EndpointModel:
        """Fit the model of the endpoint to one design, or pooled over those of the imputations."""
        models = [self._fit_one(design) for design in designs]
        if len(models) == 1:
            return models[0]
        assert self.complete is not None
        return pool_models(models, self._fit_one(self.complete))

    def _fit_one(self, design: Design) -> EndpointModel:
        return fit_endpoint(
            design, design.matrix, measure=self.measure, index_group=self.index_group
        )

    @cached_property
    def beside(self) -> EndpointModel | None:
        """The other way with missing covariates; None when nobody lacks one, or it cannot be
        fitted.
        """
        if self.complete is None or not self.imputed:
            return None
        try:
            return self.fit((self.complete,) if self.is_imputed else self.imputed)
        except NotEstimable:
            return None

    def row(self, item: PlannedComparison) -> dict[str, Any]:
        """Return the row of one planned comparison."""
        row = self._described(item)
        try:
            if item.problem or self.problem:
                raise NotEstimable(item.problem or self.problem)
            row |= self._compared(item)
        except NotEstimable as reason:
            sides = self.responses["group"].isin([item.index_group, *item.references])
            missing = caveats.of_missing(self.responses[sides])
            row["reason"] = sentences([str(reason), missing])
        return row

    def _described(self, item: PlannedComparison) -> dict[str, Any]:
        """Return what holds whether or not the comparison can be made."""
        scale = SCALES[item.measure]
        people = self.responses if self.design is None else self.design.people
        has_number = people["state"].isin([OK, CENSORED])
        is_index = people["group"] == item.index_group
        is_reference = people["group"].isin(item.references)
        enrolled = self.responses["group"].isin([item.index_group, *item.references])
        n_index, n_reference = (
            int((has_number & is_index).sum()),
            int((has_number & is_reference).sum()),
        )
        return {
            "comparison": item.comparison,
            "index_group": item.index_group,
            "reference_group": "+".join(item.references),
            **dict(zip(KEY, item.endpoint, strict=True)),
            "family": item.family,
            "role": item.role,
            "estimate_kind": scale.kind,
            "adjustment": item.adjustment,
            **_quartiles("index", people.loc[is_index & has_number, "value"]),
            **_quartiles("reference", people.loc[is_reference & has_number, "value"]),
            "n_index": n_index,
            "n_reference": n_reference,
            "n_below_lod": int(((people["state"] == CENSORED) & (is_index | is_reference)).sum()),
            "n_missing": int(enrolled.sum()) - n_index - n_reference,
            "model": "none" if self.adjusted is None else self.adjusted.words,
            "covariates": (self.design.formula if self.design else None) or "none",
            "estimand": self._estimand(item),
            "status": "not_estimable",
            "plan_digest": self.plan.digest,
        }

    def _estimand(self, item: PlannedComparison) -> str:
        text = WHAT[item.measure]
        if item.is_pooled:
            counted = (
                "each group counting the same"
                if self.plan.pooled_weights == "equal"
                else "each group counting by its participants"
            )
            text += f"; reference: average of {', '.join(item.references)}, {counted}"
        if item.subset:
            text += f"; of {item.index_group} only {item.subset}"
        if self.design is not None and self.design.formula:
            text += f"; at equal {self.design.formula}"
        return text

    def _compared(self, item: PlannedComparison) -> dict[str, Any]:
        """Return estimate, interval, p and caveats."""
        assert self.design is not None
        assert self.adjusted is not None
        design = self.design
        weights = self.weights(item)
        check_estimable(design, weights)
        answer = self.adjusted.compare(weights, self.settings.comparison_confidence)
        found = answer.result
        plain = np.nan if self.unadjusted is None else self.unadjusted.estimate(weights)
        to_report = np.exp if SCALES[item.measure].kind != "difference" else float
        permutation, not_permuted = self._permutation(item, weights)
        # a wholly censored group has a limit and a p, but no estimate: not estimable, and the
        # reason gives the limit
        status = "ok" if np.isfinite(found.estimate) else "not_estimable"
        reason = [
            answer.remark,
            *self._pool_gaps(item),
            *design.remarks,
            *self._caveats(item),
            not_permuted,
        ]
        return {
            "estimate": float(to_report(found.estimate)),
            "lower": float(to_report(found.lower)),
            "upper": float(to_report(found.upper)),
            "standard_error": found.standard_error,
            "effect_size": answer.effect_size,
            "p_value": found.p_value,
            "p_permutation": permutation,
            "estimate_unadjusted": float(to_report(plain)),
            "status": status,
            "reason": sentences(reason),
        }

    def joint(self, items: list[PlannedComparison]) -> Joint | None:
        """Return the joint distribution of several of its comparisons; None when one has no
        standard error.
        """
        assert self.adjusted is not None
        weights = np.stack([self.weights(item) for item in items])
        answers = [
            self.adjusted.compare(row, self.settings.comparison_confidence).result
            for row in weights
        ]
        if not all(np.isfinite(answer.standard_error) for answer in answers):
            return None
        covariance, df = self.adjusted.covary(weights)
        errors = np.sqrt(np.diag(covariance))
        # contrasts may have degrees of freedom of their own: each enters by its p, as the t of the
        # common ones
        p = np.clip([answer.p_value for answer in answers], np.finfo(float).tiny, 1)
        t = np.sign([answer.estimate for answer in answers]) * stats.t.isf(p / 2, df)
        return Joint(t, covariance / np.outer(errors, errors), df)

    def limits(self, item: PlannedComparison, confidence: float) -> tuple[float, float]:
        """Return the interval of a comparison at another confidence, as it is reported."""
        assert self.adjusted is not None
        found = self.adjusted.compare(self.weights(item), confidence).result
        to_report = np.exp if SCALES[item.measure].kind != "difference" else float
        return float(to_report(found.lower)), float(to_report(found.upper))

    def weights(self, item: PlannedComparison) -> Vector:
        """Return the weights of a comparison over the groups of the model; may raise
        `NotEstimable`.
        """
        return self.weights_of(item.index_group, item.references)

    def weights_of(self, index_group: str, references: Sequence[str]) -> Vector:
        """Return the weights of the index group against any reference; may raise `NotEstimable`."""
        assert self.design is not None
        return group_weights(
            self.design, index_group, references, pooled_weights=self.plan.pooled_weights
        )

    def _permutation(self, item: PlannedComparison, weights: Vector) -> tuple[float, str]:
        """Return the permutation p of a primary comparison, or why there is none."""
        assert self.design is not None
        assert self.adjusted is not None
        if item.role != "primary" or self.settings.n_permutations == 0:
            return np.nan, ""
        model, design, said = self.adjusted, self.design, ""
        if self.is_imputed and self.beside is not None and self.complete is not None:
            model, design = self.beside, self.complete
            said = "permutation p of the participants whose covariates are known"
        if not model.allows_permutation:
            return (
                np.nan,
                "no permutation p: some values are only known to be low, or were counted from few "
                "cells",
            )
        X = design.matrix
        padded = np.zeros(X.shape[1])
        padded[: len(weights)] = weights
        # a stream of its own for each comparison: adding one to the plan moves no other
        name = zlib.crc32("|".join((item.comparison, *item.endpoint)).encode())
        try:
            p_value = freedman_lane(
                design.y,
                X,
                padded,
                n_permutations=self.settings.n_permutations,
                seed=(self.settings.seed, name),
            )
        except NotEstimable as why:
            return np.nan, f"no permutation p: {why}"
        return p_value, said

    def _pool_gaps(self, item: PlannedComparison) -> list[str]:
        """Name groups of a pooled reference that are not in the model."""
        assert self.design is not None
        absent = [group for group in item.references if group not in self.design.groups]
        return [f"pooled without {', '.join(absent)} (too few participants)"] if absent else []

    def _caveats(self, item: PlannedComparison) -> Iterable[str]:
        assert self.design is not None
        people, formula = self.design.people, self.design.formula
        index = self.design.in_group(item.index_group)
        reference = people["group"].isin(item.references).to_numpy(dtype=bool)
        enrolled = self.responses["group"].isin([item.index_group, *item.references])
        return [
            caveats.of_missing(self.responses[enrolled]),
            *caveats.of_low_numbers(
                people,
                index,
                reference,
                item.measure,
                is_counted=self.adjusted is not None and self.adjusted.is_counted,
            ),
            caveats.of_informative_cells(
                people, None if self.adjusted is None else self.adjusted.truth, index, reference
            ),
            caveats.of_size(index, reference),
            caveats.of_batches(people, index, reference, formula),
            caveats.of_panels(people, index, reference),
            *caveats.of_libraries(people, index, reference),
            caveats.of_treatment(people, index, reference),
            caveats.of_repeats(people[index | reference]),
        ]


def _quartiles(side: str, values: pd.Series) -> dict[str, float]:
    """Return the unadjusted quartiles of a side, under the names of the comparisons' columns; NaN
    where one falls among those below the limit of detection.
    """
    quartiles = {"lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}
    return {f"{name}_{side}": quantile_beside_limits(values, q) for name, q in quartiles.items()}


def why_absent(
    measurements: pd.DataFrame, assay: str, population: str, measure: str, feature: str
) -> str:
    """Say why an endpoint of the plan has no measurement."""
    words = {"flow": "flow cytometry", "singlecell": "single-cell", "clinical": "clinical"}[assay]
    rows = measurements[measurements["assay"] == assay]
    if rows.empty:
        return f"the study has no {words} measurements"
    for column, value in (("population", population), ("measure", measure)):
        known = sorted(set(rows[column].astype(str)))
        if value not in known:
            hint = did_you_mean(value, known)
            return f"no {words} measurement of {column} '{value}'; {hint}"
        rows = rows[rows[column] == value]
    known = sorted(set(rows["feature"].astype(str)))
    if feature not in known:
        return f"no {measure} of '{feature}' in {population}; {did_you_mean(feature, known)}"
    return f"no {measure} of {population} in {words}"


def sentences(parts: Iterable[str]) -> str | None:
    """Join what is there; None when nothing is."""
    return "; ".join(dict.fromkeys(part for part in parts if part)) or None
