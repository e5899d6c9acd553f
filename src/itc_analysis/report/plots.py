"""The page's figures: the rooms' own plots, embedded with captions that teach how to look."""

from __future__ import annotations

import logging
import math

import pandas as pd
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from itc_analysis.flow.plots import background_text, plot_gate
from itc_analysis.report import verdicts, words
from itc_analysis.report.blocks import Block, Figure, Gallery, Paragraph
from itc_analysis.report.material import Material
from itc_analysis.report.pictures import new_figure, to_png, to_svg
from itc_analysis.singlecell.plots import plot_evidence, plot_quality
from itc_analysis.stats.plots import plot_forest, plot_group_points

log = logging.getLogger(__name__)

#: Inches: a third of a 1200 px page at 96 px per inch, and as wide as a phone.
SMALL = (4.0, 3.3)

#: Where marks stand within a power of ten of a logarithmic axis: the first row whose span (powers of
#: ten) is not exceeded, so that labels do not touch.
LOG_STEPS = ((1.4, (1.0, 2.0, 5.0)), (2.6, (1.0, 3.0)), (math.inf, (1.0,)))
MOST_TICKS = 30

#: Inches of a gate picture; four stand side by side.
GATE = (3.1, 2.9)

#: Points; the title of a small figure stands over the whole figure, so that it is never cut.
TITLE_SIZE = 11
GATE_TITLE_SIZE = 9

HOW_TO_READ_A_GATE = (
    "Each picture shows the events of the parent population, darker where they are denser (the scale is "
    "logarithmic). The solid line is the gate: green where the tube’s own cut was taken, blue where it was pooled, "
    "vermilion where it was borrowed, pink where an FMO tube set it; the band is two standard errors of the cut, a "
    "dotted line the cut that the tube alone gave. Look whether the line stands in the valley between the peaks: a "
    "cut through a peak is wrong whatever the numbers say."
)


def forest_gallery(rows: pd.DataFrame, material: Material) -> list[Block]:
    """Return one forest plot per population and measure."""
    figures = []
    for (assay, population, measure), chosen in _groups(rows, ["assay", "population", "measure"]):
        if chosen[["estimate", "lower", "upper"]].isna().all(axis=None):
            continue
        title = f"{words.population(population)}, {words.measure(measure)}"
        figure, ax = new_figure(SMALL[0], 1.3 + 0.32 * len(chosen))
        references = chosen["reference_group"].map(
            lambda name: verdicts.reference_name(name, material.settings.cohort.pooled_name)
        )
        plot_forest(chosen.assign(comparison=references), ax=ax)
        figure.suptitle(title, fontsize=TITLE_SIZE)
        _plain_ticks(ax.xaxis)
        figures.append(
            Figure(
                to_svg(
                    figure,
                    name=f"forest-{assay}-{population}-{measure}",
                    alt=f"Forest plot, {title}: estimate and interval against each control; "
                    "the numbers are in the table above.",
                )
            )
        )
    if not figures:
        return [
            Paragraph("No comparison of abundance could be estimated, so there is nothing to draw.")
        ]
    index = material.settings.cohort.index_group
    level = f"{100 * material.settings.stats.confidence:g} %"
    return [
        Gallery(
            figures,
            f"Each mark is the estimate of {index} against one control (n = participants of {index} / of the control), the "
            f"line its {level} interval, an arrow a side without a limit. Left of the "
            f"dashed line (1) {index} has fewer, right of it more. A line that crosses 1 does not show a difference; "
            "a long line means that the data say little.",
        )
    ]


def points_gallery(rows: pd.DataFrame, material: Material) -> list[Block]:
    """Return one plot per population and measure with every participant as a point."""
    figures = []
    for (assay, population, measure), chosen in _groups(rows, ["assay", "population", "measure"]):
        title = f"{words.population(population)}, {words.measure(measure)}"
        if assay != "flow":
            title += f" ({words.assay(assay)})"
        drawn = chosen["status"].isin(["ok", "below_lod"])
        if not drawn.any():
            continue
        figure, ax = new_figure(*SMALL)
        plot_group_points(chosen, groups=material.groups_present, ax=ax)
        figure.suptitle(title, fontsize=TITLE_SIZE)
        ax.set_ylabel(words.measure(measure))
        _plain_ticks(ax.yaxis, factor=100 if measure == "share_of_t" else 1)
        figures.append(
            Figure(
                to_svg(
                    figure,
                    name=f"points-{assay}-{population}-{measure}",
                    alt=f"{title}: one point per participant by group, {int(drawn.sum())} participants.",
                )
            )
        )
    if not figures:
        return [Paragraph("No participant has a number of abundance to draw.")]
    return [
        Gallery(
            figures,
            "Every point is one participant, on a logarithmic axis; the bar is the group’s median. Open triangles are "
            "below the limit of detection and drawn at that limit: the true value is at most there (where the median "
            "falls among them, and for a single person, there is no bar). Look whether one person carries a difference, and whether groups overlap.",
        )
    ]


def _groups(rows: pd.DataFrame, keys: list[str]) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    """Return groups in the order in which they first appear, with their keys as text."""
    return [
        (tuple(str(part) for part in key), chosen) for key, chosen in rows.groupby(keys, sort=False)
    ]


def score_gallery(material: Material, populations: list[str]) -> list[Block]:
    """Return one plot per assay, signature and population: scores of every analysed participant."""
    analysed = material.participants.loc[material.participants["is_analysed"], "participant_id"]
    rows = material.measurements
    rows = rows[(rows["measure"] == "score") & rows["participant_id"].isin(analysed)]
    rows = rows[rows["feature"].isin(words.SIGNATURE_NAMES) & rows["population"].isin(populations)]
    order = {name: place for place, name in enumerate(words.SIGNATURE_NAMES)}
    places = {name: place for place, name in enumerate(populations)}
    rows = rows.assign(
        _order=rows["feature"].map(order), _population=rows["population"].map(places)
    ).sort_values(["_population", "assay", "_order", "source_id"], kind="stable")
    figures = []
    for (population, assay, feature), chosen in _groups(rows, ["population", "assay", "feature"]):
        n_scored = int((chosen["status"] == "ok").sum())
        if n_scored == 0:
            continue
        title = f"{words.population(population)}: {words.SIGNATURE_NAMES[feature]}, {words.assay(assay)}"
        figure, ax = new_figure(*SMALL)
        plot_group_points(chosen, groups=material.groups_present, ax=ax)
        figure.suptitle(title, fontsize=TITLE_SIZE)
        ax.set_ylabel(str(chosen["unit"].iloc[0]))
        figures.append(
            Figure(
                to_svg(
                    figure,
                    name=f"score-{assay}-{population}-{feature}",
                    alt=f"{title}: one point per participant by group, {n_scored} participants.",
                )
            )
        )
    if not figures:
        return [Paragraph("No participant has a score to draw.")]
    return [
        Gallery(
            figures,
            "Scores of single participants, inhibitory receptors beside activation for the same population. Healthy "
            "participants set the zero where the study has them. Look whether the two move together.",
        )
    ]


def gate_galleries(material: Material, panel: str, tubes: list[str]) -> list[Block]:
    """Return the gates of some tubes of a panel, one picture per population."""
    quality = material.tube_quality.set_index("file_id")
    blocks: list[Block] = []
    for file_id in tubes:
        batch = str(quality.loc[file_id, "batch"])
        views = material.views_of(panel, batch)
        views = views[views["source_id"] == file_id]
        gates = material.gates[material.gates["file_id"] == file_id]
        counts = material.counts[material.counts["source_id"] == file_id]
        drawable = set(views["population"]) & set(counts["population"])
        figures, undrawn = [], []
        for population in in_tree_order(gates):
            if population not in drawable:
                undrawn.append(words.population(population))
                continue
            figure, ax = new_figure(*GATE)
            plot_gate(views, gates, counts, file_id=file_id, population=population, ax=ax)
            told = _gate_title(gates, counts, population)
            ax.set_title("")
            figure.suptitle(told, fontsize=GATE_TITLE_SIZE)
            for axis in (ax.xaxis, ax.yaxis):
                axis.label.set_size(GATE_TITLE_SIZE)
            alt = f"Gate in tube {file_id}. {told}."
            figures.append(Figure(to_png(figure, alt=alt), width=320))
        if not figures:
            blocks.append(Paragraph(f"Tube {file_id} has no views of its gates to draw."))
            continue
        log.info("drew %d gates of tube %s", len(figures), file_id)
        rest = (
            f" Not drawn, because they combine other gates: {words.listed(undrawn)}."
            if undrawn
            else ""
        )
        blocks.append(Gallery(figures, f"Tube {file_id}, batch {batch}.{rest}", width=265))
    return blocks


def _gate_title(gates: pd.DataFrame, counts: pd.DataFrame, population: str) -> str:
    """Return population, state and counts in two lines that fit a small picture."""
    state = str(gates.loc[gates["population"] == population, "state"].iloc[0]).replace("_", " ")
    count = counts[counts["population"] == population].iloc[0]
    title = f"{words.population(population)}: {state}"
    if words.is_missing(count["n_events"]):
        return f"{title}\nnot counted"
    told = f"{words.count(count['n_events'])} of {words.count(count['n_parent'])}"
    if words.is_missing(count["n_background"]):
        return f"{title}\n{told}"
    return f"{title}\n{told}, background {background_text(float(count['n_background']))}"


def in_tree_order(gates: pd.DataFrame) -> list[str]:
    """Return populations so that each follows its parent: the order in which one gates."""
    children: dict[str, list[str]] = {}
    for population, parent in sorted(zip(gates["population"], gates["parent"], strict=True)):
        children.setdefault(parent, []).append(population)
    populations = set(gates["population"])
    waiting = [name for parent in sorted(set(children) - populations) for name in children[parent]]
    ordered: list[str] = []
    while waiting:
        population = waiting.pop(0)
        if population not in ordered:
            ordered.append(population)
            waiting = children.get(population, []) + waiting
    return ordered


def quality_figure(material: Material) -> Figure:
    """Return barcodes and cells of every library."""
    n = len(material.library_quality)
    width = min(9.0, max(5.5, 3.0 + 0.3 * n))
    figure, ax = new_figure(width, 3.6)
    plot_quality(material.library_quality, ax=ax)
    return Figure(
        to_svg(figure, name="libraries", alt=f"Barcodes and usable cells of {n} libraries."),
        "One place per library. The further the filled point lies below the open one, the more barcodes quality "
        "control dropped; a library far below the others lends little to its participant.",
        width=round(96 * width),
    )


def evidence_figure(material: Material) -> Figure:
    """Return the share of each call in every library, and who decided."""
    figure, ax = new_figure(7.5, 4.0)
    plot_evidence(material.cells, ax=ax)
    return Figure(
        to_svg(
            figure,
            name="calls",
            alt="Share of each call among the called T cells of every library.",
        ),
        "One point per library and call, on a logarithmic axis (a share of 0.01 is 1 % of called T cells). Calls "
        "without receptors (open) rest on RNA alone and deserve more doubt.",
        width=720,
        is_wide=True,
    )


def _plain_ticks(axis: Axis, *, factor: float = 1) -> None:
    """Write 0.2, 0.5, 1 on a logarithmic axis instead of powers of ten; `factor` 100 for per cent."""
    if axis.get_scale() != "log":
        return
    low, high = axis.get_view_interval()
    span = math.log10(high / low)
    steps = next(steps for widest, steps in LOG_STEPS if span <= widest)
    axis.set_major_locator(LogLocator(subs=steps, numticks=MOST_TICKS))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{factor * value:.3g}"))
    axis.set_minor_formatter(NullFormatter())
