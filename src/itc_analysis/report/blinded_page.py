"""The blinded page: gates, quality and pooled numbers of a folder of masked tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from itc_analysis.config.sections import Label
from itc_analysis.config.steps import ReportSettings
from itc_analysis.report.html import pictures
from itc_analysis.report.html.material import collect
from itc_analysis.report.language.phrases import speaking
from itc_analysis.report.page import render_sections
from itc_analysis.report.sections import blinded
from itc_analysis.report.sections.laboratory import acquisition, gating
from itc_analysis.whole_files import write_text

#: Stands in place of the study's name, which may hold a group's.
_NAME = "Blinded study"
_HEADLINE = "Gates, quality and numbers of everybody together. Nothing is compared."


def write_blinded_page(
    folder: str | Path, settings: ReportSettings, *, not_shown: Sequence[str]
) -> None:
    """Write report.html into a folder of blinded tables.

    Parameters
    ----------
    folder : str or Path
        of `blinding.tables.write_blinded`.
    settings : ReportSettings
        limits and the like; names of the study and of its groups are not used.
    not_shown : sequence of str
        what was left out, in sentences.
    """
    label = Label(name=_NAME, simulated=settings.study.simulated)
    # batches are aligned by what is known of groups; the page does not show it
    nameless = settings.model_copy(
        update={
            "study": label,
            "flow": settings.flow.model_copy(update={"align": False, "matrices_folder": None}),
        }
    )
    material = collect(folder, nameless)
    with speaking(settings.report.language), pictures.drawing():
        sections = [
            blinded.about(not_shown),
            acquisition.section(material),
            gating.section(material),
            blinded.pooled(material),
        ]
        screens = [section for section in sections if section is not None]
        page = render_sections(material, screens, [], title=_HEADLINE)
    write_text(material.layout.report, page)
