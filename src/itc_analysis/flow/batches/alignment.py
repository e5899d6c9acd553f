"""Find where the bridge control's peaks lie in every batch, and the maps that bring them together.

The same material is stained in every batch, so a peak of it that lies elsewhere has been moved by
lot, laser or staining, not by biology. Learned on bridge tubes only; `alignment_conditions` refuses
where it could remove what is looked for.
"""

from __future__ import annotations

import itertools
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.config.sections import Alignment
from itc_analysis.errors import Fault, ItcError, did_you_mean
from itc_analysis.flow.counting.apply import gate_tube
from itc_analysis.flow.gates.final import final_gates
from itc_analysis.flow.gates.fit import load_checked
from itc_analysis.flow.gating.geometry import Threshold
from itc_analysis.flow.gating.template import Template
from itc_analysis.tables import contract
from itc_analysis.tables.flow.panelwide import Landmarks

log = logging.getLogger(__name__)

#: A peak of fewer events is not followed: the standard error of its median would exceed 0.005
#: transformed units (1.25 x 0.06 / sqrt(200)), half of what tubes of one batch differ by anyway.
MIN_EVENTS = 200
#: A batch that would have to be stretched or pressed together by more than this between two peaks
#: has another staining, not another gain.
MAX_STRETCH = 1.5
#: A shift of fewer of its standard errors is noise, and moving events by it would add noise.
CLEAR_SHIFT = 2.0
#: Landmarks of a marker that a gate divides, and of one that none does: quantiles.
PEAKS = ("negative", "positive")
QUANTILES = {"quantile_10": 0.1, "quantile_50": 0.5, "quantile_90": 0.9}

_SOURCE = "alignment"

METHODS_TEXT = (
    "Batches were aligned to one reference batch by the bridge control: on the transformed scale "
    "of every marker, the medians of its negative and positive events (of functional markers the "
    "quantiles 0.1, 0.5 and 0.9 among T cells) were moved onto those of the reference batch, "
    "linearly between them and by a constant beyond; where one peak was unknown the shift faded to "
    "the other end of the scale."
)
CITATIONS = ("hahne2010",)


def learn_landmarks(
    rows: Sequence[Mapping[str, Any]],
    panel: pd.DataFrame,
    template: Template,
    gates: pd.DataFrame,
    settings: Alignment,
) -> pd.DataFrame:
    """Return the peaks of the bridge control in every batch, and where they shall lie
    (`Landmarks`).

    Parameters
    ----------
    rows : sequence of mapping of str to object
        the stained bridge tubes of a panel, without an alignment.
    panel, template : pandas.DataFrame or Template
        the panel sheet and its gating template.
    gates : pandas.DataFrame
        `Gates` of these tubes.
    settings : Alignment
        the flow section: `align_reference`; null takes the batch whose peaks lie nearest to the
        middle of all.

    Notes
    -----
    A marker that a gate divides is looked at in that gate's parent, on either side of the cut. A
    functional marker, whose peaks may overlap, is looked at by quantiles of the template's
    denominator, which are those of the same cells in every batch. What one of the two batches shows
    with fewer than `MIN_EVENTS` events is left out: for a rare population only the negatives
    decide.

    Raises
    ------
    ItcError
        a batch has no bridge tube that can be used, the reference is no batch, or the template has
        no marker to look at.
    """
    where = looked_at(template)
    if not where:
        what = (
            "no gate looks at a single marker and no functional marker is named: nothing shows a "
            "shift"
        )
        raise ItcError(_SOURCE, [Fault("", what, "set flow.align to false")])
    peaks: dict[tuple[str, str, str], list[tuple[float, float, int]]] = defaultdict(list)
    usable: set[str] = set()
    for row in rows:
        tube, _ = load_checked(row, panel, template, settings)
        if tube is None:
            continue
        usable.add(tube.batch)
        own = final_gates(gates, tube.file_id, template)
        membership = gate_tube(tube, template, own)
        for marker, (parent, gate) in where.items():
            if marker not in tube.markers or parent not in membership:
                continue
            values = tube.values(marker)[membership[parent]]
            shape = None if gate is None else own[gate].geometry
            for peak, found in _peaks(values, shape, is_gated=gate is not None).items():
                peaks[(tube.batch, marker, peak)].append(found)
    batches = sorted({str(row["batch"]) for row in rows})
    faults = [
        Fault(f"batch '{batch}'", "no bridge tube of it can be used", "see quality.parquet")
        for batch in batches
        if batch not in usable
    ]
    if faults:
        raise ItcError(_SOURCE, faults)
    joined = {key: _joined(found) for key, found in peaks.items()}
    reference = _reference(joined, batches, settings.align_reference)
    return contract.make(
        [
            {"panel": template.panel, **row}
            for batch in batches
            for marker, (parent, gate) in where.items()
            for row in _rows(batch, marker, parent, joined, reference, is_gated=gate is not None)
        ],
        Landmarks,
    )


def looked_at(template: Template) -> dict[str, tuple[str, str | None]]:
    """Return each marker's population to look at, and the gate that divides it (None for functional
    markers).
    """
    found: dict[str, tuple[str, str | None]] = {}
    for population in template.populations:
        if len(population.markers) == 1 and population.markers[0] not in found:
            found[population.markers[0]] = (population.parent, population.name)
    for positivity in template.positivity:
        found.setdefault(positivity.marker, (template.denominator, None))
    return found


def _peaks(
    values: npt.NDArray[np.float32], gate: Any, *, is_gated: bool
) -> dict[str, tuple[float, float, int]]:
    """Return place, standard error and number of events of the landmarks."""
    if not is_gated:
        named = zip(QUANTILES, QUANTILES.values(), strict=True)
        return {name: _quantile(values, share) for name, share in named} if values.size else {}
    if not isinstance(gate, Threshold):
        return {}
    is_above = values >= np.float32(gate.cut)
    return {
        peak: _quantile(part, 0.5)
        for peak, part in (("negative", values[~is_above]), ("positive", values[is_above]))
        if part.size
    }


def _quantile(values: npt.NDArray[np.float32], share: float) -> tuple[float, float, int]:
    """Return a quantile, its standard error, and the number of events."""
    # a quantile's rank is binomial; half the distance of the values one standard error of it apart
    error = np.sqrt(share * (1 - share) / values.size)
    low, middle, high = np.quantile(values, np.clip([share - error, share, share + error], 0, 1))
    return float(middle), float(high - low) / 2, int(values.size)


def _joined(found: list[tuple[float, float, int]]) -> tuple[float, float, int]:
    """Return the mean place of a batch's bridge tubes, its standard error, and all their events."""
    places, errors, sizes = (np.array(column) for column in zip(*found, strict=True))
    return (
        float(places.mean()),
        float(np.sqrt(np.sum(errors**2)) / len(found)),
        int(sizes.sum()),
    )


def _reference(
    joined: Mapping[tuple[str, str, str], tuple[float, float, int]],
    batches: Sequence[str],
    wanted: str | None,
) -> str:
    if wanted is not None:
        if wanted not in batches:
            what = f"flow.align_reference '{wanted}' is no batch with a bridge control"
            raise ItcError(_SOURCE, [Fault("", what, did_you_mean(wanted, batches))])
        return wanted
    places = pd.Series({key: place for key, (place, _, n) in joined.items() if n >= MIN_EVENTS})
    if places.empty:
        return batches[0]
    table = places.unstack(level=0).reindex(columns=list(batches))  # noqa: PD010 (nothing to aggregate)
    away = table.sub(table.median(axis=1), axis=0).abs().mean()
    return str(away.idxmin())


def _rows(
    batch: str,
    marker: str,
    population: str,
    joined: Mapping[tuple[str, str, str], tuple[float, float, int]],
    reference: str,
    *,
    is_gated: bool,
) -> list[dict[str, Any]]:
    """Return the rows of a marker in a batch, one per landmark, and which of them can be used."""
    rows: list[dict[str, Any]] = []
    for peak in PEAKS if is_gated else QUANTILES:
        own, there = joined.get((batch, marker, peak)), joined.get((reference, marker, peak))
        few = [
            f"{0 if found is None else found[2]} events in {name}"
            for name, found in ((batch, own), (reference, there))
            if found is None or found[2] < MIN_EVENTS
        ]
        place, error, n_events = own or (None, None, None)
        rows.append(
            {
                "batch": batch,
                "marker": marker,
                "peak": peak,
                "population": population,
                "place": place,
                "place_se": error,
                "n_events": n_events,
                "target": None if there is None else there[0],
                "reference": reference,
                "state": "left_out" if few else "held",
                "reason": f"{', '.join(dict.fromkeys(few))}: fewer than {MIN_EVENTS}"
                if few
                else None,
            }
        )
    _leave_out_stretched(rows, is_gated=is_gated)
    known = [row for row in rows if row["state"] == "held"]
    errors = [
        np.hypot(row["place_se"], joined[(reference, marker, row["peak"])][1]) for row in known
    ]
    # All or none of a marker's: otherwise two places could change their order.
    if any(
        abs(row["place"] - row["target"]) > CLEAR_SHIFT * error
        for row, error in zip(known, errors, strict=True)
    ):
        for row in known:
            row["state"] = "moved"
    return rows


def _leave_out_stretched(rows: list[dict[str, Any]], *, is_gated: bool) -> None:
    """Leave out what would stretch or press the scale too much: the positive peak, or all
    quantiles.
    """
    known = [row for row in rows if row["state"] == "held"]
    for low, high in itertools.pairwise(known):
        before, after = high["place"] - low["place"], high["target"] - low["target"]
        if before > 0 and 1 / MAX_STRETCH <= after / before <= MAX_STRETCH:
            continue
        reason = (
            f"{high['peak']} lies {before:.3f} above {low['peak']}, and in {high['reference']} "
            f"{after:.3f}: not the same staining"
        )
        for row in [high] if is_gated else known:
            row |= {"state": "left_out", "reason": reason}
