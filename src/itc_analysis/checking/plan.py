"""The plan against the templates and panels: read as the jobs will read them, before anything runs.

Part of `itc check`. What stops a job stops the check; what no job would mind (an endpoint that
nothing measures, a population that nobody asked for) is said, because afterwards it reads as a
result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from itc_analysis.errors import ItcError, did_you_mean, one_error
from itc_analysis.plural import plural

if TYPE_CHECKING:
    from itc_analysis.config.sections import Cohort, Conditions, Study
    from itc_analysis.flow.gating.template import Template
    from itc_analysis.scores.cards.signatures import Signature
    from itc_analysis.stats.plan.associations import Associations
    from itc_analysis.stats.plan.plan import AnalysisPlan, Family

Outcome = TypeVar("Outcome")

#: Where endpoints of single-cell libraries come from, as far as this check looks.
_SINGLE_CELL = "singlecell"
#: Responses of several markers together, and scores that are made of responses.
SEVERAL_MARKERS = ("any_function", "two_or_more")
OF_RESPONSES = ("functionality", "polyfunctionality")
#: Share of the cells with two inhibitory receptors or more; the score says if a panel has them.
SEVERAL_RECEPTORS = "coexpression:share_two_or_more"
#: Numbers of the participants themselves; the plan's own check has looked at them.
_CLINICAL = "clinical"
#: What is a part of the T cells.
_ABUNDANCE = ("share_of_t", "cells_per_ul")
#: Names in a line, before "and n more".
_MOST_NAMED = 8


@dataclass(frozen=True)
class TubeView:
    """What the tubes of one panel can show.

    Parameters
    ----------
    populations : frozenset of str
        those that a number is made of.
    with_phenotype : frozenset of str
        those with marker positivity.
    functional : frozenset of str
        markers with a positivity threshold.
    of_t : frozenset of str
        those that are T cells: the population t_cells, and what is gated in it.
    """

    populations: frozenset[str]
    with_phenotype: frozenset[str]
    functional: frozenset[str]
    of_t: frozenset[str]


@dataclass(frozen=True)
class LibraryView:
    """What single-cell libraries can show.

    Parameters
    ----------
    populations : frozenset of str
        those that cells are called as.
    signatures : frozenset of str
        those that are scored.
    """

    populations: frozenset[str]
    signatures: frozenset[str]


@dataclass(frozen=True)
class Measured:
    """What the gating templates of a study measure.

    Parameters
    ----------
    populations : frozenset of str
        those that a number is made of, of all panels.
    with_phenotype : frozenset of str
        those with marker positivity.
    functional : frozenset of str
        markers with a positivity threshold.
    responding : frozenset of str
        markers of function.
    markers : frozenset of str
        all markers of the panels.
    ordered : tuple of str
        all populations, in the order of the templates.
    denominators : frozenset of str
        populations that shares refer to.
    tubes : dict of str to TubeView
        the same panel by panel: a population and a marker make an endpoint only in one tube.
    has_counts : bool
        cells per microlitre can be given: by counting beads, or by a haematology analyser.
    parents : dict of str to str
        population that each population is gated in.
    """

    populations: frozenset[str]
    with_phenotype: frozenset[str]
    functional: frozenset[str]
    responding: frozenset[str]
    markers: frozenset[str]
    ordered: tuple[str, ...] = ()
    denominators: frozenset[str] = frozenset()
    tubes: Mapping[str, TubeView] = field(default_factory=dict)
    has_counts: bool = True
    parents: Mapping[str, str] = field(default_factory=dict)


def measured_by_templates(study: Study, panels: Iterable[str]) -> Measured:
    """Return what the templates of some panels measure.

    Raises
    ------
    ItcErrors
        every fault of every template and panel sheet.
    """
    errors: list[ItcError] = []
    templates = _read_templates(study, panels, errors)
    if errors:
        raise one_error(errors)
    return _measured(templates)


def check_plan(study: Study, cohort: Cohort, conditions: Conditions) -> list[str]:
    """Read templates, panels, plan and signatures; returns what a person should know before
    running.

    Parameters
    ----------
    study, cohort, conditions : Study, Cohort or Conditions
        the settings.

    Raises
    ------
    ItcError
        every fault of every template, of the plan and of the signatures, in one call; those of the
        sheets that it reads among them, whatever of the rest can be known in spite of them.
    """
    from itc_analysis.cohort.listing import (
        list_libraries,
        list_tubes,
        named_panels,
        read_mappings,
        read_rows,
        read_variables,
    )
    from itc_analysis.scores.cards.signatures import read_signatures
    from itc_analysis.stats.plan.columns import declared_columns
    from itc_analysis.stats.plan.plan import read_plan, read_post_hoc, refuse_unknown_groups

    errors: list[ItcError] = []

    def attempt(function: Callable[[], Outcome]) -> Outcome | None:
        try:
            return function()
        except ItcError as error:
            errors.append(error)
            return None

    def planned() -> AnalysisPlan | None:
        plan = read_plan(study.analysis_plan, declared_columns(variables))
        refuse_unknown_groups(plan, cohort)
        if study.post_hoc_plan is not None:
            read_post_hoc(study.post_hoc_plan, plan, cohort)
        return plan

    variables = attempt(lambda: read_variables(study)) or ()
    tubes = attempt(lambda: list_tubes(study)) or []
    samples = attempt(
        lambda: read_rows(
            study.samples, "SampleSheet", read_mappings(study).get("samples"), variables
        )
    )
    libraries = attempt(lambda: list_libraries(study))
    templates = _read_templates(study, named_panels(study), errors)
    plan = attempt(planned)
    cards = attempt(lambda: read_signatures(study.signatures)) or []
    if plan is not None:
        features = {(str(card.assay), card.name): card.features for card in cards}
        attempt(partial(refuse_circular, plan, features))
    if errors:
        raise one_error(errors)
    assert plan is not None
    stained = {str(row["condition"]) for row in tubes if row["tube"] == "stained"}
    has_counts = any(row["beads_per_tube"] is not None for row in tubes) or any(
        row["wbc_10e9_per_l"] is not None for row in samples or ()
    )
    signatures = {card.name: list(card.features) for card in cards if card.assay == "flow"}
    shown_by_libraries = view_libraries(cards) if libraries else None
    measured = replace(_measured(templates), has_counts=has_counts)
    return [
        *not_measured(
            plan,
            measured,
            signatures,
            libraries=shown_by_libraries,
            stimulations=frozenset(set(conditions.controls) & stained),
        ),
        *not_measured_elsewhere(plan, measured, shown_by_libraries),
        *_not_planned(plan, measured),
        *_not_stained(plan, measured, signatures),
    ]


def refuse_circular(plan: AnalysisPlan, features: Mapping[tuple[str, str], Iterable[str]]) -> None:
    """Refuse scores compared between subsets that hold a marker of what the subsets are.

    Parameters
    ----------
    plan : AnalysisPlan
        the plan.
    features : mapping of (str, str) to iterable of str
        features of every signature, by assay and name.

    Raises
    ------
    ItcErrors, ItcError
        every signature that is compared between subsets and holds such a marker.
    """
    from itc_analysis.scores.cards.circular import refuse_across_subsets

    errors: list[ItcError] = []
    asked: dict[tuple[str, str, frozenset[str]], None] = {}
    for family in plan.families:
        for block in family.endpoints:
            if block.minus is not None:
                for name in block.features:
                    asked[block.assay, name, frozenset((*block.populations, block.minus))] = None
    for assay, name, populations in asked:
        try:
            refuse_across_subsets(name, features.get((assay, name), ()), assay, populations)
        except ItcError as error:
            errors.append(error)
    if errors:
        raise one_error(errors)


def _read_templates(
    study: Study, panels: Iterable[str], errors: list[ItcError]
) -> dict[str, tuple[Template, frozenset[str]]]:
    from itc_analysis.flow.gating.template import load_template
    from itc_analysis.flow.panel.markers import read_panel

    found = {}
    for panel in panels:
        try:
            markers = frozenset(read_panel(Path(study.panels_folder) / f"{panel}.tsv")["marker"])
            path = Path(study.gating_folder) / f"{panel}.yaml"
            found[panel] = (load_template(path, panel_markers=markers), markers)
        except ItcError as error:
            errors.append(error)
    return found


def _measured(templates: Mapping[str, tuple[Template, frozenset[str]]]) -> Measured:
    every = [template for template, _ in templates.values()]
    populations = [population for template in every for population in template.populations]
    return Measured(
        frozenset(p.name for p in populations if p.measured),
        frozenset(p.name for p in populations if p.phenotype),
        frozenset(p.marker for template in every for p in template.positivity),
        frozenset(
            p.marker for template in every for p in template.positivity if p.role == "function"
        ),
        frozenset().union(*(markers for _, markers in templates.values())),
        tuple(dict.fromkeys(population.name for population in populations)),
        frozenset(template.denominator for template in every),
        {
            panel: TubeView(
                frozenset(p.name for p in template.populations if p.measured),
                frozenset(p.name for p in template.populations if p.phenotype),
                frozenset(p.marker for p in template.positivity),
                _of_t_cells(template),
            )
            for panel, (template, _) in templates.items()
        },
        parents={population.name: population.parent for population in populations},
    )


def not_measured(
    plan: AnalysisPlan,
    measured: Measured,
    signatures: Mapping[str, list[str]],
    *,
    libraries: LibraryView | None,
    stimulations: frozenset[str] = frozenset(),
) -> list[str]:
    """Return a line for each family with endpoints that nothing in the study can measure, or one
    that says that there is none.
    """
    from itc_analysis.stats.plan.endpoints import keys_of

    lines = []
    n_endpoints = 0
    families: list[Family | Associations] = [*plan.families, *plan.associations]
    for family in families:
        absent: dict[str, None] = {}
        n_all = n_absent = 0
        for assay, population, measure, feature in keys_of(family.endpoints):
            n_all += 1
            name = _why_not(assay, population, measure, feature, measured, signatures,
                            libraries=libraries,
                            stimulations=stimulations)  # fmt: skip
            if name is not None:
                n_absent += 1
                absent[name] = None
        n_endpoints += n_all
        if n_absent:
            lines.append(
                f"plan, family '{family.name}': {n_absent} of {n_all} endpoints are measured "
                "by nothing "
                f"in this study: {_named(absent)}"
            )
    if not lines:
        lines.append(
            f"plan: {plural(n_endpoints, 'endpoint')}, each with a tube or library to show it"
        )
    return lines


def not_measured_elsewhere(
    plan: AnalysisPlan, measured: Measured, libraries: LibraryView | None
) -> list[str]:
    """Return a line for each block beside the families that names populations which nothing in the
    study shows, and for each composition whose parts lie in one another.
    """
    from itc_analysis.stats.plan.compositions import REST

    def by_flow(names: Iterable[str]) -> list[str]:
        return [_no_template(n, measured) for n in names if n not in measured.populations]

    def by_libraries(names: Iterable[str]) -> list[str]:
        if libraries is None:
            return ["there are no single-cell libraries"]
        return [_no_library(n, libraries) for n in names if n not in libraries.populations]

    found: dict[str, list[str]] = {}
    if plan.genes is not None:
        found["genes"] = by_libraries(plan.genes.populations)
    for item in plan.compositions:
        names = [*item.parts, *([] if item.reference == REST else [item.reference])]
        own = by_libraries(names) if item.assay == _SINGLE_CELL else by_flow(names)
        found[f"composition '{item.name}'"] = own + _within_one_another(names, measured.parents)
    if plan.modalities is not None:
        both = plan.modalities.populations
        found["modalities"] = [*by_flow(both), *by_libraries(both)]
    return [
        f"plan, {where}: {'; '.join(dict.fromkeys(absent))}"
        for where, absent in found.items()
        if absent
    ]


def _of_t_cells(template: Template) -> frozenset[str]:
    from itc_analysis.measurements.abundance import DENOMINATOR

    parents = {population.name: population.parent for population in template.populations}
    return frozenset(name for name in parents if DENOMINATOR in _with_above(name, parents))


def _with_above(name: str, parents: Mapping[str, str]) -> list[str]:
    """Return a population and all that it is gated in, nearest first."""
    chain = [name]
    while chain[-1] in parents and parents[chain[-1]] not in chain:
        chain.append(parents[chain[-1]])
    return chain


def _within_one_another(names: Iterable[str], parents: Mapping[str, str]) -> list[str]:
    """Return, for populations that should share no cell, which are part of another."""
    named = list(names)
    found = []
    for name in named:
        found += [
            f"'{name}' is part of '{other}', and parts must share no cell"
            for other in _with_above(name, parents)[1:]
            if other in named
        ]
    return found


def _no_template(population: str, measured: Measured) -> str:
    return f"no gating template measures '{population}'{_close(population, measured.populations)}"


def _no_library(population: str, libraries: LibraryView) -> str:
    close = _close(population, libraries.populations)
    return f"no cell of a library is called '{population}'{close}"


def _close(name: str, known: Iterable[str]) -> str:
    """Return the nearest known name as a question in brackets; empty when none is near."""
    hint = did_you_mean(name, sorted(known))
    return f" ({hint})" if hint.startswith("did you") else ""


def _why_not(
    assay: str,
    population: str,
    measure: str,
    feature: str,
    measured: Measured,
    signatures: Mapping[str, list[str]],
    *,
    libraries: LibraryView | None,
    stimulations: frozenset[str],
) -> str | None:
    """Return what is missing for an endpoint, in words; None when one tube can show it."""
    from itc_analysis.scores.cards.signatures import MIN_FEATURES
    from itc_analysis.stats.plan.endpoints import MINUS

    population, _, other = population.partition(MINUS)
    if other and other not in measured.populations and assay != _SINGLE_CELL:
        return _no_template(other, measured)
    if assay == _SINGLE_CELL:
        return _not_in_libraries(population, measure, feature, libraries)
    if assay == _CLINICAL:
        return None
    if population not in measured.populations:
        return _no_template(population, measured)
    showing = [tube for tube in measured.tubes.values() if population in tube.populations]
    if measure in _ABUNDANCE and not any(population in tube.of_t for tube in showing):
        return f"'{population}' lies in no t_cells of its template"
    if measure == "cells_per_ul" and not measured.has_counts:
        return "no tube has counting beads and no sample a count of white blood cells"
    if measure == "response":
        stimulation, _, marker = feature.partition(":")
        if stimulation not in stimulations:
            return f"no stained tube is of a stimulation '{stimulation}'"
        if population not in measured.with_phenotype:
            return f"'{population}' has no phenotype in its template"
        if marker not in (*measured.responding, *SEVERAL_MARKERS):
            return f"no template has '{marker}' as a marker of function"
    if measure == "score" and feature.partition(":")[0] in OF_RESPONSES:
        stimulation = feature.partition(":")[2]
        return None if stimulation in stimulations else f"no tube is of '{stimulation}'"
    if measure not in ("share_positive", "median_intensity", "score"):
        return None
    tubes = [tube for tube in measured.tubes.values() if population in tube.with_phenotype]
    if not tubes:
        return f"'{population}' has no phenotype in its template"
    if measure != "score":
        if any(feature in tube.functional for tube in tubes):
            return None
        if measure == "share_positive" and feature == SEVERAL_RECEPTORS:
            return None
        return f"no tube with '{population}' has a positivity threshold for '{feature}'"
    if feature not in signatures:
        return f"no signature '{feature}'"
    most = max(len(set(signatures[feature]) & tube.functional) for tube in tubes)
    if most >= MIN_FEATURES:
        return None
    return (
        f"no tube with '{population}' has positivity thresholds for {MIN_FEATURES} markers of the "
        f"signature '{feature}'"
    )


def _not_in_libraries(
    population: str, measure: str, feature: str, libraries: LibraryView | None
) -> str | None:
    """Return what is missing for an endpoint of single cells; None when a library can show it."""
    if libraries is None:
        return "there are no single-cell libraries"
    if population not in libraries.populations:
        return _no_library(population, libraries)
    if measure == "score":
        known = feature in libraries.signatures
        return None if known else f"no single-cell signature '{feature}'"
    return None if measure == "share_of_t" else f"libraries give no {measure}"


def view_libraries(cards: Iterable[Signature]) -> LibraryView:
    """Return what libraries can show, by the signatures of a study."""
    from itc_analysis.singlecell.pseudobulk import POPULATIONS

    return LibraryView(
        frozenset(POPULATIONS), frozenset(card.name for card in cards if card.assay == _SINGLE_CELL)
    )


def _not_planned(plan: AnalysisPlan, measured: Measured) -> list[str]:
    from itc_analysis.stats.plan.endpoints import keys_of

    asked = {
        population
        for family in plan.families
        for assay, population, _, _ in keys_of(family.endpoints)
        if assay not in (_SINGLE_CELL, _CLINICAL)
    }
    left = sorted(measured.populations - asked)
    if not left:
        return []
    return [f"measured, but in no family of the plan: {_named(left)}"]


def _not_stained(
    plan: AnalysisPlan, measured: Measured, signatures: Mapping[str, list[str]]
) -> list[str]:
    from itc_analysis.stats.plan.endpoints import keys_of

    planned = {
        feature
        for family in plan.families
        for assay, _, measure, feature in keys_of(family.endpoints)
        if assay != _SINGLE_CELL and measure == "score"
    }
    lines = []
    for name, markers in sorted(signatures.items()):
        left = [marker for marker in markers if marker not in measured.markers]
        if left and name in planned and measured.markers:
            lines.append(
                f"signature '{name}': no panel has {_named(left)} of {len(markers)} markers"
            )
    return lines


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    shown = ", ".join(listed[:_MOST_NAMED])
    return shown if len(listed) <= _MOST_NAMED else f"{shown} and {len(listed) - _MOST_NAMED} more"
