"""The evaluation of a policy: the environment's returns, and the learned returns beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rexd.demos.trajectory import Trajectory
from rexd.envs.make import Env
from rexd.evaluation.rollouts import PolicyLike, rollout
from rexd.evaluation.statistics import Summary, summarise
from rexd.reward.base import RewardModel, predict_at
from rexd.reward.ends import times_counted
from rexd.reward.rows import Rows


@dataclass(frozen=True)
class Episode:
    """One episode in a few numbers.

    Attributes:
        true_return: The sum of the environment's rewards; for evaluation only.
        learned_return: The sum of the reward model's rewards, as ``learned_return`` counts it; None without one.
        length: The number of steps.
        success: Whether the environment called the episode a success at any step, by ``success`` in its info; None if
            it says nothing of it. For evaluation only.
        terminated: Whether the episode ended in a terminal state.
    """

    true_return: float
    learned_return: float | None
    length: int
    success: bool | None = None
    terminated: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the episode as plain JSON types."""
        told = {} if self.success is None else {"success": self.success}
        return {"return": self.true_return, "learned_return": self.learned_return, "length": self.length, **told}


@dataclass(frozen=True)
class Evaluation:
    """Episodes of one policy, and summaries of their returns.

    The intervals are over episodes: they say how well this policy is known, and nothing about the spread between
    training runs.

    Attributes:
        episodes: The episodes, in the order of their numbers.
        true: The summary of the environment's returns.
        learned: The summary of the learned returns; None without a reward model.
    """

    episodes: tuple[Episode, ...]
    true: Summary
    learned: Summary | None

    @property
    def length(self) -> float:
        """The mean number of steps of an episode."""
        return sum(episode.length for episode in self.episodes) / len(self.episodes)

    @property
    def success(self) -> float | None:
        """The share of episodes that were a success; None if the environment says nothing of it."""
        told = [episode.success for episode in self.episodes if episode.success is not None]
        return sum(told) / len(told) if told else None

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as plain JSON types, the content of a run's ``evaluation.json``."""
        return {
            "episodes": [episode.to_dict() for episode in self.episodes],
            "true": asdict(self.true),
            "learned": None if self.learned is None else asdict(self.learned),
            **({} if self.success is None else {"success": self.success}),
        }


def evaluate(
    make_env: Callable[[], Env],
    policy: PolicyLike,
    reward: RewardModel | None,
    *,
    episodes: int,
    seed: int,
    deterministic: bool = True,
    lockstep: int = 10,
    on_episode: Callable[[int, Trajectory], None] | None = None,
) -> Evaluation:
    """Play episodes of a policy, and sum up their returns.

    Args:
        make_env: Makes one environment with its own reward (so not a ``HiddenReward``).
        policy: The policy to play.
        reward: Scores every transition beside the environment's reward; None does not.
        episodes: The number of episodes; 1 or more.
        seed: The seed of the episodes; the same seed gives the same episodes.
        deterministic: Passed to the policy.
        lockstep: The largest number of environments at a time; it changes the speed alone.
        on_episode: Called with the number and the trajectory of each episode as it ends.

    Raises:
        SpaceMismatchError: The policy or the reward does not fit the environment.
    """
    successes: dict[int, bool] = {}
    played = rollout(
        make_env,
        policy,
        episodes,
        seed=seed,
        deterministic=deterministic,
        lockstep=lockstep,
        on_episode=on_episode,
        on_success=successes.__setitem__,
    )
    return evaluation_of(played, reward, successes)


def evaluation_of(
    played: list[Trajectory], reward: RewardModel | None, successes: Mapping[int, bool] | None = None
) -> Evaluation:
    """Sum up episodes that record the environment's rewards.

    Args:
        played: The episodes.
        reward: Scores every transition beside the environment's reward; None does not.
        successes: Whether an episode was a success, by its number, where the environment told.

    Raises:
        SpaceMismatchError: The reward model does not fit the trajectories.
    """
    episodes = tuple(
        Episode(
            true_return=0.0 if trajectory.rewards is None else float(trajectory.rewards.sum()),
            learned_return=None if reward is None else learned_return(trajectory, reward),
            length=len(trajectory),
            success=(successes or {}).get(number),
            terminated=bool(trajectory.terminated[-1]),
        )
        for number, trajectory in enumerate(played)
    )
    learned = [episode.learned_return for episode in episodes if episode.learned_return is not None]
    return Evaluation(
        episodes=episodes,
        true=summarise([episode.true_return for episode in episodes]),
        learned=summarise(learned) if learned else None,
    )


def learned_return(trajectory: Trajectory, reward: RewardModel) -> float:
    """Return the sum of the learned rewards of one episode.

    Where demonstrations end in terminal states, it counts up to the reward's horizon (``rexd.reward.ends``).
    """
    rewards = predict_at(reward, Rows.of_trajectory(trajectory))
    horizon = getattr(reward, "horizon", None)
    if horizon is None:
        return float(rewards.sum(dtype=float))
    return float(rewards @ times_counted(trajectory.steps, trajectory.terminated, horizon))
