"""One call that turns a file, a folder or a dataset id into demonstrations that fit an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.filecheck import check_file
from rexd.demos.formats import FORMATS, Format
from rexd.demos.hints import Hints
from rexd.demos.source import NOTHING, Source
from rexd.demos.spaces import fit_to_spaces
from rexd.demos.steps import check_episode_length
from rexd.errors import DemonstrationError, TaskError, import_extra


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
    task = None if env is None else _task(env)
    demos = _read(path, task, episode_length, columns)
    if action_bounds is not None:
        low, high = action_bounds
        demos = demos.clip_actions(np.asarray(low), np.asarray(high))
    if task is not None:
        demos = fit_to_spaces(demos, task.observation_space, task.action_space)
    return demos


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
    return _read(path, None if env is None else _task(env), episode_length, columns)


def _read(
    path: str | Path, task: _Task | None, episode_length: int | None, columns: Sequence[int] | slice | None
) -> Demonstrations:
    source, hints = Source(path), _hints(task, episode_length, columns)
    item = recognise(source)
    demos = item.load(source, hints)
    if item.records_boundaries:
        check_episode_length(demos, episode_length)
    return demos if columns is None or item.takes_columns else demos.select_columns(columns)


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
        raise _unknown(source)
    return found


def _unknown(source: Source) -> DemonstrationError:
    known = "; ".join(item.name for item in FORMATS)
    if source.is_folder:
        return DemonstrationError(
            f"{source.name}: is a folder without data/metadata.json; expected a file or a Minari dataset"
        )
    check_file(source.path)  # says so where there is no such file
    if source.content is not NOTHING:
        what = f"{source.container} {type(source.content).__name__}"
    elif source.head.startswith(b"PK\x03\x04") and not source.zip_members:
        return DemonstrationError(f"{source.name}: is an npz or zip cut short or damaged; write or download it again")
    elif source.zip_members:
        what = f"a zip archive of {', '.join(source.zip_members[:8])}"
    elif source.is_hdf5:
        what = f"an HDF5 file of {', '.join(source.hdf5_keys[:8])}"
    else:
        what = "none of the formats that rexd reads"
    return DemonstrationError(
        f"{source.name}: is {what}; expected one of: {known}. Build Trajectory.from_steps(observations, actions) for "
        "each episode, and save Demonstrations(...) with save_demonstrations"
    )


@dataclass(frozen=True)
class _Task:
    observation_space: Any
    action_space: Any
    max_episode_steps: int | None


def _task(env: Any) -> _Task:
    if not isinstance(env, str):
        return _describe(env)
    gymnasium = import_extra("gymnasium", "train")
    try:
        made = gymnasium.make(env)
    except Exception as error:  # an environment may raise anything while it is made
        raise TaskError(
            f"{env}: cannot be made ({type(error).__name__}: {error}); check the id and install what it needs"
        ) from error
    try:
        return _describe(made)
    finally:
        made.close()


def _describe(env: Any) -> _Task:
    try:
        spaces = env.observation_space, env.action_space
    except AttributeError as error:
        raise TaskError(
            f"{type(env).__name__} has no observation_space and action_space; expected a Gymnasium environment or id"
        ) from error
    limit = getattr(getattr(env, "spec", None), "max_episode_steps", None)
    return _Task(*spaces, limit if isinstance(limit, int) else None)


def _hints(task: _Task | None, episode_length: int | None, columns: Sequence[int] | slice | None) -> Hints:
    if task is None:
        return Hints(episode_length=episode_length, columns=columns)
    count = getattr(task.action_space, "n", None)
    return Hints(
        episode_length=episode_length,
        max_episode_steps=task.max_episode_steps,
        columns=columns,
        obs_dim=_columns(task.observation_space),
        act_dim=None if count is not None else _columns(task.action_space),
        n_actions=None if count is None else int(count),
    )


def _columns(space: Any) -> int | None:
    """The columns of a flat space; what other spaces lack is said when the demonstrations are fitted to them."""
    shape = getattr(space, "shape", None)
    return int(shape[0]) if isinstance(shape, tuple) and len(shape) == 1 else None
