from __future__ import annotations

import pandas as pd

from itc_analysis.simulate.people.design import plan_libraries, sample_of

TRUTH = pd.DataFrame(
    {
        "participant_id": [f"P{i:02d}" for i in range(38)],
        "group": ["SSc"] * 14 + ["SLE"] * 12 + ["healthy"] * 12,
    }
)
BATCH_OF = {participant: 1 + i % 3 for i, participant in enumerate(TRUTH["participant_id"])}


def test_everybody_has_a_library_in_the_batch_of_the_staining() -> None:
    plans = plan_libraries(TRUTH, BATCH_OF)
    assert len(plans) == 38
    assert {plan.batch for plan in plans} == {f"library_batch{i}" for i in (1, 2, 3)}


def test_some_of_each_group_have_one_and_every_batch_holds_people_enough_of_every_group() -> None:
    plans = plan_libraries(TRUTH, BATCH_OF, sizes={"SSc": 14, "SLE": 12, "healthy": 12})
    few = plan_libraries(TRUTH, BATCH_OF, sizes={"SSc": 8, "SLE": 5, "healthy": 5})
    assert len(few) == 18
    assert {plan.batch for plan in few} == {"library_batch1"}
    group_of = {
        sample_of(p): g for p, g in zip(TRUTH["participant_id"], TRUTH["group"], strict=True)
    }
    table = pd.DataFrame(
        {
            "batch": [plan.batch for plan in plans],
            "group": [group_of[plan.sample_id] for plan in plans],
        }
    )
    # the centre of four healthy people is uncertain by half an SD, the most that anchors a batch
    assert (pd.crosstab(table["batch"], table["group"]) >= 4).all().all()
    assert table["batch"].nunique() == 2
