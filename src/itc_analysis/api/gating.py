"""From FCS files to gates and counts in memory: the workflow's steps, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from itc_analysis.api.cards import card
from itc_analysis.api.fcs import FcsTube
from itc_analysis.api.shares import shares as shares_of
from itc_analysis.api.shipped import (
    PanelLike,
    TemplateLike,
    path_of_panel,
    path_of_template,
    read_panel,
    read_template,
)
from itc_analysis.config.loading import validate
from itc_analysis.config.sections import Flow
from itc_analysis.errors import Fault, ItcError, did_you_mean
from itc_analysis.flow.batches import scales as scale_learning
from itc_analysis.flow.counting import apply
from itc_analysis.flow.gates import fit, pool
from itc_analysis.flow.gating.methods_text import describe_further_methods
from itc_analysis.flow.scale.scales import with_scales
from itc_analysis.flow.tube.quality_mask import Judged
from itc_analysis.plural import plural
from itc_analysis.provenance import describe
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import KeptEvents

Fcs: TypeAlias = str | Path | FcsTube
Markers: TypeAlias = str | Sequence[str]

_SOURCE = "gate"


@dataclass(frozen=True, repr=False)
class GatedTubes:
    """Gates and counts of some tubes; unpacks as ``gates, counts``.

    Parameters
    ----------
    gates : pandas.DataFrame
        The final gate of every tube and population: cut, its standard error, state and reason.
    counts : pandas.DataFrame
        Events of every tube and population, with background, 95 % limits and detection.
    intensity : pandas.DataFrame
        Marker levels and positivity within the populations for which the template asks for them.
    combinations : pandas.DataFrame
        Combinations of inhibitory receptors within these populations.
    quality : pandas.DataFrame
        One row per tube: whether it could be used, and what was done to it.
    """

    gates: pd.DataFrame
    counts: pd.DataFrame
    intensity: pd.DataFrame = field(default_factory=pd.DataFrame)
    combinations: pd.DataFrame = field(default_factory=pd.DataFrame)
    quality: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return iter((self.gates, self.counts))

    @property
    def shares(self) -> pd.DataFrame:
        """Shares of the T cells with 95 % limits; see `itc_analysis.shares`."""
        return shares_of(self.counts)

    @property
    def provenance(self) -> dict[str, Any]:
        """Versions, settings, scales and a sentence for the methods."""
        return dict(self.counts.attrs["itc_analysis"])

    def __repr__(self) -> str:
        n_tubes = self.counts["source_id"].nunique()
        n_populations = self.counts["population"].nunique()
        n_counted = int((self.counts["status"] == "ok").sum())
        return (
            f"<GatedTubes: {plural(n_tubes, 'tube')} x {plural(n_populations, 'population')}; "
            f"{n_counted:,} of {len(self.counts):,} counted>"
        )

    def _repr_html_(self) -> str:
        rows = self.counts[self.counts["is_measured"]]
        shown = (
            (tube, population, "" if pd.isna(n) else f"{n:,}", _or_nothing(state), words)
            for tube, population, n, state, words in zip(
                rows["source_id"],
                rows["population"],
                rows["n_events"],
                rows["gate_state"],
                rows["detection"].fillna(rows["reason"]).fillna(""),
                strict=True,
            )
        )
        header = ("tube", "population", "events", "gate", "detection")
        title = repr(self)[1:-1]
        return card(title, "gates, counts = itc.gate(...)", header, shown, more="counts")


def gate(
    fcs: Fcs | Sequence[Fcs] | Mapping[str, Fcs],
    panel: PanelLike,
    template: TemplateLike,
    *,
    controls: Mapping[Fcs, Markers] | None = None,
    batches: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    on_bad_tube: str = "stop",
) -> GatedTubes:
    """Gate and count one FCS file, or many that are judged together.

    The steps are those of the workflow: learn the scales, learn the gates of each tube by itself,
    judge them against the other tubes of their batch, apply them and count.

    Parameters
    ----------
    fcs : str, Path, FcsTube, sequence of these, or mapping
        Fully stained tubes. A mapping gives them names; else the name of the file is taken.
    panel : str, Path or pandas.DataFrame
        Which channel measures which marker; see `read_panel`.
    template : str, Path, Template or mapping
        The populations and how each is gated; see `read_template`.
    controls : mapping of (str, Path or FcsTube) to (str or sequence of str), optional
        Fluorescence-minus-one tubes and the marker or markers that were left out of each; no marker
        (``[]``) stands for an unstained tube.
    batches : mapping of str to str, optional
        The staining batch of each tube, controls too, by the tube's name; left out, all are one
        batch.
    settings : mapping, optional
        Any setting of the `flow` section, e.g. ``{"lod_events": 30}``; docs/settings.md lists them.
    on_bad_tube : str
        ``"stop"`` raises when a tube cannot be used, ``"record"`` gives its rows a status and a
        reason.

    Returns
    -------
    GatedTubes
        Unpacks as ``gates, counts``. Also `intensity`, `combinations`, `quality` and `shares`.

    Raises
    ------
    ItcError
        Two tubes of one name, a batch of an unknown tube, a tube that cannot be used.
    SheetError, SettingsError
        Faults of the panel, the template and the settings; every fault is named.

    Examples
    --------
    >>> import itc_analysis as itc
    >>> gates, counts = itc.gate(itc.example_fcs(seed=1), "panel_a", "panel_a")
    >>> found = counts.set_index("population")
    >>> found.loc["t_cells", "detection"]
    'quantified'
    >>> int(found.loc["t_cells", "n_events"]) > 5000
    True
    >>> bool(found.loc["mait", "n_lower"] <= found.loc["mait", "n_upper"])
    True
    >>> gates[["population", "parent", "method"]].iloc[1].tolist()
    ['lymphocytes', 'all', 'scatter_ellipse']
    >>> counts.attrs["itc_analysis"]["step"]
    'itc_analysis.gate'

    Several tubes help one another; a control without an antibody tells where its positives begin:

    >>> tubes = [itc.example_fcs(seed=seed) for seed in (1, 2)]
    >>> control = itc.example_fcs(left_out="PD-1")
    >>> gated = itc.gate(tubes, "panel_a", "panel_a", controls={control: "PD-1"})
    >>> gated.quality[["file_id", "tube", "status"]].values.tolist()[1:]
    [['donor_2', 'stained', 'ok'], ['donor_1_without_PD-1', 'fmo', 'ok']]
    >>> sources = gated.intensity.set_index("marker")["threshold_source"]
    >>> sources["PD-1"].unique().tolist(), sources["TIGIT"].unique().tolist()
    (['fmo'], ['negative_population'])
    """
    sheet = read_panel(panel)
    checked = read_template(template, panel=sheet)
    chosen = validate(Flow, {**(settings or {}), "on_bad_tube": on_bad_tube}, "settings")
    rows = _rows(fcs, controls or {}, batches or {}, checked.panel)
    scales, _ = scale_learning.learn_scales(rows, sheet, checked.transform, chosen)
    frozen = with_scales(checked.transform, scales)
    checked = checked.model_copy(update={"transform": frozen})
    kept: list[dict[str, Any]] = []
    fits, quality, _ = fit.fit_batch(rows, sheet, checked, chosen, kept=kept)
    pooled = pool.pool_gates(fits, checked, chosen)
    judged = Judged(quality, contract.make(kept, KeptEvents))
    applied = apply.apply_batch(rows, sheet, checked, pooled, judged, chosen)
    further, cited = describe_further_methods(checked)
    files = [path_of_panel(panel), path_of_template(template)]
    described = describe(
        "itc_analysis.gate",
        parameters={
            "flow": chosen.model_dump(mode="json"),
            "transform": frozen.model_dump(mode="json"),
        },
        inputs=[path for path in files if path is not None],
        packages=("numpy", "pandas", "scipy", "flowutils"),
        methods=" ".join(
            filter(None, [fit.METHODS_TEXT, further, pool.METHODS_TEXT, apply.METHODS_TEXT])
        ),
        citations={*fit.CITATIONS, *cited, *pool.CITATIONS, *apply.CITATIONS},
    )
    tables = (applied.gates, applied.counts, applied.intensity, applied.combinations, quality)
    for table in tables:
        table.attrs["itc_analysis"] = described
    return GatedTubes(*tables)


def _rows(
    fcs: Fcs | Sequence[Fcs] | Mapping[str, Fcs],
    controls: Mapping[Fcs, Markers],
    batches: Mapping[str, str],
    panel: str,
) -> list[dict[str, Any]]:
    """Return what the rooms want to know of each tube."""
    if isinstance(fcs, Mapping):
        named = [(str(name), _path_of(file)) for name, file in fcs.items()]
    else:
        files = [fcs] if isinstance(fcs, (str, Path, FcsTube)) else list(fcs)
        named = [(_path_of(file).stem, _path_of(file)) for file in files]
    left_out = [(_path_of(file).stem, _path_of(file), _listed(m)) for file, m in controls.items()]
    faults = _faults(named, [name for name, _, _ in left_out], batches)
    if faults:
        raise ItcError(_SOURCE, faults)
    tubes: list[tuple[str, Path, str, str | None]]
    tubes = [(name, path, "stained", None) for name, path in named]
    tubes += [
        (name, path, "fmo" if markers else "unstained", ",".join(markers) or None)
        for name, path, markers in left_out
    ]
    return [
        {
            "file_id": name,
            "sample_id": name,
            "path": str(path),
            "panel": panel,
            "batch": batches.get(name, "batch"),
            "tube": kind,
            "fmo_markers": markers,
        }
        for name, path, kind, markers in tubes
    ]


def _faults(
    named: Sequence[tuple[str, Path]], controls: Sequence[str], batches: Mapping[str, str]
) -> list[Fault]:
    names = [*(name for name, _ in named), *controls]
    faults = [] if named else [Fault("", "no file is given", "name at least one")]
    faults += [
        Fault(
            f"tube '{name}'", f"{names.count(name)} files have this name", "name them: {name: file}"
        )
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    faults += [
        Fault("batches", f"no tube is called '{name}'", did_you_mean(name, names))
        for name in batches
        if name not in names
    ]
    lacking = [name for name in names if batches and name not in batches]
    if lacking:
        faults.append(Fault("batches", f"no batch is given for {', '.join(lacking)}", "name it"))
    return faults


def _path_of(file: Fcs) -> Path:
    return file.path if isinstance(file, FcsTube) else Path(file)


def _listed(markers: Markers) -> list[str]:
    return [markers] if isinstance(markers, str) else list(markers)


def _or_nothing(value: Any) -> str:
    return "" if pd.isna(value) else str(value)
