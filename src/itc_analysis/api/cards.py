"""How results show themselves in a notebook: a title, a line of facts, a small table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

#: Rows that a card shows; the rest are counted.
MAX_ROWS = 12


def card(
    title: str, facts: str, header: Sequence[str], rows: Iterable[Sequence[object]], *, more: str
) -> str:
    """Return a small HTML table with a title.

    Parameters
    ----------
    title : str
        What it is.
    facts : str
        One line below the title.
    header : sequence of str
        Names of the columns.
    rows : iterable of sequences
        Cells, as they are to be read; at most `MAX_ROWS` are shown.
    more : str
        What the rows that are not shown are, e.g. ``"channels"``.

    Returns
    -------
    str
        HTML without style sheets, so that it looks like the rest of the notebook.
    """
    every = [tuple(row) for row in rows]
    shown = "".join(_row(row, "td") for row in every[:MAX_ROWS])
    left = len(every) - MAX_ROWS
    rest = f"<p>and {left} more {escape(more)}</p>" if left > 0 else ""
    return (
        f"<div><strong>{escape(title)}</strong><p>{escape(facts)}</p>"
        f"<table><thead>{_row(header, 'th')}</thead><tbody>{shown}</tbody></table>{rest}</div>"
    )


def _row(cells: Iterable[object], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"
