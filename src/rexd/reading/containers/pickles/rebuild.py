"""The functions that take the place of the globals that a pickle may name, which are never called themselves.

Each function accepts only the arguments that honest pickles pass, and charges what it makes to a budget, so that
neither ``bytearray(10**15)`` nor a long string repeated a million times through the memo can exhaust memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from rexd.errors import DemonstrationError, UnsafeFileError

_CODE = re.compile(r"(b1|i[1248]|u[1248]|f2|f4|f8|f12|f16|c8|c16|S\d{1,6}|U\d{1,6}|O8?)")

_ARRAY = 240  # bytes that an array takes beside its numbers, as long as it is an ``UnpickledArray``
# Bytes that an empty one takes; others take 64 at most.
_OBJECTS: dict[Callable[..., Any], int] = {list: 56, tuple: 40, set: 216, frozenset: 216}
_ATOMS = (int, float, str, bytes, type(None))


class Budget:
    """The bytes that the objects of one file may still take, counted as they are made."""

    def __init__(self, source: str, file_bytes: int) -> None:
        """Allow a generous multiple of the file's own size."""
        self.source = source
        self.left = 16 * file_bytes + 2**20
        self.left_for_containers = 24 * file_bytes + 2**26

    def charge(self, count: int) -> None:
        """Take ``count`` bytes from what is left.

        Raises:
            DemonstrationError: The file claims more than its size can hold.
        """
        self.left -= count
        if self.left < 0:
            raise self.error("its objects claim far more memory than its size can hold")

    def charge_containers(self, count: int) -> None:
        """Take ``count`` bytes from what is left for lists, dicts and the like, of which honest files have more.

        Raises:
            DemonstrationError: Its containers would take far more than the file.
        """
        self.left_for_containers -= count
        if self.left_for_containers < 0:
            raise self.error("its lists, dicts, sets and tuples would take more than 24 times its size in memory")

    def error(self, found: str) -> DemonstrationError:
        """Return an error that names the file."""
        return DemonstrationError(
            f"{self.source}: the pickle is damaged or made to do harm: {found}. Expected what numpy, torch and "
            "builtin containers write; record or download it again"
        )


class Allowed:
    """A callable in the place of a global that a pickle may name; the pickle cannot change it."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        """Take the name of the global; ``allow`` makes an object that can be called."""
        self._name = name

    def __call__(self, *args: Any) -> Any:
        """Make the object that a call of the global would make."""
        raise NotImplementedError

    def __setstate__(self, state: object) -> NoReturn:
        """Refuse the BUILD instruction, which would set attributes of this callable."""
        raise UnsafeFileError(f"the pickle tries to change {self._name!r} itself; it was not read")


class WithoutAttributes(dict[Any, Any]):
    """A dict that takes no attributes: torch gives some to the dict of a network's weights, which nobody needs here."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Leave the attributes out."""


WithoutAttributes.__name__ = "dict"  # what messages call it


def allow(name: str, call: Callable[..., Any]) -> Allowed:
    """Return a callable that takes the place of the global ``name`` and calls ``call``.

    Its class is made for this one object, so that a call of the object is a call of the function without a detour: a
    recording has millions of them.
    """
    return type("Allowed", (Allowed,), {"__slots__": (), "__call__": staticmethod(call)})(name)  # type: ignore[no-any-return]


class DtypeSpec:
    """A dtype as a pickle describes it; numpy's own ``__setstate__`` trusts its argument too much."""

    __slots__ = ("_budget", "_code", "numpy")

    def __init__(self, budget: Budget, code: object) -> None:
        """Accept plain numbers, text and objects, and refuse records and dates."""
        if isinstance(code, bytes):
            code = code.decode("latin-1")
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            raise budget.error(f"an array of dtype {_short(code)}, which is not supported")
        self._budget, self._code = budget, code
        self.numpy: np.dtype[Any] = np.dtype(code)

    def __setstate__(self, state: object) -> None:
        """Take the byte order; refuse fields and subarrays."""
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "="):
            raise self._budget.error("a dtype with an impossible state")
        if any(part is not None for part in state[2:5]) or len(state) > 8:
            raise self._budget.error("an array of records or dates, which is not supported")
        dtype = np.dtype(self._code)
        self.numpy = dtype.newbyteorder(state[1]) if state[1] in ("<", ">") else dtype


class UnpickledArray(np.ndarray[Any, np.dtype[Any]]):
    """An array that checks the state that a pickle gives it; ``np.asarray`` turns it into a plain array."""

    budget: Budget | None = None
    nesting = 0

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        """Refuse the SETITEM instruction, which honest pickles never use on an array."""
        raise UnsafeFileError("the pickle assigns to parts of an array; it was not read")

    def __setstate__(self, state: Any) -> None:
        """Take shape and content, once and only if they agree."""
        budget = self.budget
        if budget is None or not isinstance(state, tuple) or len(state) != 5:
            raise DemonstrationError("the pickle is damaged: an array is given a second or an impossible state")
        self.budget = None
        _, shape, spec, fortran, raw = state
        dtype, count = _layout(budget, spec, shape)
        if isinstance(raw, str):  # written by Python 2
            raw = raw.encode("latin-1")
        if dtype.kind == "O":
            if not isinstance(raw, list) or len(raw) != count:
                raise budget.error(f"an object array of shape {shape} with other content")
            # Nested arrays are freed by recursion in C, which overflows the stack at some depth.
            inner = [item for item in raw if isinstance(item, UnpickledArray)]
            self.nesting = 1 + max((item.nesting for item in inner), default=0)
            if self.nesting > 8 or any(item.budget is not None for item in inner):
                raise budget.error("object arrays that hold themselves or too many others")
        elif not isinstance(raw, bytes) or len(raw) != count * dtype.itemsize:
            raise budget.error(f"an array of shape {shape} and dtype {dtype} with content of another size")
        budget.charge(count * dtype.itemsize)
        super().__setstate__((1, shape, dtype, bool(fortran), raw))  # type: ignore[arg-type]


def _layout(budget: Budget, spec: object, shape: object) -> tuple[np.dtype[Any], int]:
    if not isinstance(spec, DtypeSpec) or spec.numpy.itemsize == 0:
        raise budget.error("an array without a usable dtype")
    if not isinstance(shape, tuple) or len(shape) > 32:
        raise budget.error(f"an array of impossible shape {_short(shape)}")
    count = 1
    for size in shape:
        if type(size) is not int or not 0 <= size < 2**62:
            raise budget.error(f"an array of impossible shape {_short(shape)}")
        count *= size
    return spec.numpy, count


def _short(value: object) -> str:
    """Return a value for a message, without printing structures, which grow without end if they share their parts."""
    flat = value if isinstance(value, tuple) else (value,)
    if len(flat) <= 32 and all(isinstance(item, int | str | bytes) for item in flat):
        return repr(value)[:80]
    return f"of type {type(value).__name__}"


def rebuild_table(budget: Budget) -> dict[str, Allowed]:
    """Return what stands for the allowed numpy, builtin and ``collections`` globals of one file, by dotted name."""

    def dtype(code: object, *_: object) -> DtypeSpec:
        budget.charge(_ARRAY)
        return DtypeSpec(budget, code)

    new = np.ndarray.__new__

    def reconstruct(_: object, shape: object, __: object) -> UnpickledArray:
        if shape != (0,):  # numpy always writes (0,); the actual shape comes with the content
            raise budget.error(f"an array of shape {_short(shape)} without content")
        budget.charge(_ARRAY)
        array = new(UnpickledArray, (0,))
        array.budget = budget
        return array

    def from_buffer(raw: Any, spec: object, shape: object, order: object) -> NDArray[Any]:
        dtype, count = _layout(budget, spec, shape)
        if dtype.hasobject or not isinstance(raw, bytes | bytearray) or len(raw) != count * dtype.itemsize:
            raise budget.error(f"an array of {count} {dtype} with content of another size")
        budget.charge(_ARRAY)
        flat = np.frombuffer(raw, dtype)
        return flat.reshape(shape, order="F" if order == "F" else "C")  # type: ignore[call-overload, no-any-return]

    def scalar(spec: object, raw: object = b"") -> Any:
        dtype, _ = _layout(budget, spec, ())
        if isinstance(raw, str):
            raw = raw.encode("latin-1")
        if dtype.hasobject or not isinstance(raw, bytes) or len(raw) != dtype.itemsize:
            raise budget.error(f"a number of dtype {dtype} with content of another size")
        budget.charge(32 + len(raw))
        return np.frombuffer(raw, dtype)[0]

    latin1 = ("latin1", "latin-1", "latin_1")

    def encode(text: object, encoding: object = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in latin1:
            raise budget.error("bytes in another encoding than latin-1")
        budget.charge(len(text))
        return text.encode("latin-1")

    def copy_of(kind: Callable[..., Any], *accepted: type) -> Callable[..., Any]:
        own, each = _OBJECTS.get(kind, 64), 64 if kind in (set, frozenset) else 8

        def build(*args: Any) -> Any:
            budget.charge_containers(own)
            if not args:
                return kind()
            if len(args) == 2 and kind is bytearray and isinstance(args[0], str):  # as protocol 2 writes it
                args = (encode(*args),)
            if len(args) != 1 or not isinstance(args[0], accepted):
                raise budget.error(f"a {kind.__name__} is made from something other than its items")
            items: Any = args[0]
            budget.charge_containers(each * len(items))
            return kind(items)

        return build

    def set_of(kind: Callable[..., Any]) -> Callable[..., Any]:
        def build(items: object = ()) -> Any:
            # Hashing nested tuples can take exponential time, which the scan cannot bound for the members of a list.
            if not isinstance(items, list | tuple) or not all(isinstance(item, _ATOMS) for item in items):
                raise budget.error("a set of something other than numbers and text")
            return copy_of(kind, list, tuple)(items)

        return build

    def plain_deque(items: Any = (), maxlen: object = None) -> list[Any]:
        return list(copy_of(list, list, tuple)(items))

    def plain_dict(*_: object) -> dict[Any, Any]:
        budget.charge_containers(64)
        return WithoutAttributes()  # the items follow in instructions of their own

    def complex_number(real: object = 0.0, imaginary: object = 0.0) -> complex:
        if not isinstance(real, float | int) or not isinstance(imaginary, float | int):
            raise budget.error("a complex number of other parts")
        return complex(real, imaginary)

    def not_called(*_: object) -> NoReturn:
        raise budget.error("numpy.ndarray is called itself")

    calls: dict[str, Callable[..., Any]] = {
        "numpy.ndarray": not_called,
        "numpy.dtype": dtype,
        "_codecs.encode": encode,
        "collections.OrderedDict": plain_dict,
        "collections.defaultdict": plain_dict,
        "collections.deque": plain_deque,
    }
    for core in ("numpy.core", "numpy._core"):
        calls[f"{core}.multiarray._reconstruct"] = reconstruct
        calls[f"{core}.multiarray.scalar"] = scalar
        calls[f"{core}.numeric._frombuffer"] = from_buffer
    for builtin in ("builtins", "__builtin__"):
        for kind in (list, tuple):
            calls[f"{builtin}.{kind.__name__}"] = copy_of(kind, list, tuple)
        for hashed in (set, frozenset):
            calls[f"{builtin}.{hashed.__name__}"] = set_of(hashed)
        for octets in (bytes, bytearray):
            calls[f"{builtin}.{octets.__name__}"] = copy_of(octets, bytes, bytearray)
        for factory in (int, float, str, bool, dict):
            calls[f"{builtin}.{factory.__name__}"] = copy_of(factory)
        calls[f"{builtin}.complex"] = complex_number
    return {name: allow(name, call) for name, call in calls.items()}
