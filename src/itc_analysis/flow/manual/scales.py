"""The scales of Gating-ML 2.0, forth and back, with all their parameters.

Gates of our own are drawn on fewer (`transform`); these read gates of other programs.
(Spidlen 2015, doi:10.1002/cyto.a.22690)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from itc_analysis.flow.scale.transform import Transform, logicle_exact
from itc_analysis.statistics.arrays import FloatArray


@dataclass(frozen=True)
class Linear:
    """``flin``: (x + a) / (t + a)."""

    t: float
    a: float

    def apply(self, values: FloatArray) -> FloatArray:
        """Return instrument units on the scale."""
        return np.asarray((values + self.a) / (self.t + self.a))

    def inverse(self, values: FloatArray) -> FloatArray:
        """Return positions on the scale in instrument units."""
        return np.asarray(values * (self.t + self.a) - self.a)


@dataclass(frozen=True)
class Logarithm:
    """``flog``: log10(x / t) / m + 1; values without a logarithm lie in no gate."""

    t: float
    m: float

    def apply(self, values: FloatArray) -> FloatArray:
        """Return instrument units on the scale; NaN below 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log10(values / self.t) / self.m + 1)

    def inverse(self, values: FloatArray) -> FloatArray:
        """Return positions on the scale in instrument units."""
        return np.asarray(self.t * 10 ** ((values - 1) * self.m))


@dataclass(frozen=True)
class Asinh:
    """``fasinh``: (asinh(x sinh(m ln 10) / t) + a ln 10) / ((m + a) ln 10)."""

    t: float
    m: float
    a: float

    def apply(self, values: FloatArray) -> FloatArray:
        """Return instrument units on the scale."""
        steep = math.sinh(self.m * math.log(10)) / self.t
        below, whole = self.a * math.log(10), (self.m + self.a) * math.log(10)
        return np.asarray((np.arcsinh(values * steep) + below) / whole)

    def inverse(self, values: FloatArray) -> FloatArray:
        """Return positions on the scale in instrument units."""
        steep = math.sinh(self.m * math.log(10)) / self.t
        below, whole = self.a * math.log(10), (self.m + self.a) * math.log(10)
        return np.asarray(np.sinh(values * whole - below) / steep)


@dataclass(frozen=True)
class Logicle:
    """``logicle``, solved exactly."""

    t: float
    w: float
    m: float
    a: float

    def apply(self, values: FloatArray) -> FloatArray:
        """Return instrument units on the scale."""
        return logicle_exact(values, self._transform)

    def inverse(self, values: FloatArray) -> FloatArray:
        """Return positions on the scale in instrument units."""
        return np.asarray(self._transform.inverse(values), dtype=float)

    @property
    def _transform(self) -> Transform:
        return Transform("logicle", t=self.t, w=self.w, m=self.m, a=self.a)


@dataclass(frozen=True)
class Hyperlog:
    """``hyperlog`` (Bagwell 2005, doi:10.1002/cyto.a.20114), by flowutils."""

    t: float
    w: float
    m: float
    a: float

    def apply(self, values: FloatArray) -> FloatArray:
        """Return instrument units on the scale."""
        from flowutils.transforms import hyperlog

        return np.asarray(hyperlog(np.asarray(values, dtype=float), None, **self._parameters))

    def inverse(self, values: FloatArray) -> FloatArray:
        """Return positions on the scale in instrument units."""
        from flowutils.transforms import hyperlog_inverse

        return np.asarray(
            hyperlog_inverse(np.asarray(values, dtype=float), None, **self._parameters)
        )

    @property
    def _parameters(self) -> dict[str, float]:
        return {"t": self.t, "m": self.m, "w": self.w, "a": self.a}


#: By the name of their element in Gating-ML; the parameters each takes.
KINDS: dict[str, tuple[type, tuple[str, ...]]] = {
    "flin": (Linear, ("t", "a")),
    "flog": (Logarithm, ("t", "m")),
    "fasinh": (Asinh, ("t", "m", "a")),
    "logicle": (Logicle, ("t", "w", "m", "a")),
    "hyperlog": (Hyperlog, ("t", "w", "m", "a")),
}
