"""Rows, batches and rewards that a Stable-Baselines3 run exchanges with a reward model of DI-engine's interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from gymnasium.spaces import Dict, Space
from numpy.typing import NDArray

from rexd.errors import RexdError

Array = NDArray[Any]
TensorRow = dict[str, torch.Tensor]
"""One transition for a reward model: its columns by name."""


class DrivenRewardModel(Protocol):
    """A reward model that the callback can drive: it has the four methods that DI-engine's pipelines call.

    It may also have two attributes. ``cfg.clear_buffer_per_iters`` (default 1) is the number of iterations from one
    ``clear_data`` to the next. ``accepts_batches = True`` says that ``estimate`` also takes a dict of stacked arrays
    and returns a dict with ``reward`` (B,).
    """

    def estimate(self, data: Any) -> Any:
        """Write ``reward`` into every row, and return the rows."""

    def collect_data(self, data: list[TensorRow]) -> None:
        """Take the rows of one rollout."""

    def train(self) -> None:
        """Train on the rows that were collected. A model that trains only once does so at the first call."""

    def clear_data(self) -> None:
        """Forget the rows that were collected."""


def check_reward_model(model: Any) -> None:
    """Check that ``model`` has the four methods of ``DrivenRewardModel``.

    Raises:
        RexdError: The model lacks one of them.
    """
    missing = [name for name in ("estimate", "collect_data", "train", "clear_data") if not _is_method(model, name)]
    if missing:
        raise RexdError(
            f"{type(model).__name__} has no {', '.join(missing)}; expected a reward model with DI-engine's interface, "
            "such as one from rexd.ding. A reward that was fitted beforehand needs no callback: wrap the environments "
            "in rexd.rl.RewardVecEnv"
        )


def clear_interval(model: Any) -> int:
    """Return ``cfg.clear_buffer_per_iters`` of a reward model, which is 1 where it is not set.

    The ``cfg`` may be an object or a dict, or missing.

    Raises:
        RexdError: The value is not a positive integer.
    """
    cfg = getattr(model, "cfg", None)
    name = "clear_buffer_per_iters"
    found = cfg.get(name, 1) if isinstance(cfg, Mapping) else getattr(cfg, name, 1)
    if not isinstance(found, int) or found < 1:
        raise RexdError(f"cfg.{name} of {type(model).__name__} is {found!r}; expected an integer of 1 or more")
    return found


def stack_steps(steps: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Stack T steps of n environments into columns: T times (n, ...) -> (n * T, ...).

    The rows of one environment come after those of the other, as from DI-engine's collectors, since models that look at
    sequences need the rows of an episode together.
    """
    columns = {}
    for name in steps[0]:
        column = np.stack([step[name] for step in steps], axis=1)  # (n, T, ...)
        columns[name] = column.reshape(-1, *column.shape[2:])
    return columns


def as_rows(columns: Mapping[str, Array]) -> list[TensorRow]:
    """Return columns as a list of B rows.

    Vectors (B, n) become float32, as DI-engine's networks need; numbers (B,) keep their dtype. A discrete action is an
    integer of shape (1,), which DI-engine's models join with the observation. Each row also has a ``reward``, which is
    0 as float32 (1,), in the shape of DI-engine's collectors. Reward models must not see the environment's own reward,
    since they would pass on to the policy what they learnt from it.
    """
    full = {**columns, "reward": np.zeros((len(columns["obs"]), 1), np.float32)}
    tensors = {
        name: torch.tensor(column, dtype=torch.float32 if column.ndim > 1 else None) for name, column in full.items()
    }
    if tensors["action"].ndim == 1:
        tensors["action"] = tensors["action"][:, None]
    values = zip(*(column.unbind(0) for column in tensors.values()), strict=True)
    return [dict(zip(full, row, strict=True)) for row in values]


def estimate(model: DrivenRewardModel, obs: Array, action: Array, next_obs: Array) -> Array:
    """Return the present rewards of a reward model.

    Args:
        model: The reward model. It is given a dict of the arrays if it accepts batches, and rows of tensors if not.
        obs: (B, D) observations before the step.
        action: (B, A) actions in the environment's scale, or (B,) int64.
        next_obs: (B, D) observations after the step.

    Returns:
        (B,) float32 rewards.

    Raises:
        RexdError: The model did not return one finite reward for each row.
    """
    columns = {"obs": obs, "action": action, "next_obs": next_obs}
    given: Any = columns if getattr(model, "accepts_batches", False) else as_rows(columns)
    answer = model.estimate(given)
    answer = given if answer is None else answer  # some models write into the rows and return nothing
    rewards = _stacked(answer["reward"] if isinstance(answer, Mapping) else [row["reward"] for row in answer])
    if rewards.size != len(obs) or not np.isfinite(rewards).all():
        found = "rewards that are not finite" if rewards.size == len(obs) else f"rewards of shape {rewards.shape}"
        raise RexdError(
            f"estimate of {type(model).__name__} returned {found} for {len(obs)} rows; expected one finite number for "
            "each row. Check what the model was trained on"
        )
    return rewards.reshape(-1)


def arrays_of(tensors: Any) -> Any:
    """Return a batch's observations as arrays: one tensor, or a dictionary of them."""
    if isinstance(tensors, Mapping):
        return {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
    return tensors.cpu().numpy()


def shaped(observations: Any, space: Space[Any]) -> Any:
    """Give stored observations the shape that their space has; buffers keep single numbers as (B, 1)."""
    if isinstance(observations, Mapping):
        assert isinstance(space, Dict)
        return {name: shaped(values, space[name]) for name, values in observations.items()}
    return observations.reshape(len(observations), *(space.shape or ()))


def tensors_of(arrays: Any, to_torch: Callable[[Array], torch.Tensor]) -> Any:
    """Return observations as ``to_torch`` makes them of arrays: one array, or a dictionary of them."""
    return {name: to_torch(a) for name, a in arrays.items()} if isinstance(arrays, Mapping) else to_torch(arrays)


class MethodOverride:
    """Stands in for a method of one object until it is removed.

    Pickles and copies of the object have the method itself. Any callback can therefore save algorithms, replay buffers
    and checkpoints at any time.
    """

    def __init__(self, owner: Any, name: str, function: Callable[..., Any]) -> None:
        """Make ``owner.name(...)`` call ``function(method, ...)``.

        An override that an interrupted run left on ``owner`` is replaced.
        """
        vars(owner).pop(name, None)
        self.owner, self.name, self.function = owner, name, function
        self.method = getattr(owner, name)
        setattr(owner, name, self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function with the original method as its first argument."""
        return self.function(self.method, *args, **kwargs)

    def remove(self) -> None:
        """Give the object its method back."""
        vars(self.owner).pop(self.name, None)

    def __reduce__(self) -> tuple[Any, ...]:
        """Unpickle as the bound method.

        Unpickling looks the method up before the attributes of the owner are set, and so finds that of its class.
        """
        return getattr, (self.owner, self.name)


def _is_method(model: Any, name: str) -> bool:
    return callable(getattr(model, name, None))


def _stacked(values: Any) -> Array:
    """Return rewards as one float32 array.

    They may be a tensor, an array, or a list of numbers and of tensors with one element.
    """
    if isinstance(values, list):
        values = torch.stack([torch.as_tensor(value).detach().reshape(-1) for value in values])
    return torch.as_tensor(values).detach().cpu().numpy().astype(np.float32)
