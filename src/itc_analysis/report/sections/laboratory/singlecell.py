"""Single-cell libraries: could they be used, and what their cells were called."""

from __future__ import annotations

import pandas as pd

from itc_analysis.report.html import plots, words
from itc_analysis.report.html.blocks import Block, Details, Heading, PageSection, Paragraph, Table
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.laboratory import counting, receptor_usage, witnesses


def section(material: Material) -> PageSection | None:
    """Return the section on single-cell libraries; None for a study without them."""
    title = phrase("Single cell")
    if not material.has_single_cell:
        return None
    blocks: list[Block] = []
    if material.library_quality.empty:
        blocks.append(Paragraph(phrase("No library has been read; see Problems.")))
    else:
        blocks += [
            Heading(phrase("Quality of the libraries")),
            plots.quality_figure(material),
            Details(phrase("Quality library by library"), [quality(material.library_quality)]),
        ]
    if not material.cells.empty:
        blocks.append(witnesses.cells_figure(material))
    if material.cells.empty:
        blocks.append(Paragraph(phrase("No cell passed quality control, so none was called.")))
    else:
        blocks += [
            Heading(phrase("Calls")),
            plots.evidence_figure(material),
            evidence(material.cells),
            *witnesses.blocks(material),
            *receptor_usage.blocks(material),
            *counting.blocks(material),
        ]
        blocks.append(Details(phrase("Cells by library and call"), [calls(material.cells)]))
    return PageSection("singlecell", title, blocks)


def quality(libraries: pd.DataFrame) -> Table:
    """Return one row per library: cells kept, receptors, status."""
    body = []
    for row in each_row(libraries.sort_values("library_id")):
        receptors = (
            words.count(row.n_with_receptor) if row.has_contigs else phrase("no contigs were given")
        )
        remarks = [text for text in (row.reason, row.remarks) if not words.is_missing(text)]
        body.append(
            [
                row.library_id,
                row.sample_id,
                row.batch,
                words.count(row.n_barcodes),
                words.count(row.n_cells),
                receptors,
                words.status(row.status) if row.status != "ok" else "ok",
                "; ".join(remarks) or words.NOTHING,
            ]
        )
    return Table(
        caption=(
            phrase(
                "Libraries: barcodes in the file, cells after quality control, cells with a "
                "productive receptor."
            )
        ),
        header=[
            phrase("Library"),
            phrase("Sample"),
            phrase("Batch"),
            phrase("Barcodes"),
            phrase("Cells"),
            phrase("With receptor"),
            phrase("Status"),
            phrase("Remarks"),
        ],
        rows=body,
        numeric=frozenset([3, 4, 5]),
    )


def calls(cells: pd.DataFrame) -> Table:
    """Return cells by library and call."""
    counted = pd.crosstab(cells["library_id"], cells["call"])
    order = {name: place for place, name in enumerate(words.POPULATION_NAMES)}
    names = sorted(counted.columns, key=lambda name: (order.get(name, len(order)), name))
    body = [
        [str(library), *(words.count(row[name]) for name in names), words.count(row.sum())]
        for library, row in counted.sort_index().iterrows()
    ]
    return Table(
        caption=phrase(
            "Cells by library and call. “Indeterminate” means that no call reached the "
            "threshold: it is an answer, and such cells stay in no population."
        ),
        header=[
            phrase("Library"),
            *(words.population(str(name)) for name in names),
            phrase("All cells"),
        ],
        rows=body,
        numeric=frozenset(range(1, len(names) + 2)),
    )


#: What decided the call of a cell.
DECIDED_NAMES = {
    "both": "receptor and RNA",
    "receptor": "receptor",
    "rna": "RNA",
    "protein": "surface protein",
}


def evidence(cells: pd.DataFrame) -> Table:
    """Return by call: what decided, how sure, and where receptor and RNA disagree."""
    body = []
    for call, rows in cells.groupby("call", sort=True):
        decided = rows["decided_by"].value_counts().sort_index()
        told = (
            ", ".join(
                f"{phrase(DECIDED_NAMES.get(str(name), str(name)))}: {n:,}"
                for name, n in decided.items()
            )
            or words.NOTHING
        )
        body.append(
            [
                words.population(str(call)),
                words.count(len(rows)),
                words.number(rows["posterior"].median()),
                told,
                words.count(rows["is_conflict"].sum()),
            ]
        )
    return Table(
        caption=(
            phrase(
                "What decided the calls, and how probable the typical call is, given receptor "
                "and RNA. A conflict is a cell whose receptor and RNA point to different "
                "populations."
            )
        ),
        header=[
            phrase("Call"),
            phrase("Cells"),
            phrase("Median probability"),
            phrase("Decided by"),
            phrase("Conflicts"),
        ],
        rows=body,
        numeric=frozenset([1, 2, 4]),
    )
