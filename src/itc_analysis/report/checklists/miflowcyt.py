"""MIFlowCyt: what the tables, panels and files of the run tell of each item."""

from __future__ import annotations

import json
import re
from typing import Any

import pandas as pd

from itc_analysis.report.checklists.items import (
    Item,
    characteristics,
    fcs_files,
    files,
    group_sizes,
    groups,
)
from itc_analysis.report.html import words
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase

#: Columns of a panel sheet, by MIFlowCyt's own words (2.4.2 to 2.4.7).
REAGENT = {
    "analyte": "marker",
    "reporter": "fluorochrome",
    "clone": "clone",
    "manufacturer": "manufacturer",
    "catalogue_number": "catalogue_number",
}

#: Roles of a panel's channels that no reagent is bound to.
WITHOUT_REAGENT = ("scatter", "time")

TREATMENTS = (
    ("hydroxychloroquine", "hydroxychloroquine"),
    ("glucocorticoid_mg_per_day", "glucocorticoids"),
    ("immunosuppressant_3_months", "immunosuppressants"),
    ("biologic_6_months", "biologics"),
)


def _quality_control(material: Material) -> str:
    quality = material.tube_quality
    if quality.empty:
        return ""
    n_ok = int((quality["status"] == "ok").sum())
    controls = material.samples[material.samples["sample_type"] == "bridge_control"]
    bridge = (
        phrase(" Bridge controls: {0}.", words.plural(len(controls), "sample"))
        if len(controls)
        else phrase(" No bridge control was stained.")
    )
    n_judged = material.acquisitions["file_id"].nunique()
    judged = phrase(" Judged along the acquisition: {0}.", words.plural(n_judged, "tube"))
    return phrase(
        "{0} of {1} passed.{2}{3} {4}",
        n_ok,
        words.plural(len(quality), "tube"),
        judged,
        bridge,
        _controls(material),
    )


def _statuses(material: Material) -> dict[str, dict[str, int]]:
    return {
        "tubes_by_status": _counted(material.tube_quality["status"]),
        "tubes_by_kind": _counted(material.tubes["tube"]),
    }


def _controls(material: Material) -> str:
    found = material.tubes["tube"].value_counts()
    told = [f"{kind} {found[kind]}" for kind in ("stained", "fmo", "unstained") if kind in found]
    conditions = material.tubes["condition"].dropna().value_counts().sort_index()
    told += [f"{name} {n} (condition)" for name, n in conditions.items()]
    return phrase("Tubes: {0}.", words.listed(told)) if told else ""


def _treatment(material: Material) -> str:
    told = [
        phrase("{0} {1} of {2} with the item known", name, n, known)
        for name, (n, known) in _treated(material).items()
    ]
    return phrase("Treated at the blood draw: {0}.", "; ".join(told)) if told else ""


def _treated(material: Material) -> dict[str, tuple[int, int]]:
    """Return how many people took a treatment, and of how many it is known."""
    found = {}
    for column, name in TREATMENTS:
        known = material.participants[column].dropna()
        if len(known):
            found[name] = (int((known.astype(float) > 0).sum()), len(known))
    return found


def _reagents(material: Material) -> str:
    told = []
    for panel, reagents in _reagent_rows(material).items():
        n_clones = sum("clone" in reagent for reagent in reagents)
        named = phrase("clones given for {0}", n_clones) if n_clones else phrase("clones not given")
        bound = words.listed(
            [
                f"{r['analyte']} ({r['reporter']})" if "reporter" in r else r["analyte"]
                for r in reagents
            ]
        )
        told.append(f"{panel}: {bound}; {named}.")
    return " ".join(told)


def _reagent_rows(material: Material) -> dict[str, list[dict[str, str]]]:
    """Return the reagents of each panel; what its sheet does not say is left out."""
    return {
        panel: [
            {
                word: str(row[column])
                for word, column in REAGENT.items()
                if not words.is_missing(row[column])
            }
            for row in sheet[~sheet["role"].isin(WITHOUT_REAGENT)].to_dict("records")
        ]
        for panel, sheet in sorted(material.panels.items())
    }


def _instrument(material: Material) -> str:
    found = _counted(material.tube_quality["cytometer"])
    told = [f"{name} ({words.plural(n, 'tube')})" for name, n in found.items()]
    return phrase("As the files name it: {0}.", words.listed(told)) if told else ""


def _settings(material: Material) -> str:
    ranges = _detectors(material)
    told = [
        f"{panel}: "
        f"{words.listed([f'{marker} {_span(found)}' for marker, found in markers.items()])}."
        for panel, markers in ranges.items()
    ]
    return (
        phrase("Detector voltages in the files, lowest to highest. {0}", " ".join(told))
        if told
        else ""
    )


def _span(voltages: list[str]) -> str:
    return voltages[0] if len(voltages) == 1 else f"{voltages[0]}–{voltages[-1]}"


def _detectors(material: Material) -> dict[str, dict[str, list[str]]]:
    """Return the detector voltages of each panel and marker that its files hold, in ascending
    order.
    """
    found: dict[str, dict[str, set[str]]] = {}
    for row in each_row(material.tube_quality.dropna(subset=["detectors"])):
        for marker, told in json.loads(row.detectors).items():
            if "voltage" in told:
                own = found.setdefault(str(row.panel), {}).setdefault(marker, set())
                own.add(told["voltage"])
    return {
        panel: {marker: sorted(values, key=_volts) for marker, values in sorted(markers.items())}
        for panel, markers in sorted(found.items())
    }


def _volts(text: str) -> tuple[float, str]:
    return (float(text), text) if re.fullmatch(r"\d+(\.\d*)?", text) else (float("inf"), text)


def _compensation(material: Material) -> str:
    told = [
        f"{name.replace('_', ' ')}: {words.plural(n, 'tube')}"
        for name, n in _counted(material.tube_quality["compensation"]).items()
    ]
    return phrase("Compensation matrix by source: {0}.", "; ".join(told)) if told else ""


def _transformation(material: Material) -> str:
    told = [
        sentence
        for entry in material.provenance
        for sentence in re.split(r"(?<=[.]) ", entry.get("methods", ""))
        if re.search("logicle|transformed to|arcsinh", sentence)
    ]
    return words.plain(" ".join(dict.fromkeys(told)))


def _gating(material: Material) -> str:
    if material.gates.empty:
        return ""
    n = material.gates["population"].nunique()
    return phrase(
        "{0} per tube at most; geometry in flow/<panel>/<batch>/gates.parquet and as GatingML 2.0 "
        "in gatingml next to it; pictures and states under Gates.",
        words.plural(n, "gate"),
    )


def _gates(material: Material) -> list[dict[str, Any]]:
    """Return the gating tree: panel, population, parent, method, and how many tubes have which
    state.
    """
    keys = ["panel", "population", "parent", "method"]
    return [
        {**dict(zip(keys, map(str, key), strict=True)), "tubes_by_state": _counted(rows["state"])}
        for key, rows in material.gates.groupby(keys, sort=True)
    ]


def _counted(values: pd.Series) -> dict[str, int]:
    return {str(name): int(n) for name, n in values.dropna().value_counts().sort_index().items()}


def _hours_to_staining(material: Material) -> dict[str, float | int] | None:
    """Return median and range of the hours from draw to staining, and how many are known."""
    stained = material.samples["sample_id"].isin(material.tubes["sample_id"])
    hours = material.samples.loc[stained, "draw_to_stain_hours"].dropna().astype(float)
    if hours.empty:
        return None
    return {
        "n_known": len(hours),
        "n_samples": int(stained.sum()),
        "median": float(hours.median()),
        "lowest": float(hours.min()),
        "highest": float(hours.max()),
    }


def _specimen(material: Material) -> str:
    hours = _hours_to_staining(material)
    if hours is None:
        return ""
    return phrase(
        "From blood draw to staining: median {0} h ({1} to {2}), known for {3} of {4}.",
        f"{hours['median']:g}",
        f"{hours['lowest']:g}",
        f"{hours['highest']:g}",
        hours["n_known"],
        words.plural(int(hours["n_samples"]), "sample"),
    )


ITEMS: tuple[Item, ...] = (
    Item("1.1", "Purpose"),
    Item("1.2", "Keywords"),
    Item("1.3", "Experiment variables", groups, group_sizes),
    Item("1.4", "Organisation"),
    Item("1.5", "Primary contact"),
    Item("1.6", "Date"),
    Item("1.7", "Conclusions"),
    Item("1.8", "Quality control measures", _quality_control, _statuses),
    Item("2.1", "Specimen", _specimen, _hours_to_staining),
    Item("2.2", "Specimen characteristics", characteristics, group_sizes),
    Item("2.3", "Treatment of the specimens and people", _treatment,
         lambda material: {name: {"treated": n, "known": known} for name, (n, known) in _treated(material).items()}),  # noqa: E501
    Item("2.4", (
        "Fluorescence reagents (analyte, reporter, clone, manufacturer, catalogue number)"
    ), _reagents,
         _reagent_rows),
    Item("3.1", "Instrument manufacturer"),
    Item("3.2", "Instrument model", _instrument, lambda material: _counted(material.tube_quality["cytometer"])),  # noqa: E501
    Item("3.3", "Instrument configuration and settings", _settings, _detectors),
    Item("4.1", "List-mode data files", files, fcs_files),
    Item("4.2", "Compensation", _compensation, lambda material: _counted(material.tube_quality["compensation"])),  # noqa: E501
    Item("4.3", "Data transformation", _transformation),
    Item("4.4", "Gating", _gating, _gates),
)  # fmt: skip
