from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from itc_analysis.config.sections import SingleCell
from itc_analysis.singlecell.counts import (
    count_populations,
    detection_of,
    uncounted,
)
from itc_analysis.singlecell.pseudobulk import POPULATIONS
from itc_analysis.statistics.binomial import count_limits
from itc_analysis.tables.singlecell import INNATE

ROW = {"library_id": "lib1", "sample_id": "s1"}
SETTINGS = SingleCell(lod_cells=5, loq_cells=20)


def cells(*, with_alpha: float = 0.0, **numbers: int) -> pd.DataFrame:
    """Return called cells; of the T cells other than gamma-delta a share shows an alpha chain."""
    calls = [call for call, n in numbers.items() for _ in range(n)]
    no_t = ("not_t", "doublet", "indeterminate")
    table = pd.DataFrame(
        {
            "call": pd.Series(calls, dtype="string"),
            "posterior_t": [0.1 if call in no_t else 0.99 for call in calls],
        }
    )
    for name in INNATE:
        table[f"posterior_{name}"] = (table["call"] == name).map({True: 1.0, False: 0.0})
    able = table.index[~table["call"].isin([*no_t, "gd_t_cells"])]
    table["has_alpha"] = table.index.isin(able[: round(with_alpha * len(able))])
    return table


def counted(
    table: pd.DataFrame, not_callable: dict[str, str] | None = None, row: dict[str, str] = ROW
) -> pd.DataFrame:
    found = count_populations(row, table, settings=SETTINGS, not_callable=not_callable or {})
    return found.set_index("population")


def test_counts_add_up_and_every_population_has_its_row() -> None:
    found = counted(cells(mait=25, gd_t_cells=5, cd4_t_cells=100, other_t_cells=10, not_t=60))
    assert set(found.index) == set(POPULATIONS)
    assert found.loc["t_cells", ["n_events", "n_parent", "n_total"]].tolist() == [140, 200, 200]
    assert found.loc["mait", ["n_events", "n_parent", "n_total"]].tolist() == [25, 140, 200]
    assert found["detection"].to_dict() == {
        "mait": "quantified",
        "inkt": "below_lod",
        "gd_t_cells": "detected",
        "innate_cd8": "below_lod",
        "cd4_t_cells": "quantified",
        "cd8_t_cells": "below_lod",
        "t_cells": "quantified",
    }
    assert not found.loc["t_cells", "is_measured"]
    assert found.loc["mait", "is_measured"]
    assert found[["n_background", "gate_se_log", "gate_state"]].isna().all().all()


def test_only_populations_of_an_alpha_chain_are_corrected_for_its_capture() -> None:
    table = cells(with_alpha=0.6, mait=24, gd_t_cells=60, cd4_t_cells=126)
    found = counted(table, row=ROW | {"contigs_path": "contigs.csv"})
    # 90 of the 150 cells that can have one; gamma-delta cells cannot
    assert found.loc[["mait", "inkt"], "capture"].tolist() == pytest.approx([0.6, 0.6])
    assert found.loc["mait", "capture_se_log"] == pytest.approx(np.sqrt(0.4 / 90))
    assert found.drop(index=["mait", "inkt"])["capture"].isna().all()
    assert found.loc["mait", "n_expected"] == pytest.approx(24)
    assert found.loc["mait", "n_events"] == 24
    # without receptors nothing is corrected; without a single chain nothing is counted
    assert counted(table)["capture"].isna().all()
    none = counted(cells(mait=0, cd4_t_cells=50), row=ROW | {"contigs_path": "contigs.csv"})
    assert none.loc["mait", "status"] == "not_estimable"
    assert none.loc["mait", "reason"].startswith("no alpha chain was seen in any of the 50 T cells")
    assert none.loc["cd4_t_cells", "n_events"] == 50


def test_none_found_is_zero_with_an_upper_limit_not_missing() -> None:
    row = counted(cells(cd4_t_cells=500)).loc["inkt"]
    assert row["n_events"] == 0
    assert row["status"] == "ok"
    assert row["n_lower"] == 0
    assert 3 < row["n_upper"] < 4  # 3.7 for a Poisson count of none


def test_what_cannot_be_shown_is_null_with_its_reason_not_zero() -> None:
    row = counted(cells(cd4_t_cells=50), {"inkt": "no receptor contigs"}).loc["inkt"]
    assert pd.isna(row["n_events"])
    assert pd.isna(row["n_upper"])
    assert pd.isna(row["detection"])
    assert (row["status"], row["reason"]) == ("not_estimable", "no receptor contigs")


def test_a_library_without_t_cells_estimates_no_share() -> None:
    found = counted(cells(not_t=30))
    assert found.loc["t_cells", "n_events"] == 0
    assert found.loc["t_cells", "status"] == "ok"
    assert found.loc["mait", "status"] == "not_estimable"
    assert found.loc["mait", "n_parent"] == 0


@pytest.mark.parametrize("status", ["unreadable", "failed_quality"])
def test_an_unusable_library_keeps_all_its_rows(status: str) -> None:
    found = uncounted(ROW, status=status, reason="cut short")
    assert found["population"].tolist() == list(POPULATIONS)
    assert found["n_events"].isna().all()
    assert (found["status"] == status).all()
    assert (found["reason"] == "cut short").all()


@given(n=st.integers(1, 5000), share=st.floats(0, 1))
def test_limits_are_those_of_statsmodels(n: int, share: float) -> None:
    k = round(n * share)
    lower, upper = proportion_confint(k, n, alpha=0.05, method="beta")
    # statsmodels inverts the beta distribution by another routine: 1e-6 of the parent
    assert count_limits(k, n) == (
        pytest.approx(lower * n, abs=1e-6 * n),
        pytest.approx(upper * n, abs=1e-6 * n),
    )


def test_detection_changes_exactly_at_its_limits() -> None:
    limits = [detection_of(n, settings=SETTINGS) for n in (0, 4, 5, 19, 20)]
    assert limits == ["below_lod", "below_lod", "detected", "detected", "quantified"]
