"""The runs of a suite: their ids, their files, and whether existing results are of the same settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from rexd.benchmark.suite import Method, Regime, Suite, Task
from rexd.errors import RexdError, did_you_mean
from rexd.files import read_json
from rexd.reading import BUNDLED
from rexd.rl.config import SBX, TrainConfig
from rexd.rl.training.run_folder import CONFIG_FILE


@dataclass(frozen=True)
class RunSpec:
    """One run: a method on a task, with the demonstrations of a regime, and one seed.

    Attributes:
        suite: Name of the suite.
        task: The environment and its demonstrations.
        regime: How much of the demonstrations is used.
        method: How the policy is learnt.
        seed: Seed of the whole run.
        steps: Environment steps; 0 for cloning.
    """

    suite: str
    task: Task
    regime: Regime
    method: Method
    seed: int
    steps: int

    @property
    def id(self) -> str:
        """The name of the run, unique within its suite: its result's path in the suite's folder, without ``.json``."""
        return f"{self.regime.name}/{self.task.name}-{self.method.name}-seed{self.seed}"

    @property
    def config(self) -> TrainConfig:
        """The settings of the training."""
        return TrainConfig.from_dict({**self.method.settings_of(self.task), "steps": self.steps, "seed": self.seed})

    @property
    def settings(self) -> dict[str, Any]:
        """All settings that the result depends on, except the number of steps, as plain JSON types."""
        task = {name: getattr(self.task, name) for name in ("env", "demonstrations", "columns")}
        task["env_kwargs"] = dict(self.task.env_kwargs)
        training = {} if self.method.kind == "cloning" else _training(self)
        selection: dict[str, Any] = {
            "trajectories": self.regime.trajectories,
            "subsample": self.regime.subsample if self.task.subsampled else 1,
        }
        if self.task.without_actions:  # other results do not record it
            selection["without_actions"] = True
        if self.task.goals is not None:
            selection["goals"] = self.task.goals.to_dict()
        return {**task, **selection, "kind": self.method.kind, **training}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the object from what ``to_dict`` returned."""
        parts = {"task": Task, "regime": Regime, "method": Method}
        return cls(**{name: parts[name](**value) if name in parts else value for name, value in values.items()})


class State(StrEnum):
    """What exists of a run."""

    DONE = "done"
    """A result of the full number of steps."""
    STALE = "stale"
    """A result, or a folder to resume from, that was made with other settings."""
    STARTED = "started"
    """A result of fewer steps, or a folder to resume from."""
    NEW = "new"
    """Nothing."""


@dataclass(frozen=True)
class Folders:
    """The folders that a benchmark reads and writes; the first two hold a folder for each suite.

    Attributes:
        results: Folder of the results, one JSON file for each run.
        runs: Folder of the run folders, the logs and the records of crashes.
        data: Folder of the demonstrations; None if rexd ships all of them.
    """

    results: Path
    runs: Path
    data: Path | None = None

    def to_dict(self) -> dict[str, str | None]:
        """Return the fields as plain JSON types."""
        data = None if self.data is None else str(self.data)
        return {"results": str(self.results), "runs": str(self.runs), "data": data}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the object from what ``to_dict`` returned."""
        data = values["data"]
        return cls(Path(values["results"]), Path(values["runs"]), None if data is None else Path(data))

    def result(self, run: RunSpec) -> Path:
        """Return the path of the result."""
        return self.results / run.suite / f"{run.id}.json"

    def run(self, run: RunSpec) -> Path:
        """Return the run folder of the training."""
        return self.runs / run.suite / run.id

    def log(self, run: RunSpec) -> Path:
        """Return the path of the log, which holds what the process prints."""
        return self.runs / run.suite / f"{run.id}.log"

    def job(self, run: RunSpec) -> Path:
        """Return the path of the file that tells the process what to do."""
        return self.runs / run.suite / f"{run.id}.job.json"

    def lock(self, run: RunSpec) -> Path:
        """Return the path of the lock that the process holds."""
        return self.runs / run.suite / f"{run.id}.lock"

    def crash(self, run: RunSpec) -> Path:
        """Return the path of the record of a crash; the file exists only if the last attempt crashed."""
        return self.runs / run.suite / f"{run.id}.crash.json"


def expand(suite: Suite, *, steps: int | None = None) -> list[RunSpec]:
    """Return all runs of a suite, in the order in which they are executed.

    Args:
        suite: The suite.
        steps: Largest number of environment steps of a run; None keeps those of the suite.
    """
    runs = []
    for regime in suite.regimes:
        for method in suite.methods:
            if method.regimes and regime.name not in method.regimes:
                continue
            for seed in method.seeds or suite.seeds:
                for task in suite.tasks:
                    if task.regimes and regime.name not in task.regimes:
                        continue
                    if task.without_actions and method.kind == "cloning":  # there is nothing to clone
                        continue
                    wanted = method.steps_of(task, regime)
                    runs.append(RunSpec(suite.name, task, regime, method, seed, min(wanted, steps or wanted)))
    return runs


def narrowed(
    suite: Suite,
    *,
    tasks: Sequence[str] = (),
    regimes: Sequence[str] = (),
    methods: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> Suite:
    """Return the part of a suite that a user asks for.

    Some methods have fewer seeds or regimes than the suite. Other seeds and regimes that are asked for are run with
    such a method only if the method is named too.

    Args:
        suite: The suite.
        tasks: Names of tasks; all if empty, as for the other arguments.
        regimes: Names of regimes.
        methods: Names of methods.
        seeds: Seeds instead of the suite's.

    Raises:
        RexdError: The suite has no task, regime or method of a given name.
    """
    found = _chosen(suite.methods, methods, "method", suite.name)
    limited = [method if methods else _limited(method, regimes, seeds) for method in found]
    return replace(
        suite,
        tasks=_chosen(suite.tasks, tasks, "task", suite.name),
        regimes=_chosen(suite.regimes, regimes, "regime", suite.name),
        methods=tuple(
            replace(m, seeds=() if methods and seeds else m.seeds, regimes=() if methods and regimes else m.regimes)
            for m in limited
            if m is not None
        ),
        seeds=tuple(seeds) or suite.seeds,
    )


def _limited(method: Method, regimes: Sequence[str], seeds: Sequence[int]) -> Method | None:
    """Return a method with those of its own regimes and seeds that are asked for; None if none is left."""
    kept_regimes = tuple(name for name in method.regimes if not regimes or name in regimes)
    kept_seeds = tuple(seed for seed in method.seeds if not seeds or seed in seeds)
    if (method.regimes and not kept_regimes) or (method.seeds and not kept_seeds):
        return None
    return replace(method, regimes=kept_regimes, seeds=kept_seeds)


def _chosen(known: Sequence[Any], names: Sequence[str], what: str, suite: str) -> tuple[Any, ...]:
    by_name = {item.name: item for item in known}
    for name in names:
        if name not in by_name:
            raise RexdError(
                f"suite {suite} has no {what} {name!r}.{did_you_mean(name, by_name)} It has {', '.join(by_name)}"
            )
    return tuple(item for item in known if not names or item.name in names)


def state_of(run: RunSpec, folders: Folders) -> State:
    """Return whether a run is done, is new, can be continued, or was made with other settings.

    Raises:
        RexdError: A result is damaged.
    """
    result = read_result(folders.result(run))
    if differences(run, folders):
        return State.STALE
    if result is not None and result["steps"] >= run.steps:
        return State.DONE
    return State.NEW if result is None and not (folders.run(run) / CONFIG_FILE).is_file() else State.STARTED


def differences(run: RunSpec, folders: Folders) -> list[str]:
    """Return the settings in which what exists differs from the run, such as ``discount was 0.9, is 0.99``.

    The result is compared. If it does not differ but is missing or has fewer steps, the folder to resume from is
    compared as well.
    """
    result = read_result(folders.result(run))
    found = [] if result is None else result_differences(run, result)
    whole = result is not None and result["steps"] >= run.steps
    return found if found or whole else folder_differences(run, folders)


def result_differences(run: RunSpec, result: Mapping[str, Any]) -> list[str]:
    """Return the settings in which a result differs from the run."""
    settings = result.get("settings")
    return ["its settings are not recorded"] if settings is None else _changes(settings, run.settings)


def folder_differences(run: RunSpec, folders: Folders) -> list[str]:
    """Return the settings in which the folder to resume from differs from the run."""
    path = folders.run(run) / CONFIG_FILE
    if not path.is_file():
        return []
    try:
        was = dict(read_json(path, RexdError, "")["train"])
    except (KeyError, TypeError, ValueError, RexdError):
        return [f"{path} was damaged"]
    return _changes({name: value for name, value in was.items() if name != "steps"}, _training(run))


def _training(run: RunSpec) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(json.dumps(run.config.to_dict()))  # as in a file, where tuples are lists
    del settings["steps"]
    return settings


def _changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the settings that differ; a setting that one side lacks is taken to have its default there.

    Results therefore stay valid when a setting is added whose default changes nothing. ``auto`` is one algorithm for
    each environment, and files say which: no environment has actions that both of its choices take.
    """
    default = _flat(json.loads(json.dumps(TrainConfig().to_dict())))
    old, new = default | _flat(was), default | _flat(now)
    if new.get("algorithm") == "auto" and old.get("algorithm") in SBX:
        new["algorithm"] = old["algorithm"]
    return [
        f"{name} was {old.get(name)!r}, is {new.get(name)!r}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, Mapping) else {name: value}
    return flat


def check_data(runs: Iterable[RunSpec], folders: Folders) -> None:
    """Check that the demonstrations of all runs exist.

    Raises:
        RexdError: No folder is named, or it lacks a file.
    """
    for run in runs:
        name = run.task.demonstrations
        if name == BUNDLED:
            continue
        if folders.data is None:
            raise RexdError(f"task {run.task.name} needs {name}; name the folder that it lies in with --data")
        if not (folders.data / name).exists():
            raise RexdError(f"{folders.data} has no {name}, which task {run.task.name} needs; correct --data")


def read_result(path: Path) -> dict[str, Any] | None:
    """Read a result; None if the file does not exist.

    Raises:
        RexdError: The file is damaged.
    """
    if not path.is_file():
        return None
    try:
        result = read_json(path, RexdError, "Delete it and run it again")
        _ = float(result["return_mean"]), int(result["steps"]), float(result["seconds"]), result["seed"]
    except (KeyError, TypeError, ValueError) as error:
        raise RexdError(f"{path}: is no result of a run ({error!r}); delete it and run it again") from error
    return result


def results_of(suite: Suite, folders: Folders) -> list[dict[str, Any]]:
    """Read all results in the folder of a suite, of all its regimes."""
    found = []
    for path in sorted((folders.results / suite.name).glob("*/*.json")):
        result = read_result(path)
        if result is not None:
            found.append(result)
    return found
