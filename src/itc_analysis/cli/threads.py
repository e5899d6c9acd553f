"""One thread for the linear algebra of every command: the workflow runs them side by side."""

from __future__ import annotations

import os

#: Many small matrices: threads of the linear algebra would only wait for one another (compare: 2.3
#: against 16.8 CPU s), and one thread adds up in one order. Read by numpy when it is first
#: imported.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def processors() -> int:
    """Return how many processors this process may use: on a cluster, those of its job."""
    mine = getattr(os, "sched_getaffinity", None)
    return len(mine(0)) if mine else os.cpu_count() or 1
