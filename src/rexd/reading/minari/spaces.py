"""The spaces in a Minari dataset's metadata, and observations of several parts as columns.

rexd reads the spaces itself, because Minari needs Gymnasium and makes the environment where a space is missing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rexd.demos.spaces import box_columns
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError, RexdError, SpaceMismatchError
from rexd.reading.containers.npz import memory_limit
from rexd.reading.rows.side_by_side import side_by_side

Path = tuple[str | int, ...]
"""The place of a part of an observation: ``"observations"``, then the keys of dicts and the indices of tuples."""

_MAX_COLUMNS = 10**5
_EXPANSION = 256


@dataclass(frozen=True)
class Space:
    """A space; a plain one is of a kind that rexd cannot use, such as text or a graph."""

    kind: str

    def __str__(self) -> str:
        """Return the name for messages."""
        return self.kind


@dataclass(frozen=True)
class Box(Space):
    """Numbers between bounds."""

    shape: tuple[int, ...]
    is_image: bool
    low: None = None  # ``rexd.demos.spaces`` recognises a Box by these two attributes
    high: None = None


@dataclass(frozen=True)
class Discrete(Space):
    """One of ``n`` integers, from ``start`` on."""

    n: int
    start: int
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Choices(Space):
    """Several integers (MultiDiscrete), or several truth values (MultiBinary), which are not encoded one-hot."""

    sizes: tuple[int, ...]
    starts: tuple[int, ...]
    one_hot: bool

    @property
    def nvec(self) -> tuple[int, ...]:
        """The number of options of each choice, as ``rexd.demos.spaces`` asks for."""
        return self.sizes if self.one_hot else (2,) * self.sizes[0]

    @property
    def start(self) -> tuple[int, ...]:
        """The first number of each choice."""
        return self.starts

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of choices."""
        return (len(self.nvec),)


@dataclass(frozen=True)
class Parts(Space):
    """A dict or a tuple of spaces."""

    spaces: dict[str | int, Space] = field(default_factory=dict)


def parse_space(source: str, what: str, text: str) -> Space:
    """Parse a space that Minari wrote as JSON.

    Args:
        source: The dataset's name, for messages.
        what: "observation" or "action", for messages.
        text: The JSON.

    Raises:
        DemonstrationError: The JSON is damaged.
    """
    try:
        return _parse(json.loads(text))
    except RexdError:
        raise
    except Exception as error:  # a damaged file may hold anything
        raise DemonstrationError(
            f"{source}: the {what} space cannot be read ({type(error).__name__}: {str(error)[:200]}); download the "
            "dataset again"
        ) from error


@dataclass(frozen=True)
class _Leaf:
    path: Path
    space: Space
    width: int

    @property
    def name(self) -> str:
        return "/".join(map(str, self.path[1:]))


class ObservationColumns:
    """The columns that the observations of a space are flattened to, as ``gymnasium.spaces.flatten`` does.

    The parts of dicts and tuples stand side by side, and arrays are flattened in row-major order. A discrete part is
    encoded one-hot. Images and text within dicts and tuples are left out.

    Attributes:
        widths: The number of columns of each part, by its name.
        left_out: The names of the parts that are left out.
    """

    def __init__(self, source: str, space: Space) -> None:
        """Find the columns of a space.

        Args:
            source: The dataset's name, for messages.
            space: The observation space.

        Raises:
            SpaceMismatchError: The space has no part that is a row of numbers, or it has too many columns.
        """
        self._source, self._stored, self._made = source, 0, 0
        self._plain = isinstance(space, Box)
        leaves = list(_leaves(space, ("observations",)))
        self._leaves = [leaf for leaf in leaves if leaf.width]
        if not self._leaves or not isinstance(space, Parts | Discrete | Choices):
            box_columns(space, "observation", source)  # raises an error that says what is wrong with the space
            if not self._plain:
                raise SpaceMismatchError(f"{source}: the observation space is {space}; expected a flat Box")
        if sum(leaf.width for leaf in self._leaves) > _MAX_COLUMNS:
            raise SpaceMismatchError(f"{source}: the observation space has more than {_MAX_COLUMNS} columns")
        self.widths = {leaf.name or "observation": leaf.width for leaf in self._leaves}
        self.left_out = [leaf.name for leaf in leaves if not leaf.width]

    @property
    def is_plain(self) -> bool:
        """Whether observations are stored as one array of numbers."""
        return self._plain

    def read(self, number: int, read: Callable[[Path], Array]) -> Array:
        """Read the observations of an episode, (T + 1, D).

        Args:
            number: The number of the episode, for messages.
            read: Reads the part at a ``Path``.

        Raises:
            DemonstrationError: The observations do not belong to the space.
        """
        if self._plain:
            return read(("observations",))
        label = f"{self._source}: trajectory {number}"
        parts = {}
        for leaf in self._leaves:
            array = read(leaf.path)
            self._stored += array.nbytes
            self._made += 4 * leaf.width * len(array)
            if self._made > memory_limit(self._stored, _EXPANSION):
                raise DemonstrationError(
                    f"{label}: {leaf.name or 'observations'!r} would turn {self._stored} bytes into {self._made}; its "
                    f"space {leaf.space} is too large to be encoded with one column for each value"
                )
            parts[leaf.name] = _flatten(label, leaf, array)
        return side_by_side(label, parts)


def _parse(content: Any) -> Space:
    kind = content["type"]
    if kind == "Dict":
        return Parts("Dict", {str(key): _parse(part) for key, part in content["subspaces"].items()})
    if kind == "Tuple":
        return Parts("Tuple", dict(enumerate(map(_parse, content["subspaces"]))))
    if kind == "Box":
        shape = tuple(map(_size, content["shape"]))
        return Box(f"Box{shape}", shape, is_image=content["dtype"] == "uint8" and len(shape) > 1)
    if kind == "Discrete":
        return Discrete(f"Discrete({content['n']})", _size(content["n"]), int(content["start"]))
    if kind == "MultiDiscrete":
        sizes = tuple(map(_size, np.ravel(content["nvec"]).tolist()))
        starts = np.ravel(content.get("start", np.zeros(len(sizes), int))).tolist()
        return Choices("MultiDiscrete", sizes, tuple(map(int, starts)), one_hot=True)
    if kind == "MultiBinary":
        count = math.prod(map(_size, np.ravel(content["n"]).tolist()))
        return Choices("MultiBinary", (count,), (0,), one_hot=False)
    return Space(str(kind)[:40])


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError(f"a size of {value!r}")
    return value


def _leaves(space: Space, path: Path) -> Iterator[_Leaf]:
    if isinstance(space, Parts):
        for key, part in space.spaces.items():
            yield from _leaves(part, (*path, key))
    elif isinstance(space, Box):
        yield _Leaf(path, space, 0 if space.is_image else math.prod(space.shape))
    elif isinstance(space, Discrete):
        yield _Leaf(path, space, space.n)
    elif isinstance(space, Choices):
        yield _Leaf(path, space, sum(space.sizes))
    else:
        yield _Leaf(path, space, 0)


def _flatten(label: str, leaf: _Leaf, array: Array) -> Array:
    """Flatten the values of one part, (N, ...) to (N, width)."""
    space, rows = leaf.space, len(array)
    if isinstance(space, Discrete):
        space = Choices(space.kind, (space.n,), (space.start,), one_hot=True)
    if isinstance(space, Choices) and space.one_hot:
        values = array.reshape(rows, -1) if array.size else array.reshape(rows, 0)
        if values.shape[1] != len(space.sizes) or values.dtype.kind not in "biu":
            raise _wrong(label, leaf, array)
        return np.concatenate(
            [
                _one_hot(label, leaf, column, size, start)
                for column, size, start in zip(values.T, space.sizes, space.starts, strict=True)
            ],
            axis=1,
        )
    if array.size != rows * leaf.width:
        raise _wrong(label, leaf, array)
    return array.reshape(rows, leaf.width)


def _one_hot(label: str, leaf: _Leaf, column: Array, size: int, start: int) -> Array:
    index = column.astype(np.int64) - start
    if len(index) and (index.min() < 0 or index.max() >= size):
        raise _wrong(label, leaf, column)
    made = np.zeros((len(index), size), np.float32)
    made[np.arange(len(index)), index] = 1
    return made


def _wrong(label: str, leaf: _Leaf, array: Array) -> DemonstrationError:
    return DemonstrationError(
        f"{label} has {leaf.name or 'observations'!r} of shape {array.shape} and dtype {array.dtype}; expected values "
        f"of its space {leaf.space}. Download the dataset again"
    )
