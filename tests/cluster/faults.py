"""Faults that strike a run at a random job, and what must be true afterwards.

A trial takes a fresh copy of the tiny study, lets faults strike one after the other while it runs,
mends what a person would mend (free the disk, bring the file back, `itc unlock`), and runs it to
its end. Two things must hold: after every fault, each file of the results is as in a run without
faults, or absent; and at the end all files are there, byte for byte.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cluster.slurm import Slurm
from cluster.tiny_study import tables_of
from itc_analysis.runs.orphans import Orphan, find_processes
from itc_analysis.tables.registry import FILES
from itc_analysis.whole_files import UNFINISHED
from workflow.running import command

VERBS = sorted({file.command.removeprefix("itc ") for file in FILES})
#: Seconds after which a run that should have ended has hung.
LIMIT = 900
#: For jobs of seconds, not of minutes as on a cluster.
QUICK = ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "3")
#: The plugin asks ten seconds later each time that nothing has ended, which is right for jobs of
#: minutes, and was nine tenths of the time of a run of jobs of seconds. Only the waiting differs.
ASK_EVERY_SECOND = (
    "import asyncio, sys; from snakemake_executor_plugin_slurm import Executor; "
    "Executor.sleep = lambda self: asyncio.sleep(1); from snakemake.cli import main; main()"
)


class CannotHappenHere(Exception):
    """This fault cannot be made on this machine, e.g. without the right to mount."""


@dataclass
class Trial:
    """A study in which faults strike.

    Parameters
    ----------
    study : Path
        a fresh copy of the tiny study.
    reference : mapping of str to bytes
        its results without faults.
    root : Path
        the project's folder.
    rng : random.Random
        decides which job is struck and when.
    slurm : Slurm or None
        run through it; None for this machine.
    until : tuple of str
        options that end every run early; () for a run to the report.
    """

    study: Path
    reference: Mapping[str, bytes]
    root: Path
    rng: random.Random
    slurm: Slurm | None = None
    until: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    said: str = ""
    has_struck: bool = False
    _seen: set[int] = field(default_factory=set)

    def start(self, *arguments: str) -> None:
        """Start the workflow; does not wait."""
        profile = "default" if self.slurm is None else "slurm"
        options = arguments if self.slurm is None else (*QUICK, *arguments)
        environment = os.environ if self.slurm is None else self.slurm.environment
        words = command(self.study, *options, *self.until, root=self.root, profile=profile)
        if self.slurm is not None:
            python, *rest = words
            words = [python, "-c", ASK_EVERY_SECOND, *rest[2:]]
        self.has_struck = False
        with (self.study.parent / "run.log").open("wb") as log:
            self.process = subprocess.Popen(
                words, stdout=log, stderr=subprocess.STDOUT, env=environment,
                start_new_session=True, preexec_fn=_heed_interrupts,
            )  # fmt: skip

    @property
    def was_disturbed(self) -> bool:
        """Did the fault end the run or one of its jobs? Otherwise it struck nothing."""
        assert self.process is not None
        words = ("Error in rule", "Error in group", "Trying to restart job")
        return self.process.returncode != 0 or any(word in self.said for word in words)

    def wait(self) -> int:
        """Wait until the run has ended and return its exit status."""
        assert self.process is not None
        try:
            status = self.process.wait(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            msg = f"the run did not end within {LIMIT} s\n{self.log()}"
            raise AssertionError(msg) from None
        self.said = self.log()
        return status

    def log(self) -> str:
        """Return what the run printed."""
        return (self.study.parent / "run.log").read_text(errors="replace")

    def next_job(self) -> Orphan | None:
        """Wait until another job works and return it; None when the run ended before."""
        assert self.process is not None
        skip = self.rng.randint(0, 1)
        delay = self.rng.random() * 1.5
        until = time.monotonic() + LIMIT
        while self.process.poll() is None and time.monotonic() < until:
            new = [job for job in self._jobs() if job.number not in self._seen]
            self._seen |= {job.number for job in new}
            if new and skip == 0:
                time.sleep(delay)
                alive = [job for job in new if job in self._jobs()]
                if alive:
                    self.has_struck = True
                    return self.rng.choice(alive)
            elif new:
                skip -= 1
            time.sleep(0.05)
        return None

    def _jobs(self) -> list[Orphan]:
        return [job for job in find_processes(self.study, VERBS) if job.what.startswith("itc ")]

    def tube(self) -> Path:
        """Return one of the study's FCS files."""
        return self.rng.choice(sorted((self.study / "data" / "flow").glob("*_panel_b.fcs")))

    def unlock(self) -> None:
        """Call `itc unlock` as a person does: look first, then end what was left behind."""
        environment = os.environ if self.slurm is None else self.slurm.environment
        code = "import sys; from itc_analysis.cli import main; sys.exit(main())"
        for more in ([], ["--cancel"]):
            done = subprocess.run(
                [sys.executable, "-c", code, "unlock", "--directory", str(self.study), *more],
                capture_output=True, text=True, env=environment, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                return
            assert "call this again with --cancel" in done.stderr or more == [], done.stderr
        raise AssertionError(done.stderr)

    def differences(self, *, complete: bool) -> list[str]:
        """Return files of the results that are not as in the run without faults."""
        found = tables_of(self.study)
        wrong = [
            name
            for name, content in found.items()
            if not name.endswith(UNFINISHED) and self.reference.get(name) != content
        ]
        if complete:
            wrong += [name for name in self.reference if name not in found]
            wrong += [name for name in found if name.endswith(UNFINISHED)]
        return sorted(wrong)


def _heed_interrupts() -> None:
    """A series that a shell started in its background ignores Ctrl-C, and so would its runs."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Parameters
    ----------
    name : str
        what happens, for the table.
    strike : callable
        takes a trial whose run was started; makes the fault, waits for the run to end, and mends
        what a person would mend.
    options : tuple of str
        of the run that is struck.
    changes_input : bool
        results of the struck run may differ from those of the study as it was.
    goes_on : bool
        the run is expected to end well, without a failed job; others count only where a job or the
        run was ended by them.
    where : str
        "local", "slurm" or "both".
    """

    name: str
    strike: Callable[[Trial], None]
    options: tuple[str, ...] = ()
    changes_input: bool = False
    goes_on: bool = False
    where: str = "both"


def _signal_job(trial: Trial, how: signal.Signals) -> None:
    job = trial.next_job()
    if job is not None:
        with suppress(ProcessLookupError):
            os.kill(job.number, how)
    trial.wait()


def kill_job(trial: Trial) -> None:
    """Kill a job."""
    _signal_job(trial, signal.SIGKILL)


def kill_snakemake(trial: Trial) -> None:
    """Kill Snakemake; its jobs go on."""
    trial.next_job()
    trial.process.kill()
    trial.wait()
    trial.unlock()


def kill_group(trial: Trial) -> None:
    """Kill Snakemake and all its processes at once, as a power cut does."""
    trial.next_job()
    with suppress(ProcessLookupError):
        os.killpg(trial.process.pid, signal.SIGKILL)
    trial.wait()
    trial.unlock()


def interrupt(trial: Trial) -> None:
    """Press Ctrl-C."""
    trial.next_job()
    trial.process.send_signal(signal.SIGINT)
    trial.wait()
    trial.unlock()


def terminate(trial: Trial) -> None:
    """Ask Snakemake to end, as a batch system does: running jobs are finished."""
    trial.next_job()
    trial.process.send_signal(signal.SIGTERM)
    trial.wait()


def out_of_memory(trial: Trial) -> None:
    """Take a job's memory away."""
    job = trial.next_job()
    if job is not None:
        with suppress(ProcessLookupError):
            used = 4096 * int(Path(f"/proc/{job.number}/statm").read_text().split()[0])
            resource.prlimit(job.number, resource.RLIMIT_AS, (used, used))
    trial.wait()


def exceed_memory(trial: Trial) -> None:
    """Ask Slurm for less memory than a job needs: it is killed, and the next attempt has more."""
    trial.wait()
    trial.has_struck = "Trying to restart job" in trial.said


def full_disk(trial: Trial) -> None:
    """Fill the disk under the results; somebody frees it afterwards."""
    job = trial.next_job()
    results = trial.study / "results"
    used = sum(path.stat().st_blocks for path in results.rglob("*") if path.is_file()) // 2
    subprocess.run(
        ["mount", "-o", f"remount,size={used + 4}k", str(results)], check=job is not None
    )
    trial.wait()
    subprocess.run(["mount", "-o", "remount,size=64m", str(results)], check=True)


def read_only(trial: Trial) -> None:
    """Let nobody write to the results; somebody mends it afterwards."""
    results = str(trial.study / "results")
    trial.next_job()
    subprocess.run(["mount", "--bind", results, results], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", results], check=True)
    trial.wait()
    subprocess.run(["umount", "--lazy", results], check=True)


def _spoil_tube(trial: Trial, spoil: Callable[[Path], None]) -> None:
    tube = trial.tube()
    kept = trial.study.parent / "kept.fcs"
    trial.next_job()
    shutil.copy2(tube, kept)
    spoil(tube)
    trial.wait()
    tube.unlink(missing_ok=True)
    shutil.copy2(kept, tube)


def unreadable_input(trial: Trial) -> None:
    """Cut a tube short during the run; the whole file comes back."""
    _spoil_tube(trial, lambda tube: tube.write_bytes(tube.read_bytes()[:900]))


def input_changes(trial: Trial) -> None:
    """Write another person's events into a tube during the run; the right ones come back."""
    others = sorted(trial.tube().parent.glob("*_panel_b.fcs"))
    _spoil_tube(
        trial,
        lambda tube: tube.write_bytes(next(path for path in others if path != tube).read_bytes()),
    )


def tube_disappears(trial: Trial) -> None:
    """Take a tube away during the run; it comes back."""
    _spoil_tube(trial, lambda tube: tube.unlink())


def tube_appears(trial: Trial) -> None:
    """Leave a tube out of the sheet, and enter it later."""
    trial.has_struck = True
    trial.process.send_signal(signal.SIGINT)
    trial.wait()
    trial.unlock()
    sheet = trial.study / "config" / "fcs_files.tsv"
    text = sheet.read_text()
    lines = text.splitlines(keepends=True)
    del lines[trial.rng.randrange(1, len(lines))]
    sheet.write_text("".join(lines))
    trial.start()
    trial.next_job()
    trial.wait()
    sheet.write_text(text)


def clock_skew(trial: Trial) -> None:
    """Move the times of inputs and results a day ahead or back, as two clocks that disagree.

    Files whose time lies in the future are named before any job, and touched then.
    """
    trial.next_job()
    files = [*(trial.study / "data").rglob("*.fcs"), *(trial.study / "results").rglob("*.parquet")]
    for path in trial.rng.sample(sorted(files), len(files) // 3):
        ahead = trial.rng.choice((-86_400, -3_600, 3_600, 86_400))
        with suppress(FileNotFoundError):
            os.utime(path, (time.time() + ahead,) * 2)
    trial.wait()
    future = [path for path in files if path.exists() and path.stat().st_mtime > time.time() + 60]
    if any(path.suffix == ".fcs" for path in future):
        has_struck = trial.has_struck
        trial.start()
        assert trial.wait() != 0
        assert "is in the future; two clocks disagree" in trial.said, trial.said
        trial.has_struck = has_struck
    for path in future:
        path.touch()


def second_run(trial: Trial) -> None:
    """Start another run on the same results: refused, with whose lock it is."""
    trial.next_job()
    if trial.process.poll() is None:
        done = subprocess.run(
            command(trial.study, root=trial.root), capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert done.returncode != 0, said
        assert f"(process {trial.process.pid}), started" in said, said
        assert "wait until it ends, or stop it with Ctrl-C" in said, said
    trial.wait()


def scancel(trial: Trial) -> None:
    """Cancel a job behind Snakemake's back."""
    trial.next_job()
    jobs = trial.slurm.jobs()
    trial.has_struck = bool(jobs)
    if jobs:
        trial.slurm.call("scancel", trial.rng.choice(jobs), check=False)
    trial.wait()


def node_fails(trial: Trial) -> None:
    """Kill the daemon of the node that works; it comes back after the run."""
    trial.next_job()
    busy = trial.slurm.call("squeue", "--noheader", "--states=RUNNING", "--format=%N").split()
    node = trial.rng.choice(busy or list(trial.slurm.nodes))
    trial.slurm.kill_node(node)
    trial.wait()
    trial.slurm.mend_node(node)


#: Far too little at first; enough at the third attempt.
_STARVED = ("--set-resources", "pool_gates:mem_mb=120*attempt**3")

KINDS = (
    Kind("job killed", kill_job),
    Kind("Snakemake killed", kill_snakemake),
    Kind("power cut (all processes killed)", kill_group, where="local"),
    Kind("Ctrl-C", interrupt),
    Kind("asked to end (SIGTERM)", terminate),
    Kind("job out of memory", out_of_memory),
    Kind("memory limit of Slurm", exceed_memory, options=_STARVED, goes_on=True, where="slurm"),
    Kind("disk full", full_disk),
    Kind("results read-only", read_only),
    Kind("tube cut short during the run", unreadable_input, changes_input=True),
    Kind("tube overwritten during the run", input_changes, changes_input=True),
    Kind("tube disappears during the run", tube_disappears, changes_input=True),
    Kind("tube appears later", tube_appears, changes_input=True, goes_on=True),
    Kind("clocks disagree", clock_skew, goes_on=True),
    Kind("second run on the same results", second_run, goes_on=True),
    Kind("job cancelled (scancel)", scancel, goes_on=True, where="slurm"),
    Kind("node fails", node_fails, goes_on=True, where="slurm"),
)
NEEDS_MOUNT = {full_disk, read_only}


def kinds_for(*, slurm: bool) -> list[Kind]:
    """Return the kinds that can happen locally or through Slurm."""
    return [kind for kind in KINDS if kind.where in ("both", "slurm" if slurm else "local")]


def mount_results(study: Path) -> None:
    """Put the results on a small disk of their own.

    Raises
    ------
    CannotHappenHere
        this user must not mount, or the system has no such disks.
    """
    results = study / "results"
    results.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(results)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CannotHappenHere(done.stderr.strip())


def unmount_results(study: Path) -> None:
    """Take the disk away again."""
    while (study / "results").is_mount():
        subprocess.run(["umount", "--lazy", str(study / "results")], check=True)
