"""The finished demo (`make demo`): what its plan asks for it can show."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from itc_analysis.cli.study.init import RESOURCES
from itc_analysis.config.sections import Cohort
from itc_analysis.stats.plan.plan import expand, read_plan

DEMO = Path(os.environ.get("ITC_DEMO", Path(__file__).parents[2] / "demo"))


@pytest.fixture
def comparisons() -> pd.DataFrame:
    path = DEMO / "results" / "comparisons.parquet"
    if not path.exists():
        pytest.skip("no finished demo: make demo, or name its folder in ITC_DEMO")
    table = pd.read_parquet(path)
    if set(table["plan_digest"]) != {read_plan(RESOURCES / "analysis_plan.yaml").digest}:
        pytest.skip("the demo was made with another plan: remove its folder and make it anew")
    return table


def test_every_planned_endpoint_is_estimable_on_the_demo(comparisons: pd.DataFrame) -> None:
    planned = expand(read_plan(RESOURCES / "analysis_plan.yaml"), Cohort())
    keys = ["comparison", "assay", "population", "measure", "feature"]
    found = comparisons.set_index(keys)
    lacking = {}
    for item in planned:
        row = found.loc[(item.comparison, *item.endpoint)]
        if row["status"] != "ok":
            lacking[(item.comparison, *item.endpoint)] = row["reason"]
    assert lacking == {}
    assert len(planned) == len(comparisons)
