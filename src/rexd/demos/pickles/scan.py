"""Reading a pickle's instructions without following any of them.

The scan names every global that a pickle asks for, so that an unsafe file is refused before a single object of
it exists. It also bounds what costs the C unpickler memory, time or stack: memo indices, and tuples to be hashed.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Container

from rexd.errors import DemonstrationError, RexdError, UnsafeFileError

MAX_KEY_PARTS = 64
"""A key made of more parts is refused: hashing nested tuples is recursive C, and exponential where they share."""

_MAX_NAME = 200

# Extension codes reach a global cache that find_class never sees; buffers come from outside of the file.
_FORBIDDEN = frozenset({"EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"})
_PERSISTENT = frozenset({"PERSID", "BINPERSID"})
_PUT = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"})
_GET = frozenset({"GET", "BINGET", "LONG_BINGET"})
_TUPLES = frozenset({"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"})
# Where the keys, or the members of a set, stand among what an instruction takes from the stack.
_HASHED = {
    "SETITEM": slice(1, None, 2),
    "SETITEMS": slice(1, None, 2),
    "DICT": slice(0, None, 2),
    "ADDITEMS": slice(1, None),
    "FROZENSET": slice(0, None),
}

_Item = tuple[int, str | None]
"""Parts of a stacked object (more than one in tuples only), and its text if it is a short string."""


def scan_pickle(stream: io.BytesIO, source: str, allowed: Container[str], *, persistent: bool = False) -> None:
    """Check one pickle from the stream's position on, and leave the stream behind its end.

    Args:
        stream: The bytes.
        source: The file's name, for messages.
        allowed: Dotted names of the globals that may be looked up.
        persistent: Whether references to outside storage (torch) are expected.

    Raises:
        UnsafeFileError: The pickle asks for another global, or for something that an allow-list cannot see.
        DemonstrationError: The pickle is cut short or damaged.
    """
    try:
        _Scan(stream, source, allowed, persistent).run()
    except RexdError:
        raise
    except Exception as error:  # pickletools raises many kinds on damaged bytes
        raise DemonstrationError(
            f"{source}: the pickle is cut short or damaged ({type(error).__name__}: {str(error)[:200]}); "
            "download or record it again"
        ) from error


class _Scan:
    def __init__(self, stream: io.BytesIO, source: str, allowed: Container[str], persistent: bool) -> None:
        self.stream, self.source, self.allowed, self.persistent = stream, source, allowed, persistent
        self.limit = len(stream.getbuffer())
        self.stack: list[_Item | None] = []  # None is a mark
        self.memo: dict[int, _Item] = {}

    def run(self) -> None:
        for op, arg, _ in pickletools.genops(self.stream):
            self.step(op, arg)

    def step(self, op: pickletools.OpcodeInfo, arg: object) -> None:
        name = op.name
        if name in _FORBIDDEN or (name in _PERSISTENT and not self.persistent):
            raise UnsafeFileError(
                f"{self.source}: the pickle uses the instruction {name}, which reaches outside of the file; it was "
                "not read. Expected arrays in builtin containers"
            )
        if name in _PUT:
            self.put(len(self.memo) if name == "MEMOIZE" else int(str(arg)))
        elif name in _GET:
            self.stack.append(self.memo[int(str(arg))])
        elif name == "POP":  # also takes a mark away
            self.stack.pop()
        elif name == "DUP":
            self.stack.append(self.item(self.stack[-1]))
        else:
            popped = self.pop(op)
            if name in ("GLOBAL", "INST"):
                self.check(str(arg).replace(" ", ".", 1))
            elif name == "STACK_GLOBAL":
                self.check(".".join(str(text) for _, text in popped), known=all(text for _, text in popped))
            self.push(op, arg, popped)

    def put(self, index: int) -> None:
        # The C unpickler allocates its memo up to the index: ten bytes could ask for 64 GB.
        if not 0 <= index <= self.limit:
            raise DemonstrationError(
                f"{self.source}: the pickle stores an object at memo index {index}, but the file has only "
                f"{self.limit} bytes; it is damaged or made to exhaust memory"
            )
        self.memo[index] = self.item(self.stack[-1])

    def pop(self, op: pickletools.OpcodeInfo) -> list[_Item]:
        wanted = op.stack_before
        popped: list[_Item] = []
        if pickletools.markobject in wanted:
            while (top := self.stack.pop()) is not None:
                popped.append(top)
            wanted = wanted[: wanted.index(pickletools.markobject)]
        popped += [self.item(self.stack.pop()) for _ in wanted]
        return popped[::-1]

    def push(self, op: pickletools.OpcodeInfo, arg: object, popped: list[_Item]) -> None:
        if pickletools.markobject in op.stack_after:
            self.stack.append(None)
            return
        parts = min(1 + sum(count for count, _ in popped), 2 * MAX_KEY_PARTS) if op.name in _TUPLES else 1
        hashed = popped[_HASHED[op.name]] if op.name in _HASHED else []
        if any(count > MAX_KEY_PARTS for count, _ in hashed):
            raise DemonstrationError(
                f"{self.source}: the pickle uses a tuple of more than {MAX_KEY_PARTS} parts as a key; expected "
                "arrays in plain containers"
            )
        text = arg if isinstance(arg, str) and len(arg) <= _MAX_NAME else None
        self.stack += [(parts, text)] * len(op.stack_after)

    def check(self, name: str, *, known: bool = True) -> None:
        if not known:
            raise UnsafeFileError(f"{self.source}: the pickle computes the name of a global; it was not read")
        if name not in self.allowed:
            raise refuse_global(self.source, name)

    @staticmethod
    def item(entry: _Item | None) -> _Item:
        if entry is None:
            raise ValueError("a mark stands where an object is needed")
        return entry


def refuse_global(source: str, name: str) -> UnsafeFileError:
    """The error for a global that is not allowed."""
    return UnsafeFileError(
        f"{source}: the pickle asks for {name!r}, which could execute code; it was not read. Expected numpy arrays "
        "and torch tensors in builtin containers. If you trust the file, store its arrays as npz with a program "
        "of your own, and load that"
    )
