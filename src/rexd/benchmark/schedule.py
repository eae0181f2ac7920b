"""Runs in processes of their own, several at a time, each on a core of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from rexd.benchmark.runs import Folders, RunSpec, read_result
from rexd.benchmark.worker import one_thread, write_job
from rexd.files import write_json
from rexd.rl.training.run_folder import read_metrics

POLL_EVERY = 0.25  # seconds
PATIENCE = 10.0  # seconds that a process has to end after it was told to
LOG_LINES = 30  # of a crash, kept in its record


class Phase(StrEnum):
    """Where a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CRASHED = "crashed"


@dataclass
class Progress:
    """A run on its way.

    Attributes:
        run: Which.
        phase: Where it stands.
        core: The core that it is pinned to, while it runs.
        started: ``time.monotonic()`` at its start.
        evaluated: The same at its latest evaluation, or its start.
        metrics: The evaluations of its training so far.
        result: What came of it.
        error: Why it crashed, in one line.
    """

    run: RunSpec
    phase: Phase = Phase.WAITING
    core: int | None = None
    started: float = 0.0
    evaluated: float = 0.0
    metrics: list[dict[str, Any]] = field(default_factory=list)
    result: dict[str, Any] | None = None
    error: str | None = None


class Watcher(Protocol):
    """Is told how the runs do; must be quick."""

    def changed(self, item: Progress) -> None:
        """A run has begun, ended, or been evaluated."""

    def tick(self, items: Sequence[Progress]) -> None:
        """All runs, several times a second."""


Command = Callable[[Path], list[str]]
"""The words that start the process of a job file."""


def worker(job: Path) -> list[str]:
    """The process of a run."""
    return [sys.executable, "-m", "rexd.benchmark.worker", str(job)]


def run_all(
    runs: Sequence[RunSpec],
    folders: Folders,
    *,
    jobs: int,
    watch: Watcher,
    anew: Sequence[RunSpec] = (),
    command: Command = worker,
) -> list[Progress]:
    """Make all runs, whatever becomes of each of them.

    However this function ends, no process is left behind, and what was begun goes on when it is called again.

    Args:
        runs: In this order.
        folders: Where they read and write.
        jobs: How many at a time.
        watch: Told of their progress.
        anew: Those whose run folder is not to be resumed from, but deleted.
        command: Starts the process of a job file.

    Returns:
        What came of each, in the same order.
    """
    items = [Progress(run) for run in runs]
    waiting, running = deque(items), dict[int, tuple[Progress, subprocess.Popen[bytes]]]()
    cores = _cores()
    try:
        while waiting or running:
            for slot in range(jobs):
                if slot not in running and waiting:
                    item = waiting.popleft()
                    item.core = cores[slot % len(cores)] if cores else None
                    running[slot] = item, _start(item, folders, command, anew=item.run in anew)
                    watch.changed(item)
            for slot, (item, process) in list(running.items()):
                if _follow(item, process, folders):
                    watch.changed(item)
                if item.phase is not Phase.RUNNING:
                    del running[slot]
            watch.tick(items)
            time.sleep(POLL_EVERY if running else 0.0)
    finally:
        _stop([process for _, process in running.values()])
    return items


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _start(item: Progress, folders: Folders, command: Command, *, anew: bool) -> subprocess.Popen[bytes]:
    if anew:
        shutil.rmtree(folders.run(item.run), ignore_errors=True)
    job, log = folders.job(item.run), folders.log(item.run)
    write_job(job, item.run, folders, core=item.core)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command(job),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=one_thread(os.environ),
            start_new_session=True,  # Ctrl-C reaches this process alone, which ends the others in its own time
        )
    item.phase = Phase.RUNNING
    item.started = item.evaluated = time.monotonic()
    item.metrics = read_metrics(folders.run(item.run))
    return process


def _follow(item: Progress, process: subprocess.Popen[bytes], folders: Folders) -> bool:
    """Bring a run up to date; whether anything is new."""
    metrics = read_metrics(folders.run(item.run))
    new = len(metrics) != len(item.metrics)
    if new:
        item.metrics, item.evaluated = metrics, time.monotonic()
    status = process.poll()
    if status is None:
        return new
    item.result = read_result(folders.result(item.run)) if status == 0 else None
    if item.result is not None:
        item.phase = Phase.DONE
        folders.crash(item.run).unlink(missing_ok=True)
        return True
    item.phase = Phase.CRASHED
    item.error = _record_crash(item.run, status, folders)
    return True


def _record_crash(run: RunSpec, status: int, folders: Folders) -> str:
    log = folders.log(run)
    lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
    said = next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
    error = f"killed by signal {-status}" if status < 0 else said if status else f"no result was written: {said}"
    write_json(
        folders.crash(run), {"run": run.id, "status": status, "error": error, "log": str(log), "last_lines": lines}
    )
    return error


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
