"""Where each file lies in the results folder: the one place that knows.

Used by the Snakefile, the report and the notebooks alike, so nothing else builds a path.
`open_results` gives the tables of a finished run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Layout:
    """Paths below a results folder; arguments may be Snakemake wildcards such as ``"{batch}"``."""

    folder: str

    def _at(self, *parts: str) -> str:
        return "/".join((self.folder.rstrip("/"), *parts))

    # settings as frozen for the steps
    @property
    def settings(self) -> str:
        return self._at("settings")

    def log(self, *parts: str) -> str:
        return self._at("logs", *parts) + ".log"

    # cohort
    @property
    def participants(self) -> str:
        return self._at("cohort", "participants.parquet")

    @property
    def eligibility(self) -> str:
        return self._at("cohort", "eligibility.parquet")

    @property
    def classification(self) -> str:
        return self._at("cohort", "classification.parquet")

    @property
    def queries(self) -> str:
        return self._at("cohort", "queries.parquet")

    @property
    def query_sheet(self) -> str:
        return self._at("cohort", "queries.tsv")

    @property
    def shared_participants(self) -> str:
        return self._at("cohort", "participants_to_share.tsv")

    @property
    def disclosure(self) -> str:
        return self._at("cohort", "disclosure.parquet")

    @property
    def samples(self) -> str:
        return self._at("cohort", "samples.parquet")

    @property
    def tubes(self) -> str:
        return self._at("cohort", "tubes.parquet")

    @property
    def libraries(self) -> str:
        return self._at("cohort", "libraries.parquet")

    @property
    def cohort_problems(self) -> str:
        return self._at("cohort", "problems.parquet")

    # flow: one folder per panel and staining batch
    def scales(self, panel: str) -> str:
        return self._at("flow", panel, "scales.parquet")

    def spill(self, panel: str) -> str:
        return self._at("flow", panel, "spill.parquet")

    def landmarks(self, panel: str) -> str:
        return self._at("flow", panel, "landmarks.parquet")

    def alignment(self, panel: str) -> str:
        return self._at("flow", panel, "alignment.parquet")

    def fits(self, panel: str, batch: str) -> str:
        return self._at("flow", panel, batch, "gate_fits.parquet")

    def tube_quality(self, panel: str, batch: str) -> str:
        return self._at("flow", panel, batch, "quality.parquet")

    def acquisition(self, panel: str, batch: str) -> str:
        return self._at("flow", panel, batch, "acquisition.parquet")

    def kept_events(self, panel: str, batch: str) -> str:
        return self._at("flow", panel, batch, "kept_events.parquet")

    def gates(self, panel: str) -> str:
        return self._at("flow", panel, "gates.parquet")

    def gatingml(self, panel: str) -> str:
        return self._at("flow", panel, "gatingml")

    def counts(self, panel: str, batch: str) -> str:
        return self._at("flow", panel, batch, "counts.parquet")

    def intensity(self, panel: str, batch: str) -> str:
        return self._at("flow", panel, batch, "intensity.parquet")

    def combinations(self, panel: str, batch: str) -> str:
        return self._at("flow", panel, batch, "combinations.parquet")

    def views(self, panel: str, batch: str) -> str:
        return self._at("flow", panel, batch, "views.parquet")

    def overview(self, panel: str) -> str:
        return self._at("flow", panel, "overview")

    # single cell: one folder per library batch
    def library_quality(self, batch: str) -> str:
        return self._at("singlecell", batch, "quality.parquet")

    def cells(self, batch: str) -> str:
        return self._at("singlecell", batch, "cells.parquet")

    def cell_counts(self, batch: str) -> str:
        return self._at("singlecell", batch, "counts.parquet")

    @property
    def t_cells(self) -> str:
        return self._at("singlecell", "t_cells.h5ad")

    def soft_counts(self, batch: str) -> str:
        return self._at("singlecell", batch, "soft_counts.parquet")

    def pseudobulk(self, batch: str) -> str:
        return self._at("singlecell", batch, "pseudobulk.parquet")

    def pseudobulk_depth(self, batch: str) -> str:
        return self._at("singlecell", batch, "pseudobulk_depth.parquet")

    # downstream
    @property
    def scores(self) -> str:
        return self._at("scores.parquet")

    @property
    def measurements(self) -> str:
        return self._at("measurements.parquet")

    @property
    def comparisons(self) -> str:
        return self._at("comparisons.parquet")

    @property
    def verdicts(self) -> str:
        return self._at("verdicts.parquet")

    @property
    def diagnostics(self) -> str:
        return self._at("diagnostics.parquet")

    @property
    def genes(self) -> str:
        return self._at("genes.parquet")

    @property
    def associations(self) -> str:
        return self._at("associations.parquet")

    @property
    def compositions(self) -> str:
        return self._at("compositions.parquet")

    @property
    def modalities(self) -> str:
        return self._at("modalities.parquet")

    @property
    def modality_agreement(self) -> str:
        return self._at("modality_agreement.parquet")

    @property
    def report(self) -> str:
        return self._at("report.html")

    @property
    def strobe(self) -> str:
        return self._at("report.strobe.json")

    @property
    def miflowcyt(self) -> str:
        return self._at("report.miflowcyt.json")


class Results:
    """The tables of a finished run, read when asked for.

    Examples
    --------
    >>> study = open_results("results")          # doctest: +SKIP
    >>> study.comparisons.query("family == 'primary'")   # doctest: +SKIP
    """

    def __init__(self, folder: str | Path) -> None:
        self.layout = Layout(str(folder))
        if not Path(self.layout.measurements).exists():
            from itc_analysis.errors import ItcError

            raise ItcError(
                str(folder),
                "no measurements.parquet here; run the workflow, or name its results folder",
            )

    def _read(self, path: str, contract_name: str) -> pd.DataFrame:
        from itc_analysis.tables import contract, made

        return contract.read(path, getattr(made, contract_name))

    def _read_each(self, pattern: str, contract_name: str) -> pd.DataFrame:
        from itc_analysis.tables import contract, made

        paths = sorted(Path(self.layout.folder).glob(pattern))
        return contract.read_all(paths, getattr(made, contract_name))

    @property
    def participants(self) -> pd.DataFrame:
        """Everybody enrolled, with the decision on eligibility."""
        return self._read(self.layout.participants, "Participants")

    @property
    def measurements(self) -> pd.DataFrame:
        """One number per sample, population and measure."""
        return self._read(self.layout.measurements, "Measurements")

    @property
    def comparisons(self) -> pd.DataFrame:
        """The index group against each other group."""
        return self._read(self.layout.comparisons, "Comparisons")

    @property
    def verdicts(self) -> pd.DataFrame:
        """What the comparisons of each primary endpoint say together."""
        return self._read(self.layout.verdicts, "Verdicts")

    @property
    def diagnostics(self) -> pd.DataFrame:
        """Influence, change by covariates and further checks beside the comparisons."""
        return self._read(self.layout.diagnostics, "Diagnostics")

    @property
    def genes(self) -> pd.DataFrame:
        """Genes of each population, the index group against each other group."""
        return self._read(self.layout.genes, "Genes")

    @property
    def associations(self) -> pd.DataFrame:
        """Measures against clinical variables within a group."""
        return self._read(self.layout.associations, "Associations")

    @property
    def compositions(self) -> pd.DataFrame:
        """Parts of one whole, compared together."""
        return self._read(self.layout.compositions, "Compositions")

    @property
    def modalities(self) -> pd.DataFrame:
        """Flow cytometry beside single cell, one row per participant and population."""
        return self._read(self.layout.modalities, "Modalities")

    @property
    def modality_agreement(self) -> pd.DataFrame:
        """How the two agree, one row per population."""
        return self._read(self.layout.modality_agreement, "ModalityAgreement")

    @property
    def scores(self) -> pd.DataFrame:
        """Exhaustion, activation and further scores."""
        return self._read(self.layout.scores, "ScoreTable")

    @property
    def gates(self) -> pd.DataFrame:
        """Final gates of every tube."""
        return self._read_each("flow/*/gates.parquet", "Gates")

    @property
    def counts(self) -> pd.DataFrame:
        """Cells per population, of tubes and libraries."""
        return self._read_each("*/**/counts.parquet", "Counts")

    @property
    def soft_counts(self) -> pd.DataFrame:
        """Innate populations of each library, counted in three ways."""
        return self._read_each("singlecell/*/soft_counts.parquet", "SoftCounts")

    @property
    def adata(self) -> Any:
        """T cells of all libraries as one AnnData, backed by `singlecell/t_cells.h5ad`.

        Molecules in `X`; calls, probabilities, rank scores and the columns of the person in `obs`.
        The file is put together when first asked for. `study.adata.to_memory()` loads it for scanpy.
        """
        from itc_analysis.singlecell import pooling
        from itc_analysis.tables import contract
        from itc_analysis.tables.cohort.sheets import SampleSheet

        samples = contract.read(self.layout.samples, SampleSheet)[["sample_id", "participant_id"]]
        people = samples.merge(self.participants, on="participant_id", how="left")
        known = ["sample_id", *(name for name in pooling.PERSON if name in people)]
        libraries = list((Path(self.layout.folder) / "singlecell").glob("*/*.h5ad"))
        return pooling.open_cells(libraries, people[known], Path(self.layout.t_cells))

    def cells(self, call: str | None = None) -> pd.DataFrame:
        """Single cells, all or those with one call, e.g. ``cells("mait")``."""
        table = self._read_each("singlecell/*/cells.parquet", "Cells")
        return table if call is None else table[table["call"] == call].reset_index(drop=True)


def open_results(folder: str | Path = "results") -> Results:
    """Open a results folder; the stable way in for notebooks."""
    return Results(folder)
