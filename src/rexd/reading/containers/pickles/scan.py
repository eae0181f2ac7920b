"""A scan of a pickle's instructions that executes none of them.

The scan finds every global that a pickle asks for, so that an unsafe file is refused before a single object of it
exists. It also bounds what costs the C unpickler memory, time or stack: memo indices, and tuples that are hashed. It
counts the bytes that containers will take, since one byte of a pickle makes a set of 216.

A recording has millions of instructions, nearly all of a few kinds. ``_Scan.run`` decodes those itself and leaves the
others to ``pickletools``, which knows every instruction and its argument. Tests compare it with a scan that leaves all
instructions to ``pickletools``.
"""

from __future__ import annotations

import io
import pickletools
import re
import struct
from collections.abc import Container, Iterable
from typing import Final

from rexd.errors import DemonstrationError, RexdError, UnsafeFileError
from rexd.reading.containers.pickles.other_classes import expected_instead

MAX_KEY_PARTS = 64
"""A key of more parts is refused: C hashes nested tuples by recursion, in exponential time if they share parts."""

_MANY: Final = 2 * MAX_KEY_PARTS  # parts are counted up to this number
_MAX_NAME = 200

# Extension codes reach a global cache that find_class never sees; buffers come from outside the file.
_FORBIDDEN = frozenset({"EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"})
_PERSISTENT = frozenset({"PERSID", "BINPERSID"})
_PUT = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"})
_GET = frozenset({"GET", "BINGET", "LONG_BINGET"})
_TUPLES = frozenset({"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"})
# The places of the keys, or of the members of a set, among the objects that an instruction takes from the stack.
_HASHED = {
    "SETITEM": slice(1, None, 2),
    "SETITEMS": slice(1, None, 2),
    "DICT": slice(0, None, 2),
    "ADDITEMS": slice(1, None),
    "FROZENSET": slice(0, None),
}

# The bytes that CPython takes for a container, or when it first grows, and for each object that is put into it.
_COST: Final = {
    "EMPTY_LIST": (56, 0),
    "EMPTY_DICT": (64, 0),
    "EMPTY_SET": (216, 0),
    "TUPLE": (40, 8),
    "TUPLE1": (40, 8),
    "TUPLE2": (40, 8),
    "TUPLE3": (40, 8),
    "LIST": (56, 8),
    "DICT": (184, 20),
    "FROZENSET": (216, 64),
    "APPEND": (32, 8),
    "APPENDS": (32, 8),
    "SETITEM": (120, 20),
    "SETITEMS": (120, 20),
    "ADDITEMS": (0, 64),
}
_INTO: Final = frozenset({"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS"})  # they take the container too

_Item = int | str
"""What the scan keeps of an object on the stack: its number of parts, which only tuples have several of, or the text of
a short string, which is one part."""

_MEMOIZE, _BINPUT, _LONG_BINPUT, _BINGET, _LONG_BINGET = b"\x94"[0], b"q"[0], b"r"[0], b"h"[0], b"j"[0]
_MARK, _TUPLE, _SETITEMS, _APPENDS, _STOP = b"("[0], b"t"[0], b"u"[0], b"e"[0], b"."[0]
_CALLS: Final = (b"R"[0], b"b"[0])  # REDUCE and BUILD take two objects and leave one
# The bytes of the argument, for the instructions that only put one new object without parts on the stack.
_PUSHES: Final = [-1] * 256
for _codes, _size in ((b"N\x88\x89)]}\x8f", 0), (b"K", 1), (b"M", 2), (b"J", 4)):
    for _code in _codes:
        _PUSHES[_code] = _size
# The bytes that the object takes, where it is a container.
_COSTS: Final = [0] * 256
_COSTS[ord("]")], _COSTS[ord("}")], _COSTS[0x8F] = 56, 64, 216
# The number of objects in the tuple that an instruction makes.
_SHORT_TUPLES: Final = [0] * 256
_SHORT_TUPLES[0x85], _SHORT_TUPLES[0x86], _SHORT_TUPLES[0x87] = 1, 2, 3
# The size in bytes of the length that precedes bytes or text, and the instructions for text.
_COUNTED: Final = [0] * 256
_COUNTED[ord("C")], _COUNTED[ord("B")], _COUNTED[0x8C], _COUNTED[ord("X")] = 1, 4, 1, 4
_TEXTS: Final = (0x8C, ord("X"))
_BINFLOAT = b"G"[0]
_floats: Final = re.compile(rb"(?:G.{8})+", re.DOTALL).match
_uint4 = struct.Struct("<I").unpack_from


def scan_pickle(stream: io.BytesIO, source: str, allowed: Container[str], *, persistent: bool = False) -> int:
    """Check one pickle from the stream's position on, and leave the stream behind its end.

    Args:
        stream: The bytes.
        source: The file's name, for messages.
        allowed: The dotted names of the globals that the pickle may name.
        persistent: Whether the pickle may refer to storages outside itself, as those of torch files do.

    Returns:
        The bytes that its containers will take.

    Raises:
        UnsafeFileError: The pickle asks for another global, or for something that an allow-list cannot see.
        DemonstrationError: The pickle is cut short or damaged.
    """
    scan = _Scan(stream, source, allowed, persistent)
    try:
        scan.run()
        return scan.cost
    except RexdError:
        raise
    except Exception as error:  # pickletools raises many kinds of errors on damaged bytes
        raise DemonstrationError(
            f"{source}: the pickle is cut short or damaged ({type(error).__name__}: {str(error)[:200]}); "
            "download or record it again"
        ) from error


def scan_beginning(head: bytes, source: str, allowed: Container[str], file_bytes: int) -> None:
    """Check the first bytes of a pickle that is not read yet, as far as they go.

    Args:
        head: The first bytes.
        source: The file's name, for messages.
        allowed: The dotted names of the globals that the pickle may name.
        file_bytes: The bytes of the whole pickle.

    Raises:
        UnsafeFileError: The pickle asks for another global, or for something that an allow-list cannot see.
        DemonstrationError: It is no pickle.
    """
    try:
        _Scan(io.BytesIO(head), source, allowed, persistent=True, limit=file_bytes).run()
    except RexdError:
        raise
    except _NoInstructionError as error:
        raise DemonstrationError(f"{source}: the pickle is damaged ({error}); download or record it again") from error
    except Exception:  # where the first bytes end, an instruction is cut short
        return


class _NoInstructionError(ValueError):
    """A byte stands where an instruction should, and is none."""


class _Scan:
    def __init__(
        self, stream: io.BytesIO, source: str, allowed: Container[str], persistent: bool, limit: int | None = None
    ) -> None:
        self.stream, self.source, self.allowed, self.persistent = stream, source, allowed, persistent
        self.limit = len(stream.getbuffer()) if limit is None else limit
        self.stack: list[_Item | None] = []  # None is a mark
        self.memo: list[_Item | None] = []  # None is an index that was left out; a dict would take 100 bytes for each
        self.left_out = 0
        self.cost = 0

    def run(self) -> None:
        content = self.stream.getvalue()
        position, end, limit = self.stream.tell(), len(content), self.limit
        stack, memo, pushes, tuples, counted = self.stack, self.memo, _PUSHES, _SHORT_TUPLES, _COUNTED
        push, pop, costs, cost = stack.append, stack.pop, _COSTS, 0
        code = -1
        while code != _STOP:
            code = content[position]
            position += 1
            if code == _MEMOIZE:
                if self.left_out or (top := stack[-1]) is None:
                    self.put(len(memo) - self.left_out)
                else:
                    memo.append(top)
            elif code == _LONG_BINPUT:
                if (index := _uint4(content, position)[0]) != len(memo) or index > limit or (top := stack[-1]) is None:
                    self.put(index)
                else:
                    memo.append(top)
                position += 4
            elif code == _BINGET:
                if (item := memo[content[position]]) is None:
                    raise _no_memo()
                push(item)
                position += 1
            elif code == _BINFLOAT:
                found = _floats(content, position - 1)
                count = (found.end() - found.start()) // 9 if found is not None else 0
                if not count:
                    raise ValueError("the argument of an instruction is cut short")
                stack.extend([1] * count)
                position += 9 * count - 1
            elif (size := pushes[code]) >= 0:
                push(1)
                cost += costs[code]
                position += size
            elif size := tuples[code]:
                parts = 1
                cost += 40 + 8 * size
                for _ in range(size):
                    if (top := pop()) is None:
                        raise _mark()
                    parts += 1 if isinstance(top, str) else top
                push(parts if parts < _MANY else _MANY)
            elif code in _CALLS:
                if pop() is None or pop() is None:
                    raise _mark()
                push(1)
            elif code == _MARK:
                push(None)
            elif code == _TUPLE:
                parts, before = 1, len(stack)
                while (top := pop()) is not None:
                    parts += 1 if isinstance(top, str) else top
                cost += 40 + 8 * (before - len(stack) - 1)
                push(parts if parts < _MANY else _MANY)
            elif size := counted[code]:
                first = position + size
                position = first + (content[position] if size == 1 else _uint4(content, position)[0])
                if code in _TEXTS:
                    text = str(content[first:position], "utf-8", "surrogatepass")
                    push(text if len(text) <= _MAX_NAME else 1)
                else:
                    push(1)
            elif code == _LONG_BINGET:
                if (item := memo[_uint4(content, position)[0]]) is None:
                    raise _no_memo()
                push(item)
                position += 4
            elif code == _BINPUT:
                self.put(content[position])
                position += 1
            elif code == _APPENDS:
                before = len(stack)
                while pop() is not None:
                    pass
                cost += 32 + 8 * (before - len(stack) - 1)
                if pop() is None:
                    raise _mark()
                push(1)
            elif code == _SETITEMS:
                popped = []
                while (top := pop()) is not None:
                    popped.append(top)
                cost += 120 + 20 * len(popped)
                # The order from the top is value, key, ...; a last key without a value shifts keys by one place.
                self.keys(popped[1::2] if len(popped) % 2 == 0 else popped[::2])
                if pop() is None:
                    raise _mark()
                push(1)
            else:
                position = self.rare(code, position)
            if position > end:
                raise ValueError("the argument of an instruction is cut short")
        self.stream.seek(position)
        self.cost += cost  # ``step`` has added what rare instructions make

    def rare(self, code: int, position: int) -> int:
        """Follow an instruction as pickletools describes it, and return the position of the next one."""
        op = pickletools.code2op.get(chr(code))  # type: ignore[attr-defined]
        if op is None:
            raise _NoInstructionError(f"opcode {bytes([code])!r} unknown")
        self.stream.seek(position)
        argument = None if op.arg is None else op.arg.reader(self.stream)
        self.step(op, argument)
        return self.stream.tell()

    def step(self, op: pickletools.OpcodeInfo, arg: object) -> None:
        name = op.name
        if name in _FORBIDDEN or (name in _PERSISTENT and not self.persistent):
            raise UnsafeFileError(
                f"{self.source}: the pickle uses the instruction {name}, which reaches outside the file; it was not "
                "read. Expected arrays in builtin containers"
            )
        if name in _PUT:
            self.put(len(self.memo) - self.left_out if name == "MEMOIZE" else int(str(arg)))
        elif name in _GET:
            if (index := int(str(arg))) < 0 or (item := self.memo[index]) is None:
                raise _no_memo()
            self.stack.append(item)
        elif name == "POP":  # it also removes a mark
            self.stack.pop()
        elif name == "DUP":
            self.stack.append(self.item(self.stack[-1]))
        else:
            popped = self.pop(op)
            if name in ("GLOBAL", "INST"):
                self.check(str(arg).replace(" ", ".", 1))
            elif name == "STACK_GLOBAL":
                self.check(".".join(map(str, popped)), known=all(type(text) is str and text for text in popped))
            self.push(op, arg, popped)

    def put(self, index: int) -> None:
        # The C unpickler allocates its memo up to the index, so that ten bytes could ask for 64 GB.
        if not 0 <= index <= self.limit:
            raise DemonstrationError(
                f"{self.source}: the pickle stores an object at memo index {index}, but the file has only "
                f"{self.limit} bytes; it is damaged or made to exhaust memory"
            )
        item = self.item(self.stack[-1])
        if (more := index - len(self.memo)) >= 0:
            self.memo += [None] * (more + 1)
            self.left_out += more
        elif self.memo[index] is None:
            self.left_out -= 1
        self.memo[index] = item

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
        if op.name in _COST:
            base, each = _COST[op.name]
            self.cost += base + each * (len(popped) - (op.name in _INTO))
        parts = min(1 + sum(map(self.parts, popped)), _MANY) if op.name in _TUPLES else 1
        hashed = popped[_HASHED[op.name]] if op.name in _HASHED else []
        self.keys(hashed)
        item = arg if isinstance(arg, str) and len(arg) <= _MAX_NAME else parts
        self.stack += [item] * len(op.stack_after)

    def keys(self, hashed: Iterable[_Item]) -> None:
        for item in hashed:
            if self.parts(item) > MAX_KEY_PARTS:
                raise DemonstrationError(
                    f"{self.source}: the pickle uses a tuple of more than {MAX_KEY_PARTS} parts as a key; expected "
                    "arrays in plain containers"
                )

    def check(self, name: str, *, known: bool = True) -> None:
        if not known:
            raise UnsafeFileError(f"{self.source}: the pickle computes the name of a global; it was not read")
        if name not in self.allowed:
            raise refuse_global(self.source, name)

    @staticmethod
    def parts(item: _Item) -> int:
        return item if isinstance(item, int) else 1

    @staticmethod
    def item(entry: _Item | None) -> _Item:
        if entry is None:
            raise _mark()
        return entry


def _mark() -> ValueError:
    return ValueError("a mark stands where an object is needed")


def _no_memo() -> ValueError:
    return ValueError("nothing is stored at a memo index")


def refuse_global(source: str, name: str) -> UnsafeFileError:
    """Return the error for a global that is not allowed."""
    return UnsafeFileError(
        f"{source}: the pickle asks for {name!r}, which could execute code; it was not read. {expected_instead(name)}"
    )
