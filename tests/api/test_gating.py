from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

import itc_analysis as itc
from itc_analysis import cli
from itc_analysis.flow.gating.template import load_template
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import Gates
from itc_analysis.tables.measured import Counts

RESOURCES = Path(itc.__file__).parent / "resources"
N_POPULATIONS = len(load_template(RESOURCES / "gating" / "panel_a.yaml").populations)


@pytest.fixture(scope="module")
def tubes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tubes")
    return [itc.example_fcs(folder, n_events=8000, seed=seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def gated(tubes):
    return itc.gate(tubes, "panel_a", "panel_a")


def test_gates_and_counts_are_those_of_the_commands(tubes, gated, tmp_path):
    """The same two tubes through the four commands of the workflow, with their files in between."""
    rows = [
        {"file_id": path.stem, "sample_id": path.stem, "path": str(path), "panel": "panel_a",
         "batch": "batch", "tube": "stained", "fmo_markers": None}
        for path in tubes
    ]  # fmt: skip
    (tmp_path / "tubes.json").write_text(json.dumps(rows), encoding="utf-8")
    (tmp_path / "flow.json").write_text("{}", encoding="utf-8")
    panel, template = RESOURCES / "panels/panel_a.tsv", RESOURCES / "gating/panel_a.yaml"
    common = ["--config", str(tmp_path / "flow.json")]
    of_tubes = ["--tubes", str(tmp_path / "tubes.json"), "--panel", str(panel), "--template",
                str(template), "--output-folder", str(tmp_path)]  # fmt: skip
    scales = ["--scales", str(tmp_path / "scales.parquet")]
    assert cli.main(["learn-scales", *common, *of_tubes]) == 0
    assert cli.main(["fit-gates", *common, *of_tubes, *scales]) == 0
    pooled = [
        "--template",
        str(template),
        "--fits",
        str(tmp_path / "gate_fits.parquet"),
        "--output",
        str(tmp_path / "pooled_gates.parquet"),
    ]
    assert cli.main(["pool-gates", *common, *pooled]) == 0
    judged = [f"--{name}={tmp_path / file}.parquet" for name, file in
              (("gates", "pooled_gates"), ("quality", "quality"),
               ("kept", "kept_events"))]  # fmt: skip
    assert cli.main(["apply-gates", *common, *of_tubes, *scales, *judged]) == 0
    gates, counts = gated
    for table, name, shape in ((gates, "gates", Gates), (counts, "counts", Counts)):
        key = list(contract.key_of(shape))
        stored = contract.read(tmp_path / f"{name}.parquet", shape)
        ours = table.sort_values(key, ignore_index=True)
        pd.testing.assert_frame_equal(ours, stored.sort_values(key, ignore_index=True))


def test_it_unpacks_into_gates_and_counts_that_keep_their_contracts(gated):
    gates, counts = gated
    # thresholds of positivity stand among the gates, and count nothing
    learned = gates[~gates["population"].str.startswith("positive: ")]
    assert len(learned) == len(counts) == 2 * N_POPULATIONS
    contract.check(gates, Gates)
    contract.check(counts, Counts)


def test_paths_names_and_objects_are_the_same(tubes):
    panel = itc.read_panel("panel_a")
    template = itc.read_template(RESOURCES / "gating/panel_a.yaml")
    plain = yaml.safe_load((RESOURCES / "gating/panel_a.yaml").read_text(encoding="utf-8"))
    by_name = itc.gate(tubes[0], "panel_a", "panel_a").counts
    by_object = itc.gate(itc.read_fcs(tubes[0]), panel, template).counts
    few = panel[["channel", "marker", "role"]]
    by_path = itc.gate({"donor_1": str(tubes[0])}, few, plain).counts
    pd.testing.assert_frame_equal(by_name, by_object)
    pd.testing.assert_frame_equal(by_name, by_path)


def test_a_tube_alone_does_not_depend_on_other_batches(tubes):
    """But for its scales, which a panel has in common."""
    alone = itc.gate(tubes[0], "panel_a", "panel_a").gates
    apart = itc.gate(
        tubes, "panel_a", "panel_a", batches={"donor_1": "monday", "donor_2": "tuesday"}
    ).gates
    assert apart["batch"].unique().tolist() == ["monday", "tuesday"]
    mine = apart[apart["file_id"] == "donor_1"]
    assert mine["population"].tolist() == alone["population"].tolist()
    assert mine["state"].tolist() == alone["state"].tolist()
    assert mine["n_parent"].to_numpy(float) == pytest.approx(
        alone["n_parent"].to_numpy(float), rel=0.01, nan_ok=True
    )
    assert mine["cut"].to_numpy(float) == pytest.approx(
        alone["cut"].to_numpy(float), abs=0.02, nan_ok=True
    )


def test_settings_are_those_of_the_flow_section_by_name(tubes):
    high = {"lod_events": 10_000, "loq_events": 10_000}
    strict = itc.gate(tubes[0], "panel_a", "panel_a", settings=high).counts
    assert (strict["detection"].dropna() == "below_lod").any()
    with pytest.raises(itc.ItcError, match="did you mean 'lod_events'"):
        itc.gate(tubes[0], "panel_a", "panel_a", settings={"lod_event": 3})


def test_a_bad_tube_stops_or_is_recorded(tubes, tmp_path):
    torn = tmp_path / "torn.fcs"
    torn.write_bytes(tubes[0].read_bytes()[:5000])
    with pytest.raises(itc.ItcError, match=r"torn: 1 fault"):
        itc.gate([tubes[0], torn], "panel_a", "panel_a")
    recorded = itc.gate([tubes[0], torn], "panel_a", "panel_a", on_bad_tube="record").counts
    status = recorded.groupby("source_id")["status"].agg(set).to_dict()
    assert status["torn"] == {"unreadable"}
    assert "ok" in status["donor_1"]


def test_every_fault_of_the_tubes_is_named_at_once(tubes):
    with pytest.raises(itc.ItcError) as caught:
        itc.gate([tubes[0], tubes[0]], "panel_a", "panel_a", batches={"donor1": "b1"})
    said = str(caught.value)
    assert "2 files have this name" in said
    assert "no tube is called 'donor1'; did you mean 'donor_1'?" in said


@pytest.mark.parametrize("read", [itc.read_panel, itc.read_template])
def test_an_unknown_panel_or_template_names_those_that_are_shipped(read):
    with pytest.raises(itc.ItcError, match="did you mean 'panel_a'"):
        read("pannel_a")


def test_a_panel_in_memory_is_checked_like_a_sheet():
    panel = itc.read_panel("panel_a")[["channel", "marker", "role"]]
    with pytest.raises(itc.ItcError, match="column 'role' is missing"):
        itc.read_panel(panel.drop(columns="role"))
    with pytest.raises(itc.ItcError, match="unknown column 'Channel'"):
        itc.read_panel(panel.assign(Channel=1))
    with pytest.raises(itc.ItcError, match="'CD3' is in row 6 already"):
        itc.read_panel(panel.assign(marker=panel["marker"].replace("CD4", "CD3")))
    with pytest.raises(itc.ItcError, match="linage"):
        itc.read_panel(panel.assign(role="linage"))


def test_a_template_is_checked_against_its_panel():
    panel = itc.read_panel("panel_a")
    with pytest.raises(itc.ItcError, match="marker 'CD3' is not in the panel sheet"):
        itc.read_template("panel_a", panel=panel[panel["marker"] != "CD3"])


def test_it_shows_itself_briefly_and_says_how_it_was_made(gated):
    assert repr(gated).startswith(f"<GatedTubes: 2 tubes x {N_POPULATIONS} populations; ")
    shown = gated._repr_html_()
    assert "donor_1" in shown
    assert "and " in shown  # more rows than a card holds
    assert len(shown) < 4000
    made = gated.provenance
    assert made["step"] == "itc_analysis.gate"
    assert set(made["inputs"]) == {"panel_a.tsv", "panel_a.yaml"}
    assert "logicle" in str(made["parameters"]["transform"])


def test_shares_are_the_counts_over_the_t_cells(gated):
    shares = itc.shares(gated.counts)
    pd.testing.assert_frame_equal(shares, gated.shares)
    counted = shares[(shares["status"] == "ok") & (shares["population"] == "cd4_t_cells")]
    ratio = (counted["n_events"] / counted["n_t_cells"]).astype(float)
    assert counted["share"].tolist() == pytest.approx(ratio.tolist())
    low = shares[shares["status"] == "below_lod"]
    assert low["share"].isna().all()
    assert (low["upper"] > 0).all()
    with pytest.raises(itc.ItcError, match="no population 't_cells'"):
        itc.shares(gated.counts[gated.counts["population"] == "mait"])
