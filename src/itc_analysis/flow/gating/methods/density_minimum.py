"""Gating method `density_minimum`: cut in the valley between negative and positive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating import density as densities
from itc_analysis.flow.gating.density import Density, Valley
from itc_analysis.flow.gating.fitted import Card, Fitted, refuse
from itc_analysis.flow.gating.geometry import Threshold
from itc_analysis.flow.gating.methods.tail import cut_at_tail

#: A shallower valley is found, but not trusted alone.
CLEAR_DEPTH = 0.3
#: Another clear valley is a rival where the count would differ by this part: what is combined from
#: it (double positives) may differ by much more.
RIVAL_CHANGE = 0.05


def fit(
    values: npt.NDArray[np.float32],
    *,
    markers: tuple[str, ...],
    side: Literal["above", "below"],
    n_bootstrap: int,
    seed: int,
    only_peak: Literal["negative", "positive", "refuse"] = "refuse",
    z: float = 4.0,
) -> Fitted:
    """Cut in the valley that separates best.

    Parameters
    ----------
    values : numpy.ndarray
        transformed units, shape (1, n_events).
    side : {"above", "below"}
        the side of the cut on which the population lies.
    only_peak : {"negative", "positive", "refuse"}
        what a single peak is taken for: negative (cut at its upper tail, weak), positive (cut at
        its lower tail, weak), or refuse.
    z : float
        standard deviations between a single peak and its tail cut.
    """
    density = densities.estimate(values[0])
    found = densities.valleys(density)
    if found:
        best = max(found, key=lambda valley: valley.score)
        fitted = cut_at_valley(
            density, best, markers=markers, side=side, n_bootstrap=n_bootstrap, seed=seed
        )
        return with_rival(fitted, density, found, best, n_bootstrap=n_bootstrap, seed=seed)
    if only_peak == "refuse":
        return refuse("one peak only, so no valley to cut in")
    sign = 1 if only_peak == "negative" else -1
    return cut_at_tail(
        density,
        densities.main_peak(density),
        z=sign * z,
        markers=markers,
        side=side,
        n_bootstrap=n_bootstrap,
        seed=seed,
        reason=f"one peak only, taken for the {only_peak} one: cut at the end of its tail",
    )


def cut_at_valley(
    density: Density,
    valley: Valley,
    *,
    markers: tuple[str, ...],
    side: Literal["above", "below"],
    n_bootstrap: int,
    seed: int,
) -> Fitted:
    """Return the cut at a valley with its bootstrap standard error."""
    cut = float(densities.bottoms(density, valley)[0])
    replicates = densities.resample(density, n_bootstrap=n_bootstrap, seed=seed)
    smooth = densities.smooth_replicates(density, replicates)
    cuts = densities.bottoms(density, valley, replicates, smooth)
    doubts = []
    if valley.z < densities.CLEAR_Z:
        doubts.append(f"only {valley.excess:.0f} events stand out next to the valley")
    if valley.depth < CLEAR_DEPTH:
        doubts.append(f"the valley is shallow (depth {valley.depth:.2f})")
    return Fitted(
        geometry=Threshold(markers, side, cut),
        cut=cut,
        cut_se=float(np.std(cuts, ddof=1)),
        quality=valley.depth,
        status="weak" if doubts else "ok",
        reason="; ".join(doubts) or None,
    )


def with_rival(
    fitted: Fitted,
    density: Density,
    found: Sequence[Valley],
    best: Valley,
    *,
    n_bootstrap: int,
    seed: int,
) -> Fitted:
    """Return the fit with the next best valley, where it is clear as well and would change the
    count.

    Every bootstrap replicate chooses its valley; the share that chose the rival comes with it.

    Parameters
    ----------
    fitted : Fitted
        the cut at the best valley.
    found : sequence of Valley
        all valleys.
    best : Valley
        the one that was taken.
    """
    assert fitted.cut is not None  # cut at a valley
    assert isinstance(fitted.geometry, Threshold)
    rivals = [
        valley
        for valley in found
        if valley is not best
        and valley.z >= densities.CLEAR_Z
        and valley.depth >= CLEAR_DEPTH
        and _changes_count(density, fitted.cut, valley, fitted.geometry.side)
    ]
    if not rivals:
        return fitted
    rival = max(rivals, key=lambda valley: valley.score)
    place = float(densities.bottoms(density, rival)[0])
    replicates = densities.resample(density, n_bootstrap=n_bootstrap, seed=seed)
    smooth = densities.smooth_replicates(density, replicates)
    won = [
        densities.score_of(one, rival.left, rival.right)
        > densities.score_of(one, best.left, best.right)
        for one in smooth
    ]
    return replace(fitted, rival_cut=place, rival_share=float(np.mean(won)))


def _changes_count(density: Density, cut: float, rival: Valley, side: str) -> bool:
    """Return whether the population would be larger or smaller by `RIVAL_CHANGE` at the rival."""
    other = float(density.centres[rival.bottom])
    inside = density.centres >= cut if side == "above" else density.centres < cut
    inside_other = density.centres >= other if side == "above" else density.centres < other
    here, there = float(density.counts[inside].sum()), float(density.counts[inside_other].sum())
    return abs(here - there) > RIVAL_CHANGE * max(min(here, there), 1.0)


def card() -> Card:
    """Return the method's card."""
    return Card(
        name="density_minimum",
        fit=fit,
        n_markers=1,
        takes_side=True,
        reads_as="cuts in the valley between the negative and the positive peak",
        source="10.1093/bioinformatics/btu677",
    )
