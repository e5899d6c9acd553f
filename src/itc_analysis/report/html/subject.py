"""What a study is about, in the words of the page: what it measured, not what the trial would
have.
"""

from __future__ import annotations

from dataclasses import dataclass

from itc_analysis.report.html import words
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase

#: The populations of the trial's question.
INNATE = ("mait", "inkt", "gd_t_cells", "innate_cd8")
#: More populations than this do not fit a title.
_MOST_IN_A_TITLE = 4


@dataclass(frozen=True)
class Subject:
    """The subject of a report.

    Parameters
    ----------
    title : str
        for the heading, e.g. ``"innate T cells"``.
    sentence : str
        what is compared, as the subject of a sentence.
    question : str
        what may differ, for the heading of the answer.
    """

    title: str
    sentence: str
    question: str


def subject_of(material: Material) -> Subject:
    """Return what the study compares, of the populations that it measured."""
    rows = material.measurements
    measured = measured_populations(material)
    asked = [name for name in dict.fromkeys(material.comparisons["population"]) if name in measured]
    names = asked or measured
    if not names or set(names) & set(INNATE):
        return Subject(
            phrase("innate T cells"),
            phrase("MAIT, iNKT, γδ and innate CD8 T cells"),
            phrase("innate T populations"),
        )
    told = [words.population(name) for name in names]
    title = (
        _listed(told) if len(told) <= _MOST_IN_A_TITLE else words.plural(len(told), "population")
    )
    markers = [
        feature
        for feature in dict.fromkeys(material.comparisons["feature"])
        if feature != "-" and feature in set(rows["feature"])
    ]
    with_markers = f" ({_listed(markers)})" if markers else ""
    return Subject(title, f"{_listed(told)}{with_markers}", "populations")


def measured_populations(material: Material) -> list[str]:
    """Return the populations that some tube or library of the study could show."""
    rows = material.measurements
    return [str(name) for name in rows.loc[rows["status"] != "no_panel", "population"].unique()]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else phrase("{0} and {1}", ", ".join(names[:-1]), names[-1])
