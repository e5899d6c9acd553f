"""Innate T cells in cohorts: gating, detection limits, scores and comparison of groups.

    import itc_analysis as itc

    gates, counts = itc.gate("donor_1.fcs", "panel_a", "panel_a")

Names are imported when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from itc_analysis.version import __version__

if TYPE_CHECKING:
    from itc_analysis.api.comparing import GroupComparison, compare
    from itc_analysis.api.examples import example_fcs, example_table
    from itc_analysis.api.fcs import FcsTube, read_fcs
    from itc_analysis.api.gating import GatedTubes, gate
    from itc_analysis.api.shares import shares
    from itc_analysis.api.shipped import read_panel, read_template
    from itc_analysis.errors import ItcError
    from itc_analysis.results import open_results

__all__ = [
    "FcsTube",
    "GatedTubes",
    "GroupComparison",
    "ItcError",
    "__version__",
    "compare",
    "example_fcs",
    "example_table",
    "gate",
    "open_results",
    "read_fcs",
    "read_panel",
    "read_template",
    "shares",
]

#: Where each public name lives.
_HOMES = {
    "FcsTube": "api.fcs",
    "GatedTubes": "api.gating",
    "GroupComparison": "api.comparing",
    "ItcError": "errors",
    "compare": "api.comparing",
    "example_fcs": "api.examples",
    "example_table": "api.examples",
    "gate": "api.gating",
    "open_results": "results",
    "read_fcs": "api.fcs",
    "read_panel": "api.shipped",
    "read_template": "api.shipped",
    "shares": "api.shares",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        found = getattr(import_module(f"itc_analysis.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    msg = f"module 'itc_analysis' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
