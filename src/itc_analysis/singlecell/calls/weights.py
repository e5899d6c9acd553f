"""The weights behind each call, as `resources/innate_evidence.yaml` holds them, each with its
source.
"""

from __future__ import annotations

from functools import cached_property
from importlib import resources
from typing import Literal

import numpy as np
from pydantic import Field

from itc_analysis.config.loading import read_yaml, validate
from itc_analysis.config.sections import Section
from itc_analysis.statistics.arrays import BoolArray, FloatArray

Call = Literal[
    "mait",
    "inkt",
    "gd_t_cells",
    "innate_cd8",
    "cd4_t_cells",
    "cd8_t_cells",
    "not_t",
    "doublet",
]
NOT_T_CALLS = ("not_t", "doublet")


class Model(Section):
    """How far a single gene or chain is believed."""

    dispersion_size: float = Field(gt=0)
    share_ambient: float = Field(ge=0, lt=1)
    share_wrong: float = Field(gt=0, lt=0.5)
    min_segment_cells: float = Field(ge=0, le=1)
    opposing_ratio: float = Field(gt=1)


class CellClass(Section):
    """A class of cells, finer than the calls: Vd2 and other gamma-delta cells are one call."""

    call: Call
    share: float = Field(gt=0, le=1)
    mixture_of: tuple[str, ...] = ()
    rna_as: str | None = None


class Level(Section):
    """A gene, or several counted together, that every cell of a class expresses."""

    source: str
    genes: dict[str, dict[str, float]]


class Segment(Section):
    """A V gene: used by a share of the cells of a class."""

    source: str
    rate: float = Field(gt=0)
    share: dict[str, float]


class Chains(Section):
    """Share of the cells of a class in which a productive chain of the locus is seen."""

    source: str
    alpha: dict[str, float]
    beta: dict[str, float]
    delta: dict[str, float]


class ThreeChains(Section):
    """Share of cells with three or more productive chains of one locus."""

    source: str
    singlet: float
    doublet: float


class Kinds(Section):
    """Shares of the kinds of a chain among the chains of a class."""

    source: str
    mait: dict[str, float]
    inkt: dict[str, float]
    other: dict[str, float]
    mait_other_length: dict[str, float] = Field(default_factory=dict)


class Receptor(Section):
    """What contigs say."""

    chains: Chains
    three_chains: ThreeChains
    alpha_kinds: Kinds
    beta_kinds: Kinds


class Evidence(Section):
    """All weights, as `innate_evidence.yaml` holds them."""

    sources: dict[str, str]
    model: Model
    families: dict[str, tuple[str, ...]]
    classes: dict[str, CellClass]
    requires: dict[str, tuple[tuple[str, ...], ...]]
    needs_receptor: tuple[str, ...]
    needs_segments: tuple[str, ...]
    own_alpha: dict[str, str]
    levels: dict[str, Level]
    segments: dict[str, Segment]
    proteins: dict[str, dict[str, float]]
    receptor: Receptor

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the classes; the order of every array's last axis."""
        return tuple(self.classes)

    @cached_property
    def log_prior(self) -> FloatArray:
        """Log share of each class before a cell is looked at, shape (n_classes,)."""
        shares = np.array([item.share for item in self.classes.values()])
        logs: FloatArray = np.log(shares / shares.sum())
        return logs

    def of_call(self, *calls: str) -> BoolArray:
        """Return which classes belong to any of `calls`, shape (n_classes,)."""
        return np.array([item.call in calls for item in self.classes.values()])

    @cached_property
    def is_t(self) -> BoolArray:
        """Which classes are T cells, shape (n_classes,)."""
        return ~self.of_call(*NOT_T_CALLS)

    def per_class(self, values: dict[str, float]) -> FloatArray:
        """Spread values by class, family, ``not_t`` or ``doublet`` over the classes; 0 where none
        is named.

        A class named itself wins over its family. A mixture is the mean of its parents.
        """
        found = np.zeros(len(self.names))
        for position, (name, item) in enumerate(self.classes.items()):
            if name in values:
                found[position] = values[name]
            elif item.call in values:
                found[position] = values[item.call]
            elif item.mixture_of:
                continue
            else:
                # the smallest family is the most particular
                families = [f for f, members in self.families.items() if name in members]
                families.sort(key=lambda family: len(self.families[family]))
                found[position] = next((values[f] for f in families if f in values), 0.0)
        for position, item in enumerate(self.classes.values()):
            if item.mixture_of and item.call not in values:
                parents = [self.names.index(parent) for parent in item.mixture_of]
                found[position] = found[parents].mean()
        return found


def genes_of_calls(evidence: Evidence) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Return, by population, the genes that define its call, and all that weigh in it.

    A cell gets the call only if it shows the first (a gene of each set of `requires`, the V gene of
    the alpha chain; CD4 and CD8 T cells are parted by CD4, CD8A and CD8B), so their level says how
    cells were called. The others move a call with the rest.
    """
    weighing = frozenset(gene for level in evidence.levels.values() for gene in level.genes)
    weighing |= set(evidence.segments)
    # shown by the one and lacked by the other: both are called by all three
    coreceptors = {gene for name in ("CD4", "CD8A", "CD8B") for gene in evidence.levels[name].genes}
    defining = {call: set(coreceptors) for call in ("cd4_t_cells", "cd8_t_cells")}
    for call, sets in evidence.requires.items():
        defining.setdefault(call, set()).update(*sets)
    for call, gene in evidence.own_alpha.items():
        defining.setdefault(call, set()).add(gene)
    return {call: (frozenset(genes), weighing) for call, genes in defining.items()}


def read_evidence() -> Evidence:
    """Read the weights that are shipped with the package."""
    with resources.as_file(
        resources.files("itc_analysis") / "resources" / "innate_evidence.yaml"
    ) as path:
        return validate(Evidence, read_yaml(path), path.name)
