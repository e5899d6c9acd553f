"""Columns and rows with missing values, as arrays and as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.statistics.arrays import FloatArray


def floats(column: pd.Series) -> FloatArray:
    """Return a column as floats; missing is NaN."""
    return np.asarray(column.astype("Float64").to_numpy(dtype=float, na_value=np.nan), dtype=float)


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows, each as a dictionary by column; missing is None."""
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]
