from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from itc_analysis.cli import main
from itc_analysis.report.html.bibliography import REFERENCES
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.participants import Participants
from itc_analysis.tables.measured import Measurements
from itc_analysis.tables.stats.associations import Associations
from itc_analysis.tables.stats.comparisons import Comparisons, Diagnostics, Verdicts
from itc_analysis.tables.stats.compositions import Compositions
from itc_analysis.tables.stats.modalities import Modalities, ModalityAgreement
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


def arguments(folder, output="."):
    return [
        "compare",
        *("--config", str(folder / "config.yaml")),
        *("--plan", str(folder / "plan.yaml")),
        *("--participants", str(folder / "participants.parquet")),
        *("--measurements", str(folder / "measurements.parquet")),
        *("--output-folder", str(folder / output)),
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


def test_a_group_that_nobody_has_is_refused_before_the_first_table_is_written(study, capsys):
    plan = study / "plan.yaml"
    text = plan.read_text(encoding="utf-8")
    block = yaml.safe_load(text)
    block["associations"][0]["group"] = "Lupus"
    plan.write_text(yaml.safe_dump(block), encoding="utf-8")
    assert main(arguments(study, "out")) == 2
    assert "unknown group 'Lupus'" in capsys.readouterr().err
    assert not list((study / "out").glob("*.parquet"))


def test_verdicts_and_diagnostics_are_written_too(study):
    assert main(arguments(study)) == 0
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


def test_associations_compositions_and_modalities_are_written_too_and_alike_each_time(study):
    names = {
        "associations": Associations,
        "compositions": Compositions,
        "modalities": Modalities,
        "modality_agreement": ModalityAgreement,
    }
    assert main(arguments(study)) == 0
    written = {
        name: contract.read(study / f"{name}.parquet", table) for name, table in names.items()
    }
    within = written["associations"]
    assert set(within["group"]) == {"SSc"}
    assert (within["n_analysed"] == 12).all()
    assert len(within) == 16 * 17  # endpoints x contrasts of the default plan
    assert set(written["compositions"]["part"]) > {"mait", "joint"}
    assert len(written["modalities"]) == 56 * 4
    assert len(written["modality_agreement"]) == 4
    for name in names:
        stored = contract.read_provenance(study / f"{name}.parquet")
        assert stored["methods"].endswith(".")
        assert "{" not in stored["methods"]
        assert set(stored["citations"]) <= set(REFERENCES)
        assert "plan.yaml" in stored["inputs"]
    assert main(arguments(study, "again")) == 0
    for name in ("comparisons", "verdicts", "diagnostics", *names):
        first, second = (study / end / f"{name}.parquet" for end in ("", "again"))
        assert first.read_bytes() == second.read_bytes()


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


def post_hoc(study, **changes):
    family = {
        "name": "after looking",
        "role": "post_hoc",
        "adjustment": "holm",
        "contrasts": ["SLE", "RA"],
        "endpoints": [{"assay": "flow", "populations": ["maits"], "measures": ["share_of_t"]}],
    }
    path = study / "post_hoc.yaml"
    path.write_text(yaml.safe_dump({"families": [family | changes]}), encoding="utf-8")
    return ["--post-hoc", str(path)]


def test_what_was_not_planned_is_marked_post_hoc_and_leaves_the_plan_alone(study):
    mait = contract.read(study / "measurements.parquet", Measurements)
    more = mait.assign(population="maits")
    contract.write(pd.concat([mait, more]), study / "measurements.parquet", Measurements)
    assert main(arguments(study)) == 0
    planned = contract.read(study / "comparisons.parquet", Comparisons)
    assert main(arguments(study, "both") + post_hoc(study)) == 0
    both = contract.read(study / "both/comparisons.parquet", Comparisons)
    added = both[both["role"] == "post_hoc"]
    # the plan's p values do not know of those added, and these are adjusted among themselves
    pd.testing.assert_frame_equal(both[both["role"] != "post_hoc"].reset_index(drop=True), planned)
    assert set(added["comparison"]) == {"SSc vs SLE", "SSc vs RA"}
    smallest = added["p_value"].min()
    assert added["p_adjusted"].min() == pytest.approx(min(2 * smallest, 1))
    assert len(set(added["plan_digest"])) == 1
    assert not set(added["plan_digest"]) & set(planned["plan_digest"])
    stored = contract.read_provenance(study / "both/comparisons.parquet")
    assert "post hoc" in stored["methods"]
    assert "post_hoc.yaml" in stored["inputs"]


def test_a_planned_comparison_cannot_be_post_hoc_nor_the_reverse(study, capsys):
    endpoints = [{"assay": "flow", "populations": ["mait"], "measures": ["share_of_t"]}]
    extra = post_hoc(study, name="primary", role="exploratory", endpoints=endpoints)
    assert main(arguments(study) + extra) == 2
    told = capsys.readouterr().err
    assert "role 'exploratory': what the plan does not hold is post hoc" in told
    assert "the plan has a family of this name" in told
    assert "SSc vs SLE, flow mait share_of_t - is planned, in family 'each disease'" in told
    plan = yaml.safe_load((study / "plan.yaml").read_text(encoding="utf-8"))
    plan["families"][0]["role"] = "post_hoc"
    (study / "plan.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    assert main(arguments(study)) == 2
    assert "role 'post_hoc' has no place in the plan" in capsys.readouterr().err
