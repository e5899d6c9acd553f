"""What a gating method gives back: a gate with its uncertainty, or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from itc_analysis.flow.gating.geometry import Geometry, Shape

#: In place of a method: the tube cannot be used, or has no channel for a marker of the gate. No cut
#: of another tube helps there.
NO_TUBE = "no_tube"
NO_CHANNEL = "no_channel"

#: State of a cut where nothing separates positives from negatives in its tube, and nothing else can
#: judge it.
WEAK = "weak"

Status = Literal["ok", "weak", "not_estimable"]


@dataclass(frozen=True)
class Fitted:
    """A gate as one tube alone estimates it.

    Parameters
    ----------
    geometry : Threshold, AllAbove, Rectangle, Polygon, Ellipse or Combination or None
        the gate; None when not estimable.
    cut : float or None
        the cut of a one-dimensional gate, transformed units; None otherwise.
    cut_se : float or None
        its standard error, transformed units; None for shapes, which have `shape_errors`.
    quality : float or None
        depth of the valley or separation, 0 (none) to 1 (clear).
    status : {"ok", "weak", "not_estimable"}
        ok; weak: found, but not to be trusted alone; not_estimable.
    reason : str, optional
        why weak or not estimable, in words.
    method : str, optional
        the method, when it is not the one that the template names.
    rival_cut : float, optional
        where another valley, as clear, would put the cut; None without one.
    rival_share : float, optional
        share of the bootstrap replicates that chose it.
    histogram : str, optional
        of the parent's events, of a one-dimensional gate; see `gates.histogram`.
    shape_errors : tuple of (Ellipse, Polygon or Rectangle)
        of a shape in several markers: the shape one standard error away in each independent
        direction, see `shape_error`; none for cuts.
    """

    geometry: Geometry | None
    cut: float | None
    cut_se: float | None
    quality: float | None
    status: Status
    reason: str | None = None
    method: str | None = None
    rival_cut: float | None = None
    rival_share: float | None = None
    histogram: str | None = None
    shape_errors: tuple[Shape, ...] = ()


@dataclass(frozen=True)
class Card:
    """A gating method: how it is called and what it needs.

    Parameters
    ----------
    name : str
        as written in a template.
    fit : callable
        ``fit(values, *, markers, side, n_bootstrap, seed, **arguments) -> Fitted``; `values` has
        shape (n_markers, n_events) and holds the parent's events only.
    n_markers : int, tuple of int or None
        how many markers the method takes, or the numbers it may take; None for one or more.
    takes_side : bool
        whether the population lies above or below a cut and the template must say which.
    reads_as : str
        one sentence for people who write templates.
    source : str
        where the method was published; empty for elementary ones.
    """

    name: str
    fit: Callable[..., Fitted]
    n_markers: int | tuple[int, ...] | None
    takes_side: bool
    reads_as: str
    source: str = ""


def refuse(reason: str, *, method: str | None = None) -> Fitted:
    """Return a fit that says why there is no gate."""
    return Fitted(None, None, None, None, "not_estimable", reason, method)
