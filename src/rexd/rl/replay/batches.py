"""Demonstrations as rows of an off-policy learner's batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import RunError
from rexd.rl.replay.best_episodes import BestEpisodes
from rexd.rl.replay.mean_matching import MeanMatching, Shaper, unshaped
from rexd.rl.replay.n_step import ahead, discounted, steps_ahead
from rexd.rl.wrappers.scaling import ObservationScale

if TYPE_CHECKING:
    from stable_baselines3.common.buffers import ReplayBuffer

Float32 = NDArray[np.float32]
Column = TypeVar("Column")
BUFFER_ARRAYS = ("observations", "actions", "next_observations", "rewards", "dones", "timeouts")


@dataclass(frozen=True, eq=False)
class DemonstrationReplay:
    """Demonstrated transitions with their learned reward, in the learner's units.

    Attributes:
        obs: (N, D) float32.
        act: (N, A) float32, scaled to [-1, 1] as the learner keeps actions.
        next_obs: (N, D) float32.
        reward: (N,) float32 in [0, 1].
        done: (N,) float32, 1 where the step was terminal.
        critic_rows: (M,) rows whose next observation is known: those that a critic may learn from.
        trajectory: (N,) which one each row is of.
        step: (N,) steps since its start.
    """

    obs: Float32
    act: Float32
    next_obs: Float32
    reward: Float32
    done: Float32
    critic_rows: NDArray[np.int64]
    trajectory: NDArray[np.int64]
    step: NDArray[np.int64]

    @classmethod
    def of(
        cls, demonstrations: Demonstrations, reward: Float32, scale: ObservationScale, low: Float32, high: Float32
    ) -> DemonstrationReplay:
        """Take the rows of ``demonstrations`` with their rewards; ``low`` and ``high`` bound the action space."""
        rows = demonstrations.transitions()
        return cls(
            obs=scale.apply(rows.obs),
            act=(2.0 * (rows.act - low) / (high - low) - 1.0).astype(np.float32),
            next_obs=scale.apply(rows.next_obs),
            reward=np.asarray(reward, np.float32),
            done=rows.terminated.astype(np.float32),
            critic_rows=np.flatnonzero(rows.next_known),
            trajectory=np.repeat(np.arange(len(demonstrations)), demonstrations.lengths),
            step=rows.step.astype(np.int64),
        )


class CriticRows(NamedTuple):
    """The part of a ``Batch`` that critics learn from."""

    obs: Float32
    act: Float32
    next_obs: Float32
    reward: Float32
    done: Float32
    discount: Float32


class Batch(NamedTuple, Generic[Column]):
    """Rows to learn from, in the arrays of whichever library learns: critic rows first, rows to clone last.

    What follows a critic row is worth ``reward`` + (1 - ``done``) · ``discount`` · the value of ``next_obs``.
    """

    obs: Column
    act: Column
    next_obs: Column
    reward: Column
    done: Column
    discount: Column
    clone_obs: Column
    clone_act: Column


def draw_batches(
    buffer: ReplayBuffer,
    replay: DemonstrationReplay | None,
    rng: np.random.Generator,
    *,
    steps: int,
    batch_size: int,
    share: float,
    discount: float,
    best: BestEpisodes,
    n_step: int = 1,
    matching: MeanMatching | None = None,
) -> Batch[NDArray[Any]]:
    """Draw the agent's rows and, for a ``share`` of each batch, demonstrated ones that stand after them.

    Args:
        buffer: What the agent has seen.
        replay: What the expert did, or None. If no next observation in it is known, its rows are only cloned.
        rng: Draws uniformly, with repetition.
        steps: Gradient steps, each with a batch of its own.
        batch_size: Rows of a batch, the agent's and demonstrated ones together; half as many are drawn to be cloned.
        share: From 0 to below 1.
        discount: γ.
        best: Finds the agent's best episodes; of the rows to clone, half are theirs as soon as there are some.
        n_step: Steps of the agent's whose rewards are added up where it falls often (``steps_ahead``), fewer where an
            episode ends; one of a demonstration's.
        matching: Shapes the rewards of all rows, or None.

    Returns:
        Arrays (steps, batch_size, ...). Those to clone are (steps, batch_size // 2, ...), or (steps, 0, ...) without
        demonstrations.
    """
    shape = unshaped if matching is None else matching.shaper(buffer)
    n_demo = round(share * batch_size) if replay is not None and len(replay.critic_rows) else 0
    n_step = steps_ahead(buffer, n_step)
    rows = _own_rows(buffer, rng, (steps, batch_size - n_demo), n_step, discount, shape)
    if replay is None:
        return Batch(*rows, rows.obs[:, :0], rows.act[:, :0])
    if n_demo:
        rows = CriticRows(*_joined(rows, _shown_rows(replay, rng, (steps, n_demo), discount, shape)))
    at, env = best.rows(buffer)
    n_own = batch_size // 4 if len(at) else 0
    shown = rng.integers(len(replay.obs), size=(steps, batch_size // 2 - n_own))
    clone: Sequence[NDArray[Any]] = (replay.obs[shown], replay.act[shown])
    if n_own:
        own = rng.integers(len(at), size=(steps, n_own))
        clone = _joined(clone, (buffer.observations[at[own], env[own]], buffer.actions[at[own], env[own]]))
    return Batch(*rows, *clone)


def _own_rows(
    buffer: ReplayBuffer, rng: np.random.Generator, size: tuple[int, int], n_step: int, discount: float, shape: Shaper
) -> CriticRows:
    at, env = np.divmod(rng.integers(buffer.size() * buffer.n_envs, size=size), buffer.n_envs)
    following = ahead(buffer, at, env, n_step)
    last = following.last, env
    each = following.at.reshape(len(at), -1), env.repeat(n_step, axis=1)  # a row's steps side by side
    obs, act = buffer.observations[each], buffer.actions[each]
    paid = shape(obs, act, buffer.rewards[each]).reshape(*size, n_step)
    return CriticRows(
        obs=obs[:, ::n_step],
        act=act[:, ::n_step],
        next_obs=buffer.next_observations[last],
        reward=discounted(paid, following.counts, discount),
        done=buffer.dones[last] * (np.float32(1.0) - buffer.timeouts[last]),  # a time limit is no end of the task
        discount=np.float32(discount) ** following.counts.sum(axis=-1, dtype=np.float32),
    )


def _shown_rows(
    replay: DemonstrationReplay, rng: np.random.Generator, size: tuple[int, int], discount: float, shape: Shaper
) -> CriticRows:
    pick = replay.critic_rows[rng.integers(len(replay.critic_rows), size=size)]
    obs, act = replay.obs[pick], replay.act[pick]
    return CriticRows(
        obs=obs,
        act=act,
        next_obs=replay.next_obs[pick],
        reward=shape(obs, act, replay.reward[pick]),
        done=replay.done[pick],
        discount=np.full(size, discount, np.float32),
    )


def _joined(own: Sequence[NDArray[Any]], shown: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    return [np.concatenate(pair, axis=1) for pair in zip(own, shown, strict=True)]


def save_buffer(buffer: ReplayBuffer) -> dict[str, NDArray[Any]]:
    """The filled part of a Stable-Baselines3 replay buffer, as arrays of their own: the buffer's are written over."""
    rows = buffer.size()
    saved = {f"buffer.{name}": getattr(buffer, name)[:rows].copy() for name in BUFFER_ARRAYS}
    return {**saved, "buffer.position": np.array([buffer.pos, buffer.full], np.int64)}


def load_buffer(buffer: ReplayBuffer, saved: dict[str, NDArray[Any]]) -> None:
    """Put back what ``save_buffer`` gave.

    Raises:
        RunError: An array is missing or does not fit.
    """
    for name in BUFFER_ARRAYS:
        into, rows = getattr(buffer, name), saved.get(f"buffer.{name}")
        if rows is None or rows.shape[1:] != into.shape[1:] or len(rows) > len(into):
            found = None if rows is None else rows.shape
            raise RunError(f"checkpoint: buffer.{name} is {found}; expected up to {into.shape}")
        into[: len(rows)] = rows
    buffer.pos, buffer.full = int(saved["buffer.position"][0]), bool(saved["buffer.position"][1])
    if buffer.size():  # what comes next is a new episode: the one that was under way ends here, as by a time limit
        cut = buffer.dones[buffer.pos - 1] == 0.0
        buffer.dones[buffer.pos - 1, cut] = buffer.timeouts[buffer.pos - 1, cut] = 1.0
