"""Batches of an off-policy learner: the agent's transitions, demonstrated ones, and rows to clone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from rexd.reward.ends import for_ever
from rexd.rl.replay.best_episodes import BestEpisodes
from rexd.rl.replay.demonstrations import DemonstrationReplay, Float32
from rexd.rl.replay.hindsight import SHARE, Hindsight, Moved
from rexd.rl.replay.mean_matching import MeanMatching, Shaper, unshaped
from rexd.rl.replay.n_step import ahead, discounted, steps_ahead

if TYPE_CHECKING:
    from stable_baselines3.common.buffers import ReplayBuffer

Column = TypeVar("Column")


class CriticRows(NamedTuple):
    """The part of a ``Batch`` that critics learn from."""

    obs: Float32
    act: Float32
    next_obs: Float32
    reward: Float32
    done: Float32
    discount: Float32


class Batch(NamedTuple, Generic[Column]):
    """Rows to learn from, in the arrays of whichever library learns; rows to clone have columns of their own.

    What follows a critic row is worth ``reward`` + (1 - ``done``) · ``discount`` · the value of ``next_obs``.
    ``clone_own`` is 1 for the rows to clone that are the agent's own, and 0 for demonstrated ones.
    """

    obs: Column
    act: Column
    next_obs: Column
    reward: Column
    done: Column
    discount: Column
    clone_obs: Column
    clone_act: Column
    clone_own: Column


@dataclass(frozen=True, eq=False)
class BatchRecipe:
    """What batches are made of.

    Attributes:
        discount: γ.
        replay: Demonstrations, or None to learn without. Where no next observation in them is known, their rows are
            only cloned.
        share: Share of demonstrated rows among the critic rows of a batch, from 0 to below 1.
        best: Finds the agent's best episodes. Half of the rows to clone are theirs as soon as there are some.
        n_step: Number of steps of the agent whose rewards are added up where it falls often (``steps_ahead``); fewer
            where an episode ends. Demonstrations have returns of one step.
        matching: Shapes the rewards of all rows; None leaves them as they are.
        hindsight: The agent's episodes with other goals, of which a part of its rows is drawn; None without goals.
    """

    discount: float
    replay: DemonstrationReplay | None = None
    share: float = 0.0
    best: BestEpisodes = field(default_factory=lambda: BestEpisodes(0))
    n_step: int = 1
    matching: MeanMatching | None = None
    hindsight: Hindsight | None = None


def draw_batches(
    buffer: ReplayBuffer, recipe: BatchRecipe, rng: np.random.Generator, *, steps: int, batch_size: int
) -> Batch[NDArray[Any]]:
    """Draw the rows of several updates: the agent's first, demonstrated rows after them.

    Args:
        buffer: What the agent has seen.
        recipe: What batches are made of.
        rng: Draws rows uniformly, with repetition.
        steps: Number of updates, each of which has a batch of its own.
        batch_size: Number of critic rows in a batch; half as many are drawn to be cloned.

    Returns:
        Arrays (steps, batch_size, ...). The rows to clone are (steps, batch_size // 2, ...), or (steps, 0, ...)
        without demonstrations, or without their actions.
    """
    replay, discount = recipe.replay, recipe.discount
    shape = unshaped if recipe.matching is None else recipe.matching.shaper(buffer)
    n_demo = round(recipe.share * batch_size) if replay is not None and replay.replayable else 0
    n_step = steps_ahead(buffer, recipe.n_step)
    ends = replay is not None and replay.horizon is not None
    n_own = batch_size - n_demo
    moved = None if recipe.hindsight is None else recipe.hindsight.rows(buffer)
    n_moved = 0 if moved is None else round(SHARE * n_own)
    rows = _own_rows(buffer, rng, (steps, n_own - n_moved), n_step, discount, shape, ends=ends)
    if moved is not None:
        rows = CriticRows(*_joined(rows, _moved_rows(moved, rng, (steps, n_moved), discount, shape, ends=ends)))
    if replay is None or not replay.has_actions:
        return Batch(*rows, rows.obs[:, :0], rows.act[:, :0], rows.reward[:, :0])
    if n_demo:
        rows = CriticRows(*_joined(rows, _demonstrated_rows(replay, rng, (steps, n_demo), discount, shape)))
    at, env = recipe.best.rows(buffer)
    n_best = batch_size // 4 if len(at) else 0
    shown = rng.integers(len(replay.obs), size=(steps, batch_size // 2 - n_best))
    clone: Sequence[NDArray[Any]] = (replay.obs[shown], replay.act[shown])
    if n_best:
        own = rng.integers(len(at), size=(steps, n_best))
        clone = _joined(clone, (buffer.observations[at[own], env[own]], buffer.actions[at[own], env[own]]))
    clone_obs, clone_act = clone
    clone_own = np.zeros(clone_obs.shape[:2], np.float32)
    clone_own[:, shown.shape[1] :] = 1.0
    return Batch(*rows, clone_obs, clone_act, clone_own)


def _own_rows(
    buffer: ReplayBuffer,
    rng: np.random.Generator,
    size: tuple[int, int],
    n_step: int,
    discount: float,
    shape: Shaper,
    *,
    ends: bool,
) -> CriticRows:
    """Draw rows of the agent, with returns of ``n_step`` steps, in which terminal states may have a worth."""
    at, env = np.divmod(rng.integers(buffer.size() * buffer.n_envs, size=size), buffer.n_envs)
    following = ahead(buffer, at, env, n_step)
    last = following.last, env
    each = following.at.reshape(len(at), -1), env.repeat(n_step, axis=1)  # the steps of a row side by side
    obs, act = buffer.observations[each], buffer.actions[each]
    paid = shape(obs, act, buffer.rewards[each])
    if ends:
        paid = paid + for_ever(buffer.rewards[each], buffer.dones[each] > buffer.timeouts[each], discount)
    paid = paid.reshape(*size, n_step)
    return CriticRows(
        obs=obs[:, ::n_step],
        act=act[:, ::n_step],
        next_obs=buffer.next_observations[last],
        reward=discounted(paid, following.counts, discount),
        done=buffer.dones[last] * (np.float32(1.0) - buffer.timeouts[last]),  # a time limit is no end of the task
        discount=np.float32(discount) ** following.counts.sum(axis=-1, dtype=np.float32),
    )


def _moved_rows(
    moved: Moved, rng: np.random.Generator, size: tuple[int, int], discount: float, shape: Shaper, *, ends: bool
) -> CriticRows:
    """Draw rows of the agent with other goals, with returns of one step."""
    pick = rng.integers(len(moved.obs), size=size)
    obs, act, next_obs, reward, done = (column[pick] for column in moved)
    paid = shape(obs, act, reward)
    if ends:
        paid = paid + for_ever(reward, done, discount)
    return CriticRows(obs, act, next_obs, paid, done, np.full(size, discount, np.float32))


def _demonstrated_rows(
    replay: DemonstrationReplay, rng: np.random.Generator, size: tuple[int, int], discount: float, shape: Shaper
) -> CriticRows:
    """Draw demonstrated rows whose next observation is known."""
    pick = replay.critic_rows[rng.integers(len(replay.critic_rows), size=size)]
    obs, act, reward = replay.obs[pick], replay.act[pick], replay.reward[pick]
    paid = shape(obs, act, reward)
    if replay.horizon is not None:
        paid = paid + for_ever(reward, replay.done[pick], discount)
    return CriticRows(
        obs=obs,
        act=act,
        next_obs=replay.next_obs[pick],
        reward=paid,
        done=replay.done[pick],
        discount=np.full(size, discount, np.float32),
    )


def _joined(own: Sequence[NDArray[Any]], shown: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    return [np.concatenate(pair, axis=1) for pair in zip(own, shown, strict=True)]
