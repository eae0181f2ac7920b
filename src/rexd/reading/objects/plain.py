"""Objects in memory as arrays, lists, tuples and dicts, as the unpickler of files returns them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import numpy as np

from rexd.reading.rows.key_names import has_needed

DEPTH = 6
"""How deep lists and dicts within one another are converted."""

_PLAIN = (np.ndarray, np.generic, float, int, str, bytes, type(None))


def plain(value: Any, depth: int = DEPTH) -> Any:
    """Convert tensors and other arrays, at most ``depth`` levels of containers; plain rows are not copied."""
    if isinstance(value, _PLAIN) or depth == 0:
        return value
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        return value.detach().cpu().numpy()
    if isinstance(value, Mapping):
        return {key: plain(item, depth - 1) for key, item in value.items()}
    if hasattr(value, "_asdict") and has_needed(value._asdict()):
        return plain(value._asdict(), depth)
    if isinstance(value, list | tuple | deque):
        rows = value if type(value) in (list, tuple) else list(value)
        if _is_plain(rows):
            return rows
        made = [plain(item, depth - 1) for item in rows]
        return tuple(made) if isinstance(value, tuple) else made
    return np.asarray(value) if hasattr(value, "__array__") else value


def is_stream(value: Any) -> bool:
    """Whether items are only had by iterating, as from a generator, a deque or a dataset of TensorFlow."""
    known = isinstance(value, Mapping | list | tuple | str | bytes | np.ndarray)
    return isinstance(value, Iterable) and not known and not hasattr(value, "__array__")


def _is_plain(rows: Iterable[Any]) -> bool:
    """Whether rows need no conversion. The set of types is small even for a million rows, so that this is fast."""
    kinds = set(map(type, rows))
    if kinds == {dict}:
        kinds = set(map(type, chain.from_iterable(row.values() for row in rows)))
    elif kinds and kinds <= {list, tuple}:
        kinds = set(map(type, chain.from_iterable(rows)))
    return all(issubclass(kind, _PLAIN) for kind in kinds)
