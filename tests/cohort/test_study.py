"""The cohort of a whole study, and what is odd in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort.cohort_examples import spotless, two_groups, write_sheet, write_study
from itc_analysis.cohort.study import CohortTables, read_cohort
from itc_analysis.config.sections import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_study(tmp_path)


def told(tables: CohortTables) -> set[tuple[str, str]]:
    assert set(tables.problems["room"]) <= {"cohort"}
    return set(zip(tables.problems["item"], tables.problems["what"], strict=True))


def test_a_balanced_study_has_no_problems(study: Study) -> None:
    tables = read_cohort(study, two_groups())
    assert told(tables) == set()
    assert tables.participants["is_analysed"].all()
    assert len(tables.samples) == 5
    assert len(tables.tubes) == 8
    assert len(tables.libraries) == 1


def test_a_study_without_flow_or_single_cell_has_tables_without_rows(study: Study) -> None:
    bare = study.model_copy(update={"fcs_files": None, "libraries": None})
    tables = read_cohort(bare, two_groups())
    assert len(tables.tubes) == 0
    assert len(tables.libraries) == 0
    assert ("S001", "the sample has neither tube nor library") in told(tables)


def test_what_stops_nothing_is_told(study: Study) -> None:
    people = [spotless(f"P00{n}", "SSc" if n < 3 else "healthy") for n in (1, 2, 3, 4)]
    people[0]["cmv_igg"] = None
    people[3]["weight_kg"] = None
    people.append(spotless("P005"))
    write_sheet(Path(study.participants), people)
    path = Path(study.fcs_files or "")
    text = path.read_text(encoding="utf-8")
    first = next(line for line in text.splitlines() if line.startswith("S001_a"))
    text += first.replace("S001_a", "S001_again").removesuffix("100") + "\n"
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("B0_b2"))
    path.write_text(text, encoding="utf-8")
    (Path(study.data_folder) / "fcs/S001_again.fcs").write_bytes(b"")
    assert told(read_cohort(study, two_groups())) == {
        ("P004", "eligibility cannot be decided: weight (weight_kg = missing)"),
        ("P005", "the participant has no sample"),
        ("cmv_igg", "CMV serology is unknown for 1 of 4 analysed participants"),
        ("S001", "the sample has 2 stained tubes of panel_a"),
        ("S001_again", "beads_per_tube without blood_volume_ul"),
        ("panel panel_a", "no bridge control in 1 of 2 batches: b2"),
        ("panel panel_a", "1 of 2 batches hold one group only: b2 (SSc, n=1)"),
    }


def test_a_slip_in_a_count_and_one_person_under_two_ids_are_told(study: Study) -> None:
    numbers = {"weight_kg": 61.2, "bmi": 22.4, "crp_mg_per_l": 3.1, "fvc_percent": 88.0}
    people = [spotless(f"P00{n}", "SSc" if n < 3 else "healthy") for n in (1, 2, 3, 4)]
    for person in (people[0], people[3]):
        person.update(numbers)
    write_sheet(Path(study.participants), people)
    path = Path(study.fcs_files or "")
    header, *rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    header += ["bead_lot", "dilution"]
    rows = [[*row, "L1", "1"] for row in rows]
    rows[0][header.index("beads_per_tube")] = "5000"
    rows[1][header.index("blood_volume_ul")] = "10"
    rows[2][header.index("blood_volume_ul")] = "150"
    path.write_text("\n".join("\t".join(row) for row in (header, *rows)) + "\n", encoding="utf-8")
    found = told(read_cohort(study, two_groups()))
    assert found == {
        (rows[0][0], "beads_per_tube is 5000, in 7 other tubes of L1 50000"),
        (rows[1][0], "blood_volume_ul is 10, in 6 other tubes of panel_a 100"),
        ("P004", "every number is that of P001: one person under two ids?"),
    }


def test_a_group_without_anybody_is_told(study: Study) -> None:
    cohort = two_groups().model_copy(update={"disease_groups": ("SLE",)})
    assert told(read_cohort(study, cohort)) == {
        ("group SLE", "no member of this group is analysed")
    }
