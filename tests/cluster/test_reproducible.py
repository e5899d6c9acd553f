"""The same study has the same results, byte for byte, wherever and by whomever it is run.

One run differs from the other in everything that must not matter: number of cores, hash seed,
language, time zone, folder, user and machine. The FCS files of both bear what identifies people, in
their keywords and names, and so does a column of remarks in their sheet.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from pyarrow import parquet

from cluster.identities import FILE_NAMES, IDENTITIES, REMARK, contents_of
from cluster.tiny_study import tables_of
from itc_analysis.cli import main
from itc_analysis.cohort.listing import list_tubes
from itc_analysis.config.frozen import freeze
from itc_analysis.config.loading import load_settings
from itc_analysis.provenance import digest
from itc_analysis.tracing.inputs import list_inputs
from workflow.running import snakemake

pytestmark = pytest.mark.workflow

#: Not one of these may stand in any output.
FOLDER, USER, HOST = "Quillwater-Ordner", "ottilie.quendler", "brambleshire-login7"


@pytest.fixture(scope="module")
def elsewhere(tiny_study: Path, tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Return the study after a run in which all that must not matter is different."""
    study = tmp_path_factory.mktemp("far") / FOLDER / "étude 2"
    shutil.copytree(tiny_study, study)
    # who asks for the user and the machine, in whatever way, gets these
    patches = study.parent / "patches"
    patches.mkdir()
    (patches / "sitecustomize.py").write_text(
        "import getpass, os, platform, socket\n"
        f"getpass.getuser = lambda: {USER!r}\n"
        f"socket.gethostname = platform.node = socket.getfqdn = lambda *a: {HOST!r}\n"
        f"real = os.uname()\nos.uname = lambda: os.uname_result((real[0], {HOST!r}, *real[2:]))\n"
    )
    environment = {
        "PYTHONHASHSEED": "4711",
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "tr_TR.UTF-8",
        "TZ": "Asia/Kathmandu",
        "USER": USER,
        "LOGNAME": USER,
        "HOSTNAME": HOST,
        "PYTHONPATH": os.pathsep.join([str(patches), *filter(None, sys.path)]),
    }
    snakemake(study, "--cores", "1", root=root, environment=environment)
    return study


def test_results_are_the_same_bytes(tiny_finished: Path, elsewhere: Path) -> None:
    here, there = tables_of(tiny_finished), tables_of(elsewhere)
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []


def test_the_order_of_rows_changes_only_the_digest_of_the_sheet(
    tiny_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = []
    for is_reversed in (False, True):
        study = tmp_path / str(is_reversed)
        shutil.copytree(tiny_study / "config", study / "config")
        (study / "data").symlink_to(tiny_study / "data")
        for sheet in (study / "config").glob("*.tsv") if is_reversed else ():
            if sheet.name != "signatures.tsv":
                header, *rows = sheet.read_text().splitlines(keepends=True)
                sheet.write_text("".join([header, *reversed(rows)]))
        monkeypatch.chdir(study)
        assert main(["check", "--config", "config/config.yaml", "--output-folder", "out"]) == 0
        tables.append({p.name: parquet.read_table(p) for p in Path("out").glob("*.parquet")})
    first, second = tables
    assert len(first) >= 8
    assert first.keys() == second.keys()
    for name, table in first.items():
        assert table.equals(second[name]), name  # cells, in order
        before, after = (
            json.loads(found.schema.metadata[b"itc_analysis"]) for found in (table, second[name])
        )
        assert {key for key in before if before[key] != after[key]} <= {"inputs"}


def test_what_files_are_called_changes_the_digest_of_the_sheet_alone(
    tiny_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for is_renamed in (False, True):
        study = tmp_path / str(is_renamed)
        shutil.copytree(tiny_study, study)
        monkeypatch.chdir(study)
        settings = load_settings("config/config.yaml")
        if is_renamed:
            sheet = Path("config/fcs_files.tsv")
            text = sheet.read_text()
            for number, row in enumerate(list_tubes(settings.study)):
                tube = Path(row["path"])
                tube.rename(tube.with_name(f"{number}.fcs"))
                text = text.replace(f"flow/{tube.name}\t", f"flow/{number}.fcs\t")
            sheet.write_text(text)
        tubes = [row for row in list_tubes(settings.study) if row["batch"] == "batch1"][:2]
        freeze(tubes, "frozen", "tubes")
        (frozen,) = Path("frozen").glob("*.json")
        panel = ["--panel", "config/panels/panel_b.tsv", "--template", "config/gating/panel_b.yaml"]
        which = ["--config", "config/config.yaml", "--tubes", str(frozen), *panel]
        assert main(["check", "--config", "config/config.yaml", "--output-folder", "cohort"]) == 0
        assert main(["fit-gates", *which, "--output-folder", "gates"]) == 0
        inputs = list_inputs(settings.study, settings.flow)
        found.append(
            {
                "inputs": {name: digest(path) for name, path in inputs.items()},
                "gates": {path.name: path.read_bytes() for path in Path("gates").iterdir()},
                "cohort": {p.name: parquet.read_table(p) for p in Path("cohort").glob("*.parquet")},
            }
        )
    as_exported, renamed = found
    assert len(as_exported["gates"]) == 5
    assert as_exported["gates"] == renamed["gates"]
    differs = {n for n, told in as_exported["inputs"].items() if told != renamed["inputs"][n]}
    assert differs == {"config/fcs_files.tsv"}
    assert as_exported["inputs"].keys() == renamed["inputs"].keys()
    for name, table in as_exported["cohort"].items():
        assert table.equals(renamed["cohort"][name]), name


def test_no_output_names_a_person_a_user_a_machine_or_a_folder(elsewhere: Path) -> None:
    planted = [FOLDER, USER, HOST, str(elsewhere.parent), *IDENTITIES.values(), *FILE_NAMES, REMARK]
    planted += ["_panel_b.fcs", "Zephyrine"]
    found = [
        (path.relative_to(elsewhere).as_posix(), text)
        for path in sorted((elsewhere / "results").rglob("*"))
        if path.is_file()
        for content in map(str.casefold, contents_of(path))
        for text in planted
        if text.casefold() in content
    ]
    assert found == []


def test_the_search_finds_what_is_planted(elsewhere: Path, tmp_path: Path) -> None:
    """The same search of a table and a page that hold a name."""
    import pandas as pd

    pd.DataFrame({"a": [f"x {USER} y"]}).to_parquet(tmp_path / "a.parquet")
    assert any(USER in content for content in contents_of(tmp_path / "a.parquet"))
    tube = next((elsewhere / "data" / "flow").glob("*.fcs"))
    for text in IDENTITIES.values():
        assert any(text in content for content in contents_of(tube))
    sheet = "".join(contents_of(elsewhere / "config" / "fcs_files.tsv"))
    assert all(text in sheet for text in (*FILE_NAMES, REMARK))
