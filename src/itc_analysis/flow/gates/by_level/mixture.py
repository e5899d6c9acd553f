"""Levels of one marker, fitted to all tubes of a batch together.

Negative, intermediate and bright have one form for the batch; every tube has its own number of
cells on each and its own small shift. So a tube with twenty thousand MAIT cells shows where bright
lies, one without shows where intermediate ends, and what neither shows alone is told by how their
shares differ. Each level is a two-piece Student distribution: skewed, with tails as heavy as the
cells have them. Fitted by penalised Poisson likelihood to the tubes' histograms.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from itc_analysis.flow.batch_tolerance import MIN_SPREAD
from itc_analysis.flow.gates.by_level import shapes as level_shapes
from itc_analysis.flow.gates.by_level.shapes import N_SHAPE
from itc_analysis.statistics.arrays import FloatArray

#: Standard deviation of a tube's shift against its batch, transformed units: the drift of a stable
#: cytometer.
DRIFT = MIN_SPREAD
#: Steps of the starts, of those that are followed, and of the best of these if it has not settled
#: then (two levels where there are three need up to 150, and lose).
_N_COARSE, _N_FULL, _N_BEST = 25, 60, 240
#: Bins that are joined while starts are compared.
_COARSENESS = 3
#: How many of the coarse starts are followed to the end.
_N_FOLLOWED = 2
_CONVERGED = 1e-3
_FEWEST = 1e-9
_DAMPING, _HOPELESS = 1e-2, 1e8
_N_WEIGHT_STEPS = 4

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LevelFit:
    """Levels of a batch, lowest first.

    Parameters
    ----------
    x : FloatArray
        centres of the bins, transformed units.
    shapes : FloatArray
        shape (n_levels, N_SHAPE), see `level_shapes`.
    sizes : FloatArray
        events of each tube on each level, shape (n_tubes, n_levels).
    shifts : FloatArray
        of each tube, transformed units.
    deviance : float
        twice the log likelihood ratio to the histograms themselves, penalties included.
    dispersion : float
        Pearson's, at least 1.
    shape_covariance : FloatArray
        of the free shape parameters, flat.
    local_covariance : FloatArray
        of each tube's sizes and shift given the shapes, shape (n_tubes, n_levels + 1, n_levels +
        1).
    carried : FloatArray
        what an error of the shapes does to sizes and shift, shape (n_tubes, n_levels * N_SHAPE,
        n_levels + 1).
    """

    x: FloatArray
    shapes: FloatArray
    sizes: FloatArray
    shifts: FloatArray
    deviance: float
    dispersion: float
    shape_covariance: FloatArray
    local_covariance: FloatArray
    carried: FloatArray

    @property
    def n_levels(self) -> int:
        """Number of levels."""
        return len(self.shapes)


def fit_levels(histograms: FloatArray, x: FloatArray, n_levels: int) -> LevelFit | None:
    """Fit so many levels to the tubes of a batch.

    Parameters
    ----------
    histograms : FloatArray
        events per bin, shape (n_tubes, n_bins).
    x : FloatArray
        centres of the bins, evenly spaced.

    Returns
    -------
    LevelFit or None
        None where there are fewer events than parameters. A warning is logged of a fit that has not
        settled: its deviance is too large, so that it is rather not preferred.
    """
    if histograms.sum() < 10 * n_levels * N_SHAPE:
        return None
    few, places = _coarse(histograms, x)
    starts = sorted(
        (
            _settle(few, places, shapes, n_steps=_N_COARSE)
            for shapes in level_shapes.starts(histograms, x, n_levels)
        ),
        key=lambda one: one[0],
    )
    climbed = [
        _climb(histograms, x, _State(shapes, sizes, np.zeros(len(sizes)), deviance), _N_FULL)
        for deviance, shapes, sizes in starts[:_N_FOLLOWED]
    ]
    best, is_settled = min(climbed, key=lambda one: one[0].deviance)
    if not is_settled:
        best, is_settled = _climb(histograms, x, best, _N_BEST)
    if not is_settled:
        log.warning("the fit of %d levels to %d tubes has not settled", n_levels, len(histograms))
    order = np.argsort(best.shapes[:, 0])
    return _with_errors(
        histograms, x, _State(best.shapes[order], best.sizes[:, order], best.shifts, best.deviance)
    )


def follow_levels(histograms: FloatArray, x: FloatArray, shapes: FloatArray) -> LevelFit:
    """Give tubes sizes and shifts with forms that are known and stay as they are."""
    _, _, sizes = _settle(histograms, x, shapes, n_steps=0)
    state = _State(shapes, sizes, np.zeros(len(sizes)), np.inf)
    return _with_errors(histograms, x, state)


def _coarse(histograms: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the histograms with bins thrice as wide: enough to find where to start."""
    n = x.size // _COARSENESS * _COARSENESS
    wide = histograms[:, :n].reshape(len(histograms), -1, _COARSENESS).sum(axis=2)
    return wide, x[:n].reshape(-1, _COARSENESS).mean(axis=1)


@dataclass
class _State:
    shapes: FloatArray
    sizes: FloatArray
    shifts: FloatArray
    deviance: float


def _settle(
    histograms: FloatArray, x: FloatArray, shapes: FloatArray, *, n_steps: int
) -> tuple[float, FloatArray, FloatArray]:
    """Return deviance, shapes and sizes after expectation and maximisation, without shifts."""
    sizes = np.repeat(histograms.sum(axis=1)[:, None] / len(shapes), len(shapes), axis=1) + _FEWEST
    shapes = shapes.copy()
    for step in range(n_steps + 10):
        density = level_shapes.per_bin(x, shapes)
        mean = sizes @ density + _FEWEST
        weighted = histograms / mean
        if step < n_steps:
            mass = density * (sizes.T @ weighted)
            shapes = level_shapes.from_moments(x, mass, shapes)
        sizes = sizes * (weighted @ density.T) + _FEWEST
    density = level_shapes.per_bin(x, shapes)
    mean = sizes @ density + _FEWEST
    return _deviance(histograms, mean) + level_shapes.penalty(shapes), shapes, sizes


def _climb(histograms: FloatArray, x: FloatArray, state: _State, most: int) -> tuple[_State, bool]:
    """Maximise by damped scoring over shapes and shifts; the sizes follow. Says if it settled."""
    damping = _DAMPING
    state = _with_sizes(histograms, x, state, n_steps=20)
    for _ in range(most):
        blocks = _information(histograms, x, state)
        better = None
        while better is None and damping < _HOPELESS:
            proposed = _step(blocks, state, damping)
            if proposed is not None:
                proposed = _with_sizes(histograms, x, proposed, n_steps=_N_WEIGHT_STEPS)
                better = proposed if proposed.deviance <= state.deviance else None
            damping = damping * 10 if better is None else max(damping / 10, _FEWEST)
        if better is None:
            return state, True
        gain = state.deviance - better.deviance
        state = better
        if gain < _CONVERGED * len(histograms):
            return state, True
    return state, False


def _with_sizes(histograms: FloatArray, x: FloatArray, state: _State, *, n_steps: int) -> _State:
    density = level_shapes.per_bin_shifted(x, state.shapes, state.shifts)
    sizes = np.maximum(state.sizes, _FEWEST)
    for _ in range(n_steps):
        mean = np.einsum("tk,tkb->tb", sizes, density) + _FEWEST
        sizes = sizes * np.einsum("tkb,tb->tk", density, histograms / mean) + _FEWEST
    mean = np.einsum("tk,tkb->tb", sizes, density) + _FEWEST
    deviance = _deviance(histograms, mean) + level_shapes.penalty(state.shapes)
    deviance += float(np.sum((state.shifts / DRIFT) ** 2))
    return _State(state.shapes, sizes, state.shifts, deviance)


def _deviance(histograms: FloatArray, mean: FloatArray) -> float:
    seen = histograms > 0
    part = np.sum(histograms[seen] * np.log(histograms[seen] / mean[seen]))
    return float(2 * (part - histograms.sum() + mean.sum()))


@dataclass
class _Blocks:
    """Score and information of shapes (global) and of each tube's sizes and shift (local)."""

    score: FloatArray
    information: FloatArray
    local_score: FloatArray
    local: FloatArray
    cross: FloatArray
    pearson: float
    freedom: int


def _information(histograms: FloatArray, x: FloatArray, state: _State) -> _Blocks:
    n_tubes, n_levels = state.sizes.shape
    density, by_shape, by_shift = level_shapes.gradients(x, state.shapes, state.shifts)
    mean = np.einsum("tk,tkb->tb", state.sizes, density) + _FEWEST
    n_global = n_levels * N_SHAPE
    # (tube, level and parameter, bin)
    shape_gradient = (state.sizes[:, :, None, None] * by_shape).reshape(n_tubes, n_global, -1)
    shift_gradient = np.einsum("tk,tkb->tb", state.sizes, by_shift)[:, None, :]
    local_gradient = np.concatenate([density, shift_gradient], axis=1)
    residual = histograms / mean - 1
    score = np.einsum("tgb,tb->g", shape_gradient, residual, optimize=True)
    weighted = shape_gradient / mean[:, None, :]
    information = np.einsum("tgb,thb->gh", shape_gradient, weighted, optimize=True)
    cross = np.einsum("tgb,tlb->tgl", weighted, local_gradient, optimize=True)
    local = np.einsum(
        "tlb,tmb->tlm", local_gradient / mean[:, None, :], local_gradient, optimize=True
    )
    local_score = np.einsum("tlb,tb->tl", local_gradient, residual, optimize=True)
    local[:, -1, -1] += 1 / DRIFT**2
    local_score[:, -1] -= state.shifts / DRIFT**2
    slope, curvature = level_shapes.penalty_gradient(state.shapes)
    score = score - slope
    information = information + np.diag(curvature)
    seen = mean >= 1
    pearson = float(np.sum(((histograms - mean) ** 2 / mean)[seen]))
    freedom = max(int(seen.sum()) - n_global - n_tubes * (n_levels + 1), 1)
    # a level that a tube does not hold has no error to speak of, but a finite one
    local += np.eye(n_levels + 1) * _FEWEST
    return _Blocks(score, information, local_score, local, cross, pearson, freedom)


def _step(blocks: _Blocks, state: _State, damping: float) -> _State | None:
    """Return the state after a damped step; None where the levels would change order."""
    local = blocks.local + damping * _diagonals(blocks.local)
    inverse = np.linalg.pinv(local, hermitian=True)
    carried = blocks.cross @ inverse
    schur = blocks.information - np.einsum("tgl,thl->gh", carried, blocks.cross)
    schur += damping * np.diag(np.diag(blocks.information))
    score = blocks.score - np.einsum("tgl,tl->g", carried, blocks.local_score)
    try:
        step = np.linalg.solve(schur, score)
    except np.linalg.LinAlgError:
        return None
    local_step = np.einsum(
        "tlm,tm->tl", inverse, blocks.local_score - np.einsum("tgl,g->tl", blocks.cross, step)
    )
    shapes = level_shapes.bounded(state.shapes + step.reshape(state.shapes.shape))
    if np.any(np.diff(shapes[:, 0]) <= 0):
        return None
    sizes = np.maximum(state.sizes + local_step[:, :-1], state.sizes / 10)
    shifts = np.clip(state.shifts + local_step[:, -1], -5 * DRIFT, 5 * DRIFT)
    return _State(shapes, sizes, shifts, state.deviance)


def _diagonals(blocks: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("tll->tl", blocks)[:, :, None] * np.eye(blocks.shape[-1]))


def _with_errors(histograms: FloatArray, x: FloatArray, state: _State) -> LevelFit:
    blocks = _information(histograms, x, state)
    inverse = np.linalg.pinv(blocks.local, hermitian=True)
    carried = blocks.cross @ inverse
    schur = blocks.information - np.einsum("tgl,thl->gh", carried, blocks.cross)
    dispersion = max(blocks.pearson / blocks.freedom, 1.0)
    return LevelFit(
        x=x,
        shapes=state.shapes,
        sizes=state.sizes,
        shifts=state.shifts,
        deviance=state.deviance,
        dispersion=dispersion,
        shape_covariance=np.linalg.pinv(schur, hermitian=True) * dispersion,
        local_covariance=np.asarray(inverse * dispersion, dtype=np.float64),
        carried=carried,
    )
