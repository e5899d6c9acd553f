"""Measurement tables whose truth is known, from two generating models; for
`benchmarks/validate.py`.

The models share their participants, covariate effects and centres and differ in shape: *normal*
draws logits and log counts from a normal distribution; *gamma* draws shares from a beta
distribution and counts from a gamma distribution (skewed to the left on the scale that is
compared), with the same mean and SD there. Cells are then counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from itc_analysis.tables import contract
from itc_analysis.tables.cohort.participants import Participants
from itc_analysis.tables.measured import Measurements

Array = npt.NDArray[np.float64]

#: Published ratios of SSc to healthy (literature.md, section E) and healthy shares of T cells
#: (section A).
HEALTHY_SHARE = {"mait": 0.03, "inkt": 0.00095, "gd_t_cells": 0.022, "innate_cd8": 0.05}
#: Correlation of populations within a person.
SHARED = 0.3
#: Effects of ten years of age beyond 50, of being a man, and of CMV (the worst case: in the
#: direction of age).
PER_DECADE, MAN, CMV = -0.25, -0.2, -0.3
#: Median T cells per microlitre and in a tube; SD of their logarithms.
T_PER_UL, SD_T_PER_UL, T_IN_TUBE, SD_T_IN_TUBE = 1150.0, 0.35, 100_000.0, 0.4
#: Between-participant SD of a score, and cells behind a participant's score (median).
SD_SCORE, CELLS_OF_SCORE = 0.4, 15.0


@dataclass(frozen=True)
class Setting:
    """One setting of the calibration.

    Parameters
    ----------
    sizes : participants per group.
    shares : share of T cells in healthy people per population.
    log_ratio : true logarithm of the ratio of SSc to every other group; 0 where not named.
    spread_ratio : SD of SSc over that of the others.
    sd : SD of the others on the logit or log scale.
    lod_events : fewer cells are below the limit of detection; 0 for no limit (single cell).
    is_confounded : SSc 15 years older and more often CMV positive.
    scores : whether scores with standard errors are compared as well.
    t_in_tube : median T cells counted.
    times : how many times as many tables as asked for, where a small departure from 5 % is to be
        told from chance.
    """

    name: str
    sizes: dict[str, int]
    shares: dict[str, float]
    log_ratio: dict[str, float]
    spread_ratio: float = 1.0
    sd: float = 1.0
    lod_events: int = 20
    is_confounded: bool = False
    scores: bool = False
    t_in_tube: float = T_IN_TUBE
    assay: str = "flow"
    times: int = 1


def draw_participants(setting: Setting, rng: np.random.Generator) -> pd.DataFrame:
    """Draw people with age, sex and CMV; nobody is treated, everybody is analysed."""
    group = np.repeat(list(setting.sizes), list(setting.sizes.values()))
    is_index = group == "SSc"
    older = 15.0 if setting.is_confounded else 0.0
    share_cmv = np.where(is_index & setting.is_confounded, 0.8, 0.45)
    n = len(group)
    age = np.clip(rng.normal(np.where(is_index, 48 + older, 48), 12), 18, 90).round()
    table = pd.DataFrame(
        {
            "participant_id": [f"P{i:03d}" for i in range(n)],
            "group": group,
            "age_years": age,
            "sex": np.where(rng.random(n) < 0.75, "F", "M"),
            "cmv_igg": rng.random(n) < share_cmv,
            "decision": "eligible",
            "decided_by": "rules",
            "is_analysed": True,
        }
    )
    return contract.make(table, Participants)


def draw_measurements(
    setting: Setting, people: pd.DataFrame, *, model: str, n_tables: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw `n_tables` tables at once; population ``mait#7`` is MAIT in the eighth table, whose
    samples end in #7.
    """
    n = len(people)
    is_index = (people["group"] == "SSc").to_numpy(dtype=bool)
    sd = setting.sd * np.where(is_index, setting.spread_ratio, 1.0)
    background = (
        PER_DECADE * (people["age_years"].to_numpy(dtype=float) - 50) / 10
        + MAN * (people["sex"] == "M").to_numpy(dtype=float)
        + CMV * people["cmv_igg"].to_numpy(dtype=float)
    )
    shape = (n_tables, n)
    common = rng.standard_normal(shape)
    in_tube = setting.t_in_tube * np.exp(SD_T_IN_TUBE * rng.standard_normal(shape))
    total = in_tube.round().astype(int)
    per_ul = T_PER_UL * np.exp(SD_T_PER_UL * rng.standard_normal(shape))
    frames = []
    for population, healthy in setting.shares.items():
        effect = setting.log_ratio.get(population, 0.0) * is_index
        centre = special.logit(healthy) + background + effect
        own = rng.standard_normal(shape)
        latent = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own
        logit = _between_people(model, centre, latent, sd)
        found = rng.binomial(total, special.expit(logit))
        is_low = found < setting.lod_events
        names = [f"{population}#{table}" for table in range(n_tables)]
        for measure, value, limit in (
            ("share_of_t", found / total, setting.lod_events / total),
            ("cells_per_ul", found / total * per_ul, setting.lod_events / total * per_ul),
        ):
            if setting.assay == "singlecell" and measure == "cells_per_ul":
                continue
            low = is_low if measure == "share_of_t" else value < limit
            rows = _rows(people, names, measure, value, low, limit, total, setting.assay)
            rows["n_events"] = found.ravel()
            if measure == "cells_per_ul":
                rows["volume_ul"] = (total / per_ul).ravel()
            frames.append(rows)
        if setting.scores and population == next(iter(setting.shares)):
            cells = np.maximum(rng.poisson(CELLS_OF_SCORE * rng.gamma(2, 0.5, shape)), 1)
            error = 1 / np.sqrt(cells)
            value = SD_SCORE * sd * latent + 0.1 * background + error * rng.standard_normal(shape)
            no = np.zeros(shape, dtype=bool)
            rows = _rows(people, names, "score", value, no, value, cells, setting.assay)
            frames.append(rows.assign(feature="exhaustion", standard_error=error.ravel()))
    if setting.assay == "flow":
        no = np.zeros(shape, dtype=bool)
        t_cells = _rows(people, [""] * n_tables, "cells_per_ul", per_ul, no, per_ul, total, "flow")
        frames.append(t_cells.assign(population="t_cells"))
    return contract.make(pd.concat(frames, ignore_index=True), Measurements)


def _between_people(model: str, centre: Array, latent: Array, sd: Array) -> Array:
    """Return each person's logit of the share."""
    if model == "normal":
        return centre + sd * latent
    # a gamma variate whose logarithm has this SD, by the probability of the latent normal
    a = _inverse_trigamma(sd**2)
    log_gamma = np.log(special.gammaincinv(a, special.ndtr(latent))) - special.digamma(a)
    # beta(a, b) as a ratio of gammas, G_a / (G_a + G_b), with b large: shares are a few per cent or
    # less
    return np.asarray(centre + log_gamma)


def _inverse_trigamma(value: Array) -> Array:
    """Solve trigamma(a) = value by Newton steps on 1/trigamma, which is nearly linear."""
    a = 1 / value + 0.5
    for _ in range(30):
        now = special.polygamma(1, a)
        a = a + now * (1 - now / value) / special.polygamma(2, a)
    return np.asarray(a)


def _rows(
    people: pd.DataFrame,
    names: list[str],
    measure: str,
    value: Array,
    is_low: npt.NDArray[np.bool_],
    limit: Array,
    total: npt.NDArray[np.int64],
    assay: str,
) -> pd.DataFrame:
    n = len(people)
    repeated = {
        column: np.tile(people[column].to_numpy(dtype=object), len(names))
        for column in ("participant_id", "group")
    }
    low = is_low.ravel()
    tables = np.repeat(np.arange(len(names)), n)
    samples = np.array(
        [f"{p}#{t}" for p, t in zip(repeated["participant_id"], tables, strict=True)]
    )
    return pd.DataFrame(
        {
            **repeated,
            "sample_id": samples,
            "source_id": samples,
            "assay": assay,
            "batch": "b1",
            "population": np.repeat(names, n),
            "measure": measure,
            "feature": "-",
            "value": np.where(low, np.nan, value.ravel()),
            "upper": np.where(low, limit.ravel(), np.nan),
            "unit": "share" if measure == "share_of_t" else "cells/uL",
            "n_denominator": total.ravel(),
            "status": np.where(low, "below_lod", "ok"),
        }
    )
