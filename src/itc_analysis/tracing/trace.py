"""From one number back to tube, gate, cut, setting, software and the bytes of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.cohort.data_files import DATA
from itc_analysis.errors import Fault, ItcError, did_you_mean
from itc_analysis.results import Results
from itc_analysis.tables.quantities import POSITIVE_OF
from itc_analysis.tracing.chain import Files, Link, broken

#: Where numbers and comparisons stand.
_MEASUREMENTS, _COMPARISONS = "measurements.parquet", "comparisons.parquet"
#: Told of a gate's reason, in letters.
_REASON = 70


@dataclass(frozen=True)
class Trace:
    """The way of one number.

    Parameters
    ----------
    number : str
        the number in a sentence.
    steps : tuple of (str, str)
        what was done, from the number backwards: a heading and a sentence.
    links : tuple of Link
        files, from the table with the number to the inputs.
    breaks : tuple of str
        where the chain breaks; none: it holds to the bytes.
    """

    number: str
    steps: tuple[tuple[str, str], ...]
    links: tuple[Link, ...]
    breaks: tuple[str, ...] = field(default=())

    @property
    def inputs(self) -> dict[str, str]:
        """SHA-256 of every input that the number ends at, by name."""
        return {link.name: link.sha256 for link in self.links if link.is_input}


def trace_measurement(
    study: Results,
    files: Files,
    *,
    population: str,
    whom: str,
    measure: str,
    feature: str,
    assay: str,
) -> Trace:
    """Trace a number of one person, sample, tube or library.

    Raises
    ------
    ItcError
        nobody and nothing has this name, or it has no such number; with the nearest names.
    """
    row = _measured(study, population, whom, measure, feature, assay)
    source, batch = str(row["source_id"]), str(row["batch"])
    panel = _panel_of(study, source) if assay == "flow" else None
    steps = [("measured in", _source_words(study, row, panel))]
    if assay == "flow":
        assert panel is not None
        counts = _rows(study, "counts", panel, batch)
        counts = counts[counts["source_id"] == source]
        steps += _counted(counts, population)
        if measure == "score" or ":" in feature:  # or a share of several markers together
            steps += _scored(study, row, panel, batch)
        elif measure in ("share_positive", "median_intensity"):
            steps += _positive(study, panel, batch, source, population, [feature])
        steps += _gated(study, source, (panel, batch), population, counts)
    else:
        counts = _rows(study, "cell_counts", batch)
        steps += _counted(counts[counts["source_id"] == source], population)
        if measure == "score":
            steps.append(_score_words(study, row))
    made = study.layout.counts(panel, batch) if assay == "flow" else study.layout.cell_counts(batch)
    steps += _made_with(study, made)
    links = files.walk(_MEASUREMENTS, _only(files, panel, batch, source))
    return Trace(_number(row), tuple(steps), tuple(links), tuple(_breaks(links, source, files)))


def trace_comparison(
    study: Results,
    files: Files,
    *,
    population: str,
    comparison: str,
    measure: str,
    feature: str,
    assay: str,
) -> Trace:
    """Trace a comparison to its people, its plan, and every file that it rests on."""
    table = study.comparisons
    chosen = table[
        (table["comparison"].str.casefold() == comparison.casefold())
        & (table["population"] == population)
        & (table["measure"] == measure)
        & (table["feature"] == feature)
        & (table["assay"] == assay)
    ]
    if chosen.empty:
        what = f"no comparison '{comparison}' of {population}, {measure} {feature} ({assay})"
        names = sorted(set(table["comparison"]))
        raise ItcError(_COMPARISONS, [Fault("", what, did_you_mean(comparison, names))])
    row = chosen.iloc[0]
    if row["status"] == "ok":
        number = (
            f"{row['comparison']}, {_endpoint(row)}: {row['estimate_kind'].replace('_', ' ')} "
            f"{row['estimate']:.4g} ({row['lower']:.4g} to {row['upper']:.4g}), "
            f"p {row['p_value']:.3g}, adjusted {row['p_adjusted']:.3g}"
        )
    else:
        number = f"{row['comparison']}, {_endpoint(row)}: not estimable ({row['reason']})"
    lock = {"as_locked": ", as locked", "post_hoc": ", post hoc", "not_locked": ", not locked"}
    state = lock.get(str(row["lock"]), "") if pd.notna(row["lock"]) else ""
    steps = [
        ("model", f"{row['model']}; covariates: {row['covariates']}"),
        (
            "family",
            f"{row['family']} ({row['role']}), p by {row['adjustment']}; plan "
            f"{row['plan_digest']}{state}",
        ),
        (
            "people",
            f"{row['n_index']} {row['index_group']}, {row['n_reference']} "
            f"{row['reference_group']}; below the limit {row['n_below_lod']}, without a number "
            f"{row['n_missing']}",
        ),
        ("numbers of", _people(study, row)),
        *_made_with(study, study.layout.comparisons),
    ]
    links = files.walk(_COMPARISONS, lambda _: True)
    return Trace(number, tuple(steps), tuple(links), tuple(broken(links)))


def _measured(
    study: Results, population: str, whom: str, measure: str, feature: str, assay: str
) -> pd.Series:
    table = study.measurements
    named = ("participant_id", "sample_id", "source_id")
    mine = table[(table[list(named)] == whom).any(axis=1)]
    if mine.empty:
        known = sorted({str(name) for column in named for name in table[column].dropna()})
        what = f"no person, sample, tube or library '{whom}' was measured"
        raise ItcError(_MEASUREMENTS, [Fault("", what, did_you_mean(whom, known))])
    chosen = mine
    for column, wanted in (
        *(("population", population), ("assay", assay)),
        *(("measure", measure), ("feature", feature)),
    ):
        rows = chosen[chosen[column] == wanted]
        if rows.empty:
            known = sorted(set(chosen[column]))
            what = f"{whom} has no {column} '{wanted}'"
            raise ItcError(_MEASUREMENTS, [Fault("", what, did_you_mean(wanted, known))])
        chosen = rows
    return chosen.iloc[0]


def _number(row: pd.Series) -> str:
    whom = row["participant_id"] if pd.notna(row["participant_id"]) else row["sample_id"]
    if row["status"] == "ok":
        told = f"{row['value']:.6g} ({row['lower']:.4g} to {row['upper']:.4g}) {row['unit']}"
    elif row["status"] == "below_lod" and pd.notna(row["upper"]):
        told = f"below the limit of detection, at most {row['upper']:.4g} {row['unit']}"
    else:
        told = f"no number: {row['status']} ({row['reason']})"
    return f"{whom}, {_endpoint(row)}: {told}"


def _endpoint(row: pd.Series) -> str:
    feature = "" if row["feature"] == "-" else f" {row['feature']}"
    return f"{row['population']} {row['measure']}{feature} ({row['assay']})"


def _panel_of(study: Results, source: str) -> str:
    tubes = study.tubes.set_index("file_id")
    return str(tubes.loc[source, "panel"])


def _rows(study: Results, name: str, *where: str) -> pd.DataFrame:
    from itc_analysis.tables import contract
    from itc_analysis.tables.registry import BY_NAME, contract_of

    return contract.read(study.layout.at(name, *where), contract_of(BY_NAME[name]))


def _source_words(study: Results, row: pd.Series, panel: str | None) -> str:
    source = str(row["source_id"])
    known = study.tubes["file_id"] if panel else study.libraries["library_id"]
    kind = f"tube {source}, panel {panel}" if panel else f"library {source}"
    absent = "" if source in set(known) else "; not in the sheet"
    return f"{kind}, batch {row['batch']}, sample {row['sample_id']}{absent}"


def _counted(counts: pd.DataFrame, population: str) -> list[tuple[str, str]]:
    mine = counts[counts["population"] == population]
    if mine.empty:
        return [("counted", f"{population} was not counted in it")]
    row = mine.iloc[0]
    background = (
        f", background {row['n_background']:.3g} ({row['background_source']})"
        if pd.notna(row["n_background"])
        else ""
    )
    return [
        (
            "counted",
            f"{row['n_events']} of {row['n_parent']} {row['parent']}, of {row['n_total']} "
            f"events{background}; {row['detection'] if pd.notna(row['detection']) else 'no state'}",
        )
    ]


def _gated(
    study: Results, source: str, where: tuple[str, str], population: str, counts: pd.DataFrame
) -> list[tuple[str, str]]:
    gates = _rows(study, "gates", *where)
    mine = gates[gates["file_id"] == source].set_index("population")
    parents = counts.set_index("population")["parent"].to_dict()
    steps = []
    name = population
    while name in mine.index or name in parents:
        if name in mine.index:
            row = mine.loc[name]
            cut = f", cut {row['cut']:.4f}" if pd.notna(row["cut"]) else ""
            error = f" ± {row['cut_se']:.4f}" if cut and pd.notna(row["cut_se"]) else ""
            own = (
                f", the tube's own {row['cut_tube']:.4f} with weight {row['weight']:.2f}"
                if cut and pd.notna(row["cut_tube"])
                else ""
            )
            why = f"; {str(row['reason'])[:_REASON]}" if pd.notna(row["reason"]) else ""
            text = f"{row['method']} in {row['parent']}{cut}{error}{own}, {row['state']}{why}"
            steps.append((f"gate {name}", text))
            parent = str(row["parent"])
        else:
            parent = str(parents[name])
        if parent == name:
            break
        name = parent
    return steps


def _positive(
    study: Results, panel: str, batch: str, source: str, population: str, markers: list[str]
) -> list[tuple[str, str]]:
    table = _rows(study, "intensity", panel, batch)
    table = table[(table["source_id"] == source) & (table["population"] == population)]
    rows = table.set_index("marker")
    steps = []
    for marker in markers:
        if marker not in rows.index:
            steps.append((f"{POSITIVE_OF}{marker}", "not measured in this tube"))
            continue
        row = rows.loc[marker]
        threshold = (
            f", above {row['threshold']:.4f} ({row['threshold_source']}, {row['threshold_state']})"
            if pd.notna(row["threshold"])
            else ", no threshold"
        )
        steps.append(
            (f"{POSITIVE_OF}{marker}", f"{row['n_positive']} of {row['n_events']}{threshold}")
        )
    return steps


def _score_words(study: Results, row: pd.Series) -> tuple[str, str]:
    signature, _, method = str(row["feature"]).partition(":")
    table = study.scores
    mine = table[
        (table["source_id"] == row["source_id"])
        & (table["population"] == row["population"])
        & (table["signature"] == signature)
        & (table["assay"] == row["assay"])
    ]
    mine = mine[mine["method"] == method] if method else mine[mine["status"].notna()]
    if mine.empty:
        return ("scored", "no row in scores.parquet")
    own = mine.iloc[0]
    if not method and pd.notna(row["value"]):
        same = mine[mine["value"] == row["value"]]
        own = same.iloc[0] if len(same) else own
    anchor = (
        f", error of the batch's healthy centre {own['anchor_error']:.3g}"
        if pd.notna(own["anchor_error"])
        else ""
    )
    return (
        "scored",
        f"{own['signature']} by {own['method']}: {own['n_features_found']} of {own['n_features']} "
        f"features, {own['n_cells']} cells{anchor}; {own['unit']}",
    )


def _scored(study: Results, row: pd.Series, panel: str, batch: str) -> list[tuple[str, str]]:
    source, population = str(row["source_id"]), str(row["population"])
    intensity = _rows(study, "intensity", panel, batch)
    markers = intensity[
        (intensity["source_id"] == source) & (intensity["population"] == population)
    ]["marker"]
    return [
        _score_words(study, row),
        *_positive(study, panel, batch, source, population, sorted(markers.astype(str))),
    ]


def _people(study: Results, row: pd.Series) -> str:
    table = study.measurements
    groups = {str(row["index_group"]), *str(row["reference_group"]).split("+")}
    mine = table[
        (table["population"] == row["population"])
        & (table["measure"] == row["measure"])
        & (table["feature"] == row["feature"])
        & (table["assay"] == row["assay"])
        & table["group"].isin(groups)
        & table["status"].isin(["ok", "below_lod", "few_cells"])
    ]
    names = sorted(set(mine["participant_id"].dropna().astype(str)))
    return f"{', '.join(names)} (itc trace {row['population']} NAME for each)"


def _made_with(study: Results, path: str) -> list[tuple[str, str]]:
    from itc_analysis.tables import contract

    del study
    made = contract.read_provenance(path)
    if not made:
        return [("made by", f"{Path(path).name} does not say what made it")]
    packages = ", ".join(f"{name} {version}" for name, version in made["packages"].items())
    settings = "; ".join(
        f"{name} {value}" for name, value in _flat(made["parameters"]) if value is not None
    )
    return [
        ("settings", settings or "none"),
        ("made by", f"{made['step']}, itc_analysis {made['itc_analysis']}, {packages}"),
    ]


def _flat(parameters: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in parameters.items():
        if name in ("axes", "scales"):
            continue  # one line per marker: they stand in scales.parquet
        found += _flat(value) if isinstance(value, dict) else [(name, value)]
    return found


def _only(files: Files, panel: str | None, batch: str, source: str) -> Any:
    """Return what tells whether a file lies on the way of one tube or library."""
    own_data = _data_of(files, source)
    data = {name for name in files.inputs if name.startswith(DATA)}

    def is_wanted(name: str) -> bool:
        if name in data:
            return name in own_data
        parts = name.split("/")
        if name not in files.results or parts[0] not in ("flow", "singlecell"):
            return True
        if parts[0] == "singlecell":
            return panel is None and parts[1] == batch
        return parts[1] == panel and (len(parts) == 3 or parts[2] == batch)

    return is_wanted


def _data_of(files: Files, source: str) -> set[str]:
    """Return the data files of a tube or library."""
    return {
        name
        for name in files.inputs
        if name == f"{DATA}tubes/{source}" or name.startswith(f"{DATA}libraries/{source}/")
    }


def _breaks(links: list[Link], source: str, files: Files) -> list[str]:
    """Return where the chain breaks, and a data file that no link reaches."""
    told = broken(links)
    reached = {link.name for link in links}
    for name in sorted(_data_of(files, source) - reached):
        told.append(
            f"the chain breaks before {name}: no table says which bytes of it were read (made by "
            "an earlier version?)"
        )
    return told
