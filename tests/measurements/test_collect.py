"""The narrow table: every expected row is there, and who has no number says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from itc_analysis.errors import ItcError
from itc_analysis.measurements.collect import MAIN_METHODS
from itc_analysis.scores.scoring.methods import METHODS
from itc_analysis.scores.scoring.runner import STANDARDISED
from itc_analysis.tables import contract
from itc_analysis.tables.cohort import sheets
from itc_analysis.tables.flow.tubes import Intensity, TubeQuality
from itc_analysis.tables.function import Responses
from itc_analysis.tables.measured import Counts, Measurements, ScoreTable
from itc_analysis.tables.singlecell import LibraryQuality

SAMPLES = ("H1", "H2", "H3", "H4", "H5", "P1", "P2", "BR")


def test_every_expected_row_is_there(study: Any) -> None:
    table = study.measure()
    keys = set(
        table[["source_id", "population", "measure", "feature"]].itertuples(index=False, name=None)
    )
    for name in SAMPLES:
        for population in ("gd_t_cells", "inkt", "mait"):
            assert (f"{name}-a", population, "share_of_t", "-") in keys
            assert (f"{name}-a", population, "cells_per_ul", "-") in keys
        assert (f"{name}-a", "t_cells", "cells_per_ul", "-") in keys
        assert (f"{name}-b", "innate_cd8", "share_of_t", "-") in keys
        for population in ("mait", "inkt"):
            for marker in ("PD-1", "CD69"):
                assert (f"{name}-a", population, "share_positive", marker) in keys
                assert (f"{name}-a", population, "median_intensity", marker) in keys
    # panel_a: 3 x 2 populations, T cells, 4 x 2 markers; panel_b: 1 x 2; the bridge's second tube
    # has no counting tube to borrow from, so its own T cells say so
    assert len(table) == len(SAMPLES) * (6 + 1 + 8 + 2) + 1


def test_shares_by_hand(study: Any) -> None:
    row = study.row("P1-a", "mait", "share_of_t")
    assert row["value"] == pytest.approx(0.03)
    assert (row["n_cells"], row["n_denominator"]) == (300, 10_000)
    assert (row["group"], row["participant_id"], row["batch"]) == ("SSc", "P1", "B1")
    assert row["unit"] == "share"


def test_control_tubes_are_not_measurements(study: Any) -> None:
    assert not study.measure()["source_id"].isin(["FMO-1"]).any()


def test_only_resting_tubes_are_measured(study: Any) -> None:
    table = study.change("tubes", {"file_id": "P1-a"}, condition="il12").measure()
    assert not table["source_id"].isin(["P1-a"]).any()
    assert table["source_id"].isin(["H1-a"]).any()


def test_responses_are_measurements_of_their_people(study: Any) -> None:
    pair = {
        "source_id": "P1-f", "control_id": "P1-g", "sample_id": "S-P1", "panel": "f",
        "batch": "B1", "condition": "il12", "control": "unstimulated", "population": "mait",
        "marker": "IFN-g", "n_positive": 40, "n_events": 100, "n_positive_control": 2,
        "n_events_control": 100, "difference": 0.38,
        "lower": 0.28, "upper": 0.48, "p_value": 0.0, "detection": "detected", "status": "ok",
    }  # fmt: skip
    out = pair | {"source_id": "P2-f", "control_id": "P2-g", "sample_id": "S-P2"}
    table = study.put(responses=contract.make([pair, out], Responses)).measure()
    rows = table[table["measure"] == "response"].set_index("source_id")
    assert rows.loc["P1-f", "value"] == pytest.approx(0.38)
    assert rows.loc["P1-f", "group"] == "SSc"
    # whoever may not be compared has neither number nor counts
    assert rows.loc["P2-f", "status"] == "excluded"
    assert pd.isna(rows.loc["P2-f", "n_events"])


def test_detected_population_has_a_number_and_says_so(study: Any) -> None:
    row = study.row("H1-a", "inkt", "share_of_t")
    assert row["status"] == "ok"
    assert row["value"] == pytest.approx(0.003)
    assert "detected" in row["reason"]


def test_below_the_limit_of_detection_is_censored_not_zero(study: Any) -> None:
    inkt = {"source_id": "P1-a", "population": "inkt"}
    study.change("counts", inkt, n_events=4, n_lower=1.1, n_upper=10.2, detection="below_lod")
    share = study.row("P1-a", "inkt", "share_of_t")
    assert share["status"] == "below_lod"
    assert pd.isna(share["value"])
    assert share["lower"] == 0
    assert share["upper"] == pytest.approx(20 / 10_000)  # the limit of detection, above 10.2
    count = study.row("P1-a", "inkt", "cells_per_ul")
    assert count["status"] == "below_lod"
    assert count["upper"] == pytest.approx(20 / 10_000 * 2_500)


def test_a_tubes_own_limit_of_detection_counts_where_background_raises_it(study: Any) -> None:
    inkt = {"source_id": "P1-a", "population": "inkt"}
    study.change("counts", inkt, n_events=25, n_upper=34.0, n_lod=31.0, detection="below_lod")
    share = study.row("P1-a", "inkt", "share_of_t")
    assert share["limit"] == pytest.approx(31 / 10_000)
    assert share["upper"] > 33.9 / 10_000  # of the count


@pytest.mark.parametrize("n", [0, 3, 12, 18, 19])
def test_below_detection_the_upper_limit_is_never_less_than_counting_allows(
    study: Any, n: int
) -> None:
    inkt = {"source_id": "P1-a", "population": "inkt"}
    study.change("counts", inkt, n_events=n, n_lower=None, n_upper=None, detection="below_lod")
    share = study.row("P1-a", "inkt", "share_of_t")
    exact = stats.binomtest(n, 10_000).proportion_ci(0.95, method="exact").high
    assert share["upper"] >= max(exact, 20 / 10_000) * (1 - 1e-9)
    assert share["limit"] == pytest.approx(20 / 10_000)  # what models of values take
    count = study.row("P1-a", "inkt", "cells_per_ul")
    assert count["limit"] == pytest.approx(share["limit"] * 2_500)
    assert count["upper"] == pytest.approx(share["upper"] * 2_500)


def test_upper_limit_is_the_intervals_where_it_exceeds_the_limit_of_detection(study: Any) -> None:
    inkt = {"source_id": "P1-a", "population": "inkt"}
    study.change(
        "counts", inkt, n_events=60, n_background=45.0, n_upper=36.0, detection="below_lod"
    )
    share = study.row("P1-a", "inkt", "share_of_t")
    assert share["upper"] == pytest.approx(36 / 10_000)
    assert "60 cells, 45.0 of them background" in share["reason"]


def test_phenotype_of_a_population_made_of_background_is_not_reported(study: Any) -> None:
    study.change("counts", {"source_id": "P1-a", "population": "mait"}, detection="below_lod")
    row = study.row("P1-a", "mait", "share_positive", "PD-1")
    assert row["status"] == "few_cells"
    assert "background" in row["reason"]


def test_unreadable_tube_keeps_all_its_rows_with_the_reason(study: Any) -> None:
    study.change("tube_quality", {"file_id": "P1-a"}, status="unreadable", reason="truncated file")
    study.drop("counts", "source_id", "P1-a").drop("intensity", "source_id", "P1-a")
    table = study.measure()
    rows = table[table["source_id"] == "P1-a"]
    assert len(rows) == 6 + 1 + 8
    assert set(rows["status"]) == {"unreadable"}
    assert set(rows["reason"]) == {"truncated file"}
    assert rows["value"].isna().all()


def test_panel_of_which_no_tube_was_counted_still_names_each_tube(study: Any) -> None:
    study.drop("counts", "source_id", "-b", ends=True)
    rows = study.measure()
    rows = rows[rows["source_id"].str.endswith("-b")]
    assert set(rows["source_id"]) == {f"{name}-b" for name in SAMPLES}
    assert set(rows["population"]) == {"t_cells"}


def test_gate_that_is_not_estimable_is_passed_on(study: Any) -> None:
    mait = {"source_id": "P1-a", "population": "mait"}
    study.change(
        "counts", mait, n_events=None, detection=None, status="not_estimable", reason="one peak"
    )
    for measure in ("share_of_t", "cells_per_ul"):
        row = study.row("P1-a", "mait", measure)
        assert (row["status"], row["reason"]) == ("not_estimable", "one peak")


def test_tube_without_t_cells_has_no_share(study: Any) -> None:
    study.change("counts", {"source_id": "P1-a", "parent": "t_cells"}, n_events=0, n_parent=0)
    study.change("counts", {"source_id": "P1-a", "population": "t_cells"}, n_events=0)
    row = study.row("P1-a", "mait", "share_of_t")
    assert row["status"] == "not_estimable"
    assert "no T cells" in row["reason"]


def test_measured_population_outside_the_t_cells_has_no_share_of_them(study: Any) -> None:
    study.change("counts", {"population": "lymphocytes"}, is_measured=True)
    row = study.row("P1-a", "lymphocytes", "share_of_t")
    assert row["status"] == "not_estimable"
    assert "not a part of the T cells" in row["reason"]


def test_excluded_participant_keeps_the_rows_but_no_number(study: Any) -> None:
    table = study.measure()
    rows = table[table["participant_id"] == "P2"]
    assert len(rows)
    assert set(rows["status"]) == {"excluded"}
    assert rows[["value", "lower", "upper", "standard_error"]].isna().all(axis=None)
    assert rows["reason"].str.contains("malignancy").all()
    # what was counted stays visible
    mait = rows[(rows["population"] == "mait") & (rows["measure"] == "share_of_t")]
    assert list(mait["n_cells"]) == [300]


def test_bridge_control_has_rows_without_a_person(study: Any) -> None:
    row = study.row("BR-a", "mait", "share_of_t")
    assert pd.isna(row["participant_id"])
    assert pd.isna(row["group"])
    assert row["value"] == pytest.approx(0.03)


def test_order_of_the_rows_changes_nothing(study: Any) -> None:
    expected = _sorted(study.measure())
    rng = np.random.default_rng(3)
    for name in ("participants", "samples", "tubes", "tube_quality", "counts", "intensity"):
        table = getattr(study.tables, name)
        study.put(**{name: table.iloc[rng.permutation(len(table))].reset_index(drop=True)})
    pd.testing.assert_frame_equal(_sorted(study.measure()), expected)


def test_sheet_of_tubes_may_be_left_out(study: Any) -> None:
    study.put(tubes=None)
    assert study.row("H1-a", "mait", "share_of_t")["value"] == pytest.approx(0.03)
    assert study.row("H1-a", "mait", "cells_per_ul")["status"] == "no_count"


def test_scores_are_copied_with_their_status(study: Any) -> None:
    study.put(scores=_scores())
    row = study.row("P1-a", "mait", "score", "exhaustion")
    assert (row["value"], row["standard_error"], row["unit"]) == (1.5, 0.2, "SD of healthy")
    assert row["lower"] == pytest.approx(1.5 - 1.959964 * 0.2)
    assert row["batch"] == "B1"
    lacking = study.row("H1-a", "mait", "score", "exhaustion")
    assert (lacking["status"], lacking["reason"]) == ("few_cells", "31 events, 50 needed")


def test_limits_of_a_score_hold_the_error_of_the_healthy_centre(study: Any) -> None:
    scores = _scores()
    study.put(scores=scores.assign(anchor_error=0.15))
    row = study.row("P1-a", "mait", "score", "exhaustion")
    # 0.2 and 0.15 at right angles are 0.25; people are weighed by their own error alone
    assert row["lower"] == pytest.approx(1.5 - 1.959964 * 0.25)
    assert row["upper"] == pytest.approx(1.5 + 1.959964 * 0.25)
    assert row["standard_error"] == 0.2


def test_a_share_of_several_receptors_is_a_count(study: Any) -> None:
    study.put(scores=_scores())
    row = study.row("P1-a", "mait", "share_positive", "coexpression:share_two_or_more")
    assert row["value"] == 0.25
    assert (row["n_events"], row["n_denominator"]) == (25, 100)
    exact = stats.binomtest(25, 100).proportion_ci(0.95, method="exact")
    assert (row["lower"], row["upper"]) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_single_cell_is_measured_like_flow(study: Any) -> None:
    study.put(
        libraries=contract.make(
            [
                {
                    "library_id": f"L{i}",
                    "sample_id": f"S-H{i}",
                    "format": "h5ad",
                    "batch": "C",
                }
                for i in (1, 2)
            ],
            sheets.Libraries,
        ),
        library_quality=contract.make(
            [
                _library_quality("L1", "S-H1", "ok", None),
                _library_quality("L2", "S-H2", "unreadable", "not an h5 file"),
            ],
            LibraryQuality,
        ),
        cell_counts=contract.make(
            [
                study.count(
                    "L1", "S-H1", "t_cells", parent="cells", is_measured=False, n_events=900
                ),
                study.count("L1", "S-H1", "mait", parent="t_cells", n_events=45),
                study.count(
                    "L1", "S-H1", "inkt", parent="t_cells", n_events=2, detection="below_lod"
                ),
            ],
            Counts,
        ),
    )
    row = study.row("L1", "mait", "share_of_t")
    assert (row["assay"], row["batch"]) == ("singlecell", "C")
    assert row["value"] == pytest.approx(0.05)
    # 2 of 900 T cells, below the limit of detection of 5 cells; 2 agree with up to 7.2
    inkt = study.row("L1", "inkt", "share_of_t")
    assert inkt["limit"] == pytest.approx(5 / 900)
    assert inkt["upper"] == pytest.approx(7.2 / 900, rel=0.01)
    lost = study.row("L2", "mait", "share_of_t")
    assert (lost["status"], lost["reason"]) == ("unreadable", "not an h5 file")
    table = study.measure()
    single = table[table["assay"] == "singlecell"]
    assert set(single["measure"]) == {"share_of_t"}


def test_unknown_sample_participant_and_group_are_all_named(study: Any) -> None:
    study.change("tubes", {"file_id": "H1-a"}, sample_id="S-H0")
    study.change("samples", {"sample_id": "S-H2"}, participant_id="H9")
    with pytest.raises(ItcError) as caught:
        study.measure(groups=("SScl", "healthy"))
    words = str(caught.value)
    assert "sample 'S-H0'" in words
    assert "participant 'H9'" in words
    assert "did you mean 'SScl'?" in words


def test_study_without_anything_gives_an_empty_table(study: Any) -> None:
    for name, kind in (
        ("tubes", sheets.Tubes),
        ("tube_quality", TubeQuality),
        ("counts", Counts),
        ("intensity", Intensity),
    ):
        study.put(**{name: contract.empty(kind)})
    assert study.measure().empty


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values(list(contract.key_of(Measurements)), ignore_index=True)


def _library_quality(
    library: str, sample: str, status: str, reason: str | None
) -> dict[str, object]:
    return {
        "library_id": library,
        "sample_id": sample,
        "batch": "C",
        "status": status,
        "reason": reason,
        "n_barcodes": 1_000,
        "n_cells": 900,
        "has_contigs": False,
        "has_delta_contigs": False,
    }


def _scores() -> pd.DataFrame:
    shared = {
        "assay": "flow",
        "population": "mait",
        "n_features_found": 4,
        "n_features": 4,
    }
    main = {"signature": "exhaustion", "method": "mean_logit_z", "unit": "SD of healthy"}
    return contract.make(
        [
            shared | main
            | {"source_id": "P1-a", "sample_id": "S-P1", "value": 1.5, "standard_error": 0.2, "status": "ok"},  # noqa: E501
            shared | main
            | {"source_id": "H1-a", "sample_id": "S-H1", "status": "few_cells", "reason": (
                "31 events, 50 needed"
            )},
            shared
            | {"signature": "coexpression", "method": "share_two_or_more", "unit": "share"}
            | {"source_id": "P1-a", "sample_id": "S-P1", "value": 0.25, "standard_error": 0.02, "n_cells": 100, "status": "ok"},  # noqa: E501
        ],
        ScoreTable,
    )  # fmt: skip


def test_scores_named_by_their_signature_alone_are_those_of_the_main_methods() -> None:
    # the rooms do not import one another, so the names are written twice
    assert set(MAIN_METHODS) == {method.name for method in METHODS.values()} | {STANDARDISED}


def test_a_number_names_the_panel_of_its_tube(study: Any) -> None:
    assert study.row("H1-a", "mait", "share_of_t")["panel"] == "panel_a"
