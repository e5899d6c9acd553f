"""Marker level and positivity within populations, with thresholds from the batch's controls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from itc_analysis.flow.batch_tolerance import MIN_TUBES
from itc_analysis.flow.counting.background import Background
from itc_analysis.flow.counting.counts import net_interval
from itc_analysis.flow.counting.positives import wrong_sides
from itc_analysis.flow.gates.final import FinalGate
from itc_analysis.flow.gating.geometry import Threshold
from itc_analysis.flow.gating.template import ROOT, Template
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.tube.membership import Membership
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.plural import plural
from itc_analysis.tables.quantities import positive_of

Members = Mapping[str, npt.NDArray[np.integer[Any]]]
Float32Array = npt.NDArray[np.float32]

#: A quantile with fewer control events above it is not taken from that population, but from the
#: nearest ancestor that has them.
MIN_ABOVE_QUANTILE = 10
#: A control that lies farther from the stained tubes, transformed units, is not moved: what ends
#: there is not the same negatives.
MOST_MOVED = 0.05
#: Probability that the true median lies beyond either limit.
TAIL = 0.025


@dataclass(frozen=True)
class PositivityThreshold:
    """Positivity threshold of a marker in a population.

    Parameters
    ----------
    value : float or None
        transformed units; None when there is none.
    source : {"fmo", "unstained", "negative_population", "none"}
        fmo, unstained, negative_population or none.
    reason : str, optional
        which population it comes from, or why there is none.
    standard_error : float, optional
        transformed units; None when unknown.
    state : str, optional
        of a threshold without control, that of a gate; control otherwise.
    """

    value: float | None
    source: Literal["fmo", "unstained", "negative_population", "none"]
    reason: str | None = None
    standard_error: float | None = None
    state: str | None = None


@dataclass
class Controls:
    """What the batch's control tubes show, collected tube by tube.

    Parameters
    ----------
    fmo : dict of str to dict of str to list of numpy.ndarray
        marker left out → population → its values in the FMO tubes.
    unstained : dict of str to dict of str to list of numpy.ndarray
        marker → population → its values in the unstained tubes.
    ends : dict of str to list of float
        marker left out → where the negatives of each FMO tube end, instrument units.
    """

    fmo: dict[str, dict[str, list[Float32Array]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    unstained: dict[str, dict[str, list[Float32Array]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    ends: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(
        self,
        tube: Tube,
        members: Members,
        functional: Sequence[str],
        ends: Mapping[str, float] | None = None,
    ) -> None:
        """Take up one FMO or unstained tube with its gated populations.

        Parameters
        ----------
        functional : sequence of str
            markers whose positivity is wanted; kept of an unstained tube.
        ends : mapping of str to float, optional
            where its negatives end by marker, instrument units; of those of an FMO tube.
        """
        is_fmo = tube.kind == "fmo"
        markers = tube.fmo_markers if is_fmo else functional
        into = self.fmo if is_fmo else self.unstained
        for marker in markers:
            if marker not in tube.markers:
                continue
            for population, index in members.items():
                into[marker][population].append(tube.values(marker)[index])
            if is_fmo and ends is not None and marker in ends:
                self.ends[marker].append(ends[marker])

    def values(self, marker: str, population: str) -> Float32Array | None:
        """Return a marker's values in a population of the FMO tubes without it, or None."""
        found = self.fmo.get(marker, {}).get(population)
        return np.concatenate(found) if found else None

    def threshold(
        self,
        marker: str,
        population: str,
        template: Template,
        *,
        quantile: float,
        end_of_stained: tuple[Transform, float] | None = None,
    ) -> PositivityThreshold | None:
        """Return the threshold by FMO, else by unstained tubes; None when neither is there.

        The quantile is that of the same population, or of the nearest ancestor up to the template's
        denominator that has enough events; unstained tubes, in which no T cells can be told, are
        followed up to all events. That of FMO tubes is moved to where the negatives of the stained
        tubes end: these bind the antibody unspecifically, and tubes drift. Its error then holds
        half of the move.

        Parameters
        ----------
        end_of_stained : tuple of (Transform, float), optional
            the marker's scale, and where the negatives of the batch's stained tubes end,
            transformed units.
        """
        chain = template.ancestors(population)
        fmo = self._quantile(self.fmo.get(marker, {}), chain, quantile)
        if fmo is not None:
            return self._moved(marker, *fmo, end_of_stained)
        above = [chain[-1]]
        while above[-1] != ROOT:
            above.append(template.by_name[above[-1]].parent)
        unstained = self._quantile(self.unstained.get(marker, {}), (*chain, *above[1:]), quantile)
        if unstained is not None:
            return PositivityThreshold(
                unstained[0], "unstained", unstained[2], unstained[1], "control"
            )
        return None

    def _moved(
        self,
        marker: str,
        cut: float,
        error: float,
        told: str,
        end_of_stained: tuple[Transform, float] | None,
    ) -> PositivityThreshold:
        """Return the threshold of FMO tubes, moved to match the stained tubes."""
        if end_of_stained is not None and self.ends[marker]:
            transform, end = end_of_stained
            # in instrument units, where negatives spread both ways alike
            here, there = transform.inverse(np.array([cut, end]))
            place = here + there - np.median(self.ends[marker])
            by = float(transform.apply(np.array([place]))[0]) - cut
            if abs(by) <= MOST_MOVED:
                told = f"{told}; moved by {by:+.3f} to where the negatives of the stained tubes end"
                cut, error = cut + by, float(np.hypot(error, by / 2))
        return PositivityThreshold(cut, "fmo", told, error, "control")

    @staticmethod
    def _quantile(
        values: Mapping[str, list[Float32Array]], chain: Sequence[str], quantile: float
    ) -> tuple[float, float, str] | None:
        """Return the quantile, its standard error and where it comes from."""
        enough = MIN_ABOVE_QUANTILE / (1 - quantile)
        for population in chain:
            parts = values.get(population, [])
            n = sum(part.size for part in parts)
            if n < enough:
                continue
            told = f"{100 * quantile:g} % quantile of {n} {population} of the control"
            each = [_of_control(part, quantile) for part in parts if part.size >= enough]
            if len(each) >= MIN_TUBES:
                # of several tubes the middle one, so that none steers alone
                cut, error = np.median(each, axis=0)
                return float(cut), float(error), told
            return *_of_control(np.concatenate(parts), quantile), told
        return None


def _of_control(values: Float32Array, quantile: float) -> tuple[float, float]:
    """Return a quantile of a control and its standard error, that of an order statistic."""
    ordered = np.sort(values)
    n = ordered.size
    rank, reach = quantile * (n - 1), np.sqrt(n * quantile * (1 - quantile))
    low, high = (float(ordered[int(np.clip(round(rank + by * reach), 0, n - 1))]) for by in (-1, 1))
    return float(np.quantile(ordered, quantile)), (high - low) / 2


def end_in_stained_tubes(gates: Mapping[str, FinalGate], marker: str) -> float | None:
    """Return where the negatives of the batch's stained tubes end, transformed units; None where
    its own tubes do not show it.

    Parameters
    ----------
    gates : mapping of str to FinalGate
        of a stained tube; thresholds stand among them, see `gates.positivity`.
    """
    gate = gates.get(positive_of(marker))
    if gate is None or gate.state not in ("ok", "pooled"):
        return None
    return gate.geometry.cut if isinstance(gate.geometry, Threshold) else None


def learned_threshold(
    gates: Mapping[str, FinalGate], marker: str, ancestors: Sequence[str]
) -> PositivityThreshold:
    """Return a threshold without controls: where the negatives end in the batch's tubes.

    Parameters
    ----------
    gates : mapping of str to FinalGate
        of the tube; thresholds stand among them, see `gates.positivity`.
    ancestors : sequence of str
        the population and those that it lies within, nearest first: the nearest with a threshold of
        its own decides, else the T cells.
    """
    names = [*(positive_of(marker, name) for name in ancestors), positive_of(marker)]
    gate = next((gates[name] for name in names if name in gates), None)
    if gate is None or not isinstance(gate.geometry, Threshold):
        why = None if gate is None else gate.reason
        told = f"no control tube: {why or 'the tube shows no negatives'}"
        return PositivityThreshold(None, "none", told)
    return PositivityThreshold(
        gate.geometry.cut,
        "negative_population",
        f"no control tube: {gate.reason}",
        gate.cut_se,
        gate.state,
    )


def intensity_row(
    membership: Membership,
    population: str,
    marker: str,
    threshold: PositivityThreshold,
    *,
    expected: float,
    min_events: int,
) -> dict[str, Any]:
    """Return one row of `Intensity`.

    Parameters
    ----------
    membership : Membership
        the tube; a population that it does not hold was not counted.
    expected : float
        part of the negatives that lies above the threshold in all T cells, see
        `positives.part_beyond`.
    min_events : int
        smaller populations are remarked on; their positive cells are counted like all others.
    """
    tube = membership.tube
    row: dict[str, Any] = {
        "source_id": tube.file_id,
        "sample_id": tube.sample_id,
        "population": population,
        "marker": marker,
        "threshold": threshold.value,
        "threshold_se": threshold.standard_error,
        "threshold_state": threshold.state,
        "threshold_source": threshold.source,
        "reason": threshold.reason,
    }
    if population not in membership:
        return {**row, "reason": "the population was not counted"}
    row["n_events"] = n_events = int(membership[population].size)
    if marker not in tube.markers:
        return {**row, "reason": f"the file has no channel for {marker}"}
    values = np.sort(membership.values_of(marker, population))
    inverse = tube.transforms[marker].inverse
    if values.size:
        middle, limits = median_with_limits(values)
        row["median_transformed"] = middle
        row["median"] = float(inverse(np.array([middle]))[0])
        if limits is not None:
            row["median_lower"], row["median_upper"] = map(float, inverse(np.array(limits)))
    if n_events < min_events:
        few = f"{plural(n_events, 'event')}, fewer than min_phenotype_events = {min_events}"
        row["reason"] = f"{threshold.reason}; {few}" if threshold.reason else few
    if threshold.value is not None:
        positive = values[np.searchsorted(values, np.float32(threshold.value)) :]
        if positive.size:
            row["median_positive"] = float(inverse(np.array([_middle(positive)]))[0])
        error = threshold.standard_error or 0.0
        sides = wrong_sides(values, threshold.value, error, expected, inverse)
        row["n_positive"], row["n_positive_low"], row["n_positive_high"] = sides.n_above
        background = Background(
            sides.n_background,
            sides.background_se,
            "negative_tail",
            n_missed=sides.n_missed,
            missed_se=sides.missed_se,
            n_hidden=sides.n_hidden,
        )
        row["n_lower"], row["n_upper"] = net_interval(row["n_positive"], n_events, background)
        row |= {
            "n_background": sides.n_background,
            "background_se": sides.background_se,
            "n_missed": sides.n_missed,
            "missed_se": sides.missed_se,
            "n_net_low": max(sides.net_low, 0.0),
            "n_net_high": max(sides.net_high, 0.0),
        }
    return row


def combination_rows(
    membership: Membership,
    population: str,
    thresholds: Mapping[str, float],
    errors: Mapping[str, float],
) -> list[dict[str, Any]]:
    """Return rows of `Combinations`: how many events carry which of the receptors together.

    Only combinations that occur have a row; together they hold every event of the population.

    Parameters
    ----------
    thresholds : mapping of str to float
        positivity threshold of each receptor, transformed units.
    errors : mapping of str to float
        their standard errors, transformed units.

    Notes
    -----
    The error of a count is half of what it changes when one threshold is moved by a standard error
    either way, so by the few events between the two places; those of different thresholds are
    independent, so their squares are added.
    """
    tube, n_events = membership.tube, membership[population].size
    if n_events == 0 or not thresholds:
        return []
    code = np.zeros(n_events, dtype=np.int64)
    for bit, (marker, threshold) in enumerate(thresholds.items()):
        is_on = membership.values_of(marker, population) >= np.float32(threshold)
        code |= is_on.astype(np.int64) << bit
    n_codes = 2 ** len(thresholds)
    counts = np.bincount(code, minlength=n_codes)
    variance = np.zeros(n_codes)
    for bit, (marker, threshold) in enumerate(thresholds.items()):
        values, error = membership.values_of(marker, population), errors[marker]
        switches = values >= np.float32(threshold - error)
        switches &= values < np.float32(threshold + error)
        others = code.compress(switches) & ~(1 << bit)
        without, with_it = (
            np.bincount(others | is_on << bit, minlength=n_codes) for is_on in (0, 1)
        )
        variance += ((with_it - without) / 2) ** 2
    rows = []
    for value in np.flatnonzero(counts):
        signs = {m: bool(value >> bit & 1) for bit, m in enumerate(thresholds)}
        rows.append(
            {
                "source_id": tube.file_id,
                "sample_id": tube.sample_id,
                "population": population,
                "combination": " ".join(
                    f"{m}{'+' if is_on else '-'}" for m, is_on in signs.items()
                ),
                "n_receptors": sum(signs.values()),
                "n_events": int(counts[value]),
                "threshold_se": float(np.sqrt(variance[value])),
            }
        )
    return rows


@cache
def _outside(n: int) -> int:
    """Return how many of n values may lie beyond a limit of the median, the limit with them."""
    if n == 0:
        return 0
    below = float(special.bdtrik(TAIL, n, 0.5))
    return 0 if np.isnan(below) else int(np.ceil(below))


def median_with_limits(values: Float32Array) -> tuple[float, tuple[float, float] | None]:
    """Return the median and its 95 % interval; no interval with fewer than six values, of which no
    two hold it so surely.

    The order statistics between which the true median lies with at least this probability, whatever
    the distribution (Conover 1999, Practical nonparametric statistics, chapter 3.2).

    Parameters
    ----------
    values : numpy.ndarray
        shape (n,), at least one, ascending.
    """
    n, below = len(values), _outside(len(values))
    if below == 0:
        return _middle(values), None
    return _middle(values), (float(values[below - 1]), float(values[n - below]))


def _middle(values: Float32Array) -> float:
    """Return the median of at least one number, ascending."""
    n = values.size
    if n % 2:
        return float(values[n // 2])
    return float((values[n // 2 - 1] + values[n // 2]) / 2)
