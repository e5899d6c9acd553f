"""The page: all sections in their order, in one file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from itc_analysis.report.checklists import checklist
from itc_analysis.report.figures import gate_tiles
from itc_analysis.report.figures import scores as score_figures
from itc_analysis.report.html import glossary, pictures
from itc_analysis.report.html.blocks import Cell, PageSection, Text, kind_of
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import language, phrase, speaking
from itc_analysis.report.language.recorded import recorded
from itc_analysis.report.language.typography import spaced
from itc_analysis.report.sections import methods, paper, problems
from itc_analysis.report.sections.front import caveats, headline, outcomes
from itc_analysis.report.sections.laboratory import acquisition, gating, singlecell
from itc_analysis.report.sections.people import participants
from itc_analysis.report.sections.plan import locked
from itc_analysis.report.sections.plan import section as plan_section
from itc_analysis.report.sections.results import (
    associations,
    comparisons,
    compositions,
    genes,
    modalities,
    numbers,
    scores,
)
from itc_analysis.version import __version__
from itc_analysis.whole_files import write_text

#: What makes a section; None where the study has nothing of the kind, and the page no such section.
Build: TypeAlias = Callable[[Material], PageSection | None]

#: The screens that everybody sees, the answer first.
SCREENS: tuple[Build, ...] = (
    outcomes.section,
    participants.section,
    gating.section,
    caveats.section,
)

#: The depth behind them, folded. A new section is a module with one function, and a line here.
DEPTH: tuple[Build, ...] = (
    comparisons.section,
    numbers.section,
    scores.section,
    associations.section,
    compositions.section,
    acquisition.section,
    singlecell.section,
    modalities.section,
    genes.section,
    plan_section.section,
    problems.section,
    methods.section,
    checklist.section,
    glossary.section,
)

#: Words that the page's script shows, by the name under which it knows them.
SCRIPT_WORDS = {
    "filter": "Filter the rows",
    "rows": "{shown} of {all} rows",
    "sort": "Sort by this column",
    "save": "Save this table as {kind}",
    "gate": "The gate of this tube",
    "drawn": "{population} in {tube}: {markers}",
    "command": "Where this number comes from, step by step:",
    "keys": "Arrow keys go from person to person; Enter highlights the person in all figures; "
    "O opens all gates of the population.",
    "highlighted": "Highlighted: {what} ({n} points)",
    "people": "{n} people",
    "group": "Group",
    "batch": "Batch",
    "person": "Person",
    "anyone": "all",
    "clear": "Clear",
    "found": "{n} places found",
    "search": "Search the report",
    "unfold": "Unfold everything",
    "fold": "Fold everything",
}

#: Parts of the page's one script, in their order.
SCRIPTS = ("tables.js", "gates.js", "figures.js", "navigation.js")


def build_page(material: Material) -> str:
    """Return the HTML of the report; the same material gives the same bytes."""
    with speaking(material.settings.report.language), pictures.drawing():
        screens = _built(SCREENS, material)
        depth = _built(DEPTH, material)
        return render_sections(
            material, screens, depth, title=headline.headline(material), gates=_gates(material)
        )


def write_page(material: Material, output: str | Path) -> None:
    """Write the report, whole or not at all, and next to it the reporting checklists as JSON and
    the words for a paper.
    """
    write_text(output, build_page(material))
    checklist.write_checklists(material, output)
    paper.write_paper(material, output)


def _gates(material: Material) -> dict[str, Any]:
    """Return the gate behind every point of the page."""
    scored = score_figures.drawn_rows(material, scores.shown_populations(material))
    return gate_tiles.tiles(material, pd.concat([numbers.plotted_rows(material), scored]))


def _built(builds: Sequence[Build], material: Material) -> list[PageSection]:
    found = [build(material) for build in builds]
    return locked.warn([section for section in found if section is not None], material)


def render_sections(
    material: Material,
    screens: Sequence[PageSection],
    depth: Sequence[PageSection],
    *,
    title: str,
    gates: Mapping[str, Any] | None = None,
) -> str:
    """Return the HTML of a page with these sections, those of `depth` folded.

    `gates` are shown with the points of the figures, see `gate_tiles.tiles`; None for none.
    """
    template = _environment().get_template("page.html")
    page = template.render(
        study=material.settings.study,
        headline=title,
        screens=screens,
        depth=depth,
        language=material.settings.report.language,
        words=_in_page({name: phrase(text) for name, text in SCRIPT_WORDS.items()}),
        gates=_in_page(gates or {}),
        version=__version__,
    )
    return spaced(page) if language() == "fr" else page


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("itc_analysis.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = "".join(_source(environment, name) for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    # inside <style> and <script> nothing may be escaped: both are parts of the package
    environment.globals |= {
        "kind_of": kind_of,
        "told": told,
        "phrase": phrase,
        "style": _source(environment, "page.css"),
        "script": script,
        "script_digest": digest,
    }
    return environment


def told(content: Text | Cell) -> Text:
    """Return what stands in a cell of a table, recorded reasons in the language of the report."""
    text = content.text if isinstance(content, Cell) else content
    return text if isinstance(text, Markup) else recorded(text)


def _source(environment: Environment, name: str) -> str:
    return environment.loader.get_source(environment, name)[0]  # type: ignore[union-attr]


def _in_page(content: Mapping[str, Any]) -> Markup:
    """Return what the script reads, as JSON that can stand inside of a page."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # no tag can begin in it
