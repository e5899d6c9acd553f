"""Tables of flow cytometry beside single cell: participant by participant, and how the two
agree.
"""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from itc_analysis.tables.contract import Contract
from itc_analysis.tables.quantities import count, quantity, text
from itc_analysis.tables.stats.comparisons import ESTIMABLE


class Modalities(Contract, key=("participant_id", "population")):
    """Share of T of one participant and population by flow cytometry and by single cell, and both
    together.
    """

    participant_id: Series[pd.StringDtype] = text("The person.")
    group: Series[pd.StringDtype] = text("The group.")
    population: Series[pd.StringDtype] = text("The population.")
    flow_share: Series[float] = quantity("Share of T by flow cytometry.", "share", 0, 1)
    flow_limit: Series[float] = quantity("Its upper limit when below detection.", "share", 0, 1)
    flow_error: Series[float] = quantity(
        "Standard error of its logit; below detection, at the limit.", "logit", 0
    )
    flow_status: Series[pd.StringDtype] = text("ok, below_lod, or why there is no number.")
    cell_share: Series[float] = quantity("Share of T by single cell.", "share", 0, 1)
    cell_limit: Series[float] = quantity("Its upper limit when below detection.", "share", 0, 1)
    cell_error: Series[float] = quantity(
        "Standard error of its logit; binomial at the share that flow cytometry predicts, "
        "where there is one.",
        "logit",
        0,
    )
    cell_status: Series[pd.StringDtype] = text("ok, below_lod, or why there is no number.")
    difference: Series[float] = quantity(
        "Logit by single cell minus logit by flow cytometry; a limit when one is below detection.",
        "logit",
    )
    difference_is: Series[pd.StringDtype] = text(
        "exact, at_most (single cell below detection), at_least (flow below detection) or none.",
        allowed=["exact", "at_most", "at_least", "none"],
    )
    expected: Series[float] = quantity("Difference expected from all other participants.", "logit")
    expected_error: Series[float] = quantity(
        "Standard error of a single difference about it: both sampling errors, the spread between "
        "methods and the uncertainty of `expected`.",
        "logit",
        0,
    )
    p_value: Series[float] = quantity(
        "Two-sided p of agreement; null when it cannot be judged.", "probability", 0, 1
    )
    p_adjusted: Series[float] = quantity(
        "p adjusted over all participants and populations (Benjamini-Hochberg).",
        "probability",
        0,
        1,
    )
    is_discordant: Series[pd.BooleanDtype] = pa.Field(
        nullable=True,
        description="Whether the two differ by more than expected; null when it cannot be judged.",
        metadata={"unit": "yes/no"},
    )
    joint_share: Series[float] = quantity(
        "Share of T from both, on the level of flow cytometry; null for the discordant.",
        "share",
        0,
        1,
    )
    joint_lower: Series[float] = quantity("Lower limit of it.", "share", 0, 1)
    joint_upper: Series[float] = quantity(
        "Upper limit of it; where both are below detection, the lower of their limits.",
        "share",
        0,
        1,
    )
    joint_error: Series[float] = quantity("Standard error of its logit.", "logit", 0)
    flow_weight: Series[float] = quantity(
        "Weight of flow cytometry in it; null where one side is only a limit.", "share", 0, 1
    )
    status: Series[pd.StringDtype] = text(
        "both, one_below_lod, both_below_lod, one_method (the other has no number) or none.",
        allowed=["both", "one_below_lod", "both_below_lod", "one_method", "none"],
    )
    reason: Series[pd.StringDtype] = text("What must be known with it, in words.", nullable=True)
    plan_digest: Series[pd.StringDtype] = text(
        "First 12 characters of the SHA-256 of the analysis plan."
    )

    @classmethod
    def requirements(cls, table: pd.DataFrame) -> list[str]:
        """A joint share lies between its limits; nobody is discordant without a p."""
        inside = table["joint_share"].between(table["joint_lower"], table["joint_upper"])
        problems = [
            f"{r.participant_id}, {r.population}: the joint share lies outside its limits"
            for r in table[table["joint_share"].notna() & ~inside].head(5).itertuples()
        ]
        unjudged = table[table["is_discordant"].notna() != table["p_value"].notna()]
        return problems + [
            f"{r.participant_id}, {r.population}: judged without a p, or not judged with one"
            for r in unjudged.head(5).itertuples()
        ]


class ModalityAgreement(Contract, key=("population",)):
    """How flow cytometry and single cell agree on one population, over all participants with
    both.
    """

    population: Series[pd.StringDtype] = text("The population.")
    n_both: Series[int] = count("Participants quantified by both.", "participants")
    n_one_below_lod: Series[int] = count(
        "With a number by one and below detection by the other.", "participants"
    )
    n_both_below_lod: Series[int] = count("Below detection by both.", "participants")
    n_one_method: Series[int] = count(
        "Analysed, with a number or a limit by one of the two only.", "participants"
    )
    ccc: Series[float] = quantity(
        "Lin's concordance correlation of the logits of those quantified by both.", "", -1, 1
    )
    ccc_lower: Series[float] = quantity("Lower limit of it.", "", -1, 1)
    ccc_upper: Series[float] = quantity("Upper limit of it.", "", -1, 1)
    ccc_expected: Series[float] = quantity(
        "The concordance expected of two methods that agree perfectly, with these sampling errors.",
        "",
        0,
        1,
    )
    offset: Series[float] = quantity(
        "Odds by single cell over odds by flow cytometry: participants below detection by one "
        "included, discordant ones not.",
        "odds ratio",
        0,
    )
    offset_lower: Series[float] = quantity("Lower limit of it.", "odds ratio", 0)
    offset_upper: Series[float] = quantity("Upper limit of it.", "odds ratio", 0)
    limit_lower: Series[float] = quantity(
        "Bland and Altman's lower limit of agreement, of those quantified by both.", "odds ratio", 0
    )
    limit_upper: Series[float] = quantity("Their upper limit.", "odds ratio", 0)
    sampling_sd: Series[float] = quantity(
        "SD of a difference that sampling errors alone give (root mean square).", "logit", 0
    )
    method_sd: Series[float] = quantity(
        "SD of the differences between participants beyond sampling errors (REML), without the "
        "discordant.",
        "logit",
        0,
    )
    slope: Series[float] = quantity(
        "Slope of single cell on flow cytometry with errors in both (York's weighted Deming line); "
        "1 when the difference is the same at all shares.",
        "logit per logit",
    )
    slope_lower: Series[float] = quantity("Lower limit of it.", "logit per logit")
    slope_upper: Series[float] = quantity("Upper limit of it.", "logit per logit")
    n_discordant: Series[int] = count("Participants whose two numbers disagree.", "participants")
    discordant: Series[pd.StringDtype] = text(
        "Their names, joined by ', '; null for nobody.", nullable=True
    )
    status: Series[pd.StringDtype] = text("ok or not_estimable.", allowed=ESTIMABLE)
    reason: Series[pd.StringDtype] = text("Why something is null, in words.", nullable=True)
    plan_digest: Series[pd.StringDtype] = text(
        "First 12 characters of the SHA-256 of the analysis plan."
    )
