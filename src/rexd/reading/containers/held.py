"""Contents that are in memory already, read like those of files."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from rexd.reading.containers.source import Source


class Held(Source):
    """A source whose content is in memory: arrays, lists, tuples and dicts, as the allow-list unpickler makes them."""

    def __init__(self, name: str, content: Any) -> None:
        """Take the name for messages, and the content."""
        super().__init__(name)
        self._held = content

    @cached_property
    def content(self) -> Any:
        """The object in memory; nothing is read."""
        return self._held
