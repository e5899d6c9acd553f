"""What the comparisons of one endpoint say together: specific to the index group, shared with a
disease, or open.

*Specific*: the index group differs from every other group of the study, in one direction, each at
the plain level (intersection-union: all must hold, so nothing is adjusted). *Shared*: it differs
from healthy and is equivalent to a disease (two one-sided tests against the plan's margin,
Bonferroni over the diseases). Berger and Hsu 1996, doi:10.1214/ss/1032280304. Anything else is
inconclusive, which is not "no difference".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from itc_analysis.config.sections import Groups, Stats
from itc_analysis.stats.endpoint.endpoint import Endpoint, sentences
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.people.design import check_estimable
from itc_analysis.stats.people.responses import KEY, SCALES
from itc_analysis.stats.plan.plan import AnalysisPlan, PlannedComparison, expand
from itc_analysis.stats.questions.compare import fit_endpoints
from itc_analysis.stats.questions.variability import compare_spread
from itc_analysis.tables import contract
from itc_analysis.tables.stats.comparisons import Verdicts


@dataclass(frozen=True)
class Side:
    """The index group against one group, on the model's scale; p_equivalent is NaN without a
    standard error.
    """

    group: str
    is_lower: bool
    p_value: float
    p_equivalent: float


def judge_endpoints(
    measurements: pd.DataFrame,
    participants: pd.DataFrame,
    *,
    plan: AnalysisPlan,
    cohort: Groups,
    settings: Stats,
) -> pd.DataFrame:
    """Give the verdict on every endpoint of the plan's primary families, with its differential
    variability.

    Parameters
    ----------
    measurements, participants, plan, cohort, settings : pandas.DataFrame or AnalysisPlan or Groups
        or Stats
        as in `compare.compare_groups`; the models are the same.

    Returns
    -------
    pandas.DataFrame
        A `Verdicts` table with one row per endpoint; not_estimable carries its reason.

    Raises
    ------
    ItcError
        as `compare.compare_groups`.
    """
    planned = [item for item in expand(plan, cohort) if item.role == "primary"]
    first = list({item.endpoint: item for item in planned}.values())
    rows = [
        _judge(endpoint, items[0], plan=plan, cohort=cohort, settings=settings)
        for endpoint, items in fit_endpoints(
            measurements, participants, first, plan=plan, cohort=cohort, settings=settings
        )
    ]
    return contract.make(rows, Verdicts)


def p_equivalent(estimate: float, standard_error: float, df: float, margin: float) -> float:
    """Return the p of two one-sided tests: small when the estimate surely lies within the margin of
    0.
    """
    if not np.isfinite(standard_error):
        return np.nan
    inside = min(margin - estimate, margin + estimate)
    return float(stats.t.sf(inside / standard_error, df))


def _judge(
    endpoint: Endpoint,
    first: PlannedComparison,
    *,
    plan: AnalysisPlan,
    cohort: Groups,
    settings: Stats,
) -> dict[str, Any]:
    is_ratio = SCALES[first.measure].kind != "difference"
    row: dict[str, Any] = dict(zip(KEY, first.endpoint, strict=True)) | {
        "index_group": cohort.index_group,
        "verdict": "not_estimable",
        "n_controls": 0,
        "margin": plan.equivalence_ratio if is_ratio else plan.equivalence_sd,
        "plan_digest": plan.digest,
    }
    if endpoint.problem or endpoint.design is None or endpoint.adjusted is None:
        return row | {
            "reason": endpoint.problem,
            "words": f"{cohort.index_group}: not estimable, {endpoint.problem}",
        }
    margin = (
        np.log(plan.equivalence_ratio)
        if is_ratio
        else plan.equivalence_sd * endpoint.adjusted.residual_sd
    )
    sides, gaps = _sides(endpoint, cohort, settings, float(margin))
    row |= _verdict(sides, gaps, cohort, alpha=1 - settings.comparison_confidence)
    try:
        assert endpoint.complete is not None
        spread = compare_spread(
            endpoint.complete,
            cohort.index_group,
            measure=endpoint.measure,
            confidence=settings.comparison_confidence,
        )
    except NotEstimable as why:
        gaps.append(str(why))
    else:
        row |= {
            "spread_ratio": spread.ratio,
            "spread_lower": spread.lower,
            "spread_upper": spread.upper,
            "spread_p_value": spread.p_value,
        }
    return row | {"reason": sentences([*gaps, *endpoint.design.remarks])}


def _sides(
    endpoint: Endpoint, cohort: Groups, settings: Stats, margin: float
) -> tuple[list[Side], list[str]]:
    """Compare with each other group of the study; say which could not be."""
    assert endpoint.design is not None
    assert endpoint.adjusted is not None
    sides, gaps = [], []
    for group in cohort.groups:
        if group == cohort.index_group:
            continue
        try:
            weights = endpoint.weights_of(cohort.index_group, (group,))
            check_estimable(endpoint.design, weights)
            found = endpoint.adjusted.compare(weights, settings.comparison_confidence).result
        except NotEstimable as why:
            gaps.append(f"not compared with {group}: {why}")
            continue
        at = found.estimate if np.isfinite(found.estimate) else np.nan_to_num(found.upper, nan=1.0)
        equivalent = p_equivalent(found.estimate, found.standard_error, found.df, margin)
        sides.append(Side(group, bool(at < 0), found.p_value, equivalent))
    return sides, gaps


def _verdict(sides: list[Side], gaps: list[str], cohort: Groups, *, alpha: float) -> dict[str, Any]:
    """Return verdict, p and words."""
    index = cohort.index_group
    if not sides:
        return {"words": f"{index}: not estimable, {'; '.join(gaps)}"}
    direction = _common_direction(sides)
    p_specific = np.nan if gaps or direction is None else max(side.p_value for side in sides)
    healthy = next((side for side in sides if side.group == cohort.healthy_group), None)
    diseases = [s for s in sides if s is not healthy and np.isfinite(s.p_equivalent)]
    n = len(cohort.disease_groups)
    equivalent = [side.group for side in diseases if n * side.p_equivalent <= alpha]
    p_shared = _p_shared(healthy, diseases, n)
    verdict = "inconclusive"
    words = f"inconclusive: neither {index}-specific nor shared with a disease is shown"
    if p_specific <= alpha:
        verdict = "specific"
        words = f"{index}-specific: {direction} than in each of {len(sides)} other groups"
    elif p_shared <= alpha:
        assert healthy is not None
        verdict, direction = "shared", _common_direction([healthy])
        words = f"shared: {direction} than in {healthy.group}, and equivalent to "
        words += ", ".join(equivalent)
    return {
        "verdict": verdict,
        "words": words,
        "direction": direction,
        "n_controls": len(sides),
        "p_specific": p_specific,
        "p_shared": p_shared,
        "equivalent_to": "+".join(equivalent) or None,
    }


def _common_direction(sides: list[Side]) -> str | None:
    """Return where the index group lies from all these groups; None when they do not agree."""
    lower = {side.is_lower for side in sides}
    if len(lower) > 1:
        return None
    return "lower" if lower == {True} else "higher"


def _p_shared(healthy: Side | None, diseases: list[Side], n_planned: int) -> float:
    """Return the p of "differs from healthy people and is equivalent to some disease"."""
    if healthy is None or not diseases:
        return float("nan")
    nearest = min(side.p_equivalent for side in diseases)
    return max(healthy.p_value, min(n_planned * nearest, 1.0))
