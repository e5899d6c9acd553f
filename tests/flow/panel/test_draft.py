"""A drafted sheet can be read again and resolves the files it came from."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from itc_analysis.cli import main
from itc_analysis.errors import PanelError
from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.flow.panel.draft import draft_panel, marker_of
from itc_analysis.flow.panel.markers import read_panel, resolve_markers


@pytest.mark.parametrize(
    ("label", "marker"),
    [
        ("3 090806 PE-Cy7-A", "CD3"),  # whole_blood_15 as the laboratory labelled it
        ("CD3 PE-Cy7-A", "CD3"),
        ("GDTCR", "TCRgd"),
        ("Va24Ja18", "6B11"),
        ("CD1d-PBS57", "CD1d-tetramer"),
        ("PE - TCR Va7", "Va7.2"),
        ("AF700 - CD45RO", "CD45RO"),
        ("L/D Aqua - Viability", "Viability"),
    ],
)
def test_labels_give_standard_names(label: str, marker: str) -> None:
    assert marker_of(label) == marker


def test_files_of_two_panels_are_refused() -> None:
    files = {"a": (["C1", "C2"], ["CD3", "Vd2"]), "b": (["C1", "C2"], ["CD3", "CD69"])}
    with pytest.raises(PanelError, match="'Vd2' in a; 'CD69' in b"):
        draft_panel(files)


def test_labels_that_drift_give_one_row() -> None:
    files = {"a": (["C1"], ["CD3 PE-Cy7-A"]), "b": (["C1"], ["3 090806 PE-Cy7-A"])}
    table, remarks = draft_panel(files)
    assert table.loc[0].to_dict() == {
        "channel": "C1", "marker": "CD3", "fluorochrome": "PE-Cy7", "role": "lineage",
    }  # fmt: skip
    assert remarks == []


def test_a_channel_that_the_file_labels_otherwise_is_a_contradiction() -> None:
    panel = pd.DataFrame({"channel": ["C2"], "marker": ["Vd2"]})
    with pytest.raises(PanelError, match="'C2' is labelled 'CD95', and 'C3' carries the marker"):
        resolve_markers(["C1", "C2", "C3"], ["CD3", "CD95", "Vd2"], panel)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("pattern", "n_files", "markers"),
    [
        ("whole_blood_15/*.fcs", 15, {"CD3", "CD4", "CD8", "CD69", "HLA-DR", "FSC", "SSC", "Time"}),
        ("cytof_pbmc/130515*.fcs", 1, {"TCRgd", "Vd2", "6B11", "CD161", "TIM-3", "CTLA-4", "CD38"}),
        ("cytof_pbmc/b1c3a.fcs", 1, {"TCRgd", "Vd1", "Vd2", "CD161", "CD38", "HLA-DR", "CD69"}),
        ("omip021/*.fcs", 1, {"TCRgd", "Va7.2", "CD1d-tetramer", "CD161", "CD3", "Viability"}),
        ("coereba/*.fcs", 16, {"Vd2", "Va7.2", "CD161", "CD8", "CD38", "HLA-DR", "PD-1"}),
    ],
)
def test_public_files_resolve_from_their_draft(
    real_data: Path, tmp_path: Path, pattern: str, n_files: int, markers: set[str]
) -> None:
    paths = sorted((real_data / "flow").glob(pattern))
    assert len(paths) == n_files
    sheet = tmp_path / "panel.tsv"
    assert main(["panel", *map(str, paths), "--output", str(sheet)]) == 0
    panel = read_panel(sheet)
    assert markers <= set(panel["marker"])
    for path in paths:
        file = read_fcs(path)
        found = resolve_markers(file.channel_names, file.channel_labels, panel, source=file.name)
        assert len(found) == len(panel)


@pytest.mark.real_data
def test_a_sheet_of_one_mass_cytometry_panel_is_refused_for_the_other(real_data: Path) -> None:
    """Vd2 is on 152Sm in one file and on 157Gd in the other, where 152Sm is CD95."""
    folder = real_data / "flow" / "cytof_pbmc"
    one, other = (read_fcs(folder / n) for n in ("130515_C2_stim_CD19-.fcs", "b1c3a.fcs"))
    panel, _ = draft_panel({one.name: (one.channel_names, one.channel_labels)})
    with pytest.raises(PanelError, match=r"'\(Sm152\)Di' is labelled 'CD95', and '\(Gd157\)Di'"):
        resolve_markers(other.channel_names, other.channel_labels, panel, allow_missing=True)
