"""The example with resting and stimulated tubes, from its FCS files to the report."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from itc_analysis import open_results
from itc_analysis.scores.words.function import EXHAUSTED
from itc_analysis.simulate.study import simulate_study

pytestmark = pytest.mark.workflow

EXAMPLE = "config/examples/stimulated"


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the example was run with the command that it names."""
    place = tmp_path_factory.mktemp("example")
    simulate_study(
        place / "stimulated", scenario="exhausted", seed=7, groups=("SSc", "healthy"),
        per_group=12, index_group_size=6, events=12_000, cells=0, batches=1,
        stimulations=("il12_il18",),
    )  # fmt: skip
    (place / "config").symlink_to(root / "config")
    done = subprocess.run(
        [
            sys.executable, "-m", "snakemake", "-s", str(root / "workflow" / "Snakefile"),
            "--workflow-profile", str(root / "workflow" / "profiles" / "default"),
            "--configfile", str(root / EXAMPLE / "config.yaml"), "--directory", str(place), "-c1",
        ],
        capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip
    if done.returncode != 0:
        pytest.fail(f"snakemake exited with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return place


def test_the_sheets_are_those_of_the_simulated_study(root: Path, folder: Path) -> None:
    written = folder / "stimulated" / "config"
    for name in ("participants.tsv", "samples.tsv"):
        assert (root / EXAMPLE / name).read_text() == (written / name).read_text()
    rows = [line for line in (written / "fcs_files.tsv").read_text().splitlines()
            if "panel_b" not in line]  # fmt: skip
    assert (root / EXAMPLE / "fcs_files.tsv").read_text().splitlines() == rows


def test_responses_are_those_that_were_planted(folder: Path) -> None:
    study = open_results(folder / "stimulated" / "results")
    truth = pd.read_csv(folder / "stimulated/truth/responses.tsv", sep="\t", comment="#")
    truth = truth[truth["stimulation"] == "il12_il18"]
    people = study.samples[["sample_id", "participant_id"]]
    found = study.responses.merge(people, on="sample_id")
    found = found.merge(truth, on=["participant_id", "population", "marker"])
    found = found[found["population"].isin(["mait", "gd_t_cells", "cd8_t_cells"])]
    by_marker = found.groupby(["population", "marker"])[["difference", "response"]].mean()
    # few cells of few people, and gates that hold a few strangers
    assert (by_marker["difference"] - by_marker["response"]).abs().max() < 0.05


def test_the_comparison_finds_that_cells_respond_less(folder: Path) -> None:
    table = open_results(folder / "stimulated" / "results").comparisons
    rows = table[(table["measure"] == "response") & (table["population"] == "mait")]
    ifn = rows[rows["feature"] == "il12_il18:IFN-g"].iloc[0]
    assert ifn["status"] == "ok"
    assert ifn["upper"] < 1
    assert ifn["lower"] < 0.15 < ifn["upper"] * 1.5


def test_exhausted_is_said_of_ssc_and_of_no_healthy_person(folder: Path) -> None:
    labels = open_results(folder / "stimulated" / "results").labels
    said = labels[labels["word"] == EXHAUSTED]
    assert set(said["group"]) == {"SSc"}
    assert (said["probability_exhausted"] >= 0.8).all()
    assert said["caution"].str.contains("chronic cause").all()


def test_resting_measures_come_from_resting_tubes_alone(folder: Path) -> None:
    study = open_results(folder / "stimulated" / "results")
    cultured = set(study.tubes.loc[study.tubes["condition"].notna(), "file_id"])
    others = study.measurements[
        (study.measurements["measure"] != "response")
        & ~study.measurements["feature"].str.contains("functionality")
    ]
    assert not others["source_id"].isin(cultured).any()
    assert not study.scores["source_id"].isin(cultured).any()


def test_the_report_says_the_words_and_how_they_came_about(folder: Path) -> None:
    page = (folder / "stimulated" / "results" / "report.html").read_text(encoding="utf-8")
    assert "il12_il18: exhausted" in page
    assert "in response to il12_il18" in page
    assert "Newcombe" in page
