"""Columns with missing values, as whole numbers and as words."""

from __future__ import annotations

from typing import Any

import pandas as pd

from itc_analysis.statistics.arrays import FloatArray

#: Columns of a measurement that hold its number; empty where there is none to give.
NUMBERS = (
    *("value", "standard_error", "lower", "upper", "limit", "n_events", "volume_ul"),
    *("n_background", "background_se", "capture", "error_log"),
    *("n_expected", "expected_se"),
)


def whole(values: FloatArray) -> pd.Series:
    """Return floats as whole numbers; NaN is missing."""
    return pd.Series(values).round().astype("Int64")


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows, each as a dictionary by column."""
    return [
        dict(zip(table.columns, row, strict=True))
        for row in table.itertuples(index=False, name=None)
    ]


def text(value: Any) -> str | None:
    """Return one cell as text; missing is None."""
    return None if pd.isna(value) else str(value)


def join_reasons(*reasons: Any) -> str | None:
    """Return the reasons that are there, joined; None without any."""
    found = [said for said in map(text, reasons) if said]
    return "; ".join(dict.fromkeys(found)) or None
