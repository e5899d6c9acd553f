"""`itc compare-genes`: what it writes and says."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from itc_analysis import provenance
from itc_analysis.cli import main
from itc_analysis.report.html.bibliography import REFERENCES
from itc_analysis.tables import contract
from itc_analysis.tables.cohort import sheets
from itc_analysis.tables.cohort.participants import Participants
from itc_analysis.tables.singlecell import Pseudobulk, PseudobulkDepth
from itc_analysis.tables.stats.genes import Genes
from stats.made_up_profiles import make_counts, tables_of
from stats.made_up_study import make_participants


@pytest.fixture
def study(tmp_path, root):
    people = make_participants({"SSc": 8, "SLE": 6, "healthy": 7}, seed=3)
    tables = tables_of(make_counts(people), population="cd4_t_cells")
    made_with = provenance.describe("itc annotate", parameters={"min_pseudobulk_cells": 20})
    contract.write(people, tmp_path / "participants.parquet", Participants)
    contract.write(tables.samples, tmp_path / "samples.parquet", sheets.SampleSheet)
    contract.write(tables.libraries, tmp_path / "libraries.parquet", sheets.Libraries)
    contract.write(tables.pseudobulk, tmp_path / "pseudobulk.parquet", Pseudobulk, made_with)
    contract.write(tables.depth, tmp_path / "depth.parquet", PseudobulkDepth, made_with)
    plan = root / "src/itc_analysis/resources/analysis_plan.yaml"
    (tmp_path / "plan.yaml").write_bytes(plan.read_bytes())
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"stats": {}}), encoding="utf-8")
    return tmp_path


def arguments(folder, output="genes.parquet"):
    named = {
        "config": "config.yaml",
        "plan": "plan.yaml",
        "participants": "participants.parquet",
        "samples": "samples.parquet",
        "libraries": "libraries.parquet",
        "pseudobulk": "pseudobulk.parquet",
        "pseudobulk-depth": "depth.parquet",
        "output": output,
    }
    return ["compare-genes", *(f"--{name}={folder / file}" for name, file in named.items())]


def test_every_population_and_contrast_of_the_plan_is_there(study, capsys):
    assert main(arguments(study)) == 0
    table = contract.read(study / "genes.parquet", Genes)
    assert len(table[["population", "comparison"]].drop_duplicates()) == 6 * 6
    done = table[table["status"] == "ok"]
    assert set(done["population"]) == {"cd4_t_cells"}
    assert set(done["comparison"]) == {"SSc vs healthy", "SSc vs CTD", "SSc vs SLE"}
    assert capsys.readouterr().out == (
        f"36 comparisons, 33 of them not estimable; {len(done)} tests of genes\n"
    )
    stored = contract.read_provenance(study / "genes.parquet")
    assert "pydeseq2" in stored["packages"]
    assert "20 cells or more" in stored["methods"]
    assert "{" not in stored["methods"]
    assert set(stored["citations"]) <= set(REFERENCES)


def test_the_same_tables_give_the_same_bytes(study):
    for name in ("first", "second"):
        assert main(arguments(study, f"{name}.parquet")) == 0
    first, second = (study / f"{name}.parquet" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_a_plan_without_genes_does_not_load_the_library(study):
    """Its import costs more than everything else that such a study asks of the command."""
    plan = study / "plan.yaml"
    plan.write_text(plan.read_text().split("\ngenes:")[0], encoding="utf-8")
    code = (
        "import sys; from itc_analysis.cli import main; main(sys.argv[1:]); print('pydeseq2' in "
        "sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, *arguments(study)], check=True, capture_output=True, text=True
    )
    assert told.stdout.splitlines() == [
        "0 comparisons, 0 of them not estimable; 0 tests of genes",
        "False",
    ]
    assert contract.read(study / "genes.parquet", Genes).empty
    assert contract.read_provenance(study / "genes.parquet")["methods"] == ""
