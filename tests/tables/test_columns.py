from __future__ import annotations

import pandas as pd

from itc_analysis.tables.columns import plain_rows


def test_missing_cells_of_every_type_are_none_in_plain_rows() -> None:
    table = pd.DataFrame(
        {
            "name": pd.array(["a", None], dtype="string"),
            "n": pd.array([1, None], dtype="Int64"),
            "is_known": pd.array([None, True], dtype="boolean"),
            "share": [0.5, float("nan")],
        }
    )
    assert plain_rows(table) == [
        {"name": "a", "n": 1, "is_known": None, "share": 0.5},
        {"name": None, "n": None, "is_known": True, "share": None},
    ]
