"""Tables of the statistics room: comparisons, verdicts and what stands behind them."""

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from itc_analysis.tables.contract import Contract
from itc_analysis.tables.quantities import count, maybe_count, quantity, text
from itc_analysis.tables.stats.plan_changes import lock_state

#: What can be said of one comparison.
ESTIMABLE = ["ok", "not_estimable"]
#: How far rounding may take an adjusted p below p.
P_TOLERANCE = 1e-12


class Comparisons(Contract, key=("comparison", "assay", "population", "measure", "feature")):
    """The index group against one other, for one endpoint."""

    comparison: Series[pd.StringDtype] = text("Name, e.g. 'SSc vs healthy'.")
    index_group: Series[pd.StringDtype] = text("The index group.")
    reference_group: Series[pd.StringDtype] = text(
        "The other group (or pooled groups, joined by '+')."
    )
    assay: Series[pd.StringDtype] = text(
        "flow, singlecell or clinical.", allowed=["flow", "singlecell", "clinical"]
    )
    population: Series[pd.StringDtype] = text("The population.")
    measure: Series[pd.StringDtype] = text("As in measurements.")
    feature: Series[pd.StringDtype] = text("As in measurements.")
    family: Series[pd.StringDtype] = text(
        "Family of the plan within which p is adjusted; 'post_hoc' when undeclared."
    )
    role: Series[pd.StringDtype] = text(
        "primary, secondary, exploratory or post_hoc.",
        allowed=["primary", "secondary", "exploratory", "post_hoc"],
    )
    estimate: Series[float] = quantity(
        "Adjusted estimate, index against reference.", "see estimate_kind"
    )
    estimate_kind: Series[pd.StringDtype] = text(
        "odds_ratio (shares), ratio (counts) or difference (scores)."
    )
    lower: Series[float] = quantity("Lower limit of the interval.", "as estimate")
    upper: Series[float] = quantity("Upper limit of the interval.", "as estimate")
    standard_error: Series[float] = quantity(
        "Standard error on the model's scale (log for ratios).", "", 0
    )
    effect_size: Series[float] = quantity(
        "Estimate on the model's scale over the residual SD (standardised).", "SD"
    )
    p_value: Series[float] = quantity("Two-sided p.", "probability", 0, 1)
    p_adjusted: Series[float] = quantity("p adjusted within the family.", "probability", 0, 1)
    p_permutation: Series[float] = quantity(
        "Freedman-Lane permutation p, where asked for.", "probability", 0, 1
    )
    adjustment: Series[pd.StringDtype] = text(
        "How p is adjusted: holm, bh, dunnett, bh_dunnett, gatekeeping or none (see the plan).",
        allowed=["holm", "bh", "dunnett", "bh_dunnett", "gatekeeping", "none"],
    )
    lower_adjusted: Series[float] = quantity(
        "Lower limit at the level that agrees with the adjusted p: it leaves out 'no difference' "
        "exactly when the adjusted p is at most one minus the confidence (dunnett: simultaneous "
        "limits).",
        "as estimate",
    )
    upper_adjusted: Series[float] = quantity("Upper limit that agrees with it.", "as estimate")
    median_index: Series[float] = quantity(
        "Unadjusted median of the index group; below LoD counts as low.", "as measured"
    )
    median_reference: Series[float] = quantity("Unadjusted median of the reference.", "as measured")
    lower_quartile_index: Series[float] = quantity(
        "Unadjusted lower quartile of the index group; missing, as the median is, where it falls "
        "among those below LoD.",
        "as measured",
    )
    upper_quartile_index: Series[float] = quantity(
        "Unadjusted upper quartile of the index group.", "as measured"
    )
    lower_quartile_reference: Series[float] = quantity(
        "Unadjusted lower quartile of the reference.", "as measured"
    )
    upper_quartile_reference: Series[float] = quantity(
        "Unadjusted upper quartile of the reference.", "as measured"
    )
    estimate_unadjusted: Series[float] = quantity(
        "The same estimate without covariates.", "see estimate_kind"
    )
    n_index: Series[int] = count("Participants of the index group in the model.", "participants")
    n_reference: Series[int] = count("Participants of the reference in the model.", "participants")
    n_below_lod: Series[int] = count("Of both, below the limit of detection.", "participants")
    n_missing: Series[int] = count(
        "Analysed participants of both without a usable number.", "participants"
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
        """Adjusted p is never below p and follows its order within a family (of holm, bh and
        none).
        """
        problems = adjusted_below_p(table, ["comparison", "population"])
        marginal = table[table["adjustment"].isin(["holm", "bh", "none"])]
        for family, rows in marginal.dropna(subset=["p_value", "p_adjusted"]).groupby("family"):
            ordered = rows.sort_values("p_value")["p_adjusted"]
            if (ordered.diff().dropna() < -P_TOLERANCE).any():
                problems.append(f"family {family}: adjusted p does not follow p")
        return problems


class Verdicts(Contract, key=("assay", "population", "measure", "feature")):
    """What the comparisons of one primary endpoint say together, and whether the index group varies
    more.
    """

    assay: Series[pd.StringDtype] = text(
        "flow, singlecell or clinical.", allowed=["flow", "singlecell", "clinical"]
    )
    population: Series[pd.StringDtype] = text("The population.")
    measure: Series[pd.StringDtype] = text("As in measurements.")
    feature: Series[pd.StringDtype] = text("As in measurements.")
    index_group: Series[pd.StringDtype] = text("The index group, e.g. SSc.")
    verdict: Series[pd.StringDtype] = text(
        "specific (differs from every other group, in one direction), shared (differs from healthy "
        "and is equivalent to a disease), inconclusive or not_estimable.",
        allowed=["specific", "shared", "inconclusive", "not_estimable"],
    )
    words: Series[pd.StringDtype] = text(
        "The verdict in words, e.g. 'SSc-specific: lower than ...'."
    )
    direction: Series[pd.StringDtype] = text(
        "lower or higher; null when the groups disagree.",
        allowed=["lower", "higher"],
        nullable=True,
    )
    n_controls: Series[int] = count("Other groups that could be compared.", "groups")
    p_specific: Series[float] = quantity(
        "Intersection-union: the largest p of all groups; null when directions differ or a group "
        "is missing.",
        "probability",
        0,
        1,
    )
    p_shared: Series[float] = quantity(
        "The larger of p against healthy and the smallest p of two one-sided tests against a "
        "disease (Bonferroni).",
        "probability",
        0,
        1,
    )
    equivalent_to: Series[pd.StringDtype] = text(
        "Diseases within the margin, joined by '+'.", nullable=True
    )
    margin: Series[float] = quantity(
        "Margin of the plan: a ratio, for scores residual SDs.", "see measure", 0
    )
    spread_ratio: Series[float] = quantity(
        "Spread between participants, index group over the average of the others (mean absolute "
        "deviations).",
        "",
        0,
    )
    spread_lower: Series[float] = quantity("Lower limit of it.", "", 0)
    spread_upper: Series[float] = quantity("Upper limit of it.", "", 0)
    spread_p_value: Series[float] = quantity(
        "Two-sided p of equal spread (Brown-Forsythe on residuals less counting, HC3).",
        "probability",
        0,
        1,
    )
    reason: Series[pd.StringDtype] = text("What must be known with it, in words.", nullable=True)
    plan_digest: Series[pd.StringDtype] = text(
        "First 12 characters of the SHA-256 of the analysis plan."
    )
    lock: Series[pd.StringDtype] = lock_state()


class Diagnostics(Contract, key=("comparison", "assay", "population", "measure", "feature")):
    """Checks of each primary and secondary comparison: who carries it, covariates, unknown
    confounding, second model.
    """

    comparison: Series[pd.StringDtype] = text("As in comparisons.")
    assay: Series[pd.StringDtype] = text(
        "flow, singlecell or clinical.", allowed=["flow", "singlecell", "clinical"]
    )
    population: Series[pd.StringDtype] = text("The population.")
    measure: Series[pd.StringDtype] = text("As in measurements.")
    feature: Series[pd.StringDtype] = text("As in measurements.")
    estimate_unadjusted: Series[float] = quantity("Estimate without covariates.", "as estimate")
    estimate_core: Series[float] = quantity(
        "Estimate with the plan's core covariates; null when one of them is missing in a "
        "participant.",
        "as estimate",
    )
    estimate_full: Series[float] = quantity("Estimate as in comparisons.", "as estimate")
    one_out_lowest: Series[float] = quantity(
        "Lowest estimate when any one participant is left out; null when without one of them "
        "there is none.",
        "as estimate",
    )
    one_out_highest: Series[float] = quantity("Highest of them.", "as estimate")
    most_influential: Series[pd.StringDtype] = text(
        "Participant whose absence moves the estimate most, or without whom there is none.",
        nullable=True,
    )
    influence: Series[float] = quantity("How far, in standard errors.", "standard errors", 0)
    p_without_most_influential: Series[float] = quantity(
        "p without this participant, fitted again.", "probability", 0, 1
    )
    is_carried_by_one: Series[pd.BooleanDtype] = pa.Field(
        nullable=True,
        description=(
            "Whether the difference is shown at the plain level, or can be estimated, only with "
            "this participant."
        ),
        metadata={"unit": "yes/no"},
    )
    e_value: Series[float] = quantity(
        "Risk ratio that an unknown confounder would need with group and measure to explain the "
        "estimate away.",
        "",
        1,
    )
    e_value_limit: Series[float] = quantity(
        "The same for the nearer limit of the interval; 1 when it holds no difference.", "", 1
    )
    tipping_missing: Series[float] = quantity(
        "How far the participants without a number would have to lie from those of their group "
        "with one, against the difference, before the conclusion of the interval changes; null "
        "when nobody is missing.",
        "SD between participants",
        0,
    )
    tipping_low: Series[float] = quantity(
        "How much lower than the model predicts those below the limit of detection would have "
        "to lie; null when nobody is, or it changes nothing.",
        "SD between participants",
        0,
    )
    tipping: Series[pd.StringDtype] = text("Both in words.", nullable=True)
    second_model: Series[pd.StringDtype] = text(
        "A second model to compare with the primary one; null when there is none.", nullable=True
    )
    second_estimate: Series[float] = quantity("Its estimate.", "as estimate")
    second_p_value: Series[float] = quantity("Its p.", "probability", 0, 1)
    value_model: Series[pd.StringDtype] = text(
        "The model of values and limits of detection instead of counts; null where the primary one "
        "is that of values itself.",
        nullable=True,
    )
    value_estimate: Series[float] = quantity("Its estimate.", "as estimate")
    value_lower: Series[float] = quantity("Lower limit of its interval.", "as estimate")
    value_upper: Series[float] = quantity("Upper limit of its interval.", "as estimate")
    value_p_value: Series[float] = quantity("Its p.", "probability", 0, 1)
    hard_estimate: Series[float] = quantity(
        "Single cell: estimate by the called cells as they are, whatever share of the receptors "
        "was caught.",
        "as estimate",
    )
    hard_lower: Series[float] = quantity("Lower limit of its interval.", "as estimate")
    hard_upper: Series[float] = quantity("Upper limit of its interval.", "as estimate")
    hard_p_value: Series[float] = quantity("Its p.", "probability", 0, 1)
    soft_estimate: Series[float] = quantity(
        "Single cell: estimate by soft counts, the sums of the cells' probabilities.",
        "as estimate",
    )
    soft_lower: Series[float] = quantity("Lower limit of its interval.", "as estimate")
    soft_upper: Series[float] = quantity("Upper limit of its interval.", "as estimate")
    soft_p_value: Series[float] = quantity("Its p.", "probability", 0, 1)
    missing_covariates: Series[pd.StringDtype] = text(
        "The way to treat missing covariates other than the plan's: imputed or complete_cases; "
        "null when nobody lacks one.",
        nullable=True,
        allowed=["imputed", "complete_cases"],
    )
    n_incomplete: Series[pd.Int64Dtype] = maybe_count(
        "Participants of the model who lack a covariate.", "participants"
    )
    beside_estimate: Series[float] = quantity("Estimate the other way.", "as estimate")
    beside_lower: Series[float] = quantity("Lower limit of its interval.", "as estimate")
    beside_upper: Series[float] = quantity("Upper limit of its interval.", "as estimate")
    beside_p_value: Series[float] = quantity("Its p.", "probability", 0, 1)
    reason: Series[pd.StringDtype] = text("Why something is null, in words.", nullable=True)
    plan_digest: Series[pd.StringDtype] = text(
        "First 12 characters of the SHA-256 of the analysis plan."
    )


def adjusted_below_p(table: pd.DataFrame, naming: list[str]) -> list[str]:
    """Name the first rows whose adjusted p is below p, by these columns."""
    low = table[np.asarray(table["p_adjusted"] < table["p_value"] - P_TOLERANCE)]
    return [f"{', '.join(map(str, row))}: adjusted p below p" for row in low[naming].head(5).values]
