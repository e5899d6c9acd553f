"""Table of measures against clinical variables, within one group."""

import pandas as pd
from pandera.typing import Series

from itc_analysis.tables.contract import Contract
from itc_analysis.tables.quantities import count, maybe_count, quantity, text
from itc_analysis.tables.stats.comparisons import ESTIMABLE, adjusted_below_p
from itc_analysis.tables.stats.plan_changes import lock_state


class Associations(
    Contract, key=("group", "variable", "contrast", "assay", "population", "measure", "feature")
):
    """A measure against a clinical variable, among the participants of one group."""

    group: Series[pd.StringDtype] = text("The group whose participants are looked at, e.g. SSc.")
    variable: Series[pd.StringDtype] = text("Column of the participants' sheet.")
    contrast: Series[pd.StringDtype] = text(
        "What is compared: 'per 5 points', 'per SD', 'per doubling', 'yes vs no', 'dcSSc vs lcSSc'."
    )
    assay: Series[pd.StringDtype] = text(
        "flow, singlecell or clinical.", allowed=["flow", "singlecell", "clinical"]
    )
    population: Series[pd.StringDtype] = text("The population.")
    measure: Series[pd.StringDtype] = text("As in measurements.")
    feature: Series[pd.StringDtype] = text("As in measurements.")
    family: Series[pd.StringDtype] = text("Family of the plan within which p is adjusted.")
    role: Series[pd.StringDtype] = text(
        "secondary or exploratory.", allowed=["secondary", "exploratory"]
    )
    estimate: Series[float] = quantity(
        "Adjusted estimate for one step of a number, or for one category against the reference.",
        "see estimate_kind",
    )
    estimate_kind: Series[pd.StringDtype] = text(
        "odds_ratio (shares), ratio (counts) or difference (scores)."
    )
    step: Series[float] = quantity(
        "Numbers: the step that the estimate is for; null for categories and 'per doubling'.",
        "see unit",
        0,
    )
    unit: Series[pd.StringDtype] = text("Unit of the step; empty for categories.")
    lower: Series[float] = quantity("Lower limit of the interval.", "as estimate")
    upper: Series[float] = quantity("Upper limit of the interval.", "as estimate")
    standard_error: Series[float] = quantity(
        "Standard error on the model's scale (log for ratios).", "", 0
    )
    effect_size: Series[float] = quantity(
        "Estimate on the model's scale over the residual SD; for numbers of a step of one SD, so "
        "that variables can be set side by side.",
        "SD",
    )
    estimate_unadjusted: Series[float] = quantity(
        "The same estimate without covariates.", "see estimate_kind"
    )
    p_value: Series[float] = quantity("Two-sided p.", "probability", 0, 1)
    p_adjusted: Series[float] = quantity("p adjusted within the family.", "probability", 0, 1)
    adjustment: Series[pd.StringDtype] = text(
        "How p is adjusted: bh, holm or none.", allowed=["bh", "holm", "none"]
    )
    n_analysed: Series[int] = count("Analysed participants of the group.", "participants")
    n_used: Series[int] = count(
        "Of them in the model: measure, variable and covariates known.", "participants"
    )
    n_level: Series[pd.Int64Dtype] = maybe_count(
        "Categories: of them in the category that is compared.", "participants"
    )
    n_reference: Series[pd.Int64Dtype] = maybe_count(
        "Categories: of them in the reference.", "participants"
    )
    n_below_lod: Series[int] = count("Of n_used, below the limit of detection.", "participants")
    n_without_measure: Series[int] = count(
        "Of n_analysed, without a usable measure.", "participants"
    )
    n_without_variable: Series[int] = count(
        "Of n_analysed, with the measure and without the variable.", "participants"
    )
    n_left_out: Series[int] = count(
        "Of n_analysed, with both and left out: a covariate is missing, or a category has too few.",
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
        """Everybody analysed is used, lacks something, or was left out; adjusted p is never below
        p.
        """
        gone = ["n_used", "n_without_measure", "n_without_variable", "n_left_out"]
        lost = table[table[gone].sum(axis=1) != table["n_analysed"]]
        problems = [
            f"{r.variable}, {r.population}: {r.n_analysed} analysed, but the counts do not add up"
            for r in lost.head(5).itertuples()
        ]
        return problems + adjusted_below_p(table, ["variable", "population"])
