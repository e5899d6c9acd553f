"""What a page holds: every gate once, the worst first, and densities that unpack to the tables."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from flow.review.made_gates import a_review, make_tables, show
from itc_analysis.errors import ItcError
from itc_analysis.flow.pictures.plots import STATE_ORDER
from itc_analysis.flow.review.shown import Tables, pack, show_panels
from itc_analysis.flow.review.standing import gates_to_review, reviewers_of, stand


@pytest.fixture(scope="module")
def tables() -> Tables:
    return make_tables()


def unpack(text: str) -> tuple[list[dict], list[int]]:
    head, _, packed = zlib.decompress(base64.b64decode(text)).partition(b"\n")
    numbers, number, bits = [], 0, 0
    for byte in packed:
        number |= (byte & 127) << bits
        bits += 7
        if byte < 128:
            numbers.append(number)
            number, bits = 0, 0
    return json.loads(head), numbers


def test_every_gate_with_a_place_stands_once_the_worst_first(tables: Tables) -> None:
    shown = show(tables)
    named = [(shown.tubes[g["tube"]]["id"], shown.populations[g["gate"]]) for g in shown.gates]
    # the complement has no place of its own, nor has a threshold of a functional marker
    assert sorted(named) == sorted((tube, gate) for tube in "ABCDE" for gate in ("t_cells", "inkt"))
    ranks = [STATE_ORDER.index(gate["state"]) for gate in shown.gates]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) > 1
    assert [tube["person"] for tube in shown.tubes] == ["PA", "PB", "PC", "", ""]


def test_densities_unpack_to_the_histograms(tables: Tables) -> None:
    shown = show(tables)
    rows = tables.histograms[tables.histograms["source_id"] == "B"].set_index("population")
    heads, numbers = unpack(shown.densities[[t["id"] for t in shown.tubes].index("B")])
    assert {head["gate"] for head in heads} == {"t_cells", "inkt"}
    for head in heads:
        content = json.loads(rows.loc[head["gate"], "histogram"])
        n = head["shape"][0] * head["shape"][1]
        assert numbers[:n] == content["counts"]
        assert numbers[n : n + head["steps"]] == content["profile"]["counts"]
        assert sum(content["profile"]["counts"]) == sum(content["counts"])
        numbers = numbers[n + head["steps"] :]
    assert numbers == []


def test_numbers_of_any_size_are_packed() -> None:
    counts = [0, 1, 127, 128, 16_383, 16_384, 5_000_000]
    content = {"x_edges": [0, 1], "y_edges": None, "n_x": len(counts), "n_y": None,
               "x_ticks": [], "y_ticks": [], "counts": counts}  # fmt: skip
    row = {"population": "g", "marker_x": "x", "marker_y": None, "histogram": json.dumps(content)}
    text, _ = pack([row], ["g"])
    assert unpack(text)[1] == counts


def test_a_gate_that_changed_after_its_review_comes_first(tables: Tables) -> None:
    last = show(tables).gates[-1]
    plain = show(tables)
    tube, gate = plain.tubes[last["tube"]]["id"], plain.populations[last["gate"]]
    held = a_review(tables, tube, gate, "accept")
    assert show(tables, held).gates == plain.gates
    stale = {**held, "gate_digest": "g0"}
    assert show(tables, stale).gates[0] == last


def test_reviews_hold_are_outdated_or_of_nothing(tables: Tables) -> None:
    gates = gates_to_review(tables.gates, tables.quality)
    reviews = [
        a_review(tables, "A", "inkt", "accept"),
        a_review(tables, "B", "inkt", "flag", gate_digest="g0", reviewer="CD"),
        {**a_review(tables, "A", "inkt", "accept"), "tube": "lost"},
    ]
    found = stand(reviews, gates)
    assert [one.standing for one in found] == ["in_force", "changed", "gone"]
    assert reviewers_of(found) == ["AB"]


def test_a_study_without_a_usable_tube_says_so(tables: Tables) -> None:
    quality = tables.quality.assign(status="unreadable")
    lost = Tables(tables.gates, tables.histograms, tables.counts, quality, {})
    with pytest.raises(ItcError, match="there is nothing to review"):
        show_panels(lost, [])
