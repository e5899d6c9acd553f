"""Bridge controls from batch to batch: Levey-Jennings charts, and the runs outside their limits."""

from __future__ import annotations

import pandas as pd
from matplotlib.ticker import FuncFormatter, MaxNLocator
from scipy.stats import t as student

from itc_analysis.flow.batches.bridge import KEY, chart_bridge, plot_levey_jennings
from itc_analysis.report.html import plots, words
from itc_analysis.report.html.blocks import Block, Details, Figure, Gallery, Paragraph, Table
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.html.pictures import new_figure, to_svg
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.laboratory import alignment
from itc_analysis.report.sections.results import answer

#: Levey and Jennings: beyond 2 standard deviations a run is watched, beyond 3 it is out of control.
WATCHED, OUT = 2, 3

#: Longer tables open on a click.
MANY_ROWS = 15


def blocks(material: Material) -> list[Block]:
    """Return the charts of the bridge control and its runs outside the limits, or why there is
    none.
    """
    samples = material.samples
    n_controls = int((samples["sample_type"] == "bridge_control").sum())
    chart = chart_bridge(material.measurements)
    if chart.empty and not n_controls:
        return [
            Paragraph(
                phrase(
                    "The study has no bridge control (the same material in every batch), so "
                    "nothing shows whether the numbers drifted from batch to batch, and no batch "
                    "can be corrected."
                )
            )
        ]
    if chart.empty:
        n_told = words.plural(n_controls, "bridge control")
        return [
            Paragraph(
                phrase("{0} in the sample sheet, but none has a number; see Problems.", n_told)
            )
        ]
    found: list[Block] = [Paragraph(summary(chart)), *_charts(chart, material)]
    found += alignment.blocks(material)
    low = never_above_limit(chart, material)
    if low:
        told = phrase(
            "Below the limit of detection in every run, and so not charted: {0}.", words.listed(low)
        )
        found.append(Paragraph(told))
    outside = chart[chart["verdict"] == "out"]
    if len(outside):
        table = outside_limits(outside)
        is_long = len(table.rows) > MANY_ROWS
        told = phrase("{0} numbers beyond {1} standard deviations", len(table.rows), OUT)
        found.append(Details(told, [table]) if is_long else table)
    return found


def summary(chart: pd.DataFrame) -> str:
    """Return how many runs there are, how many numbers lie outside, and how many would by
    chance.
    """
    runs = words.plural(chart["source_id"].nunique(), "run")
    batches = words.plural(chart["batch"].nunique(), "batch", "batches")
    numbers = words.plural(len(chart[KEY].drop_duplicates()), "number")
    told = phrase(
        "The bridge control was measured in {0} in {1}, up to {2} each.", runs, batches, numbers
    )
    judged = chart[chart["verdict"] != "too_few"]
    if judged.empty:
        return phrase(
            "{0} Limits need at least three other runs of the same number, so no run is "
            "judged: compare the points of the batches by eye.",
            told,
        )
    n_out = int((judged["verdict"] == "out").sum())
    n_watched = int((judged["verdict"] == "warning").sum())
    size = judged.groupby(KEY)["value"].transform("size")
    # a run against mean and SD of n - 1 others follows Student's t with n - 2 degrees of freedom
    expected = 2 * student.sf(OUT, size - 2).sum()
    watched = 2 * student.sf(WATCHED, size - 2).sum() - expected
    return phrase(
        "{0} Of {1:,} values judged against the other runs, those beyond {2} standard "
        "deviations number {3:,} and those beyond {4} number {5:,}; a steady "
        "laboratory would give up to about {6} and {7} by chance.",
        told,
        len(judged),
        WATCHED,
        n_watched,
        OUT,
        n_out,
        words.number(watched, 2),
        words.number(expected, 2),
    )


def outside_limits(outside: pd.DataFrame) -> Table:
    """Return the runs beyond three standard deviations, the furthest first."""
    ordered = outside.assign(_away=-outside["z"].abs()).sort_values(
        ["_away", *KEY, "batch", "source_id"], kind="stable"
    )
    body = [
        [
            f"{words.population(row.population)}, {words.measure(row.measure, row.feature)}",
            row.batch,
            row.source_id,
            words.value_of(row.value, row.measure),
            phrase(
                "{0} to {1}",
                words.value_of(row.lower, row.measure),
                words.value_of(row.upper, row.measure),
            ),
            f"{row.z:+.1f}".replace("-", "−"),
        ]
        for row in each_row(ordered)
    ]
    return Table(
        phrase(
            "Runs of the bridge control beyond {0} standard deviations of the other runs: "
            "read people’s numbers of that batch and population with care.",
            OUT,
        ),
        [
            phrase("Number"),
            phrase("Batch"),
            phrase("Run"),
            phrase("Value"),
            phrase("Expected"),
            phrase("SDs away"),
        ],
        body,
        numeric=frozenset([3, 4, 5]),
    )


def charted_populations(chart: pd.DataFrame, material: Material) -> list[str]:
    """Return the populations to chart: those of the answer; without comparisons, all with a
    share.
    """
    compared = list(dict.fromkeys(answer.abundance_rows(material)["population"]))
    charted = set(chart.loc[chart["measure"].isin(answer.ABUNDANCE), "population"])
    if compared:
        return [name for name in compared if name in charted]
    order = {name: place for place, name in enumerate(words.POPULATION_NAMES)}
    return sorted(charted, key=lambda name: (order.get(name, len(order)), name))


def never_above_limit(chart: pd.DataFrame, material: Material) -> list[str]:
    """Return the populations of the answer whose share no run of the bridge control could tell."""
    rows = material.measurements
    rows = rows[rows["participant_id"].isna() & (rows["status"] == "below_lod")]
    compared = dict.fromkeys(answer.abundance_rows(material)["population"])
    low = set(rows.loc[rows["measure"] == "share_of_t", "population"])
    return [
        words.population(name)
        for name in compared
        if name in low and name not in set(chart["population"])
    ]


def _charts(chart: pd.DataFrame, material: Material) -> list[Block]:
    figures = []
    for population in charted_populations(chart, material):
        for measure in answer.ABUNDANCE:
            rows = chart[(chart["population"] == population) & (chart["measure"] == measure)]
            for assay, own in rows.groupby("assay", sort=True):
                figures.append(_chart(own, str(assay), population, measure))
    if not figures:
        return [
            Paragraph(
                phrase("No population of the answer has a number in the bridge control to chart.")
            )
        ]
    return [
        Gallery(
            figures,
            phrase(
                "Each point is one run of the bridge control, batch by batch; the grey bar is "
                "the range expected from the other runs (mean ± {0} standard deviations, never "
                "narrower than counting explains). Blue: inside; orange: beyond {1} standard "
                "deviations; vermilion: beyond {2}; grey: too few other runs to judge. Look for "
                "points outside their bar and for several in a row on one side: a lot or a laser "
                "has changed, and the people of these batches shifted with it.",
                OUT,
                WATCHED,
                OUT,
            ),
        )
    ]


def _chart(rows: pd.DataFrame, assay: str, population: str, measure: str) -> Figure:
    title = f"{words.population(population)}, {words.measure(measure)}"
    title += "" if assay == "flow" else f" ({words.assay(assay)})"
    figure, ax = new_figure(*plots.SMALL)
    plot_levey_jennings(rows, population=population, measure=measure, ax=ax)
    ax.set_title("")
    figure.suptitle(title, fontsize=plots.TITLE_SIZE)
    ax.set_ylabel(words.measure(measure))
    ax.set_xlim(-0.5, len(rows) - 0.5)
    if (rows["verdict"] == "too_few").all():  # without limits only zero tells what is little
        ax.set_ylim(0, 1.2 * float(rows["value"].max()))
    factor = 100 if measure == "share_of_t" else 1
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{factor * value:.3g}"))
    name = f"bridge-{assay}-{population}-{measure}"
    alt = phrase(
        "Levey-Jennings chart of the bridge control: {0}, {1}.",
        title,
        words.plural(len(rows), "run"),
    )
    return Figure(to_svg(figure, name=name, alt=alt))
