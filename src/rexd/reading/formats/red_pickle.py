"""The pickles of the RED paper's authors: a dict of ``observations`` and ``actions``, with trajectories end to end.

They are in the folder ``data`` of https://github.com/RuohanW/RED. Actions have shape (N, 1, A), and the file does not
say where a trajectory begins.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.advice.key_guesses import expected_names
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format
from rexd.reading.rows.columns import RecordedColumns
from rexd.reading.rows.from_keys import from_keys
from rexd.reading.rows.from_steps import from_steps
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import is_rows
from rexd.reading.rows.stacking import names

_NEEDED = ("observations", "actions")


def sniff(source: Source) -> bool:
    """Whether the file holds a dict with ``observations`` or ``actions``; ``load`` says which one is missing."""
    content = source.content
    return isinstance(content, dict) and any(name in content for name in _NEEDED)


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the file and cut it into trajectories.

    Raises:
        DemonstrationError: An array is missing or of the wrong shape, or the boundaries are not clear.
    """
    content = source.content
    for name in _NEEDED:
        if name not in content:
            raise DemonstrationError(
                f"{source.name}: has no {name!r}; found {names(content)}, {expected_names(content)}. "
                "Imitation needs both the observations and the actions of the expert"
            )
    arrays = {name: _array(source.name, name, content[name]) for name in (*_NEEDED, "rewards") if name in content}
    if all(is_rows(arrays[name]) for name in _NEEDED):
        return from_keys(source.name, {**content, **arrays}, hints=hints)
    return from_steps(source.name, RecordedColumns(**arrays), hints=hints)  # says what is wrong with them


FORMAT = Format("pickled dict of 'observations' and 'actions'", sniff, load, tool="the RED paper's authors")


def _array(source: str, name: str, value: Any) -> Any:
    if not isinstance(value, np.ndarray | dict):  # from_steps refuses a dict with a message of its own
        raise DemonstrationError(f"{source}: {name} are a {type(value).__name__}; expected one array")
    return value
