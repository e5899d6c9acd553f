"""All gating methods by name. A new method is a file with `fit` and `card`, and a line here."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Limits:
    """Between which numbers an argument makes sense, both excluded, and what it is."""

    lowest: float
    highest: float
    why: str

    def hold(self, value: float) -> bool:
        """Return whether a number lies between them."""
        return self.lowest < value < self.highest


#: Of arguments that several methods have, by name.
LIMITS = {
    "coverage": Limits(0, 1, "it is a share"),
    "min_share": Limits(0, 1, "it is a share"),
    "z": Limits(0, 100, "it counts standard deviations"),
    # nothing lies further out: a larger number was read off an axis in instrument units
    "cut": Limits(-5, 5, "cuts are in transformed units, 0 to 1 over the scale"),
}
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
