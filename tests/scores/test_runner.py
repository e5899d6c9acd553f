"""The runner: every expected row, the healthy reference, and a reason wherever there is no
score.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import Scores
from itc_analysis.scores.scoring.methods import METHODS
from itc_analysis.scores.scoring.runner import n_features_needed
from itc_analysis.tables import contract
from itc_analysis.tables.measured import ScoreTable

NAMES = ("H1", "H2", "H3", "H4", "H5", "H6", "P1", "P2", "P3", "P4")


def test_every_expected_row_is_there(study: Any) -> None:
    table = study.score()
    exhaustion = table[table["signature"] == "exhaustion"]
    flow = exhaustion[exhaustion["assay"] == "flow"]
    assert set(flow[["source_id", "population"]].itertuples(index=False, name=None)) == {
        (f"{name}-{tube}", population)
        for name in (*NAMES, "BR")
        for tube, population in (("a", "mait"), ("b", "innate_cd8"))
    }
    single = exhaustion[exhaustion["assay"] == "singlecell"]
    assert len(single) == len(NAMES) * 2
    flow = flow[flow["method"] == "mean_logit_z"]
    assert (flow.loc[flow["population"] == "mait", "status"] == "ok").all()
    assert (single["status"] == "ok").all()


def test_patients_with_more_receptors_score_higher_in_both_arms(study: Any) -> None:
    table = study.score()
    table = table[(table["signature"] == "exhaustion") & (table["population"] == "mait")]
    table = table[table["method"].isin(["mean_logit_z", "pseudobulk_z"])]
    for assay in ("flow", "singlecell"):
        rows = table[table["assay"] == assay]
        is_patient = rows["sample_id"].str.startswith("S-P")
        assert rows.loc[is_patient, "value"].min() > rows.loc[~is_patient, "value"].max()
        assert (rows["unit"] == METHODS[assay].unit).all()


def test_flow_score_is_the_mean_of_logit_z_by_hand_where_cells_are_many(study: Any) -> None:
    """With a million cells counting adds nothing, and the score is the plain mean of z."""
    rng = np.random.default_rng(12)
    table = study.flow.intensity.copy()
    shares = 1 / (1 + np.exp(rng.normal(1.0, 0.5, len(table))))
    table["n_events"] = 1_000_000
    table["n_positive"] = (1_000_000 * shares).round().astype(int)
    study.put("flow", intensity=table)
    z, variance = [], []
    for marker in ("PD-1", "TIM-3", "LAG-3", "TIGIT"):
        rows = table[(table["marker"] == marker) & (table["source_id"] != "FMO")]
        k = rows.set_index("source_id")["n_positive"].astype(float)
        logit = np.log((k + 0.5) / (1_000_000 - k + 0.5))
        healthy = logit[[f"H{i}-a" for i in range(1, 7)]]
        z.append(logit["P1-a"] - healthy.mean())
        variance.append(healthy.var(ddof=1))
    # the four variances differ by chance only and are drawn to their mean; E(1/SD) is put right by
    # 3/8 of
    # the squared relative error of a variance of 5 degrees of freedom, a quarter of it for the mean
    # of four
    variance = np.array(variance)
    error = variance * np.sqrt(2 / 5)
    between = max(np.var(variance, ddof=1) - np.mean(error**2), 0)
    kept = between / (between + error**2)
    drawn = variance.mean() + kept * (variance - variance.mean())
    left = kept**2 * error**2 + (1 - kept) ** 2 * np.sum(error**2) / 16
    sd = np.sqrt(drawn) * (1 + 3 / 8 * left / drawn**2)
    assert study.row("P1-a", "mait")["value"] == pytest.approx(np.mean(np.array(z) / sd), rel=2e-3)


def test_changing_patients_does_not_move_anybody_else(study: Any) -> None:
    before = study.score()
    study.change("flow", "intensity", {"source_id": "P1-a"}, n_positive=399)
    study.change("single_cell", "pseudobulk", {"sample_id": "S-P1"}, n_counts=5_000.0)
    after = study.score()
    others = before["sample_id"] != "S-P1"
    pd.testing.assert_frame_equal(before[others], after[others])
    assert not before[~others].equals(after[~others])


def test_bridge_control_and_excluded_healthy_people_are_no_reference(study: Any) -> None:
    study.change("cohort", "participants", {"participant_id": "H1"}, is_analysed=False)
    before = study.score()
    study.change("flow", "intensity", {"source_id": "BR-a"}, n_positive=399)
    study.change("flow", "intensity", {"source_id": "H1-a"}, n_positive=399)
    after = study.score()
    moved = before["value"].ne(after["value"]) & before["value"].notna()
    assert set(before.loc[moved, "source_id"]) == {"BR-a", "H1-a"}


def test_order_of_the_rows_changes_nothing(study: Any) -> None:
    keys = list(contract.key_of(ScoreTable))
    expected = study.score().sort_values(keys, ignore_index=True)
    rng = np.random.default_rng(7)
    for arm, names in (
        ("cohort", ("participants", "samples")),
        ("flow", ("tubes", "counts", "intensity", "combinations")),
        ("single_cell", ("sources", "pseudobulk", "depth")),
    ):
        holder = study if arm == "cohort" else getattr(study, arm)
        for name in names:
            table = getattr(holder, name)
            shuffled = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
            study.put(arm, **{name: shuffled})
    found = study.score().sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_exhaustion_is_never_scored_from_one_marker(study: Any) -> None:
    for marker in ("TIM-3", "LAG-3", "TIGIT"):
        study.drop("flow", "intensity", {"marker": marker})
    study.settings = Scores(min_features_found=0.01, subsets={})
    row = study.row("P1-a", "mait")
    assert row["status"] == "no_panel"
    assert pd.isna(row["value"])
    assert row["reason"] == ("1 of 4 features found, 2 needed; not measured: TIM-3, LAG-3, TIGIT")
    assert n_features_needed(study.signatures[0], 0.01) == 2


def test_a_population_that_was_not_evaluated_does_not_miss_its_markers(study: Any) -> None:
    counts = study.flow.counts
    others = counts[counts["population"] == "mait"].assign(population="dn_t_cells")
    study.put("flow", counts=pd.concat([counts, others], ignore_index=True))
    row = study.row("P1-a", "dn_t_cells")
    assert row["status"] == "not_estimable"
    assert row["reason"] == (
        "0 of 4 features found, 2 needed; in the panel, but not evaluated on this population: "
        "PD-1, TIM-3, LAG-3, TIGIT"
    )


def test_markers_of_another_panel_are_named(study: Any) -> None:
    row = study.row("P1-b", "innate_cd8")
    assert (row["status"], row["n_features_found"], row["n_features"]) == ("no_panel", 0, 4)
    assert "PD-1, TIM-3, LAG-3, TIGIT" in row["reason"]


def test_one_missing_marker_is_left_out_and_named(study: Any) -> None:
    study.drop("flow", "intensity", {"source_id": "P1-a", "marker": "TIGIT"})
    row = study.row("P1-a", "mait")
    assert (row["status"], row["n_features_found"]) == ("ok", 3)
    assert row["reason"] == "without TIGIT"


def test_markers_without_threshold_are_told_from_markers_not_measured(study: Any) -> None:
    here = {"source_id": "P1-a", "population": "mait"}
    study.change(
        "flow", "intensity", here, n_positive=None, threshold=None, threshold_source="none"
    )
    row = study.row("P1-a", "mait")
    assert row["status"] == "no_control"
    assert "without a threshold: PD-1" in row["reason"]


def test_few_cells_count_with_a_larger_error(study: Any) -> None:
    many = study.row("P1-a", "mait")["standard_error"]
    study.change("flow", "intensity", {"source_id": "P1-a"}, n_events=31, n_positive=9)
    study.change("flow", "counts", {"source_id": "P1-a"}, n_events=31)
    row = study.row("P1-a", "mait")
    assert row["status"] == "ok"
    assert row["standard_error"] > 2 * many


def test_events_that_the_background_explains_are_not_scored(study: Any) -> None:
    study.change("flow", "counts", {"source_id": "P1-a"}, detection="below_lod", n_lower=0.0)
    row = study.row("P1-a", "mait")
    assert row["status"] == "few_cells"
    assert "most of them background" in row["reason"]
    study.change("flow", "counts", {"source_id": "P1-a"}, n_lower=3.0)
    assert study.row("P1-a", "mait")["status"] == "ok"


def test_empty_population_is_not_scored(study: Any) -> None:
    study.change("flow", "intensity", {"source_id": "P1-a"}, n_events=0, n_positive=0)
    study.change("flow", "counts", {"source_id": "P1-a"}, n_events=0)
    row = study.row("P1-a", "mait")
    assert (row["status"], row["reason"]) == ("few_cells", "0 events, 1 needed")
    study.change("single_cell", "depth", {"sample_id": "S-P1", "population": "mait"}, n_cells=19)
    row = study.row("L-P1", "mait")
    assert (row["status"], row["reason"]) == ("few_cells", "19 cells, 20 needed")


def test_unreadable_tube_keeps_its_row(study: Any) -> None:
    study.drop("flow", "intensity", {"source_id": "P1-a"})
    study.change(
        "flow",
        "counts",
        {"source_id": "P1-a"},
        n_events=None,
        n_parent=None,
        detection=None,
        status="unreadable",
        reason="truncated file",
    )
    row = study.row("P1-a", "mait")
    assert (row["status"], row["reason"]) == ("unreadable", "truncated file")


def test_library_without_any_profile_keeps_its_rows(study: Any) -> None:
    study.change("single_cell", "depth", {"sample_id": "S-P1"}, n_cells=0, n_counts=0.0)
    study.drop("single_cell", "pseudobulk", {"sample_id": "S-P1"})
    row = study.row("L-P1", "mait")
    assert row["status"] == "not_estimable"
    assert "see its quality" in row["reason"]


def test_too_few_healthy_people_are_counted_in_the_reason(study: Any) -> None:
    for name in ("H1", "H2", "H3"):
        study.change("cohort", "participants", {"participant_id": name}, is_analysed=False)
    row = study.row("P1-a", "mait")
    assert row["status"] == "not_estimable"
    assert row["reason"] == (
        "3 analysed participants of group 'healthy' with enough mait, 4 needed"
    )


def test_study_without_a_healthy_group_says_so(study: Any) -> None:
    study.healthy_group = None
    table = study.score()
    scored = table[
        table["unit"].isin([m.unit for m in METHODS.values()]) & (table["population"] == "mait")
    ]
    assert set(scored["status"]) == {"not_estimable"}
    assert scored["reason"].str.contains("no healthy group").all()


def test_gene_without_a_molecule_in_a_profile_is_a_zero_not_missing(study: Any) -> None:
    study.drop(
        "single_cell",
        "pseudobulk",
        {"sample_id": "S-P1", "population": "mait", "gene": "PDCD1"},
    )
    row = study.row("L-P1", "mait")
    assert (row["status"], row["n_features_found"]) == ("ok", 3)


def test_gene_of_no_profile_at_all_is_not_found(study: Any) -> None:
    study.drop("single_cell", "pseudobulk", {"gene": "PDCD1"})
    row = study.row("L-P1", "mait")
    assert row["n_features_found"] == 2
    assert row["reason"] == "without PDCD1"


def test_gene_that_a_samples_own_library_lacks_is_not_found_there(study: Any) -> None:
    study.change("single_cell", "depth", {"population": "t_cells"}, n_genes_measured=3)
    study.change("single_cell", "depth", {"population": "mait"}, n_genes_measured=3)
    study.change("single_cell", "depth", {"sample_id": "S-P1"}, n_genes_measured=2)
    study.drop("single_cell", "pseudobulk", {"sample_id": "S-P1", "gene": "PDCD1"})
    assert study.row("L-P1", "mait")["reason"] == "without PDCD1"
    assert study.row("L-P2", "mait")["n_features_found"] == 3


def test_gene_that_a_filtered_list_lacks_counts_as_zero(study: Any) -> None:
    study.change("single_cell", "depth", {}, n_genes_measured=3)
    study.change("single_cell", "depth", {"sample_id": "S-P1"}, n_genes_measured=pd.NA)
    study.change("single_cell", "pseudobulk", {"sample_id": "S-P1", "gene": "PDCD1"}, n_counts=0)
    listed = study.row("L-P1", "mait")
    study.drop("single_cell", "pseudobulk", {"sample_id": "S-P1", "gene": "PDCD1"})
    row = study.row("L-P1", "mait")
    assert row["n_features_found"] == 3
    assert row["value"] == listed["value"]
    study.change("single_cell", "depth", {"sample_id": "S-P1"}, n_cells_hidden=2)
    assert study.row("L-P1", "mait")["value"] > listed["value"]  # one or two may have been there


def test_batch_with_its_own_healthy_people_is_read_against_them(study: Any) -> None:
    shifted = study.flow.intensity.copy()
    study.put("flow", intensity=shifted)
    second = []
    for name in NAMES:
        tube = study.flow.tubes[study.flow.tubes["file_id"] == f"{name}-a"]
        second.append(tube.assign(file_id=f"{name}-a2", batch="B2"))
    for table in ("counts", "intensity"):
        rows = getattr(study.flow, table)
        again = rows[rows["source_id"].isin([f"{name}-a" for name in NAMES])]
        again = again.assign(source_id=again["source_id"] + "2")
        if table == "intensity":  # brighter reagents: everybody gains positive cells
            again["n_positive"] = again["n_positive"] + 40
        study.put("flow", **{table: pd.concat([rows, again], ignore_index=True)})
    study.put("flow", tubes=pd.concat([study.flow.tubes, *second], ignore_index=True))
    table = study.score()
    rows = table[(table["signature"] == "exhaustion") & (table["population"] == "mait")]
    healthy = rows[rows["sample_id"].str.startswith("S-H") & (rows["method"] == "mean_logit_z")]
    for ending in ("-a", "-a2"):
        own = healthy[healthy["source_id"].str.endswith(ending)]
        # the batch's own six people say where it lies, but for a trace of the other batch
        assert own["value"].mean() == pytest.approx(0, abs=0.02)


def test_study_with_neither_arm_has_no_rows(study: Any) -> None:
    study.flow = study.single_cell = None
    assert study.score().empty
