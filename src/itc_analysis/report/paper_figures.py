"""The primary outcomes as figures for a journal: every participant a point, every estimate an
interval.

One figure per primary endpoint, at one and at two columns' width, as SVG (text as outlines) and as
PDF (fonts embedded). The same results give the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from itc_analysis.errors import Fault, ItcError
from itc_analysis.report.html import verdicts, words
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.html.plots import plain_ticks
from itc_analysis.report.sections.results.answer import reference_order
from itc_analysis.stats.people.responses import KEY
from itc_analysis.stats.plan.plan import of_whole_group
from itc_analysis.stats.plots.comparisons import plot_forest, plot_group_points
from itc_analysis.whole_files import write_text, written_whole

#: Widths of one and of two columns, and what a row of a forest plot and the points need.
WIDTHS_MM = (85, 170)
_ROW_MM, _FOREST_MM, _POINTS_MM = 5, 20, 60
_MM_PER_INCH = 25.4
_STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so that every machine draws the same
    "font.size": 7.0,
    "axes.titlesize": 7.0,
    "axes.labelsize": 7.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "figure.titlesize": 8.0,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.markersize": 4.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "pdf.fonttype": 42,  # TrueType, embedded: text that a journal can still edit
    "svg.fonttype": "path",
    "svg.hashsalt": "itc_analysis",
}
_POINT_SIZE = 9.0
#: No date, no version of a program.
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
CAPTIONS = "figures.md"


def write_figures(material: Material, folder: str | Path) -> list[Path]:
    """Write ``<endpoint>_<width>mm.svg`` and ``.pdf``, and their captions; returns the files.

    Parameters
    ----------
    material : Material
        the results.
    folder : str or Path
        made when it is not there.

    Raises
    ------
    ItcError
        the plan declares no primary comparison.
    """
    rows = material.comparisons
    primary = rows.loc[rows["role"] == "primary", KEY].drop_duplicates()
    if primary.empty:
        what = "no comparison is primary, so there is no primary outcome to draw"
        remedy = "declare a family of role primary in the analysis plan, and run again"
        raise ItcError(material.layout.folder, [Fault("", what, remedy)])
    order = {name: place for place, name in enumerate(words.POPULATION_NAMES)}
    primary = primary.assign(_place=primary["population"].map(order).fillna(len(order)))
    primary = primary.sort_values(["_place", *KEY], kind="stable")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written, captions = [], []
    for key in primary[KEY].itertuples(index=False, name=None):
        points, estimates = _rows_of(material, dict(zip(KEY, map(str, key), strict=True)))
        name = "_".join(part for part in map(str, key) if part != "-")
        name = "".join(letter if letter.isalnum() or letter in "_-" else "-" for letter in name)
        for width in WIDTHS_MM:
            with mpl.rc_context(dict[Any, Any](_STYLE)):
                figure = draw(material, points, estimates, width_mm=width)
                for kind, metadata in _METADATA.items():
                    path = folder / f"{name}_{width}mm.{kind}"
                    with written_whole(path) as aside:
                        figure.savefig(aside, format=kind, metadata=metadata)
                    written.append(path)
        captions.append(f"## {name}\n\n{caption(material, points, estimates)}\n")
    path = folder / CAPTIONS
    write_text(path, "# Captions\n\n" + "\n".join(captions))
    return [*written, path]


def draw(
    material: Material, points: pd.DataFrame, estimates: pd.DataFrame, *, width_mm: int
) -> Figure:
    """Return the figure of an endpoint: participants by group, and estimates with intervals.

    Parameters
    ----------
    points : pandas.DataFrame
        rows of `Measurements` of one endpoint, of the people who are analysed.
    estimates : pandas.DataFrame
        rows of `Comparisons` of the same endpoint.
    width_mm : int
        one of `WIDTHS_MM`; in the narrow one the estimates stand below the points.
    """
    forest_mm = _FOREST_MM + _ROW_MM * len(estimates)
    is_narrow = width_mm == min(WIDTHS_MM)
    height = _POINTS_MM + forest_mm if is_narrow else max(_POINTS_MM, forest_mm)
    figure = Figure(
        figsize=(width_mm / _MM_PER_INCH, (height + 8) / _MM_PER_INCH), layout="constrained"
    )
    # each with margins of its own: the long names of the estimates must not squeeze the points
    parts: Any = (
        figure.subfigures(2, 1, height_ratios=[_POINTS_MM, forest_mm])
        if is_narrow
        else figure.subfigures(1, 2, width_ratios=[1.1, 1])
    )
    upper, lower = (part.subplots() for part in parts)
    _draw_points(material, points, upper)
    _draw_estimates(material, estimates, lower)
    figure.suptitle(_title(material, estimates))
    return figure


def caption(material: Material, points: pd.DataFrame, estimates: pd.DataFrame) -> str:
    """Return what the figure shows, with every number that a reader would ask for."""
    low = int((points["status"] == "below_lod").sum())
    level = f"{100 * material.settings.stats.comparison_confidence:g} %"
    told = [f"**{_title(material, estimates)}.** Every point is one participant; bar, median."]
    if low:
        told.append(
            f"Open triangles ({low}) are below the limit of detection and drawn at their upper "
            "95 % limit."
        )
    drawn = points[points["status"].isin(["ok", "below_lod"])]
    n_lacking = len(points) - len(drawn)
    if n_lacking:
        told.append(f"Without a number, and not drawn: {words.plural(n_lacking, 'participant')}.")
    told.append(f"Squares, estimates; lines, {level} intervals; an arrow, a side without a limit.")
    for row in each_row(estimates):
        name = verdicts.reference_name(row.reference_group, material.settings.cohort.pooled_name)
        against = f"{row.index_group} (n = {row.n_index}) against {name} (n = {row.n_reference})"
        if words.is_missing(row.estimate) and words.is_missing(row.upper):
            told.append(f"{against}: not estimable ({row.reason}).")
            continue
        kind = str(row.estimate_kind)
        number = f"{kind.replace('_', ' ')} {words.estimate(row.estimate, kind)}"
        interval = f"{level} interval {words.interval(row.lower, row.upper, kind)}"
        told.append(
            f"{against}: {number}, {interval}, "
            f"{words.p_phrase(row.p_adjusted, 'adjusted p')} ({row.role})."
        )
    return " ".join(told)


def _rows_of(material: Material, key: dict[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the measurements and the comparisons of an endpoint."""
    analysed = material.participants.loc[material.participants["is_analysed"], "participant_id"]
    points = material.measurements
    estimates = of_whole_group(material.comparisons, material.settings.cohort.index_group)
    for column, value in key.items():
        points = points[points[column] == value]
        estimates = estimates[estimates[column] == value]
    points = points[points["participant_id"].isin(analysed)]
    place = estimates["reference_group"].map(reference_order(material, estimates))
    estimates = estimates.assign(_place=place).sort_values("_place", kind="stable")
    return points, estimates


def _title(material: Material, estimates: pd.DataFrame) -> str:
    first = estimates.iloc[0]
    told = f"{words.population(first['population'])}, {words.measure(first['measure'], first['feature'])}"  # noqa: E501
    simulated = material.settings.study.simulated
    return told if simulated is None else f"{told} – SIMULATED DATA"


def _draw_points(material: Material, points: pd.DataFrame, axes: Axes) -> None:
    plot_group_points(points, groups=material.groups_present, ax=axes)
    measure, feature = str(points["measure"].iloc[0]), str(points["feature"].iloc[0])
    axes.set_ylabel(words.measure(measure, feature))
    plain_ticks(axes.yaxis, factor=100 if measure == "share_of_t" else 1)
    for cloud in axes.collections:
        cloud.set_sizes([_POINT_SIZE])  # type: ignore[attr-defined]


def _draw_estimates(material: Material, estimates: pd.DataFrame, axes: Axes) -> None:
    pooled = material.settings.cohort.pooled_name
    named = estimates["reference_group"].map(lambda name: verdicts.reference_name(name, pooled))
    plot_forest(estimates.assign(comparison="vs " + named), ax=axes)
    kind = str(estimates["estimate_kind"].iloc[0]).replace("_", " ")
    axes.set_xlabel(f"{kind} ({material.settings.cohort.index_group} / control)")
    plain_ticks(axes.xaxis)
