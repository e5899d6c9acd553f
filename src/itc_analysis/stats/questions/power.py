"""Power of the planned comparisons by simulation: the study's own participants, spread and
covariates, redrawn.

Each simulated study draws participants with replacement within their groups, takes the differences
between groups out of their values, puts the assumed ratio in, and goes through `compare_groups`
with the plan's primary families.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from itc_analysis.config.sections import Groups, Stats
from itc_analysis.errors import ItcError
from itc_analysis.stats.people.counts import SHARES, counts_of
from itc_analysis.stats.people.responses import CENSORED, HALF_CELL, KEY, LOGIT, OK, SCALES
from itc_analysis.stats.plan.plan import AnalysisPlan, expand
from itc_analysis.stats.questions.compare import PROGRESS_SECONDS, compare_groups, fit_endpoints

log = logging.getLogger(__name__)

Rng = np.random.Generator
#: Names the command in faults.
SOURCE = "power"


def simulate_power(
    measurements: pd.DataFrame,
    participants: pd.DataFrame,
    *,
    plan: AnalysisPlan,
    cohort: Groups,
    settings: Stats,
    ratio: float,
    n_studies: int,
    sizes: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Return how often each primary comparison would be found.

    Parameters
    ----------
    measurements, participants, plan, cohort, settings : pandas.DataFrame or AnalysisPlan or Groups
        or Stats
        as in `compare.compare_groups`; `settings.seed` seeds the draws.
    ratio : float
        assumed ratio (of odds for shares) of the index group to every other group, above 0; 1 gives
        the type I error.
    n_studies : int
        simulated studies.
    sizes : mapping of str to int, optional
        participants per group; None for those that were reached.

    Returns
    -------
    pandas.DataFrame
        One row per comparison of a share or count: its key, `ratio`, `n_index`, `n_reference`
        (means over the studies), `found` and `found_adjusted` (0-1: p, and p adjusted in its
        family, at or below one minus the confidence), `monte_carlo_error` of `found`, `n_studies`.
        A group wholly below the limit of detection has no spread to draw from and no row.

    Raises
    ------
    ItcError
        no primary endpoint is a share or count that the study has measured, or a size is asked for
        a group without participants.
    """
    primary = [family for family in plan.families if family.role == "primary"]
    # imputing anew in each simulated study would cost twenty times as much; complete cases promise
    # a little less power
    lean = plan.model_copy(
        update={"families": tuple(primary), "missing_covariates": "complete_cases"}
    )
    quick = settings.model_copy(update={"n_permutations": 0})
    templates = _templates(measurements, participants, lean, cohort, quick)
    analysed = participants[participants["is_analysed"]].sort_values("participant_id")
    wanted = dict(sizes or analysed["group"].value_counts())
    _check(templates, analysed, wanted)
    rng = np.random.default_rng(settings.seed)
    rows = []
    said = time.monotonic()
    for study in range(n_studies):
        if time.monotonic() - said > PROGRESS_SECONDS:
            said = time.monotonic()
            log.info("power: %d of %d studies", study, n_studies)
        people, origin = _draw_people(analysed, wanted, rng)
        drawn = [
            _draw_endpoint(t, people, origin, ratio, cohort.index_group, rng) for t in templates
        ]
        table = compare_groups(
            pd.concat(drawn, ignore_index=True), people, plan=lean, cohort=cohort, settings=quick
        )
        rows.append(table[table["p_value"].notna()])
    found = pd.concat(rows, ignore_index=True)
    alpha = 1 - settings.comparison_confidence
    found = found.assign(
        found=(found["p_value"] <= alpha).astype(float),
        found_adjusted=(found["p_adjusted"] <= alpha).astype(float),
    )
    columns = ["n_index", "n_reference", "found", "found_adjusted"]
    # a comparison that a study could not make was not found in it
    power = found.groupby([*KEY, "comparison"], sort=False)[columns].agg(
        {"n_index": "mean", "n_reference": "mean", "found": "sum", "found_adjusted": "sum"}
    )
    power[["found", "found_adjusted"]] /= n_studies
    error = np.sqrt(power["found"] * (1 - power["found"]) / n_studies)
    return power.assign(ratio=ratio, monte_carlo_error=error, n_studies=n_studies).reset_index()


def _templates(
    measurements: pd.DataFrame,
    participants: pd.DataFrame,
    plan: AnalysisPlan,
    cohort: Groups,
    settings: Stats,
) -> list[pd.DataFrame]:
    """Return per endpoint each participant's value without differences between groups, and the
    limit of detection.
    """
    templates = []
    for endpoint, items in fit_endpoints(
        measurements,
        participants,
        expand(plan, cohort),
        plan=plan,
        cohort=cohort,
        settings=settings,
    ):
        if SCALES[items[0].measure].kind == "difference" or endpoint.design is None:
            continue
        if endpoint.adjusted is None:
            continue
        groups = endpoint.design.groups
        # covariates are centred: the weight 1 on a group alone is its level
        alone = np.eye(len(groups))
        levels = [endpoint.adjusted.estimate(weights) for weights in alone]
        known = {g: value for g, value in zip(groups, levels, strict=True) if np.isfinite(value)}
        # a group wholly below the limit has no level to take out and no spread to draw: it stays
        # out
        everybody = endpoint.design.people
        people = everybody[everybody["group"].isin(list(known))]
        middle = float(np.mean(list(known.values())))
        level = people["group"].map(known).astype(float) - middle
        is_low = people["state"] == CENSORED
        limit = people["y"][is_low].median() if is_low.any() else -np.inf
        mine = measurements[
            (measurements[KEY] == list(items[0].endpoint)).all(axis=1)
            & measurements["participant_id"].isin(people.index)
        ].drop_duplicates("participant_id")
        row = mine.set_index("participant_id").reindex(people.index)
        shifted = people["y"] - level
        row = row.assign(y=shifted, is_low=is_low, limit=limit, n=people["n_total"])
        if endpoint.adjusted.truth is not None:
            truth = pd.DataFrame(endpoint.adjusted.truth.T, index=everybody.index)
            row = row.assign(
                truth=truth[0].reindex(row.index) - level,
                truth_sd=np.sqrt(truth[1].reindex(row.index)),
            )
        templates.append(row)
    return templates


def _check(templates: list[pd.DataFrame], analysed: pd.DataFrame, sizes: dict[str, int]) -> None:
    if not templates:
        what = "no primary endpoint of the plan is a share or count that the study has measured"
        raise ItcError(SOURCE, what)
    absent = sorted(set(sizes) - set(analysed["group"]))
    if absent:
        what = (
            f"no participant of {', '.join(absent)} is there to draw from; leave the group out of "
            "the sizes"
        )
        raise ItcError(SOURCE, what)


def _draw_people(
    analysed: pd.DataFrame, sizes: dict[str, int], rng: Rng
) -> tuple[pd.DataFrame, npt.NDArray[np.object_]]:
    """Draw participants with replacement within their groups; each draw is a new person."""
    drawn = [
        analysed[analysed["group"] == group].sample(size, replace=True, random_state=rng)
        for group, size in sorted(sizes.items())
    ]
    people = pd.concat(drawn, ignore_index=True)
    origin = people["participant_id"].to_numpy(dtype=object)
    names = pd.array([f"drawn{i:05d}" for i in range(len(people))], dtype="string")
    return people.assign(participant_id=names), origin


def _draw_endpoint(
    template: pd.DataFrame,
    people: pd.DataFrame,
    origin: npt.NDArray[np.object_],
    ratio: float,
    index_group: str,
    rng: Rng,
) -> pd.DataFrame:
    """Return the measurements of the drawn participants with the assumed ratio put in."""
    is_measured = pd.Index(template.index).get_indexer(pd.Index(origin)) >= 0
    rows = template.loc[origin[is_measured]].reset_index(drop=True)
    who = people[is_measured].reset_index(drop=True)
    effect = np.log(ratio) * (who["group"] == index_group).to_numpy(dtype=float)
    rows = rows.assign(
        participant_id=who["participant_id"],
        sample_id=who["participant_id"],
        source_id=who["participant_id"],
        group=who["group"],
    )
    if "truth" in rows:
        return _draw_counts(rows, effect, rng)
    y = rows["y"].to_numpy(dtype=float) + effect
    limit = rows["limit"].to_numpy(dtype=float)
    # who was below stays below, at a bound that moves along; who falls below the usual limit is
    # below
    was_low = rows["is_low"].to_numpy(dtype=bool)
    is_low = was_low | (y < limit)
    height = np.where(was_low, y, np.where(is_low, limit, y))
    if SCALES[str(rows["measure"].iloc[0])] is LOGIT:
        n = rows["n"].to_numpy(dtype=float)
        odds = np.exp(height)
        value = np.clip(((n + HALF_CELL) * odds - HALF_CELL) / (n * (1 + odds)), 0, 1)
        value = np.where(n > 0, value, special.expit(height))
    else:
        value = np.exp(height)
    drawn: pd.DataFrame = rows.assign(
        value=np.where(is_low, np.nan, value),
        upper=np.where(is_low, value, np.nan),
        status=np.where(is_low, CENSORED, OK),
    )
    return drawn.drop(columns=["y", "is_low", "limit", "n"])


def _draw_counts(rows: pd.DataFrame, effect: npt.NDArray[np.float64], rng: Rng) -> pd.DataFrame:
    """Return measurements whose cells are counted anew: what is known of each person, then
    counting.

    A person's true value is drawn from what its counts leave of it, so that people differ as much
    as they do and counting is not taken for a difference between them.
    """
    measure = str(rows["measure"].iloc[0])
    counts = counts_of(rows, measure)
    theta = rows["truth"] + rows["truth_sd"] * rng.normal(size=len(rows)) + effect
    columns = np.array(counts.tolist(), dtype=float).T
    _, n, background, _, capture, _, _ = columns
    if measure in SHARES:
        share = capture * special.expit(theta.to_numpy(dtype=float)) + background / n
        k = rng.binomial(np.round(n).astype(np.int64), np.clip(share, 0, 1))
    else:
        k = rng.poisson(capture * np.exp(theta.to_numpy(dtype=float)) * n + background)
    value = np.maximum(k - background, 0) / (capture * n)
    return rows.assign(
        n_events=pd.array(k, dtype="Int64"),
        value=np.minimum(value, 1.0) if measure in SHARES else value,
        upper=np.nan,
        status=OK,
    ).drop(columns=["y", "is_low", "limit", "n", "truth", "truth_sd"])
