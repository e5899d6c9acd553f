"""Everything the page is made from: the tables of a results folder and what made them.

Which tables a run should have is known from the tube and library sheets, so that a file left over
from an earlier run is not shown, and one that is missing is said to be missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.config import Settings
from itc_analysis.errors import ItcError
from itc_analysis.results import Layout
from itc_analysis.tables import contract, made, sheets


@dataclass(frozen=True)
class Material:
    """Tables of one finished run; a table the study does not have is there with no rows.

    Parameters
    ----------
    settings : all settings of the run.
    layout : where the files lie.
    participants ... comparisons : the tables, as their contracts say.
    provenance : what made each table that is shown, in the order of the workflow; equal entries once.
    lacking : tables that the sheets promise but that are not in the folder.
    """

    settings: Settings
    layout: Layout
    participants: pd.DataFrame
    eligibility: pd.DataFrame
    classification: pd.DataFrame
    queries: pd.DataFrame
    disclosure: pd.DataFrame
    samples: pd.DataFrame
    tubes: pd.DataFrame
    libraries: pd.DataFrame
    problems: pd.DataFrame
    tube_quality: pd.DataFrame
    acquisitions: pd.DataFrame
    gates: pd.DataFrame
    counts: pd.DataFrame
    library_quality: pd.DataFrame
    cells: pd.DataFrame
    cell_counts: pd.DataFrame
    scores: pd.DataFrame
    measurements: pd.DataFrame
    comparisons: pd.DataFrame
    provenance: tuple[dict[str, Any], ...]
    lacking: tuple[str, ...]

    @property
    def has_flow(self) -> bool:
        """Whether the study has tubes."""
        return len(self.tubes) > 0 or len(self.tube_quality) > 0

    @property
    def has_single_cell(self) -> bool:
        """Whether the study has libraries."""
        return len(self.libraries) > 0 or len(self.library_quality) > 0

    @property
    def groups_present(self) -> tuple[str, ...]:
        """Groups with at least one participant; those of the settings first, in their order."""
        found = list(self.participants["group"].dropna().unique())
        known = [group for group in self.settings.cohort.groups if group in found]
        return (*known, *sorted(group for group in found if group not in known))

    @property
    def alpha(self) -> float:
        """Adjusted p at or below which a difference is called shown."""
        return round(1 - self.settings.stats.confidence, 10)

    def views_of(self, panel: str, batch: str) -> pd.DataFrame:
        """Read the gate views of one panel and batch; no rows when the file is not there."""
        path = self.layout.views(panel, batch)
        if not Path(path).exists():
            return contract.empty(made.Views)
        return contract.read(path, made.Views)


def collect(results: str | Path, settings: Settings) -> Material:
    """Read what the page needs from a results folder.

    Raises
    ------
    ItcError : the folder has no measurements, or a table breaks its contract.
    """
    layout = Layout(str(results))
    if not Path(layout.measurements).exists():
        raise ItcError(
            str(results), "no measurements.parquet here; run the workflow, or name its results"
        )
    reader = _Reader(layout)
    participants = reader.one(layout.participants, made.Participants)
    eligibility = reader.one(layout.eligibility, made.Eligibility)
    classification = reader.one(layout.classification, made.Classification)
    queries = reader.one(layout.queries, made.Queries)
    disclosure = reader.one(layout.disclosure, made.Disclosure)
    samples = reader.one(layout.samples, sheets.SampleSheet)
    tubes = reader.one(layout.tubes, sheets.TubeSheet)
    libraries = reader.one(layout.libraries, sheets.LibrarySheet)
    problems = reader.one(layout.cohort_problems, made.Problems)
    flow_jobs = _pairs(tubes)
    panels = sorted({panel for panel, _ in flow_jobs})
    library_jobs = sorted(set(libraries["batch"].astype(str)))
    tube_quality = reader.each([layout.tube_quality(*job) for job in flow_jobs], made.TubeQuality)
    acquisitions = reader.each([layout.acquisition(*job) for job in flow_jobs], made.Acquisitions)
    reader.note([layout.fits(*job) for job in flow_jobs])
    gates = reader.each([layout.gates(panel) for panel in panels], made.Gates)
    counts = reader.each([layout.counts(*job) for job in flow_jobs], made.Counts)
    reader.note([layout.intensity(*job) for job in flow_jobs])
    library_quality = reader.each(
        [layout.library_quality(batch) for batch in library_jobs], made.LibraryQuality
    )
    cells = reader.each([layout.cells(batch) for batch in library_jobs], made.Cells)
    cell_counts = reader.each([layout.cell_counts(batch) for batch in library_jobs], made.Counts)
    reader.note([layout.pseudobulk(batch) for batch in library_jobs])
    scores = reader.one(layout.scores, made.ScoreTable)
    measurements = reader.one(layout.measurements, made.Measurements)
    comparisons = reader.one(layout.comparisons, made.Comparisons)
    return Material(
        settings=settings,
        layout=layout,
        participants=participants,
        eligibility=eligibility,
        classification=classification,
        queries=queries,
        disclosure=disclosure,
        samples=samples,
        tubes=tubes,
        libraries=libraries,
        problems=problems,
        tube_quality=tube_quality,
        acquisitions=acquisitions,
        gates=gates,
        counts=counts,
        library_quality=library_quality,
        cells=cells,
        cell_counts=cell_counts,
        scores=scores,
        measurements=measurements,
        comparisons=comparisons,
        provenance=tuple(reader.provenance),
        lacking=tuple(reader.lacking),
    )


def each_row(table: pd.DataFrame) -> Iterator[Any]:
    """Go through the rows as named tuples; their types are those of the table's contract."""
    yield from table.itertuples()


class _Reader:
    """Reads tables, and keeps what made them and which are lacking."""

    def __init__(self, layout: Layout) -> None:
        self.folder = layout.folder.rstrip("/") + "/"
        self.provenance: list[dict[str, Any]] = []
        self.lacking: list[str] = []

    def one(self, path: str, model: type[contract.Contract]) -> pd.DataFrame:
        return self.each([path], model)

    def each(self, paths: Sequence[str], model: type[contract.Contract]) -> pd.DataFrame:
        there = [path for path in paths if Path(path).exists()]
        self.lacking += [path.removeprefix(self.folder) for path in paths if path not in there]
        self.note(there)
        return contract.read_all(there, model)

    def note(self, paths: Sequence[str]) -> None:
        """Keep the provenance of files that are there, equal entries once."""
        for path in paths:
            if not Path(path).exists():
                continue
            stored = contract.read_provenance(path)
            if stored and stored not in self.provenance:
                self.provenance.append(stored)


def _pairs(tubes: pd.DataFrame) -> list[tuple[str, str]]:
    pairs = tubes[["panel", "batch"]].drop_duplicates()
    return sorted(zip(pairs["panel"].astype(str), pairs["batch"].astype(str), strict=True))
