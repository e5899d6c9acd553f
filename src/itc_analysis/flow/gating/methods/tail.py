"""Gating method `tail`: cut where the tail of the negative peak ends, when no positive peak is
seen.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating import density as densities
from itc_analysis.flow.gating.density import Density
from itc_analysis.flow.gating.fitted import Card, Fitted
from itc_analysis.flow.gating.flank import Flank, fit_flank, where_flank_ends
from itc_analysis.flow.gating.geometry import Threshold

#: Negatives that a cut at the tail leaves beyond: few against the 20 events of a usual limit of
#: detection, and not so few that dim positives are cut off as well. Counts subtract them.
LEFT_OVER = 5
#: The right flank is followed this many standard deviations of the peak.
_FOLLOWED = 12.0
#: A peak's mode may move this many of its standard deviations between bootstrap replicates; beyond
#: it would be another peak.
_REACH = 1.0


def fit(
    values: npt.NDArray[np.float32],
    *,
    markers: tuple[str, ...],
    side: Literal["above", "below"],
    n_bootstrap: int,
    seed: int,
    z: float = 4.0,
    peak: Literal["largest", "lowest"] = "largest",
) -> Fitted:
    """Cut `z` robust standard deviations above the negative peak, or where its tail ends.

    The standard deviation is that of the peak's narrower half: the left one where dim positives
    stand right of it, the right one where noise around zero makes the left one long. When the
    positives are wanted and the right tail is longer, the cut lies where the continued right flank
    leaves a few events beyond.

    Parameters
    ----------
    values : numpy.ndarray
        transformed units, shape (1, n_events).
    side : {"above", "below"}
        the side of the cut on which the population lies.
    z : float
        standard deviations above the mode; 4 leaves 3 of 100,000 events of a normal peak.
    peak : {"largest", "lowest"}
        which peak is the negative one.
    """
    density = densities.estimate(values[0])
    mode = densities.main_peak(density) if peak == "largest" else densities.lowest_peak(density)
    return cut_at_tail(
        density, mode, z=z, markers=markers, side=side, n_bootstrap=n_bootstrap, seed=seed
    )


def cut_at_tail(
    density: Density,
    peak: int,
    *,
    z: float,
    markers: tuple[str, ...],
    side: Literal["above", "below"],
    n_bootstrap: int,
    seed: int,
    reason: str | None = None,
) -> Fitted:
    """Return the cut at a peak's tail: the upper one, or the lower one for negative `z`.

    With a `reason` the fit is weak: the tail was not what was asked for.
    """
    cut = _tail(density, density.counts, peak, z)
    replicates = densities.resample(density, n_bootstrap=n_bootstrap, seed=seed)
    smooth = densities.smooth_replicates(density, replicates)
    width = densities.narrower_width(density.counts, peak)
    reach = max(round(_REACH * width / densities.BIN_WIDTH), 1)
    low = max(peak - reach, 0)
    modes = low + np.argmax(smooth[:, low : peak + reach + 1], axis=1)
    cuts = [
        _tail(density, counts, int(mode), z) for counts, mode in zip(replicates, modes, strict=True)
    ]
    cut_se = float(np.std(cuts, ddof=1))
    flank = None
    if z > 0 and side == "above":
        flank = fit_flank(density, peak, where_flank_ends(density, peak), density.counts)
    if flank is not None:
        ends = _end_of_flank(flank)
        if ends > cut:
            _, error = flank.beyond(ends)
            cut, cut_se = ends, error * densities.BIN_WIDTH / float(flank.per_bin(ends)[0])
    return Fitted(
        geometry=Threshold(markers, side, cut),
        cut=cut,
        cut_se=cut_se,
        quality=0.0 if reason else _separation(density, cut, peak),
        status="weak" if reason else "ok",
        reason=reason,
    )


def _end_of_flank(flank: Flank) -> float:
    """Return the first place where no more than `LEFT_OVER` events are expected beyond."""
    places = flank.end + np.arange(round(_FOLLOWED * flank.width / densities.BIN_WIDTH)) * (
        densities.BIN_WIDTH
    )
    left = np.cumsum(flank.per_bin(places)[::-1])[::-1]
    few = np.flatnonzero(left <= LEFT_OVER)
    return float(places[few[0]]) if few.size else flank.end


def _tail(density: Density, counts: npt.NDArray[np.float64], peak: int, z: float) -> float:
    return float(density.centres[peak]) + z * densities.narrower_width(counts, peak)


def _separation(density: Density, cut: float, peak: int) -> float:
    """Return 1 - density at the cut over the density of the peak."""
    at_cut = float(np.interp(cut, density.centres, density.smooth, left=0, right=0))
    return float(np.clip(1 - at_cut / density.smooth[peak], 0, 1))


def card() -> Card:
    """Return the method's card."""
    return Card(
        name="tail",
        fit=fit,
        n_markers=1,
        takes_side=True,
        reads_as=(
            "cuts where the tail of the negative peak ends; for markers without a visible positive "
            "peak"
        ),
        source="10.1371/journal.pcbi.1003806",
    )
