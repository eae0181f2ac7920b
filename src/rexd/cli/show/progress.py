"""One bar on a terminal, and a line for each evaluation: what watches a training run from the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Self

from rich import progress as bars
from rich.text import Text

from rexd.cli.show.output import note, print_checks, stderr
from rexd.cli.show.text import number

if TYPE_CHECKING:
    from rexd.reward.checks import Check


class Progress:
    """An ``Observer`` on stderr; a bar only where that is a terminal, lines everywhere."""

    def __init__(self, *, learned: bool = True) -> None:
        """Show the learned return, or with ``learned=False`` say that it is the environment's."""
        self.console = stderr()
        self._return = "learned return" if learned else "return"
        self._bar = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(bar_width=None),
            bars.MofNCompleteColumn(),
            _Speed(),
            bars.TextColumn("{task.fields[extra]}"),
            bars.TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task: bars.TaskID | None = None
        self._doing = ""

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Take it away."""
        self._bar.stop()

    def message(self, text: str) -> None:
        """Above the bar."""
        note(text, self.console)

    def fit(self, done: int, total: int) -> None:
        """The reward's fit."""
        self._show("fitting the reward", "updates", done, total)

    def checks(self, checks: Sequence[Check], warnings: Sequence[str]) -> None:
        """The table, above the bar."""
        print_checks(checks, warnings, self.console)

    def step(self, steps: int, total: int, learned_return: float | None) -> None:
        """Environment steps."""
        extra = "" if learned_return is None else f"{self._return} {number(learned_return)}"
        self._show("training", "steps", steps, total, extra)

    def episodes(self, total: int) -> Callable[[int, object], None]:
        """Counts episodes: call what it returns with the number and the trajectory of each one as it ends."""
        ended = count(1)  # and not their numbers: they end in any order
        return lambda number, trajectory: self._show("playing", "episodes", next(ended), total)

    def evaluated(self, record: dict[str, Any]) -> None:
        """One line above the bar."""
        learned, std = record.get("learned_return"), record.get("true_return_std")
        parts = [
            f"{record['steps']:>9,} steps",
            None if learned is None else f"learned return {number(learned)}",
            f"true return {number(record['true_return'])}" + ("" if std is None else f" ± {number(std)}"),
            f"length {record['length']:.0f}",
            f"{record['seconds']:.0f} s",
            "best so far" if record.get("selected") else None,
        ]
        self.console.print(Text(" · ".join(part for part in parts if part is not None)), soft_wrap=True)

    def _show(self, doing: str, unit: str, done: int, total: int, extra: str = "") -> None:
        if self._task is None or doing != self._doing:
            if self._task is not None:
                self._bar.remove_task(self._task)
            # begun where it stands, or a resumed run would look fast
            self._task = self._bar.add_task(doing, total=total, completed=done, extra=extra, unit=unit)
            self._doing = doing
        self._bar.update(self._task, completed=done, total=total, extra=extra)


class _Speed(bars.ProgressColumn):
    """Steps a second, or whatever is counted."""

    def render(self, task: bars.Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{number(speed)} {task.fields['unit']}/s")
