"""What is positive without stimulation, as comparisons of responses subtract it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.paired_counts import learn_background
from itc_analysis.tables.columns import floats

#: Rows of these are of one marker, in cells that were treated alike.
ALIKE = ["panel", "condition", "population", "marker"]


def learn_backgrounds(
    responses: pd.DataFrame, groups: Sequence[object]
) -> tuple[FloatArray, FloatArray]:
    """Return the share of each row that is positive without stimulation, and its standard error.

    A person with few unstimulated cells borrows from the unstimulated tubes of the own group. From
    other groups the person must not: where spontaneous positivity differs between groups, and one
    of them has few cells, the difference would be taken for a response. A group of one person
    borrows from nobody (a nearly flat prior).

    Parameters
    ----------
    responses : pandas.DataFrame
        `Responses`.
    groups : sequence of object
        Group of each row; rows without one (bridge controls, say) are taken together.

    Returns
    -------
    tuple
        Two arrays of shape (n_rows,); NaN where nothing was counted.
    """
    share, error = np.full((2, len(responses)), np.nan)
    k, n = floats(responses["n_positive_control"]), floats(responses["n_events_control"])
    is_counted = responses["status"].isin(["ok", "below_lod"]).to_numpy(dtype=bool)
    named = pd.Series(list(groups), index=responses.index, dtype="string").fillna("")
    rows = responses[[*ALIKE, "control_id"]].assign(group=named, row=np.arange(len(responses)))
    for _, own in rows[is_counted].groupby([*ALIKE, "group"], sort=True):
        # a control that serves several tubes is one tube
        tubes = own.drop_duplicates("control_id")["row"].to_numpy(dtype=int)
        mine = own["row"].to_numpy(dtype=int)
        share[mine], error[mine] = learn_background(k[tubes], n[tubes]).given(k[mine], n[mine])
    return share, error
