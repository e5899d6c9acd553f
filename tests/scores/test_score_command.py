"""`itc score`, run as the workflow runs it."""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from itc_analysis import provenance
from itc_analysis.cli.numbers import score
from itc_analysis.config.frozen import freeze_step
from itc_analysis.config.sections import Flow, Settings, SingleCell
from itc_analysis.errors import ItcError
from itc_analysis.scores.samples.sources import single_cell_sources
from itc_analysis.tables import contract
from itc_analysis.tables.cohort import sheets
from itc_analysis.tables.cohort.participants import Participants
from itc_analysis.tables.flow.tubes import Combinations, Intensity
from itc_analysis.tables.measured import Counts, ScoreTable
from itc_analysis.tables.singlecell import Pseudobulk, PseudobulkDepth


def arguments(study: Any, folder: Path, **changes: list[str]) -> list[str]:
    """Write the tables of the study; return the arguments that name them."""
    origin = {
        "flow": provenance.describe("itc apply-gates", parameters=Flow().model_dump(mode="json")),
        "cells": provenance.describe(
            "itc annotate", parameters=SingleCell().model_dump(mode="json")
        ),
    }
    tables = {
        "participants": (study.participants, Participants, "flow"),
        "samples": (study.samples, sheets.SampleSheet, "flow"),
        "tubes": (study.flow.tubes, sheets.Tubes, "flow"),
        "counts": (study.flow.counts, Counts, "flow"),
        "intensity": (study.flow.intensity, Intensity, "flow"),
        "combinations": (study.flow.combinations, Combinations, "flow"),
        "pseudobulk": (study.single_cell.pseudobulk, Pseudobulk, "cells"),
        "pseudobulk-depth": (study.single_cell.depth, PseudobulkDepth, "cells"),
    }
    named = {
        "config": [freeze_step(Settings(), "score", folder)],
        "signatures": [str(resources.files("itc_analysis") / "resources" / "signatures.tsv")],
        "output": [str(folder / "scores.parquet")],
    }
    for name, (table, kind, arm) in tables.items():
        path = folder / f"{name}.parquet"
        contract.write(table, path, kind, provenance=origin[arm])
        named[name] = [str(path)]
    named |= {name.replace("_", "-"): value for name, value in changes.items()}
    return [word for name, values in named.items() for word in (f"--{name}", *values)]


def run(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    score.add_arguments(parser)
    score.run(parser.parse_args(words))


def test_command_writes_scores_with_their_methods(study: Any, tmp_path: Path) -> None:
    run(arguments(study, tmp_path))
    path = tmp_path / "scores.parquet"
    table = contract.read(path, ScoreTable)
    scored = table[table["method"] != "imfi"]
    assert {
        "exhaustion",
        "activation",
        "interferon",
        "innateness",
        "senescence",
        "coexpression",
    } == set(scored["signature"])
    stored = contract.read_provenance(path)
    # what nobody has a score of is not named; TIM-3 is in the panel, and said to be
    assert "In flow cytometry, exhaustion was scored" in stored["methods"]
    assert "The exhaustion score of flow cytometry holds TIM-3" in stored["methods"]
    assert "senescence" not in stored["methods"]
    assert "{" not in stored["methods"]


def test_second_run_gives_the_same_bytes(study: Any, tmp_path: Path) -> None:
    words = arguments(study, tmp_path)
    run(words)
    first = (tmp_path / "scores.parquet").read_bytes()
    run(words)
    assert (tmp_path / "scores.parquet").read_bytes() == first


def test_every_list_may_be_empty(study: Any, tmp_path: Path) -> None:
    names = ("counts", "intensity", "combinations", "pseudobulk", "pseudobulk_depth")
    run(arguments(study, tmp_path, **{name: [] for name in names}))
    assert contract.read(tmp_path / "scores.parquet", ScoreTable).empty


def test_a_sample_with_libraries_in_two_batches_is_scored_by_all_its_cells(
    study: Any, tmp_path: Path
) -> None:
    """Molecules and cells halved into two batches: the scores are those of one."""
    run(arguments(study, tmp_path))
    whole = contract.read(tmp_path / "scores.parquet", ScoreTable)
    halves: dict[str, list[str]] = {}
    for name, form in (("pseudobulk", Pseudobulk), ("pseudobulk-depth", PseudobulkDepth)):
        table = contract.read(tmp_path / f"{name}.parquet", form)
        origin = contract.read_provenance(tmp_path / f"{name}.parquet")
        own = {column: table[column] for column in ("n_counts", "n_cells") if column in table}
        halves[name] = [str(tmp_path / f"{name}_{batch}.parquet") for batch in ("b1", "b2")]
        for path, part in zip(
            halves[name],
            (
                {column: values // 2 for column, values in own.items()},
                {column: values - values // 2 for column, values in own.items()},
            ),
            strict=True,
        ):
            contract.write(table.assign(**part), path, form, provenance=origin)
    run(arguments(study, tmp_path, **halves))
    assert_frame_equal(contract.read(tmp_path / "scores.parquet", ScoreTable), whole)
    with pytest.raises(ItcError, match="given twice"):
        run(arguments(study, tmp_path, pseudobulk=halves["pseudobulk"][:1] * 2))


def test_tubes_are_asked_for(study: Any, tmp_path: Path) -> None:
    words = arguments(study, tmp_path)
    place = words.index("--tubes")
    with pytest.raises(ItcError, match="need --tubes"):
        run(words[:place] + words[place + 2 :])


def test_tables_made_with_different_settings_are_refused(study: Any, tmp_path: Path) -> None:
    other = provenance.describe("itc apply-gates", parameters={"fmo_quantile": 0.9})
    path = tmp_path / "more.parquet"
    contract.write(contract.empty(Intensity), path, Intensity, provenance=other)
    words = arguments(study, tmp_path)
    words.insert(words.index("--intensity") + 1, str(path))
    with pytest.raises(ItcError, match=r"made with fmo_quantile = 0\.9"):
        run(words)


def test_libraries_of_one_sample_are_joined_and_lost_ones_kept() -> None:
    libraries = contract.make(
        [
            {"library_id": name, "sample_id": sample, "format": "h5ad", "batch": batch}
            for name, sample, batch in (("L2", "S1", "B2"), ("L1", "S1", "B1"), ("L3", "S2", "B1"))
        ],
        sheets.Libraries,
    )
    depth = contract.make(
        [
            {"sample_id": "S9", "population": "mait", "n_cells": 30, "n_counts": 1.0, "n_genes_measured": 9}  # noqa: E501
        ],
        PseudobulkDepth,
    )  # fmt: skip
    counts = contract.make(
        [
            {
                "source_id": "L4",
                "sample_id": "S4",
                "population": "t_cells",
                "parent": "cells",
                "n_total": 0,
                "is_measured": False,
                "status": "unreadable",
            }
        ],
        Counts,
    )
    found = single_cell_sources(libraries, counts, depth)
    rows = sorted(found.itertuples(index=False, name=None))
    assert rows == [
        ("L1+L2", "S1", "B1+B2", {"B1": 0.5, "B2": 0.5}),
        ("L3", "S2", "B1", None),
        ("L4", "S4", "-", None),
        ("S9", "S9", "-", None),
    ]


def test_batches_of_a_sample_count_by_their_t_cells() -> None:
    libraries = pd.DataFrame(
        {"library_id": ["L1", "L2", "L3"], "sample_id": "S1", "batch": ["B1", "B2", "B2"]}
    )
    counts = pd.DataFrame(
        {
            "source_id": ["L1", "L2", "L3"],
            "sample_id": "S1",
            "population": "t_cells",
            "n_events": pd.array([600, 100, 100], dtype="Int64"),
        }
    )
    found = single_cell_sources(libraries, counts, pd.DataFrame({"sample_id": ["S1"]}))
    assert found["parts"].item() == {"B1": 0.75, "B2": 0.25}
