"""Declared variables next to the participants, and as measurements of their own.

A value below the limit of its assay is never turned into a number. As an outcome it is censored;
as a covariate or variable its people get a level of their own (a yes/no column), so that what
stands in their place in the number's column has no influence on any estimate.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from itc_analysis.cohort.sheets.extra_columns import BELOW
from itc_analysis.stats.people.responses import CENSORED, OK
from itc_analysis.stats.plan import covariates
from itc_analysis.stats.plan.columns import columns_in
from itc_analysis.stats.plan.endpoints import CLINICAL, NO_FEATURE, keys_of
from itc_analysis.stats.plan.plan import SAME, AnalysisPlan, read_plan
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.variables import Variables


def join_variables(participants: pd.DataFrame, variables: pd.DataFrame) -> pd.DataFrame:
    """Return the participants with a column for each declared variable.

    Parameters
    ----------
    participants : pandas.DataFrame
        a `Participants` table.
    variables : pandas.DataFrame
        a `Variables` table of the same people.

    Returns
    -------
    pandas.DataFrame
        Numbers as float, yes/no as boolean, categories as string. A number that somebody has below
        the limit of its assay comes with a yes/no column `<name>_below_limit`; there the highest
        of the limits stands for each of these people.
    """
    joined = participants.copy()
    for name, rows in variables.groupby("variable", sort=False):
        mine = rows.set_index("participant_id").reindex(participants["participant_id"])
        kind = str(rows["kind"].iloc[0])
        value = mine["value"].to_numpy(dtype=float)
        if kind == "category":
            joined[str(name)] = mine["category"].astype("string").to_numpy()
            joined[str(name)] = joined[str(name)].astype("string")
        elif kind == "yes_no":
            yes = pd.Series(value == 1, index=joined.index, dtype="boolean")
            joined[str(name)] = yes.mask(pd.isna(value))
        else:
            is_below = mine["is_below"].fillna(value=False).to_numpy(dtype=bool)
            joined[str(name)] = value
            if is_below.any():
                joined.loc[is_below, str(name)] = value[is_below].max()
                flag = pd.Series(is_below, index=joined.index, dtype="boolean")
                joined[f"{name}{BELOW}"] = flag.mask(pd.isna(value))
    return joined


def read_plan_for(
    path: str | Path, participants: pd.DataFrame, variables: str | Path | None
) -> tuple[AnalysisPlan, pd.DataFrame]:
    """Read a plan and the variables that it may name.

    Parameters
    ----------
    path : str or Path
        the plan.
    participants : pandas.DataFrame
        a `Participants` table.
    variables : str or Path, optional
        variables.parquet; None for a study without.

    Returns
    -------
    tuple of (AnalysisPlan, pandas.DataFrame)
        the plan, and the participants with their variables.

    Raises
    ------
    ItcError
        as `read_plan`.
    """
    table = contract.empty(Variables) if variables is None else contract.read(variables, Variables)
    people = join_variables(participants, table)
    return plan_with_limits(read_plan(path, columns_in(table)), people), people


def plan_with_limits(plan: AnalysisPlan, participants: pd.DataFrame) -> AnalysisPlan:
    """Return the plan in whose formulas each number that lies below a limit for somebody comes with
    the column that says so.

    Parameters
    ----------
    plan : AnalysisPlan
        as read.
    participants : pandas.DataFrame
        from `join_variables`.
    """
    flags = [str(name) for name in participants.columns if str(name).endswith(BELOW)]

    def extended(formula: str | None) -> str | None:
        names = covariates.variables(formula)
        added = [flag for flag in flags if flag.removesuffix(BELOW) in names]
        return " + ".join([str(formula), *added]) if added else formula

    small, genes = plan.small_sample, plan.genes
    if genes is not None and genes.covariates != SAME:
        genes = genes.model_copy(update={"covariates": extended(genes.covariates)})
    return plan.model_copy(
        update={
            "covariates": extended(plan.covariates),
            "core_covariates": extended(plan.core_covariates),
            "small_sample": small.model_copy(update={"covariates": extended(small.covariates)}),
            "genes": genes,
            "associations": tuple(
                family.model_copy(update={"covariates": extended(family.covariates)})
                for family in plan.associations
            ),
        }
    )


def clinical_measurements(
    participants: pd.DataFrame, measurements: pd.DataFrame, plan: AnalysisPlan
) -> pd.DataFrame:
    """Return the measurements with a row per participant for each clinical number of the plan.

    Parameters
    ----------
    participants : pandas.DataFrame
        from `join_variables`.
    measurements : pandas.DataFrame
        a `Measurements` table; its columns are those of the result.
    plan : AnalysisPlan
        names the numbers and how they are compared.
    """
    blocks = [
        *(block for family in plan.families for block in family.endpoints),
        *(block for family in plan.associations for block in family.endpoints),
    ]
    asked = dict.fromkeys(
        (measure, feature)
        for assay, _, measure, feature in keys_of(blocks)
        if assay == CLINICAL and feature in participants
    )
    if not asked:
        return measurements
    rows = pd.concat(
        [_as_measured(participants, measure, name) for measure, name in asked], ignore_index=True
    )
    rows = rows.reindex(columns=measurements.columns)
    # columns of pandas' own types keep them; numpy's whole numbers cannot be missing
    typed = {
        column: dtype
        for column, dtype in measurements.dtypes.items()
        if isinstance(dtype, pd.api.extensions.ExtensionDtype)
    }
    rows = rows.astype(typed)
    return pd.concat([measurements, rows], ignore_index=True) if len(measurements) else rows


def _as_measured(participants: pd.DataFrame, measure: str, name: str) -> pd.DataFrame:
    people = participants[participants[name].notna()]
    flag = people.get(f"{name}{BELOW}")
    is_below = pd.Series(data=False, index=people.index)
    if flag is not None:
        is_below = flag.fillna(value=False).astype(bool)
    person = people["participant_id"]
    return pd.DataFrame(
        {
            "assay": CLINICAL,
            "source_id": person,
            "sample_id": person,
            "participant_id": person,
            "group": people["group"],
            "batch": "-",
            "population": NO_FEATURE,
            "measure": measure,
            "feature": name,
            "value": people[name].mask(is_below),
            "upper": people[name].where(is_below),
            "status": is_below.map({True: CENSORED, False: OK}),
        }
    )
