"""Parts of one whole compared together between groups, as the plan's `compositions` declare them.

Per comparison one joint test of all log ratios, and one row per part. Shares of one whole are not
independent, so single tests of shares answer neither "does the composition differ?" nor "which part
moved against the reference?".
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.config.sections import Groups, Stats
from itc_analysis.errors import Fault, SettingsError
from itc_analysis.statistics.arrays import Vector
from itc_analysis.stats.endpoint import caveats
from itc_analysis.stats.endpoint.censored import Answer
from itc_analysis.stats.endpoint.endpoint import sentences
from itc_analysis.stats.endpoint.model import EndpointModel, fit_endpoint
from itc_analysis.stats.models.hotelling import effective_df, hotelling, permute_jointly
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.multiplicity.adjust import adjust
from itc_analysis.stats.people.design import Design, build_design, check_estimable, group_weights
from itc_analysis.stats.people.log_ratios import SHARE, LogRatios, log_ratios
from itc_analysis.stats.people.responses import CENSORED, OK, check_people
from itc_analysis.stats.plan.compositions import Composition
from itc_analysis.stats.plan.plan import SOURCE, AnalysisPlan, contrasts_of
from itc_analysis.tables import contract
from itc_analysis.tables.stats.compositions import JOINT, Compositions

#: Place, name, groups, whether pooled, and problem of a contrast, from `plan.contrasts_of`.
Contrast = tuple[int, str, tuple[str, ...], bool, str]
#: The response of a part: of its cells where they are known, else of shares.
OF_COUNTS = "cells of the part among those of part and reference"
OF_VALUES = "log((k + 1/2) / (k of the reference part + 1/2))"


def compare_compositions(
    measurements: pd.DataFrame,
    participants: pd.DataFrame,
    *,
    plan: AnalysisPlan,
    cohort: Groups,
    settings: Stats,
) -> pd.DataFrame:
    """Compare every composition of the plan.

    Parameters
    ----------
    measurements, participants, plan, cohort, settings : pandas.DataFrame or AnalysisPlan or Groups
        or Stats
        as in `compare.compare_groups`.

    Returns
    -------
    pandas.DataFrame
        A `Compositions` table: per composition and contrast one row per part and one for all parts
        jointly.

    Raises
    ------
    ItcError
        as `compare.compare_groups`.
    SettingsError
        a contrast names a group that the cohort does not have.
    """
    check_people(measurements, participants, cohort)
    faults: list[Fault] = []
    wanted = [
        (item, contrasts_of(item.contrasts, cohort, f"composition '{item.name}'", faults))
        for item in plan.compositions
    ]
    if faults:
        raise SettingsError(SOURCE, faults)
    rows: list[dict[str, Any]] = []
    for item, contrasts in wanted:
        fitted = _Fitted(item, measurements, participants, plan, cohort, settings)
        # healthy and the name of the healthy group are one comparison
        unique = list({contrast[1]: contrast for contrast in contrasts}.values())
        found = [row for contrast in unique for row in fitted.rows(contrast)]
        rows += _adjusted(found, item)
    return contract.make(rows, Compositions)


class _Fitted:
    """One composition: a regression per part, on the same participants with the same covariates."""

    def __init__(
        self,
        item: Composition,
        measurements: pd.DataFrame,
        participants: pd.DataFrame,
        plan: AnalysisPlan,
        cohort: Groups,
        settings: Stats,
    ) -> None:
        self.item, self.plan, self.cohort, self.settings = item, plan, cohort, settings
        self.problem = ""
        self.ratios: LogRatios | None = None
        self.design: Design | None = None
        self.designs: dict[str, Design] = {}
        self.models: dict[str, EndpointModel] = {}
        self.plain: dict[str, EndpointModel] = {}
        self.why: dict[str, str] = {}
        self.enrolled = participants.loc[participants["is_analysed"], "group"].astype(object)
        try:
            self.ratios = log_ratios(
                measurements,
                participants,
                assay=item.assay,
                parts=item.parts,
                reference=item.reference,
            )
            self._fit(self.ratios)
        except NotEstimable as why:
            self.problem = str(why)

    def _fit(self, ratios: LogRatios) -> None:
        complete = {part: rows[ratios.has_all] for part, rows in ratios.parts.items()}
        # the part with the fewest numbers decides how many covariates all parts can carry
        n_low = {part: int((rows["state"] == CENSORED).sum()) for part, rows in complete.items()}
        scarcest = max(self.item.parts, key=lambda part: n_low[part])
        self.design = build_design(
            complete[scarcest],
            plan=self.plan,
            groups=self.cohort.groups,
            min_per_group=self.settings.min_per_group,
        )
        for part in self.item.parts:
            rows = complete[part].loc[self.design.people.index]
            design = self.designs[part] = replace(self.design, people=rows)
            try:
                self.models[part] = self._model(design, design.matrix)
                self.plain[part] = self._model(design, design.group_matrix)
            except NotEstimable as why:
                self.why[part] = str(why)

    def _model(self, design: Design, X: npt.NDArray[np.float64]) -> EndpointModel:
        return fit_endpoint(design, X, measure=SHARE, index_group=self.cohort.index_group)

    def rows(self, contrast: Contrast) -> list[dict[str, Any]]:
        """Return the rows of one contrast: the parts, then all of them jointly."""
        _, name, references, _, problem = contrast
        described = self._described(name, references)
        try:
            if problem or self.problem:
                raise NotEstimable(problem or self.problem)
            assert self.design is not None
            weights = group_weights(
                self.design,
                self.cohort.index_group,
                references,
                pooled_weights=self.plan.pooled_weights,
            )
            check_estimable(self.design, weights)
        except NotEstimable as why:
            parts = [*self.item.parts, JOINT]
            return [described(part) | {"reason": str(why)} for part in parts]
        answers: dict[str, Answer] = {}
        rows = []
        for part in self.item.parts:
            row = described(part)
            try:
                if part in self.why:
                    raise NotEstimable(self.why[part])
                answers[part] = self.models[part].compare(
                    weights, self.settings.comparison_confidence
                )
                row |= self._compared(part, answers[part], weights, references)
            except NotEstimable as why:
                # holds for this contrast only: another may well be possible
                answers.pop(part, None)
                row["reason"] = str(why)
            rows.append(row)
        rows.append(described(JOINT) | self._joint(name, answers, weights, references))
        return rows

    def _described(self, name: str, references: tuple[str, ...]) -> Any:
        """Return what makes the part of a row that holds whatever the data say."""
        item, index = self.item, self.cohort.index_group
        sides = [index, *references]
        people = None if self.design is None else self.design.people
        counted = {
            group: 0 if people is None else int((people["group"] == group).sum()) for group in sides
        }
        n_enrolled = int(self.enrolled.isin(sides).sum())

        def describe(part: str) -> dict[str, Any]:
            low = [self.designs[p].is_censored for p in self.designs if part in (p, JOINT)]
            is_low = np.zeros(0, dtype=bool)
            if low and people is not None:
                is_low = np.any(low, axis=0) & people["group"].isin(sides).to_numpy(dtype=bool)
            return {
                "composition": item.name,
                "comparison": f"{index} vs {name}",
                "part": part,
                "reference_part": item.reference,
                "index_group": index,
                "reference_group": "+".join(references),
                "assay": item.assay,
                "role": item.role,
                "adjustment": item.adjustment,
                "p_value": np.nan,
                "n_index": counted[index],
                "n_reference": sum(counted[group] for group in references),
                "n_below_lod": int(is_low.sum()),
                "n_missing": n_enrolled - sum(counted.values()),
                "model": "none",
                "covariates": (self.design.formula if self.design else None) or "none",
                "estimand": self._estimand(part),
                "status": "not_estimable",
                "plan_digest": self.plan.digest,
            }

        return describe

    def _estimand(self, part: str) -> str:
        if part == JOINT:
            return (
                f"whether any ratio of {', '.join(self.item.parts)} to {self.item.reference} "
                "differs"
            )
        return (
            f"cells of {part} for one cell of {self.item.reference}, typical participant "
            "(geometric mean)"
        )

    def _compared(
        self, part: str, answer: Answer, weights: Vector, references: tuple[str, ...]
    ) -> dict[str, Any]:
        found, people = answer.result, self.designs[part].people
        low = caveats.of_low_numbers(
            people,
            self.designs[part].in_group(self.cohort.index_group),
            people["group"].isin(references).to_numpy(dtype=bool),
            SHARE,
            is_counted=self.models[part].is_counted,
        )
        plain = self.plain[part].estimate(weights)
        words = self.models[part].words
        if self.models[part].is_counted:
            words = f"{OF_COUNTS}, {words}"
        else:
            words = f"{OF_VALUES}, {words.partition(', ')[2]}"
        return {
            "estimate": float(np.exp(found.estimate)),
            "lower": float(np.exp(found.lower)),
            "upper": float(np.exp(found.upper)),
            "standard_error": found.standard_error,
            "estimate_unadjusted": float(np.exp(plain)),
            "p_value": found.p_value,
            "model": words,
            "status": "ok" if np.isfinite(found.estimate) else "not_estimable",
            "reason": sentences([answer.remark, *low]),
        }

    def _joint(
        self,
        name: str,
        answers: dict[str, Answer],
        weights: Vector,
        references: tuple[str, ...],
    ) -> dict[str, Any]:
        """Test all parts that have a standard error; say which could not take part."""
        assert self.design is not None
        design = self.design
        used = [p for p in answers if np.isfinite(answers[p].result.standard_error)]
        gone = [p for p in self.item.parts if p not in used]
        remarks = [self._of_left_out(references), *design.remarks]
        if gone:
            remarks.insert(0, f"tested without {', '.join(gone)}: no standard error, see there")
        index = design.in_group(self.cohort.index_group)
        other = design.people["group"].isin(references).to_numpy(dtype=bool)
        remarks += [
            caveats.of_size(index, other),
            caveats.of_batches(design.people, index, other, design.formula),
        ]
        padded = np.zeros(design.matrix.shape[1])
        padded[: len(weights)] = weights
        row = self._permuted(name, padded, remarks)
        if not used:
            return row | {"reason": sentences(["no part could be compared", *remarks])}
        try:
            test = hotelling(
                np.array([answers[part].result.estimate for part in used]),
                np.column_stack([self.models[part].move(weights) for part in used]),
                effective_df(design.matrix, padded),
            )
        except NotEstimable as why:
            return row | {"reason": sentences([str(why), *remarks])}
        return row | {
            "f_value": test.f_value,
            "df_parts": test.df_parts,
            "df_residual": test.df_residual,
            "p_value": test.p_value,
            "model": (
                f"log ratios of {len(used)} parts to the reference, Hotelling's T2 with the "
                "covariance across them from leaving out each participant"
            ),
            "status": "ok",
            "reason": sentences(remarks),
        }

    def _permuted(self, name: str, weights: Vector, remarks: list[str]) -> dict[str, Any]:
        assert self.ratios is not None
        assert self.design is not None
        if self.settings.n_permutations == 0:
            return {}
        if any(model.is_counted and not model.allows_permutation for model in self.models.values()):
            remarks.append("no permutation p: some parts were counted from few cells")
            return {}
        people = self.design.people.index
        first = next(iter(self.ratios.parts.values())).index
        counted = self.ratios.counted[first.get_indexer(people)]
        # a stream of its own for each comparison: adding one to the plan moves no other
        stream = zlib.crc32(f"{self.item.name}|{name}".encode())
        try:
            p_value = permute_jointly(
                counted,
                self.design.matrix,
                weights,
                n_permutations=self.settings.n_permutations,
                seed=(self.settings.seed, stream),
            )
        except NotEstimable as why:
            remarks.append(f"no permutation p: {why}")
            return {}
        return {"p_permutation": p_value}

    def _of_left_out(self, references: tuple[str, ...]) -> str:
        """Say why analysed participants could not be used: the first reason of each."""
        assert self.ratios is not None
        sides = [self.cohort.index_group, *references]
        counted: dict[str, int] = {}
        frames = self.ratios.parts
        first = next(iter(frames.values()))
        for person in first.index[first["group"].isin(sides) & ~self.ratios.has_all]:
            words = [
                f"{part} {caveats.STATUS_WORDS.get(str(state), str(state))}"
                for part, rows in frames.items()
                if (state := rows.loc[person, "state"]) not in (OK, CENSORED)
            ]
            counted[words[0]] = counted.get(words[0], 0) + 1
        if not counted:
            return ""
        why = ", ".join(f"{n} {words}" for words, n in sorted(counted.items()))
        return f"{sum(counted.values())} participants without every part ({why})"


def _adjusted(rows: list[dict[str, Any]], item: Composition) -> list[dict[str, Any]]:
    """Adjust the joint tests over the contrasts; parts by Holm within a contrast and never below
    its joint test.

    A part that the joint test had to leave out is not guarded by it, nor may it be held back by it:
    it stands among the joint tests instead, as one question more.
    """
    asked: list[dict[str, Any]] = []
    guarded: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    for whole in (row for row in rows if row["part"] == JOINT):
        parts = [
            row for row in rows if row["comparison"] == whole["comparison"] and row["part"] != JOINT
        ]
        inside = [
            row
            for row in parts
            if np.isfinite(whole["p_value"]) and np.isfinite(row.get("standard_error", np.nan))
        ]
        asked += [whole, *(row for row in parts if not any(row is known for known in inside))]
        guarded.append((whole, inside))
    over = adjust([row["p_value"] for row in asked], method=item.adjustment)
    for row, p_adjusted in zip(asked, over, strict=True):
        row["p_adjusted"] = p_adjusted
    for whole, inside in guarded:
        within = adjust([row["p_value"] for row in inside], method="holm")
        for row, p_part in zip(inside, within, strict=True):
            row["p_adjusted"] = max(p_part, whole["p_adjusted"])
    return rows
