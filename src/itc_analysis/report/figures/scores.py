"""Scores of single participants, a figure per population and score."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from itc_analysis.report.figures import points
from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Figure, Gallery, Paragraph
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase

#: Participants with a score in each of two groups, below which there is nothing to compare by eye.
FEWEST_TO_DRAW = 3
SIZE = (356.0, 190.0)


def drawn_rows(material: Material, populations: Sequence[str]) -> pd.DataFrame:
    """Return the scores of these populations that are drawn, of analysed participants."""
    analysed = material.participants.loc[material.participants["is_analysed"], "participant_id"]
    rows = material.measurements
    rows = rows[(rows["measure"] == "score") & rows["participant_id"].isin(analysed)]
    return rows[rows["feature"].isin(words.SIDE_BY_SIDE) & rows["population"].isin(populations)]


def healthy_sd(scored: pd.DataFrame, healthy_group: str | None) -> float | None:
    """Return the SD of a score among healthy participants, counting error included; None with fewer
    than `FEWEST_TO_DRAW` of them.
    """
    healthy = scored[scored["group"] == healthy_group]
    means = healthy.groupby("participant_id")["value"].mean().astype(float)
    return float(means.std()) if len(means) >= FEWEST_TO_DRAW else None


def gallery(material: Material, populations: Sequence[str]) -> list[Block]:
    """Return one figure per assay, signature and population: every analysed participant a point."""
    rows = drawn_rows(material, populations)
    order = {name: place for place, name in enumerate(words.SIDE_BY_SIDE)}
    places = {name: place for place, name in enumerate(populations)}
    rows = rows.assign(
        _order=rows["feature"].map(order), _population=rows["population"].map(places)
    ).sort_values(["_population", "assay", "_order", "source_id"], kind="stable")
    figures = []
    n_undrawn = 0
    for (population, assay, feature), chosen in rows.groupby(
        ["population", "assay", "feature"], sort=False
    ):
        scored = chosen[chosen["status"] == "ok"]
        if (scored.groupby("group")["participant_id"].nunique() >= FEWEST_TO_DRAW).sum() < 2:
            n_undrawn += 1
            continue
        title = (
            f"{words.population(str(population))}: {words.signature(str(feature))}, "
            f"{words.assay(str(assay))}"
        )
        n_people = words.plural(scored["participant_id"].nunique(), "participant")
        alt = phrase("{0}: one point per participant by group, {1}.", title, n_people)
        picture = points.draw(
            chosen,
            groups=material.groups_present,
            index_group=material.settings.cohort.index_group,
            alt=alt,
            size=SIZE,
        )
        unit = words.plain(str(chosen["unit"].iloc[0]))
        spread = healthy_sd(scored, material.settings.cohort.healthy_group)
        if spread is not None:
            unit = phrase("{0}; SD among healthy people {1}", unit, words.number(spread, 2))
        figures.append(Figure(picture, f"{title} ({unit})", width=480))
    too_few = phrase(
        "no two groups have {0} participants with the score in one population", FEWEST_TO_DRAW
    )
    if not figures:
        return [Paragraph(phrase("No score is drawn: {0}.", too_few))]
    caption = phrase(
        "Scores of single participants, inhibitory receptors next to activation for the same "
        "population. Healthy participants set the zero where the study has them. A mean z of the "
        "markers varies less among them than each marker does, so compare it with the SD given. "
        "Check whether the two rise together."
    )
    if n_undrawn:
        lost = words.plural(n_undrawn, "score")
        caption += " " + phrase("Not drawn: {0} of a population, because {1}.", lost, too_few)
    return [Gallery(figures, caption)]
