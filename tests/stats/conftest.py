from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import Stats
from itc_analysis.stats.plan.associations import Associations
from itc_analysis.stats.plan.compositions import Composition
from itc_analysis.stats.plan.endpoints import Modalities
from itc_analysis.stats.questions.associations import associate
from itc_analysis.stats.questions.compositions import compare_compositions
from itc_analysis.stats.questions.modalities import compare_modalities
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)

#: Everything is drawn from one small study: MAIT cells fall with the skin score and are fewer in
#: SSc.
SIZES = {"SSc": 30, "healthy": 25}


@pytest.fixture(scope="session")
def study():
    rng = np.random.default_rng(2)
    people = make_participants(SIZES, seed=2)
    people["mrss"] = rng.integers(0, 40, len(people)).astype(float)
    people["ild"] = pd.array(rng.random(len(people)) < 0.5, dtype="boolean")
    is_ssc = (people["group"] == "SSc").to_numpy()
    tables = []
    for assay, depth in (("flow", 50_000), ("singlecell", 1_500)):
        for name, typical in (("mait", -3.5), ("inkt", -7.0), ("cd4_t_cells", 0.5)):
            own = np.random.default_rng(len(name))  # the same truth in both methods
            y = typical + 0.6 * own.normal(size=len(people))
            y = y - (0.08 * people["mrss"].to_numpy() * is_ssc if name == "mait" else 0)
            k = rng.binomial(depth, inverse_logit(y))
            rows = make_measurements(
                people,
                k / depth,
                population=name,
                assay=assay,
                n_denominator=depth,
                limit=5 / depth,
                standard_error=np.sqrt(1 / (k + 0.5)),
            )
            rows["source_id"] = rows["source_id"] + assay
            tables.append(rows.assign(n_cells=k))
    endpoints = [{"assay": "flow", "populations": ["mait", "inkt"], "measures": ["share_of_t"]}]
    within = {
        "name": "within",
        "covariates": None,
        "variables": [{"name": "mrss", "per": 5}, {"name": "ild"}, {"name": "calcinosis"}],
        "endpoints": endpoints,
    }
    whole = {
        "name": "T",
        "assay": "flow",
        "parts": ["mait", "inkt"],
        "reference": "cd4_t_cells",
        "contrasts": ["healthy", "pooled"],
    }
    plan = make_plan().model_copy(
        update={
            "associations": (Associations.model_validate(within),),
            "compositions": (Composition.model_validate(whole),),
            "modalities": Modalities(populations=("mait", "inkt", "vd1")),
        }
    )
    how = {"plan": plan, "cohort": COHORT, "settings": Stats(n_permutations=19)}
    rows = pd.concat(tables, ignore_index=True)
    pairs, agreement = compare_modalities(rows, people, **how)
    return {
        "plan": plan,
        "associations": associate(rows, people, **how),
        "compositions": compare_compositions(rows, people, **how),
        "modalities": pairs,
        "agreement": agreement,
    }
