"""Names of array types that signatures share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Numbers, any shape.
FloatArray = npt.NDArray[np.float64]
#: Yes or no, any shape.
BoolArray = npt.NDArray[np.bool_]
#: Numbers, one dimension.
Vector = npt.NDArray[np.float64]
#: Numbers, two dimensions.
Matrix = npt.NDArray[np.float64]
#: Numbers, three dimensions.
Stack = npt.NDArray[np.float64]
#: Values as an instrument stores them, of any number type.
Values = npt.NDArray[Any]
#: Whole numbers, one dimension.
Whole = npt.NDArray[np.int64]
