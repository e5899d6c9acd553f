"""What tells groups apart is recognised, and what does not is left alone."""

from __future__ import annotations

import pandas as pd
import pytest

from blinding.looking import tells_all
from itc_analysis.blinding.leaks import batches_tell, presence_tells, values_tell
from itc_analysis.blinding.masks import ALL_BATCHES, NOT_SHOWN, Masks, draw_masks
from itc_analysis.blinding.tables import SHOWN
from itc_analysis.tables import contract
from itc_analysis.tables.registry import BY_NAME, contract_of

GROUPS = {f"s{i}": "SSc" if i < 10 else "healthy" for i in range(20)}
HALF = {f"s{i}" for i in range(0, 20, 2)}


def test_a_panel_that_one_group_alone_has_or_lacks_tells() -> None:
    ssc = {name for name, group in GROUPS.items() if group == "SSc"}
    assert presence_tells(ssc, GROUPS)
    assert presence_tells({"s1", "s2"}, GROUPS)
    lacking = {f"s{i}" for i in range(7)}
    assert presence_tells(set(GROUPS) - lacking, GROUPS)
    assert not presence_tells(set(GROUPS) - {"s0"}, GROUPS)
    assert not presence_tells(HALF, GROUPS)
    assert not presence_tells(set(GROUPS), GROUPS)
    assert not presence_tells(ssc, dict.fromkeys(GROUPS, "SSc"))


def test_a_batch_of_one_group_tells() -> None:
    mixed = [(name, "b1" if name in HALF else "b2") for name in GROUPS]
    assert not batches_tell(mixed, GROUPS)
    assert batches_tell([*mixed[1:], ("s0", "b3")], GROUPS)
    assert not batches_tell([("bridge", "b4"), *mixed], GROUPS)


def test_a_value_of_one_group_tells_unless_it_may_be_chance() -> None:
    same = dict.fromkeys(GROUPS, "cytometer 1")
    assert not values_tell(same.items(), GROUPS)
    other = same | {f"s{i}": "cytometer 2" for i in range(9)}
    assert values_tell(other.items(), GROUPS)
    three = {"s0": "SSc", "s1": "SSc", "s2": "SSc", "s3": "RA", "s4": "RA", "s5": "RA"}
    assert values_tell([(name, three[name]) for name in three], three)
    assert values_tell([(name, str(three[name] == "RA")) for name in three], three)
    rare = same | {"s0": "clogged", "s1": "clogged"}
    assert not values_tell(rare.items(), GROUPS)


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_every_shown_column_is_one_of_its_table_and_names_nobody(name: str) -> None:
    columns = contract.columns_of(contract_of(BY_NAME[name]))
    assert set(SHOWN[name]) <= set(columns)
    assert not {"group", "participant_id", "path", "bead_lot"} & set(SHOWN[name])


def masks(key: bytes = b"key", **changes: list[str]) -> Masks:
    names = [f"SSc-{i:02d}" for i in range(6)] + [f"HC-{i:02d}" for i in range(6)]
    samples = pd.DataFrame(
        {
            "sample_id": [*names, "BRIDGE"],
            "participant_id": [*[f"P-{name}" for name in names], None],
            "sample_type": [*["participant"] * 12, "bridge_control"],
        }
    )
    batch = changes.get("batch", ["b1", "b2"] * 6)
    tubes = pd.DataFrame(
        {
            "file_id": [*[f"{n}_a" for n in names], "BRIDGE_a", "BRIDGE_fmo", "SSc-00_fmo"],
            "sample_id": [*names, "BRIDGE", "BRIDGE", "SSc-00"],
            "panel": "panel_a",
            "batch": [*batch, "b1", "b1", "b1"],
            "tube": [*["stained"] * 13, "fmo", "fmo"],
            "fmo_markers": [*[None] * 13, "PD-1", "PD-1"],
        }
    )
    groups = {name: name.split("-")[0] for name in names}
    libraries = pd.DataFrame(columns=["library_id", "sample_id", "batch"])
    return draw_masks(
        key, samples=samples, tubes=tubes, libraries=libraries, groups=groups, labels=["SSc", "HC"]
    )


def test_masks_follow_the_key_and_nothing_else() -> None:
    assert masks().samples == masks().samples
    assert masks().samples != masks(b"another").samples
    assert set(masks().samples) == set(masks(b"another").samples)
    assert len(set(masks().sources.values())) == len(masks().sources)


def test_controls_made_of_participants_cells_are_not_shown() -> None:
    shown = masks().sources
    assert "SSc-00_fmo" not in shown
    assert shown["BRIDGE_fmo"].endswith("fmo-PD-1")


def test_batches_of_one_group_are_merged_and_said() -> None:
    found = masks(batch=["b1"] * 6 + ["b2"] * 6)
    assert set(found.batches.values()) == {ALL_BATCHES}
    assert found.withheld == ("panel_a: batches are not shown, because some hold one group alone",)
    assert set(masks().batches.values()) == {"batch-1", "batch-2"}
    assert masks().withheld == ()


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("two valleys at 0.31", "two valleys at 0.31"),
        ("the same file as SSc-03_a", "the same file as {tube}"),
        ("differs from b1", NOT_SHOWN),
        ("of an SSc patient", NOT_SHOWN),
        ("P-HC-01 moved", NOT_SHOWN),
    ],
)
def test_texts_name_nobody(text: str, cleaned: str) -> None:
    found = masks()
    assert found.clean(text) == cleaned.format(tube=found.sources["SSc-03_a"])


def test_the_reader_of_the_tests_finds_groups_in_shared_values_and_in_order() -> None:
    people = [f"s{i}" for i in range(14)]
    known = pd.DataFrame({"sample": people, "group": ["x"] * 7 + ["y"] * 7})
    assert tells_all(known.assign(value=["1"] * 7 + ["2"] * 7))
    assert tells_all(known.assign(value=[str(i) for i in range(14)]))
    assert not tells_all(known.assign(value=[str(i) for i in [13, *range(1, 13), 0]]))
    assert not tells_all(known.assign(value=["ok"] * 14))
    # so few people that their order says nothing
    assert not tells_all(known[5:9].assign(value=[str(i) for i in range(4)]))
