"""The execution of runs in processes, several at a time, each pinned to a core."""

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
PATIENCE = 10.0  # seconds between asking a process to end and killing it
LOG_LINES = 30  # last lines of the log that the record of a crash keeps


class Phase(StrEnum):
    """The phase of a run."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CRASHED = "crashed"


@dataclass
class RunProgress:
    """The state of a run while the suite is executed.

    Attributes:
        run: The run.
        phase: Its phase.
        core: Number of the core that its process is pinned to; None before it starts, or if cores cannot be chosen.
        started: ``time.monotonic()`` at its start.
        evaluated: ``time.monotonic()`` at its latest evaluation, or at its start before the first one.
        metrics: The evaluations of its training so far.
        result: Its result; None unless it is done.
        error: Why it crashed, in one line; None unless it crashed.
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
    """An object that is told how the runs proceed; its methods must return quickly."""

    def changed(self, item: RunProgress) -> None:
        """Take note that a run has begun, ended, or been evaluated."""

    def tick(self, items: Sequence[RunProgress]) -> None:
        """Take the state of all runs, several times a second."""


WorkerCommand = Callable[[Path], list[str]]
"""A function that returns the command, word by word, which executes the job in a file."""


def worker(job: Path) -> list[str]:
    """Return the command that executes the job in a file."""
    return [sys.executable, "-m", "rexd.benchmark.worker", str(job)]


def run_all(
    runs: Sequence[RunSpec],
    folders: Folders,
    *,
    jobs: int,
    watch: Watcher,
    anew: Sequence[RunSpec] = (),
    command: WorkerCommand = worker,
) -> list[RunProgress]:
    """Execute all runs; a run that crashes does not stop the others.

    However this function ends, it leaves no process behind. Runs that were begun continue when it is called again.

    Args:
        runs: The runs in the order in which they are started.
        folders: The folders that they read and write.
        jobs: Number of runs at a time.
        watch: Told of the progress.
        anew: The runs whose run folder is deleted instead of resumed from.
        command: Gives the command that executes a job file.

    Returns:
        The final state of each run, in the same order.
    """
    items = [RunProgress(run) for run in runs]
    waiting, running = deque(items), dict[int, tuple[RunProgress, subprocess.Popen[bytes]]]()
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


def _start(item: RunProgress, folders: Folders, command: WorkerCommand, *, anew: bool) -> subprocess.Popen[bytes]:
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
            start_new_session=True,  # so that Ctrl-C reaches only this process, which then ends the others
        )
    item.phase = Phase.RUNNING
    item.started = item.evaluated = time.monotonic()
    item.metrics = read_metrics(folders.run(item.run))
    return process


def _follow(item: RunProgress, process: subprocess.Popen[bytes], folders: Folders) -> bool:
    """Update the state of a run, and return whether anything changed."""
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
    item.error = record_crash(item.run, status, folders)
    return True


def record_crash(run: RunSpec, status: int, folders: Folders) -> str:
    """Write the record of a run that crashed, whose log is there, and return its error in one line."""
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
