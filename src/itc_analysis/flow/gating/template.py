"""The gating template: one entry per population, in the order in which it is gated.

``config/gating/<panel>.yaml`` in the manner of openCyto's table (doi:10.1371/journal.pcbi.1003806).
Everything that is wrong in a template is reported at once.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field

from itc_analysis.config.loading import read_yaml, validate
from itc_analysis.config.sections import Section
from itc_analysis.errors import Fault, SettingsError, did_you_mean
from itc_analysis.flow.gating.blocks import expand_blocks
from itc_analysis.flow.gating.geometry import Combination
from itc_analysis.flow.gating.methods.registry import (
    COMBINING,
    LIMITS,
    METHODS,
    REFERENCE,
    REFERENCE_OF,
    arguments_of,
    types_of,
)
from itc_analysis.flow.scale.scales import TransformSettings

#: Methods whose cut `level` may place.
_BY_LEVEL = ("density_minimum", "rare_positive")
#: The parent of the first populations: every clean event of the tube.
ROOT = "all"


class Population(Section):
    """One population of a template."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$", max_length=80, description="Name, as in every table."
    )
    parent: str = Field(description="An earlier population, or all.")
    markers: tuple[str, ...] = Field(
        (), description="Markers the gate looks at; none for complement and boolean."
    )
    method: str = Field(description="Gating method.")
    side: Literal["above", "below"] | None = Field(
        None, description="Side of the cut on which the population lies."
    )
    level: Literal["bright", "positive"] | None = Field(
        None,
        description="Which of a marker's levels: `bright` for the highest of negative, "
        "intermediate and bright, as the tubes of a batch show them together; `positive` for "
        "everything above the lowest valley where there are two. Without it, a gate with two "
        "valleys that change the count is ambiguous.",
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="Of the method.")
    control: str | None = Field(
        None, description="Marker whose FMO tubes give a cut when the tubes themselves cannot."
    )
    min_parent: int = Field(
        200, ge=1, description="A tube with fewer events in the parent does not decide on the cut."
    )
    fallback: Literal["borrowed", "control", "none"] = Field(
        "borrowed", description="What serves first where the tube cannot decide."
    )
    on_failure: Literal["not_estimable", "stop"] = Field(
        "not_estimable", description="When nothing decides: record it, or stop the run."
    )
    measured: bool = Field(
        default=False, description="A result in itself, not only a step on the way."
    )
    phenotype: bool = Field(default=False, description="Marker positivity is wanted.")
    view: str | None = Field(
        None, description="Marker on the y axis of the plot of a one-dimensional gate."
    )

    @property
    def is_combination(self) -> bool:
        """Whether the population is made of other populations."""
        return self.method in COMBINING

    @property
    def follows(self) -> str | None:
        """The population whose cut is taken over; None for every other method."""
        return str(self.arguments[REFERENCE_OF]) if self.method == REFERENCE else None

    @property
    def combination(self) -> Combination:
        """What a combination is made of."""
        if self.method == "complement":
            return Combination(none_of=tuple(self.arguments["of"]))
        return Combination(**{name: tuple(value) for name, value in self.arguments.items()})


class Positivity(Section):
    """A functional marker whose positive cells are counted within populations."""

    marker: str = Field(description="The marker.")
    role: Literal["inhibitory", "activation", "function", "other"] = Field(
        description="inhibitory receptors are also counted in combination, and so are markers of "
        "function, whose responses to stimulation are measured."
    )


class Template(Section):
    """A gating template."""

    panel: str = Field(description="The panel it is for.")
    transform: TransformSettings = Field(
        TransformSettings(), description="Scales on which the gates are drawn."
    )
    denominator: str = Field(
        ROOT,
        description=(
            "Population that shares refer to; positivity thresholds are never taken above it."
        ),
    )
    populations: tuple[Population, ...] = Field(min_length=1, description="In gating order.")
    positivity: tuple[Positivity, ...] = Field((), description="Functional markers.")

    @cached_property
    def by_name(self) -> dict[str, Population]:
        """Populations by name."""
        return {population.name: population for population in self.populations}

    def ancestors(self, name: str) -> tuple[str, ...]:
        """Return the population and its ancestors up to the denominator, nearest first."""
        chain = [name]
        while chain[-1] not in (ROOT, self.denominator):
            chain.append(self.by_name[chain[-1]].parent)
        return tuple(chain)

    def markers(self) -> tuple[str, ...]:
        """Return every marker the template looks at, once, in order."""
        named = [marker for population in self.populations for marker in population.markers]
        named += [positivity.marker for positivity in self.positivity]
        return tuple(dict.fromkeys(named))


def load_template(path: str | Path, *, panel_markers: Collection[str] | None = None) -> Template:
    """Read and check a template.

    Parameters
    ----------
    path : str or Path
        the YAML file.
    panel_markers : collection of str, optional
        markers of the panel sheet; markers of the template are checked against them.

    Raises
    ------
    SettingsError
        every fault of the template.
    """
    return check_template(read_yaml(path), str(path), panel_markers=panel_markers)


def check_template(
    data: Any, source: str, *, panel_markers: Collection[str] | None = None
) -> Template:
    """Return the template that plain data describe, or raise a `SettingsError` with all faults."""
    template = validate(Template, expand_blocks(data, source), source)
    faults = _faults(template, panel_markers)
    if faults:
        raise SettingsError(source, faults)
    return template


def _faults(template: Template, panel_markers: Collection[str] | None) -> list[Fault]:
    faults: list[Fault] = []
    names = [population.name for population in template.populations]
    earlier: dict[str, Population] = {}
    for population in template.populations:
        where = f"population '{population.name}'"
        if population.name == ROOT or population.name in earlier:
            faults.append(Fault(where, "the name appears twice", "give it another name"))
        faults += _faults_of_parent(population, where, names, earlier)
        if population.is_combination:
            faults += _faults_of_combination(population, where, names, earlier)
        elif population.method == REFERENCE:
            faults += _faults_of_reference(population, where, names, earlier)
        elif population.method not in METHODS:
            known = [*METHODS, *COMBINING, REFERENCE]
            what = f"unknown method '{population.method}'"
            faults.append(Fault(where, what, did_you_mean(population.method, known)))
        else:
            faults += _faults_of_method(population, where)
        earlier[population.name] = population
    if template.denominator not in (ROOT, *names):
        what = f"denominator '{template.denominator}' is not a population"
        faults.append(Fault("", what, did_you_mean(template.denominator, [ROOT, *names])))
    if panel_markers is not None:
        from itc_analysis.flow.panel.markers import other_name

        others = (*template.markers(), *_other_markers(template))
        scaled = [marker for marker in template.transform.markers if marker not in others]
        for marker in (*others, *scaled):
            if marker not in panel_markers:
                what = f"marker '{marker}' is not in the panel sheet"
                alias = other_name(marker, sorted(panel_markers))
                remedy = did_you_mean(marker, sorted(panel_markers))
                if alias is not None:
                    remedy = f"'{alias}' in the sheet is {marker} of the template: rename it"
                faults.append(Fault("", what, remedy))
    repeated = [p.marker for p in template.positivity]
    faults += [
        Fault("positivity", f"marker '{marker}' appears twice", "keep one")
        for marker in sorted({m for m in repeated if repeated.count(m) > 1})
    ]
    return faults


def _faults_of_parent(
    population: Population, where: str, names: list[str], earlier: dict[str, Population]
) -> list[Fault]:
    parent = population.parent
    if parent == ROOT or parent in earlier:
        return []
    if parent in names:
        return [Fault(where, f"its parent '{parent}' stands after it", "move the parent up")]
    return [Fault(where, f"unknown parent '{parent}'", did_you_mean(parent, [ROOT, *names]))]


def _faults_of_combination(
    population: Population, where: str, names: list[str], earlier: dict[str, Population]
) -> list[Fault]:
    faults = []
    known = COMBINING[population.method]
    given = population.arguments
    faults += [
        Fault(where, f"unknown argument '{name}' of {population.method}", did_you_mean(name, known))
        for name in given
        if name not in known
    ]
    if not any(name in known for name in given):
        wanted = " or ".join(f"'{name}'" for name in known)
        faults.append(Fault(where, f"{population.method} needs {wanted}", "name other populations"))
    named = [given[name] for name in known if isinstance(given.get(name), list)]
    faults += [
        Fault(where, f"'{name}' names no population", "name some, or take it out")
        for name in known
        if given.get(name) == []
    ]
    if population.method == "boolean" and sum(map(len, named)) == 1 and not given.get("none_of"):
        faults.append(Fault(where, "one population alone is no combination", "name another one"))
    if population.markers:
        what = f"{population.method} looks at populations, not at markers"
        faults.append(Fault(where, what, "remove 'markers'"))
    all_of = given["all_of"] if isinstance(given.get("all_of"), list) else []
    for name in known:
        members = given.get(name, [])
        if not isinstance(members, list):
            what = f"'{name}' must be a list of populations"
            faults.append(Fault(where, what, f"write {name}: [{members}]"))
            continue
        if len(set(map(str, members))) < len(members):
            faults.append(Fault(where, f"'{name}' names a population twice", "name each once"))
        both = [one for one in members if name == "none_of" and one in all_of]
        if both:
            what = f"'{both[0]}' is in all_of and in none_of: no cell can be in the population"
            faults.append(Fault(where, what, "take it out of one of them"))
        for member in map(str, members):
            if member not in earlier:
                late = member in names
                what = f"'{member}' stands after it" if late else f"unknown population '{member}'"
                remedy = "move it up" if late else did_you_mean(member, names)
                faults.append(Fault(where, what, remedy))
            elif population.parent not in _parents(member, earlier):
                what = f"'{member}' does not lie within '{population.parent}'"
                faults.append(Fault(where, what, "combine populations of one branch only"))
    return faults


def _faults_of_reference(
    population: Population, where: str, names: list[str], earlier: dict[str, Population]
) -> list[Fault]:
    faults = [
        Fault(
            where, f"unknown argument '{name}' of {REFERENCE}", did_you_mean(name, [REFERENCE_OF])
        )
        for name in population.arguments
        if name != REFERENCE_OF
    ]
    if population.side is None:
        faults.append(Fault(where, f"{REFERENCE} needs a side", "add side: above or below"))
    if REFERENCE_OF not in population.arguments:
        what = f"{REFERENCE} needs '{REFERENCE_OF}'"
        return [*faults, Fault(where, what, "name the population whose cut serves")]
    name = str(population.arguments[REFERENCE_OF])
    other = earlier.get(name)
    if other is None:
        late = name in names
        what = f"'{name}' stands after it" if late else f"unknown population '{name}'"
        return [*faults, Fault(where, what, "move it up" if late else did_you_mean(name, names))]
    if len(other.markers) != 1 or (other.side is None and other.method != "rare_positive"):
        faults.append(Fault(where, f"'{name}' has no cut in one marker", "name one that has"))
    elif other.markers != population.markers:
        what = f"'{name}' cuts {', '.join(other.markers)}, not {', '.join(population.markers)}"
        faults.append(Fault(where, what, "take a population with a cut in the same marker"))
    return faults


def _parents(name: str, earlier: dict[str, Population]) -> list[str]:
    """Return the parent, its parent, ... up to the root or the first that is unknown or stands in
    the chain already (a circle, which is a fault of its own).
    """
    chain: list[str] = []
    while name in earlier and name not in chain[:-1]:
        name = earlier[name].parent
        chain.append(name)
    return chain


def _faults_of_method(population: Population, where: str) -> list[Fault]:
    card = METHODS[population.method]
    faults = []
    n = len(population.markers)
    allowed = (card.n_markers,) if isinstance(card.n_markers, int) else card.n_markers
    if n == 0 or (allowed is not None and n not in allowed):
        wanted = " or ".join(map(str, allowed)) if allowed else "one or more"
        what = f"{population.method} takes {wanted} marker(s), found {n}"
        faults.append(Fault(where, what, card.reads_as))
    if len(set(population.markers)) < n:
        faults.append(Fault(where, "a marker appears twice", "name two markers"))
    if population.level is not None and (population.method not in _BY_LEVEL or n != 1):
        what = f"level takes one marker and one of {', '.join(_BY_LEVEL)}"
        faults.append(Fault(where, what, "remove 'level', or change the method"))
    elif population.level is not None and population.side == "below":
        what = "what lies below a level has no name"
        faults.append(
            Fault(where, what, "gate the level with side: above, and take its complement")
        )
    if card.takes_side and population.side is None:
        faults.append(Fault(where, f"{population.method} needs a side", "add side: above or below"))
    if not card.takes_side and population.side is not None:
        faults.append(Fault(where, f"{population.method} takes no side", "remove 'side'"))
    if population.control is not None and population.control not in population.markers:
        what = f"control '{population.control}' is not a marker of the gate"
        faults.append(Fault(where, what, did_you_mean(population.control, population.markers)))
    known = arguments_of(population.method)
    hints = types_of(population.method)
    for name, value in population.arguments.items():
        if name not in known:
            what = f"unknown argument '{name}' of {population.method}"
            faults.append(Fault(where, what, did_you_mean(name, known)))
        elif not _fits(value, hints[name]):
            choices = get_args(hints[name])
            wanted = " or ".join(map(str, choices)) if choices else "a number"
            faults.append(Fault(where, f"argument '{name}' is {value!r}", f"give {wanted}"))
        elif name in LIMITS and not LIMITS[name].hold(value):
            limits = LIMITS[name]
            wanted = f"a number between {limits.lowest:g} and {limits.highest:g}"
            remedy = f"give {wanted}: {limits.why}"
            faults.append(Fault(where, f"argument '{name}' is {value!r}", remedy))
    faults += [
        Fault(where, f"argument '{name}' of {population.method} is missing", "add it")
        for name, parameter in known.items()
        if parameter.default is inspect.Parameter.empty and name not in population.arguments
    ]
    return faults


def _fits(value: Any, hint: Any) -> bool:
    allowed = get_args(hint)
    if allowed:
        return value in allowed
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _other_markers(template: Template) -> list[str]:
    seen = set(template.markers())
    views = [population.view for population in template.populations if population.view]
    return [view for view in dict.fromkeys(views) if view not in seen]
