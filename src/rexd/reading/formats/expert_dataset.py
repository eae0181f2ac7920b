"""The npz of Stable-Baselines 2, ``generate_expert_traj`` and ``ExpertDataset``.

Source: https://github.com/hill-a/stable-baselines, ``gail/dataset``: ``obs``, ``actions``, ``rewards``,
``episode_returns`` for each episode and ``episode_starts`` for each row, often an array of objects in which truth
values and arrays of one stand side by side. The final observation is not there; a ``next_obs`` that others add
(https://github.com/illidanlab/opolo-code) was recorded after the automatic reset.
"""

from __future__ import annotations

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array, BoolArray
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format
from rexd.reading.rows.episode_ends import equal_rows
from rexd.reading.rows.from_steps import check_episode_length, from_steps
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.normalise import as_flags
from rexd.reading.rows.stacking import names

_ROLES = {"obs": "observations", "actions": "actions", "next_obs": "next_observations", "rewards": "rewards"}


def sniff(source: Source) -> bool:
    """Whether the file is an npz with the names that Stable-Baselines 2 gives."""
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
    if ignored := [name for name in npz if name not in (*_ROLES, "episode_starts", "episode_returns")]:
        notes.append(f"ignored {names(ignored)} of the file")
    demos = from_steps(source.name, **columns, starts=starts, hints=hints, notes=notes)
    check_episode_length(demos, hints.episode_length)
    return demos


FORMAT = Format("Stable-Baselines 2 ExpertDataset npz", sniff, load, records_boundaries=True)


def _plain(starts: Array) -> Array:
    """Objects that are truth values, or arrays of one, as numbers; others are left as they are."""
    if not starts.dtype.hasobject:
        return starts
    values = [value.item() if isinstance(value, np.ndarray) and value.size == 1 else value for value in starts.flat]
    made = np.empty(len(values), object)
    made[:] = values
    return made


def _resets(observations: Array, following: Array, starts: BoolArray) -> BoolArray:
    """The last rows of episodes whose next observation belongs to the episode after theirs.

    Nothing follows the last row of all: it is taken for one of them where all others are.
    """
    resets = np.zeros(len(starts), np.bool_)
    last = np.flatnonzero(starts[1:])
    if observations.shape[:1] != starts.shape or observations.shape != following.shape or not len(last):
        return resets
    resets[last] = equal_rows(observations[last + 1], following[last])
    resets[-1] = bool(resets[last].all())
    return resets
