"""The plan against the templates and panels: read as the jobs will read them, before anything runs.

Part of `itc check`. What stops a job stops the check; what no job would mind (an endpoint that
nothing measures, a population that nobody asked for) is said, because afterwards it reads as a
result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from itc_analysis.errors import ItcError, ItcErrors

if TYPE_CHECKING:
    from itc_analysis.config.sections import Cohort, Conditions, Study
    from itc_analysis.flow.gating.template import Template
    from itc_analysis.stats.plan.plan import AnalysisPlan

#: Where endpoints of single-cell libraries come from, as far as this check looks.
_SINGLE_CELL = "singlecell"
#: Responses of several markers together, and scores that are made of responses.
SEVERAL_MARKERS = ("any_function", "two_or_more")
OF_RESPONSES = ("functionality", "polyfunctionality")
#: Names in a line, before "and n more".
_MOST_NAMED = 8


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
    """

    populations: frozenset[str]
    with_phenotype: frozenset[str]
    functional: frozenset[str]
    responding: frozenset[str]
    markers: frozenset[str]
    ordered: tuple[str, ...] = ()
    denominators: frozenset[str] = frozenset()


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
        raise errors[0] if len(errors) == 1 else ItcErrors(errors)
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
    ItcErrors
        every fault of every template, of the plan and of the signatures, in one call.
    """
    from itc_analysis.cohort.join import list_libraries, list_tubes
    from itc_analysis.scores.signatures import read_signatures
    from itc_analysis.stats.plan.plan import expand, read_plan, read_post_hoc

    errors: list[ItcError] = []
    tubes = list_tubes(study)
    panels = sorted({str(row["panel"]) for row in tubes})
    stained = {str(row["condition"]) for row in tubes if row["tube"] == "stained"}
    stimulations = frozenset(set(conditions.controls) & stained)
    templates = _read_templates(study, panels, errors)
    plan: AnalysisPlan | None = None
    try:
        plan = read_plan(study.analysis_plan)
        expand(plan, cohort)
        if study.post_hoc_plan is not None:
            read_post_hoc(study.post_hoc_plan, plan, cohort)
    except ItcError as error:
        errors.append(error)
    signatures: dict[str, list[str]] = {}
    try:
        for card in read_signatures(study.signatures):
            if card.assay == "flow":
                signatures[card.name] = list(card.features)
    except ItcError as error:
        errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else ItcErrors(errors)
    assert plan is not None
    measured = _measured(templates)
    has_libraries = bool(list_libraries(study))
    return [
        *_not_measured(
            plan, measured, signatures, has_libraries=has_libraries, stimulations=stimulations
        ),
        *_not_planned(plan, measured),
        *_not_stained(plan, measured, signatures),
    ]


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
    )


def _not_measured(
    plan: AnalysisPlan,
    measured: Measured,
    signatures: Mapping[str, list[str]],
    *,
    has_libraries: bool,
    stimulations: frozenset[str],
) -> list[str]:
    """Return a line for each family with endpoints that nothing in the study can measure."""
    from itc_analysis.stats.plan.endpoints import keys_of

    lines = []
    for family in plan.families:
        absent: dict[str, None] = {}
        n_all = n_absent = 0
        for assay, population, measure, feature in keys_of(family.endpoints):
            n_all += 1
            name = _why_not(assay, population, measure, feature, measured, signatures,
                            has_libraries=has_libraries,
                            stimulations=stimulations)  # fmt: skip
            if name is not None:
                n_absent += 1
                absent[name] = None
        if n_absent:
            lines.append(
                f"plan, family '{family.name}': {n_absent} of {n_all} endpoints are measured "
                "by nothing "
                f"in this study: {_named(absent)}"
            )
    return lines


def _why_not(
    assay: str,
    population: str,
    measure: str,
    feature: str,
    measured: Measured,
    signatures: Mapping[str, list[str]],
    *,
    has_libraries: bool,
    stimulations: frozenset[str],
) -> str | None:
    """Return what is missing for an endpoint, in words; None when it can be measured."""
    if assay == _SINGLE_CELL:
        return None if has_libraries else "there are no single-cell libraries"
    if population not in measured.populations:
        return f"no gating template measures '{population}'"
    if measure in ("share_positive", "median_intensity"):
        if population not in measured.with_phenotype:
            return f"'{population}' has no phenotype in its template"
        if feature not in measured.functional:
            return f"no template has a positivity threshold for '{feature}'"
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
    if measure == "score":
        if feature not in signatures:
            return f"no signature '{feature}'"
        if not set(signatures[feature]) & measured.functional:
            return f"no marker of the signature '{feature}' has a positivity threshold"
    return None


def _not_planned(plan: AnalysisPlan, measured: Measured) -> list[str]:
    from itc_analysis.stats.plan.endpoints import keys_of

    asked = {
        population
        for family in plan.families
        for assay, population, _, _ in keys_of(family.endpoints)
        if assay != _SINGLE_CELL
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
