"""What a run has done, what failed, and what is still to do, from its files and logs alone.

Nothing is run and Snakemake is not asked: a file is done when it lies there whole; whether an
edited setting asks for more is what `ahead` says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from itc_analysis.cohort.join import list_libraries, list_tubes
from itc_analysis.config.sections import Settings
from itc_analysis.results import Layout
from itc_analysis.tables.registry import FILES, File

#: Commands that a person runs, outside of the workflow.
_BY_HAND = ("concordance", "review")
#: Begins what Python says of a job that a fault of the program ended.
_TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Job:
    """One job of the workflow.

    Parameters
    ----------
    rule : str
        e.g. fit_gates.
    where : tuple of str
        its panel and batch, or library batch.
    state : str
        done, failed or to do.
    said : str
        what ended it, from the log of a failed job.
    """

    rule: str
    where: tuple[str, ...]
    state: str
    said: str = ""


def list_jobs(settings: Settings) -> list[Job]:
    """Return every job that the study needs, in the order of the workflow."""
    study = settings.study
    tubes, libraries = list_tubes(study), list_libraries(study)
    places: dict[tuple[str, ...], list[tuple[str, ...]]] = {
        (): [()],
        ("panel",): sorted({(str(row["panel"]),) for row in tubes}),
        ("panel", "batch"): sorted({(str(row["panel"]), str(row["batch"])) for row in tubes}),
        ("batch",): sorted({(str(row["batch"]),) for row in libraries}),
    }
    at = Layout(study.results_folder)
    jobs: list[Job] = []
    for rule, files in _by_rule(settings, has_tubes=bool(tubes)).items():
        kinds = {file.wildcards for file in files}
        for where in places[next(iter(kinds))]:
            paths = [Path(at.at(file.name, *where)) for file in files]
            jobs.append(_judge(rule, where, paths, Path(at.log(rule, *where))))
    return jobs


def _by_rule(settings: Settings, *, has_tubes: bool) -> dict[str, list[File]]:
    """Return the rules that the study runs, each with its files."""
    is_blinded = settings.study.blinded_folder is not None
    after = ("plan_changes", "compare", "compare_genes", "overview", "report", "manifest")
    left_out = {*_BY_HAND, *(after if is_blinded else ("blind",))}
    if not settings.flow.align:
        left_out.add("learn_alignment")
    found: dict[str, list[File]] = {}
    for file in FILES:
        is_left_out = file.made_by in left_out or file.only_grown
        if is_left_out or (file.name == "miflowcyt" and not has_tubes):
            continue
        found.setdefault(file.made_by, []).append(file)
    return found


def _judge(rule: str, where: tuple[str, ...], paths: Iterable[Path], log: Path) -> Job:
    lacking = [path for path in paths if not path.exists()]
    if not lacking:
        return Job(rule, where, "done")
    said = _fault(log, rule)
    return Job(rule, where, "failed" if said else "to do", said)


def _fault(log: Path, rule: str) -> str:
    """Return what ended a job, from its log; empty where nothing did.

    A log without a fault is of a job that is running, was stopped, or made other files in an
    earlier version.
    """
    if not log.exists():
        return ""
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    begin = f"itc {rule.replace('_', '-')}: "
    faults = [i for i, line in enumerate(lines) if line.startswith(begin)]
    if faults:
        return "; ".join(lines[faults[-1] : faults[-1] + 2]).removeprefix(begin)
    return lines[-1] if _TRACEBACK in text else ""
