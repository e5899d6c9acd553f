"""What another program needs to draw a tube's gates."""

from __future__ import annotations

from typing import Any

from itc_analysis.flow.tube.tube import Tube


def axes_of(tube: Tube) -> dict[str, Any]:
    """Return channels, scales and compensation of a tube, as plain data."""
    axes = {
        "channels": dict(tube.channels),
        "transforms": {marker: tube.transforms[marker].to_dict() for marker in tube.markers},
        "compensation": tube.compensation,
    }
    if tube.spillover is not None:
        axes["matrix"] = {
            "channels": list(tube.spillover.channels),
            "values": tube.spillover.matrix.tolist(),
        }
    if tube.alignment:
        axes["alignment"] = {marker: warp.to_dict() for marker, warp in tube.alignment.items()}
    return axes
