"""A suite: which methods are compared on which tasks, from how many demonstrations; one TOML file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

from rexd.benchmark.checked import build, check, meant
from rexd.errors import RexdError
from rexd.rl.config import TrainConfig

T = TypeVar("T")

BUNDLED = "bundled"
_FOLDER = "suites"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Task:
    """An environment and the demonstrations of it.

    Attributes:
        name: Key of the table, and part of the ids of runs.
        env: Gymnasium id, or ``module:Id``.
        demonstrations: A file below the folder that ``--data`` names, or ``bundled`` for those that rexd ships.
        steps: Environment steps of a training run.
        demonstrations_return: Mean return of the demonstrations, in the environment: the score 1.
        random_return: Mean return of uniformly random actions: the score 0.
        env_kwargs: Arguments of the environment.
        columns: First observation columns to keep; None keeps all.
        target: A return that a method should reach; None where it is only reported.
        subsampled: Whether the regime's subsampling applies; not to episodes that are short anyway.
        regimes: Those that it is part of; empty for all.
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
    subsampled: bool = True
    regimes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be a task."""
        if self.steps < 1 or (self.columns is not None and self.columns < 1):
            raise RexdError(f"steps is {self.steps} and columns {self.columns}; expected 1 or more of each")
        if not self.demonstrations_return > self.random_return:
            raise RexdError(
                f"demonstrations_return {self.demonstrations_return} is not above random_return {self.random_return}"
            )


@dataclass(frozen=True)
class Regime:
    """How much of the demonstrations a method is given.

    Attributes:
        name: Key of the table, and the folder of the results.
        trajectories: The first so many.
        subsample: Every so manieth transition of each, from a random offset.
    """

    name: str
    trajectories: int
    subsample: int = 1

    def __post_init__(self) -> None:
        """Refuse what leaves nothing."""
        if self.trajectories < 1 or self.subsample < 1:
            raise RexdError("trajectories and subsample: expected 1 or more of each")


@dataclass(frozen=True)
class Method:
    """What learns.

    Attributes:
        name: Key of the table, and part of the ids of runs.
        about: One line for the tables.
        kind: training: ``rexd.train`` with ``settings``. cloning: ``rexd.rl.policies.cloning.clone``, which has none.
        settings: Fields of ``TrainConfig``, the reward's in a table of their own.
        steps: Environment steps instead of the tasks' own.
        tasks: By the name of a task what is peculiar to it: ``steps``, and ``settings`` beside those above.
        seeds: Instead of the suite's.
        regimes: Those that it runs in; empty for all.
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
        """The settings on a task."""
        own = self.tasks.get(task.name, {}).get("settings", {})
        reward = {**self.settings.get("reward", {}), **own.get("reward", {})}
        return {**self.settings, **own, **({"reward": reward} if reward else {})}

    def steps_of(self, task: Task) -> int:
        """Environment steps on a task; 0 where none are taken."""
        if self.kind == "cloning":
            return 0
        own = self.tasks.get(task.name, {}).get("steps")
        return int(own or self.steps or task.steps)


@dataclass(frozen=True)
class _OnTask:
    """What a method has of its own on one task."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    steps: int | None = None


@dataclass(frozen=True)
class Suite:
    """Tasks × regimes × methods × seeds.

    Attributes:
        name: Of the suite.
        about: What it is, and where ``--data`` comes from.
        seeds: Of every method that does not name its own.
        tasks: In the order of the tables.
        regimes: The first is the one that headlines tell of.
        methods: The first is the one that the others are compared with; runs are made in this order.
    """

    name: str
    about: str
    seeds: tuple[int, ...]
    tasks: tuple[Task, ...]
    regimes: tuple[Regime, ...]
    methods: tuple[Method, ...]

    @property
    def needs_data(self) -> bool:
        """Whether a task's demonstrations lie in a folder of the user's."""
        return any(task.demonstrations != BUNDLED for task in self.tasks)


def load_suite(name_or_path: str) -> Suite:
    """Read a suite that rexd ships, by its name, or any other by the path of its TOML file.

    Raises:
        RexdError: There is none, or it is not understood; the message names the file, the key and the mend.
    """
    shipped = suite_names()
    if name_or_path in shipped:
        text, where = files("rexd.benchmark").joinpath(_FOLDER, f"{name_or_path}.toml").read_text("utf-8"), name_or_path
    else:
        path = Path(name_or_path)
        if not path.is_file():
            raise RexdError(
                f"no suite {name_or_path!r}.{meant(name_or_path, shipped)} rexd ships {', '.join(shipped)}; give one "
                "of these, or the path of a TOML file"
            )
        text, where = path.read_text("utf-8"), str(path)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RexdError(f"{where}: is no valid TOML ({error}); correct it there") from error
    return parse_suite(content, name=Path(where).stem, where=where)


def suite_names() -> list[str]:
    """The suites that rexd ships."""
    folder = files("rexd.benchmark").joinpath(_FOLDER)
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def parse_suite(content: Mapping[str, Any], *, name: str, where: str) -> Suite:
    """A suite from the content of its file.

    Raises:
        RexdError: As for ``load_suite``.
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
            raise RexdError(f"{where} names {name!r}.{meant(name, known)} The {what} are {', '.join(known)}")


def _seeds(seeds: tuple[int, ...], where: str) -> None:
    if any(seed < 0 for seed in seeds) or len(set(seeds)) < len(seeds):
        raise RexdError(f"{where} is {list(seeds)}; expected numbers from 0, each once")
