"""Learn the gates of each tube by itself: walk the template, on the parent's events only."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.config.sections import GateFitting
from itc_analysis.errors import Fault, ItcError, UnreadableFile
from itc_analysis.flow.gates.histogram import has_cut, histogram_of
from itc_analysis.flow.gates.identity.evidence import collect_evidence, evidence_row, plain
from itc_analysis.flow.gates.identity.voltages import voltages_of
from itc_analysis.flow.gates.positivity import fit_positivity
from itc_analysis.flow.gating.fitted import NO_CHANNEL, NO_TUBE, Fitted, refuse
from itc_analysis.flow.gating.geometry import many_to_json, to_json
from itc_analysis.flow.gating.methods import control_quantile
from itc_analysis.flow.gating.methods.reference import follow
from itc_analysis.flow.gating.methods.registry import METHODS
from itc_analysis.flow.gating.template import Population, Template
from itc_analysis.flow.tube.axes import axes_of
from itc_analysis.flow.tube.dead_and_debris import dead_and_debris
from itc_analysis.flow.tube.load import load_tube, tube_quality_row
from itc_analysis.flow.tube.membership import Membership, no_channel
from itc_analysis.flow.tube.quality_mask import kept_row
from itc_analysis.flow.tube.scale_ends import REMEDY, find_odd_tops, read_tops
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.plural import plural
from itc_analysis.tables import contract
from itc_analysis.tables.conditions import is_of
from itc_analysis.tables.flow.tubes import GateFits, TubeQuality

log = logging.getLogger(__name__)

METHODS_TEXT = (
    "The events that were kept, read from the FCS files in instrument units, were compensated with "
    "the study's own matrix where one was given and else with the matrix of the file, and "
    "transformed to one scale per marker for the whole study (logicle unless the panel's gating "
    "template says otherwise; scatter and time linearly). Gates were learned in every tube by "
    "itself along a fixed template: cuts were placed in the valley between negative and positive "
    "events of a histogram smoothed with a locally adapted bandwidth, lymphocytes were enclosed by "
    "an ellipse in forward and side scatter, single cells by a robust regression of pulse height "
    "on pulse area, and every cut and shape was given a standard error by resampling the histogram."
)
CITATIONS = ("parks2006", "moore2012", "silverman1986", "finak2014", "malek2015")


def fit_batch(
    rows: Iterable[Mapping[str, Any]],
    panel: pd.DataFrame,
    template: Template,
    settings: GateFitting,
    *,
    acquisitions: list[pd.DataFrame] | None = None,
    kept: list[dict[str, Any]] | None = None,
    stimulated: Collection[str] = (),
    evidence: list[dict[str, Any]] | None = None,
    panel_tops: Mapping[str, float] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Fit the gates of all tubes of a batch, one tube in memory at a time.

    Parameters
    ----------
    rows : iterable of mapping of str to object
        rows of the checked tube sheet; `path` can be opened as it stands.
    panel : pandas.DataFrame
        the panel sheet.
    template : Template
        the panel's gating template.
    settings : GateFitting
        the flow section.
    acquisitions : list of pandas.DataFrame, optional
        gains the rows of `Acquisitions` of every tube whose acquisition was judged.
    kept : list of dict of str to object, optional
        gains the row of `KeptEvents` of every tube.
    stimulated : collection of str
        conditions whose tubes do not show where the negatives of markers of function end.
    evidence : list of dict of str to object, optional
        gains the row of `TubeEvidence` of every stained tube.
    panel_tops : mapping of str to float, optional
        top of the scale of each marker in the panel (`Batch.tops`), for batches too small to say
        which of their tubes is odd.

    Returns
    -------
    fits : pandas.DataFrame
        `GateFits`, one row per tube and population, also for tubes that cannot be used.
    quality : pandas.DataFrame
        `TubeQuality`, one row per tube.
    axes : dict of str to object
        file name, and channel and transform of each marker, for exchange with other programs; see
        `axes_of`.

    Raises
    ------
    ItcError
        a tube cannot be used and ``settings.on_bad_tube`` is ``stop``.
    """
    fits: list[dict[str, Any]] = []
    quality: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    roles = dict(zip(panel["marker"], panel["role"], strict=True))
    rows = list(rows)
    odd = find_odd_tops(
        read_tops(rows, panel, template.transform),
        {str(row["file_id"]): str(row["batch"]) for row in rows},
        panel_tops or {},
    )
    for row in rows:
        tube, quality_row = load_checked(
            row, panel, template, settings, odd=odd.get(str(row["file_id"]))
        )
        quality.append(quality_row)
        if tube is None:
            reason = f"tube {quality_row['status'].replace('_', ' ')}: {quality_row['reason']}"
            fits += _rows(
                row, template, dict.fromkeys(template.by_name, refuse(reason, method=NO_TUBE)), {}
            )
            quality_row |= {"dead_reason": reason, "debris_reason": reason}
            if evidence is not None and row["tube"] == "stained":
                evidence.append(evidence_row(row, None, None))
        else:
            membership, fitted = walk_template(tube, template, n_bootstrap=settings.n_bootstrap)
            fits += fit_rows(
                row,
                membership,
                fitted,
                template,
                settings,
                is_stimulated=is_of(row, stimulated),
            )
            quality_row |= dead_and_debris(membership, fitted, template, roles)
            axes[tube.file_id] = axes_of(tube)
            if acquisitions is not None and tube.acquisition is not None:
                acquisitions.append(tube.acquisition.assign(file_id=tube.file_id))
            if evidence is not None and tube.kind == "stained":
                volts = voltages_of(quality_row.get("detectors"))
                shown = plain(collect_evidence(membership, template) | {"voltages": volts})
                evidence.append(evidence_row(row, tube.compensation, shown))
        if kept is not None:
            kept.append(kept_row(row["file_id"], None if tube is None else tube.keep))
        log.info("fitted %s: %s", row["file_id"], quality_row["status"])
    return contract.make(fits, GateFits), contract.make(quality, TubeQuality), axes


def load_checked(
    row: Mapping[str, Any],
    panel: pd.DataFrame,
    template: Template,
    settings: GateFitting,
    *,
    odd: str | None = None,
) -> tuple[Tube | None, dict[str, Any]]:
    """Return the tube, None when it must not be used, and its row of `TubeQuality`.

    Parameters
    ----------
    row : mapping of str to object
        row of the tube sheet.
    panel, template, settings : pandas.DataFrame or Template or GateFitting
        as in `fit_batch`.
    odd : str, optional
        why its scale is not that of the other tubes; it is not used then.

    Raises
    ------
    ItcError
        the tube cannot be used and ``settings.on_bad_tube`` is ``stop``.
    """
    result: Tube | ItcError
    try:
        if odd is not None:
            raise UnreadableFile(str(row["file_id"]), [Fault("TEXT", odd, REMEDY)])
        result = load_tube(row, panel, template.transform, settings)
    except ItcError as error:
        result = error
    quality = tube_quality_row(row, result, settings)
    if settings.on_bad_tube == "stop" and quality["status"] != "ok":
        if isinstance(result, ItcError):
            raise result
        raise ItcError(str(row["file_id"]), f"{quality['status']}: {quality['reason']}")
    return (result if isinstance(result, Tube) and quality["status"] == "ok" else None), quality


def fit_rows(
    row: Mapping[str, Any],
    membership: Membership,
    fitted: Mapping[str, Fitted],
    template: Template,
    settings: GateFitting,
    *,
    is_stimulated: bool = False,
) -> list[dict[str, Any]]:
    """Return a tube's rows of `GateFits`: its populations, and where negatives of
    functional markers end.

    Parameters
    ----------
    row : mapping of str to object
        file_id, panel, batch and tube, as in the tube sheet.
    membership, fitted : Membership or mapping of str to Fitted
        of `walk_template`.
    template, settings : Template or GateFitting
        as in `fit_batch`.
    is_stimulated : bool
        the tube does not show where the negatives of markers of function end.
    """
    sizes = {name: membership[name].size for name in membership}
    ends = _positivity(
        row,
        membership,
        template,
        settings.fmo_quantile,
        settings.n_bootstrap,
        is_stimulated=is_stimulated,
    )
    return [*_rows(row, template, fitted, sizes), *ends]


def walk_template(
    tube: Tube, template: Template, *, n_bootstrap: int
) -> tuple[Membership, dict[str, Fitted]]:
    """Walk the template once; return the tube's populations and how each was learned.

    Each gate is learned on the events of its parent as this tube's own gates select them. Where a
    gate cannot be learned nobody is taken to be in it, so that its complement keeps everybody and
    the populations inside it say that they had no events.

    Notes
    -----
    The bootstrap of every gate is seeded by the tube's and the population's name, so that the
    result depends neither on the order of tubes nor on that of other populations.
    """
    membership = Membership(tube)
    fitted: dict[str, Fitted] = {}
    for population in template.populations:
        if population.is_combination:
            found = Fitted(population.combination, None, None, None, "ok")
        elif population.follows is not None:
            other, side = fitted[population.follows], population.side or "above"
            found = follow(other, of=population.follows, markers=population.markers, side=side)
        else:
            found = _fit_population(membership, population, n_bootstrap=n_bootstrap)
            if has_cut(population):
                found = replace(found, histogram=histogram_of(membership, population))
        fitted[population.name] = found
        inside = np.zeros(membership[population.parent].size, dtype=np.bool_)
        if found.geometry is not None:
            inside = membership.inside(found.geometry, population.parent)
        membership.add(population.name, population.parent, inside)
    return membership, fitted


def _not_stained(tube: Tube, population: Population) -> str | None:
    left_out = [marker for marker in population.markers if marker in tube.fmo_markers]
    if left_out:
        return f"{', '.join(left_out)} is left out of this FMO tube"
    stained = [m for m in population.markers if tube.transforms[m].kind != "linear"]
    if tube.kind == "unstained" and stained:
        return f"unstained control: {', '.join(stained)} shows no cells"
    return None


def _fit_population(membership: Membership, population: Population, *, n_bootstrap: int) -> Fitted:
    tube, n_parent = membership.tube, membership[population.parent].size
    missing = no_channel(tube, population)
    if missing is not None:
        return refuse(missing, method=NO_CHANNEL)
    not_stained = _not_stained(tube, population)
    is_control = population.control is not None and population.control in tube.fmo_markers
    if not_stained is not None and not is_control:
        return refuse(not_stained)
    if n_parent < population.min_parent:
        return refuse(
            f"{plural(n_parent, 'event')} in the parent, {population.min_parent} are needed"
        )
    values = np.stack(
        [membership.values_of(marker, population.parent) for marker in population.markers]
    )
    if is_control:
        side = population.side or "above"
        return control_quantile.fit(values, markers=population.markers, side=side)
    card = METHODS[population.method]
    keywords: dict[str, Any] = dict(population.arguments)
    if card.takes_side:
        keywords["side"] = population.side
    seed = zlib.crc32(f"{tube.file_id}/{population.name}".encode())
    return card.fit(
        values, markers=population.markers, n_bootstrap=n_bootstrap, seed=seed, **keywords
    )


def _positivity(
    row: Mapping[str, Any],
    membership: Membership,
    template: Template,
    quantile: float,
    n_bootstrap: int,
    *,
    is_stimulated: bool = False,
) -> list[dict[str, Any]]:
    """Return where the negatives of functional markers end in a stained tube."""
    if row["tube"] != "stained" or template.denominator not in membership:
        return []
    known = {name: row[name] for name in ("file_id", "panel", "batch", "tube")}
    found = fit_positivity(
        membership,
        template,
        quantile=quantile,
        n_bootstrap=n_bootstrap,
        is_stimulated=is_stimulated,
    )
    return [{**known, **one} for one in found]


def _rows(
    row: Mapping[str, Any],
    template: Template,
    fitted: Mapping[str, Fitted],
    sizes: Mapping[str, int],
) -> list[dict[str, Any]]:
    known = {name: row[name] for name in ("file_id", "panel", "batch", "tube")}
    rows = []
    for population in template.populations:
        found = fitted[population.name]
        rows.append(
            {
                **known,
                "population": population.name,
                "parent": population.parent,
                "method": found.method or population.method,
                "geometry": None if found.geometry is None else to_json(found.geometry),
                "cut": found.cut,
                "cut_se": found.cut_se,
                "shape_errors": many_to_json(found.shape_errors),
                "quality": found.quality,
                "n_parent": sizes.get(population.parent, 0),
                "rival_cut": found.rival_cut,
                "rival_share": found.rival_share,
                "histogram": found.histogram,
                "status": found.status,
                "reason": found.reason,
            }
        )
    return rows
