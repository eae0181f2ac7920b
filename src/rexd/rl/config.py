"""The settings of a training run: plain data, kept in the run folder as ``config.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from rexd.configs import Config
from rexd.errors import RexdError
from rexd.reward.red.config import REDConfig

Algorithm = Literal["sbx-sac", "sb3-sac", "sb3-ppo"]
RewardSource = Literal["learned", "constant", "adversarial", "env"]


@dataclass(frozen=True)
class TrainConfig(Config):
    """Settings of ``rexd train``; one default for all tasks."""

    what: ClassVar[str] = "training"
    parts: ClassVar[Mapping[str, type[Config]]] = {"reward": REDConfig}

    algorithm: Algorithm = "sbx-sac"
    """Who learns: SAC of sbx (JAX, the fastest), SAC or PPO of Stable-Baselines3."""
    reward_source: RewardSource = "learned"
    """learned: the reward model's. constant: 1 for demonstrations and 0 for the agent (SQIL, the control). adversarial:
    a discriminator's, learnt against the agent (discriminator-actor-critic, sbx-sac alone); the reward model then only
    selects. env: the environment's own, for experts and ceilings; the one exception to the rule that it never reaches
    the learner."""
    steps: int = 100_000
    """Environment steps of the learner, those of all its environments together."""
    environments: int = 1
    """Copies of the environment that sb3-ppo steps together; SAC has one."""
    seed: int = 0
    """Seed of everything."""
    reward: REDConfig = field(default_factory=REDConfig)
    """Settings of the reward model, where it is fitted and not loaded."""
    demonstration_share: float = 0.5
    """Share of each off-policy batch that is drawn from the demonstrations."""
    cloning_weight: float = 1.0
    """Weight c of the cloning term c · (1 + 0.1 mean|Q|) · |mode π(s) − a|² in the actor's loss."""
    best_episodes: int = 5
    """Own episodes, those of the highest learned return so far, that are cloned beside the demonstrations."""
    mean_matching: float = 0.2
    """Weight β by which learned rewards are shaped towards the demonstrations' means (off-policy)."""
    warm_start: int = 2_000
    """Gradient steps of behavioural cloning on the policy before the first environment step; 0 starts from chance."""
    actor_starts: int = 2_000
    """Updates in which the actor only clones, while the critics learn from what the cloned policy does (sbx-sac)."""
    actor_ramp: int = 2_000
    """Updates after these over which the critics' part in the actor's loss grows from 0 to 1."""
    absorbing: bool = False
    """Continue after a terminal state in an absorbing one until the time limit (Kostrikov et al. 2019)."""
    learning_rate: float = 3e-4
    """Step size of actor, critic and entropy coefficient."""
    batch_size: int = 256
    """Rows of an update."""
    discount: float = 0.99
    """Discount γ."""
    learning_starts: int = 256
    """Uniformly random environment steps before the first update (off-policy); none after a warm start."""
    updates_every: int = 8
    """Environment steps between two blocks of as many updates (off-policy)."""
    entropy_coefficient: float = 0.02
    """Where the learnt entropy coefficient starts. A reward of a few hundredths drowns in the usual 1."""
    target_entropy: float = -1.0
    """Entropy of the policy that the coefficient is learnt for: nats for each action column, of actions in ±1."""
    backup_entropy: bool = False
    """Whether the entropy of what the policy does next is part of the critics' targets, as in SAC (RLPD has the same
    switch). Without it critics value returns alone, and a fall costs all that it loses."""
    n_step: int = 3
    """Steps of the agent's whose rewards a critic's target adds up before it asks what follows, where its first 4,000
    steps end in a terminal state every 300 or sooner; elsewhere 1 (off-policy; a discriminator's rewards: always 1).
    More carry the price of a fall further back at once, and keep critics at what happened (docs/training.md)."""
    ensemble: int = 1
    """Policies, those of the latest so many evaluations, of which the mean action is what evaluations play and the run
    keeps. Training is the same. Try 3 where the policy falls now and then (docs/training.md)."""
    evaluate_every: int = 2_000
    """Environment steps between two evaluations; each also writes a checkpoint for --resume."""
    evaluation_episodes: int = 5
    """Deterministic episodes of an evaluation, in an environment of their own; not counted in steps. A policy that
    seems to be the best is played three times as many more before it is."""
    final_episodes: int = 20
    """Episodes of the final evaluation of the selected policy."""

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if self.algorithm not in get_args(Algorithm):
            raise RexdError(f"algorithm is {self.algorithm!r}; expected one of {', '.join(get_args(Algorithm))}")
        if self.reward_source not in get_args(RewardSource):
            raise RexdError(
                f"reward_source is {self.reward_source!r}; expected one of {', '.join(get_args(RewardSource))}"
            )
        if self.reward_source == "adversarial" and self.algorithm != "sbx-sac":
            raise RexdError(
                f"reward_source is 'adversarial' with algorithm {self.algorithm!r}; the discriminator is learnt beside "
                "the critics of sbx-sac alone. Use algorithm='sbx-sac'"
            )
        if self.environments > 1 and self.algorithm != "sb3-ppo":
            raise RexdError(
                f"environments is {self.environments} with algorithm {self.algorithm!r}; only 'sb3-ppo' takes more"
            )
        for name in (
            "steps",
            "environments",
            "batch_size",
            "learning_rate",
            "n_step",
            "updates_every",
            "entropy_coefficient",
            "ensemble",
            "evaluate_every",
            "evaluation_episodes",
            "final_episodes",
        ):
            if not getattr(self, name) > 0:
                raise RexdError(f"{name} is {getattr(self, name)}; expected a positive number")
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
