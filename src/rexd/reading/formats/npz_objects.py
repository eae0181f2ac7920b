"""An npz of objects: one dict of arrays for each trajectory, or any other content that rexd reads from a pickle.

``numpy.savez(file, *trajectories)`` makes an array without dimensions of each dict. The allow-list unpickler reads the
objects.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rexd.demos.demonstrations import Demonstrations
from rexd.reading.containers.held import Held
from rexd.reading.containers.source import Source
from rexd.reading.formats.contents import content_format, read_content
from rexd.reading.formats.format import Format, ignored_note
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import has_needed


def sniff(source: Source) -> bool:
    """Whether arrays of an npz hold objects in a layout that rexd reads from pickles."""
    return not has_needed(source.npz) and content_format(_objects(source)[0]) is not None


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the objects as if a pickle held them.

    Raises:
        DemonstrationError: The objects do not fit each other, or the boundaries are not clear.
    """
    held, ignored = _objects(source)
    demos = read_content(held, hints)
    return replace(demos, notes=(*demos.notes, *ignored_note(ignored)))


FORMAT = Format("npz of objects, such as one dict for each trajectory", sniff, load, takes_columns=True)


def _objects(source: Source) -> tuple[Held, list[str]]:
    """Return what the arrays of objects hold, as a list if there are several, and the names of the other arrays."""
    found = {name: array for name, array in source.npz.items() if array.dtype.hasobject}
    values: list[Any] = [array if array.ndim else array.item() for array in found.values()]
    content = values[0] if len(values) == 1 else values
    return Held(source.name, content), [name for name in source.npz if name not in found]
