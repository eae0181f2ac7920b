"""Demonstrations as they lie in a file, read once, with what the file is and what the environment says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rexd.cli import options as opt
from rexd.demos.demonstrations import Demonstrations
from rexd.errors import RexdError

if TYPE_CHECKING:
    from rexd.reading.task import Task


@dataclass(frozen=True, eq=False)
class Reading:
    """What was read.

    Attributes:
        demos: As the file has them; the environment only helped to read it.
        format: The name of the file's format.
    """

    demos: Demonstrations
    format: str


def read_as_recorded(file: str, options: opt.DataOptions, task: Task | None) -> Reading:
    """Read a file, a folder, an id, or the shipped demonstrations, and neither clip nor compare anything.

    Args:
        file: What the user names.
        options: How to read it.
        task: What the environment that the options name says of itself.

    Raises:
        RexdError: The file or an option cannot be used.
    """
    columns = None if options.columns is None else opt.parse_columns(options.columns)
    if file == opt.BUNDLED:
        demos = _bundled(options)
        return Reading(demos if columns is None else demos.select_columns(columns), "bundled with rexd")
    from rexd.reading.containers.source import Source
    from rexd.reading.load import read_source
    from rexd.reading.task import make_hints

    demos, item = read_source(Source(file), make_hints(task, options.episode_length, columns))
    return Reading(demos, item.name)


def _bundled(options: opt.DataOptions) -> Demonstrations:
    from rexd.reading.bundled import DEFAULT_TASK, bundled_demonstrations

    if options.episode_length is not None:
        raise RexdError("the bundled demonstrations record where trajectories begin; leave --episode-length out")
    return bundled_demonstrations((options.env or DEFAULT_TASK).rpartition(":")[2])
