"""The notebooks run from first to last cell, and are stored without outputs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


class ThisPython(AsyncKernelManager):
    """Starts a kernel of the Python that runs the tests, whether or not a kernel is registered."""

    @property
    def kernel_spec(self) -> KernelSpec:
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="this Python", language="python")


@dataclass
class Shown:
    """What a notebook shows: its tables (HTML), the number of its pictures, what it prints."""

    tables: str
    n_pictures: int
    text: str


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], Shown]:
    def run(name: str, results: Path) -> Shown:
        monkeypatch.setenv("ITC_RESULTS", str(results))
        monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
        client = NotebookClient(
            nbformat.read(NOTEBOOKS / name, as_version=nbformat.NO_CONVERT), timeout=600,
            kernel_manager_class=ThisPython, resources={"metadata": {"path": str(tmp_path)}},
        )  # fmt: skip
        # a cell that fails raises CellExecutionError here, with its traceback
        outputs = [out for cell in client.execute().cells for out in cell.get("outputs", [])]
        data = [out.data for out in outputs if "data" in out]
        return Shown(
            tables=json.dumps([item["text/html"] for item in data if "text/html" in item]),
            n_pictures=sum("image/png" in item for item in data),
            text="".join(out.text for out in outputs if out.output_type == "stream")
            + "".join(item["text/plain"] for item in data if "text/plain" in item),
        )

    return run


# jupyter_client and zmq leave their sockets to the garbage collector
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_are_stored_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))
    assert notebook.cells[0].source.startswith(f"# {int(path.name[:2])}. ")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_01_cohort_counts_people_and_follows_one_through_the_criteria(
    run: Callable[[str, Path], Shown], results: Path
) -> None:
    shown = run("01_cohort.ipynb", results)
    for word in ("enrolled", "analysed", "evidence", "what_to_do", "women, %"):
        assert word in shown.tables
    assert shown.n_pictures == 1


def test_02_flow_takes_one_tube_from_events_to_shares(
    run: Callable[[str, Path], Shown], tmp_path: Path
) -> None:
    shown = run("02_flow.ipynb", tmp_path)
    for word in ("cut_se", "n_lod", "below_lod", "ZombieNIR-A"):
        assert word in shown.tables
    assert shown.n_pictures == 1
    assert "Gates were learned" in shown.text


def test_04_scores_shows_who_could_be_scored_and_every_participant(
    run: Callable[[str, Path], Shown], results: Path
) -> None:
    shown = run("04_scores.ipynb", results)
    assert "p_adjusted" in shown.tables
    assert "exhaustion" in shown.tables
    assert shown.n_pictures == 1


def test_04_scores_takes_every_method_that_is_compared() -> None:
    """MAIT cells of a study of some size are scored at the healthy composition of their subsets,
    which the small study of these tests is not: a list of methods by hand drew nobody.
    """
    source = (NOTEBOOKS / "04_scores.ipynb").read_text(encoding="utf-8")
    assert "isin(MAIN_METHODS)" in source
    assert "study.measurements.query" in source


def test_05_comparisons_shows_the_plan_and_marks_what_is_not_in_it(
    run: Callable[[str, Path], Shown], results: Path
) -> None:
    shown = run("05_comparisons.ipynb", results)
    for column in ("p_adjusted", "p_specific", "is_carried_by_one", "n_used", "post hoc"):
        assert column in shown.tables
    assert shown.n_pictures == 2


def test_06_your_own_data_ends_in_a_study_that_check_accepts(
    run: Callable[[str, Path], Shown], tmp_path: Path
) -> None:
    shown = run("06_your_own_data.ipynb", tmp_path)
    assert "column 'tube': the cell is empty" in shown.text
    assert "samples: 4, tubes: 4, libraries: 0" in shown.text
    assert shown.text.rstrip().endswith("0")  # the status of the last check


def write_cells(results: Path, folder: Path) -> None:
    """Add simulated libraries of the first person of each group to a results folder."""
    import pandas as pd

    from itc_analysis import open_results
    from itc_analysis.config.sections import SingleCell
    from itc_analysis.simulate.instrument.libraries import simulate_library, write_library
    from itc_analysis.simulate.people import blood, cohort
    from itc_analysis.singlecell.annotate import annotate_libraries
    from itc_analysis.singlecell.calls.weights import read_evidence
    from itc_analysis.tables import contract
    from itc_analysis.tables.registry import BY_NAME, contract_of
    from itc_analysis.tables.singlecell import Cells, SoftCounts

    study = open_results(results)
    truth = cohort.simulate_measurement_truth("null", 1, 1)
    drawn = blood.draw_blood(truth, np.random.default_rng(1))
    more = [c for c in drawn.columns if c not in truth.columns]
    people = truth.merge(drawn[["participant_id", *more]], on="participant_id").to_dict("records")
    samples = study.samples.dropna(subset="participant_id")["sample_id"].tolist()
    rows = []
    for number, (person, sample) in enumerate(zip(people, samples, strict=False)):
        library = simulate_library(person, "null", np.random.default_rng(number), n_barcodes=300)
        write_library(folder / f"L{number}", library, note="test")
        path = folder / f"L{number}"
        rows.append(
            {
                "library_id": f"L{number}",
                "sample_id": sample,
                "path": str(path / "filtered_feature_bc_matrix.h5"),
                "format": "10x_h5",
                "contigs_path": str(path / "filtered_contig_annotations.csv"),
                "batch": "b1",
            }
        )
    into = results / "singlecell" / "b1"
    tables = annotate_libraries(
        rows,
        settings=SingleCell(),
        evidence=read_evidence(),
        signatures=pd.read_csv(
            Path(__file__).parents[2] / "config" / "signatures.tsv", sep="\t", comment="#"
        ),
        folder=into,
    )
    contract.write(tables.soft_counts, into / "soft_counts.parquet", SoftCounts, provenance={})
    contract.write(tables.cells, into / "cells.parquet", Cells, provenance={})
    libraries = contract_of(BY_NAME["libraries"])
    sheet = pd.DataFrame(rows).drop(columns=["path", "contigs_path"])
    contract.write(
        contract.make(sheet.to_dict("records"), libraries),
        Path(study.layout.libraries),
        libraries,
        provenance={},
    )


def test_03_single_cell_draws_a_map_a_dot_plot_and_pseudobulk_with_scanpy(
    run: Callable[[str, Path], Shown], make_results: Callable[..., Path], tmp_path: Path
) -> None:
    results = make_results()
    write_cells(results, tmp_path)
    shown = run("03_single_cell.ipynb", results)
    assert shown.n_pictures == 3
    assert "n_expected" in shown.tables
