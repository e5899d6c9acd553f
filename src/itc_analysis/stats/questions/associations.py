"""Measures against clinical variables within one group, as the plan's `associations` declare them.

Numbers give an effect per stated step, categories a contrast to a reference. Nobody disappears: who
lacks the measure or the variable is counted, and an association that cannot be estimated keeps its
row and says why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.cohort.sheets.extra_columns import BELOW
from itc_analysis.config.sections import Groups, Stats
from itc_analysis.errors import SettingsError
from itc_analysis.statistics.arrays import Vector
from itc_analysis.stats.endpoint import caveats
from itc_analysis.stats.endpoint.endpoint import WHAT, sentences, why_absent
from itc_analysis.stats.endpoint.model import fit_endpoint
from itc_analysis.stats.endpoint.trend import COLUMN, fit_slope
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.multiplicity.adjust import adjust
from itc_analysis.stats.people.design import (
    MIN_MEAN_BATCH,
    Design,
    build_design,
    can_estimate,
    check_estimable,
    group_weights,
)
from itc_analysis.stats.people.responses import (
    CENSORED,
    KEY,
    OK,
    SCALES,
    check_people,
    log_t_per_ul,
    respond,
)
from itc_analysis.stats.plan import covariates
from itc_analysis.stats.plan.associations import Associations, Variable, group_faults, levels_of
from itc_analysis.stats.plan.endpoints import keys_of
from itc_analysis.stats.plan.plan import SOURCE, AnalysisPlan
from itc_analysis.tables import contract
from itc_analysis.tables.stats import associations as tables

#: Columns of everybody that models look at, beside variables and covariates.
ALWAYS = ["participant_id", "group", "is_analysed"]


def associate(
    measurements: pd.DataFrame,
    participants: pd.DataFrame,
    *,
    plan: AnalysisPlan,
    cohort: Groups,
    settings: Stats,
) -> pd.DataFrame:
    """Estimate every association of the plan.

    Parameters
    ----------
    measurements, participants, plan, cohort, settings : pandas.DataFrame or AnalysisPlan or Groups
        or Stats
        as in `compare.compare_groups`.

    Returns
    -------
    pandas.DataFrame
        An `Associations` table with one row per family, variable, contrast and endpoint.

    Raises
    ------
    ItcError
        as `compare.compare_groups`.
    SettingsError
        a family names a group that the cohort does not have.
    """
    check_people(measurements, participants, cohort)
    _check_groups(plan, cohort)
    measured = dict(list(measurements.groupby(KEY, sort=True)))
    t_cells = log_t_per_ul(measurements)
    found = []
    for family in plan.associations:
        group = family.group or cohort.index_group
        names = [variable.name for variable in family.variables]
        names += [n for n in covariates.variables(family.covariates) if n != covariates.BATCH]
        names += [f"{name}{BELOW}" for name in names if f"{name}{BELOW}" in participants]
        columns = list(dict.fromkeys([*ALWAYS, *names]))
        chosen, group = _within(participants[participants["group"] == group], family, group)
        people = chosen[columns].assign(group=group)
        rows: list[dict[str, Any]] = []
        for endpoint in dict.fromkeys(keys_of(family.endpoints)):
            mine = measured.get(endpoint)
            problem = why_absent(measurements, *endpoint) if mine is None else ""
            responses = respond(
                measurements.iloc[:0] if mine is None else mine,
                people,
                endpoint[2],
                t_cells=t_cells,
            )
            for variable in family.variables:
                asked = _Asked(family, group, variable, endpoint, responses, plan, settings)
                rows += asked.rows(problem)
        table = pd.DataFrame(rows)
        p_values = table["p_value"].to_numpy(dtype=float)
        found.append(table.assign(p_adjusted=adjust(p_values, method=family.adjustment)))
    return contract.make(pd.concat(found, ignore_index=True) if found else [], tables.Associations)


@dataclass(frozen=True)
class _Asked:
    """One variable against one endpoint."""

    family: Associations
    group: str
    variable: Variable
    endpoint: tuple[str, str, str, str]
    responses: pd.DataFrame
    plan: AnalysisPlan
    settings: Stats

    @property
    def _is_number(self) -> bool:
        return self.plan.columns[self.variable.name].kind == "number"

    @property
    def measure(self) -> str:
        return self.endpoint[2]

    def rows(self, problem: str) -> Iterator[dict[str, Any]]:
        """Yield one row for a number, one per category beside the reference for the others."""
        if self._is_number:
            yield self._row(self._words_of_step(), problem, self._number)
            return
        reference, *levels = levels_of(self.variable, self.plan.columns)
        for level in levels:
            yield self._row(
                f"{level} vs {reference}",
                problem,
                lambda level=level: self._level(level, reference),
            )

    def _row(self, contrast: str, problem: str, estimate: Any) -> dict[str, Any]:
        """Return the row of one contrast; `estimate` gives what the data say, or raises."""
        has_measure = self.responses["state"].isin([OK, CENSORED]).to_numpy(dtype=bool)
        is_known = self._known().to_numpy(dtype=bool)
        n_possible = int((has_measure & is_known).sum())
        row: dict[str, Any] = {
            "group": self.group,
            "variable": self.variable.name,
            "contrast": contrast,
            **dict(zip(KEY, self.endpoint, strict=True)),
            "family": self.family.name,
            "role": self.family.role,
            "estimate_kind": SCALES[self.measure].kind,
            "unit": self._unit(),
            "adjustment": self.family.adjustment,
            "n_analysed": len(self.responses),
            "n_used": 0,
            "n_below_lod": 0,
            "n_without_measure": int((~has_measure).sum()),
            "n_without_variable": int((has_measure & ~is_known).sum()),
            "n_left_out": n_possible,
            "model": "none",
            "covariates": "none",
            "estimand": self._estimand(contrast, None),
            "status": "not_estimable",
            "p_value": np.nan,
            "plan_digest": self.plan.digest,
        }
        gaps = [
            caveats.of_missing(self.responses),
            _of_unknown(
                self.variable.name, int((has_measure & ~is_known).sum()), int(has_measure.sum())
            ),
        ]
        try:
            if problem:
                raise NotEstimable(problem)
            if self.responses.empty:
                msg = f"no analysed participant is in group {self.group}"
                raise NotEstimable(msg)
            if not is_known.any():
                msg = f"{self.variable.name} is known for nobody in {self.group}"
                raise NotEstimable(msg)
            found, design, remarks = estimate()
        except NotEstimable as why:
            return row | {"reason": sentences([str(why), *gaps])}
        n_used = len(design.people)
        row |= {
            "n_used": n_used,
            "n_left_out": n_possible - n_used,
            "n_below_lod": int(design.is_censored.sum()),
            "covariates": design.formula or "none",
            "estimand": self._estimand(contrast, design.formula),
            "status": "ok" if np.isfinite(found["estimate"]) else "not_estimable",
        }
        answer: dict[str, Any] = row | found
        return answer | {"reason": sentences([*remarks, *gaps, *design.remarks])}

    def _number(self) -> tuple[dict[str, Any], Design, list[str]]:
        """Estimate the effect per step."""
        known = self.responses[self._known()]
        least = 2 * self.settings.min_per_group
        n = int((known["state"].isin([OK, CENSORED]) & ~self._below(known)).sum())
        if n < least:
            msg = f"participants with measure and {self.variable.name}: {n}, needed {least}"
            raise NotEstimable(msg)
        design = self._design(known, (self.group,), 1)
        is_below = self._below(design.people)
        every_value = self._values(design.people)
        values = every_value[~is_below]
        if np.ptp(values) == 0:  # an SD of equal numbers may not be quite 0
            msg = f"{self.variable.name} is the same in everybody with a number"
            raise NotEstimable(msg)
        spread = float(np.std(values, ddof=1))
        step = (
            spread
            if self.variable.per is None and self.variable.scale == "linear"
            else (self.variable.per or 1.0)
        )
        # those below the limit of the assay have a level of their own, and no part in the slope
        number = np.where(is_below, 0.0, (every_value - values.mean()) / step)
        level = is_below[:, None].astype(float) if is_below.any() else np.empty((len(number), 0))
        columns = np.column_stack(
            [design.every_column[:, :COLUMN], number, level, design.every_column[:, COLUMN:]]
        )
        design = replace(design, every_column=columns)
        _check_number(design, self.variable.name)
        slope = fit_slope(
            design,
            design.matrix,
            measure=self.measure,
            confidence=self.settings.comparison_confidence,
        )
        plain = np.nan
        with contextlib.suppress(NotEstimable):  # the estimate beside stays empty then
            plain = fit_slope(
                design,
                columns[:, : COLUMN + 1 + level.shape[1]],
                measure=self.measure,
                confidence=self.settings.comparison_confidence,
            ).result.estimate
        is_logged = self.variable.scale == "log2"
        found = self._reported(slope.result, plain) | {
            "step": np.nan if is_logged else step,
            "effect_size": slope.result.estimate * spread / step / slope.residual_sd,
            "model": slope.words,
        }
        remarks = [slope.remark, _of_few(len(design.people))]
        return found, design, [*remarks, _of_below(self.variable.name, is_below)]

    def _level(self, level: str, reference: str) -> tuple[dict[str, Any], Design, list[str]]:
        """Estimate one category against the reference; all categories stand in one model."""
        known = self.responses[self._known()]
        known = known.assign(group=self._levels(known))
        usable = known["state"].isin([OK, CENSORED])
        least = self.settings.min_per_group
        for name in (level, reference):
            n = int((usable & (known["group"] == name)).sum())
            if n < least:
                msg = (
                    f"participants with measure and {self.variable.name} {name}: {n}, needed "
                    f"{least}"
                )
                raise NotEstimable(msg)
        design = self._design(known, levels_of(self.variable, self.plan.columns), 2)
        weights = group_weights(design, level, (reference,), pooled_weights="equal")
        check_estimable(design, weights)
        model = fit_endpoint(design, design.matrix, measure=self.measure, index_group=reference)
        answer = model.compare(weights, self.settings.comparison_confidence)
        plain = np.nan
        with contextlib.suppress(NotEstimable):
            plain = fit_endpoint(
                design, design.group_matrix, measure=self.measure, index_group=reference
            ).estimate(weights)
        one, other = design.in_group(level), design.in_group(reference)
        found = self._reported(answer.result, plain) | {
            "effect_size": answer.effect_size,
            "model": model.words,
            "n_level": int(one.sum()),
            "n_reference": int(other.sum()),
        }
        people = design.people
        remarks = [
            answer.remark,
            *caveats.of_low_numbers(people, one, other, self.measure, is_counted=model.is_counted),
            caveats.of_size(one, other),
            caveats.of_batches(people, one, other, design.formula),
            caveats.of_panels(people, one, other),
            caveats.of_repeats(people[one | other]),
        ]
        return found, design, remarks

    def _design(self, responses: pd.DataFrame, groups: tuple[str, ...], min_groups: int) -> Design:
        """Build the design with the family's covariates, without the variable itself.

        When they are too many for the participants, those of them that the plan keeps in small
        samples are left.
        """
        own = [self.variable.name, f"{self.variable.name}{BELOW}"]
        wanted = covariates.without(self.family.covariates, own)
        rule = self.plan.small_sample
        known = covariates.variables(wanted)
        beyond = [n for n in covariates.variables(rule.covariates) if n not in known]
        fewer = rule.model_copy(update={"covariates": covariates.without(rule.covariates, beyond)})
        return build_design(
            responses,
            plan=self.plan.model_copy(update={"covariates": wanted, "small_sample": fewer}),
            groups=groups,
            min_per_group=self.settings.min_per_group,
            min_groups=min_groups,
        )

    def _reported(self, result: Any, plain: float) -> dict[str, Any]:
        to_report = np.exp if SCALES[self.measure].kind != "difference" else float
        return {
            "estimate": float(to_report(result.estimate)),
            "lower": float(to_report(result.lower)),
            "upper": float(to_report(result.upper)),
            "standard_error": result.standard_error,
            "p_value": result.p_value,
            "estimate_unadjusted": float(to_report(plain)),
        }

    def _known(self) -> pd.Series:
        """Who has a usable value of the variable; a logarithm needs a value above 0."""
        column = self.responses[self.variable.name]
        if self.variable.scale == "log2":
            return (column > 0).astype(bool)
        return column.notna().astype(bool)

    def _below(self, people: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Who lies below the limit of the variable's assay."""
        flag = people.get(f"{self.variable.name}{BELOW}")
        if flag is None:
            return np.zeros(len(people), dtype=bool)
        return flag.fillna(value=False).to_numpy(dtype=bool)

    def _values(self, people: pd.DataFrame) -> Vector:
        values = people[self.variable.name].to_numpy(dtype=float)
        return np.log2(values) if self.variable.scale == "log2" else values

    def _levels(self, people: pd.DataFrame) -> pd.Series:
        column = people[self.variable.name]
        if isinstance(column.dtype, pd.BooleanDtype):
            return column.map({True: "yes", False: "no"}).astype(object)
        return column.astype(object)

    def _unit(self) -> str:
        return self.plan.columns[self.variable.name].unit

    def _words_of_step(self) -> str:
        if self.variable.scale == "log2":
            return "per doubling"
        return f"per {self.variable.per:g} {self._unit()}" if self.variable.per else "per SD"

    def _estimand(self, contrast: str, formula: str | None) -> str:
        text = (
            f"{WHAT[self.measure]}, among participants with {self.group}: {self.variable.name} "
            f"{contrast}"
        )
        return f"{text}; at equal {formula}" if formula else text


def _check_groups(plan: AnalysisPlan, cohort: Groups) -> None:
    if faults := group_faults(plan.associations, cohort.groups):
        raise SettingsError(SOURCE, faults)


def _check_number(design: Design, name: str) -> None:
    """Refuse a number that covariates or batches explain completely."""
    asked = np.zeros(COLUMN + 1)
    asked[COLUMN] = 1
    if not can_estimate(design.every_column, asked):
        msg = f"confounded with the covariates {design.formula}: they tell {name} completely"
        raise NotEstimable(msg)
    batches = design.people["batch"].astype(str)
    names = sorted(set(batches))
    if len(names) > 1 and len(batches) / len(names) >= MIN_MEAN_BATCH:
        dummies = np.column_stack([(batches == b).to_numpy(dtype=float) for b in names])
        if not can_estimate(np.hstack([design.every_column[:, : COLUMN + 1], dummies]), asked):
            msg = (
                f"not interpretable: confounded with batch: {name} is the same in everybody of a "
                "batch"
            )
            raise NotEstimable(msg)


def _of_unknown(name: str, n: int, n_measured: int) -> str:
    return f"{n} of {n_measured} participants with a number lack {name}" if n else ""


def _of_below(name: str, is_below: npt.NDArray[np.bool_]) -> str:
    n = int(is_below.sum())
    if not n:
        return ""
    return (
        f"{n} of {len(is_below)} have {name} below the limit of its assay: they have a level of "
        "their own, and the slope is that of the others"
    )


def _within(people: pd.DataFrame, family: Associations, group: str) -> tuple[pd.DataFrame, str]:
    """Return the participants of a stratum, and the group's name with it."""
    for name, level in family.within.items():
        column = people[name]
        if isinstance(column.dtype, pd.BooleanDtype):
            column = column.map({True: "yes", False: "no"})
        people = people[(column == level).fillna(value=False).to_numpy(dtype=bool)]
        group = f"{group}, {name} {level}"
    return people, group


def _of_few(n: int) -> str:
    return f"few participants ({n})" if n < caveats.FEW_PARTICIPANTS else ""
