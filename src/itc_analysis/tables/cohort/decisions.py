"""Tables of the cohort room beside participants and eligibility: classification, queries,
disclosure.
"""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from itc_analysis.tables.contract import Contract
from itc_analysis.tables.fields import text


def _points(description: str) -> object:
    return pa.Field(nullable=True, ge=0, description=description, metadata={"unit": "points"})


def _flag(description: str) -> object:
    return pa.Field(description=description, metadata={"unit": ""})


class Classification(Contract, key=("participant_id", "criteria")):
    """Every set of classification criteria applied to everybody. No diagnosis."""

    participant_id: Series[pd.StringDtype] = text("The person.", nullable=False)
    group: Series[pd.StringDtype] = text("Group of the person.", nullable=False)
    criteria: Series[pd.StringDtype] = text("The set of criteria.", nullable=False)
    is_of_group: Series[bool] = _flag("The set belongs to the person's own group.")
    verdict: Series[pd.StringDtype] = text(
        "By the items alone: fulfils, does_not_fulfil or not_assessable (an item that decides is "
        "missing).",
        nullable=False,
        allowed=["fulfils", "does_not_fulfil", "not_assessable"],
    )
    category: Series[pd.StringDtype] = text(
        "Class within the set: lSSc, lcSSc or dcSSc (2001); not IIM, possible, probable or "
        "definite (IIM)."
    )
    score_min: Series[float] = _points(
        "Score when all missing items are absent; null without score."
    )
    score_max: Series[float] = _points("Score when all missing items are present.")
    cut_off: Series[float] = _points("Lowest score that fulfils.")
    declared: Series[pd.BooleanDtype] = pa.Field(
        nullable=True,
        description="Declared by the clinician (classification_met), for sets of the own group; "
        "stands in where no such set is assessable.",
        metadata={"unit": "yes/no"},
    )
    contributions: Series[pd.StringDtype] = text("What each domain adds, and by which finding.")
    missing_items: Series[pd.StringDtype] = text(
        "Items not assessed that could still move score or verdict."
    )
    flags: Series[pd.StringDtype] = text("What a clinician should look at.")

    @classmethod
    def requirements(cls, table: pd.DataFrame) -> list[str]:
        """The lowest score is never above the highest."""
        wrong = table[table["score_min"] > table["score_max"]]
        return [
            f"{row.participant_id}, {row.criteria}: lowest score above the highest"
            for row in wrong.head(5).itertuples()
        ]


class Queries(Contract, key=("participant_id", "item", "what")):
    """What the study nurse should find out or put right. People excluded or decided by hand have
    none.
    """

    participant_id: Series[pd.StringDtype] = text("The person.", nullable=False)
    group: Series[pd.StringDtype] = text("Group of the person.", nullable=False)
    kind: Series[pd.StringDtype] = text(
        "missing, contradictory (items against one another), overlap (a second set of criteria is "
        "fulfilled) or check (worth a look).",
        nullable=False,
        allowed=["missing", "contradictory", "overlap", "check"],
    )
    item: Series[pd.StringDtype] = text("The column or columns to look at.", nullable=False)
    what: Series[pd.StringDtype] = text("What is missing or contradictory.", nullable=False)
    what_to_do: Series[pd.StringDtype] = text("What to do.", nullable=False)
    blocks: Series[bool] = _flag("The person cannot be compared before this is answered.")


class Disclosure(Contract, key=("group", "sex", "age_band")):
    """How many people share group, sex and age band: few are recognisable in a shared table."""

    group: Series[pd.StringDtype] = text("Group.", nullable=False)
    sex: Series[pd.StringDtype] = text("F, M or unknown.", nullable=False)
    age_band: Series[pd.StringDtype] = text("Five years, e.g. 45-49, or unknown.", nullable=False)
    n: Series[int] = pa.Field(
        ge=1, description="Participants enrolled.", metadata={"unit": "participants"}
    )
    is_small: Series[bool] = _flag("Fewer people than the settings allow to be shown.")
