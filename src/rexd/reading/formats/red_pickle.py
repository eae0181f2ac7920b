"""The pickle of the RED paper's authors: a dict of ``observations`` and ``actions``, trajectories end to end.

Source: https://github.com/RuohanW/RED, folder ``data``. Actions have shape (N, 1, A), and nothing says where a
trajectory begins.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format
from rexd.reading.rows.from_steps import from_steps
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.stacking import names

_NEEDED = ("observations", "actions")


def sniff(source: Source) -> bool:
    """Whether the file holds a dict of one of the two names."""
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
                f"{source.name}: has no {name!r}; found {names(content)}, expected 'observations' and 'actions'. "
                "Imitation needs both the states and what the expert did"
            )
    arrays = {name: _array(source.name, name, content[name]) for name in (*_NEEDED, "rewards") if name in content}
    ignored = [key for key in content if key not in arrays]
    notes = [f"ignored {names(ignored)} of the file"] if ignored else []
    return from_steps(source.name, **arrays, hints=hints, notes=notes)


FORMAT = Format("pickled dict of 'observations' and 'actions'", sniff, load)


def _array(source: str, name: str, value: Any) -> Any:
    if not isinstance(value, np.ndarray | dict):  # from_steps says what to do about a dict
        raise DemonstrationError(f"{source}: {name} are a {type(value).__name__}; expected one array")
    return value
