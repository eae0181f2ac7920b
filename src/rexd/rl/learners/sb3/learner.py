"""The learners on Stable-Baselines3 (PyTorch): SAC with demonstrations, and PPO."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, MultiDiscrete
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn

from rexd.errors import RunError
from rexd.files import atomic_path
from rexd.rl.config import TrainConfig
from rexd.rl.learners.from_demonstrations import mean_matching_weight, starts_as_clone
from rexd.rl.learners.moment import moment_of, play_again, restore_generators
from rexd.rl.learners.protocol import State, sac_settings, take
from rexd.rl.learners.sb3.sac import DemonstrationSAC, LayerNormPolicy
from rexd.rl.policies.policy import Policy, PolicySpec
from rexd.rl.replay.buffer_state import end_running, load_buffer, save_buffer
from rexd.rl.replay.demonstrations import DemonstrationReplay, Float32
from rexd.rl.replay.hindsight import Hindsight
from rexd.rl.wrappers.scaling import ObservationScale

HIDDEN = (256, 256)
# σ of PPO as a share of half the action range. With the 1 of Stable-Baselines3, an action is mostly noise
# (docs/methods.md). After a warm start, σ is smaller, so that noise does not undo what was cloned.
INITIAL_STD = 0.37
CLONED_STD = 0.2
PPO_ROLLOUT = 2048  # largest number of steps between two updates of PPO, the default of Stable-Baselines3


class Sb3Learner:
    """A base class for both learners. They run on the CPU, since their networks are too small to gain from a GPU."""

    model: BaseAlgorithm

    def __init__(self, config: TrainConfig, model: BaseAlgorithm, scale: ObservationScale) -> None:
        """Take a model whose observations are standardised by ``scale``."""
        self.config, self.model, self.scale = config, model, scale
        self.goes_on = True
        # Without a logger, every call of learn leaves an empty folder in the system's temporary folder.
        self.model.set_logger(Logger(folder=None, output_formats=[]))

    @property
    def steps(self) -> int:
        """Number of environment steps taken so far."""
        return int(self.model.num_timesteps)

    def state(self) -> State:
        """Return networks, optimisers and the scale of observations."""
        return {
            **self.scale.arrays(),
            **{name: _array(tensor) for name, tensor in self._tensors().items()},
            "steps": np.array(self.model.num_timesteps),
            "updates": np.array(self.model._n_updates),
            **moment_of(self.model),
        }

    def load_state(self, state: State) -> None:
        """Fill the networks and optimisers that the constructor built."""
        parameters: dict[str, Any] = {}
        for name, content in self.model.get_parameters().items():
            if name == "policy":
                parameters[name] = {key: _take(state, f"{name}.{key}", tensor) for key, tensor in content.items()}
            else:
                parameters[name] = {**content, "state": self._optimizer_state(state, name)}
        steps, updates = (int(_take(state, name, torch.tensor(0))) for name in ("steps", "updates"))
        self.model.set_parameters(parameters, exact_match=True)
        self.model.num_timesteps, self.model._n_updates = steps, updates
        self.goes_on = play_again(self.model, state)
        if not restore_generators(self.model, state):
            self.model.batch_rng = np.random.default_rng([self.config.seed, steps])  # type: ignore[attr-defined]
            torch.manual_seed(int(np.random.SeedSequence([self.config.seed, steps]).generate_state(1)[0]))

    def save_zip(self, path: Path) -> None:
        """Write a zip for the library's own ``load``, whose first layers are folded to take raw observations."""
        kept = deepcopy(self.model.policy.state_dict())
        columns = len(self.scale.mean)
        try:
            with torch.no_grad():
                self._put_what_plays()
                for layer in self._first_layers():
                    weight, bias = self.scale.fold(layer.weight[:, :columns], layer.bias)
                    layer.weight[:, :columns] = weight
                    layer.bias.copy_(bias)
            with atomic_path(path) as temporary:
                self.model.save(temporary)
        finally:
            self.model.policy.load_state_dict(kept)

    def _put_what_plays(self) -> None:
        """Put the weights that ``policy`` gives out where the library's zip has them; called before it is written."""

    def _first_layers(self) -> list[nn.Linear]:
        """Return the layers of actor and critics that take observations."""
        raise NotImplementedError

    def _tensors(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for name, content in self.model.get_parameters().items():
            if name == "policy":
                tensors |= {f"{name}.{key}": tensor for key, tensor in content.items()}
            else:
                for number, entry in content["state"].items():
                    tensors |= {f"{name}.{number}.{key}": value for key, value in entry.items()}
        return tensors

    def _optimizer_state(self, state: State, name: str) -> dict[int, dict[str, Tensor]]:
        """Return Adam's state of each parameter; it is empty before the first update."""
        if not any(key.startswith(f"{name}.") for key in state):
            return {}
        optimizer: Any = self.model
        for attribute in name.split("."):
            optimizer = getattr(optimizer, attribute)
        return {
            number: {
                "step": _take(state, f"{name}.{number}.step", torch.tensor(0.0)),
                "exp_avg": _take(state, f"{name}.{number}.exp_avg", parameter),
                "exp_avg_sq": _take(state, f"{name}.{number}.exp_avg_sq", parameter),
            }
            for number, parameter in enumerate(optimizer.param_groups[0]["params"])
        }


class Sb3SacLearner(Sb3Learner):
    """A ``Learner`` on ``DemonstrationSAC``."""

    model: DemonstrationSAC

    def __init__(
        self,
        config: TrainConfig,
        env: VecEnv,
        scale: ObservationScale,
        replay: DemonstrationReplay | None,
        hindsight: Hindsight | None = None,
    ) -> None:
        """Build the networks.

        Args:
            config: Settings.
            env: An environment with standardised observations and the learned reward.
            scale: The scale by which it standardises observations.
            replay: Standardised demonstrations, or None to learn without.
            hindsight: Keeps the agent's episodes with other goals; None without goals.
        """
        assert isinstance(env.action_space, Box)
        model = DemonstrationSAC(
            LayerNormPolicy,
            env,
            policy_kwargs={"net_arch": list(HIDDEN)},
            device="cpu",
            **sac_settings(config, env.action_space, cloned=starts_as_clone(config, replay)),
        )
        model.backup_entropy = config.backup_entropy
        model.n_step = config.n_step
        model.hindsight = hindsight
        if replay is not None:
            model.learn_from(
                replay,
                share=config.demonstration_share,
                cloning_weight=config.cloning_weight,
                best_episodes=config.best_episodes,
                mean_matching=mean_matching_weight(config, hindsight),
            )
        super().__init__(config, model, scale)

    def learn(self, steps: int, callback: Any) -> None:
        """Take ``steps`` more environment steps, rounded up to whole blocks of ``updates_every``."""
        self.model.learn(steps, callback=callback, reset_num_timesteps=False, log_interval=None)  # type: ignore[arg-type]

    def losses(self) -> dict[str, float]:
        """Return the latest losses and statistics by name."""
        latest = self.model.losses
        return {} if latest is None else {name: float(value) for name, value in latest._asdict().items()}

    def policy(self) -> Policy:
        """Return the averaged actor, for raw observations."""
        space, actor = self.model.action_space, self.model.average_actor
        assert isinstance(space, Box)
        layers = [_copy(layer) for layer in _mean_layers(actor.latent_pi, actor.mu)]
        layers[0] = self.scale.fold(*layers[0])
        spec = PolicySpec.bounded("squashed-gaussian", space.low, space.high)
        assert isinstance(actor.log_std, nn.Linear)
        return Policy(spec, layers, _copy(actor.log_std))

    def warm_start(self, policy: Policy) -> None:
        """Copy the weights of hidden layers and means; σ keeps its initial weights."""
        actor = self.model.actor
        _warm_start(_mean_layers(actor.latent_pi, actor.mu), policy, self.scale, "squashed-gaussian")
        self.model.average_actor.load_state_dict(actor.state_dict())

    def label(self, rows: int) -> Float32:
        """Label states alone by the first ``rows`` of the agent's own steps."""
        return self.model.label(rows)

    def state(self) -> State:
        """Return networks, the averaged actor, optimisers, the entropy coefficient and the replay buffer."""
        assert self.model.log_ent_coef is not None
        assert self.model.replay_buffer is not None
        return {
            **super().state(),
            **save_buffer(self.model.replay_buffer),
            **{f"average.{name}": _array(t) for name, t in self.model.average_actor.state_dict().items()},
            "log_ent_coef": _array(self.model.log_ent_coef),
        }

    def load_state(self, state: State) -> None:
        """Fill the networks, optimisers and the replay buffer that the constructor built."""
        log_ent_coef = self.model.log_ent_coef
        assert log_ent_coef is not None
        assert self.model.replay_buffer is not None
        found = _take(state, "log_ent_coef", log_ent_coef)
        average = self.model.average_actor.state_dict()
        average = {name: _take(state, f"average.{name}", tensor) for name, tensor in average.items()}
        super().load_state(state)
        load_buffer(self.model.replay_buffer, state)
        if not self.goes_on:
            end_running(self.model.replay_buffer)
        self.model.average_actor.load_state_dict(average)
        with torch.no_grad():
            log_ent_coef.copy_(found)

    def _put_what_plays(self) -> None:
        self.model.actor.load_state_dict(self.model.average_actor.state_dict())

    def _first_layers(self) -> list[nn.Linear]:
        critics = [*self.model.critic.q_networks, *self.model.critic_target.q_networks]
        return [_linear(network)[0] for network in (self.model.actor.latent_pi, *critics)]


class Sb3PpoLearner(Sb3Learner):
    """A ``Learner`` on PPO, for continuous and discrete actions.

    PPO learns from its own steps only. The demonstrations reach it through the reward and, with ``warm_start``, through
    the cloned policy that it begins with. Settings for off-policy learning have no effect. ``entropy_coefficient`` has
    none either, since the coefficient of PPO is a bonus, which stays at 0.
    """

    model: PPO

    def __init__(
        self,
        config: TrainConfig,
        env: VecEnv,
        scale: ObservationScale,
        replay: DemonstrationReplay | None = None,
        hindsight: Hindsight | None = None,
    ) -> None:
        """Build the networks.

        Args:
            config: Settings.
            env: An environment with standardised observations and the learned reward.
            scale: The scale by which it standardises observations.
            replay: Ignored, since an on-policy algorithm replays nothing.
            hindsight: Ignored likewise.
        """
        model = PPO(
            "MlpPolicy",
            env,
            seed=config.seed,
            learning_rate=config.learning_rate,
            gamma=config.discount,
            n_steps=config.batch_size,  # a placeholder, since learn sets it
            batch_size=config.batch_size,
            policy_kwargs={"net_arch": list(HIDDEN), "activation_fn": nn.ReLU},
            device="cpu",
        )
        super().__init__(config, model, scale)
        self._spread(INITIAL_STD)

    def learn(self, steps: int, callback: Any) -> None:
        """Take at least ``steps`` more environment steps, in rollouts of equal length and of at most ``PPO_ROLLOUT``.

        Where ``steps`` does not divide evenly among rollouts and environments, further steps are taken: less than one
        step of each environment in each rollout. The learner's ``steps`` counts them.
        """
        envs = self.model.n_envs
        rollouts = -(-steps // max(PPO_ROLLOUT, envs))
        length = -(-steps // (rollouts * envs))
        # PPO takes whole rollouts only. Its buffer allocates its arrays anew at the start of each rollout.
        self.model.n_steps = self.model.rollout_buffer.buffer_size = length
        self.model.learn(steps, callback=callback, reset_num_timesteps=False, log_interval=None)  # type: ignore[arg-type]

    def losses(self) -> dict[str, float]:
        """Return the latest losses and statistics by name."""
        logged = self.model.logger.name_to_value
        return {name.removeprefix("train/"): float(v) for name, v in logged.items() if name.startswith("train/")}

    def label(self, rows: int) -> Float32:
        """Refuse: nothing that is labelled would be replayed."""
        raise NotImplementedError("PPO replays no demonstrations")

    def policy(self) -> Policy:
        """Return the present policy, for raw observations."""
        layers = [_copy(layer) for layer in self._layers()]
        layers[0] = self.scale.fold(*layers[0])
        space = self.model.action_space
        if not isinstance(space, Box):
            choices = tuple(map(int, space.nvec)) if isinstance(space, MultiDiscrete) else ()
            return Policy(PolicySpec("categorical", "relu", choices=choices), layers, None)
        log_std = self._policy.log_std.detach().clone()
        spec = PolicySpec.bounded("gaussian", space.low, space.high)
        return Policy(spec, layers, (torch.zeros(len(log_std), 0), log_std))

    def warm_start(self, policy: Policy) -> None:
        """Copy the weights of hidden layers and means (or logits); σ becomes ``CLONED_STD`` of half the action range.

        Raises:
            RunError: The policy squashes its actions, which PPO does not do (use ``clone(..., squashed=False)``), or
                its layers have other sizes.
        """
        space = self.model.action_space
        if not isinstance(space, Box):
            _warm_start(self._layers(), policy, self.scale, "categorical")
            return
        _warm_start(self._layers(), policy, self.scale, "gaussian")
        self._spread(CLONED_STD)

    def _spread(self, share: float) -> None:
        """Set σ to a share of half the action range. Discrete actions have no σ."""
        space = self.model.action_space
        if isinstance(space, Box):
            with torch.no_grad():
                self._policy.log_std.copy_(torch.from_numpy(np.log(share * (space.high - space.low) / 2.0)))

    @property
    def _policy(self) -> ActorCriticPolicy:
        assert isinstance(self.model.policy, ActorCriticPolicy)
        return self.model.policy

    def _layers(self) -> list[nn.Linear]:
        return _mean_layers(self._policy.mlp_extractor.policy_net, self._policy.action_net)

    def _first_layers(self) -> list[nn.Linear]:
        extractor = self._policy.mlp_extractor
        return [_linear(network)[0] for network in (extractor.policy_net, extractor.value_net)]


def _linear(network: nn.Module) -> list[nn.Linear]:
    return [module for module in network.modules() if isinstance(module, nn.Linear)]


def _mean_layers(hidden: nn.Module, head: nn.Module) -> list[nn.Linear]:
    return [*_linear(hidden), *_linear(head)]


def _copy(layer: nn.Linear) -> tuple[Tensor, Tensor]:
    return layer.weight.detach().clone(), layer.bias.detach().clone()


def _warm_start(into: list[nn.Linear], policy: Policy, scale: ObservationScale, distribution: str) -> None:
    """Copy the weights of a policy for raw observations into layers for standardised observations.

    Raises:
        RunError: The policy is of another kind than ``distribution``, or its layers have other sizes.
    """
    found = [tuple(weight.shape) for weight, _ in policy.layers]
    expected = [tuple(layer.weight.shape) for layer in into]
    spec = policy.spec
    if spec.distribution != distribution or spec.activation != "relu" or found != expected:
        raise RunError(
            f"cannot start from a {spec.distribution} policy with {spec.activation} and layers of {found}; expected "
            f"a {distribution} policy with relu and layers of {expected}"
        )
    layers = list(policy.layers)
    layers[0] = scale.unfold(*layers[0])
    with torch.no_grad():
        for layer, (weight, bias) in zip(into, layers, strict=True):
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)


def _array(tensor: Tensor) -> NDArray[Any]:
    return np.array(tensor.detach().numpy(), order="C")  # a copy, since learning goes on in the tensor's memory


def _take(state: State, name: str, like: Tensor) -> Tensor:
    return torch.from_numpy(np.array(take(state, name, tuple(like.shape))))
