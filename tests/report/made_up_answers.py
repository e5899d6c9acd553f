"""Associations, compositions and two modalities of the made-up study, written through the
contracts.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from itc_analysis.provenance import describe
from itc_analysis.results import Layout
from itc_analysis.tables import contract
from itc_analysis.tables.stats.associations import Associations
from itc_analysis.tables.stats.compositions import Compositions
from itc_analysis.tables.stats.modalities import Modalities, ModalityAgreement

MADE_BY = describe("itc compare", methods="Clinical variables were associated with the cells.")
COMMON = {
    "covariates": "age_years + sex",
    "estimand": "typical participant",
    "model": "least squares",
    "plan_digest": "0123456789ab",
    "role": "exploratory",
    "status": "ok",
}


def write(
    at: Layout, people: pd.DataFrame, *, groups: tuple[str, ...], with_single_cell: bool
) -> None:
    """Write the four tables; without groups to compare they hold no row."""
    both = bool(groups) and with_single_cell
    for rows, path, model in (
        (associations() if groups else [], at.associations, Associations),
        (compositions(groups) if groups else [], at.compositions, Compositions),
        (modalities(people) if both else [], at.modalities, Modalities),
        (agreement() if both else [], at.modality_agreement, ModalityAgreement),
    ):
        table = contract.make(rows, model) if rows else contract.empty(model)
        contract.write(table, path, model, MADE_BY)


def associations() -> list[dict[str, Any]]:
    """MAIT counts fall with the skin score; nothing goes with the antibody; capillaroscopy is known
    for nobody.
    """
    rows = []
    for variable, contrast, estimate, p in (
        ("mrss", "per 5 points", 0.7, 0.001),
        ("anticentromere", "yes vs no", 1.1, 0.6),
        ("capillaroscopy", "late vs early", None, None),
    ):
        row = COMMON | {
            "group": "SSc",
            "variable": variable,
            "contrast": contrast,
            "assay": "flow",
            "population": "mait",
            "measure": "cells_per_ul",
            "feature": "-",
            "family": "within SSc",
            "estimate_kind": "ratio",
            "unit": "points" if variable == "mrss" else "",
            "step": 5.0 if variable == "mrss" else None,
            "adjustment": "bh",
            "n_analysed": 4,
            "n_below_lod": 0,
            "n_without_measure": 1,
            "n_left_out": 0,
        }
        if estimate is None:
            row |= {"status": "not_estimable", "n_used": 0, "n_without_variable": 3}
            rows.append(row | {"reason": "capillaroscopy is known for nobody in SSc (4 people)"})
            continue
        row |= {"estimate": estimate, "lower": 0.8 * estimate, "upper": 1.2 * estimate}
        row |= {"standard_error": 0.1, "effect_size": -0.4, "estimate_unadjusted": estimate}
        row |= {"p_value": p, "p_adjusted": min(1.0, 2 * p), "n_used": 3, "n_without_variable": 0}
        if variable != "mrss":
            row |= {"n_level": 1, "n_reference": 2}
        rows.append(row)
    return rows


def compositions(groups: tuple[str, ...]) -> list[dict[str, Any]]:
    """The T cells divide otherwise than in the first other group, by the MAIT cells."""
    other = groups[1]
    rows = []
    for part, estimate, p in (
        ("joint", None, 0.002),
        ("mait", 0.4, 0.001),
        ("gd_t_cells", 0.9, 0.5),
    ):
        row = COMMON | {
            "composition": "T cells",
            "comparison": f"SSc vs {other}",
            "part": part,
            "reference_part": "cd4_t_cells",
            "index_group": "SSc",
            "reference_group": other,
            "assay": "flow",
            "p_value": p,
            "p_adjusted": max(p, 0.002),
            "adjustment": "holm",
            "n_index": 3,
            "n_reference": 4,
            "n_below_lod": 0,
            "n_missing": 1,
        }
        if estimate is not None:
            row |= {"estimate": estimate, "lower": 0.7 * estimate, "upper": 1.3 * estimate}
        rows.append(row)
    return rows


def modalities(people: pd.DataFrame) -> list[dict[str, Any]]:
    """Everybody agrees but the first person; the second is below detection by single cell."""
    rows = []
    for place, person in enumerate(people.itertuples()):
        share = 0.01 * (1 + place % 12)
        row = {
            "participant_id": person.participant_id,
            "group": person.group,
            "population": "mait",
            "flow_share": share,
            "flow_error": 0.1,
            "flow_status": "ok",
            "cell_share": 5 * share if place == 0 else share,
            "cell_error": 0.2,
            "cell_status": "ok",
            "difference": 0.0,
            "difference_is": "exact",
            "expected": 0.0,
            "expected_error": 0.2,
            "p_value": 1e-5 if place == 0 else 0.8,
            "p_adjusted": 1e-4 if place == 0 else 0.9,
            "is_discordant": place == 0,
            "status": "both",
            "plan_digest": "0123456789ab",
        }
        if place == 1:
            row |= {"cell_share": None, "cell_limit": 0.03, "cell_status": "below_lod"}
            row |= {"status": "one_below_lod", "difference_is": "at_most"}
        rows.append(row)
    return rows


def agreement() -> list[dict[str, Any]]:
    """MAIT agree well; of iNKT too few are quantified by both."""
    counts = {"n_both": 8, "n_one_below_lod": 1, "n_both_below_lod": 0, "n_one_method": 0}
    mait = counts | {
        "population": "mait",
        "ccc": 0.9,
        "ccc_lower": 0.7,
        "ccc_upper": 0.97,
        "ccc_expected": 0.95,
        "offset": 1.1,
        "offset_lower": 0.9,
        "offset_upper": 1.3,
        "limit_lower": 0.5,
        "limit_upper": 2.2,
        "n_discordant": 1,
        "discordant": "SSc01",
        "status": "ok",
        "plan_digest": "0123456789ab",
    }
    inkt = counts | {
        "population": "inkt",
        "n_both": 1,
        "n_discordant": 0,
        "status": "not_estimable",
    }
    inkt |= {"reason": "participants quantified by both methods: 1, needed 3"}
    return [mait, inkt | {"plan_digest": "0123456789ab"}]
