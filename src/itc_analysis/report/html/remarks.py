"""Remarks beside the numbers they concern: in a biologist's words, and numbered once per table.

The statistics say exactly what they met ("81% of the index group and 60% of the reference lie below
..."). Beside a number there is room for a mark only; its note says what the remark means for the
reader, and remarks of one kind that differ in their numbers share one note. The exact words stand
under All comparisons.
"""

from __future__ import annotations

import re

from markupsafe import Markup

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Bullets
from itc_analysis.report.language.phrases import phrase

#: What a remark holds, and what it means. An empty meaning concerns a number that is not shown
#: beside the mark. `{0}` is what the pattern caught; the first pattern that is found counts.
MEANINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (
            r"wholly below the limit of detection: no estimate",
            "Everybody of one side lies below the limit of detection: there is no estimate, only a "
            "limit (“at most”, “at least”)",
        ),
        (
            r"no cell was counted in .+: no estimate",
            "Not one cell was counted in all of one side: there is no estimate, only a limit (“at "
            "most”, “at least”)",
        ),
        (
            r"in all of a group",
            "Fewer than ten cells were counted in all of one group: few cells carry this "
            "comparison",
        ),
        (
            r"interval and p from the profile likelihood",
            "Nearly everybody of one side lies below the limit of detection: few numbers carry "
            "this comparison",
        ),
        (
            r"lie below the limit of detection: the estimate leans",
            "More than half of one side lie below the limit of detection: that there is a "
            "difference can be seen; how large it is rests on the assumed distribution of the "
            "values",
        ),
        (
            r"so few cells do not show how participants differ",
            "Few cells per participant: they hardly show how participants differ, and the estimate "
            "rests on a shape of the distribution that is taken to be the same in everybody",
        ),
        (
            r"one SD for all groups",
            "Too few people with a number to let the groups differ in spread: if they do, the "
            "estimate is off",
        ),
        (
            r"adjusted for (.+) only:",
            "Too few people with a number for the planned covariates: adjusted for the smaller set "
            "of the plan ({0})",
        ),
        (
            r"not adjusted for (\w+): known for",
            "Not adjusted for {0}, which is known for too few people",
        ),
        (
            r"treatment is not adjusted for",
            "The two sides are treated differently, and treatment belongs to the disease, so no "
            "model can take it out: the difference may be the treatment’s",
        ),
        (
            r"batches are spread unevenly",
            "The staining batches are spread unevenly over the two sides: part of the difference "
            "may be the laboratory’s",
        ),
        (
            r"^few participants",
            "Fewer than ten people on a side: whether the model fits them cannot be checked",
        ),
        (
            r"have no such cell: the odds ratio",
            "Many people have not one such cell: the estimate is drawn towards “no difference”",
        ),
        (
            r"participants with a quantified value for|residual degrees of freedom, the plan asks",
            "Few people for so many covariates: fewer than the plan asks for",
        ),
        (r"participants with a number lack", "Some people with a number lack the variable"),
        (
            r"^tested without (\w+): no standard error",
            "Tested without {0}, of which only a limit is known",
        ),
        (
            r"^concordance, limits and slope are of",
            "Concordance and limits of agreement are of the people quantified by both, who have "
            "the higher shares",
        ),
        (r"^the offset also uses", "The offset also uses people below the limit of one method"),
        (r"^offset and spread between methods without", "The offset leaves out who disagrees"),
        (r"^participants quantified by both methods", "Too few people are quantified by both"),
        (r"participants without a number", "Some analysed people have no number here"),
        (
            r"^those with the fewest cells",
            "People without a number had too few cells: those with the fewest cells are the ones "
            "missing",
        ),
        (
            r"permutation does not agree",
            "Reshuffling the people between the groups (permutation) does not confirm the "
            "difference",
        ),
        (r"no permutation p|several samples, averaged|^no estimate: a group lies wholly", ""),
    )
)


class Notes:
    """The numbered notes of one table or list.

    Parameters
    ----------
    name : str
        unique within the page; begins the addresses of the notes.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.numbers: dict[str, int] = {}
        self.texts: dict[int, str] = {}

    def mark(self, *remarks: object) -> Markup:
        """Return the numbers of remarks (parted by "; ") as a superscript that leads to the
        notes.
        """
        own: set[int] = set()
        for remark in remarks:
            if words.is_missing(remark):
                continue
            for text in str(remark).split("; "):
                kind, told = meaning(text)
                if told:
                    number = self.numbers.setdefault(kind, len(self.numbers) + 1)
                    self.texts.setdefault(number, told)
                    own.add(number)
        if not own:
            return Markup("")
        links = Markup(",\u2009").join(
            Markup('<a href="#{0}-note-{1}">{1}</a>').format(self.name, number)
            for number in sorted(own)
        )
        return Markup("<sup>{}</sup>").format(links)

    def blocks(self) -> list[Block]:
        """Return the notes in the order of their numbers; nothing when there are none."""
        if not self.texts:
            return []
        items = [
            Markup('<span id="{0}-note-{1}">{1}</span>: {2}').format(
                self.name, number, words.sentence(self.texts[number])
            )
            for number in sorted(self.texts)
        ]
        return [Bullets(items, has_marks=False)]


def meaning(remark: str) -> tuple[str, str]:
    """Return the kind of a remark and what it means for the reader; an unknown one means what it
    says.
    """
    remark = remark.strip()
    for pattern, told in MEANINGS:
        found = pattern.search(remark)
        if found:
            caught = [
                words.POPULATION_NAMES.get(text) or words.covariates(text)
                for text in found.groups()
            ]
            return told.format(*caught), phrase(told).format(*caught) if told else ""
    return remark, words.plain(remark)
