"""Which gates a person has looked at, what was decided, and which ask again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from itc_analysis.flow.review.standing import Reviewed, gates_to_review, reviewers_of, stand
from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Details, Heading, Paragraph, Table
from itc_analysis.report.html.material import Material

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
    blocks: list[Block] = [Heading("Reviewed by a person")]
    if not reviewed:
        told = f"None of {words.plural(len(gates), 'gate')} has been reviewed (itc review)."
        return [*blocks, Paragraph(told)]
    lost = [one for one in reviewed if one.standing != "in_force"]
    blocks.append(Paragraph(told_reviews(reviewed, len(gates)), "warning" if lost else "plain"))
    named = [one for one in reviewed if one in lost or one.review["decision"] != "accept"]
    if named:
        blocks.append(
            Details("Gates that were flagged or corrected, or ask again", [_table(named)])
        )
    return blocks


def told_reviews(reviewed: Sequence[Reviewed], n_gates: int) -> str:
    """Return in sentences who reviewed how many gates, what was decided, and what has changed."""
    counted = Counter(str(one.review["decision"]) for one in reviewed if one.standing == "in_force")
    standings = Counter(one.standing for one in reviewed)
    told = f"{standings['in_force']} of {words.plural(n_gates, 'gate')} were reviewed"
    people = reviewers_of(reviewed)
    if people:
        decided = [f"{counted[name]} {word}" for name, word in _DONE.items() if counted[name]]
        told += f" by {words.listed(people)}: {words.listed(decided)}"
    told += "."
    if standings["changed"]:
        told += (
            f" {words.plural(standings['changed'], 'gate')} changed after review: the decision has "
            "no effect, and the gate is to be reviewed again."
        )
    if standings["gone"]:
        told += (
            f" {words.plural(standings['gone'], 'review')} of gates that are not there any more "
            "(the tube could not be used, or the template has no such gate)."
        )
    return told


def _table(reviewed: Sequence[Reviewed]) -> Table:
    return Table(
        caption="Reviews that did more than accept a gate, and those that have no effect any more. "
        "The digest names the version of the gate that was looked at.",
        header=["Tube", "Gate", "Decision", "Reviewer", "Digest", "Comment", "Standing"],
        rows=[
            [
                str(one.review["tube"]),
                words.population(str(one.review["gate"])),
                _DONE[str(one.review["decision"])],
                str(one.review["reviewer"]),
                str(one.review["gate_digest"]),
                str(one.review["comment"] or ""),
                _STANDING[one.standing],
            ]
            for one in reviewed
        ],
    )
