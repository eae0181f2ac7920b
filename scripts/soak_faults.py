"""What the soak does to any work: it kills it, fills its disk, starts it twice, and counts what was lost."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from rexd.errors import RexdError

DONE, REFUSED, CRASHED = 0, 2, 3


@dataclass
class Count:
    """What came of the faults."""

    injected: int = 0
    survived: int = 0
    lost: int = 0
    changed: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, other: Count) -> None:
        """Add what came of other faults."""
        for part in vars(self):
            setattr(self, part, getattr(self, part) + getattr(other, part))


class Soak(ABC):
    """Some work that is done once without being disturbed, and again with faults.

    Attributes:
        name: What the work is, for the table.
        folder: Where its outputs lie.
        kills: The number of kills.
        damages: The number of damaged files.
        rng: Draws moments and places.
        seconds: How long the undisturbed work took.
        count: What came of the faults so far.
    """

    def __init__(self, name: str, folder: Path, *, kills: int, damages: int, rng: np.random.Generator) -> None:
        """Take where the work is done, and how often it is disturbed."""
        self.name, self.folder, self.kills, self.damages, self.rng = name, folder, kills, damages, rng
        self.seconds, self.count = 0.0, Count()
        folder.mkdir(exist_ok=True)

    @abstractmethod
    def work(self, out: Path) -> None:
        """Do the work in this process, or go on with it; its output lies in a folder."""

    @abstractmethod
    def results(self, out: Path) -> dict[str, Any]:
        """Return what the work made, in parts that are the same each time."""

    @abstractmethod
    def damage(self) -> None:
        """Cut files short and flip bits in them; each must be told, or be what it was."""

    @property
    def whole(self) -> Path:
        """The output of the undisturbed work."""
        return self.folder / "whole"

    def undisturbed(self) -> None:
        """Do the work once."""
        started = time.monotonic()
        if self.ended(self.start("whole")) != DONE:
            raise SystemExit(f"{self.name}: the undisturbed work failed")
        self.seconds = time.monotonic() - started

    def start(self, name: str, prepare: Callable[[], object] = lambda: None) -> int:
        """Start the work in a process of its own, and return the number of the process."""
        child = os.fork()
        if child:
            return child
        status = CRASHED
        try:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            prepare()
            self.work(self.folder / name)
            status = DONE
        except (RexdError, OSError):
            status = REFUSED
        finally:
            os._exit(status)

    @staticmethod
    def ended(child: int) -> int:
        """Wait for a process, and return its exit status; negative for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def finish(self, name: str) -> None:
        """Give the same command again, and count whether the work ends as the undisturbed one did."""
        status = self.ended(self.start(name))
        if status != DONE:
            self.lose(f"{name}: the same command ended with {status}")
            return
        different = self.differences(name)
        if different:
            self.count.changed += 1
            self.count.notes.append(f"{self.name}, {name}: {', '.join(different)} differ")
        else:
            self.count.survived += 1
        shutil.rmtree(self.folder / name)

    def differences(self, name: str) -> list[str]:
        """Return the names of the parts that are not as in the undisturbed work."""
        one, other = self.results(self.whole), self.results(self.folder / name)
        return sorted(part for part in one.keys() | other.keys() if part not in one or one[part] != other.get(part))

    def lose(self, note: str) -> None:
        """Count something that was lost."""
        self.count.lost += 1
        self.count.notes.append(f"{self.name}, {note}")

    def kill(self) -> None:
        """Kill the work once or several times, at moments from its first to its last, and let it go on."""
        left = self.kills
        while left:
            name, times = f"killed-{left}", min(left, int(self.rng.integers(1, 4)))
            for _ in range(times):
                child = self.start(name)
                time.sleep(float(self.rng.uniform(0.0, self.seconds)))
                os.kill(child, signal.SIGKILL)
                self.ended(child)
            self.count.injected += times
            self.count.survived += times - 1
            left -= times
            self.finish(name)

    def full_disk(self) -> None:
        """Let the disk be full as one file after the other is handed to it, and in the middle of files."""
        largest = max(path.stat().st_size for path in self.whole.rglob("*") if path.is_file())
        cases = max(self.kills // 6, 1)
        files = [lambda n=n: full_from_file(n) for n in (0, *self.rng.integers(1, 20, size=cases).tolist())]
        sizes = [lambda n=n: full_from_byte(n) for n in self.rng.integers(1, largest, size=cases).tolist()]
        for number, fill in enumerate((*files, *sizes)):
            name = f"full-{number}"
            self.count.injected += 1
            if (status := self.ended(self.start(name, fill))) not in (DONE, REFUSED):
                self.lose(f"{name}: a full disk ended the work with {status}")
            self.finish(name)

    def two_at_once(self) -> None:
        """Start the same work twice at the same time: one does it, and the other is told so."""
        self.count.injected += 1
        statuses = sorted(map(self.ended, [self.start("twice"), self.start("twice")]))
        if statuses not in ([DONE, REFUSED], [DONE, DONE]):  # the second may start when the first has ended
            self.lose(f"two at once ended with {statuses}")
        self.finish("twice")

    def spoiled(self, good: bytes) -> bytes:
        """Return a file's bytes, cut short or with one bit flipped."""
        bad = bytearray(good)
        if self.rng.random() < 0.3:
            del bad[int(self.rng.integers(len(good))) :]
        else:
            bit = int(self.rng.integers(8 * len(good)))
            bad[bit // 8] ^= 1 << bit % 8
        return bytes(bad)


def full_from_file(number: int) -> None:
    """Let the disk of this process be full when a file is to be on it, after so many that found their place."""
    written, sync = iter(range(number)), os.fsync

    def fails(file: int) -> None:
        if next(written, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    os.fsync = fails


def full_from_byte(number: int) -> None:
    """Let no file of this process grow beyond so many bytes, and the disk say that it is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (number, number))
    shutil.disk_usage = lambda path: SimpleNamespace(free=0)
