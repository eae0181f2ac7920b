"""SAC of Stable-Baselines3 with demonstrations: the algorithm of ``rexd.rl.learners.sbx.sac``, on PyTorch.

Half of every batch is drawn from the demonstrations, which the same reward model rewards. The actor's loss is SAC's
plus w · |mode π(s) − a|² on demonstrated rows, where w = c · (1 + 0.1 · mean|Q|). The module named above gives the
reasons. It also delays the actor, which this module does not.
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

from rexd.rl.learners.from_demonstrations import AVERAGING, DemonstrationLearner
from rexd.rl.replay.batches import Batch


class Losses(NamedTuple):
    """The losses and statistics of an update, with the same names as those of the learner on sbx."""

    critic: Tensor
    actor: Tensor
    cloning: Tensor
    entropy_coefficient: Tensor
    q_mean: Tensor


class LayerNormPolicy(SACPolicy):
    """The policy of SAC with LayerNorm before each activation of the critics, as with sbx's ``layer_norm``.

    A saved zip refers to this class by its name, so that ``stable_baselines3.SAC.load`` needs rexd to be installed.
    """

    def make_critic(self, features_extractor: BaseFeaturesExtractor | None = None) -> ContinuousCritic:
        """Make the critics of SAC, with LayerNorm."""
        critic = super().make_critic(features_extractor)
        for number, network in enumerate(critic.q_networks):
            assert isinstance(network, nn.Sequential)
            normalised = _normalised(network).to(self.device)
            setattr(critic, f"qf{number}", normalised)
            critic.q_networks[number] = normalised
        return critic


class DemonstrationSAC(DemonstrationLearner, SAC):
    """SAC of Stable-Baselines3 whose updates also see demonstrations.

    Without demonstrations it is SAC with the order of steps of ``_update``.
    """

    average_actor: Actor

    def _setup_model(self) -> None:
        super()._setup_model()
        self.batch_rng = np.random.default_rng(self.seed)
        self.average_actor = deepcopy(self.actor)

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """Do ``gradient_steps`` updates on batches of ``batch_size`` rows, demonstrated rows included."""
        self.policy.set_training_mode(True)
        optimizers = [self.actor.optimizer, self.critic.optimizer]
        if self.ent_coef_optimizer is not None:
            optimizers.append(self.ent_coef_optimizer)
        self._update_learning_rate(optimizers)
        for _ in range(gradient_steps):
            self.losses = self._update(self._batch(batch_size))
        self._n_updates += gradient_steps

    def _batch(self, batch_size: int) -> Batch[Tensor]:
        drawn = self.draw(1, batch_size)
        return Batch(*(torch.as_tensor(column[0], dtype=torch.float32, device=self.device) for column in drawn))

    def _update(self, batch: Batch[Tensor]) -> Losses:
        """Update critics, targets, actor and entropy coefficient once (Haarnoja et al. 2018, arXiv 1812.05905)."""
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

        self.critic.requires_grad_(False)  # the gradient of the actor's loss passes through the critics, unused there
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
    """Return a network with LayerNorm after each linear layer but the last."""
    *hidden, head = network
    modules: list[nn.Module] = []
    for module in hidden:
        modules.append(module)
        if isinstance(module, nn.Linear):
            modules.append(nn.LayerNorm(module.out_features))
    return nn.Sequential(*modules, head)
