"""A list with one dict of arrays for each trajectory.

Source: Berkeley's CS285 (https://github.com/berkeleydeeprlcourse), keys ``observation``, ``action``, ``reward``,
``next_observation``, ``terminal``; Decision Transformer's D4RL pickles and rllab write the plurals. A time limit is
``terminal`` too in CS285.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.formats.format import Format
from rexd.demos.gather import join, names
from rexd.demos.hints import Hints
from rexd.demos.keys import NEEDED, dimensions, find_keys, has_needed, is_rows, items
from rexd.demos.source import Source
from rexd.demos.steps import from_steps
from rexd.errors import DemonstrationError

_FLAGS = ("terminated", "truncated", "dones")


def sniff(source: Source) -> bool:
    """Whether the file holds a list of dicts, or one object array of them, with rows of observations in each."""
    first: Any = next(iter(items(source.content)), None)
    return has_needed(first) and (dimensions(first[find_keys(first)["observations"]]) or 0) >= 2


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the trajectories; those without a step are left out.

    Raises:
        DemonstrationError: A trajectory has no observations or actions, or they differ in shape.
    """
    paths = items(source.content)
    keys = find_keys(paths[0])
    for number, path in enumerate(paths):
        if not isinstance(path, dict) or not all(is_rows(path.get(keys[role])) for role in NEEDED):
            found = names(path) if isinstance(path, dict) else f"a {type(path).__name__}"
            raise DemonstrationError(
                f"{source.name}: trajectory {number} has no rows of {keys['observations']!r} and {keys['actions']!r}; "
                f"found {found}. Drop that trajectory"
            )
    notes = []
    whole = [path for path in paths if len(path[keys["actions"]])]
    if dropped := len(paths) - len(whole):
        notes.append(f"left out {dropped} trajectories without a step")
    if not whole:
        raise DemonstrationError(f"{source.name}: no trajectory has a step; expected at least one, record it again")
    keys = {role: key for role, key in keys.items() if _is_in_all(role, [path.get(key) for path in whole])}
    if ignored := [key for key in paths[0] if key not in keys.values()]:
        notes.append(f"ignored {names(ignored)} of each trajectory")
    return _build(source, whole, keys, hints, notes)


FORMAT = Format("list of one dict for each trajectory (CS285)", sniff, load)


def _is_in_all(role: str, parts: list[Any]) -> bool:
    return all(map(is_rows, parts)) or (role in _FLAGS and all(dimensions(part) == 0 for part in parts))


def _build(
    source: Source, paths: list[dict[str, Any]], keys: dict[str, str], hints: Hints, notes: list[str]
) -> Demonstrations:
    lengths = [len(path[keys["actions"]]) for path in paths]
    parts = {role: [path[key] for path in paths] for role, key in keys.items()}
    seen = [len(part) for part in parts["observations"]]
    if "next_observations" not in parts and seen == [n + 1 for n in lengths]:  # the final one is there too
        parts["next_observations"] = [part[1:] for part in parts["observations"]]
        parts["observations"] = [part[:-1] for part in parts["observations"]]
    for role in _FLAGS:
        if role in parts and not is_rows(parts[role][0]):  # one for the whole trajectory
            parts[role] = [np.arange(n) == (n - 1 if part else n) for n, part in zip(lengths, parts[role], strict=True)]
    for role, found in parts.items():
        for number, (part, length) in enumerate(zip(found, lengths, strict=True)):
            if len(part) != length:
                raise DemonstrationError(
                    f"{source.name}: trajectory {number} has {len(part)} {role.replace('_', ' ')} for {length} "
                    "actions; expected one for each. Drop that trajectory"
                )
    columns = {role: join(source.name, role.replace("_", " "), found) for role, found in parts.items()}
    starts = np.cumsum([0, *lengths[:-1]])
    return from_steps(source.name, **columns, starts=starts, hints=hints, notes=notes)
