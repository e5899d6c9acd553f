"""Names that programs give to channels: the detector behind them, and whether they say
"compensated".

FlowJo writes ``FJComp-PE-A`` (export) and ``Comp-PE-A`` (workspace), FlowJo and SpectroFlo
``<PE-A>``, Cytobank and FlowJo's tables ``Comp-PE-A :: CD3``.
"""

from __future__ import annotations

import re

_PREFIX = re.compile(r"(?:fj[-_ ]?)?comp(?:ensated)?[-_ :.]+(?=\S)", re.IGNORECASE)
_BRACKETED = re.compile(r"<(.+)>")
#: The label behind the name, as tables for people have it.
_LABEL = re.compile(r"\s+::\s.*", re.DOTALL)


def detector_of(name: str) -> str:
    """Return the name of the detector: without prefix, brackets and label."""
    return _split(name)[0]


def is_compensated(name: str) -> bool:
    """Return whether a channel's name says that its values were compensated (or unmixed)
    already.
    """
    return _split(name)[1]


def _split(name: str) -> tuple[str, bool]:
    # '730//45Red-A': some programs double the '/' in names as if it were the delimiter.
    plain = _LABEL.sub("", name.strip()).replace("//", "/")
    bare = _BRACKETED.sub(r"\1", _PREFIX.sub("", plain, count=1) if _PREFIX.match(plain) else plain)
    return (bare.strip(), bare != plain) if bare.strip() else (plain, False)
