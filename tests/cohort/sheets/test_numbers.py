"""Numbers of any country: one decimal sign for a sheet, and thousands that are never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from itc_analysis.cohort.sheets.columns import sheet_forms
from itc_analysis.cohort.sheets.numbers import decide_style
from itc_analysis.cohort.sheets.read import read_sheet
from itc_analysis.errors import SheetError
from itc_analysis.tables.cohort.sheets import ParticipantSheet, SampleSheet, TubeSheet

TUBE = "file_id{0}sample_id{0}path{0}panel{0}batch{0}tube{0}beads_per_tube\n"
HEADER = "participant_id{0}group{0}age_years{0}weight_kg{0}cmv_igg{0}ck_u_per_l{0}fvc_litres\n"


def tubes(tmp_path: Path, *beads: str, separator: str = "\t") -> list[float]:
    path = tmp_path / "fcs_files.csv"
    rows = [
        separator.join((f"T{n}", "S1", f"{n}.fcs", "p", "b", "stained", bead))
        for n, bead in enumerate(beads)
    ]
    path.write_text(TUBE.format(separator) + "\n".join(rows) + "\n", encoding="utf-8")
    return read_sheet(path, TubeSheet)["beads_per_tube"].tolist()


def people(path: Path, text: str, separator: str = ";") -> list[dict[str, object]]:
    path.write_text(HEADER.format(separator) + text, encoding="utf-8")
    return read_sheet(path, ParticipantSheet).to_dict("records")  # type: ignore[return-value]


@pytest.mark.parametrize("separator", ["\t", ";"])
@pytest.mark.parametrize("cell", ["51,230", "51.230", "1,000", "999.999"])
def test_a_lone_sign_before_three_digits_of_a_count_is_asked_about(
    tmp_path: Path, cell: str, separator: str
) -> None:
    with pytest.raises(SheetError) as told:
        tubes(tmp_path, cell, separator=separator)
    whole = cell.replace(",", "").replace(".", "")
    assert f"'{cell}' has a sign that may be a thousands separator" in str(told.value)
    assert f"write it without the sign if {whole} is meant" in str(told.value)
    assert cell.replace(",", ".") not in str(told.value).replace(f"'{cell}'", "")


@pytest.mark.parametrize(
    "blank", [" ", "\u00a0", "\u202f", "\u2009", "'", "\u2019"],
    ids=["blank", "no-break", "narrow", "thin", "apostrophe", "Swiss"],
)  # fmt: skip
def test_blanks_and_apostrophes_part_thousands(tmp_path: Path, blank: str) -> None:
    assert tubes(tmp_path, f"51{blank}230", f"105{blank}000") == [51_230, 105_000]


@pytest.mark.parametrize("cell", ["51.23", "51", "5.123", "51230000"])
def test_beads_beside_the_plausible_range_by_a_thousand_are_refused(
    tmp_path: Path, cell: str
) -> None:
    with pytest.raises(
        SheetError, match=r"is outside 1000 to 999999 beads|may be a thousands separator"
    ):
        tubes(tmp_path, cell)


@pytest.mark.parametrize("name", ["beads_per_tube", "blood_volume_ul"])
def test_no_value_and_its_thousandfold_are_both_plausible(name: str) -> None:
    column = next(c for c in sheet_forms()["TubeSheet"].columns if c.name == name)
    assert column.low is not None
    assert column.high is not None
    assert column.high / column.low < 1000


def test_a_french_sheet_is_read_with_its_commas_and_words(tmp_path: Path) -> None:
    text = "P1;SSc;45,5;60,25;VRAI;1 250;3,250\r\nP2;SSc;50;70;FAUX;;2,5\r\n"
    rows = people(tmp_path / "people.csv", text)
    assert [row["age_years"] for row in rows] == [45.5, 50]
    assert [row["cmv_igg"] for row in rows] == [True, False]
    assert rows[0]["ck_u_per_l"] == 1250
    assert rows[0]["fvc_litres"] == 3.25  # three litres and a quarter: 3,250 L nobody has


@pytest.mark.parametrize("line", ["sep=;\r\n", "\ufeffsep=;\n", '"sep=;"\n'])
def test_excels_own_line_names_the_separator_and_is_no_row(tmp_path: Path, line: str) -> None:
    path = tmp_path / "people.csv"
    path.write_text(line + "participant_id;group;weight_kg\nP1;SSc;60,5\nP2;SSc;x\n")
    with pytest.raises(SheetError, match="row 3, column 'weight_kg': 'x' is not a number"):
        read_sheet(path, ParticipantSheet)


def test_tabs_with_decimal_commas_throughout_are_read(tmp_path: Path) -> None:
    rows = people(tmp_path / "a.tsv", "P1\tSSc\t45,5\t60,25\t\t\t\nP2\tSSc\t50\t70,5\t\t\t\n", "\t")
    assert [row["weight_kg"] for row in rows] == [60.25, 70.5]


def test_one_comma_among_points_is_a_slip_and_named(tmp_path: Path) -> None:
    text = "P1\tSSc\t45.5\t60.25\t\t\t\nP2\tSSc\t50\t70,5\t\t\t\n"
    with pytest.raises(SheetError, match=r"row 3, .*'70,5' has a decimal comma; write 70\.5"):
        people(tmp_path / "a.tsv", text, "\t")


def test_one_point_among_commas_is_a_slip_and_named(tmp_path: Path) -> None:
    text = "P1;SSc;45,5;60,25;;;\nP2;SSc;50;70.5;;;\n"
    words = r"row 3, .*'70\.5' has a decimal point where the sheet has decimal commas; write 70,5"
    with pytest.raises(SheetError, match=words):
        people(tmp_path / "a.csv", text)


@pytest.mark.parametrize(("cell", "told"), [("1,250", "1250 is meant"), ("1.250", "1250 is meant")])
def test_enzymes_are_whole_numbers_as_well(tmp_path: Path, cell: str, told: str) -> None:
    with pytest.raises(SheetError, match=told):
        people(tmp_path / "a.csv", f"P1;SSc;45,5;60,25;;{cell};\n")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("<0,3", "'<0,3' is a limit of the laboratory's test, not a number"),
        ("< 5", "'< 5' is a limit"),
        (">200", "'>200' is a limit"),
        ("\u22645 mg/L", "is a limit"),
    ],
)
def test_results_below_detection_are_named(tmp_path: Path, cell: str, words: str) -> None:
    path = tmp_path / "people.tsv"
    path.write_text(f"participant_id\tgroup\tcrp_mg_per_l\nP1\tSSc\t{cell}\n", encoding="utf-8")
    with pytest.raises(SheetError, match=words):
        read_sheet(path, ParticipantSheet)


@pytest.mark.parametrize(
    ("cells", "separator", "style"),
    [
        (["1.5", "2.25", "3"], "\t", "point"),
        (["1,5", "2,25", "3"], "\t", "comma"),
        (["1,5"], "\t", "point"),
        (["1,5"], ";", "comma"),
        (["1.5", "2.5", "3,5"], ";", "point"),
        (["1.234.567", "1.234,5"], "\t", "comma"),
        (["1,234,567", "1,234.5"], ";", "point"),
        (["51,230", "51.230"], "\t", "point"),
        ([], ";", "comma"),
    ],
)
def test_the_decimal_sign_is_decided_once(cells: list[str], separator: str, style: str) -> None:
    assert decide_style(cells, separator) == style


@pytest.mark.parametrize("cell", ["1E+04", "1,00E+04", "1.00E+04"])
def test_codes_that_became_numbers_are_named(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "people.tsv"
    path.write_text(f"participant_id\tgroup\n{cell}\tSSc\n")
    with pytest.raises(SheetError, match=r"scientific notation.*format the column as text"):
        read_sheet(path, ParticipantSheet)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("P1\tSSc\t1\nP2\t\t2\nP3\t\t3\n", "merged cells keep their value in the first row only"),
        ((
            'P1\tSSc\t1\nP2\t"\t2\n'
        ), "row 3, a cell holds a ditto mark; write the value in every row"),
        ("P1\tSSc\t1\nP2\tidem\t2\n", "row 3, a cell holds a ditto mark"),
        ("P1\tSSc\t1\nTotal\t1\t\n", "row 3, 'Total' seems to be a total or a mean"),
        ("P1\tSSc\t1\nMoyenne\t\t\n", "row 3, 'Moyenne' seems to be a total or a mean"),
        ("P1\tSSc\t1\n* left the study\t\t\n", "row 3, .* seems to be a note"),
    ],
)  # fmt: skip
def test_what_is_no_row_of_the_sheet_is_named(tmp_path: Path, rows: str, words: str) -> None:
    path = tmp_path / "people.tsv"
    header = "participant_id\tgroup\tage_years\tbmi\tmrss\n"
    path.write_text(header + rows)
    with pytest.raises(SheetError, match=words):
        read_sheet(path, ParticipantSheet)


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [("lymphocyte_share", "14.6 %", 0.146), ("lymphocyte_share", "0.146", 0.146)],
)
def test_per_cent_of_a_share_is_beyond_doubt(
    tmp_path: Path, column: str, cell: str, expected: float
) -> None:
    path = tmp_path / "samples.tsv"
    path.write_text(f"sample_id\tsample_type\t{column}\nS1\tparticipant\t{cell}\n")
    assert read_sheet(path, SampleSheet)[column].tolist() == pytest.approx([expected])
    path.write_text(f"sample_id\tsample_type\t{column}\nS1\tparticipant\t146 %\n")
    with pytest.raises(SheetError, match="146 % share is outside 0 to 1 share"):
        read_sheet(path, SampleSheet)


def test_what_is_counted_is_whole(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match=r"51230.5 is not a whole number"):
        tubes(tmp_path, "51230.5")
    assert tubes(tmp_path, "51230.0") == [51_230]
