"""Odd files of public test suites, read through `itc check --headers`: right, or a sentence."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from itc_analysis.checking.data_files import open_data_files
from itc_analysis.config.sections import Study
from itc_analysis.errors import ItcError
from itc_analysis.flow.fcs.read import read_fcs

#: What a technician is told about each file that is refused; every other file loads.
REFUSED = {
    "AriaFile1.fcs": "the copy is probably incomplete",
    "EY_2013-07-19_PBS_FCS_3.1_Well_A1.001.fcs": "$SPILLOVER says 6 channels and holds 6 entries",
    "example_Out.fcs": "there are 59 columns ($PAR), but a name for channel 60 too",
    # its events were made alike before it was given away
    "fcs1_cleaned.lmd": "about 100% of the events stand in the file more than once",
    "int-multiple_datasets.fcs": "channel 1 of 2 has no name ($P1N)",
}
#: Events of every file that loads.
LOADED = {
    "0877408774.B08": 10_000,
    "Data002.fcs": 20_000,
    "G11.fcs": 5_785,
    "HTS_BD_LSR_II_Mixed_Specimen_001_D6_D06.fcs": 14_945,
    "SG_2014-09-26_Duplicate_Names.fcs": 8_129,
    "Sample_Well_A02.fcs": 37_395,
    "cyflow_cube_8.fcs": 725,
    "data_start_offset_discrepancy_example.fcs": 2,
    "fake_large_fcs.fcs": 11_585,
    "float-1_event.fcs": 1,
}


@pytest.mark.real_data
def test_every_odd_file_loads_or_is_refused_with_a_sentence(
    real_data: Path, tmp_path: Path
) -> None:
    folder = real_data / "flow" / "odd_files"
    names = sorted(p.name for p in folder.iterdir() if p.name != "SOURCE.md")
    assert names == sorted([*REFUSED, *LOADED])
    (tmp_path / "panels").mkdir()
    rows = ["file_id\tsample_id\tpath\tpanel\tbatch\ttube"]
    for i, name in enumerate(names):
        channel, role = "any", "other"
        with contextlib.suppress(ItcError):
            file = read_fcs(folder / name)
            assert file.n_events == LOADED.get(name, file.n_events)
            unique = [c for c in file.channel_names if file.channel_names.count(c) == 1]
            channel = unique[-1]
            role = {"TIME": "time", "FSC": "scatter", "SSC": "scatter"}.get(
                re.split("[^A-Z]", channel.upper())[0], "other"
            )
        panel = tmp_path / "panels" / f"p{i}.tsv"
        panel.write_text(f"channel\tmarker\tfluorochrome\trole\n{channel}\t{channel}\t\t{role}\n")
        rows.append(f"t{i}\ts{i}\t{name}\tp{i}\tb1\tstained")
    sheet = tmp_path / "fcs_files.tsv"
    sheet.write_text("\n".join(rows) + "\n", encoding="utf-8")
    study = Study(
        data_folder=str(folder), fcs_files=str(sheet), panels_folder=str(tmp_path / "panels")
    )
    errors, _ = open_data_files(study)
    told = {error.source: str(error) for error in errors}
    assert sorted(told) == sorted(REFUSED)
    for name, words in REFUSED.items():
        assert words in told[name]


@pytest.mark.real_data
def test_the_file_whose_labels_are_shifted_elsewhere_has_the_right_maximum(real_data: Path) -> None:
    """FlowKit reads 1023 from the unnamed column; the true FL4-H ends at 9821.7."""
    file = read_fcs(real_data / "flow" / "odd_files" / "0877408774.B08")
    values = file.events[file.channel_names.index("FL4-H")]
    assert abs(float(values.max()) - 9821.7) < 0.1
