"""Responses from the counts of two tubes: difference, limits, detection, probability."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.measurements.columns import join_reasons, records, text
from itc_analysis.measurements.thresholds import LEAST_OF_RESPONSE, is_unsure
from itc_analysis.plural import plural
from itc_analysis.statistics.paired_counts import (
    Pairs,
    chance_of_as_many,
    difference_limits,
    learn_background,
    responder_probability,
)
from itc_analysis.tables import contract
from itc_analysis.tables.columns import floats
from itc_analysis.tables.function import ANY, SEVERAL, ResponseCombinations, Responses

#: A response is detected when so many positive cells or more are rarer than this without one: the
#: limit of blank, which 95 % of tubes without a response do not exceed.
BLANK = 0.05
#: Thresholds of one batch are one number.
SAME_THRESHOLD = 1e-6
#: A population that is so many times rarer or more frequent in the stimulated tube is remarked on.
MOST_SHIFT = 2.0
#: What is read of a marker in one tube.
_READ = [
    *("n_events", "n_positive", "n_positive_low", "n_positive_high", "threshold"),
    *("threshold_source", "threshold_state", "marker_reason", "n_t"),
]


def measure_responses(
    pairs: pd.DataFrame, intensity: pd.DataFrame, combinations: pd.DataFrame, counts: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `Responses` and `ResponseCombinations`.

    Parameters
    ----------
    pairs : pandas.DataFrame
        of `pairs.pair_tubes`.
    intensity, combinations, counts : pandas.DataFrame
        Intensity, Combinations and Counts of the tubes.

    Notes
    -----
    Nothing here knows groups. The prior of the responder probability is learned on everybody's
    unstimulated tubes; what comparisons subtract is learned in each group, see `backgrounds`.
    """
    if pairs.empty:
        return contract.empty(Responses), contract.empty(ResponseCombinations)
    texts = [name for name in pairs.columns if name not in ("culture_hours", "viability")]
    pairs = pairs.astype(dict.fromkeys(texts, "string"))
    functional = intensity[intensity["role"] == "function"]
    single = _single_markers(pairs, functional, counts)
    table, boolean = _boolean(pairs, combinations)
    every = [part for part in (single, boolean, _absent(single, boolean)) if len(part)]
    # the contract's types first: pandas guesses those of a column that is missing in one part
    types = contract.empty(Responses).dtypes.to_dict()
    shaped = [part.reindex(columns=list(types)).astype(types) for part in every]
    rows = pd.concat(shaped, ignore_index=True) if shaped else contract.empty(Responses)
    keys = ["panel", "condition", "population", "marker"]
    parts = [estimate(own) for _, own in rows.groupby(keys, sort=True)]
    found = pd.concat(parts, ignore_index=True) if parts else rows
    columns = list(contract.empty(Responses).columns)
    made = contract.make(found.reindex(columns=columns), Responses)
    return made.sort_values(["source_id", "population", "marker"], ignore_index=True), table


def _single_markers(
    pairs: pd.DataFrame, intensity: pd.DataFrame, counts: pd.DataFrame
) -> pd.DataFrame:
    """Return a row per pair, population and marker of its panel, with what both tubes showed."""
    panel_of = pairs.set_index("source_id")["panel"]
    known = intensity.assign(panel=intensity["source_id"].map(panel_of))
    expected = known.loc[known["panel"].notna(), ["panel", "population", "marker"]]
    rows = pairs.merge(expected.drop_duplicates(), on="panel")
    events = counts[counts["status"] == "ok"]
    t_cells = events[events["population"] == "t_cells"].set_index("source_id")["n_events"]
    read = intensity.rename(columns={"reason": "marker_reason"})
    read = read.assign(n_t=read["source_id"].map(t_cells))
    read = read[["source_id", "population", "marker", *_READ]]
    one = ["population", "marker"]
    rows = rows.merge(read, on=["source_id", *one], how="left", validate="one_to_one")
    other = read.rename(columns={"source_id": "control_id"})
    rows = rows.merge(
        other,
        on=["control_id", *one],
        how="left",
        suffixes=("", "_control"),
        validate="many_to_one",
    )
    why = counts[["source_id", "population", "status", "reason"]]
    why = why.rename(columns={"status": "count_status", "reason": "count_reason"})
    rows = rows.merge(why, on=["source_id", "population"], how="left", validate="many_to_one")
    judged = [_judge(row) for row in records(rows)]
    rows["status"] = [status for status, _ in judged]
    rows["reason"] = pd.Series([reason for _, reason in judged], dtype="string")
    return rows


def _judge(row: dict[str, Any]) -> tuple[str, str | None]:
    """Return status and reason of one marker in one population of a pair."""
    if row["status"] != "ok":
        return str(row["status"]), text(row["reason"])
    if text(row["count_status"]) not in (None, "ok"):
        return str(row["count_status"]), text(row["count_reason"])
    for where, name in (("", "stimulated tube"), ("_control", "control")):
        n, k = row[f"n_events{where}"], row[f"n_positive{where}"]
        if pd.isna(n):
            return "not_estimable", f"the population was not counted in the {name}"
        if n == 0:
            return "few_cells", f"no cell of the population in the {name}"
        if pd.isna(k):
            said = text(row[f"marker_reason{where}"])
            return "no_control", said or f"no threshold for {row['marker']}"
    if abs(row["threshold"] - row["threshold_control"]) > SAME_THRESHOLD:
        return "no_control", "the two tubes were read at different thresholds"
    unsure = _unsure(row)
    return ("no_control", unsure) if unsure else ("ok", join_reasons(row["reason"], _shift(row)))


def _unsure(row: dict[str, Any]) -> str | None:
    """Return why a threshold without a control tube does not carry a response."""
    if text(row["threshold_source"]) != "negative_population":
        return None
    if text(row["threshold_state"]) == "weak":
        return text(row["marker_reason"])
    found = [
        float(row[f"n_positive{at}"]) / float(row["n_events"])
        - float(row[f"n_positive{at}_control"]) / float(row["n_events_control"])
        for at in ("", "_low", "_high")
    ]
    if is_unsure(*found, least=LEAST_OF_RESPONSE):
        low, high = sorted(found[1:])
        return (
            "no FMO or unstained tube, and the threshold is not sure enough: within its standard "
            f"error the response would be {100 * low:.1f} to {100 * high:.1f} %"
        )
    return None


def _shift(row: dict[str, Any]) -> str | None:
    """Return a remark where the population is much rarer or more frequent after stimulation."""
    n, of, m, among = (row[name] for name in ("n_events", "n_t", "n_events_control", "n_t_control"))
    if any(pd.isna(number) or number <= 0 for number in (n, of, m, among)):
        return None
    ratio = (n / of) / (m / among)
    error = np.sqrt(1 / n + 1 / m)
    if abs(np.log(ratio)) < np.log(MOST_SHIFT) + 2 * error:
        return None
    return (
        f"{ratio:.2g} times as frequent among T cells as without stimulation: cells may have lost "
        "the receptor they are recognised by"
    )


def _boolean(pairs: pd.DataFrame, combinations: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `ResponseCombinations`, and rows of cells with any and with several functions."""
    made = combinations[combinations["role"] == "function"]
    usable = pairs[pairs["status"] == "ok"]
    every = pd.concat(
        [
            made.merge(usable[[own, "source_id", "control_id"]].set_axis(
                ["at", "source_id", "control_id"], axis=1
            ), left_on="source_id", right_on="at", suffixes=("_of", "")).assign(side=side)
            for own, side in (("source_id", "n_events"), ("control_id", "n_events_control"))
        ]
    )  # fmt: skip
    keys = ["source_id", "control_id", "population", "combination", "n_receptors"]
    wide = every.pivot_table(index=keys, columns="side", values="n_events", aggfunc="sum")
    wide = wide.reindex(columns=["n_events", "n_events_control"]).fillna(0).reset_index()
    wide = wide.rename(columns={"n_receptors": "n_functions"})
    of = wide.groupby(["source_id", "population"])
    for column, whole in (("n_events", "n_parent"), ("n_events_control", "n_parent_control")):
        wide[whole] = of[column].transform("sum")
    # both tubes must have been tabulated, by the same markers
    wide = wide[(wide["n_parent"] > 0) & (wide["n_parent_control"] > 0)]
    facts = usable[["source_id", "sample_id", "panel", "condition"]]
    wide = wide.merge(facts, on="source_id", validate="many_to_one")
    if wide.empty:
        return contract.empty(ResponseCombinations), pd.DataFrame(columns=["marker"])
    wide["difference"] = (
        wide["n_events"] / wide["n_parent"] - wide["n_events_control"] / wide["n_parent_control"]
    )
    summed = pd.concat([_several(wide, usable, ANY, 1), _several(wide, usable, SEVERAL, 2)])
    whole_table = _complete(wide)
    chances = [
        _combination_chance(own)
        for _, own in whole_table.groupby(["panel", "condition", "population", "combination"])
    ]
    table = pd.concat(chances, ignore_index=True)
    columns = list(contract.empty(ResponseCombinations).columns)
    table = contract.make(table.reindex(columns=columns), ResponseCombinations)
    return table.sort_values(["source_id", "population", "combination"], ignore_index=True), summed


def _absent(single: pd.DataFrame, boolean: pd.DataFrame) -> pd.DataFrame:
    """Return rows of cells with functions for pairs that have none, with the reason."""
    failed = single[single["status"] != "ok"].drop_duplicates(["source_id", "population"])
    failed = failed.drop(columns=[name for name in single.columns if name.startswith("n_")])
    places = list(zip(failed["source_id"], failed["population"], strict=True))
    found = []
    for name in (ANY, SEVERAL):
        there = boolean[boolean["marker"] == name]
        known = set() if there.empty else set(there["source_id"] + " " + there["population"])
        is_absent = np.array([" ".join(place) not in known for place in places], dtype=bool)
        found.append(failed[is_absent].assign(marker=name))
    return pd.concat(found, ignore_index=True)


def _several(wide: pd.DataFrame, pairs: pd.DataFrame, name: str, least: int) -> pd.DataFrame:
    """Return rows, as of a marker, of the cells with `least` functions or more."""
    is_in = wide["n_functions"] >= least
    counted = wide.assign(
        n_positive=wide["n_events"].where(is_in, 0),
        n_positive_control=wide["n_events_control"].where(is_in, 0),
    )
    counted = counted.groupby(["source_id", "population"], as_index=False).agg(
        n_positive=("n_positive", "sum"),
        n_positive_control=("n_positive_control", "sum"),
        n_events=("n_parent", "first"),
        n_events_control=("n_parent_control", "first"),
    )
    return counted.merge(pairs, on="source_id", validate="many_to_one").assign(marker=name)


def _complete(wide: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each combination that any tube of the panel and condition shows."""
    keys = ["panel", "condition", "population"]
    kinds = wide[[*keys, "combination", "n_functions"]].drop_duplicates()
    tubes = wide[
        [*keys, "source_id", "control_id", "sample_id", "n_parent", "n_parent_control"]
    ].drop_duplicates()
    grid = tubes.merge(kinds, on=keys)
    own = wide[["source_id", "population", "combination", "n_events", "n_events_control"]]
    keys = ["source_id", "population", "combination"]
    grid = grid.merge(own, on=keys, how="left", validate="one_to_one")
    for column in ("n_events", "n_events_control"):
        grid[column] = grid[column].fillna(0)
    grid["difference"] = (
        grid["n_events"] / grid["n_parent"] - grid["n_events_control"] / grid["n_parent_control"]
    )
    return grid


def _combination_chance(own: pd.DataFrame) -> pd.DataFrame:
    if not own["n_functions"].iloc[0]:
        return own.assign(responder_probability=np.nan)
    names = ("n_events", "n_parent", "n_events_control", "n_parent_control")
    counted = Pairs(*(floats(own[name]) for name in names))
    # a control that serves several tubes is one tube
    tubes = own.drop_duplicates("control_id")
    background = learn_background(
        floats(tubes["n_events_control"]), floats(tubes["n_parent_control"])
    )
    return own.assign(responder_probability=responder_probability(counted, background))


def estimate(own: pd.DataFrame, *, with_probability: bool = True) -> pd.DataFrame:
    """Estimate the responses of one marker in one population of a panel and condition.

    Parameters
    ----------
    own : pandas.DataFrame
        everybody's pairs: control_id, n_positive, n_events, n_positive_control, n_events_control,
        status and reason.
    with_probability : bool
        whether the probability to respond at all is wanted.
    """
    usable = (own["status"] == "ok").to_numpy(dtype=bool)
    rows = own.assign(detection=pd.array([None] * len(own), dtype="string"))
    names = ("difference", "lower", "upper", "p_value")
    found = {name: np.full(len(own), np.nan) for name in (*names, "responder_probability")}
    if usable.any():
        columns = ("n_positive", "n_events", "n_positive_control", "n_events_control")
        counted = Pairs(*(floats(own[name])[usable] for name in columns))
        difference, lower, upper = difference_limits(counted)
        found["difference"][usable] = difference
        found["lower"][usable], found["upper"][usable] = lower, upper
        p_value = chance_of_as_many(counted)
        found["p_value"][usable] = p_value
        if with_probability:
            # a control that serves several tubes is one tube
            tubes = own[usable].drop_duplicates("control_id")
            learned = learn_background(
                floats(tubes["n_positive_control"]), floats(tubes["n_events_control"])
            )
            found["responder_probability"][usable] = responder_probability(counted, learned)
        is_there = np.zeros(len(own), dtype=bool)
        is_there[usable] = p_value < BLANK
        words = np.where(is_there, "detected", "below_lod")
        rows["detection"] = rows["detection"].mask(usable, pd.Series(words, index=own.index))
        rows["status"] = rows["status"].mask(usable & ~is_there, "below_lod")
        few = [
            f"{plural(int(k), 'positive cell')} of {int(n)}, {int(k0)} of {int(n0)} without "
            "stimulation: no more than without"
            for k, n, k0, n0 in zip(
                counted.k, counted.n, counted.k_control, counted.n_control, strict=True
            )
        ]
        said = pd.Series(None, index=own.index, dtype="object")
        said[usable] = few
        rows["reason"] = [
            join_reasons(why, also if low else None)
            for why, also, low in zip(rows["reason"], said, usable & ~is_there, strict=True)
        ]
    return rows.assign(**found)
