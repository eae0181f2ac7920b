import pytest
from counting import Counting

from rexd.envs.hidden_reward import HiddenReward


@pytest.mark.parametrize("truncates", [False, True])
def test_the_reward_shows_at_the_end_of_an_episode_only(truncates):
    env = HiddenReward(Counting(length=3, truncates=truncates))
    for _ in range(2):
        _, info = env.reset(seed=0)
        assert info == {}
        steps = [env.step(env.action_space.sample()) for _ in range(3)]
        assert [reward for _, reward, *_ in steps] == [0.0, 0.0, 0.0]
        assert [info for *_, info in steps] == [{}, {}, {"true_episode": {"r": 21.0, "l": 3}}]
        assert steps[-1][2:4] == (not truncates, truncates)


def test_a_reset_in_mid_episode_starts_the_count_again():
    env = HiddenReward(Counting(length=2))
    env.reset()
    env.step([0.0])
    env.reset()
    env.step([0.0])
    *_, info = env.step([0.0])
    assert info["true_episode"] == {"r": 14.0, "l": 2}
