"""Reading of demonstrations as a file has them, with the name of its format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rexd.cli import options as opt
from rexd.demos.demonstrations import Demonstrations

if TYPE_CHECKING:
    from rexd.reading.environment_facts import EnvironmentFacts


@dataclass(frozen=True, eq=False)
class Reading:
    """The demonstrations of a file, and its format.

    Attributes:
        demos: The demonstrations as the file has them; the environment only helped to read it.
        format: The name of the file's format.
    """

    demos: Demonstrations
    format: str


def read_as_recorded(files: Sequence[str], options: opt.DataOptions, task: EnvironmentFacts | None) -> Reading:
    """Read demonstrations without clipping them or comparing them with the environment.

    Args:
        files: Files, folders, patterns, ids of local Minari datasets, or ``bundled``.
        options: How to read it.
        task: The facts about the environment that the options name; None if they name none.

    Raises:
        RexdError: No file is named, or a file or an option cannot be used.
    """
    columns = None if options.columns is None else opt.parse_columns(options.columns)
    if opt.is_bundled(files):
        return Reading(opt.load_bundled(options, columns), "bundled with rexd")
    from rexd.reading.environment_facts import make_hints
    from rexd.reading.load import read_given

    lengths = opt.parse_lengths(options.lengths)
    return Reading(*read_given(files, make_hints(task, options.episode_length, columns, lengths)))
