"""What every file format provides, and what a format provides beyond that if rexd also writes it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rexd.demos.demonstrations import Demonstrations
from rexd.reading.containers.source import Source
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.stacking import ignored_note as ignored_note  # for the formats, which all import it from here

Holds = Literal["everything", "episodes", "rows"]
"""What a layout can hold: everything; whole episodes, each with one array of T + 1 observations; or the rows of all
trajectories end to end, where each kind of array is there for all rows or for none."""


@dataclass(frozen=True)
class Format:
    """One way to store demonstrations; each module of ``rexd.reading.formats`` has one, named ``FORMAT``.

    Attributes:
        name: What messages call it; it says what such a file holds and, where there is one, the tool that writes it.
        sniff: Tells whether a source is of this format, by its content and never by its name. It is cheap, and false
            without an error for sources of another kind and for damaged ones. A container that must be opened to tell,
            and that is damaged or hostile, raises its own ``RexdError``.
        load: Reads the demonstrations of a source that ``sniff`` recognises.
        records_boundaries: Whether every file of this format says where trajectories begin. ``load`` then ignores
            ``Hints.episode_length``, and a file is refused if that differs from the recorded lengths.
        takes_columns: Whether ``load`` itself uses ``Hints.columns`` to tell observations from actions. Otherwise the
            columns are selected after loading.
        streams: Whether ``load`` reads files that are larger than memory. Files of other formats are refused if they
            are larger than ``MAX_FILE_BYTES``.
        tool: The tool whose layout it is, for lists; empty where many tools write such files.
        files: Names the files that ``load`` reads for a source that is a file: itself, and those beside it.
    """

    name: str
    sniff: Callable[[Source], bool]
    load: Callable[[Source, Hints], Demonstrations]
    records_boundaries: bool = False
    takes_columns: bool = False
    streams: bool = False
    tool: str = ""
    files: Callable[[Source], Collection[Path]] = lambda source: (source.path,)

    @property
    def holds_what(self) -> str:
        """What such a file holds, in one sentence: the first of its module's docstring."""
        first = (sys.modules[self.load.__module__].__doc__ or "").partition("\n\n")[0]
        return first.replace("\n", " ").replace("``", "").strip()


@dataclass(frozen=True, kw_only=True)
class WrittenFormat(Format):
    """A format that rexd also writes.

    Attributes:
        target: The short name that ``rexd convert --to`` takes.
        tool: The tool whose layout it is, for lists and messages.
        suffixes: The suffixes, in lower case, of the outputs that are of this format; an empty one is a folder's.
        holds: What the layout can hold, so that losses are refused or noted before anything is written.
        save: Writes demonstrations to a path, replaces what is there in one step, and returns the path.
        check_folder: Refuses a path at which there is something else than a dataset of this format, which must not be
            replaced. It is None for a format of one file.
    """

    target: str
    tool: str
    suffixes: tuple[str, ...]
    holds: Holds
    save: Callable[[Demonstrations, Path], Path]
    check_folder: Callable[[Path], None] | None = None
