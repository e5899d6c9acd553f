"""Was each tube acquired steadily, and did the batches agree? What was left out, and bridge
controls.
"""

from __future__ import annotations

import pandas as pd

from itc_analysis.flow.quality.plots import plot_quality_over_time
from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import (
    Block,
    Figure,
    Gallery,
    Heading,
    PageSection,
    Paragraph,
    Table,
)
from itc_analysis.report.html.material import Material
from itc_analysis.report.html.pictures import new_figure, to_png
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.laboratory import acceptance, bridge, compensation, scales

STATUS_ORDER = ("ok", "failed_quality", "no_panel", "unreadable")

#: Inches of a picture over time; two stand side by side.
OVER_TIME = (6.2, 2.9)
TITLE_SIZE = 9

HOW_TO_READ_OVER_TIME = (
    "Points: the flow rate of each stretch of the acquisition, blue where it was kept and "
    "vermilion where some of it was left out. Green line: how far the most deviating signal lies "
    "from the tube’s median, in robust standard deviations. Look for vermilion where nothing "
    "happens (it should have stayed), and for steps or slopes that were kept (they should have "
    "gone)."
)

#: How the flow room says that a tube could not be judged over time.
NO_TIME_CHECK = r"no time check: ([^;]+)"


def section(material: Material) -> PageSection | None:
    """Return the section on acquisition and batches; None for a study without them."""
    title = phrase("Acquisition and batches")
    if not material.has_flow:
        return None
    blocks: list[Block] = [Heading(phrase("What was left out of the tubes"))]
    if material.tube_quality.empty:
        blocks.append(Paragraph(phrase("No tube has been read; see Problems.")))
    else:
        shares = shares_removed(material)
        blocks += [
            by_status(shares),
            *_not_judged(material),
            Heading(phrase("Along the acquisition")),
        ]
        blocks += over_time(shares, material)
        blocks += [
            Heading(phrase("Dead cells and debris")),
            *dead_and_debris(material.tube_quality),
        ]
        blocks += [Heading(phrase("Acceptance of counts")), *acceptance.blocks(material)]
        blocks += [Heading(phrase("Compensation")), *compensation.blocks(material)]
        blocks += [Heading(phrase("Scales")), *scales.blocks(material)]
    blocks += [Heading(phrase("Bridge controls")), *bridge.blocks(material)]
    return PageSection("acquisition", title, blocks)


def shares_removed(material: Material) -> pd.DataFrame:
    """Return one row per tube: its quality, and the shares of its events that were left out.

    Returns
    -------
    pandas.DataFrame
        `TubeQuality` with `removed` (margins and time, 0-1; missing for a file that was not read),
        `removed_time` (unsteady stretches, of the events inside the margins; missing where time
        could not be judged) and `deviation` (largest of the signals, robust standard deviations).
    """
    quality = material.tube_quality
    n_events = quality["n_events"].where(quality["n_events"] > 0).astype(float)
    steps = material.acquisitions
    n_removed = (steps["share_removed"] * steps["n_events"]).groupby(steps["file_id"]).sum()
    over_time = n_removed / steps.groupby("file_id")["n_events"].sum()
    return quality.assign(
        removed=1 - quality["n_clean"] / n_events,
        removed_time=quality["file_id"].map(over_time).astype(float),
        deviation=quality["file_id"].map(steps.groupby("file_id")["deviation"].max()).astype(float),
    )


def by_status(shares: pd.DataFrame) -> Table:
    """Return tubes by panel and status, with median and largest share of events left out."""
    body = []
    for panel, own in shares.groupby("panel", sort=True):
        for status in STATUS_ORDER:
            rows = own[own["status"] == status]
            if rows.empty:
                continue
            word = "ok" if status == "ok" else words.status(status)
            n_judged = int(rows["removed_time"].notna().sum())
            body.append(
                [
                    f"{panel}: {word}",
                    words.count(len(rows)),
                    *_median_and_most(rows["removed"]),
                    words.count(n_judged),
                    *_median_and_most(rows["removed_time"]),
                ]
            )
    return Table(
        phrase(
            "Tubes, controls included, by what became of them. Left out: events at the "
            "detectors’ margins and in unsteady stretches, of all events of the file; in "
            "unsteady stretches: of the events inside the margins, for the tubes whose "
            "acquisition could be judged. Some tubes with much left out are nothing "
            "unusual; a panel or batch where most tubes lose much points to the instrument."
        ),
        [
            phrase("Panel: status"),
            phrase("Tubes"),
            phrase("Left out, median"),
            phrase("Left out, most"),
            phrase("Judged over time"),
            phrase("Unsteady, median"),
            phrase("Unsteady, most"),
        ],
        body,
        numeric=frozenset(range(1, 7)),
    )


def dead_and_debris(quality: pd.DataFrame) -> list[Block]:
    """Return median and largest share of dead cells and debris by panel, and why some tubes have
    none.
    """
    body = []
    for panel, own in quality[quality["tube"] == "stained"].groupby("panel", sort=True):
        for what in ("dead", "debris"):
            known = own[f"share_{what}"].dropna()
            largest = str(own.loc[known.idxmax(), "file_id"]) if len(known) else words.NOTHING
            why = own.loc[own[f"share_{what}"].isna(), f"{what}_reason"].value_counts().sort_index()
            body.append(
                [
                    f"{panel}: {phrase('dead cells' if what == 'dead' else 'debris')}",
                    words.count(len(known)),
                    *_median_and_most(own[f"share_{what}"]),
                    largest,
                    "; ".join(f"{reason} ({n})" for reason, n in why.items()) or words.NOTHING,
                ]
            )
    if not body:
        return [Paragraph(phrase("No stained tube has been read."))]
    return [
        Table(
            phrase(
                "Stained tubes, by their own gates. Dead cells: beyond the viability cut, of "
                "all events but beads and debris. Debris: less forward scatter than the "
                "scatter gate, of all events but beads. Old or badly frozen samples stand out; "
                "dead cells bind antibodies and tetramers."
            ),
            [
                phrase("Panel"),
                phrase("Tubes"),
                phrase("Median"),
                phrase("Most"),
                phrase("In tube"),
                phrase("Not known (tubes)"),
            ],
            body,
            numeric=frozenset([1, 2, 3]),
        )
    ]


def over_time(shares: pd.DataFrame, material: Material) -> list[Block]:
    """Return the pictures of each panel's least steady tubes."""
    if material.acquisitions.empty:
        return [
            Paragraph(
                phrase(
                    "No tube could be judged along its acquisition, so there is no picture of it "
                    "over time."
                )
            )
        ]
    blocks: list[Block] = [Paragraph(phrase(HOW_TO_READ_OVER_TIME))]
    for panel, files in least_steady(shares, material.settings.report.n_example_tubes).items():
        figures = [_over_time(file_id, material.acquisitions) for file_id in files]
        tubes = words.plural(len(files), "least steady tube")
        told = phrase(
            "{0}: the {1} (most left out over time, then the largest deviation).", panel, tubes
        )
        blocks.append(Gallery(figures, told, width=500))
    return blocks


def least_steady(shares: pd.DataFrame, most: int) -> dict[str, list[str]]:
    """Return per panel the tubes that lost most over time; of equal ones those that deviate
    most.
    """
    judged = shares[shares["removed_time"].notna()].sort_values(
        ["panel", "removed_time", "deviation", "file_id"], ascending=[True, False, False, True]
    )
    return {
        str(panel): [str(name) for name in rows["file_id"].head(most)]
        for panel, rows in judged.groupby("panel", sort=True)
    }


def _median_and_most(shares: pd.Series) -> tuple[str, str]:
    known = shares.dropna()
    if known.empty:
        return words.NOTHING, words.NOTHING
    return words.per_cent(known.median()), words.per_cent(known.max())


def _over_time(file_id: str, acquisitions: pd.DataFrame) -> Figure:
    steps = acquisitions[acquisitions["file_id"] == file_id].sort_values("step", ignore_index=True)
    figure, ax = new_figure(*OVER_TIME)
    plot_quality_over_time(steps, ax=ax)
    told = f"{file_id}: {ax.get_title()}"
    ax.set_title("")
    figure.suptitle(told, fontsize=TITLE_SIZE)
    return Figure(to_png(figure, alt=phrase("Acquisition over time of tube {0}.", told)), width=560)


def _not_judged(material: Material) -> list[Block]:
    """Return why tubes could not be judged over time."""
    quality = material.tube_quality
    reasons = quality["remarks"].astype("string").str.extract(NO_TIME_CHECK)[0].dropna()
    if reasons.empty:
        return []
    told = [
        f"{str(reason).strip()} ({words.plural(int(n), 'tube')})"
        for reason, n in reasons.value_counts().sort_index().items()
    ]
    return [
        Paragraph(
            phrase(
                "Not judged along the acquisition, so that no stretch was left out: {0}.",
                "; ".join(told),
            )
        )
    ]
