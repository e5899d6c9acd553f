"""Responses in a paragraph for the paper's methods section, with its citations."""

from __future__ import annotations

import pandas as pd

from itc_analysis.config.sections import Function

#: Keys of the report's bibliography.
CITATIONS = ("newcombe1998", "finak2014mimosa", "lin2015")


def describe_responses(responses: pd.DataFrame, settings: Function) -> str:
    """Return finished English sentences; empty for a study without stimulated tubes."""
    if responses.empty:
        return ""
    pairs = [
        f"{condition} against {control}" for condition, control in sorted(settings.controls.items())
    ]
    return (
        f"The response to stimulation ({'; '.join(pairs)}) is the share of a population that is "
        "positive for a marker of function in the stimulated tube minus that in the unstimulated "
        "tube of the same sample, panel and batch, read at one threshold, with Newcombe's limits. "
        "A response that no more cells show than chance allows (one-sided mid-p 0.05) is below the "
        "limit of detection and enters comparisons with its counts, never as a negative number. "
        "The share without stimulation, with its error, is the background of the count; with few "
        "unstimulated cells it is drawn towards that of the person's group. The probability that a "
        "responds at all weighs both explanations of the two counts over what everybody shows "
        "(MIMOSA); functionality and polyfunctionality sum it over the combinations of markers "
        f"(COMPASS). Tubes with less than {100 * settings.min_viability:g} % living cells or "
        f"{100 * settings.min_recovery:g} % recovered cells gave no response."
    )
