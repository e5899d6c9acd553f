"""Tables keep their contract, or say which row breaks it."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from pandera.errors import SchemaErrors
from pyarrow import parquet

from itc_analysis.errors import ItcError
from itc_analysis.tables import contract
from itc_analysis.tables.cohort import sheets
from itc_analysis.tables.measured import Counts, Measurements
from itc_analysis.tables.registry import TABLES, contract_of
from itc_analysis.tables.singlecell import Cells, PseudobulkDepth
from itc_analysis.tables.stats.comparisons import Comparisons


def counts_row(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "source_id": "T1",
        "sample_id": "S1",
        "population": "mait",
        "parent": "t_cells",
        "n_events": 30,
        "n_parent": 1000,
        "n_total": 2000,
        "is_measured": True,
        "status": "ok",
    }
    return row | changes


@pytest.mark.parametrize("table", [*sheets.SHEETS, *dict.fromkeys(map(contract_of, TABLES))])
def test_every_column_has_a_sentence_and_every_table_a_key(table: type[contract.Contract]) -> None:
    columns = contract.columns_of(table)
    assert contract.key_of(table)
    assert set(contract.key_of(table)) <= set(columns)
    for name, column in columns.items():
        assert column.description, f"{table.__name__}.{name} has no sentence"
        assert "unit" in (column.metadata or {}), f"{table.__name__}.{name} has no unit"
    assert len(contract.empty(table)) == 0


def test_ids_stay_text_through_a_file(tmp_path: Path) -> None:
    table = contract.make([{"sample_id": "001", "sample_type": "participant"}], sheets.SampleSheet)
    contract.write(table, tmp_path / "samples.parquet", sheets.SampleSheet)
    back = contract.read(tmp_path / "samples.parquet", sheets.SampleSheet)
    assert back.loc[0, "sample_id"] == "001"
    assert pd.isna(back.loc[0, "participant_id"])


def test_the_same_table_gives_the_same_bytes_whatever_the_order_of_rows(tmp_path: Path) -> None:
    rows = [counts_row(), counts_row(source_id="T0")]
    for name, order in (("a", rows), ("b", rows[::-1])):
        contract.write(contract.make(order, Counts), tmp_path / name, Counts, {"step": "x"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert contract.read_provenance(tmp_path / "a")["step"] == "x"


def test_a_repeated_key_is_refused_by_name() -> None:
    with pytest.raises(ItcError, match=r"key \('T1', 'S1', 'mait'\) is repeated"):
        contract.make([counts_row(), counts_row()], Counts)


def test_more_events_than_the_parent_are_refused() -> None:
    with pytest.raises(ItcError, match="1001 events, 1000 in the parent"):
        contract.make([counts_row(n_events=1001)], Counts)


def test_a_parent_must_hold_what_its_children_say_it_holds() -> None:
    parent = counts_row(population="t_cells", parent="live", n_events=900, n_parent=2000)
    with pytest.raises(ItcError, match="n_parent 1000 but 't_cells' holds 900"):
        contract.make([counts_row(), parent], Counts)


def test_a_value_needs_the_status_ok() -> None:
    row = {
        "sample_id": "S1",
        "assay": "flow",
        "source_id": "T1",
        "batch": "B1",
        "population": "mait",
        "measure": "share_of_t",
        "feature": "-",
        "unit": "share",
        "value": 0.1,
        "status": "below_lod",
        "upper": 0.2,
    }
    with pytest.raises(ItcError, match=r"status .below_lod. with value"):
        contract.make([row], Measurements)
    with pytest.raises(ItcError, match="below_lod without an upper limit"):
        contract.make([row | {"value": None, "upper": None}], Measurements)


def test_adjusted_p_follows_p() -> None:
    base = {
        "index_group": "SSc",
        "reference_group": "healthy",
        "assay": "flow",
        "population": "mait",
        "measure": "share_of_t",
        "feature": "-",
        "family": "primary",
        "role": "primary",
        "estimate_kind": "odds_ratio",
        "adjustment": "holm",
        "n_index": 3,
        "n_reference": 3,
        "n_below_lod": 0,
        "n_missing": 0,
        "model": "m",
        "covariates": "none",
        "estimand": "e",
        "status": "ok",
        "plan_digest": "0" * 12,
    }
    good = [
        base | {"comparison": "a", "p_value": 0.01, "p_adjusted": 0.02},
        base | {"comparison": "b", "p_value": 0.03, "p_adjusted": 0.03},
    ]
    assert len(contract.make(good, Comparisons)) == 2
    with pytest.raises(ItcError, match="adjusted p below p"):
        contract.make([good[0] | {"p_adjusted": 0.001}], Comparisons)
    with pytest.raises(ItcError, match="does not follow p"):
        contract.make([good[0] | {"p_adjusted": 0.9}, good[1]], Comparisons)


def test_a_half_written_table_is_never_left(tmp_path: Path) -> None:
    table = contract.make([counts_row()], Counts)
    broken = table.assign(n_events=5000)
    with pytest.raises(ItcError):
        contract.write(broken, tmp_path / "counts.parquet", Counts)
    assert list(tmp_path.iterdir()) == []


def test_tables_of_batches_are_read_as_one(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.parquet" for name in ("b1", "b2", "nobody")]
    for path, rows in zip(paths, ([counts_row()], [counts_row(source_id="T2")], []), strict=True):
        contract.write(contract.make(rows, Counts), path, Counts)
    together = contract.read_all(paths, Counts)
    apart = [contract.read(path, Counts) for path in paths[:2]]
    pd.testing.assert_frame_equal(together, pd.concat(apart, ignore_index=True))
    assert len(contract.read_all([], Counts)) == 0
    assert len(contract.read_all(paths[2:], Counts)) == 0


def test_a_table_of_another_version_is_named_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "counts.parquet"
    contract.write(contract.make([counts_row()], Counts), path, Counts)
    stored = parquet.read_table(path)
    parquet.write_table(stored.drop_columns(["n_upper"]), path)
    with pytest.raises(ItcError) as caught:
        contract.read(path, Counts)
    said = str(caught.value)
    assert "counts.parquet: 2 faults" in said
    assert "column 'n_upper' is missing" in said
    assert "--forceall" in said


def test_the_table_of_a_batch_that_is_to_blame_is_named(tmp_path: Path) -> None:
    good, other, broken = (tmp_path / f"{name}.parquet" for name in ("good", "other", "broken"))
    contract.write(contract.make([counts_row()], Counts), good, Counts)
    people = contract.make([{"sample_id": "S", "sample_type": "participant"}], sheets.SampleSheet)
    contract.write(people, other, sheets.SampleSheet)
    broken.write_bytes(b"PAR1 cut short")
    for bad, told in (
        (tmp_path / "gone.parquet", "gone.parquet"),
        (other, "it is a table of SampleSheet, not of Counts"),
        (broken, r"broken\.parquet: 1 fault\s+not a Parquet table"),
    ):
        with pytest.raises(ItcError, match=told):
            contract.read_all([good, bad], Counts)
    with pytest.raises(ItcError, match="is repeated"):
        contract.read_all([good, good], Counts)


def test_profiles_of_a_sample_in_two_batches_are_added_up(tmp_path: Path) -> None:
    def depth(sample: str, n_cells: int, n_genes: int) -> dict[str, object]:
        return {
            "sample_id": sample,
            "population": "mait",
            "n_cells": n_cells,
            "n_counts": 10.0 * n_cells,
            "n_genes_measured": n_genes,
        }

    paths = [tmp_path / "b1.parquet", tmp_path / "b2.parquet"]
    for path, rows in zip(
        paths, ([depth("S1", 3, 90), depth("S2", 5, 90)], [depth("S1", 4, 95)]), strict=True
    ):
        contract.write(contract.make(rows, PseudobulkDepth), path, PseudobulkDepth)
    found = contract.read_all(paths, PseudobulkDepth)
    expected = contract.make([depth("S1", 7, 95), depth("S2", 5, 90)], PseudobulkDepth)
    pd.testing.assert_frame_equal(found, expected)


def test_a_missing_table_names_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ItcError, match="run the step that makes it"):
        contract.read(tmp_path / "counts.parquet", Counts)


def test_a_table_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    contract.write(contract.empty(Cells), path, Cells)
    with pytest.raises(ItcError, match="it is a table of Cells, not of Measurements") as caught:
        contract.read(path, Measurements)
    assert "participants are the unit here" in str(caught.value)
    assert "compare measurements.parquet" in str(caught.value)
    contract.write(contract.empty(Counts), path, Counts)
    with pytest.raises(ItcError, match="it is a table of Counts, not of Measurements") as caught:
        contract.read(path, Measurements)
    assert "participants are the unit" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "is_right"),
    [
        ({}, True),
        ({"n_background": 0.0, "n_events": None, "n_parent": None}, True),
        ({"n_background": -0.1}, False),
        ({"n_total": None}, False),
        ({"n_events": 1.5}, False),
        ({"n_total": "many"}, False),
        ({"status": "fine"}, False),
    ],
)
def test_a_table_is_in_order_where_pandera_says_so(
    changes: dict[str, object], *, is_right: bool
) -> None:
    frame = pd.DataFrame([counts_row(), counts_row(source_id="T0", **changes)])
    frame = frame.reindex(columns=list(contract.columns_of(Counts)))
    if is_right:
        pd.testing.assert_frame_equal(contract.check(frame, Counts), Counts.validate(frame))
    else:
        with pytest.raises(SchemaErrors):
            Counts.validate(frame, lazy=True)
        with pytest.raises(ItcError):
            contract.check(frame, Counts)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("n_total", 2000.7, "row 2, column 'n_total': 2000.7 is not a whole number"),
        ("n_events", 30.5, "row 2, column 'n_events': 30.5 is not a whole number"),
        ("is_measured", "False", "row 2, column 'is_measured': 'False' is not yes or no"),
        ("is_measured", "no", "row 2, column 'is_measured': 'no' is not yes or no"),
        ("is_measured", None, "row 2, column 'is_measured': None is not yes or no"),
        ("is_measured", 2, "row 2, column 'is_measured': 2 is not yes or no"),
    ],
)
@pytest.mark.parametrize("kind", ["as pandas guesses", "object"])
def test_a_value_that_its_type_would_change_is_refused(
    column: str, value: object, said: str, kind: str
) -> None:
    frame = pd.DataFrame([counts_row(), counts_row(source_id="T0", **{column: value})])
    frame = frame.reindex(columns=list(contract.columns_of(Counts)))
    with pytest.raises(ItcError, match=rf"Counts: 1 fault\s+{re.escape(said)}"):
        contract.check(frame.astype(object) if kind == "object" else frame, Counts)


def test_text_is_no_yes_or_no_and_the_first_rows_are_named() -> None:
    rows = [counts_row(source_id=f"T{at}", is_measured="True") for at in range(8)]
    frame = pd.DataFrame(rows).astype({"is_measured": "string"})
    with pytest.raises(ItcError) as caught:
        contract.make(frame, Counts)
    assert [fault.where for fault in caught.value.faults] == [f"row {n}" for n in range(1, 6)]


def test_what_a_type_leaves_as_it_is_is_taken() -> None:
    row = counts_row(n_events=30.0, n_total="2000", is_measured=1, n_background=2)
    expected = contract.make([counts_row(n_background=2.0)], Counts)
    for kind in (object, None):
        found = contract.make(pd.DataFrame([row], dtype=kind), Counts)
        pd.testing.assert_frame_equal(found, expected)
    missing = contract.make([counts_row(n_events=None, n_parent=None)], Counts)
    assert missing["n_events"].isna().all()


@pytest.mark.parametrize("table", [*sheets.SHEETS, *dict.fromkeys(map(contract_of, TABLES))])
def test_every_rule_of_a_contract_is_known(table: type[contract.Contract]) -> None:
    rules = [check for column in contract.columns_of(table).values() for check in column.checks]
    assert {rule.name for rule in rules} <= set(contract.CHECKS)
    columns = table.to_schema().columns.values()
    assert not table.to_schema().checks
    assert not any(column.unique or column.regex or not column.required for column in columns)
