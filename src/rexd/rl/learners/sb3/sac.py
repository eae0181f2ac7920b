"""Stable-Baselines3 SAC with demonstrations: ``sac_jax`` once more, on torch.

Half of every batch is drawn from the demonstrations, rewarded by the same reward model, and the actor's loss is SAC's
plus w · |mode π(s) − a|² on demonstrated rows, w = c · (1 + 0.1 · mean|Q|); why, says ``sac_jax``.
"""

from __future__ import annotations

from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.utils import polyak_update
from stable_baselines3.sac.policies import Actor, SACPolicy
from torch import Tensor, nn

from rexd.rl.replay.batches import Batch, DemonstrationReplay, draw_batches
from rexd.rl.replay.best_episodes import BestEpisodes
from rexd.rl.replay.mean_matching import MeanMatching
from rexd.rl.wrappers.block_rewards import BlockRewardLearner

AVERAGING = 0.001  # of each update; the averaged actor is what evaluations play


class Losses(NamedTuple):
    """What an update reports, by the names that ``sac_jax`` uses."""

    critic: Tensor
    actor: Tensor
    cloning: Tensor
    entropy_coefficient: Tensor
    q_mean: Tensor


class LayerNormPolicy(SACPolicy):
    """SAC's policy with LayerNorm before each activation of the critics, where sbx's ``layer_norm`` puts it.

    A saved zip refers to this class by its name, so that ``stable_baselines3.SAC.load`` needs rexd installed.
    """

    def make_critic(self, features_extractor: BaseFeaturesExtractor | None = None) -> ContinuousCritic:
        """SAC's critics, normalised."""
        critic = super().make_critic(features_extractor)
        for number, network in enumerate(critic.q_networks):
            assert isinstance(network, nn.Sequential)
            normalised = _normalised(network).to(self.device)
            setattr(critic, f"qf{number}", normalised)
            critic.q_networks[number] = normalised
        return critic


class DemonstrationSAC(BlockRewardLearner, SAC):
    """SAC of Stable-Baselines3 whose updates also see demonstrations; without them it is SAC in its own order."""

    demonstrations: DemonstrationReplay | None = None
    demonstration_share: float = 0.5
    cloning_weight: float = 1.0
    backup_entropy: bool = True
    n_step: int = 1
    losses: Losses | None = None
    best: BestEpisodes = BestEpisodes(0)
    matching: MeanMatching | None = None
    average_actor: Actor
    batch_rng: np.random.Generator

    def _setup_model(self) -> None:
        super()._setup_model()
        self.batch_rng = np.random.default_rng(self.seed)
        self.average_actor = deepcopy(self.actor)

    def learn_from(
        self,
        replay: DemonstrationReplay,
        *,
        share: float,
        cloning_weight: float,
        best_episodes: int = 0,
        mean_matching: float = 0.0,
    ) -> None:
        """Take the demonstrations from the next update on; the arguments are those of ``sac_jax``."""
        self.demonstrations = replay
        self.demonstration_share = share
        self.cloning_weight = cloning_weight
        self.best = BestEpisodes(best_episodes)
        self.matching = MeanMatching(mean_matching, replay)

    def _excluded_save_params(self) -> list[str]:
        return [
            *super()._excluded_save_params(),
            "demonstrations",
            "best",
            "matching",
            "losses",
            "average_actor",
            "batch_rng",
        ]

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """Do ``gradient_steps`` updates of ``batch_size`` rows, demonstrations included."""
        self.policy.set_training_mode(True)
        optimizers = [self.actor.optimizer, self.critic.optimizer]
        if self.ent_coef_optimizer is not None:
            optimizers.append(self.ent_coef_optimizer)
        self._update_learning_rate(optimizers)
        for _ in range(gradient_steps):
            self.losses = self._update(self._batch(batch_size))
        self._n_updates += gradient_steps

    def _batch(self, batch_size: int) -> Batch[Tensor]:
        assert self.replay_buffer is not None
        drawn = draw_batches(
            self.replay_buffer,
            self.demonstrations,
            self.batch_rng,
            steps=1,
            batch_size=batch_size,
            share=self.demonstration_share,
            discount=self.gamma,
            n_step=self.n_step,
            best=self.best,
            matching=self.matching,
        )
        return Batch(*(torch.as_tensor(column[0], dtype=torch.float32, device=self.device) for column in drawn))

    def _update(self, batch: Batch[Tensor]) -> Losses:
        """One step of critic, target, actor and entropy coefficient (Haarnoja et al. 2018, arXiv 1812.05905)."""
        learnt = self.log_ent_coef
        alpha = self.ent_coef_tensor if learnt is None else learnt.detach().exp().squeeze()

        with torch.no_grad():
            next_act, next_log_prob = self.actor.action_log_prob(batch.next_obs)
            next_q = torch.cat(self.critic_target(batch.next_obs, next_act), dim=1).amin(dim=1)
            next_value = next_q - alpha * next_log_prob if self.backup_entropy else next_q
            target = batch.reward + (1.0 - batch.done) * batch.discount * next_value
        q = torch.cat(self.critic(batch.obs, batch.act), dim=1)
        critic_loss = 0.5 * ((q - target[:, None]) ** 2).mean(dim=0).sum()
        _step(self.critic.optimizer, critic_loss)
        polyak_update(self.critic.parameters(), self.critic_target.parameters(), self.tau)

        self.critic.requires_grad_(False)  # the actor's loss goes through the critic and must not move it
        act, log_prob = self.actor.action_log_prob(batch.obs)
        value = torch.cat(self.critic(batch.obs, act), dim=1).amin(dim=1)
        actor_loss = (alpha * log_prob - value).mean()
        cloning = torch.zeros(())
        if len(batch.clone_obs):
            mode = self.actor(batch.clone_obs, deterministic=True)
            cloning = ((mode - batch.clone_act) ** 2).mean()
            weight = self.cloning_weight * (1.0 + 0.1 * value.detach().abs().mean())
            actor_loss = actor_loss + weight * cloning
        _step(self.actor.optimizer, actor_loss)
        self.critic.requires_grad_(True)
        polyak_update(self.actor.parameters(), self.average_actor.parameters(), AVERAGING)

        if learnt is not None and self.ent_coef_optimizer is not None:
            surplus = (log_prob.detach() + float(self.target_entropy)).mean()
            _step(self.ent_coef_optimizer, -(learnt * surplus).sum())
        return Losses(critic_loss.detach(), actor_loss.detach(), cloning.detach(), alpha, q.detach().mean())


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def _normalised(network: nn.Sequential) -> nn.Sequential:
    *hidden, head = network
    modules: list[nn.Module] = []
    for module in hidden:
        modules.append(module)
        if isinstance(module, nn.Linear):
            modules.append(nn.LayerNorm(module.out_features))
    return nn.Sequential(*modules, head)
