"""How many cells, how sure: background, interval, detection, and what the cut contributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from itc_analysis.flow.gating import density as densities
from itc_analysis.flow.gating.density import Density
from itc_analysis.flow.gating.flank import fit_flank
from itc_analysis.flow.gating.geometry import AllAbove, Threshold

FloatArray = npt.NDArray[np.float64]

#: Level of every interval of a count.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Background:
    """Events expected in a gate without the population.

    Parameters
    ----------
    n_events : expected events; None when unknown.
    standard_error : of `n_events`.
    source : fmo, negative_tail or none.
    """

    n_events: float | None
    standard_error: float | None
    source: Literal["fmo", "negative_tail", "none"]


NO_BACKGROUND = Background(None, None, "none")


def control_background(control: npt.ArrayLike, cut: float, n_parent: int) -> Background:
    """Return the background by a tube without the marker's antibody.

    Parameters
    ----------
    control : the marker in the same parent population of the control, transformed units.
    cut : the gate's cut.
    n_parent : events of the parent in the stained tube.

    Notes
    -----
    The standard error is that of a Poisson count, with one event added so that an empty gate in a
    small control is not taken for certainty.
    """
    control = np.asarray(control)
    if control.size == 0:
        return NO_BACKGROUND
    above = int(np.count_nonzero(control >= np.float32(cut)))
    scale = n_parent / control.size
    return Background(above * scale, float(np.sqrt(above + 1)) * scale, "fmo")


def tail_background(values: npt.ArrayLike, cut: float) -> Background:
    """Return the background by continuing the right flank of the negative peak beyond the cut.

    Positives below the cut would make the flank flatter than it is: what stands right of the
    positive peak is mirrored at it and taken off. At the cut the curve is not let stand higher than
    the smoothed density and one event do.

    Parameters
    ----------
    values : the marker in the parent population, transformed units.
    cut : the gate's cut; the population lies above it.

    Returns
    -------
    source ``none`` when there is no negative peak or no falling flank below the cut.
    """
    values = np.asarray(values)
    if values.size == 0 or values.min() >= cut:
        return NO_BACKGROUND
    density = densities.estimate(values)
    end = int(np.searchsorted(density.centres, cut - densities.BIN_WIDTH / 2))
    if end == 0:
        return NO_BACKGROUND
    peak = int(np.argmax(density.smooth[:end]))
    counts = np.maximum(density.counts - _mirrored_positives(density, end), 0.0)
    flank = fit_flank(density, peak, end, counts)
    if flank is None:
        return NO_BACKGROUND
    at_cut = min(end, density.centres.size - 1)
    highest = float(density.smooth[at_cut] + density.height[at_cut])
    n, error = flank.beyond(cut, highest=highest)
    return Background(n, error, "negative_tail")


def joined_background(parts: Sequence[Background]) -> Background:
    """Return the background of a gate that asks for any of several signals.

    The parts are added: an event that is background in two of them is rare enough to forget.
    Unknown when one part is.
    """
    known = [(p.n_events, p.standard_error) for p in parts]
    numbers = [(n, error) for n, error in known if n is not None and error is not None]
    if len(numbers) < len(parts) or not parts:
        return NO_BACKGROUND
    source = parts[0].source if len({p.source for p in parts}) == 1 else "negative_tail"
    total = sum(n for n, _ in numbers)
    return Background(total, float(np.sqrt(sum(error**2 for _, error in numbers))), source)


def net_interval(n_events: int, n_parent: int, background: Background) -> tuple[float, float]:
    """Return the 95 % interval of the background-subtracted count.

    Clopper-Pearson limits of the count and normal limits of the background are joined by MOVER
    (Zou and Donner 2008, doi:10.1002/sim.3095): lower = net - sqrt((n - lower of n)² +
    (upper of background - background)²), and the same upwards. Without background these are the
    exact limits.

    Returns
    -------
    lower, upper : events, 0 <= lower <= upper <= n_parent.
    """
    low, high = exact_limits(n_events, n_parent)
    if background.n_events is None or background.standard_error is None:
        return low, high
    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    expected = background.n_events
    least = max(expected - z * background.standard_error, 0.0)
    most = expected + z * background.standard_error
    net = n_events - expected
    lower = net - float(np.hypot(n_events - low, most - expected))
    upper = net + float(np.hypot(high - n_events, expected - least))
    upper = float(np.clip(upper, 0.0, n_parent))
    return float(np.clip(lower, 0.0, upper)), upper


def exact_limits(n_events: int, n_parent: int) -> tuple[float, float]:
    """Return Clopper and Pearson's 95 % limits of a count among `n_parent` events."""
    outside = (1 - CONFIDENCE) / 2
    low = (
        0.0 if n_events == 0 else float(stats.beta.ppf(outside, n_events, n_parent - n_events + 1))
    )
    high = (
        1.0
        if n_events >= n_parent
        else float(stats.beta.ppf(1 - outside, n_events + 1, n_parent - n_events))
    )
    return low * n_parent, high * n_parent


def detect(
    n_events: int, background: Background, lower: float, *, lod_events: int, loq_events: int
) -> Literal["quantified", "detected", "below_lod"]:
    """Return whether the background-subtracted count is quantified, detected or below the limit.

    A count whose interval reaches down to its background is below the limit of detection whatever
    its size.
    """
    net = n_events - (background.n_events or 0.0)
    if net < lod_events or lower <= 0:
        return "below_lod"
    return "quantified" if net >= loq_events else "detected"


def shifted(gate: Threshold | AllAbove, by: float) -> Threshold | AllAbove:
    """Return the gate with its cut moved."""
    return replace(gate, cut=gate.cut + by)


def log_change(n_low: int, n_high: int) -> float:
    """Return half the log ratio of the counts one standard error left and right of the cut.

    Half an event is added to both, so that an empty gate has a finite answer.
    """
    return abs(float(np.log((n_low + 0.5) / (n_high + 0.5)))) / 2


def _mirrored_positives(density: Density, end: int) -> FloatArray:
    """Return, per bin below the cut, the events right of the positive peak mirrored at it."""
    mirrored = np.zeros(density.counts.size)
    if end >= density.counts.size - 1:
        return mirrored
    peak = end + int(np.argmax(density.smooth[end:]))
    if peak == end:  # falls all the way from the cut: no peak
        return mirrored
    reach = min(peak, density.counts.size - 1 - peak)
    mirrored[peak - reach : peak] = density.counts[peak + 1 : peak + reach + 1][::-1]
    mirrored[end:] = 0
    return mirrored
