"""The cut of a negative control: a high quantile of an FMO tube.

Not chosen in a template: `control: <marker>` there makes the fit step use it on the FMO tubes that
leave that marker out.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating.fitted import Fitted, refuse
from itc_analysis.flow.gating.geometry import Threshold

NAME = "control_quantile"
#: Share of the control that lies below the cut: rare populations need more than the usual 99.5 %
#: (design: at 99.9 % a population of 0.05 % would still be two thirds background, which the count
#: subtracts). A small control gives a lower quantile, the highest with `MIN_ABOVE` events above it.
HIGHEST_QUANTILE = 0.999
LOWEST_QUANTILE = 0.99
MIN_ABOVE = 5


def fit(
    values: npt.NDArray[np.float32], *, markers: tuple[str, ...], side: Literal["above", "below"]
) -> Fitted:
    """Cut at the control's quantile, with the standard error of an order statistic.

    Parameters
    ----------
    values : numpy.ndarray
        the marker left out, transformed units, shape (1, n_events).
    """
    ordered = np.sort(values[0])
    n = ordered.size
    quantile = min(HIGHEST_QUANTILE, 1 - MIN_ABOVE / max(n, 1))
    if quantile < LOWEST_QUANTILE:
        return refuse(f"{n} events of the control are too few for a quantile of it")
    rank = quantile * (n - 1)
    reach = np.sqrt(n * quantile * (1 - quantile))
    low, high = (
        float(ordered[int(np.clip(round(rank + sign * reach), 0, n - 1))]) for sign in (-1, 1)
    )
    cut = float(np.quantile(ordered, quantile))
    return Fitted(
        geometry=Threshold(markers, side, cut),
        cut=cut,
        cut_se=(high - low) / 2,
        quality=None,
        status="weak",
        reason=(
            f"{markers[0]} is left out of this tube: {100 * quantile:.3g} % quantile of the control"
        ),
        method=NAME,
    )
