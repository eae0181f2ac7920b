"""Runs as tasks of a Ray cluster: each in a process of its own on a worker, with its folder sent there and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rexd.benchmark.runs import Folders, RunSpec, read_result
from rexd.benchmark.schedule import Phase, RunProgress, Watcher, record_crash
from rexd.benchmark.worker import one_thread, write_job
from rexd.cluster import RunFiles, files_of, finished, joined, write_files
from rexd.files import atomic_path, write_json
from rexd.rl.training.run_folder import EVALUATION_FILE, read_metrics


def run_command(words: Sequence[str], cwd: str | None = None) -> tuple[int, bytes]:
    """Run a command in a worker of a cluster, with one thread, and return its exit status and what it printed.

    Args:
        words: The command.
        cwd: The folder that relative paths begin in, if the worker has it.
    """
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=one_thread(os.environ),
        cwd=cwd if cwd is not None and Path(cwd).is_dir() else None,
    )
    return done.returncode, done.stdout


def run_all_on_ray(
    runs: Sequence[RunSpec],
    folders: Folders,
    *,
    address: str,
    jobs: int | None,
    watch: Watcher,
    anew: Sequence[RunSpec] = (),
) -> list[RunProgress]:
    """Execute all runs on a cluster as ``rexd.benchmark.schedule.run_all`` does here.

    A run whose worker is lost is executed again by another, from what its folder here holds. Nothing but this process
    writes results.

    Args:
        runs: The runs in the order in which they are handed out.
        folders: The folders that they read and write. That of the data must be on all machines, at the same place.
        address: The address of the cluster; empty starts one on this machine.
        jobs: Number of runs at a time; None for one on each core of the cluster.
        watch: Told of the progress.
        anew: The runs whose run folder is not resumed from.
    """
    items = [RunProgress(run) for run in runs]
    by_id = {item.run.id: item for item in items}
    data = None if folders.data is None else folders.data.resolve()

    def handed_out() -> Iterator[_There]:
        for item in items:
            item.phase, item.started = Phase.RUNNING, time.monotonic()
            item.evaluated = item.started
            watch.changed(item)
            watch.tick(items)
            yield _There(item.run, data, {} if item.run in anew else files_of(folders.run(item.run)))

    with joined(address, jobs) as ray:
        at_once = jobs or max(int(ray.cluster_resources().get("CPU", 1)), 1)
        for there, came in finished(ray, _execute_there, handed_out(), at_once=at_once):
            item = by_id[there.run.id]
            _take(item, folders, came)
            watch.changed(item)
            watch.tick(items)
    return items


@dataclass(frozen=True)
class _There:
    """What a worker needs to execute a run."""

    run: RunSpec
    data: Path | None
    files: RunFiles


@dataclass(frozen=True)
class _Came:
    """What a worker sends back."""

    status: int
    log: bytes
    files: RunFiles
    result: str | None


def _execute_there(there: _There) -> _Came:
    with TemporaryDirectory(prefix="rexd-") as made:
        folders = Folders(Path(made) / "results", Path(made) / "runs", there.data)
        folder, job, result = folders.run(there.run), folders.job(there.run), folders.result(there.run)
        write_files(folder, there.files)
        write_job(job, there.run, folders, core=None)
        status, log = run_command([sys.executable, "-m", "rexd.benchmark.worker", str(job)])
        return _Came(status, log, files_of(folder), result.read_text() if result.is_file() else None)


def _take(item: RunProgress, folders: Folders, came: _Came) -> None:
    """Write what a worker sent back, the result last, and take note of how the run ended."""
    write_files(folders.run(item.run), came.files, last=EVALUATION_FILE)
    with atomic_path(folders.log(item.run)) as temporary:
        temporary.write_bytes(came.log)
    item.metrics = read_metrics(folders.run(item.run))
    if came.status == 0 and came.result is not None:
        write_json(folders.result(item.run), json.loads(came.result))
        item.result, item.phase = read_result(folders.result(item.run)), Phase.DONE
        folders.crash(item.run).unlink(missing_ok=True)
        return
    item.phase, item.error = Phase.CRASHED, record_crash(item.run, came.status, folders)
