"""Files that nobody would read, and a batch that nobody has: named before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort.cohort_examples import two_groups, write_study
from itc_analysis.checking.flow_folders import check_flow_folders
from itc_analysis.config.sections import Flow, Settings, Study
from itc_analysis.errors import ItcError


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_study(tmp_path / "study")


def told(study: Study, flow: Flow | None = None) -> list[str]:
    return check_flow_folders(Settings(study=study, cohort=two_groups(), flow=flow or Flow()))


def faults(study: Study, flow: Flow | None = None) -> str:
    with pytest.raises(ItcError) as caught:
        told(study, flow)
    return str(caught.value)


def test_a_batch_to_align_to_that_nobody_has_is_refused(study: Study) -> None:
    said = faults(study, Flow(align_reference="b11"))
    assert "flow.align_reference, 'b11' is no batch; did you mean 'b1'?" in said
    said = faults(study, Flow(align_reference="b3", align=True))
    assert "'b3' is no batch with a bridge control" in said
    assert told(study, Flow(align_reference="b1", align=True)) == []


def test_batches_that_cannot_be_aligned_are_named_before_anything_is_learned(study: Study) -> None:
    sheet = Path(study.samples)
    sheet.write_text(sheet.read_text().replace("bridge_control", "participant"))
    assert "flow.align, panel_a, the panel has no bridge control" in faults(study, Flow(align=True))


def test_a_batch_is_not_called_as_a_file_beside_it(study: Study) -> None:
    sheet = Path(study.fcs_files)
    sheet.write_text(sheet.read_text().replace("\tb1\t", "\toverview\t"))
    assert "batch 'overview', the results of its panel have a file of that name" in faults(study)


def test_every_matrix_that_would_not_be_read_is_named(study: Study, tmp_path: Path) -> None:
    folder = tmp_path / "matrices"
    folder.mkdir()
    for name in ("panel_a.csv", "panel_a-b1.csv", "panel_a.spreading.csv", ".DS_Store", "note.md"):
        (folder / name).touch()
    flow = Flow(matrices_folder=str(folder))
    assert told(study, flow) == []
    (folder / "panel_a-b9.csv").touch()
    (line,) = told(study, flow)
    assert "panel_a-b9.csv: of no panel or batch, and not read" in line
    for name in ("Panel_A-B2.csv", "panel_a.txt"):
        (folder / name).touch()
    said = faults(study, flow)
    assert "2 faults" in said
    assert "'Panel_A-B2.csv', it would not be read; save it as comma-separated text" in said
    assert "call it 'panel_a-b2.csv'" in said
    assert "'panel_a.txt', it would not be read" in said


def test_every_drawn_gate_that_would_not_be_read_is_named(study: Study, tmp_path: Path) -> None:
    folder = tmp_path / "manual"
    for name in ("panel_a/a.wsp", "panel_a/note.txt", "panel_z/a.wsp"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    study = study.model_copy(update={"manual_gates": str(folder)})
    (line,) = told(study)
    assert "panel_z: no tube is of a panel 'panel_z', and its gates are not read" in line
    (folder / "b.wsp").touch()
    (folder / "panel_a" / "c.jo").touch()
    (folder / "Panel_A").mkdir()
    (folder / "Panel_A" / "d.wsp").touch()
    said = faults(study)
    assert "3 faults" in said
    assert "'b.wsp', it is in no panel's folder; move it into the folder of its panel" in said
    assert "'Panel_A', no tube is of a panel 'Panel_A'; call it 'panel_a'" in said
    assert "'panel_a/c.jo', a .jo file is not read; save the workspace as .wsp" in said
