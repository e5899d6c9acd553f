"""A small study and a spotless participant, for the tests of the cohort room to spoil."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.config import Cohort, Study
from itc_analysis.tables import contract
from itc_analysis.tables.sheets import ParticipantSheet

EXCLUSION_ITEMS = (
    "overlap_syndrome",
    "primary_cellular_immunodeficiency",
    "stem_cell_transplantation",
    "malignancy_ever",
    "chemotherapy_or_checkpoint_12_months",
    "systemic_retinoids",
    "infection_or_antibiotics_2_weeks",
    "chronic_infection",
    "vaccination_4_weeks",
    "refuses_genetic_analysis",
    "pregnant_or_breastfeeding",
)


def spotless(participant_id: str = "P001", group: str = "SSc", **changes: Any) -> dict[str, Any]:
    """Return a woman of 50 years whom every criterion of both protocol versions lets in."""
    person: dict[str, Any] = {
        "participant_id": participant_id,
        "group": group,
        "age_years": 50.0,
        "sex": "F",
        "weight_kg": 70.0,
        "classification_met": True,
        "autoimmune_disease_known": False,
        "immunosuppressant_3_months": False,
        "biologic_6_months": False,
        "glucocorticoid_mg_per_day": 0.0,
        "cmv_igg": False,
    }
    person.update(dict.fromkeys(EXCLUSION_ITEMS, False))
    unknown = set(changes) - set(contract.columns_of(ParticipantSheet))
    assert not unknown, f"no such items: {unknown}"
    return person | changes


def participant_table(*people: dict[str, Any]) -> pd.DataFrame:
    return contract.make(list(people), ParticipantSheet)


def write_sheet(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as a person would: TSV, yes/no in words, missing as an empty cell."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = ["\t".join(columns)]
    lines += ["\t".join(_cell(row.get(column)) for column in columns) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def write_study(folder: Path) -> Study:
    """Write four people, a bridge control, two batches of one panel and one library."""
    groups = {"P001": "SSc", "P002": "SSc", "P003": "healthy", "P004": "healthy"}
    write_sheet(
        folder / "participants.tsv", [spotless(name, group) for name, group in groups.items()]
    )
    samples: list[dict[str, Any]] = [
        {"sample_id": f"S{name[1:]}", "participant_id": name, "sample_type": "participant"}
        for name in groups
    ]
    samples.append({"sample_id": "B0", "participant_id": None, "sample_type": "bridge_control"})
    write_sheet(folder / "samples.tsv", samples)
    where = {"S001": "b1", "S003": "b1", "S002": "b2", "S004": "b2"}
    tubes = [_tube(f"{sample}_a", sample, batch, "stained") for sample, batch in where.items()]
    tubes += [_tube(f"B0_{batch}", "B0", batch, "stained") for batch in ("b1", "b2")]
    tubes += [_tube(f"B0_fmo_{batch}", "B0", batch, "fmo", "PD-1,TIM-3") for batch in ("b1", "b2")]
    write_sheet(folder / "fcs_files.tsv", tubes)
    library = {
        "library_id": "L1",
        "sample_id": "S001",
        "path": "sc/L1.h5",
        "format": "10x_h5",
        "contigs_path": "sc/L1.csv",
        "has_gamma_delta_receptors": False,
        "batch": "l1",
    }
    write_sheet(folder / "libraries.tsv", [library])
    for path in (*(tube["path"] for tube in tubes), "sc/L1.h5", "sc/L1.csv"):
        file = folder / "data" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"not read by the sheets' checks")
    panel = [
        {"channel": f"FL{number}", "marker": marker, "role": "lineage"}
        for number, marker in enumerate(("CD3", "PD-1", "TIM-3"))
    ]
    write_sheet(folder / "panels" / "panel_a.tsv", panel)
    (folder / "gating").mkdir()
    (folder / "gating" / "panel_a.yaml").write_text("panel: panel_a\n", encoding="utf-8")
    return Study(
        name="Four people",
        data_folder=str(folder / "data"),
        participants=str(folder / "participants.tsv"),
        samples=str(folder / "samples.tsv"),
        fcs_files=str(folder / "fcs_files.tsv"),
        libraries=str(folder / "libraries.tsv"),
        panels_folder=str(folder / "panels"),
        gating_folder=str(folder / "gating"),
    )


def two_groups() -> Cohort:
    return Cohort(index_group="SSc", healthy_group="healthy", disease_groups=())


def _tube(
    file_id: str, sample: str, batch: str, kind: str, fmo_markers: str | None = None
) -> dict[str, Any]:
    return {
        "file_id": file_id,
        "sample_id": sample,
        "path": f"fcs/{file_id}.fcs",
        "panel": "panel_a",
        "batch": batch,
        "tube": kind,
        "fmo_markers": fmo_markers,
        "beads_per_tube": 50000.0,
        "blood_volume_ul": 100.0,
    }
