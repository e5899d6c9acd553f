"""Copy FCS files without the keywords that identify people.

Takes a tube sheet (columns path and file_id, optionally sample_id) and writes <file_id>.fcs for
each: the same events, and only keywords of a whitelist. Entries of the identity list (names,
hospital numbers, dates, one per line) are looked for in the bytes of every copy. Prints which
keywords stayed behind.
"""

from __future__ import annotations

import argparse

from itc_analysis.plural import plural


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--tubes", required=True, help="sheet (TSV) with path and file_id")
    parser.add_argument("--data-folder", default=".", help="folder that `path` starts from")
    parser.add_argument("--identities", help="text file of what must not appear in any copy")
    parser.add_argument("--output-folder", required=True, help="folder for the copies")


def run(options: argparse.Namespace) -> None:
    """Copy every file; faults of all files are reported together."""
    from collections import Counter
    from pathlib import Path

    from itc_analysis.errors import ItcError, ItcErrors, collecting
    from itc_analysis.flow.fcs.deidentify import deidentify

    rows = read_codes(Path(options.tubes))
    identities = []
    if options.identities:
        identities = Path(options.identities).read_text(encoding="utf-8-sig").splitlines()
    folder = Path(options.output_folder)
    folder.mkdir(parents=True, exist_ok=True)
    left: Counter[str] = Counter()
    cytometers: dict[str, str] = {}
    errors: list[ItcError] = []
    for row in rows:
        code = row["file_id"]
        with collecting(errors):
            left.update(
                deidentify(
                    Path(options.data_folder) / row["path"],
                    folder / f"{code}.fcs",
                    code=code,
                    sample_code=row.get("sample_id") or "",
                    cytometer_codes=cytometers,
                    identities=identities,
                )
            )
    print(f"{len(rows) - len(errors)} of {plural(len(rows), 'tube')} copied to {folder}")
    for name, n in sorted(left.items()):
        print(f"  left behind in {n}: {name}")
    if errors:
        raise ItcErrors(errors)


def read_codes(path: object) -> list[dict[str, str]]:
    """Return the rows of the sheet; every fault at once."""
    import csv
    from pathlib import Path

    from itc_analysis.errors import Fault, SheetError

    source = Path(str(path))
    try:
        text = source.read_text(encoding="utf-8-sig")
    except OSError:
        raise SheetError(source.name, "the sheet cannot be read; check its path") from None
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    faults, seen = [], set()
    for number, row in enumerate(rows, start=2):  # the header is row 1
        code = (row.get("file_id") or "").strip()
        if not row.get("path") or not code:
            faults.append(Fault(f"row {number}", "path or file_id is empty", "fill in both"))
        elif code in seen:
            faults.append(
                Fault(f"row {number}", f"file_id '{code}' appears twice", "use two codes")
            )
        elif not all(letter.isalnum() or letter in "-_." for letter in code):
            what = f"file_id '{code}' cannot be a file name"
            faults.append(Fault(f"row {number}", what, "use letters, digits, - and _"))
        seen.add(code)
    if not rows:
        faults.append(Fault("", "no tubes in the sheet", "a row per tube: path, file_id"))
    if faults:
        raise SheetError(source.name, faults)
    return rows
