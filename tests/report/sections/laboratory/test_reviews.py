"""What the report says of reviewed gates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from itc_analysis.flow.review.standing import Reviewed, gates_to_review
from itc_analysis.report.html.blocks import Details, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.sections.laboratory.reviews import review_blocks, told_reviews
from report.reading import with_tables


def review(decision: str, reviewer: str = "AB", **other: Any) -> dict[str, Any]:
    return {"panel": "panel_a", "tube": "T1", "gate": "mait", "decision": decision, "place": None,
            "comment": None, "reviewer": reviewer, "gate_digest": "g1", **other}  # fmt: skip


def test_who_reviewed_how_many_and_what_was_decided() -> None:
    held = [review("accept")] * 600 + [review("flag", "CD")] * 9 + [review("correct")] * 3
    reviewed = [Reviewed(one, "in_force") for one in held]
    assert told_reviews(reviewed, 700) == (
        "612 of 700 gates were reviewed by AB and CD: 600 accepted, 9 flagged as doubtful and 3 "
        "corrected."
    )
    changed = [Reviewed(review("correct", "EF"), "changed")] * 2
    assert told_reviews([*reviewed, *changed], 700).endswith(
        "2 gates changed after review: the decision has no effect, and the gate is to be reviewed "
        "again."
    )
    assert "EF" not in told_reviews([*reviewed, *changed], 700)
    assert told_reviews(changed, 700).startswith("0 of 700 gates were reviewed. 2 gates changed")
    gone = [Reviewed(review("accept"), "gone")]
    assert "1 review of gates that are not there any more" in told_reviews(gone, 700)


def paragraphs(material: Material) -> str:
    return " ".join(str(b.text) for b in review_blocks(material) if isinstance(b, Paragraph))


def test_the_section_counts_the_gates_of_usable_tubes(material: Material) -> None:
    gates = gates_to_review(material.gates, material.tube_quality)
    n = len(gates)
    assert 0 < n < len(material.gates) + 1
    assert paragraphs(material) == f"None of {n} gates has been reviewed (itc review)."
    first = gates.iloc[0]
    named = {"panel": first["panel"], "tube": first["file_id"], "gate": first["population"]}
    digests = material.gates["digest"].where(material.gates.index != gates.index[0], "g1")
    held = with_tables(material, gates=material.gates.assign(digest=digests))
    accepted = replace(held, reviews=(review("accept", **named),))
    assert f"1 of {n} gates were reviewed by AB: 1 accepted." in paragraphs(accepted)
    assert not any(isinstance(block, Details) for block in review_blocks(accepted))
    flagged = replace(held, reviews=(review("flag", comment="<i>", **named),))
    (details,) = (b for b in review_blocks(flagged) if isinstance(b, Details))
    (table,) = details.blocks
    assert isinstance(table, Table)
    assert "<i>" in table.rows[0]
    stale = replace(held, reviews=(review("accept", gate_digest="g2", **named),))
    (warning,) = (b for b in review_blocks(stale) if isinstance(b, Paragraph))
    assert warning.tone == "warning"
