"""Does a number depend on how many cells it was made from: `./run validate few-cells`.

Simulates tables in which nothing differs between the groups but the number of cells (or what a row
says), sends each through the engine of `compare_groups`, and prints how often a true null is
rejected at 5 %, coverage, bias of the log ratio, and how often the product warns. The named
rows are those of the question; the grid crosses cells in SSc, cells of the others, share and
participants per group. Three generating models: normal person effects, heavy tails (t, 3 degrees of
freedom), and a mixture (three in ten lie two logits lower), all centred: a mean that follows the
spread would be a difference. `--output` writes the section of docs/calibration.md.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import numpy as np
import pandas as pd
from few_cells_page import grid_lines, head, named_lines, told, write
from few_cells_scores import score_rows
from scipy import special

from itc_analysis.config.sections import Cohort
from itc_analysis.stats.endpoint import caveats
from itc_analysis.stats.endpoint.model import fit_counted
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.people.counts import Count
from itc_analysis.stats.people.design import Design, build_design, group_weights
from itc_analysis.stats.people.responses import OK
from itc_analysis.stats.plan.plan import AnalysisPlan

COHORT = Cohort()
ALPHA, CONFIDENCE = 0.05, 0.95
#: Tables that share their participants.
TABLES_PER_DRAW = 10
N_PROCESSES = 1
MODELS = ("normal", "heavy", "mixture")
COVARIATES = "cr(age_years, df=3, constraints='center') + sex + cmv_igg"
GRID_GROUPS = ("SSc", "SLE", "RA", "healthy")


@dataclass(frozen=True)
class Setting:
    """One kind of table.

    Parameters
    ----------
    name : as it is printed.
    ssc, others : cells of the denominator, lowest and highest (log-uniform).
    share : true share of the typical participant.
    n : participants per group.
    groups : names of the groups.
    sd : SD of the person effect; `sd_of` what it is multiplied by in some groups.
    background : background, per cell of the denominator, and its relative error; 0 for none.
    gate : log error of the position of the gate.
    per_ul : T cells per microlitre of blood where concentrations are compared; None for shares.
    effect : true difference of SSc, log.
    batch_shift : of the second of two batches, in SDs of the person effect; it holds four in five
        of SSc and three in ten of the others. 0 for one batch.
    """

    name: str
    ssc: tuple[float, float]
    others: tuple[float, float]
    share: float
    n: int = 60
    groups: tuple[str, ...] = tuple(COHORT.groups)
    sd: float = 0.6
    sd_of: dict[str, float] = field(default_factory=dict)
    background: float = 0.0
    background_error: float = 0.3
    gate: float = 0.0
    per_ul: float | None = None
    effect: float = 0.0
    batch_shift: float = 0.0


#: Cells in SSc and elsewhere: fewer in SSc; many everywhere.
FEWER = ((50.0, 150.0), (500.0, 3000.0))
MANY = ((9e4, 11e4), (9e4, 11e4))
NAMED = (
    *(
        Setting(f"positive {share:.0%}, SSc 50-150 cells, others 500-3,000", *FEWER, share)
        for share in (0.01, 0.03, 0.10)
    ),
    Setting("positive 1 %, true odds ratio 2", *FEWER, 0.01, effect=float(np.log(2))),
    Setting(
        "positive 3 % and 2 % background (error 30 %)", *FEWER, 0.03, background=0.02
    ),
    Setting(
        "iNKT 0.05 %, 3,000 T cells in SSc, 20,000 elsewhere", (2500, 3500), (17e3, 23e3),
        0.0005, sd=1.1,
    ),
    Setting(
        "iNKT 0.02 % of 100,000, healthy half as variable", *MANY, 0.0002,
        sd=1.1, sd_of={"healthy": 0.5},
    ),
    Setting(
        "iNKT 0.02 % of 100,000, SSc 1.7 times as variable", *MANY, 0.0002,
        sd=1.0, sd_of={"SSc": 1.7},
    ),
    Setting(
        "single cell, 0.5 % of 300 T cells in SSc, of 1,500 elsewhere", (250, 350), (1200, 1800),
        0.005, sd=0.8,
    ),
    Setting("single cell, 0.05 % of 1,500 T cells", (1200, 1800), (1200, 1800), 0.0005, sd=1.1),
    Setting(
        "iNKT per microlitre, 3,000 T cells in SSc, 20,000 elsewhere", (2500, 3500), (17e3, 23e3),
        0.0005, sd=1.1, per_ul=1000.0, gate=0.1,
    ),
    Setting("MAIT 2 % of 20,000, gate error 0.1, true ratio 0.7", (15e3, 25e3), (15e3, 25e3), 0.02,
            sd=0.9, gate=0.1, effect=float(np.log(0.7))),
    Setting("positive 10 %, batch aligned with group, batch effect 0.4 SD", *FEWER, 0.10,
            batch_shift=0.4),
)  # fmt: skip
GRID = tuple(
    Setting(
        f"{ssc} | {others:,} | {share:.0%} | {n}", (ssc * 0.6, ssc * 1.6),
        (others * 0.6, others * 1.6), share, n, GRID_GROUPS,
    )
    for ssc, others, share, n in itertools.product(
        (20, 50, 150, 500), (150, 500, 3000), (0.01, 0.03, 0.10, 0.50, 0.90), (12, 25, 60)
    )
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=340, help="per setting and model")
    parser.add_argument("--grid-tables", type=int, help="of each cell of the grid; as --tables")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--processes", type=int, default=N_PROCESSES)
    parser.add_argument("--only", choices=("named", "grid", "scores"))
    parser.add_argument("--folder", help="where rows are kept, so that a stopped run can go on")
    parser.add_argument(
        "--finished", action="store_true", help="simulate nothing: only what is in the folder"
    )
    parser.add_argument("--output", help="a page whose section is written, docs/calibration.md")
    options = parser.parse_args()
    grid_tables = options.tables if options.grid_tables is None else options.grid_tables
    command = (
        f"./run validate few-cells --tables {options.tables} --grid-tables {grid_tables} "
        f"--seed {options.seed}"
    )
    lines = list(head(command))
    print("\n".join(lines), flush=True)
    with multiprocessing.Pool(options.processes) as workers:
        pool = None if options.finished else workers
        if options.only in (None, "named"):
            found = summaries(pool, NAMED, options.tables, options.seed, options.folder)
            lines += told(named_lines(found))
        if options.only in (None, "grid"):
            found = summaries(pool, GRID, grid_tables, options.seed + 1, options.folder)
            lines += told(grid_lines(found, len(GRID)))
        if options.only in (None, "scores") and pool is not None:
            lines += told(score_rows(pool, options.tables, options.seed))
    if options.output:
        write(Path(options.output), lines)


def summaries(
    pool: Any, settings: tuple[Setting, ...], n_tables: int, seed: int, folder: str | None
) -> Iterator[Any]:
    """Yield each setting with the rows of all its tables.

    With a folder the rows are kept in it, and those that are there are not made again: a run that
    was stopped goes on where it was, and one that asks for more tables adds to what is there. Each
    round gives every setting ten tables of each model, in a drawn order, so that what a stopped
    run leaves is a fair part.
    """
    found: dict[int, list[pd.DataFrame]] = {i: [] for i in range(len(settings))}
    order = np.random.default_rng(seed).permutation(len(settings)).tolist()
    for draw in range(-(-n_tables // TABLES_PER_DRAW)):
        for i in order:
            setting = settings[i]
            kept = None if folder is None else Path(folder) / f"{seed}-{i}-{draw}.parquet"
            if kept is not None and kept.exists():
                found[i].append(pd.read_parquet(kept))
                continue
            if pool is None:
                continue
            jobs = [(setting, model, draw, (seed, i)) for model in MODELS]
            rows = pd.concat(pool.imap(run_draw, jobs), ignore_index=True)
            found[i].append(rows)
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                rows.to_parquet(kept)
    for i, rounds in found.items():
        if rounds:
            yield settings[i], pd.concat(rounds, ignore_index=True)


def person_effect(rng: np.random.Generator, model: str, size: int, sd: np.ndarray) -> np.ndarray:
    """Draw centred person effects; `sd` is that of the normal model, the scale of the others."""
    if model == "normal":
        return sd * rng.normal(size=size)
    if model == "heavy":
        return sd * rng.standard_t(3, size=size) / np.sqrt(3)
    # as variable as the others, SD 1 of sd: three in ten lie two (of sd 0.6) lower
    is_low = rng.random(size) < 0.3
    unit = -(2.0 * (is_low - 0.3)) / 0.6 + 0.6 * rng.normal(size=size)
    return sd * unit


def run_draw(job: tuple[Setting, str, int, tuple[int, int]]) -> pd.DataFrame:
    """Simulate and analyse the tables of one draw of participants."""
    setting, model, draw, seed = job
    rng = np.random.default_rng((*seed, MODELS.index(model), draw))
    group = np.repeat(setting.groups, setting.n)
    n = len(group)
    people = pd.DataFrame(
        {
            "group": group,
            "age_years": np.clip(rng.normal(52, 13, n), 18, 90).round(),
            "sex": rng.choice(["F", "M"], n, p=[0.7, 0.3]),
            "cmv_igg": rng.random(n) < 0.5,
            "batch": "b1",
            "n_samples": 1,
            "state": OK,
            "y": 0.0,
            "standard_error": np.nan,
            "log_t_per_ul": np.nan,
        },
        index=[f"P{i:03d}" for i in range(n)],
    )
    endpoints = [{"assay": "flow", "populations": ["mait"], "measures": ["share_of_t"]}]
    family = {
        "name": "primary",
        "role": "primary",
        "contrasts": ["healthy"],
        "adjustment": "holm",
        "endpoints": endpoints,
    }
    small = {"covariates": "age_years + sex"}
    plan = AnalysisPlan.model_validate(
        {"covariates": COVARIATES, "small_sample": small, "families": [family]}
    )
    if setting.batch_shift:
        is_second = rng.random(n) < np.where(group == "SSc", 0.8, 0.3)
        people["batch"] = np.where(is_second, "b2", "b1")
    design = build_design(people, plan=plan, groups=COHORT.groups, min_per_group=3)
    order = [people.index.get_loc(name) for name in design.people.index]
    rows = []
    for table in range(TABLES_PER_DRAW):
        drawn = draw_counts(setting, model, people, rng).iloc[order]
        own = replace(design, people=design.people.assign(**{c: drawn[c] for c in drawn}))
        rows += compare(setting, own, model, draw * TABLES_PER_DRAW + table)
    return pd.DataFrame(rows)


def draw_counts(
    setting: Setting, model: str, people: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw counts, and what is known of them."""
    n = len(people)
    is_ssc = (people["group"] == "SSc").to_numpy()
    low, high = (np.where(is_ssc, a, b) for a, b in zip(setting.ssc, setting.others, strict=True))
    total = np.maximum(np.round(np.exp(rng.uniform(np.log(low), np.log(high)))), 2).astype(int)
    scale = setting.sd * people["group"].map(setting.sd_of).fillna(1.0).to_numpy(dtype=float)
    theta = person_effect(rng, model, n, scale) + setting.effect * is_ssc
    theta += setting.batch_shift * setting.sd * (people["batch"] == "b2").to_numpy()
    gate = setting.gate * rng.normal(size=n)
    expected = setting.background * total
    if setting.per_ul is None:
        share = special.expit(special.logit(setting.share) + theta + gate)
        k = rng.binomial(total, share) + rng.poisson(expected)
        inside = total.astype(float)
    else:
        t_per_ul = setting.per_ul * np.exp(0.4 * rng.normal(size=n))
        inside = total / t_per_ul
        rate = setting.share * setting.per_ul * np.exp(theta + gate)
        # nobody has more cells of it than cells: a heavy tail may ask for any number
        k = rng.poisson(np.minimum(rate * inside, total))
    k = np.minimum(k, total)
    # what the background is taken for, and how sure
    seen = (
        expected * np.exp(setting.background_error * rng.normal(size=n))
        if expected.any()
        else expected
    )
    error = setting.background_error * seen
    columns = [column.tolist() for column in (k.astype(float), inside, seen, error)]
    counts = [(Count(*row, 1.0, setting.gate),) for row in zip(*columns, strict=True)]
    return pd.DataFrame(
        {
            "sample_counts": pd.Series(counts, index=people.index, dtype=object),
            "log_t_per_ul": np.log(total / inside) if setting.per_ul else np.nan,
        },
        index=people.index,
    )


def compare(setting: Setting, design: Design, model: str, table: int) -> list[dict[str, Any]]:
    """Compare SSc with healthy and with the pooled diseases."""
    measure = "share_positive" if setting.per_ul is None else "cells_per_ul"
    diseases = [g for g in COHORT.disease_groups if g in setting.groups]
    try:
        fitted = fit_counted(design, design.matrix, measure=measure)
    except NotEstimable:
        fitted = None
    rows = []
    sides: dict[tuple[str, ...], tuple[float, float]] = {}
    for reference, groups in (("healthy", ["healthy"]), ("pooled", diseases)):
        weights = group_weights(design, "SSc", groups, pooled_weights="equal")
        row: dict[str, Any] = {"model": model, "table": table, "reference": reference}
        for side, names in (("index", ("SSc",)), ("reference", tuple(groups))):
            if names not in sides:
                members = design.in_group(*names)
                counts = design.people["sample_counts"][members]
                sides[names] = caveats.few_cells(counts, measure=measure)
            row |= dict(zip((f"cells_{side}", f"empty_{side}"), sides[names], strict=True))
        rows.append(row | answer(fitted, weights, setting.effect))
    return rows


def answer(fitted: Any, weights: np.ndarray, truth: float) -> dict[str, float]:
    """Return bias, rejection and coverage; NaN where there is none."""
    try:
        if fitted is None:
            raise NotEstimable
        found = fitted.compare(weights, CONFIDENCE).result
    except NotEstimable:
        return dict.fromkeys(("bias", "rejected", "covered"), np.nan)
    low = -np.inf if np.isnan(found.lower) else found.lower
    high = np.inf if np.isnan(found.upper) else found.upper
    return {
        "bias": found.estimate - truth,
        "rejected": 100.0 * (found.p_value < ALPHA),
        "covered": 100.0 * (low <= truth <= high),
    }


if __name__ == "__main__":
    main()
