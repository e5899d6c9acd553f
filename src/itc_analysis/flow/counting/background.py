"""How many events a gate holds without its population, and how many cells of it lie outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.batch_tolerance import MIN_SPREAD
from itc_analysis.flow.gating import density as densities
from itc_analysis.flow.gating.density import Density
from itc_analysis.flow.gating.flank import Flank, fit_flank
from itc_analysis.flow.gating.overlap import fit_overlap, fit_two
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.binomial import count_limits

#: Drift between two tubes shows at this quantile of their negatives: far enough out to shift as the
#: tail does, with enough events beyond to be precise.
FLANK_QUANTILE = 0.98
#: A control that lies further off is not merely drifted, transformed units: 20 % of the intensity
#: on a scale of 4.5 decades.
MOST_DRIFT = 2 * MIN_SPREAD
#: Positives dimmer than this many standard deviations of the negatives cannot be told from them.
HIDDEN_FROM = 3.0
#: Where the density at the cut is more than this part of the positives' peak, the tail has no known
#: form: backgrounds by several ends of the flank are averaged.
SHALLOW = 0.5
#: Ends of the flank are tried up to so many standard errors from the cut, and so many bins.
_ENDS, _MOST_ENDS = 1.5, 12


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


def with_missed_by_parent(
    background: Background, n_events: int, parent: Background, n_parent: int
) -> Background:
    """Return a background with this population's part of the cells that the parent's gate missed,
    which is taken to be the same of all its cells, but for the error of what the parent missed.

    Parameters
    ----------
    n_events : int
        events of the population.
    parent : Background
        of its parent.
    n_parent : int
        events of the parent.
    """
    if background.n_events is None or parent.n_events is None or parent.n_missed <= 0:
        return background
    found = max(n_parent - parent.n_events, 1.0)
    part, error = parent.n_missed / found, parent.missed_se / found
    net = max(n_events - background.n_events, 0.0) + background.n_missed
    return replace(
        background,
        n_missed=background.n_missed + part * net,
        missed_se=float(np.hypot((1 + part) * background.missed_se, error * net)),
    )


def background_of_rest(values: npt.ArrayLike, cut: float) -> Background:
    """Return the background of what one population leaves of its parent: what lies on the wrong
    sides of the parent's cut.

    Parameters
    ----------
    values : array_like
        the parent's marker in those events of the grandparent that the population leaves,
        transformed units.
    cut : float
        the parent's cut.
    """
    values = np.asarray(values)
    overlap = fit_overlap(densities.estimate(values), cut) if values.size else None
    if overlap is None or overlap.background_se > max(overlap.n_background, 1.0):
        return NO_BACKGROUND
    return Background(
        overlap.n_background,
        overlap.background_se,
        "negative_tail",
        overlap.n_missed,
        overlap.missed_se,
    )


def tail_background(values: npt.ArrayLike, cut: float, cut_se: float | None = None) -> Background:
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
    cut_se : float, optional
        its standard error, transformed units.

    Returns
    -------
    Background
        source ``none`` when there is no negative peak or no falling flank below the cut.

    Notes
    -----
    In a valley that is shallower than `SHALLOW` a curve follows the few events before its end, and
    a hair's breadth of the cut changes it tenfold. There flanks that end up to 1.5 standard errors
    of the cut to either side are continued, and averaged, those the more that are known better than
    by their own size; how far they lie apart joins the error.
    """
    values = np.asarray(values)
    if values.size == 0 or values.min() >= cut:
        return NO_BACKGROUND
    density = densities.estimate(values)
    found = Tail(density, cut).beyond(cut)
    if found.n_events is not None and not _is_shallow(density, cut):
        return found
    n_bins = int(np.clip(np.ceil(_ENDS * (cut_se or 0.0) / densities.BIN_WIDTH), 2, _MOST_ENDS))
    ends = cut + densities.BIN_WIDTH * np.arange(-n_bins, n_bins + 1)
    tried = [Tail(density, float(end)).beyond(cut) for end in ends]
    tails = [(one.n_events, one.standard_error) for one in tried]
    known = np.array([tail for tail in tails if None not in tail], dtype=float)
    if not len(known):
        return found
    n, error = known.T
    weight = 1 / (1 + (error / np.maximum(n, 1.0)) ** 2)
    weight /= weight.sum()
    mean = float(weight @ n)
    total = float(np.sqrt(weight @ (error**2 + (n - mean) ** 2)))
    missed = np.array([[one.n_missed, one.missed_se] for one in tried])
    middle = float(missed[:, 0].mean())
    missed_error = float(np.sqrt(np.mean(missed[:, 1] ** 2 + (missed[:, 0] - middle) ** 2)))
    return Background(mean, total, "negative_tail", n_missed=middle, missed_se=missed_error)


def _is_shallow(density: Density, cut: float) -> bool:
    """Return whether the density at the cut is a good part of the peak beyond it."""
    end = int(np.searchsorted(density.centres, cut - densities.BIN_WIDTH / 2))
    beyond = density.smooth[end:]
    if beyond.size == 0 or int(np.argmax(beyond)) == 0:  # falls all the way: no peak
        return False
    return bool(beyond[0] > SHALLOW * beyond.max())


class Tail:
    """The flank of the negatives up to a place, and the positives beyond it where they show.

    Parameters
    ----------
    density : Density
        of the parent population.
    end : float
        transformed units; mostly the cut.
    """

    def __init__(self, density: Density, end: float) -> None:
        self._density, self._end = density, end
        self._two = fit_two(density, end)

    @property
    def shows_positives(self) -> bool:
        """Whether positives have a peak of their own beyond the end."""
        return self._two is not None

    def beyond(self, cut: float) -> Background:
        """Return the negatives beyond a cut, and the positives below it where they are known."""
        if self._two is None:
            return self._by_flank(cut)
        overlap = self._two.beside(cut)
        found = Background(overlap.n_background, overlap.background_se, "negative_tail")
        # positives that hide the flank leave it undetermined: then the flank alone says more
        if overlap.background_se > max(overlap.n_background, 1.0):
            found = self._by_flank(cut)
        return replace(found, n_missed=overlap.n_missed, missed_se=overlap.missed_se)

    def _by_flank(self, cut: float) -> Background:
        """Return the background by the flank alone, freed of mirrored positives."""
        flank, density = self._flank, self._density
        if flank is None:
            return NO_BACKGROUND
        at_cut = int(np.searchsorted(density.centres, cut - densities.BIN_WIDTH / 2))
        at_cut = min(at_cut, density.centres.size - 1)
        highest = float(density.smooth[at_cut] + density.height[at_cut])
        n, error = flank.beyond(cut, highest=highest)
        return Background(n, error, "negative_tail")

    @cached_property
    def _flank(self) -> Flank | None:
        return _flank(self._density, self._end)


def _flank(density: Density, place: float) -> Flank | None:
    """Return the flank of the highest peak below a place, up to it."""
    end = int(np.searchsorted(density.centres, place - densities.BIN_WIDTH / 2))
    if end == 0:
        return None
    peak = int(np.argmax(density.smooth[:end]))
    counts = np.maximum(density.counts - _mirrored_positives(density, end), 0.0)
    return fit_flank(density, peak, end, counts)


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
