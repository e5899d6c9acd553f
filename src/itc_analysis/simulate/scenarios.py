"""What a simulated study plants, by name: group effects, ages, subsets, spread, batches.

Each scenario but `effect` plants one thing that the field fears could be taken for another, so
that what the analysis says can be held against what is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from itc_analysis.simulate.parameters import (
    ACTIVATION_MARKERS,
    BALANCED,
    CONFOUNDED_INDEX,
    CONFOUNDED_OTHER,
    DISEASE_EFFECTS,
    FUNCTION_MARKERS,
    INHIBITORY_MARKERS,
    Demography,
    GroupEffect,
)

#: Size of what is planted, as odds ratios in every T-cell population [P]: about five SD of healthy
#: people.
RAISED, LOWERED = 6.0, 0.15
#: PD-1 rises on activation, and alone shows nothing else [P; direction domain 5.1].
PD1_ON_ACTIVATION = 2.0
INDEX = "SSc"


@dataclass(frozen=True)
class Card:
    """A scenario.

    Parameters
    ----------
    sentence : str
        What is planted.
    effects : mapping of str to GroupEffect
        By group; groups that are not named differ in nothing.
    index, others : Demography
        Ages, sexes and CMV status of the index group and of the others.
    subsets_differ : bool
        Vdelta1 and Vdelta2, and double-negative and CD8 MAIT cells, have a positivity and a
        response of their own.
    spread : float
        How much more people differ than usual, as a factor of the SDs.
    batch_imbalance : float
        0: every batch holds every group alike; 1: batches go with groups.
    treated : float
        Share of the index group that takes an immunosuppressant, which lowers activation and
        function.
    cd161_intermediate : float
        Share of the Valpha7.2+ cells that are no MAIT cells which carry CD161 0.4 to 1.3 decades
        below MAIT cells, in everybody.
    captured : mapping of str to float
        How much likelier, as a factor, a cell of a leaf population of the index group is to get
        into a single-cell library.
    """

    sentence: str
    effects: Mapping[str, GroupEffect] = field(default_factory=dict)
    index: Demography = BALANCED
    others: Demography = BALANCED
    subsets_differ: bool = False
    spread: float = 1.0
    batch_imbalance: float = 0.0
    treated: float = 0.0
    cd161_intermediate: float = 0.0
    captured: Mapping[str, float] = field(default_factory=dict)


def _everywhere(markers: tuple[str, ...], odds: float) -> dict[tuple[str, str], float]:
    return {("*", marker): odds for marker in markers}


_RECEPTORS = _everywhere(INHIBITORY_MARKERS, RAISED)
_ACTIVATED = _everywhere(ACTIVATION_MARKERS, RAISED)
_DYSFUNCTION = _everywhere(FUNCTION_MARKERS, LOWERED)

CARDS: dict[str, Card] = {
    "effect": Card("published directions, in every disease", DISEASE_EFFECTS),
    "null": Card("no difference"),
    "abundance_only": Card(
        "frequencies alone",
        {group: GroupEffect(effect.ratios) for group, effect in DISEASE_EFFECTS.items()},
    ),
    "confounded": Card(
        "older, CMV-positive SSc, no other difference", {}, CONFOUNDED_INDEX, CONFOUNDED_OTHER
    ),
    "dysfunction_only": Card(
        "SSc cells respond less, and look like anybody's",
        {INDEX: GroupEffect(responses=_DYSFUNCTION)},
    ),
    "activation_only": Card(
        "SSc cells are activated, with PD-1, and respond as anybody's",
        {INDEX: GroupEffect(odds_ratios={**_ACTIVATED, ("*", "PD-1"): PD1_ON_ACTIVATION})},
    ),
    "receptor_high_only": Card(
        "SSc cells carry more inhibitory receptors, and respond as anybody's",
        {INDEX: GroupEffect(odds_ratios=_RECEPTORS)},
    ),
    "exhausted": Card(
        "SSc cells carry more inhibitory receptors and respond less",
        {INDEX: GroupEffect(odds_ratios=_RECEPTORS, responses=_DYSFUNCTION)},
    ),
    "composition_shift": Card(
        "SSc has more Vdelta1 and double-negative MAIT cells; each subset is as in anybody",
        {INDEX: GroupEffect(vd2neg_share=0.75, mait_dn_share=0.55)},
        subsets_differ=True,
    ),
    "cd161_lost": Card(
        "MAIT cells of SSc lose CD161 tenfold (as in RA, Koppejan), in unchanged number",
        {INDEX: GroupEffect(cd161_log10=-1.0)},
    ),
    "cd161_intermediate": Card(
        "no difference; many Valpha7.2+ cells between CD161 low and MAIT", cd161_intermediate=0.4
    ),
    "capture": Card(
        "no difference in blood; MAIT cells of SSc are caught half as often in libraries",
        captured={"mait": 0.5},
    ),
    "older_cmv": Card(
        "published directions in SSc that is older and CMV-positive",
        DISEASE_EFFECTS,
        CONFOUNDED_INDEX,
        CONFOUNDED_OTHER,
    ),
    "treatment": Card(
        "two thirds of SSc take an immunosuppressant, which lowers activation and response",
        treated=0.67,
    ),
    "batch_imbalance": Card("no difference; SSc mostly in other batches than healthy people",
                            batch_imbalance=0.8),
    "wider_people": Card("no difference; people differ 1.8 times as much", spread=1.8),
}  # fmt: skip
#: Names, in the order of the help.
SCENARIOS: tuple[str, ...] = tuple(CARDS)


def card_of(scenario: str) -> Card:
    """Return what a scenario plants."""
    return CARDS[scenario]


def effect_of(group: str, scenario: str) -> GroupEffect:
    """Return what `group` differs in."""
    return CARDS[scenario].effects.get(group, GroupEffect())


def demography_of(group: str, scenario: str, *, index_group: str) -> Demography:
    """Return how ages, sexes and CMV status of a group are drawn."""
    card = CARDS[scenario]
    return card.index if group == index_group else card.others
