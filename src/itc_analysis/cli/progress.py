"""Say how far a command is, once it has taken longer than a few seconds."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
#: Seconds before the first line, and between two.
PATIENCE = 5.0

#: When something was last said, by the clock of `time.monotonic`.
_last_said = [0.0]
_resting = threading.Event()


def watched(items: Sequence[T], what: str, *, patience: float = PATIENCE) -> Iterator[T]:
    """Go through items; after `patience` seconds, and then as often, print how many are done.

    Printed to standard error, so that what a command answers stays clean.
    """
    last = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if now - last >= patience:
            _say(f"{what}: {done} of {len(items)}")
            last = now
        yield item


@contextmanager
def breaking_silence(verb: str, *, patience: float = PATIENCE) -> Iterator[None]:
    """While a command says nothing, print how long it has been at work: after `patience` seconds,
    and then at intervals that double.

    A line of the log, or of `watched`, is something said.
    """
    handler = _Listener()
    _resting.clear()
    _last_said[0] = time.monotonic()
    thread = threading.Thread(target=_break_silence, args=(verb, patience), daemon=True)
    logging.getLogger().addHandler(handler)
    thread.start()
    try:
        yield
    finally:
        _resting.set()
        thread.join()
        logging.getLogger().removeHandler(handler)


def rest() -> None:
    """Say no more how long the command has been at work: it waits for a person now."""
    _resting.set()


class _Listener(logging.Handler):
    """Notes when something was logged."""

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
        _last_said[0] = time.monotonic()


def _break_silence(verb: str, patience: float) -> None:
    start = time.monotonic()
    while not _resting.wait(max(_last_said[0] + patience - time.monotonic(), patience / 50)):
        if time.monotonic() - _last_said[0] >= patience:
            _say(f"itc {verb}: at work for {time.monotonic() - start:.0f} s")
            patience *= 2


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
    _last_said[0] = time.monotonic()
