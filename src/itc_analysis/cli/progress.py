"""Say how far a command is, once it has taken longer than a few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
#: Seconds before the first line, and between two.
PATIENCE = 5.0


def watched(items: Sequence[T], what: str, *, patience: float = PATIENCE) -> Iterator[T]:
    """Go through items; after `patience` seconds, and then as often, print how many are done.

    Printed to standard error, so that what a command answers stays clean.
    """
    last = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if now - last >= patience:
            print(f"{what}: {done} of {len(items)}", file=sys.stderr, flush=True)
            last = now
        yield item
