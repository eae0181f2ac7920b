"""Atomic writing of files, so that a reader never sees a part of one, and the reading of JSON that is not trusted."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EDQUOT, EISDIR, ENOSPC
from pathlib import Path
from typing import Any

from rexd.errors import RexdError

BLOCK = 4096  # bytes; a disk with less space than this is full
MOST_JSON = 2**25  # bytes; a million episodes in a document of rexd take less
MOST_PARTS = 2**20  # lists and objects in a document
MOST_DEPTH = 32  # lists and objects within each other
_TEMPORARY = re.compile(r"\.(.+)\.[a-z0-9_]{8}(\.\w+)?")


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, which is renamed to ``path`` if the block ends without an error.

    The content and the name are on the disk before the block is left, so that a power cut loses neither.

    Raises:
        OSError: No space is left, whatever error the library that writes has made of it; or another error of writing.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=target.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        _to_disk(temporary)
        temporary.replace(target)
        _to_disk(target.parent)
    except Exception as error:
        # safetensors and PyTorch raise errors of their own kind; PyTorch's do not even name the cause
        if is_full(error) or "os error 28" in str(error) or shutil.disk_usage(target.parent).free < BLOCK:
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(target)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder; some systems open no folders, and some disks cannot."""
    with suppress(PermissionError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if is_full(error):
                raise
        finally:
            os.close(descriptor)


def leftovers(folder: Path) -> list[Path]:
    """Return the temporary files of ``atomic_path`` in a folder; a process that was killed leaves them."""
    return [path for path in folder.iterdir() if _TEMPORARY.fullmatch(path.name) and path.is_file()]


def is_full(error: Exception) -> bool:
    """Return whether an error says that no space is left, on the disk or in the user's quota."""
    return isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT)


def check_writable(path: str | Path) -> None:
    """Check that a file can be written, before the work that produces it.

    Raises:
        OSError: The path is a folder, or its folder cannot be created or written to.
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=target.parent).close()


def copy_file(source: Path, path: Path) -> None:
    """Copy a file, atomically."""
    with atomic_path(path) as temporary:
        shutil.copyfile(source, temporary)


def write_json(path: str | Path, content: Any) -> None:
    """Write a document as JSON, atomically, indented and with a final newline."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path, error: type[RexdError], mend: str) -> dict[str, Any]:
    """Read one JSON object that anybody may have written.

    Args:
        path: The file.
        error: The class of the error for a file that cannot be read.
        mend: The last sentence of that error's message: what the user can do.
    """
    try:
        if path.stat().st_size > MOST_JSON:
            raise error(f"{path}: has {path.stat().st_size} bytes; expected at most {MOST_JSON}. {mend}")
        return parse_json(path.read_bytes(), str(path), error, mend)
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror or problem}). {mend}") from problem


def parse_json(content: bytes | str, source: str, error: type[RexdError], mend: str) -> dict[str, Any]:
    """Parse one JSON object as ``read_json`` does; ``source`` names it in messages."""
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        parts = text.count("{") + text.count("[")
        if len(text) > MOST_JSON or parts > MOST_PARTS:
            raise ValueError(f"{len(text)} letters and {parts} lists and objects, which are too many")
        found = json.loads(text)
        if _deeper(found, MOST_DEPTH):
            raise ValueError(f"more than {MOST_DEPTH} lists and objects within each other")
    except (ValueError, RecursionError) as problem:
        raise error(f"{source}: is no sound JSON ({str(problem)[:200]}). {mend}") from problem
    if not isinstance(found, dict):
        raise error(f"{source}: holds a {type(found).__name__}; expected a JSON object. {mend}")
    return found


def _deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return any(isinstance(value, dict | list) for value in level)
