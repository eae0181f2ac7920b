"""The allow-list unpickler, the only way in which rexd reads a pickle.

It reads numpy arrays, torch tensors and builtin containers, and nothing else. There are two lines of defence, and no
flag turns either off. First, ``scan`` reads the instructions and refuses a file that names any other global before an
object of it exists. Then the file is unpickled with rexd's own functions in the place of the globals (``rebuild``,
``torch_tensors``). Deques become lists, ``OrderedDict`` and ``defaultdict`` become dicts, and tensors become arrays.
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
from rexd.reading.containers.guards import check_file
from rexd.reading.containers.pickles.rebuild import Allowed, Budget, rebuild_table
from rexd.reading.containers.pickles.scan import refuse_global, scan_beginning, scan_pickle
from rexd.reading.containers.pickles.torch_tensors import storage_classes, torch_table

_BEGINNING = 2**20  # bytes of a file that are checked before the rest is read
_TEXT_GLOBAL = re.compile(rb"[ci][A-Za-z_][\w.]*\r?\n[A-Za-z_][\w.]*\r?\n")


def starts_like_pickle(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a pickle of any protocol."""
    if not head.startswith(b"\x80") and not _starts_like_text_pickle(head):
        return False
    try:
        next(pickletools.genops(head))
    except Exception:  # pickletools raises many kinds of errors on other bytes
        return False
    return True


def _starts_like_text_pickle(head: bytes) -> bool:
    # Protocols 0 and 1 have no magic number; they start with "(lp0", "(dp0", "}q", "]q", "cmodule\nname\n" or
    # "(imodule\nname\n".
    if head[:1] in (b"c", b"i"):
        return _TEXT_GLOBAL.match(head) is not None
    return head[:3] in (b"(lp", b"(dp", b"(ic", b"(tp") or head[:2] in (b"}q", b"]q", b"(c", b"(i", b"}.", b"].")


def load_pickle(path: Path) -> Any:
    """Read a pickle file of arrays in builtin containers.

    Raises:
        UnsafeFileError: The pickle names any other global; nothing of it was executed.
        DemonstrationError: The file is missing, empty, too large, cut short, damaged, or claims more than it holds.
    """
    size = check_file(path)
    try:
        with path.open("rb") as stream:
            head = stream.read(_BEGINNING)
            reader = PickleReader(str(path), Budget(str(path), size))
            if size > len(head):
                reader.check_beginning(head, size)
            content = head + stream.read()
    except OSError as error:
        raise DemonstrationError(f"{path}: cannot be read ({error.strerror or error})") from error
    del head
    return reader.read_all(content)


def loads_pickle(content: bytes, source: str) -> Any:
    """Read a pickle in memory as ``load_pickle`` reads a file; ``source`` names it in messages."""
    return PickleReader(source, Budget(source, len(content))).read_all(content)


class PickleReader:
    """A reader of the pickles of one file, which share one budget of memory."""

    def __init__(self, source: str, budget: Budget, persistent: Callable[[object], Any] | None = None) -> None:
        """Prepare the allowed globals.

        Args:
            source: The file's name, for messages.
            budget: The memory that its objects may take.
            persistent: The function that resolves references to storages outside the pickle, which torch files have.
        """
        self._source, self._budget, self._persistent = source, budget, persistent
        storages = storage_classes()

        def nested(stream: io.BytesIO, allowed: Container[str], inner: Callable[[object], Any] | None) -> Any:
            return _read_one(
                stream, source, budget, {name: item for name, item in storages.items() if name in allowed}, inner
            )

        self._table = rebuild_table(budget) | torch_table(budget, nested)
        if persistent is not None:
            self._table |= storages

    def check_beginning(self, head: bytes, file_bytes: int) -> None:
        """Refuse a pickle of ``file_bytes`` by its first bytes; the errors are those of ``read_one``."""
        scan_beginning(head, self._source, self._table, file_bytes)

    def read_one(self, stream: io.BytesIO) -> Any:
        """Read one pickle, and leave the stream behind its end.

        Raises:
            UnsafeFileError: The pickle names a global that is not allowed.
            DemonstrationError: The pickle is cut short, damaged, or claims more than its budget.
        """
        return _read_one(stream, self._source, self._budget, self._table, self._persistent)

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
    stream: io.BytesIO,
    source: str,
    budget: Budget,
    table: Mapping[str, Allowed],
    persistent: Callable[[object], Any] | None,
) -> Any:
    start = stream.tell()
    budget.charge_containers(scan_pickle(stream, source, table, persistent=persistent is not None))
    stream.seek(start)
    try:
        return _AllowListUnpickler(stream, source, table, persistent).load()
    except RexdError as error:
        if str(error).startswith(source):
            raise
        raise type(error)(f"{source}: {error}") from error  # ``rebuild`` does not always know the file's name
    except Exception as error:  # a damaged pickle can raise any error, MemoryError and RecursionError included
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
        # latin1 keeps the bytes of arrays that Python 2 wrote; without fix_imports, names are matched as they stand.
        super().__init__(stream, fix_imports=False, encoding="latin1")
        self._source, self._table, self._persistent = source, table, persistent

    def find_class(self, module: str, name: str) -> Allowed:
        found = self._table.get(f"{module}.{name}")
        if found is None:
            raise refuse_global(self._source, f"{module}.{name}")
        return found

    def persistent_load(self, pid: object) -> Any:
        if self._persistent is None:
            raise UnsafeFileError(f"{self._source}: the pickle refers to something outside the file; it was not read")
        return self._persistent(pid)
