"""What a run keeps if its reward taught less than cloning does: the clone of the demonstrations.

The clone is a candidate of the selection like any policy of the run, and is kept where it earns more. It is kept, too,
where the reward says nothing of what policies do, and where it earns as much as far as the episodes tell, and ends less
often in a terminal state that no demonstration ends in.

Demonstrations may show only a part of a task, such as one goal of many. Whatever the policy then does elsewhere is far
outside the support of the demonstrations, where the reward cannot tell one action from another, and training only
loses what the clone could do. A run is taken to be such a case if its best policy earns only a small part of what the
demonstrations earn (docs/lab/selection-and-cloning.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Fallback:
    """Decides whether a run keeps its best policy or a clone of the demonstrations.

    Attributes:
        clone: Fits a clone of the demonstrations. Held-out rows decide for how long (``rexd.rl.policies.cloning``).
        demonstrated: Mean reward of a demonstrated step.
        horizon: The number of steps over which learned returns count; None where they count all steps.
        terminal: Whether a demonstration ends in a terminal state, which then is no fault of a policy.
    """

    clone: Callable[[], Policy]
    demonstrated: float
    horizon: int | None = None
    terminal: bool = True

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
