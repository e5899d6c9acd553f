"""Does the analysis keep its promises: `./run validate statistics`.

Simulates measurement tables (1,000 per setting and generating model), sends each through `compare_groups` with the
covariates of the default plan, and prints how often a true null is rejected at 5 % (with the Monte-Carlo interval),
the family-wise error of the primary family, coverage of the 95 % intervals, bias of the logarithm of the ratio, the
power at the published effects, and what an unadjusted test would have claimed. `--output` writes the page as well.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import numpy as np
import pandas as pd
from simulated_tables import HEALTHY_SHARE, Setting, draw_measurements, draw_participants

from itc_analysis.config import Cohort, Stats
from itc_analysis.stats.compare import compare_groups
from itc_analysis.stats.plan import AnalysisPlan

ALPHA = 0.05
#: Tables that share their participants; more would make the settings depend on few draws of age and CMV.
TABLES_PER_DRAW = 25
N_PROCESSES = 2
N_PERMUTATIONS = 199
MODELS = ("normal", "gamma")
COVARIATES = "cr(age_years, df=3, constraints='center') + sex + cmv_igg"
TRIAL = {"SSc": 60, "SLE": 40, "pSS": 40, "RA": 40, "IIM": 40, "healthy": 50}
FIFTEEN = dict.fromkeys(TRIAL, 15)
FOUR = dict.fromkeys(TRIAL, 4)
TWO = {name: HEALTHY_SHARE[name] for name in ("mait", "gd_t_cells")}
ABUNDANT_AND_RARE = {name: HEALTHY_SHARE[name] for name in ("mait", "inkt")}
#: Half of the participants have fewer than 20 of 100,000 T cells.
RARE = {"inkt": 0.00020}
#: Published ratios: MAIT (Mekinian 2016), iNKT, and a gamma-delta ratio of 0.7.
PUBLISHED = {"mait": np.log(0.31), "inkt": np.log(0.23)}

SETTINGS = (
    Setting("trial size, 40-60 per group", TRIAL, HEALTHY_SHARE, {}, scores=True),
    Setting("15 per group", FIFTEEN, HEALTHY_SHARE, {}, scores=True),
    Setting("six groups of 4", FOUR, TWO, {}),
    Setting("SSc 1.7 times as variable", TRIAL, TWO, {}, spread_ratio=1.7, scores=True),
    Setting("iNKT 0.02 %, half below LoD", TRIAL, RARE, {}),
    Setting("iNKT 0.02 %, half below LoD, true ratio 0.5", TRIAL, RARE, {"inkt": np.log(0.5)}),
    Setting(
        "iNKT 0.02 %, SSc 1.7 times as variable", TRIAL, RARE, {"inkt": np.log(0.5)}, spread_ratio=1.7
    ),
    Setting("iNKT 0.02 %, 15 per group", FIFTEEN, RARE, {}),
    Setting(
        "single cell, iNKT 0.05 % of 1,500 T cells", TRIAL, {"inkt": 0.0005}, {}, lod_events=0,
        t_in_tube=1500.0, assay="singlecell",
    ),
    Setting("confounded: SSc 15 years older, CMV+", TRIAL, TWO | RARE, {}, is_confounded=True),
    Setting("power: MAIT 0.31, iNKT 0.23", TRIAL | {"healthy": 60}, ABUNDANT_AND_RARE, PUBLISHED),
    Setting(
        "power: gamma-delta 0.7", TRIAL | {"healthy": 60}, {"gd_t_cells": HEALTHY_SHARE["gd_t_cells"]},
        {"gd_t_cells": np.log(0.7)}, sd=0.95,
    ),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=1000, help="per setting and model")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument(
        "--settings", nargs="+", help="words of the settings to run; all by default"
    )
    parser.add_argument("--output", help="a page to write, docs/calibration.md")
    options = parser.parse_args()
    logging.getLogger("itc_analysis").setLevel(logging.WARNING)
    chosen = [
        i
        for i, setting in enumerate(SETTINGS)
        if not options.settings or any(word in setting.name for word in options.settings)
    ]
    command = f"./run validate statistics --tables {options.tables} --seed {options.seed}"
    page = write_head(command, options.tables)
    print("\n".join(page), flush=True)
    n_draws = -(-options.tables // TABLES_PER_DRAW)
    with multiprocessing.Pool(N_PROCESSES) as pool:
        for i in chosen:
            jobs = [(i, model, draw, options.seed) for model in MODELS for draw in range(n_draws)]
            section = list(write_section(SETTINGS[i], pd.concat(pool.imap(run_draw, jobs))))
            print("\n".join(section), flush=True)
            page += section
    if options.output:
        Path(options.output).write_text("\n".join(page) + "\n", encoding="utf-8")


def run_draw(job: tuple[int, str, int, int]) -> pd.DataFrame:
    """Simulate the tables of one draw of participants and analyse them, adjusted and unadjusted."""
    i, model, draw, seed = job
    setting = SETTINGS[i]
    rng = np.random.default_rng((seed, i, MODELS.index(model), draw))
    people = draw_participants(setting, rng)
    rows = draw_measurements(setting, people, model=model, n_tables=TABLES_PER_DRAW, rng=rng)
    is_small = max(setting.sizes.values()) <= 15
    settings = Stats(n_permutations=N_PERMUTATIONS if is_small else 0, seed=draw)
    plan = make_plan(setting, COVARIATES)
    table = compare_groups(rows, people, plan=plan, cohort=Cohort(), settings=settings)
    name, number = (table["population"].str.split("#").str[k].to_numpy() for k in (0, 1))
    truth = np.array([setting.log_ratio.get(str(p), 0.0) for p in name])
    truth = np.where(table["measure"] == "score", 0.0, truth)
    return table.assign(
        setting=i, generated=model, table=draw * TABLES_PER_DRAW + number.astype(int),
        population=name, truth=truth,
        unadjusted_p=unadjusted_p(rows, people, table) if setting.is_confounded else np.nan,
    )  # fmt: skip


def make_plan(setting: Setting, covariates: str | None) -> AnalysisPlan:
    """One primary family per table (Holm over 4 populations, 2 measures, 2 references), scores apart."""
    measures = ["share_of_t"] if setting.assay == "singlecell" else ["share_of_t", "cells_per_ul"]
    families: list[dict[str, Any]] = []
    for k in range(TABLES_PER_DRAW):
        populations = [f"{name}#{k}" for name in setting.shares]
        blocks = {"primary": ("primary", measures, ["-"])}
        if setting.scores:
            blocks["scores"] = ("secondary", ["score"], ["exhaustion"])
        for name, (role, of, features) in blocks.items():
            endpoints = {
                "assay": setting.assay, "measures": of, "features": features,
                "populations": populations if role == "primary" else populations[:1],
            }  # fmt: skip
            families.append(
                {
                    "name": f"{name}#{k}", "role": role, "adjustment": "holm",
                    "contrasts": ["healthy", "pooled"], "endpoints": [endpoints],
                }
            )  # fmt: skip
    small = {"covariates": "age_years + sex + cmv_igg"}
    return AnalysisPlan.model_validate(
        {"covariates": covariates, "small_sample": small, "families": families}
    )


def unadjusted_p(rows: pd.DataFrame, people: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """Wilcoxon's rank sum test of SSc against the reference; below the limit counts as lowest."""
    from scipy.stats import mannwhitneyu

    height = rows["value"].fillna(-1.0)
    values = dict(list(height.groupby([rows["population"], rows["measure"], rows["group"]])))
    p = []
    for row in table.itertuples():
        sides = [
            pd.concat([values[(row.population, row.measure, g)] for g in str(names).split("+")])
            for names in (row.index_group, row.reference_group)
        ]
        p.append(mannwhitneyu(*sides).pvalue)
    return np.array(p)


def write_head(command: str, n_tables: int) -> list[str]:
    """Return the first lines of the page."""
    return [
        "# Calibration of the comparisons",
        "",
        f"Made by `{command}`: {n_tables} simulated tables per setting and generating model, each through "
        "`compare_groups` with age (spline), sex and CMV as covariates, references healthy and pooled. *Rejected at 5 %* "
        "is the share of p < 0.05, with its 95 % Monte-Carlo interval: the type I error where nothing differs, else the "
        "power. *normal*: logit-normal shares, log-normal counts; *gamma*: beta-binomial shares, gamma counts.",
    ]


def write_section(setting: Setting, rows: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of one setting."""
    yield from ("", f"## {setting.name}", "")
    yield "| model | endpoint | reference | rejected at 5 % | permutation | coverage | bias of log | remark |"
    yield "|---|---|---|---|---|---|---|---|"
    for key, mine in rows.groupby(["generated", "population", "measure", "reference_group"]):
        yield _line(key, mine)
    yield ""
    for model, mine in rows[rows["family"].str.startswith("primary")].groupby("generated"):
        n_tests = len(mine) // mine["table"].nunique()
        nulls = mine[mine["truth"] == 0]
        if len(nulls):
            wrong = (nulls.groupby("table")["p_adjusted"].min() < ALPHA).to_numpy()
            yield f"- {model}: family-wise error {_share(wrong)} (Holm over {n_tests} tests)"
        named = mine[mine["truth"] != 0].groupby(["population", "measure", "comparison"])
        for name, effects in named:
            claimed = (effects["p_adjusted"] < ALPHA).to_numpy()
            yield f"- {model}: found with adjusted p, {' '.join(map(str, name))}: {_share(claimed)}"
        if setting.is_confounded:
            for name, tests in mine.groupby("population"):
                claimed = (tests["unadjusted_p"] < ALPHA).to_numpy()
                yield f"- {model}: an unadjusted Wilcoxon test would have claimed {name} in {_share(claimed)}"


def _line(key: tuple[str, ...], rows: pd.DataFrame) -> str:
    model, population, measure, reference = key
    known = rows[rows["p_value"].notna()]
    kind = np.log if measure != "score" else np.asarray
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, lower, upper = (
            kind(known[c].to_numpy(dtype=float)) for c in ("estimate", "lower", "upper")
        )
    truth = known["truth"].to_numpy()
    # a limit that does not exist leaves the side open
    held = ~(lower > truth) & ~(upper < truth)
    permuted = known["p_permutation"].dropna().to_numpy()
    remarks = []
    if len(known) < len(rows):
        remarks.append(f"{len(rows) - len(known)} of {len(rows)} without p")
    warned = known["reason"].fillna("").str.contains("no such cell|few participants|lie below")
    if warned.mean() > 0.5:
        remarks.append("carries a warning")
    cells = [
        model, f"{population} {measure}", "pooled" if "+" in reference else reference,
        _share((known["p_value"] < ALPHA).to_numpy()),
        _share(permuted < ALPHA + 1e-9) if len(permuted) else "",
        _share(held), f"{np.nanmean(estimate - truth):+.3f}", "; ".join(remarks),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _share(hits: np.ndarray) -> str:
    """Return a percentage with its Monte-Carlo interval (Wilson's)."""
    n, z = len(hits), 1.96
    p = float(np.mean(hits))
    centre, half = (p + z**2 / (2 * n)), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = ((centre + sign * half) / (1 + z**2 / n) for sign in (-1, 1))
    return f"{100 * p:.1f} % ({100 * low:.1f}-{100 * high:.1f})"


if __name__ == "__main__":
    main()
