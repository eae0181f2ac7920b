"""The npz that ``generate_expert_traj`` of Stable-Baselines 2 writes for its ``ExpertDataset``.

Source: https://github.com/hill-a/stable-baselines, ``gail/dataset``. It holds ``obs``, ``actions``, ``rewards``,
``episode_returns`` for each episode and ``episode_starts`` for each row, often an array of objects that mixes truth
values with arrays of one truth value. The final observation is missing. A ``next_obs`` that others add
(https://github.com/illidanlab/opolo-code) is recorded after the automatic reset.
"""

from __future__ import annotations

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.equal_rows import equal_rows
from rexd.demos.trajectory import Array, BoolArray
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format, ignored_note
from rexd.reading.rows.columns import RecordedColumns
from rexd.reading.rows.from_steps import from_steps
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.normalise import as_flags

_ROLES = {"obs": "observations", "actions": "actions", "next_obs": "next_observations", "rewards": "rewards"}


def sniff(source: Source) -> bool:
    """Whether the file is an npz with the names of Stable-Baselines 2."""
    return all(name in source.npz for name in ("obs", "actions", "episode_returns", "episode_starts"))


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the rows and cut them where episodes start.

    Raises:
        DemonstrationError: The arrays do not fit each other, or the file is damaged.
    """
    npz = source.npz
    columns = {role: npz[name] for name, role in _ROLES.items() if name in npz}
    starts = _plain(npz["episode_starts"])
    starts = as_flags(source.name, "episode_starts", starts, len(columns["actions"]) if columns["actions"].ndim else 0)
    notes: list[str] = []
    if "next_observations" in columns:
        columns["next_known"] = ~_resets(columns["observations"], columns["next_observations"], starts)
        if count := int((~columns["next_known"]).sum()):
            notes.append(
                f"the last next observation of {count} of {int(starts.sum())} trajectories is the first observation of "
                "the next one, as recorded after an automatic reset: not used"
            )
    notes += ignored_note(name for name in npz if name not in (*_ROLES, "episode_starts", "episode_returns"))
    return from_steps(source.name, RecordedColumns(**columns, starts=starts), hints=hints, notes=notes)


FORMAT = Format("Stable-Baselines 2 ExpertDataset npz", sniff, load, records_boundaries=True, tool="Stable-Baselines 2")


def _plain(starts: Array) -> Array:
    """Replace arrays of one value in an array of objects by the value; everything else stays as it is."""
    if not starts.dtype.hasobject:
        return starts
    values = [value.item() if isinstance(value, np.ndarray) and value.size == 1 else value for value in starts.flat]
    made = np.empty(len(values), object)
    made[:] = values
    return made


def _resets(observations: Array, following: Array, starts: BoolArray) -> BoolArray:
    """Return (N,) whether a row ends an episode and its next observation is the first one of the next episode.

    No row follows the last one of the file, so it is counted as such a row if all other ends are.
    """
    resets = np.zeros(len(starts), np.bool_)
    last = np.flatnonzero(starts[1:])
    if observations.shape[:1] != starts.shape or observations.shape != following.shape or not len(last):
        return resets
    resets[last] = equal_rows(observations[last + 1], following[last])
    resets[-1] = bool(resets[last].all())
    return resets
