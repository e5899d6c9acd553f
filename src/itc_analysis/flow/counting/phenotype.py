"""Which cells of a tube carry which functional markers: levels, positive cells, combinations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from itc_analysis.config.sections import Counting
from itc_analysis.flow.counting.intensity import (
    Controls,
    PositivityThreshold,
    combination_rows,
    end_in_stained_tubes,
    intensity_row,
    learned_threshold,
)
from itc_analysis.flow.counting.positives import part_beyond
from itc_analysis.flow.gates.final import FinalGate
from itc_analysis.flow.gating.template import Template
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.tube.membership import Membership

#: Roles of markers that are counted in combination.
COMBINED = ("inhibitory", "function")


def measure_phenotype(
    membership: Membership,
    template: Template,
    controls: Controls,
    gates: Mapping[str, FinalGate],
    settings: Counting,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows of `Intensity` and of `Combinations` of a stained tube.

    Parameters
    ----------
    membership : Membership
        the tube with its populations.
    controls : Controls
        what the control tubes of its batch show.
    gates : mapping of str to FinalGate
        of the tube; thresholds without control stand among them.
    settings : Counting
        the flow section: `fmo_quantile`, `min_phenotype_events`.
    """
    intensity: list[dict[str, Any]] = []
    combinations: list[dict[str, Any]] = []
    thresholds_of = {
        p.marker: partial(
            _threshold,
            controls,
            gates,
            template,
            p.marker,
            quantile=settings.fmo_quantile,
            scale=membership.tube.transforms.get(p.marker),
        )
        for p in template.positivity
    }
    expected = {
        marker: _expected(membership, template.denominator, marker, find, settings)
        for marker, find in thresholds_of.items()
    }
    for population in (p for p in template.populations if p.phenotype):
        thresholds: dict[str, dict[str, float]] = {role: {} for role in COMBINED}
        errors: dict[str, float] = {}
        for positivity in template.positivity:
            marker = positivity.marker
            found = thresholds_of[marker](population.name)
            row = intensity_row(
                membership,
                population.name,
                marker,
                found,
                expected=expected[marker],
                min_events=settings.min_phenotype_events,
            )
            intensity.append({**row, "role": positivity.role})
            if positivity.role in COMBINED and found.value is not None:
                thresholds[positivity.role][marker] = found.value
                errors[marker] = found.standard_error or 0.0
        if population.name in membership:
            combinations += [
                {**row, "role": role}
                for role in COMBINED
                for row in combination_rows(membership, population.name, thresholds[role], errors)
            ]
    return intensity, combinations


def _threshold(
    controls: Controls,
    gates: Mapping[str, FinalGate],
    template: Template,
    marker: str,
    population: str,
    *,
    quantile: float,
    scale: Transform | None,
) -> PositivityThreshold:
    end = end_in_stained_tubes(gates, marker)
    found = controls.threshold(
        marker,
        population,
        template,
        quantile=quantile,
        end_of_stained=None if end is None or scale is None else (scale, end),
    )
    if found is None:
        return learned_threshold(gates, marker, template.ancestors(population))
    return found


def _expected(
    membership: Membership,
    denominator: str,
    marker: str,
    find: Callable[[str], PositivityThreshold],
    settings: Counting,
) -> float:
    """Return the part of the negative T cells that lies above a marker's threshold."""
    least = 1 - settings.fmo_quantile
    threshold = find(denominator).value
    if threshold is None or denominator not in membership or marker not in membership.tube.markers:
        return least
    return part_beyond(np.sort(membership.values_of(marker, denominator)), threshold, least)
