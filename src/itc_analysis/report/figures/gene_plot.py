"""Every gene of one comparison: how high it is, and how much higher in the index group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from itc_analysis.report.figures import scale, svg
from itc_analysis.report.html import words
from itc_analysis.report.html.material import each_row
from itc_analysis.report.language.phrases import phrase

#: Pixels: the figure and the edges around its axes.
WIDTH, HEIGHT = 356.0, 236.0
LEFT, RIGHT, TOP, BOTTOM = 34.0, 8.0, 6.0, 30.0
#: Genes that are neither found nor asked for are drawn on a grid of so many pixels: a square with
#: genes is one dot, and thousands of genes stay a few kilobytes.
GRID = 2
#: Share of these genes that lies within the figure; the others stand at its edge.
INSIDE = 0.998
#: Names at most, pixels per letter of one, its height, and how far it may be moved up or down.
MOST_NAMED, LETTER, LINE, FURTHEST = 12, 5.7, 10.0, 26


def draw(
    rows: pd.DataFrame, *, alpha: float, signatures: Mapping[str, Iterable[str]], alt: str
) -> Markup:
    """Return the figure of one population and comparison.

    Parameters
    ----------
    rows : pandas.DataFrame
        rows of a `Genes` table; those that were not tested are not drawn.
    alpha : float
        adjusted p at or below which a gene is found.
    signatures : mapping of str to iterable of str
        genes of the signatures, by signature.
    alt : str
        what is seen, for those who do not see it.
    """
    tested = rows[rows["status"] == "ok"].sort_values(["p_value", "gene"], kind="stable")
    asked = {gene: name for name, genes in signatures.items() for gene in genes}
    is_found = (tested["p_adjusted"] <= alpha).to_numpy(dtype=bool)
    is_marked = is_found | tested["gene"].isin(asked).to_numpy(dtype=bool)
    change = tested["log2_fold_change"].to_numpy(dtype=float)
    others = np.abs(change[~is_marked])
    reach = max(
        [1.0, *np.abs(change[is_marked]), *([np.quantile(others, INSIDE)] if len(others) else [])]
    )
    x_axis = scale.fit(tested["mean_count"], start=LEFT, end=WIDTH - RIGHT, is_log=True)
    y_axis = scale.Scale(-1.05 * reach, 1.05 * reach, HEIGHT - BOTTOM, TOP, is_log=False)
    parts = [_frame(x_axis, y_axis), _cloud(tested[~is_marked], x_axis, y_axis)]
    marked = tested[is_marked]
    places = [
        (x_axis.place(row.mean_count), y_axis.place(row.log2_fold_change))
        for row in each_row(marked)
    ]
    for row, place in reversed(list(zip(each_row(marked), places, strict=True))):
        parts.append(_gene(row, place, asked, alpha))
    parts += _names(marked["gene"].astype(str).tolist(), places)
    return svg.picture(WIDTH, HEIGHT, parts, alt=alt, kind="genes")


def _frame(x_axis: scale.Scale, y_axis: scale.Scale) -> Markup:
    foot = HEIGHT - BOTTOM
    parts = []
    for value in y_axis.ticks():
        y = y_axis.place(value)
        kind = "axis" if value == 0 else "grid"
        parts.append(svg.line(LEFT, y, WIDTH - RIGHT, y, kind))
        parts.append(svg.text(LEFT - 4, y + 3.5, scale.label(value), anchor="end"))
    for value in x_axis.ticks():
        x = x_axis.place(value)
        parts.append(svg.line(x, TOP, x, foot, "grid"))
        label = scale.label(value)
        if x + LETTER * len(label) / 2 <= WIDTH:
            parts.append(svg.text(x, foot + 12, label, anchor="middle"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    told = phrase("molecules at equal depth, mean of the participants")
    parts.append(svg.text(middle, HEIGHT - 5, told, anchor="middle"))
    parts.append(
        Markup(
            '<text transform="translate(9 {}) rotate(-90)" text-anchor="middle">{}</text>'
        ).format(svg.number((TOP + foot) / 2), phrase("log2 fold change"))
    )
    return Markup("").join(parts)


def _cloud(rows: pd.DataFrame, x_axis: scale.Scale, y_axis: scale.Scale) -> Markup:
    """Return the genes without a name as one path of dots, each given by its distance to the one
    before it.
    """
    dots = {
        (
            round(x_axis.place(row.mean_count) / GRID),
            round(y_axis.place(row.log2_fold_change) / GRID),
        )
        for row in each_row(rows)
    }
    steps, last = [], (0, 0)
    for dot in sorted(dots):
        steps.append(f"m{dot[0] - last[0]} {dot[1] - last[1]}h0")
        last = dot
    return Markup('<path class="cloud" transform="scale({})" d="{}"/>').format(
        GRID, "".join(steps).replace(" -", "-")
    )


def _gene(row: Any, place: tuple[float, float], asked: Mapping[str, str], alpha: float) -> Markup:
    """Return one gene: filled when it was found, a ring when a signature asks for it."""
    is_found = row.p_adjusted <= alpha
    direction = ("up" if row.log2_fold_change > 0 else "down") if is_found else "asked"
    told = phrase(
        "{0}: ×{1}, adjusted {2}",
        row.gene,
        words.ratio(2**row.log2_fold_change),
        words.p_phrase(row.p_adjusted),
    )
    if row.gene in asked:
        told += f" ({words.signature(asked[row.gene])})"
    return Markup('<circle class="{}" cx="{}" cy="{}" r="2.4"><title>{}</title></circle>').format(
        direction, svg.number(place[0]), svg.number(place[1]), told
    )


def _names(genes: list[str], places: list[tuple[float, float]]) -> list[Markup]:
    """Return the names that find room beside their genes, the surest genes first."""
    taken = [(x - 3, y - 3, x + 3, y + 3) for x, y in places]
    found: list[Markup] = []
    for gene, (x, y) in zip(genes, places, strict=True):
        if len(found) == MOST_NAMED:
            break
        width = LETTER * len(gene) + 2
        shifts = sorted(range(-FURTHEST, FURTHEST + 1, 2), key=abs)
        for shift, is_left in ((shift, left) for shift in shifts for left in (False, True)):
            start = x - 5 - width if is_left else x + 5
            box = (start, y + shift - LINE / 2, start + width, y + shift + LINE / 2)
            if _is_free(box, taken):
                taken.append(box)
                anchor = "end" if is_left else ""
                at = start + width if is_left else start
                if abs(shift) > LINE / 2:  # a thread to the gene
                    found_line = svg.line(x, y, at - (-1 if is_left else 1), y + shift, "thread")
                    name = svg.text(at, y + shift + 3.5, gene, "group", anchor=anchor)
                    found.append(found_line + name)
                else:
                    found.append(svg.text(at, y + shift + 3.5, gene, "group", anchor=anchor))
                break
    return found


def _is_free(
    box: tuple[float, float, float, float], taken: list[tuple[float, float, float, float]]
) -> bool:
    is_inside = box[0] >= LEFT and box[2] <= WIDTH and box[1] >= 0 and box[3] <= HEIGHT - BOTTOM
    return is_inside and not any(
        box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
        for other in taken
    )
