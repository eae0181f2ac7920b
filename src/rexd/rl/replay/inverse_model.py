"""An inverse model a = g(s, s'), fitted to the agent's own steps, that labels demonstrated transitions with actions.

Demonstrations without actions can be replayed and cloned once it is known which action leads from one state to the
next, and the agent's own steps show that (behavioural cloning from observation, BCO: Torabi et al. 2018, arXiv
1805.01954). The labels become right as the agent comes to the states of the demonstrations, so that they are made anew
now and then (BCO(α)).

Drawback: where several actions lead to the same next state, the label is their mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Space
from numpy.typing import NDArray
from torch import Tensor, nn

from rexd.demos.choices import factors_of, one_hot
from rexd.demos.spaces import action_count

Float32 = NDArray[np.float32]

SETTLED = 4_000
"""The agent's steps after which labels are near to what they become. HalfCheetah's clone of them then earns 3,790 of
3,930, and Hopper's walks; a critic that an actor follows earlier knows little but wrong labels."""

HIDDEN = 256
UPDATES = 3_000
BATCH = 256
LEARNING_RATE = 1e-3
SMALLEST_SPREAD = 1e-6  # of the change of a column; a column that never changes tells nothing
FAR = 10.0  # standard deviations; what the agent never saw is moved to the edge of what it saw


@dataclass(frozen=True, eq=False)
class InverseModel:
    """A fitted network, and the scale of its inputs.

    Attributes:
        network: (batch, 2 · D) -> (batch, A).
        mean: (2 · D,) the means of the states and of their changes.
        std: (2 · D,) their standard deviations.
    """

    network: nn.Module
    mean: Float32
    std: Float32

    @classmethod
    def fit(cls, obs: Float32, act: Float32, next_obs: Float32, seed: int) -> InverseModel:
        """Fit to what the agent did.

        Args:
            obs: (N, D) observations in the learner's units.
            act: (N, A) actions in the learner's units.
            next_obs: (N, D) the observations after them.
            seed: Seed of weights and batches.
        """
        rows = _side_by_side(obs, next_obs)
        mean, std = rows.mean(axis=0), rows.std(axis=0)
        std = np.where(std < SMALLEST_SPREAD, np.float32(1.0), std)
        x, y = _scaled(rows, mean, std), torch.from_numpy(np.ascontiguousarray(act, np.float32))
        draw = torch.Generator().manual_seed(seed)
        network = _network(x.shape[1], y.shape[1], draw)
        optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, UPDATES)
        for _ in range(UPDATES):
            pick = torch.randint(len(x), (BATCH,), generator=draw)
            loss = (network(x[pick]) - y[pick]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        return cls(network, mean, std)

    def label(self, obs: Float32, next_obs: Float32) -> Float32:
        """Return the actions that lead from states to next states: (batch, A), not bounded."""
        with torch.no_grad():
            found: Float32 = self.network(_scaled(_side_by_side(obs, next_obs), self.mean, self.std)).numpy()
        return found


def within(space: Space[Any], act: Float32) -> Float32:
    """Return actions that a space has, in the learner's units: bounded, or one-hot for each discrete choice."""
    count = action_count(space, "the environment")
    if count is None:
        return act.clip(-1.0, 1.0)
    parts = np.split(act, np.cumsum(factors_of(count))[:-1], axis=1)
    return np.concatenate([one_hot(part.argmax(axis=1), part.shape[1]) for part in parts], axis=1)


def _side_by_side(obs: Float32, next_obs: Float32) -> Float32:
    """Return states and their changes, which say more of an action than two states that are nearly the same."""
    return np.concatenate([obs, next_obs - obs], axis=1)


def _scaled(rows: Float32, mean: Float32, std: Float32) -> Tensor:
    return torch.from_numpy(((rows - mean) / std).clip(-FAR, FAR).astype(np.float32))


def _network(inputs: int, outputs: int, draw: torch.Generator) -> nn.Sequential:
    network = nn.Sequential(
        nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs)
    )
    for layer in network:
        if isinstance(layer, nn.Linear):
            bound = layer.in_features**-0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=draw)
            nn.init.uniform_(layer.bias, -bound, bound, generator=draw)
    return network
