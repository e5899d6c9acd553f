"""What fit-gates kept is what apply-gates counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow.made_tubes import judged_good
from itc_analysis.config.sections import Flow
from itc_analysis.errors import ItcError
from itc_analysis.flow.counting.apply import Applied, apply_batch
from itc_analysis.flow.gates.fit import fit_batch, load_checked
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.template import Template, check_template
from itc_analysis.flow.tube.load import load_tube
from itc_analysis.flow.tube.quality_mask import Judged, kept_row
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import KeptEvents

NAMES = ["FSC-A", "SSC-A", "Time", "B525-A", "V450-A"]
TABLES = ("counts", "intensity", "combinations", "histograms")


@pytest.fixture
def template() -> Template:
    population = {"name": "t_cells", "parent": "all", "markers": ["CD3"], "method": "density_minimum",  # noqa: E501
                  "side": "above", "measured": True, "phenotype": True}  # fmt: skip
    positivity = [{"marker": "TCRgd", "role": "inhibitory"}]
    return check_template(
        {"panel": "innate", "denominator": "t_cells", "populations": [population],
         "positivity": positivity},
        "template of the tests",
    )  # fmt: skip


@pytest.fixture
def rows(
    write_fcs: Callable[..., Path], clean_events: Callable[..., np.ndarray], tmp_path: Path
) -> list[dict[str, Any]]:
    """Return a tube of which events go at the margins and in time, one to refuse and a broken
    one.
    """
    events = clean_events()
    n = events.shape[1]
    is_positive = np.arange(n) % 3 == 0
    events[3, is_positive] *= 40  # two populations
    disturbed = slice(n // 2, n // 2 + n // 10)
    events[3:, disturbed] = events[3:, disturbed] * 5 + 2000
    events[3:] = np.minimum(events[3:], 262144)
    events[0, 7:200:9] = 262144  # saturated
    usual = {
        "sample_id": "S1",
        "panel": "innate",
        "batch": "b1",
        "tube": "stained",
        "fmo_markers": None,
    }
    few = write_fcs(events[:, :500], NAMES, file_name="few.fcs")
    good = write_fcs(events, NAMES, file_name="good.fcs")
    broken = tmp_path / "broken.fcs"
    broken.write_bytes(good.read_bytes()[:1000])
    return [{**usual, "file_id": path.stem, "path": str(path)} for path in (good, few, broken)]


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_a_mask_comes_back_as_it_was(keep: list[bool]) -> None:
    mask = np.array(keep)
    table = contract.make([kept_row("T1", mask)], KeptEvents)
    assert table.loc[0, "n_events"] == len(keep)
    quality = pd.DataFrame({"file_id": ["T1"], "status": ["ok"], "reason": [None], "n_clean": [1]})
    again = Judged(quality, table).keep("T1")
    assert again.dtype == np.bool_
    np.testing.assert_array_equal(again, mask)


def test_the_kept_events_are_those_of_the_direct_check_and_the_tables_are_the_same(
    rows: list[dict[str, Any]],
    small_panel: pd.DataFrame,
    template: Template,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Flow(min_events=1000, max_share_removed=0.5)
    kept: list[dict[str, Any]] = []
    fits, quality, _ = fit_batch(rows, small_panel, template, settings, kept=kept)
    assert quality["status"].tolist() == ["ok", "failed_quality", "unreadable"]
    # by files, as the workflow hands them over
    contract.write(contract.make(kept, KeptEvents), tmp_path / "kept.parquet", KeptEvents)
    first = (tmp_path / "kept.parquet").read_bytes()
    contract.write(contract.make(kept, KeptEvents), tmp_path / "kept.parquet", KeptEvents)
    assert (tmp_path / "kept.parquet").read_bytes() == first
    table = contract.read(tmp_path / "kept.parquet", KeptEvents).set_index("file_id")
    assert table["kept"].isna().to_dict() == {"good": False, "few": True, "broken": True}
    judged = Judged(quality, table.reset_index())

    direct, _ = load_checked(rows[0], small_panel, template, settings)
    assert direct is not None
    assert direct.keep is not None
    keep = judged.keep("good")
    np.testing.assert_array_equal(keep, direct.keep)
    assert 0.7 < keep.mean() < 0.9  # at least the tenth that was disturbed is gone
    handed = load_tube(rows[0], small_panel, template.transform, settings, keep=keep)
    np.testing.assert_array_equal(handed.events, direct.events)
    assert handed.markers == direct.markers

    gates = pool_gates(fits, template, settings)
    made = apply_batch(rows, small_panel, template, gates, judged, settings)

    def judge_again(row: dict[str, Any], *given: Any, keep: Any) -> Any:
        return load_tube(row, *given)

    monkeypatch.setattr("itc_analysis.flow.counting.apply.load_tube", judge_again)
    expected: Applied = apply_batch(rows, small_panel, template, gates, judged, settings)
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(made, name), getattr(expected, name))
    counts = made.counts.set_index("source_id")
    assert counts.loc["good", "n_total"] == direct.n_events
    assert counts["status"].to_dict() == {
        "good": "ok", "few": "failed_quality", "broken": "unreadable",
    }  # fmt: skip
    assert counts.loc["few", "n_total"] == quality.set_index("file_id").loc["few", "n_clean"]


def test_events_judged_on_another_file_are_refused(
    rows: list[dict[str, Any]], small_panel: pd.DataFrame, template: Template
) -> None:
    gates = pool_gates(fit_batch(rows[:1], small_panel, template, Flow())[0], template, Flow())
    words = r"the file has 20,?000 events; which to keep was judged on 8 events; fit the gates"
    with pytest.raises(ItcError, match=words):
        apply_batch(rows[:1], small_panel, template, gates, judged_good("good"), Flow())


def test_tubes_that_were_not_judged_are_refused_together(
    rows: list[dict[str, Any]], small_panel: pd.DataFrame, template: Template
) -> None:
    gates = pool_gates(fit_batch(rows[:1], small_panel, template, Flow())[0], template, Flow())
    with pytest.raises(ItcError) as caught:
        apply_batch(rows, small_panel, template, gates, judged_good("other"), Flow())
    assert [fault.where for fault in caught.value.faults] == [
        "tube 'broken'", "tube 'few'", "tube 'good'",
    ]  # fmt: skip
    assert "fit the gates of its batch again" in str(caught.value)
