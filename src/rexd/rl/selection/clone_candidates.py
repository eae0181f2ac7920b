"""The clones of the demonstrations as candidates of the selection, after the policies of a run.

The run ends with what a user would otherwise try next: is it better than cloning? Which clone is kept, and why, is told
in ``rexd.rl.selection.fallback``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rexd.rl.observers.observer import Observer
from rexd.rl.policies.policy import Policy
from rexd.rl.selection.fallback import EARNS_MORE, FALLS_LESS, Fallback
from rexd.rl.selection.judge import Judge, Standing, score_of


@dataclass(frozen=True)
class CloneCandidates:
    """Judges clones as the policies of a run were judged, and keeps one where there is a reason.

    Attributes:
        fallback: Fits the clones, and knows the reasons.
        judge: Judges policies.
        as_policy: Gives a clone to the learner, and returns it as the policies of the run are.
        keep: Keeps the clone that the learner was given last, as the run's policy.
        told: Is told what is kept, and how far the judging is.
    """

    fallback: Fallback
    judge: Judge
    as_policy: Callable[[Policy], Policy]
    keep: Callable[[Policy], None]
    told: Observer

    def judge_after(self, best: Mapping[str, Any], standing: Standing, *, ran: int) -> tuple[bool, Standing]:
        """Judge clones after the policies of a run.

        Clones of all lengths are judged only where the actor has followed its critics, and gained nothing by it.

        Args:
            best: The record of the best policy of the run.
            standing: What it has earned.
            ran: The number of steps of the run.

        Returns:
            Whether a clone is kept, and what has earned most now.
        """
        why, clone = self.fallback.why(best), self.as_policy(self.fallback.clone())
        if why is None:
            verdict = self.judge(clone, standing)
            standing, why = verdict.standing, EARNS_MORE if verdict.selected else None
        if why is None and not self.fallback.terminal:
            falls_less, standing = self.judge.falls_less(clone, standing)
            why = FALLS_LESS if falls_less else None
        if why is not None:
            self.told.message(why)
            self.keep(clone)
        only_cloned = why is None and best["steps"] <= self.fallback.cloned_until
        if ran <= self.fallback.cloned_until or not (only_cloned or why == EARNS_MORE):
            return why is not None, standing
        better, standing = self._judge_other_fits(standing, ran)
        return better or why is not None, standing

    def _judge_other_fits(self, standing: Standing, ran: int) -> tuple[bool, Standing]:
        """Keep the clone that earns most, if it earns more than what is kept; return whether there is one."""
        found = False
        self.told.message(f"{self.fallback.fits} clones of shorter and longer fits are played, to keep the best one")
        for updates, fitted in self.fallback.others():
            clone = self.as_policy(fitted)
            verdict = self.judge(clone, standing)
            standing = verdict.standing
            self.told.step(ran, ran, score_of(verdict.evaluation))  # the bar shows that it goes on
            if verdict.selected:
                self.told.message(f"the clone of {updates:,} updates earns {standing.best:,.4g}: best so far")
                self.keep(clone)
                found = True
        return found, standing
