import gymnasium
import numpy as np
import pytest
from counting import Counting, Spy
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from rexd.errors import TaskError
from rexd.rl import RewardVectorWrapper

ENDS = pytest.mark.parametrize("truncates", [False, True])


def make(mode, truncates=False, lengths=(2, 3), copy=True, **kwargs):
    # SAME_STEP: Gymnasium hands on the final observation without a copy, so that the environments must not reuse it.
    reuse = mode is not AutoresetMode.SAME_STEP
    envs = [lambda n=n: Counting(n, truncates, reuse=reuse, **kwargs) for n in lengths]
    spy = Spy()
    return RewardVectorWrapper(SyncVectorEnv(envs, copy=copy, autoreset_mode=mode), spy), spy


def act(*values):
    return np.float32(values)[:, None]


@ENDS
@pytest.mark.parametrize("copy", [True, False])
def test_next_step_rows_after_an_end_are_no_transitions(truncates, copy):
    envs, spy = make(AutoresetMode.NEXT_STEP, truncates, copy=copy)
    envs.reset(seed=0)
    seen = [envs.step(act(0.1 * t, -9.0)) for t in range(1, 6)]
    first = [row for row in spy.rows if row[1] != -1.0]
    second = [row for row in spy.rows if row[1] == -1.0]
    assert first == [
        ((0, 0), 0.1, (0, 1)),
        ((0, 1), 0.2, (0, 2)),  # ends; at t = 3 it resets
        ((1, 0), 0.4, (1, 1)),
        ((1, 1), 0.5, (1, 2)),
    ]
    assert second == [
        ((0, 0), -1.0, (0, 1)),
        ((0, 1), -1.0, (0, 2)),
        ((0, 2), -1.0, (0, 3)),  # ends; at t = 4 it resets
        ((1, 0), -1.0, (1, 1)),
    ]
    rewards = np.stack([rewards for _, rewards, *_ in seen])
    np.testing.assert_allclose(rewards, [[0.01, -0.1], [1.02, 0.9], [0, 1.9], [10.04, 0], [11.05, 9.9]], rtol=1e-6)
    live = np.stack([infos["_original_reward"] for *_, infos in seen])
    assert live.tolist() == [[True, True], [True, True], [False, True], [True, False], [True, True]]
    original = np.stack([infos["original_reward"] for *_, infos in seen])
    assert original.tolist() == [[7, 7], [7, 7], [0, 7], [7, 0], [7, 7]]
    assert len(spy.calls) == 5


def test_next_step_when_every_row_resets_asks_nothing():
    envs, spy = make(AutoresetMode.NEXT_STEP, lengths=(1, 1))
    envs.reset()
    envs.step(act(0, 0))
    _, rewards, *_ = envs.step(act(0, 0))
    assert rewards.tolist() == [0, 0]
    assert len(spy.calls) == 1
    envs.step(act(0, 0))
    assert spy.rows[-1] == ((1, 0), 0.0, (1, 1))


def test_next_step_after_a_reset_by_hand_every_row_is_live():
    envs, spy = make(AutoresetMode.NEXT_STEP, lengths=(1, 3))
    envs.reset()
    envs.step(act(0, 0))  # the first has ended
    envs.reset()
    envs.step(act(0, 0))
    assert spy.rows[-2:] == [((1, 0), 0.0, (1, 1)), ((1, 0), 0.0, (1, 1))]


@ENDS
@pytest.mark.parametrize("copy", [True, False])
def test_same_step_scores_the_final_observation(truncates, copy):
    envs, spy = make(AutoresetMode.SAME_STEP, truncates, copy=copy)
    envs.reset(seed=0)
    seen = []
    for t in range(1, 5):
        observations, rewards, *_ = envs.step(act(0.1 * t, -9.0))
        seen.append((observations.copy().tolist(), rewards))
    assert [row for row in spy.rows if row[1] != -1.0] == [
        ((0, 0), 0.1, (0, 1)),
        ((0, 1), 0.2, (0, 2)),
        ((1, 0), 0.3, (1, 1)),
        ((1, 1), 0.4, (1, 2)),
    ]
    assert [row for row in spy.rows if row[1] == -1.0] == [
        ((0, 0), -1.0, (0, 1)),
        ((0, 1), -1.0, (0, 2)),
        ((0, 2), -1.0, (0, 3)),
        ((1, 0), -1.0, (1, 1)),
    ]
    assert seen[1][0] == [[1, 0], [0, 2]]  # what the learner sees is the next episode's start
    np.testing.assert_allclose(seen[2][1], [10.03, 1.9], rtol=1e-6)


@ENDS
def test_disabled_with_partial_resets(truncates):
    envs, spy = make(AutoresetMode.DISABLED, truncates)
    envs.reset(seed=0)
    envs.step(act(0.1, -0.1))
    envs.step(act(0.2, -0.2))
    observations, _ = envs.reset(options={"reset_mask": np.array([True, False])})
    assert observations.tolist() == [[1, 0], [0, 2]]
    envs.step(act(0.3, -0.3))
    envs.reset(options={"reset_mask": np.array([False, True])})
    envs.step(act(0.4, -0.4))
    assert spy.rows[0::2] == [
        ((0, 0), 0.1, (0, 1)),
        ((0, 1), 0.2, (0, 2)),
        ((1, 0), 0.3, (1, 1)),
        ((1, 1), 0.4, (1, 2)),
    ]
    assert spy.rows[1::2] == [
        ((0, 0), -0.1, (0, 1)),
        ((0, 1), -0.2, (0, 2)),
        ((0, 2), -0.3, (0, 3)),
        ((1, 0), -0.4, (1, 1)),
    ]
    assert len(spy.calls) == 4


def test_next_step_partial_reset_makes_the_row_live_again():
    envs, spy = make(AutoresetMode.NEXT_STEP)
    envs.reset()
    envs.step(act(0, 0))
    envs.step(act(0, 0))  # the first has ended
    envs.reset(options={"reset_mask": np.array([True, False])})
    *_, infos = envs.step(act(0, 0))
    assert infos["_original_reward"].all()
    assert spy.rows[-2:] == [((1, 0), 0.0, (1, 1)), ((0, 2), 0.0, (0, 3))]


def test_discrete_actions():
    envs, spy = make(AutoresetMode.SAME_STEP, discrete=True)
    envs.reset()
    envs.step(np.array([4, 1]))
    assert spy.calls[0][1].tolist() == [4, 1]


def test_processes_with_shared_memory_give_the_same_rows():
    def play(envs):
        spy = Spy()
        wrapped = RewardVectorWrapper(envs, spy)
        wrapped.reset(seed=0)
        for t in range(6):
            wrapped.step(act(0.1 * t, -0.1 * t))
        wrapped.close()
        return spy.rows

    # Spawned: a fork of a process with threads (torch, jax) may lock up, and warns of it.
    makers = [lambda: Counting(2, reuse=False), lambda: Counting(3, reuse=False)]
    for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        alone = play(SyncVectorEnv(makers, autoreset_mode=mode))
        assert play(AsyncVectorEnv(makers, copy=False, context="spawn", autoreset_mode=mode)) == alone


def test_a_native_vector_environment():
    spy = Spy(clock=False)
    envs = RewardVectorWrapper(gymnasium.make_vec("CartPole-v1", 3, vectorization_mode="vector_entry_point"), spy)
    observations, _ = envs.reset(seed=0)
    ended = np.zeros(3, bool)
    for _ in range(40):
        before, live = observations, ~ended
        observations, rewards, terminated, truncated, _ = envs.step(np.ones(3, np.int64))
        ended = terminated | truncated
        assert (rewards[~live] == 0).all()
        if live.any():
            np.testing.assert_array_equal(spy.calls[-1][0], before[live])
            np.testing.assert_array_equal(spy.calls[-1][2], observations[live])
    assert sum(len(obs) for obs, *_ in spy.calls) < 120


def test_an_environment_must_say_how_it_resets():
    inner = SyncVectorEnv([Counting])
    del inner.metadata["autoreset_mode"]
    with pytest.raises(TaskError, match="autoreset_mode"):
        RewardVectorWrapper(inner, Spy())


def test_same_step_without_final_observation_is_refused():
    class Silent(gymnasium.vector.VectorWrapper):
        def step(self, actions):
            *rest, infos = self.env.step(actions)
            return *rest, {k: v for k, v in infos.items() if k != "final_obs"}

    envs = RewardVectorWrapper(Silent(SyncVectorEnv([lambda: Counting(1)], autoreset_mode="SameStep")), Spy())
    envs.reset()
    with pytest.raises(TaskError, match="final_obs"):
        envs.step(act(0))


def test_step_before_reset():
    envs, _ = make(AutoresetMode.NEXT_STEP)
    with pytest.raises(gymnasium.error.ResetNeeded):
        envs.step(act(0, 0))
