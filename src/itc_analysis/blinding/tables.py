"""Write the blinded tables: what is needed to judge gates, quality and pooled numbers, masked.

A table is built from the columns listed here and from no others, so that a column that is new in a
contract stays out until somebody has thought about it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from itc_analysis import provenance
from itc_analysis.blinding.leaks import values_tell
from itc_analysis.blinding.masks import LIBRARIES, NOT_SHOWN, Masks, draw_masks, key_of
from itc_analysis.errors import ItcError
from itc_analysis.results import Layout
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.participants import Participants
from itc_analysis.tables.cohort.sheets import Libraries, SampleSheet, Tubes
from itc_analysis.tables.registry import BY_NAME, contract_of

log = logging.getLogger(__name__)

#: A file that says what a blinded folder is; one without it is never emptied.
MARK = "blinded.txt"

#: Columns that name a tube or library, a sample, a batch; the other columns of each table that are
#: shown. Texts are cleaned, and left out where they tell groups apart.
SHOWN: dict[str, tuple[str, ...]] = {
    "tube_quality": (
        *("file_id", "sample_id", "panel", "batch", "tube", "status", "reason", "n_events"),
        *("n_clean", "share_dead", "dead_reason", "share_debris", "debris_reason"),
        *("missing_markers", "compensation", "remarks", "cytometer", "detectors"),
    ),
    "acquisitions": (
        *("file_id", "step", "start", "n_events", "events_per_second", "share_removed"),
        *("deviation", "channel"),
    ),
    "gates": (
        *("file_id", "panel", "batch", "population", "parent", "method", "geometry", "cut"),
        *(
            "cut_se",
            "shape_errors",
            "cut_tube",
            "weight",
            "quality",
            "n_parent",
            "rival_cut",
            "n_background",
        ),
        *("background_se", "n_missed", "missed_se", "state", "reason"),
    ),
    "counts": (
        *("source_id", "sample_id", "population", "parent", "n_events", "n_parent", "n_total"),
        *("n_background", "background_se", "background_source", "n_missed", "missed_se"),
        *("n_rival", "n_lob", "n_lod", "n_lower", "n_upper", "gate_se_log", "gate_state"),
        *("detection", "is_measured", "status", "reason"),
    ),
    "histograms": ("source_id", "population", "marker_x", "marker_y", "histogram"),
    "scales": (
        *("panel", "marker", "role", "kind", "t", "w", "m", "a", "cofactor", "state", "reason"),
        *("n_tubes", "w_lowest", "w_highest"),
    ),
    "spill": (*("panel", "source", "detector", "slope", "n_tubes", "n_over", "n_above", "reason"),),
    "library_quality": (
        *("library_id", "sample_id", "batch", "status", "reason", "n_barcodes", "n_cells"),
        *("n_with_receptor", "share_ambient", "molecules_per_t_cell", "has_contigs"),
        *("has_delta_contigs", "remarks"),
    ),
    "measurements": (
        *("sample_id", "assay", "source_id", "batch", "population", "measure", "feature"),
        *("value", "unit", "standard_error", "lower", "upper", "n_cells", "n_denominator"),
        *("status", "reason"),
    ),
}
#: Never emptied: they are what is judged, or the contract needs them.
_NEEDED = {"status", "state", "detection", "geometry", "histogram", "population", "parent"}
#: Scores are read against healthy people: their zero is a group's mean.
_NOT_MEASURED = ("score",)


@dataclass(frozen=True)
class Blinded:
    """What was written.

    Parameters
    ----------
    masks : Masks
        never to be handed over.
    not_shown : tuple of str
        what was left out, in sentences that name nobody.
    """

    masks: Masks
    not_shown: tuple[str, ...]


def holds_foreign_files(folder: Path) -> bool:
    """Return whether a folder holds anything and no blinded run wrote it: it is not emptied."""
    return folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).exists()


def write_blinded(results: str | Path, folder: str | Path, *, labels: Sequence[str]) -> Blinded:
    """Write the blinded tables of a results folder into an empty one.

    Parameters
    ----------
    results : str or Path
        results of the study: cohort, flow, single cell and measurements.
    folder : str or Path
        where the blinded tables are written, in the same layout; must be empty.
    labels : sequence of str
        names of the groups, which no text may hold.

    Raises
    ------
    ItcError
        a table is missing, or nobody is left whose group could not be told.
    """
    old = Layout(str(results))
    people = contract.read(old.participants, Participants)
    samples = contract.read(old.samples, SampleSheet)
    shown_people = set(people.loc[people["is_analysed"], "participant_id"].astype(str))
    is_shown = samples["participant_id"].isna() | samples["participant_id"].isin(shown_people)
    shown = samples[is_shown]
    tubes = contract.read(old.tubes, Tubes)
    libraries = contract.read(old.libraries, Libraries)
    of_person = dict(zip(people["participant_id"], people["group"], strict=True))
    person_of = shown.dropna(subset=["participant_id"])
    groups = {
        str(sample): str(of_person[person])
        for sample, person in zip(person_of["sample_id"], person_of["participant_id"], strict=True)
    }
    masks = draw_masks(
        key_of(old.participants),
        samples=shown,
        tubes=tubes[tubes["sample_id"].isin(shown["sample_id"])],
        libraries=libraries[libraries["sample_id"].isin(shown["sample_id"])],
        groups=groups,
        # people who are not shown must not stand in a text either
        labels=[*labels, *samples["participant_id"].dropna(), *samples.loc[~is_shown, "sample_id"],
                *tubes.loc[~tubes["sample_id"].isin(shown["sample_id"]), "file_id"]],
    )  # fmt: skip
    if not masks.sources:
        raise ItcError(str(results), "no tube or library can be shown without telling groups apart")
    writer = _Writer(Path(folder), masks, groups, _sources_of(tubes, libraries))
    writer.study(old, shown, tubes, libraries)
    n_left = len(people) - len(shown_people)
    gone = (
        (
            f"{n_left} of {len(people)} people: not shown, because their eligibility is open or "
            "not given",
        )
        if n_left
        else ()
    )
    return Blinded(masks, (*gone, *masks.withheld, *sorted(writer.emptied)))


def mapping_table(masks: Masks) -> str:
    """Return the permutation as a sheet for who may know: what stands for what."""
    rows = [
        *(("sample", name, mask) for name, mask in masks.samples.items()),
        *(("tube or library", name, mask) for name, mask in masks.sources.items()),
        *((f"batch of {kind}", name, mask) for (kind, name), mask in masks.batches.items()),
    ]
    return "kind\treal\tblinded\n" + "".join(f"{'	'.join(row)}\n" for row in sorted(rows))


def _sources_of(tubes: pd.DataFrame, libraries: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return sample and panel of each tube, sample and `LIBRARIES` of each library."""
    named = [
        *tubes[["file_id", "sample_id", "panel"]].astype(str).itertuples(index=False, name=None),
        *(
            (library, sample, LIBRARIES)
            for library, sample in libraries[["library_id", "sample_id"]]
            .astype(str)
            .itertuples(index=False, name=None)
        ),
    ]
    return {source: (sample, kind) for source, sample, kind in named}


def _source_column(table: pd.DataFrame) -> str | None:
    """Return the column that names a tube or library."""
    return next((c for c in ("file_id", "source_id", "library_id") if c in table), None)


class _Writer:
    """Masks tables and writes them in the layout of a results folder."""

    def __init__(
        self,
        folder: Path,
        masks: Masks,
        groups: dict[str, str],
        sources: Mapping[str, tuple[str, str]],
    ) -> None:
        self.layout = Layout(str(folder))
        self.masks = masks
        self.groups = groups
        self.sample_of = {name: sample for name, (sample, _) in sources.items()}
        self.kind_of = {name: kind for name, (_, kind) in sources.items()}
        self.emptied: set[str] = set()

    def study(
        self,
        old: Layout,
        samples: pd.DataFrame,
        tubes: pd.DataFrame,
        libraries: pd.DataFrame,
    ) -> None:
        masks = self.masks
        mine = samples.assign(sample_id=samples["sample_id"].map(masks.samples))
        is_person = mine["sample_type"] == "participant"
        mine["participant_id"] = mine["sample_id"].where(is_person)
        self._write("samples", mine[["sample_id", "participant_id", "sample_type"]])
        kept = tubes[tubes["file_id"].isin(masks.sources)]
        named = pd.DataFrame(
            {
                "file_id": kept["file_id"].map(masks.sources),
                "sample_id": kept["sample_id"].map(masks.samples),
                "panel": kept["panel"],
                "batch": self._batches(kept["panel"], kept["batch"]),
                "tube": kept["tube"],
                "fmo_markers": kept["fmo_markers"],
            }
        )
        self._write("tubes", named)
        for panel, own in kept.groupby("panel", sort=True):
            self._panel(old, str(panel), sorted(own["batch"].astype(str).unique()))
        if LIBRARIES not in masks.hidden_kinds:
            batches = sorted(libraries["batch"].astype(str).unique())
            self._each(old, "library_quality", [(LIBRARIES, batch) for batch in batches])
        measurements = self._masked("measurements", self._rows("measurements", old.measurements))
        measurements = measurements[~measurements["measure"].isin(_NOT_MEASURED)]
        person = measurements["sample_id"].where(~measurements["sample_id"].str.match("bridge-"))
        self._write("measurements", measurements.assign(participant_id=person))

    def _panel(self, old: Layout, panel: str, batches: list[str]) -> None:
        for name in ("tube_quality", "acquisitions", "gates", "counts", "histograms"):
            self._each(old, name, [(panel, batch) for batch in batches])
        for name in ("scales", "spill"):
            rows = self._rows(name, old.at(name, panel))
            self._write(name, self._masked(name, rows, panel), panel)

    def _each(self, old: Layout, name: str, places: list[tuple[str, str]]) -> None:
        """Write one table per masked batch, so that the names of folders say nothing.

        All batches are masked as one: what tells groups apart shows in all people, not in a few.
        """
        shown = [place for place in places if place in self.masks.batches]
        paths = [
            old.at(name, *((batch,) if kind == LIBRARIES else (kind, batch)))
            for kind, batch in shown
        ]
        if not paths:
            return
        tables = [self._rows(name, path) for path in paths]
        masks = [
            mask
            for place, table in zip(shown, tables, strict=True)
            for mask in [self.masks.batches[place]] * len(table)
        ]
        kind = shown[0][0]
        whole = self._masked(name, pd.concat(tables, ignore_index=True), kind)
        for mask in sorted({self.masks.batches[place] for place in shown}):
            where = (mask,) if kind == LIBRARIES else (kind, mask)
            own = pd.Series(masks, index=whole.index, dtype=str) == mask
            self._write(name, whole[own], *where)

    def _rows(self, name: str, path: str) -> pd.DataFrame:
        """Return the columns and rows of a table that are shown, not yet masked."""
        table = contract.read(path, contract_of(BY_NAME[name]))[list(SHOWN[name])]
        source = _source_column(table)
        if source is None:
            return table
        return table[table[source].isin(self.masks.sources)].reset_index(drop=True)

    def _masked(self, name: str, rows: pd.DataFrame, kind: str | None = None) -> pd.DataFrame:
        """Return rows with masked ids and cleaned texts; without `kind` the source tells it."""
        source = _source_column(rows)
        owners = None if source is None else rows[source].map(self.sample_of)
        kinds = pd.Series(kind, index=rows.index)
        if kind is None and source is not None:
            kinds = rows[source].map(self.kind_of)
        table = rows.copy()
        for column in table.columns:
            if column == source:
                table[column] = table[column].map(self.masks.sources)
            elif column == "sample_id":
                table[column] = table[column].map(self.masks.samples)
            elif column == "batch":
                table[column] = self._batches(kinds, table[column])
            elif isinstance(table[column].dtype, pd.StringDtype) and column not in _NEEDED:
                table[column] = self._text(name, column, table[column], owners)
        return table

    def _batches(self, kinds: pd.Series, batches: pd.Series) -> pd.Series:
        pairs = zip(kinds.astype(str), batches.astype(str), strict=True)
        return pd.Series([self.masks.batches[pair] for pair in pairs], index=batches.index)

    def _text(
        self, name: str, column: str, values: pd.Series, owners: pd.Series | None
    ) -> pd.Series:
        """Return cleaned texts; none where they tell groups apart.

        Words of a fixed list (states, kinds of controls) name nobody and stay as they are: they are
        what a review judges.
        """
        form = contract.columns_of(contract_of(BY_NAME[name]))[column]
        if any(check.name == "isin" for check in form.checks):
            return values
        known = {text: self.masks.clean(str(text)) for text in values.dropna().unique()}
        cleaned = values.map(known)
        if owners is not None:
            pairs = zip(owners.astype(str), cleaned.fillna("").astype(str), strict=True)
            if values_tell(set(pairs), self.groups):
                self.emptied.add(f"{name}, {column}: not shown, because it tells groups apart")
                there = cleaned.notna()
                return cleaned.mask(there) if form.nullable else cleaned.mask(there, NOT_SHOWN)
        return cleaned

    def _write(self, name: str, table: pd.DataFrame, *where: str) -> None:
        model = contract_of(BY_NAME[name])
        made = provenance.describe("itc blind")
        contract.write(contract.make(table, model), self.layout.at(name, *where), model, made)
