"""What passes between a Stable-Baselines3 run and a DI-engine-style reward model: rows, batches and rewards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from rexd.errors import RexdError

Array = NDArray[Any]
Row = dict[str, torch.Tensor]


class DrivenRewardModel(Protocol):
    """What the callback asks of a reward model: the four methods that DI-engine's pipelines call.

    Two attributes may say more. ``cfg.clear_buffer_per_iters`` (default 1) is the number of iterations from one
    ``clear_data`` to the next. ``accepts_batches = True`` says that ``estimate`` also takes a dict of stacked arrays
    and returns a dict with ``reward`` (B,).
    """

    def estimate(self, data: Any) -> Any:
        """Write ``reward`` into every row, and return the rows."""

    def collect_data(self, data: list[Row]) -> None:
        """Take the rows of one rollout."""

    def train(self) -> None:
        """Train on what was collected, or once and for all."""

    def clear_data(self) -> None:
        """Forget what was collected."""


def check_reward_model(model: Any) -> None:
    """Check that ``model`` has the four methods.

    Raises:
        RexdError: It lacks one.
    """
    missing = [name for name in ("estimate", "collect_data", "train", "clear_data") if not _is_method(model, name)]
    if missing:
        raise RexdError(
            f"{type(model).__name__} has no {', '.join(missing)}; expected a reward model with DI-engine's interface, "
            "such as those of rexd.ding. A reward that was fitted beforehand needs no callback: wrap the environments "
            "in rexd.rl.RewardVecEnv"
        )


def clear_interval(model: Any) -> int:
    """``cfg.clear_buffer_per_iters`` of a reward model whose ``cfg`` may be an object, a dict, or missing; 1 or more.

    Raises:
        RexdError: It is no positive integer.
    """
    cfg = getattr(model, "cfg", None)
    name = "clear_buffer_per_iters"
    found = cfg.get(name, 1) if isinstance(cfg, Mapping) else getattr(cfg, name, 1)
    if not isinstance(found, int) or found < 1:
        raise RexdError(f"cfg.{name} of {type(model).__name__} is {found!r}; expected an integer of 1 or more")
    return found


def stack_steps(steps: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Steps of n environments as columns, one environment after the other: T times (n, ...) -> (n * T, ...).

    Models that look at sequences need the rows of an episode together, as DI-engine's collectors give them.
    """
    columns = {}
    for name in steps[0]:
        column = np.stack([step[name] for step in steps], axis=1)  # (n, T, ...)
        columns[name] = column.reshape(-1, *column.shape[2:])
    return columns


def as_rows(columns: Mapping[str, Array]) -> list[Row]:
    """Columns as a list of B dicts of tensors.

    Vectors (B, n) become float32, as DI-engine's networks ask; numbers (B,) keep their dtype.
    Each row also gets ``reward``, (1,) float32 of 0 in the shape of DI-engine's collectors: the environment's own
    reward is not for reward models either, since what they learn from it they would pay to the policy.
    """
    full = {**columns, "reward": np.zeros((len(columns["obs"]), 1), np.float32)}
    tensors = [
        torch.tensor(column, dtype=torch.float32 if column.ndim > 1 else None).unbind(0) for column in full.values()
    ]
    return [dict(zip(full, values, strict=True)) for values in zip(*tensors, strict=True)]


def estimate(model: DrivenRewardModel, obs: Array, action: Array, next_obs: Array) -> Array:
    """The reward model's rewards as of now.

    Args:
        model: Is given a dict of the arrays as they are where it accepts batches, and rows of tensors otherwise.
        obs: (B, D), from before the step.
        action: (B, A) in the environment's scale, or (B,) int64.
        next_obs: (B, D), from after the step.

    Returns:
        (B,) float32.

    Raises:
        RexdError: There is not one finite reward for each row.
    """
    columns = {"obs": obs, "action": action, "next_obs": next_obs}
    given: Any = columns if getattr(model, "accepts_batches", False) else as_rows(columns)
    answer = model.estimate(given)
    answer = given if answer is None else answer  # some rewrite in place and return nothing
    rewards = _stacked(answer["reward"] if isinstance(answer, Mapping) else [row["reward"] for row in answer])
    if rewards.size != len(obs) or not np.isfinite(rewards).all():
        found = "rewards that are not finite" if rewards.size == len(obs) else f"rewards of shape {rewards.shape}"
        raise RexdError(
            f"estimate of {type(model).__name__} returned {found} for {len(obs)} rows; expected one finite number for "
            "each. Check what the model was trained on"
        )
    return rewards.reshape(-1)


class MethodOverride:
    """Stands in for a method of one object until removed; pickles and copies of the object have the method itself.

    Algorithms, replay buffers and checkpoints can so be saved at any time, by whichever callback.
    """

    def __init__(self, owner: Any, name: str, function: Callable[..., Any]) -> None:
        """Have ``owner.name(...)`` call ``function(method, ...)``, in place of what an interrupted run left there."""
        vars(owner).pop(name, None)
        self.owner, self.name, self.function = owner, name, function
        self.method = getattr(owner, name)
        setattr(owner, name, self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function with the method that it stands in for."""
        return self.function(self.method, *args, **kwargs)

    def remove(self) -> None:
        """Give the object its method back."""
        vars(self.owner).pop(self.name, None)

    def __reduce__(self) -> tuple[Any, ...]:
        """Unpickle as the bound method: this runs before the owner's attributes are set, so the class's is found."""
        return getattr, (self.owner, self.name)


def _is_method(model: Any, name: str) -> bool:
    return callable(getattr(model, name, None))


def _stacked(values: Any) -> Array:
    """Rewards as one float32 array, from a tensor or array, or from numbers and tensors of one element in a list."""
    if isinstance(values, list):
        values = torch.stack([torch.as_tensor(value).detach().reshape(-1) for value in values])
    return torch.as_tensor(values).detach().cpu().numpy().astype(np.float32)
