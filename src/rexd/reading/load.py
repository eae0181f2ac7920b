"""Loading demonstrations from a file, a folder or a dataset id, and fitting them to an environment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import fit_to_spaces
from rexd.reading.containers.guards import MAX_FILE_BYTES, check_file
from rexd.reading.containers.source import Source
from rexd.reading.environment_facts import EnvironmentFacts, environment_facts, make_hints
from rexd.reading.formats import FORMATS, Format
from rexd.reading.rows.from_steps import check_lengths
from rexd.reading.rows.hints import Hints
from rexd.reading.unrecognised import unknown


def load_demonstrations(
    path: str | Path,
    *,
    episode_length: int | None = None,
    lengths: Sequence[int] | str | None = None,
    env: Any = None,
    action_bounds: tuple[ArrayLike, ArrayLike] | None = None,
    columns: Sequence[int] | slice | None = None,
) -> Demonstrations:
    """Load demonstrations from a file, a folder or a dataset, whose format is told by the content.

    Args:
        path: A file, a folder, or the id of a local Minari dataset.
        episode_length: The number of steps of each trajectory, for files that do not record where a trajectory
            begins. None infers it.
        lengths: The same for trajectories of different lengths: the number of steps of each in turn, or the key of the
            file that holds these numbers.
        env: A Gymnasium id or an environment. Columns are checked against its spaces, and actions are clipped to its
            bounds.
        action_bounds: The lowest and the highest action, each a number or one number for each column. Actions are
            clipped to them.
        columns: The observation columns to keep, such as ``slice(0, 27)``.

    Raises:
        UnsafeFileError: The file would execute code.
        DemonstrationError: The file cannot be used; the message says what to do.
        SpaceMismatchError: The demonstrations do not fit the environment, or its spaces are not supported.
        TaskError: The environment cannot be made.
    """
    facts = None if env is None else environment_facts(env)
    demos, _ = read_source(Source(path), make_hints(facts, episode_length, columns, lengths))
    return fit(demos, facts, action_bounds)


def fit(
    demos: Demonstrations, facts: EnvironmentFacts | None, action_bounds: tuple[ArrayLike, ArrayLike] | None
) -> Demonstrations:
    """Clip actions to the given bounds, then check the demonstrations against the environment and clip to its bounds.

    Raises:
        DemonstrationError: The bounds do not fit the actions.
        SpaceMismatchError: The demonstrations do not fit the environment.
    """
    if action_bounds is not None:
        low, high = action_bounds
        demos = demos.clip_actions(np.asarray(low), np.asarray(high))
    return demos if facts is None else fit_to_spaces(demos, facts.observation_space, facts.action_space)


def read_source(source: Source, hints: Hints) -> tuple[Demonstrations, Format]:
    """Read the demonstrations of a source as they were recorded, with the columns that the hints ask for.

    Returns:
        The demonstrations, and the format of the source.

    Raises:
        UnsafeFileError: The file would execute code.
        DemonstrationError: The file cannot be used, or is too large for a format that is read into memory as a whole.
    """
    item = recognise(source)
    if source.is_file and not item.streams:
        check_file(source.path, max_bytes=MAX_FILE_BYTES)
    demos = item.load(source, hints)
    if item.records_boundaries:
        check_lengths(demos, hints)
    return demos if hints.columns is None or item.takes_columns else demos.select_columns(hints.columns), item


def recognise(source: Source) -> Format:
    """Return the format of a source, which its content tells.

    Raises:
        UnsafeFileError: The file would execute code.
        DemonstrationError: There is no such file, or rexd does not read its format.
    """
    if source.exists and not source.is_folder:
        check_file(source.path)
    found = next((item for item in FORMATS if item.sniff(source)), None)
    if found is None:
        raise unknown(source)
    return found
