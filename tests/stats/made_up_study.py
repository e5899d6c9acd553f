"""A made-up study in tables: participants and measurements with a known truth, for the tests of
this room.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from itc_analysis.config.sections import Cohort
from itc_analysis.stats.plan.plan import AnalysisPlan
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.participants import Participants
from itc_analysis.tables.measured import Measurements

COHORT = Cohort()
GROUPS = COHORT.groups


def make_participants(sizes: dict[str, int], *, seed: int = 0, **columns: object) -> pd.DataFrame:
    """Participants P000, P001, ... group by group; `columns` override."""
    rng = np.random.default_rng(seed)
    group = [name for name, n in sizes.items() for _ in range(n)]
    n = len(group)
    table = {
        "participant_id": [f"P{i:03d}" for i in range(n)],
        "group": group,
        "age_years": rng.uniform(25, 80, n).round(),
        "sex": rng.choice(["F", "M"], n, p=[0.7, 0.3]),
        "cmv_igg": rng.choice([True, False], n),
        "decision": "eligible",
        "decided_by": "rules",
        "is_analysed": True,
    }
    return contract.make(pd.DataFrame(table | columns), Participants)


def make_measurements(
    participants: pd.DataFrame,
    values: object,
    *,
    measure: str = "share_of_t",
    population: str = "mait",
    feature: str = "-",
    assay: str = "flow",
    n_denominator: object = 50_000,
    standard_error: object = None,
    limit: object = None,
    status: object = "ok",
    batch: object = None,
    suffix: str = "",
) -> pd.DataFrame:
    """One measurement per participant; values below `limit` become below_lod with it as upper
    bound.
    """
    n = len(participants)
    table = pd.DataFrame(
        {
            "sample_id": participants["participant_id"].to_numpy() + "s" + suffix,
            "participant_id": participants["participant_id"].to_numpy(),
            "group": participants["group"].to_numpy(),
            "assay": assay,
            "source_id": participants["participant_id"].to_numpy() + "t" + suffix,
            "batch": [f"b{i % 4}" for i in range(n)] if batch is None else batch,
            "population": population,
            "measure": measure,
            "feature": feature,
            "value": np.asarray(values, dtype=float),
            "unit": "share",
            "standard_error": standard_error,
            "n_denominator": n_denominator,
            "status": status,
        }
    )
    table["upper"] = np.nan
    if limit is not None:
        bound = np.broadcast_to(np.asarray(limit, dtype=float), n)
        low = table["value"].to_numpy() < bound
        table.loc[low, "status"] = "below_lod"
        table.loc[low, "upper"] = bound[low]
    table.loc[table["status"] != "ok", "value"] = np.nan
    return contract.make(table, Measurements)


def make_plan(
    *,
    covariates: str | None = None,
    measures: tuple[str, ...] = ("share_of_t",),
    populations: tuple[str, ...] = ("mait",),
    features: tuple[str, ...] = ("-",),
    contrasts: tuple[str, ...] = ("healthy", "pooled"),
    role: str = "primary",
    adjustment: str = "holm",
    assay: str = "flow",
    **settings: object,
) -> AnalysisPlan:
    """A plan of one family."""
    family = {
        "name": "primary",
        "role": role,
        "adjustment": adjustment,
        "contrasts": contrasts,
        "endpoints": [
            {
                "assay": assay,
                "populations": populations,
                "measures": measures,
                "features": features,
            }
        ],
    }
    return AnalysisPlan.model_validate({"covariates": covariates, "families": [family], **settings})


def inverse_logit(y: np.ndarray) -> np.ndarray:
    """Share from logit."""
    return 1 / (1 + np.exp(-y))
