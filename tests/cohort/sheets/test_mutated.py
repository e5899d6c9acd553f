"""Five hundred spoilt sheets end in data or in a sentence, never in a traceback."""

from __future__ import annotations

import io
import random
from pathlib import Path

import openpyxl
import pytest

from itc_analysis.cohort.listing import CONTRACTS
from itc_analysis.cohort.sheets.cells import read_cells
from itc_analysis.cohort.sheets.column_mapping import build_mappings
from itc_analysis.cohort.sheets.columns import SheetForm, sheet_forms
from itc_analysis.errors import ItcError

N_SHEETS = 500
SEED = 20261129
CELLS = (
    "", "yes", "VRAI", "Unchecked", "1,5", "51,230", "51.230", "1 234", "1\u202f234,5", "<0,3",
    "1,00E+04", "1e999", "nan", "-0", "٣", "²", "½", "−5", '"', "'", "=A1", "#N/A", "03-mai", "Total",  # noqa: E501
    "Zoé", "Zoe\u0301", "a\x00b", "\ufeff", "{x}", "..\\..\\x", "x" * 3000, "\t", "\n", "\r", "sep=;",  # noqa: E501
)  # fmt: skip


def plain_sheet(form: SheetForm, generator: random.Random) -> list[list[str]]:
    """Return a header and rows that suit the form, more or less."""
    columns = [c for c in form.columns if c.required or generator.random() < 0.4]

    def cell(number: int, kind: str, allowed: tuple[str, ...]) -> str:
        if allowed:
            return generator.choice(allowed)
        return {"number": f"{generator.uniform(1, 90):.2f}", "yes_no": "no"}.get(kind, f"X{number}")

    rows = [[cell(number, c.kind, c.allowed) for c in columns] for number in range(1, 6)]
    return [[column.name for column in columns], *rows]


def spoilt(generator: random.Random) -> tuple[str, bytes]:
    """Return the name of a contract and the bytes of a sheet of it with a few faults."""
    name = generator.choice([*CONTRACTS.values(), "PanelSheet", "ColumnMappingSheet"])
    table = plain_sheet(sheet_forms()[name], generator)
    for _ in range(generator.randint(0, 4)):
        row = generator.choice(table)
        kind = generator.randrange(6)
        if kind == 0 and row:
            row[generator.randrange(len(row))] = generator.choice(CELLS)
        elif kind == 1:
            row.insert(generator.randrange(len(row) + 1), generator.choice(CELLS))
        elif kind == 2 and row:
            row.pop()
        elif kind == 3:
            table.insert(generator.randrange(len(table) + 1), [generator.choice(CELLS)])
        elif kind == 4:
            generator.shuffle(table)
        else:
            table.append(list(row))
    if generator.random() < 0.15:
        book, buffer = openpyxl.Workbook(), io.BytesIO()
        for row in table:
            book.active.append([c.replace("\x00", "") for c in row])
        book.save(buffer)
        content = buffer.getvalue()
    else:
        separator = generator.choice("\t\t;,|")
        quote = generator.random() < 0.3
        lines = [separator.join(f'"{c}"' if quote else c for c in row) for row in table]
        text = generator.choice(["\n", "\r\n", "\r"]).join(lines)
        text = generator.choice(["", "", "sep=;\n", "\ufeff", "\n\n"]) + text
        encoding = generator.choice(
            ["utf-8", "utf-8", "utf-16", "cp1252", "mac-roman", "utf-16-le"]
        )
        content = text.encode(encoding, errors="replace")
    if generator.random() < 0.3 and content:
        place = generator.randrange(len(content))
        noise = generator.randbytes(generator.randint(0, 3))
        content = content[:place] + noise + content[place + generator.randint(0, 40) :]
    return name, content


@pytest.mark.parametrize("part", range(5))
def test_spoilt_sheets_end_in_data_or_in_a_sentence(tmp_path: Path, part: int) -> None:
    generator = random.Random(SEED + part)
    path = tmp_path / "sheet.tsv"
    n_read = 0
    known = [column.name for column in sheet_forms()["ParticipantSheet"].columns]
    for _ in range(N_SHEETS // 5):
        name, content = spoilt(generator)
        path.write_bytes(content)
        form = sheet_forms()[name]
        try:
            cells = read_cells(path, form)
            if name == "ColumnMappingSheet":
                build_mappings(cells, lambda _: known)
        except ItcError:
            continue
        n_read += 1
        assert all(set(row) == {column.name for column in form.columns} for row in cells.rows)
    assert n_read > 0  # some are sound: the test reads sheets, not only sentences
