"""Inhibitory receptors, activation and interferon side by side, for both assays.

The word "exhausted" needs raised inhibitory receptors and lowered function in the same cells, so no
comparison of scores says it: they say "inhibitory-receptor-high", whatever the signature is called.
The word is given person by person, where cells were stimulated, see `labelled`.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from itc_analysis.report.figures import scores as score_figures
from itc_analysis.report.html import verdicts, words
from itc_analysis.report.html.blocks import (
    Block,
    Bullets,
    Cell,
    Details,
    Heading,
    PageSection,
    Paragraph,
    Table,
)
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.html.names import names_cell, one_of_each_kind
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.results import answer, labelled
from itc_analysis.scores.repeatability import bridge_repeatability
from itc_analysis.stats.plan.plan import of_whole_group

SIGNATURES = words.SIDE_BY_SIDE
#: Method of iMFI (`scores.brightness`).
IMFI = "imfi"
ASSAYS = ("flow", "singlecell")

LABEL_RULE = (
    "Reading rule: an inhibitory-receptor score raised against healthy people is called "
    "“inhibitory-receptor-high”, "
    "a raised activation score “activated”, both together “activated + inhibitory-receptor-high”. "
    "PD‑1 and similar receptors also rise on activation and are part of what innate T cells "
    "normally carry, and markers alone "
    "cannot show lost "
    "function; so a score never makes cells “exhausted”. That needs at least two inhibitory "
    "receptors "
    "raised against healthy people and a lowered response to stimulation, both in the same "
    "population "
    "of the same participant."
)


def section(material: Material) -> PageSection | None:
    """Return the section on scores; None for a study without any."""
    title = phrase("Inhibitory receptors and activation, side by side")
    if material.scores.empty:
        return None
    blocks: list[Block] = [Paragraph(phrase(LABEL_RULE))]
    compared = of_whole_group(material.comparisons, material.settings.cohort.index_group)
    compared = compared[(compared["measure"] == "score") & compared["feature"].isin(SIGNATURES)]
    if compared.empty:
        blocks.append(Paragraph(phrase("None of these scores was compared between groups.")))
    else:
        blocks += _compared(compared, material)
    populations = shown_populations(material)
    blocks += score_figures.gallery(material, populations)
    blocks += labelled.blocks(material, populations)
    # iMFI is a number of every marker, not a score of a signature
    scored_rows = material.scores[material.scores["method"] != IMFI]
    n_scored = int((scored_rows["status"] == "ok").sum())
    told = phrase(
        "{0:,} of {1} could be computed.", n_scored, words.plural(len(scored_rows), "score")
    )
    blocks += [
        Heading(phrase("What could be scored")),
        Paragraph(told),
        Details(phrase("Scored samples by population and score"), [availability(scored_rows)]),
    ]
    repeated = repeatability(material)
    if repeated is not None:
        blocks.append(Details(phrase("Does the bridge control repeat itself?"), [repeated]))
    others = [
        words.signature(name) for name in sorted(set(scored_rows["signature"]) - set(SIGNATURES))
    ]
    if others:
        blocks.append(
            Paragraph(
                phrase(
                    "Further signatures of this study: {0}. Where the plan compares them, they "
                    "are under All comparisons.",
                    words.listed(others),
                )
            )
        )
    unscored = scored_rows[scored_rows["status"] != "ok"]
    if len(unscored):
        blocks.append(Details(phrase("Why scores are missing"), [_reasons(unscored)]))
    return PageSection("scores", title, blocks)


def shown_populations(material: Material) -> list[str]:
    """Return the populations whose scores are drawn: those of the answer, else all with a score."""
    answered = list(dict.fromkeys(answer.abundance_rows(material)["population"]))
    return answered or sorted(set(material.scores["population"]))


def _compared(compared: pd.DataFrame, material: Material) -> list[Block]:
    """Return the table of what could be estimated, and sentences on what could not in any
    comparison.
    """
    found = [
        verdicts.judge(row, alpha=material.alpha).direction != "not_estimable"
        for row in each_row(compared)
    ]
    keys = ["assay", "population", "feature"]
    compared = compared.assign(is_estimable=found)
    is_told = compared.groupby(keys)["is_estimable"].transform("any").astype(bool)
    shown, hopeless = compared[is_told], compared[~is_told]
    blocks: list[Block] = [] if shown.empty else [side_by_side(shown, material)]
    if hopeless.empty:
        return blocks
    told: dict[tuple[str, str], dict[str, None]] = {}
    for row in each_row(hopeless):
        why = verdicts.first_clause(verdicts.judge(row, alpha=material.alpha).caveat)
        told.setdefault((row.assay, why), {})[words.population(row.population)] = None
    items = [
        f"{words.assay(assay)}, {words.listed(list(populations))}: {words.plain(why)}."
        for (assay, why), populations in told.items()
    ]
    return [*blocks, Paragraph(phrase("Not estimable against any control:")), Bullets(items)]


def side_by_side(compared: pd.DataFrame, material: Material) -> Table:
    """Return one row per population and comparison, one column per assay and signature."""
    columns = [
        (assay, signature)
        for assay in ASSAYS
        for signature in SIGNATURES
        if ((compared["assay"] == assay) & (compared["feature"] == signature)).any()
    ]
    references = answer.reference_order(material, compared)
    pooled = material.settings.cohort.pooled_name
    keys = compared[["population", "index_group", "reference_group"]].drop_duplicates()
    order = {name: place for place, name in enumerate(words.POPULATION_NAMES)}
    keys = keys.assign(
        _population=keys["population"].map(order).fillna(len(order)),
        _reference=keys["reference_group"].map(references),
    ).sort_values(["_population", "population", "_reference"], kind="stable")
    body = []
    for key in each_row(keys):
        against = verdicts.reference_name(key.reference_group, pooled)
        cells: list[Any] = [
            phrase(
                "{0}: {1} against {2}", words.population(key.population), key.index_group, against
            )
        ]
        directions: dict[str, dict[str, verdicts.Direction]] = {}
        for assay, signature in columns:
            chosen = compared[
                (compared["population"] == key.population)
                & (compared["reference_group"] == key.reference_group)
                & (compared["assay"] == assay)
                & (compared["feature"] == signature)
            ]
            row = next(each_row(chosen), None)
            cells.append(_cell(row, alpha=material.alpha))
            if row is not None:
                found = verdicts.judge(row, alpha=material.alpha).direction
                directions.setdefault(assay, {})[signature] = found
        is_healthy = key.reference_group == material.settings.cohort.healthy_group
        cells.append(reading(directions, is_against_healthy=is_healthy))
        body.append(cells)
    return Table(
        caption=phrase(
            "Difference of the scores between groups (flow cytometry: mean of the markers’ z, each "
            "marker in SDs of healthy people; single cell: SDs of healthy people; the SD of a "
            "score among healthy people is given with its figure), interval, "
            "adjusted p and verdict (not shown: no difference is shown). Read a row "
            "across: a difference in inhibitory receptors with the same difference in "
            "activation points to activation first."
        ),
        header=[
            phrase("Population and comparison"),
            *(
                f"{words.signature(signature)}, {words.assay(assay)}"
                for assay, signature in columns
            ),
            phrase("Reading"),
        ],
        rows=body,
    )


def against_healthy(material: Material) -> list[tuple[str, str]]:
    """Return what the rule allows to say of each population of the answer against healthy people,
    the populations with the same reading together.
    """
    rows = of_whole_group(material.comparisons, material.settings.cohort.index_group)
    rows = rows[(rows["measure"] == "score") & rows["feature"].isin(SIGNATURES)]
    rows = rows[rows["reference_group"] == material.settings.cohort.healthy_group]
    found: dict[str, list[str]] = {}
    for population in dict.fromkeys(answer.abundance_rows(material)["population"]):
        directions: dict[str, dict[str, verdicts.Direction]] = {}
        for row in each_row(rows[rows["population"] == population]):
            direction = verdicts.judge(row, alpha=material.alpha).direction
            directions.setdefault(row.assay, {})[row.feature] = direction
        if directions:
            told = reading(directions, is_against_healthy=True)
            found.setdefault(told, []).append(words.population(population))
    return [(words.listed(names), told) for told, names in found.items()]


def reading(
    directions: dict[str, dict[str, verdicts.Direction]], *, is_against_healthy: bool
) -> str:
    """Return what the rule allows to say, assay by assay, or once when the assays agree.

    Parameters
    ----------
    directions : dict of str to dict of str to verdicts.Direction
        assay to signature to the direction of its difference.
    is_against_healthy : bool
        the labels are kept for differences from healthy people.
    """
    told = {
        assay: _label(found, is_against_healthy=is_against_healthy)
        for assay, found in directions.items()
    }
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return "; ".join(phrase("{0}: {1}", words.assay(assay), label) for assay, label in told.items())


def _label(found: dict[str, verdicts.Direction], *, is_against_healthy: bool) -> str:
    labels = {
        "activation": phrase("activated"),
        "exhaustion": phrase("inhibitory-receptor-high"),
    }
    raised = [label for signature, label in labels.items() if found.get(signature) == "higher"]
    if raised and is_against_healthy:
        return " + ".join(raised) + _not_separable(found)
    parts = []
    for direction in ("higher", "lower"):
        names = [
            words.signature(signature) for signature in labels if found.get(signature) == direction
        ]
        if names:
            parts.append(phrase("{0}: {1}", phrase(direction), words.listed(names)))
    if parts:
        return "; ".join(parts)
    is_known = any(found.get(signature) == "none" for signature in labels)
    return phrase("no difference shown") if is_known else phrase("not estimable")


def _not_separable(found: dict[str, verdicts.Direction]) -> str:
    """Say what else explains raised inhibitory receptors."""
    if found.get("exhaustion") != "higher":
        return ""
    others = [
        words.signature(name)
        for name in ("activation", "interferon")
        if found.get(name) == "higher"
    ]
    return (
        phrase(" (not separable from {0}, raised as well)", words.listed(others)) if others else ""
    )


def repeatability(material: Material) -> Table | None:
    """Return how well each score repeats itself in the bridge control; None without one."""
    table = bridge_repeatability(material.scores, material.samples, material.participants)
    table = table[table["icc"].notna() & (table["method"] != IMFI)]
    if table.empty:
        return None
    body = [
        [
            f"{words.population(row.population)}, {words.signature(row.signature)}",
            words.assay(row.assay),
            words.method(row.method),
            phrase("{0} runs, {1} people", row.n_runs, row.n_people),
            words.number(row.sd_runs, 2),
            words.number(row.sd_people, 2),
            phrase("{0:.2f} ({1:.2f} to {2:.2f})", row.icc, row.lower, row.upper),
        ]
        for row in each_row(table)
    ]
    return Table(
        caption=phrase(
            "Repeatability: the bridge control, one material in every batch, against people "
            "within their groups. An intraclass correlation near 1 says that people differ much "
            "more than one material measured again; near 0, that the score cannot distinguish "
            "people across batches."
        ),
        header=[
            phrase("Population, score"),
            phrase("Assay"),
            phrase("Method"),
            phrase("From"),
            phrase("SD of runs"),
            phrase("SD of people"),
            phrase("ICC (95 %)"),
        ],
        rows=body,
        numeric=frozenset([4, 5, 6]),
    )


def availability(scores: pd.DataFrame) -> Table:
    """Return how many samples were scored, by assay, signature and population, and why not."""
    grouped = scores.groupby(["assay", "signature", "method", "population"], sort=True)
    body = []
    for (assay, signature, method, population), rows in grouped:
        n_ok = int((rows["status"] == "ok").sum())
        why = rows.loc[rows["status"] != "ok", "status"].value_counts().sort_index()
        missing = "; ".join(f"{words.status(str(name))}: {n}" for name, n in why.items())
        found = rows["n_features_found"]
        span = f"{found.min()}" if found.min() == found.max() else f"{found.min()}–{found.max()}"
        body.append(
            [
                f"{words.population(str(population))}, {words.signature(str(signature))}",
                words.assay(str(assay)),
                words.method(str(method)),
                phrase("{0} of {1}", span, rows["n_features"].max()),
                phrase("{0} of {1}", n_ok, len(rows)),
                missing or words.NOTHING,
            ]
        )
    return Table(
        caption=(
            phrase(
                "Samples scored. A score needs enough cells and enough of the signature's features."
            )
        ),
        header=[
            phrase("Population, score"),
            phrase("Assay"),
            phrase("Method"),
            phrase("Features found"),
            phrase("Scored"),
            phrase("Not scored"),
        ],
        rows=body,
        numeric=frozenset([3, 4]),
    )


def _cell(row: Any, *, alpha: float) -> Cell:
    if row is None:
        return Cell(phrase("not compared"), "none")
    return verdicts.short_cell(row, verdicts.judge(row, alpha=alpha))


def _reasons(unscored: pd.DataFrame) -> Table:
    body = []
    keys = ["assay", "signature", "population", "status"]
    for (assay, signature, population, status), rows in unscored.groupby(keys, sort=True):
        reasons = one_of_each_kind(
            [words.plain(str(reason)) for reason in rows["reason"].dropna().unique()]
        )
        body.append(
            [
                f"{words.population(str(population))}, {words.signature(str(signature))}"
                f" ({words.assay(str(assay))})",
                words.status(str(status)),
                names_cell(rows["sample_id"]),
                "; ".join(reasons) or phrase("no reason given"),
            ]
        )
    return Table(
        caption=phrase(
            "Samples without a score, and why; reasons that differ only in their numbers are one, "
            "with the range."
        ),
        header=[
            phrase("Population, score"),
            phrase("Status"),
            phrase("Samples"),
            phrase("Reasons"),
        ],
        rows=body,
        told=3,
    )
