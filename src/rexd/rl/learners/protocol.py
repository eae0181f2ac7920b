"""What training asks of an algorithm, whichever library it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from gymnasium.spaces import Box
from numpy.typing import NDArray

from rexd.errors import RunError
from rexd.rl.config import TrainConfig
from rexd.rl.policies.policy import Policy

State = dict[str, NDArray[Any]]


class Learner(Protocol):
    """An algorithm with its environment, seen from the training loop.

    Inside, observations are standardised (``ObservationScale``); what comes out, ``policy`` and ``save_zip``, takes
    raw ones.
    """

    @property
    def steps(self) -> int:
        """Environment steps taken so far."""
        ...

    def learn(self, steps: int, callback: Any) -> None:
        """Take this many more environment steps, updating on the way; ``callback`` is of Stable-Baselines3."""
        ...

    def losses(self) -> dict[str, float]:
        """The latest losses and statistics, by name."""
        ...

    def policy(self) -> Policy:
        """A copy of the present policy."""
        ...

    def state(self) -> State:
        """Everything that training needs to go on, as arrays; nothing in it needs unpickling.

        The arrays keep their values, whatever the learner does next.
        """
        ...

    def load_state(self, state: State) -> None:
        """Take back what ``state`` gave."""
        ...

    def warm_start(self, policy: Policy) -> None:
        """Start from these weights (behavioural cloning)."""
        ...

    def save_zip(self, path: Path) -> None:
        """Write the zip that users of the library expect, loadable by its own ``load``, for raw observations.

        With ``absorbing``, it takes them with one more column at the end, the mark of absorbing states: append 0.
        """
        ...


def sac_settings(config: TrainConfig, actions: Box, *, cloned: bool) -> dict[str, Any]:
    """The arguments that SAC takes by the same names in both libraries; a ``cloned`` policy explores by itself."""
    return {
        "seed": config.seed,
        "learning_rate": config.learning_rate,
        "gamma": config.discount,
        "batch_size": config.batch_size,
        "buffer_size": config.steps + config.updates_every,  # keeps everything; never full, as runs can be prolonged
        "learning_starts": 0 if cloned else config.learning_starts,
        "train_freq": (config.updates_every, "step"),
        "gradient_steps": config.updates_every,
        "ent_coef": f"auto_{config.entropy_coefficient}",
        "target_entropy": config.target_entropy * actions.shape[0],
    }


def take(state: State, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """One array of a learner's state.

    Raises:
        RunError: It is missing, or has another shape.
    """
    if name not in state or state[name].shape != shape:
        found = state[name].shape if name in state else "nothing"
        raise RunError(f"checkpoint: {name} is {found}; expected {shape}")
    return state[name]
