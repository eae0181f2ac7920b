"""A trained policy as plain perceptron weights, which need only torch and take raw observations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.errors import RunError, SpaceMismatchError
from rexd.flattening import Flattening
from rexd.rl.policies.pixels import Kernels, check_kernels, features_of
from rexd.tensors import read_tensors, write_tensors

VERSION = 1
ZIP_REMEDY = (
    "Copy it again or train anew. A zip of Stable-Baselines3 or sbx executes code when it is loaded; rexd collect and "
    "rexd evaluate load one with --trust"
)
POLICY_FILE = "policy.safetensors"
Array = NDArray[Any]
Distribution = Literal["squashed-gaussian", "gaussian", "categorical"]
Activation = Literal["relu", "tanh"]


@dataclass(frozen=True)
class PolicySpec:
    """How the weights of a policy become actions.

    Attributes:
        distribution: ``squashed-gaussian``: a = tanh(μ + σε), scaled to the bounds (SAC). ``gaussian``: a = μ + σε,
            clipped to the bounds (PPO). ``categorical``: logits of a discrete action, or of several at the same time.
        activation: Activation function between the layers.
        low: Lowest action of each column; empty for discrete actions.
        high: Highest action of each column; empty for discrete actions.
        choices: Number of options of each of several discrete choices (``MultiDiscrete``, ``MultiBinary``), whose
            logits lie side by side; empty for one choice.
        observations: How the environment's observations become columns; None where they are one array of numbers.
        image: The shape (height, width, channels) of observations that are images; else empty.
    """

    distribution: Distribution
    activation: Activation
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    choices: tuple[int, ...] = ()
    observations: Flattening | None = None
    image: tuple[int, ...] = ()

    @classmethod
    def bounded(cls, distribution: Distribution, low: Array, high: Array) -> Self:
        """Describe a policy with ReLU layers and continuous actions between ``low`` and ``high``, each (A,)."""
        return cls(distribution, "relu", tuple(map(float, low)), tuple(map(float, high)))


class Policy:
    """Maps raw observations to actions, with the ``predict`` of Stable-Baselines3.

    All weights and biases may have one more dimension at the front, of size K. The policy is then an ensemble of K
    policies, which acts as described in ``ensemble``.

    Attributes:
        spec: How the weights become actions.
        layers: (weight (out, in), bias (out,)) of each hidden layer and of the head, whose outputs are the means
            (or logits).
        kernels: The convolutions of a policy that looks at images, whose features the first layer takes; else empty.
        log_std: (weight, bias) of the head for ln σ. A weight of shape (A, 0) makes σ the same for all states. None for
            discrete actions, and for policies that always act by their mode.
    """

    def __init__(
        self,
        spec: PolicySpec,
        layers: list[tuple[Tensor, Tensor]],
        log_std: tuple[Tensor, Tensor] | None,
        kernels: Kernels = (),
    ) -> None:
        """Keep the weights, which are float32, without copying them.

        Raises:
            ValueError: The distribution or the activation is unknown, or the bounds do not fit the weights.
        """
        if spec.distribution not in get_args(Distribution) or spec.activation not in get_args(Activation):
            raise ValueError(f"unknown distribution {spec.distribution!r} or activation {spec.activation!r}")
        columns = 0 if spec.distribution == "categorical" else layers[-1][1].shape[-1]
        if not len(spec.low) == len(spec.high) == columns:
            raise ValueError(f"{len(spec.low)} and {len(spec.high)} bounds for {columns} action columns")
        outputs = layers[-1][1].shape[-1]
        if spec.choices and (columns or min(spec.choices) < 1 or sum(spec.choices) != outputs):
            raise ValueError(f"choices among {spec.choices} options for {outputs} outputs")
        if spec.image or kernels:
            check_kernels(spec.image, kernels, layers[0][0].shape[-1])
        self.spec, self.layers, self.log_std, self.kernels = spec, layers, log_std, kernels
        self._low, self._high = torch.tensor(spec.low), torch.tensor(spec.high)
        self._generator = torch.Generator().manual_seed(0)

    @property
    def obs_dim(self) -> int:
        """Number of observation columns."""
        return int(self.layers[0][0].shape[-1])

    def without_last_column(self) -> Policy:
        """Return the policy for observations without their last column, which counts as 0.

        Such a column is the mark of absorbing states.
        """
        weight, bias = self.layers[0]
        return Policy(self.spec, [(weight[..., :-1].contiguous(), bias), *self.layers[1:]], self.log_std)

    def taking(self, observations: Flattening | None) -> Policy:
        """Return the same policy with another ``spec.observations``."""
        return Policy(replace(self.spec, observations=observations), self.layers, self.log_std, self.kernels)

    def seed(self, seed: int) -> None:
        """Seed the noise of actions that are not deterministic."""
        self._generator.manual_seed(seed)

    @torch.no_grad()
    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Array, Any]:
        """Return the action for one observation (D,), or the actions for a batch (n, D).

        Args:
            observation: Raw environment observations, (D,) or (n, D), or images (H, W, C) or (n, H, W, C); or, where
                ``spec.observations`` is known, one in several parts as the environment gives it, or parts that each
                have n rows.
            state: Returned as it is. The signature of Stable-Baselines3 has it.
            episode_start: Ignored. The signature of Stable-Baselines3 has it.
            deterministic: Whether to return the mode of the policy, and not a sample.

        Returns:
            float32 actions (A,) or (n, A) within the bounds, or int64 for a discrete space: a number or (n,), and (k,)
            or (n, k) for k choices; and ``state``.

        Raises:
            SpaceMismatchError: The observation has another number of columns than the policy.
        """
        if self.spec.image:
            return self._predict_images(np.asarray(observation), deterministic), state
        observation = self._columns(observation)
        batch = observation[None] if observation.ndim == 1 else observation
        if batch.ndim != 2 or batch.shape[1] != self.obs_dim:
            raise SpaceMismatchError(
                f"observation has shape {observation.shape}; the policy was trained on {self.obs_dim} columns"
            )
        x = torch.from_numpy(np.array(batch, dtype=np.float32))
        actions = self._act(x, deterministic).numpy()
        return (actions[0] if observation.ndim == 1 else actions), state

    def _predict_images(self, images: Array, deterministic: bool) -> Array:
        if images.shape[-3:] != self.spec.image or images.ndim > 4 or images.dtype != np.uint8:
            raise SpaceMismatchError(
                f"observation has shape {images.shape} and dtype {images.dtype}; the policy was trained on images "
                f"(uint8) of shape {self.spec.image}"
            )
        batch = torch.from_numpy(np.array(images.reshape(-1, *self.spec.image)))
        actions: Array = self._act(features_of(batch, self.kernels), deterministic).numpy()
        return actions[0] if images.ndim == 3 else actions

    def _columns(self, observation: Any) -> Array:
        """Return observations in parts as columns; (D,) or (n, D) are returned as they are."""
        flattening = self.spec.observations
        in_parts = isinstance(observation, Mapping | tuple)
        if flattening is None or (not in_parts and (flattening.names or np.shape(observation)[-1:] == (self.obs_dim,))):
            return np.asarray(observation)
        return flattening.flatten(observation, flattening.lead_of(observation))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last hidden features and the outputs of the head.

        Args:
            x: (n, D) raw observations, or the features of images.

        Returns:
            (n, H) and (n, A); (K, n, H) and (K, n, A) for an ensemble.
        """
        activation = torch.relu if self.spec.activation == "relu" else torch.tanh
        for weight, bias in self.layers[:-1]:
            x = activation(_linear(x, weight, bias))
        return x, _linear(x, *self.layers[-1])

    def mode(self, observations: Tensor) -> Tensor:
        """Return the deterministic actions for raw observations (n, D) float32, or for images (n, H, W, C) uint8."""
        x = features_of(observations, self.kernels) if self.spec.image else observations
        return self._act(x, deterministic=True)

    def _act(self, x: Tensor, deterministic: bool) -> Tensor:
        features, mean = self.forward(x)
        if self.spec.distribution == "categorical":
            if not self.spec.choices:
                return self._choose(mean, deterministic)
            parts = torch.split(mean, list(self.spec.choices), dim=-1)
            return torch.stack([self._choose(logits, deterministic) for logits in parts], dim=1)
        if not deterministic and self.log_std is not None:
            weight, bias = self.log_std
            log_std = _linear(features[..., : weight.shape[-1]], weight, bias)
            noise = torch.randn(mean.shape[-2:], generator=self._generator)
            mean = mean + log_std.clamp(-20.0, 2.0).exp() * noise
        if self.spec.distribution == "gaussian":
            return _mean(mean.clamp(self._low, self._high))
        return self._low + (_mean(torch.tanh(mean)) + 1.0) * 0.5 * (self._high - self._low)

    def _choose(self, logits: Tensor, deterministic: bool) -> Tensor:
        """Return the number of an option: (n, options) or (K, n, options) -> (n,)."""
        likely = _mean(logits.softmax(dim=-1))
        if deterministic:
            return likely.argmax(dim=1)
        return torch.multinomial(likely, 1, generator=self._generator)[:, 0]

    def save(self, path: str | Path) -> Path:
        """Write weights and specification to one ``.safetensors`` file, atomically."""
        content = {"version": VERSION, "layers": len(self.layers), **asdict(self.spec)}
        if self.spec.observations is None:
            del content["observations"]
        if not self.spec.image:
            del content["image"]
        return write_tensors(path, "policy", content, self.tensors())

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights by their names, which ``from_tensors`` takes back."""
        tensors: dict[str, Tensor] = {}
        for number, (weight, bias) in enumerate(self.layers):
            tensors |= {f"layers.{number}.weight": weight, f"layers.{number}.bias": bias}
        for number, (weight, bias) in enumerate(self.kernels):
            tensors |= {f"kernels.{number}.weight": weight, f"kernels.{number}.bias": bias}
        if self.log_std is not None:
            tensors |= {"log_std.weight": self.log_std[0], "log_std.bias": self.log_std[1]}
        return tensors

    @classmethod
    def from_tensors(cls, spec: PolicySpec, layers: int, tensors: Mapping[str, Tensor]) -> Self:
        """Build a policy from what ``tensors`` returned.

        Args:
            spec: How the weights become actions.
            layers: Number of layers, the head included.
            tensors: The weights by their names.

        Raises:
            KeyError: A tensor is missing.
            ValueError: The specification does not fit the tensors.
        """

        def pair(name: str) -> tuple[Tensor, Tensor]:
            return tensors[f"{name}.weight"], tensors[f"{name}.bias"]

        found = [pair(f"layers.{number}") for number in range(layers)]
        kernels: list[tuple[Tensor, Tensor]] = []
        while f"kernels.{len(kernels)}.weight" in tensors:
            kernels.append(pair(f"kernels.{len(kernels)}"))
        return cls(spec, found, pair("log_std") if "log_std.weight" in tensors else None, kernels)


def ensemble(policies: Sequence[Policy]) -> Policy:
    """Return one policy that takes the mean action of several policies.

    For discrete actions, the mean is that of their probabilities. Policies that fall now and then fall at different
    places, so that their mean falls less often (docs/lab/selection-and-cloning.md). In a sample, all members have the
    same noise ε.

    Args:
        policies: At least one policy. All have the same specification and shapes, and none is an ensemble.
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
    """Return the mean over the members of an ensemble: (K, n, A) -> (n, A); (n, A) is returned as it is."""
    return actions if actions.ndim == 2 else actions.mean(dim=0)


def _check_shapes(policy: Policy) -> None:
    """Check that layers follow each other, so that playing makes no array larger than those that the file holds.

    PyTorch would stretch a bias of one number to the width of a weight that has no numbers at all.

    Raises:
        ValueError: They do not.
    """
    members, inputs = tuple(policy.layers[0][0].shape[:-2]), policy.obs_dim
    hidden = [weight.shape[-1] for weight, _ in policy.layers[-1:]]
    heads = [] if policy.log_std is None else [policy.log_std]
    for number, (weight, bias) in enumerate([*policy.layers, *heads]):
        follows = (inputs,) if number < len(policy.layers) else (0, *hidden)
        outputs = bias.shape[-1] if bias.ndim else 0
        wanted = [(*members, outputs, width) for width in follows]
        if len(members) > 1 or not outputs or tuple(weight.shape) not in wanted or bias.shape != (*members, outputs):
            raise ValueError(f"layer {number} has a weight of {tuple(weight.shape)} and a bias of {tuple(bias.shape)}")
        inputs = outputs
    if 0 in (*members, policy.obs_dim) or (heads and heads[0][1].shape != policy.layers[-1][1].shape):
        raise ValueError("layers without columns, or as many deviations as there are no actions")


def load_policy(path: str | Path) -> Policy:
    """Load a policy, which needs only torch and executes nothing from the file.

    Args:
        path: The folder of a run, or a ``policy.safetensors`` file.

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
            choices=tuple(map(int, content.get("choices", ()))),  # earlier versions had none
            observations=Flattening.from_dict(content["observations"]) if "observations" in content else None,
            image=tuple(map(int, content.get("image", ()))),
        )
        policy = Policy.from_tensors(spec, content["layers"], tensors)
        _check_shapes(policy)
        if spec.observations is not None and spec.observations.width != policy.obs_dim:
            raise ValueError(f"observations of {spec.observations.width} columns for {policy.obs_dim} inputs")
        for deterministic in (True, False):  # layers that do not fit each other fail here, not in the first episode
            example = np.zeros(spec.image, np.uint8) if spec.image else np.zeros(policy.obs_dim)
            policy.predict(example, deterministic=deterministic)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
        raise RunError(f"{source}: damaged policy file ({error!r}); copy it again or train anew") from error
    return policy
