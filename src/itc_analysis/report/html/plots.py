"""The page's figures: the rooms' own plots, embedded with captions that teach how to look."""

from __future__ import annotations

import logging
import math

import pandas as pd
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from itc_analysis.flow.pictures.gate_drawing import in_tree_order
from itc_analysis.flow.pictures.plots import background_text, plot_gate
from itc_analysis.report.html import verdicts, words
from itc_analysis.report.html.blocks import Block, Figure, Gallery, Paragraph
from itc_analysis.report.html.material import Material
from itc_analysis.report.html.pictures import new_figure, to_png, to_svg
from itc_analysis.report.language.phrases import phrase
from itc_analysis.singlecell.plots import plot_evidence, plot_quality
from itc_analysis.stats.plots.robustness import legend_marks, plot_robustness
from itc_analysis.tables.quantities import POSITIVE_OF

log = logging.getLogger(__name__)

#: Inches: a third of a 1200 px page at 96 px per inch, and as wide as a phone.
SMALL = (4.0, 3.3)

#: Where marks stand within a power of ten of a logarithmic axis: the first row whose span (powers
#: of ten) is not exceeded, so that labels do not touch.
LOG_STEPS = ((1.4, (1.0, 2.0, 5.0)), (2.6, (1.0, 3.0)), (math.inf, (1.0,)))
MOST_TICKS = 30

#: From here on a tick would be written with an exponent.
LARGE = 1000

#: More names than this under one picture run into one another.
MOST_NAMES = 30

#: Inches: half of a 1200 px page, and per line of a picture of robustness.
TALL = (5.6, 0.42)

#: Inches of a gate picture; four stand side by side.
GATE = (3.1, 2.9)

#: Points; the title of a small figure stands over the whole figure, so that it is never cut.
TITLE_SIZE = 11
GATE_TITLE_SIZE = 9

HOW_TO_READ_A_GATE = (
    "Each picture shows the events of the parent population, darker where they are denser (the "
    "scale is logarithmic); those inside the gate are coloured, the others grey, and the axes "
    "are in instrument units. The solid line is the gate: green where the tube’s own cut was "
    "taken, blue where it was pooled, vermilion where it was borrowed, pink where an FMO tube "
    "set it, yellow where two places are equally likely, orange where it is weak, black where a "
    "person drew it; the band is two standard errors of the cut, a dotted line the cut that the "
    "tube alone gave. Check that the line is in the valley between the peaks: a cut through a "
    "peak is wrong whatever the numbers say."
)


def robustness_gallery(rows: pd.DataFrame, material: Material) -> list[Block]:
    """Return one picture per assay and measure: what each comparison rests on, a line per
    population and control.
    """
    pooled = material.settings.cohort.pooled_name
    index = material.settings.cohort.index_group
    figures = []
    for (assay, measure, feature), chosen in _groups(rows, ["assay", "measure", "feature"]):
        if chosen[["estimate", "lower", "upper"]].isna().all(axis=None):
            continue
        labels = [
            f"{words.population(population)}, {verdicts.reference_name(reference, pooled)}"
            for population, reference in zip(
                chosen["population"], chosen["reference_group"], strict=True
            )
        ]
        title = phrase(
            "{0} ({1}): {2} against", words.measure(measure, feature), words.assay(assay), index
        )
        figure, ax = new_figure(TALL[0], 1.9 + TALL[1] * len(chosen))
        plot_robustness(chosen.assign(label=labels), material.diagnostics, ax=ax)
        figure.suptitle(title, fontsize=TITLE_SIZE)
        plain_ticks(ax.xaxis)
        figure.legend(handles=legend_marks(), loc="outside lower center", ncols=3, frameon=False)
        name = f"robustness-{assay}-{measure}-{feature}".replace("-", "_").replace(" ", "_")
        alt = phrase(
            "What the comparisons rest on, {0} each control; the numbers are in the table below.",
            title,
        )
        figures.append(Figure(to_svg(figure, name=name, alt=alt)))
    if not figures:
        return [Paragraph(phrase("None of these comparisons has an estimate or a limit to draw."))]
    level = f"{100 * material.settings.stats.comparison_confidence:g} %"
    caption = phrase(
        "Each line is one comparison: square and thin line are the estimate and its {0} interval "
        "as reported; the grey band holds the estimates when any one person is left out. Check "
        "whether a band crosses the dashed line (no difference), whether the other marks "
        "are on the same side of it, and whether they are near the square.",
        level,
    )
    return [Gallery(figures, caption, width=int(96 * TALL[0]))]


def _groups(rows: pd.DataFrame, keys: list[str]) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    """Return groups in the order in which they first appear, with their keys as text."""
    return [
        (tuple(str(part) for part in key), chosen) for key, chosen in rows.groupby(keys, sort=False)
    ]


def gate_galleries(material: Material, panel: str, tubes: list[str]) -> list[Block]:
    """Return the gates of some tubes of a panel, one picture per population."""
    quality = material.tube_quality.set_index("file_id")
    blocks: list[Block] = []
    for file_id in tubes:
        batch = str(quality.loc[file_id, "batch"])
        histograms = material.histograms_of(panel, batch)
        figures, undrawn = [], []
        own = material.gates[material.gates["file_id"] == file_id]
        own = own[~own["population"].str.startswith(POSITIVE_OF)]
        for population in in_tree_order(own):
            figure = gate_figure(material, histograms, file_id, population)
            if figure is None:
                undrawn.append(words.population(population))
            else:
                figures.append(figure)
        if not figures:
            blocks.append(
                Paragraph(phrase("Tube {0} has no histograms of its gates to draw.", file_id))
            )
            continue
        log.info("drew %d gates of tube %s", len(figures), file_id)
        rest = (
            phrase(" Not drawn, because they combine other gates: {0}.", words.listed(undrawn))
            if undrawn
            else ""
        )
        blocks.append(
            Gallery(
                figures, phrase("Tube {0}, {1}.{2}", file_id, words.batch(batch), rest), width=265
            )
        )
    return blocks


def gate_figure(
    material: Material, histograms: pd.DataFrame, file_id: str, population: str, *, title: str = ""
) -> Figure | None:
    """Return one gate of one tube; None where there is nothing to draw.

    Parameters
    ----------
    material : Material
        the study.
    histograms : pandas.DataFrame
        the histograms of the tube's panel and batch.
    file_id, population : str
        which gate.
    title : str
        stands above the population; by default nothing.
    """
    histograms = histograms[histograms["source_id"] == file_id]
    gates = material.gates[material.gates["file_id"] == file_id]
    gates = gates[~gates["population"].str.startswith(POSITIVE_OF)]
    counts = material.counts[material.counts["source_id"] == file_id]
    if population not in set(histograms["population"]) & set(counts["population"]):
        return None
    figure, ax = new_figure(*GATE)
    plot_gate(histograms, gates, counts, file_id=file_id, population=population, ax=ax)
    told = _gate_title(gates, counts, population)
    ax.set_title("")
    figure.suptitle(f"{title}\n{told}" if title else told, fontsize=GATE_TITLE_SIZE)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set_size(GATE_TITLE_SIZE)
    alt = phrase("Gate in tube {0}. {1}.", file_id, told)
    return Figure(to_png(figure, alt=alt), width=320)


def _gate_title(gates: pd.DataFrame, counts: pd.DataFrame, population: str) -> str:
    """Return population, state and counts in two lines that fit a small picture."""
    state = words.gate_state(str(gates.loc[gates["population"] == population, "state"].iloc[0]))
    count = counts[counts["population"] == population].iloc[0]
    title = f"{words.population(population)}: {state}"
    if words.is_missing(count["n_events"]):
        return phrase("{0}\nnot counted", title)
    told = phrase("{0} of {1}", words.count(count["n_events"]), words.count(count["n_parent"]))
    if words.is_missing(count["n_background"]):
        return f"{title}\n{told}"
    return phrase(
        "{0}\n{1}, background {2}", title, told, background_text(float(count["n_background"]))
    )


def quality_figure(material: Material) -> Figure:
    """Return barcodes and cells of every library."""
    n = len(material.library_quality)
    width = min(9.0, max(5.5, 3.0 + 0.3 * n))
    figure, ax = new_figure(width, 3.6)
    plot_quality(material.library_quality, ax=ax)
    plain_ticks(ax.yaxis)
    if n > MOST_NAMES:
        ax.set_xticks([])
        ax.set_xlabel(phrase("{0} libraries in the order of their names", n))
    return Figure(
        to_svg(
            figure, name="libraries", alt=phrase("Barcodes and usable cells of {0} libraries.", n)
        ),
        phrase(
            "One place per library. The further the filled point lies below the open one, "
            "the more barcodes quality control dropped; a library far below the others "
            "lends little to its participant."
        ),
        width=round(96 * width),
    )


def evidence_figure(material: Material) -> Figure:
    """Return the share of each call in every library, and who decided."""
    figure, ax = new_figure(7.5, 4.0)
    plot_evidence(material.cells, ax=ax)
    ax.set_yticklabels(
        [words.population(label.get_text().replace(" ", "_")) for label in ax.get_yticklabels()]
    )
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
    ax.set_xlabel(ax.get_xlabel().replace("share of called T cells", "% of called T cells"))
    return Figure(
        to_svg(
            figure,
            name="calls",
            alt=phrase("Share of each call among the called T cells of every library."),
        ),
        phrase(
            "One point per library and call, on a logarithmic axis. Calls without "
            "receptors (open) rest on RNA alone and deserve more doubt."
        ),
        width=720,
        is_wide=True,
    )


def plain_ticks(axis: Axis, *, factor: float = 1) -> None:
    """Write 0.2, 0.5, 1 on a logarithmic axis instead of powers of ten; `factor` 100 for per
    cent.
    """
    if axis.get_scale() != "log":
        return
    low, high = axis.get_view_interval()
    span = math.log10(high / low)
    steps = next(steps for widest, steps in LOG_STEPS if span <= widest)
    axis.set_major_locator(LogLocator(subs=steps, numticks=MOST_TICKS))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(factor * value)))
    axis.set_minor_formatter(NullFormatter())


def _tick(value: float) -> str:
    """Return the label of a tick: three digits, and no exponent for large numbers."""
    return f"{value:,.0f}" if value >= LARGE else f"{value:.3g}"
