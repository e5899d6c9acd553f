"""The report counts participants by label, and says so when nobody can be labelled."""

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import LabelReference
from itc_analysis.report.html.blocks import Block, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import speaking
from itc_analysis.report.sections.results import labelled
from itc_analysis.scores.cards.signatures import Signature
from itc_analysis.scores.words.function import EXHAUSTED, NOT_ASSESSABLE, WITHIN
from itc_analysis.scores.words.labels import label_participants
from itc_analysis.tables import contract
from itc_analysis.tables.function import Labels
from report.reading import with_tables

CARDS = (
    Signature("exhaustion", "flow", ("PD-1", "TIM-3", "TIGIT"), (1, 1, 1), ("s",) * 3, "r"),
    Signature("activation", "flow", ("CD69", "HLA-DR"), (1, 1), ("s",) * 2, "r"),
)


@pytest.fixture
def found(material) -> Material:
    return material


@pytest.fixture
def marks(found, settings) -> pd.DataFrame:
    """Markers of MAIT: alike in everybody, but activation markers high in the index group."""
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
    return pd.DataFrame(rows).reindex(columns=found.measurements.columns)


def labelled_by(found: Material, table: pd.DataFrame, healthy: str | None = "healthy") -> Material:
    labels = label_participants(
        table.astype(found.measurements.dtypes.to_dict()), CARDS, healthy_group=healthy,
        settings=LabelReference(min_reference=3, subsets={}),
    )  # fmt: skip
    return with_tables(found, measurements=table, labels=labels)


def text_of(blocks: list[Block]) -> str:
    return " ".join(str(block) for block in blocks)


def test_every_judged_participant_of_a_group_is_counted(found, marks):
    material = labelled_by(found, marks)
    _, table, _ = labelled.blocks(material, ["mait"])
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


def test_without_healthy_people_it_says_that_nobody_can_be_labelled(found, marks):
    _, told, _ = labelled.blocks(labelled_by(found, marks, None), ["mait"])
    assert isinstance(told, Paragraph)
    assert "Nobody can be labelled" in str(told.text)


def test_without_stimulated_tubes_it_says_what_the_word_needs(found, marks):
    *_, told = labelled.blocks(labelled_by(found, marks), ["mait"])
    assert isinstance(told, Paragraph)
    assert "No stimulated tube" in str(told.text)
    assert "exhausted" in str(told.text)


def test_without_labels_there_is_no_block(found):
    assert labelled.blocks(with_tables(found, labels=contract.empty(Labels)), ["mait"]) == []


def test_words_of_function_are_counted_and_what_is_missing_is_listed(found, marks):
    labels = labelled_by(found, marks).labels.copy()
    index = found.settings.cohort.index_group
    is_index = labels["group"] == index
    labels["stimulation"] = "il12"
    labels["word"] = np.where(is_index, EXHAUSTED, WITHIN)
    lacking = labels.index[is_index][0]
    labels.loc[lacking, ["word", "why"]] = [NOT_ASSESSABLE, "no response can be judged: no control"]
    blocks = labelled.blocks(with_tables(found, labels=labels), ["mait"])
    table = next(b for b in blocks if isinstance(b, Table) and "stimulation" in b.header[0])
    column = list(table.header).index(index)
    n = int(is_index.sum()) - 1
    cells = {str(row[0]).split(": ")[1]: str(row[column]) for row in table.rows}
    assert cells[EXHAUSTED] == f"{n} of {n}"
    assert "chronic cause" in table.caption
    assert str(labels.loc[lacking, "participant_id"]) in text_of(blocks)
    assert "no control" in text_of(blocks)
    with speaking("fr"):
        french = text_of(labelled.blocks(with_tables(found, labels=labels), ["mait"]))
    for said in ("épuisé", "fonction dans les limites", "ucune réponse ne peut être jugée"):
        assert said in french
    for said in (f": {EXHAUSTED}", f": {WITHIN}", "no response can be judged", "What is missing"):
        assert said not in french
