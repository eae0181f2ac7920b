"""Transitions in DI-engine's form, a dict for each: gathering their values in tensors, and writing their rewards."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.errors import DemonstrationError


def gather(data: Any, name: str) -> Tensor:
    """Return the values of one key for all transitions as a (batch, ...) tensor, in the dtype of the data.

    Args:
        data: List of dicts of tensors, arrays or numbers, or one dict of stacked arrays or tensors.
        name: The key.

    Raises:
        DemonstrationError: A transition lacks the key, or shapes differ.
    """
    if isinstance(data, Mapping):
        if name not in data:
            raise DemonstrationError(f"the batch has no {name!r}; found {', '.join(map(str, data)) or 'nothing'}")
        return _tensor(data[name], name)
    try:
        values = [row[name] for row in data]
    except (KeyError, TypeError, IndexError) as error:
        raise _unfit(data, name) from error
    if not values:
        raise DemonstrationError(f"there are no transitions; expected a list of dicts with at least {name!r}")
    if isinstance(values[0], Mapping):
        raise _uneven(values, name)
    try:
        return torch.stack(values).detach() if isinstance(values[0], Tensor) else _tensor(np.stack(values), name)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _uneven(values, name) from error


def check_finite(column: Tensor, name: str, source: str, mend: str) -> None:
    """Check that all values of a (batch, ...) column are finite; the error names the first row that is not.

    Args:
        column: The column.
        name: Its name.
        source: Where it comes from, for the message.
        mend: What the user can do, for the message.

    Raises:
        DemonstrationError: A value is NaN or infinite.
    """
    if not (column.is_floating_point() or column.is_complex()) or bool(column.isfinite().all()):
        return
    bad = ~column.reshape(len(column), -1).isfinite().all(dim=1)
    raise DemonstrationError(
        f"{source}: {name!r} is NaN or infinite in {int(bad.sum())} of {len(column)} transitions, first in "
        f"number {int(bad.nonzero()[0])}; {mend}"
    )


def write_rewards(data: Any, reward: Tensor) -> None:
    """Write (batch,) rewards to the key ``reward``: 0-d tensors for a list of dicts, one array for a dict of arrays.

    A transition of an n-step buffer has a ``reward`` of shape (n,), n > 1, and keeps that shape. It does not hold the
    states and actions of its later steps, so that each of the n entries is set to the reward of its first step.
    """
    if isinstance(data, MutableMapping):
        data["reward"] = reward.cpu().numpy() if isinstance(data["obs"], np.ndarray) else reward
        return
    shape = np.shape(data[0].get("reward", ()))
    if len(shape) == 1 and shape[0] > 1:
        reward = reward[:, None].expand(-1, *shape).clone()
    with _without_collector():
        for row, value in zip(data, reward.unbind(), strict=True):
            row["reward"] = value


def tensor_of(array: NDArray[Any]) -> Tensor:
    """Return the array as a tensor, which shares its memory if torch supports its layout."""
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    shared = native.flags.writeable and all(stride >= 0 for stride in native.strides)
    return torch.from_numpy(native if shared else native.copy())


@contextmanager
def _without_collector() -> Iterator[None]:
    """Turn garbage collection off while thousands of tensors are made: it would visit all of them and free none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _tensor(value: Any, name: str) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach()
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise DemonstrationError(
            f"{name!r} has dtype {array.dtype}; expected numbers. Flatten dict observations "
            "(gymnasium.wrappers.FlattenObservation) before they reach the reward model"
        )
    return tensor_of(array)


def _unfit(data: Any, name: str) -> DemonstrationError:
    if not isinstance(data, Sequence):
        return DemonstrationError(f"found a {type(data).__name__}; expected a list of dicts with {name!r}")
    for number, row in enumerate(data):
        if not isinstance(row, Mapping):
            return DemonstrationError(f"transition {number} is a {type(row).__name__}; expected a dict with {name!r}")
        if name not in row:
            return DemonstrationError(
                f"transition {number} has no {name!r}; found {', '.join(map(str, row)) or 'nothing'}"
            )
    return DemonstrationError(f"the transitions cannot be read by {name!r}")


def _uneven(values: list[Any], name: str) -> DemonstrationError:
    first = values[0]
    if isinstance(first, Mapping):
        return DemonstrationError(
            f"{name!r} is a dict of {', '.join(map(str, first))}; expected one array. Flatten it "
            "(gymnasium.wrappers.FlattenObservation) before it reaches the reward model"
        )
    for number, value in enumerate(values):
        if np.shape(value) != np.shape(first):
            return DemonstrationError(
                f"{name!r} has shape {tuple(np.shape(value))} in transition {number} and {tuple(np.shape(first))} in "
                "transition 0; all must agree"
            )
    return DemonstrationError(f"{name!r} holds {type(first).__name__}; expected tensors, arrays or numbers, all alike")
