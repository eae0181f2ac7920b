"""A trained policy as plain numbers: perceptron weights that torch alone can play, on raw observations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.errors import RunError, SpaceMismatchError
from rexd.tensors import read_tensors, write_tensors

VERSION = 1
ZIP_REMEDY = (
    "Copy it again or train anew. A zip of Stable-Baselines3 or sbx executes code when it is loaded; rexd collect and "
    "rexd evaluate take one with --trust"
)
POLICY_FILE = "policy.safetensors"
Array = NDArray[Any]
Distribution = Literal["squashed-gaussian", "gaussian", "categorical"]
Activation = Literal["relu", "tanh"]


@dataclass(frozen=True)
class PolicySpec:
    """What the weights mean.

    Attributes:
        distribution: ``squashed-gaussian``: a = tanh(μ + σε), scaled to the bounds (SAC); ``gaussian``: μ + σε,
            clipped to the bounds (PPO); ``categorical``: logits of a discrete action.
        activation: Between the layers.
        low: Lowest action of each column; empty for discrete actions.
        high: Highest action of each column; empty for discrete actions.
    """

    distribution: Distribution
    activation: Activation
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


class Policy:
    """Maps raw observations to actions, with the ``predict`` of Stable-Baselines3.

    All weights and biases may have a dimension more, before the others: K policies, which act as ``ensemble`` says.

    Attributes:
        spec: What the weights mean.
        layers: (weight (out, in), bias (out,)) of each hidden layer and of the head, whose outputs are the means
            (or logits).
        log_std: (weight, bias) of the head for ln σ; a weight of shape (A, 0) makes σ the same for all states;
            None for discrete actions.
    """

    def __init__(
        self, spec: PolicySpec, layers: list[tuple[Tensor, Tensor]], log_std: tuple[Tensor, Tensor] | None
    ) -> None:
        """Take the weights as they are; float32.

        Raises:
            ValueError: The specification is not known, or does not fit the weights.
        """
        if spec.distribution not in get_args(Distribution) or spec.activation not in get_args(Activation):
            raise ValueError(f"unknown distribution {spec.distribution!r} or activation {spec.activation!r}")
        columns = 0 if spec.distribution == "categorical" else layers[-1][1].shape[-1]
        if not len(spec.low) == len(spec.high) == columns:
            raise ValueError(f"{len(spec.low)} and {len(spec.high)} bounds for {columns} action columns")
        self.spec, self.layers, self.log_std = spec, layers, log_std
        self._low, self._high = torch.tensor(spec.low), torch.tensor(spec.high)
        self._generator = torch.Generator().manual_seed(0)

    @property
    def obs_dim(self) -> int:
        """Observation columns."""
        return int(self.layers[0][0].shape[-1])

    def without_last_column(self) -> Policy:
        """The same policy where the last observation column is always 0, such as the mark of absorbing states."""
        weight, bias = self.layers[0]
        return Policy(self.spec, [(weight[..., :-1].contiguous(), bias), *self.layers[1:]], self.log_std)

    def seed(self, seed: int) -> None:
        """Seed the noise of actions that are not deterministic."""
        self._generator.manual_seed(seed)

    @torch.no_grad()
    def predict(
        self,
        observation: Array,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Array, Any]:
        """The action for one observation (D,) or for a batch (n, D).

        Args:
            observation: Raw environment observations, (D,) or (n, D).
            state: Passed through, for the signature of Stable-Baselines3.
            episode_start: Ignored, likewise.
            deterministic: The mode of the policy, or a sample of it.

        Returns:
            float32 actions (A,) or (n, A) within the bounds, or int64 for a discrete space; and ``state``.

        Raises:
            SpaceMismatchError: The observation has another number of columns.
        """
        observation = np.asarray(observation)
        batch = observation[None] if observation.ndim == 1 else observation
        if batch.ndim != 2 or batch.shape[1] != self.obs_dim:
            raise SpaceMismatchError(
                f"observation has shape {observation.shape}; the policy was trained on {self.obs_dim} columns"
            )
        x = torch.from_numpy(np.array(batch, dtype=np.float32))
        actions = self._act(x, deterministic).numpy()
        return (actions[0] if observation.ndim == 1 else actions), state

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Last hidden features and the head's outputs: (n, D) -> (n, H), (n, A), or (K, n, H), (K, n, A)."""
        activation = torch.relu if self.spec.activation == "relu" else torch.tanh
        for weight, bias in self.layers[:-1]:
            x = activation(_linear(x, weight, bias))
        return x, _linear(x, *self.layers[-1])

    def _act(self, x: Tensor, deterministic: bool) -> Tensor:
        features, mean = self.forward(x)
        if self.spec.distribution == "categorical":
            likely = _mean(mean.softmax(dim=-1))
            if deterministic:
                return likely.argmax(dim=1)
            return torch.multinomial(likely, 1, generator=self._generator)[:, 0]
        if not deterministic and self.log_std is not None:
            weight, bias = self.log_std
            log_std = _linear(features[..., : weight.shape[-1]], weight, bias)
            noise = torch.randn(mean.shape[-2:], generator=self._generator)
            mean = mean + log_std.clamp(-20.0, 2.0).exp() * noise
        if self.spec.distribution == "gaussian":
            return _mean(mean.clamp(self._low, self._high))
        return self._low + (_mean(torch.tanh(mean)) + 1.0) * 0.5 * (self._high - self._low)

    def save(self, path: str | Path) -> Path:
        """Write weights and specification to one ``.safetensors`` file, atomically."""
        content = {"version": VERSION, "layers": len(self.layers), **asdict(self.spec)}
        return write_tensors(path, "policy", content, self.tensors())

    def tensors(self) -> dict[str, Tensor]:
        """The weights by their names, for ``from_tensors``."""
        tensors: dict[str, Tensor] = {}
        for number, (weight, bias) in enumerate(self.layers):
            tensors |= {f"layers.{number}.weight": weight, f"layers.{number}.bias": bias}
        if self.log_std is not None:
            tensors |= {"log_std.weight": self.log_std[0], "log_std.bias": self.log_std[1]}
        return tensors

    @classmethod
    def from_tensors(cls, spec: PolicySpec, layers: int, tensors: Mapping[str, Tensor]) -> Self:
        """The inverse of ``tensors``.

        Raises:
            KeyError: One is missing.
            ValueError: The specification does not fit them.
        """

        def pair(name: str) -> tuple[Tensor, Tensor]:
            return tensors[f"{name}.weight"], tensors[f"{name}.bias"]

        found = [pair(f"layers.{number}") for number in range(layers)]
        return cls(spec, found, pair("log_std") if "log_std.weight" in tensors else None)


def ensemble(policies: Sequence[Policy]) -> Policy:
    """One policy that does the mean of what several would do; of discrete actions, the mean of their probabilities.

    Policies that fall now and then fall at different places, so that their mean falls less often, though it is no cure
    (docs/experiments.md). A sample of it has the noise of its members, the same for all.

    Args:
        policies: At least one, of one specification and shape; none an ensemble itself.
    """
    if len(policies) == 1:
        return policies[0]
    tensors = [policy.tensors() for policy in policies]
    stacked = {name: torch.stack([each[name] for each in tensors]) for name in tensors[0]}
    return Policy.from_tensors(policies[0].spec, len(policies[0].layers), stacked)


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if weight.ndim == 2:
        return torch.nn.functional.linear(x, weight, bias)
    return torch.baddbmm(bias[:, None], x.expand(len(weight), -1, -1), weight.mT)


def _mean(actions: Tensor) -> Tensor:
    """Of an ensemble's members, (K, n, A) -> (n, A)."""
    return actions if actions.ndim == 2 else actions.mean(dim=0)


def load_policy(path: str | Path) -> Policy:
    """Load a policy from a run folder or a ``policy.safetensors`` file; needs torch only and executes nothing.

    Raises:
        RunError: There is no policy, or the file is cut short, damaged or of another kind.
    """
    source = Path(path)
    if source.is_dir():
        source = source / POLICY_FILE
    if not source.is_file():
        raise RunError(f"{source}: no such file; expected the folder of a run by rexd train, or its {POLICY_FILE}")
    content, tensors = read_tensors(source, "policy", RunError, ZIP_REMEDY)
    try:
        if content["version"] != VERSION:
            raise RunError(f"{source}: policy file version {content['version']}; this rexd reads version {VERSION}")
        spec = PolicySpec(
            distribution=content["distribution"],
            activation=content["activation"],
            low=tuple(content["low"]),
            high=tuple(content["high"]),
        )
        policy = Policy.from_tensors(spec, content["layers"], tensors)
        for deterministic in (True, False):  # shapes that do not chain fail here, not in the first episode
            policy.predict(np.zeros(policy.obs_dim), deterministic=deterministic)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
        raise RunError(f"{source}: damaged policy file ({error!r}); copy it again or train anew") from error
    return policy
