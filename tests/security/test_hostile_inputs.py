"""Inputs made to do harm, or by a slip that would: a clear refusal, or harmless text.

What is tested elsewhere: markup in names (tests/report/test_page.py), entities in workspaces and
Gating-ML (tests/flow/manual), cut and damaged FCS files (tests/flow/fcs/test_damaged.py), ids with
quotes, slashes and accents (tests/cohort/sheets/test_read.py).
"""

from __future__ import annotations

import ast
import csv
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from cohort.cohort_examples import two_groups, write_study
from itc_analysis.cohort.data_files import name_libraries
from itc_analysis.cohort.join import read_study_sheets
from itc_analysis.cohort.queries import write_query_sheet
from itc_analysis.config.loading import load_settings, read_yaml
from itc_analysis.config.sections import Study
from itc_analysis.errors import ItcError
from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.runs.contents import contents
from itc_analysis.singlecell.intake.cellranger import read_10x_h5
from itc_analysis.singlecell.intake.h5ad import read_h5ad
from itc_analysis.stats.plan import covariates
from itc_analysis.stats.plan.columns import sheet_columns


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_study(tmp_path / "study")


def refusal(study: Study) -> str:
    with pytest.raises(ItcError) as caught:
        read_study_sheets(study, two_groups())
    return str(caught.value)


def swap(sheet: str, old: str, new: str) -> None:
    path = Path(sheet)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    "written", ["../../../etc/passwd", "/etc/passwd", "fcs/../../x.fcs", "..\\..\\x.fcs"]
)
def test_a_path_that_leads_out_of_the_data_folder_is_refused(study: Study, written: str) -> None:
    swap(str(study.fcs_files), "fcs/S001_a.fcs", written)
    assert f"path '{written}' leads out of the data folder" in refusal(study)


def test_a_link_to_itself_is_not_there(study: Study) -> None:
    tube = Path(study.data_folder) / "fcs" / "S001_a.fcs"
    tube.unlink()
    tube.symlink_to(tube)
    assert "path 'fcs/S001_a.fcs' is not there" in refusal(study)


def test_a_library_folder_that_holds_itself_ends(tmp_path: Path) -> None:
    """A link to a folder above it must not be walked round and round."""
    library = tmp_path / "library"
    library.mkdir()
    (library / "matrix.mtx").write_text("1\n")
    (library / "inner").symlink_to(library)
    (library / "above").symlink_to(tmp_path)
    before = contents([library])
    assert name_libraries([{"library_id": "L1", "path": library}]) == {
        "data/libraries/L1/counts/matrix.mtx": library / "matrix.mtx"
    }
    (library / "matrix.mtx").write_text("2\n")
    assert contents([library]) != before


def test_a_link_to_a_link_to_it_is_not_there(study: Study) -> None:
    tube = Path(study.data_folder) / "fcs" / "S001_a.fcs"
    tube.unlink()
    tube.symlink_to("other.fcs")
    tube.with_name("other.fcs").symlink_to("S001_a.fcs")
    assert "path 'fcs/S001_a.fcs' is not there" in refusal(study)


def test_a_tube_from_the_future_is_named_with_the_cure(study: Study) -> None:
    tube = Path(study.data_folder) / "fcs" / "S001_a.fcs"
    os.utime(tube, (time.time() + 3_600,) * 2)
    assert f"is in the future; two clocks disagree; set the clock right, then: touch {tube}" in (
        refusal(study)
    )
    tube.touch()
    read_study_sheets(study, two_groups())


@pytest.mark.parametrize(
    ("sheet", "old", "new", "words"),
    [
        ("fcs_files", "S003_a\t", "s001_A\t", "file_id 's001_A' is 'S001_a' of row 2"),
        ("fcs_files", "\tb2\t", "\tB1\t", "batch 'B1' is 'b1' of row"),
        ("samples", "S002\t", "s001\t", "sample_id 's001' is 'S001' of row 2"),
        # a Cyrillic letter and a full-width one that look like Latin ones
        ("fcs_files", "S003_a\t", "S0О3_a\t", "holds 'О'"),
        ("fcs_files", "S003_a\t", "Ｓ003_a\t", "holds 'Ｓ'"),
        ("fcs_files", "S003_a\t", "=cmd|'/c calc'!A0\t", "'='"),
        ("fcs_files", "S003_a\t", "<script>\t", "holds '<'"),
        ("fcs_files", "S003_a\t", '"S003\n_a"\t', "row"),
    ],
)
def test_ids_that_could_be_taken_for_others_or_for_commands_are_refused(
    study: Study, sheet: str, old: str, new: str, words: str
) -> None:
    swap(str(getattr(study, sheet)), old, new)
    assert words in refusal(study)


def test_a_hundred_thousand_rows_are_read_in_seconds(study: Study) -> None:
    sheet = Path(str(study.samples))
    more = "".join(f"X{i:06d}\tP001\tparticipant\n" for i in range(100_000))
    sheet.write_text(sheet.read_text() + more)
    began = time.process_time()
    read_study_sheets(study, two_groups())
    assert time.process_time() - began < 30


@pytest.mark.parametrize(
    "value", ["=1+2", "+49 170", "-1", "@SUM(A1)", "\t=1", "=HYPERLINK(\"http://x\")"]
)  # fmt: skip
def test_an_exported_sheet_holds_no_formula(tmp_path: Path, value: str) -> None:
    """The sheet for the study nurse is opened in a spreadsheet."""
    queries = pd.DataFrame(
        {"participant_id": ["P001"], "question": [value], "blocks": [True]}
    ).astype({"participant_id": "string", "question": "string"})
    write_query_sheet(queries, tmp_path / "queries.tsv")
    with (tmp_path / "queries.tsv").open(encoding="utf-8-sig", newline="") as sheet:
        cells = [cell for row in csv.reader(sheet, delimiter="\t") for cell in row]
    assert f"'{value}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]


def nested_yaml() -> str:
    levels = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for last, name in zip("abcdefghi", "bcdefghij", strict=True):
        levels.append(f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]")
    return "\n".join([*levels, "study: {name: *j}", "flow: *j", ""])


def test_settings_that_multiply_themselves_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(nested_yaml())
    began = time.process_time()
    with pytest.raises(ItcError, match=r"study\.name, input should be a valid string"):
        load_settings(tmp_path / "config.yaml")
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("study: !!python/object/apply:os.system ['touch owned']", "not valid YAML"),
        ("study: !!python/name:os.system", "not valid YAML"),
        ("a: " + "[" * 50_000, "nested more than 100 levels deep"),
        ("a:\n" + "".join("  " * i + "- a:\n" for i in range(1, 300)), "nested more than 100"),
    ],
)
def test_yaml_runs_nothing_and_ends_nothing(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ItcError, match=words):
        read_yaml(tmp_path / "config.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize(
    "formula",
    [
        "{__import__('os').system('touch owned')} + age_years",
        "age_years + I(open('owned', 'w'))",
        "age_years.__class__",
        "cr(age_years, df=(lambda: 3)())",
        "log(age_years.map(print))",
        "[x for x in age_years]",
    ],
)
def test_a_formula_of_the_plan_is_arithmetic_and_runs_no_code(
    formula: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert covariates.check(formula, "covariates", sheet_columns()) != []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "formula",
    [
        "cr(age_years, df=3, constraints='center') + sex",
        "np.log(age_years) + bmi",
        "poly(age_years, 2) + sex:age_years",
        "center(age_years) ** 2 + {age_years + bmi}",
    ],
)
def test_formulas_of_statisticians_still_work(formula: str) -> None:
    assert covariates.check(formula, "covariates", sheet_columns()) == []


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, ...]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_in_an_h5ad_file_is_never_opened(tmp_path: Path) -> None:
    counts = sp.csr_matrix(np.arange(12, dtype=np.float32).reshape(3, 4))
    anndata.AnnData(counts).write_h5ad(tmp_path / "a.h5ad")
    payload = np.void(pickle.dumps(Payload(tmp_path / "owned")))
    with h5py.File(tmp_path / "a.h5ad", "a") as file:
        file["uns"]["payload"] = payload
        file["obs"].attrs["payload"] = payload
    read_h5ad(tmp_path / "a.h5ad")
    assert not (tmp_path / "owned").exists()
    pickle.loads(payload.tobytes())
    assert (tmp_path / "owned").exists()


def test_nothing_in_src_runs_what_it_reads(root: Path) -> None:
    forbidden = {"eval", "exec", "system", "popen", "literal_pickle", "unsafe_load", "full_load"}
    found = []
    for path in sorted((root / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name.split(".")[0] for alias in node.names}
                names.add(str(getattr(node, "module", "")).split(".")[0])
                found += [(path.name, name) for name in names & {"pickle", "joblib", "dill"}]
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                found += [(path.name, name)] if name in forbidden else []
                words = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
                if words.get("shell") or words.get("allow_pickle"):
                    found.append((path.name, name))
    assert found == []


def test_a_small_file_that_claims_gigabytes_of_counts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        matrix = file.create_group("matrix")
        matrix["shape"] = np.array([1, 1], dtype=np.int32)
        matrix["barcodes"] = np.array([b"AAAC-1"])
        for name, value in (("id", b"E1"), ("name", b"CD3D"), ("genome", b"GRCh38")):
            matrix[f"features/{name}"] = np.array([value])
        matrix["features/feature_type"] = np.array([b"Gene Expression"])
        matrix["indptr"] = np.array([0, 1])
        for name in ("indices", "data"):
            matrix.create_dataset(
                name, (3_000_000_000,), np.int32, chunks=(1 << 20,), compression="gzip"
            )
    assert path.stat().st_size < 20_000
    with pytest.raises(ItcError, match=r"'matrix/data' claims 12\.0 GB and holds 1 bytes"):
        read_10x_h5(path)


def test_a_tube_that_claims_ten_gigabytes_is_refused(tmp_path: Path) -> None:
    begin, n_events = 4096, 2_500_000_000
    keywords = {
        "$BEGINDATA": str(begin), "$ENDDATA": str(begin + 4 * n_events - 1), "$MODE": "L",
        "$DATATYPE": "F", "$BYTEORD": "1,2,3,4", "$PAR": "1", "$TOT": str(n_events),
        "$P1N": "FSC-A", "$P1B": "32", "$P1R": "262144", "$P1E": "0,0", "$NEXTDATA": "0",
    }  # fmt: skip
    text = "/" + "".join(f"{key}/{value}/" for key, value in keywords.items())
    header = f"FCS3.1    {58:8d}{57 + len(text):8d}" + f"{0:8d}" * 4
    path = tmp_path / "tube.fcs"
    path.write_bytes((header + text).encode().ljust(begin) + b"x" * 400)
    with pytest.raises(ItcError, match="the copy is probably incomplete"):
        read_fcs(path)
