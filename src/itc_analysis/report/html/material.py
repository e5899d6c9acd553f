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

from itc_analysis.cohort.sheets.review import list_reviews
from itc_analysis.config.steps import ReportSettings
from itc_analysis.errors import ItcError
from itc_analysis.flow.panel.markers import read_panel
from itc_analysis.flow.spillover.matrix_files import matrices_of_tubes, spreading_file
from itc_analysis.results import Layout
from itc_analysis.scores.cards.signatures import Signature, read_signatures
from itc_analysis.stats.plan.plan import AnalysisPlan, parse_plan
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import Histograms
from itc_analysis.tables.registry import BY_NAME, FILES, TABLES, File, contract_of


@dataclass(frozen=True)
class Material:
    """Tables of one finished run; a table the study does not have is there with no rows.

    Parameters
    ----------
    settings : ReportSettings
        The settings that the report reads.
    layout : Layout
        Where the files lie.
    tables : Mapping[str, DataFrame]
        The tables by their names in the registry; each is an attribute too.
    spreading : tuple of Path
        Spreading matrices next to the study's own compensation matrices.
    panels : Mapping[str, DataFrame]
        The panel sheets that were handed over, by panel.
    signatures : tuple of Signature
        Those that were handed over; none: participants get no label.
    provenance : tuple of dict
        What made each table that is shown, in the order of the workflow; equal entries once.
    lacking : tuple of str
        Tables that the sheets promise but that are not in the folder.
    reviews : tuple of dict
        Rows of the sheet of reviewed gates.
    plan : AnalysisPlan or None
        The analysis plan; None: not handed over.
    """

    settings: ReportSettings
    layout: Layout
    tables: Mapping[str, pd.DataFrame]
    spreading: tuple[Path, ...]
    panels: Mapping[str, pd.DataFrame]
    signatures: tuple[Signature, ...]
    provenance: tuple[dict[str, Any], ...]
    lacking: tuple[str, ...]
    reviews: tuple[dict[str, Any], ...] = ()
    plan: AnalysisPlan | None = None

    def __getattr__(self, name: str) -> pd.DataFrame:
        """Return a table by its name."""
        try:
            # not self.tables: a copy asks for attributes before it has any
            table: pd.DataFrame = self.__dict__["tables"][name]
        except KeyError:
            msg = f"the report has no table {name!r}"
            raise AttributeError(msg) from None
        return table

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
        """Groups with at least one participant: the index group, healthy people, the diseases in
        the order of the settings, then any other.
        """
        cohort = self.settings.cohort
        found = list(self.participants["group"].dropna().unique())
        order = dict.fromkeys((cohort.index_group, cohort.healthy_group, *cohort.groups))
        known = [group for group in order if group in found]
        return (*known, *sorted(group for group in found if group not in known))

    @property
    def alpha(self) -> float:
        """Adjusted p at or below which a difference is called shown."""
        return round(1 - self.settings.stats.comparison_confidence, 10)

    def histograms_of(self, panel: str, batch: str) -> pd.DataFrame:
        """Read the gate histograms of one panel and batch; no rows when the file is not there."""
        path = self.layout.histograms(panel, batch)
        if not Path(path).exists():
            return contract.empty(Histograms)
        return contract.read(path, Histograms)

    def pseudobulk_of(self, genes: Sequence[str]) -> pd.DataFrame:
        """Read the molecules of a few genes in all samples and populations; all genes of a study
        would be too many for a page.
        """
        return self._rows_of("pseudobulk", "gene", genes)

    def receptors_of(self, calls: Sequence[str]) -> pd.DataFrame:
        """Read the receptor chains of the cells with a few calls; those of all T cells would be too
        many.
        """
        return self._rows_of("receptors", "call", calls)

    def _rows_of(self, name: str, column: str, values: Sequence[str]) -> pd.DataFrame:
        batches = sorted(set(self.libraries["batch"].astype(str)))
        paths = [self.layout.at(name, batch) for batch in batches]
        found = [
            pd.read_parquet(path, filters=[(column, "in", list(values))])
            for path in paths
            if Path(path).exists()
        ]
        return (
            pd.concat(found, ignore_index=True)
            if found
            else contract.empty(contract_of(BY_NAME[name]))
        )


def collect(
    results: str | Path,
    settings: ReportSettings,
    *,
    panels: Sequence[str | Path] = (),
    signatures: str | Path | None = None,
    review: str | Path | None = None,
    plan: str | Path | None = None,
) -> Material:
    """Read what the page needs from a results folder.

    Parameters
    ----------
    results : str or Path
        the results folder.
    settings : ReportSettings
        all settings of the run.
    panels : sequence of (str or Path)
        panel sheets `<panel>.tsv`, which name the reagents; none is needed for the page itself.
    signatures : str or Path, optional
        signatures.tsv, whose markers label participants; None: they are not labelled.
    review : str or Path, optional
        review.tsv, which says who reviewed which gates; None: nobody did.
    plan : str or Path, optional
        analysis_plan.yaml, whose estimands are listed; None: they are not.

    Raises
    ------
    ItcError
        the folder has no measurements, or a table breaks its contract.
    """
    layout = Layout(str(results))
    if not Path(layout.measurements).exists():
        raise ItcError(
            str(results), "no measurements.parquet here; run the workflow, or name its results"
        )
    reader = _Reader(layout)
    found: dict[str, pd.DataFrame] = {}
    for file in FILES:
        if file.in_report not in ("rows", "methods") or not _is_made(file, settings):
            continue
        places = _places(file, found)
        paths = [layout.at(file.name, *place) for place in places]
        if file.only_grown:
            paths = [path for path in paths if Path(path).exists()]
        if file.in_report == "rows":
            found[file.name] = reader.each(paths, contract_of(file))
        else:
            reader.note(paths)
    for file in TABLES:
        if file.in_report == "rows" and file.name not in found:
            found[file.name] = contract.empty(contract_of(file))
    jobs = [{"panel": panel, "batch": batch} for panel, batch in _pairs(found["tubes"])]
    matrices = matrices_of_tubes(settings.flow.matrices_folder, jobs)
    return Material(
        settings=settings,
        layout=layout,
        tables=found,
        spreading=tuple(path for path in map(spreading_file, matrices) if path.exists()),
        panels={Path(path).stem: read_panel(path) for path in panels},
        signatures=tuple(read_signatures(signatures)) if signatures else (),
        provenance=tuple(reader.provenance),
        lacking=tuple(reader.lacking),
        reviews=() if review is None else tuple(list_reviews(review)),
        plan=parse_plan(plan) if plan else None,
    )


def _is_made(file: File, settings: ReportSettings) -> bool:
    """Tell whether the run makes the file: batches are aligned only on request."""
    return settings.flow.align or file.made_by != "learn_alignment"


def _places(file: File, found: Mapping[str, pd.DataFrame]) -> list[tuple[str, ...]]:
    """Return the panels and batches that there should be a file for, from the checked sheets."""
    if file.wildcards == ("panel", "batch"):
        return _pairs(found["tubes"])
    if file.wildcards == ("panel",):
        return [(panel,) for panel in sorted({panel for panel, _ in _pairs(found["tubes"])})]
    if file.wildcards == ("batch",):
        return [(batch,) for batch in sorted(set(found["libraries"]["batch"].astype(str)))]
    return [()]


def each_row(table: pd.DataFrame) -> Iterator[Any]:
    """Go through the rows as named tuples; their types are those of the table's contract."""
    yield from table.itertuples()


class _Reader:
    """Reads tables, and keeps what made them and which are lacking."""

    def __init__(self, layout: Layout) -> None:
        self.folder = layout.folder.rstrip("/") + "/"
        self.provenance: list[dict[str, Any]] = []
        self.lacking: list[str] = []

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


def _pairs(tubes: pd.DataFrame) -> list[tuple[str, ...]]:
    pairs = tubes[["panel", "batch"]].drop_duplicates()
    return sorted(zip(pairs["panel"].astype(str), pairs["batch"].astype(str), strict=True))
