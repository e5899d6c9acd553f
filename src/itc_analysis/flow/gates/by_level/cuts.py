"""Gates by level: where bright begins in every tube of a batch, and what is expected on either
side.

For populations with `level: bright`. The levels of a marker are fitted to the tubes of a batch
together (`fit_levels`). The cut lies where bright becomes likelier than what is below it;
all tubes of the batch have the same one, moved by their own shift. What lies below bright and
beyond the cut, and what is bright and below it, is expected from the levels, with its error. A
batch that shows no bright cells of its own takes them from the batches that do, at the same
distance from its own negatives; where it cannot be told which level a batch shows, both counts are
carried.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.flow.batch_tolerance import MIN_SPREAD, MIN_TUBES
from itc_analysis.flow.gates.by_level import shapes as level_shapes
from itc_analysis.flow.gates.by_level.identify import (
    DRIFT_OF_RATIO,
    FEW,
    BatchLevels,
    crossing,
    donor_of,
    identify,
    is_parted,
)
from itc_analysis.flow.gates.by_level.mixture import LevelFit, fit_levels, follow_levels
from itc_analysis.flow.gates.by_level.shapes import N_SHAPE
from itc_analysis.flow.gates.histogram import read_histograms
from itc_analysis.flow.gates.negatives import negative_places, odd_negatives
from itc_analysis.flow.gates.pooling.agreement import ODD_NEGATIVES
from itc_analysis.flow.gating.fitted import NO_CHANNEL, NO_TUBE
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.half_cell import HALF_CELL
from itc_analysis.statistics.robust import MAD_TO_SD

#: Two levels whose modes lie nearer, in their spreads, are one (Ashman, Bird and Zepf 1994).
_APART, _CLEARLY_APART = 1.0, 1.5
#: A shoulder that holds less of a population hardly changes its count.
_MATTERS = 0.1
#: Two levels are two populations where the tubes' ratios differ by more than drift makes them: mean
#: squared deviation of the log ratio over its variance, to which that of a drift is added.
_VARIED = 4.0
#: Numbers of levels that are compared: more than are named, for a level may have a shoulder.
_N_LEVELS = (2, 3, 4)
#: Price of a parameter, on the scale of twice a log likelihood: Akaike's 2 and a little more. The
#: price of Schwarz's criterion hides the few bright cells of a depleted batch.
_PRICE = 3.0
#: Relative standard error of what a two-piece Student distribution says about a tail.
FORM_ERROR = 0.1
#: A tube whose histogram scatters this many times more about the batch's levels than the others'
#: does not belong.
_MISFIT, _MISFIT_TIMES = 4.0, 4.0
_REACH = 0.15

LevelState = Literal["ok", "pooled", "borrowed", "ambiguous", "weak"]


@dataclass(frozen=True)
class LevelCut:
    """The cut of one tube.

    Parameters
    ----------
    cut, cut_se : float
        transformed units; the error only of what is borrowed, since that of the levels is in the
        counts.
    n_background, background_se : float or None
        events of lower levels expected at or above the cut, of the tube's parent.
    n_missed, missed_se : float or None
        events of the level expected below the cut.
    rival_cut : float or None
        where the level would begin if the next lower one belonged to it, or the next higher one
        began it.
    state, reason : {"ok", "pooled", "borrowed", "ambiguous", "weak"} or str or None
        as in `Gates`.
    """

    cut: float
    cut_se: float
    n_background: float | None
    background_se: float | None
    n_missed: float | None
    missed_se: float | None
    rival_cut: float | None
    state: LevelState
    reason: str | None


def level_cuts(fits: pd.DataFrame, odd: Collection[str] = ()) -> dict[str, LevelCut]:
    """Return the cut of every tube of a population with ``level: bright``, by file id.

    Parameters
    ----------
    fits : pandas.DataFrame
        `GateFits` of one population, all batches. Only stained tubes with a histogram of their
        parent teach and get a cut of their own.
    odd : collection of str
        tubes that stand against their batch, and teach nothing.

    Returns
    -------
    dict of str to LevelCut
        Tubes of batches without any positive cells, in a study without any, have none.
    """
    usable = fits[(fits["tube"] == "stained") & fits["histogram"].notna()]
    found: list[BatchLevels] = []
    for name, batch in usable.groupby("batch", sort=True):
        one = _learn(str(name), batch, odd)
        if one is not None:
            found.append(one)
    cuts: dict[str, LevelCut] = {}
    for one in found:
        others = [other for other in found if other.name != one.name and other.is_clear]
        cuts |= _cuts_of_batch(one, others)
    return cuts | _cuts_without_events(fits, cuts)


def _cuts_without_events(fits: pd.DataFrame, known: Mapping[str, LevelCut]) -> dict[str, LevelCut]:
    """Return cuts for control tubes and tubes without an event: the median of their batch's."""
    placed = fits[fits["file_id"].isin(known)]
    rest = fits[~fits["file_id"].isin(known) & ~fits["method"].isin([NO_TUBE, NO_CHANNEL])]
    cuts = {}
    for file_id, batch in zip(rest["file_id"], rest["batch"], strict=True):
        near = placed[placed["batch"] == batch]
        source = "its batch" if len(near) else "the study"
        chosen = [known[str(name)].cut for name in (near if len(near) else placed)["file_id"]]
        if chosen:
            cut, spread = float(np.median(chosen)), max(float(np.std(chosen)), MIN_SPREAD)
            reason = f"the levels are not separable in this tube; cut of {source}"
            cuts[str(file_id)] = LevelCut(
                cut, spread, None, None, None, None, None, "borrowed", reason
            )
    return cuts


def _learn(name: str, batch: pd.DataFrame, known_odd: Collection[str]) -> BatchLevels | None:
    """Fit the levels of one batch, without the tubes that do not fit the others."""
    histograms, x = _on_common_grid(batch)
    file_ids = tuple(map(str, batch["file_id"]))
    odd: dict[str, str] = {}
    elsewhere = odd_negatives(histograms, x, negative_places(histograms, x))
    elsewhere |= np.array([file_id in known_odd for file_id in file_ids])
    if not elsewhere.all():
        odd = {file_ids[i]: ODD_NEGATIVES for i in np.flatnonzero(elsewhere)}
    fit = _best(histograms[[file_id not in odd for file_id in file_ids]], x)
    if fit is None:
        return None
    while len(file_ids) - len(odd) > MIN_TUBES:
        kept = np.array([file_id not in odd for file_id in file_ids])
        worst, scatter, usual = _worst(histograms[kept], fit)
        if scatter < max(_MISFIT, _MISFIT_TIMES * usual):
            break
        left_out = np.flatnonzero(kept)[worst]
        odd[file_ids[left_out]] = (
            f"it does not show the levels of its batch (scatter {scatter:.0f} times counting's)"
        )
        kept[left_out] = False
        again = _best(histograms[kept], x)
        if again is None:
            return None
        fit = again
    if odd:
        # tubes that do not fit are counted with the others' levels, and teach nothing
        every = follow_levels(histograms, x, fit.shapes)
        fit = _joined(every, fit, np.array([file_id not in odd for file_id in file_ids]))
    first, is_clear = _first_bright(fit)
    if first == 1 and not is_clear:
        return None  # one level only, and nothing says which
    return BatchLevels(name, file_ids, fit, first, is_clear, odd)


def _on_common_grid(batch: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    histograms, x = read_histograms(list(batch["histogram"]))
    step = x[1] - x[0] if x.size > 1 else 0.005
    n = round(_REACH / step)
    x = np.concatenate([x[0] - step * np.arange(n, 0, -1), x, x[-1] + step * np.arange(1, n + 1)])
    return np.pad(histograms, ((0, 0), (n, n))), x


def _best(histograms: FloatArray, x: FloatArray) -> LevelFit | None:
    """Return the number of levels that an information criterion prefers.

    The scatter that the richest fit leaves is that of the form, and the yardstick of all.
    """
    fits = [fit_levels(histograms, x, n_levels) for n_levels in _N_LEVELS]
    known = [fit for fit in fits if fit is not None]
    if not known:
        return None
    dispersion = known[-1].dispersion
    return min(
        known,
        key=lambda fit: (
            fit.deviance / dispersion + fit.n_levels * (N_SHAPE + len(histograms)) * _PRICE
        ),
    )


def _worst(histograms: FloatArray, fit: LevelFit) -> tuple[int, float, float]:
    """Return the tube that fits least, its scatter over that of counting, and the median of all."""
    density = level_shapes.per_bin_shifted(fit.x, fit.shapes, fit.shifts)
    mean = np.einsum("tk,tkb->tb", fit.sizes, density)
    scatter = np.array(
        [
            float(np.sum((n - m)[m >= 1] ** 2 / m[m >= 1])) / max(int((m >= 1).sum()), 1)
            for n, m in zip(histograms, mean, strict=True)
        ]
    )
    worst = int(np.argmax(scatter))
    return worst, float(scatter[worst]), float(np.median(scatter))


def _joined(every: LevelFit, fit: LevelFit, kept: npt.NDArray[np.bool_]) -> LevelFit:
    """Return the fit of the kept tubes with the others' sizes put in their places."""
    parts = {}
    for field in ("sizes", "shifts", "local_covariance", "carried"):
        values = getattr(every, field).copy()
        values[kept] = getattr(fit, field)
        parts[field] = values
    return replace(fit, **parts)


def _first_bright(fit: LevelFit) -> tuple[int, bool]:
    """Return the first level that is bright, and whether it is clear that the one below is not.

    From the top down. Two neighbours are two populations where a gap parts them, or where their
    ratio differs between tubes; where neither is so they may be one with a shoulder, which is no
    matter while the lesser is small.
    """
    first = fit.n_levels - 1
    while first > 1:
        is_few = first == fit.n_levels - 1 and fit.sizes[:, first].sum() < FEW
        apart = _apart(fit, first)
        if not is_few and apart >= _APART:
            if _is_varied(fit, first) or is_parted(fit, first):
                return first, True
            if apart >= _CLEARLY_APART and _lesser_share(fit, first) >= _MATTERS:
                return first, False
        first -= 1
    return first, is_parted(fit, first) or _is_varied(fit, first)


def _apart(fit: LevelFit, first: int) -> float:
    below, above = fit.shapes[first - 1], fit.shapes[first]
    spread = np.sqrt((np.exp(2 * below[2]) + np.exp(2 * above[1])) / 2)
    return float((above[0] - below[0]) / spread)


def _lesser_share(fit: LevelFit, first: int) -> float:
    sizes = fit.sizes[:, first - 1 : first + 1].sum(axis=0)
    return float(sizes.min() / sizes.sum())


def _is_varied(fit: LevelFit, first: int) -> bool:
    """Return whether the ratio of a level to the one below differs between tubes beyond drift."""
    high, low = fit.sizes[:, first:].sum(axis=1) + HALF_CELL, fit.sizes[:, first - 1] + HALF_CELL
    seen = high + low > 2 * FEW
    if seen.sum() < 2:
        return False
    high, low = high[seen], low[seen]
    error = 2 * (1 / high + 1 / low) + DRIFT_OF_RATIO**2
    ratio = np.log(high / low)
    centre = np.average(ratio, weights=1 / error)
    return bool(np.sum((ratio - centre) ** 2 / error) / (seen.sum() - 1) > _VARIED)


def _cuts_of_batch(own: BatchLevels, others: list[BatchLevels]) -> dict[str, LevelCut]:
    """Return the cuts of a batch, asking the other batches where its own tubes leave it open."""
    identity = identify(own, others)
    if identity.kind == "borrowed":
        return _borrowed(own, others)
    fit, first = own.fit, identity.first
    cut = crossing(fit, first)
    cuts = {}
    for tube, file_id in enumerate(own.file_ids):
        one = _expected(fit, tube, first, cut + float(fit.shifts[tube]))
        is_alone = len(own.file_ids) == 1
        state: LevelState = "ok" if is_alone or _knows(fit, tube, first) else "pooled"
        reason = None
        if state == "pooled":
            reason = (
                f"levels of its batch ({len(own.file_ids) - len(own.odd)} tubes fitted together)"
            )
        if file_id in own.odd:
            # its own histogram says nothing about these levels: no background is taken from them
            state, reason = "weak", own.odd[file_id]
            cuts[file_id] = LevelCut(
                cut, 2 * MIN_SPREAD, None, None, None, None, None, state, reason
            )
            continue
        if identity.kind == "ambiguous":
            state, reason = "ambiguous", identity.reason
        rival = identity.rival
        if rival is not None:
            rival += float(fit.shifts[tube])
        cuts[file_id] = replace(one, state=state, reason=reason, rival_cut=rival)
    return cuts


def _borrowed(own: BatchLevels, others: list[BatchLevels]) -> dict[str, LevelCut]:
    """Return cuts without bright cells: at the study's distance from the batch's negatives."""
    showing = [other for other in others if other.shows_intermediate]
    donor = donor_of(showing)
    distances = np.array([crossing(o.fit, o.first_bright) - o.negative for o in showing])
    spread = MAD_TO_SD * float(np.median(np.abs(distances - np.median(distances))))
    cut = own.negative + float(np.median(distances))
    cut_se = max(spread, 2 * MIN_SPREAD)
    # everything that the batch shows is below bright; bright itself has the donor's form
    bright = donor.fit.shapes[donor.first_bright :].copy()
    bright[:, 0] += own.negative - donor.negative
    cuts = {}
    for tube, file_id in enumerate(own.file_ids):
        one = _expected(own.fit, tube, own.fit.n_levels, cut)
        place = level_shapes.per_bin(own.fit.x, bright).mean(axis=0)
        part_below = float(place[own.fit.x < cut].sum())
        reason = (
            f"its batch shows no bright cells; distance from the negatives as in {len(showing)} "
            f"other batch{'es' * (len(showing) > 1)}"
        )
        cuts[file_id] = replace(
            one, cut_se=cut_se, missed_se=part_below, state="borrowed", reason=reason
        )
    return cuts


def _knows(fit: LevelFit, tube: int, first: int) -> bool:
    """Return whether the tube alone holds enough of both sides to place the cut."""
    high, low = fit.sizes[tube, first:].sum(), fit.sizes[tube, :first].sum()
    return bool(min(high, low) >= 10 * FEW)


def _expected(fit: LevelFit, tube: int, first: int, cut: float) -> LevelCut:
    """Return what is expected on either side of a cut, with errors by the delta method."""
    shift = fit.shifts[tube : tube + 1]
    density, by_shape, by_shift = level_shapes.gradients(fit.x, fit.shapes, shift)
    step = fit.x[1] - fit.x[0]
    above = np.clip((fit.x + step / 2 - cut) / step, 0, 1)  # part of each bin above the cut
    sizes = fit.sizes[tube]
    is_low = np.arange(fit.n_levels) < first
    found = []
    for chosen, side in ((is_low, above), (~is_low, 1 - above)):
        size = np.where(chosen, sizes, 0.0)
        part = density[0] @ side
        value = float(size @ part)
        by_global = (size[:, None] * (by_shape[0] @ side)).ravel()
        local = np.append(np.where(chosen, part, 0.0), float(size @ (by_shift[0] @ side)))
        rest = by_global - fit.carried[tube] @ local
        variance = rest @ fit.shape_covariance @ rest + local @ fit.local_covariance[tube] @ local
        found.append((value, float(np.sqrt(max(variance, 0.0) + (FORM_ERROR * value) ** 2))))
    (background, background_se), (missed, missed_se) = found
    return LevelCut(cut, 0.0, background, background_se, missed, missed_se, None, "ok", None)
