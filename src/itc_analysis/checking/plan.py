"""The plan against the templates and panels: read as the jobs will read them, before anything runs.

Part of `itc check`. What stops a job stops the check; what no job would mind is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from itc_analysis.checking import gaps
from itc_analysis.checking.shown import Shown, read_templates, view_libraries
from itc_analysis.errors import ItcError, collecting, one_error

if TYPE_CHECKING:
    from itc_analysis.config.sections import Cohort, Conditions, Study
    from itc_analysis.stats.plan.plan import AnalysisPlan

Outcome = TypeVar("Outcome")


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
    measured, of_templates = read_templates(study, named_panels(study))
    errors += of_templates
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
    shown = Shown(
        measured,
        {card.name: card.features for card in cards if card.assay == "flow"},
        view_libraries(cards) if libraries else None,
        stimulations=frozenset(set(conditions.controls) & stained),
        has_counts=has_counts,
    )
    return [
        *gaps.not_measured(plan, shown),
        *gaps.not_measured_elsewhere(plan, shown),
        *gaps.not_planned(plan, measured),
        *gaps.not_stained(plan, shown),
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
        with collecting(errors):
            refuse_across_subsets(name, features.get((assay, name), ()), assay, populations)
    if errors:
        raise one_error(errors)
