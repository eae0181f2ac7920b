"""What settings share, whichever part of the work they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

from rexd.errors import RexdError


@dataclass(frozen=True)
class Config:
    """Plain data that goes to JSON and back; what it configures is another class."""

    what: ClassVar[str]
    """Whose settings these are, as errors name them."""
    parts: ClassVar[Mapping[str, type[Config]]] = {}
    """Fields that are settings of their own."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``; what is left out has its default.

        Raises:
            RexdError: A name is unknown, or a value is out of range.
        """
        unknown = set(values) - {item.name for item in fields(cls)}
        if unknown:
            raise RexdError(f"unknown {cls.what} settings: {', '.join(sorted(unknown))}")
        parts = {name: part.from_dict(values.get(name, {})) for name, part in cls.parts.items()}
        return cls(**{**values, **parts})
