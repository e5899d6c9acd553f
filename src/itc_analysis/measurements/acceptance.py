"""Acceptance rules of T-cell counts: a count that breaks one is flagged, not dropped.

The classical T-sum, CD3 = CD4 + CD8, fails wherever gamma-delta, MAIT or double negative cells are
many, which is what is studied here; so CD3 is compared with the sum of all its parts. The lymphosum
(T + B + NK) is checked in tubes that count all three. Limits are those of CD4 counting: IUPAC takes
a lymphosum of 100 +/- 10 % (doi:10.1351/goldbook.13420); the others are attributed to the CDC's
guidelines of 1997 (MMWR 46 RR-2), whose text was not at hand.
"""

from __future__ import annotations

import pandas as pd

from itc_analysis.measurements.columns import join_reasons

#: Disjoint populations that make up the T cells, in gating order.
PARTS = (
    "gd_t_cells", "inkt", "mait", "cd4_t_cells", "cd8_t_cells", "dn_t_cells", "dp_t_cells",
)  # fmt: skip
#: Largest difference between CD3 and the sum of its parts, as a share of CD3.
MAX_T_SUM_DIFFERENCE = 0.10
#: What the lymphosum adds up.
LYMPHOCYTES = ("t_cells", "b_cells", "nk_cells")
#: Largest difference between the lymphosum and the lymphocytes, as a share of these.
MAX_LYMPHOSUM_DIFFERENCE = 0.10
#: Largest difference between the tubes of one sample in T cells among live cells, as a share.
MAX_BETWEEN_TUBES = 0.03


def flag_unaccepted(rows: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """Return `rows` with a remark added to the reason of T counts that break an acceptance rule.

    Parameters
    ----------
    rows : pandas.DataFrame
        rows with the columns source_id, population, measure, status and reason.
    counts : pandas.DataFrame
        `Counts` of the stained tubes of resting cells. A rule whose populations a tube lacks is not
        applied to it.
    """
    broken: dict[str, str] = {}
    for rule in RULES.values():
        for source, remark in rule(counts).items():
            broken[source] = join_reasons(broken.get(source), remark) or remark
    is_count = (rows["population"] == "t_cells") & (rows["measure"] == "cells_per_ul")
    is_flagged = is_count & (rows["status"] == "ok") & rows["source_id"].isin(list(broken))
    joined = [
        join_reasons(reason, broken[source] if flagged else None)
        for reason, source, flagged in zip(
            rows["reason"], rows["source_id"], is_flagged, strict=True
        )
    ]
    return rows.assign(reason=pd.Series(joined, index=rows.index, dtype="string"))


def find_broken_sums(counts: pd.DataFrame) -> dict[str, str]:
    """Return the tubes whose T cells are not the sum of their parts, with a sentence."""
    events = _events(counts)
    if not {"t_cells", *PARTS} <= set(events.columns):
        return {}
    whole = events[["t_cells", *PARTS]].dropna()
    whole = whole[whole["t_cells"] > 0]
    difference = (whole[list(PARTS)].sum(axis=1) / whole["t_cells"] - 1).abs()
    return {
        str(source): f"T cells and the sum of their parts differ by {value:.0%}: check the gates"
        for source, value in difference.items()
        if value > MAX_T_SUM_DIFFERENCE
    }


def find_broken_lymphosums(counts: pd.DataFrame) -> dict[str, str]:
    """Return the tubes in which T, B and NK cells are not the lymphocytes, with a sentence.

    The lymphocytes are the nearest population that holds all three; where that is the whole tube
    there is no lymphocyte gate to compare with.
    """
    return {
        source: f"T, B and NK cells are {ratio:.0%} of {whole}: check purity and gates"
        for source, (ratio, whole) in _lymphosums(counts).items()
        if abs(ratio - 1) > MAX_LYMPHOSUM_DIFFERENCE
    }


def find_tubes_that_differ(counts: pd.DataFrame) -> dict[str, str]:
    """Return the tubes of samples whose tubes disagree on T among live cells, with a sentence."""
    events = _events(counts)
    if not {"t_cells", "live"} <= set(events.columns):
        return {}
    both = events[["t_cells", "live"]].dropna()
    both = both[both["live"] > 0]
    share = both["t_cells"] / both["live"]
    sample_of = counts.drop_duplicates("source_id").set_index("source_id")["sample_id"]
    found: dict[str, str] = {}
    for _, own in share.groupby(sample_of.reindex(share.index)):
        spread = float(own.max() - own.min())
        if spread > MAX_BETWEEN_TUBES:
            remark = (
                f"tubes of the sample differ by {100 * spread:.1f} points in T among live cells"
            )
            found |= {str(source): remark for source in own.index}
    return found


#: Rules by their name in the report.
RULES = {
    "T cells are the sum of their parts": find_broken_sums,
    "T, B and NK cells are the lymphocytes (lymphosum)": find_broken_lymphosums,
    "the tubes of a sample agree on T cells": find_tubes_that_differ,
}


def count_judged(counts: pd.DataFrame) -> dict[str, int]:
    """Return how many tubes each rule of `RULES` could judge; 0 where no tube counts what it
    needs.

    Parameters
    ----------
    counts : pandas.DataFrame
        as for `flag_unaccepted`.
    """
    events = _events(counts)
    parts = {"t_cells", *PARTS} <= set(events.columns)
    live = {"t_cells", "live"} <= set(events.columns)
    both = events[["t_cells", "live"]].dropna() if live else events.iloc[:0]
    tubes = counts.drop_duplicates("source_id").set_index("source_id")["sample_id"]
    per_sample = tubes.reindex(both.index).value_counts()
    judged = (
        len(events[["t_cells", *PARTS]].dropna()) if parts else 0,
        len(_lymphosums(counts)),
        int(per_sample[per_sample > 1].sum()),
    )
    return dict(zip(RULES, judged, strict=True))


def _lymphosums(counts: pd.DataFrame) -> dict[str, tuple[float, str]]:
    """Return each tube's T + B + NK over its lymphocytes, and what these are called."""
    usable = counts[(counts["status"] == "ok") & counts["n_events"].notna()]
    found = {}
    for source, own in usable.groupby("source_id", sort=True):
        events = dict(zip(own["population"], own["n_events"].astype(float), strict=True))
        if not set(LYMPHOCYTES) <= set(events):
            continue
        parent = dict(zip(own["population"], own["parent"], strict=True))
        chains = [_ancestors(name, parent) for name in LYMPHOCYTES]
        whole = next((name for name in chains[0] if all(name in chain for chain in chains)), None)
        if whole is not None and events[whole] > 0:
            found[str(source)] = (sum(events[name] for name in LYMPHOCYTES) / events[whole], whole)
    return found


def _ancestors(name: str, parent: dict[str, str]) -> list[str]:
    """Return the populations that hold this one, nearest first, without the whole tube."""
    chain: list[str] = []
    while (name := parent[name]) in parent:
        chain.append(name)
    return chain


def _events(counts: pd.DataFrame) -> pd.DataFrame:
    """Return events by tube and population; missing where a population was not counted."""
    usable = counts[counts["status"] == "ok"]
    table = usable.pivot_table(
        index="source_id", columns="population", values="n_events", aggfunc="first"
    )
    return table.astype(float)
