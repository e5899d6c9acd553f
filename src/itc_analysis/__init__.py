"""Innate T cells in cohorts: gating, detection limits, scores and comparison of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from itc_analysis.version import __version__

__all__ = ["__version__", "open_results"]

if TYPE_CHECKING:
    from itc_analysis.results import open_results


def __getattr__(name: str) -> Any:
    if name == "open_results":
        from itc_analysis.results import open_results

        return open_results
    msg = f"module 'itc_analysis' has no attribute {name!r}"
    raise AttributeError(msg)
