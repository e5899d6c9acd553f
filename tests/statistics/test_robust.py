from __future__ import annotations

import warnings

import numpy as np
import pytest

from itc_analysis.statistics.robust import middle


@pytest.mark.parametrize("shape", [(5,), (6,), (7, 3, 4), (8, 2), (1, 3), (0, 3)])
@pytest.mark.parametrize("unknown", [0.0, 0.3, 0.9])
def test_the_middle_is_the_median_of_what_is_known(shape: tuple[int, ...], unknown: float) -> None:
    rng = np.random.default_rng(1)
    values = np.where(rng.random(shape) < unknown, np.nan, rng.normal(size=shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert middle(values) == pytest.approx(np.nanmedian(values, axis=0), abs=0, nan_ok=True)
