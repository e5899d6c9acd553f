"""A gate as inline SVG: an image of the bins, with lines, band and axes over it; no matplotlib
axes.

A drawing costs a few hundred bytes and about a millisecond, so that every gate of every tube can
have one.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.pictures.gate_drawing import Drawing, ParentDensity, free_ticks
from itc_analysis.flow.pictures.plots import INSIDE_MAP, OUTSIDE_MAP, STATE_COLOURS

#: CSS pixels of a drawing, and of the room around it for the marks of its axes.
SIDE, _LEFT, _RIGHT, _BELOW = 150, 36, 9, 28
#: Shades of density, inside and outside of the gate; the first one of each is empty.
_SHADES = 12
#: Rows of pixels of a one-dimensional view.
_ROWS = 64


@dataclass(frozen=True)
class Axis:
    """An axis that all drawings of a page share.

    Parameters
    ----------
    low, high : float
        its ends, transformed units.
    ticks : tuple of tuple of (float, str)
        places and labels.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def share(self, value: float) -> float:
        """Return where a value lies between the ends, 0 to 1."""
        return (value - self.low) / (self.high - self.low)


def common_axes(densities: Iterable[ParentDensity]) -> dict[str, Axis]:
    """Return the axis of each marker over all tubes."""
    spans: dict[str, tuple[float, float]] = {}
    ticks: dict[str, set[tuple[float, float]]] = {}
    for density in densities:
        for marker, (low, high), own in zip(
            density.markers, density.spans, density.ticks, strict=True
        ):
            known = spans.get(marker, (low, high))
            spans[marker] = (min(known[0], low), max(known[1], high))
            ticks.setdefault(marker, set()).update(own)
    return {
        marker: Axis(*span, tuple(free_ticks(sorted(ticks[marker]), span)))
        for marker, span in spans.items()
    }


def to_svg(drawing: Drawing, axes: Mapping[str, Axis], *, title: str) -> str:
    """Return a drawing as inline SVG.

    Parameters
    ----------
    axes : mapping of str to Axis
        by marker; see `common_axes`.
    title : str
        what is seen, for those who do not see it.
    """
    density = drawing.density
    is_flat = len(density.markers) == 1
    x_axis = axes[density.markers[0]]
    y_axis = Axis(0.0, 1.0, ()) if is_flat else axes[density.markers[1]]

    def x(value: float) -> float:
        return SIDE * x_axis.share(value)

    def y(value: float) -> float:
        return SIDE * (1 - y_axis.share(value))

    (left, right), (low, high) = density.spans[0], (0.0, 1.0) if is_flat else density.spans[1]
    image = (
        f'<image x="{x(left):.1f}" y="{y(high):.1f}" width="{x(right) - x(left):.1f}" '
        f'height="{y(low) - y(high):.1f}" preserveAspectRatio="none" '
        f'href="data:image/png;base64,{png(shades(drawing))}"/>'
    )
    marks = [image]
    for line in drawing.lines:
        place = x if line.axis == 0 else y
        if line.reach is not None:
            ends = sorted((place(line.at - line.reach), place(line.at + line.reach)))
            marks.append(_band(line.axis, ends[0], ends[1] - ends[0], STATE_COLOURS[line.state]))
        if line.own is not None and line.own != line.at:
            marks.append(_rule(line.axis, place(line.own), 'class="own"'))
        marks.append(_rule(line.axis, place(line.at), f'stroke="{STATE_COLOURS[line.state]}"'))
    for outline in drawing.outlines:
        points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in outline.corners)
        marks.append(f'<polyline points="{points}" stroke="{STATE_COLOURS[outline.state]}"/>')
    around = [
        f'<text x="{x(at):.1f}" y="{SIDE + 10}" text-anchor="middle">{label}</text>'
        for at, label in x_axis.ticks
    ]
    around.append(_axis_name(density.markers[0], is_x=True))
    if not is_flat:
        around += [
            f'<text x="-3" y="{y(at) + 3:.1f}" text-anchor="end">{label}</text>'
            for at, label in y_axis.ticks
        ]
        around.append(_axis_name(density.markers[1], is_x=False))
    width, height = SIDE + _LEFT + _RIGHT, SIDE + _BELOW + 2
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="{-_LEFT} -1 {width} {height}">'
        f'<svg width="{SIDE}" height="{SIDE}">{"".join(marks)}</svg>'
        f'<rect width="{SIDE}" height="{SIDE}" class="frame"/>{"".join(around)}</svg>'
    )


def _axis_name(marker: str, *, is_x: bool) -> str:
    if is_x:
        return (
            f'<text class="name" x="{SIDE / 2}" y="{SIDE + 23}" '
            f'text-anchor="middle">{escape(marker)}</text>'
        )
    return (
        f'<text class="name" transform="translate({8 - _LEFT} {SIDE / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(marker)}</text>'
    )


def _band(axis: int, start: float, width: float, colour: str) -> str:
    place = (
        f'x="{start:.1f}" width="{width:.1f}" height="{SIDE}"'
        if axis == 0
        else f'y="{start:.1f}" height="{width:.1f}" width="{SIDE}"'
    )
    return f'<rect class="band" {place} fill="{colour}"/>'


def _rule(axis: int, at: float, look: str) -> str:
    ends = (
        f'x1="{at:.1f}" x2="{at:.1f}" y2="{SIDE}"'
        if axis == 0
        else f'y1="{at:.1f}" y2="{at:.1f}" x2="{SIDE}"'
    )
    return f"<line {ends} {look}/>"


def shades(drawing: Drawing) -> npt.NDArray[np.uint8]:
    """Return the bins as places in the palette: grey outside of the gate, coloured inside.

    Returns
    -------
    numpy.ndarray
        rows of pixels from top to bottom, shape (n_y, n_x); of a one-dimensional view columns as
        high as the logarithm of the number.
    """
    counts = drawing.density.counts
    inside = np.ones(counts.shape, bool) if drawing.inside is None else drawing.inside
    scaled = np.log1p(counts) / max(float(np.log1p(counts.max())), 1.0)
    if counts.ndim == 1:
        shade = np.where(np.arange(_ROWS)[None, :] < _ROWS * scaled[:, None], _SHADES // 2, 0)
        inside = np.broadcast_to(inside[:, None], shade.shape)
    else:
        shade = np.ceil(scaled * (_SHADES - 1)).astype(int)
    index = np.where(inside, shade, np.where(shade > 0, shade + _SHADES, 0)).astype(np.uint8)
    return np.ascontiguousarray(index.T[::-1])


def png(index: npt.NDArray[np.uint8]) -> str:
    """Return places in the palette as the base64 of a PNG, shape (n_rows, n_columns)."""
    from PIL import Image

    picture = Image.fromarray(index, "P")
    picture.putpalette(_palette())
    stream = io.BytesIO()
    picture.save(stream, format="PNG", bits=8, compress_level=6)
    return base64.b64encode(stream.getvalue()).decode("ascii")


@cache
def _palette() -> bytes:
    """Return the colours of both sets of shades, red, green, blue; the empty one is white."""
    from matplotlib import colormaps

    # from light to dark, without the ends that are lost on white
    along = np.linspace(0.1, 1, _SHADES)
    rows: list[npt.NDArray[np.uint8]] = []
    for name in (INSIDE_MAP, OUTSIDE_MAP):
        colours = (255 * colormaps[name](along)[:, :3]).round().astype(np.uint8)
        colours[0] = 255
        rows.append(colours)
    # grey up to the middle only: the gate's own events stand out
    rows[1][1:] = (
        (255 * colormaps[OUTSIDE_MAP](np.linspace(0.15, 0.6, _SHADES - 1))[:, :3])
        .round()
        .astype(np.uint8)
    )
    return np.concatenate(rows).tobytes()
