"""How observations of several parts become columns, by the rules of ``gymnasium.spaces.flatten``, and their names.

Spaces are recognised by their attributes, which those of Gymnasium and Minari share, so that neither is imported here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rexd.errors import SpaceMismatchError

Array = NDArray[Any]
MOST_PARTS = 1000
MOST_DEPTH = 8

Path = tuple[str | int, ...]
"""The place of a part of an observation: the keys of dicts and the indices of tuples."""


@dataclass(frozen=True)
class Part:
    """A part of an observation that is an array of numbers.

    Attributes:
        path: Where it lies; empty for an observation that is one array.
        shape: The shape of one value.
        sizes: The number of options of each choice in it, which are encoded one-hot; empty for numbers.
        starts: The first number of each choice.
    """

    path: Path
    shape: tuple[int, ...]
    sizes: tuple[int, ...] = ()
    starts: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """The number of columns."""
        return sum(self.sizes) if self.sizes else math.prod(self.shape)

    @property
    def name(self) -> str:
        """The keys and indices that lead to it; ``observation`` for the only part."""
        return "/".join(map(str, self.path)) or "observation"

    def columns(self, values: Array, lead: int = 1) -> Array:
        """Flatten values, (..., *shape) with ``lead`` axes before the shape, to (..., width).

        Numbers keep their dtype; choices become float32.

        Raises:
            SpaceMismatchError: The values are of another shape, or no options of the choices.
        """
        front = values.shape[:lead]
        kinds = "biu" if self.sizes else "biuf"
        fits = values.ndim >= lead and values.size == math.prod(front) * math.prod(self.shape)
        if not fits or values.dtype.kind not in kinds:
            raise self._mismatch(values)
        flat = values.reshape(*front, math.prod(self.shape))
        if not self.sizes:
            return flat
        index = flat.astype(np.int64) - np.array(self.starts)
        if ((index < 0) | (index >= np.array(self.sizes))).any():
            raise self._mismatch(values)
        made = np.zeros((*front, self.width), np.float32)
        first = np.cumsum([0, *self.sizes[:-1]])
        np.put_along_axis(made, index + first, 1.0, axis=-1)
        return made

    def _mismatch(self, values: Array) -> SpaceMismatchError:
        kind = f"one of {', '.join(map(str, self.sizes))} options from {self.starts[0]} on" if self.sizes else "numbers"
        return SpaceMismatchError(
            f"{self.name!r} has shape {values.shape} and dtype {values.dtype}; expected {kind} of shape {self.shape} "
            "for each observation"
        )


@dataclass(frozen=True)
class Flattening:
    """The columns that the observations of a space are flattened to.

    The parts of dicts and tuples stand side by side, arrays are flattened in row-major order, and discrete parts are
    encoded one-hot.

    Attributes:
        parts: The parts that have columns, in order.
        left_out: The names of the parts that have none: images, text and others.
        plain: Whether observations are one array of numbers already, which stays as it is.
    """

    parts: tuple[Part, ...]
    left_out: tuple[str, ...] = ()
    plain: bool = False

    @classmethod
    def of(cls, space: Any) -> Self:
        """Find the columns of a space, or of the space that a flattened one was made of."""
        space = getattr(space, "original", space)
        parts, left_out = list[Part](), list[str]()
        for path, inner in _inner(space, ()):
            part = _part(path, inner)
            # only an observation that is an image as a whole keeps its shape
            if part is None or not part.width or (path and is_image(inner)):
                left_out.append("/".join(map(str, path)) or f"{inner}"[:100])
            else:
                parts.append(part)
        return cls(tuple(parts), tuple(left_out), plain=hasattr(space, "low") and hasattr(space, "high"))

    @classmethod
    def of_values(cls, values: Any, lead: int) -> Self:
        """Find the columns of arrays in dicts, sorted by their keys as ``gymnasium.spaces.Dict`` sorts them.

        Args:
            values: Arrays with ``lead`` axes before the shape of one value, in dicts.
            lead: The number of these axes.

        Raises:
            SpaceMismatchError: There are more than ``MOST_PARTS`` arrays, or ``MOST_DEPTH`` dicts within one another.
        """
        parts, left_out = list[Part](), list[str]()
        for number, (path, value) in enumerate(_inner_values(values, ())):
            if number >= MOST_PARTS:
                raise SpaceMismatchError(f"observations have more than {MOST_PARTS} parts; join them into arrays")
            array = np.asarray(value)
            part = Part(path, array.shape[lead:])
            image = array.dtype == np.uint8 and len(part.shape) > 1
            if array.ndim < lead or array.dtype.kind not in "biuf" or not part.width or image:
                left_out.append(part.name)
            else:
                parts.append(part)
        return cls(tuple(parts), tuple(left_out))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build it from what ``to_dict`` returned, after JSON.

        Raises:
            KeyError: A field is missing.
            ValueError: A field has impossible values.
        """
        parts = tuple(
            Part(
                tuple(key if isinstance(key, str) else int(key) for key in part["path"]),
                *(tuple(map(int, part[name])) for name in ("shape", "sizes", "starts")),
            )
            for part in values["parts"]
        )
        for part in parts:
            several = bool(part.sizes) and (len(part.sizes) != math.prod(part.shape) or min(part.sizes) < 1)
            if several or len(part.sizes) != len(part.starts) or min(part.shape, default=1) < 1:
                raise ValueError(f"a part {part} of observations")
        return cls(parts, tuple(map(str, values["left_out"])), bool(values["plain"]))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    @property
    def width(self) -> int:
        """The number of columns."""
        return sum(part.width for part in self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each column, such as ``desired_goal[1]``; empty where observations have no named parts."""
        if not any(part.path for part in self.parts):
            return ()
        return tuple(f"{part.name}[{number}]" for part in self.parts for number in range(part.width))

    @property
    def widths(self) -> dict[str, int]:
        """The number of columns of each part, by its name."""
        return {part.name: part.width for part in self.parts}

    def lead_of(self, observations: Any) -> int:
        """Return the number of axes that observations have before the shape of one: 0 for one, 1 for rows of them.

        Raises:
            SpaceMismatchError: The observations lack the first part.
        """
        return max(np.ndim(_take(observations, self.parts[0])) - len(self.parts[0].shape), 0)

    def flatten(self, observations: Any, lead: int = 1) -> Array:
        """Return the columns of observations, (..., D) floating point, with ``lead`` axes of rows.

        Observations that are plain are returned as an array of their own. Nothing is shared with the given arrays.

        Raises:
            SpaceMismatchError: The observations do not belong to the space.
        """
        if self.plain:
            return np.array(observations)
        found = [part.columns(np.asarray(_take(observations, part)), lead) for part in self.parts]
        for part, columns in zip(self.parts, found, strict=True):
            if columns.shape[:lead] != found[0].shape[:lead]:
                raise SpaceMismatchError(
                    f"{part.name!r} has {columns.shape[:lead]} rows, and {self.parts[0].name!r} has "
                    f"{found[0].shape[:lead]}; expected the same of all parts"
                )
        return np.concatenate([as_floats(columns) for columns in found], axis=-1)


def flattening_of(space: Any, source: str) -> Flattening:
    """Return how the observations of a space become columns.

    Args:
        space: The observation space.
        source: What the space belongs to, for messages.

    Raises:
        SpaceMismatchError: It has parts that have no columns.
    """
    found = Flattening.of(space)
    if found.parts and found.left_out:
        names = ", ".join(found.left_out)
        raise SpaceMismatchError(
            f"{source}: the observation space has parts that are images, text or other than numbers: {names[:200]}; "
            "expected numbers. Leave these out with gymnasium.wrappers.FilterObservation"
        )
    if not found.parts:
        raise SpaceMismatchError(f"{source}: the observation space is {f'{space}'[:100]}; expected a flat Box")
    return found


def as_floats(numbers: Array) -> Array:
    """Return numbers as floating point: float32 where it represents all values of the dtype exactly, else float64."""
    if numbers.dtype.kind == "f":
        return numbers
    return numbers.astype(np.float32 if numbers.dtype.kind == "b" or numbers.itemsize <= 2 else np.float64)


def is_image(space: Any) -> bool:
    """Whether a space holds images: bytes in two axes or more."""
    shape = getattr(space, "shape", None) or ()
    return bool(getattr(space, "is_image", getattr(space, "dtype", None) == np.uint8 and len(shape) > 1))


def _inner(space: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield the spaces within dicts and tuples; Gymnasium's OneOf has several spaces too, of which one holds."""
    spaces = getattr(space, "spaces", None)
    if spaces is None or type(space).__name__ == "OneOf":
        yield path, space
        return
    for key, inner in spaces.items() if isinstance(spaces, Mapping) else enumerate(spaces):
        yield from _inner(inner, (*path, key if isinstance(key, int) else str(key)))


def _inner_values(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if not isinstance(value, Mapping):
        yield path, value
        return
    if len(path) >= MOST_DEPTH:
        raise SpaceMismatchError(f"observations are more than {MOST_DEPTH} dicts within one another; join their parts")
    for key in sorted(value, key=str):
        yield from _inner_values(value[key], (*path, key if isinstance(key, int) else str(key)))


def _part(path: Path, space: Any) -> Part | None:
    """Return a space as a part; None for a space that has no columns."""
    shape = getattr(space, "shape", None)
    if not isinstance(shape, tuple):
        return None
    if hasattr(space, "nvec"):
        sizes = np.ravel(space.nvec).tolist()
        starts = np.broadcast_to(getattr(space, "start", 0), np.shape(space.nvec)).ravel().tolist()
        return Part(path, shape, tuple(map(int, sizes)), tuple(map(int, starts)))
    if hasattr(space, "n"):
        return Part(path, shape) if shape else Part(path, (), (int(space.n),), (int(space.start),))
    return Part(path, shape) if hasattr(space, "low") and hasattr(space, "high") else None


def _take(observations: Any, part: Part) -> Any:
    found = observations
    for key in part.path:
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError) as error:
            kind = _keys(found) if isinstance(found, Mapping) else f"a {type(found).__name__}"
            raise SpaceMismatchError(
                f"observations have no part {part.name!r}; found {kind}. Give all parts of the observation space"
            ) from error
    return found


def _keys(found: Mapping[Any, Any]) -> str:
    keys: Sequence[Any] = list(found)
    return ", ".join(repr(key)[:40] for key in keys[:10]) or "nothing"
