"""From measurements to one response per participant, on the scale on which groups are compared.

Every analysed participant has a row: with a value, censored below the limit of detection, or
missing with the reason. Several samples of one person are averaged on the model's scale: n is
people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from itc_analysis.config.sections import Groups
from itc_analysis.errors import Fault, ItcError, did_you_mean
from itc_analysis.statistics.arrays import Vector
from itc_analysis.stats.people.counts import counts_of, join_counts

#: Keeps the logit finite at no cell and at every cell (Haldane-Anscombe).
HALF_CELL = 0.5
#: Measures where below the limit of detection says something about the measure itself; a score or a
#: marker of a population too small to see is missing, not low.
CENSORED_MEASURES = (
    *("share_of_t", "cells_per_ul", "response", "ratio", "odds_ratio", "difference"),
)
KEY = ["assay", "population", "measure", "feature"]
OK, CENSORED = "ok", "below_lod"
#: State of a marker of which too few cells were counted for a share of its own: still a count.
FEW_CELLS = "few_cells"
#: State of a score or marker whose population is below the limit of detection: missing.
POPULATION_LOW = "population_below_lod"
#: Denominator of shares and counts.
T_CELLS = "t_cells"
#: Columns of measurements that say of a number's tubes and libraries how it came about.
WORDS_OF_SOURCES = ("panel", "called_by")
NUMBERS_OF_LIBRARIES = ("molecules_per_t_cell", "counted_at", "share_ambient")
#: Names the table in faults.
SOURCE = "measurements"


@dataclass(frozen=True)
class ResponseScale:
    """How a measure is compared.

    Parameters
    ----------
    kind : str
        odds_ratio, ratio or difference: what a contrast on this scale becomes.
    words : str
        the transformation, in words.
    """

    kind: str
    words: str


LOGIT = ResponseScale("odds_ratio", "logit((k + 1/2) / (N - k + 1/2)) of k cells among N")
LOG = ResponseScale("ratio", "logarithm")
AS_IS = ResponseScale("difference", "value as it is")
SCALES = {
    "share_of_t": LOGIT,
    "share_positive": LOGIT,
    "response": LOGIT,
    "cells_per_ul": LOG,
    "median_intensity": LOG,
    "score": AS_IS,
    # a column of any table is named by what its comparison gives
    "ratio": LOG,
    "odds_ratio": LOGIT,
    "difference": AS_IS,
}


def check_people(measurements: pd.DataFrame, participants: pd.DataFrame, cohort: Groups) -> None:
    """Refuse measurements of unknown people, people in two groups, and groups the settings do not
    name.

    Raises
    ------
    ItcError
        naming every fault.
    """
    faults = []
    group_of = dict(zip(participants["participant_id"], participants["group"], strict=True))
    analysed = participants[participants["is_analysed"]]
    for person, group in zip(analysed["participant_id"], analysed["group"], strict=True):
        if group not in cohort.groups:
            hint = did_you_mean(str(group), cohort.groups)
            faults.append(Fault(f"participant '{person}'", f"group '{group}' is unknown", hint))
    seen = measurements[["participant_id", "group"]].dropna(subset=["participant_id"])
    groups_of: dict[str, set[str]] = {}
    for key, group in seen.drop_duplicates().itertuples(index=False):
        groups_of.setdefault(str(key), set()).update(() if pd.isna(group) else (str(group),))
    for person, groups in sorted(groups_of.items()):
        if person not in group_of:
            what = "is measured but not in the participants' table"
            faults.append(Fault(f"participant '{person}'", what, "run itc check and itc measure"))
        elif groups - {group_of[person]}:
            what = f"is in group '{group_of[person]}' but measured in {', '.join(sorted(groups))}"
            faults.append(Fault(f"participant '{person}'", what, "run itc measure again"))
    if faults:
        raise ItcError(SOURCE, faults)


def log_t_per_ul(measurements: pd.DataFrame) -> pd.Series:
    """Return the logarithm of the T cells per microlitre of each sample (averaged over its tubes),
    by sample_id.
    """
    rows = measurements[
        (measurements["population"] == T_CELLS)
        & (measurements["measure"] == "cells_per_ul")
        & (measurements["value"] > 0)
    ]
    logs = pd.Series(np.log(rows["value"].to_numpy(dtype=float)))
    return logs.groupby(rows["sample_id"].astype(str).to_numpy()).mean()


def respond(
    rows: pd.DataFrame,
    participants: pd.DataFrame,
    measure: str,
    *,
    t_cells: pd.Series | None = None,
) -> pd.DataFrame:
    """Return one row per analysed participant for one endpoint.

    Parameters
    ----------
    rows : pandas.DataFrame
        measurements of one assay, population, measure and feature.
    participants : pandas.DataFrame
        the participants' table; only those with `is_analysed` are returned.
    measure : str
        decides the scale, see `SCALES`.
    t_cells : pandas.Series, optional
        from `log_t_per_ul`; None when not asked for.

    Returns
    -------
    pandas.DataFrame
        Table indexed by participant_id (sorted) with group and the participants' columns, and:

        state : ok; below_lod (censored: `y` is an upper bound); else why there is no number.
        y : value or upper bound on the model's scale; NaN when missing.
        standard_error : of `y`, NaN when not given.
        value : as measured, for medians; -inf when censored.
        n_found, n_total : cells of the numerator and the denominator; for counts the volume in
            microlitres in place of the denominator; NaN when censored.
        n_samples : samples averaged.
        sample_y : `y` of each of these samples, a tuple.
        sample_counts : a `Count` of each of these samples, a tuple; None when one of them has none.
        log_t_per_ul : logarithm of the T cells per microlitre in the same samples, averaged (counts
            only, where known).
        batch : staining or library batch of the samples averaged (of all, when none has a number);
            several are joined by '+'.
        panel : the same of the panels of their tubes; NaN where none is known.
        called_by : the same of what calls the cells of their libraries.
        molecules_per_t_cell, counted_at, share_ambient : of their libraries, averaged; NaN where
            none is known.
    """
    is_analysed = participants["is_analysed"]
    mine = rows[rows["participant_id"].isin(participants.loc[is_analysed, "participant_id"])]
    return per_participant(on_scale(mine, measure, t_cells=t_cells), participants)


def per_participant(scaled: pd.DataFrame, participants: pd.DataFrame) -> pd.DataFrame:
    """Return one row per analysed participant, as `respond`, from measurements that are on the
    model's scale.

    Parameters
    ----------
    scaled : pandas.DataFrame
        with the columns that `on_scale` adds.
    participants : pandas.DataFrame
        the participants' table; only those with `is_analysed` are returned.
    """
    people = participants[participants["is_analysed"]].set_index("participant_id").sort_index()
    people = people.drop(columns=["is_analysed"])
    mine = scaled[scaled["participant_id"].isin(people.index)]
    joined = people.join(_average(mine))
    # the batches that the number comes from; of those without a number, all
    batch = _joined_words(mine, "batch") | _joined_words(mine[mine["is_usable"]], "batch")
    joined["batch"] = pd.Series(batch, dtype=object).reindex(joined.index)
    for name in WORDS_OF_SOURCES:
        words: dict[str, str] = {}
        if name in mine:
            words = _joined_words(mine[mine["is_usable"] & mine[name].notna()], name)
        joined[name] = pd.Series(words, dtype=object).reindex(joined.index)
    for name in NUMBERS_OF_LIBRARIES:
        joined[name] = np.nan
        if name in mine:
            used = mine[mine["is_usable"]]
            means = used[name].astype(float).groupby(used["participant_id"].astype(str)).mean()
            joined[name] = means.reindex(joined.index.astype(str)).to_numpy(dtype=float)
    why = pd.Series(_joined_words(mine, "state"), dtype=object).reindex(joined.index)
    joined["state"] = joined["state"].where(joined["state"].notna(), why.fillna("not measured"))
    joined["n_samples"] = joined["n_samples"].fillna(0).astype(int)
    # plain objects: comparing pandas' own strings costs ten times as much, and it is done for every
    # comparison
    return joined.assign(group=joined["group"].astype(object), batch=joined["batch"].astype(object))


def on_scale(rows: pd.DataFrame, measure: str, *, t_cells: pd.Series | None = None) -> pd.DataFrame:
    """Return the measurements with `state`, `is_usable`, `y`, `n_found`, `n_total`, `cell_count`
    and `log_t_per_ul`.

    Rows do not know of one another, but for medians of intensity: one at or below zero, which has
    no logarithm, is censored at the lowest positive median of all rows.

    Parameters
    ----------
    rows : pandas.DataFrame
        measurements of one measure.
    measure : str
        decides the scale, see `SCALES`.
    t_cells : pandas.Series, optional
        as in `respond`.
    """
    value = rows["value"].to_numpy(dtype=float)
    upper = limits_of(rows)
    total = rows["n_denominator"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    state = rows["status"].astype(object).to_numpy(copy=True)
    counted = counts_of(rows, measure)
    # too few cells for a number of one's own, but a count like any other
    is_few = (state == FEW_CELLS) & np.array([count is not None for count in counted], dtype=bool)
    if is_few.any():
        state[is_few] = OK
        value = np.where(is_few, [0.0 if c is None else c.k / c.n for c in counted], value)
    is_low = np.isin(state, [CENSORED])
    if measure not in CENSORED_MEASURES:
        state[is_low] = POPULATION_LOW
        is_low[:] = False
    scale = SCALES[measure]
    if scale is LOG:
        # nothing above zero to take the logarithm of: as low as the upper limit says
        floor = upper
        if measure == "median_intensity":
            positive = value[(state == OK) & (value > 0)]
            floor = np.full(len(rows), positive.min() if len(positive) else np.nan)
        at_zero = (state == OK) & ~(value > 0)
        state[at_zero] = np.where(floor[at_zero] > 0, CENSORED, "not above zero")
        is_low |= at_zero & (floor > 0)
        upper = np.where(at_zero, floor, upper)
    number = np.where(is_low, upper, value)
    n_found = np.full(len(rows), np.nan)
    if scale is LOGIT:
        n_found = np.where(is_low, np.nan, value * total)
        k = np.clip(number, 0, 1) * total
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.log((k + HALF_CELL) / (total - k + HALF_CELL))
            # "fewer than the limit" is one less at most: the limit itself, without half a cell,
            # lies half way between the highest censored and the lowest quantified value
            limit = np.clip(k, HALF_CELL, total - HALF_CELL)
            y = np.where(is_low, np.log(limit / (total - limit)), y)
        no_total = np.isin(state, [OK, CENSORED]) & ~(total > 0)
        state[no_total] = "cells of the denominator unknown"
    elif scale is LOG:
        y = np.log(np.where(number > 0, number, np.nan))
        cells = rows["n_cells"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        n_found = np.where(is_low, np.nan, cells)
        total = np.where(
            (n_found > 0) & (value > 0), n_found / np.where(value > 0, value, 1), np.nan
        )
    else:
        y = number
    usable = (np.isin(state, [OK]) | is_low) & np.isfinite(y)
    state[np.isin(state, [OK, CENSORED]) & ~usable] = "no finite number"
    state[is_low & usable] = CENSORED
    return rows.assign(
        state=state,
        is_usable=usable,
        y=np.where(usable, y, np.nan),
        value=np.where(is_low, -np.inf, value),
        n_found=n_found,
        n_total=total,
        cell_count=counted,
        log_t_per_ul=np.nan
        if t_cells is None or measure != "cells_per_ul"
        else rows["sample_id"].astype(str).map(t_cells).astype(float),
    )


def limits_of(rows: pd.DataFrame) -> Vector:
    """Return what a value below the limit of detection lies below: the limit, else the upper
    limit.
    """
    upper = rows["upper"].to_numpy(dtype=float)
    if "limit" not in rows:
        return upper
    limit = rows["limit"].to_numpy(dtype=float)
    return np.where(np.isnan(limit), upper, limit)


def _average(rows: pd.DataFrame) -> pd.DataFrame:
    """Average each person's usable samples; an upper bound in the mean leaves an upper bound."""
    used = rows[rows["is_usable"]]
    used = used.assign(
        variance=used["standard_error"].astype(float) ** 2, is_low=used["state"] == CENSORED
    )
    people = used.groupby("participant_id", sort=True)
    mean = people[["y", "value", "n_found", "n_total", "log_t_per_ul"]].mean()
    mean["sample_y"] = people["y"].agg(tuple).astype(object)
    if "cell_count" in used:
        mean["sample_counts"] = people["cell_count"].agg(join_counts).astype(object)
    n = people.size()
    is_given = people["variance"].count() == n
    error = np.sqrt(people["variance"].sum()) / n
    state = people["is_low"].any().map({True: CENSORED, False: OK}).astype(object)
    return mean.assign(state=state, standard_error=error.where(is_given), n_samples=n)


def _joined_words(rows: pd.DataFrame, column: str) -> dict[str, str]:
    """Return each person's different words, sorted and joined by '+'."""
    words: dict[str, set[str]] = {}
    for person, word in zip(rows["participant_id"], rows[column], strict=True):
        words.setdefault(str(person), set()).add(str(word))
    return {person: "+".join(sorted(found)) for person, found in words.items()}
