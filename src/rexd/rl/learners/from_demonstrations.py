"""What the SAC of both libraries share: where their batches come from, and what they clone."""

from __future__ import annotations

from typing import Any

import numpy as np

from rexd.rl.config import TrainConfig
from rexd.rl.replay.batches import Batch, BatchRecipe, draw_batches
from rexd.rl.replay.best_episodes import BestEpisodes
from rexd.rl.replay.demonstrations import DemonstrationReplay, Float32
from rexd.rl.replay.hindsight import Hindsight
from rexd.rl.replay.inverse_model import InverseModel, within
from rexd.rl.replay.mean_matching import MeanMatching
from rexd.rl.wrappers.block_rewards import BlockRewardLearner

AVERAGING = 0.001  # of each update enters the averaged actor, which is what evaluations play


class DemonstrationLearner(BlockRewardLearner):
    """A base class in front of an off-policy algorithm, whose updates then also see demonstrations.

    Attributes:
        demonstrations: The demonstrations to replay and to clone; None learns without.
        demonstration_share: Share of demonstrated rows among the critic rows of a batch.
        cloning_weight: c of the cloning term in the actor's loss.
        backup_entropy: Whether the entropy of the next action is part of the critics' targets.
        n_step: Largest number of steps in the returns of the agent's rows.
        best: Finds the agent's own best episodes, which are cloned too.
        matching: Shapes rewards towards the means of the demonstrations.
        hindsight: The agent's episodes with other goals; None without goals.
        losses: What the last update reported.
        batch_rng: Draws the rows of batches.
        average_actor: Running mean of the actor's weights, which is what evaluations play.
    """

    demonstrations: DemonstrationReplay | None = None
    demonstration_share: float = 0.5
    cloning_weight: float = 1.0
    backup_entropy: bool = True
    n_step: int = 1
    best: BestEpisodes = BestEpisodes(0)
    matching: MeanMatching | None = None
    hindsight: Hindsight | None = None
    losses: Any = None
    batch_rng: np.random.Generator
    average_actor: Any
    gamma: float  # the algorithm's
    seed: Any
    action_space: Any

    def learn_from(
        self,
        replay: DemonstrationReplay,
        *,
        share: float,
        cloning_weight: float,
        best_episodes: int = 0,
        mean_matching: float = 0.0,
    ) -> None:
        """Take demonstrations to replay and to clone from the next update on.

        Args:
            replay: The demonstrations.
            share: Share of demonstrated rows among the critic rows of a batch.
            cloning_weight: c of the cloning term in the actor's loss.
            best_episodes: Largest number of the agent's own episodes that are cloned too.
            mean_matching: β of ``MeanMatching``.
        """
        self.demonstrations = replay
        self.demonstration_share = share
        self.cloning_weight = cloning_weight
        self.best = BestEpisodes(best_episodes, replay.horizon)
        self.matching = MeanMatching(mean_matching, replay)

    def label(self, rows: int) -> Float32:
        """Label states alone with the actions that the agent's own steps say lead from each to the next.

        The labels depend on nothing but these steps and the seed, so that they can be made again.

        Args:
            rows: The number of the agent's first steps that are learnt from.

        Returns:
            (N, A) the labels, in the learner's units.
        """
        shown, buffer = self.demonstrations, self.replay_buffer
        assert shown is not None
        obs, act, next_obs = (
            array[: rows // buffer.n_envs].reshape(rows, -1)
            for array in (buffer.observations, buffer.actions, buffer.next_observations)
        )
        model = InverseModel.fit(obs, act, next_obs, seed=self.seed + rows)
        labels = within(self.action_space, model.label(shown.obs, shown.next_obs))
        self.demonstrations = shown.labelled(labels)
        if self.matching is not None:
            self.matching = MeanMatching(self.matching.weight, self.demonstrations)
        return labels

    def draw(self, steps: int, batch_size: int) -> Batch[Any]:
        """Draw the batches of ``steps`` updates: arrays (steps, batch_size, ...)."""
        recipe = BatchRecipe(
            discount=self.gamma,
            replay=self.demonstrations,
            share=self.demonstration_share,
            best=self.best,
            n_step=self.n_step,
            matching=self.matching,
            hindsight=self.hindsight,
        )
        return draw_batches(self.replay_buffer, recipe, self.batch_rng, steps=steps, batch_size=batch_size)

    def _excluded_save_params(self) -> list[str]:
        """Keep what is not the algorithm's own out of its zip."""
        inherited: list[str] = super()._excluded_save_params()  # type: ignore[misc]  # the algorithm's
        return [*inherited, "demonstrations", "best", "matching", "hindsight", "losses", "batch_rng", "average_actor"]


def starts_as_clone(config: TrainConfig, replay: DemonstrationReplay | None) -> bool:
    """Whether the policy starts as a clone of the demonstrations."""
    return replay is not None and replay.has_actions and config.warm_start > 0


def mean_matching_weight(config: TrainConfig, hindsight: Hindsight | None) -> float:
    """Return β of ``MeanMatching``: 0 where there are goals, since other goals need other mean observations."""
    return config.mean_matching if config.reward_source == "learned" and hindsight is None else 0.0
