"""Gating method `fixed`: a cut that a person chose."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating.fitted import Card, Fitted
from itc_analysis.flow.gating.geometry import Threshold


def fit(
    values: npt.NDArray[np.float32],  # noqa: ARG001  (every method is called alike)
    *,
    markers: tuple[str, ...],
    side: Literal["above", "below"],
    n_bootstrap: int,  # noqa: ARG001
    seed: int,  # noqa: ARG001
    cut: float,
) -> Fitted:
    """Return the given cut.

    Parameters
    ----------
    cut : float
        the cut, in transformed units.
    """
    return Fitted(Threshold(markers, side, cut), cut, 0.0, None, "ok")


def card() -> Card:
    """Return the method's card."""
    return Card(
        name="fixed",
        fit=fit,
        n_markers=1,
        takes_side=True,
        reads_as="uses the cut given in the template, in transformed units",
    )
