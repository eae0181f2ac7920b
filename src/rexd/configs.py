"""The base class of the settings of a reward and of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, Self

from rexd.errors import RexdError, did_you_mean


@dataclass(frozen=True)
class Settings:
    """Plain data that can be written as JSON and read back; the class that is configured by it is another one."""

    label: ClassVar[str]
    """The word by which errors name these settings, such as ``reward``."""
    nested: ClassVar[Mapping[str, Callable[[Mapping[str, Any]], Settings]]] = {}
    """The fields whose values are settings too, and what builds each from plain JSON types."""

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the settings from what ``to_dict`` returned; a field that is missing gets its default.

        Raises:
            RexdError: A name is unknown, or a value is out of range.
        """
        cls._check_names(values)
        nested = {name: build(values.get(name, {})) for name, build in cls.nested.items()}
        return cls(**{**values, **nested})

    def with_changes(self, changes: Mapping[str, Any]) -> Self:
        """Return the settings with other values for some of the fields.

        Raises:
            RexdError: A name is unknown, or a value is out of range.
        """
        self._check_names(changes)
        return replace(self, **changes)

    @classmethod
    def _check_names(cls, names: Iterable[str]) -> None:
        known = [item.name for item in fields(cls)]
        unknown = sorted(set(names) - set(known))
        if unknown:
            near = "".join(did_you_mean(name, known) for name in unknown)
            near = near or f" The settings are {', '.join(known)}"
            raise RexdError(f"unknown {cls.label} settings: {', '.join(unknown)}.{near}")
