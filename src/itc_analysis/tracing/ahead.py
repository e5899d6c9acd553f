"""What the next run would do, in words, from Snakemake's own dry run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from itc_analysis.errors import ItcError
from itc_analysis.plural import first_names, plural

#: Beginnings of lines that stand behind what the workflow refuses.
_NO_FAULT = ("  File ", "Using workflow specific profile")
_WORKFLOW = Path("workflow") / "Snakefile"
#: A job follows another one that runs; every other reason is one of its own.
_FOLLOWS = "Input files updated by another job"
#: What Snakemake gives as reasons, and what a person calls them.
_REASONS = (
    ("Missing output files", "results that are not there yet"),
    ("Set of input files has changed", "other files in the sheets or settings"),
    ("Params have changed", "tubes, settings, contents of files or a version that changed"),
    ("Updated input files", "files that changed"),
    ("Code has changed", "a workflow that changed"),
    ("Output files have to be generated", "results of a run that was stopped"),
    ("Forced execution", "being asked to"),
)
#: What jobs are called by the first words of their message, in the order of the workflow.
_STEPS = {
    "Checking sheets": "sheets to check",
    "Taking over from the release": "files of record to copy",
    "Learning scales": "scales to learn",
    "Aligning batches": "batches to align",
    "Learning gates": "to gate",
    "Pooling gates": "gates to pool",
    "Counting populations": "to count",
    "Calling innate T cells": "library batches to call",
    "Drawing every gate": "gates to draw",
    "Scoring": "scores to repeat",
    "Measuring responses": "responses to repeat",
    "Collecting measurements": "measurements to collect",
    "Naming what may": "labels to repeat",
    "Comparing the plan": "plan to compare with its lock",
    "Comparing groups": "comparisons to repeat",
    "Comparing genes": "genes to compare again",
    "Writing the report": "report to write",
    "Writing the manifest": "manifest to write",
    "Writing the blinded folder": "blinded folder to write",
}
#: Those that the sentence names; the others stand in the lines below it.
_NAMED = ("to gate", "library batches to call", "comparisons to repeat")
_MOST_NAMES = 6
#: So many kinds of jobs are named in the sentence where none of `_NAMED` is among them.
_FEW_KINDS = 3


@dataclass(frozen=True)
class Step:
    """A job that the next run would do.

    Parameters
    ----------
    message : str
        as the workflow says it, e.g. "Learning gates: panel_a, batch batch2".
    reason : str
        Snakemake's.
    """

    message: str
    reason: str

    @property
    def kind(self) -> str:
        """What it is, in words of `_STEPS`; its message where the words do not know it."""
        found = (words for begin, words in _STEPS.items() if self.message.startswith(begin))
        return next(found, self.message)

    @property
    def where(self) -> str:
        """Its panel and batch; empty where there is one for the study."""
        return (
            self.message.partition(": ")[2].replace(", batch ", " ").replace("library batch ", "")
        )


def find_snakefile(start: str | Path = ".") -> Path:
    """Return the workflow of a study's folder, of one above it, or of the installed package.

    Raises
    ------
    ItcError
        there is none.
    """
    here = Path(start).resolve()
    package = Path(__file__).resolve().parents[3]
    for folder in (here, *here.parents, package):
        if (folder / _WORKFLOW).is_file():
            return folder / _WORKFLOW
    raise ItcError(str(_WORKFLOW), "it is not here or above; say where it is with --snakefile")


def dry_run(config: str | Path, snakefile: str | Path) -> list[Step]:
    """Ask Snakemake what it would do; nothing is run.

    Raises
    ------
    ItcError
        the workflow refuses the study, with its words.
    """
    command = [sys.executable, "-m", "snakemake", "-s", str(snakefile), "--configfile", str(config)]
    done = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode:
        lines = said.partition("WorkflowError")[2].splitlines()[1:] or said.splitlines()
        told = [line.strip() for line in lines if line.strip() and not line.startswith(_NO_FAULT)]
        source = "the next run"
        raise ItcError(source, "; ".join(told))
    return parse(said)


def parse(said: str) -> list[Step]:
    """Return the jobs of a dry run from what Snakemake printed."""
    found = re.findall(r"^Job \d+: (.+)\n(?:Reason: (.+))?", said, flags=re.MULTILINE)
    return [Step(message.strip(), reason.strip()) for message, reason in found]


def tell(
    steps: Sequence[Step],
    *,
    n_jobs: int,
    new: Mapping[str, Collection[str]],
    gone: Collection[str],
) -> list[str]:
    """Return what the next run would do: a sentence, and a line for each kind of job.

    Parameters
    ----------
    steps : sequence of Step
        of `dry_run`.
    n_jobs : int
        jobs of the whole study.
    new : mapping of str to collection of str
        tubes and libraries of the sheets that the last run did not have, by what they are.
    gone : collection of str
        tubes and libraries of the last run that the sheets do not have any more.
    """
    if not steps:
        return ["nothing to do: every result is as the sheets, files and settings ask for"]
    by_kind: dict[str, list[str]] = {}
    for step in sorted(steps, key=lambda step: _place(step.kind)):
        by_kind.setdefault(step.kind, []).append(step.where)
    many = {"tube": "tubes", "library": "libraries"}
    parts = [f"{plural(len(names), what, many[what])} new" for what, names in new.items() if names]
    parts += [f"{len(gone)} no longer in the sheets"] if gone else []
    for kind in (kind for kind in _NAMED if kind in by_kind):
        n = len(by_kind[kind])
        parts.append(f"{plural(n, 'batch', 'batches')} {kind}" if kind == "to gate" else kind)
    if not parts:
        parts = list(by_kind) if len(by_kind) <= _FEW_KINDS else [plural(len(steps), "job")]
    left = max(n_jobs - len(steps), 0)
    end = f"nothing else changes ({left} of {n_jobs} jobs stay)" if left else "everything runs"
    lines = [f"{', '.join(parts)}; {end}"]
    named = sorted(name for names in new.values() for name in names)
    lines += [f"  new: {first_names(named, _MOST_NAMES)}"] if named else []
    lost = first_names(sorted(gone), _MOST_NAMES)
    lines += [f"  no longer in the sheets: {lost}"] if gone else []
    for kind, places in by_kind.items():
        at = first_names([place for place in places if place], _MOST_NAMES)
        what = (
            f"{plural(len(places), 'batch', 'batches')} {kind}" if kind.startswith("to ") else kind
        )
        lines.append(f"  {what}: {at}" if at else f"  {what}")
    return [*lines, f"  because of {'; '.join(_reasons(steps))}"]


def _reasons(steps: Iterable[Step]) -> list[str]:
    told = []
    for step in steps:
        own = [part for part in step.reason.split("; ") if not part.startswith(_FOLLOWS)]
        told += [words for part in own for begin, words in _REASONS if part.startswith(begin)]
    return list(dict.fromkeys(told)) or ["what Snakemake says (snakemake --dry-run)"]


def _place(kind: str) -> int:
    order = list(_STEPS.values())
    return order.index(kind) if kind in order else len(order)
