"""Parts of a population whose positivity and response are their own, where a scenario says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scipy import special

from itc_analysis.simulate import parameters as p


def subsets_of(truth: Mapping[str, Any], population: str) -> dict[str, float]:
    """Return the subsets of a population that differ, with their shares; {} where they do not."""
    if not truth["subsets_differ"]:
        return {}
    if population == "gd_t_cells":
        vd2neg = float(truth["share_vd2neg_gd"]) / float(truth["share_gd_t_cells"])
        return {"vd2neg_gd": vd2neg, "vd2_gd": 1 - vd2neg}
    if population == "mait":
        dn = float(truth["mait_dn_share"])
        return {"mait_dn": dn, "mait_cd8": 1 - dn}
    return {}


def of_subset(share: float, subset: str, role: int | None) -> float:
    """Return a share in a subset: of receptors (role 0), of response (1), or as it is (None)."""
    if role is None:
        return share
    moved = p.SUBSET_LOGITS.get(subset, (0.0, 0.0))[role]
    return float(special.expit(special.logit(share) + moved))


def response_of(truth: Mapping[str, Any], population: str, stimulation: str, marker: str) -> float:
    """Return a participant's true response of a population as it is gated, subsets and all."""
    own = float(truth[f"response_{population}_{stimulation}_{marker}"])
    parts = subsets_of(truth, population)
    if not parts:
        return own
    return sum(weight * of_subset(own, name, 1) for name, weight in parts.items())
