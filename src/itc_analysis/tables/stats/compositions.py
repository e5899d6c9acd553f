"""Table of parts of one whole, compared together."""

import pandas as pd
from pandera.typing import Series

from itc_analysis.tables.contract import Contract
from itc_analysis.tables.quantities import count, maybe_count, quantity, text
from itc_analysis.tables.stats.comparisons import ESTIMABLE, P_TOLERANCE, adjusted_below_p
from itc_analysis.tables.stats.plan_changes import lock_state

#: The row of a composition that takes all parts together.
JOINT = "joint"


class Compositions(Contract, key=("composition", "comparison", "part")):
    """Parts of one whole compared together, each as a ratio to a reference part; a row for all
    parts jointly.

    Shares of one whole are not independent: where one rises others fall. A ratio to a reference
    part does not move with the other parts, and the joint test asks once whether the composition
    differs at all.
    """

    composition: Series[pd.StringDtype] = text("Name in the plan.")
    comparison: Series[pd.StringDtype] = text("Name, e.g. 'SSc vs healthy'.")
    part: Series[pd.StringDtype] = text("The population; 'joint' for all parts together.")
    reference_part: Series[pd.StringDtype] = text(
        "The population that each part is set against; 'rest': the T cells in no part."
    )
    index_group: Series[pd.StringDtype] = text("The index group.")
    reference_group: Series[pd.StringDtype] = text(
        "The other group (or pooled groups, joined by '+')."
    )
    assay: Series[pd.StringDtype] = text("flow or singlecell.", allowed=["flow", "singlecell"])
    role: Series[pd.StringDtype] = text(
        "secondary or exploratory.", allowed=["secondary", "exploratory"]
    )
    estimate: Series[float] = quantity(
        "Ratio of (part / reference part) in the index group to that in the other; null for joint.",
        "ratio",
        0,
    )
    lower: Series[float] = quantity("Lower limit of it.", "ratio", 0)
    upper: Series[float] = quantity("Upper limit of it.", "ratio", 0)
    standard_error: Series[float] = quantity("Standard error of its logarithm.", "log", 0)
    estimate_unadjusted: Series[float] = quantity("The ratio without covariates.", "ratio", 0)
    f_value: Series[float] = quantity(
        "Joint: Hotelling's T2 of the log ratios as an F value (covariance HC3 across the parts).",
        "",
        0,
    )
    df_parts: Series[pd.Int64Dtype] = maybe_count(
        "Joint: log ratios tested, the numerator's degrees of freedom.", "parts"
    )
    df_residual: Series[float] = quantity("Joint: the denominator's degrees of freedom.", "", 0)
    p_value: Series[float] = quantity("Two-sided p.", "probability", 0, 1)
    p_permutation: Series[float] = quantity(
        "Joint: Freedman-Lane permutation p of T2; null where a part was counted from few cells, "
        "or the covariates allow none.",
        "probability",
        0,
        1,
    )
    p_adjusted: Series[float] = quantity(
        "Joint, and parts that the joint test leaves out: adjusted together over the contrasts. "
        "Other parts: Holm over the parts, and never below the joint one.",
        "probability",
        0,
        1,
    )
    adjustment: Series[pd.StringDtype] = text(
        "How the joint p are adjusted: holm, bh or none.", allowed=["holm", "bh", "none"]
    )
    n_index: Series[int] = count("Participants of the index group in the model.", "participants")
    n_reference: Series[int] = count("Participants of the reference in the model.", "participants")
    n_below_lod: Series[int] = count(
        "Of both, with the part (joint: any part) below the limit of detection.",
        "participants",
    )
    n_missing: Series[int] = count(
        "Analysed participants of both who lack a part, the reference part or a covariate.",
        "participants",
    )
    model: Series[pd.StringDtype] = text("The model, in words.")
    covariates: Series[pd.StringDtype] = text("Covariates adjusted for; 'none' for none.")
    estimand: Series[pd.StringDtype] = text("What the estimate means, in words.")
    status: Series[pd.StringDtype] = text("ok or not_estimable.", allowed=ESTIMABLE)
    reason: Series[pd.StringDtype] = text(
        "Why not estimable, or a warning that goes with the number.", nullable=True
    )
    plan_digest: Series[pd.StringDtype] = text(
        "First 12 characters of the SHA-256 of the analysis plan."
    )
    lock: Series[pd.StringDtype] = lock_state()

    @classmethod
    def requirements(cls, table: pd.DataFrame) -> list[str]:
        """Every comparison has one joint row; adjusted p is never below p, nor that of a part in
        the joint test below it.
        """
        keys = ["composition", "comparison"]
        problems = adjusted_below_p(table, ["composition", "part"])
        for name, rows in table.groupby(keys, sort=False):
            joint = rows[rows["part"] == JOINT]
            inside = rows[rows["standard_error"].notna()]
            if len(joint) != 1:
                problems.append(f"{name[0]}, {name[1]}: no joint row")
            elif (inside["p_adjusted"] < joint["p_adjusted"].iloc[0] - P_TOLERANCE).any():
                problems.append(f"{name[0]}, {name[1]}: a part's adjusted p is below the joint one")
        return problems
