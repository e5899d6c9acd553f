"""Table of genes, compared one by one."""

import pandas as pd
from pandera.typing import Series

from itc_analysis.tables.contract import Contract
from itc_analysis.tables.quantities import count, quantity, text
from itc_analysis.tables.stats.comparisons import adjusted_below_p
from itc_analysis.tables.stats.plan_changes import lock_state


class Genes(Contract, key=("population", "comparison", "gene")):
    """One gene of one population, index group against one other; a comparison without numbers is a
    row with gene '-'.
    """

    comparison: Series[pd.StringDtype] = text("Name, e.g. 'SSc vs healthy'.")
    index_group: Series[pd.StringDtype] = text("The index group.")
    reference_group: Series[pd.StringDtype] = text(
        "The other group (or pooled groups, joined by '+')."
    )
    population: Series[pd.StringDtype] = text("The population whose molecules were summed.")
    gene: Series[pd.StringDtype] = text("Gene symbol; '-' where the comparison has no numbers.")
    mean_count: Series[float] = quantity(
        "Mean over the participants of molecules at equal depth.", "molecules", 0
    )
    log2_fold_change: Series[float] = quantity(
        "Binary logarithm of the ratio, index group over reference, not shrunken.", "log2"
    )
    standard_error: Series[float] = quantity("Standard error of it.", "log2", 0)
    statistic: Series[float] = quantity("Wald statistic, log2 fold change over its error.", "")
    p_value: Series[float] = quantity("Two-sided p.", "probability", 0, 1)
    p_adjusted: Series[float] = quantity(
        "p by Benjamini and Hochberg over the genes tested in this population and comparison.",
        "probability",
        0,
        1,
    )
    n_index: Series[int] = count("Participants of the index group in the model.", "participants")
    n_reference: Series[int] = count("Participants of the reference in the model.", "participants")
    covariates: Series[pd.StringDtype] = text("Covariates adjusted for; 'none' for none.")
    status: Series[pd.StringDtype] = text(
        "ok; low_expression (too few molecules in too few participants, not tested); not_measured "
        "(a participant's reference lacks the gene, not tested); outlier (one participant decides "
        "it, no p); defines_call (a cell is called by it, so it cannot be a finding, no p); "
        "not_estimable.",
        allowed=[
            *("ok", "low_expression", "not_measured", "outlier", "defines_call", "not_estimable"),
        ],
    )
    reason: Series[pd.StringDtype] = text(
        "Why there is no number, or a warning that goes with the comparison.", nullable=True
    )
    plan_digest: Series[pd.StringDtype] = text(
        "First 12 characters of the SHA-256 of the analysis plan."
    )
    lock: Series[pd.StringDtype] = lock_state()

    @classmethod
    def requirements(cls, table: pd.DataFrame) -> list[str]:
        """A tested gene has a p, any other has none and a reason; adjusted p is never below p."""
        is_ok = (table["status"] == "ok").to_numpy(dtype=bool)
        has_p = table["p_value"].notna().to_numpy()
        has_reason = table["reason"].notna().to_numpy()
        faults = {
            "tested without p, or p without a test": is_ok != has_p,
            "not tested and no reason": ~is_ok & ~has_reason,
        }
        low = adjusted_below_p(table, ["population", "comparison", "gene"])
        return low + [
            f"{row.population}, {row.comparison}, {row.gene}: {problem}"
            for problem, found in faults.items()
            for row in table[found].head(5).itertuples()
        ]
