"""Power against R's power.t.test and the figures of the study's own planning."""

from __future__ import annotations

import math

import pytest

from cohort.cohort_examples import participant_table, spotless
from itc_analysis.cohort.description.groups import count_sizes, members
from itc_analysis.cohort.description.power import (
    ALPHA,
    detectable_difference,
    make_power_table,
    power_of,
)
from itc_analysis.config.loading import validate
from itc_analysis.config.sections import Cohort
from itc_analysis.errors import SettingsError
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.participants import Participants


def test_power_agrees_with_the_example_of_power_t_test_in_r() -> None:
    # R's help page: power.t.test(n = 20, delta = 1, sd = 1) gives 0.8689528; R leaves out the
    # chance to reject on the wrong side, as we do. 1e-6: printed digits.
    assert power_of(20, 20, 1.0, alpha=0.05) == pytest.approx(0.8689528, abs=1e-6)


def test_the_difference_agrees_with_the_other_example_of_power_t_test() -> None:
    # power.t.test(power = .90, delta = 1) gives n = 22.02110: 22 are a little too few, 23 enough
    assert detectable_difference(22, 22, alpha=0.05, power=0.9) > 1
    assert detectable_difference(23, 23, alpha=0.05, power=0.9) < 1


def test_sixty_against_sixty_agrees_with_the_study_document() -> None:
    # d = 0.51 and a ratio of 0.60 at sigma 1, 0.52 under Bonferroni 8: two digits, and the document
    # takes the normal where we take the t distribution
    difference = detectable_difference(60, 60, alpha=ALPHA, power=0.8)
    assert difference == pytest.approx(0.51, abs=0.01)
    assert math.exp(-difference) == pytest.approx(0.60, abs=0.01)
    corrected = detectable_difference(60, 60, alpha=ALPHA / 8, power=0.8)
    assert math.exp(-corrected) == pytest.approx(0.52, abs=0.01)
    # a gamma-delta ratio of 0.7 at sigma 0.95 has about 54 % power
    assert power_of(60, 60, -math.log(0.7) / 0.95, alpha=ALPHA) == pytest.approx(0.54, abs=0.02)


def test_more_people_and_larger_differences_have_more_power() -> None:
    assert power_of(10, 10, 0.5, alpha=0.05) < power_of(10, 20, 0.5, alpha=0.05)
    assert power_of(10, 20, 0.5, alpha=0.05) < power_of(10, 20, 0.8, alpha=0.05)
    assert power_of(10, 20, 0.0, alpha=0.05) == pytest.approx(0.025)


def test_a_group_of_one_has_no_power() -> None:
    assert math.isnan(power_of(1, 60, 1.0, alpha=0.05))
    assert math.isnan(detectable_difference(60, 1, alpha=0.05, power=0.8))


def people(cohort: Cohort, sizes: dict[str, int]):
    rows = [
        spotless(f"P{group}{n}", group, ssc_subset="lcSSc" if group == "SSc" and n else None)
        for group, size in sizes.items()
        for n in range(size)
    ]
    table = participant_table(*rows).assign(
        decision="eligible", reasons=None, decided_by="rules", is_analysed=True
    )
    table.loc[0, ["decision", "is_analysed"]] = ["excluded", False]
    return contract.make(table, Participants)


def test_sizes_at_hand_are_counted_and_planned_ones_come_from_the_settings() -> None:
    cohort = Cohort(planned_sizes={"SSc": 60, "SLE": 30, "pSS": 30, "RA": 30, "IIM": 30})
    table = make_power_table(
        people(cohort, {"SSc": 5, "SLE": 3, "healthy": 4}), cohort=cohort, n_primary=8
    )
    at_hand = table[(table["sizes"] == "at hand") & (table["alpha"] == ALPHA)].set_index("group")
    assert at_hand["n_group"].to_dict() == {
        "SLE": 3, "pSS": 0, "RA": 0, "IIM": 0, "healthy": 4, "CTD": 3
    }  # fmt: skip
    assert set(at_hand["n_index"]) == {4}
    planned = table[table["sizes"] == "planned"].set_index("group")["n_group"]
    assert planned["CTD"].tolist() == [120, 120]
    assert "healthy" not in planned


def test_sizes_add_up_and_stand_beside_their_plan() -> None:
    cohort = Cohort(planned_sizes={"SSc": 60})
    sizes = count_sizes(people(cohort, {"SSc": 5, "SLE": 3}), cohort=cohort).set_index("group")
    assert sizes.loc["SSc"].tolist() == [60, 5, 4, 1, 0, 4]
    assert sizes["planned"].isna().tolist() == [False, True, True, True, True, True]
    parts = sizes[["eligible", "excluded", "to_be_queried"]].sum(axis=1)
    assert parts.tolist() == sizes["enrolled"].tolist()


def test_the_sets_that_are_compared() -> None:
    cohort = Cohort()
    sets = members(people(cohort, {"SSc": 5, "SLE": 3, "RA": 2}), cohort=cohort)
    sizes = {name: len(who) for name, who in sets.items()}
    assert sizes == {
        "SSc": 4, "SLE": 3, "pSS": 0, "RA": 2, "IIM": 0, "healthy": 0, "CTD": 5, "SSc: lcSSc": 4
    }  # fmt: skip


def test_a_plan_for_an_unknown_group_is_refused() -> None:
    with pytest.raises(SettingsError, match="planned_sizes names no group of the study: SCC"):
        validate(Cohort, {"planned_sizes": {"SCC": 60}}, "config.yaml")
