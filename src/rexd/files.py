"""Atomic writing of files, so that a reader never sees a part of one."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EISDIR, ENOSPC
from pathlib import Path
from typing import Any

BLOCK = 4096  # bytes; a disk with less space than this is full


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, which is renamed to ``path`` if the block ends without an error.

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
        temporary.replace(target)
    except Exception as error:
        # safetensors and PyTorch raise errors of their own kind; PyTorch's do not even name the cause
        if is_full(error) or "os error 28" in str(error) or shutil.disk_usage(target.parent).free < BLOCK:
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(target)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


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


def write_json(path: str | Path, content: Any) -> None:
    """Write a document as JSON, atomically, indented and with a final newline."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
