"""People and their truth: who is drawn, what share of their T cells is what, how many per uL.

No file and no measurement here: `draw_people` and `draw_truth` are the model that the rest of the
simulation measures, and `true_effects` states what an unbiased analysis should find.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from itc_analysis.config.sections import Cohort
from itc_analysis.simulate import parameters as p
from itc_analysis.simulate import scenarios
from itc_analysis.simulate.cells.subsets import of_subset, subsets_of

#: Populations with a true share of T cells, named as in the gating templates.
POPULATIONS = (
    "t_cells",
    "gd_t_cells",
    "vd2_gd",
    "vd2neg_gd",
    "inkt",
    "mait",
    "va72_pos",
    "va72_cd161low",
    "conventional_ab",
    "cd4_t_cells",
    "cd8_t_cells",
    "dn_t_cells",
    "dp_t_cells",
    "eomes_cd8",
    "innate_cd8",
    "conventional_memory_cd8",
)
INDEX_GROUP = Cohort().index_group
GROUPS = Cohort().groups


def simulate_measurement_truth(
    scenario: p.Scenario,
    n_per_group: int | Mapping[str, int],
    seed: int,
) -> pd.DataFrame:
    """Draw participants with their true values, without writing a file.

    Parameters
    ----------
    scenario : p.Scenario
        a name of `scenarios.SCENARIOS`.
    n_per_group : int or mapping of str to int
        participants in every group, or a number for each group by name.
    seed : int
        same seed, same people.

    Returns
    -------
    pandas.DataFrame
        One row per participant: participant_id, group, age_years, sex, cmv_igg; t_cells_per_ul;
        ``share_<population>`` of T cells and ``cells_per_ul_<population>`` for `POPULATIONS`;
        ``positive_<population>_<marker>`` for the populations and markers of `HEALTHY_POSITIVITY`.
    """
    sizes = (
        dict.fromkeys(GROUPS, n_per_group) if isinstance(n_per_group, int) else dict(n_per_group)
    )
    people_seed, truth_seed = np.random.SeedSequence(seed).spawn(2)
    people = draw_people(scenario, sizes, np.random.default_rng(people_seed))
    truth = draw_truth(people, scenario, np.random.default_rng(truth_seed))
    return people.merge(truth, on="participant_id", validate="one_to_one")


def draw_people(
    scenario: p.Scenario, group_sizes: Mapping[str, int], rng: np.random.Generator
) -> pd.DataFrame:
    """Draw ages, sexes and CMV status; ids are numbered in random order, so they tell no group.

    Returns columns participant_id, group, age_years (whole years), sex (F, M), cmv_igg (bool),
    sorted by participant_id.
    """
    groups = np.repeat(list(group_sizes), list(group_sizes.values()))
    uniforms = rng.random((len(groups), 3))
    numbers = rng.permutation(len(groups)) + 1
    drawn = [scenarios.demography_of(group, scenario, index_group=INDEX_GROUP) for group in groups]
    mean = np.array([d.age_mean for d in drawn])
    sd = np.array([d.age_sd for d in drawn])
    low, high = ((limit - mean) / sd for limit in p.AGE_LIMITS)
    age = stats.truncnorm.ppf(uniforms[:, 0], low, high, loc=mean, scale=sd)
    is_woman = uniforms[:, 1] < np.array([d.share_women for d in drawn])
    width = max(3, len(str(len(groups))))
    people = pd.DataFrame(
        {
            "participant_id": [f"P{number:0{width}d}" for number in numbers],
            "group": groups,
            "age_years": np.round(age),
            "sex": np.where(is_woman, "F", "M"),
            "cmv_igg": uniforms[:, 2] < np.array([d.share_cmv for d in drawn]),
        }
    )
    return people.sort_values("participant_id", ignore_index=True)


def draw_truth(
    people: pd.DataFrame, scenario: p.Scenario, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw the true shares, counts and positivities of `people` (see `simulate_measurement_truth`).

    The random numbers used do not depend on the scenario: the same seed gives the same people in
    `effect` and in `null`, moved by the effect only.
    """
    n = len(people)
    card = scenarios.card_of(scenario)
    spread = card.spread
    deviates = np.clip(spread * _truncated_normal(rng, (n, 9)), -p.DEVIATE_LIMIT, p.DEVIATE_LIMIT)
    effects = [scenarios.effect_of(group, scenario) for group in people["group"]]

    def ratio(name: str) -> np.ndarray:
        return np.array([math.log(effect.ratios.get(name, 1.0)) for effect in effects])

    z = dict(zip(("gd_t_cells", "inkt_own", "mait", "innate_cd8"), deviates.T, strict=False))
    rho = p.MAIT_INKT_CORRELATION
    z["inkt"] = rho * z["mait"] + math.sqrt(1 - rho**2) * z["inkt_own"]
    shares: dict[str, np.ndarray] = {}
    cd8_among_both = special.expit(
        special.logit(p.CD8_SHARE_OF_T / (1 - p.DN_SHARE - p.DP_SHARE))
        + p.CD8_SIGMA * deviates[:, 4]
    )
    for name, healthy in p.HEALTHY_SHARES.items():
        shares[name] = np.exp(
            ln_healthy_median(people, healthy) + healthy.sigma * z[name] + ratio(name)
        )
    # Innate CD8 cells are a fraction of CD8 cells: people with many CD8 cells have more of them.
    cd8_share = cd8_among_both * (1 - p.DN_SHARE - p.DP_SHARE)
    shares["innate_cd8"] *= cd8_share / p.CD8_SHARE_OF_T

    conventional = 1 - shares["gd_t_cells"] - shares["inkt"] - shares["mait"]
    shares["conventional_ab"] = conventional
    shares["dn_t_cells"] = p.DN_SHARE * conventional
    shares["dp_t_cells"] = p.DP_SHARE * conventional
    shares["cd8_t_cells"] = cd8_share * conventional
    shares["cd4_t_cells"] = (1 - p.DN_SHARE - p.DP_SHARE - cd8_share) * conventional

    age, is_cmv = people["age_years"].to_numpy(float), people["cmv_igg"].to_numpy(bool)
    reference = p.HEALTHY_SHARES["gd_t_cells"].reference_age
    vd2neg = special.expit(
        special.logit(np.array([effect.vd2neg_share for effect in effects]))
        + p.VD2NEG_PER_YEAR * (age - reference)
        + p.VD2NEG_CMV * (is_cmv - 0.5)
        + p.VD2NEG_SIGMA * deviates[:, 5]
    )
    shares["vd2neg_gd"] = vd2neg * shares["gd_t_cells"]
    shares["vd2_gd"] = (1 - vd2neg) * shares["gd_t_cells"]
    va72 = p.VA72_SHARE * np.exp(p.VA72_SIGMA * deviates[:, 6])
    shares["va72_cd161low"] = va72 * conventional
    shares["va72_pos"] = shares["va72_cd161low"] + shares["mait"]
    memory = special.expit(
        special.logit(p.MEMORY_EOMES_SHARE) + p.MEMORY_EOMES_SIGMA * deviates[:, 7]
    )
    shares["conventional_memory_cd8"] = memory * (shares["cd8_t_cells"] - shares["innate_cd8"])
    shares["eomes_cd8"] = shares["innate_cd8"] + shares["conventional_memory_cd8"]
    shares["t_cells"] = np.ones(n)

    t_per_ul = p.T_CELLS_PER_UL * np.exp(p.T_CELLS_SIGMA * deviates[:, 8] + ratio("t_cells"))
    columns: dict[str, object] = {
        "participant_id": people["participant_id"],
        "t_cells_per_ul": t_per_ul,
    }
    columns |= {f"share_{name}": shares[name] for name in POPULATIONS}
    columns |= {f"cells_per_ul_{name}": shares[name] * t_per_ul for name in POPULATIONS}
    columns |= _draw_positivity(effects, rng, spread)
    columns |= _draw_function(effects, rng, spread)
    dn = special.logit(np.array([effect.mait_dn_share for effect in effects]))
    dn += spread * p.MAIT_DN_SIGMA * _truncated_normal(rng, (n, 1))[:, 0]
    is_treated = rng.random(n) < card.treated
    is_treated &= (people["group"] == INDEX_GROUP).to_numpy(dtype=bool)
    columns |= {
        "mait_dn_share": special.expit(dn),
        "subsets_differ": card.subsets_differ,
        "cd161_log10": [effect.cd161_log10 for effect in effects],
        "cd161_intermediate": card.cd161_intermediate,
        "is_treated": is_treated,
    }
    return _treat(pd.DataFrame(columns))


def ln_healthy_median(people: pd.DataFrame, healthy: p.HealthyShare) -> np.ndarray:
    """Return ln(median share of T) of healthy people of this age, sex and CMV status, shape
    (n,).
    """
    years = people["age_years"].to_numpy(float) - healthy.reference_age
    if healthy.is_peak:
        years = np.maximum(years, 0)
    is_man = people["sex"].to_numpy() == "M"
    is_cmv = people["cmv_igg"].to_numpy(bool)
    logs: np.ndarray = (
        math.log(healthy.median)
        + np.where(is_man, healthy.slope_men, healthy.slope_women) * years
        + healthy.ln_male * is_man
        # half up, half down: the median of a population that is half seropositive stays put
        + healthy.ln_cmv * (is_cmv - 0.5)
    )
    return logs


def share_positive(truth: Mapping[str, Any], population: str, marker: str) -> float:
    """Return a participant's true share positive of a population as it is gated.

    The gated CD8 T cells hold the innate ones, which have a positivity of their own.
    """
    own = float(truth[f"positive_{population}_{marker}"])
    parts = subsets_of(truth, population)
    if parts:
        role = 0 if marker in p.INHIBITORY_MARKERS else None
        return sum(weight * of_subset(own, name, role) for name, weight in parts.items())
    if population != "cd8_t_cells":
        return own
    innate = float(truth["share_innate_cd8"]) / float(truth["share_cd8_t_cells"])
    return (1 - innate) * own + innate * float(truth[f"positive_innate_cd8_{marker}"])


def true_effects(scenario: p.Scenario) -> pd.DataFrame:
    """Return what an unbiased analysis finds: each group against matched healthy people.

    Returns
    -------
    pandas.DataFrame
        Columns population, measure (share_of_t, cells_per_ul, share_positive), feature (marker, or
        ``-``), group, true_value, and scale: ``ratio`` of geometric means given age, sex and CMV,
        or ``odds_ratio`` for share_positive.
    """
    rows = []
    for group in GROUPS:
        if group == Cohort().healthy_group:
            continue
        effect = scenarios.effect_of(group, scenario)
        t_ratio = effect.ratios.get("t_cells", 1.0)
        rows.append(("t_cells", "cells_per_ul", "-", group, t_ratio, "ratio"))
        for name in p.INNATE_POPULATIONS:
            share_ratio = effect.ratios.get(name, 1.0)
            rows.append((name, "share_of_t", "-", group, share_ratio, "ratio"))
            rows.append((name, "cells_per_ul", "-", group, share_ratio * t_ratio, "ratio"))
        for name in p.HEALTHY_POSITIVITY:
            for marker in p.PHENOTYPE_MARKERS:
                odds = _odds_ratio(effect, name, marker)
                rows.append((name, "share_positive", marker, group, odds, "odds_ratio"))
    columns = ["population", "measure", "feature", "group", "true_value", "scale"]
    return pd.DataFrame(rows, columns=columns)


def _odds_ratio(effect: p.GroupEffect, population: str, marker: str) -> float:
    return _of_effect(effect.odds_ratios, population, marker)


def _of_effect(odds: Mapping[tuple[str, str], float], population: str, marker: str) -> float:
    return odds.get((population, marker), odds.get(("*", marker), 1.0))


def _draw_positivity(
    effects: list[p.GroupEffect], rng: np.random.Generator, spread: float
) -> dict[str, np.ndarray]:
    """Return the share positive of each population and marker, logit-normal between people."""
    n, n_markers = len(effects), len(p.PHENOTYPE_MARKERS)
    shared = spread * p.POSITIVITY_SHARED_SIGMA * _truncated_normal(rng, (n, n_markers))
    columns = {}
    for population, healthy in p.HEALTHY_POSITIVITY.items():
        own = spread * p.POSITIVITY_OWN_SIGMA * _truncated_normal(rng, (n, n_markers))
        moved = np.array(
            [
                [math.log(_odds_ratio(effect, population, m)) for m in p.PHENOTYPE_MARKERS]
                for effect in effects
            ]
        ).reshape(n, n_markers)
        share = special.expit(special.logit(np.array(healthy)) + shared + own + moved)
        for j, marker in enumerate(p.PHENOTYPE_MARKERS):
            columns[f"positive_{population}_{marker}"] = share[:, j]
    return columns


def _draw_function(
    effects: list[p.GroupEffect], rng: np.random.Generator, spread: float
) -> dict[str, np.ndarray]:
    """Return the share positive without stimulation and the response to each, by population and
    marker of function.
    """
    shape = (len(effects), len(p.FUNCTION_MARKERS))
    columns = {}
    shared = spread * p.RESPONSE_SHARED_SIGMA * _truncated_normal(rng, shape)
    for population in p.HEALTHY_POSITIVITY:
        between = spread * p.BACKGROUND_SIGMA * _truncated_normal(rng, shape)
        background = special.expit(special.logit(np.array(p.HEALTHY_BACKGROUND)) + between)
        own = spread * p.RESPONSE_OWN_SIGMA * _truncated_normal(rng, shape)
        moved = np.array(
            [
                [math.log(_of_effect(effect.responses, population, m)) for m in p.FUNCTION_MARKERS]
                for effect in effects
            ]
        ).reshape(shape)
        for j, marker in enumerate(p.FUNCTION_MARKERS):
            columns[f"background_{population}_{marker}"] = background[:, j]
            for stimulation, healthy in p.HEALTHY_RESPONSES.items():
                logit = special.logit(healthy[population][j]) + (shared + own + moved)[:, j]
                columns[f"response_{population}_{stimulation}_{marker}"] = special.expit(logit)
    return columns


def _treat(truth: pd.DataFrame) -> pd.DataFrame:
    """Return the truth with what an immunosuppressant lowers."""
    is_treated = truth["is_treated"].to_numpy(dtype=bool)
    if not is_treated.any():
        return truth
    lowered = {}
    for name in truth.columns:
        activation = name.startswith("positive_") and name.rsplit("_", 1)[1] in p.ACTIVATION_MARKERS
        if activation or name.startswith("response_"):
            share = truth[name].to_numpy(dtype=float)
            less = special.expit(special.logit(share) + math.log(p.TREATED_ODDS))
            lowered[name] = np.where(is_treated, less, share)
    return truth.assign(**lowered)


def _truncated_normal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Return normal deviates within +-DEVIATE_LIMIT; one uniform number each, so draws stay
    aligned.
    """
    lowest = special.ndtr(-p.DEVIATE_LIMIT)
    return np.asarray(special.ndtri(lowest + (1 - 2 * lowest) * rng.random(shape)))
