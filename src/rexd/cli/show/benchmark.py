"""What a benchmark shows while it lasts: one live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rexd.benchmark.pace import Pace, speed, steps_done
from rexd.benchmark.schedule import Phase, Progress
from rexd.cli.show.text import number, plain

SHOWN_WAITING = 3
SHOWN_DONE = 12
MOST_ERROR = 50  # letters
_STYLES = {Phase.WAITING: "dim", Phase.RUNNING: "bold", Phase.DONE: "green", Phase.CRASHED: "bold red"}


class LiveTable:
    """A ``Watcher`` on a terminal."""

    def __init__(self, console: Console, pace: Pace, *, jobs: int) -> None:
        """Draw on ``console``."""
        self.console, self.pace, self.jobs = console, pace, jobs
        self._live = Live(console=console, refresh_per_second=4, transient=False)

    def __enter__(self) -> Self:
        """Show the table."""
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave its last state on the screen."""
        self._live.stop()

    def changed(self, item: Progress) -> None:
        """The next tick shows it."""

    def tick(self, items: Sequence[Progress]) -> None:
        """Draw anew."""
        self._live.update(table(items, self.pace, self.jobs))


class Lines:
    """A ``Watcher`` where there is no terminal: a line for each run that begins, ends or is evaluated."""

    def __init__(self, console: Console, pace: Pace, *, jobs: int) -> None:
        """Print on ``console``."""
        self.console, self.pace, self.jobs = console, pace, jobs
        self._items: Sequence[Progress] = ()

    def __enter__(self) -> Self:
        """Nothing to begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to end."""

    def changed(self, item: Progress) -> None:
        """One line."""
        parts = [item.run.id, str(item.phase), *(cell for cell in _cells(item, self.pace)[2:] if cell)]
        self.console.print(Text(" · ".join(parts)), soft_wrap=True)

    def tick(self, items: Sequence[Progress]) -> None:
        """Nothing: lines are for what changes."""


def table(items: Sequence[Progress], pace: Pace, jobs: int) -> Table:
    """The runs that matter now, and how it goes with the whole.

    All that run or crashed are shown, the latest that are done, and the next that wait.
    """
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", caption_justify="left")
    for heading in ("run", "state", "steps", "return", "speed", "time left"):
        grid.add_column(heading, justify="left" if heading in ("run", "state") else "right", no_wrap=True)
    done = [item for item in items if item.phase is Phase.DONE]
    waiting = [item for item in items if item.phase is Phase.WAITING]
    hidden = {id(item) for item in [*done[:-SHOWN_DONE], *waiting[SHOWN_WAITING:]]}
    for item in items:
        if id(item) not in hidden:
            grid.add_row(*(Text(cell) for cell in _cells(item, pace)), style=_STYLES[item.phase])
    grid.caption = Text(summary(items, pace, jobs))
    return grid


def summary(items: Sequence[Progress], pace: Pace, jobs: int) -> str:
    """The whole in one line."""
    counts = Counter(item.phase for item in items)
    told = [f"{counts[phase]} {phase}" for phase in Phase if counts[phase]]
    left = pace.all_seconds(items, jobs)
    return f"{len(items)} runs: {', '.join(told)}" + ("" if not left else f"; about {duration(left)} left")


def duration(seconds: float) -> str:
    """Hours and minutes, minutes and seconds, or seconds."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"


def _shortened(text: str) -> str:
    """At most as much of an error as a table has room for; the whole stands in its record."""
    return text if len(text) <= MOST_ERROR else text[: MOST_ERROR - 1] + "…"


def _cells(item: Progress, pace: Pace) -> tuple[str, ...]:
    if item.phase is Phase.CRASHED:
        return item.run.id, str(item.phase), _shortened(plain(item.error or ""))
    if item.phase is Phase.DONE and item.result is not None:
        result = item.result
        return (
            item.run.id,
            str(item.phase),
            f"{result['steps']:,} steps",
            f"return {number(result['return_mean'])} ± {number(result['return_std'])}",
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
