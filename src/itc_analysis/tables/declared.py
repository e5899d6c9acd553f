"""How a contract declares a column: its type, what it means, and what its values may be.

The names of types and rules are pandera's, which is imported only where a table is not in order
(`contract`): importing it takes longer than reading a job's tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_args

import numpy as np
from pandas.api.extensions import ExtensionDtype

Kind = TypeVar("Kind")


class Series(Generic[Kind]):
    """A column in a contract's body, by the type of its values: ``n: Series[int] = Field(...)``."""


@dataclass(frozen=True)
class Field:
    """What a column means, and what its values may be.

    Parameters
    ----------
    description : str
        a sentence.
    nullable : bool
        values may be missing.
    ge, le : float, optional
        lowest and highest value.
    isin : list of str, optional
        the words that it may be.
    str_matches : str, optional
        the regular expression that its text begins with.
    metadata : mapping of str to object
        `unit`; `whole` for numbers of things that are counted.
    """

    description: str
    nullable: bool = False
    ge: float | None = None
    le: float | None = None
    isin: list[str] | None = None
    str_matches: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """What values that are not missing must be: pandera's name of it, and its limits."""

    name: str
    statistics: dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    dtype : numpy.dtype or pandas.api.extensions.ExtensionDtype
        the type of its values.
    description : str
        as in `Field`, like the next two.
    nullable : bool
        values may be missing.
    metadata : mapping of str to object
        `unit` and others.
    checks : tuple of Rule
        what its values must be.
    """

    dtype: Any
    description: str
    nullable: bool
    metadata: Mapping[str, Any]
    checks: tuple[Rule, ...]


def column(annotation: object, declared: Field) -> Column:
    """Return a column from what stands in a contract's body.

    Parameters
    ----------
    annotation : object
        ``Series[...]`` of the type of its values.
    """
    (kind,) = get_args(annotation)
    limits = (
        ("greater_than_or_equal_to", "min_value", declared.ge),
        ("less_than_or_equal_to", "max_value", declared.le),
        ("isin", "allowed_values", declared.isin),
        ("str_matches", "pattern", declared.str_matches),
    )
    return Column(
        dtype=kind() if issubclass(kind, ExtensionDtype) else np.dtype(kind),
        description=declared.description,
        nullable=declared.nullable,
        metadata=declared.metadata,
        checks=tuple(
            Rule(name, {limit: value}) for name, limit, value in limits if value is not None
        ),
    )
