"""Dead cells and debris of a tube; null with the reason where no gate tells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import make_tube
from itc_analysis.config.sections import Flow
from itc_analysis.flow.gates.fit import fit_batch, walk_template
from itc_analysis.flow.gating.template import Template, check_template
from itc_analysis.flow.tube.dead_and_debris import dead_and_debris

ROLES = {"FSC-A": "scatter", "SSC-A": "scatter", "Viability": "viability", "CD3": "lineage",
         "CD4": "lineage", "CD8": "lineage"}  # fmt: skip
SCATTER = {"name": "lymphocytes", "parent": "all", "markers": ["FSC-A", "SSC-A"],
           "method": "scatter_ellipse"}  # fmt: skip
LIVE = {"name": "live", "parent": "lymphocytes", "markers": ["Viability"], "side": "below",
        "method": "density_minimum", "arguments": {"only_peak": "negative"}}  # fmt: skip
BEADS = {"name": "beads", "parent": "all", "markers": ["CD3", "CD4", "CD8"],
         "method": "bright_in_all"}  # fmt: skip
N_CELLS, N_DEBRIS, N_BEADS, N_DEAD = 20_000, 2_000, 1_000, 3_000


def template(*populations: dict[str, object]) -> Template:
    return check_template({"panel": "p", "populations": list(populations)}, "p.yaml")


@pytest.fixture
def columns() -> dict[str, np.ndarray]:
    """Return cells, debris and beads; dead cells lie left of the living ones, right of the
    debris.
    """
    rng = np.random.default_rng(6)
    living = N_CELLS - N_DEAD
    kind = np.repeat(["living", "dead", "debris", "bead"], [living, N_DEAD, N_DEBRIS, N_BEADS])
    forward = {"living": 0.35, "dead": 0.33, "debris": 0.06, "bead": 0.05}
    lit = {"living": 0.2, "dead": 0.7, "debris": 0.25, "bead": 0.95}
    size = kind.size
    colour = np.where(kind == "bead", 0.95, 0.3)
    return {
        "FSC-A": pd.Series(kind).map(forward).to_numpy() + rng.normal(0, 0.02, size),
        "SSC-A": 0.15 + rng.normal(0, 0.02, size),
        "Viability": pd.Series(kind).map(lit).to_numpy() + rng.normal(0, 0.03, size),
        **{marker: colour + rng.normal(0, 0.02, size) for marker in ("CD3", "CD4", "CD8")},
    }


def shares(columns: dict[str, np.ndarray], *populations: dict[str, object]) -> dict[str, object]:
    plan = template(*populations)
    membership, fitted = walk_template(make_tube(columns), plan, n_bootstrap=10)
    return dead_and_debris(membership, fitted, plan, ROLES)


def test_shares_are_of_the_cells_without_beads(columns: dict[str, np.ndarray]) -> None:
    found = shares(columns, BEADS, SCATTER, LIVE)
    # a few dim dead cells and the debris' own upper tail
    assert found["share_debris"] == pytest.approx(N_DEBRIS / (N_CELLS + N_DEBRIS), abs=0.003)
    assert found["share_dead"] == pytest.approx(N_DEAD / N_CELLS, abs=0.005)
    assert found["dead_reason"] is found["debris_reason"] is None


def test_a_template_without_the_gates_has_no_shares_and_says_so(
    columns: dict[str, np.ndarray],
) -> None:
    found = shares(columns, BEADS)
    assert found == {
        "share_dead": None,
        "dead_reason": "the gating template has no viability gate",
        "share_debris": None,
        "debris_reason": "the gating template has no gate in forward and side scatter",
    }


def test_a_gate_that_was_not_learned_gives_its_reason(columns: dict[str, np.ndarray]) -> None:
    del columns["Viability"]
    found = shares(columns, SCATTER, LIVE)
    assert found["dead_reason"] == "live: the file has no channel for Viability"
    assert found["share_debris"] is not None


def test_a_tube_that_cannot_be_read_has_the_reason_of_its_status() -> None:
    panel = pd.DataFrame({"channel": list(ROLES), "marker": list(ROLES), "role": ROLES.values()})
    row = {"file_id": "t", "sample_id": "s", "path": "nowhere.fcs", "panel": "p", "batch": "b",
           "tube": "stained"}  # fmt: skip
    _, quality, _ = fit_batch([row], panel.astype("string"), template(SCATTER), Flow())
    assert quality["share_dead"].isna().all()
    assert quality.loc[0, "dead_reason"].startswith("tube unreadable")
    assert quality.loc[0, "debris_reason"] == quality.loc[0, "dead_reason"]


def test_a_viability_gate_in_two_markers_gives_no_share_and_says_why(
    columns: dict[str, np.ndarray],
) -> None:
    ellipse = {
        **LIVE,
        "markers": ["Viability", "FSC-A"],
        "method": "density_contour",
        "arguments": {},
    }
    found = shares(columns, SCATTER, ellipse)
    assert found["share_dead"] is None
    assert found["dead_reason"] == "live: its gate is no such cut or ellipse"
