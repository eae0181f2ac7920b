"""The process of one run: ``python -m rexd.benchmark.worker JOB``, where JOB is a file that ``write_job`` wrote.

The exit status is 0 when the result is written. The process can be killed at any time and started again: training
continues from its last checkpoint.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rexd.errors import RexdError
from rexd.files import read_json, write_json
from rexd.locks import locked

if TYPE_CHECKING:
    from rexd.benchmark.runs import Folders, RunSpec

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
XLA_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

PARENT_EVERY = 2.0  # seconds between two looks at the parent process


def one_thread(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an environment with settings that limit numerical libraries to one thread.

    Runs share the cores, and the number of threads changes the last bits of sums.
    """
    flags = f"{environment.get('XLA_FLAGS', '')} {XLA_ONE_THREAD}".strip()
    return {**environment, **ONE_THREAD, "XLA_FLAGS": flags}


def write_job(path: Path, run: RunSpec, folders: Folders, *, core: int | None) -> None:
    """Write the file that tells a process what to do; later changes of the suite do not affect it."""
    write_json(path, {"run": run.to_dict(), "folders": folders.to_dict(), "core": core, "parent": os.getpid()})


def main(words: list[str]) -> int:
    """Execute the job in the file that is named by the first word."""
    job = read_json(Path(words[0]), RexdError, "Start the benchmark again")
    if job["core"] is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {job["core"]})  # before any library starts threads, hence the imports below
    threading.Thread(target=follow, args=(job["parent"],), daemon=True).start()
    from rexd.benchmark.execute import execute
    from rexd.benchmark.runs import Folders, RunSpec

    run = RunSpec.from_dict(job["run"])
    folders = Folders.from_dict(job["folders"])
    with locked(folders.lock(run), str(folders.run(run))):
        execute(run, folders)
    return 0


def follow(parent: int) -> None:
    """End this process when the process that started it has ended, even if that one was killed."""
    while os.getppid() == parent:
        time.sleep(PARENT_EVERY)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
