"""Which gates a frozen release keeps where they are, and which would have moved."""

from __future__ import annotations

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Details, Heading, Paragraph, Table
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase
from itc_analysis.tables.quantities import POSITIVE_OF

_MOST_ROWS = 40


def blocks(material: Material) -> list[Block]:
    """Return what the release keeps; nothing where no tube came after one."""
    moved = material.moved_gates
    if moved.empty:
        return []
    n_gates, n_moved = int(moved["n_tubes"].sum()), int(moved["n_moved"].sum())
    told = phrase(
        "Scales and gates of the release were kept: tubes that came later were gated on the same "
        "scales, and no gate of an older tube moved. Had all tubes been pooled again, {0} of {1} "
        "older gates would lie further from their place than their own standard error, or have "
        "another state.",
        words.count(n_moved),
        words.count(n_gates),
    )
    found: list[Block] = [Heading(phrase("What the frozen release keeps")), Paragraph(told)]
    if n_moved:
        found.append(Details(phrase("Gates that would have moved"), [_table(material)]))
    return found


def _table(material: Material) -> Table:
    moved = material.moved_gates
    rows = moved[moved["n_moved"] > 0].sort_values("largest_shift", ascending=False)
    body = [
        [
            f"{row.panel}, {row.batch}",
            words.plain(str(row.population).removeprefix(POSITIVE_OF)),
            words.count(row.n_tubes),
            words.count(row.n_moved),
            words.NOTHING
            if words.is_missing(row.largest_shift)
            else words.number(row.largest_shift),
            words.NOTHING if words.is_missing(row.file_id) else str(row.file_id),
        ]
        for row in each_row(rows.head(_MOST_ROWS))
    ]
    return Table(
        phrase(
            "Gates of the release that pooling all tubes again would put elsewhere, the furthest "
            "first; at most {0}. Distance: on the transformed scale, of which a fifth is about a "
            "decade of intensity.",
            words.count(_MOST_ROWS),
        ),
        [
            phrase("Panel, batch"),
            phrase("Population"),
            phrase("Tubes of the release"),
            phrase("Would move"),
            phrase("Largest distance"),
            phrase("Tube"),
        ],
        body,
        numeric=frozenset(range(2, 5)),
    )
