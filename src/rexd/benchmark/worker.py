"""The process of one run: ``python -m rexd.benchmark.worker JOB``, where JOB is a file of ``write_job``.

Its exit status is 0 once the result is written. It can be killed at any moment and started again: training goes on
from its last checkpoint.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rexd.errors import RexdError
from rexd.files import write_json

if TYPE_CHECKING:
    from rexd.benchmark.runs import Folders, RunSpec

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
XLA_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

PARENT_EVERY = 2.0  # seconds


def one_thread(environment: Mapping[str, str]) -> dict[str, str]:
    """A process's environment, for one thread: runs share the cores, and thread counts change the last bits of sums."""
    flags = f"{environment.get('XLA_FLAGS', '')} {XLA_ONE_THREAD}".strip()
    return {**environment, **ONE_THREAD, "XLA_FLAGS": flags}


def write_job(path: Path, run: RunSpec, folders: Folders, *, core: int | None) -> None:
    """Write down what a process has to do, so that nothing that changes meanwhile reaches it."""
    write_json(path, {"run": run.to_dict(), "folders": folders.to_dict(), "core": core, "parent": os.getpid()})


def main(words: list[str]) -> int:
    """Do the job in the file that is named."""
    job = json.loads(Path(words[0]).read_text())
    if job["core"] is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {job["core"]})  # before any library starts threads, hence the imports below
    threading.Thread(target=follow, args=(job["parent"],), daemon=True).start()
    from rexd.benchmark.execute import execute
    from rexd.benchmark.runs import Folders, RunSpec

    run = RunSpec.from_dict(job["run"])
    folders = Folders.from_dict(job["folders"])
    with alone(folders.lock(run)):
        execute(run, folders)
    return 0


def follow(parent: int) -> None:
    """End with the process that started this one: if it was killed, nobody else would."""
    while os.getppid() == parent:
        time.sleep(PARENT_EVERY)
    os._exit(1)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a run's lock, which the system gives back however the process ends."""
    try:
        import fcntl
    except ImportError:  # Windows: two benchmarks at a time are the user's to avoid
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RexdError(f"{path} is locked: another process does this run; wait for it, or end it") from error
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
