"""Numbers with their noun, and lists of names: 0 tubes, 1 tube; a, b, c and 2 more."""

from __future__ import annotations

from collections.abc import Sequence


def plural(n: int, one: str, many: str = "") -> str:
    """Return "1 tube", "2 tubes"; `many` where an s is not enough ("1 batch", "2 batches")."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def first_names(names: Sequence[str], most: int = 3) -> str:
    """Return the names with commas; of more than `most` the first, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
