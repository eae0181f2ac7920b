"""The only way that rexd reads a pickle: numpy arrays, torch tensors and builtin containers, and nothing else.

There are two lines of defence and no flag that turns either off. ``scan`` reads the instructions and
refuses a file that names any other global before an object of it exists. Then the file is unpickled with globals
that are our own functions (``rebuild``, ``torch_tensors``). Deques come back as lists, ``OrderedDict`` and
``defaultdict`` as dicts, tensors as arrays.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any

from rexd.errors import DemonstrationError, RexdError, UnsafeFileError
from rexd.reading.containers.guards import MAX_FILE_BYTES, check_file, read_head
from rexd.reading.containers.pickles.rebuild import Allowed, Budget, rebuild_table
from rexd.reading.containers.pickles.scan import refuse_global, scan_pickle
from rexd.reading.containers.pickles.torch_tensors import storage_classes, torch_table

_TEXT_GLOBAL = re.compile(rb"[ci][A-Za-z_][\w.]*\r?\n[A-Za-z_][\w.]*\r?\n")


def looks_like_pickle(path: Path) -> bool:
    """Whether a file starts as a pickle of any protocol does."""
    return path.is_file() and starts_like_pickle(read_head(path))


def starts_like_pickle(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a pickle of any protocol."""
    if not head.startswith(b"\x80") and not _starts_like_text_pickle(head):
        return False
    try:
        next(pickletools.genops(head))
    except Exception:  # pickletools raises many kinds on what is no pickle
        return False
    return True


def _starts_like_text_pickle(head: bytes) -> bool:
    # Protocols 0 and 1 have no magic number: "(lp0", "(dp0", "}q", "]q", "cmodule\nname\n", "(imodule\nname\n".
    if head[:1] in (b"c", b"i"):
        return _TEXT_GLOBAL.match(head) is not None
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
    return PickleReader(source, Budget(source, len(content))).read_all(content)


class PickleReader:
    """Reads the pickles of one file, all from one budget of memory."""

    def __init__(self, source: str, budget: Budget, persistent: Callable[[object], Any] | None = None) -> None:
        """Prepare the allowed globals.

        Args:
            source: The file's name, for messages.
            budget: What its objects may take.
            persistent: Resolves references to storages outside of the pickle, as torch files have them.
        """
        self._source, self._persistent = source, persistent
        storages = storage_classes()

        def nested(stream: io.BytesIO, allowed: Container[str], inner: Callable[[object], Any] | None) -> Any:
            return _read_one(stream, source, {name: item for name, item in storages.items() if name in allowed}, inner)

        self._table = rebuild_table(budget) | torch_table(budget, nested)
        if persistent is not None:
            self._table |= storages

    def read_one(self, stream: io.BytesIO) -> Any:
        """Read one pickle, and leave the stream behind its end.

        Raises:
            UnsafeFileError: It names a global that is not allowed.
            DemonstrationError: It is cut short, damaged, or claims more than its budget.
        """
        return _read_one(stream, self._source, self._table, self._persistent)

    def read_all(self, content: bytes) -> Any:
        """Read bytes that are one pickle and nothing else; the errors are those of ``read_one``."""
        stream = io.BytesIO(content)
        result = self.read_one(stream)
        if left := len(content) - stream.tell():
            raise DemonstrationError(
                f"{self._source}: {left} bytes follow the end of the pickle; expected one pickle and nothing else. "
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
