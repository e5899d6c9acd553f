"""Smooth densities of one marker, their peaks and valleys, and how sure these are.

Rare positives stand beside negatives that are a thousand times more frequent. One bandwidth for
both either blurs the valley or breaks the positives into single events. Here every event gets the
bandwidth that Silverman's rule would give its own population alone: proportional to the local
density to the power -1/5. Everything is computed from a histogram, so the order of events does not
matter and bootstrap replicates cost one matrix product.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from itc_analysis.statistics.arrays import FloatArray

#: Bin width in transformed units: a tenth of the width of a typical negative peak.
BIN_WIDTH = 0.0025
#: Transformed values beyond this are counted in the outermost bin.
LOWEST, HIGHEST = -0.5, 1.5
#: Silverman 1986 (Density estimation, eq. 3.31): 0.9 sigma n^(-1/5).
SILVERMAN = 0.9
#: Half width at half height of a normal density, in standard deviations: sqrt(2 ln 2).
HALF_WIDTH = 1.1774100225154747
#: The bandwidth of rare events is never more than this many times the standard deviation of the
#: main peak, so that empty gaps stay empty.
WIDEST = 1.0
#: Peaks with fewer events standing out above the valley than this many standard errors are noise;
#: between the two they are found but not trusted alone.
WEAK_Z = 2.0
CLEAR_Z = 3.0
#: Where the smoothed density is lower than so many events at one place, single events decide.
CROWDED = 10
#: How sure it must be that a place of such a gap holds more than the lowest one does: where that is
#: empty, up to three events are chance (the rule of three).
SURE = 0.95
#: A population reaches so many standard deviations, each the distance of its median from the value
#: that `ONE_SD` of a normal population lie below.
REACH, ONE_SD = 4.0, 0.8413447460685429
#: A share of an event that nobody would see.
_NEGLIGIBLE = 1e-12
#: Its exponential is far below `_NEGLIGIBLE`; those of still lower numbers take twice as long.
_LOWEST_EXPONENT = -60.0
#: Standard deviations after which the bell of the pilot ends.
_KERNEL_REACH = 4.0
#: Events per pass; all temporary arrays of a pass stay in the processor's cache.
_PIECE = 1 << 15


@dataclass(frozen=True)
class Density:
    """A smoothed histogram.

    Parameters
    ----------
    centres : FloatArray
        bin centres, transformed units, shape (n_bins,).
    counts : FloatArray
        events per bin.
    kernel : numpy.ndarray
        shape (n_bins, n_bins); ``kernel @ counts`` is the smooth density in events per bin.
    smooth : FloatArray
        that product.
    height : FloatArray
        density of a single event at its own place, per bin: how high one event stands.
    """

    centres: FloatArray
    counts: FloatArray
    kernel: npt.NDArray[np.float32]
    smooth: FloatArray
    height: FloatArray

    @property
    def n_events(self) -> int:
        """Events in the histogram."""
        return int(self.counts.sum())


@dataclass(frozen=True)
class Valley:
    """A valley between two peaks.

    Parameters
    ----------
    left, right : int
        bins of the two peaks.
    bottom : int
        bin of the valley's lowest point.
    depth : float
        1 - density at the bottom / density of the lower side's highest point; 0..1.
    excess : float
        events of the lesser side that stand out above the bottom. A side reaches as far as the
        density stays above the bottom, over smaller valleys too.
    z : float
        `excess` over its Poisson standard error.
    """

    left: int
    right: int
    bottom: int
    depth: float
    excess: float
    z: float

    @property
    def score(self) -> float:
        """How well the valley separates: deep, and with events on both sides."""
        return self.depth * float(np.log1p(self.excess))


def estimate(
    values: npt.ArrayLike, *, is_adaptive: bool = True, is_sorted: bool = False
) -> Density:
    """Smooth the values of one marker.

    Parameters
    ----------
    values : array_like
        transformed units, at least one.
    is_adaptive : bool
        every event has the bandwidth of its own population; without, all have twice that of the
        main peak, which takes a tenth of the time, and there is no kernel to smooth others with.
    is_sorted : bool
        the values are float32 in ascending order: a few of them are looked at.
    """
    values = np.asarray(values)
    if values.size == 0:
        msg = "no events, no density"
        raise ValueError(msg)
    lowest, highest = (values[0], values[-1]) if is_sorted else (values.min(), values.max())
    first = int(np.floor(np.clip(lowest, LOWEST, HIGHEST) / BIN_WIDTH)) - 1
    last = int(np.floor(np.clip(highest, LOWEST, HIGHEST) / BIN_WIDTH)) + 1
    if is_sorted:
        counts = _histogram_of_sorted(values, first, last)
    else:
        goes_beyond = bool(lowest < LOWEST or highest > HIGHEST)
        counts = _histogram(values, first, last, goes_beyond=goes_beyond)
    centres = np.asarray((np.arange(first, last + 1) + 0.5) * BIN_WIDTH, dtype=np.float64)
    n = counts.sum()

    pilot = _smooth_fixed(counts, 4 * BIN_WIDTH)
    sigma = peak_width(pilot, int(np.argmax(pilot)))
    bandwidth = max(SILVERMAN * sigma * n**-0.2, BIN_WIDTH)
    fixed = max(2 * bandwidth, 4 * BIN_WIDTH)
    pilot = _smooth_fixed(counts, fixed)
    if not is_adaptive:
        height = np.full(counts.size, BIN_WIDTH / (fixed * np.sqrt(2 * np.pi)))
        return Density(centres, counts, np.empty((0, 0), dtype=np.float32), pilot, height)
    # Where the pilot sees less than one event per main peak's width, one event is assumed.
    floor = BIN_WIDTH / (sigma * np.sqrt(2 * np.pi))
    local = bandwidth * (np.maximum(pilot, floor) / pilot.max()) ** -0.2
    local = np.minimum(local, max(WIDEST * sigma, bandwidth))
    kernel = _kernel(centres, local)
    return Density(
        centres=centres,
        counts=counts,
        kernel=kernel,
        smooth=np.asarray(kernel @ counts, dtype=float),
        height=BIN_WIDTH / (local * np.sqrt(2 * np.pi)),
    )


def peak_width(smooth: FloatArray, peak: int) -> float:
    """Return the standard deviation of a peak from its narrower half width at half height."""
    half = smooth[peak] / 2
    below_left = np.flatnonzero(smooth[:peak] < half)
    below_right = np.flatnonzero(smooth[peak:] < half)
    widths = []
    if below_left.size:
        widths.append(peak - below_left[-1])
    if below_right.size:
        widths.append(below_right[0])
    bins = min(widths) if widths else max(smooth.size // 4, 1)
    return max(float(bins) * BIN_WIDTH / HALF_WIDTH, BIN_WIDTH)


def valleys(density: Density, *, min_z: float = WEAK_Z) -> list[Valley]:
    """Return the valleys between peaks that are more than noise, from left to right.

    Peaks are merged, the least significant first, until every valley that is left has at least
    `min_z` standard errors of events standing out above it on both sides.
    """
    smooth = density.smooth
    inner = np.flatnonzero((smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:])) + 1
    peaks = [int(peak) for peak in inner]
    while len(peaks) > 1:
        found = [_valley(smooth, left, right) for left, right in itertools.pairwise(peaks)]
        weakest = min(found, key=lambda valley: valley.z)
        if weakest.z >= min_z:
            return found
        lower = weakest.left if smooth[weakest.left] < smooth[weakest.right] else weakest.right
        peaks.remove(lower)
    return []


def score_of(smooth: FloatArray, left: int, right: int) -> float:
    """Return the score of the valley between two peaks of a smooth density."""
    return _valley(smooth, left, right).score


def main_peak(density: Density) -> int:
    """Return the bin of the highest peak."""
    return int(np.argmax(density.smooth))


def lowest_peak(density: Density) -> int:
    """Return the bin of the leftmost peak that is more than noise."""
    found = valleys(density)
    return found[0].left if found else main_peak(density)


def bottoms(
    density: Density,
    valley: Valley,
    counts: FloatArray | None = None,
    smooth: FloatArray | None = None,
) -> npt.NDArray[np.float64]:
    """Return where the valley is lowest, in a density or in bootstrap replicates of it.

    A bottom that differs from its surroundings by less than half an event has no lowest point; the
    middle is returned. A gap that is not `CROWDED` is flat as far as the upper limit of the events
    at its lowest place reaches (`SURE`): two or three single events that happen to lie side by side
    in an empty gap are no flank. It is divided in proportion to the heights of its two peaks: in
    the middle between peaks of one height, but where the flank of the negatives ends when positives
    are few, since single events in the gap are then rather dim positives than strays of a flank
    that has come to its end. Not farther from either population, though, than its own spread
    reaches (`REACH`): what lies far from both is not counted with the lesser one.

    Parameters
    ----------
    counts, smooth : FloatArray, optional
        events per bin of replicates and their smooth densities, shape (n_replicates, n_bins); the
        density's own when not given.

    Returns
    -------
    numpy.ndarray
        transformed units, shape (n_replicates,), or (1,).
    """
    counts = density.counts[None] if counts is None else counts
    smooth = density.smooth[None] if smooth is None else smooth
    height, centres = float(density.height[valley.bottom]), density.centres
    part = smooth[:, valley.left : valley.right + 1]
    lowest = np.argmin(part, axis=1)
    floor = part.min(axis=1, keepdims=True)
    is_gap = floor[:, 0] < CROWDED * height
    # the upper limit of a Poisson mean of which so many events are seen
    by_chance = special.gammaincinv(floor / height + 1, SURE) * height
    flat = part <= np.where(is_gap[:, None], by_chance, floor + height / 2)
    left, right = _stretch(flat, lowest)
    share = np.where(is_gap, part[:, -1] / (part[:, 0] + part[:, -1]), 0.5)
    place = left + share * (right - left)
    # where either population ends, but not beyond the middle of what is empty
    emptiest = part <= floor + height / 2
    begin, end = _stretch(emptiest, lowest)
    middle = (begin + end) / 2
    begin_of_right = counts.shape[1] - 1 - _end_of(counts[:, : valley.bottom : -1]) - valley.left
    end_of_left = _end_of(counts[:, : valley.bottom + 1]) - valley.left
    bounded = np.maximum(place, np.minimum(begin_of_right, middle))
    bounded = np.minimum(bounded, np.maximum(end_of_left, middle))
    place = np.where(is_gap, bounded, place)
    return np.asarray(centres[valley.left] + place * BIN_WIDTH)


def _stretch(
    is_flat: npt.NDArray[np.bool_], lowest: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the first and last bin of the flat stretch about the lowest place of each density."""
    position = np.arange(is_flat.shape[1])
    before = np.where(~is_flat & (position < lowest[:, None]), position, -1).max(axis=1)
    after = np.where(~is_flat & (position > lowest[:, None]), position, is_flat.shape[1])
    return before + 1, after.min(axis=1) - 1


def _end_of(counts: FloatArray) -> FloatArray:
    """Return the bin in which a population ends that begins in the first one, shape (n,)."""
    cumulative = np.cumsum(counts, axis=1)
    total = cumulative[:, -1:]
    median = (cumulative < total / 2).sum(axis=1)
    sd = (cumulative < total * ONE_SD).sum(axis=1) - median
    return np.asarray(median + REACH * np.maximum(sd, 1))


def resample(density: Density, *, n_bootstrap: int, seed: int) -> FloatArray:
    """Return bootstrap replicates of the counts, shape (n_bootstrap, n_bins)."""
    rng = np.random.default_rng(seed)
    n = density.n_events
    return rng.multinomial(n, density.counts / n, size=n_bootstrap).astype(float)


def smooth_replicates(density: Density, replicates: FloatArray) -> FloatArray:
    """Return the smooth densities of replicates, with the kernel of the original."""
    return np.asarray(replicates.astype(np.float32) @ density.kernel.T, dtype=float)


def left_width(counts: FloatArray, peak: int) -> float:
    """Return the standard deviation of a peak from the events left of it.

    The right half may hold dim positives; the left half does not. It is the median distance of
    these events over that of a half normal distribution.
    """
    return _half_width(counts[: peak + 1][::-1])


def right_width(counts: FloatArray, peak: int) -> float:
    """Return the standard deviation of a peak from the events right of it."""
    return _half_width(counts[peak:])


def narrower_width(counts: FloatArray, peak: int) -> float:
    """Return the standard deviation of a peak from its narrower half.

    The right half may hold dim positives; the left one is long where noise around zero stretches
    it.
    """
    return min(left_width(counts, peak), right_width(counts, peak))


#: Median of |x| for a standard normal x.
_NORMAL_MEDIAN = 0.6744897501960817


def _half_width(outwards: FloatArray) -> float:
    outwards = outwards.copy()
    outwards[0] /= 2  # the peak's own bin lies half on either side
    total = outwards.sum()
    if total == 0:
        return BIN_WIDTH
    cumulative = np.cumsum(outwards)
    edges = np.arange(outwards.size) + 0.5
    median = float(np.interp(total / 2, cumulative, edges))
    return max(median * BIN_WIDTH / _NORMAL_MEDIAN, BIN_WIDTH)


def _valley(smooth: FloatArray, left: int, right: int) -> Valley:
    bottom = left + int(np.argmin(smooth[left : right + 1]))
    level = smooth[bottom]
    tops, excesses, errors = [], [], []
    for peak in (left, right):
        lobe = _lobe(smooth, peak, level)
        tops.append(float(lobe.max(initial=0)))
        excesses.append(float((lobe - level).sum()))
        errors.append(float(np.sqrt(lobe.sum() + 1)))  # + 1: no error smaller than one event's
    z = [excess / error for excess, error in zip(excesses, errors, strict=True)]
    lesser = min(tops)
    return Valley(
        left=left,
        right=right,
        bottom=bottom,
        depth=float(1 - level / lesser) if lesser > 0 else 0.0,
        excess=max(min(excesses), 0.0),
        z=min(z),
    )


def _lobe(smooth: FloatArray, peak: int, level: float) -> FloatArray:
    """Return the density around the peak as far as it stays above the level."""
    below_left = np.flatnonzero(smooth[:peak] <= level)
    below_right = np.flatnonzero(smooth[peak:] <= level)
    low = int(below_left[-1]) + 1 if below_left.size else 0
    high = peak + int(below_right[0]) if below_right.size else smooth.size
    return smooth[low:high]


def _histogram(values: npt.NDArray[Any], first: int, last: int, *, goes_beyond: bool) -> FloatArray:
    """Return the events of the bins from the first to the last one, counted from 0; `goes_beyond`:
    some values lie beyond `LOWEST` or `HIGHEST`.
    """
    counts = np.zeros(last - first + 1)
    for begin in range(0, values.size, _PIECE):
        place = values[begin : begin + _PIECE].astype(np.float64)
        if goes_beyond:
            np.clip(place, LOWEST, HIGHEST, out=place)
        place /= BIN_WIDTH
        np.floor(place, out=place)
        place -= first
        counts += np.bincount(place.astype(np.intp), minlength=counts.size)
    return counts


def _histogram_of_sorted(ordered: npt.NDArray[np.float32], first: int, last: int) -> FloatArray:
    """Return the same of ascending values; what lies beyond is in the second or last but one."""
    inner = _EDGES[first + 2 - _FIRST_EDGE : last - _FIRST_EDGE]
    counts = np.diff(np.searchsorted(ordered, inner), prepend=0, append=ordered.size)
    return np.concatenate([[0.0], counts, [0.0]])


def _edges(first: int, last: int) -> npt.NDArray[np.float32]:
    """Return the lowest float32 number of each bin."""
    bins = np.arange(first, last + 1)
    nearest = (bins * BIN_WIDTH).astype(np.float32)
    is_below = np.floor(nearest / np.float64(BIN_WIDTH)) < bins
    return np.where(is_below, np.nextafter(nearest, np.float32(np.inf)), nearest)


_FIRST_EDGE = int(np.floor(LOWEST / BIN_WIDTH))
_EDGES = _edges(_FIRST_EDGE, int(np.floor(HIGHEST / BIN_WIDTH)))


def _kernel(centres: FloatArray, local: FloatArray) -> npt.NDArray[np.float32]:
    kernel = centres[:, None] - centres[None, :]
    kernel /= local[None, :]
    kernel *= kernel
    kernel *= -0.5
    np.maximum(kernel, _LOWEST_EXPONENT, out=kernel)
    np.exp(kernel, out=kernel)
    kernel /= kernel.sum(axis=0, keepdims=True)
    # float32 numbers below 1e-38 are not wrong but slow
    kernel[kernel < _NEGLIGIBLE] = 0
    return kernel.astype(np.float32)


def _smooth_fixed(counts: FloatArray, bandwidth: float) -> FloatArray:
    width = bandwidth / BIN_WIDTH
    reach = int(_KERNEL_REACH * width + 0.5)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    # As scipy.ndimage.gaussian_filter1d, which takes longer to import than all densities of a tube.
    if reach <= counts.size:  # np.pad takes longer than the convolution
        mirrored = np.concatenate(
            [counts[:reach][::-1], counts, counts[counts.size - reach :][::-1]]
        )
    else:
        mirrored = np.pad(counts, reach, mode="symmetric")
    return np.asarray(np.convolve(mirrored, bell / bell.sum(), mode="valid"), dtype=np.float64)
