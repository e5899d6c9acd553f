"""Templates for other reagents: they fit their panels, and find populations that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import NEGATIVE, POSITIVE, SPREAD, fit_tube, make_tube
from itc_analysis.config.sections import Flow
from itc_analysis.flow.counting.apply import gate_tube
from itc_analysis.flow.gates.final import final_gates
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.template import Template, check_template, load_template
from itc_analysis.flow.panel.markers import read_panel
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits

N = 60_000


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "config" / "examples" / "other_panels"


def load(folder: Path, name: str, panel: Path) -> Template:
    return load_template(
        folder / "gating" / f"{name}.yaml", panel_markers=set(read_panel(panel)["marker"])
    )


def below_t_cells(template: Template) -> Template:
    """Return the template without its first steps: the tubes here hold T cells only."""
    plain = template.model_dump(mode="json")
    names = [population["name"] for population in plain["populations"]]
    plain["populations"] = plain["populations"][names.index("t_cells") + 1 :]
    for population in plain["populations"]:
        if population["parent"] == "t_cells":
            population["parent"] = "all"
    return check_template({**plain, "denominator": "all"}, "below T cells")


def counted(tube: Tube, template: Template) -> pd.Series:
    """Return the events of each population of one tube."""
    fits = contract.make(fit_tube(tube, template, n_bootstrap=10), GateFits)
    gates = final_gates(pool_gates(fits, template, Flow()), tube.file_id, template)
    return pd.Series({name: index.size for name, index in gate_tube(tube, template, gates).items()})


def draw(carried: dict[str, np.ndarray], markers: list[str]) -> Tube:
    rng = np.random.default_rng(8)
    columns = {}
    for marker in markers:
        at = np.where(carried.get(marker, np.zeros(N, dtype=bool)), POSITIVE, NEGATIVE)
        columns[marker] = rng.normal(at, SPREAD)
    return make_tube(columns)


def test_tetramers_and_chains_find_each_population(folder: Path) -> None:
    template = load(folder, "innate_tetramers", folder / "panels" / "innate_tetramers.tsv")
    kind = np.random.default_rng(2).choice(
        ["vd2", "vd1", "gd", "inkt", "mait", "va24", "vb11", "cd4", "cd8"], N,
        p=[0.02, 0.01, 0.005, 0.002, 0.02, 0.01, 0.03, 0.603, 0.3],
    )  # fmt: skip
    carried = {
        "TCRgd": np.isin(kind, ["vd2", "vd1", "gd"]),
        "Vd2": kind == "vd2",
        "Vd1": kind == "vd1",
        "Va24": np.isin(kind, ["inkt", "va24"]),
        "Vb11": np.isin(kind, ["inkt", "vb11"]),
        "MR1-tetramer": kind == "mait",
        "CD4": kind == "cd4",
        "CD8": np.isin(kind, ["cd8", "mait", "va24", "vb11"]),
    }
    found = counted(draw(carried, [*carried, "CD161", "PD-1"]), below_t_cells(template))
    wanted = {"vd2_gd": "vd2", "vd1_gd": "vd1", "other_gd": "gd", "inkt": "inkt", "mait": "mait",
              "cd4_t_cells": "cd4"}  # fmt: skip
    for population, label in wanted.items():
        assert found[population] == pytest.approx(np.count_nonzero(kind == label), rel=0.03)
    assert found[["vd2_gd", "vd1_gd", "other_gd"]].sum() == found["gd_t_cells"]


def test_innate_cd8_is_counted_with_and_without_unconventional_t_cells(root: Path) -> None:
    shipped = root / "src" / "itc_analysis" / "resources"
    template = load(shipped, "panel_b", shipped / "panels" / "panel_b.tsv")
    kind = np.random.default_rng(3).choice(
        ["cd4", "cd8", "memory", "innate", "mait", "gd", "inkt"], N,
        p=[0.55, 0.2, 0.1, 0.08, 0.04, 0.02, 0.01],
    )  # fmt: skip
    is_innate_like = np.isin(kind, ["innate", "mait"])
    carried = {
        "CD4": kind == "cd4",
        "CD8": np.isin(kind, ["cd8", "memory", "innate", "mait"]),
        "TCRgd": kind == "gd",
        "6B11": kind == "inkt",
        "Va7.2": kind == "mait",
        "CD161": kind == "mait",
        "Eomes": is_innate_like | (kind == "memory"),
        "panKIR": kind == "innate",
        "NKG2A": kind == "mait",
    }
    # a few Va7.2+ cells without CD161, and innate cells with NKG2A, so that every gate has two
    # sides
    rng = np.random.default_rng(4)
    carried["Va7.2"] |= (kind == "cd4") & (rng.random(N) < 0.02)
    carried["NKG2A"] |= (kind == "innate") & (rng.random(N) < 0.4)
    functional = ["PD-1", "TIM-3", "CD69", "HLA-DR", "CD38"]
    found = counted(draw(carried, [*carried, *functional]), below_t_cells(template))
    innate, mait = (np.count_nonzero(kind == name) for name in ("innate", "mait"))
    assert found["innate_cd8"] == pytest.approx(innate, rel=0.03)
    assert found["innate_cd8_all"] == pytest.approx(innate + mait, rel=0.03)


def test_a_block_divides_a_small_population_at_the_cuts_of_all_cells() -> None:
    entries = [
        {"name": name, "parent": parent, "markers": [marker], "side": "above",
         "method": "density_minimum"}
        for name, parent, marker in (("mait", "all", "CD161"), ("cd8_pos", "all", "CD8"))
    ]  # fmt: skip
    data = {
        "panel": "p",
        "denominator": "all",
        "populations": entries,
        "blocks": [{"block": "coreceptors", "of": "mait"}, {"block": "naive_memory", "of": "mait"}],
    }
    rng = np.random.default_rng(5)
    is_mait = rng.random(N) < 0.01
    carried = {
        "CD161": is_mait,
        "CD8": rng.random(N) < np.where(is_mait, 0.8, 0.35),
        "CD4": rng.random(N) < np.where(is_mait, 0.02, 0.6),
        "CD45RA": rng.random(N) < np.where(is_mait, 0.1, 0.5),
        "CCR7": rng.random(N) < np.where(is_mait, 0.05, 0.5),
    }
    found = counted(draw(carried, list(carried)), check_template(data, "blocks"))
    wanted = {
        "mait_cd8": is_mait & carried["CD8"] & ~carried["CD4"],
        "mait_dn": is_mait & ~carried["CD8"] & ~carried["CD4"],
        "mait_effector_memory": is_mait & ~carried["CD45RA"] & ~carried["CCR7"],
        "mait_emra": is_mait & carried["CD45RA"] & ~carried["CCR7"],
    }
    for name, cells in wanted.items():
        assert found[name] == pytest.approx(np.count_nonzero(cells), rel=0.05, abs=3)
    parts = [name for name in found.index if name.startswith("mait_") and "pos" not in name]
    assert found[parts].sum() == 2 * found["mait"]
