import gymnasium
import numpy as np
import pytest
from counting import Counting, Spy
from gymnasium.wrappers import TimeLimit

from rexd.demos import Demonstrations, Trajectory
from rexd.errors import TaskError
from rexd.rl import AbsorbingStates, RewardWrapper, add_absorbing


def play(env, steps, action=0.5):
    return [env.step(np.float32([action])) for _ in range(steps)]


def test_a_terminal_state_leads_to_the_absorbing_state_until_the_time_limit():
    env = AbsorbingStates(Counting(length=2), max_episode_steps=5)
    for episode in range(2):
        observation, _ = env.reset(seed=0)
        assert observation.tolist() == [episode, 0, 0]
        seen = play(env, 5)
        assert [o.tolist() for o, *_ in seen] == [[episode, 1, 0], *[[0, 0, 1]] * 4]
        assert [terminated for _, _, terminated, _, _ in seen] == [False] * 5
        assert [truncated for *_, truncated, _ in seen] == [False] * 4 + [True]
        assert [reward for _, reward, *_ in seen] == [7.0, 7.0, 0.0, 0.0, 0.0]
    assert len(env.unwrapped.taken) == 4  # the environment is left alone after its end
    assert env.observation_space.contains(seen[-1][0])
    assert env.observation_space.dtype == np.float64


def test_truncation_is_no_terminal_state():
    env = AbsorbingStates(Counting(length=2, truncates=True), max_episode_steps=5)
    env.reset()
    observation, _, terminated, truncated, _ = play(env, 2)[-1]
    assert observation.tolist() == [0, 2, 0]
    assert (terminated, truncated) == (False, True)


def test_a_terminal_state_at_the_time_limit():
    env = AbsorbingStates(TimeLimit(Counting(length=2), 2), max_episode_steps=2)
    env.reset()
    observation, _, terminated, truncated, _ = play(env, 2)[-1]
    assert observation.tolist() == [0, 0, 1]
    assert (terminated, truncated) == (False, True)


def test_the_limit_comes_from_the_registry_or_is_asked_for():
    assert AbsorbingStates(gymnasium.make("CartPole-v1")).max_episode_steps == 500
    with pytest.raises(TaskError, match="max_episode_steps"):
        AbsorbingStates(Counting())


def test_a_reward_outside_scores_the_absorbing_steps():
    spy = Spy(clock=False)
    env = RewardWrapper(AbsorbingStates(Counting(length=1), max_episode_steps=3), spy)
    env.reset()
    play(env, 3)
    assert spy.rows == [((0, 0, 0), 0.5, (0, 0, 1)), *[((0, 0, 1), 0.5, (0, 0, 1))] * 2]


def demonstrations(discrete=False):
    observations = np.arange(6, dtype=np.float32).reshape(3, 2) + 1
    actions = np.array([1, 2, 1]) if discrete else np.ones((3, 1), np.float32)
    ends = Trajectory.from_steps(observations, actions, terminated=True, rewards=np.ones(3))
    cut = Trajectory.from_steps(observations, actions, terminated=False)
    return Demonstrations((ends, cut), unused=(ends,), env_id="Counting-v0")


@pytest.mark.parametrize("discrete", [False, True])
def test_demonstrations_get_the_indicator_and_one_absorbing_step(discrete):
    demos = demonstrations(discrete)
    ends, cut = add_absorbing(demos)
    assert ends.observations.tolist() == [[1, 2, 0], [3, 4, 0], [5, 6, 0], [0, 0, 1]]
    assert ends.next_observations.tolist() == [[3, 4, 0], [5, 6, 0], [0, 0, 1], [0, 0, 1]]
    assert np.ravel(ends.actions).tolist() == ([1, 2, 1, 0] if discrete else [1, 1, 1, 0])
    assert ends.actions.dtype == demos.trajectories[0].actions.dtype
    assert not ends.terminated.any()
    assert ends.truncated.tolist() == [False, False, False, True]
    assert ends.next_known.all()
    assert ends.rewards.tolist() == [1, 1, 1, 0]
    assert cut.observations.tolist() == [[1, 2, 0], [3, 4, 0], [5, 6, 0]]
    assert cut.truncated.tolist() == [False, False, True]
    assert cut.next_known.tolist() == [True, True, False]


def test_the_rest_of_the_demonstrations_is_kept():
    changed = add_absorbing(demonstrations())
    assert changed.obs_dim == 3
    assert len(changed.unused[0]) == 4
    assert changed.env_id == "Counting-v0"
    assert "absorbing" in changed.notes[-1]


def test_demonstrations_match_the_environment():
    env = AbsorbingStates(Counting(length=2), max_episode_steps=4)
    first, _ = env.reset()
    lived = [first, *(o for o, *_ in play(env, 3))]
    plain = Trajectory.from_steps(np.array([[0.0, 0], [0, 1], [0, 2]]), np.full((2, 1), 0.5), terminated=True)
    (t,) = add_absorbing(Demonstrations((plain,)))
    np.testing.assert_array_equal(t.observations, lived[:3])
    np.testing.assert_array_equal(t.next_observations, lived[1:4])
