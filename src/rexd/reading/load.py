"""Loading demonstrations from a file, a folder or a dataset id, and fitting them to an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import fit_to_spaces
from rexd.errors import DemonstrationError, UnsafeFileError
from rexd.reading.containers.guards import MAX_FILE_BYTES, check_file
from rexd.reading.containers.source import Source
from rexd.reading.environment_facts import EnvironmentFacts, environment_facts, make_hints
from rexd.reading.file_lists import Locations, files_in, is_named_as_data, locations_of
from rexd.reading.formats import FORMATS, Format
from rexd.reading.joined_files import bytes_held, check_held, join_files
from rexd.reading.rows.ends.episode_ends import ONE_EPISODE
from rexd.reading.rows.from_steps import check_lengths
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.stacking import names
from rexd.reading.unrecognised import unknown

_LOOKED_AT = 20  # if that many files hold one episode each, so do the others


def load_demonstrations(
    path: Locations,
    *,
    episode_length: int | None = None,
    lengths: Sequence[int] | str | None = None,
    env: Any = None,
    action_bounds: tuple[ArrayLike, ArrayLike] | None = None,
    columns: Sequence[int] | slice | None = None,
) -> Demonstrations:
    """Load demonstrations from a file, a folder, a dataset or several files, whose formats are told by the content.

    Args:
        path: A file, a folder, the id of a local Minari dataset, a pattern such as ``"episodes/*.npz"``, or a list of
            them. Several files, and those of a folder that is no dataset, are read in the natural order of their names
            (``ep_2`` before ``ep_10``). Each may hold one episode or several.
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
    demos, _ = read_given(path, make_hints(facts, episode_length, columns, lengths))
    return fit(demos, facts, action_bounds)


def read_given(given: Locations, hints: Hints) -> tuple[Demonstrations, str]:
    """Read whatever a user names as demonstrations, as it was recorded.

    Returns:
        The demonstrations, and the name of their format.

    Raises:
        UnsafeFileError: A file would execute code.
        DemonstrationError: A file cannot be used, or the files do not fit one another.
    """
    places = locations_of(given)
    first = Source(places[0])
    if len(places) == 1 and not _is_plain_folder(first):
        demos, item = read_source(first, hints)
        return demos, item.name
    if hints.lengths is not None and not isinstance(hints.lengths, str):
        raise DemonstrationError(
            f"lengths (--lengths) has the steps of {len(hints.lengths)} trajectories, and several files are read; give "
            "the key that holds the lengths in each file, or read the files one by one"
        )
    named = [given] if isinstance(given, str | Path) else given
    name = str(named[0]) if len(named) == 1 else f"{places[0]} and {len(places) - 1} more"
    several = _Several(name, replace(hints, one_episode=True))
    several.read(places)
    if len(several.parts) == 1:  # nothing says that a single file holds a single episode
        several = _Several(name, hints)
        several.read(places)
    if not several.parts:
        raise unknown(first)
    formats = " and ".join(several.formats)
    return join_files(name, several.parts, several.notes()), f"{len(several.parts)} files, each {formats}"


def _is_plain_folder(source: Source) -> bool:
    """Whether this is a folder that is no dataset of a known format, so that each of its files is read."""
    return source.is_folder and _format_of(source) is None


class _Several:
    """The reading of several files, one after the other."""

    def __init__(self, name: str, hints: Hints) -> None:
        self.parts: list[tuple[str, Demonstrations]] = []
        self.formats: dict[str, None] = {}
        self._name, self._hints = name, hints
        self._left_out: list[str] = []
        self._unknown: dict[str, DemonstrationError] = {}  # of files in folders, by their suffixes
        self._done: set[Path] = set()
        self._single = self._size = self._whole = self._held = 0

    def read(self, places: Sequence[str | Path]) -> None:
        for place in places:
            if not _is_plain_folder(Source(place)):
                source = Source(place)
                self._read(source, recognise(source))
                continue
            files, others = files_in(Path(place))
            self._left_out += others
            for file in files:
                self._read_in_folder(Source(file))
        for suffix in {Path(name).suffix for name, _ in self.parts} & self._unknown.keys():
            raise self._unknown[suffix]  # it is named as the files that hold data

    def notes(self) -> list[str]:
        if not self._left_out:
            return []
        more = f" and {count - 10} more" if (count := len(self._left_out)) > 10 else ""
        return [
            f"left out {names(self._left_out)}{more} in the folder: hidden, no file, or in no format that rexd reads"
        ]

    def _read_in_folder(self, source: Source) -> None:
        if source.path.resolve() in self._done:
            return
        try:
            item = recognise(source)
        except UnsafeFileError:
            raise
        except DemonstrationError as error:
            refused = error
        else:
            self._read(source, item)
            return
        advice = f"{refused}. Or move it out of the folder, of which every file is read"
        if is_named_as_data(source.path):
            raise DemonstrationError(advice)
        self._unknown.setdefault(source.path.suffix, DemonstrationError(advice))
        self._left_out.append(source.path.name)

    def _read(self, source: Source, item: Format) -> None:
        if source.path.resolve() in self._done:  # it was read together with a file beside it
            return
        files = [path.resolve() for path in item.files(source)] if source.is_file else []
        size = sum(path.stat().st_size for path in files)
        self._size += size
        self._whole += 0 if item.streams else size
        if self._whole > MAX_FILE_BYTES:
            raise DemonstrationError(
                f"{self._name}: the files have more than {MAX_FILE_BYTES} bytes together; expected fewer. Name fewer "
                "files, or store them as D4RL's HDF5 or as a Minari dataset, which are streamed"
            )
        single = self._single == len(self.parts) >= _LOOKED_AT
        demos = _load(source, item, replace(self._hints, like_others=single))
        self._single += ONE_EPISODE in demos.notes
        held = bytes_held(demos)
        self._held += held
        self._size += 0 if files else held  # a dataset has limits of its own
        check_held(self._name, self._held, self._size)
        self._done.update(files)
        self.parts.append((source.name, demos))
        self.formats[item.name] = None


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
    return _load(source, item, hints), item


def _load(source: Source, item: Format, hints: Hints) -> Demonstrations:
    if source.is_file and not item.streams:
        check_file(source.path, max_bytes=MAX_FILE_BYTES)
    demos = item.load(source, hints)
    if item.records_boundaries:
        check_lengths(demos, hints)
    return demos if hints.columns is None or item.takes_columns else demos.select_columns(hints.columns)


def recognise(source: Source) -> Format:
    """Return the format of a source, which its content tells.

    Raises:
        UnsafeFileError: The file would execute code.
        DemonstrationError: There is no such file, or rexd does not read its format.
    """
    found = _format_of(source)
    if found is None:
        raise unknown(source)
    return found


def _format_of(source: Source) -> Format | None:
    if source.exists and not source.is_folder:
        check_file(source.path)
    return next((item for item in FORMATS if item.sniff(source)), None)
