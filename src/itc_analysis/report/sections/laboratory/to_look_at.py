"""The tubes to look at again, the worst judged first, with pictures of what is doubtful in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from itc_analysis.report.html import plots, words
from itc_analysis.report.html.blocks import (
    Block,
    Cell,
    Details,
    Figure,
    Gallery,
    Paragraph,
    Table,
    Text,
)
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase
from itc_analysis.tables.quantities import POSITIVE_OF, STANDS_AGAINST

#: How much a gate's state weighs when tubes are ranked: what a tube could not decide counts most.
BADNESS = {"not_estimable": 4, "weak": 3, "ambiguous": 3, "borrowed": 2, "control": 2, "pooled": 1}
#: Gates with these states are for a person to look at; the others were decided by the rules.
DOUBTFUL = ("not_estimable", "weak", "ambiguous")
#: A gate that is doubtful in more than this share of a panel's tubes (of at least so many) is a
#: question to the panel.
MOST, FEWEST = 0.5, 4
#: Tubes in the table that is seen at once, and gates drawn below it.
N_ROWS, N_DRAWN = 8, 6


def blocks(material: Material) -> list[Block]:
    """Return a table of tubes, the first of them with a picture of their worst gate, and how many
    gates are borrowed.
    """
    return [*_doubtful(material), *_borrowed(material)]


def _doubtful(material: Material) -> list[Block]:
    everywhere, gates = doubtful_gates(material)
    found: list[Block] = [Paragraph(of_panel(own)) for own in everywhere]
    if gates.empty and found:
        told = phrase("An example of each: check that the line is in the valley between the peaks.")
        examples = [figure for own in everywhere for figure in _pictures(own, material, most=1)]
        nobody = Paragraph(phrase("No single tube asks for a second look."))
        return [*found, nobody, *_gallery(examples, told)]
    if gates.empty:
        told = phrase(
            "No tube asks for a second look: no gate is weak, ambiguous or not estimable, and none "
            "disagrees with its batch."
        )
        return [Paragraph(told)]
    tubes = {str(tube.file_id): tube for tube in each_row(material.tube_quality)}
    body = [
        _row(own, tubes[str(file_id)], material)
        for file_id, own in gates.groupby("file_id", sort=False)
    ]
    n_tubes = words.plural(len(body), "tube")
    caption = phrase(
        "Tubes to look at again, the worst judged first. A correction goes into the gating files; "
        "only what follows from it is run again."
    )
    header = [
        phrase("Tube"),
        phrase("Sample"),
        phrase("Panel and batch"),
        phrase("Gates"),
        phrase("Why"),
    ]
    found.append(Table(caption, header, body[:N_ROWS]))
    if len(body) > N_ROWS:
        whole = Table(caption, header, body)
        found.append(Details(phrase("All {0} to look at again", n_tubes), [whole]))
    told = phrase(
        "The most doubtful gate of each of the first tubes: check that the line is in the valley "
        "between the peaks."
    )
    return [*found, *_gallery(_pictures(gates, material, most=N_DRAWN), told)]


def doubtful_gates(material: Material) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    """Return the gates that are doubtful in most tubes of a panel, population by population, and
    the other doubtful gates tube by tube, the worst tube first.

    A gate is doubtful by its state (`DOUBTFUL`) or because its tube disagrees with its batch. Only
    stained tubes of participants are listed. What most of a panel's tubes have in common is one
    question to the panel and not one per tube. Tubes are ranked by how many of their gates are
    doubtful, weighed by `BADNESS`; then by name.
    """
    gates = _gates_of_people(material)
    reasons = gates["reason"].astype("string")
    is_odd = reasons.str.startswith(STANDS_AGAINST).fillna(value=False).astype(bool)
    is_doubtful = gates["state"].isin(DOUBTFUL) | is_odd
    share = is_doubtful.groupby([gates["panel"], gates["population"]]).transform("mean")
    n_tubes = gates.groupby("panel")["file_id"].transform("nunique")
    is_everywhere = is_doubtful & (share > MOST) & (n_tubes >= FEWEST)
    chosen = gates[is_doubtful & ~is_everywhere]
    bad = chosen["state"].map(BADNESS).fillna(0).astype(float) + 1
    chosen = chosen.assign(_bad=bad, _tube=bad.groupby(chosen["file_id"]).transform("sum"))
    ordered = chosen.sort_values(
        ["_tube", "file_id", "_bad", "population"],
        ascending=[False, True, False, True],
        kind="stable",
    )
    return [own for _, own in gates[is_everywhere].groupby(["panel", "population"])], ordered


def _gates_of_people(material: Material) -> pd.DataFrame:
    samples = material.samples
    people = samples.loc[samples["sample_type"] == "participant", "sample_id"]
    quality = material.tube_quality
    listed = quality[(quality["tube"] == "stained") & quality["sample_id"].isin(people)]
    gates = material.gates
    gates = gates[gates["file_id"].isin(listed["file_id"])]
    return gates[~gates["population"].str.startswith(POSITIVE_OF)]


def _borrowed(material: Material) -> list[Block]:
    """Say how many gates are the batch's, and of which populations; nothing where none is."""
    gates = _gates_of_people(material)
    borrowed = gates.loc[gates["state"] == "borrowed", "population"]
    if borrowed.empty:
        return []
    counts = borrowed.value_counts()
    told = phrase(
        "{0} of {1} in the stained tubes of participants took their place from the batch "
        "(borrowed): {2}. That is expected of small populations, whose cells in one tube do not "
        "show a gap. Of a large population it is a reason to look at the tube.",
        len(borrowed),
        words.plural(len(gates), "gate"),
        words.listed(
            [f"{words.population(str(name))} {n}" for name, n in counts.items()], most=N_ROWS
        ),
    )
    return [Paragraph(told)]


def of_panel(own: pd.DataFrame) -> str:
    """Return what most tubes of a panel have in common, in a sentence.

    Parameters
    ----------
    own : pandas.DataFrame
        the gates of one population in the tubes of one panel.
    """
    reason = own["reason"].dropna().mode()
    told = phrase(
        "{0} ({1}): {2} in {3}; look at the panel’s gate, not at each tube.",
        words.population(str(own["population"].iloc[0])),
        own["panel"].iloc[0],
        words.listed([words.gate_state(name) for name in sorted(set(own["state"]))]),
        words.plural(own["file_id"].nunique(), "tube"),
    )
    return f"{told} {words.sentence(words.plain(str(reason.iloc[0])))}" if len(reason) else told


def _row(own: pd.DataFrame, tube: Any, material: Material) -> list[Text | Cell]:
    gates = words.listed(
        [
            f"{words.population(row.population)} ({words.gate_state(row.state)})"
            for row in each_row(own)
        ]
    )
    reasons = dict.fromkeys(
        words.plain(str(reason).split("; ")[0]) for reason in own["reason"].dropna()
    )
    name: Text = tube.file_id
    page = Path(material.layout.overview(tube.panel), f"{own['population'].iloc[0]}.html")
    if page.exists():
        address = page.relative_to(material.layout.folder).as_posix()
        name = Markup('<a href="{0}#{1}">{1}</a>').format(address, tube.file_id)
    return [
        name,
        tube.sample_id,
        f"{tube.panel}, {words.batch(tube.batch)}",
        gates,
        "; ".join(reasons) or words.NOTHING,
    ]


def _gallery(figures: list[Figure], caption: str) -> list[Block]:
    return [Gallery(figures, caption, width=190)] if figures else []


def _pictures(gates: pd.DataFrame, material: Material, *, most: int) -> list[Figure]:
    """Return the worst gate that can be drawn of each of the first tubes, at most so many."""
    figures: list[Figure] = []
    histograms: dict[tuple[str, str], pd.DataFrame] = {}
    for file_id, own in gates.groupby("file_id", sort=False):
        place = _place(str(file_id), material)
        if place not in histograms:
            histograms[place] = material.histograms_of(*place)
        for row in each_row(own):
            figure = plots.gate_figure(
                material, histograms[place], str(file_id), row.population, title=str(file_id)
            )
            if figure is not None:
                figures.append(figure)
                break
        if len(figures) == most:
            break
    return figures


def _place(file_id: str, material: Material) -> tuple[str, str]:
    quality: Any = material.tube_quality.set_index("file_id").loc[file_id]
    return str(quality["panel"]), str(quality["batch"])
