"""What a user reads when something is wrong."""

from __future__ import annotations

import pickle

import pytest

from itc_analysis.errors import (
    Fault,
    ItcError,
    ItcErrors,
    SheetError,
    UnreadableFile,
    collecting,
    did_you_mean,
)


def test_all_faults_are_listed_with_place_and_remedy() -> None:
    error = SheetError(
        "config/fcs_files.tsv",
        [
            Fault("row 7", "sample_id 'S0l2' is not in config/samples.tsv", "did you mean 'S012'?"),
            Fault("row 9", "panel 'innate_v2' has no file"),
        ],
    )
    assert str(error).splitlines() == [
        "config/fcs_files.tsv: 2 faults",
        "  row 7, sample_id 'S0l2' is not in config/samples.tsv; did you mean 'S012'?",
        "  row 9, panel 'innate_v2' has no file",
    ]


def test_an_error_without_a_fault_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="at least one fault"):
        ItcError("config.yaml", [])


def test_errors_survive_being_sent_between_processes() -> None:
    error = ItcErrors([SheetError("a.tsv", "empty"), SheetError("b.tsv", [Fault("row 2", "bad")])])
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert [type(inner) for inner in copy.errors] == [SheetError, SheetError]


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("S0l2", ["S012", "S099"], "did you mean 'S012'?"),
        ("Healthy", ["SSc", "healthy"], "did you mean 'healthy'?"),
        ("SSC", ["pSS", "SSc"], "did you mean 'SSc'?"),
        ("xyz", ["SSc", "healthy"], "known: SSc, healthy"),
        ("CD161", ["CD69", "CD16", "CD38"], "known: CD69, CD16, CD38"),
        ("CD116", ["CD69", "CD161"], "did you mean 'CD161'?"),
        ("CD44", ["CD4", "CD8"], "did you mean 'CD4'?"),
        ("PD1", ["CD3", "PD-1"], "did you mean 'PD-1'?"),
        ("xyz", [], "none is known"),
        ("Sclero", ["SSc", "SLE", "healthy"], "known: SSc, SLE, healthy"),
    ],
)
def test_the_nearest_known_name_is_offered(word: str, known: list[str], said: str) -> None:
    assert did_you_mean(word, known) == said


def test_an_id_with_a_letter_for_a_digit_is_that_which_looks_the_same() -> None:
    known = [f"{number:03d}" for number in range(1, 241)]
    assert did_you_mean("0l2", known) == "did you mean '012'?"
    assert did_you_mean("S1O5", [f"S{name}" for name in known]) == "did you mean 'S105'?"


def test_the_same_fault_of_many_files_is_one_sentence_and_all_names_can_be_had() -> None:
    missing = Fault("panel 'a'", "marker 'CD161' has no channel", "check the panel sheet")
    errors = [UnreadableFile(f"T{number:02d}.fcs", [missing]) for number in range(50)]
    errors[7] = UnreadableFile("T07.fcs", [missing, Fault("TEXT", "no keywords found")])
    error = ItcErrors(errors)
    assert str(error).splitlines() == [
        "50 files (T00.fcs, T01.fcs, T02.fcs and 47 more, all with itc -v), each:",
        "  panel 'a', marker 'CD161' has no channel; check the panel sheet",
        "T07.fcs: 1 fault",
        "  TEXT, no keywords found",
    ]
    assert all(f"T{number:02d}.fcs" in error.told(every_name=True) for number in range(50))


def test_faults_that_differ_in_numbers_alone_are_the_same() -> None:
    errors = [
        UnreadableFile(f"T{n}.fcs", f"the file ends after {n} bytes") for n in range(100, 105)
    ]
    told = str(ItcErrors(errors)).splitlines()
    assert told[0].startswith("5 files (T100.fcs, T101.fcs, T102.fcs and 2 more")
    assert told[1] == "  the file ends after 100 bytes"
    assert len(str(ItcErrors(errors[:3])).splitlines()) == 6


def test_the_same_fault_of_many_rows_is_one_sentence() -> None:
    rows = [Fault(f"row {number}", "column 'sex' is empty", "fill it in") for number in range(1, 9)]
    error = SheetError("people.tsv", [*rows, Fault("row 4", "age 400 is too large")])
    assert str(error).splitlines() == [
        "people.tsv: 9 faults",
        "  row 1, row 2, row 3 and 5 more, all with itc -v, column 'sex' is empty; fill it in",
        "  row 4, age 400 is too large",
    ]
    assert "row 8, column" in error.told(every_name=True)


def test_collected_errors_end_their_own_block_alone() -> None:
    errors: list[ItcError] = []
    reached = []
    for name in ("one", "two"):
        with collecting(errors):
            raise ItcError(name, [Fault("", "faulty", "mend it")])
        reached.append(name)
    assert [error.source for error in errors] == reached == ["one", "two"]
    with pytest.raises(ValueError, match="another kind"), collecting(errors):
        raise ValueError("another kind")  # noqa: EM101
