"""Numbers behind a simulated cohort, each with its source.

``[S]`` published (first author and year), ``[C]`` computed from published numbers, ``[P]`` a prior
where nothing was published. Only the simulation reads them; no default of the analysis does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

#: Name of what is planted, see `scenarios`.
Scenario = str

#: The four primary populations, in the order in which cells are taken out of the T cells.
INNATE_POPULATIONS = ("gd_t_cells", "inkt", "mait", "innate_cd8")


@dataclass(frozen=True)
class HealthyShare:
    """A population's share of T cells in healthy people, log-normal given age, sex and CMV.

    Parameters
    ----------
    median : float
        median share of T cells of women at `reference_age`, averaged over CMV on the log scale.
    sigma : float
        standard deviation of ln(share) between people of the same age, sex and CMV status.
    reference_age : float
        years; below it age has no effect when `is_peak`.
    slope_women, slope_men : float
        change of ln(share) per year of age.
    ln_male : float
        ln(ratio of men to women) at the reference age.
    ln_cmv : float
        ln(ratio of CMV seropositive to seronegative).
    is_peak : bool
        the share is highest, and level, up to `reference_age`.
    """

    median: float
    sigma: float
    reference_age: float
    slope_women: float
    slope_men: float
    ln_male: float = 0.0
    ln_cmv: float = 0.0
    is_peak: bool = False


#: Median share of T cells that are conventional CD8 T cells: 400 of 1,150 per uL, less the MAIT and
#: gamma-delta cells among them [C, MEDICC 2019].
CD8_SHARE_OF_T = 0.30

HEALTHY_SHARES: dict[str, HealthyShare] = {
    # Median 2.2 %: F 1.79, M 2.52, falling with age [S Singh 2022]; slope and CMV [P], CMV acts on
    # the Vdelta2-negative part (below) [S Alejenef; Blood 2010;116:2164].
    "gd_t_cells": HealthyShare(0.020, 0.95, 50, -0.008, -0.008, math.log(2.52 / 1.79), 0.20),
    # F 0.114 %, M 0.076 %, falling with age in women only [S Singh 2022 J Leukoc Biol]; slope [P].
    "inkt": HealthyShare(0.00114, 1.1, 50, -0.005, 0.0, math.log(0.076 / 0.114)),
    # Peak 4.5 % in the fourth decade [S Novak 2014], then 1.8 %/y (F) and 3.2 %/y (M) [S Lee 2014].
    "mait": HealthyShare(0.045, 0.95, 30, math.log(1 - 0.018), math.log(1 - 0.032), is_peak=True),
    # About 4 % of CD8, range 1-15 % [M]; up with CMV and age [P; direction S Daniel 2021].
    "innate_cd8": HealthyShare(0.04 * CD8_SHARE_OF_T, 0.60, 50, 0.005, 0.005, ln_cmv=math.log(1.5)),
}

#: Between-person normal deviates are cut off here, so that no share leaves the published ranges
#: (MAIT 0.1-18 %, gamma-delta 0.08-16 % [S Singh 2022]).
DEVIATE_LIMIT = 2.2
#: Correlation of ln(MAIT) and ln(iNKT) between people: positive in SLE [S], size [P].
MAIT_INKT_CORRELATION = 0.4

#: T cells per uL: median of healthy adults and ln standard deviation [C, MEDICC 2019: 880-2623].
T_CELLS_PER_UL = 1150.0
T_CELLS_SIGMA = 0.28

#: CD8 among conventional CD4 and CD8 (logit mean from CD8_SHARE_OF_T) and its spread [C, CD4:CD8].
CD8_SIGMA = 0.35
#: CD4-CD8- and CD4+CD8+ among conventional alpha-beta T cells [P].
DN_SHARE, DP_SHARE = 0.03, 0.015
#: Vdelta2-negative among gamma-delta: 31 % in healthy [S Giacomelli 1998]; logit changes per year
#: and with CMV give more Vdelta1 in old CMV+ people [S BASE-II 2015; sizes P].
VD2NEG_SHARE, VD2NEG_SIGMA, VD2NEG_PER_YEAR, VD2NEG_CMV = 0.31, 0.6, 0.015, 0.9
#: Valpha7.2+ among conventional T cells: 2-4 % by random TRAV use [P].
VA72_SHARE, VA72_SIGMA = 0.03, 0.15
#: Eomes+ KIR- NKG2A- memory cells among conventional CD8 T cells [P].
MEMORY_EOMES_SHARE, MEMORY_EOMES_SIGMA = 0.22, 0.35

#: Share positive in healthy people: CD69 on MAIT 9.4 % [S SSc-MAIT abstract], HLA-DR on Vdelta1
#: 20.5 % [S Giacomelli 1998]; all others [P], in the range of resting blood. Columns as in
#: PHENOTYPE_MARKERS.
PHENOTYPE_MARKERS = ("PD-1", "TIM-3", "LAG-3", "TIGIT", "CD69", "HLA-DR", "CD38")
INHIBITORY_MARKERS = PHENOTYPE_MARKERS[:4]
ACTIVATION_MARKERS = PHENOTYPE_MARKERS[4:]
HEALTHY_POSITIVITY: dict[str, tuple[float, ...]] = {
    "gd_t_cells": (0.12, 0.05, 0.06, 0.22, 0.08, 0.18, 0.22),
    "inkt": (0.25, 0.05, 0.06, 0.14, 0.12, 0.15, 0.20),
    "mait": (0.15, 0.04, 0.08, 0.14, 0.094, 0.12, 0.18),
    "innate_cd8": (0.12, 0.06, 0.07, 0.34, 0.06, 0.18, 0.16),
    "cd4_t_cells": (0.18, 0.02, 0.03, 0.12, 0.03, 0.07, 0.25),
    "cd8_t_cells": (0.22, 0.03, 0.05, 0.24, 0.04, 0.14, 0.20),
}
#: Spread of logit(share positive) between people [P]: shared by all populations, and own of each.
POSITIVITY_SHARED_SIGMA, POSITIVITY_OWN_SIGMA = 0.25, 0.25
#: Correlation of markers within one cell [P]: inhibitory receptors come together [S Fleury 2018],
#: activation markers less.
INHIBITORY_LOADING, ACTIVATION_LOADING = 0.6, 0.45


#: Markers of function, and share of the cells that respond to each stimulation in healthy people,
#: over what is positive without it [P; MAIT, gamma-delta, iNKT and innate CD8 cells make IFN-g with
#: IL-12 and IL-18, S Ussher 2014, Jacomet 2015]. Columns as in FUNCTION_MARKERS.
FUNCTION_MARKERS = ("CD107a", "IFN-g", "TNF")
UNSTIMULATED = "unstimulated"
HEALTHY_RESPONSES: dict[str, dict[str, tuple[float, ...]]] = {
    "il12_il18": {
        "gd_t_cells": (0.10, 0.20, 0.10),
        "inkt": (0.12, 0.25, 0.12),
        "mait": (0.16, 0.40, 0.14),
        "innate_cd8": (0.12, 0.35, 0.10),
        "cd4_t_cells": (0.01, 0.02, 0.02),
        "cd8_t_cells": (0.03, 0.06, 0.04),
    },
    "pma_ionomycin": {
        "gd_t_cells": (0.30, 0.50, 0.45),
        "inkt": (0.30, 0.45, 0.50),
        "mait": (0.35, 0.50, 0.60),
        "innate_cd8": (0.35, 0.60, 0.50),
        "cd4_t_cells": (0.08, 0.12, 0.35),
        "cd8_t_cells": (0.20, 0.35, 0.35),
    },
}
#: Share positive without stimulation, and the spread of its logit between people [P].
HEALTHY_BACKGROUND, BACKGROUND_SIGMA = (0.020, 0.006, 0.010), 0.4
#: Spread of the logit of the response between people [P]: shared by all populations, and own.
RESPONSE_SHARED_SIGMA, RESPONSE_OWN_SIGMA = 0.28, 0.28
#: Correlation of functions within one cell [P].
FUNCTION_LOADING = 0.6
#: What a subset has more, on the logit scale, of inhibitory receptors and of response, where
#: subsets differ [P; direction: Vdelta1 cells are more differentiated than Vdelta2].
SUBSET_LOGITS = {"vd2neg_gd": (0.9, -0.9), "vd2_gd": (-0.4, 0.4), "mait_dn": (0.7, -0.7)}
#: Double-negative share of MAIT cells [P; S Kurioka 2017 direction].
MAIT_DN_SHARE, MAIT_DN_SIGMA = 0.18, 0.35
#: Odds ratio of activation and response under an immunosuppressant [P].
TREATED_ODDS = 0.6


@dataclass(frozen=True)
class GroupEffect:
    """What a disease changes, against healthy people of the same age, sex and CMV status.

    Parameters
    ----------
    ratios : dict of str to float
        ratio of `t_cells` per uL, and of the share of T of each innate population.
    odds_ratios : dict of tuple of (str, str) to float
        ratio of the odds of being positive, by (population, marker); population ``"*"`` stands for
        every T-cell population.
    vd2neg_share : float
        Vdelta2-negative share of gamma-delta cells, in place of the healthy one.
    interferon : float
        ratio of the expression of interferon-stimulated genes.
    responses : dict of tuple of (str, str) to float
        ratio of the odds of responding, by (population, marker of function), ``"*"`` as above.
    mait_dn_share : float
        double-negative share of MAIT cells, in place of the healthy one.
    cd161_log10 : float
        change of the log10 brightness of CD161 on MAIT cells.
    """

    ratios: dict[str, float] = field(default_factory=dict)
    odds_ratios: dict[tuple[str, str], float] = field(default_factory=dict)
    vd2neg_share: float = VD2NEG_SHARE
    interferon: float = 1.0
    responses: dict[tuple[str, str], float] = field(default_factory=dict)
    mait_dn_share: float = MAIT_DN_SHARE
    cd161_log10: float = 0.0


def odds_ratio(share: float, reference: float) -> float:
    """Return the odds ratio of two shares between 0 and 1, both excluded."""
    return (share / (1 - share)) / (reference / (1 - reference))


#: Table E of the literature review. Interferon: raised in SLE most [S: known for all four; sizes
#: P].
DISEASE_EFFECTS: dict[str, GroupEffect] = {
    "SSc": GroupEffect(
        # MAIT 0.78 vs 2.5 % [S]; iNKT 0.036 vs 0.159 [S EULAR 2018]; gd x4 studies [P]; innate CD8
        # no data, so none [P]; lymphopenia [S direction]
        {"t_cells": 0.80, "mait": 0.31, "inkt": 0.23, "gd_t_cells": 0.70},
        {
            ("mait", "CD69"): odds_ratio(0.20, 0.094),  # [S] 20 vs 9.4 %
            # share x1.4 at 15 % positive [P; direction S Fleury 2018]
            ("*", "PD-1"): odds_ratio(0.15 * 1.4, 0.15),
            ("*", "TIGIT"): odds_ratio(0.15 * 1.4, 0.15),
            ("*", "HLA-DR"): 1.4,  # [P; direction S Riccieri 2005]
        },
        vd2neg_share=0.45,  # [P; 0.72 in S, n = 12]
        interferon=1.8,
    ),
    "SLE": GroupEffect(
        {"t_cells": 0.60, "mait": 0.26, "inkt": 0.40, "gd_t_cells": 0.60, "innate_cd8": 1.3},
        {
            ("mait", "PD-1"): 1.6,  # [P; direction S Cho 2014]
            ("inkt", "PD-1"): 1.6,
            ("mait", "CD69"): 2.0,  # [P; direction S Chiba 2017]
        },
        interferon=2.5,
    ),
    "pSS": GroupEffect({"t_cells": 0.80, "mait": 0.50, "inkt": 1.3}, interferon=2.0),
    "RA": GroupEffect({"t_cells": 0.95, "mait": 0.75, "inkt": 0.6, "gd_t_cells": 0.85}),
    "IIM": GroupEffect(
        {"t_cells": 0.70, "mait": 0.30, "inkt": 0.8, "gd_t_cells": 0.9},
        {("mait", "CD69"): 1.6},  # [P]
        interferon=2.0,
    ),
    "healthy": GroupEffect(),
}


@dataclass(frozen=True)
class Demography:
    """Ages (normal, cut at 19-84), share of women, and share CMV IgG positive of a group."""

    age_mean: float
    age_sd: float
    share_women: float
    share_cmv: float


AGE_LIMITS = (19.0, 84.0)
#: CTD cohorts are mostly women in their fifties [S]; CMV 46-50 % in adults [S BASE-II].
BALANCED = Demography(52, 11, 0.80, 0.50)
#: Scenario `confounded`: SSc 15 years older and mostly CMV+; nothing else differs.
CONFOUNDED_INDEX = Demography(60, 9, 0.80, 0.85)
CONFOUNDED_OTHER = Demography(45, 11, 0.80, 0.40)
