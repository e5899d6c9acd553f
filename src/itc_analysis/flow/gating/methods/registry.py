"""All gating methods by name. A new method is a file with `fit` and `card`, and a line here."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any, get_type_hints

from itc_analysis.flow.gating.fitted import Card
from itc_analysis.flow.gating.methods import (
    bright_in_all,
    density_contour,
    density_minimum,
    fixed,
    mixture,
    quadrant,
    rare_positive,
    scatter_ellipse,
    singlets,
    tail,
)

METHODS: dict[str, Card] = {
    card.name: card
    for card in (
        density_minimum.card(),
        tail.card(),
        mixture.card(),
        density_contour.card(),
        quadrant.card(),
        rare_positive.card(),
        bright_in_all.card(),
        singlets.card(),
        scatter_ellipse.card(),
        fixed.card(),
    )
}
#: Methods that look at other populations instead of markers: arguments they take.
COMBINING: dict[str, tuple[str, ...]] = {
    "complement": ("of",),
    "boolean": ("all_of", "any_of", "none_of"),
}
#: The method that takes over the cut of another population, and the argument that names it.
REFERENCE, REFERENCE_OF = "reference", "of"
_GIVEN_BY_FIT = {"values", "markers", "side", "n_bootstrap", "seed"}


@cache
def arguments_of(method: str) -> dict[str, inspect.Parameter]:
    """Return the arguments that a template may give to a method, with their defaults."""
    parameters = inspect.signature(METHODS[method].fit).parameters
    return {name: p for name, p in parameters.items() if name not in _GIVEN_BY_FIT}


@cache
def types_of(method: str) -> dict[str, Any]:
    """Return the type of every argument of a method."""
    return get_type_hints(METHODS[method].fit)
