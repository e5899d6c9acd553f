"""Single cell against flow cytometry: every participant a point, named where the two disagree.

Points carry the same names as those of `points`, so that a person, group or batch is highlighted
here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from itc_analysis.report.figures import scale, svg
from itc_analysis.report.figures.scale import Scale
from itc_analysis.report.html import words
from itc_analysis.report.html.material import each_row
from itc_analysis.report.language.phrases import phrase

DRAWN = ("both", "one_below_lod")

#: Pixels: the figure, the edges around its axes, and a point's radius.
WIDTH, HEIGHT = 316.0, 280.0
LEFT, RIGHT, TOP, BOTTOM = 48.0, 8.0, 8.0, 34.0
RADIUS = 2.8
#: Places on which the line of the usual difference is drawn.
N_STEPS = 40


def draw(
    rows: pd.DataFrame,
    *,
    tubes: Mapping[str, tuple[str, str]],
    index_group: str,
    alt: str,
) -> Markup:
    """Return the figure of one population.

    Parameters
    ----------
    rows : pandas.DataFrame
        rows of `Modalities` of one population; those without a number by both are not drawn.
    tubes : mapping of str to tuple of str
        tube and batch of each participant's number by flow cytometry.
    index_group : str
        drawn in the strong colour.
    alt : str
        what is seen, for those who do not see it.
    """
    drawn = rows[rows["status"].isin(DRAWN)]
    flow = _per_cent(drawn, "flow_share", "flow_limit")
    cells = _per_cent(drawn, "cell_share", "cell_limit")
    x_axis = scale.fit(flow, start=LEFT, end=WIDTH - RIGHT, is_log=True)
    y_axis = scale.fit(cells, start=HEIGHT - BOTTOM, end=TOP, is_log=True)
    parts = [_frame(x_axis, y_axis), *_lines(drawn, x_axis, y_axis)]
    for group, own in drawn.groupby("group", sort=True):
        points = [
            _point(row, x_axis.place(flow[row.Index]), y_axis.place(cells[row.Index]), tubes)
            for row in each_row(own)
        ]
        kind = "index" if group == index_group else "other"
        parts.append(
            Markup('<g class="{}" data-g="{}">{}</g>').format(kind, group, Markup("").join(points))
        )
    data = {"population": str(rows["population"].iloc[0])}
    return svg.picture(WIDTH, HEIGHT, parts, alt=alt, kind="points", data=data)


def _per_cent(rows: pd.DataFrame, share: str, limit: str) -> pd.Series:
    return 100 * rows[share].fillna(rows[limit]).astype(float)


def _frame(x_axis: Scale, y_axis: Scale) -> Markup:
    foot = HEIGHT - BOTTOM
    parts = []
    for value in y_axis.ticks():
        y = y_axis.place(value)
        parts.append(svg.line(LEFT, y, WIDTH - RIGHT, y, "grid"))
        parts.append(svg.text(LEFT - 5, y + 3.5, scale.label(value), anchor="end"))
    for value in x_axis.ticks():
        x = x_axis.place(value)
        parts.append(svg.line(x, TOP, x, foot, "grid"))
        parts.append(svg.text(x, foot + 13, scale.label(value), anchor="middle"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(svg.text(middle, HEIGHT - 5, phrase("flow cytometry, %"), anchor="middle"))
    parts.append(
        Markup(
            '<text transform="translate(11 {}) rotate(-90)" text-anchor="middle">{}</text>'
        ).format(svg.number((TOP + foot) / 2), phrase("single cell, %"))
    )
    return Markup("").join(parts)


def _lines(rows: pd.DataFrame, x_axis: Scale, y_axis: Scale) -> list[Markup]:
    """Return equality, and dashed the usual difference, as far as both axes reach."""
    share = np.geomspace(x_axis.low, x_axis.high, N_STEPS) / 100
    found = [_curve(share, share, x_axis, y_axis, "axis")]
    usual = rows["expected"].dropna()
    if len(usual):
        odds = np.exp(float(usual.median())) * share / np.maximum(1 - share, 1e-9)
        found.append(_curve(share, odds / (1 + odds), x_axis, y_axis, "null"))
    return found


def _curve(x: Any, y: Any, x_axis: Scale, y_axis: Scale, kind: str) -> Markup:
    inside = [
        f"{svg.number(x_axis.place(100 * a))} {svg.number(y_axis.place(100 * b))}"
        for a, b in zip(x, y, strict=True)
        if y_axis.low <= 100 * b <= y_axis.high
    ]
    path = "M" + "L".join(inside) if len(inside) > 1 else ""
    return Markup('<path class="{}" d="{}"/>').format(kind, path) if path else Markup("")


def _point(row: Any, x: float, y: float, tubes: Mapping[str, tuple[str, str]]) -> Markup:
    """Return one person: a disc, or an open triangle that points to where the number may lie."""
    is_odd = not words.is_missing(row.is_discordant) and bool(row.is_discordant)
    kind = "p odd" if is_odd else "p"
    if not words.is_missing(row.flow_limit):
        shape = Markup('<path class="{} low" d="M{} {}v6.4l-5.4 -3.2z"').format(
            kind, svg.number(x + 1.8), svg.number(y - 3.2)
        )
    elif not words.is_missing(row.cell_limit):
        shape = Markup('<path class="{} low" d="M{} {}h6.4l-3.2 5.4z"').format(
            kind, svg.number(x - 3.2), svg.number(y - 1.8)
        )
    else:
        shape = Markup('<circle class="{}" cx="{}" cy="{}" r="{}"').format(
            kind, svg.number(x), svg.number(y), RADIUS
        )
    end = Markup("</circle>") if shape.startswith("<circle") else Markup("</path>")
    tube, batch = tubes.get(str(row.participant_id), ("", ""))
    point = Markup('{} data-t="{}" data-p="{}" data-b="{}"><title>{}</title>{}').format(
        shape, tube, row.participant_id, batch, _trace(row, tube, batch), end
    )
    if not is_odd:
        return point
    return point + svg.text(x + 5, y - 4, str(row.participant_id), "group")


def _trace(row: Any, tube: str, batch: str) -> str:
    """Return who it is and both numbers, a line each."""
    who = f"{row.participant_id}, {row.group}"
    lines = [f"{who}, {words.batch(batch)}" if batch else who]
    lines.append(phrase("{0}, % of T cells", words.population(row.population)))
    for name, share, limit in (
        (phrase("flow cytometry"), row.flow_share, row.flow_limit),
        (phrase("single cell"), row.cell_share, row.cell_limit),
    ):
        value = (
            phrase("at most {0}", words.per_cent(limit))
            if words.is_missing(share)
            else words.per_cent(share)
        )
        lines.append(phrase("{0}: {1}", name, value))
    if tube:
        lines.append(phrase("tube {0}", tube))
    return "\n".join(lines)
