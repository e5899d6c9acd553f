"""Panels and gating templates by path, by the name of a shipped one, or as objects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from itc_analysis.errors import SettingsError, SheetError, did_you_mean
from itc_analysis.flow.gating.template import Template, check_template, load_template
from itc_analysis.flow.panel.markers import check_panel
from itc_analysis.flow.panel.markers import read_panel as read_panel_sheet

PanelLike: TypeAlias = str | Path | pd.DataFrame
TemplateLike: TypeAlias = str | Path | Template | Mapping[str, Any]

RESOURCES = Path(__file__).resolve().parent.parent / "resources"


def read_panel(panel: PanelLike) -> pd.DataFrame:
    """Return a panel: which channel measures which marker.

    Parameters
    ----------
    panel : str, Path or pandas.DataFrame
        A panel sheet (TSV or CSV), the name of a shipped panel (``"panel_a"``, ``"panel_b"``), or a
        table with the columns `channel`, `marker` and `role`.

    Returns
    -------
    pandas.DataFrame
        One row per channel: `channel`, `marker`, `fluorochrome`, `clone`, `manufacturer`,
        `catalogue_number`, `role`.

    Raises
    ------
    SheetError
        There is no such file or shipped panel, or the panel has a fault; every fault is named.

    Examples
    --------
    >>> import itc_analysis as itc
    >>> panel = itc.read_panel("panel_a")
    >>> panel.loc[panel["marker"] == "CD161", ["channel", "role"]].values.tolist()
    [['PE-Cy7-A', 'lineage']]
    """
    if isinstance(panel, pd.DataFrame):
        return check_panel(panel, "panel")
    path = _shipped_or_own(panel, "panels", ".tsv")
    if not path.exists():
        raise SheetError(str(panel), _no_such_file(panel, "panels", ".tsv"))
    return read_panel_sheet(path)


def read_template(template: TemplateLike, *, panel: PanelLike | None = None) -> Template:
    """Return a gating template: the populations, in the order in which they are gated.

    Parameters
    ----------
    template : str, Path, Template or mapping
        A template (YAML), the name of a shipped one (``"panel_a"``, ``"panel_b"``), a template that
        was read before, or its content as plain data.
    panel : str, Path or pandas.DataFrame, optional
        The panel that the template's markers are checked against.

    Returns
    -------
    Template
        Its `populations`, `positivity` and `denominator`.

    Raises
    ------
    SettingsError
        There is no such file or shipped template, or it has a fault; every fault is named.

    Examples
    --------
    >>> import itc_analysis as itc
    >>> template = itc.read_template("panel_a", panel="panel_a")
    >>> template.by_name["mait"].parent
    'va72_pos'
    >>> template.denominator
    't_cells'
    """
    markers = None if panel is None else set(read_panel(panel)["marker"])
    if isinstance(template, Template):
        return check_template(template.model_dump(), "gating template", panel_markers=markers)
    if isinstance(template, Mapping):
        return check_template(dict(template), "gating template", panel_markers=markers)
    path = _shipped_or_own(template, "gating", ".yaml")
    if not path.exists():
        raise SettingsError(str(template), _no_such_file(template, "gating", ".yaml"))
    return load_template(path, panel_markers=markers)


def path_of_panel(panel: PanelLike) -> Path | None:
    """Return the file of a panel; None for a table."""
    return None if isinstance(panel, pd.DataFrame) else _shipped_or_own(panel, "panels", ".tsv")


def path_of_template(template: TemplateLike) -> Path | None:
    """Return the file of a template; None for an object."""
    if isinstance(template, (str, Path)):
        return _shipped_or_own(template, "gating", ".yaml")
    return None


def _shipped_or_own(name: str | Path, folder: str, suffix: str) -> Path:
    """Return the shipped file of this name, else the path as it stands."""
    shipped = RESOURCES / folder / f"{name}{suffix}"
    # a name with a folder or a suffix is a path
    return shipped if Path(name).name == str(name) and shipped.exists() else Path(name)


def _no_such_file(name: str | Path, folder: str, suffix: str) -> str:
    known = sorted(path.stem for path in (RESOURCES / folder).glob(f"*{suffix}"))
    return f"no such file, and no shipped one of this name; {did_you_mean(str(name), known)}"
