"""Words for a subset of a participant: inhibitory-receptor-high, activated, both, or neither; and,
where cells were stimulated, `function`'s words.

Markers alone never give "exhausted". It needs inhibitory receptors raised and function lowered in
the same subset (after PLoS Pathog 2021;17:e1009892), see `function`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from itc_analysis.config.sections import LabelReference
from itc_analysis.scores.cards.signatures import Signature
from itc_analysis.scores.healthy.reference import NOT_ANCHORED, Reference
from itc_analysis.scores.scoring.methods import is_too_thin, learn_feature
from itc_analysis.scores.words.function import (
    EXHAUSTED,
    HYPOFUNCTIONAL,
    NO_STIMULATED,
    NONE,
    SAID,
    judge_function,
)
from itc_analysis.tables import contract
from itc_analysis.tables.function import Labels

INHIBITORY_HIGH = "inhibitory-receptor-high"
ACTIVATED = "activated"
BOTH = "activated + inhibitory-receptor-high"
WITHIN = "within healthy range"
NOT_ASSESSABLE = "not assessable"
LABELS = (INHIBITORY_HIGH, ACTIVATED, BOTH, WITHIN, NOT_ASSESSABLE)

#: Above the upper limit of a 95 % reference interval, the 97.5th centile of healthy people (CLSI
#: EP28), who are given as many cells: the label is as rare in healthy people with few cells as in
#: those with many.
RAISED_TAIL = 0.025

#: One receptor is not enough: PD-1 alone rises on activation, CD69 alone on handling.
MIN_RAISED = 2

#: What no word of a blood draw says.
CAUTION = "one blood draw cannot show the chronic cause that exhaustion has"
METHODS_TEXT = (
    "Each participant's subset was given words from the markers of resting tubes (at least two "
    "markers of a kind raised, each above all but 2.5 % of healthy people with as many cells)."
)
#: Of the words that need stimulated cells.
METHODS_TEXT_OF_FUNCTION = (
    f"It was called {HYPOFUNCTIONAL} when the response to stimulation of more than half of the "
    "markers of function lay below all but 1 % of healthy people of the same subset, and "
    f"{EXHAUSTED} when moreover at least {MIN_RAISED} inhibitory receptors lay above all but 1 % "
    f"of them, with a probability of at least {SAID:g}: that of the person's true shares given the "
    "counts of both tubes, under a prior three times as wide as healthy people are. Populations "
    "with gated subsets were judged in these, so that a shift between subsets is not taken for a "
    "change of cells."
)
WITHOUT_FUNCTION = (
    f"No tube was stimulated, so that nobody could be called {HYPOFUNCTIONAL} or {EXHAUSTED}."
)


def label_participants(
    measurements: pd.DataFrame,
    signatures: Sequence[Signature],
    *,
    healthy_group: str | None,
    settings: LabelReference,
) -> pd.DataFrame:
    """Label each participant and subset: from markers in resting tubes, and from function.

    Parameters
    ----------
    measurements : pandas.DataFrame
        Measurements table; rows with measure share_positive and response are read. Participants
        who are excluded have no number there and so are neither labelled by one nor part of the
        reference.
    signatures : sequence of Signature
        their flow exhaustion and activation cards name the markers.
    healthy_group : str or None
        group of the reference; None: all are not assessable.
    settings : LabelReference
        see `function.judge_function`.

    Returns
    -------
    pandas.DataFrame
        `Labels`: one row per participant, population with a share_positive row, and stimulation.
        For the label (one of `LABELS`) a marker is raised when fewer than `RAISED_TAIL` of healthy
        people would show as many positive cells among as many cells of the same subset. One marker
        alone labels nobody: neither PD-1 nor CD69.
    """
    rows = measurements[measurements["measure"] == "share_positive"]
    roles = {"inhibitory": _markers(signatures, "exhaustion")}
    roles["activation"] = _markers(signatures, "activation")
    rows = rows[rows["feature"].isin([*roles["inhibitory"], *roles["activation"]])]
    judged = _judge_markers(rows, healthy_group, settings)
    keys = ["participant_id", "group", "population"]
    table = (
        rows.loc[rows["participant_id"].notna(), keys]
        .drop_duplicates()
        .sort_values(keys, ignore_index=True)
    )
    for role, markers in roles.items():
        chosen = judged[judged["feature"].isin(markers)]
        counted = chosen.groupby(keys, as_index=False)[["raised", "assessed"]].sum()
        matched = table[keys].merge(counted, on=keys, how="left", validate="one_to_one").fillna(0)
        table[f"n_{role}_raised"] = matched["raised"].astype(int)
        table[f"n_{role}_assessed"] = matched["assessed"].astype(int)
    counts = table[[f"n_{role}_{what}" for role in roles for what in ("raised", "assessed")]]
    table["label"] = [choose_label(*map(int, row)) for row in counts.to_numpy()]
    words = judge_function(measurements, signatures, healthy_group=healthy_group, settings=settings)
    joined = words.merge(table, on=keys, how="outer", validate="many_to_one")
    joined["label"] = joined["label"].fillna(NOT_ASSESSABLE)
    joined["word"] = joined["word"].fillna(NOT_ASSESSABLE)
    joined["why"] = joined["why"].mask(joined["stimulation"].isna(), NO_STIMULATED)
    joined["stimulation"] = joined["stimulation"].fillna(NONE)
    for column in joined.columns[joined.columns.str.startswith("n_")]:
        joined[column] = joined[column].fillna(0).astype(int)
    joined["caution"] = [CAUTION if word == EXHAUSTED else None for word in joined["word"]]
    joined = joined.sort_values(["population", *keys[:2], "stimulation"], ignore_index=True)
    return contract.make(joined, Labels)


def describe_labels(table: pd.DataFrame) -> str:
    """Return sentences about the words in `table`, a `Labels` table; empty for an empty one."""
    if table.empty:
        return ""
    is_stimulated = bool((table["stimulation"] != NONE).any())
    return f"{METHODS_TEXT} {METHODS_TEXT_OF_FUNCTION if is_stimulated else WITHOUT_FUNCTION}"


def choose_label(
    n_inhibitory_raised: int,
    n_inhibitory_assessed: int,
    n_activation_raised: int,
    n_activation_assessed: int,
) -> str:
    """Return the label of one subset of one participant.

    At least `MIN_RAISED` markers of a kind must be raised, and as many assessed of both kinds
    before a subset is called within the healthy range; a raised kind counts even when the other
    could not be assessed.
    """
    is_high = n_inhibitory_raised >= MIN_RAISED
    is_activated = n_activation_raised >= MIN_RAISED
    if is_high and is_activated:
        return BOTH
    if is_high:
        return INHIBITORY_HIGH
    if is_activated:
        return ACTIVATED
    if min(n_inhibitory_assessed, n_activation_assessed) < MIN_RAISED:
        return NOT_ASSESSABLE
    return WITHIN


def _markers(signatures: Sequence[Signature], name: str) -> tuple[str, ...]:
    for signature in signatures:
        if (signature.name, signature.assay) == (name, "flow"):
            return signature.features
    return ()


def _judge_markers(
    rows: pd.DataFrame, healthy_group: str | None, settings: LabelReference
) -> pd.DataFrame:
    """Return whether each person's marker is assessed and raised, tubes of a person added."""
    keys = ["participant_id", "group", "population", "feature"]
    usable = rows[(rows["status"] == "ok") & (rows["n_denominator"] > 0)]
    n = usable["n_denominator"].to_numpy(dtype=float)
    usable = usable.assign(n=n, k=np.round(usable["value"].to_numpy(dtype=float) * n))
    parts = []
    for _, own in usable.groupby(["population", "feature"], sort=True):
        tubes = (
            own.groupby([*keys, "batch"], as_index=False, dropna=False)[["k", "n"]]
            .sum()
            .sort_values(["participant_id", "batch"], ignore_index=True)
        )
        is_bridge = tubes["participant_id"].isna().to_numpy(dtype=bool)
        is_healthy = (tubes["group"] == healthy_group).fillna(value=False).to_numpy(dtype=bool)
        latent, healthy = learn_feature(
            tubes["k"].to_numpy(dtype=float),
            tubes["n"].to_numpy(dtype=float),
            Reference(
                participants=tubes["participant_id"].to_numpy(dtype=object),
                batches=tubes["batch"].to_numpy(dtype=object),
                is_reference=is_healthy & ~is_bridge,
                min_reference=settings.min_reference,
                is_bridge=is_bridge,
                max_anchor_error=settings.max_anchor_error,
            ),
            "share",
        )
        is_assessed = (
            np.isfinite(latent.tail)
            & np.isfinite(healthy.centre)
            & (healthy.sd > 0)
            & ~is_too_thin(latent, healthy)
            & (healthy.anchor != NOT_ANCHORED)
        )
        parts.append(
            tubes[keys].assign(
                assessed=is_assessed, tail=np.where(is_assessed, latent.tail, np.nan)
            )
        )
    if not parts:
        return pd.DataFrame(columns=[*keys, "assessed", "raised"])
    joined = pd.concat(parts)
    joined = joined[joined["participant_id"].notna()]
    person = joined.groupby(keys, as_index=False).agg(
        assessed=("assessed", "any"), tail=("tail", "mean")
    )
    return person.assign(raised=person["tail"] < RAISED_TAIL)
