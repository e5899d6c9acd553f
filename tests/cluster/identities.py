"""What identifies people, planted in the FCS files of the tiny study; no output may name it."""

from __future__ import annotations

from pathlib import Path

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
_HEAD, _DELIMITER = 58, "\x1e"


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
