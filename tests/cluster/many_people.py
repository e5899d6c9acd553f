"""Sheets of thousands of people, for how jobs are planned; nothing of it is ever run."""

from __future__ import annotations

import re
from pathlib import Path

from itc_analysis.simulate.study import simulate_study


def write_many_people(
    study: Path, people: int, *, tubes_per_person: int = 3, batch_of: int = 12
) -> int:
    """Write the sheets, with FCS files that are links to one; return the number of tubes."""
    small = study / "few"
    simulate_study(small, scenario="null", seed=1, per_group=1, events=1000, cells=0, batches=1)
    (study / "data" / "flow").mkdir(parents=True)
    (study / "config").mkdir()
    for name in ("panels", "gating", "config.yaml", "analysis_plan.yaml", "signatures.tsv"):
        (study / "config" / name).symlink_to(small / "config" / name)
    header, *rows = (small / "config" / "participants.tsv").read_text().splitlines()
    lines = [header]
    for i in range(people):
        cells = rows[i % len(rows)].split("\t")
        lines.append("\t".join([f"P{i:05d}", *cells[1:]]))
    _write(study, "participants.tsv", lines)
    items = (small / "config" / "classification.tsv").read_text().splitlines()
    _write(study, "classification.tsv", items[:1])
    columns, first = (small / "config" / "samples.tsv").read_text().splitlines()[:2]
    rest = "\t".join(first.split("\t")[2:])
    _write(study, "samples.tsv", [columns, *(f"S{i:05d}\tP{i:05d}\t{rest}" for i in range(people))])
    tubes = ["file_id\tsample_id\tpath\tpanel\tbatch\ttube\tbeads_per_tube\tblood_volume_ul"]
    tube = next((small / "data" / "flow").glob("*_panel_a.fcs"))
    for i in range(people):
        for k in range(tubes_per_person):
            name = f"S{i:05d}_{k}"
            (study / "data" / "flow" / f"{name}.fcs").symlink_to(tube)
            panel = "panel_a" if k == 0 else "panel_b"
            kind = "stained" if k < 2 else "unstained"
            batch = f"b{i // batch_of:04d}"
            tubes.append(f"{name}\tS{i:05d}\tflow/{name}.fcs\t{panel}\t{batch}\t{kind}\t50000\t100")
    _write(study, "fcs_files.tsv", tubes)
    return len(tubes) - 1


def _write(study: Path, name: str, lines: list[str]) -> None:
    (study / "config" / name).write_text("\n".join(lines) + "\n")


def slurm_jobs(dry_run: str) -> int:
    """Return how many Slurm jobs a dry run with the Slurm profile would submit."""
    single = re.findall(r"^Job \d+: ", dry_run, flags=re.MULTILINE)
    return len(single) + dry_run.count("] Group job ")
