"""Suites: the methods that are compared, on which tasks, and with how many demonstrations; each is a TOML file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

from rexd.benchmark.checked import build, check
from rexd.demos.goals import Goals
from rexd.errors import RexdError, did_you_mean
from rexd.rl.config import TrainConfig

T = TypeVar("T")

_FOLDER = "suites"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Task:
    """An environment and its demonstrations.

    Attributes:
        name: Key of the table, and part of the ids of runs.
        env: Gymnasium id, or ``module:Id``.
        demonstrations: A file below the folder that ``--data`` names, or ``bundled`` for those that rexd ships.
        steps: Environment steps of a training run.
        demonstrations_return: Mean return of the demonstrations in the environment, which is the score 1.
        random_return: Mean return of uniformly random actions, which is the score 0.
        env_kwargs: Arguments of the environment.
        columns: Number of leading observation columns to keep; None keeps all.
        target: The return that a method should reach; None if there is no target.
        without_actions: Whether the states of the demonstrations are used alone, as if no action had been recorded.
        goal: The observation columns that hold the goal, where observations are one array; with ``relative``.
        relative: The columns that hold what is achieved minus the goal.
        subsampled: Whether the subsampling of the regime applies; it should not if episodes are short.
        regimes: Names of the regimes that the task is part of; empty for all.
    """

    name: str
    env: str
    demonstrations: str
    steps: int
    demonstrations_return: float
    random_return: float
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    columns: int | None = None
    target: float | None = None
    without_actions: bool = False
    goal: tuple[int, ...] = ()
    relative: tuple[int, ...] = ()
    subsampled: bool = True
    regimes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the values."""
        if self.steps < 1 or (self.columns is not None and self.columns < 1):
            raise RexdError(f"steps is {self.steps} and columns {self.columns}; expected 1 or more of each")
        if not self.demonstrations_return > self.random_return:
            raise RexdError(
                f"demonstrations_return {self.demonstrations_return} is not above random_return {self.random_return}"
            )
        _ = self.goals  # refuses columns that cannot be those of goals

    @property
    def goals(self) -> Goals | None:
        """The columns of the goal; None where there is none, or its names tell them."""
        named = self.goal or self.relative
        return Goals(tuple(self.goal), tuple(self.relative), "achieved-desired") if named else None


@dataclass(frozen=True)
class Regime:
    """How much of the demonstrations a method is given.

    Attributes:
        name: Key of the table, and the folder of the results.
        trajectories: Number of trajectories, the first ones of the file.
        subsample: Every subsample-th transition of each trajectory is kept, from a random offset.
        steps: For the names of some tasks, the environment steps in this regime instead of the task's.
    """

    name: str
    trajectories: int
    subsample: int = 1
    steps: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that some transitions and steps are left."""
        if self.trajectories < 1 or self.subsample < 1:
            raise RexdError(
                f"trajectories and subsample are {self.trajectories} and {self.subsample}; expected 1 or more of each"
            )
        for task, steps in self.steps.items():
            if steps < 1:
                raise RexdError(f"steps of {task} is {steps}; expected 1 or more")

    def steps_of(self, task: Task) -> int:
        """Return the environment steps on a task, where a method does not say otherwise."""
        return self.steps.get(task.name, task.steps)


@dataclass(frozen=True)
class Method:
    """A way to learn a policy, with its settings.

    Attributes:
        name: Key of the table, and part of the ids of runs.
        about: One line that describes the method in the tables.
        kind: ``training`` for ``rexd.train`` with ``settings``, or ``cloning`` for
            ``rexd.rl.policies.cloning.clone``, which has no settings.
        settings: Fields of ``TrainConfig``; the reward's are in a nested table.
        steps: Environment steps; None takes those of each task, or of the regime for this task.
        tasks: For the names of some tasks, ``steps`` and further ``settings`` that hold on this task alone.
        seeds: Seeds of the method; empty for those of the suite.
        regimes: Names of the regimes that the method runs in; empty for all.
    """

    name: str
    about: str = ""
    kind: Literal["training", "cloning"] = "training"
    settings: Mapping[str, Any] = field(default_factory=dict)
    steps: int | None = None
    tasks: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    regimes: tuple[str, ...] = ()

    def settings_of(self, task: Task) -> dict[str, Any]:
        """Return the settings of the method on a task."""
        own = self.tasks.get(task.name, {}).get("settings", {})
        reward = {**self.settings.get("reward", {}), **own.get("reward", {})}
        return {**self.settings, **own, **({"reward": reward} if reward else {})}

    def steps_of(self, task: Task, regime: Regime) -> int:
        """Return the environment steps on a task in a regime; 0 for cloning."""
        if self.kind == "cloning":
            return 0
        own = self.tasks.get(task.name, {}).get("steps")
        return int(own or self.steps or regime.steps_of(task))


@dataclass(frozen=True)
class _OnTask:
    """The fields of a method that a task may override."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    steps: int | None = None


@dataclass(frozen=True)
class Suite:
    """All combinations of tasks, regimes, methods and seeds.

    Attributes:
        name: Name of the suite.
        about: What the suite compares, and where the files for ``--data`` come from.
        seeds: Seeds of every method that does not list its own.
        tasks: The tasks in the order of the tables.
        regimes: The regimes; the headline table and the figure show the first.
        methods: The methods in the order of their runs; the others are compared with the first.
    """

    name: str
    about: str
    seeds: tuple[int, ...]
    tasks: tuple[Task, ...]
    regimes: tuple[Regime, ...]
    methods: tuple[Method, ...]


def load_suite(name_or_path: str) -> Suite:
    """Read a suite.

    Args:
        name_or_path: Name of a suite that rexd ships, or the path of a TOML file.

    Raises:
        RexdError: There is no such suite, or it is not understood; the message names the file, the key and the mend.
    """
    shipped = suite_names()
    if name_or_path in shipped:
        text, where = files("rexd.benchmark").joinpath(_FOLDER, f"{name_or_path}.toml").read_text("utf-8"), name_or_path
    else:
        path = Path(name_or_path)
        if not path.is_file():
            raise RexdError(
                f"no suite {name_or_path!r}.{did_you_mean(name_or_path, shipped)} rexd ships {', '.join(shipped)}; "
                "give one of these, or the path of a TOML file"
            )
        text, where = path.read_text("utf-8"), str(path)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RexdError(f"{where}: is no valid TOML ({error}); correct it there") from error
    return parse_suite(content, name=Path(where).stem, where=where)


def suite_names() -> list[str]:
    """Return the names of the suites that rexd ships."""
    folder = files("rexd.benchmark").joinpath(_FOLDER)
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def parse_suite(content: Mapping[str, Any], *, name: str, where: str) -> Suite:
    """Build a suite from the content of its file.

    Args:
        content: The parsed TOML.
        name: Name of the suite.
        where: The file, as errors name it.

    Raises:
        RexdError: The content is not understood; the message names the file, the key and the mend.
    """
    tables = ("tasks", "regimes", "methods")
    head = {key: value for key, value in content.items() if key not in tables}
    tasks = _named(content, "tasks", where, lambda key, table, at: build(Task, table, at, name=key))
    regimes = _named(content, "regimes", where, lambda key, table, at: build(Regime, table, at, name=key))
    methods = _named(content, "methods", where, _method)
    suite = build(Suite, head, where, name=name, tasks=tasks, regimes=regimes, methods=methods)
    names = [regime.name for regime in regimes]
    for task in tasks:
        _known(task.regimes, names, f"{where}: tasks.{task.name}.regimes", "regimes")
    for regime in regimes:
        _known(regime.steps, [task.name for task in tasks], f"{where}: regimes.{regime.name}.steps", "tasks")
    for method in methods:
        at = f"{where}: methods.{method.name}"
        _known(method.regimes, names, f"{at}.regimes", "regimes")
        _known(method.tasks, [task.name for task in tasks], f"{at}.tasks", "tasks")
        for task in tasks:
            _trainable(method, task, at)
        _seeds(method.seeds, f"{at}.seeds")
    _seeds(suite.seeds, f"{where}: seeds")
    return suite


def _named(content: Mapping[str, Any], key: str, where: str, make: Callable[[str, Any, str], T]) -> tuple[T, ...]:
    found = content.get(key)
    if not isinstance(found, Mapping) or not found:
        raise RexdError(f"{where} has no [{key}.NAME] table; add one or more")
    for name in found:
        if not _NAME.fullmatch(name):
            raise RexdError(f"{where}: {key}.{name!r} is no name for a file; use letters, digits, '_', '.' and '-'")
    return tuple(make(name, table, f"{where}: {key}.{name}") for name, table in found.items())


def _method(name: str, table: Any, where: str) -> Method:
    method = build(Method, table, where, name=name)
    if method.kind == "cloning" and (method.settings or method.steps or method.tasks):
        raise RexdError(f"{where}: kind is 'cloning', which takes neither settings nor steps; leave them out")
    parts = {f"{where}.tasks.{task}": own for task, own in method.tasks.items()}
    for at, part in {where: {"settings": method.settings, "steps": method.steps}, **parts}.items():
        check(_OnTask, part, at)
        check(TrainConfig, part.get("settings", {}), f"{at}.settings", leave_out={"seed": None, "steps": None})
        if (steps := part.get("steps")) is not None and steps < 1:
            raise RexdError(f"{at}: steps is {steps}; expected 1 or more")
    return method


def _trainable(method: Method, task: Task, where: str) -> None:
    try:
        TrainConfig.from_dict(method.settings_of(task))
    except RexdError as error:
        raise RexdError(f"{where}.settings, on task {task.name}: {error}") from error


def _known(names: Any, known: list[str], where: str, what: str) -> None:
    for name in names:
        if name not in known:
            raise RexdError(f"{where} names {name!r}.{did_you_mean(name, known)} The {what} are {', '.join(known)}")


def _seeds(seeds: tuple[int, ...], where: str) -> None:
    if any(seed < 0 for seed in seeds) or len(set(seeds)) < len(seeds):
        raise RexdError(f"{where} is {list(seeds)}; expected numbers from 0, each once")
