"""Everything the page is made from: the tables of a results folder and what made them.

Which tables a run should have is known from the tube and library sheets, so that a file left over
from an earlier run is not shown, and one that is missing is said to be missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.config import Settings
from itc_analysis.errors import ItcError
from itc_analysis.flow.panel.markers import read_panel
from itc_analysis.flow.spillover.matrix_files import matrices_of_tubes, spreading_file
from itc_analysis.results import Layout
from itc_analysis.scores.signatures import Signature, read_signatures
from itc_analysis.tables import contract, made
from itc_analysis.tables.cohort import sheets


@dataclass(frozen=True)
class Material:
    """Tables of one finished run; a table the study does not have is there with no rows.

    Parameters
    ----------
    settings : all settings of the run.
    layout : where the files lie.
    participants ... modality_agreement : the tables, as their contracts say.
    spreading : spreading matrices beside the study's own compensation matrices.
    provenance : what made each table that is shown, in the order of the workflow; equal entries once.
    panels : the panel sheets that were handed over, by panel.
    signatures : those that were handed over; none: participants get no label.
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
    scales: pd.DataFrame
    spill: pd.DataFrame
    spreading: tuple[Path, ...]
    landmarks: pd.DataFrame
    alignment: pd.DataFrame
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
    verdicts: pd.DataFrame
    diagnostics: pd.DataFrame
    genes: pd.DataFrame
    associations: pd.DataFrame
    compositions: pd.DataFrame
    modalities: pd.DataFrame
    modality_agreement: pd.DataFrame
    panels: Mapping[str, pd.DataFrame]
    signatures: tuple[Signature, ...]
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


def collect(
    results: str | Path,
    settings: Settings,
    panels: Sequence[str | Path] = (),
    signatures: str | Path | None = None,
) -> Material:
    """Read what the page needs from a results folder.

    Parameters
    ----------
    results : the results folder.
    settings : all settings of the run.
    panels : panel sheets `<panel>.tsv`, which name the reagents; none is needed for the page itself.
    signatures : signatures.tsv, whose markers label participants; None: they are not labelled.

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
    names = sorted({panel for panel, _ in flow_jobs})
    library_jobs = sorted(set(libraries["batch"].astype(str)))
    scales = reader.each([layout.scales(name) for name in names], made.Scales)
    spill = reader.each([layout.spill(name) for name in names], made.ResidualSpill)
    jobs = [{"panel": panel, "batch": batch} for panel, batch in flow_jobs]
    matrices = matrices_of_tubes(settings.flow.matrices_folder, jobs)
    aligned = names if settings.flow.align else []
    landmarks = reader.each([layout.landmarks(name) for name in aligned], made.Landmarks)
    alignment = reader.each([layout.alignment(name) for name in aligned], made.AlignmentCheck)
    tube_quality = reader.each([layout.tube_quality(*job) for job in flow_jobs], made.TubeQuality)
    acquisitions = reader.each([layout.acquisition(*job) for job in flow_jobs], made.Acquisitions)
    reader.note([layout.fits(*job) for job in flow_jobs])
    gates = reader.each([layout.gates(name) for name in names], made.Gates)
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
    verdicts = reader.one(layout.verdicts, made.Verdicts)
    diagnostics = reader.one(layout.diagnostics, made.Diagnostics)
    genes = reader.one(layout.genes, made.Genes)
    associations = reader.one(layout.associations, made.Associations)
    compositions = reader.one(layout.compositions, made.Compositions)
    modalities = reader.one(layout.modalities, made.Modalities)
    modality_agreement = reader.one(layout.modality_agreement, made.ModalityAgreement)
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
        scales=scales,
        spill=spill,
        spreading=tuple(path for path in map(spreading_file, matrices) if path.exists()),
        landmarks=landmarks,
        alignment=alignment,
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
        verdicts=verdicts,
        diagnostics=diagnostics,
        genes=genes,
        associations=associations,
        compositions=compositions,
        modalities=modalities,
        modality_agreement=modality_agreement,
        panels={Path(path).stem: read_panel(path) for path in panels},
        signatures=tuple(read_signatures(signatures)) if signatures else (),
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
