"""The analysis plan: which comparisons, in which families, with which covariates; written before
looking.

The file is checked as strictly as the settings, and the first characters of its SHA-256 go into
every result, so that a plan changed after looking shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PrivateAttr

from itc_analysis.config.loading import read_yaml, validate
from itc_analysis.config.sections import Groups, Section
from itc_analysis.errors import Fault, SettingsError, did_you_mean
from itc_analysis.stats.plan import covariates
from itc_analysis.stats.plan.associations import Associations, association_faults, group_faults
from itc_analysis.stats.plan.columns import Columns, PlanColumn, sheet_columns
from itc_analysis.stats.plan.compositions import Composition, composition_faults
from itc_analysis.stats.plan.endpoints import (
    NO_FEATURE,
    Endpoints,
    Modalities,
    Names,
    endpoint_faults,
    keys_of,
)

if TYPE_CHECKING:
    import pandas as pd

#: What the name of the index group gets in comparisons of one subset of it.
OF_SUBSET = " ({})"
#: Words for a reference that the cohort settings fill in; any group's name works as well.
HEALTHY, POOLED, EACH_DISEASE = "healthy", "pooled", "each_disease"
DIGEST_LENGTH = 12
#: Role of a comparison that is not in the plan.
POST_HOC = "post_hoc"
#: Stands for the covariates of the plan.
SAME = "same"
#: The family of all genes of a population and contrast.
GENES = "genes"
#: Names the plan in faults that need the cohort to be seen.
SOURCE = "analysis plan"


class Family(Section):
    """Comparisons whose p values are adjusted together."""

    name: str = Field(min_length=1, description="Name of the family; unique in the plan.")
    role: Literal["primary", "secondary", "exploratory", "post_hoc"] = Field(
        description=(
            "What a finding in this family may claim; post_hoc only in a file of its own "
            "(`--post-hoc`)."
        )
    )
    endpoints: Annotated[tuple[Endpoints, ...], Field(min_length=1)]
    contrasts: Names = Field(
        description="References of the index group: healthy, pooled (all disease groups together), "
        "each_disease, or the name of a group."
    )
    adjustment: Literal["holm", "bh", "dunnett", "bh_dunnett", "gatekeeping", "none"] = Field(
        description="holm: family-wise error of the family. bh: false discovery rate. dunnett: "
        "family-wise error within each endpoint, by the correlation of its contrasts. bh_dunnett: "
        "bh over the endpoints, then dunnett within those found. gatekeeping: family-wise error; a "
        "contrast is tested when the one before it, in the order of `contrasts`, was found. none: "
        "p as it is."
    )
    subset: Literal["lcSSc", "dcSSc", "sine", "early"] | None = Field(
        None,
        description="Only this subset of the index group (column ssc_subset) is compared, as a "
        "subgroup analysis; null for the whole group. Not in a primary family.",
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


class GenePlan(Section):
    """Genes of single-cell populations, each compared between groups; always exploratory."""

    populations: Names = Field(description="Populations of the pseudobulk tables, e.g. mait.")
    contrasts: Names = Field(description="References of the index group, as in a family.")
    covariates: str | None = Field(
        SAME,
        description=(
            "Adjusted for: same (the plan's), another formula (batch is the library batch), or "
            "null for none."
        ),
    )


class ModelRules(Section):
    """How the model of every endpoint is made; the plan adds what is compared."""

    covariates: str | None = Field(
        description="Adjusted for in every comparison: a formula over participants.tsv columns "
        "(and batch), e.g. cr(age_years, df=3, constraints='center') + sex; null for none."
    )
    small_sample: SmallSample = SmallSample()
    covariate_min_known: float = Field(
        0.8,
        gt=0,
        le=1,
        description=(
            "A covariate known for a smaller share of the participants is left out, and the result "
            "says so."
        ),
    )
    missing_covariates: Literal["imputed", "complete_cases"] = Field(
        "imputed",
        description="What is primary when a participant lacks a covariate that is known of enough "
        "others. imputed: the participant stays, with the covariate filled in 20 times (chained "
        "equations, Rubin's rules). complete_cases: the participant is left out and named. The "
        "other one is reported in the diagnostics.",
    )
    below_lod: Literal["censored"] = Field(
        "censored",
        description="Below the limit of detection: never 0, never dropped. Cells that were counted "
        "enter with their number; a value without cells is known to be at most the limit.",
    )
    batch: Literal["when_uneven", "as_written"] = Field(
        "when_uneven",
        description="Whether batch is adjusted for when the covariates do not name it. "
        "when_uneven: where batches are spread unevenly over the groups (Cramér's V above 0.1) and "
        "participants are enough; the result says so. as_written: never.",
    )
    pooled_weights: Literal["equal", "participants"] = Field(
        "equal",
        description=(
            "The pooled reference averages the disease groups: each counting the same, or by its "
            "participants."
        ),
    )
    _digest: str = PrivateAttr(default="")
    _columns: dict[str, PlanColumn] = PrivateAttr(default_factory=sheet_columns)

    @property
    def digest(self) -> str:
        """First 12 characters of the SHA-256 of the file, or of the content when made in code."""
        self._digest = self._digest or _digest(self.model_dump_json().encode())
        return self._digest

    @property
    def columns(self) -> Columns:
        """Columns that may be named: of the participants' sheet, and declared ones."""
        return self._columns


class AnalysisPlan(ModelRules):
    """The whole plan."""

    core_covariates: str | None = Field(
        "age_years + sex",
        description=(
            "The formula in the middle of the change-in-estimate table: unadjusted, core, full."
        ),
    )
    equivalence_ratio: float = Field(
        1.5,
        gt=1,
        description=(
            "Two groups are equivalent when their ratio (of odds for shares) lies between this and "
            "its inverse."
        ),
    )
    equivalence_sd: float = Field(
        0.4,
        gt=0,
        description="The same for scores, in residual SDs.",
    )
    equivalence_reason: str | None = Field(
        None,
        min_length=10,
        description="Why a smaller difference would not matter; needed where a margin is given.",
    )
    families: Annotated[tuple[Family, ...], Field(min_length=1)]
    genes: GenePlan | None = Field(
        None, description="Gene by gene comparison of pseudobulk profiles; null for none."
    )
    associations: tuple[Associations, ...] = Field(
        (), description="Measures against clinical variables within a group."
    )
    compositions: tuple[Composition, ...] = Field(
        (), description="Parts of one whole compared together."
    )
    modalities: Modalities | None = Field(
        None, description="Flow cytometry compared with single cell per participant; null for none."
    )


class PostHoc(Section):
    """Comparisons added after looking; covariates and rules are the plan's."""

    families: Annotated[tuple[Family, ...], Field(min_length=1)]


@dataclass(frozen=True)
class PlannedComparison:
    """One comparison of one endpoint; becomes one row of the results, whatever the data hold.

    Parameters
    ----------
    comparison : str
        e.g. ``"SSc vs healthy"``.
    references : tuple of str
        groups of the reference; several for the pooled reference.
    stage : int
        place of its contrast in the family, from 0; the comparisons of each_disease share one.
    problem : str
        why the study's groups do not allow it; empty when they do.
    subset : str
        subset of the index group that alone is compared; empty for all of it.
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
    subset: str = ""

    @property
    def endpoint(self) -> tuple[str, str, str, str]:
        """Assay, population, measure, feature."""
        return (self.assay, self.population, self.measure, self.feature)


def parse_plan(path: str | Path) -> AnalysisPlan:
    """Read a plan as it is written, without asking whether the study has what it names.

    Raises
    ------
    SettingsError
        the file is not there, or has unknown keys or impossible values.
    """
    return validate(AnalysisPlan, read_yaml(path), str(path))


def read_plan(path: str | Path, declared: Columns | None = None) -> AnalysisPlan:
    """Read and check a plan.

    Parameters
    ----------
    path : str or Path
        the plan.
    declared : mapping of str to PlanColumn, optional
        the variables that the study declares beyond participants.tsv.

    Raises
    ------
    SettingsError
        naming every fault: unknown keys, covariates that are not columns of the participants'
        sheet, features that do not fit the measure, a comparison declared in two families.
    """
    plan = parse_plan(path)
    plan._columns = {**sheet_columns(), **(declared or {})}
    faults = [
        *_formula_faults(plan),
        *_family_faults(plan),
        *_post_hoc_faults(plan),
        *_margin_faults(plan),
        *association_faults(plan.associations, plan.columns),
        *composition_faults(plan.compositions),
    ]
    if faults:
        raise SettingsError(str(path), faults)
    plan._digest = _digest(Path(path).read_bytes())
    return plan


def read_post_hoc(path: str | Path, plan: AnalysisPlan, cohort: Groups) -> AnalysisPlan:
    """Read comparisons that nobody planned: families of role post_hoc, all else as in the plan.

    Parameters
    ----------
    path : str or Path
        a file with `families` alone.
    plan : AnalysisPlan
        covariates and rules are taken from it; the digest is that of `path`.
    cohort : Groups
        tells which comparisons the words of both files stand for.

    Raises
    ------
    SettingsError
        naming every fault: another role than post_hoc, a name or a comparison that the plan has
        already.
    """
    extra = validate(PostHoc, read_yaml(path), str(path))
    added = plan.model_copy(update={"families": extra.families})
    added._digest = _digest(Path(path).read_bytes())
    faults = _family_faults(added)
    names = {family.name for family in plan.families}
    for family in extra.families:
        where = f"family '{family.name}'"
        if family.role != POST_HOC:
            what = f"role '{family.role}': what the plan does not hold is post hoc"
            faults.append(Fault(where, what, "write role: post_hoc"))
        if family.name in names:
            faults.append(Fault(where, "the plan has a family of this name", "choose another"))
    planned = {(item.comparison, *item.endpoint): item.family for item in expand(plan, cohort)}
    for item in expand(added, cohort):
        family_of_plan = planned.get((item.comparison, *item.endpoint))
        if family_of_plan is not None:
            what = (
                f"{item.comparison}, {' '.join(item.endpoint)} is planned, in family "
                f"'{family_of_plan}'"
            )
            faults.append(Fault(f"family '{item.family}'", what, "leave it out here"))
    if faults:
        raise SettingsError(str(path), faults)
    return added


def expand(plan: AnalysisPlan, cohort: Groups) -> list[PlannedComparison]:
    """Return every comparison of the plan, with the reference words filled in from the cohort.

    Raises
    ------
    SettingsError
        a contrast names a group that the cohort does not have, or two families declare the same
        comparison once their words are filled in.
    """
    planned: dict[tuple[str, ...], PlannedComparison] = {}
    faults: list[Fault] = []
    for family in plan.families:
        where = f"family '{family.name}'"
        for stage, name, groups, is_pooled, problem in contrasts_of(
            family.contrasts, cohort, where, faults
        ):
            index = cohort.index_group
            index += OF_SUBSET.format(family.subset) if family.subset else ""
            for assay, population, measure, feature in keys_of(family.endpoints):
                item = PlannedComparison(
                    comparison=f"{index} vs {name}",
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
                    subset=family.subset or "",
                )
                key = (item.comparison, *item.endpoint)
                if key in planned:
                    what = (
                        f"{item.comparison}, {' '.join(item.endpoint)} is already in family "
                        f"'{planned[key].family}'"
                    )
                    faults.append(Fault(where, what, "declare each comparison once"))
                else:
                    planned[key] = item
    if faults:
        raise SettingsError(SOURCE, faults)
    return list(planned.values())


def refuse_unknown_groups(plan: AnalysisPlan, cohort: Groups) -> None:
    """Refuse a plan that names groups which the study does not have, in any of its blocks.

    Raises
    ------
    SettingsError
        every fault of `expand`, of the contrasts of genes and compositions, and of the groups of
        associations.
    """
    faults: list[Fault] = []
    for block in (expand, expand_genes):
        try:
            block(plan, cohort)
        except SettingsError as error:
            faults += error.faults
    for item in plan.compositions:
        contrasts_of(item.contrasts, cohort, f"composition '{item.name}'", faults)
    faults += group_faults(plan.associations, cohort.groups)
    if faults:
        raise SettingsError(SOURCE, faults)


def of_whole_group(comparisons: pd.DataFrame, index_group: str) -> pd.DataFrame:
    """Return the comparisons without those of families that compare a subset of the index group.

    Parameters
    ----------
    comparisons : pandas.DataFrame
        with `comparison`, named as `expand` names it.
    index_group : str
        the index group.
    """
    of_subset = comparisons["comparison"].str.startswith(index_group + OF_SUBSET.split("{")[0])
    return comparisons[~of_subset]


def expand_genes(plan: AnalysisPlan, cohort: Groups) -> list[PlannedComparison]:
    """Return the comparisons whose genes are tested; measure is 'expression'; none when the plan
    asks for none.

    Raises
    ------
    SettingsError
        a contrast names a group that the cohort does not have.
    """
    if plan.genes is None:
        return []
    faults: list[Fault] = []
    contrasts = contrasts_of(plan.genes.contrasts, cohort, GENES, faults)
    if faults:
        raise SettingsError(SOURCE, faults)
    planned = [
        PlannedComparison(
            comparison=f"{cohort.index_group} vs {name}",
            index_group=cohort.index_group,
            references=groups,
            is_pooled=is_pooled,
            assay="singlecell",
            population=population,
            measure="expression",
            feature=NO_FEATURE,
            family=GENES,
            role="exploratory",
            adjustment="bh",
            stage=stage,
            problem=problem,
        )
        for population in plan.genes.populations
        for stage, name, groups, is_pooled, problem in contrasts
    ]
    # healthy and the name of the healthy group are one comparison
    return list({(item.population, item.comparison): item for item in planned}.values())


def contrasts_of(
    words: Iterable[str], cohort: Groups, where: str, faults: list[Fault]
) -> list[tuple[int, str, tuple[str, ...], bool, str]]:
    """Return (stage, name, groups, is pooled, problem) of every contrast; unknown words go to
    `faults`.
    """
    found: list[tuple[int, str, tuple[str, ...], bool, str]] = []
    for stage, word in enumerate(words):
        try:
            found += [(stage, *contrast) for contrast in _references(word, cohort)]
        except KeyError:
            known = [HEALTHY, POOLED, EACH_DISEASE, *cohort.groups[1:]]
            faults.append(Fault(where, f"unknown contrast '{word}'", did_you_mean(word, known)))
    return found


def _references(word: str, cohort: Groups) -> list[tuple[str, tuple[str, ...], bool, str]]:
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


def _formula_faults(plan: AnalysisPlan) -> list[Fault]:
    formulas = {
        "covariates": plan.covariates,
        "small_sample.covariates": plan.small_sample.covariates,
        "core_covariates": plan.core_covariates,
    }
    if plan.genes is not None and plan.genes.covariates != SAME:
        formulas["genes.covariates"] = plan.genes.covariates
    return [
        fault
        for where, text in formulas.items()
        for fault in covariates.check(text, where, plan.columns)
    ]


def _family_faults(plan: AnalysisPlan) -> list[Fault]:
    faults = []
    names = [family.name for family in plan.families]
    names += [family.name for family in plan.associations]
    names += [composition.name for composition in plan.compositions]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(
            Fault(
                "families, associations and compositions",
                f"name '{name}' is used twice",
                "give each its own",
            )
        )
    for family in plan.families:
        faults += endpoint_faults(family.endpoints, f"family '{family.name}'", plan.columns)
        if family.subset and family.role == "primary":
            faults.append(
                Fault(
                    f"family '{family.name}'",
                    f"subset '{family.subset}' in a primary family: verdicts are of the "
                    "whole group",
                    "make the family secondary or exploratory",
                )
            )
    return list(dict.fromkeys(faults))


def _post_hoc_faults(plan: AnalysisPlan) -> list[Fault]:
    what = "role 'post_hoc' has no place in the plan"
    return [
        Fault(f"family '{family.name}'", what, "give the family in a file of its own, --post-hoc")
        for family in plan.families
        if family.role == POST_HOC
    ]


def _margin_faults(plan: AnalysisPlan) -> list[Fault]:
    """A margin without its reason can be chosen after looking: it is refused."""
    given = sorted({"equivalence_ratio", "equivalence_sd"} & plan.model_fields_set)
    if not given or plan.equivalence_reason:
        return []
    remedy = "say in equivalence_reason why a smaller difference would not matter"
    return [Fault(" and ".join(given), "an equivalence margin without its reason", remedy)]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]
