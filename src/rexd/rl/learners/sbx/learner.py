"""The learner on sbx (JAX): SAC with LayerNorm critics and demonstrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax.core import unfreeze
from gymnasium.spaces import Box, Discrete
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit
from stable_baselines3.common.vec_env import VecEnv

from rexd.files import atomic_path
from rexd.rl.config import TrainConfig
from rexd.rl.learners.from_demonstrations import mean_matching_weight, starts_as_clone
from rexd.rl.learners.moment import PREFIX, moment_of, play_again, restore_generators
from rexd.rl.learners.protocol import State, sac_settings, take
from rexd.rl.learners.sbx.actions import scaling_to
from rexd.rl.learners.sbx.categorical import CategoricalPolicy
from rexd.rl.learners.sbx.dac import AdversarialSAC
from rexd.rl.learners.sbx.sac import AT_ONCE, DemonstrationSAC, Schedule
from rexd.rl.policies.policy import Policy, PolicySpec
from rexd.rl.replay.buffer_state import end_running, load_buffer, save_buffer
from rexd.rl.replay.demonstrations import DemonstrationReplay, Float32
from rexd.rl.replay.hindsight import Hindsight
from rexd.rl.replay.inverse_model import SETTLED
from rexd.rl.replay.one_hot import OneHotReplayBuffer
from rexd.rl.wrappers.scaling import ObservationScale

EXPLORATION = 0.7  # σ after a warm start, as a share of the standard deviation of each demonstrated action
NOISE_KEYS = f"{PREFIX}noise_keys"  # the random keys of the noise of exploration, in a checkpoint
SPREADS = (0.05, 1.0)  # the smallest and largest standard deviation that counts; half the action range is 1


class SbxLearner:
    """A ``Learner`` on ``DemonstrationSAC``, or on ``AdversarialSAC`` where the reward is learnt against the agent."""

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
        self.config, self.scale, self.space = config, scale, env.action_space
        self.goes_on = True
        algorithm = AdversarialSAC if config.reward_source == "adversarial" else DemonstrationSAC
        continuous = isinstance(env.action_space, Box)
        self.model = algorithm(
            "MlpPolicy" if continuous else CategoricalPolicy,
            env,
            policy_kwargs={"layer_norm": True},
            replay_buffer_class=None if continuous else OneHotReplayBuffer,
            **sac_settings(config, env.action_space, cloned=starts_as_clone(config, replay)),
        )
        self.model.backup_entropy = config.backup_entropy
        # The rewards of a discriminator are not known before it judges a batch, which holds no steps in a row.
        self.model.n_step = 1 if config.reward_source == "adversarial" else config.n_step
        # Without a logger, every call of learn leaves an empty folder in the system's temporary folder.
        self.model.set_logger(Logger(folder=None, output_formats=[]))
        self.model.hindsight = hindsight
        if replay is not None:
            cloning = config.cloning_weight and (replay.has_actions or config.inverse_model)
            starts = config.actor_starts + (0 if replay.has_actions else SETTLED * config.updates_per_step)
            self.model.learn_from(
                replay,
                share=config.demonstration_share,
                cloning_weight=config.cloning_weight,
                best_episodes=config.best_episodes,
                mean_matching=mean_matching_weight(config, hindsight),
                # An actor that has nothing to clone would have nothing to do until its critics are ready.
                schedule=Schedule(starts, config.actor_ramp) if cloning else AT_ONCE,
            )

    @property
    def steps(self) -> int:
        """Environment steps taken so far."""
        return int(self.model.num_timesteps)

    def learn(self, steps: int, callback: Any) -> None:
        """Take exactly ``steps`` more environment steps; the last block of updates is cut short where it must be."""
        rest = steps % self.config.updates_every
        for part, block in ((steps - rest, self.config.updates_every), (rest, rest)):
            if part:
                self.model.train_freq = TrainFreq(block, TrainFrequencyUnit.STEP)
                self.model.gradient_steps = block * self.config.updates_per_step
                self.model.learn(part, callback=callback, reset_num_timesteps=False, log_interval=None)

    def losses(self) -> dict[str, float]:
        """Return the latest losses and statistics by name."""
        latest = self.model.losses
        return {} if latest is None else {name: float(value) for name, value in latest._asdict().items()}

    def policy(self) -> Policy:
        """Return the averaged actor, for raw observations."""
        dense = self.model.average_actor["params"]
        layers = [_to_torch(dense[f"Dense_{number}"]) for number in range(len(dense))]
        layers[0] = self.scale.fold(*layers[0])
        if isinstance(self.space, Box):
            spec = PolicySpec.bounded("squashed-gaussian", self.space.low, self.space.high)
            return Policy(spec, layers[:-1], layers[-1])
        choices = () if isinstance(self.space, Discrete) else self.model.policy.factors
        return Policy(PolicySpec("categorical", "relu", choices=choices), layers, None)

    def warm_start(self, policy: Policy) -> None:
        """Copy the weights of hidden layers and means, or logits.

        σ is a share of the spread of each demonstrated action. Noise of one size for all tasks would hide a policy of
        small actions, such as Ant's, or leave a policy of large actions, such as Hopper's, with too little to learn
        from. Logits are scaled so that the mean entropy on demonstrated rows is the one at which the policy is held.
        """
        shown = self.model.demonstrations
        assert shown is not None
        layers = list(policy.layers)
        layers[0] = self.scale.unfold(*layers[0])
        params = unfreeze(self.model.policy.actor_state.params)
        dense = params["params"]
        for number, (weight, bias) in enumerate(layers):
            dense[f"Dense_{number}"] = {"kernel": jnp.array(weight.T), "bias": jnp.array(bias)}
        if isinstance(self.space, Box):
            spread = EXPLORATION * shown.act.std(axis=0).clip(*SPREADS)
            log_std = dense[f"Dense_{len(layers)}"]
            log_std["kernel"], log_std["bias"] = jnp.zeros_like(log_std["kernel"]), jnp.log(jnp.asarray(spread))
        else:
            logits = self.model.policy.actor_state.apply_fn(params, shown.obs).logits
            factor = scaling_to(self.model.target_entropy, logits)
            head = dense[f"Dense_{len(layers) - 1}"]
            head["kernel"], head["bias"] = head["kernel"] * factor, head["bias"] * factor
        self.model.policy.actor_state = self.model.policy.actor_state.replace(params=params)
        self.model.average_actor = jax.tree.map(jnp.array, params)

    def label(self, rows: int) -> Float32:
        """Label states alone by the first ``rows`` of the agent's own steps."""
        return self.model.label(rows)

    def state(self) -> State:
        """Return networks, optimisers, random keys, the scale of observations and the replay buffer."""
        # No copies are needed: JAX never writes into an array that NumPy looks at, even if an update may reuse it.
        leaves = {f"jax{jax.tree_util.keystr(path)}": np.asarray(leaf) for path, leaf in self._leaves()}
        return {
            **leaves,
            **self.scale.arrays(),
            **save_buffer(self.model.replay_buffer),
            "steps": np.array(self.model.num_timesteps),
            "updates": np.array(self.model._n_updates),
            **moment_of(self.model),
            NOISE_KEYS: np.stack([np.asarray(self.model.policy.key), np.asarray(self.model.policy.noise_key)]),
        }

    def load_state(self, state: State) -> None:
        """Fill the networks that the constructor built."""
        leaves = [
            jnp.asarray(take(state, f"jax{jax.tree_util.keystr(path)}", np.shape(leaf)))
            for path, leaf in self._leaves()
        ]
        steps, updates = (int(take(state, name, ())) for name in ("steps", "updates"))
        load_buffer(self.model.replay_buffer, state)
        tree = jax.tree.unflatten(jax.tree.structure(self._tree()), leaves)
        policy = self.model.policy
        policy.actor_state, policy.qf_state, self.model.ent_coef_state, *rest = tree
        self.model.average_actor, self.model.key, *extra = rest
        self.model.load_extra_state(tuple(extra))
        self.model.num_timesteps, self.model._n_updates = steps, updates
        self.goes_on = play_again(self.model, state)
        if not self.goes_on:
            end_running(self.model.replay_buffer)
        if restore_generators(self.model, state):
            policy.key, policy.noise_key = map(jnp.asarray, take(state, NOISE_KEYS, (2, *np.shape(policy.key))))
        else:
            self.model.batch_rng = np.random.default_rng([self.model.seed, self.model.num_timesteps])

    def save_zip(self, path: Path) -> None:
        """Write a zip for ``sbx.SAC.load``, whose first layers are folded to take raw observations."""
        policy = self.model.policy
        actor, critic = policy.actor_state, policy.qf_state
        try:
            policy.actor_state = actor.replace(params=self._folded(self.model.average_actor))
            policy.qf_state = critic.replace(
                params=self._folded(critic.params), target_params=self._folded(critic.target_params)
            )
            with atomic_path(path) as temporary:
                self.model.save(temporary)
        finally:
            policy.actor_state, policy.qf_state = actor, critic

    def _tree(self) -> tuple[Any, ...]:
        return (
            self.model.policy.actor_state,
            self.model.policy.qf_state,
            self.model.ent_coef_state,
            self.model.average_actor,
            self.model.key,
            *self.model.extra_state(),
        )

    def _leaves(self) -> list[tuple[Any, Any]]:
        return list(jax.tree_util.tree_flatten_with_path(self._tree())[0])

    def _folded(self, params: Any) -> Any:
        """Return the networks for raw observations: the rows of the first layer that see them absorb the scale."""
        std, mean = jnp.asarray(self.scale.std)[:, None], jnp.asarray(self.scale.mean)
        columns = len(self.scale.mean)

        def fold(path: Any, leaf: Any) -> Any:
            names = [entry.key for entry in path]
            if names[-2] != "Dense_0":
                return leaf
            kernel = _at(params, names[:-1])["kernel"]
            scaled = kernel[..., :columns, :] / std
            if names[-1] == "kernel":
                return leaf.at[..., :columns, :].set(scaled)
            return leaf - jnp.einsum("d,...dh->...h", mean, scaled)

        return jax.tree_util.tree_map_with_path(fold, params)


def _at(tree: Any, names: list[str]) -> Any:
    for name in names:
        tree = tree[name]
    return tree


def _to_torch(layer: Any) -> tuple[torch.Tensor, torch.Tensor]:
    kernel, bias = np.array(layer["kernel"]), np.array(layer["bias"])
    return torch.from_numpy(np.ascontiguousarray(kernel.T)), torch.from_numpy(bias)
