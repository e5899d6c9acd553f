"""Read, write and check any table against its contract.

A contract is a pandera `DataFrameModel` with a `key` (the columns that name a row) and optionally
`requirements`, which returns the sentences of what is wrong beyond types and ranges, and `joined`,
which says how rows of one key in several files become one. Text columns
are pandas `string`, counts `int64`, yes/no `boolean`; missing is always null, and a `status` column
says why. A value is given its column's type only where that leaves it what it was: 4.0 becomes a
count, 4.7 and the text "no" in a yes/no column are refused.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
import pyarrow.parquet as parquet

from itc_analysis.errors import Fault, ItcError
from itc_analysis.statistics.arrays import BoolArray
from itc_analysis.tables import per_cell
from itc_analysis.whole_files import written_whole

#: So many values of a column are named where its type would change more.
FIRST = 5


class Contract(pa.DataFrameModel):
    """Base of every table."""

    _key: tuple[str, ...] = ()
    _without: tuple[str, ...] = ()
    _joined: Mapping[str, str] = {}

    class Config:  # noqa: D106  (pandera reads its options here)
        strict = True
        coerce = True

    def __init_subclass__(
        cls,
        *,
        key: tuple[str, ...] = (),
        without: tuple[str, ...] = (),
        joined: Mapping[str, str] | None = None,
        **keywords: Any,
    ) -> None:
        super().__init_subclass__(**keywords)  # type: ignore[no-untyped-call]
        cls._key = key
        cls._without = without
        cls._joined = joined or {}

    @classmethod
    def to_schema(cls) -> pa.DataFrameSchema:
        """Return the columns; a contract made `without` some has the others of its parent."""
        schema = super().to_schema()
        return schema.remove_columns(list(cls._without)) if cls._without else schema

    @classmethod
    def requirements(cls, table: pd.DataFrame) -> list[str]:  # noqa: ARG003
        """Return what is wrong beyond types and ranges; an empty list when all is well."""
        return []


def columns_of(contract: type[Contract]) -> dict[str, Any]:
    """Return ``{column: pandera Column}`` in the order of the contract."""
    return dict(_columns(contract))


@cache
def _columns(contract: type[Contract]) -> dict[str, Any]:
    return dict(contract.to_schema().columns)


def key_of(contract: type[Contract]) -> tuple[str, ...]:
    """Return the columns that name a row."""
    return contract._key


def empty(contract: type[Contract]) -> pd.DataFrame:
    """Return the table with no rows and the right types."""
    return check(pd.DataFrame(columns=list(columns_of(contract))), contract)


def make(rows: Iterable[dict[str, Any]] | pd.DataFrame, contract: type[Contract]) -> pd.DataFrame:
    """Build a table from rows; columns a row does not name become null. Checked."""
    columns = list(columns_of(contract))
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    unknown = [name for name in frame.columns if name not in columns]
    if unknown:
        msg = f"{contract.__name__} has no columns {unknown}"
        raise ValueError(msg)
    return check(frame.reindex(columns=columns), contract)


def check(table: pd.DataFrame, contract: type[Contract]) -> pd.DataFrame:
    """Return `table` with the contract's types, or raise an `ItcError` that lists every fault.

    Raises
    ------
    ItcError
        a column is missing or unknown, a value out of range or changed by the type of its column,
        a key repeated, or one of the contract's requirements not met.
    """
    columns = list(columns_of(contract))
    faults = [Fault("", f"column '{c}' is missing") for c in columns if c not in table.columns]
    faults += [Fault("", f"unknown column '{c}'") for c in table.columns if c not in columns]
    if faults:
        raise ItcError(contract.__name__, faults)
    frame = table.loc[:, columns].reset_index(drop=True)
    changed = _changed_by_type(frame, contract)
    faults = [fault for own in changed.values() for fault in own]
    try:
        frame = _validated(frame, contract)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        failures = cases[~cases["column"].isin(changed)]
        failures = failures.drop_duplicates(["column", "check", "failure_case"]).head(20)
        faults += [
            Fault(
                "" if pd.isna(row["index"]) else f"row {int(row['index']) + 1}",
                f"column '{row['column']}': {row['failure_case']!r} fails {row['check']}",
            )
            for _, row in failures.iterrows()
        ]
    if faults:
        raise ItcError(contract.__name__, faults)
    if contract._key:
        repeated = frame.duplicated(list(contract._key), keep=False)
        if repeated.any():
            shown = frame.loc[repeated, list(contract._key)].drop_duplicates().head(5)
            faults = [
                Fault("", f"key {tuple(row)} is repeated") for row in shown.itertuples(index=False)
            ]
            raise ItcError(contract.__name__, faults)
    problems = contract.requirements(frame)
    if problems:
        raise ItcError(contract.__name__, [Fault("", problem) for problem in problems])
    return frame


@cache
def _exact_columns(contract: type[Contract]) -> dict[str, Any]:
    """Return the types of the columns of whole numbers and of yes/no."""
    types = {name: column.dtype.type for name, column in _columns(contract).items()}
    return {name: kind for name, kind in types.items() if kind.kind in "biu"}


def _changed_by_type(frame: pd.DataFrame, contract: type[Contract]) -> dict[str, list[Fault]]:
    """Return the first values of each column that its type would change, as faults.

    pandas and pandera make 4 of 4.7, and True of any text and of a missing value.
    """
    given = dict(zip(frame.columns, frame.dtypes, strict=True))
    found = {}
    for name, kind in _exact_columns(contract).items():
        # a look at the types is enough for nearly all columns: this is asked of every table
        if given[name].kind == kind.kind or (given[name].kind == "b" and kind.kind != "b"):
            continue
        if kind.kind == "b":
            is_missing = frame[name].isna() & (kind.name == "boolean")
            is_kept, wanted = (frame[name].isin([False, True]) | is_missing), "yes or no"
        else:
            is_kept, wanted = _is_whole(frame[name]), "a whole number"
        if not is_kept.all():
            found[name] = [
                Fault(f"row {row + 1}", f"column '{name}': {value!r} is not {wanted}")
                for row, value in frame.loc[~is_kept, name].head(FIRST).items()
            ]
    return found


def _is_whole(values: pd.Series) -> BoolArray:
    """Return False for numbers with a part behind the point; text is left to its conversion."""
    numbers = values if values.dtype.kind == "f" else pd.to_numeric(values, errors="coerce")
    plain = numbers.to_numpy(dtype=float, na_value=np.nan)
    is_whole: BoolArray = np.isnan(plain) | (plain == np.trunc(plain))
    return is_whole


def _validated(frame: pd.DataFrame, contract: type[Contract]) -> pd.DataFrame:
    """Return the frame with the contract's types, or raise pandera's `SchemaErrors`.

    pandera takes longer to say that a table is in order than a tube's cells take to be counted. So
    that is found out here, and pandera says what is wrong where something is.
    """
    typed = _in_order(frame, contract)
    return contract.validate(frame, lazy=True) if typed is None else typed


def _in_order(frame: pd.DataFrame, contract: type[Contract]) -> pd.DataFrame | None:
    """Return the frame with the contract's types; None where a type or value is not as it says."""
    typed = {}
    for name, column in _columns(contract).items():
        own, kind = frame[name], column.dtype.type
        try:
            values = (own if own.dtype == kind else own.astype(kind)).array
        except (TypeError, ValueError, OverflowError):
            return None
        typed[name] = values
        is_missing = np.asarray(values.isna())
        if is_missing.any():
            if not column.nullable:
                return None
            values = values[~is_missing]
        if not all(CHECKS[check.name](values, **check.statistics) for check in column.checks):
            return None
    return pd.DataFrame(typed)


#: What contracts ask of values that are not missing, by pandera's names.
CHECKS: dict[str, Callable[..., bool]] = {
    "greater_than_or_equal_to": lambda values, min_value: bool((values >= min_value).all()),
    "less_than_or_equal_to": lambda values, max_value: bool((values <= max_value).all()),
    "isin": lambda values, allowed_values: set(values) <= set(allowed_values),
    "str_matches": lambda values, pattern: all(map(re.compile(pattern).match, set(values))),
}


def write(
    table: pd.DataFrame,
    path: str | Path,
    contract: type[Contract],
    provenance: dict[str, Any] | None = None,
    *,
    is_checked: bool = False,
) -> None:
    """Check `table` and write it as Parquet, whole or not at all.

    The same table with the same provenance gives the same bytes: rows are sorted by the key and no
    clock time or host name is written, so that nothing downstream reruns.

    Parameters
    ----------
    is_checked : bool
        the table is as `make` or `check` returned it; it is not checked again.
    """
    frame = table if is_checked else check(table, contract)
    if contract._key:
        frame = frame.sort_values(list(contract._key), kind="stable").reset_index(drop=True)
    data = arrow.Table.from_pandas(frame, preserve_index=False)
    metadata = dict(data.schema.metadata or {})
    metadata[b"itc_analysis"] = json.dumps(
        {"table": contract.__name__, **(provenance or {})}, sort_keys=True
    ).encode()
    with written_whole(path) as partial:
        parquet.write_table(data.replace_schema_metadata(metadata), partial, compression="zstd")


#: What columns tell that should not be there, or should.
_OF_ANOTHER_VERSION = (
    "another version of itc_analysis wrote this table; make it again (by hand: the step that "
    "writes it; in the workflow: --forceall)"
)


def read(path: str | Path, contract: type[Contract]) -> pd.DataFrame:
    """Read a Parquet table and check it; a table of another kind is named."""
    try:
        frame = _stored(path).to_pandas()
    except FileNotFoundError:
        raise ItcError(str(path), "the table is not there; run the step that makes it") from None
    except arrow.ArrowInvalid as error:
        raise ItcError(
            str(path), f"not a Parquet table ({error}); delete it and run again"
        ) from None
    try:
        return check(frame, contract)
    except ItcError as error:
        name = read_provenance(path).get("table", contract.__name__)
        if name == contract.__name__:
            columns = set(columns_of(contract)) ^ set(frame.columns)
            faults = [*error.faults, Fault("", _OF_ANOTHER_VERSION)] if columns else error.faults
            raise ItcError(str(path), faults) from None
        what, remedy = f"it is a table of {name}, not of {contract.__name__}", ""
        if name in per_cell.CONTRACTS:
            what, remedy = f"{what}: {per_cell.WHAT}", per_cell.REMEDY
        raise ItcError(str(path), [Fault("", what, remedy)]) from None


def read_all(paths: Sequence[str | Path], contract: type[Contract]) -> pd.DataFrame:
    """Read several tables of one contract as one; keys must not repeat between them, unless the
    contract says how their rows are `joined`.

    They are put together and checked once. Where something is wrong they are read one by one, as
    `read` does: a file that is not there, no table, or a table of another kind is named.
    """
    if not paths:
        return empty(contract)
    if contract._joined and len(set(map(str, paths))) < len(paths):
        raise ItcError(contract.__name__, "a file of it is given twice, and would be added up")
    try:
        whole = arrow.concat_tables(map(_stored, paths)).to_pandas()
        return check(_with_joined_rows(whole, contract), contract)
    except (OSError, arrow.ArrowInvalid, ItcError):
        frames = [read(path, contract) for path in paths]
        return check(_with_joined_rows(pd.concat(frames, ignore_index=True), contract), contract)


def _with_joined_rows(table: pd.DataFrame, contract: type[Contract]) -> pd.DataFrame:
    """Return the table with one row per key, where the contract says how."""
    key, joined = list(contract._key), dict(contract._joined)
    if not joined or not {*key, *joined} <= set(table.columns) or not table.duplicated(key).any():
        return table
    return table.groupby(key, as_index=False, sort=False).agg(joined)


def _stored(path: str | Path) -> arrow.Table:
    # read_table would import pyarrow's data sets, a thirtieth of a command's start
    with parquet.ParquetFile(path) as file:
        return file.read()


def read_provenance(path: str | Path) -> dict[str, Any]:
    """Return what `write` stored about how the table was made."""
    metadata = parquet.read_schema(path).metadata or {}
    stored: dict[str, Any] = json.loads(metadata.get(b"itc_analysis", b"{}"))
    return stored
