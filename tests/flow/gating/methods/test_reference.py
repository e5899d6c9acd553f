"""A cut taken over from another population: learned, pooled, drawn by hand, or lacking."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import NEGATIVE, SPREAD, fit_tube, make_tube
from itc_analysis.config.sections import Flow
from itc_analysis.errors import SettingsError
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.geometry import Threshold, from_json
from itc_analysis.flow.gating.template import Template, check_template
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits

ENTRIES: list[dict[str, Any]] = [
    {"name": "cd8_pos", "parent": "all", "markers": ["CD8"], "method": "density_minimum", "side": "above"},  # noqa: E501
    {"name": "mait", "parent": "all", "markers": ["CD161"], "method": "density_minimum", "side": "above"},  # noqa: E501
    {"name": "cd8_mait", "parent": "mait", "markers": ["CD8"], "method": "reference", "side": "above",  # noqa: E501
     "arguments": {"of": "cd8_pos"}},
    {"name": "not_cd8_mait", "parent": "mait", "markers": ["CD8"], "method": "reference", "side": "below",  # noqa: E501
     "arguments": {"of": "cd8_pos"}},
]  # fmt: skip


def template(**changed: Any) -> Template:
    entries = copy.deepcopy(ENTRIES)
    entries[2].update(changed)
    return check_template({"panel": "made", "populations": entries}, "t.yaml")


def fits(n_cd8: int = 4000) -> list[dict[str, Any]]:
    """Fit tubes whose 120 MAIT cells are all CD8+: by themselves they show one peak only."""
    rows = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        cd8, cd161 = rng.normal(NEGATIVE, SPREAD, 10_000), rng.normal(NEGATIVE, SPREAD, 10_000)
        cd8[:n_cd8] += 0.4
        cd161[:120] += 0.45
        cd8[:120] = rng.normal(NEGATIVE + 0.4, SPREAD, 120)
        tube = make_tube({"CD8": cd8, "CD161": cd161}, file_id=f"T{seed}")
        rows += fit_tube(tube, template(), n_bootstrap=20)
    return rows


def test_a_few_cells_are_cut_where_all_t_cells_are() -> None:
    made = pd.DataFrame(fits()).set_index(["file_id", "population"])
    for tube in ("T0", "T3"):
        own, other = made.loc[(tube, "cd8_mait")], made.loc[(tube, "cd8_pos")]
        assert (own["cut"], own["cut_se"], own["status"]) == (other["cut"], other["cut_se"], "ok")
        assert own["n_parent"] == 120
        assert from_json(made.loc[(tube, "not_cd8_mait"), "geometry"]) == Threshold(
            ("CD8",), "below", own["cut"]
        )


def test_the_final_cut_follows_the_other_ones() -> None:
    rows = fits()
    odd = next(row for row in rows if (row["file_id"], row["population"]) == ("T2", "cd8_pos"))
    odd.update(cut=0.9, quality=0.5)  # stands out, so it is borrowed
    gates = pool_gates(contract.make(rows, GateFits), template(), Flow())
    gates = gates.set_index(["file_id", "population"])
    for tube in ("T0", "T2"):
        own, other = gates.loc[(tube, "cd8_mait")], gates.loc[(tube, "cd8_pos")]
        for column in ("cut", "cut_se", "weight", "state"):
            assert own[column] == other[column]
        assert own["reason"].startswith("cut of cd8_pos")
    assert gates.loc[("T2", "cd8_mait"), "state"] == "borrowed"
    assert "robust SDs from its batch" in gates.loc[("T2", "cd8_mait"), "reason"]


def test_where_the_other_one_has_no_cut_there_is_none() -> None:
    rows = fits(n_cd8=0)
    for row in rows:
        if row["population"] == "cd8_pos":
            row.update(geometry=None, cut=None, cut_se=None, quality=None, status="not_estimable",
                       reason="one peak only")  # fmt: skip
    gates = pool_gates(contract.make(rows, GateFits), template(), Flow()).set_index("population")
    assert (gates.loc["cd8_mait", "state"] == "not_estimable").all()
    assert (gates.loc["cd8_mait", "reason"] == "cut of cd8_pos: one peak only").all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"arguments": {"of": "cd8pos"}}, "did you mean 'cd8_pos'"),
        ({"arguments": {"of": "not_cd8_mait"}}, "'not_cd8_mait' stands after it"),
        ({"arguments": {"of": "mait"}}, "'mait' cuts CD161, not CD8"),
        ({"arguments": {}}, "reference needs 'of'"),
        ({"arguments": {"of": "cd8_pos", "z": 4}}, "unknown argument 'z' of reference"),
        ({"side": None}, "reference needs a side"),
    ],
)
def test_a_reference_that_cannot_serve_is_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        template(**changed)
