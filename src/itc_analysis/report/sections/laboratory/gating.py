"""How cells were told apart: gates of a few tubes, the state of all gates, what could be
detected.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from markupsafe import Markup

from itc_analysis.flow.pictures.gate_drawing import in_tree_order
from itc_analysis.report.html import glossary, plots, words
from itc_analysis.report.html.blocks import Block, Details, Heading, PageSection, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.laboratory import release, reviews, to_look_at
from itc_analysis.tables.quantities import DETECTIONS, GATE_STATES

STATE_MEANINGS = (
    "Ok: the tube’s own cut; pooled: shrunk towards its batch; borrowed: taken from batch or "
    "study, because the tube could not decide; control: from an FMO tube; ambiguous: two places "
    "are equally likely, and the interval includes the count at either; weak: the tube could not "
    "decide and neither batch nor control could help; manual: set by a person; not estimable: "
    "not counted."
)


def section(material: Material) -> PageSection | None:
    """Return the gates to look at first, and behind them the state of all; None without flow
    cytometry.
    """
    if not material.has_flow:
        return None
    title = phrase("Gates to look at")
    if material.gates.empty:
        told = phrase("No gate was made: no tube could be used. See Problems for the reasons.")
        return PageSection("gates", title, [Paragraph(told)])
    blocks: list[Block] = [Paragraph(told_states(material.gates)), *to_look_at.blocks(material)]
    blocks += overview_links(material)
    more: list[Block] = [
        Paragraph(phrase(STATE_MEANINGS)),
        Details(phrase("State of every gate"), [states(material.gates)]),
        *reviews.review_blocks(material),
        *release.blocks(material),
        Heading(phrase("What could be detected")),
        detection(material),
    ]
    chosen = example_tubes(material)
    if chosen:
        more += [
            Heading(phrase("How to look at a gate")),
            Paragraph(phrase(plots.HOW_TO_READ_A_GATE)),
        ]
    for panel, tubes in chosen.items():
        more.append(Heading(phrase("{0}: the tubes that were hardest to gate", panel)))
        more += plots.gate_galleries(material, panel, tubes)
    return PageSection("gates", title, blocks, more)


def overview_links(material: Material) -> list[Block]:
    """Return links to the pages with every gate of every tube; nothing for panels that have none.

    They are relative, so that they hold wherever the results folder is copied as a whole.
    """
    links = [
        Markup('<a href="{}/index.html">{}</a>').format(
            Path(material.layout.overview(panel)).relative_to(material.layout.folder).as_posix(),
            panel,
        )
        for panel in material.gates["panel"].astype(str).unique()
        if Path(material.layout.overview(panel), "index.html").exists()
    ]
    if not links:
        return []
    told = Markup(", ").join(links)
    template = phrase(
        "Every gate of every tube, one page per population, the worst judged first: {0} (folders "
        "next to this page; copy the results folder as a whole)."
    )
    return [Paragraph(Markup(template).format(told))]


def example_tubes(material: Material) -> dict[str, list[str]]:
    """Return the tubes to draw per panel: stained, readable, the worst judged first.

    Participants' tubes are drawn; those of bridge controls only where a panel has no others. A tube
    is judged by the states of its gates (`to_look_at.BADNESS`), then by how little weight its own
    cuts kept, then by name.
    """
    quality = material.tube_quality
    usable = quality[(quality["tube"] == "stained") & (quality["status"] == "ok")]
    controls = material.samples.loc[
        material.samples["sample_type"] == "bridge_control", "sample_id"
    ]
    of_people = usable[~usable["sample_id"].isin(controls)]
    only_controls = usable[~usable["panel"].isin(of_people["panel"])]
    usable = pd.concat([of_people, only_controls])
    gates = material.gates[material.gates["file_id"].isin(usable["file_id"])]
    gates = gates.assign(
        _bad=gates["state"].map(to_look_at.BADNESS).fillna(0).astype(float),
        _lost=1 - gates["weight"].fillna(1.0),
    )
    ranked = (
        gates.groupby(["panel", "file_id"], as_index=False)[["_bad", "_lost"]]
        .sum()
        .sort_values(["panel", "_bad", "_lost", "file_id"], ascending=[True, False, False, True])
    )
    most = material.settings.report.n_example_tubes
    return {
        str(panel): [str(name) for name in rows["file_id"].head(most)]
        for panel, rows in ranked.groupby("panel", sort=True)
    }


def with_cut(gates: pd.DataFrame) -> pd.DataFrame:
    """Return the gates that lie in marker space; combinations of other gates have no state of their
    own.
    """
    is_combination = gates["geometry"].fillna("").str.contains('"kind": "combination"', regex=False)
    return gates[~is_combination]


def told_states(gates: pd.DataFrame) -> Markup:
    """Return the states of all gates in a sentence."""
    placed = with_cut(gates)
    found = placed["state"].value_counts()
    told = [
        f"{words.per_cent(found[state] / len(placed))} {words.gate_state(state)}"
        for state in GATE_STATES
        if state in found
    ]
    n_gates = words.plural(len(placed), "gate")
    state = glossary.link("gate state", phrase("state"))
    return Markup(phrase("{0} by their {1}: {2}.")).format(n_gates, state, words.listed(told))


def states(gates: pd.DataFrame) -> Table:
    """Return the number of tubes per population and state of its gate."""
    gates = with_cut(gates)
    counted = gates.groupby(["panel", "population", "state"])["file_id"].nunique().to_dict()
    body = [
        [
            f"{words.population(population)} ({panel})",
            *(str(counted.get((panel, population, state), 0)) for state in GATE_STATES),
        ]
        for panel, rows in gates.groupby("panel", sort=True)
        for population in in_tree_order(rows)
    ]
    return Table(
        caption=(
            phrase(
                "Tubes by the state of each gate; populations that combine other gates are "
                "left out."
            )
        ),
        header=[phrase("Population (panel)"), *(words.gate_state(state) for state in GATE_STATES)],
        rows=body,
        numeric=frozenset(range(1, len(GATE_STATES) + 1)),
    )


#: Where the events that are expected in a gate without its population were read.
BACKGROUND_NAMES = {
    "fmo": "FMO tube",
    "levels": "overlap of the levels",
    "negative_tail": "flank of the negatives",
    "none": "none",
}


def detection(material: Material) -> Table | Paragraph:
    """Return participants' tubes per population: quantified, detected, below LoD, not counted."""
    people = material.samples.loc[material.samples["sample_type"] == "participant", "sample_id"]
    stained = material.tube_quality.loc[material.tube_quality["tube"] == "stained"]
    counts = material.counts
    counts = counts[
        counts["is_measured"]
        & counts["sample_id"].isin(people)
        & counts["source_id"].isin(stained["file_id"])
    ]
    if counts.empty:
        return Paragraph(phrase("No participant's tube was counted."))
    panel_of = dict(zip(stained["file_id"], stained["panel"], strict=True))
    counts = counts.assign(panel=counts["source_id"].map(panel_of))
    body = []
    order = {name: place for place, name in enumerate(words.POPULATION_NAMES)}
    counts = counts.assign(_order=counts["population"].map(order).fillna(len(order)))
    counts = counts.sort_values(["panel", "_order", "population"], kind="stable")
    for (panel, population), rows in counts.groupby(["panel", "population"], sort=False):
        found = rows["detection"].value_counts()
        n_not_counted = int(rows["detection"].isna().sum())
        events = rows["n_events"].dropna()
        sources = sorted(set(rows["background_source"].dropna()))
        body.append(
            [
                f"{words.population(str(population))} ({panel})",
                words.count(events.median()) if len(events) else words.NOTHING,
                *(str(int(found.get(name, 0))) for name in DETECTIONS),
                str(n_not_counted),
                words.listed([phrase(BACKGROUND_NAMES.get(name, name)) for name in sources])
                or phrase(BACKGROUND_NAMES["none"]),
            ]
        )
    flow = material.settings.flow
    return Table(
        caption=phrase(
            "Participants' tubes by detection, after subtraction of background events: "
            "quantified from {0} events, detected from {1}, below the limit of detection "
            "under that. Below LoD no share is given; groups are compared by the cells that were "
            "counted, however few.",
            flow.loq_events,
            flow.lod_events,
        ),
        header=[
            phrase("Population (panel)"),
            phrase("Median events"),
            phrase("Quantified"),
            phrase("Detected"),
            phrase("Below LoD"),
            phrase("Not counted"),
            phrase("Background from"),
        ],
        rows=body,
        numeric=frozenset(range(1, 6)),
    )
