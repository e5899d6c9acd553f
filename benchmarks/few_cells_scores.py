"""Does a score depend on how many cells it was made from: rows for `./run validate few-cells`.

Counts of four markers, or molecules of six genes, of people in whom nothing differs between the
groups but the number of cells go through the scores of `itc score` and the model of scores of
`itc compare`. Person effects are normal, heavy-tailed (t, 3 degrees of freedom) or a mixture (one
in five lies higher), centred, half of their variance shared by the markers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from itc_analysis.cli.threads import ONE_THREAD

os.environ.update(ONE_THREAD)  # before numpy is imported

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from itc_analysis.scores.scoring.composition import standardised_logit_z
from itc_analysis.scores.scoring.methods import Reference, Scored, mean_logit_z, pseudobulk_z
from itc_analysis.stats.endpoint.caveats import of_score_errors
from itc_analysis.stats.models.linear import contrast, fit_least_squares

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator
#: Draws groups, scores and, where there are several, batches.
Draw = Callable[[Rng], tuple[Any, ...]]

GROUPS = ("SSc", "healthy", "SLE", "RA")
SSC, HEALTHY = 0, 1
SD = 0.6
ALPHA = 0.05
MIN_REFERENCE = 4
#: Bounds of the question: type I error at trial size and at 12 a group, bias in healthy SD.
TRIAL, SMALL, BIAS = (3.5, 6.5), 7.0, 0.05


@dataclass(frozen=True)
class Setting:
    """One kind of table.

    Parameters
    ----------
    name : as it is printed.
    ssc, others : cells, lowest and highest.
    shares : true share of each marker in the typical person.
    n : participants per group.
    model : normal, heavy or mixture.
    shift : true difference of SSc in SD of healthy.
    """

    name: str
    ssc: tuple[int, int]
    others: tuple[int, int]
    shares: tuple[float, ...]
    n: int = 60
    model: str = "normal"
    shift: float = 0.0


USUAL = (0.06, 0.10, 0.15, 0.25)
RARE = (0.03,) * 4
FEW, MANY = (50, 150), (500, 3000)
FLOW = (
    Setting("four markers at 3 %, SSc 50-150 cells, others 500-3,000", FEW, MANY, RARE),
    Setting("the same, heavy tails", FEW, MANY, RARE, model="heavy"),
    Setting("the same, mixture", FEW, MANY, RARE, model="mixture"),
    Setting("the same, 25 a group", FEW, MANY, RARE, n=25),
    Setting("the same, 12 a group", FEW, MANY, RARE, n=12),
    Setting("four markers at 5 %, others 150-600 cells", FEW, (150, 600), (0.05,) * 4),
    Setting("90-95 %", FEW, MANY, (0.90, 0.92, 0.93, 0.95)),
    Setting("usual markers (6-25 %)", FEW, MANY, USUAL),
    Setting("3 %, equal numbers of cells", MANY, MANY, RARE),
    Setting("1 %", FEW, MANY, (0.01,) * 4),
    Setting("3 %, SSc 20 cells", (20, 20), MANY, RARE),
    *(
        Setting(f"+0.5 SD planted, {cells:,} cells in SSc", (cells, cells), MANY, USUAL, shift=0.5)
        for cells in (50, 150, 500, 5000)
    ),
    Setting("+0.5 SD planted, everybody 50 cells", (50, 50), (50, 50), USUAL, shift=0.5),
    Setting("+0.5 SD planted, everybody 50 cells, 3 %", (50, 50), (50, 50), RARE, shift=0.5),
)


def draws() -> list[tuple[str, float, Draw]]:
    """Return of each row its name, the true difference, and what draws a table."""
    rows: list[tuple[str, float, Draw]] = [
        (setting.name, setting.shift, partial(draw_flow, setting)) for setting in FLOW
    ]
    rows.append(("single cell, SSc 20-40 cells, others 500-1,500", 0.0, draw_single_cell))
    rows.append(("γδ, only Vδ1 and Vδ2 shift, standardised", 0.0, draw_composition))
    for n in (3, 0, 20):
        name = f"batches of 20 and {n} healthy, drift 0.8 SD"
        rows.append((name, 0.0, partial(draw_batches, n)))
    return rows


def score_rows(pool: Any, n_tables: int, seed: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown, setting by setting.

    Parameters
    ----------
    pool : of processes.
    n_tables : per setting.
    seed : of the whole.
    """
    yield ""
    yield (
        f"Scores: {n_tables:,} tables a row (Monte-Carlo standard error "
        f"{100 * np.sqrt(ALPHA * (1 - ALPHA) / n_tables):.1f} points at 5 %). SSc, healthy, SLE "
        "and RA, 60 of each unless said; four markers, a person's SD 0.6 on the logit scale. "
        "Batches: 20 and 40 people with SSc. "
        "*Not scored*: of the people with SSc. *Warned*: the product says that few cells make the "
        "score uncertain."
    )
    yield ""
    yield (
        "| scores | bias (healthy SD) | p < .05 against healthy | against pooled diseases "
        "| coverage | not scored | warned | CPU s |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    yield from pool.imap(row_at, [(place, n_tables, seed) for place in range(len(draws()))])


def row_at(job: tuple[int, int, int]) -> str:
    """Return the row of a place, drawn with seeds of its own."""
    place, n_tables, seed = job
    return summarise(*draws()[place], n_tables, np.random.default_rng((seed, place)))


def summarise(
    name: str,
    shift: float,
    draw: Draw,
    n_tables: int,
    rng: Rng,
) -> str:
    """Return one row: what the comparisons of many tables made of the truth."""
    begin = time.process_time()
    found, pooled, missing, warned = [], [], [], []
    for _ in range(n_tables):
        group, scored, *batch = draw(rng)
        missing.append(1 - np.isfinite(scored.value[group == SSC]).mean())
        errors = pd.DataFrame({"standard_error": scored.standard_error})
        warned.append(of_score_errors(errors, group == SSC, group == HEALTHY) != "")
        one = compare(group, scored, (HEALTHY,), *batch)
        if one is not None:
            found.append(one)
        others = tuple(sorted(set(group) - {SSC, HEALTHY}))
        both = compare(group, scored, others) if others else None
        if both is not None:
            pooled.append(both)
    seconds = (time.process_time() - begin) / n_tables
    if len(found) < n_tables / 2:
        return f"| {name} | not scored | | | | {100 * np.mean(missing):.0f} % | | {seconds:.2f} |"
    bias = np.mean([one.estimate for one in found]) - shift
    error = np.std([one.estimate for one in found]) / np.sqrt(len(found))
    covered = np.mean([one.lower <= shift <= one.upper for one in found])
    against = [
        f"{100 * np.mean([one.p_value < ALPHA for one in rows]):.1f} %" if rows else ""
        for rows in (found, pooled)
    ]
    return (
        f"| {name} | {bias:+.3f} (± {error:.3f}) | {against[0]} | {against[1]} | "
        f"{100 * covered:.1f} % "
        f"| {100 * np.mean(missing):.0f} % | {100 * np.mean(warned):.0f} % | {seconds:.2f} |"
    )


def compare(
    group: npt.NDArray[np.int64],
    scored: Scored,
    against: tuple[int, ...],
    batch: npt.NDArray[np.object_] | None = None,
) -> object:
    """Return SSc against the mean of other groups, as `itc compare` does; None where it cannot."""
    known = np.isfinite(scored.value)
    names = np.unique(group[known])
    if SSC not in names or not set(against) <= set(names):
        return None
    columns = (group[known][:, None] == names).astype(float)
    if batch is not None and len(set(batch[known])) > 1:
        columns = np.column_stack([columns, batch[known] == batch[known][0]])
    fit = fit_least_squares(scored.value[known], columns)
    weights = np.zeros(columns.shape[1])
    weights[: len(names)] = np.where(np.isin(names, against), -1 / len(against), 0.0)
    weights[names.tolist().index(SSC)] = 1.0
    return contrast(fit, weights, confidence=1 - ALPHA)


def draw_flow(setting: Setting, rng: Rng) -> tuple[npt.NDArray[np.int64], Scored]:
    """Draw the markers of a study and score them."""
    group = np.repeat(np.arange(len(GROUPS)), setting.n)
    cells = cells_of(group, setting.ssc, setting.others, rng)
    logit = special.logit(np.array(setting.shares)) + SD * people(
        len(group), len(setting.shares), setting.model, rng
    )
    logit[group == SSC] += SD * setting.shift
    counts = rng.binomial(cells.astype(int)[:, None], special.expit(logit)).astype(float)
    return group, mean_logit_z(counts, cells, np.ones(counts.shape[1]), everybody(group))


def draw_single_cell(rng: Rng) -> tuple[npt.NDArray[np.int64], Scored]:
    """Draw molecules of six genes in pseudobulk profiles and score them."""
    group = np.repeat(np.arange(len(GROUPS)), 60)
    cells = cells_of(group, (20, 40), (500, 1500), rng)
    totals = cells * rng.uniform(3000, 6000, len(cells))
    rates = (
        np.array([4, 8, 10, 15, 25, 60]) * 1e-6 * np.exp(0.5 * people(len(group), 6, "normal", rng))
    )
    # cells differ as well: a gamma of the sum of cells
    shape = cells[:, None] / 2
    counts = rng.poisson(totals[:, None] * rates * rng.gamma(shape) / shape).astype(float)
    return group, pseudobulk_z(counts, totals, np.ones(6), everybody(group))


def draw_composition(rng: Rng) -> tuple[npt.NDArray[np.int64], Scored]:
    """Draw γδ T cells of which SSc has lost the Vδ2, whose markers are rarer, and nothing else."""
    group = np.repeat(np.arange(len(GROUPS)), 60)
    cells = rng.integers(100, 1500, len(group))
    vd2 = np.where(group == SSC, 0.35, 0.70) + rng.normal(0, 0.08, len(group))
    n_vd2 = rng.binomial(cells, np.clip(vd2, 0.02, 0.98))
    effect = SD * people(len(group), 4, "normal", rng)
    subsets = []
    for n, share in ((n_vd2, 0.06), (cells - n_vd2, 0.30)):
        counts = rng.binomial(n[:, None], special.expit(special.logit(share) + effect)).astype(
            float
        )
        subsets.append((counts, n.astype(float)))
    return group, standardised_logit_z(subsets, np.ones(4), everybody(group))


def draw_batches(
    n_healthy: int, rng: Rng
) -> tuple[npt.NDArray[np.int64], Scored, npt.NDArray[np.object_]]:
    """Draw a batch of 20 healthy people and another of few, 0.8 SD apart, SSc in both."""
    group = np.array([HEALTHY] * 20 + [SSC] * 20 + [HEALTHY] * n_healthy + [SSC] * 40)
    batch = np.array(["first"] * 40 + ["second"] * (n_healthy + 40), dtype=object)
    cells = rng.integers(200, 1000, len(group)).astype(float)
    logit = special.logit(np.array(USUAL)) + SD * people(len(group), 4, "normal", rng)
    logit += 0.8 * SD * (batch == "second")[:, None]
    counts = rng.binomial(cells.astype(int)[:, None], special.expit(logit)).astype(float)
    reference = everybody(group)
    scored = mean_logit_z(
        counts,
        cells,
        np.ones(4),
        Reference(reference.participants, batch, reference.is_reference, MIN_REFERENCE),
    )
    return group, scored, batch


def people(n: int, n_markers: int, model: str, rng: Rng) -> Floats:
    """Return person effects of SD 1 and mean 0, half of the variance shared by the markers."""
    return np.sqrt(0.5) * (effects((n, 1), model, rng) + effects((n, n_markers), model, rng))


def effects(shape: tuple[int, int], model: str, rng: Rng) -> Floats:
    """Return effects of SD 1 and mean 0."""
    if model == "heavy":
        return rng.standard_t(3, size=shape) / np.sqrt(3)
    if model == "mixture":
        high = rng.random(shape) < 0.2
        return np.asarray((2.0 * high - 0.4 + rng.normal(0, 0.6, shape)) / np.sqrt(0.64 + 0.36))
    return rng.normal(size=shape)


def cells_of(
    group: npt.NDArray[np.int64], ssc: tuple[int, int], others: tuple[int, int], rng: Rng
) -> Floats:
    """Return cells of each person."""
    few = rng.integers(ssc[0], ssc[1] + 1, len(group))
    many = rng.integers(others[0], others[1] + 1, len(group))
    return np.where(group == SSC, few, many).astype(float)


def everybody(group: npt.NDArray[np.int64]) -> Reference:
    """Return the healthy reference of a study in one batch."""
    n = len(group)
    return Reference(
        np.array([f"p{i}" for i in range(n)], dtype=object),
        np.full(n, "one", dtype=object),
        group == HEALTHY,
        MIN_REFERENCE,
    )
