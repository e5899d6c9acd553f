"""What each sample offers a score: a row per tube or library, a column per feature.

Every expected row is here, with the reason when it cannot be scored: nobody disappears.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import poisson

from itc_analysis.plural import plural
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.tables.columns import floats
from itc_analysis.tables.conditions import RESTING, conditions_of
from itc_analysis.tables.gene_lists import GeneLists, read_gene_lists

#: Single-cell calls that are no population.
NOT_POPULATIONS = ("not_t", "doublet", "indeterminate")

#: Profile of all T cells.
DENOMINATOR = "t_cells"

#: Rounds in which the rate of a gene and what filtered lists hide of it settle.
_ROUNDS = 5
_TINY = 1e-300

#: Batch of a sample whose sheet was not given.
NO_BATCH = "-"


class Counted(NamedTuple):
    """What a tube's count of one population says, of `Counts`; a missing value is None."""

    status: str
    reason: str | None
    n_events: int | None
    detection: str | None
    n_lower: float | None


@dataclass(frozen=True)
class FlowTables:
    """Tables of the flow arm: Tubes, Counts, Intensity, Combinations, and the condition of the
    tubes that are scored.
    """

    tubes: pd.DataFrame
    counts: pd.DataFrame
    intensity: pd.DataFrame
    combinations: pd.DataFrame
    resting: str = RESTING

    @cached_property
    def stained(self) -> pd.DataFrame:
        """Stained tubes of resting cells, sorted; FMO and unstained tubes are controls, and neither
        they nor stimulated tubes are ever scored.
        """
        is_resting = (conditions_of(self.tubes) == self.resting).to_numpy(dtype=bool)
        chosen = self.tubes[(self.tubes["tube"] == "stained").to_numpy(dtype=bool) & is_resting]
        return chosen.sort_values("file_id", ignore_index=True)

    @cached_property
    def counted(self) -> dict[str, dict[str, Counted]]:
        """Counts by population, then by tube."""
        rows = self.counts[["population", "source_id", *Counted._fields]]
        cells = rows.to_numpy(dtype=object)
        cells[rows.isna().to_numpy()] = None
        found: dict[str, dict[str, Counted]] = {}
        for population, source, *told in cells.tolist():
            found.setdefault(str(population), {})[str(source)] = Counted(*told)
        return found

    @cached_property
    def read_markers(self) -> set[tuple[str, str]]:
        """Tubes and the markers that were read in them, on whatever population."""
        rows = self.intensity[self.intensity["median"].notna()]
        return set(zip(rows["source_id"], rows["marker"], strict=True))

    @cached_property
    def receptors(self) -> pd.DataFrame:
        """Combinations of inhibitory receptors in the tubes that are scored, without those of
        markers of function.
        """
        is_function = self.combinations["role"].eq("function").fillna(value=False)
        is_scored = self.combinations["source_id"].isin(self.stained["file_id"])
        return self.combinations[is_scored.to_numpy(dtype=bool) & ~is_function.to_numpy(dtype=bool)]


@dataclass(frozen=True)
class SingleCellTables:
    """Tables of the single-cell arm.

    Parameters
    ----------
    sources : pandas.DataFrame
        source_id, sample_id, batch; one row per sample, libraries joined by '+'.
    pseudobulk, depth : pandas.DataFrame
        Pseudobulk and PseudobulkDepth.
    """

    sources: pd.DataFrame
    pseudobulk: pd.DataFrame
    depth: pd.DataFrame

    @cached_property
    def genes(self) -> set[str]:
        """Genes that some profile of the study shows."""
        return set(self.pseudobulk["gene"].unique())

    @cached_property
    def gene_lists(self) -> GeneLists:
        """Genes that the libraries of each sample could show."""
        return read_gene_lists(self.pseudobulk, self.depth)


@dataclass(frozen=True)
class Profiles:
    """One subset in one assay.

    Parameters
    ----------
    rows : pandas.DataFrame
        source_id, sample_id, batch, n_cells, status, reason; status is ok when there are enough
        cells, whatever the features.
    features : tuple of str
        names of the columns of `counts`.
    counts : FloatArray
        positive cells or molecules, shape (n_rows, n_features); NaN where not read.
    totals : FloatArray
        cells or molecules of the subset, shape (n_rows,); NaN where unknown.
    why_absent : numpy.ndarray
        "no_panel", "no_control" or "not_evaluated" (the tube shows the marker, but it was not read
        on this population) where `counts` is NaN, else "".
    """

    rows: pd.DataFrame
    features: tuple[str, ...]
    counts: FloatArray
    totals: FloatArray
    why_absent: npt.NDArray[np.object_]


def with_held(counts: pd.DataFrame, held: Mapping[str, str]) -> pd.DataFrame:
    """Return counts in which held tubes have status held: they have no score and teach none.

    Parameters
    ----------
    counts : pandas.DataFrame
        Counts of the tubes.
    held : mapping of str to str
        why, by source_id.
    """
    is_held = counts["source_id"].isin(list(held)) & (counts["status"] == "ok")
    reasons = counts["source_id"].map(dict(held)).astype("string")
    return counts.assign(
        status=counts["status"].mask(is_held, "held"),
        reason=counts["reason"].mask(is_held, reasons),
    )


def flow_populations(tables: FlowTables) -> dict[str, set[str]]:
    """Return the panels that hold each measured or phenotyped population."""
    panel_of = tables.stained.set_index("file_id")["panel"]
    found: dict[str, set[str]] = {}
    measured = tables.counts[tables.counts["is_measured"]]
    for table in (measured, tables.intensity):
        pairs = table[["source_id", "population"]].drop_duplicates()
        pairs = pairs[pairs["source_id"].isin(panel_of.index)]
        for source, population in pairs.itertuples(index=False):
            found.setdefault(str(population), set()).add(str(panel_of[source]))
    return found


def flow_profiles(
    tables: FlowTables,
    population: str,
    features: Sequence[str],
    *,
    panels: set[str],
    column: str = "n_positive",
) -> Profiles:
    """Return the profiles of one population: positive cells of each marker, or their medians.

    A sample is represented by its stained tubes that look for any of `features` in the
    population, or, when none does, by its first tube that holds the population.

    Parameters
    ----------
    panels : set of str
        panels that hold the population (`flow_populations`).
    column : str
        of the intensity table: n_positive, or median_transformed.
    """
    here = tables.intensity[
        (tables.intensity["population"] == population) & tables.intensity["marker"].isin(features)
    ]
    tubes = _represent(tables.stained[tables.stained["panel"].isin(panels)], here)
    sources = list(tubes["file_id"])
    counts = _grid(here, ("source_id", "marker"), column, (sources, features))
    # a marker with a signal but without positive cells lacks a threshold; without one, a channel
    signal = np.isfinite(_grid(here, ("source_id", "marker"), "median", (sources, features)))
    own = tables.counted.get(population, {})
    n_events = here.groupby("source_id")["n_events"].max().reindex(sources)
    n_events = n_events.fillna({source: one.n_events for source, one in own.items()})
    rows = tubes.rename(columns={"file_id": "source_id"})[["source_id", "sample_id", "batch"]]
    rows = rows.assign(n_cells=n_events.astype("Int64").to_numpy())
    judged = [
        judge_tube(n, own.get(source)) for source, n in zip(sources, rows["n_cells"], strict=True)
    ]
    rows["status"] = [status for status, _ in judged]
    rows["reason"] = [reason for _, reason in judged]
    absent = np.where(np.isfinite(counts), "", np.where(signal, "no_control", "no_panel"))
    absent = absent.astype(object)
    # the tube shows the marker, but the gating template does not ask for it on this population
    asked = set(zip(here["source_id"], here["marker"], strict=True))
    is_elsewhere = [
        [(s, m) in tables.read_markers and (s, m) not in asked for m in features] for s in sources
    ]
    absent[np.array(is_elsewhere, dtype=bool).reshape(absent.shape)] = "not_evaluated"
    # no cell at all has no signal either: the tube looked, and there was nothing to look at
    totals = floats(rows["n_cells"])
    return Profiles(rows, tuple(features), counts, totals, absent)


def single_cell_profiles(
    tables: SingleCellTables, population: str, features: Sequence[str], *, min_cells: int
) -> Profiles:
    """Return the profiles of one population: molecules of each gene.

    No row of a gene means no molecule. A gene that the library could not have shown is told by the
    sample's own t_cells profile where that lists all genes of the library, zeros included
    (`tables.gene_lists`); else a gene that no profile of the study shows was not found. A gene that
    a filtered list lacks has the molecules that are expected of it (`expect_hidden`).

    Parameters
    ----------
    min_cells : int
        profiles of fewer cells: few_cells.
    """
    rows = tables.sources.sort_values("source_id", ignore_index=True)
    here = tables.pseudobulk[
        (tables.pseudobulk["population"] == population) & tables.pseudobulk["gene"].isin(features)
    ]
    samples = list(rows["sample_id"])
    counts = _grid(here, ("sample_id", "gene"), "n_counts", (samples, features))
    counts[np.isnan(counts)] = 0.0
    depth = tables.depth[tables.depth["population"] == population].set_index("sample_id")
    lists = tables.gene_lists
    for position, sample in enumerate(samples):
        genes = lists.whole.get(sample, tables.genes)
        counts[position, [feature not in genes for feature in features]] = np.nan
    if lists.filtered:
        molecules = np.nan_to_num(floats(depth["n_counts"].reindex(samples)))[:, None]
        hidden, of_t = expect_hidden(tables, features, samples)
        # what is hidden lies in this population by its part of what T cells are expected to show
        rate = np.nansum(counts, axis=0) / np.maximum(
            (molecules * np.isfinite(counts)).sum(axis=0), 1.0
        )
        share = np.minimum(molecules * rate / np.maximum(of_t, _TINY), 1.0)
        counts += share * hidden
    cells = depth["n_cells"].reindex(samples).astype("Int64")
    with_profile = set(tables.depth.loc[tables.depth["n_cells"] > 0, "sample_id"])
    rows = rows.assign(n_cells=cells.to_numpy())
    judged = [
        _judge_profile(n, min_cells, has_any=sample in with_profile)
        for n, sample in zip(rows["n_cells"], rows["sample_id"], strict=True)
    ]
    rows["status"] = [status for status, _ in judged]
    rows["reason"] = [reason for _, reason in judged]
    totals = floats(depth["n_counts"].reindex(samples))
    absent = np.where(np.isfinite(counts), "", "no_panel").astype(object)
    return Profiles(rows, tuple(features), counts, totals, absent)


def expect_hidden(
    tables: SingleCellTables, features: Sequence[str], samples: Sequence[str]
) -> tuple[FloatArray, FloatArray]:
    """Return the molecules expected of genes that filtered lists lack, in all T cells of a sample.

    Such a gene was seen in `hidden` cells or fewer. With the rate that the study's samples show,
    the number expected is the mean of a Poisson count that cannot be larger. Zeros would lower the
    scores of small libraries: of a gene with 2 molecules expected, two of three lists of genes in 3
    cells or more would lack it.

    Returns
    -------
    hidden : FloatArray
        shape (n_samples, n_features); 0 where the gene is listed, where the filter removed
        nothing but genes without a molecule, and where nobody in the study shows it.
    expected : FloatArray
        the same without the limit of the filter, of listed genes as well.
    """
    lists = tables.gene_lists
    listed = tables.pseudobulk[
        (tables.pseudobulk["population"] == DENOMINATOR) & tables.pseudobulk["gene"].isin(features)
    ]
    seen = np.nan_to_num(_grid(listed, ("sample_id", "gene"), "n_counts", (samples, features)))
    looked = np.array(
        [[f in lists.whole.get(s, lists.known) for f in features] for s in samples], dtype=bool
    ).reshape(seen.shape)
    most = np.array(
        [
            [lists.hidden[s] if s in lists.filtered and f not in lists.filtered[s] else 0]
            for s in samples
            for f in features
        ],
        dtype=float,
    ).reshape(seen.shape)
    totals = np.nan_to_num(_t_molecules(tables, samples))[:, None]
    exposure = np.maximum((totals * looked).sum(axis=0), 1.0)
    hidden = np.zeros_like(seen)
    for _ in range(_ROUNDS):
        expected = totals * ((seen + hidden) * looked).sum(axis=0) / exposure
        # mean of a Poisson count of at most k: its rate times P(count < k) / P(count <= k)
        below = poisson.cdf(most - 1, expected) / np.maximum(poisson.cdf(most, expected), _TINY)
        hidden = np.minimum(expected * below, most)
    return hidden, expected


def _t_molecules(tables: SingleCellTables, samples: Sequence[str]) -> FloatArray:
    """Return the molecules of all T cells of each sample; NaN where there are none."""
    depth = tables.depth[tables.depth["population"] == DENOMINATOR].set_index("sample_id")
    totals = floats(depth["n_counts"].reindex(list(samples)))
    return np.where(totals > 0, totals, np.nan)


def _grid(
    table: pd.DataFrame,
    keys: tuple[str, str],
    values: str,
    labels: tuple[Sequence[str], Sequence[str]],
) -> FloatArray:
    """Return `values` as an array, a row and a column per label; NaN where the table has no row."""
    grid = np.full((len(labels[0]), len(labels[1])), np.nan)
    places = [
        pd.Index(list(names)).get_indexer(pd.Index(table[key]))
        for key, names in zip(keys, labels, strict=True)
    ]
    inside = (places[0] >= 0) & (places[1] >= 0)
    grid[places[0][inside], places[1][inside]] = floats(table[values])[inside]
    return grid


def _represent(tubes: pd.DataFrame, here: pd.DataFrame) -> pd.DataFrame:
    """Return the tubes that stand for each sample."""
    panels_that_look = set(tubes.loc[tubes["file_id"].isin(here["source_id"]), "panel"])
    looks = tubes["panel"].isin(panels_that_look)
    is_first = ~tubes.duplicated("sample_id")
    has_one = tubes["sample_id"].isin(tubes.loc[looks, "sample_id"])
    return tubes[looks | (is_first & ~has_one)].reset_index(drop=True)


def judge_tube(n_cells: int, own: Counted | None) -> tuple[str, str | None]:
    """Return status and reason of one population of one tube, before its features are looked at.

    Parameters
    ----------
    n_cells : int
        events; missing counts as none.
    own : Counted or None
        the tube's count of the population; None where it has none.
    """
    if own is None:
        return "not_estimable", "the tube has no count of this population"
    if own.status != "ok":
        return own.status, own.reason
    if pd.isna(n_cells) or n_cells < 1:
        return "few_cells", "0 events, 1 needed"
    # few events are information, events that the background alone explains are not
    if own.detection == "below_lod" and not (own.n_lower or 0) > 0:
        return (
            "few_cells",
            f"{plural(n_cells, 'event')}, most of them background: below the limit of detection",
        )
    return "ok", None


def _judge_profile(n_cells: int, min_cells: int, *, has_any: bool) -> tuple[str, str | None]:
    if not has_any:
        return "not_estimable", "the library gave no profile: see its quality"
    if pd.isna(n_cells) or n_cells < min_cells:
        return (
            "few_cells",
            f"{plural(0 if pd.isna(n_cells) else n_cells, 'cell')}, {min_cells} needed",
        )
    return "ok", None
