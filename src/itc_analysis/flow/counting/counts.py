"""How many cells, how sure: background, interval and detection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import special  # scipy.stats has the same quantiles and takes 0.4 s longer to import

from itc_analysis.flow.batch_tolerance import MIN_SPREAD
from itc_analysis.flow.gating import density as densities
from itc_analysis.flow.gating.density import Density
from itc_analysis.flow.gating.flank import fit_flank
from itc_analysis.flow.gating.overlap import fit_overlap
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.binomial import count_limits

#: Level of every interval of a count.
CONFIDENCE = 0.95
#: Drift between two tubes shows at this quantile of their negatives: far enough out to shift as the
#: tail does, with enough events beyond to be precise.
FLANK_QUANTILE = 0.98
#: A control that lies further off is not merely drifted, transformed units: 20 % of the intensity
#: on a scale of 4.5 decades.
MOST_DRIFT = 2 * MIN_SPREAD
#: Positives dimmer than this many standard deviations of the negatives cannot be told from them.
HIDDEN_FROM = 3.0


@dataclass(frozen=True)
class Background:
    """Events expected in a gate without the population.

    Parameters
    ----------
    n_events : float or None
        expected events; None when unknown.
    standard_error : float or None
        of `n_events`.
    source : {"fmo", "levels", "negative_tail", "none"}
        fmo, levels, negative_tail or none.
    n_missed, missed_se : float
        events of the population expected on the wrong side of the cut; 0 where no overlap shows.
    n_hidden : float
        events of the population that the negatives' tail may hide at most, where nothing shows
        where positives lie; not expected, so added to upper limits only.
    """

    n_events: float | None
    standard_error: float | None
    source: Literal["fmo", "levels", "negative_tail", "none"]
    n_missed: float = 0.0
    missed_se: float = 0.0
    n_hidden: float = 0.0


NO_BACKGROUND = Background(None, None, "none")


def control_background(control: npt.ArrayLike, values: npt.ArrayLike, cut: float) -> Background:
    """Return the background by a tube without the marker's antibody.

    Parameters
    ----------
    control : array_like
        the marker in the same parent population of the control, transformed units.
    values : array_like
        the marker in the parent population of the stained tube.
    cut : float
        the gate's cut.

    Notes
    -----
    Tubes drift against one another even within a batch, and where the tail is steep a shift of
    0.005 changes the background by a fifth. The control is therefore moved by the difference of the
    two tubes' `FLANK_QUANTILE` below the cut, at most `MOST_DRIFT`. The standard error is that of a
    Poisson count, with one event added so that an empty gate in a small control is not taken for
    certainty, and half of what the move changed.
    """
    control, values = np.asarray(control), np.asarray(values)
    if control.size == 0:
        return NO_BACKGROUND
    unmoved = int(np.count_nonzero(control >= np.float32(cut)))
    drift = _flank_quantile(values, cut) - _flank_quantile(control, cut)
    above = unmoved
    if np.isfinite(drift):
        moved = cut - float(np.clip(drift, -MOST_DRIFT, MOST_DRIFT))
        above = int(np.count_nonzero(control >= np.float32(moved)))
    scale = values.size / control.size
    error = float(np.hypot(np.sqrt(above + 1), (above - unmoved) / 2))
    return Background(above * scale, error * scale, "fmo")


def with_missed(background: Background, values: npt.ArrayLike, cut: float) -> Background:
    """Return a background with the positives that the tube itself shows to lie below the cut.

    Parameters
    ----------
    values : array_like
        the marker in the parent population, transformed units.
    """
    values = np.asarray(values)
    overlap = fit_overlap(densities.estimate(values), cut) if values.size else None
    if overlap is None:
        return background
    return replace(background, n_missed=overlap.n_missed, missed_se=overlap.missed_se)


def tail_background(values: npt.ArrayLike, cut: float) -> Background:
    """Return the background by continuing the right flank of the negative peak beyond the cut.

    Where positives are many enough to show their own peak, both are fitted together (`overlap`),
    and the positives below the cut are known as well. Otherwise the flank alone is continued.
    Positives below the cut would make the flank flatter than it is: what stands right of the
    positive peak is mirrored at it and taken off. At the cut the curve is not let stand higher than
    the smoothed density and one event do.

    Parameters
    ----------
    values : array_like
        the marker in the parent population, transformed units.
    cut : float
        the gate's cut; the population lies above it.

    Returns
    -------
    Background
        source ``none`` when there is no negative peak or no falling flank below the cut.
    """
    values = np.asarray(values)
    if values.size == 0 or values.min() >= cut:
        return NO_BACKGROUND
    density = densities.estimate(values)
    overlap = fit_overlap(density, cut)
    if overlap is None:
        return _by_flank(density, cut)
    found = Background(overlap.n_background, overlap.background_se, "negative_tail")
    # positives that hide the flank leave it undetermined: then the flank alone says more
    if overlap.background_se > max(overlap.n_background, 1.0):
        found = _by_flank(density, cut)
    return replace(found, n_missed=overlap.n_missed, missed_se=overlap.missed_se)


def _by_flank(density: Density, cut: float) -> Background:
    """Return the background by the flank alone, freed of mirrored positives."""
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


def with_hidden(background: Background, values: npt.ArrayLike, cut: float) -> Background:
    """Return a background with the positives that the tail of the negatives may hide at most.

    For a cut that lies beyond the negatives because nothing shows where positives are. Dim ones
    would pass for the tail. Of positives whose mode lies `HIDDEN_FROM` standard deviations or more
    above that of the negatives, half lie beyond that place; so at most twice the events between it
    and the cut are hidden (the upper 95 % limit of their number, all of them taken for positives).
    Dimmer positives no gate can count.

    Parameters
    ----------
    values : array_like
        the marker in the parent population, transformed units.
    cut : float
        the gate's cut; the population lies above it.
    """
    values = np.asarray(values)
    if values.size == 0 or values.min() >= cut:
        return background
    density = densities.estimate(values)
    end = int(np.searchsorted(density.centres, cut - densities.BIN_WIDTH / 2))
    peak = int(np.argmax(density.smooth[:end]))
    width = densities.narrower_width(density.counts, peak)
    begin = float(density.centres[peak]) + HIDDEN_FROM * width
    seen = int(np.count_nonzero((values >= begin) & (values < cut)))
    _, most = count_limits(seen, int(values.size))
    return replace(background, n_hidden=2 * most)


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
    # events missed by one signal are mostly found by another: none are added back
    error = float(np.sqrt(sum(error**2 for _, error in numbers)))
    return Background(total, error, source, n_hidden=sum(part.n_hidden for part in parts))


def net_interval(n_events: int, n_parent: int, background: Background) -> tuple[float, float]:
    """Return the 95 % interval of the background-subtracted count.

    Clopper-Pearson limits of the count and normal limits of the background are joined by MOVER
    (Zou and Donner 2008, doi:10.1002/sim.3095): lower = net - sqrt((n - lower of n)² +
    (upper of background - background)²), and the same upwards; events missed below the cut are
    added with their own limits, and what may be hidden is added to the upper limit. Without
    background these are the exact limits.

    Returns
    -------
    lower, upper : float
        events, 0 <= lower <= upper <= n_parent.
    """
    low, high = count_limits(n_events, n_parent)
    if background.n_events is None or background.standard_error is None:
        return low, min(high + background.n_hidden, n_parent)
    z = float(special.ndtri((1 + CONFIDENCE) / 2))
    expected, missed = background.n_events, background.n_missed
    least = max(expected - z * background.standard_error, 0.0)
    most = expected + z * background.standard_error
    least_missed = max(missed - z * background.missed_se, 0.0)
    net = n_events - expected + missed
    lower = net - float(
        np.sqrt((n_events - low) ** 2 + (most - expected) ** 2 + (missed - least_missed) ** 2)
    )
    upper = net + float(
        np.sqrt((high - n_events) ** 2 + (expected - least) ** 2 + (z * background.missed_se) ** 2)
    )
    upper = float(np.clip(upper + background.n_hidden, 0.0, n_parent))
    return float(np.clip(lower, 0.0, upper)), upper


def detection_limits(background: Background) -> tuple[float | None, float | None]:
    """Return limit of blank and limit of detection of a gate in one tube.

    Currie 1968 (doi:10.1021/ac60259a007) and CLSI EP17, for counts: the limit of blank is the 95 %
    quantile of the events in the gate when the population is empty (Poisson about a background that
    is itself uncertain: a gamma, so together negative binomial); the limit of detection is the
    smallest true number of cells of which 95 % of tubes show more events than the limit of blank.

    Returns
    -------
    tuple of (float or None, float or None)
        limit of blank : events in the gate, background included; None where the background is
        unknown. limit of detection : cells of the population, background not included, those that
        the tail may
            hide added; None likewise.
    """
    if background.n_events is None or background.standard_error is None:
        return None, None
    expected, error = background.n_events, background.standard_error
    blank = float(np.ceil(special.pdtrik(CONFIDENCE, expected)))
    if error > 0:
        # nothing seen in the control: Jeffreys' prior, half an event
        shape = (expected / error) ** 2 if expected > 0 else 0.5
        scale = error**2 / expected if expected > 0 else error
        # a background known worse than by its own size is a gamma with most of its mass near 0
        blank = max(blank, float(np.ceil(special.nbdtrik(CONFIDENCE, shape, 1 / (1 + scale)))))
    # P(Poisson(m) <= blank) = 5 %
    gross = float(special.gammaincinv(blank + 1, CONFIDENCE))
    return blank, gross - expected + background.n_hidden


def detect(
    n_events: int, background: Background, lower: float, *, lod_events: int, loq_events: int
) -> Literal["quantified", "detected", "below_lod"]:
    """Return whether the background-subtracted count is quantified, detected or below the limit.

    The limit of detection is the configured number of events or that of the tube's own background
    (`detection_limits`), whichever is higher. A count whose interval reaches down to its background
    is below it whatever its size.
    """
    net = n_events - (background.n_events or 0.0) + background.n_missed
    _, own_limit = detection_limits(background)
    if net < max(lod_events, own_limit or 0.0) or lower <= 0:
        return "below_lod"
    return "quantified" if net >= loq_events else "detected"


def _flank_quantile(values: npt.NDArray[np.floating[Any]], cut: float) -> float:
    """Return the `FLANK_QUANTILE` of the events below the cut; NaN when there are none."""
    below = values[values < np.float32(cut)]
    return float(np.quantile(below, FLANK_QUANTILE)) if below.size else np.nan


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
