"""Columns with missing values, as arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd

from itc_analysis.statistics.arrays import FloatArray


def floats(column: pd.Series) -> FloatArray:
    """Return a column as floats; missing is NaN."""
    return np.asarray(column.astype("Float64").to_numpy(dtype=float, na_value=np.nan), dtype=float)
