"""What ``rexd.train`` shows of a run in a terminal or a notebook: a bar, and a line for each evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Self

from rich import progress as bars
from rich.console import Console
from rich.text import Text

from rexd.reward.checks import Check
from rexd.rl.observers.observer import Observer, Silent
from rexd.shown import visible


@contextmanager
def watching(observer: Observer | None, *, shown: bool, learned: bool = True) -> Iterator[Observer]:
    """Return the observer of a run, and take the bar away at the end.

    Args:
        observer: The observer that the user gives; None stands for the bar.
        shown: Whether the bar is wanted.
        learned: Whether the returns of training are learned ones; else they are the environment's.
    """
    console = Console(stderr=True, highlight=False)
    if observer is not None or not shown or not (console.is_terminal or console.is_jupyter):
        yield observer or Silent()
        return
    with TrainingBar(console, learned=learned) as bar:
        yield bar


class TrainingBar:
    """An ``Observer`` that shows a bar and prints lines above it.

    In a notebook the bar needs ipywidgets; without them there are only the lines.
    """

    def __init__(self, console: Console, *, learned: bool = True) -> None:
        """Prepare the bar; ``learned=False`` labels the return as the environment's instead of the learned one."""
        self.console = console
        self._return = "learned return" if learned else "return"
        self._bar = bars.Progress(
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.fields[extra]}", markup=False),
            bars.TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=console.is_jupyter and find_spec("ipywidgets") is None,
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
        """Print a message."""
        self._print(text, "dim")

    def fit(self, done: int, total: int) -> None:
        """Show the progress of the reward's fit in updates."""
        self._show("fitting the reward", done, total)

    def checks(self, checks: Sequence[Check], warnings: Sequence[str]) -> None:
        """Print what the reward pays, and what the checks warn of."""
        self._print("the reward pays " + ", ".join(f"{check.name} {check.reward:.2f}" for check in checks))
        for warning in warnings:
            self._print(f"WARNING: {warning}", "bold yellow")

    def step(self, steps: int, total: int, learned_return: float | None) -> None:
        """Show the progress of the training in environment steps."""
        self._show("training", steps, total, "" if learned_return is None else f"{self._return} {learned_return:,.4g}")

    def evaluated(self, record: dict[str, Any]) -> None:
        """Print the record of an evaluation."""
        learned = record.get("learned_return")
        parts = [
            f"{record['steps']:>9,} steps",
            None if learned is None else f"learned return {learned:,.4g}",
            f"true return {record['true_return']:,.4g}",
            f"{record['seconds']:.0f} s",
            "best so far" if record.get("selected") else None,
        ]
        self._print(" · ".join(part for part in parts if part is not None))

    def _print(self, text: str, style: str = "") -> None:
        self.console.print(Text(visible(text), style=style), soft_wrap=True)

    def _show(self, doing: str, done: int, total: int, extra: str = "") -> None:
        if self._task is None or doing != self._doing:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task, self._doing = self._bar.add_task(doing, total=total, completed=done, extra=extra), doing
        self._bar.update(self._task, completed=done, total=total, extra=extra)
