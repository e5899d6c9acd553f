"""Compare every gene of each population between the index group and each reference of the plan.

Participants, covariates and what makes a comparison impossible are as for every other endpoint;
only the model differs. One profile per participant and population: cells are never the unit.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.config.sections import Comparable, Groups
from itc_analysis.plural import plural
from itc_analysis.statistics.arrays import BoolArray
from itc_analysis.stats.endpoint import caveats
from itc_analysis.stats.endpoint.deseq import (
    FittedGenes,
    contrast_genes,
    fit_genes,
    widen_by_groups,
)
from itc_analysis.stats.endpoint.endpoint import sentences
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.multiplicity.adjust import adjust
from itc_analysis.stats.people.design import (
    Design,
    build_design,
    check_estimable,
    group_weights,
    name_some,
)
from itc_analysis.stats.people.expression import (
    Profiles,
    filter_by_expression,
    lacking_genes,
    owners,
    sum_profiles,
)
from itc_analysis.stats.people.responses import OK
from itc_analysis.stats.plan.endpoints import NO_FEATURE
from itc_analysis.stats.plan.plan import (
    SAME,
    AnalysisPlan,
    PlannedComparison,
    expand_genes,
)
from itc_analysis.tables import contract
from itc_analysis.tables.gene_lists import COMPLETE_PROFILE
from itc_analysis.tables.stats.genes import Genes

log = logging.getLogger(__name__)

#: Fewer genes than this teach nothing about how dispersion follows the mean.
MIN_GENES = 20
#: Status of a gene that makes the call of the population.
DEFINES = "defines_call"
#: Median number of cells of a profile, and molecules per T cell, of one side over the other (or the
#: reverse) that are worth a sentence: with 25 cells against 300 a null study had a false gene in
#: 73 to 100 % before errors held it, and has in 3 to 8 % (docs/decisions.md, 2026-11-30).
UNEQUAL_CELLS, UNEQUAL_DEPTH = 3.0, 1.25
#: States of participants, as `caveats` words them.
FEW_CELLS, NO_LIBRARY = "few_cells", "no library"


@dataclass(frozen=True)
class GeneTables:
    """What is known of the libraries.

    Parameters
    ----------
    pseudobulk, depth, samples, libraries : pandas.DataFrame
        Pseudobulk, PseudobulkDepth, SampleSheet, Libraries, as their contracts say.
    calling : mapping of str to tuple
        by population, the genes that define its call and those that weigh in it.
    """

    pseudobulk: pd.DataFrame
    depth: pd.DataFrame
    samples: pd.DataFrame
    libraries: pd.DataFrame
    calling: Mapping[str, tuple[Collection[str], Collection[str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Population:
    """One population, fitted or not.

    Parameters
    ----------
    people : pandas.DataFrame
        one row per analysed participant: group, batch, state, n_samples and the participants'
        columns.
    problem : str
        why there is no model; empty when there is.
    genes : pandas.DataFrame, optional
        all genes with a molecule: mean_count, status, reason; those tested have status ok.
    """

    people: pd.DataFrame
    problem: str = ""
    design: Design | None = None
    genes: pd.DataFrame | None = None
    fitted: FittedGenes | None = None


def compare_genes(
    tables: GeneTables,
    participants: pd.DataFrame,
    *,
    plan: AnalysisPlan,
    cohort: Groups,
    settings: Comparable,
    min_cells: int,
) -> pd.DataFrame:
    """Make every gene comparison of the plan.

    Parameters
    ----------
    tables : GeneTables
        profiles and where they come from.
    participants : pandas.DataFrame
        a `Participants` table; those with `is_analysed` are compared.
    plan : AnalysisPlan
        `genes` names populations, contrasts and covariates; without it the table has no rows.
    min_cells : int
        profiles of fewer cells, over all samples of the participant, are not used.

    Returns
    -------
    pandas.DataFrame
        A `Genes` table. A comparison that the data cannot decide is one row with gene '-' and the
        reason.

    Raises
    ------
    ItcError
        a contrast names a group that the cohort does not have.
    """
    planned = expand_genes(plan, cohort)
    owner_of = owners(tables.samples)
    lacking = lacking_genes(tables.pseudobulk, tables.depth, owner_of)
    found = [contract.empty(Genes)]
    for population in dict.fromkeys(item.population for item in planned):
        profiles = sum_profiles(tables.pseudobulk, tables.depth, owner_of, population)
        people = _people(tables, participants, owner_of, profiles, min_cells)
        fitted = _fit(population, people, profiles, lacking, plan, cohort, settings)
        found += [_compare(fitted, item, plan) for item in planned if item.population == population]
    found = [_mark_calling(table, tables.calling) for table in found]
    filled = [table for table in found if len(table)] or found
    return contract.check(pd.concat(filled, ignore_index=True), Genes)


def _mark_calling(
    table: pd.DataFrame, calling: Mapping[str, tuple[Collection[str], Collection[str]]]
) -> pd.DataFrame:
    """Take the p of genes that define the call of their population, and say which weigh in it.

    The cells of a profile were chosen by these genes: a deeper library, or one with less ambient
    RNA, chooses others, and the difference is that of the choice.
    """
    if table.empty:
        return table
    population = str(table["population"].iloc[0])
    defining, weighing = calling.get(population, ((), ()))
    is_ok = (table["status"] == OK).to_numpy(dtype=bool)
    defines = table["gene"].isin(list(defining)).to_numpy(dtype=bool) & is_ok
    weighs = table["gene"].isin(list(weighing)).to_numpy(dtype=bool) & is_ok & ~defines
    marked = table.copy()
    marked.loc[defines, "status"] = DEFINES
    marked.loc[defines, "p_value"] = np.nan
    said = f"makes the call of {population}: its level says which cells were called"
    marked.loc[defines, "reason"] = said
    also = (
        f"weighs in the call of {population}: a difference may be that of which cells were called"
    )
    marked.loc[weighs, "reason"] = [
        sentences([also, "" if pd.isna(told) else str(told)])
        for told in marked.loc[weighs, "reason"]
    ]
    for _, own in marked.groupby("comparison"):
        p = own["p_value"].to_numpy(dtype=float)
        marked.loc[own.index, "p_adjusted"] = adjust(p, method="bh")
    return contract.make(marked, Genes)


def _people(
    tables: GeneTables,
    participants: pd.DataFrame,
    owner_of: dict[str, str],
    profiles: Profiles,
    min_cells: int,
) -> pd.DataFrame:
    """Return one row per analysed participant, in the manner of `responses.respond`."""
    people = participants[participants["is_analysed"]].set_index("participant_id").sort_index()
    libraries = tables.libraries[tables.libraries["sample_id"].isin(list(owner_of))]
    owner = libraries["sample_id"].astype(str).map(owner_of)
    batch = _largest_batch(libraries.assign(owner=owner), tables.depth)
    n_samples = libraries["sample_id"].groupby(owner).nunique()
    n_cells = profiles.n_cells.reindex(people.index)
    state = np.where(n_cells >= min_cells, OK, np.where(n_cells.isna(), NO_LIBRARY, FEW_CELLS))
    return people.assign(
        group=people["group"].astype(object),
        batch=batch.reindex(people.index).astype(object).fillna("-"),
        n_samples=n_samples.reindex(people.index).fillna(0).astype(int),
        n_cells=n_cells.astype(float),
        molecules_per_t_cell=_depth_of(tables.depth, owner_of).reindex(people.index),
        state=state.astype(object),
    )


def _largest_batch(libraries: pd.DataFrame, depth: pd.DataFrame) -> pd.Series:
    """Return the batch of each participant: of several, that of most molecules, to the effect of
    which the sum owes most.

    A batch of its own ("a+b") would hold hardly anybody, and nobody else's shift. Molecules are
    known by sample, and shared equally by the libraries of one.
    """
    molecules = (
        depth[depth["population"] == COMPLETE_PROFILE].groupby("sample_id")["n_counts"].sum()
    )
    sample = libraries["sample_id"].astype(str)
    of_library = sample.map(molecules).fillna(0.0) / sample.map(sample.value_counts())
    table = libraries[["owner"]].assign(batch=libraries["batch"].astype(str), part=of_library)
    parts = table.groupby(["owner", "batch"], as_index=False)["part"].sum()
    # by batch within a person, so that the first of equals is taken
    place = parts.groupby("owner")["part"].idxmax()
    return pd.Series(parts.loc[place, "batch"].to_numpy(), index=place.index, dtype=object)


def _depth_of(depth: pd.DataFrame, owner_of: dict[str, str]) -> pd.Series:
    """Return molecules per T cell (mean) of each participant."""
    every = depth[depth["population"] == COMPLETE_PROFILE]
    owner = every["sample_id"].astype(str).map(owner_of)
    sums = every[["n_counts", "n_cells"]].groupby(owner).sum()
    per_cell: pd.Series = sums["n_counts"] / sums["n_cells"].where(sums["n_cells"] > 0)
    return per_cell


def _fit(
    population: str,
    people: pd.DataFrame,
    profiles: Profiles,
    lacking: pd.DataFrame,
    plan: AnalysisPlan,
    cohort: Groups,
    settings: Comparable,
) -> _Population:
    """Choose participants, covariates and genes, and fit them; or say why not."""
    assert plan.genes is not None
    same = plan.genes.covariates == SAME
    adjusted = plan if same else plan.model_copy(update={"covariates": plan.genes.covariates})
    try:
        design = build_design(
            people, plan=adjusted, groups=cohort.groups, min_per_group=settings.min_per_group
        )
    except NotEstimable as reason:
        return _Population(people, str(reason))
    counts = profiles.counts.loc[design.people.index]
    counts = counts.loc[:, (counts > 0).any(axis=0)]
    absent = lacking.reindex(index=design.people.index, columns=counts.columns, fill_value=False)
    n_lacking = absent.to_numpy(dtype=bool).sum(axis=0)
    molecules = counts.to_numpy(dtype=float)
    is_kept = filter_by_expression(molecules, design.matrix)
    genes = pd.DataFrame(
        {"mean_count": np.nan, "status": "low_expression", "reason": None}, index=counts.columns
    )
    genes["reason"] = "too few molecules in too few participants to be tested"
    genes.loc[is_kept, ["status", "reason"]] = [OK, None]
    genes.loc[n_lacking > 0, "status"] = "not_measured"
    genes.loc[n_lacking > 0, "reason"] = [
        f"not in the gene list of {plural(int(n), 'participant')}" for n in n_lacking[n_lacking > 0]
    ]
    is_tested = (genes["status"] == OK).to_numpy(dtype=bool)
    if is_tested.sum() < MIN_GENES:
        problem = (
            f"{is_tested.sum()} genes have molecules enough; a model of all genes needs {MIN_GENES}"
        )
        return _Population(people, problem, design)
    n_people, n_genes = len(counts), int(is_tested.sum())
    log.info("compare-genes: %s, %d genes of %d participants", population, n_genes, n_people)
    fitted = fit_genes(counts.loc[:, is_tested], design.matrix)
    genes["mean_count"] = (molecules / fitted.size_factors[:, None]).mean(axis=0)
    return _Population(people, "", design, genes, fitted)


def _compare(population: _Population, item: PlannedComparison, plan: AnalysisPlan) -> pd.DataFrame:
    """Return the rows of one comparison."""
    people = population.people if population.design is None else population.design.people
    is_ok = people["state"] == OK
    described: dict[str, Any] = {
        "comparison": item.comparison,
        "index_group": item.index_group,
        "reference_group": "+".join(item.references),
        "population": item.population,
        "n_index": int((is_ok & (people["group"] == item.index_group)).sum()),
        "n_reference": int((is_ok & people["group"].isin(item.references)).sum()),
        "covariates": (population.design.formula if population.design else None) or "none",
        "plan_digest": plan.digest,
    }
    try:
        if item.problem or population.problem:
            raise NotEstimable(item.problem or population.problem)
        rows = _test(population, item, plan)
    except NotEstimable as why:
        sides = population.people["group"].isin([item.index_group, *item.references])
        reason = sentences([str(why), caveats.of_missing(population.people[sides])])
        rows = pd.DataFrame([{"gene": NO_FEATURE, "status": "not_estimable", "reason": reason}])
    return contract.make(rows.assign(**described), Genes)


def _test(population: _Population, item: PlannedComparison, plan: AnalysisPlan) -> pd.DataFrame:
    """Test every gene that can be; may raise `NotEstimable`."""
    design, genes, fitted = population.design, population.genes, population.fitted
    assert design is not None
    assert genes is not None
    assert fitted is not None
    weights = group_weights(
        design, item.index_group, item.references, pooled_weights=plan.pooled_weights
    )
    check_estimable(design, weights)
    padded = np.concatenate([weights, np.zeros(design.matrix.shape[1] - len(weights))])
    tested = widen_by_groups(contrast_genes(fitted, padded), fitted, padded, design.group_matrix)
    rows = genes.join(tested.drop(columns="mean_count"))
    is_outlier = (rows["status"] == OK) & rows["p_value"].isna()
    rows.loc[is_outlier, "status"] = "outlier"
    rows.loc[is_outlier, "reason"] = [
        f"decided by {fitted.decided_by[gene]} alone, whose molecules stand far from the others' "
        "(Cook's distance)"
        for gene in rows.index[is_outlier]
    ]
    rows["p_adjusted"] = adjust(rows["p_value"].to_numpy(dtype=float), method="bh")
    said = sentences(_said(population, item, design))
    rows.loc[rows["status"] == OK, "reason"] = said
    return rows.rename_axis("gene").reset_index()


def _said(population: _Population, item: PlannedComparison, design: Design) -> list[str]:
    """Return what must be said with every number of the comparison."""
    assert population.fitted is not None
    people = design.people
    index = design.in_group(item.index_group)
    reference = people["group"].isin(item.references).to_numpy(dtype=bool)
    enrolled = population.people["group"].isin([item.index_group, *item.references])
    absent = [group for group in item.references if group not in design.groups]
    repeated = people.index[(people["n_samples"] > 1) & (index | reference)].astype(str).tolist()
    return [
        caveats.of_missing(population.people[enrolled]),
        f"pooled without {', '.join(absent)} (too few participants)" if absent else "",
        *design.remarks,
        *population.fitted.remarks,
        _unequal(people, index, reference, population=item.population),
        caveats.of_size(index, reference),
        caveats.of_batches(people, index, reference, design.formula),
        caveats.of_treatment(people, index, reference),
        f"several samples summed: {name_some(repeated)}" if repeated else "",
    ]


def _unequal(
    people: pd.DataFrame, index: BoolArray, reference: BoolArray, *, population: str
) -> str:
    """Warn when the profiles of the sides are of very different numbers of cells, or libraries of
    different depth.
    """
    cells, depth = (
        [float(people.loc[side, column].median()) for side in (index, reference)]
        for column in ("n_cells", "molecules_per_t_cell")
    )
    said = []
    if max(cells) > UNEQUAL_CELLS * min(cells):
        said.append(
            f"profiles of {cells[0]:,.0f} cells in the index group and {cells[1]:,.0f} in the "
            "reference (medians): those of fewer cells vary more, which the errors hold"
        )
    if population != COMPLETE_PROFILE and max(depth) > UNEQUAL_DEPTH * min(depth):
        said.append(
            f"libraries differ in depth ({depth[0]:,.0f} molecules per T cell in the index group "
            f"and {depth[1]:,.0f} in the reference): which cells RNA calls depends on it, so genes "
            "that part the population from its neighbours may differ for that alone"
        )
    return "; ".join(said)
