"""What a page of gates holds: a record for each gate, and the tubes' densities, packed small.

Densities are most of it. Those of a tube are packed together (counts of seven bits a byte, then
deflate) and unpacked by the browser when the tube is first looked at.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.errors import Fault, ItcError
from itc_analysis.flow.pictures.gate_drawing import in_tree_order
from itc_analysis.flow.pictures.plots import STATE_ORDER
from itc_analysis.flow.review.standing import gates_to_review, stand
from itc_analysis.tables.quantities import STANDS_AGAINST

#: Bits of a number in one byte; the eighth says that more follow.
_BITS = 7


@dataclass(frozen=True)
class Tables:
    """What the pages of a study are made from.

    Parameters
    ----------
    gates, histograms, counts, quality : pandas.DataFrame
        `Gates`, `Histograms`, `Counts` and `TubeQuality` of all panels and batches.
    people : mapping of str to str
        participant of each sample; samples of nobody are left out.
    """

    gates: pd.DataFrame
    histograms: pd.DataFrame
    counts: pd.DataFrame
    quality: pd.DataFrame
    people: Mapping[str, str]


@dataclass(frozen=True)
class Shown:
    """What the page of a panel holds, as plain data.

    Parameters
    ----------
    panel : str
        the panel.
    populations : list of str
        in the order of gating.
    tubes : list of dict of str to object
        `id`, `batch` and `person` of each tube.
    gates : list of dict of str to object
        a record for each gate, the worst first; the README of the record is `_record`.
    axes : list of dict of str to object
        of each population the markers `x` and `y` of its view and the `spans` that all tubes
        share, transformed units; {} where no tube has a view.
    densities : list of str
        of each tube, base64 of `pack`.
    reviews : list of dict of str to object
        every row of the sheet, of other panels as well.
    """

    panel: str
    populations: list[str]
    tubes: list[dict[str, Any]]
    gates: list[dict[str, Any]]
    axes: list[dict[str, Any]]
    densities: list[str]
    reviews: list[dict[str, Any]]


def show_panels(tables: Tables, reviews: Sequence[Mapping[str, Any]]) -> list[Shown]:
    """Return what the pages hold, a panel each, in alphabetical order.

    Parameters
    ----------
    reviews : sequence of mapping of str to object
        rows of `ReviewSheet`.

    Raises
    ------
    ItcError
        there is no gate of a stained tube to be reviewed.
    """
    gates = gates_to_review(tables.gates, tables.quality)
    if gates.empty:
        source = "itc review"
        what = "no stained tube that could be used has a gate, so there is nothing to review"
        raise ItcError(source, [Fault("", what, "run the workflow first")])
    densities = {
        str(tube): _records(rows)
        for tube, rows in tables.histograms.groupby("source_id", sort=True)
    }
    counts = {
        (str(row["source_id"]), str(row["population"])): row for row in _records(tables.counts)
    }
    return [
        _show_panel(str(panel), own, tables, densities, counts, reviews)
        for panel, own in gates.groupby("panel", sort=True)
    ]


def pack(
    rows: Iterable[Mapping[str, Any]], names: Sequence[str]
) -> tuple[str, list[dict[str, Any]]]:
    """Return the densities of a tube as base64 of deflated bytes, and what the JSON in them says.

    The bytes are a line of JSON and then the counts: for each population, of the view (row by row,
    the y axis fastest) and of the profile, where there is one.

    Parameters
    ----------
    rows : iterable of mapping of str to object
        the tube's rows of `Histograms`.
    names : sequence of str
        populations that are wanted.
    """
    heads, counts = [], []
    for row in rows:
        if row["population"] not in names:
            continue
        content = json.loads(str(row["histogram"]))
        profile = content.get("profile")
        heads.append(
            {
                "gate": row["population"],
                "x": row["marker_x"],
                "y": None if pd.isna(row["marker_y"]) else row["marker_y"],
                "spans": [content["x_edges"], content["y_edges"]],
                "shape": [content["n_x"], content["n_y"] or 1],
                "ticks": [content["x_ticks"], content["y_ticks"]],
                "first": None if profile is None else profile["first"],
                "steps": 0 if profile is None else len(profile["counts"]),
            }
        )
        counts += [content["counts"], [] if profile is None else profile["counts"]]
    head = json.dumps(heads, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    numbers = np.concatenate([np.asarray(part, dtype=np.int64) for part in counts or [[]]])
    packed = zlib.compress(head + _seven_bits(numbers), 9)
    return base64.b64encode(packed).decode("ascii"), heads


def _seven_bits(numbers: npt.NDArray[np.int64]) -> bytes:
    """Return numbers in as few bytes as each needs, the lowest bits first."""
    parts = []
    left = numbers.copy()
    is_open = np.ones(left.size, dtype=bool)
    while is_open.any():
        more = left >= 1 << _BITS
        part = (left & (1 << _BITS) - 1) | np.where(more, 1 << _BITS, 0)
        parts.append(np.where(is_open, part, -1))
        left >>= _BITS
        is_open = is_open & more
    if not parts:
        return b""
    table = np.stack(parts, axis=1).ravel()
    return table[table >= 0].astype(np.uint8).tobytes()


def _show_panel(
    panel: str,
    gates: pd.DataFrame,
    tables: Tables,
    densities: Mapping[str, list[dict[str, Any]]],
    counts: Mapping[tuple[str, str], Mapping[str, Any]],
    reviews: Sequence[Mapping[str, Any]],
) -> Shown:
    quality = tables.quality.set_index("file_id")
    ids = sorted(str(name) for name in gates["file_id"].unique())
    place = {name: number for number, name in enumerate(ids)}
    tubes = [
        {
            "id": name,
            "batch": str(quality.loc[name, "batch"]),
            "person": tables.people.get(str(quality.loc[name, "sample_id"]), ""),
        }
        for name in ids
    ]
    whole = tables.gates[tables.gates["panel"] == panel]
    cut = set(gates["population"])
    names = [name for name in in_tree_order(whole) if name in cut]
    records = [
        _record(row, place, names, counts.get((str(row["file_id"]), str(row["population"]))))
        for row in _records(_worst_first(gates))
    ]
    packed = [pack(densities.get(name, []), names) for name in ids]
    changed = {
        (str(one.review["tube"]), str(one.review["gate"]))
        for one in stand(reviews, gates)
        if one.standing == "changed"
    }
    return Shown(
        panel=panel,
        populations=names,
        tubes=tubes,
        # what was looked at and has changed asks first
        gates=sorted(
            records, key=lambda record: (ids[record["tube"]], names[record["gate"]]) not in changed
        ),
        axes=[_common_axes(name, [h for _, heads in packed for h in heads]) for name in names],
        densities=[text for text, _ in packed],
        reviews=[dict(review) for review in reviews],
    )


def _common_axes(name: str, heads: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the axes on which all tubes of a population are drawn, so that an odd one stands
    out.
    """
    own = [head for head in heads if head["gate"] == name]
    if not own:
        return {}
    (x, y), _ = Counter((head["x"], head["y"]) for head in own).most_common(1)[0]
    spans = [
        [span for head in own if (head["x"], head["y"]) == (x, y) for span in [head["spans"][axis]]]
        for axis in ([0] if y is None else [0, 1])
    ]
    joined = [[min(low for low, _ in each), max(high for _, high in each)] for each in spans]
    return {"x": x, "y": y, "spans": [*joined, [0, 1]][:2]}


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _worst_first(gates: pd.DataFrame) -> pd.DataFrame:
    """Return gates by state, then those that stand against their batch, then by how far the tube's
    own cut lies from the final one.
    """
    moved = (gates["cut"] - gates["cut_tube"]).abs().fillna(0.0)
    is_odd = gates["reason"].fillna("").str.startswith(STANDS_AGAINST)
    keys = gates.assign(
        _rank=gates["state"].map({s: i for i, s in enumerate(STATE_ORDER)}).astype(int),
        _odd=~is_odd,
        _moved=-moved,
        _quality=gates["quality"].fillna(0.0),
    )
    by = ["_rank", "_odd", "_moved", "_quality", "file_id", "population"]
    return keys.sort_values(by, kind="stable").drop(columns=by[:4])


def _record(
    row: Mapping[str, Any],
    place: Mapping[str, int],
    names: Sequence[str],
    count: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return a gate as the page reads it; what is missing has no entry.

    `tube` and `gate` are places in the lists of the page; `shape` as in `Gates`; `n`, `of` and
    `background` events; `lower` and `upper` the limits of the net count.
    """
    counted = {} if count is None else count
    record = {
        "tube": place[str(row["file_id"])],
        "gate": names.index(str(row["population"])),
        "parent": row["parent"],
        "state": row["state"],
        "reason": row["reason"],
        "shape": row["geometry"],
        "se": row["cut_se"],
        "own": row["cut_tube"],
        "digest": row["digest"],
        "n": counted.get("n_events"),
        "of": counted.get("n_parent"),
        "background": counted.get("n_background"),
        "lower": counted.get("n_lower"),
        "upper": counted.get("n_upper"),
        "detection": counted.get("detection") if counted.get("is_measured") else None,
    }
    known = {name: value for name, value in record.items() if not pd.isna(value)}
    if "shape" in known:
        known["shape"] = json.loads(str(known["shape"]))
    for name in ("se", "own", "background", "lower", "upper"):
        if name in known:
            known[name] = float(f"{known[name]:.6g}")
    for name in ("n", "of"):
        if name in known:
            known[name] = int(known[name])
    return known
