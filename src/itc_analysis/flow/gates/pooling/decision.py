"""The final cut of one tube and population: its own, shrunk to the batch, or borrowed.

Each step either decides, with the reason that it decided by, or hands over to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.config.sections import GatePooling
from itc_analysis.flow.gates.pooling.nearby import CutReference
from itc_analysis.flow.gating.density import HIGHEST
from itc_analysis.flow.gating.fitted import WEAK
from itc_analysis.flow.gating.geometry import AllAbove, Geometry, Threshold, from_json, to_json
from itc_analysis.flow.gating.methods import control_quantile
from itc_analysis.flow.gating.template import Population

#: A weight from which the tube's own cut counts as decided by the tube.
OWN_WEIGHT = 0.9
#: An unusual cut in a valley this deep is believed, unless it is far off.
BELIEVED_DEPTH = 0.8
#: Even a clear valley is not believed this many times further away than an outlier.
FAR_OFF = 2.0


def decide_cut(
    row: dict[str, Any],
    fit: Mapping[Any, Any],
    population: Population,
    references: tuple[CutReference | None, CutReference | None],
    controls: pd.DataFrame,
    settings: GatePooling,
) -> dict[str, Any]:
    """Return the row of the final gate: cut, error, weight, state and the reason.

    Parameters
    ----------
    row : dict
        What is known of the gate: tube, population, parent; gets the tube's own cut.
    fit : mapping of str to object
        The tube's row of `GateFits`.
    population : Population
        Its entry in the template.
    references : tuple of CutReference or None
        Where the cut lies by the batch or study, and by the one or two tubes that decided.
    controls : DataFrame
        Rows of `GateFits` of tubes without the marker.
    settings : GatePooling
        From how far off a cut is an outlier.
    """
    is_left_out = fit["method"] == control_quantile.NAME
    own = None if is_left_out or pd.isna(fit["cut"]) else float(fit["cut"])
    row["cut_tube"] = own
    decision = _Decision(row, fit, population, *references, controls)
    if population.method == "fixed" and own is not None:
        return decision.final(own, 0.0, 1.0, "manual", "cut given in the template")
    reason = None if pd.isna(fit["reason"]) else str(fit["reason"])
    if own is None:
        return decision.without_own_cut(reason)
    own_se = 0.0 if pd.isna(fit["cut_se"]) else float(fit["cut_se"])
    if fit["status"] != "ok":
        return decision.with_doubtful_cut(own, own_se, reason)
    if decision.nearby is None:
        return decision.final(own, own_se, 1.0, "ok", None)
    return decision.judged(own, own_se, decision.nearby, settings.outlier_mads)


def shrink(cut: float, cut_se: float, centre: float, spread: float) -> tuple[float, float, float]:
    """Return the shrunk cut, its standard error and the weight of the tube's own cut.

    Empirical Bayes with a normal prior: weight = spread² / (spread² + cut_se²).
    """
    weight = spread**2 / (spread**2 + cut_se**2)
    return weight * cut + (1 - weight) * centre, float(np.sqrt(weight)) * cut_se, weight


def holds_its_peak(population: Population) -> bool:
    """Return whether the only peak of a histogram lies on the side that is gated."""
    only_peak = population.arguments.get("only_peak")
    return (only_peak, population.side) in (("negative", "below"), ("positive", "above"))


@dataclass(frozen=True)
class _Decision:
    """What is known of a gate, and the ways to decide on it."""

    row: dict[str, Any]
    fit: Mapping[Any, Any]
    population: Population
    nearby: CutReference | None
    few: CutReference | None
    controls: pd.DataFrame

    def final(
        self, cut: float, cut_se: float, weight: float, state: str, why: str | None
    ) -> dict[str, Any]:
        return {
            **self.row,
            "method": self.population.method,
            "geometry": to_json(with_cut(self.fit, self.population, cut)),
            "cut": cut,
            "cut_se": cut_se,
            "weight": weight,
            "state": state,
            "reason": why,
        }

    def without_own_cut(self, reason: str | None) -> dict[str, Any]:
        helped = self._helped(reason)
        if helped is not None:
            return helped
        if _is_small(self.fit, self.population):
            # no event can be told to be one, and none to be none: at most all of them are
            why = f"{reason}; at most all of them belong to it"
            return self.final(HIGHEST, 0.0, 0.0, WEAK, why)
        return {**self.row, "state": "not_estimable", "reason": reason}

    def with_doubtful_cut(self, own: float, own_se: float, reason: str | None) -> dict[str, Any]:
        helped = self._helped(reason)
        if helped is not None:
            return helped
        if self.fit["quality"] == 0 and holds_its_peak(self.population):
            # nothing is to be told from it here, so nothing is in doubt but its tail
            return self.final(own, own_se, 1.0, "ok", f"{reason}; the peak is what is gated")
        state = WEAK if self.fit["quality"] == 0 else "ok"
        why = f"{reason}; no other tube or control to judge it by"
        return self.final(own, own_se, 1.0, state, why)

    def judged(
        self, own: float, own_se: float, nearby: CutReference, outlier_mads: float
    ) -> dict[str, Any]:
        """Compare a decided cut with where the others lie."""
        off = abs(own - nearby.centre) / float(np.hypot(nearby.spread, own_se))
        if off > outlier_mads:
            return self._outlier(own, own_se, nearby, off, is_far=off > FAR_OFF * outlier_mads)
        cut, cut_se, weight = shrink(own, own_se, nearby.centre, nearby.spread)
        if weight >= OWN_WEIGHT:
            return self.final(cut, cut_se, weight, "ok", None)
        why = f"standard error {own_se:.3f}: shrunk to {nearby.source} ({nearby.n_tubes} tubes)"
        return self.final(cut, cut_se, weight, "pooled", why)

    def _outlier(
        self, own: float, own_se: float, nearby: CutReference, off: float, *, is_far: bool
    ) -> dict[str, Any]:
        """Keep the cut of a clear valley that is not too far off; else take another one."""
        where = f"{off:.1f} robust SDs from {nearby.source}"
        quality = self.fit["quality"]
        if not pd.isna(quality) and quality >= BELIEVED_DEPTH and not is_far:
            why = f"{where}, kept because its valley is clear"
            return self.final(own, own_se, 1.0, "ok", why)
        helped = self._helped(f"its own cut {own:.3f} lies {where}")
        if helped is not None:
            return helped
        why = f"{where}, kept although it stands out: fallback is {self.population.fallback}"
        return self.final(own, own_se, 1.0, "ok", why)

    def _helped(self, why: str | None) -> dict[str, Any] | None:
        """Return the cut of other tubes or of a control, in the template's order."""
        if self.population.fallback == "none":
            return None
        ways = [self._borrowed, self._controlled]
        if self.population.fallback == "control":
            ways.reverse()
        return next((found for way in ways if (found := way(why)) is not None), None)

    def _borrowed(self, why: str | None) -> dict[str, Any] | None:
        source = self.nearby or self.few
        if source is None:
            return None
        where = f"cut of {source.source} ({source.n_tubes} tube{'s' * (source.n_tubes > 1)})"
        return self.final(source.centre, source.spread, 0.0, "borrowed", f"{why}; {where}")

    def _controlled(self, why: str | None) -> dict[str, Any] | None:
        if self.controls.empty:
            return None
        cut, cut_se = (float(self.controls[name].median()) for name in ("cut", "cut_se"))
        where = f"cut of {len(self.controls)} control tube(s) without {self.population.control}"
        return self.final(cut, cut_se, 0.0, "control", f"{why}; {where}")


def with_cut(fit: Mapping[Any, Any], population: Population, cut: float) -> Geometry:
    """Return the population's one-dimensional gate with another cut."""
    if not pd.isna(fit["geometry"]):
        geometry = from_json(str(fit["geometry"]))
        assert isinstance(geometry, (Threshold, AllAbove))  # only these have a cut
        return replace(geometry, cut=cut)
    if population.method == "bright_in_all":
        return AllAbove(population.markers, cut)
    return Threshold(population.markers, population.side or "above", cut)


def _is_small(fit: Mapping[Any, Any], population: Population) -> bool:
    """Return whether only the size of its parent kept a tube from placing a cut."""
    return (
        fit["method"] == population.method
        and fit["tube"] == "stained"
        and fit["n_parent"] < population.min_parent
        and (population.side or "above") == "above"
        and population.fallback != "none"
        and population.on_failure != "stop"
    )
