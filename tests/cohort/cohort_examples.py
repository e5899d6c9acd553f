"""A small study and a spotless participant, for the tests of the cohort room to spoil."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.cli.study.init import RESOURCES
from itc_analysis.cohort.sheets.columns import sheet_forms
from itc_analysis.config.sections import Cohort, Study
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.sheets import ParticipantSheet

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


def items_from_text(text: str) -> dict[str, Any]:
    """Read ``"sex=M weight_kg=54 cmv_igg=?"``: yes and no are items, ? is missing."""
    words: dict[str, Any] = {"yes": True, "no": False, "?": None}
    pairs = [part.split("=", 1) for part in text.split()]
    return {name: words[value] if value in words else _value(value) for name, value in pairs}


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


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


TEMPLATE = """\
panel: panel_a
denominator: t_cells
populations:
  - {name: t_cells, parent: all, markers: [CD3], method: density_minimum, side: above, measured: true}
positivity:
  - {marker: PD-1, role: inhibitory}
"""  # noqa: E501
PLAN = """\
covariates: null
core_covariates: null
small_sample: {covariates: null}
families:
  - name: primary
    role: primary
    adjustment: holm
    contrasts: [healthy]
    endpoints: [{assay: flow, populations: [t_cells], measures: [cells_per_ul]}]
"""


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
    (folder / "gating" / "panel_a.yaml").write_text(TEMPLATE, encoding="utf-8")
    (folder / "analysis_plan.yaml").write_text(PLAN, encoding="utf-8")
    return Study(
        name="Four people",
        data_folder=str(folder / "data"),
        participants=str(folder / "participants.tsv"),
        samples=str(folder / "samples.tsv"),
        fcs_files=str(folder / "fcs_files.tsv"),
        libraries=str(folder / "libraries.tsv"),
        panels_folder=str(folder / "panels"),
        gating_folder=str(folder / "gating"),
        analysis_plan=str(folder / "analysis_plan.yaml"),
        signatures=str(RESOURCES / "signatures.tsv"),
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


#: What an absent finding looks like where absence is not "no", nor 0.
ABSENT: dict[str, Any] = {
    "ssc_raynaud": "none",
    "pss_schirmer_mm": 20.0,
    "pss_saliva_ml_per_min": 1.0,
    "iim_onset_age_years": 10.0,
    "better_explained": None,
}
#: Items of the criteria that stand in the sheet of participants.
PARTICIPANT_ITEMS = ("anticentromere", "antitopoisomerase", "anti_rnap3", "ana_titre", "pah")


def absent(name: str) -> Any:
    """Return what an item of the criteria says when the finding is absent."""
    columns = {
        column.name: column
        for sheet in ("ClassificationSheet", "ParticipantSheet")
        for column in sheet_forms()[sheet].columns
    }
    return ABSENT.get(name, False if columns[name].kind == "yes_no" else 0.0)


def no_findings(participant_id: str = "P001", **changes: Any) -> dict[str, Any]:
    """Return a row of the classification sheet where everything was assessed and nothing found."""
    names = [c.name for c in sheet_forms()["ClassificationSheet"].columns][1:]
    found = {name: absent(name) for name in names} | changes
    # what the criteria of 2013 call skin changes of the fingers, those of 2001 call so as well
    if found["ssc_skin_proximal_to_mcp"] or found["ssc_sclerodactyly"]:
        found["ssc_distal_skin"] = changes.get("ssc_distal_skin", True)
    return {"participant_id": participant_id} | found


def crafted(case: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the rows of both sheets for a line of crafted_participants.tsv; None for no second
    row.
    """
    items = items_from_text(case["given"])
    has_items = items.pop("rest", None) is not None
    person_columns = set(contract.columns_of(ParticipantSheet))
    own = {name: value for name, value in items.items() if name in person_columns}
    if has_items:
        own = {name: absent(name) for name in PARTICIPANT_ITEMS} | own
    person = spotless(case["case"], case["group"], **own)
    others = {name: value for name, value in items.items() if name not in person_columns}
    return person, no_findings(case["case"], **others) if has_items else None
