"""Recordings whose observations are dicts of arrays, such as those of goal tasks, in any layout of a saved object.

The observations are one dict with an array (T, ...) for each key, or a dict for each step, within a dict of columns, a
list of trajectories, or a list of transitions. Dicts may lie within dicts. The parts stand side by side in the order of
the environment's space, or without an environment sorted by their keys, as Gymnasium's Dict sorts them.
"""

from __future__ import annotations

from dataclasses import replace

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.containers.held import Held
from rexd.reading.containers.source import Source
from rexd.reading.formats import array_dict, red_pickle, trajectory_dicts, transition_dicts, tuples
from rexd.reading.formats.format import Format
from rexd.reading.rows.dict_observations import has_parts, joined
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.side_by_side import flattening_notes

_LAYOUTS = (transition_dicts.FORMAT, trajectory_dicts.FORMAT, tuples.FORMAT, array_dict.FORMAT, red_pickle.FORMAT)


def sniff(source: Source) -> bool:
    """Whether the file holds observations that are dicts."""
    return has_parts(source.content)


def load(source: Source, hints: Hints) -> Demonstrations:
    """Join the parts of the observations, and read the rest as if they had been recorded as arrays.

    Raises:
        DemonstrationError: The parts do not fit each other, or the rest cannot be read.
    """
    content, flattening = joined(source.name, source.content, hints.flattening)
    held = Held(source.name, content)
    layout = next((item for item in _LAYOUTS if item.sniff(held)), None)
    if layout is None:
        raise DemonstrationError(
            f"{source.name}: has observations that are dicts, in no layout that is known; expected one of: "
            f"{'; '.join(item.name for item in _LAYOUTS)}"
        )
    demos = layout.load(held, hints)
    return replace(demos, column_names=flattening.names, notes=(*demos.notes, *flattening_notes(flattening)))


FORMAT = Format("observations that are dicts of arrays", sniff, load)
