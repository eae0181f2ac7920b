"""A progress bar for work that may be short: it appears after a second, and only on a terminal."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from rich import progress as bars

from rexd.cli.show.output import stderr

_PATIENCE = 1.0  # seconds until the bar appears


class Waiting:
    """A bar that names what is being done, if that takes long."""

    def __init__(self, doing: str) -> None:
        """Prepare the bar; ``doing`` names the first part of the work."""
        console = stderr()
        self._bar = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(doing, total=None)
        self._lock, self._ended = threading.Lock(), False
        # A timer in a thread is needed, because reading a file makes no calls while it lasts.
        self._timer = threading.Timer(_PATIENCE, self._show)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        """Start the time after which the bar appears."""
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the bar."""
        with self._lock:
            self._ended = True
            self._timer.cancel()
            self._bar.stop()

    def step(self, doing: str, done: int, total: int) -> None:
        """Show which part of the work is being done, and how much of it is done."""
        self._bar.update(self._task, description=doing, completed=done, total=total)

    def _show(self) -> None:
        with self._lock:
            if not self._ended:
                self._bar.start()
