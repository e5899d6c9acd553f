"""The report counts participants by label, and says so when nobody can be labelled."""

from dataclasses import replace

import pandas as pd
import pytest

from itc_analysis.report.html.blocks import Paragraph, Table
from itc_analysis.report.html.material import Material, collect
from itc_analysis.report.sections.results import labelled
from itc_analysis.scores.signatures import Signature

CARDS = (
    Signature("exhaustion", "flow", ("PD-1", "TIM-3", "TIGIT"), (1, 1, 1), ("s",) * 3, "r"),
    Signature("activation", "flow", ("CD69", "HLA-DR"), (1, 1), ("s",) * 2, "r"),
)


@pytest.fixture
def material(results, settings) -> Material:
    """Markers of MAIT: alike in everybody, but activation markers high in the index group."""
    found = collect(results, settings)
    people = found.participants[found.participants["is_analysed"]]
    rows = []
    for number, person in enumerate(people.itertuples()):
        for marker in CARDS[0].features + CARDS[1].features:
            is_high = person.group == settings.cohort.index_group and marker in CARDS[1].features
            rows.append(
                {
                    "sample_id": f"S{number}",
                    "participant_id": person.participant_id,
                    "group": person.group,
                    "assay": "flow",
                    "source_id": f"T{number}",
                    "batch": "B1",
                    "population": "mait",
                    "measure": "share_positive",
                    "feature": marker,
                    "value": 0.8 if is_high else 0.2 + 0.01 * (number % 5),
                    "n_denominator": 1_000,
                    "status": "ok",
                }
            )
    table = pd.DataFrame(rows).reindex(columns=found.measurements.columns)
    scores = settings.scores.model_copy(update={"min_reference": 3})
    return replace(
        found.with_tables(measurements=table),
        signatures=CARDS,
        settings=settings.model_copy(update={"scores": scores}),
    )


def test_every_judged_participant_of_a_group_is_counted(material):
    _, table = labelled.blocks(material, ["mait"])
    assert isinstance(table, Table)
    column = list(table.header).index(material.settings.cohort.index_group)
    n = len(
        material.participants.query(
            "is_analysed and group == @index", local_dict={"index": table.header[column]}
        )
    )
    by_label = {str(row[0]).split(": ")[1]: str(row[column]) for row in table.rows}
    assert by_label["activated"] == f"{n} of {n}"
    assert by_label["inhibitory-receptor-high"] == f"0 of {n}"


def test_without_healthy_people_it_says_that_nobody_can_be_labelled(material):
    cohort = material.settings.cohort.model_copy(update={"healthy_group": None})
    lone = replace(material, settings=material.settings.model_copy(update={"cohort": cohort}))
    _, told = labelled.blocks(lone, ["mait"])
    assert isinstance(told, Paragraph)
    assert "Nobody can be labelled" in str(told.text)


def test_without_signatures_there_is_no_block(material):
    assert labelled.blocks(replace(material, signatures=()), ["mait"]) == []
