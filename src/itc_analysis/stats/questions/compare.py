"""Compare the index group with every reference of the plan: one row per planned comparison.

The single way in, used by `itc compare` and by everything that simulates the analysis. A comparison
that the data cannot decide keeps its row and says why.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.config.sections import Groups, Stats
from itc_analysis.stats.endpoint import caveats
from itc_analysis.stats.endpoint.endpoint import Endpoint, why_absent
from itc_analysis.stats.multiplicity.families import Joint, adjust_families
from itc_analysis.stats.people.responses import KEY, OK, check_people, log_t_per_ul, respond
from itc_analysis.stats.plan import covariates
from itc_analysis.stats.plan.endpoints import MINUS
from itc_analysis.stats.plan.plan import AnalysisPlan, PlannedComparison, expand
from itc_analysis.tables import contract
from itc_analysis.tables.stats.comparisons import Comparisons

log = logging.getLogger(__name__)

#: Column of the subset of the index group.
SUBSET = "ssc_subset"
#: Levels this close are the same, whatever the rounding.
SAME_LEVEL = 1e-9
#: Seconds between two lines of progress.
PROGRESS_SECONDS = 5.0


def compare_groups(
    measurements: pd.DataFrame,
    participants: pd.DataFrame,
    *,
    plan: AnalysisPlan,
    cohort: Groups,
    settings: Stats,
) -> pd.DataFrame:
    """Make every comparison of the plan.

    Parameters
    ----------
    measurements : pandas.DataFrame
        a `Measurements` table; bridge controls and people who are not analysed are passed over.
    participants : pandas.DataFrame
        a `Participants` table; those with `is_analysed` are compared.
    plan : AnalysisPlan
        endpoints, contrasts, covariates, families.
    cohort : Groups
        which groups there are and which is the index group.
    settings : Stats
        level of the intervals, least group size, permutations, seed.

    Returns
    -------
    pandas.DataFrame
        A `Comparisons` table with one row per planned comparison; status not_estimable carries its
        reason, and so does a number that needs a warning.

    Raises
    ------
    ItcError
        measurements of unknown people, a person in two groups, a plan that names an unknown group.
    """
    rows: list[dict[str, Any]] = []
    owners: list[tuple[Endpoint, PlannedComparison]] = []
    for endpoint, items in fit_endpoints(
        measurements,
        participants,
        expand(plan, cohort),
        plan=plan,
        cohort=cohort,
        settings=settings,
    ):
        rows += [endpoint.row(item) for item in items]
        owners += [(endpoint, item) for item in items]
    adjusted = adjust_comparisons(pd.DataFrame(rows), owners, settings.comparison_confidence)
    return contract.make(adjusted, Comparisons)


def fit_endpoints(
    measurements: pd.DataFrame,
    participants: pd.DataFrame,
    planned: Iterable[PlannedComparison],
    *,
    plan: AnalysisPlan,
    cohort: Groups,
    settings: Stats,
) -> Iterator[tuple[Endpoint, list[PlannedComparison]]]:
    """Yield each endpoint, fitted, with its comparisons; tell the progress.

    Raises
    ------
    ItcError
        as `compare_groups`.
    """
    check_people(measurements, participants, cohort)
    participants = participants[_needed_columns(plan)]
    measured = dict(list(measurements.groupby(KEY, sort=True)))
    t_cells = log_t_per_ul(measurements)
    endpoints: dict[tuple[str, ...], list[PlannedComparison]] = {}
    for item in planned:
        endpoints.setdefault((*item.endpoint, item.subset), []).append(item)
    said = time.monotonic()
    for n_done, (key, items) in enumerate(endpoints.items()):
        if time.monotonic() - said > PROGRESS_SECONDS:
            said = time.monotonic()
            log.info("compare: %d of %d endpoints", n_done, len(endpoints))
        rows, first = _measured(measured, key[:-1]), items[0]
        responses = respond(
            measurements.iloc[:0] if rows is None else rows,
            of_subset(participants, first),
            first.measure,
            t_cells=t_cells,
        )
        endpoint = Endpoint(
            responses,
            first,
            plan,
            settings,
            groups=cohort.groups,
            index_group=cohort.index_group,
            problem="" if rows is not None else why_absent(measurements, *first.endpoint),
        )
        yield endpoint, items


def _measured(measured: dict[Any, pd.DataFrame], key: tuple[str, ...]) -> pd.DataFrame | None:
    """Return the measurements of an endpoint; of two subsets the difference in each sample."""
    assay, population, *rest = key
    first, is_difference, second = population.partition(MINUS)
    if not is_difference:
        return measured.get(key)
    rows, other = (measured.get((assay, name, *rest)) for name in (first, second))
    return None if rows is None or other is None else subtract(rows, other)


def subtract(rows: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return the measurements of one subset minus those of another, sample by sample.

    Parameters
    ----------
    rows, other : pandas.DataFrame
        measurements of the two subsets. The other's is that of the same tube or library; where this
        has none, the first of the sample that counts; where there is none that counts, its status
        stands in place of a number.
    """
    there = _of_same_source(other, rows)
    status = np.where(rows["status"] == OK, there["status"].fillna("not measured"), rows["status"])
    error = np.hypot(
        rows["standard_error"].to_numpy(dtype=float), there["standard_error"].to_numpy(dtype=float)
    )
    is_ok = status == OK
    value = rows["value"].to_numpy(dtype=float) - there["value"].to_numpy(dtype=float)
    return rows.assign(
        value=np.where(is_ok, value, np.nan),
        standard_error=np.where(is_ok, error, np.nan),
        status=status,
    )


def _of_same_source(other: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the row of `other` for each of `rows`, all null where the sample has none."""
    ok_first = other.iloc[np.argsort(other["status"] != OK, kind="stable")]
    samples = ok_first.drop_duplicates("sample_id").set_index("sample_id")
    both = pd.concat({"source": other.set_index("source_id"), "sample": samples})
    is_same = rows["source_id"].isin(other["source_id"])
    wanted = np.where(is_same, rows["source_id"], rows["sample_id"])
    return both.reindex(pd.MultiIndex.from_arrays([np.where(is_same, "source", "sample"), wanted]))


def of_subset(participants: pd.DataFrame, item: PlannedComparison) -> pd.DataFrame:
    """Return the participants without those of the index group who are not of the subset."""
    if not item.subset:
        return participants
    is_index = (participants["group"] == item.index_group).to_numpy(dtype=bool)
    is_mine = participants[SUBSET].eq(item.subset).fillna(value=False).to_numpy(dtype=bool)
    return participants[~is_index | is_mine]


def adjust_comparisons(
    rows: pd.DataFrame, owners: list[tuple[Endpoint, PlannedComparison]], confidence: float
) -> pd.DataFrame:
    """Adjust p within each family, with intervals that agree.

    Parameters
    ----------
    rows : pandas.DataFrame
        Rows of `Endpoint.row`. A comparison without p made no claim and does not count.
    owners : list of tuple
        The endpoint and the comparison of each row.
    confidence : float
        Level of the intervals before adjusting.

    Returns
    -------
    pandas.DataFrame
        The rows with `p_adjusted`, `lower_adjusted` and `upper_adjusted`.
    """
    if "p_value" not in rows:  # no comparison could be made
        rows = rows.assign(p_value=np.nan, lower=np.nan, upper=np.nan)
    numbers = {id(endpoint): number for number, (endpoint, _) in enumerate(owners)}
    families = rows[["family", "adjustment", "p_value"]].assign(
        endpoint=[numbers[id(endpoint)] for endpoint, _ in owners],
        stage=[item.stage for _, item in owners],
    )

    def joint_of(positions: npt.NDArray[np.int64]) -> Joint | None:
        mine = [owners[int(position)] for position in positions]
        return mine[0][0].joint([item for _, item in mine])

    found = adjust_families(families, joint_of, alpha=1 - confidence)
    limits = rows[["lower", "upper"]].to_numpy(dtype=float)
    for position in np.flatnonzero(
        (found["level"] < (1 - confidence) * (1 - SAME_LEVEL)).to_numpy()
    ):
        endpoint, item = owners[position]
        limits[position] = endpoint.limits(item, 1 - float(found["level"].iloc[position]))
    return rows.assign(
        p_adjusted=found["p_adjusted"], lower_adjusted=limits[:, 0], upper_adjusted=limits[:, 1]
    )


def _needed_columns(plan: AnalysisPlan) -> list[str]:
    """Return the columns of the participants' table that comparisons look at."""
    formulas = (plan.covariates, plan.small_sample.covariates, plan.core_covariates)
    names = [name for text in formulas for name in covariates.variables(text)]
    always = ["participant_id", "group", "is_analysed", *caveats.TREATMENTS, caveats.STEROID]
    if any(family.subset for family in plan.families):
        always.append(SUBSET)
    return [name for name in dict.fromkeys([*always, *names]) if name != covariates.BATCH]
