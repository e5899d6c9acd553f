"""The healthy people of a subset, whom its scores are read against: their centre and spread.

Only healthy, analysed participants of the same subset and the bridge control enter; patients never
do. The spread that counting adds is taken out of the SD, so that a reference of people with 50
cells each is as wide as one of people with 5,000.

Batches differ by reagents and instrument: a batch shifts everybody in it, by a random amount. Its
healthy people and its bridge control show by how much. What they leave open is an error that the
whole batch shares, given for every score. A batch with too few of them borrows: from how far the
other batches lie apart, where at least `FEWEST_BATCHES` batches show that. Where neither is enough
the batch is not anchored, and its samples have no score.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from itc_analysis.statistics.arrays import FloatArray

Objects = npt.NDArray[np.object_]

OWN, BORROWED, NOT_ANCHORED = "own", "borrowed", "not_anchored"
#: SD of the shifts between batches that are weighed, in SD of people; 0 is no shift. Shifts above 1
#: SD are rare: a half-normal weight of SD 1.
SHIFTS = np.array([0.0, 0.15, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0])
SHIFT_WIDTH = np.gradient(SHIFTS) * np.exp(-(SHIFTS**2) / 2)
#: A shift so large that other batches say nothing about this one.
ANY_SHIFT = 10.0
#: How well the bridge control repeats itself, in variances of people; without evidence as badly as
#: people differ.
REPEATS = (1.0, 0.5, 0.25, 0.1, 0.03)
#: Batches that show how far batches lie apart, and how well the bridge control repeats itself: of
#: fewer, a spread between batches is known to no more than a factor of two.
FEWEST_BATCHES = 4
#: Half the 95 % quantile of chi-squared with one degree of freedom: likelihoods nearer are not
#: ruled out.
NOT_RULED_OUT = 1.92
#: Variances of people that are tried, relative to the variance of the values.
SMALLEST, LARGEST = 1e-5, 4.0
#: Variances that are tried at once, and how often more closely.
N_GRID, N_CLOSER = 17, 4
#: Rounds in which centre and SD follow what was measured with them; rounds after them, in which
#: steps are halved each time they turn back (of few cells each went further than the one before);
#: the change that ends them.
ROUNDS, DAMPED_ROUNDS, NEAR = 4, 26, 0.01
ROUNDING = 1e-9

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """Who the healthy are, row by row.

    Parameters
    ----------
    participants : Objects
        Who the sample is from; several samples of one person in one batch count as one.
    batches : Objects
        Staining or library batch of each sample.
    is_reference : numpy.ndarray
        The person is healthy and analysed.
    min_reference : int
        Fewest healthy participants that make a reference.
    is_bridge : numpy.ndarray
        The sample is the bridge control.
    max_anchor_error : float
        Largest error of a batch's centre, in healthy SD.
    parts : Objects
        Of each row whose sample comes from several batches, a mapping of these to their shares of
        it; None elsewhere. Empty for no such row.
    """

    participants: Objects
    batches: Objects
    is_reference: npt.NDArray[np.bool_]
    min_reference: int
    is_bridge: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    max_anchor_error: float = 0.5
    parts: Objects = field(default_factory=lambda: np.zeros(0, dtype=object))

    @property
    def joined(self) -> dict[int, Mapping[object, float]]:
        """Rows of several batches, with what each batch gave; only where other rows show all of
        these.
        """
        if not len(self.parts):
            return {}
        mixed = {i: parts for i, parts in enumerate(self.parts) if parts is not None}
        alone = {batch for i, batch in enumerate(self.batches) if i not in mixed}
        return {i: parts for i, parts in mixed.items() if set(parts) <= alone}

    @property
    def bridge(self) -> npt.NDArray[np.bool_]:
        """Which rows are the bridge control."""
        return self.is_bridge if len(self.is_bridge) else np.zeros(len(self.batches), dtype=bool)


@dataclass(frozen=True)
class Healthy:
    """The healthy people's distribution.

    Parameters
    ----------
    centre : FloatArray
        Shape (n,), of each sample's batch; NaN without a reference.
    sd : float
        SD of true values between people; NaN without a reference, 0 where no difference shows.
    sd_error : float
        Standard error of the square of `sd`.
    anchor_error : FloatArray
        Shape (n,), error of the batch's centre against that of all healthy people, in SD; shared by
        the batch.
    anchor : Objects
        Shape (n,), own, borrowed or not_anchored.
    n_reference : int
        Healthy participants in the whole reference.
    """

    centre: FloatArray
    sd: float
    sd_error: float
    anchor_error: FloatArray
    anchor: Objects
    n_reference: int


#: Takes the centre of each row and the SD of people; gives values and the variances of their
#: errors.
Measure = Callable[[FloatArray, float], tuple[FloatArray, FloatArray]]


def learn_reference(measure: Measure, reference: Reference, *, centre: float, sd: float) -> Healthy:
    """Learn centre and SD where the values themselves depend on them a little, as `latent`
    estimates do.

    Parameters
    ----------
    measure : Measure
        Asked for the rows of healthy people and bridge controls only; others are NaN.
    centre, sd : float
        Where to begin.

    Returns
    -------
    Healthy
        What is learned of values that were measured with it; a warning is logged where thirty
        rounds do not lead to it.
    """
    centres = np.full(len(reference.batches), centre)
    before, part = 0.0, 1.0
    for number in range(ROUNDS + DAMPED_ROUNDS):
        values, variances = measure(centres, sd)
        # the bridge control's repeatability costs the most and is looked at once, at the end
        found = fit_reference(values, variances, reference, repeat=REPEATS[0])
        if not np.isfinite(found.sd):
            return found
        step, steps = found.sd - sd, found.centre - centres
        is_near = abs(step) < NEAR and np.nanmax(np.abs(steps)) < NEAR
        if number >= ROUNDS:
            part = part / 2 if step * before < 0 else min(1.3 * part, 1.0)
        centres, sd, before = centres + part * steps, sd + part * step, step
        if is_near:
            break
    else:
        log.warning("SD of healthy people still changed by %.2g after %d rounds", step, number + 1)
    return fit_reference(*measure(centres, sd), reference) if reference.bridge.any() else found


def fit_reference(
    values: FloatArray, variances: FloatArray, reference: Reference, *, repeat: float | None = None
) -> Healthy:
    """Fit people within batches within the study, by restricted likelihood.

    Parameters
    ----------
    values : FloatArray
        Shape (n,), on a scale where differences mean something; NaN for missing.
    variances : FloatArray
        Shape (n,), of their own errors, counting above all; must not depend on the values.
    reference : Reference
        Who is healthy, and where.
    repeat : float
        How badly the bridge control repeats itself, in variances of people; None: the worst that is
        not ruled out.
    """
    n = len(values)
    units = _gather(values, variances, reference)
    nothing = np.full(n, np.nan)
    nowhere = np.full(n, NOT_ANCHORED, dtype=object)
    if units.n_people < reference.min_reference:
        return Healthy(nothing, np.nan, np.nan, nothing, nowhere, units.n_people)
    if not units.can_tell_batches:
        units = units.as_one_batch()
    if repeat is None:
        repeat = _repeatability(units)
    weighed = _weigh(units, repeat)
    people = float(weighed.people)
    wide = _solve(units, np.array([people]), np.array([ANY_SHIFT**2 * people]), repeat)
    # as for any variance: 2 / sum of squared precisions
    precision = 1 / (people + units.variance[~units.is_bridge] + ROUNDING)
    free = len(precision) - len(set(units.batch[~units.is_bridge]))
    sd_error = float(np.sqrt(2 / np.sum(precision**2) * len(precision) / max(free, 1)))
    centre, error, anchor = {}, {}, {}
    for name, place in units.places.items():
        own = np.sqrt(wide.variance[0, place] / max(people, ROUNDING))
        shared = np.sqrt(weighed.variance[place] / max(people, ROUNDING))
        is_shown = units.n_batches >= FEWEST_BATCHES
        if len(units.places) == 1 or own <= reference.max_anchor_error:
            chosen = (wide.centre[0, place], own, OWN)
        elif is_shown and shared <= reference.max_anchor_error:
            chosen = (weighed.centre[place], shared, BORROWED)
        else:
            chosen = (weighed.centre[place], shared if is_shown else own, NOT_ANCHORED)
        centre[name], error[name], anchor[name] = chosen
    names = [name if name in centre else units.everywhere for name in reference.batches]
    centres, errors, anchors = (
        [found.get(name) for name in names] for found in (centre, error, anchor)
    )
    for i, parts in reference.joined.items():
        own = [name if name in centre else units.everywhere for name in parts]
        shares = np.array(list(parts.values())) / sum(parts.values())
        centres[i] = float(shares @ [centre[name] for name in own])
        errors[i] = float(np.sqrt(shares**2 @ np.square([error[name] for name in own])))
        if own == [units.everywhere] * len(own):
            errors[i] = error[units.everywhere]
        found_in = {anchor[name] for name in own}
        anchors[i] = next(how for how in (NOT_ANCHORED, BORROWED, OWN) if how in found_in)
    sd = float(np.sqrt(people))
    if units.scale <= ROUNDING * max(
        1.0, float(np.abs(units.value).max())
    ):  # they do not differ at all
        sd = sd_error = 0.0
    elif sd <= SMALLEST**0.5 * units.scale * 1.5:  # no more than counting explains
        sd = 0.0
    return Healthy(
        np.array(centres, dtype=float),
        sd,
        sd_error,
        np.array(errors, dtype=float),
        np.array(anchors, dtype=object),
        units.n_people,
    )


@dataclass(frozen=True)
class _Units:
    """Healthy people and bridge controls, each once in each batch."""

    value: FloatArray
    variance: FloatArray
    batch: npt.NDArray[np.int64]
    is_bridge: npt.NDArray[np.bool_]
    places: dict[object, int]
    n_people: int
    everywhere: object = None

    @property
    def scale(self) -> float:
        """SD of the healthy people's values."""
        return float(np.std(self.value[~self.is_bridge], ddof=1)) if self.n_people > 1 else 0.0

    @property
    def n_batches(self) -> int:
        """How many batches hold any of them."""
        return len(set(self.batch))

    @property
    def can_tell_batches(self) -> bool:
        """A batch is told from the one person in it only where batches hold more."""
        _, held = np.unique(self.batch, return_counts=True)
        return len(self.places) > 1 and bool((held > 1).any())

    def as_one_batch(self) -> _Units:
        """Take all batches for one, and leave the bridge control out."""
        mine = ~self.is_bridge
        zero = np.zeros(int(mine.sum()), dtype=int)
        return _Units(
            self.value[mine],
            self.variance[mine],
            zero,
            mine[mine] & False,
            {None: 0},
            self.n_people,
        )


def _gather(values: FloatArray, variances: FloatArray, reference: Reference) -> _Units:
    bridge = reference.bridge
    usable = np.flatnonzero((reference.is_reference | bridge) & np.isfinite(values))
    # what came from several batches shows no single one of them
    joined = reference.joined
    usable = usable[[i not in joined for i in usable]] if len(usable) else usable
    gathered: dict[tuple[str, str, bool], list[int]] = {}
    for i in usable:
        who = "" if bridge[i] else str(reference.participants[i])
        gathered.setdefault((str(reference.batches[i]), who, bool(bridge[i])), []).append(int(i))
    own = {batch for i, batch in enumerate(reference.batches) if i not in joined}
    places = {name: at for at, name in enumerate(sorted(own, key=str))}
    # sorted, so that the order of the rows cannot change the last digit
    keys = sorted(gathered)
    means = [float(np.mean(np.sort(values[gathered[key]]))) for key in keys]
    errors = [
        float(np.sum(np.sort(variances[gathered[key]]))) / len(gathered[key]) ** 2 for key in keys
    ]
    by_name = {str(name): at for name, at in places.items()}
    return _Units(
        np.array(means),
        np.array(errors),
        np.array([by_name[key[0]] for key in keys], dtype=int),
        np.array([key[2] for key in keys], dtype=bool),
        places,
        len({key[1] for key in keys if not key[2]}),
    )


@dataclass(frozen=True)
class _Solved:
    """Centres of the batches at given variances, or averaged over what these may be.

    Parameters
    ----------
    likelihood : FloatArray
        logarithm, restricted; shape (n_tried,), or () when averaged.
    people : FloatArray
        variance between people, same shape.
    centre, variance : FloatArray
        of the batches and of their errors, shape (n_tried, n_batches), or (n_batches,).
    """

    likelihood: FloatArray
    people: FloatArray
    centre: FloatArray
    variance: FloatArray


def _solve(units: _Units, people: FloatArray, batches: FloatArray, repeat: float) -> _Solved:
    """Solve Henderson's mixed-model equations for the means of both kinds and the batches.

    Nobody is in two batches, so that the batches' part of the system is diagonal and is solved
    first: the cost grows with the study, not with the cube of its batches.

    Parameters
    ----------
    people, batches : FloatArray
        variances to solve at, shape (n_tried,).
    """
    times = np.where(units.is_bridge, repeat, 1.0)
    weight = 1 / (units.variance + times * people[:, None] + ROUNDING)
    weighed = weight * units.value
    kinds = [~units.is_bridge] + ([units.is_bridge] if units.is_bridge.any() else [])
    in_place = (units.batch[:, None] == np.arange(len(units.places))).astype(np.float64)
    of_places = weighed @ in_place
    # by kind, tried variance and place
    shared = np.stack([weight[:, kind] @ in_place[kind] for kind in kinds])
    information = batches[:, None] * shared.sum(axis=0)
    # variance of a batch's shift once its people are seen
    left = batches[:, None] / (1 + information)
    total = np.stack([weight[:, kind].sum(axis=1) for kind in kinds], axis=1)
    right = np.stack([weighed[:, kind].sum(axis=1) for kind in kinds], axis=1)
    to_place = shared * left
    reduced = total[:, :, None] * np.eye(len(kinds)) - np.einsum("ktp,ltp->tkl", to_place, shared)
    inverse = np.linalg.inv(reduced)
    rest = right - np.einsum("ktp,tp->tk", to_place, of_places)
    mean = np.einsum("tkl,tl->tk", inverse, rest)
    likelihood = (
        np.log(weight).sum(axis=1) - weighed @ units.value - np.log1p(information).sum(axis=1)
    )
    likelihood -= np.linalg.slogdet(reduced)[1]
    likelihood += np.einsum("tk,tk->t", mean, rest) + (of_places**2 * left).sum(axis=1)
    centre = mean[:, :1] + left * of_places - np.einsum("ktp,tk->tp", to_place, mean)
    # how far each batch's centre may lie from the centre of all healthy people: their mean cancels
    share = in_place[~units.is_bridge].sum(axis=0)
    share /= share.sum()
    apart = to_place - (to_place @ share)[:, :, None]
    variance = (1 - 2 * share) * left + (left @ share**2)[:, None]
    variance += np.einsum("itp,tij,jtp->tp", apart, inverse, apart)
    return _Solved(likelihood / 2, people, centre, np.maximum(variance, 0.0))


def _best_people(units: _Units, shifts: FloatArray, repeat: float) -> _Solved:
    """Solve at the likeliest variance between people (restricted), for each shift in their SD.

    On a grid that closes in, all shifts at once; a parabola gives the last digits.
    """
    scale = max(units.scale, ROUNDING) ** 2
    low, high = np.log(SMALLEST * scale), np.log(LARGEST * scale)

    def likelihood(log_people: FloatArray) -> FloatArray:
        people = np.exp(log_people)
        batches = shifts[:, None] ** 2 * people
        return _solve(units, people.ravel(), batches.ravel(), repeat).likelihood.reshape(-1, N_GRID)

    best, reach = np.full(len(shifts), (low + high) / 2), (high - low) / 2
    grid, row = np.linspace(-1, 1, N_GRID), np.arange(len(shifts))
    for _ in range(N_CLOSER):
        tried = np.clip(best[:, None] + reach * grid, low, high)
        found = likelihood(tried)
        place = found.argmax(axis=1)
        best, reach = tried[row, place], reach * (grid[1] - grid[0])
    inner = (place > 0) & (place < N_GRID - 1) & (low < best) & (best < high)
    before, at, after = (found[row, np.clip(place + k, 0, N_GRID - 1)] for k in (-1, 0, 1))
    bend = np.where(inner, before - 2 * at + after, 0.0)
    step = np.divide((before - after) / 2, bend, out=np.zeros(len(shifts)), where=bend < 0)
    people = np.exp(best + reach * step)
    return _solve(units, people, shifts**2 * people, repeat)


def _weigh(units: _Units, repeat: float) -> _Solved:
    """Average over the shifts between batches, each by its restricted likelihood."""
    shifts = SHIFTS if len(units.places) > 1 else SHIFTS[:1]
    tried = _best_people(units, shifts, repeat)
    weight = np.exp(tried.likelihood - tried.likelihood.max()) * SHIFT_WIDTH[: len(shifts)]
    weight /= weight.sum()
    centre = weight @ tried.centre
    return _Solved(
        tried.likelihood.max(),
        weight @ tried.people,
        centre,
        weight @ (tried.variance + (tried.centre - centre) ** 2),
    )


def _repeatability(units: _Units) -> float:
    """Return the bridge control's worst repeatability not ruled out, in variances of people."""
    n_bridged = len(set(units.batch[units.is_bridge]))
    if n_bridged < FEWEST_BATCHES:
        return REPEATS[0]
    likelihood = [float(_weigh(units, repeat).likelihood) for repeat in REPEATS]
    best = max(likelihood)
    return next(
        repeat
        for repeat, one in zip(REPEATS, likelihood, strict=True)
        if best - one <= NOT_RULED_OUT
    )
