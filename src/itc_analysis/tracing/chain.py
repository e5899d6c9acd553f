"""Which bytes a file of the results was made from, step by step, checked against what lies there.

Every table says the names and digests of what it was made from. A link holds when a file of that
name with that digest lies in the results or among the inputs; where none does, the chain breaks
there and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from itc_analysis.provenance import sha256
from itc_analysis.results import Layout
from itc_analysis.tables import contract
from itc_analysis.tracing.manifest import result_files

State = Literal["holds", "altered", "missing"]


@dataclass(frozen=True)
class Link:
    """One file that a result was made from.

    Parameters
    ----------
    name : str
        as in the manifest; as it was recorded where no such file lies here.
    made : str
        the file that was made from it.
    sha256 : str
        of the bytes that lie here now; empty when there are none.
    recorded : str
        the beginning of the SHA-256 of the bytes that were read.
    state : str
        holds, altered (other bytes lie here now) or missing.
    is_input : bool
        the chain ends here: the file was not made by the workflow.
    """

    name: str
    made: str
    sha256: str
    recorded: str
    state: State
    is_input: bool


class Files:
    """The files of a study, by name, with their digests.

    Parameters
    ----------
    results : str or Path
        the results folder.
    inputs : mapping
        of `inputs.list_inputs`.
    """

    def __init__(self, results: str | Path, inputs: Mapping[str, Path]) -> None:
        self.layout = Layout(str(results))
        self.results = result_files(results)
        self.inputs = dict(inputs)
        self._digests: dict[Path, str] = {}

    def path(self, name: str) -> Path:
        """Return where a file lies."""
        return self.results[name] if name in self.results else self.inputs[name]

    def digest(self, name: str) -> str:
        """Return the SHA-256 of the bytes that lie here; empty when there are none."""
        path = self.path(name)
        if path not in self._digests:  # samples of a pool share theirs
            self._digests[path] = sha256(path) if path.exists() else ""
        return self._digests[path]

    def links(self, name: str) -> list[Link]:
        """Return what a file of the results was made from."""
        path = self.results.get(name)
        if path is None or path.suffix != ".parquet":
            return []
        record = self._record_of(name)
        if record is not None:
            digest = self.digest(record)
            return [Link(record, name, digest, digest, "holds", is_input=True)]
        recorded = contract.read_provenance(path).get("inputs", {})
        return [self._link(name, wanted, digest) for wanted, digest in recorded.items()]

    def _record_of(self, name: str) -> str | None:
        """Return the file of record of a frozen release that a file of the results is; or None."""
        return next(
            (
                other
                for other in self.inputs
                if other.endswith(f"/{name}") and self.digest(other) == self.digest(name) != ""
            ),
            None,
        )

    def walk(self, start: str, is_wanted: Callable[[str], bool]) -> list[Link]:
        """Return every link from a file down to the inputs, each file once, in order of reading.

        Parameters
        ----------
        start : str
            a file of the results.
        is_wanted : callable
            takes a file's name; those it refuses are not followed.
        """
        found: dict[str, Link] = {}
        waiting = [start]
        while waiting:
            for link in self.links(waiting.pop(0)):
                if link.name in found or not is_wanted(link.name):
                    continue
                found[link.name] = link
                if not link.is_input and link.state == "holds":
                    waiting.append(link.name)
        return list(found.values())

    def _link(self, made: str, wanted: str, recorded: str) -> Link:
        there = [name for name in (*self.results, *self.inputs) if _ends_with(name, wanted)]
        for name in there:
            if recorded and self.digest(name).startswith(recorded):
                return Link(
                    name, made, self.digest(name), recorded, "holds", name not in self.results
                )
        if len(there) == 1 and self.digest(there[0]):
            name = there[0]
            return Link(
                name, made, self.digest(name), recorded, "altered", name not in self.results
            )
        # several of the name, and none with these bytes: which one it was cannot be told
        state: State = "altered" if any(self.digest(name) for name in there) else "missing"
        return Link(wanted, made, "", recorded, state, is_input=False)


def broken(links: Iterable[Link]) -> list[str]:
    """Return a sentence for every place where the chain breaks."""
    told = []
    for link in links:
        if link.state == "holds":
            continue
        now = (
            f"the one here is {link.sha256[:16]}"
            if link.sha256
            else ("no file here has these bytes" if link.state == "altered" else "it is not here")
        )
        told.append(
            f"the chain breaks at {link.name}: {link.made} was made from "
            f"{link.recorded or 'bytes that it does not name'}, {now}"
        )
    return told


def _ends_with(name: str, wanted: str) -> bool:
    parts, last = name.split("/"), wanted.split("/")
    return parts[-len(last) :] == last
