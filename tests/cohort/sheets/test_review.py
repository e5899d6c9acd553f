"""The sheet of reviewed gates: what it may hold, and all that is wrong with it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort.cohort_examples import two_groups, write_study
from itc_analysis.cohort.join import read_study_sheets
from itc_analysis.cohort.sheets.review import FILE_NAME, list_reviews, parse_place, review_path
from itc_analysis.config.sections import Study
from itc_analysis.errors import ItcError

HEAD = "panel\ttube\tgate\tdecision\tplace\tcomment\treviewer\tgate_digest\n"


def write(folder: Path, *rows: str) -> Path:
    path = folder / FILE_NAME
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_nobody_has_reviewed_where_there_is_no_sheet(tmp_path: Path) -> None:
    assert list_reviews(tmp_path / FILE_NAME) == []


def test_decisions_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "panel_a\tT1\tmait\taccept\t\t\tAB\tg00ff",
        "panel_a\tT1\tinkt\tcorrect\t0.53125\tnarrow = good\tCD\tg1e04",
    )
    accepted, corrected = list_reviews(path)
    assert accepted["place"] is None
    assert (corrected["place"], corrected["gate_digest"]) == ("0.53125", "g1e04")


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("0.5", ((0.5,),)),
        ("0.25; 0.75", ((0.25,), (0.75,))),
        (" 0 0; 1 0;1 1; ", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))),
    ],
)
def test_a_place_is_a_cut_a_range_or_a_polygon(
    text: str, points: tuple[tuple[float, ...], ...]
) -> None:
    assert parse_place(text) == points


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("0,5", "is no number"),
        ("0.75; 0.25", "neither a cut nor a range"),
        ("0 0; 1 1", "neither a cut nor a range"),
        ("0 0; 1 1; 1 1", "neither a cut nor a range"),
        ("0 0; 1; 1 1", "neither a cut nor a range"),
        ("524", "is off the scale"),
        ("nan", "is off the scale"),
        ("", "is no number|neither"),
    ],
)
def test_a_place_that_is_none_says_how_to_write_one(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what) as caught:
        parse_place(text)
    assert "write the cut as one number" in str(caught.value)


def test_every_fault_is_told_with_its_row(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "panel_a\tT1\tmait\taccpt\t\t\tAB\tg1",
        "panel_a\tT1\tinkt\tcorrect\t\t\tAB\tg1",
        "panel_a\tT1\tlive\taccept\t0.5\t\tAB\tg1",
        "panel_a\tT1\tcd3\tcorrect\t524\t\tAB\tg1",
        "panel_a\tT2\tmait\tflag\t\t\t\tg1",
        "panel_a\tT2\tmait\tflag\t\t\tAB\tg1",
    )
    with pytest.raises(ItcError) as caught:
        list_reviews(path)
    said = "\n".join(map(str, caught.value.faults))
    for text in (
        "row 2, column 'decision': unknown value 'accpt'; did you mean 'accept'?",
        "row 3, gate 'inkt' of tube 'T1' is corrected without a place",
        "row 4, a gate with a place is corrected, not 'accept'",
        "row 5, place '524' is off the scale",
        "row 6, column 'reviewer': the cell is empty",
        "row 7, panel 'panel_a', tube 'T2', gate 'mait' is already in row 6",
    ):
        assert text in said


def test_a_study_refuses_reviews_of_tubes_that_it_does_not_have(tmp_path: Path) -> None:
    study: Study = write_study(tmp_path)
    tube = read_study_sheets(study, two_groups()).tubes.rows[0]
    name, panel = tube["file_id"], tube["panel"]
    folder = review_path(study).parent
    write(folder, f"{panel}\t{name}\tmait\taccept\t\t\tAB\tg1")
    read_study_sheets(study, two_groups())
    write(
        folder,
        f"{panel}\t{name}x\tmait\taccept\t\t\tAB\tg1",
        f"other\t{name}\tmait\taccept\t\t\tAB\tg1",
    )
    with pytest.raises(ItcError) as caught:
        read_study_sheets(study, two_groups())
    said = "\n".join(map(str, caught.value.faults))
    assert f"row 2, tube '{name}x' is not in" in said
    assert f"did you mean '{name}'?" in said
    assert f"row 3, tube '{name}' is of panel '{panel}', not of 'other'" in said
