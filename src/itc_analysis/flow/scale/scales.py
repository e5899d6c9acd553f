"""The `transform:` block of a gating template: which scale each marker is gated on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from itc_analysis.errors import Fault, SettingsError
from itc_analysis.flow.scale.transform import (
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
        description="Top of the scale in instrument units. Null: the highest $PnR in the tube "
        "among channels of this kind; for asinh 262144, because $PnR of mass cytometry differs per "
        "file.",
    )
    w: float | None = Field(
        None,
        ge=0,
        description="Logicle: decades of the linear part. Null: estimated on the study's tubes "
        "from the events below zero, one for all tubes (scales.parquet); 0.5 where there are too "
        "few of them.",
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
            width = DEFAULT_LINEARISATION if self.w is None else self.w
            return Transform("logicle", t=t, w=width, m=self.m, a=self.a)
        if self.kind == "asinh":
            return Transform("asinh", t=t, cofactor=self.cofactor)
        return Transform("linear", t=t)

    @property
    def is_to_be_estimated(self) -> bool:
        """Whether the template leaves the width of a logicle scale to the study's tubes."""
        return self.kind == "logicle" and self.w is None


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

    def scale_of(self, marker: str, role: str) -> Scale:
        """Return the scale of a marker with this role in the panel sheet."""
        usual = self.scatter if _kind(role) == "scatter" else self.fluorescence
        return self.markers.get(marker, usual)


def choose_transforms(
    roles: Mapping[str, str], ranges: Mapping[str, float], settings: TransformSettings
) -> dict[str, Transform]:
    """Return the transform of each marker.

    Parameters
    ----------
    roles : mapping of str to str
        role of each marker in the panel sheet; scatter and time are treated as such.
    ranges : mapping of str to float
        upper end of each marker's detector in instrument units.
    settings : TransformSettings
        the template's block.

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
        transforms[marker] = settings.scale_of(marker, role).to_transform(highest[kind])
    return transforms


def with_scales(transform: TransformSettings, scales: pd.DataFrame) -> TransformSettings:
    """Return the template's block with the widths that the study's tubes gave.

    Parameters
    ----------
    transform : TransformSettings
        the gating template's block.
    scales : pandas.DataFrame
        `Scales` of the panel; a scale that the template states is left as it is.
    """
    markers = dict(transform.markers)
    for row in scales.to_dict("records"):
        scale = transform.scale_of(row["marker"], row["role"])
        if scale.is_to_be_estimated and not pd.isna(row["w"]):
            markers[row["marker"]] = scale.model_copy(update={"w": float(row["w"])})
    return transform.model_copy(update={"markers": markers})


def scales_of_axes(axes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the scale of each marker that the gates of a panel were learned on, as plain data.

    Parameters
    ----------
    axes : mapping of str to mapping of str to object
        as for `check_same_scales`, which makes sure that there is one.
    """
    return {
        marker: dict(parameters)
        for _, axis in sorted(axes.items())
        for marker, parameters in axis["transforms"].items()
    }


def refuse_other_scales(
    transform: TransformSettings,
    roles: Mapping[str, str],
    learned: Mapping[str, Mapping[str, Any]],
    source: str,
) -> None:
    """Refuse gates that were learned on other scales: their cuts would mean other brightnesses.

    Parameters
    ----------
    transform : TransformSettings
        the block by which events are to be transformed.
    roles : mapping of str to str
        role of each marker in the panel sheet.
    learned : mapping of str to mapping of str to object
        of `scales_of_axes`.
    source : str
        the table of gates, for the message.

    Raises
    ------
    SettingsError
        every marker whose scale differs.
    """
    faults = []
    for marker, parameters in learned.items():
        if _kind(roles.get(marker, "")) == "time" or marker not in roles:
            continue
        # t that the template leaves open comes from $PnR; pooling makes sure that the tubes agree
        now = transform.scale_of(marker, roles[marker]).to_transform(parameters["t"]).to_dict()
        if now != dict(parameters):
            what = (
                f"its gates were learned on {_told(parameters)}, and it would be drawn on "
                f"{_told(now)}"
            )
            faults.append(Fault(f"marker '{marker}'", what, "give the same --scales, or fit again"))
    if faults:
        raise SettingsError(source, faults)


def _told(parameters: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{name} {value:g}" for name, value in parameters.items() if name != "kind")
    return f"{parameters['kind']}: {shown}"


def check_same_scales(axes: Mapping[str, Mapping[str, Any]], template: str) -> None:
    """Refuse tubes of one panel whose scales differ: one cut would mean two brightnesses.

    Parameters
    ----------
    axes : mapping of str to mapping of str to object
        ``{file_id: {"transforms": {marker: parameters}}}``, of `tube.axes`.
    template : str
        the gating template's path, for the message.

    Raises
    ------
    SettingsError
        per scale, which tubes differ from the most frequent one.
    """
    tubes_of: dict[tuple[str, str], list[str]] = {}
    for file_id, axis in sorted(axes.items()):
        for marker, parameters in axis["transforms"].items():
            tubes_of.setdefault((marker, _told(parameters)), []).append(file_id)
    faults = []
    for marker in sorted({marker for marker, _ in tubes_of}):
        scales = {scale: ids for (name, scale), ids in tubes_of.items() if name == marker}
        usual = max(scales, key=lambda scale: len(scales[scale]))
        faults += [
            Fault(
                f"marker '{marker}'",
                f"tubes {', '.join(ids[:_SHOWN])}{' ...' if len(ids) > _SHOWN else ''} have the "
                f"scale {scale}, the others {usual}",
                "their $PnR differ: set t under transform in the template",
            )
            for scale, ids in scales.items()
            if scale != usual
        ]
    if faults:
        raise SettingsError(template, faults)


def _kind(role: str) -> str:
    return role if role in ("scatter", "time") else "fluorescence"
