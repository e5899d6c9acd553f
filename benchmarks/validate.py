"""Does the analysis keep its promises: `./run validate statistics`.

Simulates measurement tables (1,000 per setting and generating model), sends each through
`compare_groups` with the covariates of the default plan, and prints how often a true null is
rejected at 5 % (with the Monte-Carlo interval), the family-wise error of the primary family,
coverage of the 95 % intervals, bias of the logarithm of the ratio, the power at the published
effects, and what an unadjusted test would have claimed. `--output` writes the page as well.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import numpy as np
import pandas as pd
from few_cells_page import BEGIN, END
from simulated_tables import HEALTHY_SHARE, Setting, draw_measurements, draw_participants

from itc_analysis.config.sections import Cohort, Stats
from itc_analysis.stats.endpoint.model import fit_endpoint
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.models.permutation import freedman_lane
from itc_analysis.stats.multiplicity.adjust import adjust
from itc_analysis.stats.people.design import Design, build_design, group_weights
from itc_analysis.stats.people.responses import OK, T_CELLS, log_t_per_ul, on_scale, respond
from itc_analysis.stats.plan.plan import AnalysisPlan
from itc_analysis.stats.questions.compare import compare_groups

COHORT = Cohort()
STATS = Stats(n_permutations=0)

ALPHA = 0.05
#: Tables that share their participants; more would make the settings depend on few draws of age and
#: CMV.
TABLES_PER_DRAW = 25
N_PROCESSES = 2
#: Of so many draws, one goes through `compare_groups` as well.
CHECK_EVERY = 8
N_PERMUTATIONS = 199
#: Participants up to which permutation p are drawn beside (it takes most of the time).
SMALL = 90
WARNINGS = "no such cell|few participants|lie below|parameters"
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
    Setting("SSc 1.7 times as variable", TRIAL, TWO, {}, spread_ratio=1.7, scores=True, times=4),
    Setting("iNKT 0.02 %, half below LoD", TRIAL, RARE, {}),
    Setting("iNKT 0.02 %, half below LoD, true ratio 0.5", TRIAL, RARE, {"inkt": np.log(0.5)}),
    Setting(
        (
            "iNKT 0.02 %, SSc 1.7 times as variable"
        ), TRIAL, RARE, {"inkt": np.log(0.5)}, spread_ratio=1.7
    ),
    Setting("iNKT 0.02 %, 15 per group", FIFTEEN, RARE, {}),
    Setting(
        "single cell, iNKT 0.05 % of 1,500 T cells", TRIAL, {"inkt": 0.0005}, {}, lod_events=0,
        t_in_tube=1500.0, assay="singlecell",
    ),
    Setting("confounded: SSc 15 years older, CMV+", TRIAL, TWO | RARE, {}, is_confounded=True),
    Setting("power: MAIT 0.31, iNKT 0.23", TRIAL | {"healthy": 60}, ABUNDANT_AND_RARE, PUBLISHED),
    Setting(
        (
            "power: gamma-delta 0.7"
        ), TRIAL | {"healthy": 60}, {"gd_t_cells": HEALTHY_SHARE["gd_t_cells"]},
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
            draws = range(n_draws * SETTINGS[i].times)
            jobs = [(i, model, draw, options.seed) for model in MODELS for draw in draws]
            section = list(write_section(SETTINGS[i], pd.concat(pool.imap(run_draw, jobs))))
            print("\n".join(section), flush=True)
            page += section
    if options.output:
        path = Path(options.output)
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        kept = [BEGIN + old.split(BEGIN)[1].split(END)[0] + END] if BEGIN in old else []
        path.write_text("\n".join([*page, "", *kept]) + "\n", encoding="utf-8")


def run_draw(job: tuple[int, str, int, int]) -> pd.DataFrame:
    """Simulate the tables of one draw of participants and analyse them.

    Of some draws the first table goes through `compare_groups`; all tables go through its engine
    (`build_design`, `fit_endpoint`, `adjust`), which spares the reading, checking and wording of
    tables, and must say the same of the first.
    """
    i, model, draw, seed = job
    setting = SETTINGS[i]
    rng = np.random.default_rng((seed, i, MODELS.index(model), draw))
    people = draw_participants(setting, rng)
    rows = draw_measurements(setting, people, model=model, n_tables=TABLES_PER_DRAW, rng=rng)
    plan = make_plan(setting, COVARIATES)
    t_cells = log_t_per_ul(rows)
    first = rows[rows["sample_id"].str.endswith("#0")].reset_index(drop=True)
    rows = rows[rows["population"] != T_CELLS]
    whole = None
    if draw % CHECK_EVERY == 0:
        whole = compare_groups(first, people, plan=plan, cohort=COHORT, settings=STATS)
    one = first[first["measure"] == "share_of_t"]  # the T cells themselves have no share
    one = one[one["population"] == one["population"].iloc[0]]
    # its columns other than the numbers serve all tables of the draw
    template = respond(one, people, "share_of_t")
    template = template[["group", "batch", "n_samples", "age_years", "sex", "cmv_igg"]]
    numbers = {"state": OK, "y": 0.0}
    design = build_design(
        template.assign(**numbers),
        plan=plan,
        groups=COHORT.groups,
        min_per_group=STATS.min_per_group,
    )
    known = design if len(design.people) == len(template) else None
    found = []
    for (population, measure), mine in rows.groupby(["population", "measure"], sort=False):
        scaled = on_scale(mine, str(measure), t_cells=t_cells)
        found += compare_endpoint(
            str(population), str(measure), scaled, template, known, plan, draw
        )
    table = pd.DataFrame(found)
    families = [table["table"], table["is_primary"]]
    table["p_adjusted"] = table.groupby(families)["p_value"].transform(
        lambda p: adjust(p, method="holm")
    )
    table["is_warned"] = np.nan
    if whole is not None:
        check_first(table[table["table"] == 0], whole)
        warned = whole["reason"].fillna("").str.contains(WARNINGS).mean() > 0.5
        table["is_warned"] = float(warned)
    truth = table["population"].map(setting.log_ratio).fillna(0.0)
    table["truth"] = truth.where(table["is_primary"], 0.0)
    table["unadjusted_p"] = unadjusted_p(rows, table) if setting.is_confounded else np.nan
    return table.assign(generated=model, table=draw * TABLES_PER_DRAW + table["table"])


def compare_endpoint(
    name: str, measure: str, scaled: pd.DataFrame, template: pd.DataFrame, known: Design | None, plan: AnalysisPlan, draw: int  # noqa: E501
) -> list[dict[str, Any]]:  # fmt: skip
    """Compare SSc with healthy and with the pooled diseases in one endpoint of one table."""
    population, number = name.split("#")
    scaled = scaled.set_index("participant_id")
    columns = ["state", "y", "n_found", "standard_error", "value", "log_t_per_ul"]
    counts = scaled["cell_count"].reindex(template.index)
    responses = template.assign(**{c: scaled[c].reindex(template.index) for c in columns})
    if counts.notna().all():
        responses["sample_counts"] = pd.Series([(c,) for c in counts], template.index, dtype=object)
    described = {
        "population": population, "measure": measure, "table": int(number), "is_primary": measure != "score"  # noqa: E501
    }  # fmt: skip
    lost = {"p_value": np.nan, "estimate": np.nan, "lower": np.nan, "upper": np.nan}
    references = {"healthy": ["healthy"], "pooled": COHORT.disease_groups}
    answers: list[dict[str, Any]] = []
    try:
        if (
            known is not None and (responses["state"] == OK).all()
        ):  # the same people: the same design
            design = replace(known, people=responses)
        else:
            design = build_design(
                responses, plan=plan, groups=COHORT.groups, min_per_group=STATS.min_per_group
            )
        X = design.matrix
        fitted = fit_endpoint(design, X, measure=measure, index_group=COHORT.index_group)
    except NotEstimable:
        return [described | lost | {"reference": name} for name in references]
    for name, groups in references.items():
        weights = group_weights(
            design, COHORT.index_group, list(groups), pooled_weights=plan.pooled_weights
        )
        try:
            result = fitted.compare(weights, STATS.comparison_confidence).result
        except NotEstimable:
            answers.append(described | lost | {"reference": name})
            continue
        permuted = np.nan
        if len(template) <= SMALL and measure == "share_of_t" and fitted.allows_permutation:
            padded = np.concatenate([weights, np.zeros(X.shape[1] - len(weights))])
            seed = (draw, int(number))
            permuted = freedman_lane(design.y, X, padded, n_permutations=N_PERMUTATIONS, seed=seed)
        answers.append(
            described
            | {
                "reference": name, "p_value": result.p_value, "estimate": result.estimate,
                "lower": result.lower, "upper": result.upper, "p_permutation": permuted,
            }
        )  # fmt: skip
    return answers


def check_first(engine: pd.DataFrame, whole: pd.DataFrame) -> None:
    """Stop when `compare_groups` and the engine do not say the same."""
    whole = whole[whole["population"].str.endswith("#0")]
    name = whole["population"].str.split("#").str[0]
    reference = whole["comparison"].map({"SSc vs healthy": "healthy"}).fillna("pooled")
    left = pd.Series(
        whole[["p_value", "p_adjusted"]].to_numpy().tolist(),
        index=[name, whole["measure"], reference],
    )
    for row in engine.itertuples():
        expected = left[(row.population, row.measure, row.reference)]
        if not np.allclose([row.p_value, row.p_adjusted], expected, rtol=1e-6, equal_nan=True):
            msg = (
                f"engine and compare_groups differ: {row.p_value}, {row.p_adjusted} and {expected}"
            )
            raise AssertionError(msg)


def make_plan(setting: Setting, covariates: str) -> AnalysisPlan:
    """A primary family as in the default plan (Holm over populations, measures and two references),
    scores apart.
    """
    measures = ["share_of_t"] if setting.assay == "singlecell" else ["share_of_t", "cells_per_ul"]
    populations = [f"{name}#0" for name in setting.shares]
    blocks = [("primary", populations, measures, ["-"])]
    if setting.scores:
        blocks.append(("secondary", populations[:1], ["score"], ["exhaustion"]))
    families = [
        {
            "name": role, "role": role, "adjustment": "holm", "contrasts": ["healthy", "pooled"],
            "endpoints": [
                {"assay": setting.assay, "populations": names, "measures": of, "features": features}
            ],
        }
        for role, names, of, features in blocks
    ]  # fmt: skip
    small = {"covariates": "age_years + sex + cmv_igg"}
    return AnalysisPlan.model_validate(
        {"covariates": covariates, "small_sample": small, "families": families}
    )


def unadjusted_p(rows: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """Wilcoxon's rank sum test of SSc against the reference; below the limit counts as lowest."""
    from scipy.stats import mannwhitneyu

    height = rows["value"].fillna(-1.0)
    values = {
        key: v.to_numpy()
        for key, v in height.groupby([rows["population"], rows["measure"], rows["group"]])
    }
    p = []
    for row in table.itertuples():
        name = f"{row.population}#{row.table}"
        groups = ("healthy",) if row.reference == "healthy" else COHORT.disease_groups
        other = np.concatenate([values[(name, row.measure, group)] for group in groups])
        p.append(mannwhitneyu(values[(name, row.measure, COHORT.index_group)], other).pvalue)
    return np.array(p)


def write_head(command: str, n_tables: int) -> list[str]:
    """Return the first lines of the page."""
    return [
        "# Calibration of the comparisons",
        "",
        f"Made by `{command}`: {n_tables} simulated tables per setting and generating model, each "
        "through the engine of `compare_groups` (one in 200 through `compare_groups` itself, which "
        "must say the same) with age (spline), sex and CMV as covariates, references healthy and "
        "pooled. *Rejected at 5 %* is the share of p < 0.05, with its 95 % Monte-Carlo interval: "
        "the type I error where nothing differs, else the power. *normal*: logit-normal shares, "
        "log-normal counts; *gamma*: beta-binomial shares, gamma counts.",
    ]


def write_section(setting: Setting, rows: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of one setting."""
    yield from ("", f"## {setting.name}", "")
    if setting.times > 1:
        yield from (f"{setting.times} times as many tables as in the other settings.", "")
    yield (
        "| model | endpoint | reference | rejected at 5 % | permutation | coverage | bias of log | "
        "remark |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for key, mine in rows.groupby(["generated", "population", "measure", "reference"]):
        yield _line(key, mine)
    yield ""
    for model, mine in rows[rows["is_primary"]].groupby("generated"):
        n_tests = len(mine) // mine["table"].nunique()
        nulls = mine[mine["truth"] == 0]
        if len(nulls):
            wrong = (nulls.groupby("table")["p_adjusted"].min() < ALPHA).to_numpy()
            yield f"- {model}: family-wise error {_share(wrong)} (Holm over {n_tests} tests)"
        named = mine[mine["truth"] != 0].groupby(["population", "measure", "reference"])
        for name, effects in named:
            claimed = (effects["p_adjusted"] < ALPHA).to_numpy()
            yield f"- {model}: found with adjusted p, {' '.join(map(str, name))}: {_share(claimed)}"
        if len(nulls):
            tested = nulls[nulls["p_value"].notna()]
            kinds = (
                tested["population"].isin(list(RARE)).map({True: "rare (iNKT)", False: "others"})
            )
            for kind, tests in tested.groupby(kinds.to_numpy()):
                claimed = (tests["p_value"] < ALPHA).to_numpy()
                yield (
                    f"- {model}: type I error over all tests of {kind}: {100 * claimed.mean():.1f} "
                    f"% ({len(claimed)} tests)"
                )
        if setting.is_confounded:
            for name, tests in mine.groupby("population"):
                claimed = (tests["unadjusted_p"] < ALPHA).to_numpy()
                yield (
                    f"- {model}: an unadjusted Wilcoxon test would have claimed {name} in "
                    f"{_share(claimed)}"
                )


def _line(key: tuple[str, ...], rows: pd.DataFrame) -> str:
    model, population, measure, reference = key
    known = rows[rows["p_value"].notna()]
    estimate, lower, upper = (
        known[column].to_numpy(dtype=float) for column in ("estimate", "lower", "upper")
    )
    truth = known["truth"].to_numpy()
    # a limit that does not exist leaves the side open
    held = ~(lower > truth) & ~(upper < truth)
    permuted = known["p_permutation"].dropna().to_numpy()
    remarks = []
    if len(known) < len(rows):
        remarks.append(f"{len(rows) - len(known)} of {len(rows)} without p")
    if rows["is_warned"].mean() > 0.5:
        remarks.append("carries a warning")
    cells = [
        model, f"{population} {measure}", reference,
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
