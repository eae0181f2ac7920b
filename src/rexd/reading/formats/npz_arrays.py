"""An npz of arrays under the names that tools use: ``obs`` and ``acts``, ``states`` and ``actions``, and so on.

``numpy.savez(file, observations=..., actions=..., rewards=..., terminals=...)`` writes such a file. The arrays are rows
end to end, (B, T, D), or arrays of objects with one array for each trajectory, which the allow-list unpickler reads.
"""

from __future__ import annotations

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.containers.held import Held
from rexd.reading.containers.source import Source
from rexd.reading.formats import dict_parts
from rexd.reading.formats.array_dict import read_arrays
from rexd.reading.formats.format import Format
from rexd.reading.rows.dict_observations import has_parts
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import NEEDED, find_keys, has_needed


def sniff(source: Source) -> bool:
    """Whether the file is an npz with observations and actions under known names."""
    return has_needed(source.npz)


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the arrays, and cut them into trajectories.

    Raises:
        DemonstrationError: The arrays do not fit each other, or the boundaries are not clear.
    """
    content = {name: array if array.ndim else array.item() for name, array in source.npz.items()}
    if has_parts(content, hints.flattening):
        return dict_parts.load(Held(source.name, content), hints)
    keys = find_keys(source.npz)
    for role in NEEDED:
        if not source.npz[keys[role]].ndim:
            raise DemonstrationError(
                f"{source.name}: {keys[role]!r} is one number or object; expected one row for each step. Save the "
                "arrays themselves"
            )
    return read_arrays(source.name, source.npz, hints)


FORMAT = Format("npz of observations and actions", sniff, load)
