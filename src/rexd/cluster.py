"""Cores and clusters: how many cores there are, and work on a Ray cluster (https://www.ray.io) that loses workers."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from rexd.errors import RexdError, import_extra
from rexd.files import atomic_path

RETRIES = 20
"""How often a task is given to another worker after its worker or its machine was lost."""

_AHEAD = 2  # tasks that are handed out for each core at a time, so that none waits for the next

RunFiles = Mapping[str, bytes]
"""The content of the files of a folder, by their paths in it, which travels between machines."""

T = TypeVar("T")
Item = TypeVar("Item")


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def address_of(words: Sequence[str] | None) -> str | None:
    """Return what ``--ray [ADDRESS]`` asks for: None without it, and an empty text where it names no address.

    Raises:
        RexdError: It names several addresses.
    """
    if words is None:
        return None
    if len(words) > 1:
        raise RexdError(
            f"--ray has {len(words)} values ({' '.join(words)}); expected one address, or none. Put it last"
        )
    return words[0] if words else ""


@contextmanager
def joined(address: str, workers: int | None = None) -> Iterator[Any]:
    """Join a cluster, or start one on this machine, for the duration of a ``with`` block.

    Args:
        address: The address of the cluster's head; empty starts one on this machine.
        workers: The number of cores that a cluster which is started here has; None for all.

    Yields:
        The module ``ray``. A cluster that the program has joined before is used as it is.

    Raises:
        MissingExtraError: Ray is not installed.
        RexdError: There is no cluster at the address.
    """
    ray = import_extra("ray", "ray")
    if ray.is_initialized():
        yield ray
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            # By itself Ray gives its workers what other programs leave of the cores; work here has its fair share.
            os.environ.setdefault("RAY_worker_niceness", "0")
            ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise RexdError(
            f"no Ray cluster could be joined at {address or 'this machine'} ({str(error).splitlines()[0][:200]}); "
            "start one with: ray start --head, and give the address that it prints, or leave the address out"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def finished(
    ray: Any, work: Callable[[Item], T], items: Iterable[Item], *, at_once: int | None = None
) -> Iterator[tuple[Item, T]]:
    """Run a task for each item, each on one core, and yield the items with their results as they are done.

    A task whose worker or machine is lost runs again elsewhere. Only a few results wait in memory at a time.

    Args:
        ray: What ``joined`` yields.
        work: The task: a function that the workers can import, or a ``functools.partial`` of one.
        items: What it is called with.
        at_once: The most tasks at a time; None for what the cluster's cores can take.

    Raises:
        RexdError: A task failed with it, or was lost too often.
    """
    # SPREAD: a machine that is lost takes few of the tasks with it
    options = {"num_cpus": 1, "max_retries": RETRIES, "scheduling_strategy": "SPREAD"}
    task, left, running = ray.remote(**options)(_guarded), iter(items), dict[Any, Item]()
    shared = ray.put(work)
    try:
        while True:
            most = at_once or _AHEAD * max(int(ray.cluster_resources().get("CPU", 1)), 1)
            for item in islice(left, max(most - len(running), 0)):
                running[task.remote(shared, item)] = item
            if not running:
                return
            done, _ = ray.wait([*running], num_returns=1)
            for reference in done:
                item = running.pop(reference)
                yield item, _result(ray, reference)
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, temporary ones left out; none if there is no such folder."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def write_files(folder: Path, files: RunFiles, last: str | None = None) -> None:
    """Write files into a folder, each atomically, and the one that says that all is there after the others.

    Raises:
        RexdError: A path leads out of the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(files, key=lambda name: name == last):
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise RexdError(f"{name!r} leads out of {folder}; expected files of that folder. Look at the cluster")
        with atomic_path(path) as temporary:
            temporary.write_bytes(files[name])


def _guarded(work: Callable[[Any], Any], item: Any) -> tuple[Any, RexdError | None]:
    """Run a task in a worker. Ray would wrap what it raises in a class of its own, with a traceback in its message."""
    try:
        return work(item), None
    except RexdError as error:
        return None, error


def _result(ray: Any, reference: Any) -> Any:
    try:
        result, error = ray.get(reference)
    except ray.exceptions.RayError as lost:
        said = next((line for line in reversed(str(lost).splitlines()) if line.strip()), type(lost).__name__)
        raise RexdError(
            f"Ray could not finish a task ({said.strip()[:300]}); expected workers that have rexd installed and can "
            "read the files. Look at the cluster with: ray status"
        ) from lost
    if error is not None:
        raise error
    return result
