"""Real tubes: OMIP-021 against fixed cuts, Coereba against an analyst's FlowJo gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.loading import load_settings
from itc_analysis.config.sections import Flow
from itc_analysis.flow.batches.scales import learn_scales
from itc_analysis.flow.counting.apply import Applied, apply_batch
from itc_analysis.flow.gates.fit import fit_batch
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.template import load_template
from itc_analysis.flow.panel.markers import read_panel
from itc_analysis.flow.scale.scales import with_scales
from itc_analysis.flow.tube.quality_mask import Judged
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import KeptEvents

pytestmark = pytest.mark.real_data


def gate_example(root: Path, data: Path, name: str) -> tuple[pd.DataFrame, Applied]:
    """Gate an example study; its gates, and the tables of all batches together."""
    folder = root / "config" / "examples" / name
    settings: Flow = load_settings(folder / "config.yaml").flow
    panel = read_panel(folder / "panels" / f"{name}.tsv")
    template = load_template(folder / "gating" / f"{name}.yaml")
    sheet = pd.read_csv(folder / "fcs_files.tsv", sep="\t", dtype=str)
    rows = sheet.assign(path=[str(data / "flow" / name / p) for p in sheet["path"]])
    scales, _ = learn_scales(rows.to_dict("records"), panel, template.transform, settings)
    frozen = with_scales(template.transform, scales)
    template = template.model_copy(update={"transform": frozen})
    batches = [part.to_dict("records") for _, part in rows.groupby("batch")]
    kept: list[dict[str, Any]] = []
    fitted = [fit_batch(batch, panel, template, settings, kept=kept) for batch in batches]
    gates = pool_gates(pd.concat([fits for fits, _, _ in fitted]), template, settings)
    quality = pd.concat([quality for _, quality, _ in fitted])
    judged = Judged(quality, contract.make(kept, KeptEvents))
    made = [apply_batch(batch, panel, template, gates, judged, settings) for batch in batches]
    tables = ("gates", "counts", "intensity", "combinations", "histograms")
    together = {
        name: pd.concat([getattr(one, name) for one in made], ignore_index=True) for name in tables
    }
    axes = {tube: axis for one in made for tube, axis in one.axes.items()}
    return gates, Applied(**together, axes=axes)


def concordance(x: pd.Series, y: pd.Series) -> float:
    """Return Lin's concordance correlation (1989, doi:10.2307/2532051)."""
    covariance = float(np.cov(x, y, ddof=0)[0, 1])
    return 2 * covariance / (x.var(ddof=0) + y.var(ddof=0) + (x.mean() - y.mean()) ** 2)


@pytest.mark.parametrize(
    ("population", "reference"), [("gd_t_cells", 384), ("mait", 92), ("inkt", 31)]
)
def test_omip_021_agrees_with_fixed_cuts(
    real_data: Path, root: Path, population: str, reference: int
) -> None:
    _, tables = gate_example(root, real_data, "omip021")
    counts = tables.counts.set_index("population")
    # the reference counts come from fixed arcsinh cuts without scatter gate: within a quarter
    assert counts.loc[population, "n_events"] == pytest.approx(reference, rel=0.25)
    assert counts.loc[population, "detection"] in ("quantified", "detected")


def test_omip_021_has_the_reference_number_of_t_cells(real_data: Path, root: Path) -> None:
    gates, tables = gate_example(root, real_data, "omip021")
    counts = tables.counts.set_index("population")["n_events"]
    assert counts["t_cells"] == pytest.approx(8035, rel=0.1)
    assert counts["gd_t_cells"] + counts["not_gd"] == counts["t_cells"]
    # one tube only: nothing to pool with, nothing invented
    assert set(gates["state"]) <= {"ok", "weak", "ambiguous"}
    # dim CD8 cells, most of them CD4+: two valleys, and the double positives hold both counts
    row = gates.set_index("population").loc["cd8_pos"]
    assert row["state"] == "ambiguous"
    assert "two valleys" in row["reason"]
    double = tables.counts.set_index("population").loc["dp_t_cells"]
    assert double["n_lower"] < 100 < 250 < double["n_upper"]


def test_omip_021_cuts_lie_in_clear_valleys(real_data: Path, root: Path) -> None:
    gates, _ = gate_example(root, real_data, "omip021")
    quality = gates.set_index("population")["quality"]
    for population in ("t_cells", "gd_t_cells", "inkt", "va72_pos", "mait", "cd4_pos", "cd8_pos"):
        assert quality[population] > 0.8, population


def test_coereba_counts_agree_with_flowjo(real_data: Path, root: Path) -> None:
    _, tables = gate_example(root, real_data, "coereba")
    sheet = pd.read_csv(root / "config/examples/coereba/fcs_files.tsv", sep="\t", dtype=str)
    human = pd.read_csv(real_data / "flow" / "coereba" / "samples.csv").set_index("file")
    own = tables.counts[tables.counts["population"] == "vd2_gd"].set_index("source_id")
    pairs = sheet.assign(
        flowjo=[human.loc[path, "flowjo_vd2_count"] for path in sheet["path"]],
        counted=[float(own.loc[file_id, "n_events"]) for file_id in sheet["file_id"]],
    )
    assert len(pairs) == 16
    assert concordance(pairs["flowjo"], pairs["counted"]) >= 0.98
    # the four tubes of the control donor dominate that figure; the infants by themselves
    infants = pairs[~pairs["file_id"].str.startswith("NY068")]
    assert concordance(infants["flowjo"], infants["counted"]) >= 0.9


def test_coereba_lacks_what_it_lacks(real_data: Path, root: Path) -> None:
    gates, tables = gate_example(root, real_data, "coereba")
    assert (tables.intensity["threshold_source"] != "fmo").all()
    assert tables.intensity["reason"].str.contains("no control tube|fewer than").all()
    # most MAIT cells were gated out before export: too few Va7.2+ cells to place a CD161 cut
    mait = gates[gates["population"] == "mait"]
    assert (mait["state"] == "weak").all()
    assert mait["reason"].str.contains("50 are needed").all()
    # so they are at most as many as there are Va7.2+ cells, which is a limit and no absence
    counts = tables.counts[tables.counts["population"] == "mait"]
    assert (counts["detection"] == "below_lod").all()
    assert (counts["n_upper"] == counts["n_parent"]).all()


def test_an_inkt_gate_with_nothing_in_it_is_below_its_limit(real_data: Path, root: Path) -> None:
    _, tables = gate_example(root, real_data, "cytof_pbmc")
    counts = tables.counts.set_index("population")
    assert counts.loc["inkt", "detection"] == "below_lod"
    assert counts.loc["gd_t_cells", "detection"] == "quantified"
    # gamma-delta cells have no gap from the others: 716 T cells above asinh 2.5, 1329 above 2
    assert 716 <= counts.loc["gd_t_cells", "n_events"] <= 1329
    # among them Vd2 has its valley at asinh 0.75 to 1.5 (14 to 25 cells a quarter, peaks of 89
    # and 162): cuts there leave 79 and 74 % positive. The 438 of SOURCE.md are of a cut on the peak
    share = counts.loc["vd2_gd", "n_events"] / counts.loc["gd_t_cells", "n_events"]
    assert 0.74 <= share <= 0.79
