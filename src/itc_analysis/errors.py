"""What can go wrong that the user can put right, and how it is said.

A `Fault` says where, what, and what to do. Code that checks something collects all
faults first and raises them together, so that a person mends a sheet once, not ten times.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

#: The same fault in more places than this is printed once, with so many of the places.
MANY = 3


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Parameters
    ----------
    where : str
        file, and row or key inside it, e.g. ``"row 7"``; empty when the whole file is meant.
    what : str
        what is wrong, with the offending value in quotes.
    remedy : str
        what to do; may be empty when `what` leaves no doubt.
    """

    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.where}, {self.what}" if self.where else self.what
        return f"{text}; {self.remedy}" if self.remedy else text


class ItcError(Exception):
    """A fault of the input. The command line prints it without traceback and exits with 2.

    Parameters
    ----------
    source : str
        the file or command that the faults belong to.
    faults : iterable of Fault or str
        at least one `Fault`, or one sentence.
    """

    def __init__(self, source: str, faults: Iterable[Fault] | str) -> None:
        if isinstance(faults, str):
            faults = [Fault("", faults)]
        self.source = str(source)
        self.faults = list(faults)
        if not self.faults:
            msg = "an ItcError needs at least one fault"
            raise ValueError(msg)
        super().__init__(str(self))

    def __str__(self) -> str:
        return self.told()

    def told(self, *, every_name: bool = False) -> str:
        """Return the faults as text; of the same fault in many places, the first few places.

        Parameters
        ----------
        every_name : bool
            name all places.
        """
        count = f"{len(self.faults)} fault" + ("s" if len(self.faults) > 1 else "")
        places: dict[tuple[str, str], list[str]] = {}
        for fault in self.faults:
            places.setdefault((fault.what, fault.remedy), []).append(fault.where)
        lines = [f"{self.source}: {count}"]
        for fault in self.faults:
            named = places[(fault.what, fault.remedy)]
            if len(named) <= MANY:
                lines.append(f"  {fault}")
            elif fault.where == named[0]:
                where = _listed(named, every_name=every_name)
                lines.append(f"  {Fault(where, fault.what, fault.remedy)}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[type, tuple[str, list[Fault]]]:
        return (type(self), (self.source, self.faults))


class SettingsError(ItcError):
    """A setting, plan, panel or gating template that cannot be used as written."""


class SheetError(ItcError):
    """A sheet (participants, samples, tubes, libraries) that cannot be used as written."""


class UnreadableFile(ItcError):
    """A data file (FCS, h5, contigs) that cannot be read, or not without guessing."""


class PanelError(ItcError):
    """A marker that is missing in a tube, or found twice."""


class ItcErrors(ItcError):
    """Faults of several files, printed one block per file; what many files share is printed
    once.
    """

    def __init__(self, errors: Iterable[ItcError]) -> None:
        self.errors = list(errors)
        faults = [
            Fault(
                f"{error.source}: {fault.where}" if fault.where else f"{error.source}:",
                fault.what,
                fault.remedy,
            )
            for error in self.errors
            for fault in error.faults
        ]
        super().__init__(f"{len(self.errors)} files", faults)

    def told(self, *, every_name: bool = False) -> str:
        """Return the faults as text; a fault that many files share with all its places once.

        Faults that differ in their numbers alone are the same; the first stands for all.

        Parameters
        ----------
        every_name : bool
            name all files.
        """
        files: dict[tuple[str, str, str], list[str]] = {}
        for error in self.errors:
            for fault in error.faults:
                own = files.setdefault(_kind(fault), [])
                if error.source not in own:
                    own.append(error.source)
        blocks, said = [], set()
        for error in self.errors:
            rest = []
            for fault in error.faults:
                named = files[_kind(fault)]
                if len(named) <= MANY:
                    rest.append(fault)
                elif _kind(fault) not in said:
                    said.add(_kind(fault))
                    shown = _listed(named, every_name=every_name)
                    blocks.append(f"{len(named)} files ({shown}), each:\n  {fault}")
            if rest:
                blocks.append(type(error)(error.source, rest).told(every_name=every_name))
        return "\n".join(blocks)

    def __reduce__(self) -> tuple[type, tuple[list[ItcError]]]:  # type: ignore[override]
        return (type(self), (self.errors,))


@contextmanager
def collecting(errors: list[ItcError]) -> Iterator[None]:
    """Keep an error that ends the block, and go on behind it."""
    try:
        yield
    except ItcError as error:
        errors.append(error)


def one_error(errors: Iterable[ItcError]) -> ItcError:
    """Return one error of several, with each file once and each fault once.

    Parameters
    ----------
    errors : iterable of ItcError
        at least one; two steps that read the same file may say the same.
    """
    kinds: dict[str, type[ItcError]] = {}
    faults: dict[str, dict[Fault, None]] = {}
    for error in errors:
        for part in error.errors if isinstance(error, ItcErrors) else [error]:
            kinds.setdefault(part.source, type(part))
            faults.setdefault(part.source, {}).update(dict.fromkeys(part.faults))
    joined = [kinds[source](source, found) for source, found in faults.items()]
    return joined[0] if len(joined) == 1 else ItcErrors(joined)


def _kind(fault: Fault) -> tuple[str, str, str]:
    """Return a fault without its numbers."""
    where, what, remedy = (re.sub(r"\d+", "#", t) for t in (fault.where, fault.what, fault.remedy))
    return where, what, remedy


def _listed(names: list[str], *, every_name: bool) -> str:
    """Return the first names and how many more there are."""
    if every_name or len(names) <= MANY:
        return ", ".join(names)
    return f"{', '.join(names[:MANY])} and {len(names) - MANY} more, all with itc -v"


#: Letters that are typed, or read by a scanner, for digits: 0l2 for 012.
_LOOK_ALIKES = str.maketrans("lIiOo", "11100")


#: Close names that are looked at.
_MOST_CLOSE = 8


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"did you mean 'x'?"``, or the known words when none is close.

    Compared without case first, so that 'SSC' finds 'SSc' and not 'pSS'. Ids differ by a digit
    each, so one that looks the same ('0l2' and '012') goes before others that are as close. A
    number is a name of its own: CD69 is not what was meant by CD161. Nor is a short name whose
    letters a much longer word happens to hold: SLE is not what was meant by Sclero.
    """
    known = [str(name) for name in known]
    looks = word.translate(_LOOK_ALIKES)
    alike = [name for name in known if name.translate(_LOOK_ALIKES) == looks]
    if alike:
        return f"did you mean '{alike[0]}'?"
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), folded, n=_MOST_CLOSE, cutoff=0.6)
    for name in close:
        if _same_number(word, name) and abs(len(word) - len(name)) <= max(len(name) // 2, 1):
            return f"did you mean '{folded[name]}'?"
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"known: {shown}" if known else "none is known"


def _same_number(word: str, name: str) -> bool:
    """Whether the digits of two names are the same but for a slip: two swapped, one typed twice."""
    first, second = ("".join(re.findall(r"\d", text)) for text in (word, name))
    if not first or not second:
        return True
    once = [re.sub(r"(\d)\1+", r"\1", digits) for digits in (first, second)]
    return once[0] == once[1] or sorted(first) == sorted(second)
