"""Gating method `bright_in_all`: counting beads, which shine in every channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating.fitted import Card, Fitted, refuse
from itc_analysis.flow.gating.geometry import AllAbove
from itc_analysis.flow.gating.methods import density_minimum

#: Depth of a gap between cells and beads. In a shallower valley dim cells end, not beads begin.
_EMPTY = 0.9
#: Beads lie in the upper half of the scale. A wrong matrix leaves a deep valley about zero.
_BRIGHT = 0.5


def fit(
    values: npt.NDArray[np.float32], *, markers: tuple[str, ...], n_bootstrap: int, seed: int
) -> Fitted:
    """Cut in the empty gap of each event's dimmest marker, below bright events; else refuse.

    Choose markers that no cell carries together, such as CD4, TCRgd and 6B11.

    Parameters
    ----------
    values : numpy.ndarray
        transformed units, shape (n_markers, n_events).
    """
    dimmest = np.min(values, axis=0, keepdims=True)
    fitted = density_minimum.fit(
        dimmest, markers=markers[:1], side="above", n_bootstrap=n_bootstrap, seed=seed
    )
    if fitted.cut is None:
        return refuse(f"no events are bright in all of {', '.join(markers)}")
    is_empty = fitted.quality is not None and fitted.quality >= _EMPTY
    if not is_empty or np.median(dimmest[dimmest >= fitted.cut]) < _BRIGHT:
        return refuse(f"no bright events beyond an empty gap in all of {', '.join(markers)}")
    return Fitted(
        geometry=AllAbove(markers, fitted.cut),
        cut=fitted.cut,
        cut_se=fitted.cut_se,
        quality=fitted.quality,
        status=fitted.status,
        reason=fitted.reason,
    )


def card() -> Card:
    """Return the method's card."""
    return Card(
        name="bright_in_all",
        fit=fit,
        n_markers=None,
        takes_side=False,
        reads_as="finds counting beads: events that are bright in every one of the markers",
    )
