"""The blood sample around the T cells: other leucocytes, the analyser's counts, hours to
staining.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from itc_analysis.simulate.cells.kinds import NON_T_LEAVES

#: B cells, NK cells and monocytes per T cell: median and ln SD [C, lymphocyte subsets of MEDICC
#: 2019; monocytes P]. T cells are then about 55 % of live cells and 73 % of lymphocytes.
CELLS_PER_T = {"b_cells": (0.16, 0.30), "nk_cells": (0.20, 0.35), "monocytes": (0.42, 0.25)}
#: White blood cells, 10^9/L: median and ln SD [P, adult reference interval 4-10].
WBC, WBC_SIGMA = 6.5, 0.22
#: Lymphocytes are never more than this share of the white blood cells here [P].
MAX_LYMPHOCYTE_SHARE = 0.55
#: Relative error of a haematology analyser [P].
ANALYSER_CV = 0.03
#: Dead cells among events that are no beads [P]; more the longer the blood waited.
DEAD_SHARE = (0.03, 0.06)
#: Hours from draw to staining.
DRAW_TO_STAIN_HOURS = (2.0, 30.0)
CELLS_PER_UL_IN_10E9_PER_L = 1000.0


def draw_blood(truth: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Draw what else is in each participant's tube and on the haematology report.

    Parameters
    ----------
    truth : pandas.DataFrame
        as `cohort.simulate_measurement_truth` returns it; t_cells_per_ul is read.
    rng : numpy.random.Generator
        random numbers.

    Returns
    -------
    pandas.DataFrame
        One row per participant: participant_id; ``per_t_<population>`` for B, NK cells and
        monocytes; dead_share; draw_to_stain_hours; wbc_10e9_per_l and lymphocyte_share as the
        analyser printed them.
    """
    n = len(truth)
    columns: dict[str, object] = {"participant_id": truth["participant_id"]}
    per_t = {
        name: median * np.exp(sigma * rng.standard_normal(n))
        for name, (median, sigma) in CELLS_PER_T.items()
    }
    columns |= {f"per_t_{name}": per_t[name] for name in NON_T_LEAVES}
    waited = rng.random(n)
    low, high = DRAW_TO_STAIN_HOURS
    columns["draw_to_stain_hours"] = np.round(low + (high - low) * waited, 1)
    low, high = DEAD_SHARE
    columns["dead_share"] = low + (high - low) * (waited + rng.random(n)) / 2
    lymphocytes = (
        truth["t_cells_per_ul"].to_numpy()
        * (1 + per_t["b_cells"] + per_t["nk_cells"])
        / CELLS_PER_UL_IN_10E9_PER_L
    )
    wbc = WBC * np.exp(WBC_SIGMA * rng.standard_normal(n))
    wbc = np.maximum(wbc, lymphocytes / MAX_LYMPHOCYTE_SHARE)
    errors = np.exp(ANALYSER_CV * rng.standard_normal((n, 2)))
    columns["wbc_10e9_per_l"] = np.round(wbc * errors[:, 0], 2)
    columns["lymphocyte_share"] = np.round(lymphocytes / wbc * errors[:, 1], 3)
    return pd.DataFrame(columns)
