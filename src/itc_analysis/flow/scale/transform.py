"""Scales on which cells are gated: logicle, asinh and linear, and the way back.

All three map the range of the detector to 0..1, as Gating-ML 2.0 does, so one gating template fits
cytometers of different range. Logicle is computed from a table that is addressed by the bits of the
float: within 5e-7 of the exact root on the 0..1 scale, which is 4 units in the last place of a
float32 near 1, in a twentieth of the time.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]

#: 18 bits, the range of most BD cytometers; used when neither settings nor file give one.
DEFAULT_RANGE = 262144.0
#: Parks 2006 (doi:10.1002/cyto.a.20258): 4.5 decades, half a decade of linearisation.
DEFAULT_DECADES = 4.5
DEFAULT_LINEARISATION = 0.5

#: Leading mantissa bits that address the table: every octave has 2**9 linear pieces, which keeps
#: the error below (2**-9)**2 / (8 * ln(10) * 4.5) = 5e-8 of the scale: less than the rounding of
#: float32, so that only rounding can bring an event to the other side of an edge.
_MANTISSA_BITS = 9
_SHIFT = 23 - _MANTISSA_BITS  # a float32 has 23 mantissa bits
#: Leading bits of a float32 without its sign: so many different ones there are.
_N_CODES = 1 << (31 - _SHIFT)
#: The table begins this many octaves below the end of the linear part and goes on this many above
#: t; beyond, the last piece is continued.
_OCTAVES_BELOW = 7
_OCTAVES_ABOVE = 8
#: Events per pass; all temporary arrays of a pass stay in the processor's cache.
_CHUNK = 1 << 15


@dataclass(frozen=True)
class Transform:
    """A scale of one marker.

    Parameters
    ----------
    kind : {"logicle", "asinh", "linear"}
        ``logicle``: Gating-ML 2.0 logicle, t, w, m, a as in Moore and Parks 2012
        (doi:10.1002/cyto.a.22030). ``asinh``: arcsinh(x / cofactor) / arcsinh(t / cofactor), which
        is the fasinh of Gating-ML 2.0 with M = arcsinh(t / cofactor) / ln 10 and A = 0. ``linear``:
        x / t.
    t : float
        top of the scale in instrument units, > 0; it is mapped to 1.
    w : float
        decades of the linear part, 0..m/2 (logicle).
    m : float
        decades of the scale, > 0 (logicle).
    a : float
        additional negative decades, -w..m-2w (logicle).
    cofactor : float, optional
        instrument units where the scale turns from linear to logarithmic (asinh).

    Raises
    ------
    ValueError
        a parameter lies outside its range.
    """

    kind: Literal["logicle", "asinh", "linear"]
    t: float = DEFAULT_RANGE
    w: float = DEFAULT_LINEARISATION
    m: float = DEFAULT_DECADES
    a: float = 0.0
    cofactor: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("logicle", "asinh", "linear"):
            msg = f"kind of transform {self.kind!r} is not logicle, asinh or linear"
            raise ValueError(msg)
        if not (math.isfinite(self.t) and self.t > 0):
            msg = f"t must be a positive number, found {self.t}"
            raise ValueError(msg)
        if self.kind == "logicle":
            _check_logicle(self.w, self.m, self.a)
        if self.kind == "asinh" and (self.cofactor is None or not self.cofactor > 0):
            msg = f"an asinh scale needs a positive cofactor, found {self.cofactor}"
            raise ValueError(msg)

    def apply(self, values: npt.ArrayLike, *, out: Float32Array | None = None) -> Float32Array:
        """Return instrument units on the scale, float32, same shape; NaN stays NaN.

        Parameters
        ----------
        values : array_like
            instrument units.
        out : numpy.ndarray, optional
            contiguous float32 array to write to; may be `values` itself, which saves a copy.
        """
        x = np.ascontiguousarray(values, dtype=np.float32)
        result = np.empty_like(x) if out is None else out
        if self.kind == "linear":
            return np.multiply(x, np.float32(1 / self.t), out=result)
        if self.kind == "asinh":
            cofactor = self._cofactor
            np.multiply(x, np.float32(1 / cofactor), out=result)
            np.arcsinh(result, out=result)
            result *= np.float32(1 / math.asinh(self.t / cofactor))
            return result
        scale = (self.t, self.w, self.m, self.a)
        _logicle_by_table(x, _pieces_by_code(*scale), _Logicle.of(*scale).zero, result)
        return result

    def inverse(self, values: npt.ArrayLike) -> Float32Array:
        """Return positions on the scale in instrument units, float32, same shape."""
        y = np.asarray(values, dtype=np.float64)
        if self.kind == "linear":
            x = y * self.t
        elif self.kind == "asinh":
            cofactor = self._cofactor
            x = cofactor * np.sinh(y * math.asinh(self.t / cofactor))
        else:
            x = _Logicle.of(self.t, self.w, self.m, self.a).to_instrument(y)
        return np.asarray(x, dtype=np.float32)

    @property
    def _cofactor(self) -> float:
        assert self.cofactor is not None  # checked when the transform was made
        return self.cofactor

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters that the kind uses, as plain data."""
        used = {
            "logicle": ("kind", "t", "w", "m", "a"),
            "asinh": ("kind", "t", "cofactor"),
            "linear": ("kind", "t"),
        }[self.kind]
        return {name: value for name, value in asdict(self).items() if name in used}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Transform:
        """Return the transform that `to_dict` described."""
        return cls(**data)


def logicle_exact(values: npt.ArrayLike, transform: Transform) -> npt.NDArray[np.float64]:
    """Return logicle values by solving for the root, float64: slow, for tables and tests."""
    scale = _Logicle.of(transform.t, transform.w, transform.m, transform.a)
    x = np.asarray(values, dtype=np.float64)
    return scale.zero + np.copysign(scale.above_zero(np.abs(x)), x)


def _check_logicle(w: float, m: float, a: float) -> None:
    if not m > 0:
        msg = f"m must be positive, found {m}"
        raise ValueError(msg)
    if not 0 <= w <= m / 2:
        msg = f"w must lie in 0..m/2 = {m / 2:g}, found {w}"
        raise ValueError(msg)
    if not -w <= a <= m - 2 * w:
        msg = f"a must lie in -w..m-2w = {-w:g}..{m - 2 * w:g}, found {a}"
        raise ValueError(msg)


@dataclass(frozen=True)
class _Logicle:
    """The biexponential a e^(by) - c e^(-dy) - f of Moore and Parks 2012; odd about `zero`."""

    a: float
    b: float
    c: float
    d: float
    f: float
    zero: float

    @staticmethod
    @lru_cache(maxsize=256)
    def of(t: float, w: float, m: float, a: float) -> _Logicle:
        """Return the coefficients for Gating-ML's t, w, m, a."""
        width = w / (m + a)
        zero = a / (m + a) + width
        end_of_linear = zero + width
        b = (m + a) * math.log(10)
        d = _second_exponent(b, width)
        c_over_a = math.exp(end_of_linear * (b + d))
        f_over_a = math.exp(b * zero) - c_over_a / math.exp(d * zero)
        scale = t / ((math.exp(b) - f_over_a) - c_over_a / math.exp(d))
        return _Logicle(scale, b, c_over_a * scale, d, f_over_a * scale, zero)

    def to_instrument(self, y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return instrument units for positions on the scale."""
        above = self.zero + np.abs(y - self.zero)
        x = self.a * np.exp(self.b * above) - self.c * np.exp(-self.d * above) - self.f
        return np.copysign(x, y - self.zero)

    def above_zero(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the distance from `zero` on the scale of x >= 0, by Newton's method."""
        # Without its second exponential the function is larger, so this bound lies to the right
        # of every root, where the function is convex and Newton's steps never overshoot.
        top = math.log((float(np.max(x, initial=1.0)) + self.f + self.c) / self.a) / self.b
        grid = np.linspace(self.zero, max(top, self.zero + 1), 1 << 12)
        y = np.interp(x, self.to_instrument(grid), grid)
        for _ in range(6):  # quadratic convergence from a start that is good to 1e-3
            rising = self.a * np.exp(self.b * y)
            falling = self.c * np.exp(-self.d * y)
            y -= (rising - falling - self.f - x) / (self.b * rising + self.d * falling)
        return np.maximum(y - self.zero, 0)


def _second_exponent(b: float, width: float) -> float:
    """Solve 2 (ln d - ln b) + width (b + d) = 0 for d in 0..b by bisection."""
    low, high = 0.0, b
    for _ in range(200):  # halves 200 times: to the last bit of a float64
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if 2 * (math.log(middle) - math.log(b)) + width * (b + middle) < 0:
            low = middle
        else:
            high = middle
    return high if width == 0 else (low + high) / 2


@dataclass(frozen=True)
class _Table:
    """Linear pieces of the scale's positive half, one per leading bits of a float32."""

    first: int
    slope: Float32Array
    intercept: Float32Array


@lru_cache(maxsize=64)
def _logicle_table(t: float, w: float, m: float, a: float) -> _Table:
    scale = _Logicle.of(t, w, m, a)
    lowest = math.floor(math.log2(t) - (m + a) * math.log2(10)) - _OCTAVES_BELOW
    highest = math.ceil(math.log2(t)) + _OCTAVES_ABOVE
    edges = np.array([2.0**lowest, 2.0**highest], dtype=np.float32).view(np.int32) >> _SHIFT
    codes = np.arange(edges[0], edges[1] + 1, dtype=np.int32)
    x = (codes << _SHIFT).view(np.float32).astype(np.float64)
    x[0] = 0.0  # everything smaller is on the straight part: the first piece begins at 0
    y = scale.above_zero(x)
    slope = np.diff(y) / np.diff(x)
    intercept = y[:-1] - slope * x[:-1]
    return _Table(
        first=int(codes[0]),
        slope=slope.astype(np.float32),
        intercept=intercept.astype(np.float32),
    )


@lru_cache(maxsize=4)  # of 2 MB; a scale is mostly asked for several times in turn
def _pieces_by_code(t: float, w: float, m: float, a: float) -> tuple[Float32Array, Float32Array]:
    """Return slope and intercept for all leading bits of a float32, those of negative numbers last.

    Below the first piece of the table and beyond the last one these are continued.
    """
    table = _logicle_table(t, w, m, a)
    beyond = (table.first, _N_CODES - table.first - table.slope.size)
    slope, intercept = (np.pad(own, beyond, "edge") for own in (table.slope, table.intercept))
    return np.concatenate([slope, slope]), np.concatenate([intercept, -intercept])


def _logicle_by_table(
    x: Float32Array, pieces: tuple[Float32Array, Float32Array], zero: float, result: Float32Array
) -> None:
    flat_in, flat_out = x.reshape(-1), result.reshape(-1)
    slope, intercept = pieces
    codes = np.empty(min(_CHUNK, flat_in.size), dtype=np.intp)
    scaled = np.empty(codes.size, dtype=np.float32)
    for start in range(0, flat_in.size, _CHUNK):
        part = flat_in[start : start + _CHUNK]
        out = flat_out[start : start + _CHUNK]
        n = len(part)
        np.right_shift(part.view(np.uint32), _SHIFT, out=codes[:n])
        slope.take(codes[:n], out=scaled[:n], mode="clip")  # any other mode takes twice as long
        scaled[:n] *= part  # before `out`, which may be `part`
        intercept.take(codes[:n], out=out, mode="clip")
        out += scaled[:n]
        out += np.float32(zero)
