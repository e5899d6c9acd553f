"""The page: all sections in their order, in one file that needs no network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from itc_analysis.config.steps import ReportSettings
from itc_analysis.report.checklists import checklist
from itc_analysis.report.html import glossary, pictures
from itc_analysis.report.html.blocks import PageSection, kind_of
from itc_analysis.report.html.material import Material, collect
from itc_analysis.report.html.subject import subject_of
from itc_analysis.report.sections import methods, paper, problems
from itc_analysis.report.sections.laboratory import acquisition, gating, singlecell
from itc_analysis.report.sections.people import participants
from itc_analysis.report.sections.results import (
    answer,
    associations,
    comparisons,
    compositions,
    genes,
    modalities,
    robustness,
    scores,
)
from itc_analysis.version import __version__
from itc_analysis.whole_files import write_text

#: The order of the page: the answer first.
SECTIONS: tuple[Callable[[Material], PageSection], ...] = (
    answer.section,
    robustness.section,
    participants.section,
    comparisons.points_section,
    comparisons.tables_section,
    scores.section,
    associations.section,
    compositions.section,
    acquisition.section,
    gating.section,
    singlecell.section,
    modalities.section,
    genes.section,
    problems.section,
    methods.section,
    checklist.section,
    glossary.section,
)

#: Left out of the page of a study without libraries: it has nothing to say there.
OF_SINGLE_CELL = (singlecell.section, modalities.section, genes.section)


def build_page(
    results: str | Path,
    settings: ReportSettings,
    panels: Sequence[str | Path] = (),
    signatures: str | Path | None = None,
    review: str | Path | None = None,
) -> str:
    """Return the HTML of the report; the same results give the same bytes.

    Parameters
    ----------
    results : str or Path
        the results folder.
    settings : ReportSettings
        all settings of the run.
    panels : sequence of (str or Path)
        panel sheets, which name the reagents.
    signatures : str or Path, optional
        signatures.tsv, whose markers label participants.
    review : str or Path, optional
        review.tsv, which says who reviewed which gates.

    Raises
    ------
    ItcError
        the folder has no measurements, or a table breaks its contract.
    """
    return _render(collect(results, settings, panels, signatures, review))


def write_page(
    results: str | Path,
    settings: ReportSettings,
    output: str | Path,
    panels: Sequence[str | Path] = (),
    signatures: str | Path | None = None,
    review: str | Path | None = None,
) -> None:
    """Write the report, whole or not at all, and the reporting checklists as JSON beside it."""
    material = collect(results, settings, panels, signatures, review)
    text = _render(material)
    write_text(output, text)
    checklist.write_checklists(material, output)
    paper.write_paper(material, output)


def _render(material: Material) -> str:
    with pictures.drawing():
        sections = [
            build(material)
            for build in SECTIONS
            if material.has_single_cell or build not in OF_SINGLE_CELL
        ]
    environment = Environment(
        loader=PackageLoader("itc_analysis.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["kind_of"] = kind_of
    # inside <style> nothing may be escaped: the style sheet is part of the package
    environment.globals["style"] = environment.loader.get_source(environment, "page.css")[0]  # type: ignore[union-attr]
    return environment.get_template("page.html").render(
        study=material.settings.study,
        subject=subject_of(material),
        sections=sections,
        version=__version__,
    )
