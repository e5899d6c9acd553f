"""Declared variables in comparisons and associations; values below the limit of an assay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import Stats
from itc_analysis.stats.people.variables import (
    clinical_measurements,
    join_variables,
    plan_with_limits,
)
from itc_analysis.stats.plan.associations import Associations
from itc_analysis.stats.plan.columns import columns_in
from itc_analysis.stats.plan.plan import Family
from itc_analysis.stats.questions.associations import associate
from itc_analysis.stats.questions.compare import compare_groups
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.variables import Variables
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)

SIZES = {"SSc": 60, "healthy": 60}
LIMIT = 2.0
SETTINGS = Stats(n_permutations=0)


def declared(people: pd.DataFrame, name: str, kind: str, values: Any, is_below: Any) -> Any:
    return pd.DataFrame(
        {
            "variable": name,
            "participant_id": people["participant_id"].to_numpy(),
            "sheet": "participants",
            "kind": kind,
            "unit": "ng/mL" if kind == "number" else "",
            "value": values,
            "is_below": is_below,
            "n_samples": 0,
        }
    )


@pytest.fixture(scope="module")
def study() -> dict[str, Any]:
    return make_study(5)


def make_study(seed: int) -> dict[str, Any]:
    """sST2 is twice as high in SSc; a third lies below 2 ng/mL; MAIT fall by 0.5 per doubling."""
    rng = np.random.default_rng(seed)
    people = make_participants(SIZES, seed=seed)
    is_ssc = (people["group"] == "SSc").to_numpy()
    logs = np.log(2.5) + np.log(2) * is_ssc + 0.7 * rng.standard_normal(len(people))
    is_below = np.exp(logs) < LIMIT
    values = np.where(is_below, LIMIT, np.exp(logs))
    own = 0.3 * rng.standard_normal(len(people))
    k = rng.binomial(50_000, inverse_logit(-3.5 - 0.5 * logs / np.log(2) + own))
    measurements = make_measurements(
        people,
        k / 50_000,
        population="mait",
        assay="flow",
        n_denominator=50_000,
        limit=1e-4,
        standard_error=np.sqrt(1 / (k + 0.5)),
    ).assign(n_cells=k)
    flares = (rng.random(len(people)) < 0.5).astype(float)
    table = contract.make(
        pd.concat(
            [
                declared(people, "sst2", "number", values, is_below),
                declared(people, "flare", "yes_no", flares, np.zeros(len(people), dtype=bool)),
            ]
        ),
        Variables,
    )
    return {"people": people, "variables": table, "measurements": measurements}


def planned(study: dict[str, Any], **update: Any) -> tuple[Any, pd.DataFrame, pd.DataFrame]:
    people = join_variables(study["people"], study["variables"])
    plan = make_plan().model_copy(update=update)
    plan._columns = dict(plan.columns) | columns_in(study["variables"])
    plan = plan_with_limits(plan, people)
    return plan, people, clinical_measurements(people, study["measurements"], plan)


def within(**changes: Any) -> tuple[Associations, ...]:
    section = {
        "name": "within",
        "covariates": None,
        "variables": [{"name": "sst2", "scale": "log2"}],
        "endpoints": [{"assay": "flow", "populations": ["mait"], "measures": ["share_of_t"]}],
    } | changes
    return (Associations.model_validate(section),)


def found(study: dict[str, Any], **changes: Any) -> pd.Series:
    plan, people, rows = planned(study, associations=within(**changes))
    table = associate(rows, people, plan=plan, cohort=COHORT, settings=SETTINGS)
    assert len(table) == 1
    return table.iloc[0]


def test_an_association_keeps_those_below_the_limit_and_says_so(study: dict[str, Any]) -> None:
    row = found(study)
    assert row["status"] == "ok"
    assert row["n_used"] == SIZES["SSc"]
    assert row["lower"] < np.exp(-0.5) < row["upper"]
    assert row["unit"] == "ng/mL"
    assert "below the limit of its assay" in row["reason"]


def test_what_stands_for_those_below_the_limit_has_no_influence(study: dict[str, Any]) -> None:
    table = study["variables"]
    moved = table.assign(value=table["value"].mask(table["is_below"], 0.001))
    other = study | {"variables": moved}
    assert found(other)["estimate"] == pytest.approx(found(study)["estimate"], rel=1e-9)
    plan, people, rows = planned(study, covariates="sst2", core_covariates=None)
    assert plan.covariates == "sst2 + sst2_below_limit"
    mine = compare_groups(rows, people, plan=plan, cohort=COHORT, settings=SETTINGS)
    plan, people, rows = planned(other, covariates="sst2", core_covariates=None)
    theirs = compare_groups(rows, people, plan=plan, cohort=COHORT, settings=SETTINGS)
    assert (mine["status"] == "ok").any()
    np.testing.assert_allclose(mine["estimate"], theirs["estimate"], rtol=1e-9)


def test_a_stratum_holds_the_people_with_that_answer(study: dict[str, Any]) -> None:
    row = found(study, within={"flare": "yes"})
    people = join_variables(study["people"], study["variables"])
    own = people[(people["group"] == "SSc") & people["is_analysed"]]
    assert row["n_analysed"] == int(own["flare"].sum())
    assert row["group"] == "SSc, flare yes"


def test_a_serum_marker_is_compared_as_censored_numbers(study: dict[str, Any]) -> None:
    endpoints = [{"assay": "clinical", "measures": ["ratio"], "features": ["sst2"]}]
    family = Family.model_validate(
        {"name": "serum", "role": "secondary", "adjustment": "none", "contrasts": ["healthy"],
         "endpoints": endpoints}
    )  # fmt: skip
    plan, people, rows = planned(study, families=(family,), covariates=None)
    table = compare_groups(rows, people, plan=plan, cohort=COHORT, settings=SETTINGS)
    row = table.iloc[0]
    n_below = int(study["variables"]["is_below"].sum())
    assert row["status"] == "ok"
    assert row["n_below_lod"] == n_below > 10
    assert row["lower"] < 2 < row["upper"]
    assert "below" in row["model"] or "censored" in row["model"]


def test_an_outcome_without_groups_is_set_against_a_variable(study: dict[str, Any]) -> None:
    row = found(
        study,
        variables=[{"name": "flare"}],
        endpoints=[{"assay": "clinical", "measures": ["ratio"], "features": ["sst2"]}],
    )
    assert row["status"] == "ok"
    assert row["n_used"] == SIZES["SSc"]
    assert row["n_below_lod"] > 0
