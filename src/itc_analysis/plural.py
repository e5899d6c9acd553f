"""Numbers with their noun: 0 tubes, 1 tube, 2 tubes."""

from __future__ import annotations


def plural(n: int, one: str, many: str = "") -> str:
    """Return "1 tube", "2 tubes"; `many` where an s is not enough ("1 batch", "2 batches")."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
