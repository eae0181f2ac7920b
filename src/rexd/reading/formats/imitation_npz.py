"""The npz that imitation wrote before it used Hugging Face's datasets.

``imitation.data.types.save`` (https://github.com/HumanCompatibleAI/imitation) wrote ``obs`` of all trajectories end to
end, each with its final observation; ``acts``, ``infos`` (objects, which are not read) and optionally ``rews``, one for
each step; ``indices``, the places at which to split ``acts``; and ``terminal`` for each trajectory, which is true at a
time limit too.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format, ignored_note
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.hints import Hints

_NEEDED = ("obs", "acts", "indices", "terminal")


def sniff(source: Source) -> bool:
    """Whether the file is an npz with imitation's names."""
    return all(name in source.npz for name in _NEEDED)


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the trajectories.

    Raises:
        DemonstrationError: The arrays do not fit each other, or the file is damaged.
    """
    npz = source.npz
    columns = {"observations": npz["obs"], "actions": npz["acts"]}
    if "rews" in npz:
        columns["rewards"] = npz["rews"]
    for role, rows in columns.items():
        if not rows.ndim:
            raise DemonstrationError(f"{source.name}: {role} are one number; expected one row for each step")
    splits = _splits(source.name, npz, len(columns["actions"]))
    terminal = npz["terminal"].reshape(-1)
    observed = len(columns["observations"]) - len(columns["actions"])
    if observed not in (0, len(terminal)):
        raise DemonstrationError(
            f"{source.name}: has {len(columns['observations'])} observations for {len(columns['actions'])} actions of "
            f"{len(terminal)} trajectories; expected one observation more than actions in each, or the same number. "
            "Write or download the file again"
        )
    parts = {role: np.split(rows, splits) for role, rows in columns.items()}
    if observed:
        parts["observations"] = np.split(columns["observations"], splits + np.arange(1, len(splits) + 1))
    episodes = [
        {role: part[number] for role, part in parts.items()} | {"dones": terminal[number]}
        for number in range(len(terminal))
    ]
    notes = ignored_note(name for name in npz if name not in (*_NEEDED, "rews"))
    return from_episodes(source.name, episodes, hints=hints, notes=notes)


FORMAT = Format("imitation npz", sniff, load, records_boundaries=True, tool="imitation before its datasets")


def _splits(source: str, npz: Mapping[str, Array], steps: int) -> Array:
    splits, count = npz["indices"].reshape(-1), npz["terminal"].size
    valid = splits.dtype.kind in "iu" and (not len(splits) or (splits[0] >= 0 and splits[-1] <= steps))
    if not valid or (np.diff(splits.astype(np.int64)) < 0).any() or len(splits) + 1 != count:
        raise DemonstrationError(
            f"{source}: indices {splits[:5]} do not split {steps} actions into {count} trajectories, the length of "
            "'terminal'; expected ascending row numbers. Write or download the file again"
        )
    return np.asarray(splits.astype(np.int64))
