"""The spaces in a Minari dataset's metadata, and observations of several parts as columns.

rexd reads the spaces itself, because Minari needs Gymnasium and makes the environment where a space is missing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rexd.demos.spaces import box_columns
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError, RexdError, SpaceMismatchError
from rexd.flattening import Flattening
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
    """Several integers (MultiDiscrete), by the number of options and the first number of each."""

    nvec: tuple[int, ...]
    start: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of choices."""
        return (len(self.nvec),)


@dataclass(frozen=True)
class Binary(Space):
    """``n`` truth values (MultiBinary)."""

    n: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values."""
        return (self.n,)


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


class ObservationColumns:
    """The columns that the observations of a space are flattened to, as ``gymnasium.spaces.flatten`` does.

    The parts of dicts and tuples stand side by side, and arrays are flattened in row-major order. A discrete part is
    encoded one-hot. Images and text within dicts and tuples are left out.

    Attributes:
        flattening: The columns of each part, and what is left out.
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
        self.flattening = Flattening.of(space)
        if not self.flattening.parts or self.is_plain:
            box_columns(space, "observation", source)  # raises an error that says what is wrong with the space
            if not self.is_plain:
                raise SpaceMismatchError(f"{source}: the observation space is {space}; expected a flat Box")
        if self.flattening.width > _MAX_COLUMNS:
            raise SpaceMismatchError(f"{source}: the observation space has more than {_MAX_COLUMNS} columns")

    @property
    def is_plain(self) -> bool:
        """Whether observations are stored as one array of numbers."""
        return self.flattening.plain

    def read(self, number: int, read: Callable[[Path], Array]) -> Array:
        """Read the observations of an episode, (T + 1, D).

        Args:
            number: The number of the episode, for messages.
            read: Reads the part at a ``Path``.

        Raises:
            DemonstrationError: The observations do not belong to the space.
        """
        if self.is_plain:
            return read(("observations",))
        label = f"{self._source}: trajectory {number}"
        parts = {}
        for part in self.flattening.parts:
            array = read(("observations", *part.path))
            self._stored += array.nbytes
            self._made += 4 * part.width * len(array)
            if self._made > memory_limit(self._stored, _EXPANSION):
                raise DemonstrationError(
                    f"{label}: {part.name!r} would turn {self._stored} bytes into {self._made}; its space is too large "
                    "to be encoded with one column for each value"
                )
            try:
                parts[part.name] = part.columns(array)
            except SpaceMismatchError as error:
                raise DemonstrationError(f"{label}: {error}. Download the dataset again") from error
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
        return Choices("MultiDiscrete", sizes, tuple(map(int, starts)))
    if kind == "MultiBinary":
        count = math.prod(map(_size, np.ravel(content["n"]).tolist()))
        return Binary("MultiBinary", count)
    return Space(str(kind)[:40])


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError(f"a size of {value!r}")
    return value
