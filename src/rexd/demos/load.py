"""One call that turns a file, a folder or a dataset id into demonstrations that fit an environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from rexd.demos import minari, npz, red_pickle
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.filecheck import check_file, read_head
from rexd.demos.spaces import fit_to_spaces
from rexd.demos.unpickler import load_pickle, looks_like_pickle
from rexd.errors import DemonstrationError, TaskError, import_extra


class Load(Protocol):
    """Reads one format."""

    def __call__(
        self, path: Path, *, episode_length: int | None = None, max_episode_steps: int | None = None
    ) -> Demonstrations:
        """Read ``path``; formats that record boundaries ignore both lengths."""


@dataclass(frozen=True)
class Format:
    """One way to store demonstrations.

    Attributes:
        name: For messages.
        sniff: Tells the format by its content, never by a name.
        load: Reads it.
        records_boundaries: Whether the file says where trajectories begin.
    """

    name: str
    sniff: Callable[[Path], bool]
    load: Load
    records_boundaries: bool


FORMATS: tuple[Format, ...] = (
    Format("rexd npz", npz.sniff, npz.load, records_boundaries=True),
    Format("Minari dataset", minari.sniff, minari.load, records_boundaries=True),
    Format("pickled dict of 'observations' and 'actions'", red_pickle.sniff, red_pickle.load, records_boundaries=False),
)


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
    demos = _load(path, episode_length, None if task is None else task.max_episode_steps)
    if columns is not None:
        demos = demos.select_columns(columns)
    if action_bounds is not None:
        low, high = action_bounds
        demos = demos.clip_actions(np.asarray(low), np.asarray(high))
    if task is not None:
        demos = fit_to_spaces(demos, task.observation_space, task.action_space)
    return demos


def _load(path: str | Path, episode_length: int | None, max_episode_steps: int | None) -> Demonstrations:
    file = Path(path)
    if not file.exists() and isinstance(path, str) and minari.is_dataset_id(path):
        return _check_length(minari.load_id(path), episode_length)
    if not file.is_dir():
        check_file(file)
    for item in FORMATS:
        if item.sniff(file):
            demos = item.load(file, episode_length=episode_length, max_episode_steps=max_episode_steps)
            return _check_length(demos, episode_length) if item.records_boundaries else demos
    raise _unknown(file)


def _check_length(demos: Demonstrations, episode_length: int | None) -> Demonstrations:
    lengths = sorted({len(t) for t in demos})
    if episode_length is not None and lengths != [episode_length]:
        raise DemonstrationError(
            f"{demos.source}: records trajectories of {', '.join(map(str, lengths[:5]))} steps, but episode_length "
            f"asks for {episode_length}; leave it out (--episode-length)"
        )
    return demos


def _unknown(file: Path) -> DemonstrationError:
    known = "; ".join(item.name for item in FORMATS)
    if file.is_dir():
        return DemonstrationError(
            f"{file}: is a folder without data/metadata.json; expected a file or a Minari dataset"
        )
    if looks_like_pickle(file):
        content = load_pickle(file)  # an unsafe or damaged pickle is named as such
        what = f"a pickled {type(content).__name__}"
    elif read_head(file, 4) == b"PK\x03\x04" and not npz.zip_members(file):
        return DemonstrationError(f"{file}: is an npz or zip cut short or damaged; write or download it again")
    elif members := npz.zip_members(file):
        what = f"a zip archive of {', '.join(members[:8])}"
    else:
        what = "none of the formats that rexd reads"
    return DemonstrationError(
        f"{file}: is {what}; expected one of: {known}. Build Trajectory.from_steps(observations, actions) for each "
        "episode, and save Demonstrations(...) with save_demonstrations"
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
