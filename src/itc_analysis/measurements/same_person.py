"""Are the tubes of one sample of one person? The same populations are counted in several panels.

Within a sample two panels agree on a population but for counting and a difference that is much the
same in all samples; two people do not agree. A sample whose tubes part far more than those of the
other samples is held, and so is the one that its cells fit.
"""

from __future__ import annotations

import itertools
from collections.abc import Set

import numpy as np
import pandas as pd

from itc_analysis.measurements.abundance import inside_t_cells
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.half_cell import log_ratio, log_ratio_variance
from itc_analysis.statistics.robust import MAD_TO_SD, middle
from itc_analysis.tables.columns import floats

#: Fewer samples with tubes of two panels do not show how far tubes part.
MIN_SAMPLES = 6
#: Events on either side of a gate, of a share that is compared.
_FEWEST = 20
#: Tubes are never taken to agree better, log odds: 5 %.
_LEAST_SPREAD = 0.05
#: Tubes of two people: a population parts by so many SD. Tubes that fit part by fewer.
_APART, _FITS = 6.0, 4.0


def find_other_people(
    tubes: pd.DataFrame, counts: pd.DataFrame, passed_over: Set[str]
) -> dict[str, str]:
    """Return why the tubes of a sample are not of one person, by source_id.

    Parameters
    ----------
    tubes : pandas.DataFrame
        stained tubes: source_id, sample_id, panel.
    counts : pandas.DataFrame
        `Counts` of the tubes.
    passed_over : set of str
        tubes that are odd for another reason.
    """
    usable = tubes[~tubes["source_id"].isin(list(passed_over)) & (tubes["status"] == "ok")]
    found: dict[str, str] = {}
    for one, two in itertools.combinations(sorted(set(usable["panel"])), 2):
        for name, reason in _compare(usable, counts, one, two).items():
            found.setdefault(name, reason)
    return found


def _compare(tubes: pd.DataFrame, counts: pd.DataFrame, one: str, two: str) -> dict[str, str]:
    """Return the tubes of two panels that are of two people, with what is odd."""
    sides = {panel: _first_tubes(tubes, panel) for panel in (one, two)}
    samples = sorted(set(sides[one]) & set(sides[two]))
    inside = inside_t_cells(counts.assign(panel=counts["source_id"].map(_panel_of(tubes))))
    shared = sorted(
        {name for panel, name in inside if panel == one}
        & {name for panel, name in inside if panel == two}
    )
    if len(samples) < MIN_SAMPLES or not shared:
        return {}
    (first, first_error), (second, second_error) = (
        _log_odds(counts, [sides[panel][sample] for sample in samples], shared)
        for panel in (one, two)
    )
    difference = first - second
    centre = middle(difference)
    spread = np.fmax(MAD_TO_SD * middle(np.abs(difference - centre)), _LEAST_SPREAD)

    def apart(i: int, j: int) -> FloatArray:
        """Return by how many SD the first tube of a sample parts from the second of another."""
        error = np.sqrt(spread**2 + first_error[i] + second_error[j])
        return np.asarray(np.abs(first[i] - second[j] - centre) / error, dtype=np.float64)

    own = np.array([apart(i, i) for i in range(len(samples))])
    furthest = np.max(np.nan_to_num(own), axis=1)
    odd = [int(i) for i in np.flatnonzero(furthest > _APART)]
    found: dict[str, str] = {}
    for i in odd:
        fits = [
            j for j in odd if j != i and max(_largest(apart(i, j)), _largest(apart(j, i))) < _FITS
        ]
        place = int(np.argmax(np.nan_to_num(own[i])))
        shares = [100 / (1 + np.exp(-side[i, place])) for side in (first, second)]
        told = (
            f"the tubes of sample {samples[i]} seem to be of two people: {shared[place]} are "
            f"{shares[0]:.1f} % of their parent in {one} and {shares[1]:.1f} % in {two}"
        )
        if fits:
            told += f"; its cells fit those of sample {samples[fits[0]]}, were they exchanged?"
        found |= {sides[panel][samples[i]]: told for panel in (one, two)}
    return found


def _first_tubes(tubes: pd.DataFrame, panel: str) -> dict[str, str]:
    """Return the tube of each sample in a panel; of several the first."""
    own = tubes[tubes["panel"] == panel].sort_values("source_id").drop_duplicates("sample_id")
    return dict(zip(own["sample_id"].astype(str), own["source_id"].astype(str), strict=True))


def _panel_of(tubes: pd.DataFrame) -> dict[str, str]:
    return dict(zip(tubes["source_id"].astype(str), tubes["panel"].astype(str), strict=True))


def _log_odds(
    counts: pd.DataFrame, sources: list[str], populations: list[str]
) -> tuple[FloatArray, FloatArray]:
    """Return log odds of each population within its parent and their variance from counting, shape
    (n_sources, n_populations); nan where too few events tell.
    """
    chosen = counts[
        counts["source_id"].isin(sources)
        & counts["population"].isin(populations)
        & (counts["status"] == "ok")
    ]
    inside = floats(chosen["n_events"])
    parent = floats(chosen["n_parent"])
    outside = parent - inside
    is_told = np.minimum(inside, outside) >= _FEWEST
    with np.errstate(invalid="ignore", divide="ignore"):
        odds = np.where(is_told, log_ratio(inside, outside), np.nan)
        error = np.where(is_told, log_ratio_variance(inside, outside), np.nan)
    tables = [
        chosen.assign(_value=values)
        .pivot_table(index="source_id", columns="population", values="_value", aggfunc="first")
        .reindex(index=sources, columns=populations)
        .to_numpy(dtype=float)
        for values in (odds, error)
    ]
    return tables[0], tables[1]


def _largest(values: FloatArray) -> float:
    """Return the largest that is known; infinite without any."""
    known = values[np.isfinite(values)]
    return float(known.max()) if known.size else float("inf")
