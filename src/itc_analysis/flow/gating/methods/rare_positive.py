"""Gating method `rare_positive`: a few positives beside an overwhelming negative peak.

For iNKT cells, tetramers and the like. Only valleys right of the main peak count, and where no
positive stands out the cut at the negative's tail is given with status weak, so that the pool can
take the batch's or the control's cut and the count can be compared with its background.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating import density as densities
from itc_analysis.flow.gating.fitted import Card, Fitted
from itc_analysis.flow.gating.methods.density_minimum import cut_at_valley, with_rival
from itc_analysis.flow.gating.methods.tail import cut_at_tail


def fit(
    values: npt.NDArray[np.float32],
    *,
    markers: tuple[str, ...],
    n_bootstrap: int,
    seed: int,
    z: float = 4.0,
) -> Fitted:
    """Cut in the best valley right of the main peak, or at the main peak's tail.

    Parameters
    ----------
    values : numpy.ndarray
        transformed units, shape (1, n_events).
    z : float
        standard deviations between the main peak and the tail cut.
    """
    density = densities.estimate(values[0])
    peak = densities.main_peak(density)
    found = [valley for valley in densities.valleys(density) if valley.left >= peak]
    if found:
        best = max(found, key=lambda valley: valley.score)
        fitted = cut_at_valley(
            density, best, markers=markers, side="above", n_bootstrap=n_bootstrap, seed=seed
        )
        return with_rival(fitted, density, found, best, n_bootstrap=n_bootstrap, seed=seed)
    return cut_at_tail(
        density,
        peak,
        z=z,
        markers=markers,
        side="above",
        n_bootstrap=n_bootstrap,
        seed=seed,
        reason="no positive population stands out: cut at the end of the negative peak's tail",
    )


def card() -> Card:
    """Return the method's card."""
    return Card(
        name="rare_positive",
        fit=fit,
        n_markers=1,
        takes_side=False,
        reads_as="cuts in the valley right of a dominant negative peak, or weakly at its tail",
    )
