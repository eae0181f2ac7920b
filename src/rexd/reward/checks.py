"""What a fitted reward pays for rows of known kinds, and whether that can teach a policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.reward.calibration import KnownErrors
from rexd.reward.standstill import standstill_novelty

if TYPE_CHECKING:
    from rexd.reward.red.red import RED

EXPERT = "expert rows, held out"
UNUSED = "expert rows, unused"
RANDOM_ACTIONS = "expert states, random actions"
OTHER_ACTIONS = "expert states, other rows' actions"
STANDSTILL = "worst standstill"
RANDOM_POLICY = "random policy"
ZERO_ACTIONS = "zero actions"
FLAT = 0.1  # a smaller difference between the expert and random actions drowns in the critic's error
SATURATED = 0.05
STANDSTILL_SHARE = 0.5


@dataclass(frozen=True)
class Check:
    """Mean reward and median error of one kind of rows."""

    name: str
    reward: float
    novelty: float
    rows: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def of(cls, name: str, novelty: NDArray[np.float32], model: RED) -> Check:
        """Summarise errors under the model's reward."""
        return cls(name, float(model.reward_of_novelty(novelty).mean()), float(np.median(novelty)), len(novelty))


def check_reward(
    model: RED,
    errors: KnownErrors,
    demonstrations: Demonstrations,
    velocity_columns: Sequence[int] | None = None,
) -> tuple[Check, ...]:
    """Measure everything that needs no environment.

    Args:
        model: Fitted to ``demonstrations``.
        errors: Its errors.
        demonstrations: Where the search for the worst standstill starts.
        velocity_columns: Observation columns that are velocities; with them the worst standstill is searched.
    """
    checks = [Check.of(EXPERT, model.held_out_novelty_, model)]
    for name, novelty in ((UNUSED, errors.unused), (RANDOM_ACTIONS, errors.uniform), (OTHER_ACTIONS, errors.others)):
        if novelty is not None:
            checks.append(Check.of(name, novelty, model))
    if velocity_columns:
        worst = standstill_novelty(model, demonstrations, velocity_columns)
        checks.append(Check.of(STANDSTILL, worst, model))
    return tuple(checks)


def warnings_of(checks: Sequence[Check]) -> list[str]:
    """What is wrong with the reward, with the mend; empty where it can teach."""
    pays = {check.name: check.reward for check in checks}
    expert = pays[EXPERT]
    found = []
    if expert - pays[RANDOM_ACTIONS] < FLAT:
        found.append(
            f"The reward is flat: it pays {expert:.2f} for the expert's held-out rows and {pays[RANDOM_ACTIONS]:.2f} "
            "for random actions in the same states. Use more demonstrations, or shape='logarithmic'."
        )
    if expert < SATURATED:
        found.append(
            f"The reward is saturated near zero: it pays {expert:.3f} for the expert's own held-out rows. Leave "
            "sigma to the calibration, or lower it."
        )
    return found + [
        f"{name.capitalize()} earns {pays[name]:.2f} a step where the expert's held-out rows earn {expert:.2f}: a "
        "policy may learn to stand still. Train with demonstration replay and cloning (the defaults of rexd train), "
        "compare shape='rational', and watch the episodes."
        for name in (STANDSTILL, ZERO_ACTIONS)
        if name in pays and pays[name] > STANDSTILL_SHARE * expert
    ]
