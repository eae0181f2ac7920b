"""The settings of a training run: plain data, which the run folder keeps as ``config.json``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypedDict, get_args

from rexd.configs import Settings
from rexd.errors import RexdError
from rexd.reward.estimator.settings import EstimatorSettings
from rexd.reward.red.config import REDConfig
from rexd.reward.registry import settings_from

Algorithm = Literal["auto", "sbx-sac", "sbx-sac-discrete", "sb3-sac", "sb3-ppo"]
SBX: tuple[Algorithm, Algorithm] = ("sbx-sac", "sbx-sac-discrete")
"""What ``auto`` chooses from: the first for continuous actions, the second for discrete ones."""
RewardSource = Literal["learned", "constant", "adversarial", "env"]


@dataclass(frozen=True)
class TrainConfig(Settings):
    """Settings of ``rexd train``. The defaults are the same for all tasks."""

    label: ClassVar[str] = "training"
    nested: ClassVar[Mapping[str, Callable[[Mapping[str, Any]], Settings]]] = {"reward": settings_from}

    algorithm: Algorithm = "auto"
    """auto: sbx-sac for continuous actions and sbx-sac-discrete for discrete ones; a run records which of them it was.
    sbx-sac: SAC of sbx (JAX), the fastest. sbx-sac-discrete: the same for discrete actions (arXiv 1910.07207). sb3-sac
    and sb3-ppo: SAC and PPO of Stable-Baselines3."""
    reward_source: RewardSource = "learned"
    """learned: the reward model's. constant: 1 for demonstrations and 0 for the agent (SQIL), as a control.
    adversarial: a discriminator's, trained against the agent (auto); the reward model then only selects the policy.
    env: the environment's own reward, to train experts and upper bounds; no other source lets it reach the learner."""
    steps: int = 100_000
    """Number of environment steps of the training, summed over all environments."""
    environments: int = 1
    """Number of environments that sb3-ppo steps together. SAC has one."""
    seed: int = 0
    """Seed of everything that is random."""
    reward: EstimatorSettings = field(default_factory=REDConfig)
    """Settings of the reward model, if it is fitted and not loaded: ``REDConfig``, or those of a rival."""
    demonstration_share: float = 0.5
    """Share of the rows of each batch that are drawn from the demonstrations (off-policy)."""
    cloning_weight: float = 1.0
    """Weight c of the cloning term c · (1 + 0.1 mean|Q|) · |mode π(s) − a|² in the actor's loss (off-policy)."""
    best_episodes: int = 5
    """Number of the agent's own episodes that are cloned beside the demonstrations (off-policy).
    They are the ones with the highest learned return so far."""
    mean_matching: float = 0.2
    """Weight β by which learned rewards are shaped towards the means of the demonstrations (off-policy)."""
    warm_start: int = 2_000
    """Gradient steps of behavioural cloning that fit the policy before the first environment step.
    With 0, the policy starts from random weights."""
    actor_starts: int = 2_000
    """Number of updates at the start in which the actor only clones (sbx-sac).
    Meanwhile the critics learn from what the cloned policy does."""
    actor_ramp: int = 2_000
    """Number of updates after these over which the critics' part in the actor's loss grows from 0 to 1 (sbx-sac)."""
    inverse_model: bool = True
    """Whether a model of the agent's own steps labels demonstrations without actions (off-policy, arXiv 1805.01954).
    They are then replayed and cloned as if these actions had been recorded."""
    absorbing: bool = False
    """Whether episodes continue in an absorbing state after a terminal one until the time limit (arXiv 1809.02925).
    Without it, an end has a worth where demonstrations end in terminal states (docs/training.md)."""
    learning_rate: float = 3e-4
    """Step size of the optimisers of actor, critics and entropy coefficient."""
    batch_size: int = 256
    """Number of rows in the batch of an update."""
    discount: float = 0.99
    """Discount factor γ."""
    learning_starts: int = 256
    """Number of uniformly random environment steps before the first update (off-policy).
    After a warm start there are none."""
    updates_every: int = 8
    """Number of environment steps after which a block of updates follows (off-policy)."""
    updates_per_step: int = 1
    """Number of updates for each environment step (off-policy)."""
    episode_steps: int | None = None
    """Number of steps after which an episode of training is cut, as by a time limit, so that more of them begin.
    Evaluations play whole episodes. None leaves episodes to the environment."""
    entropy_coefficient: float = 0.02
    """Initial value of the entropy coefficient, which is learnt.
    The usual value of 1 would outweigh rewards of a few hundredths."""
    target_entropy: float = -1.0
    """Entropy of the policy at which the entropy coefficient is held.
    It is counted in nats for each action column, with actions scaled to [−1, 1]. A policy of discrete actions is held
    at a fixed share of the entropy of chance (docs/training.md)."""
    backup_entropy: bool = False
    """Whether the entropy of the next action is part of the critics' targets, as in SAC (RLPD has the same switch).
    Without it, the critics estimate returns alone, so that a fall costs the whole return that it loses."""
    n_step: int = 3
    """Number of the agent's rewards that a critic's target adds up before it uses an estimate (off-policy).
    A number above 1 is used only if the agent's first 4,000 steps have a terminal state every 300 steps or sooner.
    With a discriminator it is always 1. Higher numbers carry the cost of a fall back faster (docs/training.md)."""
    ensemble: int = 1
    """Number of policies, from the latest evaluations, whose mean action is evaluated and kept.
    Training is not affected. Try 3 if the policy falls now and then (docs/training.md)."""
    evaluate_every: int = 2_000
    """Number of environment steps between two evaluations. Each evaluation also writes a checkpoint for --resume."""
    evaluation_episodes: int = 5
    """Number of episodes of an evaluation, played deterministically in a separate environment; steps excludes them.
    A policy that seems to be the best plays three times as many again before it counts as the best."""
    final_episodes: int = 20
    """Number of episodes in the final evaluation of the selected policy."""

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if self.algorithm not in get_args(Algorithm):
            raise RexdError(f"algorithm is {self.algorithm!r}; expected one of {', '.join(get_args(Algorithm))}")
        if self.reward_source not in get_args(RewardSource):
            raise RexdError(
                f"reward_source is {self.reward_source!r}; expected one of {', '.join(get_args(RewardSource))}"
            )
        if self.reward_source == "adversarial" and self.algorithm not in ("auto", *SBX):
            raise RexdError(
                f"reward_source is 'adversarial' with algorithm {self.algorithm!r}; the discriminator is trained "
                "beside the critics of sbx-sac and sbx-sac-discrete only. Use algorithm='auto'"
            )
        if self.environments > 1 and self.algorithm != "sb3-ppo":
            raise RexdError(
                f"environments is {self.environments} with algorithm {self.algorithm!r}; only 'sb3-ppo' takes more "
                "than 1"
            )
        for name in (
            "steps",
            "environments",
            "batch_size",
            "learning_rate",
            "n_step",
            "updates_every",
            "updates_per_step",
            "entropy_coefficient",
            "ensemble",
            "evaluate_every",
            "evaluation_episodes",
            "final_episodes",
        ):
            if not getattr(self, name) > 0:
                raise RexdError(f"{name} is {getattr(self, name)}; expected a positive number")
        if self.episode_steps is not None and not self.episode_steps > 0:
            raise RexdError(f"episode_steps is {self.episode_steps}; expected a positive number, or none")
        for name in ("demonstration_share", "discount"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise RexdError(f"{name} is {getattr(self, name)}; expected from 0 to below 1")
        for name in (
            "seed",
            "best_episodes",
            "warm_start",
            "actor_starts",
            "actor_ramp",
            "learning_starts",
            "cloning_weight",
            "mean_matching",
        ):
            if getattr(self, name) < 0:
                raise RexdError(f"{name} is {getattr(self, name)}; expected 0 or more")


class TrainSettings(TypedDict, total=False):
    """The fields of ``TrainConfig`` as keyword arguments, for type checkers.

    ``reward`` is missing: that argument of ``rexd.train`` is a fitted reward, and the settings of one that is fitted in
    the run are given with ``config=TrainConfig(reward=REDConfig(...))``.
    """

    algorithm: Algorithm
    reward_source: RewardSource
    steps: int
    environments: int
    seed: int
    demonstration_share: float
    cloning_weight: float
    best_episodes: int
    mean_matching: float
    warm_start: int
    actor_starts: int
    actor_ramp: int
    inverse_model: bool
    absorbing: bool
    learning_rate: float
    batch_size: int
    discount: float
    learning_starts: int
    updates_every: int
    updates_per_step: int
    episode_steps: int | None
    entropy_coefficient: float
    target_entropy: float
    backup_entropy: bool
    n_step: int
    ensemble: int
    evaluate_every: int
    evaluation_episodes: int
    final_episodes: int
