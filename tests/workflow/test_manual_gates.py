"""Gates that a person drew, through whole runs: what reruns, what follows, and what survives."""

from __future__ import annotations

import copy
from pathlib import Path
from xml.etree import ElementTree

import flowkit
import pandas as pd
import pytest

from cluster.identities import IDENTITIES, contents_of
from itc_analysis import open_results
from itc_analysis.flow.gating.geometry import Threshold, from_json
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits
from workflow.running import rules_to_run, snakemake

pytestmark = pytest.mark.workflow

GATING = "{http://www.isac-net.org/std/Gating-ML/v2.0/gating}"
#: Whom a workspace is called after.
PERSON = "Quillfeather_Emmeline"
#: On the 0..1 scale, where 0.11 is no signal: among the negatives, so that every count must rise.
DRAWN_AT = 0.15


def test_drawn_gates_take_their_place_and_survive_another_template(
    study_copy: Path, root: Path
) -> None:
    panel = study_copy / "results" / "flow" / "panel_a"
    before = open_results(study_copy / "results")
    gates, counts = before.gates, before.counts  # read now: the next run writes them anew
    in_gatingml, in_flowjo = [path.stem for path in sorted(panel.glob("*/gatingml/S*.xml"))][:2]
    drawn = study_copy / "manual" / "panel_a"
    drawn.mkdir(parents=True)
    (exported,) = panel.glob(f"*/gatingml/{in_gatingml}.xml")
    copy_drawn_gate(exported, drawn / f"{in_gatingml}.xml", "inkt")
    copy_drawn_gate(exported, drawn / "panel_a.xml", "mait")
    fcs = study_copy / "data" / "flow" / f"{in_flowjo}.fcs"
    workspace = drawn / f"{PERSON}.wsp"
    write_workspace(workspace, fcs, panel, in_flowjo, "inkt")
    plant_in_workspace(workspace)
    config = study_copy / "config" / "config.yaml"
    config.write_text(config.read_text().replace("study:\n", "study:\n  manual_gates: manual\n", 1))

    untouched = [path for path in (study_copy / "results").rglob("*.parquet")
                 if path.name == "gate_fits.parquet" or "panel_b" in path.parts
                 or "singlecell" in path.parts]  # fmt: skip
    written = {path: path.stat().st_mtime_ns for path in untouched}
    rules = rules_to_run(study_copy, root=root)
    assert {"pool_gates", "apply_gates", "overview", "measure", "report"} <= rules
    assert not rules & {"fit_gates", "learn_scales", "annotate"}
    as_far = ("--until", "overview", "measure")
    snakemake(study_copy, *as_far, root=root)
    assert {path: path.stat().st_mtime_ns for path in untouched} == written
    assert rules_to_run(study_copy, *as_far, root=root) == set()

    tubes = set(gates.query("panel == 'panel_a'")["file_id"])
    sources = {(tube, "mait"): "panel_a.xml" for tube in tubes}
    sources |= {(in_gatingml, "inkt"): f"{in_gatingml}.xml"}
    sources |= {(in_flowjo, "inkt"): "workspace-1.wsp"}
    check_manual(open_results(study_copy / "results").gates, sources)
    check_counts(counts, open_results(study_copy / "results").counts, set(sources))
    overview = (panel / "overview" / "inkt.html").read_text(encoding="utf-8")
    assert f"drawn by a person ({in_gatingml}.xml)" in overview
    assert "drawn by a person (workspace-1.wsp)" in overview
    made = contract.read_provenance(panel / "pooled_gates.parquet")
    assert {"workspace-1.wsp", "panel_a.xml", f"{in_gatingml}.xml"} <= set(made["inputs"])
    told = [(path.name, text) for path in sorted(panel.parents[1].rglob("*")) if path.is_file()
            for content in contents_of(path) for text in (PERSON, *IDENTITIES.values())
            if text.casefold() in content.casefold()]  # fmt: skip
    assert told == []

    template = study_copy / "config" / "gating" / "panel_a.yaml"
    edited = template.read_text().replace("min_parent: 50", "min_parent: 60")
    assert edited != template.read_text()
    template.write_text(edited)
    assert "fit_gates" in rules_to_run(study_copy, root=root)
    snakemake(study_copy, "--until", "pool_gates", root=root)
    check_manual(open_results(study_copy / "results").gates, sources)


def test_a_drawn_gate_of_nobody_stops_with_words(study_copy: Path, root: Path) -> None:
    drawn = study_copy / "manual" / "panel_a"
    drawn.mkdir(parents=True)
    exported = next((study_copy / "results/flow/panel_a").glob("*/gatingml/S*.xml"))
    copy_drawn_gate(exported, drawn / "S9999_panel_a.xml", "inkt")
    setting = ["--config", "study={manual_gates: manual}"]
    done = snakemake(  # the target first: --config takes all that follows it
        study_copy, "results/flow/panel_a/pooled_gates.parquet", *setting, root=root, check=False
    )
    assert done.returncode != 0
    log = (study_copy / "results/logs/pool_gates/panel_a.log").read_text()
    assert "'S9999_panel_a.xml' is named after no tube and no panel" in log


def copy_drawn_gate(exported: Path, to: Path, population: str) -> None:
    """Keep one gate of an exported file, moved, as an analyst would who corrects only this."""
    tree = ElementTree.parse(exported)
    root = tree.getroot()
    for element in list(root):
        if not element.tag.startswith(GATING):
            continue
        if element.get(f"{GATING}id") != population:
            root.remove(element)
            continue
        element.attrib.pop(f"{GATING}parent_id", None)
        (dimension,) = element.findall(f"{GATING}dimension")
        dimension.set(f"{GATING}min", repr(DRAWN_AT))
    tree.write(to)


def write_workspace(workspace: Path, fcs: Path, panel: Path, tube: str, population: str) -> None:
    """Write a FlowJo workspace in which a cut of a tube was drawn, on compensated events."""
    axes = next(
        found[tube]
        for path in sorted(panel.glob("*/gate_fits.parquet"))
        for found in [contract.read_provenance(path)["parameters"]["axes"]]
        if tube in found
    )
    fits = contract.read_all(sorted(panel.glob("*/gate_fits.parquet")), GateFits)
    row = fits.set_index(["file_id", "population"]).loc[(tube, population)]
    shape = from_json(row["geometry"])
    assert isinstance(shape, Threshold)
    (marker,) = shape.markers
    scale = Transform.from_dict(axes["transforms"][marker])
    sample = flowkit.Sample(str(fcs), sample_id=fcs.name)
    text = sample.metadata["spillover"]
    names = text.split(",")[1 : 1 + int(text.split(",")[0])]
    strategy = flowkit.GatingStrategy()
    strategy.add_comp_matrix("drawn", flowkit.Matrix(text, names))
    strategy.add_transform(
        "scale", flowkit.transforms.LogicleTransform(scale.t, scale.w, scale.m, scale.a)
    )
    dimension = flowkit.Dimension(
        axes["channels"][marker], compensation_ref="drawn", transformation_ref="scale",
        range_min=DRAWN_AT, range_max=2.0,
    )  # fmt: skip
    strategy.add_gate(flowkit.gates.RectangleGate(population, [dimension]), ("root",))
    with workspace.open("wb") as stream:
        flowkit.Session(strategy, [sample]).export_wsp(stream, "All Samples")


def plant_in_workspace(workspace: Path) -> None:
    """Plant identities in a workspace: in keywords, a comment, and a gate that is no population."""
    tree = ElementTree.parse(workspace)
    for element in list(tree.iter()):
        if element.tag.endswith("SampleNode"):
            element.set("annotation", IDENTITIES["$COM"])
        if element.tag.endswith("Population") and element.get("name") == "inkt":
            element.set("annotation", IDENTITIES["$SRC"])
        if element.tag.endswith("Subpopulations") and element.find("Population") is not None:
            other = copy.deepcopy(element.find("Population"))
            assert other is not None
            other.set("name", f"the cells of {PERSON}")
            element.append(other)
        if element.tag.endswith("Keywords"):
            for name, value in IDENTITIES.items():
                ElementTree.SubElement(element, "Keyword", {"name": name, "value": value})
    tree.write(workspace)
    text = workspace.read_text()
    assert f"the cells of {PERSON}" in text
    assert all(value in text for value in (IDENTITIES["$COM"], IDENTITIES["$SRC"]))


def check_manual(gates: pd.DataFrame, sources: dict[tuple[str, str], str]) -> None:
    """Assert that exactly these gates are manual, lie where they were drawn, and name their
    file.
    """
    by_key = gates.set_index(["file_id", "population"])
    manual = by_key[by_key["state"] == "manual"]
    assert set(manual.index) == set(sources)
    # float32 on the way through instrument units
    assert manual["cut"].to_numpy() == pytest.approx(DRAWN_AT, abs=1e-5)
    for key, source in sources.items():
        assert source in manual.loc[key, "reason"]


def check_counts(before: pd.DataFrame, after: pd.DataFrame, drawn: set[tuple[str, str]]) -> None:
    """Assert that counts follow the drawn cuts, and that nobody else's iNKT cells changed."""
    old, new = (t.set_index(["source_id", "population"]) for t in (before, after))
    assert (new.loc[list(drawn), "gate_state"] == "manual").all()
    for key in (key for key in drawn if key[1] == "inkt"):
        assert new.loc[key, "n_parent"] == old.loc[key, "n_parent"]
        assert new.loc[key, "n_events"] > old.loc[key, "n_events"]
    others = [key for key in old.index if key[1] == "inkt" and key not in drawn]
    assert len(others) > 10
    pd.testing.assert_series_equal(new.loc[others, "n_events"], old.loc[others, "n_events"])
