"""One call that turns a file, a folder or a dataset id into demonstrations that fit an environment."""

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
from rexd.reading.formats import FORMATS, Format
from rexd.reading.rows.from_steps import check_episode_length
from rexd.reading.rows.hints import Hints
from rexd.reading.task import Task, make_hints, make_task
from rexd.reading.unrecognised import unknown


def load_demonstrations(
    path: str | Path,
    *,
    episode_length: int | None = None,
    env: Any = None,
    action_bounds: tuple[ArrayLike, ArrayLike] | None = None,
    columns: Sequence[int] | slice | None = None,
) -> Demonstrations:
    """Load demonstrations; the format is told by the content.

    Args:
        path: A file, a folder, or the id of a local Minari dataset.
        episode_length: Steps of each trajectory, for files that do not record where one begins; None infers it.
        env: A Gymnasium id or an environment. Columns are checked against its spaces, and actions clipped to them.
        action_bounds: Lowest and highest action, numbers or one for each column; actions are clipped to them.
        columns: The observation columns to keep, such as ``slice(0, 27)``.

    Raises:
        UnsafeFileError: The file would execute code.
        DemonstrationError: The file cannot be used; the message says what to do.
        SpaceMismatchError: The demonstrations do not fit the environment.
        TaskError: The environment cannot be made.
    """
    task = None if env is None else make_task(env)
    return fit(_read(path, task, episode_length, columns), task, action_bounds)


def fit(demos: Demonstrations, task: Task | None, action_bounds: tuple[ArrayLike, ArrayLike] | None) -> Demonstrations:
    """Clip actions to the bounds, then compare with the environment and clip to its bounds.

    Raises:
        DemonstrationError: The bounds do not fit the actions.
        SpaceMismatchError: The demonstrations do not fit the environment.
    """
    if action_bounds is not None:
        low, high = action_bounds
        demos = demos.clip_actions(np.asarray(low), np.asarray(high))
    return demos if task is None else fit_to_spaces(demos, task.observation_space, task.action_space)


def load_unfitted(
    path: str | Path,
    *,
    episode_length: int | None = None,
    env: Any = None,
    columns: Sequence[int] | slice | None = None,
) -> Demonstrations:
    """The same, but neither compared with the environment nor clipped to its bounds: it only helps to read the file.

    The arguments and errors are those of ``load_demonstrations``.
    """
    return _read(path, None if env is None else make_task(env), episode_length, columns)


def _read(
    path: str | Path, task: Task | None, episode_length: int | None, columns: Sequence[int] | slice | None
) -> Demonstrations:
    return read_source(Source(path), make_hints(task, episode_length, columns))[0]


def read_source(source: Source, hints: Hints) -> tuple[Demonstrations, Format]:
    """What a source holds, as it was recorded and with the columns that the hints ask for; and its format.

    Raises:
        UnsafeFileError: The file would execute code.
        DemonstrationError: It cannot be used, or is larger than its format can be read.
    """
    item = recognise(source)
    if source.is_file and not item.streams:
        check_file(source.path, max_bytes=MAX_FILE_BYTES)
    demos = item.load(source, hints)
    if item.records_boundaries:
        check_episode_length(demos, hints.episode_length)
    return demos if hints.columns is None or item.takes_columns else demos.select_columns(hints.columns), item


def recognise(source: Source) -> Format:
    """The format of a source, told by its content.

    Raises:
        UnsafeFileError: The file would execute code.
        DemonstrationError: There is no such file, or it is of no format that rexd reads.
    """
    if source.exists and not source.is_folder:
        check_file(source.path)
    found = next((item for item in FORMATS if item.sniff(source)), None)
    if found is None:
        raise unknown(source)
    return found
