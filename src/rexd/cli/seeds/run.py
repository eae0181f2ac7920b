"""The runs of several seeds, each in a process that is pinned to a core; one that fails does not stop the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rexd.benchmark.on_ray import run_command
from rexd.benchmark.schedule import PATIENCE
from rexd.benchmark.worker import one_thread
from rexd.cli.seeds.words import words_of_seed
from rexd.cluster import RunFiles, files_of, finished, joined, write_files
from rexd.errors import RexdError
from rexd.files import atomic_path
from rexd.rl.training.run_folder import EVALUATION_FILE, read_metrics

POLL_EVERY = 0.25  # seconds
_LAST_LINES = 8192  # bytes of a log that are looked at


@dataclass
class SeedRun:
    """The run of one seed.

    Attributes:
        seed: The seed.
        folder: Its run folder.
        state: ``waiting``, ``running``, ``done`` or ``failed``.
        error: The last line that it printed, if it failed.
        evaluations: The evaluations that were told so far.
    """

    seed: int
    folder: Path
    state: str = "waiting"
    error: str | None = None
    evaluations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """What its process prints."""
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """The final evaluation of a run that is done."""
        path = self.folder / EVALUATION_FILE
        if self.state != "done" or not path.is_file():
            return None
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def end(self, status: int) -> None:
        """Take note of how its process ended."""
        if status == 0:
            self.state = "done"
            return
        said = _last_line(self.log)
        self.state, self.error = "failed", f"killed by signal {-status}" if status < 0 else said


Tell = Callable[[SeedRun], None]
"""Is told of a run that has begun, was evaluated, or ended."""


def run_seeds(runs: Iterable[SeedRun], words: list[str], *, jobs: int, tell: Tell) -> None:
    """Train with all seeds in processes of this machine.

    However this function ends, it leaves no process behind.

    Args:
        runs: The runs, whose state is kept up to date.
        words: The words of the command with several seeds, ``train`` first.
        jobs: The number of runs at a time.
        tell: Is told of the progress.
    """
    waiting, running = deque(runs), dict[int, tuple[SeedRun, subprocess.Popen[bytes]]]()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    try:
        while waiting or running:
            for slot in range(jobs):
                if slot not in running and waiting:
                    run = waiting.popleft()
                    core = str(cores[slot % len(cores)]) if cores else ""
                    running[slot] = run, _start(run, core, words_of_seed(words, run.seed, run.folder))
                    tell(run)
            time.sleep(POLL_EVERY)
            for slot, (run, process) in list(running.items()):
                if len(found := read_metrics(run.folder)) > len(run.evaluations):
                    run.evaluations = found
                    tell(run)
                if (status := process.poll()) is not None:
                    del running[slot]
                    run.end(status)
                    tell(run)
    finally:
        for _, process in running.values():
            process.terminate()
        for _, process in running.values():
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def run_seeds_on_ray(runs: Iterable[SeedRun], words: list[str], *, address: str, jobs: int | None, tell: Tell) -> None:
    """Train with all seeds as tasks of a Ray cluster, one for each; this process writes the run folders.

    A run whose worker is lost begins again on another from what its folder here holds.

    Args:
        runs: The runs, whose state is kept up to date.
        words: The words of the command with several seeds, ``train`` first. Files that they name must be on all
            machines, at the same places.
        address: The address of the cluster; empty starts one on this machine.
        jobs: The number of runs at a time; None for one on each core.
        tell: Is told of the progress.
    """

    def handed_out() -> Iterator[_There]:
        for run in runs:
            by_seed[run.seed] = run
            run.state = "running"
            tell(run)
            yield _There(run.seed, tuple(words), os.getcwd(), files_of(run.folder))

    by_seed: dict[int, SeedRun] = {}
    with joined(address, jobs) as ray:
        at_once = jobs or max(int(ray.cluster_resources().get("CPU", 1)), 1)
        for there, (status, log, files) in finished(ray, _train_there, handed_out(), at_once=at_once):
            run = by_seed[there.seed]
            write_files(run.folder, files, last=EVALUATION_FILE)
            with atomic_path(run.log) as temporary:
                temporary.write_bytes(log)
            run.end(status)
            tell(run)


@dataclass(frozen=True)
class _There:
    """What a worker of a cluster needs to train with one seed."""

    seed: int
    words: tuple[str, ...]
    cwd: str
    files: RunFiles


def _train_there(there: _There) -> tuple[int, bytes, Mapping[str, bytes]]:
    with TemporaryDirectory(prefix="rexd-") as home:
        folder = Path(home) / "run"
        write_files(folder, there.files)
        status, log = run_command([*_module(""), *words_of_seed(there.words, there.seed, folder)], there.cwd)
        return status, log, files_of(folder)


def _start(run: SeedRun, core: str, words: list[str]) -> subprocess.Popen[bytes]:
    run.state, run.evaluations = "running", read_metrics(run.folder)
    run.log.parent.mkdir(parents=True, exist_ok=True)
    with run.log.open("wb") as log:
        return subprocess.Popen(
            [*_module(core), *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=one_thread(os.environ),
            start_new_session=True,  # so that Ctrl-C reaches only this process, which then ends the others
        )


def _module(core: str) -> list[str]:
    return [sys.executable, "-m", "rexd.cli.seeds.worker", str(os.getpid()), core]


def _last_line(log: Path) -> str:
    if not log.is_file():
        return "it printed nothing"
    said = log.read_bytes()[-_LAST_LINES:].decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(said) if line.strip()), "it printed nothing")


def check_free(runs: Iterable[SeedRun], *, resume: bool) -> None:
    """Refuse folders that hold runs which are not to be continued, before any process starts.

    Raises:
        RexdError: A folder holds something, and ``resume`` is false.
    """
    taken = [run.folder for run in runs if run.folder.is_dir() and any(run.folder.iterdir())]
    if taken and not resume:
        raise RexdError(
            f"{taken[0]} exists. Continue the runs there with --resume, or choose another folder with --out"
        )
