"""Small tubes whose populations are known, for the tests of gating."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from itc_analysis.config.sections import Flow
from itc_analysis.flow.counting import apply
from itc_analysis.flow.gates.fit import fit_rows, walk_template
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.template import Template, check_template
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.tube.quality_mask import Judged, kept_row
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits, KeptEvents, TubeQuality

#: Where negatives and positives lie on the transformed scale, and how wide they are.
NEGATIVE, POSITIVE, SPREAD = 0.2, 0.65, 0.05


def two_populations(
    n: int, share: float, *, seed: int, at: float = POSITIVE
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Draw `n` values of which exactly ``round(n * share)`` are positive; the values and the
    truth.
    """
    rng = np.random.default_rng(seed)
    is_positive = np.zeros(n, dtype=bool)
    is_positive[rng.choice(n, size=round(n * share), replace=False)] = True
    values = np.where(is_positive, rng.normal(at, SPREAD, n), rng.normal(NEGATIVE, SPREAD, n))
    return values.astype(np.float32), is_positive


def make_tube(columns: dict[str, npt.ArrayLike], **given: Any) -> Tube:
    """Return a tube of these markers on the transformed scale."""
    linear, logicle = Transform("linear", t=262144), Transform("logicle", t=262144)
    is_scatter = {marker: marker.startswith(("FSC", "SSC")) for marker in columns}
    events = np.array([np.asarray(v) for v in columns.values()], dtype=np.float32)
    known: dict[str, Any] = {
        "file_id": "T1",
        "sample_id": "S1",
        "panel": "made",
        "batch": "b1",
        "kind": "stained",
        "fmo_markers": (),
        "n_events_file": events.shape[1],
        "compensation": "none",
    }
    return Tube(
        **{**known, **given},
        markers=tuple(columns),
        events=events,
        transforms={m: linear if s else logicle for m, s in is_scatter.items()},
        channels={m: f"{m}-channel" for m in columns},
    )


def t_cell_tube(*, seed: int = 1, n: int = 20_000, rare: float = 0.004, **given: Any) -> Tube:
    """Return a tube of T cells with a rare 6B11+ population and half of the events PD-1+."""
    rng = np.random.default_rng(seed)
    cd3, is_t = two_populations(n, 0.6, seed=seed)
    rare_values, is_rare = two_populations(n, rare, seed=seed + 1)
    rare_values[is_rare & ~is_t] = NEGATIVE
    pd1 = np.where(rng.random(n) < 0.5, rng.normal(0.5, SPREAD, n), rng.normal(NEGATIVE, SPREAD, n))
    columns = {"CD3": cd3, "6B11": rare_values, "PD-1": pd1, "TIGIT": rng.normal(0.2, 0.05, n)}
    for marker in given.get("fmo_markers", ()):
        columns[marker] = rng.normal(NEGATIVE, SPREAD, n)
    return make_tube(columns, **given)


def fit_tube(tube: Tube, template: Template, *, n_bootstrap: int) -> list[dict[str, Any]]:
    """Return the rows of `GateFits` of a tube that needs no file, as `fit_batch` gives them."""
    # fewer replicates than a study may have: tests need no precise errors
    settings = Flow().model_copy(update={"n_bootstrap": n_bootstrap})
    membership, fitted = walk_template(tube, template, n_bootstrap=n_bootstrap)
    row = {"file_id": tube.file_id, "panel": tube.panel, "batch": tube.batch, "tube": tube.kind}
    return fit_rows(row, membership, fitted, template, settings)


def judged_good(*file_ids: str) -> Judged:
    """Return what fit-gates says about tubes that can be used."""
    known = {"sample_id": "S1", "panel": "made", "batch": "b1", "tube": "stained", "status": "ok",
             "n_events": 8, "n_clean": 8}  # fmt: skip
    quality = contract.make([{**known, "file_id": file_id} for file_id in file_ids], TubeQuality)
    rows = [kept_row(file_id, np.ones(8, dtype=bool)) for file_id in file_ids]
    return Judged(quality, contract.make(rows, KeptEvents))


def t_cell_template() -> Template:
    """Return the template of `t_cell_tube`."""
    return check_template(
        {
            "panel": "made",
            "denominator": "t_cells",
            "populations": [
                {
                    "name": "t_cells",
                    "parent": "all",
                    "markers": ["CD3"],
                    "method": "density_minimum",
                    "side": "above",
                    "measured": True,
                    "phenotype": True,
                },
                {
                    "name": "inkt",
                    "parent": "t_cells",
                    "markers": ["6B11"],
                    "method": "rare_positive",
                    "control": "6B11",
                    "measured": True,
                    "phenotype": True,
                    "view": "CD3",
                },
                {
                    "name": "not_inkt",
                    "parent": "t_cells",
                    "method": "complement",
                    "arguments": {"of": ["inkt"]},
                },
            ],
            "positivity": [
                {"marker": "PD-1", "role": "inhibitory"},
                {"marker": "TIGIT", "role": "inhibitory"},
            ],
        },
        "template of the tests",
    )


def five_tubes() -> dict[str, Tube]:
    """Return tubes A to E, of which D has no iNKT cells."""
    rare = {"A": 0.004, "B": 0.005, "C": 0.006, "D": 0.0, "E": 0.004}
    return {
        name: t_cell_tube(seed=10 * i, n=8000, rare=share, file_id=name)
        for i, (name, share) in enumerate(rare.items(), start=1)
    }


def gate_tubes(tubes: Mapping[str, Tube], *lost: Tube) -> tuple[pd.DataFrame, apply.Applied]:
    """Return the pooled gates of T-cell tubes, and what comes of applying them.

    Parameters
    ----------
    tubes : mapping of str to Tube
        by file_id.
    lost : Tube
        those whose gates are pooled and not applied.
    """
    template = t_cell_template()
    fits = [fit_tube(tube, template, n_bootstrap=10) for tube in (*tubes.values(), *lost)]
    rows = [row for fit in fits for row in fit]
    gates = pool_gates(contract.make(rows, GateFits), template, Flow())
    sheet = [{"file_id": name, "tube": "stained"} for name in tubes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apply, "load_tube", lambda row, *_, keep: tubes[row["file_id"]])  # noqa: ARG005
        judged = judged_good(*tubes)
        return gates, apply.apply_batch(sheet, pd.DataFrame(), template, gates, judged, Flow())
