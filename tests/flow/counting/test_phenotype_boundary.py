"""A population of just `min_phenotype_events` events: as many are enough, one fewer is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import NEGATIVE, POSITIVE, SPREAD, make_tube, t_cell_template
from itc_analysis.config.sections import Flow
from itc_analysis.flow.counting.intensity import Controls
from itc_analysis.flow.counting.phenotype import measure_phenotype
from itc_analysis.flow.tube.membership import Membership
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import Combinations, Intensity

TEMPLATE = t_cell_template()


def phenotype(fewest: int, *, n_inkt: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return intensity and combinations of a tube with so many iNKT cells, half of them PD-1+."""
    rng = np.random.default_rng(1)
    n = 4000
    pd1 = rng.normal(np.where(np.arange(n) % 2, POSITIVE, NEGATIVE), SPREAD)
    columns = {"CD3": rng.normal(POSITIVE, SPREAD, n), "6B11": rng.normal(NEGATIVE, SPREAD, n)}
    columns |= {"PD-1": pd1, "TIGIT": rng.normal(NEGATIVE, SPREAD, n)}
    membership = Membership(make_tube(columns))
    membership.add("t_cells", "all", np.ones(n, dtype=bool))
    membership.add("inkt", "t_cells", np.arange(n) < n_inkt)
    settings = Flow(min_phenotype_events=fewest)
    intensity, combinations = measure_phenotype(membership, TEMPLATE, Controls(), {}, settings)
    return contract.make(intensity, Intensity), contract.make(combinations, Combinations)


@pytest.mark.parametrize(("n_inkt", "is_enough"), [(49, False), (50, True), (51, True)])
def test_as_many_events_as_the_setting_are_enough(n_inkt: int, *, is_enough: bool) -> None:
    intensity, _ = phenotype(50, n_inkt=n_inkt)
    row = intensity.set_index(["population", "marker"]).loc[("inkt", "PD-1")]
    assert row["n_events"] == n_inkt
    assert (f"{n_inkt} events, fewer than" in str(row["reason"])) is not is_enough
