"""Behavioural cloning: a policy that supervised learning fits to the demonstrated actions.

A learnt reward is only worth its cost if it beats this baseline, so the baseline is meant to be strong with as few as
200 rows. Observations are standardised, actions are clipped to the bounds, weights decay (AdamW, arXiv 1711.05101) and
are averaged over updates. Held-out rows decide how long to fit; the policy that is returned is then fitted to all rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, linear, mse_loss

from rexd.adam import Adam
from rexd.demos.choices import ActionCount, describe, factors_of
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.transitions import Transitions
from rexd.errors import DemonstrationError
from rexd.progress import Progress
from rexd.rl.policies.pixels import Kernels, features_of, shapes_for
from rexd.rl.policies.policy import Policy, PolicySpec
from rexd.rl.wrappers.scaling import ObservationScale

Array = NDArray[Any]
Layers = list[tuple[Tensor, Tensor]]
ActionSpace = tuple[Array, Array] | ActionCount
"""Lowest and highest action, each (A,), or the number of discrete actions, or of the options of each of several."""

MOST_UPDATES = 2000
CHECK_EVERY = 50
BATCH = 64
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1.0
AVERAGING = 0.99  # decay of the running mean of the weights, which covers about the last 100 updates
HELD_OUT = 0.25
# The held-out error may reach this multiple of its minimum. Returns still rise long after the error has levelled off:
# on Hopper, from 1171 and 1355 at the minimum to 2357 and 1972 after 2000 updates (200 rows, two seeds).
TOLERANCE = 1.1
MOST_CHECKED = 256  # images among the held-out rows that the error is measured on


def clone(
    demonstrations: Demonstrations,
    *,
    action_space: ActionSpace,
    seed: int = 0,
    updates: int | None = None,
    hidden: tuple[int, ...] = (256, 256),
    squashed: bool = True,
    progress: Progress | None = None,
) -> Policy:
    """Fit a policy to the demonstrated actions.

    Args:
        demonstrations: Observations and actions to imitate. Images are passed through convolutions.
        action_space: Lowest and highest action, each (A,), or the number of discrete actions, or a tuple with the
            number of options of each of several choices.
        seed: Seed of weights and batches; nothing else is random.
        updates: Number of gradient steps. None takes the largest number, up to ``MOST_UPDATES``, at which the error on
            held-out rows is at most ``TOLERANCE`` times its minimum. Whole trajectories are held out, or the last part
            of a single one.
        hidden: Widths of the hidden layers.
        squashed: Whether continuous actions are tanh(μ), as in SAC, or μ clipped to the bounds, as in PPO.
        progress: Called with the number of gradient steps done and the largest number that there can be.

    Returns:
        A policy for raw observations. It has no σ, so that every continuous action is the mode.

    Raises:
        DemonstrationError: There are no actions, or they do not fit the action space.
    """
    cloning = Cloning(demonstrations, action_space=action_space, seed=seed, hidden=hidden, squashed=squashed)
    if updates is not None:
        return cloning.policy(updates, progress)
    best = cloning.best_updates(progress)
    if progress is None:
        return cloning.policy(best)
    return cloning.policy(best, lambda done, _: progress(MOST_UPDATES + done, MOST_UPDATES + best))


class Cloning:
    """A clone whose fit can go on: ``policy`` asked for 1000 and then for 2000 updates does 2000 in all.

    Attributes:
        demonstrations: What is cloned.
        seed: Seed of weights and batches.
        squashed: Whether continuous actions are tanh(μ).
    """

    def __init__(
        self,
        demonstrations: Demonstrations,
        *,
        action_space: ActionSpace,
        seed: int = 0,
        hidden: tuple[int, ...] = (256, 256),
        squashed: bool = True,
    ) -> None:
        """Take what ``clone`` takes, and raise what it raises."""
        if not demonstrations.has_actions:
            raise DemonstrationError(
                f"{demonstrations.source}: there are no actions, so that there is nothing to clone"
            )
        self.demonstrations, self.squashed = demonstrations, squashed
        self.seed, self._space = seed, action_space
        rows = demonstrations.transitions()
        image = demonstrations.image
        self._scale = None if image else ObservationScale.of(demonstrations)
        self._obs = torch.from_numpy(rows.obs if self._scale is None else self._scale.apply(rows.obs))
        self._kernels, inputs = shapes_for(image) if image else ([], self._obs.shape[1])
        self._act = _targets(rows.act, action_space, demonstrations.source)
        count = _count(action_space)
        self._widths = (inputs, *hidden, self._act.shape[1] if count is None else sum(factors_of(count)))
        self._loss = _loss(action_space, squashed)
        self._fit: _Fit | None = None

    def policy(self, updates: int, progress: Progress | None = None) -> Policy:
        """Return the clone after ``updates`` gradient steps on all rows, as many as the last time or more."""
        if self._fit is None or self._fit.updates > updates:
            self._fit = self._begun(torch.ones(len(self._obs), dtype=torch.bool))
        while self._fit.updates < updates:
            self._fit.update()
            if progress is not None and (self._fit.updates % CHECK_EVERY == 0 or self._fit.updates == updates):
                progress(self._fit.updates, updates)
        layers = [(weight.clone(), bias.clone()) for weight, bias in self._fit.layers()]
        convolutions, layers = layers[: len(self._kernels)], layers[len(self._kernels) :]
        if self._scale is not None:
            layers[0] = self._scale.fold(*layers[0])
        return _policy(layers, self._space, self.squashed, self.demonstrations.image, convolutions)

    def best_updates(self, progress: Progress | None = None) -> int:
        """Return the last number of updates at which held-out rows fitted well, by a fit to the other rows."""
        held_out = torch.from_numpy(_held_out(self.demonstrations.transitions()))
        checked = held_out if self._scale is not None else _some_of(held_out)
        fit, errors = self._begun(~held_out), dict[int, float]()
        for step in range(1, MOST_UPDATES + 1):
            fit.update()
            if step % CHECK_EVERY:
                continue
            if progress is not None:
                progress(step, 2 * MOST_UPDATES)
            if checked.any():
                errors[step] = float(self._loss(_forward(fit.averaged, self._obs[checked]), self._act[checked]))
        limit = TOLERANCE * min(errors.values(), default=0.0)
        return max((step for step, error in errors.items() if error <= limit), default=MOST_UPDATES)

    def _begun(self, rows: Tensor) -> _Fit:
        return _Fit(self._obs[rows], self._act[rows], self._loss, self._widths, self.seed, self._kernels)


class _Fit:
    """A perceptron, its optimiser and the running average of its weights."""

    def __init__(
        self,
        obs: Tensor,
        act: Tensor,
        loss: Callable[[Tensor, Tensor], Tensor],
        widths: tuple[int, ...],
        seed: int,
        kernels: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.obs, self.act, self.loss = obs, act, loss
        self.random = torch.Generator().manual_seed(seed)
        self.weights: list[Tensor] = []
        shapes: list[tuple[int, ...]] = [(outputs, inputs, 3, 3) for inputs, outputs in kernels]
        shapes += [(outputs, inputs) for inputs, outputs in pairwise(widths)]
        for first in shapes:
            for shape in (first, first[:1]):
                drawn = torch.rand(shape, generator=self.random) * 2.0 - 1.0
                # the distribution of torch.nn.Linear
                self.weights.append((drawn * math.prod(first[1:]) ** -0.5).requires_grad_())
        self.averaged = [weight.detach().clone() for weight in self.weights]
        self.optimisers = [
            Adam(self.weights[0::2], LEARNING_RATE, decay=WEIGHT_DECAY),
            Adam(self.weights[1::2], LEARNING_RATE),
        ]
        self.updates = 0

    def update(self) -> None:
        pick = torch.randint(len(self.obs), (BATCH,), generator=self.random)
        loss = self.loss(_forward(self.weights, self.obs[pick]), self.act[pick])
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser in self.optimisers:
            optimiser.step()
        self.updates += 1
        # The average is a plain mean at first, so that the initial weights have no part in it.
        rate = max(1.0 - AVERAGING, 1.0 / self.updates)
        for average, weight in zip(self.averaged, self.weights, strict=True):
            average.lerp_(weight.detach(), rate)

    def layers(self) -> Layers:
        return list(zip(self.averaged[0::2], self.averaged[1::2], strict=True))


def _forward(weights: list[Tensor], x: Tensor) -> Tensor:
    if count := sum(weight.ndim == 4 for weight in weights):
        pairs, weights = weights[: 2 * count], weights[2 * count :]
        x = features_of(x, list(zip(pairs[0::2], pairs[1::2], strict=True)))
    for weight, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = torch.relu(linear(x, weight, bias))
    return linear(x, weights[-2], weights[-1])


def _count(space: ActionSpace) -> ActionCount | None:
    """Return the number of discrete actions; None for continuous ones."""
    if isinstance(space, int):
        return space
    options = tuple(n for n in space if isinstance(n, int))
    return options if len(options) == len(space) else None


def _bounds(space: ActionSpace) -> tuple[Array, Array]:
    assert not isinstance(space, int)
    low, high = (np.asarray(bound, np.float32) for bound in space)
    return low, high


def _targets(act: Array, space: ActionSpace, source: str) -> Tensor:
    """Return the actions as the loss needs them: classes, or numbers scaled to [-1, 1]."""
    if (count := _count(space)) is not None:
        shape = () if isinstance(count, int) else (len(count),)
        if act.dtype.kind == "f" or act.shape[1:] != shape or (act >= np.array(count)).any():
            raise DemonstrationError(
                f"{source}: actions of shape {act.shape[1:]} up to {act.max()} do not fit {describe(count)}"
            )
        return torch.from_numpy(act)
    low, high = _bounds(space)
    if act.ndim != 2 or low.shape != act.shape[1:] or high.shape != act.shape[1:]:
        raise DemonstrationError(f"{source}: actions of shape {act.shape[1:]} do not fit bounds of shape {low.shape}")
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise DemonstrationError(f"{source}: cannot clone actions between {low} and {high}; expected finite bounds")
    return torch.from_numpy((2.0 * (np.clip(act, low, high) - low) / (high - low) - 1.0).astype(np.float32))


def _loss(space: ActionSpace, squashed: bool) -> Callable[[Tensor, Tensor], Tensor]:
    if isinstance(space, int):
        return cross_entropy
    if (count := _count(space)) is not None:
        options = list(factors_of(count))
        return lambda output, target: torch.stack(
            [cross_entropy(logits, target[:, k]) for k, logits in enumerate(torch.split(output, options, dim=1))]
        ).sum()
    if squashed:
        return lambda output, target: mse_loss(torch.tanh(output), target)
    return mse_loss


def _held_out(rows: Transitions) -> NDArray[np.bool_]:
    """Return which rows are held out: the last trajectories, or the last quarter of a single one.

    None are held out of a single trajectory of less than 4 rows.
    """
    trajectories = int(rows.trajectory[-1]) + 1
    if trajectories > 1:
        held: NDArray[np.bool_] = rows.trajectory >= trajectories - max(1, round(HELD_OUT * trajectories))
        return held
    return np.arange(len(rows)) >= len(rows) - int(HELD_OUT * len(rows))


def _some_of(rows: Tensor) -> Tensor:
    """Return a part of the rows (N,) bool: at most ``MOST_CHECKED``, evenly."""
    numbers = torch.nonzero(rows).flatten()
    some = torch.zeros_like(rows)
    some[numbers[:: -(-len(numbers) // MOST_CHECKED) or 1]] = True
    return some


def _policy(
    layers: Layers, space: ActionSpace, squashed: bool, image: tuple[int, ...] = (), kernels: Kernels = ()
) -> Policy:
    if (count := _count(space)) is not None:
        choices = () if isinstance(count, int) else count
        return Policy(PolicySpec("categorical", "relu", choices=choices, image=image), layers, None, kernels)
    low, high = _bounds(space)
    spec = replace(PolicySpec.bounded("squashed-gaussian" if squashed else "gaussian", low, high), image=image)
    if not squashed:  # the last layer then gives actions in the environment's units, and not in [-1, 1]
        half, middle = torch.from_numpy((high - low) / 2.0), torch.from_numpy((high + low) / 2.0)
        weight, bias = layers[-1]
        layers = [*layers[:-1], (weight * half[:, None], bias * half + middle)]
    return Policy(spec, layers, None, kernels)
