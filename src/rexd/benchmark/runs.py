"""One run of a suite: its id, its files, and whether what is there already will do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from rexd.benchmark.checked import meant
from rexd.benchmark.suite import BUNDLED, Method, Regime, Suite, Task
from rexd.errors import RexdError
from rexd.rl.config import TrainConfig
from rexd.rl.training.run_folder import CONFIG_FILE


@dataclass(frozen=True)
class RunSpec:
    """A method on a task, from so many demonstrations, with one seed.

    Attributes:
        task: What is to be done.
        regime: How much of it was demonstrated.
        method: Who learns.
        seed: Of everything.
        steps: Environment steps; 0 where none are taken.
    """

    task: Task
    regime: Regime
    method: Method
    seed: int
    steps: int

    @property
    def id(self) -> str:
        """Unique within a suite, the same in all versions, and the path of the result without ``.json``."""
        return f"{self.regime.name}/{self.task.name}-{self.method.name}-seed{self.seed}"

    @property
    def config(self) -> TrainConfig:
        """The settings of the training."""
        return TrainConfig.from_dict({**self.method.settings_of(self.task), "steps": self.steps, "seed": self.seed})

    @property
    def settings(self) -> dict[str, Any]:
        """All that the result depends on but its length, as plain JSON types."""
        task = {name: getattr(self.task, name) for name in ("env", "demonstrations", "columns")}
        task["env_kwargs"] = dict(self.task.env_kwargs)
        training = {} if self.method.kind == "cloning" else _training(self)
        selection = {
            "trajectories": self.regime.trajectories,
            "subsample": self.regime.subsample if self.task.subsampled else 1,
        }
        return {**task, **selection, "kind": self.method.kind, **training}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``."""
        parts = {"task": Task, "regime": Regime, "method": Method}
        return cls(**{name: parts[name](**value) if name in parts else value for name, value in values.items()})


class State(StrEnum):
    """What there is of a run."""

    DONE = "done"
    """A result of its full length."""
    STALE = "stale"
    """Something that was made with other settings."""
    STARTED = "started"
    """A result that is shorter, or a folder to resume from."""
    NEW = "new"
    """Nothing."""


@dataclass(frozen=True)
class Folders:
    """Where a benchmark reads and writes.

    Attributes:
        results: Of the results, one JSON a run.
        runs: Of what they are made from: run folders, logs, records of crashes.
        data: Of the demonstrations; None where rexd ships them all.
    """

    results: Path
    runs: Path
    data: Path | None = None

    def to_dict(self) -> dict[str, str | None]:
        """Plain JSON types."""
        data = None if self.data is None else str(self.data)
        return {"results": str(self.results), "runs": str(self.runs), "data": data}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``."""
        data = values["data"]
        return cls(Path(values["results"]), Path(values["runs"]), None if data is None else Path(data))

    def result(self, run: RunSpec) -> Path:
        """The result."""
        return self.results / f"{run.id}.json"

    def run(self, run: RunSpec) -> Path:
        """The folder of the training."""
        return self.runs / run.id

    def log(self, run: RunSpec) -> Path:
        """What its process prints."""
        return self.runs / f"{run.id}.log"

    def job(self, run: RunSpec) -> Path:
        """What its process is to do."""
        return self.runs / f"{run.id}.job.json"

    def lock(self, run: RunSpec) -> Path:
        """Held by its process."""
        return self.runs / f"{run.id}.lock"

    def crash(self, run: RunSpec) -> Path:
        """The record of its last crash, there only while that is what came of it."""
        return self.runs / f"{run.id}.crash.json"


def expand(suite: Suite, *, steps: int | None = None) -> list[RunSpec]:
    """All runs of a suite, in the order in which they are made.

    Args:
        suite: The suite.
        steps: Most environment steps of a run, for a trial.
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
                    wanted = method.steps_of(task)
                    runs.append(RunSpec(task, regime, method, seed, min(wanted, steps or wanted)))
    return runs


def narrowed(
    suite: Suite,
    *,
    tasks: Sequence[str] = (),
    regimes: Sequence[str] = (),
    methods: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> Suite:
    """The part of a suite that a user asks for; what is not named stays whole.

    Some methods run fewer seeds or regimes than the suite has. Those that are asked for are run all the same where
    the methods are named too.

    Raises:
        RexdError: A name is none of the suite's.
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
    """A method within its own limits and what is asked for; None where that leaves nothing."""
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
                f"suite {suite} has no {what} {name!r}.{meant(name, list(by_name))} It has {', '.join(by_name)}"
            )
    return tuple(item for item in known if not names or item.name in names)


def state_of(run: RunSpec, folders: Folders) -> State:
    """Whether a run is done, can go on, or was made with other settings.

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
    """The settings in which the result, or the folder to resume from where more is to be done, differs from the run.

    Such as ``discount was 0.9, is 0.99``.
    """
    result = read_result(folders.result(run))
    found = [] if result is None else result_differences(run, result)
    whole = result is not None and result["steps"] >= run.steps
    return found if found or whole else folder_differences(run, folders)


def result_differences(run: RunSpec, result: Mapping[str, Any]) -> list[str]:
    """The settings in which a result differs from the run."""
    settings = result.get("settings")
    return ["its settings are not recorded"] if settings is None else _changes(settings, run.settings)


def folder_differences(run: RunSpec, folders: Folders) -> list[str]:
    """The settings in which the folder to resume from differs from the run."""
    path = folders.run(run) / CONFIG_FILE
    if not path.is_file():
        return []
    try:
        was = json.loads(path.read_text())["train"]
    except (KeyError, TypeError, ValueError):
        return [f"{path} was damaged"]
    return _changes({name: value for name, value in was.items() if name != "steps"}, _training(run))


def _training(run: RunSpec) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(json.dumps(run.config.to_dict()))  # as JSON, where tuples are lists
    del settings["steps"]
    return settings


def _changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs; a setting that only one side knows counts where the other is not at its default.

    So that results outlive a setting that is added, whose default changes nothing.
    """
    default = _flat(json.loads(json.dumps(TrainConfig().to_dict())))
    old, new = default | _flat(was), default | _flat(now)
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
    """Refuse to begin where demonstrations are missing.

    Raises:
        RexdError: No folder is named, or a file is not in it.
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
    """A result, or None where there is none.

    Raises:
        RexdError: The file is damaged.
    """
    if not path.is_file():
        return None
    try:
        result = json.loads(path.read_text())
        _ = float(result["return_mean"]), int(result["steps"]), float(result["seconds"]), result["seed"]
    except (KeyError, TypeError, ValueError) as error:
        raise RexdError(f"{path}: is no result of a run ({error!r}); delete it and run it again") from error
    return dict(result)


def results_below(folder: Path) -> list[dict[str, Any]]:
    """All results of all regimes, whatever suite they belong to; what else lies there is passed over."""
    found = []
    for path in sorted(folder.glob("*/*.json")):
        result = read_result(path)
        if result is not None:
            found.append(result)
    return found
