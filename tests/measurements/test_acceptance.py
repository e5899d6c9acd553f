"""Counts that break an acceptance rule say so and stay."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from itc_analysis.measurements.acceptance import (
    PARTS,
    RULES,
    count_judged,
    find_broken_lymphosums,
    find_broken_sums,
    find_tubes_that_differ,
)


def counts(**tubes: tuple[str, dict[str, int]]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        {
            "source_id": source,
            "sample_id": sample,
            "population": population,
            "n_events": n,
            "status": "ok",
        }
        for source, (sample, events) in tubes.items()
        for population, n in events.items()
    ]
    return pd.DataFrame(rows)


WHOLE = dict(zip(PARTS, (300, 20, 280, 5_500, 3_400, 350, 150), strict=True)) | {"t_cells": 10_000}


def test_t_cells_are_the_sum_of_all_parts_and_not_of_cd4_and_cd8() -> None:
    # CD4 + CD8 are 11 % short of CD3 here, which the classical T-sum would not accept.
    assert find_broken_sums(counts(a=("S1", WHOLE))) == {}
    lost = find_broken_sums(counts(a=("S1", WHOLE | {"cd8_t_cells": 2_200})))
    assert lost == {"a": "T cells and the sum of their parts differ by 12%: check the gates"}


def test_a_tube_without_the_parts_is_not_judged_by_them() -> None:
    few = {"t_cells": 10_000, "mait": 300}
    assert find_broken_sums(counts(b=("S1", few))) == {}
    assert set(find_broken_sums(counts(a=("S1", WHOLE | {"mait": 3_000}), b=("S1", few)))) == {"a"}


def test_tubes_of_one_sample_agree_within_three_points() -> None:
    tubes = {
        "a": ("S1", {"t_cells": 7_000, "live": 10_000}),
        "b": ("S1", {"t_cells": 3_640, "live": 5_000}),
        "c": ("S2", {"t_cells": 7_000, "live": 10_000}),
        "d": ("S2", {"t_cells": 3_600, "live": 5_000}),
    }
    found = find_tubes_that_differ(counts(**tubes))
    # 70.0 against 72.8 % is accepted, 70.0 against 72.0 % too
    assert found == {}
    tubes["d"] = ("S2", {"t_cells": 3_300, "live": 5_000})
    found = find_tubes_that_differ(counts(**tubes))
    assert set(found) == {"c", "d"}
    assert "differ by 4.0 points" in found["c"]


def test_the_remark_stands_at_the_t_count_which_is_kept(study: Any) -> None:
    # H1: 10,000 T cells in tube a and 8,000 in tube b, of as many live cells
    live = [study.count(f"H1-{tube}", "H1", "live", n_events=12_000, n_parent=20_000, parent="all",
                        is_measured=False) for tube in "ab"]  # fmt: skip
    before = study.row("H1-a", "t_cells", "cells_per_ul")
    study.append(counts=pd.DataFrame(live))
    after = study.row("H1-a", "t_cells", "cells_per_ul")
    assert "tubes of the sample differ by 16.7 points" in after["reason"]
    assert after["value"] == before["value"]
    assert after["status"] == "ok"


@pytest.mark.parametrize(
    ("other", "n_remarked"),
    [
        ({}, 1),  # panel b has no absolute count
        ({"condition": "pma"}, 0),
        ({"condition": "unstimulated"}, 0),
        ({"tube": "fmo", "fmo_markers": "CD3"}, 0),
    ],
)
def test_stained_tubes_of_resting_cells_alone_are_compared(
    study: Any, other: dict[str, str], n_remarked: int
) -> None:
    """PMA takes CD3 off the cells, and its control is cultured as well."""
    live = [
        study.count(f"H1-{tube}", "H1", "live", n_events=12_000, n_parent=20_000, parent="all",
                    is_measured=False) for tube in "ab"
    ]  # fmt: skip
    study.append(counts=pd.DataFrame(live)).change("tubes", {"file_id": "H1-b"}, **other)
    reasons = study.measure()["reason"]
    assert reasons.str.contains("tubes of the sample differ").sum() == n_remarked


PARENT = {"lymphocytes": "all", "live": "lymphocytes", "cd3_pos": "live", "t_cells": "cd3_pos",
          "not_t": "live", "b_cells": "not_t", "nk_cells": "not_t"}  # fmt: skip


def lymphocytes(n_b: int, *, parent: dict[str, str] = PARENT) -> pd.DataFrame:
    """Return the counts of one tube whose live lymphocytes are 10,000."""
    events = {"lymphocytes": 11_000, "live": 10_000, "cd3_pos": 7_100, "t_cells": 7_000,
              "not_t": 2_900, "b_cells": n_b, "nk_cells": 1_500}  # fmt: skip
    table = counts(a=("S1", events))
    return table.assign(parent=[parent[name] for name in table["population"]])


def test_t_b_and_nk_cells_are_the_live_lymphocytes_within_a_tenth() -> None:
    assert find_broken_lymphosums(lymphocytes(1_000)) == {}
    assert find_broken_lymphosums(lymphocytes(500)) == {}  # 90 %
    lost = find_broken_lymphosums(lymphocytes(300))
    assert lost == {"a": "T, B and NK cells are 88% of live: check purity and gates"}
    assert set(find_broken_lymphosums(lymphocytes(2_700))) == {"a"}  # 112 %


def test_without_b_and_nk_cells_or_a_lymphocyte_gate_there_is_no_lymphosum() -> None:
    table = lymphocytes(300)
    assert find_broken_lymphosums(table[table["population"] != "nk_cells"]) == {}
    apart = PARENT | {"b_cells": "all", "nk_cells": "all"}
    assert find_broken_lymphosums(lymphocytes(300, parent=apart)) == {}


def test_each_rule_says_how_many_tubes_it_judged() -> None:
    parts, lymphosum, tubes = RULES
    assert count_judged(lymphocytes(300)) == {parts: 0, lymphosum: 1, tubes: 0}
    two = counts(a=("S1", WHOLE | {"live": 20_000}), b=("S1", {"t_cells": 1, "live": 2}))
    assert count_judged(two) == {parts: 1, lymphosum: 0, tubes: 2}
