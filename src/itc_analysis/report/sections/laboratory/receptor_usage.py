"""Which V and J genes the receptors of called innate T cells use, by group of participants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from itc_analysis.report.figures import receptor_usage as figure
from itc_analysis.report.figures.receptor_usage import FEWEST_CELLS, FEWEST_PEOPLE
from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import (
    Block,
    Details,
    Figure,
    Gallery,
    Heading,
    Paragraph,
    Table,
)
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase

#: Genes of one chain that are drawn and listed, those with the largest mean share, and the smallest
#: such share.
N_DRAWN, N_LISTED, LEAST = 4, 8, 0.01


@dataclass(frozen=True)
class Segment:
    """One gene of one chain of a population."""

    population: str
    chain: str
    column: str
    name: str


#: Genes that do not define the population, and so can differ between people.
SEGMENTS = (
    Segment("mait", "alpha", "j_gene", "TRAJ"),
    Segment("mait", "beta", "v_gene", "TRBV"),
    Segment("inkt", "beta", "v_gene", "TRBV"),
    Segment("gd_t_cells", "delta", "v_gene", "TRDV"),
    Segment("gd_t_cells", "gamma", "v_gene", "TRGV"),
)


def blocks(material: Material) -> list[Block]:
    """Return pictures and a table of the genes used; nothing where no such chain was read."""
    chains = material.receptors_of(sorted({segment.population for segment in SEGMENTS}))
    found = [(segment, usage_of(chains, material, segment)) for segment in SEGMENTS]
    found = [(segment, usage) for segment, usage in found if len(usage)]
    if not found:
        return []
    said: list[Block] = [Heading(phrase("Receptor genes"))]
    figures, undrawn = [], []
    for segment, usage in found:
        title = f"{words.population(segment.population)}: {segment.name}"
        if not is_drawn(usage):
            undrawn.append(title)
            continue
        alt = phrase("{0}: one point per participant, by gene and group.", title)
        picture = figure.draw(
            usage,
            genes=most_used(usage)[:N_DRAWN],
            groups=[group for group in material.groups_present if (usage["group"] == group).any()],
            index_group=material.settings.cohort.index_group,
            alt=alt,
        )
        figures.append(Figure(picture, title, width=480))
    rest = (
        phrase(
            "Not drawn, because no group has {0} participants with {1} such cells: {2}.",
            FEWEST_PEOPLE,
            FEWEST_CELLS,
            words.listed(undrawn),
        )
        if undrawn
        else ""
    )
    if figures:
        caption = phrase(
            "Genes of the receptors of called cells, the most used first. A point is a "
            "participant: the share of the participant’s cells of this population that carry the "
            "gene, among those in which the chain was seen; a cell with two such chains counts for "
            "both. Open: fewer than {0} cells; line: median of the filled points. TRAV1-2 with "
            "TRAJ33, TRAJ12 or TRAJ20 is what makes a MAIT cell here, and TRAV10 with TRAJ18 an "
            "iNKT cell; how they divide among these J genes, and their beta chains, is free. A "
            "clone that has grown in one person moves one point: believe a difference only where "
            "the points of a group stand together. Nothing is tested here.",
            FEWEST_CELLS,
        )
        said.append(Gallery(figures, f"{caption} {rest}".strip(), width=360))
    elif rest:
        said.append(Paragraph(rest))
    said.append(Details(phrase("Receptor genes by group"), [table(found, material)]))
    return said


def usage_of(chains: pd.DataFrame, material: Material, segment: Segment) -> pd.DataFrame:
    """Return how often each participant's cells use each gene.

    Returns
    -------
    pandas.DataFrame
        One row per participant with such cells and gene that anybody uses: participant_id, group,
        batch, gene, n_with_gene, n_cells (cells of the population whose gene of this chain is
        known), share (0-1, n_with_gene over n_cells). Only participants in the analysis.
    """
    rows = chains[(chains["call"] == segment.population) & (chains["chain"] == segment.chain)]
    rows = rows[rows[segment.column].notna()]
    owner = material.samples.set_index("sample_id")["participant_id"]
    people = material.participants
    people = people[people["is_analysed"] & people["group"].notna()].set_index("participant_id")
    rows = rows.assign(participant_id=rows["sample_id"].map(owner), gene=rows[segment.column])
    rows = rows[rows["participant_id"].isin(people.index)]
    cell = ["library_id", "barcode"]
    n_cells = rows.drop_duplicates(cell).groupby("participant_id").size()
    used = rows.drop_duplicates([*cell, "gene"]).groupby(["participant_id", "gene"]).size()
    if n_cells.empty:
        return pd.DataFrame()
    every = pd.MultiIndex.from_product(
        [n_cells.index, sorted(rows["gene"].unique())], names=["participant_id", "gene"]
    )
    counted = used.reindex(every, fill_value=0).rename("n_with_gene").reset_index()
    batch = rows.drop_duplicates("participant_id").set_index("participant_id")["library_id"]
    batch = batch.map(material.libraries.set_index("library_id")["batch"])
    who = counted["participant_id"]
    counted = counted.assign(
        group=who.map(people["group"]), batch=who.map(batch), n_cells=who.map(n_cells)
    )
    return counted.assign(share=counted["n_with_gene"] / counted["n_cells"])


def is_drawn(usage: pd.DataFrame) -> bool:
    """Tell whether some group has enough participants with enough cells."""
    sure = usage[usage["n_cells"] >= FEWEST_CELLS]
    return bool((sure.groupby("group")["participant_id"].nunique() >= FEWEST_PEOPLE).any())


def most_used(usage: pd.DataFrame) -> list[str]:
    """Return genes by their mean share, each participant with enough cells counting the same;
    where nobody has enough, each participant. Those below `LEAST` are left out.
    """
    sure = usage[usage["n_cells"] >= FEWEST_CELLS]
    means = (sure if len(sure) else usage).groupby("gene")["share"].mean().sort_index()
    means = means[means >= LEAST].sort_values(ascending=False, kind="stable")
    return [str(gene) for gene in means.index]


def table(found: Sequence[tuple[Segment, pd.DataFrame]], material: Material) -> Table:
    """Return one row per population and gene: medians over the participants of each group."""
    groups = [
        group
        for group in material.groups_present
        if any((usage["group"] == group).any() for _, usage in found)
    ]
    body = []
    for segment, usage in found:
        name = words.population(segment.population)
        people = usage.drop_duplicates("participant_id")
        of_group = [people[people["group"] == group] for group in groups]
        counts = [f"{len(own)} ({int((own['n_cells'] >= FEWEST_CELLS).sum())})" for own in of_group]
        cells = words.count(people["n_cells"].sum())
        body.append([name, phrase("{0}: participants", segment.name), cells, *counts])
        genes = most_used(usage)[:N_LISTED]
        for gene in genes:
            body.append([name, gene, *_numbers(usage[usage["gene"] == gene], groups)])
        others = usage[~usage["gene"].isin(genes)]
        if len(others):
            keys = ["participant_id", "group", "n_cells"]
            summed = others.groupby(keys, as_index=False)[["n_with_gene", "share"]].sum()
            label = phrase("other {0} genes ({1})", segment.name, others["gene"].nunique())
            body.append([name, label, *_numbers(summed, groups)])
    return Table(
        caption=phrase(
            "Receptor genes of called cells: the cells that carry the gene, and for each group the "
            "median share over its participants with {0} cells or more. The first row of each "
            "chain counts cells and participants, in brackets those with {0} cells or more.",
            FEWEST_CELLS,
        ),
        header=[phrase("Population"), phrase("Gene"), phrase("Cells"), *groups],
        rows=body,
        numeric=frozenset(range(2, len(groups) + 3)),
    )


def _numbers(usage: pd.DataFrame, groups: Sequence[str]) -> list[str]:
    sure = usage[usage["n_cells"] >= FEWEST_CELLS]
    medians = sure.groupby("group")["share"].median().reindex(list(groups))
    shown = [words.per_cent(share) for share in medians]
    return [words.count(usage["n_with_gene"].sum()), *shown]
