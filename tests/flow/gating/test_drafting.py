"""`itc template`: what a panel allows is gated, what it does not is said with the marker."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from itc_analysis.cli import main
from itc_analysis.cli.study.init import RESOURCES
from itc_analysis.errors import PanelError
from itc_analysis.flow.gating.drafting import draft_template
from itc_analysis.flow.gating.template import Template, check_template
from itc_analysis.flow.panel.draft import marker_of
from itc_analysis.flow.panel.markers import read_panel


def panel_of(*markers: str) -> pd.DataFrame:
    roles = {"PD-1": "inhibitory", "CD38": "activation", "FSC-A": "scatter", "SSC-A": "scatter"}
    return pd.DataFrame(
        {
            "channel": [f"C{at}" for at in range(len(markers))],
            "marker": markers,
            "role": [roles.get(marker, "lineage") for marker in markers],
        },
        dtype="string",
    )


def drafted(*markers: str) -> tuple[Template, list[str]]:
    text, missing = draft_template(panel_of(*markers), "mine")
    return check_template(yaml.safe_load(text), "mine", panel_markers=set(markers)), missing


@pytest.mark.parametrize("name", ["panel_a", "panel_b"])
def test_a_shipped_panel_gets_the_populations_of_its_shipped_template(name: str) -> None:
    panel = read_panel(RESOURCES / "panels" / f"{name}.tsv")
    text, _ = draft_template(panel, name)
    template = check_template(yaml.safe_load(text), name, panel_markers=set(panel["marker"]))
    shipped = yaml.safe_load((RESOURCES / "gating" / f"{name}.yaml").read_text(encoding="utf-8"))
    wanted = {
        entry["name"]
        for entry in shipped["populations"]
        if entry.get("measured") and entry["name"] not in ("dp_t_cells", "innate_cd8_all")
    }
    assert wanted <= {p.name for p in template.populations}


def test_tetramers_go_before_chains_and_clones_by_whatever_name_the_panel_gives_them() -> None:
    template, _ = drafted("CD3", "hMR1-5-OP-RU", "hCD1d-PBS-57", "Va7.2", "CD161", "6B11")
    assert template.by_name["mait"].markers == ("hMR1-5-OP-RU",)
    assert template.by_name["inkt"].markers == ("hCD1d-PBS-57",)
    template, _ = drafted("CD3", "Va24", "Vb11")
    assert template.by_name["inkt"].parent == "vb11_pos"


def test_what_is_missing_is_named_with_its_marker() -> None:
    _, missing = drafted("CD3", "CD4", "CD8", "Va7.2")
    said = "; ".join(missing)
    assert "gamma-delta T cells (gd_t_cells), and what lies outside of them: no TCRgd" in said
    assert "MAIT cells (mait): no MR1 tetramer, and not both Va7.2 and CD161" in said
    assert "innate CD8 T cells (innate_cd8): no Eomes and no panKIR or NKG2A" in said
    assert "dead cells are not removed: no Viability" in said


def test_blocks_come_where_the_markers_are() -> None:
    template, _ = drafted("CD3", "CD4", "CD8", "TCRgd", "Vd1", "Vd2", "CD45RA", "CD27", "CCR7")
    names = {p.name for p in template.populations}
    assert {"gd_t_cells_vd1", "gd_t_cells_naive", "cd8_t_cells_naive"} <= names
    assert "cd8_t_cells_cd27_alone" not in names


def test_without_cd3_nothing_is_drafted() -> None:
    with pytest.raises(PanelError, match="no marker is CD3"):
        draft_template(panel_of("CD4", "CD8"), "mine")


def test_the_command_writes_a_template_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "mine.tsv"
    panel_of("CD3", "CD4", "CD8", "PD-1").to_csv(sheet, sep="\t", index=False)
    output = tmp_path / "gating" / "mine.yaml"
    assert main(["template", str(sheet), "--output", str(output)]) == 0
    assert "not in it: MAIT cells" in capsys.readouterr().err
    assert "Not in it: MAIT cells" in output.read_text(encoding="utf-8")
    assert main(["template", str(sheet), "--output", str(output)]) == 2


@pytest.mark.parametrize(
    ("label", "marker"),
    [
        *((name, name) for name in (
            "CD45RA", "CD45RO", "CCR7", "CD27", "CD28", "CD127", "CD25", "CD57", "CD62L", "CXCR3",
            "CCR6", "NKG2D", "CD26",
        )),
        ("143Nd_CD123", "CD123"),
        ("hMR1-5-OP-RU", "MR1 tetramer"),
        ("hCD1d-PBS-57", "CD1d-tetramer"),
        ("CD183 BV421", "CXCR3"),
    ],
)  # fmt: skip
def test_markers_of_every_t_cell_panel_are_known_by_name(label: str, marker: str) -> None:
    assert marker_of(label) == marker
