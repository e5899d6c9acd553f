"""Words for a paper: the methods as Markdown with citation keys, and the works as BibTeX and CSL.

Made of the sentences of the page, so that paper and page cannot differ. pandoc puts them together
(``--citeproc --bibliography report.references.bib``).
"""

from __future__ import annotations

import json
from pathlib import Path

from itc_analysis.report.html import words
from itc_analysis.report.html.bibliography import REFERENCES
from itc_analysis.report.html.material import Material
from itc_analysis.report.sections.methods import citation_order, sentences
from itc_analysis.whole_files import write_text


def write_paper(material: Material, page: str | Path) -> None:
    """Write ``<page>.methods.md``, ``<page>.references.bib`` and ``<page>.references.json``."""
    entries = [entry for entry in material.provenance if entry.get("methods")]
    works = [REFERENCES[key] for key in citation_order(entries) if key in REFERENCES]
    csl = json.dumps([work.csl for work in works], indent=1, ensure_ascii=False) + "\n"
    for ending, text in (
        (".methods.md", methods_markdown(material)),
        (".references.bib", "\n".join(work.bibtex for work in works)),
        (".references.json", csl),
    ):
        write_text(Path(page).with_suffix(ending), text)


def methods_markdown(material: Material) -> str:
    """Return the methods, a paragraph per step, with keys of works as pandoc reads them.

    A key without an entry in the bibliography is left out, as no program could resolve it; the page
    names it.
    """
    entries = [entry for entry in material.provenance if entry.get("methods")]
    simulated = material.settings.study.simulated
    note = f"**SIMULATED DATA ({simulated}): no person was measured.**\n\n" if simulated else ""
    paragraphs = []
    for text, keys in sentences(entries).items():
        known = [f"@{key}" for key in keys if key in REFERENCES]
        told = words.plain(text)
        if known:
            told = f"{told.removesuffix('.')} [{'; '.join(known)}]."
        paragraphs.append(told)
    return f"# Methods\n\n{note}" + "\n\n".join(paragraphs) + "\n\n# References\n"
