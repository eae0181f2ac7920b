"""What a page is made of: data, rewards and runs that were loaded before, and episodes that were played."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import RunError
from rexd.inspection.data.finding import Finding
from rexd.reward.estimator.estimator import Estimator
from rexd.rl.training.run_folder import CONFIG_FILE, EVALUATION_FILE, METRICS_FILE, Run


@dataclass(frozen=True, eq=False)
class Material:
    """Everything that a page may show; a part of which nothing is given is left out.

    Attributes:
        title: The title of the page.
        facts: What the demonstrations are, by name; values that are None are not shown.
        findings: What was found about them, the worst first; None where nothing was looked for.
        demonstrations: The rows that rewards are judged on, in memory.
        demonstrated: True returns of the whole demonstrated trajectories; None where they are not known.
        rewards: The rewards whose pictures are shown, by name.
        runs: The runs, by name.
        episodes: Episodes of the policies of runs, by the name of the run.
        columns: The two columns of the plane; None takes principal components.
        notes: What is not shown, and why.
        commands: The commands that made this, beside those of the runs.
    """

    title: str
    facts: Mapping[str, str | None] = field(default_factory=dict)
    findings: Sequence[Finding] | None = None
    demonstrations: Demonstrations | None = None
    demonstrated: Sequence[float] | None = None
    rewards: Mapping[str, Estimator] = field(default_factory=dict)
    runs: Mapping[str, Run] = field(default_factory=dict)
    episodes: Mapping[str, Sequence[Trajectory]] = field(default_factory=dict)
    columns: tuple[str, str] | None = None
    notes: Sequence[str] = ()
    commands: Sequence[str] = ()


@dataclass(frozen=True)
class Origin:
    """What a run folder records of where it comes from.

    Attributes:
        versions: The versions of packages, by name.
        about: Processor, date and demonstrations, by name.
        command: The words of the command; empty for runs from Python.
    """

    versions: Mapping[str, str]
    about: Mapping[str, str]
    command: tuple[str, ...]


def origin_of(run: Run) -> Origin:
    """Read where a run comes from; what is missing or of another kind is left out."""
    content: Any = json.loads((run.path / CONFIG_FILE).read_text("utf-8"))
    versions, command = content.get("versions"), content.get("command")
    about = {"processor": "processor", "date": "date", "demonstrations": "demonstrations_source"}
    return Origin(
        {str(name): str(value) for name, value in versions.items()} if isinstance(versions, dict) else {},
        {name: str(content[key]) for name, key in about.items() if content.get(key) is not None},
        tuple(map(str, command)) if isinstance(command, list) else (),
    )


@contextmanager
def whole(*runs: Run) -> Iterator[None]:
    """Name the runs whose records are read where one of them is not what rexd writes.

    Raises:
        RunError: A record is missing or of another kind.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        names = ", ".join(str(run.path) for run in runs)
        raise RunError(
            f"{names}: damaged {EVALUATION_FILE} or {METRICS_FILE} ({error!r}); expected the records of rexd train. "
            "Copy the folder again"
        ) from error


def named(paths: Sequence[Path]) -> list[str]:
    """Return a short name for each path: its last part where that tells them apart, else the whole of it."""
    short = [path.resolve().name for path in paths]
    return short if len(set(short)) == len(short) else [str(path) for path in paths]
