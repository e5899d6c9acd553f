"""Estimates with their intervals, one control under the other, the numbers next to the marks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from itc_analysis.report.figures import scale, svg
from itc_analysis.report.figures.scale import Scale

#: Pixels: the figure's width, its edges, the height of a line and the gap between two controls.
WIDTH = 404.0
LEFT, RIGHT, TOP, BOTTOM = 82.0, 132.0, 1.0, 19.0
LINE, GAP = 11.0, 2.5
#: Ratios beyond these would squeeze all others; the axis ends there and an arrow goes on.
NARROWEST, WIDEST = 1 / 50, 50.0


@dataclass(frozen=True)
class Estimate:
    """One line of the figure.

    Parameters
    ----------
    against : str
        the control; empty for a further measure against the same one.
    mark : {"square", "ring"}
        square for percentages, ring for counts.
    estimate, lower, upper : float
        ratios; NaN for none.
    told : str
        the numbers in words, or why there are none.
    is_shown : bool
        the difference is shown after adjustment.
    """

    against: str
    mark: str
    estimate: float
    lower: float
    upper: float
    told: str
    is_shown: bool


def reach(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Return the ends of an axis that holds the intervals, so that several figures share it."""
    found = [
        number
        for row in estimates
        for number in (row.estimate, row.lower, row.upper)
        if math.isfinite(number) and number > 0
    ]
    low, high = min([*found, 0.5]), max([*found, 2.0])
    return max(low / 1.1, NARROWEST), min(high * 1.1, WIDEST)


def draw(rows: Sequence[Estimate], ends: tuple[float, float], *, alt: str) -> Markup:
    """Return the figure.

    Parameters
    ----------
    rows : sequence of Estimate
        from top to bottom.
    ends : tuple of float
        ends of the axis, see `reach`.
    alt : str
        what is seen, for those who do not see it.
    """
    axis = Scale(ends[0], ends[1], LEFT, WIDTH - RIGHT, is_log=True)
    parts: list[Markup] = []
    y = TOP
    for row in rows:
        y += LINE + (GAP if row.against and y > TOP else 0)
        parts.append(_line(row, axis, y - LINE / 2))
    height = y + BOTTOM
    one = axis.place(1)
    frame = [svg.line(one, TOP, one, y + 3, "null")]
    frame.append(svg.line(LEFT, y + 3, WIDTH - RIGHT, y + 3, "axis"))
    for value in axis.ticks():
        x = axis.place(value)
        frame.append(svg.line(x, y + 3, x, y + 6, "axis"))
        frame.append(svg.text(x, y + 16, scale.label(value), anchor="middle"))
    return svg.picture(WIDTH, height, [*frame, *parts], alt=alt, kind="forest")


def _line(row: Estimate, axis: Scale, y: float) -> Markup:
    parts = [svg.text(0, y + 4, row.against, "group")] if row.against else []
    kind = "shown" if row.is_shown else "open"
    parts.append(svg.text(WIDTH - RIGHT + 10, y + 4, row.told, kind))
    has_lower, has_upper = math.isfinite(row.lower), math.isfinite(row.upper)
    if has_lower or has_upper:
        left = axis.place(row.lower) if has_lower else axis.start
        right = axis.place(row.upper) if has_upper else axis.end
        parts.append(svg.line(left, y, right, y, f"reach {kind}"))
        if not has_lower or row.lower < axis.low:
            parts.append(_arrow(axis.start, y, -4, kind))
        if not has_upper or row.upper > axis.high:
            parts.append(_arrow(axis.end, y, 4, kind))
    if math.isfinite(row.estimate):
        x = axis.place(row.estimate)
        if row.mark == "square":
            mark = Markup('<rect class="mark {}" x="{}" y="{}" width="6.4" height="6.4"/>').format(
                kind, svg.number(x - 3.2), svg.number(y - 3.2)
            )
        else:
            mark = Markup('<circle class="mark ring {}" cx="{}" cy="{}" r="3"/>').format(
                kind, svg.number(x), svg.number(y)
            )
        parts.append(mark)
    return Markup("").join(parts)


def _arrow(x: float, y: float, length: float, kind: str) -> Markup:
    return Markup('<path class="arrow {}" d="M{} {}l{} 3.2v-6.4z"/>').format(
        kind, svg.number(x + length), svg.number(y), svg.number(-length)
    )
