"""What the tubes and libraries of a study can show, as its templates, panels and signatures say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from itc_analysis.errors import Fault, ItcError, SettingsError, collecting, one_error

if TYPE_CHECKING:
    from itc_analysis.config.sections import Study
    from itc_analysis.flow.gating.template import Population, Template
    from itc_analysis.scores.cards.signatures import Signature

#: Where endpoints of single-cell libraries come from.
SINGLE_CELL = "singlecell"


@dataclass(frozen=True)
class PanelView:
    """What the tubes of one panel can show.

    Parameters
    ----------
    template : Template
        how they are gated.
    markers : frozenset of str
        all markers of the panel.
    """

    template: Template
    markers: frozenset[str]

    @cached_property
    def populations(self) -> frozenset[str]:
        """Populations that a number is made of."""
        return frozenset(p.name for p in self.template.populations if p.measured)

    @cached_property
    def with_phenotype(self) -> frozenset[str]:
        """Populations with marker positivity."""
        return frozenset(p.name for p in self.template.populations if p.phenotype)

    @cached_property
    def functional(self) -> frozenset[str]:
        """Markers with a positivity threshold."""
        return frozenset(p.marker for p in self.template.positivity)

    @cached_property
    def of_t(self) -> frozenset[str]:
        """Populations that are T cells: t_cells, and what is gated in it."""
        from itc_analysis.measurements.abundance import DENOMINATOR

        parents = {p.name: p.parent for p in self.template.populations}
        return frozenset(name for name in parents if DENOMINATOR in with_above(name, parents))


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
    panels : mapping of str to PanelView
        panel by panel: a population and a marker make an endpoint only in one tube.
    """

    panels: Mapping[str, PanelView]

    @cached_property
    def populations(self) -> frozenset[str]:
        """Populations that a number is made of, of all panels."""
        return frozenset().union(*(panel.populations for panel in self.panels.values()))

    @cached_property
    def with_phenotype(self) -> frozenset[str]:
        """Populations with marker positivity."""
        return frozenset().union(*(panel.with_phenotype for panel in self.panels.values()))

    @cached_property
    def functional(self) -> frozenset[str]:
        """Markers with a positivity threshold."""
        return frozenset().union(*(panel.functional for panel in self.panels.values()))

    @cached_property
    def responding(self) -> frozenset[str]:
        """Markers of function."""
        templates = [panel.template for panel in self.panels.values()]
        return frozenset(
            p.marker for template in templates for p in template.positivity if p.role == "function"
        )

    @cached_property
    def markers(self) -> frozenset[str]:
        """All markers of the panels."""
        return frozenset().union(*(panel.markers for panel in self.panels.values()))

    @cached_property
    def ordered(self) -> tuple[str, ...]:
        """All populations, in the order of the templates."""
        return tuple(self.parents)

    @cached_property
    def denominators(self) -> frozenset[str]:
        """Populations that shares refer to."""
        return frozenset(panel.template.denominator for panel in self.panels.values())

    @cached_property
    def parents(self) -> dict[str, str]:
        """Population that each population is gated in."""
        return {population.name: population.parent for population in self._every()}

    def _every(self) -> Iterator[Population]:
        for panel in self.panels.values():
            yield from panel.template.populations


@dataclass(frozen=True)
class Shown:
    """What a study can show.

    Parameters
    ----------
    measured : Measured
        by its tubes.
    signatures : mapping of str to tuple of str
        markers of each signature of tubes.
    libraries : LibraryView or None
        by its single-cell libraries; None without any.
    stimulations : frozenset of str
        conditions of stained tubes that have a control.
    has_counts : bool
        cells per microlitre can be given: by counting beads, or by a haematology analyser.
    """

    measured: Measured
    signatures: Mapping[str, tuple[str, ...]]
    libraries: LibraryView | None
    stimulations: frozenset[str] = frozenset()
    has_counts: bool = True


def measured_by_templates(study: Study, panels: Iterable[str]) -> Measured:
    """Return what the templates of some panels measure.

    Raises
    ------
    ItcErrors
        every fault of every template and panel sheet.
    """
    measured, errors = read_templates(study, panels)
    if errors:
        raise one_error(errors)
    return measured


def read_templates(study: Study, panels: Iterable[str]) -> tuple[Measured, list[ItcError]]:
    """Return what the templates without a fault measure, and the faults of the others."""
    from itc_analysis.flow.gating.template import load_template
    from itc_analysis.flow.panel.markers import read_panel

    found: dict[str, PanelView] = {}
    errors: list[ItcError] = []
    for panel in panels:
        with collecting(errors):
            markers = frozenset(read_panel(Path(study.panels_folder) / f"{panel}.tsv")["marker"])
            path = Path(study.gating_folder) / f"{panel}.yaml"
            template = load_template(path, panel_markers=markers)
            if template.panel != panel:
                what = f"it is the template of panel '{template.panel}', and lies in {path.name}"
                raise SettingsError(str(path), [Fault("panel", what, f"write panel: {panel}")])
            found[panel] = PanelView(template, markers)
    return Measured(found), errors


def view_libraries(cards: Iterable[Signature]) -> LibraryView:
    """Return what libraries can show, by the signatures of a study."""
    from itc_analysis.singlecell.pseudobulk import POPULATIONS

    return LibraryView(
        frozenset(POPULATIONS), frozenset(card.name for card in cards if card.assay == SINGLE_CELL)
    )


def with_above(name: str, parents: Mapping[str, str]) -> list[str]:
    """Return a population and all that it is gated in, nearest first."""
    chain = [name]
    while chain[-1] in parents and parents[chain[-1]] not in chain:
        chain.append(parents[chain[-1]])
    return chain
