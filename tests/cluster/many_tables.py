"""Tables that gating gives, of thousands of people, for what the steps after it cost.

A study of 120 people is simulated and gated; its tables are written once more for every further 120
under other names, each tube with another number of events, so that none looks like a copy. Fewer
would be found again among thousands as heaps of people exactly alike, whose distribution no curve
follows: most models then ended where none of real people does, and cost several times as much. What
is measured with it is the cost of a step, never what it finds.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as arrow
from pyarrow import compute, parquet

from cluster.large_study import make_large_study, write_people, write_tubes
from workflow.running import snakemake

ROOT = Path(__file__).resolve().parents[2]
#: People who differ.
DIFFERENT = 120
#: Per panel and batch, of what the later steps read.
_TABLES = (
    *("gate_fits", "evidence", "quality", "acquisition", "gates", "counts", "intensity"),
    *("combinations", "histograms"),
)
_OF_TUBE, _OF_SAMPLE = ("file_id", "source_id"), ("sample_id",)
_COHORT = ("participants", "samples", "tubes")


def make_many_tables(folder: Path, people: int) -> Path:
    """Write a study of `people`, or of the next multiple of 120, as when its tubes are gated."""
    copies = math.ceil(people / DIFFERENT)
    base = folder.with_name("gated")
    if not base.exists():
        make_large_study(base, DIFFERENT, events=2_000, different=DIFFERENT, plan=False)
        snakemake(base, "--until", "apply_gates", root=ROOT)
    shutil.copytree(base / "config", folder / "config")
    write_people(base, folder, copies)
    rows = write_tubes(base, folder, copies, copied=False)
    (folder / "data" / "flow").mkdir(parents=True)
    some = next((base / "data" / "flow").glob("*.fcs"))
    for row in rows:
        (folder / "data" / row["path"]).symlink_to(some)
    code = "import sys; from itc_analysis.cli import main; sys.exit(main())"
    check = ["check", "--config", "config/config.yaml", "--output-folder", "results/cohort"]
    subprocess.run(
        [sys.executable, "-c", code, *check], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    for made in (base / "results" / "flow").glob("*/*/gate_fits.parquet"):
        for name in _TABLES:
            table = parquet.read_table(made.with_name(f"{name}.parquet"))
            for copy in range(copies):
                panel, batch = made.parent.parent.name, f"{made.parent.name}_{copy}"
                target = folder / "results" / "flow" / panel / batch / f"{name}.parquet"
                target.parent.mkdir(parents=True, exist_ok=True)
                parquet.write_table(_renamed(table, copy), target, compression="zstd")
    for made in (base / "results" / "flow").glob("*/s*.parquet"):
        shutil.copy(made, folder / "results" / "flow" / made.parent.name / made.name)
    return folder


def _renamed(table: arrow.Table, copy: int) -> arrow.Table:
    """Return a table of the tubes of other people."""
    for name in table.column_names:
        column = table[name]
        if name in (*_OF_TUBE, "batch"):
            column = _with_ending(column, copy)
        elif name in _OF_SAMPLE:
            is_bridge = compute.match_substring(column, "BRIDGE")
            column = compute.if_else(is_bridge, column, _with_ending(column, copy))
        elif name == "n_parent" and "histogram" in table.column_names:
            column = compute.add(column, copy)
        table = table.set_column(table.column_names.index(name), name, column)
    metadata = dict(table.schema.metadata)
    told = json.loads(metadata[b"itc_analysis"])
    parameters = told.get("parameters", {})
    if "axes" in parameters:
        parameters["axes"] = {f"{key}_{copy}": axis for key, axis in parameters["axes"].items()}
    metadata[b"itc_analysis"] = json.dumps(told, sort_keys=True).encode()
    return table.replace_schema_metadata(metadata)


def _with_ending(column: Any, copy: int) -> Any:
    return compute.binary_join_element_wise(column, arrow.scalar(f"_{copy}", column.type), "")


def _config(study: Path) -> list[str]:
    return ["--config", "config/config.yaml"]


def _all(study: Path, name: str) -> list[str]:
    found = sorted((study / "results" / "flow").glob(f"*/*/{name}.parquet"))
    return [path.relative_to(study).as_posix() for path in found]


def _of_panels(study: Path, name: str) -> list[str]:
    found = sorted((study / "results" / "flow").glob(f"*/{name}.parquet"))
    return [path.relative_to(study).as_posix() for path in found]


def _sheets(*names: str) -> list[str]:
    return [part for name in names for part in (f"--{name}", f"results/cohort/{name}.parquet")]


def _pool(panel: str) -> Callable[[Path], list[str]]:
    def arguments(study: Path) -> list[str]:
        at = f"results/flow/{panel}"
        fits, evidence = (
            [path for path in _all(study, name) if f"/{panel}/" in path]
            for name in ("gate_fits", "evidence")
        )
        return [
            *_config(study), "--template", f"config/gating/{panel}.yaml",
            "--panel", f"config/panels/{panel}.tsv", "--fits", *fits, "--evidence", *evidence,
            "--identity", f"{at}/identity.parquet", "--output", f"{at}/pooled_gates.parquet",
        ]  # fmt: skip

    return arguments


def _score(study: Path) -> list[str]:
    return [
        *_config(study), "--signatures", "config/signatures.tsv", *_sheets(*_COHORT),
        "--identity", *_of_panels(study, "identity"), "--counts", *_all(study, "counts"),
        "--intensity", *_all(study, "intensity"), "--combinations", *_all(study, "combinations"),
        "--output", "results/scores.parquet",
    ]  # fmt: skip


def _respond(study: Path) -> list[str]:
    return [
        *_config(study), *_sheets("tubes"), "--tube-quality", *_all(study, "quality"),
        "--counts", *_all(study, "counts"), "--intensity", *_all(study, "intensity"),
        "--combinations", *_all(study, "combinations"), "--output-folder", "results",
    ]  # fmt: skip


def _measure(study: Path) -> list[str]:
    return [
        *_config(study), *_sheets(*_COHORT), "--tube-quality", *_all(study, "quality"),
        "--identity", *_of_panels(study, "identity"), "--counts", *_all(study, "counts"),
        "--intensity", *_all(study, "intensity"), "--scores", "results/scores.parquet",
        "--responses", "results/responses.parquet",
        "--response-combinations", "results/response_combinations.parquet",
        "--output", "results/measurements.parquet",
    ]  # fmt: skip


def _label(study: Path) -> list[str]:
    return [
        *_config(study), "--signatures", "config/signatures.tsv",
        "--measurements", "results/measurements.parquet", "--output", "results/labels.parquet",
    ]  # fmt: skip


def _compare(study: Path) -> list[str]:
    return [
        *_config(study), "--plan", "config/analysis_plan.yaml",
        *_sheets("participants", "variables"),
        "--measurements", "results/measurements.parquet", "--output-folder", "results",
    ]  # fmt: skip


def _report(study: Path) -> list[str]:
    panels = sorted(path.as_posix() for path in (study / "config" / "panels").glob("*.tsv"))
    return [
        *_config(study), "--results", "results", "--panels", *panels,
        "--signatures", "config/signatures.tsv", "--plan", "config/analysis_plan.yaml",
        "--output", "results/report.html",
    ]  # fmt: skip


#: Verb, its arguments, and what it makes.
STEPS: tuple[tuple[str, Callable[[Path], list[str]], str], ...] = (
    ("pool-gates", _pool("panel_a"), "results/flow/panel_a/pooled_gates.parquet"),
    ("pool-gates", _pool("panel_b"), "results/flow/panel_b/pooled_gates.parquet"),
    ("score", _score, "results/scores.parquet"),
    ("respond", _respond, "results/responses.parquet"),
    ("measure", _measure, "results/measurements.parquet"),
    ("label", _label, "results/labels.parquet"),
    ("compare", _compare, "results/comparisons.parquet"),
    ("report", _report, "results/report.html"),
)
