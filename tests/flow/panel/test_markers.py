"""Markers find their channels, by name first, by whole words last."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc_analysis.errors import PanelError, SheetError
from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.flow.panel.markers import ALIASES, check_panel, read_panel, resolve_markers


def panel_of(**channels: str) -> pd.DataFrame:
    """Return a panel of marker -> channel."""
    return pd.DataFrame({"channel": list(channels.values()), "marker": list(channels)})


def test_the_name_of_a_channel_comes_before_its_label() -> None:
    found = resolve_markers(["CD3", "B525-A"], ["B525-A", ""], panel_of(CD3="B525-A"))
    assert found == {"CD3": 1}


def test_a_label_is_taken_when_no_name_fits() -> None:
    assert resolve_markers(["B525-A"], ["my CD3"], panel_of(CD3="my CD3")) == {"CD3": 0}


@pytest.mark.parametrize(
    ("label", "marker"),
    [
        ("BV785 - CD3", "CD3"),
        ("FITC - gdTCR", "TCRgd"),
        ("PE - TCR Va7", "Va7.2"),
        ("TCR-γδ PE", "TCRgd"),
        ("BV650 - CD8a", "CD8"),
        ("CD279-BV421", "PD-1"),
        ("PD1", "PD-1"),
        ("TIM3 BV711", "TIM-3"),
        ("HLA-DR PE-Cy7", "HLA-DR"),
        ("L/D Aqua - Viability", "Viability"),
        ("BV421 - TETaGC", "CD1d-tetramer"),
        ("EOMES", "Eomes"),
    ],
)
def test_labels_of_the_field_are_understood(label: str, marker: str) -> None:
    panel = pd.DataFrame({"channel": ["not in the file"], "marker": [marker]})
    labels = ["PerCP - CD45RA", label, "APC - CD28", ""]
    assert resolve_markers(["a", "b", "c", "d"], labels, panel) == {marker: 1}


@pytest.mark.parametrize("label", ["CD45RA", "CD45RO PE", "CD40", "CD4CD19CD56", "CD44-FITC"])
def test_cd4_is_never_found_inside_another_word(label: str) -> None:
    with pytest.raises(PanelError, match="no channel fits"):
        resolve_markers(["a"], [label], panel_of(CD4="x"))


def test_of_three_pulses_of_a_detector_the_area_is_meant() -> None:
    names = ["B525-H", "B525-A", "B525-W"]
    assert resolve_markers(names, ["CD3", "CD3", "CD3"], panel_of(CD3="CD3")) == {"CD3": 1}


def test_two_detectors_with_one_label_are_ambiguous() -> None:
    with pytest.raises(PanelError, match="several channels fit 'EMPTY': 'B525-A', 'V450-A'"):
        resolve_markers(["B525-A", "V450-A"], ["EMPTY", "EMPTY"], panel_of(CD3="EMPTY"))


def test_one_channel_cannot_be_two_markers() -> None:
    with pytest.raises(PanelError, match="channel 'B525-A' also fits marker 'CD3'"):
        resolve_markers(["B525-A"], ["CD3 CD19"], panel_of(CD3="x", CD19="y"))


def test_absent_markers_are_listed_with_the_channels_of_the_file() -> None:
    with pytest.raises(PanelError, match=r"channels of the file: FSC-A, B525-A \(CD3\)") as caught:
        resolve_markers(["FSC-A", "B525-A"], ["", "CD3"], panel_of(CD4="x", CD8="y"))
    assert len(caught.value.faults) == 1
    assert "markers 'CD4', 'CD8', no channel fits 'x', 'y'" in str(caught.value)


def test_a_file_without_any_stain_of_the_panel_is_refused_though_it_has_scatter() -> None:
    panel = pd.DataFrame(
        {
            "channel": ["FSC-A", "Time", "B525-A"],
            "marker": ["FSC-A", "Time", "CD3"],
            "role": ["scatter", "time", "lineage"],
        }
    )
    with pytest.raises(PanelError, match="marker 'CD3', no channel fits 'B525-A'"):
        resolve_markers(["FSC-A", "Time", "X"], ["", "", ""], panel, allow_missing=True)


@pytest.mark.parametrize("name", ["b525-a", "B525_A", "B525 A", "Comp-b525_a"])
def test_the_name_of_a_channel_may_be_spelt_otherwise(name: str) -> None:
    assert resolve_markers(["FSC-A", name], ["", ""], panel_of(CD3="B525-A")) == {"CD3": 1}
    found = resolve_markers([name, "B525-A"], ["", ""], panel_of(CD3="B525-A"))
    assert found == {"CD3": 1}


def test_absent_markers_may_be_left_out_but_not_all() -> None:
    panel = panel_of(CD3="B525-A", CD4="x")
    assert resolve_markers(["B525-A"], [""], panel, allow_missing=True) == {"CD3": 0}
    with pytest.raises(PanelError, match="marker 'CD4'"):
        resolve_markers(["B525-A"], [""], panel_of(CD4="x"), allow_missing=True)


@given(st.permutations(range(6)))
def test_the_order_of_channels_does_not_matter(order: list[int]) -> None:
    names = ["FSC-A", "a", "b", "c", "d", "Time"]
    labels = ["", "CD3 FITC", "CD4", "CD45RA", "gdTCR", ""]
    panel = panel_of(CD3="x", CD4="CD4", TCRgd="d", Time="Time")
    found = resolve_markers([names[i] for i in order], [labels[i] for i in order], panel)
    columns = {marker: names[order[column]] for marker, column in found.items()}
    assert columns == {"CD3": "a", "CD4": "b", "TCRgd": "d", "Time": "Time"}


def test_no_alias_stands_for_two_markers() -> None:
    plain = [
        "".join(word.split()).casefold().replace("-", "")
        for marker, others in ALIASES.items()
        for word in (marker, *others)
    ]
    repeated = {word for word in plain if plain.count(word) > 1}
    # an alias may repeat its own marker's name in other letters, never another marker's
    owners = {word: set() for word in repeated}
    for marker, others in ALIASES.items():
        for word in (marker, *others):
            key = "".join(word.split()).casefold().replace("-", "")
            if key in owners:
                owners[key].add(marker)
    assert all(len(markers) == 1 for markers in owners.values())


def test_faults_of_a_panel_sheet_name_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "innate.tsv"
    path.write_text(
        "channel\tmarker\tfluorochrome\trole\n"
        "B525-A\tCD3\tFITC\tlineage\n"
        "V450-A\tCD3\tBV421\tlineage\n"
        "R670-A\tCD8\tAPC\tlineage\n",
        encoding="utf-8",
    )
    with pytest.raises(SheetError, match="row 3, marker 'CD3' is in row 2 already"):
        read_panel(path)


def test_a_doubled_channel_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "innate.tsv"
    path.write_text(
        "channel\tmarker\trole\nB525-A\tCD3\tlineage\nB525-A\tCD8\tlineage\n", encoding="utf-8"
    )
    with pytest.raises(SheetError, match="B525-A"):
        read_panel(path)


def test_example_panels_can_be_read(root: Path) -> None:
    for name, n_markers in (("omip021", 19), ("coereba", 40)):
        panel = read_panel(root / "config" / "examples" / name / "panels" / f"{name}.tsv")
        assert len(panel) == n_markers


@pytest.mark.real_data
def test_example_panels_fit_their_files(real_data: Path, root: Path) -> None:
    for name in ("omip021", "coereba"):
        panel = read_panel(root / "config" / "examples" / name / "panels" / f"{name}.tsv")
        for path in sorted((real_data / "flow" / name).glob("*.fcs")):
            file = read_fcs(path)
            found = resolve_markers(file.channel_names, file.channel_labels, panel)
            assert set(found) == set(panel["marker"])
            # the sheet names channels exactly: nothing was found by alias
            assert [file.channel_names[c] for c in found.values()] == list(panel["channel"])


@pytest.mark.real_data
def test_markers_of_omip021_are_also_found_by_their_labels_alone(
    real_data: Path, root: Path
) -> None:
    panel = read_panel(root / "config" / "examples" / "omip021" / "panels" / "omip021.tsv")
    file = read_fcs(real_data / "flow" / "omip021" / "Donor1.fcs")
    exact = resolve_markers(file.channel_names, file.channel_labels, panel)
    by_label = panel.assign(channel=[f"absent {i}" for i in range(len(panel))])
    assert resolve_markers(file.channel_names, file.channel_labels, by_label) == exact


def test_light_scatter_and_the_clock_have_no_other_role(tmp_path: Path) -> None:
    path = tmp_path / "panel.tsv"
    path.write_text(
        "channel\tmarker\trole\nFSC-A\tFSC-A\tother\nTime\tTime\tother\nSSC-A\tSSC-A\tscatter\n"
        "PE-A\tCD3\tlineage\n"
    )
    with pytest.raises(SheetError) as caught:
        read_panel(path)
    told = str(caught.value)
    assert "2 faults" in told
    assert "row 2, channel 'FSC-A' has the role 'other'" in told
    assert told.endswith("it for a colour; write time")


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("scatter", "has the role 'scatter' and a fluorochrome, 'PE'"),
        ("time", "several channels have the role 'time'"),
    ],
)
def test_a_colour_is_neither_scatter_nor_a_clock(role: str, words: str) -> None:
    panel = pd.DataFrame(
        {
            "channel": ["Time", "PE-A"],
            "marker": ["Time", "CD3"],
            "fluorochrome": [None, "PE"],
            "role": ["time", role],
        }
    )
    with pytest.raises(SheetError, match=words):
        check_panel(panel, "panel")
