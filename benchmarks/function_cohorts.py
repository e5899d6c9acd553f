"""Cohorts as tables of counts, drawn from the simulation's truth: what `./run validate function`
judges words on.

Every number goes through the code that a study's numbers go through: responses are estimated by
`itc respond`'s functions and judged by `itc label`'s; only the FCS files are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.measurements.function.responses import estimate
from itc_analysis.measurements.function.rows import response_rows
from itc_analysis.scores.cards.signatures import Signature
from itc_analysis.simulate import parameters as p
from itc_analysis.simulate.cells.subsets import of_subset, response_of, subsets_of
from itc_analysis.simulate.people.cohort import share_positive, simulate_measurement_truth
from itc_analysis.tables import contract
from itc_analysis.tables.measured import Measurements

POPULATIONS = ("mait", "gd_t_cells", "inkt", "innate_cd8")
STIMULATION = "il12_il18"
#: Subsets as the shipped templates gate them.
GATED = {"gd_t_cells": ("vd2_gd", "vd2neg_gd")}
CARD = Signature(
    "exhaustion",
    "flow",
    p.INHIBITORY_MARKERS,
    (1.0,) * len(p.INHIBITORY_MARKERS),
    ("PMC6987473",) * len(p.INHIBITORY_MARKERS),
    "inhibitory receptors",
)
Rng = np.random.Generator


def draw_cohort(
    scenario: str,
    seed: int,
    *,
    index: int,
    healthy: int,
    t_cells: int,
    populations: tuple[str, ...] = POPULATIONS,
) -> pd.DataFrame:
    """Return the Measurements of one cohort: SSc and healthy people, resting and stimulated.

    Parameters
    ----------
    index, healthy : int
        people in each group.
    t_cells : int
        T cells in every tube; a population has its share of them.
    """
    sizes = {"SSc": index, "healthy": healthy}
    truth = simulate_measurement_truth(scenario, sizes, seed)
    rng = np.random.default_rng([seed, t_cells])
    marks, pairs = [], []
    for row in truth.to_dict("records"):
        for name, share, whole, subset in _places(row, populations):
            n, n1, n0 = (max(int(rng.poisson(share * t_cells)), 0) for _ in range(3))
            for marker in p.INHIBITORY_MARKERS:
                own = _positive(row, whole, subset, marker)
                marks.append(_mark(row, name, marker, int(rng.binomial(n, own)), n))
            for marker in p.FUNCTION_MARKERS:
                background = float(row[f"background_{whole}_{marker}"])
                response = _response(row, whole, subset, marker)
                total = min(background + response, 1.0)
                pairs.append(_pair(row, name, marker, rng.binomial(n1, total), n1,
                                   rng.binomial(n0, background), n0))  # fmt: skip
    return contract.make(pd.concat([pd.DataFrame(marks), measured(pd.DataFrame(pairs), truth)]),
                         Measurements)  # fmt: skip


def measured(pairs: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return the response rows of Measurements from counts of pairs of tubes."""
    found = pd.concat(
        # whether a person responds at all is no part of the words, and half of the time
        [
            estimate(own, with_probability=False)
            for _, own in pairs.groupby(["population", "marker"], sort=True)
        ],
        ignore_index=True,
    )
    group = dict(zip(truth["participant_id"], truth["group"], strict=True))
    people = found["sample_id"].str.replace("S-", "")
    groups = people.map(group)
    rows = response_rows(found, groups).assign(assay="flow", participant_id=people, group=groups)
    columns = list(contract.empty(Measurements).columns)
    return rows.reindex(columns=columns)


def _places(row: dict[str, Any], populations: tuple[str, ...]) -> list[tuple[str, float, str, str]]:
    """Return name, share of T, whole population and subset of everything that is gated."""
    found = []
    for name in populations:
        share = float(row[f"share_{name}"])
        found.append((name, share, name, ""))
        for subset in GATED.get(name, ()):
            found.append((subset, float(row[f"share_{subset}"]), name, subset))
    return found


def _positive(row: dict[str, Any], whole: str, subset: str, marker: str) -> float:
    own = float(row[f"positive_{whole}_{marker}"])
    if subset and subsets_of(row, whole):
        return of_subset(own, subset, 0)
    return own if subset else share_positive(row, whole, marker)


def _response(row: dict[str, Any], whole: str, subset: str, marker: str) -> float:
    own = float(row[f"response_{whole}_{STIMULATION}_{marker}"])
    if subset and subsets_of(row, whole):
        return of_subset(own, subset, 1)
    return own if subset else response_of(row, whole, STIMULATION, marker)


def _mark(row: dict[str, Any], name: str, marker: str, k: int, n: int) -> dict[str, Any]:
    who = row["participant_id"]
    return {
        "sample_id": f"S-{who}", "participant_id": who, "group": row["group"], "assay": "flow",
        "source_id": f"{who}-a", "batch": "b1", "population": name, "measure": "share_positive",
        "feature": marker, "value": k / n if n else None, "unit": "share",
        "n_events": k if n else None,
        "n_denominator": n, "error_log": 0.0, "status": "ok" if n else "few_cells",
    }  # fmt: skip


def _pair(
    row: dict[str, Any], name: str, marker: str, k: int, n: int, k0: int, n0: int
) -> dict[str, Any]:
    who = row["participant_id"]
    return {
        "source_id": f"{who}-s", "control_id": f"{who}-u", "sample_id": f"S-{who}", "panel": "f",
        "batch": "b1", "condition": STIMULATION, "population": name, "marker": marker,
        "n_positive": k, "n_events": n, "n_positive_control": k0, "n_events_control": n0,
        "status": "ok" if n and n0 else "few_cells", "reason": None,
    }  # fmt: skip
