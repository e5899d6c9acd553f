"""What identifies people, planted in the tiny study; no output may name it.

It stands in the keywords and names of FCS files, and in a column of remarks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from itc_analysis.flow.fcs.read import locate_events

#: What instruments and people write into FCS files.
IDENTITIES = {
    "$SRC": "Persephone Applewhite-Thornbury",
    "$OP": "technician Balthazar Winterbourne",
    "$SMNO": "MRN-99017745",
    "$FIL": "Applewhite_Persephone.fcs",
    "$INST": "Saint Eulalia Infirmary",
    "$PROJ": "ward seventeen north",
    "$COM": "born 29-FEB-1956, room 1138",
    "$EXP": "Prof. Ludovica Marchetti-Vane",
    "PATIENT ID": "PID-44820091",
    "TUBE NAME": "persephone tube two",
    "EXPORT USER NAME": "bwinterbourne42",
    "SAMPLE ID": "AT-1956-0229",
}
#: What a hospital calls its exports, and what people write beside a tube.
FILE_NAMES = ("Oakenfold_Zephyrine", "Thistlewood Ignatius 1961", "MRN-77310045_Zephyrine")
REMARK = "Zephyrine was stuck twice; sister of Ignatius Thistlewood, bed by the window"
_HEAD, _DELIMITER = 58, "\x1e"


def contents_of(path: Path) -> Iterator[str]:
    """Give a file's text; of a table, which is compressed, its metadata and cells too, but for
    fractions, which name nobody.
    """
    yield path.read_bytes().decode("utf-8", errors="replace")
    if path.suffix == ".parquet":
        table = parquet.read_table(path)
        yield str(table.schema.metadata)
        for name in table.column_names:
            if pa.types.is_floating(table.schema.field(name).type):
                continue
            yield "\n".join(map(str, table[name].unique().to_pylist()))


def plant_study(study: Path) -> None:
    """Plant identities in a study that has not run: in its FCS files, their names and its sheet."""
    sheet = study / "config" / "fcs_files.tsv"
    header, *rows = (line.split("\t") for line in sheet.read_text().splitlines())
    place = header.index("path")
    for number, row in enumerate(rows):
        tube = study / "data" / row[place]
        plant(tube, IDENTITIES)
        called = f"{FILE_NAMES[number % len(FILE_NAMES)]} {number}_panel_b.fcs"
        tube.rename(tube.with_name(called))
        row[place] = f"flow/{called}"
        row.append(REMARK)
    lines = ["\t".join(line) for line in ([*header, "remarks"], *rows)]
    sheet.write_text("\n".join(lines) + "\n")
    mapping = study / "config" / "column_mapping.tsv"
    mapping.write_text("sheet\ttheir_name\tcolumn\ttheir_value\tvalue\nfcs_files\tremarks\t\t\t\n")
    config = study / "config" / "config.yaml"
    with_mapping = "study:\n  column_mapping: config/column_mapping.tsv\n"
    config.write_text(config.read_text().replace("study:\n", with_mapping, 1))


def plant(path: Path, more: dict[str, str]) -> None:
    """Write an FCS file again with further keywords; its events stay as they are."""
    with path.open("rb") as stream:
        layout = locate_events(stream, path.name)
        stream.seek(layout.begin)
        events = stream.read(layout.n_bytes)
    offsets = ("BEGINDATA", "ENDDATA", "BEGINANALYSIS", "ENDANALYSIS", "BEGINSTEXT", "ENDSTEXT")
    planted = {key.lstrip("$") for key in more}
    # the reader gives keywords without their "$", and takes them with it
    kept = {f"${k}": v for k, v in layout.keywords.items() if k not in {*offsets, *planted}}

    def text(begin: int) -> str:
        data = {"$BEGINDATA": f"{begin:012d}", "$ENDDATA": f"{begin + len(events) - 1:012d}"}
        zero = dict.fromkeys((f"${name}" for name in offsets[2:]), "0")
        every = data | zero | kept | more
        return _DELIMITER + "".join(f"{k}{_DELIMITER}{v}{_DELIMITER}" for k, v in every.items())

    begin = _HEAD + len(text(0).encode())
    end = begin + len(events) - 1
    header = "FCS3.1    " + "".join(f"{n:8d}" for n in (_HEAD, begin - 1, begin, end, 0, 0))
    path.write_bytes(header.encode() + text(begin).encode() + events)
