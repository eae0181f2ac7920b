"""What a run that stops on an error tells: what its folder keeps, and how the run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rexd.errors import RunError, TaskError
from rexd.files import is_full
from rexd.rl.training.run_folder import CONFIG_FILE, checkpoint_steps


@contextmanager
def says_what_is_kept(folder: Path) -> Iterator[None]:
    """Add to errors of the environment, and of a full disk, what the folder of the run keeps.

    Raises:
        TaskError: The environment failed.
        RunError: No space was left to write to.
    """
    try:
        yield
    except TaskError as error:
        if not (folder / CONFIG_FILE).is_file():
            raise  # the run had not begun
        raise TaskError(f"{error}. {_kept(folder)}") from error
    except OSError as error:
        if not is_full(error):
            raise
        place = error.filename or folder
        raise RunError(f"{place}: no space is left on the disk. Free some. {_kept(folder)}") from error


def _kept(folder: Path) -> str:
    steps = checkpoint_steps(folder)
    if steps is not None:
        return f"{folder} keeps the state after {steps:,} steps: the same command with --resume goes on from there"
    if (folder / CONFIG_FILE).is_file():
        return f"{folder} has no checkpoint yet: the same command with --resume starts the training again"
    return "Nothing was kept: give the same command again"
