"""The state of a reward model in a checkpoint: checking all of it before any of it is used."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn, optim

from rexd.ding.columns import Columns
from rexd.errors import RewardFileError
from rexd.reward.estimator.estimator import Estimator

_SETTINGS = {"lr", "betas", "eps", "weight_decay"}


def check_names(state: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Refuse a state that has other parts than the model's own.

    Raises:
        RewardFileError: A part is missing, or is none of the model's.
    """
    if set(state) != set(own):
        raise RewardFileError(
            f"the reward model's state has {sorted(state)}; expected {sorted(own)}. Build the model with the config "
            "that the checkpoint was saved with"
        )


@dataclass(frozen=True)
class Counts:
    """The parts of a state that are no networks.

    Attributes:
        sigma: The bandwidth σ; None if it is not measured yet.
        train_once_flag: Whether ``train`` has run.
        train_iter: Number of updates so far.
        generator: State of the generator that draws batches.
    """

    sigma: float | None
    train_once_flag: bool
    train_iter: int
    generator: Tensor

    @classmethod
    def of(cls, state: Mapping[str, Any], measured: bool) -> Counts:
        """Check and return the counts of a state.

        It is called within ``reading_state``, which explains the errors of a damaged state.

        Args:
            state: The state.
            measured: Whether the state must have a σ.
        """
        sigma, flag, count = state["sigma"], state["train_once_flag"], state["train_iter"]
        if (sigma is not None) != measured or (measured and not 0.0 < float(sigma) < math.inf):
            raise RewardFileError(f"sigma of the state is {sigma}; expected a positive number")
        if not isinstance(flag, bool) or not isinstance(count, int) or count < 0:
            raise RewardFileError(
                f"train_once_flag and train_iter of the state are {flag!r} and {count!r}; expected a bool and a count"
            )
        torch.Generator().set_state(state["generator"].cpu())  # raises if it is no state of a generator
        return cls(None if sigma is None else float(sigma), flag, count, state["generator"].cpu())


@contextmanager
def reading_state() -> Iterator[None]:
    """Turn the errors that torch and Python raise on a damaged state into a ``RewardFileError``."""
    try:
        yield
    except RewardFileError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise RewardFileError(
            f"the reward model's state is damaged ({type(error).__name__}: {str(error)[:200]}); load another checkpoint"
        ) from error


Networks = tuple[nn.Module, nn.Module, optim.Adam]


def filled_copies(networks: Networks, state: Mapping[str, Any]) -> Networks:
    """Return copies of target, online network and optimizer with the values of a state.

    Raises:
        RewardFileError: A tensor has another shape, or is not finite.
    """
    target, online, opt = copied = copy.deepcopy(networks)
    for name, net in (("target_net", target), ("online_net", online)):
        shapes = {key: tuple(value.shape) for key, value in net.state_dict().items()}
        found = {key: tuple(value.shape) for key, value in state[name].items()}
        if found != shapes:
            raise RewardFileError(f"{name} of the state has {found}; this model's has {shapes}")
        net.load_state_dict(state[name])
        if not all(bool(value.isfinite().all()) for value in net.state_dict().values()):
            raise RewardFileError(f"{name} of the state holds NaN or infinite values")
    opt.load_state_dict(copy.deepcopy(state["opt"]))  # a copy, as torch would share the moments with the state
    for group in opt.param_groups:
        if missing := _SETTINGS - set(group):
            raise RewardFileError(f"opt of the state has no {', '.join(sorted(missing))}")
    for parameter in online.parameters():
        moments = opt.state.get(parameter, {})
        for key in ("exp_avg", "exp_avg_sq") if moments else ():
            if moments[key].shape != parameter.shape or not bool(moments[key].isfinite().all()):
                raise RewardFileError(f"{key} in opt of the state does not fit the network, or is not finite")
    return copied


def rebuild_calibrated(described: Any, columns: Columns, model: Estimator) -> Estimator:
    """Rebuild the calibrated model of a state, of the type of ``model``.

    Raises:
        RewardFileError: The state is damaged, or is of a model with other columns.
    """
    content, tensors = described
    rebuilt = type(model).rebuild("the reward model's state", content, tensors)
    known = rebuilt.encoder_.columns
    found = Columns(known.obs_dim, known.act_dim, known.discrete)
    if found != columns:
        raise RewardFileError(f"the state is of a model of {found}; this one's expert data has {columns}")
    return rebuilt
