"""The `transform:` block of a gating template: which scale each marker is gated on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from itc_analysis.errors import Fault, SettingsError
from itc_analysis.flow.transform import (
    DEFAULT_DECADES,
    DEFAULT_LINEARISATION,
    DEFAULT_RANGE,
    Transform,
)

#: Usual cofactor of fluorescence; mass cytometry uses 5.
DEFAULT_COFACTOR = 150.0

#: Tubes named in a message.
_SHOWN = 5


class Scale(BaseModel):
    """One scale."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["logicle", "asinh", "linear"] = Field(description="logicle, asinh or linear.")
    t: float | None = Field(
        None,
        gt=0,
        description="Top of the scale in instrument units. Null: the highest $PnR in the tube among "
        "channels of this kind; for asinh 262144, because $PnR of mass cytometry differs per file.",
    )
    w: float = Field(
        DEFAULT_LINEARISATION, ge=0, description="Logicle: decades of the linear part."
    )
    m: float = Field(DEFAULT_DECADES, gt=0, description="Logicle: decades of the scale.")
    a: float = Field(0.0, description="Logicle: additional negative decades.")
    cofactor: float = Field(
        DEFAULT_COFACTOR,
        gt=0,
        description="asinh: instrument units where linear turns logarithmic.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Scale:
        self.to_transform(DEFAULT_RANGE)  # a ValueError here is a fault of the settings
        return self

    def to_transform(self, highest_range: float) -> Transform:
        """Return the transform; `highest_range` is used when `t` is null."""
        fallback = DEFAULT_RANGE if self.kind == "asinh" else highest_range
        t = fallback if self.t is None else self.t
        if self.kind == "logicle":
            return Transform("logicle", t=t, w=self.w, m=self.m, a=self.a)
        if self.kind == "asinh":
            return Transform("asinh", t=t, cofactor=self.cofactor)
        return Transform("linear", t=t)


class TransformSettings(BaseModel):
    """Scales by kind of channel, with exceptions by marker."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fluorescence: Scale = Field(
        Scale(kind="logicle"), description="Scale of every fluorescence (or metal) channel."
    )
    scatter: Scale = Field(Scale(kind="linear"), description="Scale of FSC and SSC.")
    markers: dict[str, Scale] = Field(
        default_factory=dict, description="Scales of single markers, instead of the above."
    )


def choose_transforms(
    roles: Mapping[str, str], ranges: Mapping[str, float], settings: TransformSettings
) -> dict[str, Transform]:
    """Return the transform of each marker.

    Parameters
    ----------
    roles : role of each marker in the panel sheet; scatter and time are treated as such.
    ranges : upper end of each marker's detector in instrument units.
    settings : the template's block.

    Notes
    -----
    All fluorescence channels of a tube share one t, as do all scatter channels. Time stays in
    seconds (linear with t = 1).
    """
    highest = {
        kind: max(
            (ranges[marker] for marker, role in roles.items() if _kind(role) == kind),
            default=DEFAULT_RANGE,
        )
        for kind in ("scatter", "fluorescence")
    }
    transforms = {}
    for marker, role in roles.items():
        kind = _kind(role)
        if kind == "time":
            transforms[marker] = Transform("linear", t=1)
            continue
        usual = settings.scatter if kind == "scatter" else settings.fluorescence
        transforms[marker] = settings.markers.get(marker, usual).to_transform(highest[kind])
    return transforms


def check_same_scales(axes: Mapping[str, Mapping[str, Any]], template: str) -> None:
    """Refuse tubes of one panel whose scales differ: one cut would mean two brightnesses.

    Parameters
    ----------
    axes : ``{file_id: {"transforms": {marker: parameters}}}``, of `fit.axes_of`.
    template : the gating template's path, for the message.

    Raises
    ------
    SettingsError : per scale, which tubes differ from the most frequent one.
    """
    tubes_of: dict[tuple[str, str], list[str]] = {}
    for file_id, axis in sorted(axes.items()):
        for marker, parameters in axis["transforms"].items():
            shown = ", ".join(f"{name} {value:g}" for name, value in parameters.items()
                              if name != "kind")  # fmt: skip
            tubes_of.setdefault((marker, f"{parameters['kind']}: {shown}"), []).append(file_id)
    faults = []
    for marker in sorted({marker for marker, _ in tubes_of}):
        scales = {scale: ids for (name, scale), ids in tubes_of.items() if name == marker}
        usual = max(scales, key=lambda scale: len(scales[scale]))
        faults += [
            Fault(
                f"marker '{marker}'",
                f"tubes {', '.join(ids[:_SHOWN])}{' ...' if len(ids) > _SHOWN else ''} have the scale "
                f"{scale}, the others {usual}",
                "their $PnR differ: set t under transform in the template",
            )
            for scale, ids in scales.items()
            if scale != usual
        ]
    if faults:
        raise SettingsError(template, faults)


def _kind(role: str) -> str:
    return role if role in ("scatter", "time") else "fluorescence"
