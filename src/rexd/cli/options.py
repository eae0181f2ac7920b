"""Options that several verbs share, and the functions that read their values."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.goals import Goals, Relative
from rexd.demos.spaces import fit_to_spaces
from rexd.demos.states_alone import without_actions
from rexd.errors import RexdError, import_extra
from rexd.reading import BUNDLED

if TYPE_CHECKING:
    from rexd.envs.factory import EnvironmentFactory

EnvId = Annotated[str | None, tyro.conf.arg(metavar="ID")]
Pairs = Annotated[tuple[str, ...], tyro.conf.arg(metavar="K=V")]
Count = Annotated[int | None, tyro.conf.arg(metavar="N")]
Lengths = Annotated[str | None, tyro.conf.arg(metavar="N,N,...|KEY")]
Columns = Annotated[str | None, tyro.conf.arg(metavar="A:B")]
StepLimit = Annotated[int | None, tyro.conf.arg(metavar="N")]
Plot = Annotated[Path | None, tyro.conf.arg(metavar="FILE")]
Cluster = Annotated[tuple[str, ...] | None, tyro.conf.arg(metavar="[ADDRESS]")]
Files = Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="FILE...")]


@dataclass(frozen=True)
class DataOptions:
    """How to read a demonstration file."""

    env: EnvId = None
    """Gymnasium id, module:Id, or module:ClassName. Columns are checked against the environment, and actions clipped to
    its bounds."""
    env_kwargs: Pairs = ()
    """Arguments of the environment, as k=v pairs or as one JSON object."""
    episode_length: Count = None
    """Steps of each trajectory, for files that do not say where trajectories begin and where it cannot be inferred."""
    lengths: Lengths = None
    """Steps of each trajectory in turn, such as 12,9,15,9, or the key of the file that holds them."""
    columns: Columns = None
    """Observation columns to keep, such as 0:27 or 0,1,5:9."""


@dataclass(frozen=True)
class SelectionOptions(DataOptions):
    """How to read a demonstration file, and how much of it to use."""

    trajectories: Count = None
    """Use the first N trajectories. None: all."""
    subsample: Annotated[int, tyro.conf.arg(metavar="K")] = 1
    """Keep every K-th transition of each trajectory, from a random offset."""
    without_actions: bool = False
    """Use the states alone, as if no action had been recorded; the reward then needs inputs without actions."""


@dataclass(frozen=True)
class LearningOptions(SelectionOptions):
    """How to read a demonstration file, how much of it to use, and which of its columns know a goal."""

    goal: Columns = None
    """Observation columns that hold the goal of the episode, such as 4:6, counted among the columns that are kept; with
    --relative. Goals of Gymnasium's goal interface need no options."""
    relative: Columns = None
    """Observation columns that hold how far the goal is, in the order of --goal, such as 8:10."""
    relative_is: Relative = "achieved-desired"
    """What the columns of --relative hold: what is achieved minus the goal, or the goal minus what is achieved."""


def load(files: Sequence[str], options: DataOptions) -> Demonstrations:
    """Read demonstrations, and fit them to the environment that the options name.

    Raises:
        RexdError: No file is named, or a file, the environment or an option cannot be used.
    """
    env = None if options.env is None else open_environment(options.env, environment_arguments(options.env_kwargs))
    columns = None if options.columns is None else parse_columns(options.columns)
    try:
        if is_bundled(files):
            demos = load_bundled(options, columns)
            return demos if env is None else fit_to_spaces(demos, env.observation_space, env.action_space)
        from rexd.reading.load import load_demonstrations

        lengths = parse_lengths(options.lengths)
        return load_demonstrations(
            files, episode_length=options.episode_length, lengths=lengths, env=env, columns=columns
        )
    finally:
        if env is not None:
            env.close()


def is_bundled(files: Sequence[str]) -> bool:
    """Whether the user asks for the demonstrations that rexd ships, which stand alone.

    Raises:
        RexdError: No file is named, or others beside the shipped demonstrations.
    """
    if not files:
        raise RexdError(
            "no demonstrations are named; give a file, a folder, a pattern such as 'episodes/*.npz', or bundled"
        )
    if BUNDLED in files and len(files) > 1:
        raise RexdError("the bundled demonstrations are not read together with files; name the ones or the others")
    return files[0] == BUNDLED


def named(files: Sequence[str]) -> str:
    """Return the names of files for documents, as a shell would take them; one stands as it is."""
    return files[0] if len(files) == 1 else shlex.join(files)


def shown(files: Sequence[str]) -> str:
    """Return the names of files for people, short where there are many."""
    return files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"


def load_bundled(options: DataOptions, columns: slice | list[int] | None) -> Demonstrations:
    """Read the shipped demonstrations of the task that the options name, as they were recorded.

    Args:
        options: How to read them.
        columns: The observation columns to keep, as ``parse_columns`` returns them; None keeps all.

    Raises:
        RexdError: No demonstrations are shipped for the task, or an option does not apply to them.
    """
    from rexd.reading.bundled import DEFAULT_TASK, bundled_demonstrations

    for name, value in (("--episode-length", options.episode_length), ("--lengths", options.lengths)):
        if value is not None:
            raise RexdError(f"the bundled demonstrations record where trajectories begin; leave {name} out")
    demos = bundled_demonstrations((options.env or DEFAULT_TASK).rpartition(":")[2])
    return demos if columns is None else demos.select_columns(columns)


def select(demos: Demonstrations, options: SelectionOptions, seed: int) -> Demonstrations:
    """Select the part of the demonstrations that is used; the rest only serves to check the calibration."""
    if options.trajectories is not None:
        demos = demos.first(options.trajectories)
    if options.without_actions:
        demos = without_actions(demos)
    return demos if options.subsample == 1 else demos.subsample(options.subsample, seed=seed)


def select_with_goals(demos: Demonstrations, options: LearningOptions, seed: int) -> Demonstrations:
    """Select the part of the demonstrations that is used, and tell it the columns of the goal.

    Raises:
        RexdError: Only one of the two options is given, or the columns cannot be those of goals.
    """
    chosen = select(demos, options, seed)
    if options.goal is None and options.relative is None:
        return chosen
    if options.goal is None or options.relative is None:
        given, missing = ("--relative", "--goal") if options.goal is None else ("--goal", "--relative")
        raise RexdError(
            f"{given} is given without {missing}; name the columns of the goal and those relative to it, such as "
            "--goal 4:6 --relative 8:10"
        )
    desired, reached = (tuple(column_numbers(text, chosen.obs_dim)) for text in (options.goal, options.relative))
    return replace(chosen, goals=Goals(desired, reached, options.relative_is))


def open_environment(env: str, env_kwargs: dict[str, Any], *, render_mode: str | None = None) -> Any:
    """Make an environment, after a check that Gymnasium is installed.

    Raises:
        RexdError: Gymnasium is missing, or the environment cannot be made.
    """
    import_extra("gymnasium", "train")
    from rexd.envs.make import make_environment

    return make_environment(env, env_kwargs, render_mode=render_mode)


def player(
    env: str, env_kwargs: dict[str, Any], asked: int | None, *, recorded: int | None = None, longest: int | None = None
) -> EnvironmentFactory:
    """Return what makes an environment for rollouts, and tell the user of a time limit that is put around it.

    Args:
        env: The id of the environment.
        env_kwargs: Its arguments.
        asked: The value of ``--max-episode-steps``.
        recorded: The number that a run folder records.
        longest: The number of steps of the longest demonstration.

    Raises:
        RexdError: The environment cannot be made, or nothing tells when an episode should end.
    """
    import_extra("gymnasium", "train")
    from rexd.cli.show.output import note
    from rexd.envs.factory import EnvironmentFactory
    from rexd.envs.time_limit import limit_of

    make_env = EnvironmentFactory(env, env_kwargs)
    probe = make_env()
    try:
        limit = limit_of(probe, asked, recorded=recorded, longest=longest)
    finally:
        probe.close()
    if limit.note is not None:
        note(limit.note)
    return replace(make_env, max_episode_steps=limit.steps)


def chosen_environment(named: str | None, demos: Demonstrations | None) -> str:
    """Return the environment that the user names, or the one that the demonstrations record.

    Raises:
        RexdError: Neither names an environment that may be used.
    """
    if named is not None:
        return named
    recorded = None if demos is None else demos.env_id
    if recorded is None:
        raise RexdError("no environment is named; give its Gymnasium id, such as --env Hopper-v5")
    if ":" in recorded:  # such an id imports a module, which a data file must not choose
        raise RexdError(f"the demonstrations name the environment {recorded!r}; if you trust that, give it with --env")
    return recorded


def check_plot(path: Path) -> None:
    """Check before the work that ``--plot`` can be drawn.

    Raises:
        RexdError: matplotlib is missing, or the name tells no kind of picture.
    """
    from rexd.report.drawing import check_picture

    check_picture(path)


def environment_arguments(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments of an environment from words such as ``k=v``, or from JSON objects.

    Raises:
        RexdError: A word is neither of them.
    """
    found: dict[str, Any] = {}
    for word in pairs:
        if word.lstrip().startswith("{"):
            try:
                found |= json.loads(word)
            except ValueError as error:
                raise RexdError(
                    f"--env-kwargs {word!r} is not valid JSON ({error}); write '{{\"name\": 1}}' or name=1"
                ) from error
            continue
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise RexdError(f"--env-kwargs has {word!r}; expected name=value pairs after it, or a JSON object")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    """Return a value that is written as in JSON or in Python; any other text is itself the value."""
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError):
            continue
    return text


def parse_columns(text: str) -> slice | list[int]:
    """Return ``0:27`` as a slice, and ``0,1,5:9`` as a list of columns.

    Raises:
        RexdError: The text is neither of them.
    """
    parts = [re.fullmatch(r"(\d{1,9})(?::(\d{1,9}))?", part.strip()) for part in text.split(",")]
    ranges = [(int(p[1]), int(p[2]) if p[2] is not None else int(p[1]) + 1) for p in parts if p is not None]
    if len(ranges) < len(parts) or any(start >= stop for start, stop in ranges):
        raise RexdError(f"columns {text!r} are not understood; write 0:27 for columns 0 to 26, or 0,1,5:9")
    if len(ranges) == 1:
        return slice(*ranges[0])
    # Each number of a list is held in memory, which a typing error must not fill.
    if sum(stop - start for start, stop in ranges) > 1_000_000:
        raise RexdError(f"columns {text!r} are more than a million; observations have far fewer")
    return [column for start, stop in ranges for column in range(start, stop)]


def parse_lengths(text: str | None) -> tuple[int, ...] | str | None:
    """Return ``12,9,15,9`` as numbers, and any other text as it is: it is the key that holds the lengths."""
    if text is None or not re.fullmatch(r"\d{1,9}(\s*,\s*\d{1,9})*,?", text.strip()):
        return text
    return tuple(int(part) for part in text.split(",") if part.strip())


def column_numbers(text: str, count: int) -> list[int]:
    """Return the columns of ``parse_columns`` as a list, after a check that they exist.

    Args:
        text: The columns as the user writes them.
        count: The number of observation columns.

    Raises:
        RexdError: A column does not exist.
    """
    columns = parse_columns(text)
    wanted = range(columns.start, columns.stop) if isinstance(columns, slice) else columns
    if max(wanted) >= count:
        raise RexdError(f"columns {text!r} do not exist; the observations have columns 0 to {count - 1}")
    return list(wanted)
