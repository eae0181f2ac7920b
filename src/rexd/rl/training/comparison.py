"""What the result of a run is compared with: the clone that it started from, and the demonstrations."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.evaluation.evaluate import evaluate
from rexd.evaluation.statistics import summarise
from rexd.reward.base import RewardModel
from rexd.reward.ends import times_counted
from rexd.reward.rows import Float32
from rexd.rl.policies.policy import Policy
from rexd.rl.training.context import RunContext

CLONE_EPISODES = 10  # at most: as many as are played in lockstep, so that the comparison takes seconds


class Comparison:
    """Measures what the policy of a run is compared with, by the reward that it learns from.

    Nothing of it enters the training: the episodes are played in environments of their own, and count as no steps.
    Controls, whose rewards say nothing of the agent, are compared with nothing.

    Attributes:
        clone: The evaluation of the cloned start as plain JSON types; None until there is one.
    """

    def __init__(self, context: RunContext, demonstrations: Demonstrations | None, reward: RewardModel | None) -> None:
        """Take the run, its demonstrations (in memory) and the reward that scores episodes."""
        self._context, self._demonstrations = context, demonstrations
        self._reward = reward if context.config.reward_source in ("learned", "adversarial") else None
        self.clone: dict[str, Any] | None = None

    @property
    def cloned(self) -> bool:
        """Whether the policy of the run starts as a clone of the demonstrations that can be compared with."""
        shown = self._demonstrations is not None and self._demonstrations.has_actions
        return shown and self._reward is not None and self._context.config.warm_start > 0

    def evaluate_clone(self, policy: Policy) -> None:
        """Play the policy that the run starts from, in the first episodes of the final evaluation."""
        config = self._context.config
        episodes = min(config.final_episodes, CLONE_EPISODES)
        found = evaluate(self._context.make_env, policy, self._reward, episodes=episodes, seed=config.seed)
        self.clone = found.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Return what there is to compare with as plain JSON types, for ``evaluation.json``."""
        found: dict[str, Any] = {} if self.clone is None else {"clone": self.clone}
        if self._reward is not None and self._demonstrations is not None:
            returns = learned_returns(self._demonstrations, self._reward)
            found["demonstrations"] = {"learned": asdict(summarise(returns))}
        return found


def learned_returns(demonstrations: Demonstrations, reward: RewardModel) -> list[float]:
    """Return the learned return of each demonstrated trajectory, as if all of its rows had been kept.

    The return is the sum of the learned rewards. Where rows were left out (``subsample``), it is their mean reward
    times the number of steps of the whole trajectory. Where demonstrations end in terminal states, it is counted up to
    the reward's horizon, as the returns of policies are.
    """
    rewards, horizon = reward.predict_demonstrations(demonstrations), getattr(reward, "horizon", None)
    found, start = [], 0
    for trajectory in demonstrations:
        found.append(_return(trajectory, rewards[start : start + len(trajectory)], horizon))
        start += len(trajectory)
    return found


def _return(trajectory: Trajectory, rewards: Float32, horizon: int | None) -> float:
    steps = trajectory.steps
    between = float(steps[-1] - steps[0]) / (len(steps) - 1) if len(steps) > 1 else 1.0
    if between == 1.0:
        if horizon is None:
            return float(rewards.sum(dtype=float))
        return float(rewards @ times_counted(steps, trajectory.terminated, horizon))
    if horizon is not None:  # an end counts like the steps before it, so that all add up to the horizon
        return float(rewards.mean(dtype=float)) * horizon
    ended = bool(trajectory.terminated[-1] or trajectory.truncated[-1])
    # Where the last row was left out too, up to ``between`` - 1 steps followed the last one that was kept.
    length = float(steps[-1]) + 1.0 + (0.0 if ended else (between - 1.0) / 2.0)
    return float(rewards.mean(dtype=float)) * length
