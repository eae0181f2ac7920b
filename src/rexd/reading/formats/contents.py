"""The formats of saved objects, for objects that come from elsewhere than a pickle: members of an npz, or memory."""

from __future__ import annotations

from typing import Any

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats import array_dict, plain_array, red_pickle, trajectory_dicts, transition_dicts, tuples
from rexd.reading.formats.format import Format
from rexd.reading.rows.hints import Hints

CONTENT_FORMATS: tuple[Format, ...] = (
    transition_dicts.FORMAT,
    trajectory_dicts.FORMAT,
    tuples.FORMAT,
    array_dict.FORMAT,
    plain_array.FORMAT,
    red_pickle.FORMAT,
)
"""Those that ask a source for nothing but its ``content``, in the order in which they are tried."""


class Held(Source):
    """A source whose content is at hand: arrays, lists, tuples and dicts, as the allow-list unpickler leaves them."""

    def __init__(self, name: str, content: Any) -> None:
        """Take the name for messages, and the content."""
        super().__init__(name)
        self.__dict__["content"] = content  # in the place of the cached property


def content_format(source: Held) -> Format | None:
    """The format of a content, or None."""
    return next((item for item in CONTENT_FORMATS if item.sniff(source)), None)


def read_content(source: Held, hints: Hints) -> Demonstrations:
    """Demonstrations from a content of any of these formats, with the columns that the hints ask for.

    Raises:
        DemonstrationError: It is of no format that is known, or cannot be used; the message says what to do.
    """
    item = content_format(source)
    if item is None:
        raise DemonstrationError(
            f"{source.name}: is a {type(source.content).__name__}; expected one of: "
            f"{'; '.join(item.name for item in CONTENT_FORMATS)}"
        )
    demos = item.load(source, hints)
    return demos if hints.columns is None or item.takes_columns else demos.select_columns(hints.columns)
