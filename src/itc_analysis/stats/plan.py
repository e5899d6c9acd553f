"""The analysis plan: which comparisons, in which families, with which covariates; written before looking.

The file is checked as strictly as the settings, and the first characters of its SHA-256 go into
every result, so that a plan changed after looking shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from itc_analysis.config import Cohort, Section, read_yaml, validate
from itc_analysis.errors import Fault, SettingsError, did_you_mean
from itc_analysis.stats import covariates

#: Words for a reference that the cohort settings fill in; any group's name works as well.
HEALTHY, POOLED, EACH_DISEASE = "healthy", "pooled", "each_disease"
#: Stands for a measure without marker or signature.
NO_FEATURE = "-"
DIGEST_LENGTH = 12
#: Names the plan in faults that need the cohort to be seen.
SOURCE = "analysis plan"

Measure = Literal["share_of_t", "cells_per_ul", "share_positive", "median_intensity", "score"]
#: Measures that belong to a marker or signature.
WITH_FEATURE = ("share_positive", "median_intensity", "score")
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Endpoints(Section):
    """Populations crossed with measures and features."""

    assay: Literal["flow", "singlecell"] = Field(description="flow or singlecell.")
    populations: Names = Field(description="Populations, e.g. mait.")
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)] = Field(
        description="What is compared: share_of_t, cells_per_ul, share_positive, median_intensity, score."
    )
    features: Names = Field(
        (NO_FEATURE,), description="Markers or signatures; '-' for shares of T and counts."
    )


class Family(Section):
    """Comparisons whose p values are adjusted together."""

    name: str = Field(min_length=1, description="Name of the family; unique in the plan.")
    role: Literal["primary", "secondary", "exploratory"] = Field(
        description="What a finding in this family may claim."
    )
    endpoints: Annotated[tuple[Endpoints, ...], Field(min_length=1)]
    contrasts: Names = Field(
        description="References of the index group: healthy, pooled (all disease groups together), "
        "each_disease, or the name of a group."
    )
    adjustment: Literal["holm", "bh", "dunnett", "bh_dunnett", "gatekeeping", "none"] = Field(
        description="holm: family-wise error of the family. bh: false discovery rate. dunnett: family-wise error "
        "within each endpoint, by the correlation of its contrasts. bh_dunnett: bh over the endpoints, then dunnett "
        "within those found. gatekeeping: family-wise error; a contrast is tested when the one before it, in the "
        "order of `contrasts`, was found. none: p as it is."
    )


class SmallSample(Section):
    """What replaces the covariates when there are few participants."""

    covariates: str | None = Field(
        "age_years + sex", description="Formula used instead; null for none."
    )
    min_residual_df: int = Field(
        10, ge=1, description="The full covariates need this many residual degrees of freedom ..."
    )
    min_participants_per_parameter: float = Field(
        5.0,
        ge=1,
        description="... and this many participants (above the limit of detection) per parameter.",
    )


class AnalysisPlan(Section):
    """The whole plan."""

    covariates: str | None = Field(
        description="Adjusted for in every comparison: a formula over participants.tsv columns (and batch), "
        "e.g. cr(age_years, df=3, constraints='center') + sex; null for none."
    )
    small_sample: SmallSample = SmallSample()
    covariate_min_known: float = Field(
        0.8,
        gt=0,
        le=1,
        description="A covariate known for a smaller share of the participants is left out, and the result says so; "
        "otherwise participants without it are left out (complete cases).",
    )
    below_lod: Literal["censored"] = Field(
        "censored",
        description="Below the limit of detection: known to be low, never 0, never dropped.",
    )
    pooled_weights: Literal["equal", "participants"] = Field(
        "equal",
        description="The pooled reference averages the disease groups: each counting the same, or by its participants.",
    )
    core_covariates: str | None = Field(
        "age_years + sex",
        description="The formula in the middle of the change-in-estimate table: unadjusted, core, full.",
    )
    equivalence_ratio: float = Field(
        1.5,
        gt=1,
        description="Two groups are equivalent when their ratio (of odds for shares) lies between this and its inverse.",
    )
    equivalence_sd: float = Field(
        0.4,
        gt=0,
        description="The same for scores, in residual SDs.",
    )
    families: Annotated[tuple[Family, ...], Field(min_length=1)]
    _digest: str = PrivateAttr(default="")

    @property
    def digest(self) -> str:
        """First 12 characters of the SHA-256 of the file, or of the content when made in code."""
        self._digest = self._digest or _digest(self.model_dump_json().encode())
        return self._digest


@dataclass(frozen=True)
class PlannedComparison:
    """One comparison of one endpoint; becomes one row of the results, whatever the data hold.

    Parameters
    ----------
    comparison : e.g. ``"SSc vs healthy"``.
    references : groups of the reference; several for the pooled reference.
    stage : place of its contrast in the family, from 0; the comparisons of each_disease share one.
    problem : why the study's groups do not allow it; empty when they do.
    """

    comparison: str
    index_group: str
    references: tuple[str, ...]
    is_pooled: bool
    assay: str
    population: str
    measure: str
    feature: str
    family: str
    role: str
    adjustment: str
    stage: int
    problem: str = ""

    @property
    def endpoint(self) -> tuple[str, str, str, str]:
        """Assay, population, measure, feature."""
        return (self.assay, self.population, self.measure, self.feature)


def read_plan(path: str | Path) -> AnalysisPlan:
    """Read and check a plan.

    Raises
    ------
    SettingsError : naming every fault: unknown keys, covariates that are not columns of the participants'
        sheet, features that do not fit the measure, a comparison declared in two families.
    """
    plan = validate(AnalysisPlan, read_yaml(path), str(path))
    faults = [*_formula_faults(plan), *_family_faults(plan)]
    if faults:
        raise SettingsError(str(path), faults)
    plan._digest = _digest(Path(path).read_bytes())
    return plan


def expand(plan: AnalysisPlan, cohort: Cohort) -> list[PlannedComparison]:
    """Return every comparison of the plan, with the reference words filled in from the cohort.

    Raises
    ------
    SettingsError : a contrast names a group that the cohort does not have, or two families declare the same
        comparison once their words are filled in.
    """
    planned: dict[tuple[str, ...], PlannedComparison] = {}
    faults = []
    for family in plan.families:
        where = f"family '{family.name}'"
        references: list[tuple[int, str, tuple[str, ...], bool, str]] = []
        for stage, word in enumerate(family.contrasts):
            try:
                references += [(stage, *found) for found in _references(word, cohort)]
            except KeyError:
                known = [HEALTHY, POOLED, EACH_DISEASE, *cohort.groups[1:]]
                faults.append(Fault(where, f"unknown contrast '{word}'", did_you_mean(word, known)))
        for stage, name, groups, is_pooled, problem in references:
            for assay, population, measure, feature in _endpoints(family):
                item = PlannedComparison(
                    comparison=f"{cohort.index_group} vs {name}",
                    index_group=cohort.index_group,
                    references=groups,
                    is_pooled=is_pooled,
                    assay=assay,
                    population=population,
                    measure=measure,
                    feature=feature,
                    family=family.name,
                    role=family.role,
                    adjustment=family.adjustment,
                    stage=stage,
                    problem=problem,
                )
                key = (item.comparison, *item.endpoint)
                if key in planned:
                    what = f"{item.comparison}, {' '.join(item.endpoint)} is already in family '{planned[key].family}'"
                    faults.append(Fault(where, what, "declare each comparison once"))
                else:
                    planned[key] = item
    if faults:
        raise SettingsError(SOURCE, faults)
    return list(planned.values())


def _references(word: str, cohort: Cohort) -> list[tuple[str, tuple[str, ...], bool, str]]:
    """Return (name, groups, is pooled, problem) for a word of the plan; KeyError when unknown."""
    if word == HEALTHY:
        if cohort.healthy_group is None:
            return [(HEALTHY, (HEALTHY,), False, "the study has no healthy group")]
        return [(cohort.healthy_group, (cohort.healthy_group,), False, "")]
    if word == POOLED:
        groups = tuple(cohort.disease_groups)
        problem = "" if groups else "the study has no disease control groups to pool"
        return [(cohort.pooled_name, groups or (cohort.pooled_name,), True, problem)]
    if word == EACH_DISEASE:
        return [(group, (group,), False, "") for group in cohort.disease_groups]
    if word in cohort.groups[1:]:
        return [(word, (word,), False, "")]
    raise KeyError(word)


def _endpoints(family: Family) -> Iterable[tuple[str, str, str, str]]:
    for block in family.endpoints:
        for population in block.populations:
            for measure in block.measures:
                for feature in block.features:
                    yield block.assay, population, measure, feature


def _formula_faults(plan: AnalysisPlan) -> list[Fault]:
    formulas = {
        "covariates": plan.covariates,
        "small_sample.covariates": plan.small_sample.covariates,
        "core_covariates": plan.core_covariates,
    }
    return [fault for where, text in formulas.items() for fault in covariates.check(text, where)]


def _family_faults(plan: AnalysisPlan) -> list[Fault]:
    faults = []
    names = [family.name for family in plan.families]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(Fault("families", f"name '{name}' is used twice", "give each its own"))
    for family in plan.families:
        for _, _, measure, feature in dict.fromkeys(_endpoints(family)):
            if measure in WITH_FEATURE and feature == NO_FEATURE:
                what = f"measure '{measure}' needs features"
                faults.append(Fault(f"family '{family.name}'", what, "name markers or signatures"))
            if measure not in WITH_FEATURE and feature != NO_FEATURE:
                what = f"measure '{measure}' has no feature '{feature}'"
                faults.append(Fault(f"family '{family.name}'", what, "leave features out"))
    return list(dict.fromkeys(faults))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]
