"""How well automatic gates agree with those of a person: counts, and event by event."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.config.sections import GateFitting
from itc_analysis.errors import Fault, ItcError, did_you_mean
from itc_analysis.flow.counting.apply import gate_tube
from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.flow.gates.final import final_gates
from itc_analysis.flow.gates.fit import load_checked
from itc_analysis.flow.gating.template import Template
from itc_analysis.flow.manual.adopt import ManualGates
from itc_analysis.flow.manual.gates import ManualTree, evaluate
from itc_analysis.flow.manual.samples import identify_file
from itc_analysis.statistics.agreement import concordance_interval, limits_of_agreement
from itc_analysis.statistics.half_cell import log_ratio
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import Concordance

log = logging.getLogger(__name__)

_SOURCE = "itc concordance"


def compare_with_human(
    rows: Iterable[Mapping[str, Any]],
    panel: pd.DataFrame,
    template: Template,
    gates: pd.DataFrame,
    human: ManualGates,
    settings: GateFitting,
    *,
    names: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return `Concordance` for every tube that both have gated.

    Parameters
    ----------
    rows : iterable of mapping of str to object
        rows of the checked tube sheet; `path` can be opened as it stands.
    panel, template, gates : pandas.DataFrame or Template
        as for `apply.apply_batch`.
    human : ManualGates
        gates that a person drew, from `manual.read_manual`.
    names : mapping of str to str, optional
        human gate → population, where they differ; gates of a population's own name are found.

    Raises
    ------
    ItcError
        a name in `names` is no gate or no population, or no gate of any tube has a partner.
    """
    pairs = dict(names or {})
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    rows = list(rows)
    known = {str(row["file_id"]): row for row in rows if row["file_id"] not in human.by_tube}
    matched = human.match({file_id: identify_file(row["path"]) for file_id, row in known.items()})
    for row in rows:
        trees = human.of(str(row["file_id"]), str(row["panel"]), matched.get(str(row["file_id"])))
        if not trees:
            log.info("%s: no human gates", row["file_id"])
        taken: set[str] = set()
        for tree in trees:  # the most particular first
            seen |= set(tree.gates)
            wanted = {
                gate: pairs.get(gate, gate)
                for gate in tree.gates
                if pairs.get(gate, gate) in set(template.by_name) - taken
            }
            taken |= set(wanted.values())
            if wanted:
                found += _compare_tube(row, panel, template, gates, tree, settings, wanted)
    _check(pairs, seen, template, is_empty=not found)
    return contract.make(found, Concordance)


def worst_first(concordance: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the lowest F1 first; gates that are not estimable before all others."""
    return concordance.sort_values(
        ["f1", "population", "file_id"], na_position="first", kind="stable", ignore_index=True
    )


def summarise(concordance: pd.DataFrame, *, confidence: float) -> pd.DataFrame:
    """Return one row per population: tubes, Lin's concordance, Bland and Altman's limits, F1.

    Parameters
    ----------
    confidence : float
        of the interval of Lin's coefficient.

    Returns
    -------
    pandas.DataFrame
        Columns population, n_tubes, n_not_estimable, ccc (of the counts), ccc_lower, ccc_upper,
        mean_difference, lower_limit, upper_limit (automatic - human, events), median_ratio,
        median_f1, lowest_f1; the lowest median F1 first.
    """
    lines = []
    for population, part in concordance.groupby("population", sort=True):
        both = part.dropna(subset=["n_automatic"])
        automatic, human = (both[c].to_numpy(dtype=float) for c in ("n_automatic", "n_human"))
        limits = limits_of_agreement(automatic - human)
        ccc = concordance_interval(automatic, human, confidence=confidence)
        lines.append(
            {
                "population": population,
                "n_tubes": len(part),
                "n_not_estimable": len(part) - len(both),
                "ccc": ccc.estimate,
                "ccc_lower": ccc.lower,
                "ccc_upper": ccc.upper,
                "mean_difference": limits.estimate,
                "lower_limit": limits.lower,
                "upper_limit": limits.upper,
                "median_ratio": float(np.median(np.exp(log_ratio(automatic, human))))
                if len(both)
                else np.nan,
                "median_f1": float(part["f1"].median()),
                "lowest_f1": float(part["f1"].min()),
            }
        )
    table = pd.DataFrame(lines)
    return table.sort_values("median_f1", na_position="first", kind="stable", ignore_index=True)


def f1_score(
    one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]
) -> tuple[int, float, float, float]:
    """Return the events in both, precision and recall of `one` against `other`, and their F1.

    NaN where there is nothing to divide by: precision of an empty gate, recall of empty truth, F1
    when both are empty.
    """
    both, n_one, n_other = (int(np.count_nonzero(m)) for m in (one & other, one, other))
    precision = both / n_one if n_one else float("nan")
    recall = both / n_other if n_other else float("nan")
    f1 = 2 * both / (n_one + n_other) if n_one + n_other else float("nan")
    return both, precision, recall, f1


def _compare_tube(
    row: Mapping[str, Any],
    panel: pd.DataFrame,
    template: Template,
    gates: pd.DataFrame,
    tree: ManualTree,
    settings: GateFitting,
    wanted: Mapping[str, str],
) -> list[dict[str, Any]]:
    tube, quality = load_checked(row, panel, template, settings)
    if tube is None or tube.keep is None:
        log.warning("%s: %s", row["file_id"], quality["reason"])
        return []
    human = evaluate(tree, read_fcs(row["path"]))
    final = final_gates(gates, tube.file_id, template)
    members = gate_tube(tube, template, final)
    place = np.flatnonzero(tube.keep)
    made = []
    for gate, population in wanted.items():
        line: dict[str, Any] = {
            "file_id": tube.file_id,
            "population": population,
            "human_gate": gate,
            "gate_state": final[population].state,
            "n_human": int(np.count_nonzero(human[gate])),
        }
        if population in members:
            own = np.zeros(tube.keep.size, dtype=bool)
            own[place[members[population]]] = True
            both, precision, recall, f1 = f1_score(own, human[gate])
            line |= {
                "n_automatic": int(np.count_nonzero(own)),
                "n_both": both,
                "precision": precision,
                "recall": recall,
                "f1": f1,
            }
        made.append(line)
    return made


def _check(pairs: Mapping[str, str], seen: set[str], template: Template, *, is_empty: bool) -> None:
    faults = [
        Fault("--names", f"no human gate '{gate}'", did_you_mean(gate, seen))
        for gate in pairs
        if gate not in seen
    ]
    faults += [
        Fault("--names", f"no population '{name}'", did_you_mean(name, template.by_name))
        for name in pairs.values()
        if name not in template.by_name
    ]
    if is_empty and not faults:
        what = (
            "no human gate has the name of a population; gates: "
            f"{', '.join(sorted(seen)) or 'none'}"
        )
        faults.append(Fault("", what, "say which belong together: --names 'Vd2=vd2_gd'"))
    if faults:
        raise ItcError(_SOURCE, faults)
