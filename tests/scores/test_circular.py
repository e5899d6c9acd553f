"""Markers that say what a cell is: flagged, refused between subsets, shown with and without."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from itc_analysis.checking.plan import refuse_circular
from itc_analysis.errors import ItcError
from itc_analysis.scores.cards.circular import flagged, refuse_across_subsets
from stats.made_up_study import make_plan


@pytest.mark.parametrize("marker", ["CD161", "Va7.2", "Eomes", "panKIR", "NKG2A"])
def test_markers_that_define_a_gate_are_flagged(marker: str) -> None:
    assert flagged(["PD-1", marker], "flow") == (marker,)


@pytest.mark.parametrize("marker", ["CD160", "CD244", "TIM-3", "KLRG1", "HLA-DR"])
def test_markers_that_rise_with_innateness_are_flagged(marker: str) -> None:
    assert flagged([marker, "TIGIT"], "flow") == (marker,)


def test_genes_are_flagged_like_their_proteins() -> None:
    genes = ["PDCD1", "HAVCR2", "KLRG1", "HLA-DRA", "CD160", "EOMES", "KIR3DL1"]
    assert flagged(genes, "singlecell") == tuple(genes[1:])


def test_comparison_between_subsets_is_refused_and_every_flagged_marker_named() -> None:
    with pytest.raises(ItcError) as caught:
        refuse_across_subsets("exhaustion", ["PD-1", "TIM-3", "CD161"], "flow", ["mait", "inkt"])
    words = str(caught.value)
    assert "score 'exhaustion' compared between inkt, mait" in words
    assert "TIM-3, rises with innateness" in words
    assert "CD161, defines a population" in words
    refuse_across_subsets("exhaustion", ["PD-1", "TIM-3"], "flow", ["mait", "mait"])
    refuse_across_subsets("exhaustion", ["PD-1", "TIGIT"], "flow", ["mait", "inkt"])


def test_score_stands_with_and_without_the_flagged_markers(study: Any) -> None:
    method = "mean_logit_z_without_innate_markers"
    without = study.row("P1-a", "mait", method=method)
    study.drop("flow", "intensity", {"marker": "TIM-3"})
    dropped = study.row("P1-a", "mait")
    assert without["value"] == pytest.approx(dropped["value"])
    assert without["n_features_found"] == 3


def test_card_without_a_flagged_marker_has_one_score(study: Any) -> None:
    card = study.signatures[0]
    study.signatures = [replace(card, features=("PD-1", "LAG-3", "TIGIT"), weights=(1.0,) * 3)]
    assert not study.score()["method"].str.contains("without_innate").any()


def test_a_plan_that_compares_such_a_score_between_subsets_is_refused_before_anything_runs():
    plan = make_plan(measures=("score",), features=("exhaustion",), role="exploratory")
    block = plan.families[0].endpoints[0].model_copy(update={"minus": "gd_t_cells"})
    family = plan.families[0].model_copy(update={"endpoints": (block,)})
    across = plan.model_copy(update={"families": (family,)})
    held = {("flow", "exhaustion"): ("PD-1", "TIM-3")}
    with pytest.raises(ItcError, match=r"TIM-3.*rises with innateness"):
        refuse_circular(across, held)
    refuse_circular(plan, held)
    refuse_circular(across, {("flow", "exhaustion"): ("PD-1", "TIGIT")})
