"""Marks of an SVG figure. Text is escaped, numbers have one decimal: a tenth of a pixel is not
seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from markupsafe import Markup


def number(value: float) -> str:
    """Return a place with at most one decimal."""
    shown = f"{value:.1f}".removesuffix(".0")
    return "0" if shown == "-0" else shown


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """Return a straight line; `kind` is its class."""
    return Markup('<path class="{}" d="M{} {}L{} {}"/>').format(
        kind, number(x1), number(y1), number(x2), number(y2)
    )


def text(x: float, y: float, words: str, kind: str = "", *, anchor: str = "") -> Markup:
    """Return words at a place; `anchor` is "middle" or "end"."""
    return Markup('<text x="{}" y="{}"{}{}>{}</text>').format(
        number(x),
        number(y),
        Markup(' class="{}"').format(kind) if kind else "",
        Markup(' text-anchor="{}"').format(anchor) if anchor else "",
        words,
    )


def picture(
    width: float,
    height: float,
    parts: Iterable[Markup],
    *,
    alt: str,
    kind: str,
    data: Mapping[str, str] | None = None,
) -> Markup:
    """Return the figure.

    Parameters
    ----------
    width, height : float
        size in CSS pixels at full width; it shrinks with its column.
    parts : iterable of Markup
        the marks.
    alt : str
        what is seen, for those who do not see it.
    kind : str
        class of the figure.
    data : mapping of str to str, optional
        what the page's script reads from the figure, by name; empty values are left out.
    """
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}"{}>{}</svg>'
    ).format(
        kind,
        number(width),
        number(height),
        alt,
        Markup("").join(
            Markup(' data-{}="{}"').format(name, value)
            for name, value in (data or {}).items()
            if value
        ),
        Markup("").join(parts),
    )
