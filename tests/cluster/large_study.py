"""A study of the size of the trial and beyond: a small simulated one, drawn again with new cells.

Simulating a tube of 300,000 events costs as much as gating it; drawing its events again, with a
hundredth of noise in every channel but time, costs a tenth. No two tubes hold the same events. What
is measured with it is the cost of a run, never what it finds.
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np

from itc_analysis.flow.fcs.read import locate_events
from itc_analysis.simulate.study import simulate_study

#: People and batches of the study that is drawn from, unless more are asked for.
PEOPLE, BATCHES = 24, 2
#: Panels of a person: the second one once more, under another name, is the third tube.
COPIED, COPY = "panel_b", "panel_c"
_NOISE = 0.01


def make_large_study(
    folder: Path,
    people: int,
    *,
    events: int,
    different: int = PEOPLE,
    plan: bool = True,
    controls: bool = True,
) -> Path:
    """Write a study of `people` with three tubes each, and return its folder.

    Parameters
    ----------
    folder : Path
        the study; must not exist.
    people : int
        how many.
    events : int
        of a stained tube; 21 channels.
    different : int
        people of the study that is drawn from; `people` is a multiple of it.
    plan : bool
        with the whole analysis plan; otherwise missing covariates are not imputed.
    controls : bool
        with bridge controls and FMO tubes in every batch.
    """
    small = folder.with_name(f"{folder.name}_drawn_from")
    simulate_study(
        small, scenario="effect", seed=1, per_group=different // 6, events=events, cells=0,
        batches=different * BATCHES // PEOPLE,
    )  # fmt: skip
    (folder / "data" / "flow").mkdir(parents=True)
    shutil.copytree(small / "config", folder / "config")
    for kind, ending in (("panels", "tsv"), ("gating", "yaml")):
        own = folder / "config" / kind
        shutil.copy(own / f"{COPIED}.{ending}", own / f"{COPY}.{ending}")
    if not plan:
        written = folder / "config" / "analysis_plan.yaml"
        text = written.read_text(encoding="utf-8")
        assert "missing_covariates: imputed" in text
        written.write_text(text.replace("covariates: imputed", "covariates: complete_cases"))
    write_people(small, folder, people // different)
    rng = np.random.default_rng(240)
    for row in write_tubes(small, folder, people // different, controls=controls):
        draw_again(small / "data" / row["from"], folder / "data" / row["path"], rng)
    shutil.rmtree(small)
    return folder


def write_people(small: Path, folder: Path, copies: int) -> None:
    """Write the sheets of people and samples, the same again and again under other ids."""
    for name in ("participants", "samples", "classification"):
        rows, columns = _read(small / "config" / f"{name}.tsv")
        made = [
            {key: _renamed(value, copy) if key in ("participant_id", "sample_id") else value
             for key, value in row.items()}
            for copy in range(copies)
            for row in rows
            if not (copy and row.get("sample_type", "participant") != "participant")
        ]  # fmt: skip
        _write(folder / "config" / f"{name}.tsv", made, columns)


def write_tubes(
    small: Path, folder: Path, copies: int, *, copied: bool = True, controls: bool = True
) -> list[dict[str, str]]:
    """Write the sheet of tubes, and return its rows with the file that each is drawn from.

    Parameters
    ----------
    copied : bool
        with a third tube of everybody; otherwise `small` has it already.
    controls : bool
        with bridge controls and FMO tubes.
    """
    rows, columns = _read(small / "config" / "fcs_files.tsv")
    rows = [row for row in rows if controls or not _is_control(row)]
    rows += [
        {**row, "panel": COPY, "file_id": row["file_id"].replace(COPIED, COPY)}
        for row in rows
        if copied and row["panel"] == COPIED
    ]
    made = []
    for copy in range(copies):
        for row in rows:
            file_id = f"{row['file_id']}_{copy}"
            made.append(
                {
                    **row,
                    "file_id": file_id,
                    "sample_id": _renamed(row["sample_id"], copy),
                    "batch": f"{row['batch']}_{copy}",
                    "path": f"flow/{file_id}.fcs",
                    "from": row["path"],
                }
            )
    _write(folder / "config" / "fcs_files.tsv", made, columns)
    return made


def _is_control(row: dict[str, str]) -> bool:
    return "BRIDGE" in row["sample_id"] or row["tube"] != "stained"


def _renamed(name: str, copy: int) -> str:
    """Return the id of a copy's person or sample; the bridge control is one person throughout."""
    return name if "BRIDGE" in name or not name else f"{name}_{copy}"


def draw_again(source: Path, target: Path, rng: np.random.Generator) -> None:
    """Write a tube with as many events, drawn from those of another one in their order."""
    with source.open("rb") as stream:
        layout = locate_events(stream, source.name)
    content = bytearray(source.read_bytes())
    n_channels = int(layout.keywords["PAR"])
    events = np.frombuffer(content, "<f4", layout.n_bytes // 4, layout.begin)
    events = events.reshape(-1, n_channels)
    names = [layout.keywords[f"P{i}N"].upper() for i in range(1, n_channels + 1)]
    drawn = events[np.sort(rng.integers(0, len(events), len(events)))]
    noise = rng.standard_normal(drawn.shape, dtype=np.float32)
    noise[:, [name == "TIME" for name in names]] = 0
    drawn *= 1 + _NOISE * noise
    content[layout.begin : layout.begin + layout.n_bytes] = drawn.astype("<f4").tobytes()
    target.write_bytes(content)


def _read(path: Path) -> tuple[list[dict[str, str]], list[str]]:
    with path.open(encoding="utf-8", newline="") as sheet:
        rows = csv.DictReader(sheet, delimiter="\t")
        return list(rows), list(rows.fieldnames or ())


def _write(path: Path, rows: list[dict[str, str]], columns: list[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as sheet:
        made = csv.DictWriter(sheet, columns, delimiter="\t", extrasaction="ignore")
        made.writeheader()
        made.writerows(rows)
