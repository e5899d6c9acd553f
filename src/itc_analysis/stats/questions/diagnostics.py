"""Beside each comparison: who carries it, what the covariates change, how strong an unknown
confounder must be.

Nothing here changes a result. Leaving one participant out is in closed form for least squares;
other models are fitted again without each of the few whose absence moves them most by one Newton
step, once for all comparisons of an endpoint.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.config.sections import Groups, Stats
from itc_analysis.statistics.arrays import Vector
from itc_analysis.stats.endpoint.endpoint import Endpoint, sentences
from itc_analysis.stats.endpoint.model import EndpointModel, fit_values
from itc_analysis.stats.endpoint.overdispersed import second_model
from itc_analysis.stats.endpoint.tipping import sides_of, tipping_point
from itc_analysis.stats.endpoint.ways_to_count import count_in_other_ways
from itc_analysis.stats.models.linear import Estimate, NotEstimable
from itc_analysis.stats.people.design import Design, independent_columns
from itc_analysis.stats.people.responses import KEY, SCALES
from itc_analysis.stats.plan import covariates
from itc_analysis.stats.plan.plan import AnalysisPlan, PlannedComparison, expand
from itc_analysis.stats.questions.compare import fit_endpoints
from itc_analysis.tables import contract
from itc_analysis.tables.stats.comparisons import Diagnostics

#: A standardised difference d is about a risk ratio of exp(0.91 d) (VanderWeele and Ding 2017,
#: doi:10.7326/M16-2607, from Chinn 2000).
RISK_RATIO_PER_SD = 0.91
#: Participants to either side without whom a model is fitted again where leaving out is not in
#: closed form: of limits of detection, and of counts, whose Newton step takes the SDs along (with
#: twelve in place of five the range of 240 people moved in 8 of 128 ends, by 2 % at most).
N_REFITTED, N_COUNTED = 10, 5


def diagnose(
    measurements: pd.DataFrame,
    participants: pd.DataFrame,
    *,
    plan: AnalysisPlan,
    cohort: Groups,
    settings: Stats,
) -> pd.DataFrame:
    """Return what stands beside every comparison of the primary and secondary families.

    Parameters
    ----------
    measurements, participants, plan, cohort, settings : pandas.DataFrame or AnalysisPlan or Groups
        or Stats
        as in `compare.compare_groups`; the models are the same.

    Returns
    -------
    pandas.DataFrame
        A `Diagnostics` table with one row per comparison; what could not be computed is null and
        `reason` says why.

    Raises
    ------
    ItcError
        as `compare.compare_groups`.
    """
    planned = [item for item in expand(plan, cohort) if item.role in ("primary", "secondary")]
    rows = []
    for endpoint, items in fit_endpoints(
        measurements, participants, planned, plan=plan, cohort=cohort, settings=settings
    ):
        refits = _Refits(endpoint)
        other = {} if endpoint.problem else count_in_other_ways(endpoint)
        rows += [
            _diagnosed(endpoint, item, plan, settings, refits)
            | _by_other_counts(other, endpoint, item, settings)
            for item in items
        ]
    return contract.make(rows, Diagnostics)


def e_value(difference_sd: float) -> float:
    """Return the E-value of a standardised difference.

    The least association (risk ratio) that an unknown confounder must have with both group and
    measure to explain the difference away; 1 when there is none to explain.
    """
    ratio = float(np.exp(RISK_RATIO_PER_SD * abs(difference_sd)))
    return ratio + float(np.sqrt(ratio * (ratio - 1)))


class _Refits:
    """The model of an endpoint without one participant, each fitted once.

    Parameters
    ----------
    endpoint : Endpoint
        The endpoint.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.kept: dict[int, EndpointModel | NotEstimable] = {}

    def without(self, position: int) -> EndpointModel:
        """Return the model without the participant at a position; may raise `NotEstimable`."""
        if position not in self.kept:
            try:
                left = [_without(design, position) for design in self.endpoint.designs]
                self.kept[position] = self.endpoint.fit(left)
            except NotEstimable as why:
                self.kept[position] = why
        found = self.kept[position]
        if isinstance(found, NotEstimable):
            raise found
        return found


def _diagnosed(
    endpoint: Endpoint,
    item: PlannedComparison,
    plan: AnalysisPlan,
    settings: Stats,
    refits: _Refits,
) -> dict[str, Any]:
    row: dict[str, Any] = dict(zip(KEY, item.endpoint, strict=True)) | {
        "comparison": item.comparison,
        "plan_digest": plan.digest,
    }
    try:
        if item.problem or endpoint.problem:
            raise NotEstimable(item.problem or endpoint.problem)
        assert endpoint.design is not None
        assert endpoint.adjusted is not None
        weights = endpoint.weights(item)
        found = endpoint.adjusted.compare(weights, settings.comparison_confidence).result
    except NotEstimable as why:
        return row | {"reason": str(why)}
    to_report = np.exp if SCALES[item.measure].kind != "difference" else float
    row |= {
        "estimate_unadjusted": _reported(to_report, endpoint.unadjusted, weights),
        "estimate_core": float(to_report(_core(endpoint, weights, plan))),
        "estimate_full": float(to_report(found.estimate)),
    }
    if not np.isfinite(found.estimate):
        return row | {"reason": "no estimate: a group lies wholly below the limit of detection"}
    sd = endpoint.adjusted.residual_sd
    crosses = not (found.lower > 0 or found.upper < 0)
    nearest = 0.0 if crosses else min(abs(found.lower), abs(found.upper))
    row |= {"e_value": e_value(found.estimate / sd), "e_value_limit": e_value(nearest / sd)}
    row |= _tipping(endpoint, item, weights, found)
    row |= _influence(refits, item, weights, settings, found)
    assert endpoint.complete is not None
    second = second_model(endpoint.complete, weights, measure=item.measure)
    row |= {
        "second_model": second.words or None,
        "second_estimate": float(np.exp(second.estimate)),
        "second_p_value": second.p_value,
    }
    row |= _by_values(endpoint, item, weights, settings)
    row |= _beside(endpoint, item, weights, settings)
    return row | {"reason": sentences([row.get("reason", ""), second.remark])}


def _tipping(
    endpoint: Endpoint, item: PlannedComparison, weights: Vector, found: Estimate
) -> dict[str, Any]:
    """How far those without a number, or below the limit, must lie for another conclusion."""
    design, responses = endpoint.design, endpoint.responses
    assert design is not None
    assert endpoint.adjusted is not None
    counted = [
        (
            float((responses["group"] == group).sum()),
            float(design.in_group(group).sum()),
            float((design.in_group(group) & design.is_censored).sum()),
        )
        for group in design.groups
    ]
    sides = sides_of(weights, *np.array(counted).T)
    is_ratio = SCALES[item.measure].kind != "difference"
    tips = tipping_point(found, endpoint.adjusted.residual_sd, *sides, is_ratio=is_ratio)
    return {
        "tipping_missing": tips.missing,
        "tipping_low": tips.low,
        "tipping": tips.words or None,
    }


def _by_values(
    endpoint: Endpoint, item: PlannedComparison, weights: Vector, settings: Stats
) -> dict[str, Any]:
    """Report the model of values and limits of detection beside that of counts."""
    assert endpoint.complete is not None
    assert endpoint.adjusted is not None
    if not endpoint.adjusted.is_counted:
        return {}
    design = endpoint.complete
    try:
        model = fit_values(
            design, design.matrix, measure=item.measure, index_group=endpoint.index_group
        )
        found = model.compare(weights, settings.comparison_confidence).result
    except NotEstimable:
        return {}
    return {
        "value_model": model.words,
        "value_estimate": float(np.exp(found.estimate)),
        "value_lower": float(np.exp(found.lower)),
        "value_upper": float(np.exp(found.upper)),
        "value_p_value": found.p_value,
    }


def _by_other_counts(
    models: dict[str, EndpointModel],
    endpoint: Endpoint,
    item: PlannedComparison,
    settings: Stats,
) -> dict[str, Any]:
    """Report a single-cell population by its called cells as they are, and by the soft count."""
    row: dict[str, Any] = {}
    for name, model in models.items():
        try:
            weights = endpoint.weights(item)
            found = model.compare(weights, settings.comparison_confidence).result
        except NotEstimable:
            continue
        row |= {
            f"{name}_estimate": float(np.exp(found.estimate)),
            f"{name}_lower": float(np.exp(found.lower)),
            f"{name}_upper": float(np.exp(found.upper)),
            f"{name}_p_value": found.p_value,
        }
    return row


def _beside(
    endpoint: Endpoint, item: PlannedComparison, weights: Vector, settings: Stats
) -> dict[str, Any]:
    """Report the other way with missing covariates: complete cases beside imputation, or the
    reverse.
    """
    if endpoint.beside is None:
        return {}
    assert endpoint.complete is not None
    to_report = np.exp if SCALES[item.measure].kind != "difference" else float
    row: dict[str, Any] = {
        "missing_covariates": "complete_cases" if endpoint.is_imputed else "imputed",
        "n_incomplete": len(endpoint.imputed[0].people) - len(endpoint.complete.people),
    }
    try:
        found = endpoint.beside.compare(weights, settings.comparison_confidence).result
    except NotEstimable:
        return row
    return row | {
        "beside_estimate": float(to_report(found.estimate)),
        "beside_lower": float(to_report(found.lower)),
        "beside_upper": float(to_report(found.upper)),
        "beside_p_value": found.p_value,
    }


def _reported(to_report: Any, model: Any, weights: Vector) -> float:
    return np.nan if model is None else float(to_report(model.estimate(weights)))


def _core(endpoint: Endpoint, weights: Vector, plan: AnalysisPlan) -> float:
    """Estimate with the core covariates, on the participants of the full model."""
    names = covariates.variables(plan.core_covariates)
    cores = []
    for design in endpoint.designs:
        if design.people[names].isna().any().any():
            return np.nan
        try:
            block = covariates.matrix(design.people, plan.core_covariates)
        except ValueError:
            return np.nan
        cores.append(replace(design, every_column=np.hstack([design.group_matrix, block])))
    try:
        return endpoint.fit(cores).estimate(weights)
    except NotEstimable:
        return np.nan


def _influence(
    refits: _Refits,
    item: PlannedComparison,
    weights: Vector,
    settings: Stats,
    found: Estimate,
) -> dict[str, Any]:
    """Range of the estimate with one participant left out, and the comparison without the most
    influential one: the one, if there is any, without whom there is no estimate, nor then a range.
    """
    endpoint, estimate, error = refits.endpoint, found.estimate, found.standard_error
    design, model = endpoint.design, endpoint.adjusted
    assert design is not None
    assert model is not None
    to_report = np.exp if SCALES[item.measure].kind != "difference" else float
    try:
        step = model.move(weights)
    except NotEstimable:
        return {}
    moved = step.copy()
    if not model.is_exact_move and not endpoint.is_imputed:  # pooled: by one Newton step each
        moved = _refitted(refits, weights, estimate, step)
    if model.needed is not None:
        moved = np.where(model.needed(weights), np.nan, moved)
    size = np.nan_to_num(np.abs(step))
    lost = np.flatnonzero(~np.isfinite(moved))
    most = int(lost[np.argmax(size[lost])]) if len(lost) else int(np.argmax(np.abs(moved)))
    p_without, why = np.nan, ""
    try:
        again = refits.without(most).compare(weights, settings.comparison_confidence)
    except NotEstimable as lack:
        moved[most], why = np.nan, str(lack)
    else:
        p_without = again.result.p_value
        if not np.isfinite(again.result.estimate):
            moved[most], why = np.nan, again.remark
    before = model.compare(weights, settings.comparison_confidence).result.p_value
    alpha = 1 - settings.comparison_confidence
    person = str(design.people.index[most])
    return {
        "one_out_lowest": float(to_report(estimate + moved.min())),
        "one_out_highest": float(to_report(estimate + moved.max())),
        "most_influential": person,
        "influence": float(np.abs(moved[most]) / error) if np.isfinite(error) else np.nan,
        "p_without_most_influential": p_without,
        # without an estimate nothing shows that it holds
        "is_carried_by_one": bool(why or before <= alpha < p_without),
        "reason": f"leaving out {person}: {why}" if why else "",
    }


def _refitted(refits: _Refits, weights: Vector, estimate: float, step: Vector) -> Vector:
    """Return the moves of the most influential participants by fitting again, 0 for the others; NaN
    for those without whom there is no estimate.
    """
    model = refits.endpoint.adjusted
    n = N_COUNTED if model is not None and model.is_counted else N_REFITTED
    order = np.argsort(step)
    exact = np.zeros(len(step))
    for position in {*order[:n].tolist(), *order[-n:].tolist()}:
        try:
            exact[position] = refits.without(position).estimate(weights) - estimate
        except NotEstimable:
            exact[position] = np.nan
    return exact


def _without(design: Design, position: int) -> Design:
    """Return the design without one participant; the groups stay, or the comparison is another."""
    keep = np.arange(len(design.people)) != position
    columns = design.every_column[keep]
    if len(independent_columns(columns[:, : len(design.groups)])) < len(design.groups):
        msg = "a group would be empty"
        raise NotEstimable(msg)
    return replace(design, people=design.people[keep], every_column=columns)
