from __future__ import annotations

import numpy as np
import pytest
import yaml

from itc_analysis.cli import main
from itc_analysis.tables import contract
from itc_analysis.tables.comparisons import Comparisons, Diagnostics, Verdicts
from itc_analysis.tables.measured import Measurements
from itc_analysis.tables.participants import Participants
from stats.made_up_study import inverse_logit, make_measurements, make_participants


@pytest.fixture
def study(tmp_path, root):
    people = make_participants({"SSc": 12, "SLE": 8, "pSS": 8, "RA": 8, "IIM": 8, "healthy": 12})
    rng = np.random.default_rng(1)
    y = -4 - 1.2 * (people["group"] == "SSc") + rng.normal(size=len(people))
    shares = make_measurements(people, inverse_logit(y.to_numpy()), limit=0.002)
    contract.write(people, tmp_path / "participants.parquet", Participants)
    contract.write(shares, tmp_path / "measurements.parquet", Measurements)
    plan = root / "src/itc_analysis/resources/analysis_plan.yaml"
    (tmp_path / "plan.yaml").write_bytes(plan.read_bytes())
    settings = {"stats": {"n_permutations": 19}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return tmp_path


def arguments(folder, output="comparisons.parquet"):
    return [
        "compare",
        *("--config", str(folder / "config.yaml")),
        *("--cohort-config", str(folder / "config.yaml")),
        *("--plan", str(folder / "plan.yaml")),
        *("--participants", str(folder / "participants.parquet")),
        *("--measurements", str(folder / "measurements.parquet")),
        *("--output", str(folder / output)),
    ]


def test_compare_writes_every_planned_comparison_with_its_provenance(study, capsys):
    assert main(arguments(study)) == 0
    table = contract.read(study / "comparisons.parquet", Comparisons)
    assert (table["role"] == "primary").sum() == 16
    done = table[table["status"] == "ok"]
    assert set(done["population"]) == {"mait"}
    stored = contract.read_provenance(study / "comparisons.parquet")
    assert stored["table"] == "Comparisons"
    assert "plan.yaml" in stored["inputs"]
    assert "tobin1958" in stored["citations"]
    assert "left-censored" in stored["methods"]
    assert "{" not in stored["methods"]
    out = capsys.readouterr().out
    assert out == f"{len(table)} comparisons, {len(table) - len(done)} of them not estimable\n"


def test_verdicts_and_diagnostics_are_written_where_asked_for(study):
    beside = [f"--{name}={study / name}.parquet" for name in ("verdicts", "diagnostics")]
    assert main(arguments(study) + beside) == 0
    verdicts = contract.read(study / "verdicts.parquet", Verdicts)
    assert len(verdicts) == 8
    mait = verdicts.set_index(["population", "measure"]).loc[("mait", "share_of_t")]
    assert mait["n_controls"] == 5
    assert mait["words"]
    diagnostics = contract.read(study / "diagnostics.parquet", Diagnostics)
    table = contract.read(study / "comparisons.parquet", Comparisons)
    assert len(diagnostics) == table["role"].isin(["primary", "secondary"]).sum()
    for name in ("verdicts", "diagnostics"):
        assert "{" not in contract.read_provenance(study / f"{name}.parquet")["methods"]


def test_a_second_run_writes_the_same_bytes(study):
    assert main(arguments(study)) == 0
    assert main(arguments(study, "again.parquet")) == 0
    first, again = (study / name for name in ("comparisons.parquet", "again.parquet"))
    assert first.read_bytes() == again.read_bytes()


def test_a_fault_in_the_plan_is_told_without_traceback(study, capsys):
    plan = yaml.safe_load((study / "plan.yaml").read_text(encoding="utf-8"))
    plan["families"][0]["rol"] = plan["families"][0].pop("role")
    (study / "plan.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    assert main(arguments(study)) == 2
    told = capsys.readouterr().err
    assert "did you mean 'role'?" in told
    assert not (study / "comparisons.parquet").exists()


def test_a_missing_table_is_told_without_traceback(study, capsys):
    (study / "measurements.parquet").unlink()
    assert main(arguments(study)) == 2
    assert "run the step that makes it" in capsys.readouterr().err
