"""The only way that rexd reads a pickle: numpy arrays, torch tensors and builtin containers, and nothing else.

There are two lines of defence and no flag that turns either off. ``pickle_scan`` reads the instructions and
refuses a file that names any other global before an object of it exists. Then the file is unpickled with globals
that are our own functions (``pickle_rebuild``, ``pickle_torch``). Deques come back as lists, ``OrderedDict`` and
``defaultdict`` as dicts, tensors as arrays.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any

from rexd.demos.filecheck import MAX_FILE_BYTES, check_file, read_head
from rexd.demos.pickle_rebuild import Allowed, Budget, rebuild_table
from rexd.demos.pickle_scan import refuse_global, scan_pickle
from rexd.demos.pickle_torch import storage_classes, torch_table
from rexd.errors import DemonstrationError, RexdError, UnsafeFileError

_HEAD = 4096


def looks_like_pickle(path: Path) -> bool:
    """Whether a file starts as a pickle of any protocol does."""
    return bool(first_opcodes(path))


def first_opcodes(path: Path) -> list[str]:
    """The first few instructions of a pickle, or none if the file does not start as one."""
    head = read_head(path, _HEAD) if path.is_file() else b""
    if not head.startswith(b"\x80") and not _starts_like_text_pickle(head):
        return []
    names: list[str] = []
    try:
        for op, _, _ in pickletools.genops(head):
            names.append(op.name)
            if len(names) == 8:
                break
    except Exception:  # the head cuts a long argument short, or this is no pickle
        pass
    return names


def _starts_like_text_pickle(head: bytes) -> bool:
    # Protocols 0 and 1 have no magic number: "(lp0", "(dp0", "}q", "]q", "cmodule\nname\n", "(imodule\nname\n".
    if head[:1] in (b"c", b"i"):
        return head.count(b"\n") >= 2 and head[1:2].isalpha() and b"," not in head.split(b"\n")[0]
    return head[:3] in (b"(lp", b"(dp", b"(ic", b"(tp") or head[:2] in (b"}q", b"]q", b"(c", b"(i", b"}.", b"].")


def load_pickle(path: str | Path, *, max_bytes: int = MAX_FILE_BYTES) -> Any:
    """Read a pickle of arrays in builtin containers.

    Args:
        path: The file.
        max_bytes: Larger files are refused.

    Raises:
        UnsafeFileError: The pickle names any other global; nothing of it was executed.
        DemonstrationError: The file is missing, empty, cut short, damaged, or claims more than it holds.
    """
    file = Path(path)
    check_file(file, max_bytes=max_bytes)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DemonstrationError(f"{file}: cannot be read ({error.strerror or error})") from error
    return loads_pickle(content, str(file))


def loads_pickle(content: bytes, source: str) -> Any:
    """The same for bytes in memory; ``source`` names them in messages."""
    budget = Budget(source, len(content))
    storages = storage_classes()

    def nested(stream: io.BytesIO, allowed: Container[str], persistent: Callable[[object], Any] | None) -> Any:
        table = {name: item for name, item in storages.items() if name in allowed}
        return _read_one(stream, source, table, persistent)

    table = rebuild_table(budget) | torch_table(budget, nested)
    stream = io.BytesIO(content)
    result = _read_one(stream, source, table, None)
    if left := len(content) - stream.tell():
        raise DemonstrationError(
            f"{source}: {left} bytes follow the end of the pickle; expected one pickle and nothing else. "
            "Store the recordings in one object, or in files of their own"
        )
    return result


def _read_one(
    stream: io.BytesIO, source: str, table: Mapping[str, Allowed], persistent: Callable[[object], Any] | None
) -> Any:
    start = stream.tell()
    scan_pickle(stream, source, table, persistent=persistent is not None)
    stream.seek(start)
    try:
        return _AllowListUnpickler(stream, source, table, persistent).load()
    except RexdError as error:
        if str(error).startswith(source):
            raise
        raise type(error)(f"{source}: {error}") from error  # an object of the file does not know the file's name
    except Exception as error:  # a damaged pickle can raise anything, MemoryError and RecursionError included
        raise DemonstrationError(
            f"{source}: the pickle is damaged ({type(error).__name__}: {str(error)[:200]}); download or record it again"
        ) from error


class _AllowListUnpickler(pickle.Unpickler):
    def __init__(
        self,
        stream: io.BytesIO,
        source: str,
        table: Mapping[str, Allowed],
        persistent: Callable[[object], Any] | None,
    ) -> None:
        # latin1 keeps the bytes of arrays that Python 2 wrote; names are matched as they are written.
        super().__init__(stream, fix_imports=False, encoding="latin1")
        self._source, self._table, self._persistent = source, table, persistent

    def find_class(self, module: str, name: str) -> Allowed:
        found = self._table.get(f"{module}.{name}")
        if found is None:
            raise refuse_global(self._source, f"{module}.{name}")
        return found

    def persistent_load(self, pid: object) -> Any:
        if self._persistent is None:
            raise UnsafeFileError(f"{self._source}: the pickle refers to something outside of the file")
        return self._persistent(pid)
