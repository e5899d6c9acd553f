"""How strongly two classifications of the same people go together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Cramér's V above which two classifications are called not independent.
HIGH_CRAMERS_V = 0.3


def cramers_v(counts: npt.ArrayLike) -> float:
    """Return the bias-corrected Cramér's V of a contingency table.

    The uncorrected V of many small batches is high by chance alone.

    Parameters
    ----------
    counts : array_like
        Shape (rows, columns): people by batch and group, say. Empty rows and columns are left out.

    Returns
    -------
    float
        0 (independent) to 1 (the one determines the other); NaN with fewer than two rows or
        columns, or too few people for the correction.

    References
    ----------
    Bergsma 2013, doi:10.1016/j.jkss.2012.10.002

    Examples
    --------
    >>> cramers_v([[10, 0], [0, 10]])
    1.0
    >>> cramers_v([[5, 5], [5, 5]])
    0.0
    """
    observed = np.asarray(counts, dtype=float)
    observed = observed[observed.sum(axis=1) > 0][:, observed.sum(axis=0) > 0]
    n_rows, n_columns = observed.shape
    total = observed.sum()
    if min(n_rows, n_columns) < 2:  # one row or column determines nothing
        return float("nan")
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / total
    phi_squared = ((observed - expected) ** 2 / expected).sum() / total
    freedom = (n_rows - 1) * (n_columns - 1)
    corrected = max(0.0, phi_squared - freedom / (total - 1))
    rows = n_rows - (n_rows - 1) ** 2 / (total - 1)
    columns = n_columns - (n_columns - 1) ** 2 / (total - 1)
    room = min(rows, columns) - 1
    return float("nan") if room <= 0 else float(min(1.0, np.sqrt(corrected / room)))
