"""What the plan asks for and nothing in the study can show, and what is measured and nobody asked
for: afterwards both read as a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from itc_analysis.checking.shown import (
    SINGLE_CELL,
    LibraryView,
    Measured,
    PanelView,
    Shown,
    with_above,
)
from itc_analysis.errors import did_you_mean
from itc_analysis.plural import plural

if TYPE_CHECKING:
    from itc_analysis.stats.plan.associations import Associations
    from itc_analysis.stats.plan.plan import AnalysisPlan, Family

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


def not_measured(plan: AnalysisPlan, shown: Shown) -> list[str]:
    """Return a line for each family with endpoints that nothing in the study can measure, or one
    that says that there is none.
    """
    from itc_analysis.stats.plan.endpoints import keys_of

    lines = []
    n_endpoints = 0
    families: list[Family | Associations] = [*plan.families, *plan.associations]
    for family in families:
        reasons = [_why_not(*endpoint, shown) for endpoint in keys_of(family.endpoints)]
        absent = [reason for reason in reasons if reason is not None]
        n_endpoints += len(reasons)
        if absent:
            lines.append(
                f"plan, family '{family.name}': {len(absent)} of {len(reasons)} endpoints are "
                f"measured by nothing in this study: {_named(dict.fromkeys(absent))}"
            )
    if not lines:
        lines.append(
            f"plan: {plural(n_endpoints, 'endpoint')}, each with a tube or library to show it"
        )
    return lines


def not_measured_elsewhere(plan: AnalysisPlan, shown: Shown) -> list[str]:
    """Return a line for each block beside the families that names populations which nothing in the
    study shows, and for each composition whose parts lie in one another.
    """
    from itc_analysis.stats.plan.compositions import REST

    measured, libraries = shown.measured, shown.libraries

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
        own = by_libraries(names) if item.assay == SINGLE_CELL else by_flow(names)
        found[f"composition '{item.name}'"] = own + _within_one_another(names, measured.parents)
    if plan.modalities is not None:
        both = plan.modalities.populations
        found["modalities"] = [*by_flow(both), *by_libraries(both)]
    return [
        f"plan, {where}: {'; '.join(dict.fromkeys(absent))}"
        for where, absent in found.items()
        if absent
    ]


def not_planned(plan: AnalysisPlan, measured: Measured) -> list[str]:
    """Return a line with the populations that are measured and in no family, if there are any."""
    from itc_analysis.stats.plan.endpoints import keys_of

    asked = {
        population
        for family in plan.families
        for assay, population, _, _ in keys_of(family.endpoints)
        if assay not in (SINGLE_CELL, _CLINICAL)
    }
    left = sorted(measured.populations - asked)
    if not left:
        return []
    return [f"measured, but in no family of the plan: {_named(left)}"]


def not_stained(plan: AnalysisPlan, shown: Shown) -> list[str]:
    """Return a line for each planned signature with markers that no panel has."""
    from itc_analysis.stats.plan.endpoints import keys_of

    planned = {
        feature
        for family in plan.families
        for assay, _, measure, feature in keys_of(family.endpoints)
        if assay != SINGLE_CELL and measure == "score"
    }
    stained = shown.measured.markers
    lines = []
    for name, markers in sorted(shown.signatures.items()):
        left = [marker for marker in markers if marker not in stained]
        if left and name in planned and stained:
            lines.append(
                f"signature '{name}': no panel has {_named(left)} of {len(markers)} markers"
            )
    return lines


def _why_not(assay: str, population: str, measure: str, feature: str, shown: Shown) -> str | None:
    """Return what is missing for an endpoint, in words; None when one tube or library can show
    it.
    """
    from itc_analysis.stats.plan.endpoints import MINUS

    population, _, other = population.partition(MINUS)
    if assay == SINGLE_CELL:
        return _not_in_libraries(population, measure, feature, shown.libraries)
    if assay == _CLINICAL:
        return None
    for name in (other, population):
        if name and name not in shown.measured.populations:
            return _no_template(name, shown.measured)
    if measure in _ABUNDANCE:
        return _no_abundance(population, measure, shown)
    if measure == "response":
        return _no_response(population, feature, shown)
    if measure == "score":
        return _no_score(population, feature, shown)
    if measure in ("share_positive", "median_intensity"):
        return _no_positivity(population, measure, feature, shown)
    return None


def _not_in_libraries(
    population: str, measure: str, feature: str, libraries: LibraryView | None
) -> str | None:
    if libraries is None:
        return "there are no single-cell libraries"
    if population not in libraries.populations:
        return _no_library(population, libraries)
    if measure == "score":
        known = feature in libraries.signatures
        return None if known else f"no single-cell signature '{feature}'"
    return None if measure == "share_of_t" else f"libraries give no {measure}"


def _no_abundance(population: str, measure: str, shown: Shown) -> str | None:
    panels = shown.measured.panels.values()
    if not any(population in panel.populations & panel.of_t for panel in panels):
        return f"'{population}' lies in no t_cells of its template"
    if measure == "cells_per_ul" and not shown.has_counts:
        return "no tube has counting beads and no sample a count of white blood cells"
    return None


def _no_response(population: str, feature: str, shown: Shown) -> str | None:
    stimulation, _, marker = feature.partition(":")
    if stimulation not in shown.stimulations:
        return f"no stained tube is of a stimulation '{stimulation}'"
    if population not in shown.measured.with_phenotype:
        return _no_phenotype(population)
    if marker not in (*shown.measured.responding, *SEVERAL_MARKERS):
        return f"no template has '{marker}' as a marker of function"
    return None


def _no_positivity(population: str, measure: str, feature: str, shown: Shown) -> str | None:
    panels = _phenotyping(population, shown)
    if not panels:
        return _no_phenotype(population)
    if measure == "share_positive" and feature == SEVERAL_RECEPTORS:
        return None
    if any(feature in panel.functional for panel in panels):
        return None
    return f"no tube with '{population}' has a positivity threshold for '{feature}'"


def _no_score(population: str, feature: str, shown: Shown) -> str | None:
    from itc_analysis.scores.cards.signatures import MIN_FEATURES

    name, _, stimulation = feature.partition(":")
    if name in OF_RESPONSES:
        return None if stimulation in shown.stimulations else f"no tube is of '{stimulation}'"
    panels = _phenotyping(population, shown)
    if not panels:
        return _no_phenotype(population)
    if feature not in shown.signatures:
        return f"no signature '{feature}'"
    markers = set(shown.signatures[feature])
    if max(len(markers & panel.functional) for panel in panels) >= MIN_FEATURES:
        return None
    return (
        f"no tube with '{population}' has positivity thresholds for {MIN_FEATURES} markers of the "
        f"signature '{feature}'"
    )


def _phenotyping(population: str, shown: Shown) -> list[PanelView]:
    """Return the panels in which positivity is read on a population."""
    panels = shown.measured.panels.values()
    return [panel for panel in panels if population in panel.with_phenotype]


def _within_one_another(names: Iterable[str], parents: Mapping[str, str]) -> list[str]:
    """Return, for populations that should share no cell, which are part of another."""
    named = list(names)
    return [
        f"'{name}' is part of '{other}', and parts must share no cell"
        for name in named
        for other in with_above(name, parents)[1:]
        if other in named
    ]


def _no_phenotype(population: str) -> str:
    return f"'{population}' has no phenotype in its template"


def _no_template(population: str, measured: Measured) -> str:
    if not measured.panels:
        return "there are no stained tubes"
    return f"no gating template measures '{population}'{_close(population, measured.populations)}"


def _no_library(population: str, libraries: LibraryView) -> str:
    close = _close(population, libraries.populations)
    return f"no cell of a library is called '{population}'{close}"


def _close(name: str, known: Iterable[str]) -> str:
    """Return the nearest known name as a question in brackets; empty when none is near."""
    hint = did_you_mean(name, sorted(known))
    return f" ({hint})" if hint.startswith("did you") else ""


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    shown = ", ".join(listed[:_MOST_NAMED])
    return shown if len(listed) <= _MOST_NAMED else f"{shown} and {len(listed) - _MOST_NAMED} more"
