"""`hypofunctional` and `exhausted`: probabilities of the words, from receptors and function both.

Exhausted needs at least two inhibitory receptors raised against healthy people and the response to
stimulation lowered, in the same subset of the same person: markers and lost function together, as
in PLoS Pathog 2021;17:e1009892, which also asks for a chronic cause; a blood draw cannot show that.
Receptors are read in resting tubes and responses in cultured ones, so that neither assay alone can
give the word; and their errors are independent, so that the probability of both is the product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.config.sections import LabelReference
from itc_analysis.scores.cards.signatures import Signature
from itc_analysis.scores.healthy.reference import Reference
from itc_analysis.scores.words.beyond import Marker, at_least, stand_beyond
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.count_likelihood import Counted

EXHAUSTED = "exhausted"
HYPOFUNCTIONAL = "hypofunctional"
WITHIN = "function within healthy range"
OPEN = "function open"
NOT_ASSESSABLE = "not assessable"
IN_SUBSETS = "judged in its subsets"
WORDS = (EXHAUSTED, HYPOFUNCTIONAL, WITHIN, OPEN, NOT_ASSESSABLE, IN_SUBSETS)

#: A word is said from this probability on.
SAID = 0.8
#: Function is within the healthy range where it is lowered with no more than this probability.
MOST_WITHIN = 0.05
#: Inhibitory receptors that must be raised.
MIN_RAISED = 2
#: Cells with any function, and with several, are responses as well, but no read-outs of their own.
NO_MARKERS = ("any_function", "two_or_more")
#: Stands for no stimulation.
NONE = "-"
#: Healthy people of whom this share must respond detectably, or a response cannot be lowered.
HEALTHY_RESPOND = 0.5
KEYS = ["participant_id", "group", "population"]
NO_STIMULATED = "no stimulated tube, so neither 'hypofunctional' nor 'exhausted' can be assigned"


def judge_function(
    measurements: pd.DataFrame,
    signatures: Sequence[Signature],
    *,
    healthy_group: str | None,
    settings: LabelReference,
) -> pd.DataFrame:
    """Return the probability of each word for each participant, subset and stimulation.

    Parameters
    ----------
    measurements : pandas.DataFrame
        Measurements; counts of share_positive (inhibitory receptors, resting tubes) and response
        (stimulated tubes) are read. Excluded participants have none.
    signatures : sequence of Signature
        the flow exhaustion card names the inhibitory receptors.
    healthy_group : str or None
        the reference; None: nobody can be judged.
    settings : LabelReference
        how many healthy people a marker needs and how well a batch's centre must be known; and the
        subsets of populations. Where these are measured the population as a whole gets no word:
        more cells of one subset are not cells that changed.

    Returns
    -------
    pandas.DataFrame
        participant_id, group, population, stimulation ('-' for none), word (of `WORDS`),
        n_receptors_assessed, n_functions_assessed, probability_receptors (at least two raised),
        probability_lowered (more than half of the markers of function lowered),
        probability_exhausted (both), and why: what is missing for a word, or null.
    """
    receptors = [f for s in signatures if (s.name, s.assay) == ("exhaustion", "flow")
                 for f in s.features]  # fmt: skip
    of_people = measurements[measurements["assay"] == "flow"]
    marks = of_people[
        (of_people["measure"] == "share_positive") & of_people["feature"].isin(receptors)
    ]
    marks_of = marks.assign(stimulation=NONE, marker=marks["feature"])
    raised = _chances(marks_of, "above", healthy_group, settings)
    responses = of_people[of_people["measure"] == "response"]
    named = [str(feature).partition(":") for feature in responses["feature"]]
    responses = responses.assign(
        stimulation=pd.Series([one[0] for one in named], index=responses.index, dtype="string"),
        marker=pd.Series([one[2] for one in named], index=responses.index, dtype="string"),
    )
    responses = responses[~responses["marker"].isin(NO_MARKERS)]
    answered = _answered(responses, healthy_group)
    lowered = _chances(responses, "below", healthy_group, settings, only=answered)
    return _table(marks, responses, raised, lowered, settings.subsets)


def _answered(responses: pd.DataFrame, healthy_group: str | None) -> set[tuple[str, str, str]]:
    """Return the responses that healthy people show: population, stimulation, marker."""
    healthy = responses[
        (responses["group"] == healthy_group).fillna(value=False).to_numpy(dtype=bool)
        & responses["status"].isin(["ok", "below_lod"]).to_numpy(dtype=bool)
    ]
    if healthy.empty:
        return set()
    keys = ["population", "stimulation", "marker"]
    shown = healthy[keys].assign(is_shown=(healthy["status"] == "ok").to_numpy(dtype=bool))
    share = shown.groupby(keys, as_index=False)["is_shown"].mean()
    answered = share[(share["is_shown"] >= HEALTHY_RESPOND).to_numpy(dtype=bool)]
    return {(str(p), str(s), str(m)) for p, s, m in answered[keys].to_numpy()}


def _chances(
    rows: pd.DataFrame,
    side: str,
    healthy_group: str | None,
    settings: LabelReference,
    *,
    only: set[tuple[str, str, str]] | None = None,
) -> pd.DataFrame:
    """Return each person's probability to lie beyond healthy people, marker by marker."""
    usable = rows[(rows["n_events"].notna() & (rows["n_denominator"] > 0)).fillna(value=False)]
    columns = [*KEYS, "stimulation", "marker", "chance", "maybe", "n_healthy"]
    found = [pd.DataFrame(columns=columns)]
    for (population, stimulation), own in usable.groupby(["population", "stimulation"], sort=True):
        names = [
            name
            for name in sorted(set(own["marker"]))
            if only is None or (population, stimulation, name) in only
        ]
        tables = [_by_batch(own[own["marker"] == name]) for name in names]
        markers = [_marker(table, healthy_group, settings) for table in tables]
        for name, table, beyond in zip(names, tables, stand_beyond(markers), strict=True):
            if beyond.n_reference < settings.min_reference:
                continue
            chances = table[KEYS].assign(
                chance=getattr(beyond, side), maybe=beyond.maybe_below, n_healthy=beyond.n_reference
            )
            people = chances[chances["participant_id"].notna() & chances["chance"].notna()]
            mean = people.groupby(KEYS, as_index=False)[["chance", "maybe", "n_healthy"]].mean()
            where = {"population": str(population), "stimulation": str(stimulation)}
            found.append(mean.assign(**where, marker=name))
    return pd.concat([part for part in found if len(part)] or found, ignore_index=True)


def _by_batch(rows: pd.DataFrame) -> pd.DataFrame:
    """Add up the tubes of a person in a batch."""
    numbers = {
        name: rows[name].astype("Float64").to_numpy(dtype=float, na_value=0.0)
        for name in ("n_events", "n_denominator", "n_background", "background_se")
    }
    numbers["background_se"] **= 2
    keys = [*KEYS, "batch"]
    table = rows[keys].assign(**numbers).groupby(keys, as_index=False, dropna=False).sum()
    table["background_se"] = np.sqrt(table["background_se"])
    return table.sort_values(keys, ignore_index=True)


def _marker(table: pd.DataFrame, healthy_group: str | None, settings: LabelReference) -> Marker:
    is_bridge = table["participant_id"].isna().to_numpy(dtype=bool)
    is_healthy = (table["group"] == healthy_group).fillna(value=False).to_numpy(dtype=bool)
    columns: dict[str, FloatArray] = {
        name: table[name].to_numpy(dtype=float)
        for name in ("n_events", "n_denominator", "n_background", "background_se")
    }
    has_background = bool(columns["n_background"].any())
    return Marker(
        Counted(
            columns["n_events"],
            columns["n_denominator"],
            background=columns["n_background"] if has_background else None,
            background_se=columns["background_se"] if has_background else None,
        ),
        Reference(
            participants=table["participant_id"].astype("string").fillna("").to_numpy(dtype=object),
            batches=table["batch"].to_numpy(dtype=object),
            is_reference=is_healthy & ~is_bridge,
            min_reference=settings.min_reference,
            is_bridge=is_bridge,
            max_anchor_error=settings.max_anchor_error,
        ),
    )


def _table(
    marks: pd.DataFrame,
    responses: pd.DataFrame,
    raised: pd.DataFrame,
    lowered: pd.DataFrame,
    subsets: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Put both sides together, a row per participant, subset and stimulation."""
    every = pd.concat([marks[KEYS], responses[KEYS]]).drop_duplicates()
    every = every[every["participant_id"].notna()]
    stimulated = responses[[*KEYS, "stimulation"]].drop_duplicates()
    rows = every.merge(stimulated, on=KEYS, how="left", validate="one_to_many")
    rows["stimulation"] = rows["stimulation"].fillna(NONE)
    by_receptor = _gather(raised, KEYS)
    by_function = _gather(lowered, [*KEYS, "stimulation"])
    said = _said(responses)
    measured = set(every["population"])
    made = []
    for row in rows.sort_values([*KEYS, "stimulation"]).itertuples(index=False):
        key = (row.participant_id, row.group, row.population)
        receptors = by_receptor.get(key, np.zeros((3, 0)))
        functions = by_function.get((*key, row.stimulation), np.zeros((3, 0)))
        parts = [name for name in subsets.get(str(row.population), ()) if name in measured]
        made.append(
            dict(zip([*KEYS, "stimulation"], (*key, row.stimulation), strict=True))
            | _word(
                receptors, functions, parts, str(row.stimulation), said.get((*key, row.stimulation))
            )
        )
    columns = [
        *(*KEYS, "stimulation", "word", "n_receptors_assessed", "n_functions_assessed"),
        *("probability_receptors", "probability_lowered", "probability_exhausted", "why"),
    ]
    return pd.DataFrame(made, columns=columns)


def _gather(chances: pd.DataFrame, keys: list[str]) -> dict[tuple[Any, ...], FloatArray]:
    """Return chance, maybe and healthy people, shape (3, n_markers), by person and place."""
    return {
        tuple(key): own[["chance", "maybe", "n_healthy"]].to_numpy(dtype=float).T
        for key, own in chances.groupby(keys, sort=True)
    }


def _said(responses: pd.DataFrame) -> dict[tuple[Any, ...], str]:
    """Return the first reason why a person has no response."""
    missing = responses[~responses["status"].isin(["ok", "below_lod"])]
    missing = missing[missing["reason"].notna()].drop_duplicates([*KEYS, "stimulation"])
    return {
        (row.participant_id, row.group, row.population, row.stimulation): str(row.reason)
        for row in missing.itertuples(index=False)
    }


def _word(
    receptors: FloatArray,
    functions: FloatArray,
    parts: Sequence[str],
    stimulation: str,
    said: str | None,
) -> dict[str, Any]:
    """Return the word, the probabilities behind it, and what is missing for another."""
    n_receptors, n_functions = receptors.shape[1], functions.shape[1]
    most = n_functions // 2 + 1
    high = at_least(receptors[0], MIN_RAISED) if n_receptors >= MIN_RAISED else np.nan
    low, maybe = (at_least(one, most) if n_functions else np.nan for one in functions[:2])
    row: dict[str, Any] = {
        "n_receptors_assessed": n_receptors,
        "n_functions_assessed": n_functions,
        "probability_receptors": high,
        "probability_lowered": low,
        "probability_exhausted": high * low,
    }
    if parts:
        why = f"a shift between {', '.join(parts)} would look the same: read them"
        return {**row, "word": IN_SUBSETS, "why": why}
    if stimulation == NONE:
        return {**row, "word": NOT_ASSESSABLE, "why": NO_STIMULATED}
    if not n_functions:
        why = said or "no marker that enough healthy people respond with"
        return {**row, "word": NOT_ASSESSABLE, "why": f"no response can be judged: {why}"}
    lacking = None
    if np.isnan(high):
        lacking = (
            f"{n_receptors} of the {MIN_RAISED} inhibitory receptors needed can be judged, so "
            "'exhausted' cannot be assigned"
        )
    if high * low >= SAID:
        return {**row, "word": EXHAUSTED, "why": None}
    if low >= SAID:
        return {**row, "word": HYPOFUNCTIONAL, "why": lacking}
    if maybe <= MOST_WITHIN:
        return {**row, "word": WITHIN, "why": None}
    healthy = int(functions[2].min())
    why = f"too few cells, too few healthy people ({healthy}), or too near the edge of theirs"
    return {**row, "word": OPEN, "why": why}
