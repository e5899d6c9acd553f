"""The methods text speaks only of what was measured, in finished sentences."""

from __future__ import annotations

from typing import Any

from itc_analysis.config.sections import Measure
from itc_analysis.measurements.bridge_check import THRESHOLDS_PART
from itc_analysis.measurements.collect import Limits
from itc_analysis.measurements.methods_text import describe_measurements

LIMITS = Limits(lod_events=20, lod_cells=5, min_phenotype_events=50)


def test_text_names_the_counting_that_was_used_and_no_other(study: Any) -> None:
    words = describe_measurements(study.measure(), Measure(), LIMITS)
    assert "Below 20 events in flow cytometry" in words
    assert "at least 1000 bead events" in words
    assert "counting tube" in words
    assert "haematology" not in words
    assert "single-cell" not in words
    assert "{" not in words
    assert words.endswith(".")


def test_text_of_an_empty_study_is_still_a_sentence(study: Any) -> None:
    words = describe_measurements(study.measure().head(0), Measure(), LIMITS)
    assert words.endswith(".")
    assert "bead" not in words


def test_text_tells_that_shares_were_withheld_only_where_they_were(study: Any) -> None:
    table = study.measure()
    assert "withheld" not in describe_measurements(table, Measure(), LIMITS)
    told = table["reason"].mask(table["measure"] == "share_positive", f"x: {THRESHOLDS_PART}")
    words = describe_measurements(table.assign(reason=told), Measure(), LIMITS)
    assert "more than half of 5 percentage points" in words
