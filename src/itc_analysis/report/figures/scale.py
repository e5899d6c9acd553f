"""From numbers to places on a figure: linear or logarithmic, with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

#: Where ticks stand within a power of ten: the first row whose span (powers of ten) is not
#: exceeded, so that labels do not touch.
LOG_STEPS = ((1.0, (1.0, 2.0, 5.0)), (2.4, (1.0, 3.0)), (math.inf, (1.0,)))
#: Room beyond the outermost numbers, as a share of the span.
ROOM = 0.06
#: About so many ticks stand on a linear axis.
N_TICKS = 4


@dataclass(frozen=True)
class Scale:
    """One axis.

    Parameters
    ----------
    low, high : float
        the numbers at its two ends; above zero on a logarithmic one.
    start, end : float
        the places of these ends in the figure.
    is_log : bool
        equal steps are equal ratios.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool

    def place(self, value: float) -> float:
        """Return where a number stands; one beyond the ends stands at the end."""
        low, high, value = (self._inner(number) for number in (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return round numbers between the two ends."""
        if not self.is_log:
            step = _round_step((self.high - self.low) / N_TICKS)
            first = math.ceil(self.low / step - 1e-9)
            last = math.floor(self.high / step + 1e-9)
            return [number * step for number in range(first, last + 1)]
        span = math.log10(self.high / self.low)
        steps = next(steps for widest, steps in LOG_STEPS if span <= widest)
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        found = [step * 10.0**power for power in powers for step in steps]
        return [value for value in found if self.low <= value * 1.0000001 <= self.high * 1.0000002]

    def _inner(self, value: float) -> float:
        return math.log10(max(value, self.low * 1e-9)) if self.is_log else value


def fit(values: Iterable[float], *, start: float, end: float, is_log: bool) -> Scale:
    """Return a scale that holds all numbers with a little room.

    Parameters
    ----------
    values : iterable of float
        numbers to be shown; on a logarithmic scale those not above zero are left out.
    start, end : float
        places of the low and the high end.
    is_log : bool
        see `Scale`.
    """
    found = [value for value in values if math.isfinite(value) and (value > 0 or not is_log)]
    if not found:
        return Scale(1.0 if is_log else 0.0, 10.0 if is_log else 1.0, start, end, is_log)
    low, high = min(found), max(found)
    if is_log:
        spread = max(math.log10(high / low), 0.6)
        middle = (math.log10(high) + math.log10(low)) / 2
        reach = spread * (0.5 + ROOM)
        return Scale(10 ** (middle - reach), 10 ** (middle + reach), start, end, is_log=True)
    spread = (high - low) or 1.0
    return Scale(low - ROOM * spread, high + ROOM * spread, start, end, is_log=False)


def label(value: float) -> str:
    """Return a tick in three digits, without an exponent and with a true minus."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    if "e" in text:
        text = f"{value:.10f}".rstrip("0")
    return text.replace("-", "−")


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step)) if step > 0 else 1.0
    return next(size * power for size in (1, 2, 5, 10) if size * power >= step * 0.999)
