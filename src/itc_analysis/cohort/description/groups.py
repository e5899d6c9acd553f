"""Who is compared with whom: groups, pooled disease controls, subsets of the index group; their
sizes.

Sizes that were planned come from the settings, never from here.
"""

from __future__ import annotations

import pandas as pd

from itc_analysis.config.sections import ShownCohort

SIZE_COLUMNS = ["group", "planned", "enrolled", "eligible", "excluded", "to_be_queried", "analysed"]


def members(participants: pd.DataFrame, *, cohort: ShownCohort) -> dict[str, pd.Series]:
    """Return who belongs to each set that is compared.

    Parameters
    ----------
    participants : pandas.DataFrame
        `Participants`; only analysed people belong to a set.
    cohort : ShownCohort
        groups and the name of the pooled disease controls.

    Returns
    -------
    dict of str to pandas.Series
        ``{name: participant_id}``: the groups in their order, the pooled disease controls, then the
        subsets of the index group (lcSSc, dcSSc, sine, early) that somebody has. Sets may share
        people.
    """
    analysed = participants[participants["is_analysed"]]
    sets = {
        group: analysed.loc[analysed["group"] == group, "participant_id"] for group in cohort.groups
    }
    if cohort.disease_groups:
        pooled = analysed["group"].isin(cohort.disease_groups)
        sets[cohort.pooled_name] = analysed.loc[pooled, "participant_id"]
    index = analysed[analysed["group"] == cohort.index_group]
    for subset, rows in index.groupby("ssc_subset"):
        sets[f"{cohort.index_group}: {subset}"] = rows["participant_id"]
    return sets


def count_sizes(participants: pd.DataFrame, *, cohort: ShownCohort) -> pd.DataFrame:
    """Count each group against its plan.

    Returns
    -------
    pandas.DataFrame
        One row per group: `planned` (null without a plan), `enrolled` = `eligible` + `excluded` +
        `to_be_queried`, and `analysed`.
    """
    rows = []
    for group in cohort.groups:
        people = participants[participants["group"] == group]
        counts = {
            name: int((people["decision"] == decision).sum())
            for name, decision in (
                ("eligible", "eligible"),
                ("excluded", "excluded"),
                ("to_be_queried", "query"),
            )
        }
        rows.append(
            {
                "group": group,
                "planned": cohort.planned_sizes.get(group),
                "enrolled": len(people),
                **counts,
                "analysed": int(people["is_analysed"].sum()),
            }
        )
    sizes = pd.DataFrame(rows, columns=SIZE_COLUMNS)
    return sizes.astype({"planned": "Int64"})
