"""Which genes the receptors of a population use: every participant a point, by gene and group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from itc_analysis.report.figures import points, svg
from itc_analysis.report.figures.scale import Scale
from itc_analysis.report.html import words
from itc_analysis.report.html.material import each_row
from itc_analysis.report.language.phrases import phrase

#: Pixels: width, edges, height of a gene's name and of the line of a group, radius of a point.
WIDTH, LEFT, RIGHT, TOP, BOTTOM = 316.0, 58.0, 12.0, 2.0, 30.0
NAME, LINE, RADIUS = 15.0, 12.0, 2.2
#: A share of fewer cells than this is drawn open, and no median counts it.
FEWEST_CELLS = 10
#: Medians of fewer people are not drawn.
FEWEST_PEOPLE = 3
#: Letters of a group's name that fit beside its line.
LETTERS = 8
TICKS = (0, 25, 50, 75, 100)


def draw(
    usage: pd.DataFrame, *, genes: Sequence[str], groups: Sequence[str], index_group: str, alt: str
) -> Markup:
    """Return the figure of one chain of one population.

    Parameters
    ----------
    usage : pandas.DataFrame
        one row per participant and gene: participant_id, group, batch, gene, n_with_gene, n_cells
        (cells with the chain), share (0-1).
    genes : sequence of str
        those drawn, from top to bottom.
    groups : sequence of str
        groups in their order.
    index_group : str
        drawn in the strong colour.
    alt : str
        what is seen, for those who do not see it.
    """
    block = NAME + LINE * len(groups)
    height = TOP + block * len(genes) + BOTTOM
    axis = Scale(0.0, 100.0, LEFT, WIDTH - RIGHT, is_log=False)
    foot = height - BOTTOM
    parts = []
    for value in TICKS:
        x = axis.place(value)
        parts.append(svg.line(x, TOP + NAME, x, foot, "grid"))
        parts.append(svg.text(x, foot + 12, str(value), anchor="middle"))
    told = phrase("% of the participant’s cells with this chain")
    parts.append(svg.text((LEFT + WIDTH - RIGHT) / 2, height - 5, told, anchor="middle"))
    for place, gene in enumerate(genes):
        top = TOP + place * block
        parts.append(svg.text(2, top + NAME - 4, gene, "group"))
        of_gene = usage[usage["gene"] == gene]
        for number, group in enumerate(groups):
            middle = top + NAME + (number + 0.5) * LINE
            shown = group if len(group) <= LETTERS else f"{group[: LETTERS - 1]}…"
            parts.append(svg.text(LEFT - 6, middle + 3.5, shown, anchor="end"))
            kind = "index" if group == index_group else "other"
            marks = _line(of_gene[of_gene["group"] == group], axis, middle)
            parts.append(Markup('<g class="{}" data-g="{}">{}</g>').format(kind, group, marks))
    return svg.picture(WIDTH, height, parts, alt=alt, kind="points")


def _line(own: pd.DataFrame, axis: Scale, middle: float) -> Markup:
    xs = [axis.place(100 * share) for share in own["share"]]
    shifts = points.spread(xs, most=LINE / 2 - RADIUS, apart=2 * RADIUS)
    marks = [
        _point(row, x, middle + shift)
        for row, x, shift in zip(each_row(own), xs, shifts, strict=True)
    ]
    sure = own.loc[own["n_cells"] >= FEWEST_CELLS, "share"]
    if len(sure) >= FEWEST_PEOPLE:
        x = axis.place(100 * float(sure.median()))
        marks.append(svg.line(x, middle - LINE / 2 + 0.5, x, middle + LINE / 2 - 0.5, "median"))
    return Markup("").join(marks)


def _point(row: Any, x: float, y: float) -> Markup:
    told = phrase(
        "{0}, {1}: {2} of {3} cells",
        row.participant_id,
        row.group,
        words.count(row.n_with_gene),
        words.count(row.n_cells),
    )
    return Markup(
        '<circle class="{}" cx="{}" cy="{}" r="{}" data-t="" data-p="{}" data-b="{}">'
        "<title>{}</title></circle>"
    ).format(
        "p" if row.n_cells >= FEWEST_CELLS else "p low",
        svg.number(x),
        svg.number(y),
        RADIUS,
        row.participant_id,
        row.batch,
        told,
    )
