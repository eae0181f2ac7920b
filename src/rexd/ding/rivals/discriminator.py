"""A discriminator in PyTorch: it tells expert rows from an agent's, and moves while the agent learns.

It is the one of ``rexd train --reward adversarial`` (Kostrikov et al. 2019, arXiv 1809.02925): softplus losses and a
penalty that holds the slope of the logit at 1 between an agent's and an expert's row (Gulrajani et al. 2017,
arXiv 1704.00028).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.nn.functional import softplus

from rexd.errors import RewardFileError

GRADIENT_PENALTY = 10.0
LEAST_SPREAD = 1e-6  # a column that never varies in the expert's rows is not scaled


class Discriminator:
    """A network with its optimiser, and the scale of the expert's rows.

    Attributes:
        network: Gives the logit of standardised rows, ln D − ln(1 − D) with D the probability of being an expert's.
        opt: Its optimiser.
    """

    def __init__(
        self, expert: Tensor, hidden_size: int, learning_rate: float, generator: torch.Generator, device: str
    ) -> None:
        """Draw the network.

        Args:
            expert: (N, C) rows of the expert.
            hidden_size: Width of the two hidden layers.
            learning_rate: Step size of Adam.
            generator: Draws the weights, and later the batches.
            device: Where the network lies.
        """
        mean, std = expert.double().mean(dim=0), expert.double().std(dim=0, correction=0)
        self._mean = mean.float().to(device)
        self._std = torch.where(std > LEAST_SPREAD * mean.abs().clamp(min=1.0), std, 1.0).float().to(device)
        self._raw, self._generator = expert.to(device), generator
        self._expert = self._standardise(self._raw)
        columns = expert.shape[1]
        layers = [_linear(*sizes, generator) for sizes in pairwise((columns, hidden_size, hidden_size, 1))]
        self.network = nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2]).to(device)
        self.opt = optim.Adam(self.network.parameters(), learning_rate)

    def logit(self, rows: Tensor) -> Tensor:
        """Return the logit of raw rows: (batch, C) -> (batch,)."""
        with torch.no_grad():
            found: Tensor = self.network(self._standardise(rows)).squeeze(1)
            return found

    def update(self, agent: Tensor, updates: int, batch_size: int) -> list[float]:
        """Learn to tell the expert's rows from an agent's raw rows (M, C), and return the losses."""
        agent = self._standardise(agent.to(self._expert.device))
        losses = []
        for _ in range(updates):
            shown, played = self._draw(self._expert, batch_size), self._draw(agent, batch_size)
            mix = torch.rand(batch_size, 1, generator=self._generator).to(shown.device)
            between = (mix * shown + (1.0 - mix) * played).requires_grad_()
            (slope,) = torch.autograd.grad(self.network(between).sum(), between, create_graph=True)
            penalty = (torch.linalg.vector_norm(slope, dim=1) - 1.0).square().mean()
            loss = softplus(self.network(played)).mean() + softplus(-self.network(shown)).mean()
            self.opt.zero_grad()
            (loss + GRADIENT_PENALTY * penalty).backward()
            self.opt.step()
            losses.append(float(loss.detach()))
        return losses

    def state_dict(self) -> dict[str, Any]:
        """Return the weights, the optimiser's state and the scale."""
        return {
            "network": self.network.state_dict(),
            "opt": self.opt.state_dict(),
            "mean": self._mean,
            "std": self._std,
        }

    def check(self, state: Mapping[str, Any]) -> None:
        """Refuse a state that does not fit.

        Raises:
            RewardFileError: A tensor is missing, has another shape, or is not finite.
        """
        own = {**self.network.state_dict(), "mean": self._mean, "std": self._std}
        found = {**state["network"], "mean": state["mean"], "std": state["std"]}
        for name in own.keys() | found.keys():
            if name not in own or name not in found or found[name].shape != own[name].shape:
                raise RewardFileError(f"{name} of the state does not fit a discriminator of {len(self._mean)} columns")
            if not bool(found[name].isfinite().all()):
                raise RewardFileError(f"{name} of the state holds NaN or infinite values")
        if not bool((state["std"] > 0.0).all()):
            raise RewardFileError("std of the state is not positive")

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what ``state_dict`` returned; ``check`` says whether it fits."""
        self.check(state)
        device = self._mean.device
        self.network.load_state_dict(state["network"])
        self.opt.load_state_dict(state["opt"])
        self._mean, self._std = state["mean"].to(device), state["std"].to(device)
        self._expert = self._standardise(self._raw)

    def _standardise(self, rows: Tensor) -> Tensor:
        return (rows - self._mean) / self._std

    def _draw(self, rows: Tensor, count: int) -> Tensor:
        return rows[torch.randint(len(rows), (count,), generator=self._generator).to(rows.device)]


def _linear(fan_in: int, fan_out: int, generator: torch.Generator) -> nn.Linear:
    """Return a layer with Glorot-uniform weights that are drawn from the generator alone."""
    layer = nn.Linear(fan_in, fan_out, device="meta").to_empty(device="cpu")  # no weights are drawn for nothing
    drawn = torch.rand(fan_out, fan_in, generator=generator) * 2.0 - 1.0
    with torch.no_grad():
        layer.weight.copy_(drawn * math.sqrt(6.0 / (fan_in + fan_out)))
        layer.bias.zero_()
    return layer
