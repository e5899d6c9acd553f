"""What alignment does to the bridge control itself: every share and marker level before and after.

Twice: with the gates that the bridge tubes get in a run of the study, which move with the events,
and with the gates of the reference batch in every batch, which show how far the events themselves
moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from itc_analysis.config.sections import Alignment
from itc_analysis.flow.batches.alignment import learn_landmarks
from itc_analysis.flow.counting.apply import Applied, apply_batch
from itc_analysis.flow.gates.fit import fit_batch
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.template import ROOT, Template
from itc_analysis.flow.tube.quality_mask import Judged
from itc_analysis.flow.tube.warp import read_alignment
from itc_analysis.tables import contract
from itc_analysis.tables.flow.panelwide import AlignmentCheck
from itc_analysis.tables.flow.tubes import KeptEvents

_KEY = ["source_id", "population", "marker"]


def align_bridge(
    rows: Sequence[Mapping[str, Any]],
    panel: pd.DataFrame,
    template: Template,
    settings: Alignment,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Learn the landmarks of a panel and try them on the bridge control.

    Parameters
    ----------
    rows : sequence of mapping of str to object
        the stained bridge tubes of a panel, of all batches; see
        `alignment_conditions.refuse_unfit`.
    panel, template : pandas.DataFrame or Template
        the panel sheet and its gating template.
    settings : Alignment
        the flow section.

    Returns
    -------
    landmarks : pandas.DataFrame
        `Landmarks`.
    check : pandas.DataFrame
        `AlignmentCheck`.

    Raises
    ------
    ItcError
        as `alignment.learn_landmarks`.
    """
    gates, judged = _gates(rows, panel, template, settings)
    landmarks = learn_landmarks(rows, panel, template, gates, settings)
    alignment = read_alignment(landmarks)
    moved = [{**row, "alignment": alignment[str(row["batch"])]} for row in rows]
    reference = str(landmarks["reference"].iloc[0])
    fixed = _gates_of_reference(gates, rows, reference)
    pairs = {
        "own": (gates, _gates(moved, panel, template, settings)[0]),
        "reference": (fixed, fixed),
    }
    tables = []
    for name, (first, second) in pairs.items():
        before = _numbers(apply_batch(rows, panel, template, first, judged, settings), template)
        after = _numbers(apply_batch(moved, panel, template, second, judged, settings), template)
        tables.append(_compared(before, after, rows, template.panel).assign(gates=name))
    check = contract.make(pd.concat(tables, ignore_index=True), AlignmentCheck)
    return landmarks, check


def variation_between_batches(check: pd.DataFrame) -> pd.DataFrame:
    """Return how much the bridge control varies between batches, before and after.

    Parameters
    ----------
    check : pandas.DataFrame
        `AlignmentCheck`.

    Returns
    -------
    pandas.DataFrame
        One row per gates, population and marker with a number in two batches or more, sorted:
        n_batches, before and after (shares: coefficient of variation between batches; medians:
        their standard deviation, transformed units), n_outside (bridge tubes whose number after
        lies outside its limits before), fewest (events of the population in the smallest tube).
    """
    known = check.dropna(subset=["before", "after"])
    lines = []
    for (gates, population, marker), part in known.groupby(
        ["gates", "population", "marker"], sort=True
    ):
        batches = part.groupby("batch")[["before", "after"]].mean()
        if len(batches) < 2:
            continue
        spread = batches.std(ddof=1)
        if marker == "-":
            spread = spread / batches.mean().where(lambda mean: mean > 0)
        lines.append(
            {
                "gates": gates,
                "population": population,
                "marker": marker,
                "n_batches": len(batches),
                "before": float(spread["before"]),
                "after": float(spread["after"]),
                "n_outside": int((part["is_within"] == False).sum()),  # noqa: E712 (null is not False)
                "fewest": int(part["n_before"].min()),
            }
        )
    columns = [
        "gates",
        "population",
        "marker",
        "n_batches",
        "before",
        "after",
        "n_outside",
        "fewest",
    ]
    return pd.DataFrame(lines, columns=columns)


def _gates(
    rows: Sequence[Mapping[str, Any]], panel: pd.DataFrame, template: Template, settings: Alignment
) -> tuple[pd.DataFrame, Judged]:
    kept: list[dict[str, Any]] = []
    fits, quality, _ = fit_batch(rows, panel, template, settings, kept=kept)
    judged = Judged(quality, contract.make(kept, KeptEvents))
    return pool_gates(fits, template, settings), judged


def _gates_of_reference(
    gates: pd.DataFrame, rows: Sequence[Mapping[str, Any]], reference: str
) -> pd.DataFrame:
    """Return the gates of the reference batch's first bridge tube, for every tube."""
    usable = gates[(gates["batch"] == reference) & gates["geometry"].notna()]
    first = sorted(usable["file_id"].unique())[0]
    pattern = gates[gates["file_id"] == first]
    copies: list[pd.DataFrame] = [
        pattern.assign(file_id=row["file_id"], batch=row["batch"]) for row in rows
    ]
    return pd.concat(copies, ignore_index=True)


def _numbers(applied: Applied, template: Template) -> pd.DataFrame:
    """Return shares of the measured populations and medians of functional markers, with limits."""
    counts = applied.counts[applied.counts["is_measured"]]
    whole = _denominators(applied.counts, template)
    n_whole = counts["source_id"].map(whole).astype(float)
    n_whole = n_whole.where(n_whole > 0)
    events = counts["n_events"].astype(float)
    # the best estimate of the number of cells, as the limits have it in their middle
    net = events - counts["n_background"].fillna(0.0) + counts["n_missed"].fillna(0.0)
    shares = pd.DataFrame(
        {
            "source_id": counts["source_id"],
            "population": counts["population"],
            "marker": "-",
            "value": net.clip(lower=0) / n_whole,
            "lower": counts["n_lower"] / n_whole,
            "upper": counts["n_upper"] / n_whole,
            "n": counts["n_events"],
            "reason": counts["reason"],
        }
    )
    levels = applied.intensity
    medians = pd.DataFrame(
        {
            "source_id": levels["source_id"],
            "population": levels["population"],
            "marker": levels["marker"],
            "value": levels["median_transformed"],
            "n": levels["n_events"],
            "reason": levels["reason"].where(levels["median_transformed"].isna()),
        }
    )
    return pd.concat([shares, medians], ignore_index=True).set_index(_KEY)


def _denominators(counts: pd.DataFrame, template: Template) -> pd.Series:
    """Return the events of the template's denominator by tube."""
    if template.denominator == ROOT:
        return counts.groupby("source_id")["n_total"].first()
    own = counts[counts["population"] == template.denominator]
    return own.set_index("source_id")["n_events"]


def _compared(
    before: pd.DataFrame, after: pd.DataFrame, rows: Sequence[Mapping[str, Any]], panel: str
) -> pd.DataFrame:
    batch_of = {str(row["file_id"]): str(row["batch"]) for row in rows}
    later = after.reindex(before.index)
    table = pd.DataFrame(
        {
            "before": before["value"].astype(float),
            "after": later["value"].astype(float),
            "lower": before["lower"].astype(float),
            "upper": before["upper"].astype(float),
            "n_before": before["n"],
            "n_after": later["n"],
            "reason": before["reason"].where(before["value"].isna(), later["reason"]),
        }
    ).reset_index()
    has_all = table[["after", "lower", "upper"]].notna().all(axis=1)
    inside = (table["lower"] <= table["after"]) & (table["after"] <= table["upper"])
    return table.assign(
        panel=panel,
        batch=table["source_id"].map(batch_of),
        reason=table["reason"].where(table[["before", "after"]].isna().any(axis=1)),
        is_within=inside.astype("boolean").where(has_all),
    )
