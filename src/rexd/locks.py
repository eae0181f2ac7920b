"""Locks on what one process at a time may write to; a lock says who holds it, and ends with its holder."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from rexd.errors import RexdError
from rexd.files import BLOCK, parse_json


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold a lock while the block runs; the system releases it however the process ends.

    The file says who holds the lock, and is removed at the end. Windows, and folders of some networks, have no such
    locks: there nothing is held.

    Args:
        path: The file of the lock.
        what: What one process at a time may write to, for the message.

    Raises:
        RexdError: Another process holds the lock.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RexdError(
                    f"{what} is in use by another process{_holder(lock)}. Wait until it ends, or name another output"
                ) from error
            except OSError:  # the file system knows no locks
                path.unlink(missing_ok=True)
                yield
                return
            if not _is_same(lock, path):
                continue  # the holder before removed the file as it ended
            lock.truncate(0)
            since = datetime.now(UTC).isoformat(timespec="seconds")
            json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": since}, lock)
            lock.flush()
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _is_same(stream: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _holder(lock: IO[str]) -> str:
    """Return who holds a lock, for a message; nothing where its file does not say so."""
    lock.seek(0)
    try:
        found = parse_json(lock.read(BLOCK), "lock", RexdError, "")
        return f" (process {int(found['pid'])} on {str(found['host'])[:80]}, since {str(found['since'])[:40]})"
    except (RexdError, KeyError, TypeError, ValueError):
        return ""
