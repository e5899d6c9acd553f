"""What a column of a table that a step makes may be: text, a count, a number with a unit."""

import pandera.pandas as pa

STATUSES = [
    "ok",
    "few_cells",
    "below_lod",
    "no_panel",
    "no_control",
    "no_count",
    "failed_quality",
    "unreadable",
    "held",
    "excluded",
    "not_anchored",
    "not_estimable",
]
GATE_STATES = [
    *("ok", "pooled", "borrowed", "control", "ambiguous", "weak", "manual", "not_estimable"),
]
#: What the comparison of a tube with its batch and panel found.
FINDINGS = [
    *("ok", "copy", "swapped", "compensation", "stain_missing", "elsewhere", "cannot_be_told"),
    *("joined", "not_judged"),
]
#: Begins the reason of every gate whose tube does not agree with its batch.
STANDS_AGAINST = "stands against its batch"
#: Begins the name of a functional marker's positivity threshold where it stands among gates.
POSITIVE_OF = "positive: "
DETECTIONS = ["quantified", "detected", "below_lod"]


def positive_of(marker: str, population: str | None = None) -> str:
    """Return the name of a marker's threshold among gates: for all T cells, or a population."""
    return f"{POSITIVE_OF}{marker}" + ("" if population is None else f" in {population}")


def text(description: str, *, nullable: bool = False, allowed: list[str] | None = None) -> object:
    return pa.Field(nullable=nullable, isin=allowed, description=description, metadata={"unit": ""})


def count(description: str, unit: str = "events") -> object:
    return pa.Field(ge=0, description=description, metadata={"unit": unit})


def maybe_count(description: str, unit: str = "events") -> object:
    return pa.Field(ge=0, nullable=True, description=description, metadata={"unit": unit})


def quantity(
    description: str, unit: str, low: float | None = None, high: float | None = None
) -> object:
    return pa.Field(
        nullable=True, ge=low, le=high, description=description, metadata={"unit": unit}
    )
