"""What `itc check` says of templates and plan before anything runs, and the plan that `itc init`
proposes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cohort.cohort_examples import PLAN, TEMPLATE, two_groups, write_study
from itc_analysis import cli
from itc_analysis.checking.gaps import not_measured
from itc_analysis.checking.plan import check_plan
from itc_analysis.checking.proposal import propose_plan
from itc_analysis.checking.shown import (
    LibraryView,
    Shown,
    measured_by_templates,
    view_libraries,
)
from itc_analysis.cli.study.init import RESOURCES
from itc_analysis.config.sections import Conditions, Settings, Study
from itc_analysis.errors import ItcError
from itc_analysis.scores.cards.signatures import read_signatures
from itc_analysis.stats.plan.plan import read_plan


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_study(tmp_path / "study")


def told(study: Study) -> list[str]:
    return check_plan(study, two_groups(), Conditions())


#: What is said of a plan that leaves nothing to say.
PROVEN = ["plan: 1 endpoint, each with a tube or library to show it"]


def test_a_plan_for_what_is_measured_leaves_nothing_to_say(study: Study) -> None:
    assert told(study) == PROVEN


def test_a_population_and_a_marker_of_two_tubes_make_no_endpoint(study: Study) -> None:
    folder = Path(study.gating_folder)
    template = TEMPLATE.replace("measured: true", "measured: true, phenotype: true")
    (folder / "panel_a.yaml").write_text(template)
    plan = PLAN.replace("measures: [cells_per_ul]", "measures: [share_positive], features: [PD-1]")
    Path(study.analysis_plan).write_text(plan)
    assert told(study) == PROVEN
    without = template[: template.index("positivity:")]
    (folder / "panel_a.yaml").write_text(without)
    tubes = Path(study.fcs_files).read_text(encoding="utf-8").splitlines()
    panels = Path(study.panels_folder)
    (panels / "panel_c.tsv").write_bytes((panels / "panel_a.tsv").read_bytes())
    other = template.replace("panel_a", "panel_c").replace("t_cells", "cells")
    (folder / "panel_c.yaml").write_text(other)
    extra = tubes[1].replace("panel_a", "panel_c").split("\t")
    extra[0] = "another"
    header = tubes[0].split("\t")
    extra[header.index("path")] = "another.fcs"
    (Path(study.data_folder) / "another.fcs").touch()
    Path(study.fcs_files).write_text("\n".join([*tubes, "\t".join(extra)]) + "\n")
    lines = "\n".join(told(study))
    assert "no tube with 't_cells' has a positivity threshold for 'PD-1'" in lines


def test_every_endpoint_of_the_shipped_plan_has_a_tube_among_the_shipped_panels() -> None:
    shipped = Study(
        panels_folder=str(RESOURCES / "panels"), gating_folder=str(RESOURCES / "gating")
    )
    measured = measured_by_templates(shipped, ["panel_a", "panel_b"])
    plan = read_plan(RESOURCES / "analysis_plan.yaml")
    cards = read_signatures(RESOURCES / "signatures.tsv")
    signatures = {card.name: card.features for card in cards if card.assay == "flow"}
    libraries = view_libraries(cards)
    shown = Shown(measured, signatures, libraries)
    (line,) = not_measured(plan, shown)
    assert line.startswith("plan: ")
    assert "each with a tube or library" in line
    line = not_measured(plan, replace(shown, has_counts=False))[0]
    assert "no tube has counting beads" in line
    told = not_measured(plan, replace(shown, libraries=None))
    assert all("there are no single-cell libraries" in line for line in told)
    few = LibraryView(libraries.populations - {"mait"}, libraries.signatures - {"interferon"})
    told = not_measured(plan, replace(shown, libraries=few))
    assert "no cell of a library is called 'mait'" in told[0]
    assert "no single-cell signature 'interferon'" in told[1]


def test_faults_of_sheets_panels_templates_and_plan_are_told_in_one_call(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tubes = Path(study.fcs_files)
    tubes.write_text(tubes.read_text().replace("stained", "staind", 1), encoding="utf-8")
    Path(study.gating_folder, "panel_a.yaml").write_text(TEMPLATE.replace("CD3", "CD161"))
    Path(study.analysis_plan).write_text(PLAN.replace("holm", "homl"))
    people = Path(study.participants)
    people.write_text(people.read_text().replace("P002\tSSc\t50", "P002\tSSc\t5,0"))
    config = tmp_path / "config.yaml"
    settings = {"study": study.model_dump(), "cohort": two_groups().model_dump(mode="json"),
                "flow": {"matrices_folder": str(tmp_path / "matrices")}}  # fmt: skip
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    assert cli.main(["check", "--config", str(config)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    for said in ("decimal comma", "unknown value 'staind'", "marker 'CD161' is not in the panel",
                 "homl", "flow.matrices_folder, no folder"):  # fmt: skip
        assert shown.err.count(said) == 1, said


def test_faults_of_template_and_plan_are_told_in_one_call(study: Study) -> None:
    template = TEMPLATE.replace("density_minimum, side: above", "rare_positive, side: above")
    Path(study.gating_folder, "panel_a.yaml").write_text(template)
    Path(study.analysis_plan).write_text(PLAN.replace("holm", "homl"))
    with pytest.raises(ItcError) as caught:
        told(study)
    assert "panel_a.yaml" in str(caught.value)
    assert "side" in str(caught.value)
    assert "analysis_plan.yaml" in str(caught.value)
    assert "homl" in str(caught.value)


def test_a_wrong_template_stops_the_check_and_not_the_run(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(study.gating_folder, "panel_a.yaml").write_text(TEMPLATE.replace("CD3", "CD4"))
    config = tmp_path / "config.yaml"
    settings = {"study": study.model_dump(), "cohort": two_groups().model_dump(mode="json")}
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    assert cli.main(["check", "--config", str(config)]) == 2
    assert "marker 'CD4' is not in the panel sheet" in capsys.readouterr().err


def test_what_nothing_measures_and_nobody_asked_for_is_said(study: Study) -> None:
    plan = PLAN.replace("[t_cells]", "[mait]") + (
        "  - name: scores\n    role: secondary\n    adjustment: bh\n    contrasts: [healthy]\n"
        "    endpoints: [{assay: flow, populations: [mait], measures: [score], features: "
        "[activation]}]\n"
    )
    Path(study.analysis_plan).write_text(plan)
    lines = "\n".join(told(study))
    assert "plan, family 'primary': 1 of 1 endpoints are measured by nothing in this study" in lines
    assert "no gating template measures 'mait'" in lines
    assert "measured, but in no family of the plan: t_cells" in lines
    assert (
        "signature 'activation': no panel has CD69, CD25, HLA-DR, CD38, Ki-67 of 5 markers" in lines
    )


def test_a_study_without_tubes_is_told_so_and_not_of_templates(study: Study) -> None:
    sheet = Path(study.fcs_files)
    sheet.write_text(sheet.read_text().splitlines(keepends=True)[0])
    lines = "\n".join(told(study))
    assert "there are no stained tubes" in lines
    assert "gating template" not in lines


def test_a_population_outside_the_t_cells_has_no_share_of_them(study: Study) -> None:
    template = TEMPLATE.replace("t_cells", "cd3_pos")
    Path(study.gating_folder, "panel_a.yaml").write_text(template)
    Path(study.analysis_plan).write_text(PLAN.replace("[t_cells]", "[cd3_pos]"))
    assert "'cd3_pos' lies in no t_cells of its template" in "\n".join(told(study))


OTHER_BLOCKS = """\
genes: {populations: [mait, nkt], contrasts: [helthy], covariates: null}
associations:
  - name: within
    group: Lupus
    covariates: null
    variables: [{name: age_years}]
    endpoints: [{assay: flow, populations: [t_cells], measures: [share_of_t]}]
compositions:
  - name: parts
    assay: flow
    parts: [t_cells, t_cellz]
    reference: rest
    contrasts: [poolled]
modalities: {populations: [t_cells]}
"""


def test_unknown_groups_of_every_block_of_the_plan_are_told_in_one_call(study: Study) -> None:
    plan = PLAN.replace("contrasts: [healthy]", "contrasts: [helthy]") + OTHER_BLOCKS
    Path(study.analysis_plan).write_text(plan)
    with pytest.raises(ItcError) as caught:
        told(study)
    said = str(caught.value)
    assert "4 faults" in said
    assert "family 'primary', unknown contrast 'helthy'; did you mean 'healthy'?" in said
    assert "genes, unknown contrast 'helthy'; did you mean 'healthy'?" in said
    assert "composition 'parts', unknown contrast 'poolled'; did you mean 'pooled'?" in said
    assert "associations 'within', unknown group 'Lupus'; known: SSc, healthy" in said


def test_populations_of_every_block_that_nothing_shows_are_said(study: Study) -> None:
    named = {"Lupus": "SSc", "helthy": "healthy", "poolled": "healthy"}
    blocks = OTHER_BLOCKS
    for wrong, right in named.items():
        blocks = blocks.replace(wrong, right)
    Path(study.analysis_plan).write_text(PLAN + blocks)
    lines = told(study)
    assert "plan, genes: no cell of a library is called 'nkt' (did you mean 'inkt'?)" in lines
    assert (
        "plan, composition 'parts': no gating template measures 't_cellz' (did you mean "
        "'t_cells'?)" in lines
    )
    assert not any(line.startswith("plan, modalities") for line in lines)


def test_parts_of_a_composition_that_lie_in_one_another_are_said(study: Study) -> None:
    block = (
        "compositions:\n  - {name: parts, assay: flow, parts: [t_cells, inner], reference: rest, "
        "contrasts: [healthy]}\n"
    )
    Path(study.analysis_plan).write_text(PLAN + block)
    inner = (
        "  - {name: inner, parent: t_cells, markers: [PD-1], method: density_minimum, side: above"
    )
    template = TEMPLATE.replace("positivity:", f"{inner}, measured: true}}\npositivity:")
    Path(study.gating_folder, "panel_a.yaml").write_text(template)
    assert (
        "plan, composition 'parts': 'inner' is part of 't_cells', and parts must share no cell"
        in told(study)
    )


def test_a_plan_is_proposed_for_what_is_there_and_a_persons_own_stays(
    study: Study, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    settings = study.model_dump() | {"analysis_plan": "config/analysis_plan.yaml"}
    (folder / "config").mkdir()
    text = yaml.safe_dump({"study": settings, "cohort": two_groups().model_dump(mode="json")})
    (folder / "config" / "config.yaml").write_text(text, encoding="utf-8")
    plan = folder / "config" / "analysis_plan.yaml"
    plan.write_bytes((RESOURCES / "analysis_plan.yaml").read_bytes())
    assert cli.main(["init", str(folder), "--from-panels"]) == 0
    proposed = read_plan(plan)
    assert [(f.name, f.role) for f in proposed.families] == [("abundance", "primary")]
    here = study.model_copy(update={"analysis_plan": str(plan)})
    assert told(here) == PROVEN
    plan.write_text(plan.read_text() + "# mine now\n")
    assert cli.main(["init", str(folder), "--from-panels"]) == 0
    assert plan.read_text().endswith("# mine now\n")
    assert plan.with_name("analysis_plan.proposed.yaml").exists()


def test_the_parts_of_a_block_are_proposed_as_one_composition(study: Study) -> None:
    panel = Path(study.panels_folder, "panel_a.tsv")
    text = panel.read_text(encoding="utf-8")
    panel.write_text(f"{text}FL8\tCD4\tlineage\nFL9\tCD8\tlineage\n", encoding="utf-8")
    template = TEMPLATE + "blocks: [{block: coreceptors, of: t_cells}]\n"
    Path(study.gating_folder, "panel_a.yaml").write_text(template)
    proposed = yaml.safe_load(propose_plan(Settings(study=study, cohort=two_groups())))
    (composition,) = proposed["compositions"]
    assert composition["reference"] == "t_cells_cd8"
    assert composition["parts"] == ["t_cells_dn", "t_cells_cd4", "t_cells_dp"]
    Path(study.analysis_plan).write_text(yaml.safe_dump(proposed))
    assert told(study)[0].startswith("plan: ")
    assert "measured by nothing" not in "".join(told(study))
