"""A study small enough to do by hand: five healthy people, two patients, a bridge control."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from itc_analysis.config.sections import Measure
from itc_analysis.measurements.collect import Limits, Tables, measure_study
from itc_analysis.tables import contract
from itc_analysis.tables.cohort import sheets
from itc_analysis.tables.cohort.participants import Participants
from itc_analysis.tables.flow.tubes import Intensity, TubeIdentity, TubeQuality
from itc_analysis.tables.function import ResponseCombinations, Responses
from itc_analysis.tables.measured import Counts, ScoreTable
from itc_analysis.tables.singlecell import LibraryQuality, ThinnedCounts

LIMITS = Limits(lod_events=20, lod_cells=5, min_phenotype_events=50)

#: Population, parent, measured, events of the usual tube of panel_a.
PANEL_A = (
    ("beads", "all", False, 2_000),
    ("lymphocytes", "all", False, 20_000),
    ("t_cells", "lymphocytes", False, 10_000),
    ("gd_t_cells", "t_cells", True, 200),
    ("inkt", "t_cells", True, 30),
    ("mait", "t_cells", True, 300),
)
PANEL_B = (
    ("lymphocytes", "all", False, 18_000),
    ("t_cells", "lymphocytes", False, 8_000),
    ("innate_cd8", "t_cells", True, 400),
)


def count_row(source: str, sample: str, population: str, **changes: Any) -> dict[str, Any]:
    """One row of Counts; not background, quantified, unless `changes` says otherwise."""
    row = {
        "source_id": source,
        "sample_id": sample,
        "population": population,
        "n_total": 100_000,
        "n_background": 0.0,
        "background_se": 0.0,
        "gate_se_log": 0.0,
        "detection": "quantified",
        "is_measured": True,
        "status": "ok",
    }
    return row | changes


def panel_rows(
    source: str, sample: str, panel: tuple[tuple[str, str, bool, int], ...]
) -> list[Any]:
    """Counts of one usual tube."""
    events = {name: n for name, _, _, n in panel}
    return [
        count_row(
            source,
            sample,
            name,
            parent=parent,
            is_measured=measured,
            n_events=n,
            n_parent=events.get(parent, 100_000),
            detection="detected" if 20 <= n < 50 else "quantified",
        )
        for name, parent, measured, n in panel
    ]


def make_tables() -> Tables:
    """H1-H5 healthy, P1 SSc, P2 SSc but excluded, BR a bridge control without a person."""
    people = [f"H{i}" for i in range(1, 6)] + ["P1", "P2"]
    participants = [
        {
            "participant_id": name,
            "group": "healthy" if name.startswith("H") else "SSc",
            "decision": "excluded" if name == "P2" else "eligible",
            "reasons": "malignancy" if name == "P2" else None,
            "decided_by": "rules",
            "is_analysed": name != "P2",
        }
        for name in people
    ]
    samples = [
        {"sample_id": f"S-{name}", "participant_id": name, "sample_type": "participant"}
        for name in people
    ] + [{"sample_id": "S-BR", "sample_type": "bridge_control"}]
    tubes, quality, counts, intensity = [], [], [], []
    for name in [*people, "BR"]:
        for panel, rows in (("panel_a", PANEL_A), ("panel_b", PANEL_B)):
            file_id = f"{name}-{panel[-1]}"
            with_beads = panel == "panel_a" and name != "BR"
            tubes.append(
                {
                    "file_id": file_id,
                    "sample_id": f"S-{name}",
                    "panel": panel,
                    "batch": "B1",
                    "tube": "stained",
                    "beads_per_tube": 50_000 if with_beads else None,
                    "blood_volume_ul": 100 if with_beads else None,
                }
            )
            quality.append(
                {
                    **{
                        key: tubes[-1][key]
                        for key in ("file_id", "sample_id", "panel", "batch", "tube")
                    },
                    "status": "ok",
                    "n_events": 100_000,
                    "n_clean": 100_000,
                }
            )
            counts += panel_rows(file_id, f"S-{name}", rows)
        for population, n in (("mait", 300), ("inkt", 30)):
            for marker, positive in (("PD-1", 60), ("CD69", 90)):
                intensity.append(
                    {
                        "source_id": f"{name}-a",
                        "sample_id": f"S-{name}",
                        "population": population,
                        "marker": marker,
                        "n_events": n,
                        "n_positive": positive * n // 300,
                        "threshold": 0.5,
                        "threshold_source": "fmo",
                        "median": 1_000.0,
                        "median_lower": 900.0 if population == "mait" else -20.0,
                        "median_upper": 1_200.0,
                        "median_transformed": 0.4,
                    }
                )
    fmo = {
        "file_id": "FMO-1",
        "sample_id": "S-BR",
        "panel": "panel_a",
        "batch": "B1",
    }
    tubes.append({**fmo, "tube": "fmo", "fmo_markers": "PD-1"})
    counts += panel_rows("FMO-1", "S-BR", PANEL_A)
    return Tables(
        participants=contract.make(participants, Participants),
        samples=contract.make(samples, sheets.SampleSheet),
        tubes=contract.make(tubes, sheets.Tubes),
        libraries=None,
        tube_quality=contract.make(quality, TubeQuality),
        identity=contract.empty(TubeIdentity),
        counts=contract.make(counts, Counts),
        intensity=contract.make(intensity, Intensity),
        library_quality=contract.empty(LibraryQuality),
        cell_counts=contract.empty(Counts),
        thinned_counts=contract.empty(ThinnedCounts),
        scores=contract.empty(ScoreTable),
        responses=contract.empty(Responses),
        response_combinations=contract.empty(ResponseCombinations),
    )


def edit(table: pd.DataFrame, where: dict[str, Any], **values: Any) -> pd.DataFrame:
    """Return the table with `values` in the rows where all of `where` holds; at least one row."""
    chosen = pd.Series(data=True, index=table.index)
    for column, wanted in where.items():
        chosen &= (table[column] == wanted).fillna(value=False)
    assert chosen.any(), f"no row where {where}"
    changed = table.copy()
    for column, value in values.items():
        changed.loc[chosen, column] = value
    return changed


class Study:
    """Tables to change, and the measurements they give."""

    def __init__(self) -> None:
        self.tables = make_tables()
        self.settings = Measure()

    def change(self, name: str, where: dict[str, Any], **values: Any) -> Study:
        self.tables = replace(
            self.tables, **{name: edit(getattr(self.tables, name), where, **values)}
        )
        return self

    def put(self, **tables: Any) -> Study:
        self.tables = replace(self.tables, **tables)
        return self

    def append(self, **tables: pd.DataFrame) -> Study:
        joined = {
            name: pd.concat([getattr(self.tables, name), rows], ignore_index=True)
            for name, rows in tables.items()
        }
        return self.put(**joined)

    def drop(self, name: str, column: str, value: str, *, ends: bool = False) -> Study:
        """Drop the rows of a table where `column` is, or ends with, `value`."""
        table = getattr(self.tables, name)
        lost = table[column].str.endswith(value) if ends else table[column] == value
        assert lost.any()
        return self.put(**{name: table[~lost].reset_index(drop=True)})

    def count(self, source: str, sample: str, population: str, **changes: Any) -> dict[str, Any]:
        """One row of Counts whose parent is as large as need be."""
        return count_row(source, sample, population, **{"n_parent": 900, **changes})

    def measure(self, groups: tuple[str, ...] | None = None) -> pd.DataFrame:
        return measure_study(self.tables, self.settings, limits=LIMITS, groups=groups)

    def row(self, source: str, population: str, measure: str, feature: str = "-") -> pd.Series:
        """The one row of the measurements with this key."""
        table = self.measure()
        found = table[
            (table["source_id"] == source)
            & (table["population"] == population)
            & (table["measure"] == measure)
            & (table["feature"] == feature)
        ]
        assert len(found) == 1, f"{len(found)} rows"
        return found.iloc[0]


@pytest.fixture
def study() -> Study:
    return Study()
