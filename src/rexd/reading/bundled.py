"""The demonstrations that are shipped with rexd, for a first run without a download."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats.rexd_npz import load
from rexd.reading.rows.hints import Hints

DEFAULT_TASK = "HalfCheetah-v5"


def bundled_demonstrations(task: str = DEFAULT_TASK) -> Demonstrations:
    """Load demonstrations that are shipped with rexd, recorded with a policy trained on the environment's reward.

    Args:
        task: The Gymnasium id of the environment, in upper or lower case.

    Raises:
        DemonstrationError: No demonstrations are shipped for this task; the message lists the tasks that have some.
    """
    shipped = bundled_tasks()
    if task.lower() not in shipped:
        raise DemonstrationError(
            f"no demonstrations of {task!r} are shipped with rexd; there are demonstrations "
            f"of {', '.join(shipped) or 'no task'}. Give a demonstration file instead"
        )
    with as_file(files("rexd").joinpath("data", f"{task.lower()}.npz")) as path:
        demos = load(Source(path), Hints())
    return replace(demos, source=f"bundled {demos.env_id or task}")


def bundled_tasks() -> list[str]:
    """Return the tasks with shipped demonstrations, in lower case."""
    folder = files("rexd").joinpath("data")
    if not folder.is_dir():
        return []
    return sorted(item.name.removesuffix(".npz") for item in folder.iterdir() if item.name.endswith(".npz"))
