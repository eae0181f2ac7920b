"""A list with one dict of arrays for each trajectory.

Berkeley's CS285 (https://github.com/berkeleydeeprlcourse) writes the keys ``observation``, ``action``, ``reward``,
``next_observation`` and ``terminal``; Decision Transformer's D4RL pickles and rllab write the plurals. In CS285's files
``terminal`` is true at a time limit too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format, ignored_note
from rexd.reading.rows.axes import with_episodes_first
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import dimensions, find_keys, has_needed, items


def sniff(source: Source) -> bool:
    """Whether the file holds a list or an array of dicts, with rows of observations in each dict."""
    first: Any = next(iter(items(source.content)), None)
    return has_needed(first) and (dimensions(first[find_keys(first)["observations"]]) or 0) >= 2


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the trajectories; those without a step are left out.

    Raises:
        DemonstrationError: A trajectory has no observations or actions, or they differ in shape.
    """
    return read_paths(source.name, items(source.content), hints)


FORMAT = Format("list of one dict for each trajectory (CS285)", sniff, load, tool="CS285, Decision Transformer, rllab")


def read_paths(source_name: str, paths: Sequence[Any], hints: Hints) -> Demonstrations:
    """Read one dict of arrays for each trajectory.

    Raises:
        DemonstrationError: A trajectory has no observations or actions, or they differ in shape.
    """
    keys = find_keys(paths[0])
    for number, path in enumerate(paths):
        if not isinstance(path, dict):
            raise DemonstrationError(
                f"{source_name}: trajectory {number} is a {type(path).__name__}; expected a dict as trajectory 0"
            )
    episodes = [{role: path[key] for role, key in keys.items() if key in path} for path in paths]
    notes = ignored_note((key for key in paths[0] if key not in keys.values()), "each trajectory")
    if all(episode.keys() == episodes[0].keys() for episode in episodes):
        columns = {role: [episode[role] for episode in episodes] for role in episodes[0]}
        columns, turned = with_episodes_first(source_name, columns, hints)
        if turned:  # the dicts are single steps of several environments
            episodes = [dict(zip(columns, parts, strict=True)) for parts in zip(*columns.values(), strict=True)]
            notes = [*turned, *notes]
    return from_episodes(source_name, episodes, hints=hints, notes=notes)
