"""Tables of the cohort room: who is enrolled, who may be compared and why not, and what went
wrong.
"""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from itc_analysis.tables.cohort.sheets import ParticipantSheet
from itc_analysis.tables.contract import Contract
from itc_analysis.tables.quantities import text


class Participants(ParticipantSheet, key=("participant_id",)):
    """Everybody enrolled, with the decision on eligibility."""

    decision: Series[pd.StringDtype] = text(
        "eligible, excluded or query (an item is missing).",
        allowed=["eligible", "excluded", "query"],
    )
    reasons: Series[pd.StringDtype] = text("Why excluded or what is missing.", nullable=True)
    decided_by: Series[pd.StringDtype] = text("rules, or the role of who decided by hand.")
    is_analysed: Series[bool] = pa.Field(
        description="Enters comparisons (eligible, or query when the settings allow).",
        metadata={"unit": ""},
    )


class Eligibility(Contract, key=("participant_id", "rule")):
    """One row per participant and criterion of the trial record."""

    participant_id: Series[pd.StringDtype] = text("The person.")
    rule: Series[pd.StringDtype] = text("Name of the criterion.")
    protocol_version: Series[pd.StringDtype] = text("Version of the protocol applied.")
    outcome: Series[pd.StringDtype] = text(
        "passes, fails, missing (an item it needs is empty) or not_applicable.",
        allowed=["passes", "fails", "missing", "not_applicable"],
    )
    evidence: Series[pd.StringDtype] = text("The items and their values.")


class Problems(Contract, key=("room", "item", "what")):
    """What went wrong and did not stop the run: shown in the report."""

    room: Series[pd.StringDtype] = text("cohort, flow, singlecell, scores or stats.")
    item: Series[pd.StringDtype] = text("Participant, sample, tube, library or population.")
    what: Series[pd.StringDtype] = text("What is wrong.")
    remedy: Series[pd.StringDtype] = text("What to do.", nullable=True)
