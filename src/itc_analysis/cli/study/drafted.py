"""What the drafting verbs share: a draft is printed or written, never over a file that is there."""

from __future__ import annotations

from collections.abc import Iterable


def hand_over(draft: str, output: str | None, remarks: Iterable[str]) -> None:
    """Write a draft, or print it, and say on standard error what a person has to look at.

    Parameters
    ----------
    draft : str
        the text of the file.
    output : str or None
        the file to write; None: printed.
    remarks : iterable of str
        what to look at, a line each.

    Raises
    ------
    ItcError
        the file is already there.
    """
    import sys
    from pathlib import Path

    from itc_analysis.errors import ItcError
    from itc_analysis.whole_files import write_text

    if output is None:
        print(draft, end="")
    elif Path(output).exists():
        raise ItcError(output, "is already there; move it away or name another file")
    else:
        write_text(Path(output), draft)
    for remark in remarks:
        print(remark, file=sys.stderr)
