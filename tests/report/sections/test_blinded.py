"""The numbers of everybody together, which stand where groups may not be named."""

from __future__ import annotations

import pandas as pd

from itc_analysis.report.sections.blinded import quantiles


def test_values_below_the_limit_count_as_the_lowest_and_are_not_left_out() -> None:
    key = {"assay": "flow", "population": "mait", "measure": "share_of_t", "feature": "-"}
    rows = pd.DataFrame(
        [{**key, "status": "ok", "value": value} for value in (0.01, 0.02, 0.03)]
        + [{**key, "status": "below_lod", "value": None}] * 2
        + [{**key, "status": "failed_quality", "value": None}]
    )
    (row,) = quantiles(rows).rows
    assert row[1:] == ["3", "2", "1", "< LoD", "< LoD", "1.00 %", "2.00 %", "3.00 %"]
