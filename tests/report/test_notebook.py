"""The notebook runs on a results folder and is stored without outputs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient


@pytest.fixture(scope="module")
def notebook(root: Path) -> nbformat.NotebookNode:
    return nbformat.read(root / "notebooks" / "first_look.ipynb", as_version=nbformat.NO_CONVERT)


class ThisPython(AsyncKernelManager):
    """Starts a kernel of the Python that runs the tests, whether or not a kernel is registered."""

    @property
    def kernel_spec(self) -> KernelSpec:
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="this Python", language="python")


def test_the_notebook_is_stored_without_outputs(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


# jupyter_client and zmq leave their sockets to the garbage collector
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_notebook_shows_comparisons_verdicts_associations_and_three_pictures(
    notebook: nbformat.NotebookNode,
    results: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ITC_RESULTS", str(results))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    client = NotebookClient(
        notebook, timeout=120, kernel_manager_class=ThisPython,
        resources={"metadata": {"path": str(tmp_path)}},
    )  # fmt: skip
    executed = client.execute()
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert [output for output in outputs if output.output_type == "error"] == []
    data = [output.data for output in outputs if "data" in output]
    tables = [item["text/html"] for item in data if "text/html" in item]
    for column in ("p_adjusted", "p_specific", "is_carried_by_one", "n_used"):
        assert column in json.dumps(tables)
    # points, forest, gate
    assert sum("image/png" in item for item in data) == 3


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
    from itc_analysis.tables.singlecell import SoftCounts

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


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_notebook_of_cells_draws_a_map_a_dot_plot_and_pseudobulk_with_scanpy(
    root: Path, make_results: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = make_results()
    write_cells(results, tmp_path)
    path = root / "notebooks" / "single_cell.ipynb"
    cells = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(cells)
    assert all(cell.outputs == [] for cell in cells.cells if cell.cell_type == "code")
    monkeypatch.setenv("ITC_RESULTS", str(results))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    client = NotebookClient(
        cells, timeout=600, kernel_manager_class=ThisPython,
        resources={"metadata": {"path": str(tmp_path)}},
    )  # fmt: skip
    outputs = [out for cell in client.execute().cells for out in cell.get("outputs", [])]
    assert [output for output in outputs if output.output_type == "error"] == []
    data = [output.data for output in outputs if "data" in output]
    assert sum("image/png" in item for item in data) == 3
    assert any("n_expected" in item.get("text/html", "") for item in data)
