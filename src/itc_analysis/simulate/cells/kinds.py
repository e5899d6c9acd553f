"""What each kind of cell carries: how many are positive for a marker, and how brightly.

A kind is finer than a population (MAIT cells come as CD8+, double negative, ...); `Kind.population`
is the leaf that the truth files name. Shares and brightness are priors ([P]) with the order of the
literature: MAIT CD161 bright, few CD4+ [Kurioka 2017]; gamma-delta CD4-; 6B11 one decade or more
above background; innate CD8 Eomes+ with KIR or NKG2A [Jacomet 2015].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Level(NamedTuple):
    """Share of the cells that carry a marker, log10 of its median brightness, and the SD of
    log10.
    """

    share: float
    log10: float
    sd: float


@dataclass(frozen=True)
class Kind:
    """One kind of cell.

    Parameters
    ----------
    population : str
        leaf population, as in the truth files.
    weight : float
        share of the population that is of this kind.
    levels : mapping of str to Level
        marker to `Level`; a marker that is not named is not carried.
    phenotype : str, optional
        population of `HEALTHY_POSITIVITY` whose positivity the T cell follows.
    subset : str
        part of that population whose positivity may differ.
    size, granularity : float
        median FSC-A and SSC-A.
    autofluorescence : float
        relative to a lymphocyte.
    """

    population: str
    weight: float
    levels: Mapping[str, Level]
    phenotype: str | None = None
    subset: str = ""
    size: float = 78_000.0
    granularity: float = 24_000.0
    autofluorescence: float = 1.0


CD3 = Level(1, 4.25, 0.10)
CD3_OF_GD = Level(1, 4.45, 0.10)  # gamma-delta cells carry more CD3
CORECEPTORS: dict[str, dict[str, Level]] = {
    "CD4": {"CD4": Level(1, 4.15, 0.08)},
    "CD8": {"CD8": Level(1, 4.55, 0.12)},
    "DN": {},
    "DP": {"CD4": Level(1, 4.05, 0.10), "CD8": Level(1, 4.2, 0.15)},
    "CD8dim": {"CD8": Level(1, 4.1, 0.2)},
}
#: Brightness of the phenotype's positive cells; dim markers overlap their negatives.
PHENOTYPE_LEVELS = {
    "PD-1": (3.30, 0.30),
    "TIM-3": (3.15, 0.28),
    "LAG-3": (3.10, 0.28),
    "TIGIT": (3.40, 0.28),
    "CD69": (3.40, 0.30),
    "HLA-DR": (3.70, 0.32),
    "CD38": (3.40, 0.35),
    "CD107a": (3.55, 0.28),
    "IFN-g": (3.75, 0.30),
    "TNF": (3.65, 0.30),
}
#: The CD161 continuum of conventional T cells, from negative to intermediate; few reach the MAIT
#: cells' brightness.
CD161_OF_CONVENTIONAL = Level(0.35, 2.95, 0.42)
#: Random use of TRAV1-2 by conventional cells; the share is set per participant.
VA72_LEVEL = (3.95, 0.15)
#: 6B11 on a few cells that are no iNKT cells.
STICKY_6B11 = Level(0.0003, 3.0, 0.25)


def _t_kinds(
    population: str,
    coreceptors: Mapping[str, float],
    phenotype: str,
    **levels: Level,
) -> list[Kind]:
    """Return one kind per coreceptor pattern."""
    return [
        Kind(
            population,
            weight,
            {"CD3": CD3, "6B11": STICKY_6B11, **CORECEPTORS[pattern], **levels},
            phenotype,
        )
        for pattern, weight in coreceptors.items()
    ]


def _conventional(population: str, pattern: str, phenotype: str, **levels: Level) -> list[Kind]:
    own = {"CD161": CD161_OF_CONVENTIONAL, "Va7.2": Level(0, *VA72_LEVEL), **levels}
    base = _t_kinds(population, {pattern: 1.0}, phenotype)[0]
    return [Kind(population, 1.0, {**base.levels, **own}, phenotype)]


def _innate_cd8() -> list[Kind]:
    """KIR, NKG2A or both [P]: about as many with one as with the other."""
    kir, nkg2a = Level(1, 3.75, 0.22), Level(1, 3.75, 0.20)
    eomes = Level(1, 3.75, 0.18)
    patterns = {
        0.45: {"panKIR": kir},
        0.35: {"NKG2A": nkg2a},
        0.20: {"panKIR": kir, "NKG2A": nkg2a},
    }
    return [
        Kind(
            "innate_cd8",
            weight,
            {**_conventional("innate_cd8", "CD8", "innate_cd8", Eomes=eomes)[0].levels, **pattern},
            "innate_cd8",
        )
        for weight, pattern in patterns.items()
    ]


def _gamma_delta(population: str, coreceptors: Mapping[str, float], **levels: Level) -> list[Kind]:
    return [
        Kind(
            kind.population,
            kind.weight,
            {**kind.levels, "CD3": CD3_OF_GD},
            kind.phenotype,
            population,
        )
        for kind in _t_kinds(population, coreceptors, "gd_t_cells", **levels)
    ]


KINDS: tuple[Kind, ...] = (
    *_gamma_delta(
        "vd2_gd",
        {"DN": 0.76, "CD8dim": 0.23, "CD4": 0.01},
        TCRgd=Level(1, 4.05, 0.13),
        Vd2=Level(1, 4.2, 0.12),
        CD161=Level(0.75, 3.6, 0.25),
        Eomes=Level(0.3, 3.4, 0.2),
        NKG2A=Level(0.45, 3.6, 0.25),
        panKIR=Level(0.08, 3.6, 0.25),
    ),
    *_gamma_delta(
        "vd2neg_gd",
        {"DN": 0.60, "CD8dim": 0.38, "CD4": 0.02},
        TCRgd=Level(1, 4.3, 0.14),
        CD161=Level(0.25, 3.3, 0.3),
        Eomes=Level(0.5, 3.5, 0.2),
        NKG2A=Level(0.2, 3.6, 0.25),
        panKIR=Level(0.25, 3.6, 0.25),
    ),
    *(
        Kind(kind.population, kind.weight, {**kind.levels, "6B11": Level(1, 3.95, 0.15)}, "inkt")
        for kind in _t_kinds(
            "inkt",
            {"CD4": 0.45, "DN": 0.37, "CD8dim": 0.18},
            "inkt",
            CD161=Level(0.6, 3.7, 0.25),
            NKG2A=Level(0.15, 3.5, 0.25),
        )
    ),
    *(
        Kind(
            kind.population,
            kind.weight,
            {**kind.levels, "Va7.2": Level(1, 4.0, 0.14)},
            "mait",
            # neither CD4 nor CD8
            "mait_cd8" if {"CD4", "CD8"} & set(kind.levels) else "mait_dn",
        )
        for kind in _t_kinds(
            "mait",
            {"CD8": 0.55, "CD8dim": 0.20, "DN": 0.18, "CD4": 0.05, "DP": 0.02},
            "mait",
            CD161=Level(1, 4.3, 0.15),
            Eomes=Level(0.45, 3.3, 0.2),
            NKG2A=Level(0.2, 3.5, 0.25),
        )
    ),
    *_conventional("cd4_t_cells", "CD4", "cd4_t_cells", Eomes=Level(0.03, 3.4, 0.2)),
    *_conventional(
        "eomes_neg_cd8",
        "CD8",
        "cd8_t_cells",
        panKIR=Level(0.01, 3.6, 0.25),
        NKG2A=Level(0.01, 3.5, 0.25),
    ),
    *_conventional("conventional_memory_cd8", "CD8", "cd8_t_cells", Eomes=Level(1, 3.55, 0.18)),
    *_innate_cd8(),
    *_conventional("dn_t_cells", "DN", "cd8_t_cells", Eomes=Level(0.15, 3.4, 0.2)),
    *_conventional("dp_t_cells", "DP", "cd4_t_cells", Eomes=Level(0.1, 3.4, 0.2)),
    Kind(
        "b_cells",
        1.0,
        {
            "Dump": Level(1, 4.1, 0.12),
            "HLA-DR": Level(1, 4.5, 0.12),
            "CD38": Level(0.7, 3.8, 0.3),
            "CD69": Level(0.05, 3.5, 0.25),
        },
        size=74_000.0,
    ),
    Kind(
        # CD14/CD19 dump: NK cells stay in, and are told by the missing CD3
        "nk_cells",
        1.0,
        {
            "CD161": Level(0.6, 3.6, 0.3),
            "CD8": Level(0.35, 3.8, 0.25),
            "CD38": Level(0.9, 3.9, 0.25),
            "TIGIT": Level(0.5, 3.6, 0.25),
            "TIM-3": Level(0.6, 3.4, 0.25),
            "CD69": Level(0.06, 3.5, 0.25),
            "HLA-DR": Level(0.1, 3.8, 0.25),
            "Eomes": Level(1, 3.85, 0.18),
            "panKIR": Level(0.6, 3.9, 0.25),
            "NKG2A": Level(0.5, 3.9, 0.25),
        },
        size=86_000.0,
        granularity=27_000.0,
    ),
    Kind(
        "monocytes",
        1.0,
        {
            "Dump": Level(1, 4.4, 0.12),
            "CD4": Level(1, 3.4, 0.15),
            "HLA-DR": Level(1, 4.4, 0.2),
            "CD38": Level(1, 4.0, 0.25),
            "CD69": Level(0.05, 3.5, 0.25),
            "TIM-3": Level(0.5, 3.4, 0.25),
        },
        size=128_000.0,
        granularity=70_000.0,
        autofluorescence=2.5,
    ),
)

#: Leaf populations in the truth files, and the canonical populations that count their cells
#: (besides t_cells). Valpha7.2+ conventional cells are marked apart, event by event.
LEAVES: dict[str, tuple[str, ...]] = {
    "vd2_gd": ("gd_t_cells",),
    "vd2neg_gd": ("gd_t_cells",),
    "inkt": (),
    "mait": ("va72_pos",),
    "cd4_t_cells": ("conventional_ab",),
    "eomes_neg_cd8": ("conventional_ab", "cd8_t_cells"),
    "conventional_memory_cd8": ("conventional_ab", "cd8_t_cells", "eomes_cd8"),
    "innate_cd8": ("conventional_ab", "cd8_t_cells", "eomes_cd8"),
    "dn_t_cells": ("conventional_ab",),
    "dp_t_cells": ("conventional_ab",),
}
NON_T_LEAVES = ("b_cells", "nk_cells", "monocytes")
