"""Pictures of the evidence behind the calls of single cells, each with how to read it."""

from __future__ import annotations

import pandas as pd

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Figure, Gallery
from itc_analysis.report.html.material import Material
from itc_analysis.report.html.pictures import new_figure, to_png, to_svg
from itc_analysis.report.language.phrases import phrase
from itc_analysis.singlecell.witness_plots import (
    WITNESSES,
    plot_cell_quality,
    plot_receptors,
    plot_reliability,
    plot_witnesses,
)

#: Inches of the pictures of all cells, of a small picture and of the witnesses.
CELLS, SMALL, WIDE = (10.0, 5.2), (4.4, 3.4), (7.0, 3.2)
#: Cells with an alpha chain that make a picture of reliability.
FEWEST_JUDGED = 50


def cells_figure(material: Material) -> Figure:
    """Return what the cells of each library are like."""
    figure, axes = new_figure(*CELLS, nrows=2, ncols=2)
    plot_cell_quality(material.cells, axes.ravel())
    alt = phrase("Molecules, genes and mitochondrial share of the cells of every library.")
    return Figure(
        to_png(figure, alt=alt),
        phrase(
            "Cells after quality control, one violin per library and a dash at its median; last, "
            "one line per library, its cells from the most to the fewest molecules. Libraries of "
            "one study should look alike. One that lies lower shows fewer genes of every kind in "
            "its cells, so more of its calls stay open; a second belly in the mitochondrial share "
            "means dying cells."
        ),
        width=960,
    )


def blocks(material: Material) -> list[Block]:
    """Return which genes the calls show, how well receptors were caught, and whether RNA can be
    believed.
    """
    figures = []
    profiles = material.pseudobulk_of(WITNESSES)
    found: list[Block] = []
    if len(profiles) and len(material.pseudobulk_depth):
        figure, ax = new_figure(*WIDE)
        plot_witnesses(profiles, material.pseudobulk_depth, ax=ax)
        ax.set_yticklabels(
            [words.population(label.get_text().replace(" ", "_")) for label in ax.get_yticklabels()]
        )
        alt = phrase("Which called population shows which gene.")
        caption = phrase(
            "The genes behind the calls: the larger a dot, the higher the gene in the cells of "
            "this call, the population with the most having the largest. Each population should "
            "be largest in its own genes (MAIT: TRAV1-2 and SLC4A10; gamma-delta: TRDC and its V "
            "genes; innate CD8: KIR2DL3 or KLRC1). Large dots elsewhere in a column mean calls "
            "that mix populations."
        )
        found.append(Figure(to_svg(figure, name="witnesses", alt=alt), caption, width=672))
    is_t = material.cells["posterior_t"] >= material.settings.singlecell.call_threshold
    if material.library_quality["has_contigs"].any():
        figures.append(_receptors(material, material.cells[is_t]))
    judged = material.cells[is_t & material.cells["has_alpha"]]
    if len(judged) >= FEWEST_JUDGED:
        figure, ax = new_figure(*SMALL)
        plot_reliability(judged, ax=ax)
        alt = phrase("How often a probability of MAIT by RNA is borne out by the alpha chain.")
        figures.append(Figure(to_svg(figure, name="reliability", alt=alt)))
    if figures:
        caption = phrase(
            "Left: one point per library, with contigs, by group. Groups at different heights "
            "caught different parts of their receptors; counts are corrected for that. Right, or "
            "alone: cells whose alpha chain was seen, by what their RNA alone said of MAIT (the "
            "number of cells above each point). On the dashed line the probability is right; "
            "points above it mean that RNA promises too little, points below that it promises too "
            "much."
        )
        found.append(Gallery(figures, caption, width=440))
    return found


def _receptors(material: Material, cells: pd.DataFrame) -> Figure:
    quality = material.library_quality
    with_contigs = quality.loc[quality["has_contigs"].astype(bool), ["library_id", "sample_id"]]
    owner = material.samples.set_index("sample_id")["participant_id"]
    group = material.participants.set_index("participant_id")["group"]
    groups = with_contigs["sample_id"].map(owner).map(group).astype(object)
    by_library = pd.Series(groups.to_numpy(), index=with_contigs["library_id"].to_numpy())
    order = {name: place for place, name in enumerate(material.groups_present)}
    by_library = by_library.sort_values(key=lambda own: own.map(order), kind="stable")
    figure, ax = new_figure(*SMALL)
    plot_receptors(cells[cells["library_id"].isin(by_library.index)], by_library, ax=ax)
    alt = phrase("Share of T cells with an alpha chain in every library, by group.")
    return Figure(to_svg(figure, name="receptors", alt=alt))
