"""Do the tubes of a batch agree? No single tube may move the others' cuts.

A tube whose negatives lie elsewhere than its batch's teaches nobody, and neither does a lone
decided cut that the other tubes' own cuts contradict. Two cuts contradict each other when they
part more than a fiftieth of the events: places may differ widely within a gap that is empty.
A tube that does not agree in two markers is not trusted in any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.flow.batch_tolerance import MIN_TUBES
from itc_analysis.flow.gates.histogram import read_histograms
from itc_analysis.flow.gates.negatives import MIN_EVENTS, negative_places, odd_negatives
from itc_analysis.flow.gating.template import Template
from itc_analysis.statistics.arrays import FloatArray

#: Two cuts agree in a tube when no more than this share of its parent's events lies between them.
AGREED = 0.02
#: A tube that stands out in so many markers teaches no gate at all.
MANY = 2

ODD_NEGATIVES = "its negatives lie elsewhere than those of its batch"


@dataclass(frozen=True)
class BatchEvidence:
    """What the tubes of a batch show of one gate, besides their cuts.

    Parameters
    ----------
    negatives : dict of str to float
        place of each tube's negatives, transformed units; NaN where none is known. By file id.
    odd : dict of str to str
        why a tube stands against its batch, by file id.
    contradicted : frozenset of str
        those of them that decided on a cut which the other tubes' own contradict.
    """

    negatives: dict[str, float]
    odd: dict[str, str]
    contradicted: frozenset[str] = frozenset()

    @property
    def negative(self) -> float:
        """Place of the batch's negatives: the median of the tubes that agree; NaN without one."""
        known = [p for f, p in self.negatives.items() if f not in self.odd and np.isfinite(p)]
        return float(np.median(known)) if known else float("nan")


def evidence_of(batch: pd.DataFrame) -> BatchEvidence:
    """Return what the stained tubes of a batch show.

    Parameters
    ----------
    batch : pandas.DataFrame
        rows of `GateFits` of one population and batch.
    """
    shown = batch[(batch["tube"] == "stained") & batch["histogram"].notna()]
    if shown.empty:
        return BatchEvidence({}, {})
    histograms, x = read_histograms(list(shown["histogram"]))
    places = negative_places(histograms, x)
    names = list(map(str, shown["file_id"]))
    odd = {names[i]: ODD_NEGATIVES for i in np.flatnonzero(odd_negatives(histograms, x, places))}
    # a lone decided cut among tubes that see another place
    decided = (shown["status"] == "ok").to_numpy()
    cuts = shown["cut"].to_numpy(dtype=float)
    is_odd = np.array([name in odd for name in names])
    alone = np.flatnonzero(decided & ~is_odd)
    others = np.flatnonzero(~decided & ~is_odd & np.isfinite(cuts))
    contradicted = set()
    if 0 < alone.size < MIN_TUBES and others.size >= 2:
        for tube in alone:
            why = _contradicted(histograms, x, cuts, int(tube), others)
            if why is not None:
                odd[names[int(tube)]] = why
                contradicted.add(names[int(tube)])
    negatives = dict(zip(names, places.tolist(), strict=True))
    return BatchEvidence(negatives, odd, frozenset(contradicted))


def evidence_by_population(
    fits: pd.DataFrame, template: Template
) -> dict[str, dict[str, BatchEvidence]]:
    """Return what the batches show, by population and batch; populations with a histogram only.

    Parameters
    ----------
    fits : pandas.DataFrame
        `GateFits` of one panel.
    template : Template
        its gating template.
    """
    by_name = {p.name: fits[fits["population"] == p.name] for p in template.populations}
    return {
        name: {str(batch): evidence_of(rows) for batch, rows in own.groupby("batch", sort=True)}
        for name, own in by_name.items()
        if own["histogram"].notna().any()
    }


def odd_in_many(
    evidence: Mapping[str, Mapping[str, BatchEvidence]], markers: Mapping[str, str]
) -> dict[str, str]:
    """Return tubes that stand against their batch in two markers or more, with these markers.

    Parameters
    ----------
    evidence : mapping of str to mapping of str to BatchEvidence
        by population, then by batch.
    markers : mapping of str to str
        of each population's gate.
    """
    seen: dict[str, list[str]] = {}
    for population, batches in evidence.items():
        for one in batches.values():
            for file_id in one.odd:
                seen.setdefault(file_id, []).append(markers[population])
    distinct = {file_id: list(dict.fromkeys(names)) for file_id, names in seen.items()}
    return {
        file_id: (
            f"{', '.join(names)} lie elsewhere than in its batch "
            "(compensation, voltages or stains?)"
        )
        for file_id, names in distinct.items()
        if len(names) >= MANY
    }


def moved_share(
    histograms: FloatArray, x: FloatArray, cut: float | FloatArray, other: float
) -> FloatArray:
    """Return the share of each tube's events between two places; NaN where it has too few.

    Parameters
    ----------
    cut : float or FloatArray
        one place for all tubes, or each tube's own.
    """
    total = histograms.sum(axis=1)
    low, high = np.minimum(cut, other), np.maximum(cut, other)
    places = x[None, :]
    between = (places >= np.reshape(low, (-1, 1))) & (places < np.reshape(high, (-1, 1)))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (histograms * between).sum(axis=1) / total
    return np.where(total >= MIN_EVENTS, share, np.nan)


def _contradicted(
    histograms: FloatArray,
    x: FloatArray,
    cuts: FloatArray,
    tube: int,
    others: npt.NDArray[np.intp],
) -> str | None:
    """Return why a lone decided cut is not lent: most others' own cuts part other events."""
    there = moved_share(histograms[others], x, cuts[others], float(cuts[tube]))
    known = there[np.isfinite(there)]
    if known.size < 2 or float(np.median(known)) <= AGREED:
        return None
    return (
        f"its cut {cuts[tube]:.3f} is contradicted by {known.size} tubes of its batch, whose own "
        f"lie at {np.median(cuts[others]):.3f}"
    )
