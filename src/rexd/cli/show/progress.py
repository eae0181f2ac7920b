"""The progress of a fit, a training run or an evaluation: a bar on a terminal, and a line for each evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Self

from rich import progress as bars
from rich.text import Text

from rexd.cli.show.output import note, print_checks, stderr
from rexd.cli.show.text import number, with_spread

if TYPE_CHECKING:
    from rexd.reward.checks import Check


class ProgressBar:
    """An ``Observer`` that prints lines on stderr, and shows a bar where stderr is a terminal."""

    def __init__(self, *, learned: bool = True) -> None:
        """Prepare the bar; ``learned=False`` labels the return as the environment's instead of the learned one."""
        self.console = stderr()
        self._return = "learned return" if learned else "return"
        self._bar = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(bar_width=None),
            bars.MofNCompleteColumn(),
            _Speed(),
            bars.TextColumn("{task.fields[extra]}", markup=False),
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
        """Remove the bar."""
        self._bar.stop()

    def message(self, text: str) -> None:
        """Print a message above the bar."""
        note(text, self.console)

    def fit(self, done: int, total: int) -> None:
        """Show the progress of the reward's fit in updates."""
        self._show("fitting the reward", "updates", done, total)

    def scored(self, done: int, total: int) -> None:
        """Show how many transitions have their reward."""
        self._show("scoring", "transitions", done, total)

    def checks(self, checks: Sequence[Check], warnings: Sequence[str]) -> None:
        """Print the table of checks above the bar."""
        print_checks(checks, warnings, self.console)

    def step(self, steps: int, total: int, learned_return: float | None) -> None:
        """Show the progress of the training in environment steps."""
        extra = "" if learned_return is None else f"{self._return} {number(learned_return)}"
        self._show("training", "steps", steps, total, extra)

    def episodes(self, total: int) -> Callable[[int, object], None]:
        """Return a function that counts episodes; it is called with the number and the trajectory of each that ends."""
        ended = count(1)  # counted here, as episodes do not end in the order of their numbers
        return lambda number, trajectory: self._show("playing", "episodes", next(ended), total)

    def evaluated(self, record: dict[str, Any]) -> None:
        """Print the record of an evaluation in one line above the bar."""
        learned = record.get("learned_return")
        parts = [
            f"{record['steps']:>9,} steps",
            None if learned is None else f"learned return {number(learned)}",
            f"true return {with_spread(record['true_return'], record.get('true_return_std'))}",
            f"length {record['length']:.0f}",
            f"{record['seconds']:.0f} s",
            "best so far" if record.get("selected") else None,
        ]
        self.console.print(Text(" · ".join(part for part in parts if part is not None)), soft_wrap=True)

    def _show(self, doing: str, unit: str, done: int, total: int, extra: str = "") -> None:
        if self._task is None or doing != self._doing:
            if self._task is not None:
                self._bar.remove_task(self._task)
            # The bar starts at ``done``: a resumed run would otherwise look as if it had made those steps just now.
            self._task = self._bar.add_task(doing, total=total, completed=done, extra=extra, unit=unit)
            self._doing = doing
        self._bar.update(self._task, completed=done, total=total, extra=extra)


class _Speed(bars.ProgressColumn):
    """The speed in units of the task per second."""

    def render(self, task: bars.Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{number(speed)} {task.fields['unit']}/s")
