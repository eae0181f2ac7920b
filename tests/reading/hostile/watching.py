"""Watching the side effects of loading a file: files opened, code executed, modules imported."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Everything that starts a program, runs or makes code, imports, writes, or reaches out. ``pickle.find_class`` is
# raised by Python's own lookup of a pickle's global, which rexd never uses.
_FORBIDDEN = [
    "code.__new__",
    "ctypes.",
    "exec",
    "ftplib.",
    "glob.glob",
    "http.",
    "import",
    "marshal.",
    "os.chmod",
    "os.exec",
    "os.fork",
    "os.kill",
    "os.link",
    "os.mkdir",
    "os.posix_spawn",
    "os.putenv",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.spawn",
    "os.symlink",
    "os.system",
    "os.truncate",
    "pickle.find_class",
    "pty.spawn",
    "shutil.",
    "smtplib.",
    "socket.",
    "subprocess.",
    "sys.addaudithook",
    "sys.settrace",
    "tempfile.",
    "urllib.",
    "webbrowser.",
]
_IN_OPEN = 0x20


@dataclass
class Seen:
    """What was seen: forbidden events, and the files that Python opened."""

    forbidden: list[str] = field(default_factory=list)
    opened: list[Path] = field(default_factory=list)


_watching: Seen | None = None


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _watching is None:
        return
    if event == "open":
        if isinstance(args[0], str | bytes | os.PathLike):
            _watching.opened.append(Path(os.fsdecode(args[0])))
        if isinstance(args[1], str) and set(args[1]) & set("wax+"):
            _watching.forbidden.append(f"open {args[0]!r} to write")
    elif event.startswith(tuple(_FORBIDDEN)):
        _watching.forbidden.append(f"{event} {args!r}"[:300])


def install() -> None:
    """Start to listen to Python's audit events, which cannot be undone; events are noted within ``watching`` only."""
    sys.addaudithook(_hook)


@contextmanager
def watching() -> Iterator[Seen]:
    """Note the events within the block."""
    global _watching
    seen = Seen()
    _watching = seen
    try:
        yield seen
    finally:
        _watching = None


@contextmanager
def opened_by_anything(*paths: Path) -> Iterator[list[str]]:
    """Note which of these files anything, such as a C library, opens; nothing is noted if the kernel does not tell."""
    found: list[str] = []
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK) if hasattr(libc, "inotify_init1") else -1
    if descriptor < 0:
        yield found
        return
    names = {libc.inotify_add_watch(descriptor, os.fsencode(path), _IN_OPEN): str(path) for path in paths}
    try:
        yield found
        try:
            content = os.read(descriptor, 2**16)
        except BlockingIOError:
            content = b""
        position = 0
        while position < len(content):
            watch, _, _, length = struct.unpack_from("iIII", content, position)
            found.append(names.get(watch, "?"))
            position += 16 + length
    finally:
        os.close(descriptor)
