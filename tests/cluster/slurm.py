"""A real Slurm on this machine for as long as a test needs it: several nodes on one host, no root.

Debian's packages slurm-wlm and munge are enough. Accounting is off, so jobs are asked after with
squeue. Memory limits are enforced by polling, which works without cgroups.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

#: Debian puts the daemons where the PATH of a user does not look.
DAEMONS = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo")

CONF = """\
ClusterName=itctest
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.socket
CredType=cred/munge
SlurmctldPort={ports[0]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
ReturnToService=2
MinJobAge=3600
KillWait=3
SlurmctldTimeout=30
SlurmdTimeout=15
AccountingStorageType=accounting_storage/none
NodeName=DEFAULT CPUs=8 RealMemory=32000 State=UNKNOWN
{nodes}
PartitionName=short Nodes=ALL Default=YES MaxTime=120 DefMemPerCPU=800 State=UP
"""


def missing_programs() -> list[str]:
    """Return the programs of Slurm that this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name, path=DAEMONS) is None]


@dataclass
class Slurm:
    """A throw-away cluster below `folder`; use it as a context.

    Jobs find it by the environment in `environment`.
    """

    folder: Path
    nodes: tuple[str, ...] = ("n1", "n2", "n3")
    environment: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Slurm:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        at = self.folder = self.folder.resolve()
        for name in ("etc", "log", "run", "state", "munge", "bin"):
            (at / name).mkdir(parents=True)
        for node in self.nodes:
            (at / "spool" / node).mkdir(parents=True)
        at.chmod(0o755)
        (at / "munge").chmod(0o700)
        key = at / "munge" / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        host = socket.gethostname().split(".")[0]
        ports = _free_ports(1 + len(self.nodes))
        lines = "\n".join(
            f"NodeName={node} NodeAddr=127.0.0.1 NodeHostname={host} Port={port}"
            for node, port in zip(self.nodes, ports[1:], strict=True)
        )
        text = CONF.format(host=host, user=getpass.getuser(), folder=at, ports=ports, nodes=lines)
        (at / "etc" / "slurm.conf").write_text(text)
        # the plugin's job step deletes every SLURM_* variable, this one too, before its own srun
        shim = at / "bin" / "srun"
        real = shutil.which("srun", path=DAEMONS)
        shim.write_text(f'#!/bin/sh\nSLURM_CONF={at}/etc/slurm.conf exec {real} "$@"\n')
        shim.chmod(0o755)
        self.environment = os.environ | {
            "SLURM_CONF": f"{at}/etc/slurm.conf",
            "PATH": f"{at}/bin{os.pathsep}{DAEMONS}",
        }
        munge, run = at / "munge", at / "run"
        self.call(
            "munged", "--force", f"--key-file={key}", f"--socket={run}/munge.socket",
            f"--pid-file={run}/munged.pid", f"--log-file={munge}/munged.log",
            f"--seed-file={munge}/munge.seed",
        )  # fmt: skip
        self.call("slurmctld", "-c")
        for node in self.nodes:
            self.start_node(node)
        self.wait_until_idle()

    def call(self, *command: str, check: bool = True) -> str:
        """Run a program of the cluster and return what it printed."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=30
        )
        if check and done.returncode:
            msg = f"{' '.join(command)}: {done.stderr.strip()}"
            raise RuntimeError(msg)
        return done.stdout

    def start_node(self, node: str) -> None:
        """Start the daemon of a node."""
        self.call("slurmd", "-N", node)

    def kill_node(self, node: str) -> None:
        """Kill the daemon of a node, as a crash would; its jobs are requeued or lost."""
        self._kill(self.folder / "run" / f"slurmd-{node}.pid", signal.SIGKILL)
        self.call("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")

    def mend_node(self, node: str) -> None:
        """Bring a killed node back."""
        self.start_node(node)
        self.call("scontrol", "update", f"NodeName={node}", "State=RESUME", check=False)
        self.wait_until_idle()

    def jobs(self) -> list[str]:
        """Return the numbers of the jobs that wait or run."""
        states = "--states=PENDING,RUNNING,COMPLETING"
        return self.call("squeue", "--noheader", "--format=%A", states).split()

    def wait_until_idle(self, seconds: float = 30) -> None:
        """Wait until every node can take jobs."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            states = self.call("sinfo", "-h", "-N", "-o", "%T", check=False).split()
            if states and set(states) <= {"idle", "mixed", "allocated", "completing"}:
                return
            time.sleep(0.2)
        logs = "\n".join(p.read_text()[-2000:] for p in sorted((self.folder / "log").glob("*.log")))
        msg = f"Slurm did not come up in {seconds} s\n{logs}"
        raise RuntimeError(msg)

    def stop(self) -> None:
        """Cancel what runs and end every process of this cluster."""
        if self.environment:
            with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired, FileNotFoundError):
                self.call("scancel", "--user", getpass.getuser(), check=False)
                until = time.monotonic() + 10
                while self.jobs() and time.monotonic() < until:
                    time.sleep(0.2)
        run = self.folder / "run"
        for pid_file in (*run.glob("slurmd-*.pid"), run / "slurmctld.pid", run / "munged.pid"):
            self._kill(pid_file, signal.SIGTERM)
        self._sweep()

    def _kill(self, pid_file: Path, how: signal.Signals) -> None:
        with contextlib.suppress(OSError, ValueError):
            pid = int(pid_file.read_text())
            os.kill(pid, how)
            for _ in range(40):
                # a zombie is dead: not every container has a first process that collects them
                if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                    return
                time.sleep(0.1)
            os.kill(pid, signal.SIGKILL)

    def _sweep(self) -> None:
        """End jobs that left their parents: they carry this cluster's SLURM_CONF."""
        mark = f"SLURM_CONF={self.folder}/etc/slurm.conf".encode()
        for entry in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                held = entry.read_bytes().split(b"\0")
                if mark in held and any(part.startswith(b"SLURM_JOB_ID=") for part in held):
                    os.kill(int(entry.parent.name), signal.SIGKILL)


def _free_ports(n: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(n):
            port = stack.enter_context(socket.socket())
            port.bind(("127.0.0.1", 0))
            opened.append(port.getsockname()[1])
        return opened
