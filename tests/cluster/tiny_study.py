"""The smallest study that every step has work in, for runs that are repeated many times.

Twelve people, one panel in two staining batches, few events, no single cells, one endpoint. What is
tested with it is how a run goes, never what it finds.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from itc_analysis.simulate.study import simulate_study


def make_tiny_study(folder: Path, *, events: int = 2000) -> Path:
    """Write the study and return its folder."""
    simulate_study(
        folder, scenario="effect", seed=3, per_group=2, events=events, cells=0, batches=2
    )
    sheet = folder / "config" / "fcs_files.tsv"
    header, *rows = sheet.read_text().splitlines()
    kept = [row for row in rows if "\tpanel_b\t" in row]
    sheet.write_text("\n".join([header, *kept]) + "\n")
    plan_file = folder / "config" / "analysis_plan.yaml"
    plan = yaml.safe_load(plan_file.read_text())
    plan["missing_covariates"] = "complete_cases"
    plan["families"] = plan["families"][:1]
    plan["families"][0]["endpoints"][0]["populations"] = ["innate_cd8"]
    for part in ("associations", "compositions"):
        plan[part] = []
    plan_file.write_text(yaml.safe_dump(plan, sort_keys=False))
    config = folder / "config" / "config.yaml"
    config.write_text(config.read_text() + "stats:\n  n_permutations: 99\n")
    return folder


def tables_of(study: Path) -> dict[str, bytes]:
    """Return every file of the results that a run makes, by its path, without logs.

    Logs of jobs that were repeated may differ between two runs; what the jobs made may not.
    """
    results = study / "results"
    return {
        path.relative_to(results).as_posix(): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.is_file()
        and path.relative_to(results).parts[0] not in {"logs", "settings"}
        and path.name != ".snakemake_timestamp"
    }
