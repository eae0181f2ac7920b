"""Where the reward pays next to nothing for anything, the clone of the demonstrations is the better policy.

Reacher has another goal in each episode; one demonstration shows one. Its clone, and the expert with any other goal,
lie hundreds of times beyond what the reward can tell apart: it paid 1 or 2 of the 50 that an episode can earn, whatever
was done. Training doubled that and lost what the clone could do (docs/experiments.md). What demonstrations earn says
which case a run is: in all others that were measured, the best policy earned a third of it or more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rexd.rl.policies.policy import Policy

LEAST_PAID = 0.1  # of what demonstrations earn; measured: 0.01 to 0.05 where nothing was learnt, else 0.38 and more


@dataclass(frozen=True)
class Fallback:
    """What a run keeps where its reward taught nothing.

    Attributes:
        clone: Fits a clone of the demonstrations; how long is measured on held-out rows (``rexd.rl.policies.cloning``).
        demonstrated: Mean reward of the demonstrations, a step.
    """

    clone: Callable[[], Policy]
    demonstrated: float

    def why(self, record: Mapping[str, Any]) -> str | None:
        """Why the clone is to be kept instead of the policy that ``record`` evaluated; None where it is not."""
        earned = record["learned_return"] / record["length"]
        if earned >= LEAST_PAID * self.demonstrated:
            return None
        return (
            f"the reward pays the best policy {earned:.2g} a step, and the demonstrations {self.demonstrated:.2g}: it "
            "tells nothing about what the policy meets. The run keeps the clone of the demonstrations; give it more of "
            "them, from other starts"
        )
