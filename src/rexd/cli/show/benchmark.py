"""What a running benchmark shows: one live table on a terminal, and plain lines elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rexd.benchmark.pace import Pace, speed, steps_done
from rexd.benchmark.schedule import Phase, RunProgress
from rexd.cli.show.text import number, with_spread
from rexd.shown import plain

SHOWN_WAITING = 3  # runs that wait
SHOWN_DONE = 12  # runs that are done
MOST_ERROR = 50  # characters of an error
_STYLES = {Phase.WAITING: "dim", Phase.RUNNING: "bold", Phase.DONE: "green", Phase.CRASHED: "bold red"}


class LiveTable:
    """A ``Watcher`` that shows all runs as one table on a terminal."""

    def __init__(self, console: Console, pace: Pace, *, jobs: int) -> None:
        """Prepare the table.

        Args:
            console: Where the table is drawn.
            pace: Estimates the time that is left.
            jobs: Number of runs at a time.
        """
        self.console, self.pace, self.jobs = console, pace, jobs
        self._live = Live(console=console, refresh_per_second=4, transient=False)

    def __enter__(self) -> Self:
        """Show the table."""
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop, and leave the last state of the table on the screen."""
        self._live.stop()

    def changed(self, item: RunProgress) -> None:
        """Do nothing: the next ``tick`` shows the change."""

    def tick(self, items: Sequence[RunProgress]) -> None:
        """Draw the table again."""
        self._live.update(table(items, self.pace, self.jobs))


class Lines:
    """A ``Watcher`` for output that is no terminal: it prints a line when a run begins, ends or is evaluated."""

    def __init__(self, console: Console, pace: Pace, *, jobs: int) -> None:
        """Prepare to print; the arguments are those of ``LiveTable``."""
        self.console, self.pace, self.jobs = console, pace, jobs

    def __enter__(self) -> Self:
        """Return the watcher; nothing has to be started."""
        return self

    def __exit__(self, *error: object) -> None:
        """Do nothing; nothing has to be stopped."""

    def changed(self, item: RunProgress) -> None:
        """Print the state of the run in one line."""
        parts = [item.run.id, str(item.phase), *(cell for cell in _cells(item, self.pace)[2:] if cell)]
        self.console.print(Text(plain(" · ".join(parts))), soft_wrap=True)

    def tick(self, items: Sequence[RunProgress]) -> None:
        """Do nothing: only changes are printed."""


def table(items: Sequence[RunProgress], pace: Pace, jobs: int) -> Table:
    """Return the table of the runs that matter now, with a summary of all runs as its caption.

    It shows all runs that are running or crashed, the last ``SHOWN_DONE`` that are done, and the next ``SHOWN_WAITING``
    that wait.
    """
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", caption_justify="left")
    for heading in ("run", "state", "steps", "return", "speed", "time left"):
        grid.add_column(heading, justify="left" if heading in ("run", "state") else "right", no_wrap=True)
    done = [item for item in items if item.phase is Phase.DONE]
    waiting = [item for item in items if item.phase is Phase.WAITING]
    hidden = {id(item) for item in [*done[:-SHOWN_DONE], *waiting[SHOWN_WAITING:]]}
    for item in items:
        if id(item) not in hidden:
            grid.add_row(*(Text(plain(cell)) for cell in _cells(item, pace)), style=_STYLES[item.phase])
    grid.caption = Text(plain(summary(items, pace, jobs)))
    return grid


def summary(items: Sequence[RunProgress], pace: Pace, jobs: int) -> str:
    """Return one line that counts the runs by phase and estimates the time that is left."""
    counts = Counter(item.phase for item in items)
    told = [f"{counts[phase]} {phase}" for phase in Phase if counts[phase]]
    left = pace.all_seconds(items, jobs)
    return f"{len(items)} runs: {', '.join(told)}" + ("" if not left else f"; about {duration(left)} left")


def duration(seconds: float) -> str:
    """Return a duration in hours and minutes, in minutes and seconds, or in seconds."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"


def _shortened(text: str) -> str:
    """Return as much of an error as the table has room for; the record of the crash has all of it."""
    return text if len(text) <= MOST_ERROR else text[: MOST_ERROR - 1] + "…"


def _cells(item: RunProgress, pace: Pace) -> tuple[str, ...]:
    if item.phase is Phase.CRASHED:
        return item.run.id, str(item.phase), _shortened(plain(item.error or ""))
    if item.phase is Phase.DONE and item.result is not None:
        result = item.result
        return (
            item.run.id,
            str(item.phase),
            f"{result['steps']:,} steps",
            f"return {with_spread(result['return_mean'], result['return_std'])}",
            "",
            f"took {duration(result['seconds'])}",
        )
    rate, left = speed(item.metrics), pace.run_seconds(item)
    learned = next((m["learned_return"] for m in reversed(item.metrics)), None)
    return (
        item.run.id,
        str(item.phase),
        f"{steps_done(item):,} of {item.run.steps:,} steps" if item.run.steps else "",
        "" if learned is None else f"learned return {number(learned)}",
        "" if rate is None or item.phase is not Phase.RUNNING else f"{number(rate)} steps/s",
        "" if left is None else f"{duration(left)} left",
    )
