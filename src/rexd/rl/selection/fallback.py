"""What a run keeps if its reward taught less than cloning does: the clone of the demonstrations.

The clone is a candidate of the selection like any policy of the run, and is kept where it earns more. It is kept, too,
where the reward says nothing of what policies do, and where it earns as much as far as the episodes tell, and ends less
often in a terminal state that no demonstration ends in.

Where the clone earns more, or the best policy is of the time in which the actor only cloned, clones of shorter and
longer fits are candidates as well, unless the run ended in that time. Held-out rows hardly tell them apart, and what
they earn does: at one held-out error, clones of human demonstrations of Door open it in 7 to 78% of their episodes
(docs/lab/selection-and-cloning.md).

Demonstrations may show only a part of a task, such as one goal of many. Whatever the policy then does elsewhere is far
outside the support of the demonstrations, where the reward cannot tell one action from another, and training only
loses what the clone could do. A run is taken to be such a case if its best policy earns only a small part of what the
demonstrations earn (docs/lab/selection-and-cloning.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rexd.rl.policies.cloning import Cloning
from rexd.rl.policies.policy import Policy

# Smallest share of what demonstrations earn that counts as learnt. Measured shares are at most 0.05 where nothing was
# learnt, and at least 0.38 elsewhere (docs/lab/selection-and-cloning.md).
LEAST_PAID = 0.1
EARNS_MORE = (
    "the clone of the demonstrations earns more of the learned reward than any policy of the run, and is kept; train "
    "for more steps, or look at what the reward pays (rexd score)"
)
FALLS_LESS = (
    "the clone of the demonstrations ends in fewer episodes in a terminal state, which no demonstration does, and the "
    "learned returns do not tell the two apart: the clone is kept; train for more steps"
)
LENGTHS = range(500, 20_001, 500)  # updates of the fits that are tried where nothing earns more than a clone


@dataclass(frozen=True)
class Fallback:
    """Decides whether a run keeps its best policy or a clone of the demonstrations.

    Attributes:
        begin: Begins a clone of the demonstrations.
        demonstrated: Mean reward of a demonstrated step.
        horizon: The number of steps over which learned returns count; None where they count all steps.
        cloned_until: The number of steps in which the actor of the run only cloned.
        terminal: Whether a demonstration ends in a terminal state, which then is no fault of a policy.
    """

    begin: Callable[[], Cloning]
    demonstrated: float
    horizon: int | None = None
    terminal: bool = True
    cloned_until: int = 0

    def clone(self) -> Policy:
        """Clone the demonstrations for as long as held-out rows say (``rexd.rl.policies.cloning``)."""
        cloning = self.begin()
        return cloning.policy(cloning.best_updates())

    @property
    def fits(self) -> int:
        """The number of clones that ``others`` yields."""
        return len(LENGTHS)

    def others(self) -> Iterator[tuple[int, Policy]]:
        """Yield the clones of ``LENGTHS`` updates, and these; each fit goes on where the one before it ended."""
        cloning = self.begin()
        for updates in LENGTHS:
            yield updates, cloning.policy(updates)

    def why(self, record: Mapping[str, Any]) -> str | None:
        """Return why the clone should be kept instead of a policy.

        Args:
            record: The evaluation of the policy, with its ``learned_return`` and ``length``.

        Returns:
            A message for the user; None if the policy should be kept.
        """
        earned = record["learned_return"] / (self.horizon or record["length"])
        if earned >= LEAST_PAID * self.demonstrated:
            return None
        return (
            f"the reward pays the best policy {earned:.2g} a step, and the demonstrations {self.demonstrated:.2g}: it "
            "says nothing about the states that the policy reaches. The run keeps the clone of the demonstrations; "
            "give it more of them, from other initial states"
        )
