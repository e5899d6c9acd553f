"""Flow cytometry beside single cell, participant by participant: how they agree, who does not, one
estimate from both.

Logits of shares of T, each with its own sampling error. Below the limit of detection a method gives
an upper limit, never zero; nobody is left out for lacking one of the two.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from itc_analysis.config.sections import Groups, Stats
from itc_analysis.statistics.agreement import concordance_interval, fit_line, limits_of_agreement
from itc_analysis.statistics.arrays import Vector
from itc_analysis.stats.endpoint.endpoint import sentences
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.models.method_bias import (
    AT_LEAST,
    AT_MOST,
    EXACT,
    MIN_EXACT,
    Differences,
    Offset,
    fit_offset,
    p_of_agreement,
    predicted_error,
)
from itc_analysis.stats.multiplicity.adjust import adjust
from itc_analysis.stats.people.method_sides import (
    MethodSide,
    at_expected,
    join_with_limit,
    read_side,
)
from itc_analysis.stats.people.responses import CENSORED, KEY, OK, check_people
from itc_analysis.stats.plan.plan import AnalysisPlan
from itc_analysis.tables import contract
from itc_analysis.tables.stats.modalities import Modalities, ModalityAgreement

FLOW, CELLS = "flow", "singlecell"
SHARE = "share_of_t"
#: What each side of a difference means in words.
SIDES = {0: EXACT, -1: AT_MOST, 1: AT_LEAST}
#: Half the spread between methods belongs to each: nothing tells whose it is.
HALF = 0.5
#: Times that errors and usual difference are computed from one another.
ROUNDS = 2


def compare_modalities(
    measurements: pd.DataFrame,
    participants: pd.DataFrame,
    *,
    plan: AnalysisPlan,
    cohort: Groups,
    settings: Stats,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Set the two methods side by side.

    Parameters
    ----------
    measurements, participants, plan, cohort, settings : pandas.DataFrame or AnalysisPlan or Groups
        or Stats
        as in `compare.compare_groups`.

    Returns
    -------
    tuple of (pandas.DataFrame, pandas.DataFrame)
        A `Modalities` table, one row per analysed participant and population of the plan, and a
        `ModalityAgreement` table, one row per population. Without `modalities` in the plan both are
        empty.

    Raises
    ------
    ItcError
        as `compare.compare_groups`.
    """
    check_people(measurements, participants, cohort)
    populations = () if plan.modalities is None else plan.modalities.populations
    people = participants[participants["is_analysed"]].sort_values("participant_id")
    paired = [_Pairs(name, measurements, people) for name in dict.fromkeys(populations)]
    judged = [pair.judge() for pair in paired]
    p_values = [row["p_value"] for own in judged for row in own.values()]
    claimed = iter(adjust(p_values, method="bh"))
    rows, summary = [], []
    for pair, own in zip(paired, judged, strict=True):
        for row in own.values():
            row["p_adjusted"] = next(claimed)
            if np.isfinite(row["p_value"]):
                row["is_discordant"] = bool(row["p_adjusted"] <= 1 - settings.comparison_confidence)
        pair.leave_out([i for i, row in own.items() if row.get("is_discordant")])
        rows += pair.rows(own, settings.comparison_confidence)
        summary.append(pair.summary(settings.comparison_confidence))
    digest = {"plan_digest": plan.digest}
    return (
        contract.make([row | digest for row in rows], Modalities),
        contract.make([row | digest for row in summary], ModalityAgreement),
    )


class _Pairs:
    """Both methods on one population."""

    def __init__(self, population: str, measurements: pd.DataFrame, people: pd.DataFrame) -> None:
        self.population, self.people = population, people
        keys = measurements[KEY].eq([FLOW, population, SHARE, "-"])
        chosen = measurements[keys[["population", "measure", "feature"]].all(axis=1)]
        names = people["participant_id"]
        self.flow = read_side(chosen[chosen["assay"] == FLOW], names)
        self.cells = read_side(chosen[chosen["assay"] == CELLS], names)
        flow, cells = self.flow, self.cells
        self.is_low = flow.is_low | cells.is_low
        is_paired = np.isfinite(flow.y) & np.isfinite(cells.y)
        self.place = np.flatnonzero(is_paired & ~(flow.is_low & cells.is_low))
        self.differences = self._differences()
        self.problem = ""
        self.discordant: list[int] = []
        self.offset: Offset | None = None
        try:
            self.offset = fit_offset(self.differences)
            for _ in range(ROUNDS):
                self.cells = at_expected(cells, flow, self.offset)
                self.differences = self._differences()
                self.offset = fit_offset(self.differences)
        except NotEstimable as why:
            self.problem = str(why)

    def _differences(self) -> Differences:
        side = np.where(self.cells.is_low, -1, np.where(self.flow.is_low, 1, 0))
        return Differences(
            (self.cells.y - self.flow.y)[self.place],
            np.hypot(self.flow.error, self.cells.error)[self.place],
            side[self.place],
        )

    def judge(self) -> dict[int, dict[str, Any]]:
        """Hold each difference against all others; rows of those who have one, by their place among
        the people.
        """
        found = {}
        d = self.differences
        for k, i in enumerate(self.place):
            value, error, side = float(d.value[k]), float(d.error[k]), int(d.side[k])
            row: dict[str, Any] = {
                "difference": value,
                "difference_is": SIDES[side],
                "p_value": np.nan,
            }
            with contextlib.suppress(NotEstimable):
                others = fit_offset(d.without(k))
                row |= {
                    "expected": others.mean,
                    "expected_error": predicted_error(error, others),
                    "p_value": p_of_agreement(value, error, side, others),
                }
            found[int(i)] = row
        return found

    def leave_out(self, discordant: list[int]) -> None:
        """Estimate the usual difference again without those who contradict it, where enough are
        left.
        """
        self.discordant = discordant
        keep = ~np.isin(self.place, discordant)
        d = self.differences
        with contextlib.suppress(NotEstimable):
            self.offset = fit_offset(Differences(d.value[keep], d.error[keep], d.side[keep]))

    def rows(self, judged: dict[int, dict[str, Any]], confidence: float) -> list[dict[str, Any]]:
        """Return one row per participant."""
        rows = []
        for i, (name, group) in enumerate(
            zip(self.people["participant_id"], self.people["group"], strict=True)
        ):
            row: dict[str, Any] = {
                "participant_id": name,
                "group": group,
                "population": self.population,
                **_told("flow", self.flow, i),
                **_told("cell", self.cells, i),
                "difference_is": "none",
                "status": self._status(i),
                "reason": self._reason(i),
            }
            rows.append(row | judged.get(i, {}) | self._joined(i, confidence))
        return rows

    def _status(self, i: int) -> str:
        n_known = int(np.isfinite(self.flow.y[i])) + int(np.isfinite(self.cells.y[i]))
        if n_known < 2:
            return ("none", "one_method")[n_known]
        n_low = int(self.flow.is_low[i]) + int(self.cells.is_low[i])
        return ("both", "one_below_lod", "both_below_lod")[n_low]

    def _reason(self, i: int) -> str | None:
        parts = [
            f"no share by {words}: {side.state[i]}"
            for words, side in (("flow cytometry", self.flow), ("single cell", self.cells))
            if not np.isfinite(side.y[i])
        ]
        if self.problem:
            parts.append(f"not joined: {self.problem}")
        if i in self.discordant:
            parts.append("not joined: the two contradict one another, look at both")
        return "; ".join(parts) or None

    def _joined(self, i: int, confidence: float) -> dict[str, Any]:
        """Return one estimate from both, on the level of flow cytometry."""
        if i in self.discordant:
            return {}
        flow, cells, offset = self.flow, self.cells, self.offset
        mean, spread, wobble = (
            (0.0, 0.0, 0.0) if offset is None else (offset.mean, offset.spread, offset.error)
        )
        has_flow, has_cells = np.isfinite(flow.y[i]), np.isfinite(cells.y[i]) and offset is not None
        extra = HALF * spread**2
        words = [
            (flow.y[i], np.sqrt(flow.error[i] ** 2 + extra), bool(flow.is_low[i])),
            (
                cells.y[i] - mean,
                np.sqrt(cells.error[i] ** 2 + extra + wobble**2),
                bool(cells.is_low[i]),
            ),
        ]
        words = [word for word, has in zip(words, (has_flow, has_cells), strict=True) if has]
        numbers = [word for word in words if not word[2]]
        limits = [word for word in words if word[2]]
        if not numbers:
            lowest = min((value for value, _, _ in limits), default=np.nan)
            return {"joint_upper": float(special.expit(lowest))}
        weights = np.array([error**-2.0 for _, error, _ in numbers])
        middle = float(np.average([value for value, _, _ in numbers], weights=weights))
        error = float(weights.sum() ** -0.5)
        if limits:
            middle, error = join_with_limit(middle, error, limits[0][0], limits[0][1])
        half = float(stats.norm.ppf((1 + confidence) / 2)) * error
        share, lower, upper = special.expit(np.array([middle, middle - half, middle + half]))
        row = {
            "joint_share": share,
            "joint_lower": lower,
            "joint_upper": upper,
            "joint_error": error,
        }
        if not limits:
            row["flow_weight"] = float(weights[0] / weights.sum()) if has_flow else 0.0
        return row

    def summary(self, confidence: float) -> dict[str, Any]:
        """Return the row of the population."""
        named = [str(self.people["participant_id"].iloc[i]) for i in self.discordant]
        counted = Counter(self._status(i) for i in range(len(self.people)))
        row: dict[str, Any] = {
            "population": self.population,
            "n_both": counted["both"],
            "n_one_below_lod": counted["one_below_lod"],
            "n_both_below_lod": counted["both_below_lod"],
            "n_one_method": counted["one_method"],
            "n_discordant": len(named),
            "discordant": ", ".join(named) or None,
            "status": "not_estimable",
            "reason": self.problem or None,
        }
        if self.offset is None:
            return row
        remarks = []
        if row["n_one_below_lod"]:
            remarks.append(
                f"concordance, limits and slope are of the {row['n_both']} quantified by both, who "
                f"have the higher shares; the offset also uses {row['n_one_below_lod']} below "
                "detection by one"
            )
        if named:
            remarks.append("offset and spread between methods without the discordant")
        row["reason"] = sentences(remarks)
        exact = self.place[~self.is_low[self.place]]
        flow, cells = self.flow.y[exact], self.cells.y[exact]
        within = (self.flow.error[exact] ** 2, self.cells.error[exact] ** 2)
        ccc = concordance_interval(flow, cells, confidence=confidence)
        limits = limits_of_agreement(cells - flow)
        offset = self.offset
        half = float(stats.t.ppf((1 + confidence) / 2, offset.df)) * offset.error
        row |= {
            "ccc": ccc.estimate,
            "ccc_lower": ccc.lower,
            "ccc_upper": ccc.upper,
            "ccc_expected": _expected(flow, cells, *within),
            "offset": float(np.exp(offset.mean)),
            "offset_lower": float(np.exp(offset.mean - half)),
            "offset_upper": float(np.exp(offset.mean + half)),
            "limit_lower": float(np.exp(limits.lower)),
            "limit_upper": float(np.exp(limits.upper)),
            "sampling_sd": float(np.sqrt(np.mean(within[0] + within[1]))),
            "method_sd": offset.spread,
            "status": "ok",
        }
        extra = HALF * offset.spread**2
        try:
            line = fit_line(
                flow, cells, x_se=np.sqrt(within[0] + extra), y_se=np.sqrt(within[1] + extra)
            )
        except ValueError as why:
            return row | {"reason": sentences([f"no slope: {why}", *remarks])}
        wide = float(stats.t.ppf((1 + confidence) / 2, len(flow) - 2)) * line.slope_se
        return row | {
            "slope": line.slope,
            "slope_lower": line.slope - wide,
            "slope_upper": line.slope + wide,
        }


def _told(prefix: str, side: MethodSide, i: int) -> dict[str, Any]:
    """Return what one method says of one person."""
    share = float(special.expit(side.y[i]))
    low = bool(side.is_low[i])
    is_known = np.isfinite(side.y[i])
    return {
        f"{prefix}_share": np.nan if low else share,
        f"{prefix}_limit": share if low else np.nan,
        f"{prefix}_error": float(side.error[i]),
        f"{prefix}_status": (CENSORED if low else OK) if is_known else str(side.state[i]),
    }


def _expected(x: Vector, y: Vector, x_variance: Vector, y_variance: Vector) -> float:
    """Concordance of two methods without any disagreement: true variance over true plus mean
    sampling variance.
    """
    if len(x) < MIN_EXACT:
        return np.nan
    sampling = float(np.mean(x_variance) + np.mean(y_variance)) / 2
    true = max((float(np.var(x, ddof=1)) + float(np.var(y, ddof=1))) / 2 - sampling, 0.0)
    return true / (true + sampling)
