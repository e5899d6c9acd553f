"""A made-up study for the scores: six healthy people and four patients, two batches, both arms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import Scores
from itc_analysis.scores.cards.signatures import Signature
from itc_analysis.scores.samples.profiles import FlowTables, SingleCellTables
from itc_analysis.scores.scoring.runner import score_study
from itc_analysis.tables import contract
from itc_analysis.tables.cohort import sheets
from itc_analysis.tables.cohort.participants import Participants
from itc_analysis.tables.flow.tubes import Combinations, Intensity
from itc_analysis.tables.measured import Counts
from itc_analysis.tables.singlecell import Pseudobulk, PseudobulkDepth

SETTINGS = Scores(min_features_found=0.6, min_reference=4, subsets={})

EXHAUSTION = Signature(
    name="exhaustion",
    assay="flow",
    features=("PD-1", "TIM-3", "LAG-3", "TIGIT"),
    weights=(1.0, 1.0, 1.0, 1.0),
    sources=("s",) * 4,
    reads_as="more inhibitory receptors",
)
EXHAUSTION_RNA = Signature(
    name="exhaustion",
    assay="singlecell",
    features=("PDCD1", "TIGIT", "LAG3"),
    weights=(1.0, 1.0, 1.0),
    sources=("s",) * 3,
    reads_as="more inhibitory-receptor RNA",
)
#: Methods whose scores go by the signature's name.
MAIN = ("mean_logit_z", "standardised_logit_z", "pseudobulk_z", "share_two_or_more")
HEALTHY = tuple(f"H{i}" for i in range(1, 7))
PATIENTS = tuple(f"P{i}" for i in range(1, 5))


def _people() -> tuple[pd.DataFrame, pd.DataFrame]:
    participants = [
        {
            "participant_id": name,
            "group": "healthy" if name in HEALTHY else "SSc",
            "decision": "eligible",
            "decided_by": "rules",
            "is_analysed": True,
        }
        for name in (*HEALTHY, *PATIENTS)
    ]
    samples = [
        {"sample_id": f"S-{name}", "participant_id": name, "sample_type": "participant"}
        for name in (*HEALTHY, *PATIENTS)
    ] + [{"sample_id": "S-BR", "sample_type": "bridge_control"}]
    return contract.make(participants, Participants), contract.make(samples, sheets.SampleSheet)


def _flow() -> FlowTables:
    rng = np.random.default_rng(5)
    tubes, counts, intensity, combinations = [], [], [], []
    for name in (*HEALTHY, *PATIENTS, "BR"):
        for panel in ("panel_a", "panel_b"):
            file_id = f"{name}-{panel[-1]}"
            tubes.append(
                {
                    "file_id": file_id,
                    "sample_id": f"S-{name}",
                    "panel": panel,
                    "batch": "B1",
                    "tube": "stained",
                }
            )
            population = "mait" if panel == "panel_a" else "innate_cd8"
            count = {
                "source_id": file_id,
                "sample_id": f"S-{name}",
                "population": population,
                "parent": "t_cells",
                "n_events": 400,
                "n_parent": 10_000,
                "n_total": 90_000,
                "detection": "quantified",
                "is_measured": True,
                "status": "ok",
            }
            counts.append(count)
        for marker in (*EXHAUSTION.features, "CD69"):
            share = 0.4 if name in PATIENTS and marker == "PD-1" else 0.2
            intensity.append(
                {
                    "source_id": f"{name}-a",
                    "sample_id": f"S-{name}",
                    "population": "mait",
                    "marker": marker,
                    "n_events": 400,
                    "n_positive": int(rng.binomial(400, share)),
                    "threshold": 0.5,
                    "threshold_source": "fmo",
                    "median": 900.0,
                    "median_transformed": 0.4,
                }
            )
        for words, receptors, n in (
            ("PD-1- TIM-3-", 0, 300),
            ("PD-1+ TIM-3-", 1, 60),
            ("PD-1+ TIM-3+", 2, 40),
        ):
            combinations.append(
                {
                    "source_id": f"{name}-a",
                    "sample_id": f"S-{name}",
                    "population": "mait",
                    "combination": words,
                    "n_receptors": receptors,
                    "n_events": n,
                }
            )
    tubes.append(tubes[0] | {"file_id": "FMO", "sample_id": "S-BR", "tube": "fmo"})
    intensity.append(intensity[0] | {"source_id": "FMO", "sample_id": "S-BR"})
    return FlowTables(
        tubes=contract.make(tubes, sheets.Tubes),
        counts=contract.make(counts, Counts),
        intensity=contract.make(intensity, Intensity),
        combinations=contract.make(combinations, Combinations),
    )


def _single_cell() -> SingleCellTables:
    rng = np.random.default_rng(6)
    sources, bulk, depth = [], [], []
    for name in (*HEALTHY, *PATIENTS):
        sources.append({"source_id": f"L-{name}", "sample_id": f"S-{name}", "batch": "C1"})
        for population, n_cells in (("t_cells", 1_000), ("mait", 40)):
            molecules = n_cells * 5_000
            depth.append(
                {
                    "sample_id": f"S-{name}",
                    "population": population,
                    "n_cells": n_cells,
                    "n_counts": molecules,
                    "n_genes_measured": 18_000,
                }
            )
            for gene in EXHAUSTION_RNA.features:
                rate = 60e-6 if name in PATIENTS else 20e-6
                n = int(rng.poisson(rate * molecules))
                if n:
                    bulk.append(
                        {
                            "sample_id": f"S-{name}",
                            "population": population,
                            "gene": gene,
                            "n_counts": n,
                        }
                    )
    return SingleCellTables(
        sources=pd.DataFrame(sources, dtype="string"),
        pseudobulk=contract.make(bulk, Pseudobulk),
        depth=contract.make(depth, PseudobulkDepth),
    )


class Study:
    """Tables to change, and the scores they give."""

    def __init__(self) -> None:
        self.participants, self.samples = _people()
        self.flow: FlowTables | None = _flow()
        self.single_cell: SingleCellTables | None = _single_cell()
        self.signatures = [EXHAUSTION, EXHAUSTION_RNA]
        self.healthy_group: str | None = "healthy"
        self.settings = SETTINGS

    def change(self, arm: str, name: str, where: dict[str, Any], **values: Any) -> Study:
        """Write `values` into the rows of a table where all of `where` holds; at least one row."""
        holder = self if arm == "cohort" else getattr(self, arm)
        table = getattr(holder, name).copy()
        chosen = pd.Series(data=True, index=table.index)
        for column, wanted in where.items():
            chosen &= (table[column] == wanted).fillna(value=False)
        assert chosen.any(), f"no row where {where}"
        for column, value in values.items():
            table.loc[chosen, column] = value
        return self.put(arm, **{name: table})

    def drop(self, arm: str, name: str, where: dict[str, Any]) -> Study:
        """Drop the rows of a table where all of `where` holds; at least one row."""
        table = getattr(self if arm == "cohort" else getattr(self, arm), name)
        chosen = pd.Series(data=True, index=table.index)
        for column, wanted in where.items():
            chosen &= (table[column] == wanted).fillna(value=False)
        assert chosen.any(), f"no row where {where}"
        return self.put(arm, **{name: table[~chosen].reset_index(drop=True)})

    def put(self, arm: str, **tables: Any) -> Study:
        if arm == "cohort":
            for name, table in tables.items():
                setattr(self, name, table)
        else:
            setattr(self, arm, replace(getattr(self, arm), **tables))
        return self

    def score(self) -> pd.DataFrame:
        return score_study(
            self.signatures,
            self.participants,
            self.samples,
            flow=self.flow,
            single_cell=self.single_cell,
            healthy_group=self.healthy_group,
            settings=self.settings,
            min_cells=20,
        )

    def row(
        self, source: str, population: str, signature: str = "exhaustion", method: str | None = None
    ) -> pd.Series:
        """The one score with this source, population, signature and method (else the main one)."""
        table = self.score()
        table = table[table["method"].isin(MAIN if method is None else [method])]
        found = table[
            (table["source_id"] == source)
            & (table["population"] == population)
            & (table["signature"] == signature)
        ]
        assert len(found) == 1, f"{len(found)} rows"
        return found.iloc[0]


@pytest.fixture
def study() -> Study:
    return Study()
