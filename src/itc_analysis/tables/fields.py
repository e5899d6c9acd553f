"""What a column of a sheet may be: text, an id, a number with limits, yes/no.

Used by the contracts of the sheets that people write.
"""

import pandera.pandas as pa

from itc_analysis.tables.ids import ID_PATTERN


def text(description: str, *, nullable: bool = True, allowed: list[str] | None = None) -> object:
    """Free or enumerated text."""
    return pa.Field(nullable=nullable, isin=allowed, description=description, metadata={"unit": ""})


def identifier(description: str, *, nullable: bool = False) -> object:
    """An id: letters, digits, dot, dash, underscore."""
    return pa.Field(
        nullable=nullable, str_matches=ID_PATTERN, description=description, metadata={"unit": ""}
    )


def number(description: str, unit: str, low: float, high: float, *, whole: bool = False) -> object:
    """A number with hard limits; outside them it is a typing error, not a patient.

    `whole` numbers are of things that are counted: a single sign before three digits parts
    thousands there, or is a slip, and is asked about.
    """
    metadata = {"unit": unit, "whole": True} if whole else {"unit": unit}
    return pa.Field(nullable=True, ge=low, le=high, description=description, metadata=metadata)


def yes_no(description: str) -> object:
    """A three-valued item: yes, no, or empty for not known."""
    return pa.Field(nullable=True, description=description, metadata={"unit": "yes/no"})
