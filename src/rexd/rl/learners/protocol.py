"""The protocol of learners, which is what training asks of an algorithm of any library, and helpers for learners."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from gymnasium.spaces import Box, Space
from numpy.typing import NDArray

from rexd.demos.choices import factors_of
from rexd.demos.spaces import action_count
from rexd.errors import RunError
from rexd.rl.config import TrainConfig
from rexd.rl.policies.policy import Policy

State = dict[str, NDArray[Any]]
"""Everything that a learner needs to go on training, by name."""


class Learner(Protocol):
    """An algorithm together with its environment, as the training loop sees it.

    The algorithm sees standardised observations (``ObservationScale``). What ``policy`` and ``save_zip`` give out takes
    raw observations.
    """

    @property
    def steps(self) -> int:
        """Number of environment steps taken so far."""
        ...

    def learn(self, steps: int, callback: Any) -> None:
        """Take more environment steps, with the updates that belong to them.

        Args:
            steps: Number of further steps.
            callback: A callback of Stable-Baselines3.
        """
        ...

    def losses(self) -> dict[str, float]:
        """Return the latest losses and statistics, by name."""
        ...

    def policy(self) -> Policy:
        """Return a copy of the present policy."""
        ...

    def state(self) -> State:
        """Return everything that training needs to go on, as plain arrays that need no unpickling.

        The arrays keep their values, whatever the learner does next.
        """
        ...

    def load_state(self, state: State) -> None:
        """Take back what ``state`` returned."""
        ...

    def warm_start(self, policy: Policy) -> None:
        """Start from the weights of a policy, such as one that behavioural cloning has fitted."""
        ...

    def label(self, rows: int) -> NDArray[np.float32]:
        """Label states alone with actions, to be replayed and cloned from the next update on (off-policy).

        Args:
            rows: The number of the agent's first steps that the labels are made from.

        Returns:
            (N, A) the labels: scaled to [-1, 1], or one-hot.
        """
        ...

    def save_zip(self, path: Path) -> None:
        """Write the policy as a zip for the ``load`` of the algorithm's own library.

        It takes raw observations. With ``absorbing``, they need one more column at the end, the mark of absorbing
        states; append 0.
        """
        ...


ENTROPY = 0.2
"""Entropy at which a policy of discrete actions is held, as a share of that of chance."""


def sac_settings(config: TrainConfig, actions: Space[Any], *, cloned: bool) -> dict[str, Any]:
    """Return the arguments that SAC takes by the same names in both libraries.

    Args:
        config: Settings of the training.
        actions: The action space.
        cloned: Whether the policy starts as a clone of the demonstrations. It then explores from the first step on,
            and there are no uniformly random steps.
    """
    return {
        "seed": config.seed,
        "learning_rate": config.learning_rate,
        "gamma": config.discount,
        "batch_size": config.batch_size,
        # The buffer keeps every transition. It must never be full, since a run can be continued with more steps.
        "buffer_size": config.steps + config.updates_every,
        "learning_starts": 0 if cloned else config.learning_starts,
        "train_freq": (config.updates_every, "step"),
        "gradient_steps": config.updates_every * config.updates_per_step,
        "ent_coef": f"auto_{config.entropy_coefficient}",
        "target_entropy": target_entropy(config, actions),
    }


def target_entropy(config: TrainConfig, actions: Space[Any]) -> float:
    """Return the entropy of the policy, in nats, at which the entropy coefficient is held."""
    if isinstance(actions, Box):
        return config.target_entropy * actions.shape[0]
    count = action_count(actions, "the environment")
    assert count is not None
    return ENTROPY * math.log(math.prod(factors_of(count)))


def take(state: State, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return one array of a learner's state.

    Args:
        state: The state of a learner.
        name: Name of the array.
        shape: The shape that the array must have.

    Raises:
        RunError: The array is missing, or has another shape.
    """
    if name not in state or state[name].shape != shape:
        found = state[name].shape if name in state else "nothing"
        raise RunError(f"checkpoint: {name} is {found}; expected {shape}")
    return state[name]
