"""Table 1: who the analysed people are, by group, with what is missing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from itc_analysis.tables import contract
from itc_analysis.tables.cohort.participants import Participants

#: Demographic and clinical variables of the participant sheet, in the order of the table.
VARIABLES = (
    "age_years",
    "sex",
    "weight_kg",
    "bmi",
    "cmv_igg",
    "smoking",
    "menopause",
    "disease_duration_years",
    "raynaud_duration_years",
    "ssc_subset",
    "mrss",
    "ild",
    "fvc_percent",
    "dlco_percent",
    "pah",
    "lvef_percent",
    "digital_ulcers_ever",
    "capillaroscopy",
    "gastrointestinal_symptoms",
    "renal_crisis",
    "nyha",
    "anticentromere",
    "antitopoisomerase",
    "anti_rnap3",
    "crp_mg_per_l",
    "esr_mm_per_h",
    "ck_u_per_l",
    "eustar_activity",
    "sledai_2k",
    "essdai",
    "das28_crp",
    "mmt8",
    "hydroxychloroquine",
    "glucocorticoid_mg_per_day",
    "immunosuppressant_3_months",
    "biologic_6_months",
)
COLUMNS = ["variable", "level", "unit", "statistic", "group", "n", "n_missing", "text"]


def make_table_one(participants: pd.DataFrame, *, groups: Iterable[str]) -> pd.DataFrame:
    """Summarise the analysed people.

    Parameters
    ----------
    participants : pandas.DataFrame
        `Participants`.
    groups : iterable of str
        in the order of the columns; "all" is added.

    Returns
    -------
    pandas.DataFrame
        Long table, one row per variable (and level of a text variable) and group: `n` people with a
        value, `n_missing`, `text` ("median [lower quartile; upper quartile]" for numbers, "n (per
        cent of those known)" for the others; "-" when nobody has a value). A variable that nobody
        of the study has is left out. "all" counts as missing only people of groups in which
        somebody has a value.
    """
    analysed = participants[participants["is_analysed"]]
    described = contract.columns_of(Participants)
    rows = []
    for variable in VARIABLES:
        values = analysed[variable]
        if values.isna().all():
            continue
        # of all, those of the groups that were asked: nobody lacks another disease's score
        mine = values.notna().groupby(analysed["group"]).transform("any")
        unit = str((described[variable].metadata or {}).get("unit", ""))
        for level in _levels(values):
            for group in (*groups, "all"):
                ours = values[mine] if group == "all" else values[analysed["group"] == group]
                known = ours.dropna()
                statistic, text = _summary(known, level)
                shown_unit = unit if statistic == "median [IQR]" else ""
                missing = len(ours) - len(known)
                rows.append(
                    [variable, level, shown_unit, statistic, group, len(known), missing, text]
                )
    return pd.DataFrame(rows, columns=COLUMNS)


def _levels(values: pd.Series) -> list[str]:
    if values.dtype == "string":
        return sorted(values.dropna().unique())
    return ["yes"] if values.dtype == "boolean" else [""]


def _summary(known: pd.Series, level: str) -> tuple[str, str]:
    if known.dtype == "float64":
        if known.empty:
            return "median [IQR]", "-"
        low, median, high = (float(known.quantile(q)) for q in (0.25, 0.5, 0.75))
        return "median [IQR]", f"{_short(median)} [{_short(low)}; {_short(high)}]"
    if known.empty:
        return "n (%)", "-"
    n = int(known.sum()) if known.dtype == "boolean" else int((known == level).sum())
    return "n (%)", f"{n} ({100 * n / len(known):.0f})"


def _short(number: float) -> str:
    """Return a number with three significant digits and never as 1e+03."""
    return np.format_float_positional(number, precision=3, fractional=False, trim="-")
