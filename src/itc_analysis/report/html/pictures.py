"""Figures as parts of a page: inline SVG with text, or a small PNG for dense pictures.

The same figure gives the same bytes: ids are salted with a fixed word, no date and no program
version is written. Ids are prefixed per figure, because all figures share one page.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from itc_analysis.report.language.recorded import recorded_list

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "itc_analysis",
    "font.size": 10.0,
    "axes.titlesize": 11.0,
    "axes.labelsize": 10.0,
    "legend.fontsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}

#: A tag of an SVG document, and a number with more than two decimals, its first two caught.
TAG = re.compile(r"<[^>]*>")
LONG_NUMBER = re.compile(r"(\d+\.\d\d)\d+")

#: The words of a text, or of a picture's title or description.
SVG_TEXT = re.compile(r">(\s*)([^<]+)</(text|title|desc)>")

#: Dots per inch of PNG pictures: sharp on a screen with two dots per CSS pixel at half size.
PNG_DPI = 130

#: Colours of PNG pictures; density pictures need no more, and the page stays small.
PNG_COLOURS = 96


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with the page's style; figures are drawn and saved inside."""
    with mpl.rc_context(dict[Any, Any](STYLE)):
        yield


def new_figure(width: float, height: float, **grid: Any) -> tuple[Figure, Any]:
    """Return a figure of so many inches and its axes (see `Figure.subplots`)."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(**grid)


def to_svg(figure: Figure, *, name: str, alt: str) -> Markup:
    """Return the figure as inline SVG.

    Parameters
    ----------
    name : str
        unique within the page; prefixes the ids inside.
    alt : str
        what is seen, for those who do not see it.
    """
    stream = io.StringIO()
    # of a vector picture the resolution concerns only what is drawn as an image within it
    figure.savefig(stream, format="svg", dpi=PNG_DPI, metadata={"Date": None, "Creator": None})
    return embed_svg(stream.getvalue(), name=name, alt=alt)


def embed_svg(svg: str, *, name: str, alt: str) -> Markup:
    """Return a whole SVG document as a part of a page: no prologue, own ids, a description."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'href="#', f'href="#{name}-', body)
    body = re.sub(r"url\(#", f"url(#{name}-", body)
    # a hundredth of a point is not seen, and 240 participants are many points
    body = TAG.sub(lambda tag: LONG_NUMBER.sub(r"\1", tag.group()), body)
    body = body.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1)
    return Markup(translate_svg(body))  # made by matplotlib, which escapes text


def translate_svg(svg: str) -> str:
    """Return an SVG with its texts in the language of the report, as far as they are known."""
    return SVG_TEXT.sub(
        lambda found: f">{found[1]}{escape(recorded_list(html.unescape(found[2])))}</{found[3]}>",
        svg,
    )


def to_png(figure: Figure, *, alt: str) -> Markup:
    """Return the figure as an image whose bytes are in the page."""
    from PIL import Image

    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=PNG_DPI, metadata={"Software": None})
    stream.seek(0)
    reduced = Image.open(stream).convert("RGB").quantize(PNG_COLOURS, dither=Image.Dither.NONE)
    small = io.BytesIO()
    reduced.save(small, format="PNG", optimize=True)
    data = base64.b64encode(small.getvalue()).decode("ascii")
    return Markup('<img src="data:image/png;base64,{}" alt="{}">').format(data, alt)
