"""Values, groups and covariates of a plain table, checked and laid out for the models.

Everything that is wrong is reported at once, in the words of the table that was given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.errors import Fault, ItcError, did_you_mean
from itc_analysis.stats.people.responses import on_scale, per_participant
from itc_analysis.stats.plan import covariates as formulas
from itc_analysis.tables import per_cell

Kind: TypeAlias = Literal["ratio", "odds_ratio", "difference"]
KINDS: tuple[str, ...] = ("ratio", "odds_ratio", "difference")
Groups: TypeAlias = str | pd.Series | Sequence[Any]
Covariates: TypeAlias = str | Sequence[str] | pd.Series | pd.DataFrame
#: One for all, one for each column, or one for each value.
Numbers: TypeAlias = float | Mapping[str, float] | pd.Series | pd.DataFrame

SOURCE = "compare"
#: Names that the models' own columns have.
TAKEN = (
    "batch", "group", "is_analysed", "log_t_per_ul", "n_found", "n_samples", "n_total",
    "participant_id", "sample_y", "standard_error", "state", "value", "y",
)  # fmt: skip
#: '<0.02', as laboratories write what lies below the limit of detection.
_BELOW = re.compile(r"\s*[<≤]\s*(\S+)\s*")
_SHOWN = 5


@dataclass(frozen=True)
class PlainTable:
    """A table whose columns can be compared.

    Parameters
    ----------
    people : pandas.DataFrame
        One row per participant: participant_id, group, is_analysed and the covariates.
    rows : pandas.DataFrame
        One row per row of the table: participant_id and batch.
    values, limits, totals : pandas.DataFrame
        Numbers, limits of those that are only known to be low (else NaN), and totals; one column
        per measure.
    kinds : dict of str to str
        What a comparison of each measure gives: ratio, odds_ratio or difference.
    formula : str or None
        Covariates adjusted for.
    groups : tuple of str
        All groups: in the order of the categories where there are any, else sorted.
    """

    people: pd.DataFrame
    rows: pd.DataFrame
    values: pd.DataFrame
    limits: pd.DataFrame
    totals: pd.DataFrame
    kinds: dict[str, str]
    formula: str | None
    groups: tuple[str, ...]

    def responses(self, measure: str) -> pd.DataFrame:
        """Return one row per participant for a measure, as `responses.respond` gives it."""
        limit = self.limits[measure].to_numpy()
        value = self.values[measure].to_numpy()
        is_low = np.isfinite(limit)
        rows = self.rows.assign(
            value=np.where(is_low, np.nan, value),
            upper=limit,
            n_denominator=self.totals[measure].to_numpy(),
            n_cells=np.nan,
            standard_error=np.nan,
            status=np.where(is_low, "below_lod", "ok"),
            # of a share "<0.02" the cells are not known
            n_events=np.where(is_low, np.nan, value * self.totals[measure].to_numpy()),
            n_background=0.0,
            background_se=0.0,
            capture=1.0,
            error_log=0.0,
        )
        measured = rows[is_low | np.isfinite(value)]
        return per_participant(on_scale(measured, self.kinds[measure]), self.people)


def lay_out(
    values: pd.DataFrame | pd.Series,
    groups: Groups,
    *,
    covariates: Covariates | None,
    formula: str | None,
    kind: str | Mapping[str, str],
    limits: Numbers | None,
    totals: Numbers | None,
    batch: str | pd.Series | None,
) -> PlainTable:
    """Check what was given and lay it out; see `comparing.compare` for the parameters.

    Raises
    ------
    ItcError
        Naming every fault.
    """
    if not isinstance(values, (pd.DataFrame, pd.Series)) and hasattr(values, "obs"):
        values = values.obs  # an AnnData, whose rows are cells
    table = values.to_frame(values.name or "value") if isinstance(values, pd.Series) else values
    table = table.rename(columns=str)
    _refuse_cells(table)
    faults: list[Fault] = []
    used: list[str] = []
    group = _column(table, groups, "groups", used, faults)
    batches = None if batch is None else _column(table, batch, "batch", used, faults)
    beside = _covariates(table, covariates, used, faults)
    measures = table.drop(columns=used)
    twice = sorted(set(measures.columns[measures.columns.duplicated()]))
    faults += [Fault("values", f"column '{name}' appears twice", "keep one") for name in twice]
    measures = measures.loc[:, ~measures.columns.duplicated()]
    if measures.empty:
        faults.append(Fault("values", "there is no value", "give at least one row and column"))
    kinds = _kinds(kind, list(measures.columns), faults)
    numbers, low = _numbers(measures, faults)
    beyond = _spread(limits, numbers, "limits", faults)
    known = beyond.notna() & (numbers < beyond)
    low = low.where(low.notna(), beyond.where(known))
    of = _spread(totals, numbers, "totals", faults)
    for name in measures.columns:
        faults += _range_faults(name, kinds.get(name), numbers[name], low[name], of[name])
    beside, formula = _formula(beside, formula, faults)
    people = _people(table.index, group, beside, faults)
    if faults:
        raise ItcError(SOURCE, faults)
    rows = pd.DataFrame(
        {
            "participant_id": table.index.astype(str),
            "sample_id": table.index.astype(str),
            "batch": "" if batches is None else batches.astype(str).to_numpy(),
        }
    )
    return PlainTable(people, rows, numbers, low, of, kinds, formula, _order(group))


def _refuse_cells(table: pd.DataFrame) -> None:
    """Refuse a table with a row per cell: each would be taken for a person.

    Rows are cells when most of their names hold a barcode, when a column of barcodes names each, or
    when they have no names and the columns are those of cells. Rows named by participant are
    averaged, however many there are.
    """
    if not len(table):
        return
    names = table.index.astype(str)
    by_name = float(names.str.contains(per_cell.BARCODE).mean()) > 0.5  # most of them
    by_column = not table.index.has_duplicates and bool(per_cell.NAMES & set(table.columns))
    of_cells = isinstance(table.index, pd.RangeIndex) and any(
        map(per_cell.is_of_cells, table.columns)
    )
    if by_name or by_column or of_cells:
        raise ItcError(
            SOURCE, [Fault("values", f"the rows are cells: {per_cell.WHAT}", per_cell.REMEDY)]
        )


def _column(
    table: pd.DataFrame, given: Any, what: str, used: list[str], faults: list[Fault]
) -> pd.Series:
    """Return a column by its name, or what was given in its place, in the order of the table."""
    nothing = pd.Series(pd.NA, index=table.index, dtype=object)
    if isinstance(given, str):
        if given not in table.columns:
            fault = f"there is no column '{given}'"
            faults.append(Fault(what, fault, did_you_mean(given, table.columns)))
            return nothing
        used.append(given)
        named: pd.Series = table[given]
        return named
    if isinstance(given, pd.Series):
        aligned: pd.Series = _aligned(table, given, what, faults)
        return aligned
    if len(given) != len(table):
        faults.append(Fault(what, f"{len(given)} given for {len(table)} rows of values"))
        return nothing
    is_ordered = isinstance(given, pd.Categorical)
    return pd.Series(given if is_ordered else list(given), index=table.index)


def _aligned(table: pd.DataFrame, given: Any, what: str, faults: list[Fault]) -> Any:
    """Return the rows of `given` in the order of the table, by their index."""
    if given.index.equals(table.index):
        return given
    if given.index.has_duplicates:
        faults.append(Fault(what, "an index value appears twice", "give one row per participant"))
        return given.iloc[:0].reindex(table.index.unique()[:0])
    lacking = table.index[~table.index.isin(given.index)].unique()
    if len(lacking):
        shown = ", ".join(map(str, lacking[:_SHOWN]))
        faults.append(Fault(what, f"nothing for {shown}", "give them the index of the values"))
    return given.reindex(table.index)


def _covariates(
    table: pd.DataFrame, given: Covariates | None, used: list[str], faults: list[Fault]
) -> pd.DataFrame:
    if given is None:
        return pd.DataFrame(index=table.index)
    if isinstance(given, pd.Series):
        given = given.to_frame(given.name or "covariate")
    if isinstance(given, pd.DataFrame):
        found: pd.DataFrame = _aligned(table, given, "covariates", faults)
        return found.rename(columns=str)
    names = [given] if isinstance(given, str) else list(given)
    columns = [_column(table, str(name), "covariates", used, faults) for name in names]
    return pd.DataFrame(dict(zip(map(str, names), columns, strict=True)), index=table.index)


def _kinds(
    kind: str | Mapping[str, str], measures: list[str], faults: list[Fault]
) -> dict[str, str]:
    given = dict.fromkeys(measures, kind) if isinstance(kind, str) else dict(kind)
    for name, word in given.items():
        if name not in measures:
            fault = f"there is no column '{name}'"
            faults.append(Fault("kind", fault, did_you_mean(str(name), measures)))
        if word not in KINDS:
            fault = f"'{word}' is no kind of comparison"
            faults.append(Fault("kind", fault, did_you_mean(str(word), KINDS)))
    found = {name: str(given.get(name, "ratio")) for name in measures}
    return {name: word for name, word in found.items() if word in KINDS}


def _numbers(measures: pd.DataFrame, faults: list[Fault]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the numbers, and the limits of cells that read '<limit'."""
    numbers = pd.DataFrame(np.nan, index=measures.index, columns=measures.columns)
    low = numbers.copy()
    for place, name in enumerate(measures.columns):
        column = measures.iloc[:, place]
        if pd.api.types.is_numeric_dtype(column):
            numbers.iloc[:, place] = column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
            continue
        read = [_read(cell) for cell in column]
        wrong = [str(cell) for cell, found in zip(column, read, strict=True) if found is None]
        if wrong:
            shown = ", ".join(f"'{word}'" for word in dict.fromkeys(wrong[:_SHOWN]))
            remedy = "give numbers, '<limit' below a limit of detection, or nothing where missing"
            faults.append(Fault(f"column '{name}'", f"no number: {shown}", remedy))
        found = np.array([(np.nan, np.nan) if pair is None else pair for pair in read], dtype=float)
        numbers.iloc[:, place], low.iloc[:, place] = found.reshape(-1, 2).T
    return numbers, low


def _read(cell: Any) -> tuple[float, float] | None:
    """Return value and limit of a cell (one of them NaN); None when it cannot be read."""
    if pd.isna(cell):
        return np.nan, np.nan
    text = str(cell)
    below = _BELOW.fullmatch(text)
    try:
        number = float(below[1] if below else text)
    except ValueError:
        return None
    if not np.isfinite(number):
        return None
    return (np.nan, number) if below else (number, np.nan)


def _spread(
    given: Numbers | None, like: pd.DataFrame, what: str, faults: list[Fault]
) -> pd.DataFrame:
    """Return a number for every value."""
    spread = pd.DataFrame(np.nan, index=like.index, columns=like.columns)
    if given is None:
        return spread
    if isinstance(given, pd.DataFrame):
        every: pd.DataFrame = _aligned(like, given, what, faults)
        return every.reindex(columns=like.columns).astype(float)
    if isinstance(given, pd.Series) and set(given.index) != set(like.columns):
        column: npt.NDArray[np.float64] = _aligned(like, given, what, faults).to_numpy(dtype=float)
        return spread.assign(**dict.fromkeys(like.columns, column))
    if isinstance(given, (Mapping, pd.Series)):
        unknown = [str(name) for name in given.keys() if name not in like.columns]  # noqa: SIM118
        faults += [
            Fault(what, f"there is no column '{name}'", did_you_mean(name, like.columns))
            for name in unknown
        ]
        return spread.assign(**{n: float(given[n]) for n in like.columns if n in given})
    return spread.fillna(float(given))


def _range_faults(
    name: str, kind: str | None, value: pd.Series, low: pd.Series, total: pd.Series
) -> list[Fault]:
    """Return which values cannot be compared in this way."""
    where = f"column '{name}'"
    faults = []
    is_number = low.isna() & value.notna()
    if np.isinf(value[is_number]).any():
        faults.append(Fault(where, "a value is infinite", "leave it empty where it is missing"))
    if kind in ("ratio", "odds_ratio") and (low <= 0).any():
        faults.append(Fault(where, "a limit of detection is not above 0", "give it above 0"))
    if kind == "ratio" and (value[is_number] <= 0).any():
        who = ", ".join(map(str, value.index[is_number & (value <= 0)][:_SHOWN]))
        what = f"not above 0, so there is no ratio: {who}"
        faults.append(Fault(where, what, "give the limit of detection, or kind='difference'"))
    if kind == "odds_ratio":
        if ((value[is_number] < 0) | (value[is_number] > 1)).any():
            faults.append(Fault(where, "odds need shares from 0 to 1", "divide per cent by 100"))
        if not (total[value.notna() | low.notna()] > 0).all():
            what = "odds need the number of cells that each share is of"
            faults.append(Fault(where, what, "give totals=, or kind='ratio'"))
    return faults


def _formula(
    beside: pd.DataFrame, formula: str | None, faults: list[Fault]
) -> tuple[pd.DataFrame, str | None]:
    """Return the covariates under names that a formula can hold, and the formula."""
    if formula is None:
        names = [_word(name) for name in beside.columns]
        return beside.set_axis(names, axis=1), " + ".join(names) or None
    try:
        used = formulas.variables(formula)
    except ValueError as error:
        faults.append(Fault("formula", str(error), "write e.g. age + sex"))
        return beside, None
    for name in used:
        if name not in beside.columns:
            what = f"'{name}' is not among the covariates"
            faults.append(Fault("formula", what, did_you_mean(name, beside.columns)))
        elif name in TAKEN:
            remedy = "rename the column"
            faults.append(Fault("formula", f"the models have a column '{name}' already", remedy))
    return beside[[name for name in used if name in beside.columns]], formula


def _order(group: pd.Series) -> tuple[str, ...]:
    found = set(group.dropna().astype(str))
    if isinstance(group.dtype, pd.CategoricalDtype):
        return tuple(str(name) for name in group.cat.categories if str(name) in found)
    return tuple(sorted(found))


def _word(name: str) -> str:
    """Return a name that a formula can hold: 'age at draw' becomes age_at_draw."""
    word = re.sub(r"\W+", "_", name).strip("_")
    word = word if word.isidentifier() else f"covariate_{word}"
    return f"{word}_" if word in TAKEN else word


def _people(
    index: pd.Index, group: pd.Series, beside: pd.DataFrame, faults: list[Fault]
) -> pd.DataFrame:
    """Return one row per participant; a participant's rows must agree."""
    people = pd.DataFrame({"participant_id": index.astype(str), "is_analysed": True})
    people["group"] = group.astype(object).to_numpy() if len(group) == len(index) else None
    without = people.loc[people["group"].isna(), "participant_id"]
    if len(without) and not any(fault.where == "groups" for fault in faults):
        shown = ", ".join(without[:_SHOWN])
        faults.append(Fault("groups", f"no group for {shown}", "leave these rows out"))
    people["group"] = people["group"].astype(str)
    for name in beside.columns if len(beside) == len(index) else ():
        column = beside[name]
        is_number = pd.api.types.is_numeric_dtype(column)
        people[name] = column.astype("float64" if is_number else "string").to_numpy()
        people[name] = people[name].astype("float64" if is_number else "string")
    once = people.drop_duplicates()
    torn = once.loc[once["participant_id"].duplicated(), "participant_id"].unique()
    if len(torn):
        shown = ", ".join(torn[:_SHOWN])
        what = f"rows of one participant disagree about group or covariates: {shown}"
        faults.append(Fault("values", what, "one index value is one person; give each its own"))
    return once.reset_index(drop=True)
