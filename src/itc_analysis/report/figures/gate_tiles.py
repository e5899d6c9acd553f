"""The gate behind every point: the parent's events, edges and state in its tube, packed small.

The tubes of a population are tiles of one image, drawn on axes that they share. The page's script
cuts one out and draws its edges when the point is looked at; nothing is drawn before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.flow.pictures import gate_svg
from itc_analysis.flow.pictures.gate_drawing import (
    Drawing,
    Gate,
    draw_gate,
    gates_of_tubes,
    view_name,
)
from itc_analysis.flow.pictures.gate_svg import Axis
from itc_analysis.flow.pictures.plots import STATE_COLOURS
from itc_analysis.report.html import words
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase
from itc_analysis.tables.quantities import POSITIVE_OF

#: Tiles in a row of the image.
COLUMNS = 16
#: Decimals of a place on an axis, as a share of its length: a tenth of a pixel.
_DECIMALS = 3


def tiles(material: Material, rows: pd.DataFrame) -> dict[str, Any]:
    """Return the gates of the tubes that measurements come from, as the page's script reads them.

    Parameters
    ----------
    material : Material
        the study.
    rows : pandas.DataFrame
        measurements that are drawn as points; those of other assays than flow have no gate.

    Returns
    -------
    dict of str to object
        by population its `name`, `sheets`, an image and its axes for each panel, and `tubes`, by
        tube the sheet, the place in it, what is said, the span of its bins, and its edges, see
        `_tube`. Places are shares of the axes, from the left and from below.
    """
    panels = material.tube_quality.set_index("file_id")["panel"]
    rows = rows[(rows["assay"] == "flow") & rows["source_id"].isin(panels.index)]
    wanted = {
        (str(population), str(panel)): sorted(set(own["source_id"].astype(str)))
        for (population, panel), own in rows.assign(panel=rows["source_id"].map(panels)).groupby(
            ["population", "panel"], sort=True
        )
    }
    gates = material.gates[material.gates["file_id"].isin(rows["source_id"])]
    by_tube = gates_of_tubes(gates[~gates["population"].str.startswith(POSITIVE_OF)])
    counts = material.counts.set_index(["source_id", "population"])
    found: dict[str, Any] = {}
    for panel in sorted({panel for _, panel in wanted}):
        views = _views(material, panel, by_tube)
        for population in (name for name, of in wanted if of == panel):
            drawings = {
                tube: drawing
                for tube in wanted[population, panel]
                if (drawing := _drawing(population, by_tube.get(tube, {}), views.get(tube, {})))
            }
            for markers in sorted({drawing.density.markers for drawing in drawings.values()}):
                alike = {t: each for t, each in drawings.items() if each.density.markers == markers}
                axes = gate_svg.common_axes(each.density for each in alike.values())
                own = found.setdefault(
                    population,
                    {"name": words.population(population), "sheets": [], "tubes": {}},
                )
                for place, (tube, each) in enumerate(alike.items()):
                    told = _told(by_tube[tube][population], counts, tube)
                    own["tubes"][tube] = [len(own["sheets"]), place, told, *_tube(each, axes)]
                own["sheets"].append(_sheet(list(alike.values()), axes))
    return found


def _views(
    material: Material, panel: str, tubes: Iterable[str]
) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return the histograms of a panel by tube and population, of these tubes."""
    quality = material.tube_quality
    batches = sorted(set(quality.loc[quality["panel"] == panel, "batch"].astype(str)))
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    kept = set(tubes)
    for batch in batches:
        for row in material.histograms_of(panel, batch).to_dict("records"):
            if row["source_id"] in kept:
                named = {str(name): value for name, value in row.items()}
                found.setdefault(str(row["source_id"]), {})[str(row["population"])] = named
    return found


def _drawing(
    population: str, gates: Mapping[str, Gate], views: Mapping[str, Mapping[str, Any]]
) -> Drawing | None:
    if population not in gates:
        return None
    name = view_name(population, gates, set(views))
    return None if name is None else draw_gate(population, gates, views[name])


def _told(gate: Gate, counts: pd.DataFrame, tube: str) -> str:
    """Return the state of a gate, its events, and why it has this state."""
    told = phrase("gate: {0}", words.gate_state(gate.state))
    if (tube, gate.population) in counts.index:
        count = counts.loc[(tube, gate.population)]
        if not words.is_missing(count["n_events"]):
            told += phrase(
                ", {0} of {1} events of its parent ({2})",
                words.count(count["n_events"]),
                words.count(count["n_parent"]),
                words.population(gate.parent),
            )
    return told if gate.reason is None else f"{told}\n{words.plain(gate.reason)}"


def _tube(drawing: Drawing, axes: Mapping[str, Axis]) -> tuple[list[float], list[Any], list[Any]]:
    """Return the span of the bins (left, right, low, high), the cuts (axis, place, half width of
    the band, own cut, colour) and the outlines (x and y in turn, colour).
    """
    density = drawing.density
    across = [axes[marker] for marker in density.markers]
    spans = [
        _round(axis.share(end))
        for axis, span in zip(across, density.spans, strict=True)
        for end in span
    ]
    cuts = []
    for line in drawing.lines:
        axis = across[line.axis]
        width = axis.high - axis.low
        reach = None if line.reach is None else _round(line.reach / width)
        own = None if line.own in (None, line.at) else _round(axis.share(float(line.own or 0)))
        cuts.append([line.axis, _round(axis.share(line.at)), reach, own, STATE_COLOURS[line.state]])
    outlines = [
        [
            [_round(axis.share(float(end))) for corner in edge.corners for axis, end in
             zip(across, corner, strict=True)],
            STATE_COLOURS[edge.state],
        ]
        for edge in drawing.outlines
    ]  # fmt: skip
    return [*spans, 0.0, 1.0][:4], cuts, outlines


def _sheet(drawings: list[Drawing], axes: Mapping[str, Axis]) -> dict[str, Any]:
    """Return the image of all tiles, which show the same markers, and the axes."""
    shown = [gate_svg.shades(drawing) for drawing in drawings]
    height, width = (max(size) for size in zip(*(tile.shape for tile in shown), strict=True))
    n_columns = min(COLUMNS, len(shown))
    image = np.zeros((height * math.ceil(len(shown) / n_columns), width * n_columns), np.uint8)
    for place, tile in enumerate(shown):
        top, left = height * (place // n_columns), width * (place % n_columns)
        image[top : top + height, left : left + width] = tile
    return {
        "png": gate_svg.png(image),
        "columns": n_columns,
        "tile": [width, height],
        "size": [image.shape[1], image.shape[0]],
        "axes": [
            {
                "name": marker,
                "ticks": [
                    [_round(axes[marker].share(at)), label] for at, label in axes[marker].ticks
                ],
            }
            for marker in drawings[0].density.markers
        ],
    }


def _round(share: float) -> float:
    return round(float(share), _DECIMALS)
