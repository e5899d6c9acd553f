"""Which gates a person has looked at, what was decided, and which ask again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from itc_analysis.flow.review.standing import Reviewed, gates_to_review, reviewers_of, stand
from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Details, Heading, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase

_DONE = {"accept": "accepted", "flag": "flagged as doubtful", "correct": "corrected"}
_STANDING = {
    "in_force": "",
    "changed": "the gate has changed since; no effect, to be reviewed again",
    "gone": "the tube could not be used or has no such gate; no effect",
}


def review_blocks(material: Material) -> list[Block]:
    """Return who reviewed how many gates, and every gate that was not simply accepted."""
    gates = gates_to_review(material.gates, material.tube_quality)
    reviewed = stand(material.reviews, gates)
    blocks: list[Block] = [Heading(phrase("Reviewed by a person"))]
    if not reviewed:
        told = phrase(
            "None of {0} has been reviewed (itc review).", words.plural(len(gates), "gate")
        )
        return [*blocks, Paragraph(told)]
    lost = [one for one in reviewed if one.standing != "in_force"]
    blocks.append(Paragraph(told_reviews(reviewed, len(gates)), "warning" if lost else "plain"))
    named = [one for one in reviewed if one in lost or one.review["decision"] != "accept"]
    if named:
        blocks.append(
            Details(phrase("Gates that were flagged or corrected, or ask again"), [_table(named)])
        )
    return blocks


def told_reviews(reviewed: Sequence[Reviewed], n_gates: int) -> str:
    """Return in sentences who reviewed how many gates, what was decided, and what has changed."""
    counted = Counter(str(one.review["decision"]) for one in reviewed if one.standing == "in_force")
    standings = Counter(one.standing for one in reviewed)
    told = phrase("{0} of {1} were reviewed", standings["in_force"], words.plural(n_gates, "gate"))
    people = reviewers_of(reviewed)
    if people:
        decided = [
            f"{counted[name]} {phrase(word)}" for name, word in _DONE.items() if counted[name]
        ]
        told += phrase(" by {0}: {1}", words.listed(people), words.listed(decided))
    told += "."
    if standings["changed"]:
        told += phrase(
            " {0} changed after review: the decision has no effect, and the gate is to be "
            "reviewed again.",
            words.plural(standings["changed"], "gate"),
        )
    if standings["gone"]:
        told += phrase(
            " {0} of gates that are not there any more (the tube could not be used, or the "
            "template has no such gate).",
            words.plural(standings["gone"], "review"),
        )
    return told


def _table(reviewed: Sequence[Reviewed]) -> Table:
    return Table(
        caption=phrase(
            "Reviews that did more than accept a gate, and those that have no effect any "
            "more. The digest names the version of the gate that was looked at."
        ),
        header=[
            phrase("Tube"),
            phrase("Gate"),
            phrase("Decision"),
            phrase("Reviewer"),
            phrase("Digest"),
            phrase("Comment"),
            phrase("In force"),
        ],
        rows=[
            [
                str(one.review["tube"]),
                words.population(str(one.review["gate"])),
                phrase(_DONE[str(one.review["decision"])]),
                str(one.review["reviewer"]),
                str(one.review["gate_digest"]),
                str(one.review["comment"] or ""),
                phrase(_STANDING[one.standing]),
            ]
            for one in reviewed
        ],
    )
