"""Every participant a point, by group: what was measured, and who is below the limit of detection.

A point carries the pseudonym, the batch and the trace of its number, so that the page can name it,
and highlight one group, batch or person in all figures at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from itc_analysis.report.figures import scale, svg
from itc_analysis.report.figures.scale import Scale
from itc_analysis.report.html import words
from itc_analysis.report.html.material import each_row
from itc_analysis.report.language.phrases import phrase
from itc_analysis.statistics.robust import quantile_beside_limits

LOG_MEASURES = ("share_of_t", "cells_per_ul")
DRAWN = ("ok", "below_lod")

#: Pixels: the figure, the edges around its axes, a point's radius, and half the bar at the median.
WIDTH, HEIGHT = 316.0, 166.0
LEFT, RIGHT, TOP, BOTTOM = 36.0, 4.0, 6.0, 29.0
RADIUS, HALF_BAR = 2.6, 0.36
#: Longer names of groups are cut where the columns are narrow: pixels per letter of a label.
LETTER = 6.0


def draw(
    rows: pd.DataFrame,
    *,
    groups: Sequence[str],
    index_group: str,
    alt: str,
    gates: str = "",
    size: tuple[float, float] = (WIDTH, HEIGHT),
) -> Markup:
    """Return the figure of one endpoint.

    Parameters
    ----------
    rows : pandas.DataFrame
        measurements of one endpoint; those without a number are not drawn.
    groups : sequence of str
        groups in their order; one without a point keeps its place.
    index_group : str
        drawn in the strong colour.
    alt : str
        what is seen, for those who do not see it.
    gates : str
        address of the page with the gates behind these numbers, if there is one.
    size : tuple of float
        width and height in pixels.
    """
    measure = str(rows["measure"].iloc[0])
    is_log = measure in LOG_MEASURES
    factor = 100.0 if measure in ("share_of_t", "share_positive") else 1.0
    drawn = rows[rows["status"].isin(DRAWN) & rows["group"].notna()]
    places = _heights(drawn, factor, is_log=is_log)
    width, height = size
    y_axis = scale.fit(
        [y for y, _ in places.values()], start=height - BOTTOM, end=TOP, is_log=is_log
    )
    step = (width - LEFT - RIGHT) / max(len(groups), 1)
    parts = [_y_axis(y_axis, width)]
    for place, group in enumerate(groups):
        middle = LEFT + (place + 0.5) * step
        own = drawn[drawn["group"] == group]
        parts.append(_name(group, own["participant_id"].nunique(), middle, step, height))
        parts.append(
            _group(
                own,
                places,
                y_axis,
                middle,
                step,
                group=group,
                kind="index" if group == index_group else "other",
            )
        )
    data = {"gates": gates, "population": str(rows["population"].iloc[0]), "trace": _command(rows)}
    return svg.picture(width, height, parts, alt=alt, kind="points", data=data)


def trace(row: Any) -> str:
    """Return where a number comes from, a line each: who, value with limits, counts, tube,
    status.
    """
    who = f"{row.participant_id}, {row.group}, {words.batch(str(row.batch))}"
    what = f"{words.population(row.population)}, {words.measure(row.measure, row.feature)}"
    lines = [who, phrase("{0}: {1}", what, _value(row))]
    if not words.is_missing(row.n_cells) and not words.is_missing(row.n_denominator):
        lines.append(
            phrase("{0} of {1} cells", words.count(row.n_cells), words.count(row.n_denominator))
        )
    elif not words.is_missing(row.n_cells):
        lines.append(phrase("{0} cells", words.count(row.n_cells)))
    if not words.is_missing(row.n_background) and row.n_background >= 0.005:
        background = words.number(row.n_background, 2)
        lines.append(phrase("background subtracted: {0} cells", background))
    source = phrase("tube {0}") if row.assay == "flow" else phrase("library {0}")
    lines.append(source.format(row.source_id))
    if not words.is_missing(row.reason):
        lines.append(words.plain(str(row.reason)))
    return "\n".join(lines)


def _command(rows: pd.DataFrame) -> str:
    """Return the command that follows a number of the figure to its inputs, but for the tube."""
    first = rows.iloc[0]
    options = {
        "measure": (str(first["measure"]), "share_of_t"),
        "feature": (str(first["feature"]), "-"),
        "assay": (str(first["assay"]), "flow"),
    }
    told = [f"--{name} {value}" for name, (value, usual) in options.items() if value != usual]
    return " ".join(["itc trace", str(first["population"]), "{tube}", *told])


def _value(row: Any) -> str:
    if row.status == "below_lod":
        limit = words.value_of(row.upper, row.measure)
        return phrase("below the limit of detection, at most {0}", limit)
    value = words.value_of(row.value, row.measure)
    if words.is_missing(row.lower) or words.is_missing(row.upper):
        return value
    limits = [words.value_of(limit, row.measure) for limit in (row.lower, row.upper)]
    return phrase("{0} ({1} to {2})", value, *limits)


def _heights(
    drawn: pd.DataFrame, factor: float, *, is_log: bool
) -> Mapping[Any, tuple[float, bool]]:
    """Return for each row its height and whether only a limit is known; a zero has no place on a
    logarithmic axis and stands at the foot as a limit.
    """
    found: dict[Any, tuple[float, bool]] = {}
    for row in each_row(drawn):
        is_low = row.status == "below_lod"
        found[row.Index] = (factor * float(row.upper if is_low else row.value), is_low)
    if is_log:
        positive = [y for y, _ in found.values() if y > 0]
        foot = min(positive) / 2 if positive else 1.0
        found = {key: (y, low) if y > 0 else (foot, True) for key, (y, low) in found.items()}
    return found


def _y_axis(axis: Scale, width: float) -> Markup:
    parts = []
    for value in axis.ticks():
        y = axis.place(value)
        parts.append(svg.line(LEFT, y, width - RIGHT, y, "grid"))
        parts.append(svg.text(LEFT - 5, y + 3.5, scale.label(value), anchor="end"))
    return Markup("").join(parts)


def _name(group: str, n: int, middle: float, step: float, height: float) -> Markup:
    """Return the name under a column and the number of people drawn in it."""
    most = max(int(step / LETTER), 4)
    shown = group if len(group) <= most else f"{group[: most - 1]}…"
    whole = Markup("<title>{}</title>").format(group) if shown != group else Markup("")
    return Markup("<g>{}{}{}</g>").format(
        whole,
        svg.text(middle, height - BOTTOM + 14, shown, "group", anchor="middle"),
        svg.text(middle, height - BOTTOM + 25.5, f"n = {n}", anchor="middle"),
    )


def _group(
    own: pd.DataFrame,
    places: Mapping[Any, tuple[float, bool]],
    axis: Scale,
    middle: float,
    step: float,
    *,
    group: str,
    kind: str,
) -> Markup:
    parts = []
    ys = [axis.place(places[key][0]) for key in own.index]
    shifts = spread(ys, most=step / 2 - RADIUS - 1, apart=2 * RADIUS + 0.4)
    for row, y, shift in zip(each_row(own), ys, shifts, strict=True):
        parts.append(_point(row, middle + shift, y, is_low=places[row.Index][1]))
    median = _median([places[key] for key in own.index])
    if median is not None:
        y = axis.place(median)
        parts.append(svg.line(middle - HALF_BAR * step, y, middle + HALF_BAR * step, y, "median"))
    return Markup('<g class="{}" data-g="{}">{}</g>').format(kind, group, Markup("").join(parts))


def _point(row: Any, x: float, y: float, *, is_low: bool) -> Markup:
    """Return one person: a disc, or an open triangle that points down at the limit."""
    if is_low:
        shape = Markup('<path class="p low" d="M{} {}h6.4l-3.2 5.4z"').format(
            svg.number(x - 3.2), svg.number(y - 1.8)
        )
        end = Markup("</path>")
    else:
        shape = Markup('<circle class="p" cx="{}" cy="{}" r="{}"').format(
            svg.number(x), svg.number(y), RADIUS
        )
        end = Markup("</circle>")
    return Markup('{} data-t="{}" data-p="{}" data-b="{}"><title>{}</title>{}').format(
        shape, row.source_id, row.participant_id, row.batch, trace(row), end
    )


def spread(ys: Sequence[float], *, most: float, apart: float) -> list[float]:
    """Return how far each point steps aside so that points do not cover one another.

    Parameters
    ----------
    ys : sequence of float
        heights in pixels.
    most : float
        no point steps further; where there is no room left, points overlap.
    apart : float
        distance of two points that just touch.
    """
    found = [0.0] * len(ys)
    placed: list[tuple[float, float]] = []
    tries = [0.0]
    while tries[-1] + apart / 2 <= most:
        tries.append(tries[-1] + apart / 2)
    sides = [side * shift for shift in tries for side in ((1, -1) if shift else (1,))]
    for place in sorted(range(len(ys)), key=lambda one: (ys[one], one)):
        near = [(x, y) for x, y in placed if abs(y - ys[place]) < apart]
        free = (
            x
            for x in sides
            if all((x - a) ** 2 + (ys[place] - b) ** 2 >= apart**2 for a, b in near)
        )
        # without room the least crowded of the places is taken
        x = next(free, min(sides, key=lambda x: (sum(abs(x - a) < apart / 2 for a, _ in near), x)))
        found[place] = x
        placed.append((x, ys[place]))
    return found


def _median(values: Sequence[tuple[float, bool]]) -> float | None:
    """Return the median; None for a single person, or where it falls among the limits."""
    if len(values) < 2:
        return None
    median = quantile_beside_limits([-math.inf if is_low else y for y, is_low in values], 0.5)
    return None if math.isnan(median) else median
