"""The same comparison of a single-cell population with its cells counted in other ways.

The reported comparison corrects the called cells for the receptors that a library caught. Next to
it stand the called cells as they are, which show what capture would have done, and the soft count:
the sum of the cells' probabilities, which needs no receptor for any single cell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from itc_analysis.stats.endpoint.endpoint import Endpoint
from itc_analysis.stats.endpoint.model import EndpointModel
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.people.counts import Count
from itc_analysis.stats.people.design import Design


def as_called(count: Count) -> Count:
    """Return the called cells as if every cell of the population could have been called."""
    return count._replace(capture=1.0, error_log=0.0)


def softly(count: Count) -> Count:
    """Return the sum of probabilities in place of the called cells."""
    return Count(count.soft, count.n, 0.0, 0.0, 1.0, 0.0)


#: Prefix of the columns of diagnostics, and how the cells are counted.
WAYS: dict[str, Callable[[Count], Count]] = {"hard": as_called, "soft": softly}


def count_in_other_ways(endpoint: Endpoint) -> dict[str, EndpointModel]:
    """Fit the endpoint again with its cells counted as in `WAYS`.

    Parameters
    ----------
    endpoint : Endpoint
        of which `adjusted` is fitted.

    Returns
    -------
    dict of str to EndpointModel
        hard and soft; empty for an endpoint without soft counts, and without what cannot be fitted.
    """
    if not all(_has_soft_counts(design.people) for design in endpoint.designs):
        return {}
    models = {}
    for name, way in WAYS.items():
        try:
            models[name] = endpoint.fit([_counted(design, way) for design in endpoint.designs])
        except NotEstimable:
            continue
    return models


def _has_soft_counts(people: pd.DataFrame) -> bool:
    if "sample_counts" not in people:
        return False
    counts = people["sample_counts"].tolist()
    return all(isinstance(own, tuple) and all(np.isfinite(c.soft) for c in own) for own in counts)


def _counted(design: Design, way: Callable[[Count], Count]) -> Design:
    own = [tuple(way(count) for count in counts) for counts in design.people["sample_counts"]]
    column = pd.Series(own, index=design.people.index, dtype=object)
    return replace(design, people=design.people.assign(sample_counts=column))
