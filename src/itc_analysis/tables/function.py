"""Tables of function: what stimulated cells do more than the same person's unstimulated cells."""

import pandas as pd
from pandera.typing import Series

from itc_analysis.tables.contract import Contract
from itc_analysis.tables.quantities import STATUSES, count, maybe_count, quantity, text

#: Stand for a marker: cells with any marker of function, and with two or more.
ANY, SEVERAL = "any_function", "two_or_more"


class Responses(Contract, key=("source_id", "population", "marker")):
    """Positive cells of a stimulated tube and of its unstimulated control, marker by marker.

    Every stimulated tube has its rows, also where there is no response to be measured.
    """

    source_id: Series[pd.StringDtype] = text("The stimulated tube.")
    control_id: Series[pd.StringDtype] = text(
        "Its unstimulated control: same sample, panel and batch; null when there is none.",
        nullable=True,
    )
    sample_id: Series[pd.StringDtype] = text("The sample.")
    panel: Series[pd.StringDtype] = text("The panel.")
    batch: Series[pd.StringDtype] = text("The staining batch.")
    condition: Series[pd.StringDtype] = text("The stimulation.")
    control: Series[pd.StringDtype] = text("The condition that is its control.")
    culture_hours: Series[float] = quantity("Hours in culture.", "h", 0)
    population: Series[pd.StringDtype] = text("The population.")
    marker: Series[pd.StringDtype] = text(
        f"The marker; {ANY}: cells with at least one marker of function, {SEVERAL}: with two or "
        "more."
    )
    n_positive: Series[pd.Int64Dtype] = maybe_count("Positive cells of the stimulated tube.")
    n_events: Series[pd.Int64Dtype] = maybe_count("Cells of the population in it.")
    n_positive_control: Series[pd.Int64Dtype] = maybe_count("Positive cells of the control.")
    n_events_control: Series[pd.Int64Dtype] = maybe_count("Cells of the population in it.")
    difference: Series[float] = quantity(
        "Share positive with stimulation minus that without; below 0 by chance only.",
        "share",
        -1,
        1,
    )
    lower: Series[float] = quantity("Lower 95 % limit of the difference.", "share", -1, 1)
    upper: Series[float] = quantity("Upper 95 % limit of the difference.", "share", -1, 1)
    p_value: Series[float] = quantity(
        "How likely as many positive cells are without a response (one-sided, mid-p).", "", 0, 1
    )
    responder_probability: Series[float] = quantity(
        "Probability that the person responds at all, given everybody's counts.", "", 0, 1
    )
    detection: Series[pd.StringDtype] = text(
        "detected, or below_lod: no more positive cells than without stimulation; null when not "
        "measured.",
        nullable=True,
        allowed=["detected", "below_lod"],
    )
    viability: Series[float] = quantity(
        "Living cells of the tube of the pair that has fewer.", "share", 0, 1
    )
    status: Series[pd.StringDtype] = text("ok, or why there is no response.", allowed=STATUSES)
    reason: Series[pd.StringDtype] = text("Why, in words, or what to know.", nullable=True)


class ResponseCombinations(Contract, key=("source_id", "population", "combination")):
    """Boolean combinations of the markers of function in a stimulated tube and its control; in each
    they add up to the population.
    """

    source_id: Series[pd.StringDtype] = text("The stimulated tube.")
    control_id: Series[pd.StringDtype] = text("Its unstimulated control.")
    sample_id: Series[pd.StringDtype] = text("The sample.")
    condition: Series[pd.StringDtype] = text("The stimulation.")
    population: Series[pd.StringDtype] = text("The population.")
    combination: Series[pd.StringDtype] = text("E.g. 'CD107a+ IFN-g+ TNF-'.")
    n_functions: Series[int] = count("How many of the markers are positive.", "markers")
    n_events: Series[int] = count("Cells with this combination in the stimulated tube.")
    n_parent: Series[int] = count("Cells of the population in it.")
    n_events_control: Series[int] = count("Cells with this combination in the control.")
    n_parent_control: Series[int] = count("Cells of the population in it.")
    difference: Series[float] = quantity(
        "Share with stimulation minus share without; these add up to 0.", "share", -1, 1
    )
    responder_probability: Series[float] = quantity(
        "Probability that cells of this combination respond in the person; null for cells without "
        "any function.",
        "",
        0,
        1,
    )

    @classmethod
    def requirements(cls, table: pd.DataFrame) -> list[str]:
        """Combinations add up to the population in both tubes, and their differences to 0."""
        problems = []
        for key, rows in table.groupby(["source_id", "population"], sort=True):
            for counted, whole in (
                ("n_events", "n_parent"),
                ("n_events_control", "n_parent_control"),
            ):
                if rows[counted].sum() != rows[whole].iloc[0]:
                    problems.append(
                        f"{', '.join(map(str, key))}: {counted} add up to {rows[counted].sum()} of "
                        f"{rows[whole].iloc[0]}"
                    )
        return problems[:5]


class Labels(Contract, key=("participant_id", "population", "stimulation")):
    """What may be said of a subset of a participant, with the probability of each word.

    One row per stimulation; a single one, '-', for who has no stimulated tube.
    """

    participant_id: Series[pd.StringDtype] = text("The person.")
    group: Series[pd.StringDtype] = text("The group.")
    population: Series[pd.StringDtype] = text("The population.")
    stimulation: Series[pd.StringDtype] = text("The stimulation; '-' for none.")
    label: Series[pd.StringDtype] = text(
        "From markers in resting tubes: inhibitory-receptor-high, activated, both, within healthy "
        "range, or not assessable.",
    )
    n_inhibitory_raised: Series[int] = count("Inhibitory receptors raised.", "markers")
    n_inhibitory_assessed: Series[int] = count(
        "Inhibitory receptors that can be judged.", "markers"
    )
    n_activation_raised: Series[int] = count("Activation markers raised.", "markers")
    n_activation_assessed: Series[int] = count("Activation markers that can be judged.", "markers")
    word: Series[pd.StringDtype] = text(
        "From receptors and function: exhausted, hypofunctional, function within healthy range, "
        "function open, not assessable, or judged in its subsets."
    )
    probability_receptors: Series[float] = quantity(
        "Probability that at least two inhibitory receptors lie above all but 1 % of healthy "
        "people.",
        "",
        0,
        1,
    )
    probability_lowered: Series[float] = quantity(
        "Probability that the responses of more than half of the markers of function lie below all "
        "but 1 % of healthy people.",
        "",
        0,
        1,
    )
    probability_exhausted: Series[float] = quantity("Probability of both.", "", 0, 1)
    n_receptors_assessed: Series[int] = count("Receptors behind the probability.", "markers")
    n_functions_assessed: Series[int] = count("Markers of function behind it.", "markers")
    why: Series[pd.StringDtype] = text(
        "What is missing for a word; null for nothing.", nullable=True
    )
    caution: Series[pd.StringDtype] = text("What the word does not say.", nullable=True)
