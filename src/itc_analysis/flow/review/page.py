"""A page per panel, in one file that needs no network: every gate, and what moves it.

The browser may run the script of the page and nothing else, and may send nothing anywhere (or, of
a page that `server` serves, to where it came from).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from itc_analysis.flow.review.shown import Shown

_ASSETS = files("itc_analysis.flow.review") / "assets"


def build_page(
    shown: Shown, *, sheet: str, note: str | None = None, save_to: str | None = None
) -> str:
    """Return the HTML of a panel's page; the same tables give the same bytes.

    Parameters
    ----------
    shown : Shown
        what it holds.
    sheet : str
        where the sheet of reviews lies, to be said to the reader.
    note : str, optional
        a sentence that stands on top, such as that the data are simulated; None for none.
    save_to : str, optional
        address that takes the rows of the panel; None: the page offers the sheet as a download.
    """
    script = "\n".join(_asset(name) for name in ("gate_math.js", "review.js"))
    style = _asset("review.css")
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_fingerprint(script)}'",
            f"style-src '{_fingerprint(style)}'",
            "img-src data:",
            f"connect-src {_QUOTED_NONE if save_to is None else _QUOTED_SELF}",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    data = {
        "panel": shown.panel,
        "populations": shown.populations,
        "tubes": shown.tubes,
        "gates": shown.gates,
        "axes": shown.axes,
        "reviews": [_plain(review) for review in shown.reviews],
        "sheet": sheet,
        "save": save_to,
    }
    densities = "\n".join(
        f'<script type="text/plain" id="t{number}">{packed}</script>'
        for number, packed in enumerate(shown.densities)
    )
    return Template(_asset("review.html")).substitute(
        policy=policy,
        panel=escape(shown.panel),
        note=f'<p class="note">{escape(note)}</p>' if note else "",
        style=style,
        # a "</script>" in a comment must not end the block
        data=json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"),
        densities=densities,
        script=script,
    )


_QUOTED_NONE, _QUOTED_SELF = "'none'", "'self'"


@cache
def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _fingerprint(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _plain(review: Mapping[str, Any]) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in review.items()}
