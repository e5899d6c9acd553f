"""Responses as measurements, so that they are compared, planned and shown like any other."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
import pandas as pd

from itc_analysis.measurements.columns import whole
from itc_analysis.measurements.function.backgrounds import learn_backgrounds
from itc_analysis.statistics.half_cell import HALF_CELL
from itc_analysis.tables.columns import floats

#: Scores of all combinations together, and what weighs each by its number of functions.
FUNCTIONALITY, POLYFUNCTIONALITY = "functionality", "polyfunctionality"
#: Fewest markers that make combinations.
LEAST_MARKERS = 2


def response_rows(responses: pd.DataFrame, groups: Sequence[object]) -> pd.DataFrame:
    """Return the rows of measure response, one per row of `Responses`.

    A response that no more cells than without stimulation show has no value but an upper limit:
    never a negative one. Its counts stay, and comparisons are made from them.

    Parameters
    ----------
    responses : pandas.DataFrame
        `Responses`.
    groups : sequence of object
        group of each row; see `learn_backgrounds`.
    """
    ok = (responses["status"] == "ok").to_numpy(dtype=bool)
    low = (responses["status"] == "below_lod").to_numpy(dtype=bool)
    counted = ok | low
    k, n = floats(responses["n_positive"]), floats(responses["n_events"])
    difference = floats(responses["difference"])
    background, background_se = learn_backgrounds(responses, groups)
    k0, n0 = floats(responses["n_positive_control"]), floats(responses["n_events_control"])
    with np.errstate(invalid="ignore", divide="ignore"):
        share, other = (k + HALF_CELL) / (n + 1), (k0 + HALF_CELL) / (n0 + 1)
        error = np.sqrt(share * (1 - share) / n + other * (1 - other) / n0)
        on_logit = error / np.clip(difference * (1 - difference), HALF_CELL / n**2, None)
    return responses.assign(
        measure="response",
        feature=responses["condition"] + ":" + responses["marker"],
        unit="share",
        value=np.where(ok, difference, np.nan),
        standard_error=np.where(ok, on_logit, np.nan),
        lower=np.where(counted, np.maximum(responses["lower"].to_numpy(dtype=float), 0), np.nan),
        upper=np.where(counted, np.maximum(responses["upper"].to_numpy(dtype=float), 0), np.nan),
        n_cells=whole(np.where(counted, np.maximum(difference * n, 0), np.nan)),
        n_denominator=responses["n_events"],
        n_events=responses["n_positive"].where(counted),
        n_background=n * background,
        background_se=n * background_se,
        error_log=np.where(counted, 0.0, np.nan),
        count_method=None,
    )


def functionality_rows(combinations: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    """Return scores of all combinations of functions together, per person and population.

    Functionality is the mean over the combinations of the probability that the person responds
    with it; polyfunctionality weighs each by its number of functions (COMPASS, Lin 2015,
    doi:10.1038/nbt.3187). 0 to 1; no error is known for them.

    Parameters
    ----------
    combinations : pandas.DataFrame
        `ResponseCombinations`.
    responses : pandas.DataFrame
        `Responses`, for the batch and control of each tube.
    """
    rows = []
    tubes = responses.drop_duplicates("source_id").set_index("source_id")
    for (source, population), own in combinations.groupby(["source_id", "population"], sort=True):
        n_markers = len(str(own["combination"].iloc[0]).split())
        if n_markers < LEAST_MARKERS:
            continue
        some = own[own["n_functions"] > 0]
        degree = some["n_functions"].to_numpy(dtype=int)
        chance = some["responder_probability"].to_numpy(dtype=float)
        # combinations that no tube shows count as not responding
        of_degree = np.array([comb(n_markers, d) for d in degree])
        values = {
            FUNCTIONALITY: float(chance.sum()) / (2**n_markers - 1),
            POLYFUNCTIONALITY: 2 * float(np.sum(chance * degree / of_degree))
            / (n_markers * (n_markers + 1)),
        }  # fmt: skip
        tube = tubes.loc[str(source)]
        rows += [
            {
                "sample_id": tube["sample_id"],
                "source_id": source,
                "batch": tube["batch"],
                "population": population,
                "measure": "score",
                "feature": f"{name}:{tube['condition']}",
                "value": value,
                "unit": "mean probability",
                "n_cells": int(own["n_events"].sum()),
                "status": "ok",
            }
            for name, value in values.items()
        ]
    return pd.DataFrame(rows)
